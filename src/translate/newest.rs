//! The newest of many versions that a constraint allows, as Masterminds/semver v3 decides (`constraints.go`, `Check`;
//! `version.go`, `Compare`). Flux resolves constraints itself wherever it has a word for them; this is for tags with a
//! prefix, which it has none for.

use std::cmp::Ordering;

use super::semver::{self, Part};

/// One version, without its metadata, which does not count.
#[derive(Clone, Debug)]
struct Version {
    numbers: [u64; 3],
    pre: String,
}

impl Version {
    fn compare(&self, other: &Self) -> Ordering {
        let release = match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => compare_pre(&self.pre, &other.pre),
        };
        self.numbers.cmp(&other.numbers).then(release)
    }
}

fn compare_pre(one: &str, other: &str) -> Ordering {
    let (mut ones, mut others) = (one.split('.'), other.split('.'));
    loop {
        let order = match (ones.next(), others.next()) {
            (None, None) => return Ordering::Equal,
            (one, other) => compare_pre_part(one.unwrap_or_default(), other.unwrap_or_default()),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Numbers come before words, and nothing before both.
fn compare_pre_part(one: &str, other: &str) -> Ordering {
    let rank = |part: &str| match part.parse::<u64>() {
        _ if part.is_empty() => (0, 0),
        Ok(number) => (1, number),
        Err(_) => (2, 0),
    };
    rank(one).cmp(&rank(other)).then_with(|| if rank(one).0 == 2 { one.cmp(other) } else { Ordering::Equal })
}

/// One comparison, such as `>=1.2`: what it says beside what was filled in.
struct Comparison {
    operator: String,
    version: Version,
    /// How many of the three numbers are said.
    said: usize,
}

impl Comparison {
    fn of(part: Part) -> Self {
        let mut numbers = [0; 3];
        for (number, said) in numbers.iter_mut().zip(&part.numbers) {
            *number = *said;
        }
        let said = part.numbers.len();
        Self { operator: part.operator, version: Version { numbers, pre: part.pre }, said }
    }

    fn allows(&self, version: &Version) -> bool {
        let order = version.compare(&self.version);
        let (own, its) = (self.version.numbers, version.numbers);
        match self.operator.as_str() {
            "!=" => self.differs(version),
            ">" if self.said == 3 => order == Ordering::Greater,
            ">" => self.is_above(version),
            "<" => order == Ordering::Less,
            ">=" | "=>" => order != Ordering::Less,
            "<=" | "=<" if self.said == 3 => order != Ordering::Greater,
            "<=" | "=<" => !(its[0] > own[0] || its[0] == own[0] && its[1] > own[1] && self.said != 1),
            "^" => order != Ordering::Less && self.is_in_caret(version),
            "~" | "~>" => order != Ordering::Less && self.is_in_tilde(version),
            // Equality, which becomes a tilde when numbers are left out.
            _ if self.said == 3 => order == Ordering::Equal,
            _ => order != Ordering::Less && self.is_in_tilde(version),
        }
    }

    fn differs(&self, version: &Version) -> bool {
        let (own, its) = (self.version.numbers, version.numbers);
        match self.said {
            _ if own[0] != its[0] && self.said < 3 => true,
            1 => false,
            2 if own[1] != its[1] => true,
            2 => {
                let has_pre = !version.pre.is_empty() || !self.version.pre.is_empty();
                has_pre && compare_pre(&version.pre, &self.version.pre) != Ordering::Equal
            }
            _ => version.compare(&self.version) != Ordering::Equal,
        }
    }

    /// Above everything that the numbers leave open.
    fn is_above(&self, version: &Version) -> bool {
        let (own, its) = (self.version.numbers, version.numbers);
        match (its[0].cmp(&own[0]), self.said) {
            (Ordering::Equal, 1) => false,
            (Ordering::Equal, 2) => its[1] > own[1],
            (Ordering::Equal, _) => version.compare(&self.version) == Ordering::Greater,
            (order, _) => order == Ordering::Greater,
        }
    }

    fn is_in_tilde(&self, version: &Version) -> bool {
        let (own, its) = (self.version.numbers, version.numbers);
        // Of nothing, or of three zeros, everything is in reach.
        let is_any = own == [0; 3] && matches!(self.said, 0 | 3);
        is_any || own[0] == its[0] && (own[1] == its[1] || self.said == 1)
    }

    fn is_in_caret(&self, version: &Version) -> bool {
        let (own, its) = (self.version.numbers, version.numbers);
        if own[0] > 0 || self.said == 1 {
            own[0] == its[0]
        } else if its[0] > 0 {
            false
        } else if own[1] > 0 || self.said == 2 {
            own[1] == its[1]
        } else {
            its[1] == 0 && own[2] == its[2]
        }
    }
}

/// The newest of `tags` that `constraint` allows; of equal ones the first. Tags that are no versions are passed over.
pub(super) fn newest<'a>(constraint: &str, tags: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let alternatives: Vec<Vec<Comparison>> = semver::parts(constraint)?
        .into_iter()
        .map(|parts| parts.into_iter().map(Comparison::of).collect())
        .collect();
    let allows = |version: &Version| {
        alternatives.iter().any(|all| {
            let asks_for_pre = all.iter().any(|one| !one.version.pre.is_empty());
            (version.pre.is_empty() || asks_for_pre) && all.iter().all(|one| one.allows(version))
        })
    };
    let mut best: Option<(Version, &str)> = None;
    for tag in tags {
        let Some((numbers, pre)) = semver::version(tag) else { continue };
        let version = Version { numbers, pre };
        let is_newer = best.as_ref().is_none_or(|(best, _)| version.compare(best) == Ordering::Greater);
        if is_newer && allows(&version) {
            best = Some((version, tag));
        }
    }
    best.map(|(_, tag)| tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const TAGS: &[&str] = &[
        "0.0.3",
        "0.1.0",
        "0.2.3",
        "0.2.9",
        "1.0.0",
        "v1.2.3",
        "1.2.4-rc.1",
        "1.2.4-rc.2",
        "1.4.0",
        "2.0.0",
        "2.1.1-alpha",
        "latest",
    ];

    /// Answers of Masterminds/semver 3.5 (Argo CD's `versions.MaxVersion`) to the same tags.
    #[rstest]
    #[case("*", Some("2.0.0"))]
    #[case("1.x", Some("1.4.0"))]
    #[case("1.2.x", Some("v1.2.3"))]
    #[case("=1.2", Some("v1.2.3"))]
    #[case("^1", Some("1.4.0"))]
    #[case("^1.2.3", Some("1.4.0"))]
    #[case("^0.2", Some("0.2.9"))]
    #[case("^0.2.3", Some("0.2.9"))]
    #[case("^0.0", Some("0.0.3"))]
    #[case("^0.0.3", Some("0.0.3"))]
    #[case("^0", Some("0.2.9"))]
    #[case("^*", None)]
    #[case("~1.2", Some("v1.2.3"))]
    #[case("~1", Some("1.4.0"))]
    #[case("~0.0.0", Some("2.0.0"))]
    #[case("~1.2.4-0", Some("1.2.4-rc.2"))]
    #[case(">=1 <2", Some("1.4.0"))]
    #[case(">=1.2.4-rc.1, <1.4", Some("1.2.4-rc.2"))]
    #[case(">1.2", Some("2.0.0"))]
    #[case(">2", None)]
    #[case("<=1", Some("1.4.0"))]
    #[case("<=1.2", Some("v1.2.3"))]
    #[case("<1", Some("0.2.9"))]
    #[case("!=2.0.0", Some("1.4.0"))]
    #[case("!=2.x", Some("1.4.0"))]
    #[case("!=2.0.x", Some("1.4.0"))]
    #[case("!=2.x !=1.4.x", Some("v1.2.3"))]
    #[case("0.1 - 0.2.5", Some("0.2.3"))]
    #[case("<0.1 || ~1.2", Some("v1.2.3"))]
    #[case(">=2.1.0-0", Some("2.1.1-alpha"))]
    #[case("3.x", None)]
    #[case("main", None)]
    fn the_newest_that_is_allowed(#[case] constraint: &str, #[case] expected: Option<&str>) {
        assert_eq!(newest(constraint, TAGS.iter().copied()), expected);
    }

    #[rstest]
    #[case("1.0.0-1", "1.0.0-a", Ordering::Less)]
    #[case("1.0.0-9", "1.0.0-10", Ordering::Less)]
    #[case("1.0.0-a", "1.0.0-a.1", Ordering::Less)]
    #[case("1.0.0-a.b", "1.0.0-a.a", Ordering::Greater)]
    #[case("1.0.0-a", "1.0.0", Ordering::Less)]
    #[case("1.0.0+1", "1.0.0+2", Ordering::Equal)]
    fn versions_are_ordered(#[case] one: &str, #[case] other: &str, #[case] expected: Ordering) {
        let read = |text: &str| semver::version(text).map(|(numbers, pre)| Version { numbers, pre }).unwrap();
        assert_eq!(read(one).compare(&read(other)), expected);
        assert_eq!(read(other).compare(&read(one)), expected.reverse());
    }
}
