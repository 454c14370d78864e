//! What a pattern consists of, and whether it matches: with no regular expression to be compiled, since projects ask of each
//! object that a source holds, and in time that grows with pattern and text alone, whoever wrote the pattern.

use std::iter::Peekable;
use std::str::Chars;

/// How deep alternatives may stand in each other.
const MAX_DEPTH: usize = 250;

/// How patterns are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    /// What `*` and `?` stop at.
    pub(super) separator: Option<char>,
    /// There are `{a,b}`, and `**`, which stops at nothing.
    pub(super) has_alternatives: bool,
    /// What negates a character class.
    pub(super) negation: char,
}

/// A pattern that was read.
#[derive(Debug)]
pub(super) struct Parts {
    parts: Vec<Part>,
    separator: Option<char>,
}

#[derive(Debug)]
enum Part {
    /// That character.
    Character(char),
    /// One character, but for the separator.
    One,
    /// Any number of characters; but for the separator, unless it is of `all`.
    Many { all: bool },
    /// One character that is, or is not, in one of the ranges.
    Class { is_negated: bool, ranges: Vec<(char, char)> },
    /// One of these.
    Either(Vec<Vec<Part>>),
}

impl Parts {
    /// `None` when it is no pattern.
    pub(super) fn read(pattern: &str, dialect: Dialect) -> Option<Self> {
        let mut rest = pattern.chars().peekable();
        let mut alternatives = read(&mut rest, dialect, 0)?;
        Some(Self { parts: alternatives.pop()?, separator: dialect.separator })
    }

    /// Whether it matches the whole of `text`.
    pub(super) fn match_whole(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let begin = (0..=text.len()).map(|place| place == 0).collect();
        self.advance(&self.parts, &text, begin).last().is_some_and(|is_end| *is_end)
    }

    /// Where in `text` the parts may end that begin at one of the places `from`.
    fn advance(&self, parts: &[Part], text: &[char], mut from: Vec<bool>) -> Vec<bool> {
        for part in parts {
            if !from.contains(&true) {
                break;
            }
            from = match part {
                Part::Character(wanted) => step(text, &from, |character| character == *wanted),
                Part::One => step(text, &from, |character| Some(character) != self.separator),
                Part::Class { is_negated, ranges } => step(text, &from, |character| {
                    ranges.iter().any(|(low, high)| (*low..=*high).contains(&character)) != *is_negated
                }),
                Part::Many { all } => {
                    let mut is_within = false;
                    let ends = from.iter().enumerate().map(|(place, is_begin)| {
                        let before = place.checked_sub(1).and_then(|before| text.get(before).copied());
                        is_within &= *all || before != self.separator || self.separator.is_none();
                        is_within |= is_begin;
                        is_within
                    });
                    ends.collect()
                }
                Part::Either(all) => {
                    let ends = all.iter().map(|parts| self.advance(parts, text, from.clone()));
                    ends.reduce(union).unwrap_or_default()
                }
            };
        }
        from
    }

    /// As a regular expression without anchors.
    pub(super) fn to_regex(&self) -> String {
        let other = self.separator.map_or_else(|| ".".to_owned(), |separator| format!("[^{separator}]"));
        regex_of(&self.parts, &other)
    }
}

fn step(text: &[char], from: &[bool], fits: impl Fn(char) -> bool) -> Vec<bool> {
    let ends = text.iter().zip(from).map(|(character, is_begin)| *is_begin && fits(*character));
    [false].into_iter().chain(ends).collect()
}

fn union(a: Vec<bool>, b: Vec<bool>) -> Vec<bool> {
    a.into_iter().zip(b).map(|(a, b)| a || b).collect()
}

/// Alternatives up to the `}` that ends them; outside of all, the one that is the pattern.
fn read(rest: &mut Peekable<Chars<'_>>, dialect: Dialect, depth: usize) -> Option<Vec<Vec<Part>>> {
    let mut alternatives = vec![Vec::new()];
    while let Some(character) = rest.next() {
        let part = match character {
            '*' => {
                let mut stars = 1;
                while rest.next_if_eq(&'*').is_some() {
                    stars += 1;
                }
                Part::Many { all: dialect.has_alternatives && stars > 1 }
            }
            '?' => Part::One,
            '\\' => Part::Character(rest.next()?),
            '[' => class(rest, dialect.negation)?,
            '{' if dialect.has_alternatives && depth == MAX_DEPTH => return None,
            '{' if dialect.has_alternatives => Part::Either(read(rest, dialect, depth + 1)?),
            '}' if dialect.has_alternatives => return (depth > 0).then_some(alternatives),
            ',' if depth > 0 => {
                alternatives.push(Vec::new());
                continue;
            }
            other => Part::Character(other),
        };
        alternatives.last_mut()?.push(part);
    }
    (depth == 0).then_some(alternatives)
}

fn class(rest: &mut Peekable<Chars<'_>>, negation: char) -> Option<Part> {
    let is_negated = rest.next_if_eq(&negation).is_some();
    let mut ranges = Vec::new();
    loop {
        let low = match rest.next()? {
            ']' if ranges.is_empty() => return None,
            ']' => return Some(Part::Class { is_negated, ranges }),
            '\\' => rest.next()?,
            character => character,
        };
        let mut high = low;
        if rest.next_if_eq(&'-').is_some() {
            high = match rest.next()? {
                ']' => return None,
                '\\' => rest.next()?,
                character => character,
            };
        }
        if high < low {
            return None;
        }
        ranges.push((low, high));
    }
}

fn regex_of(parts: &[Part], other: &str) -> String {
    let mut regex = String::new();
    for part in parts {
        match part {
            Part::Character(character) => regex.push_str(&regex::escape(&character.to_string())),
            Part::One => regex.push_str(other),
            Part::Many { all } => {
                regex.push_str(if *all { "." } else { other });
                regex.push('*');
            }
            Part::Class { is_negated, ranges } => {
                regex.push_str(if *is_negated { "[^" } else { "[" });
                regex.extend(ranges.iter().copied().map(range));
                regex.push(']');
            }
            Part::Either(all) => {
                let all: Vec<String> = all.iter().map(|parts| regex_of(parts, other)).collect();
                regex.push_str("(?:");
                regex.push_str(&all.join("|"));
                regex.push(')');
            }
        }
    }
    regex
}

fn range((low, high): (char, char)) -> String {
    if low == high { literal(low) } else { format!("{}-{}", literal(low), literal(high)) }
}

/// A character inside a class.
fn literal(character: char) -> String {
    if character.is_ascii_punctuation() { format!("\\{character}") } else { character.to_string() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    fn dialects() -> impl Strategy<Value = Dialect> {
        prop::sample::select(vec![
            Dialect { separator: None, has_alternatives: true, negation: '!' },
            Dialect { separator: Some('/'), has_alternatives: true, negation: '!' },
            Dialect { separator: Some('/'), has_alternatives: false, negation: '^' },
        ])
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

        /// The regular expression is the oracle.
        #[test]
        fn what_it_matches_is_what_its_expression_matches(
            pattern in r"[ab/*?{},\[\]!^\\-]{0,8}", text in "[ab/,-]{0,6}", dialect in dialects(),
        ) {
            let Some(parts) = Parts::read(&pattern, dialect) else { return Ok(()) };
            let regex = Regex::new(&format!("(?s)^(?:{})$", parts.to_regex())).unwrap();
            prop_assert_eq!(parts.match_whole(&text), regex.is_match(&text), "{:?}", parts);
        }
    }

    #[test]
    fn a_hostile_pattern_ends_soon() {
        let dialect = Dialect { separator: None, has_alternatives: true, negation: '!' };
        let matches = |pattern: &str, text: &str| {
            Parts::read(pattern, dialect).is_some_and(|parts| parts.match_whole(text))
        };
        let text = "a".repeat(250);
        assert!(!matches(&("*a".repeat(100_000) + "b"), &text), "longer than the text can be");
        assert!(!matches(&("{a,*a,**a}".repeat(200) + "b"), &text), "3²⁰⁰ ways");
        assert!(matches(&("{".repeat(MAX_DEPTH) + "a" + &"}".repeat(MAX_DEPTH)), "a"));
        assert!(!matches(&("{".repeat(100_000) + "a" + &"}".repeat(100_000)), "a"), "no pattern");
    }
}
