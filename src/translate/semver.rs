//! What a revision is to Masterminds/semver v3, the library that Argo CD, Helm and Flux share: a version, a constraint
//! or neither. Nothing is resolved here; the text itself goes on to Flux.

use std::sync::LazyLock;

use regex::Regex;

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Semver {
    /// `semver.NewVersion` takes it: `1.2.3`, also `v1` and `1.2`.
    Version,
    /// `semver.NewConstraint` takes it: `*`, `1.x`, `>=1 <2`, `~1.2 || ^3`.
    Constraint,
    /// Neither.
    Neither,
}

/// Longest version that the library reads (`MaxVersionLen`).
const MAX_VERSION: usize = 256;
/// Longest constraint that the library reads (`MaxConstraintLen`).
const MAX_CONSTRAINT: usize = 512;
/// Most alternatives in one constraint (`MaxConstraintGroups`).
const MAX_ALTERNATIVES: usize = 32;

/// Pre-release and build metadata behind the numbers; one capture group for the pre-release.
const SUFFIX: &str = r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?";
/// One part of a version in a constraint. The bar belongs to what the library accepts here, and fails later.
const PART: &str = "[0-9|xX*]+";
/// White space as Go's regular expressions mean it.
const BLANK: &str = r"[\t\n\f\r ]";
const OPERATOR: &str = "(?:!=|>=|=>|<=|=<|~>|=|>|<|~|\\^|)";

/// A pattern that is fixed in this file. One that does not compile matches nothing; the tests would tell.
fn compile(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

static VERSION: LazyLock<Option<Regex>> =
    LazyLock::new(|| compile(&format!(r"^v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?{SUFFIX}$")));
static CONSTRAINT_PART: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compile(&format!(r"^{OPERATOR}{BLANK}*v?({PART})(?:\.({PART}))?(?:\.({PART}))?{SUFFIX}$"))
});
static RANGE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let version = bare_version();
    compile(&format!("{BLANK}*({version}){BLANK}+-{BLANK}+({version}){BLANK}*"))
});
static ALTERNATIVE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let one = format!("{OPERATOR}{BLANK}*(?:{})", bare_version());
    compile(&format!("^(?:{BLANK}*{one}{BLANK}*)(?:(?:{BLANK}+|,{BLANK}*){one}{BLANK}*)*$"))
});
static ONE_OF_ALTERNATIVE: LazyLock<Option<Regex>> =
    LazyLock::new(|| compile(&format!("{OPERATOR}{BLANK}*(?:{})", bare_version())));

/// A version in a constraint, without capture groups.
fn bare_version() -> String {
    let suffix = SUFFIX.replace("-([0-9", "-(?:[0-9");
    format!(r"v?{PART}(?:\.{PART})?(?:\.{PART})?{suffix}")
}

/// What `text` is. A version is never also called a constraint, as in Argo CD (`util/versions`, `IsConstraint`).
pub(super) fn classify(text: &str) -> Semver {
    if is_version(text) {
        Semver::Version
    } else if is_constraint(text) {
        Semver::Constraint
    } else {
        Semver::Neither
    }
}

/// Whether `text` is one version.
pub(crate) fn is_version(text: &str) -> bool {
    version(text).is_some()
}

/// The three numbers of a version and its pre-release; `None` for what is none.
pub(super) fn version(text: &str) -> Option<([u64; 3], String)> {
    let captures = VERSION.as_ref().filter(|_| text.len() <= MAX_VERSION).and_then(|p| p.captures(text))?;
    let mut numbers = [0; 3];
    for (group, number) in numbers.iter_mut().enumerate() {
        if let Some(part) = captures.get(group + 1) {
            *number = part.as_str().parse().ok()?;
        }
    }
    let pre = captures.get(4).map(|pre| pre.as_str()).unwrap_or_default();
    (pre.is_empty() || is_prerelease(pre)).then(|| (numbers, pre.to_owned()))
}

/// Numeric identifiers of a pre-release must not begin with a zero (`validatePrerelease`).
fn is_prerelease(text: &str) -> bool {
    text.split('.').all(|id| {
        let numeric = id.bytes().all(|byte| byte.is_ascii_digit());
        !(numeric && id.len() > 1 && id.starts_with('0'))
    })
}

fn is_constraint(text: &str) -> bool {
    parts(text).is_some()
}

/// One comparison of a constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Empty for equality.
    pub(super) operator: String,
    /// The numbers in front of the first that is left out or an `x`.
    pub(super) numbers: Vec<u64>,
    /// Pre-release.
    pub(super) pre: String,
}

/// What a constraint compares with: alternatives, all of whose comparisons have to hold. `None` for what is none.
pub(super) fn parts(text: &str) -> Option<Vec<Vec<Part>>> {
    if text.len() > MAX_CONSTRAINT {
        return None;
    }
    let text = rewrite_ranges(text);
    let alternatives: Vec<&str> = text.split("||").collect();
    if alternatives.len() > MAX_ALTERNATIVES {
        return None;
    }
    alternatives.into_iter().map(alternative).collect()
}

/// `A - B` becomes `>= A, <= B `, with the very blanks of the library: some odd texts pass or fail by them
/// (`rewriteRange`).
fn rewrite_ranges(text: &str) -> String {
    let Some(range) = RANGE.as_ref() else { return text.to_owned() };
    let mut rewritten = text.to_owned();
    for found in range.captures_iter(text) {
        let bounds = format!(">= {}, <= {} ", &found[1], &found[2]);
        rewritten = rewritten.replacen(&found[0], &bounds, 1);
    }
    rewritten
}

fn alternative(text: &str) -> Option<Vec<Part>> {
    let (whole, one) = (ALTERNATIVE.as_ref()?, ONE_OF_ALTERNATIVE.as_ref()?);
    whole.is_match(text).then_some(())?;
    one.find_iter(text).map(|found| part(found.as_str())).collect()
}

/// One comparison, such as `>=1.2`: what stands before the first `x` must be numbers (`parseConstraint`).
fn part(text: &str) -> Option<Part> {
    let captures = CONSTRAINT_PART.as_ref()?.captures(text)?;
    let mut numbers = Vec::new();
    for group in 1..=3 {
        match captures.get(group).map(|part| part.as_str()) {
            None | Some("x" | "X" | "*") => break,
            Some(number) => numbers.push(number.parse().ok()?),
        }
    }
    let pre = captures.get(4).map(|pre| pre.as_str()).unwrap_or_default();
    let before = captures.get(1).map_or("", |first| &text[..first.start()]);
    let operator = before.trim_end_matches('v').trim().to_owned();
    (pre.is_empty() || is_prerelease(pre)).then(|| Part { operator, numbers, pre: pre.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// Verdicts of Masterminds/semver 3.5.
    #[rstest]
    #[case("1.2.3", Semver::Version)]
    #[case("v1.2.3", Semver::Version)]
    #[case("1", Semver::Version)]
    #[case("1.2", Semver::Version)]
    #[case("01.2", Semver::Version)]
    #[case("1.2.3-rc.1+build", Semver::Version)]
    #[case("1.2.3-01", Semver::Neither)]
    #[case("2024.03-LTS-RC19", Semver::Version)]
    #[case("99999999999999999999", Semver::Neither)]
    #[case("*", Semver::Constraint)]
    #[case("x", Semver::Constraint)]
    #[case("1.x", Semver::Constraint)]
    #[case("1.2.*", Semver::Constraint)]
    #[case("^1", Semver::Constraint)]
    #[case("~1.2", Semver::Constraint)]
    #[case("~> 1.2", Semver::Constraint)]
    #[case(">=1 <2", Semver::Constraint)]
    #[case(">= 1.0.0, < 2.0.0", Semver::Constraint)]
    #[case("1.2 - 1.4", Semver::Constraint)]
    #[case("3, 1 - 2", Semver::Constraint)]
    #[case("3 1 - 2", Semver::Neither)]
    #[case("1 - 2 || 3 - 4", Semver::Constraint)]
    #[case("1.2||^3", Semver::Constraint)]
    #[case("1 2", Semver::Constraint)]
    #[case("!=1.5.x", Semver::Constraint)]
    #[case("=v1.2", Semver::Constraint)]
    #[case(" 1.2", Semver::Constraint)]
    #[case(">1<2", Semver::Neither)]
    #[case("1,,2", Semver::Neither)]
    #[case("", Semver::Neither)]
    #[case("1|2", Semver::Neither)]
    #[case("1xx", Semver::Neither)]
    #[case("main", Semver::Neither)]
    #[case("release-1.2", Semver::Neither)]
    #[case("v1.2.3.4", Semver::Neither)]
    #[case("HEAD", Semver::Neither)]
    fn verdicts(#[case] text: &str, #[case] expected: Semver) {
        assert_eq!(classify(text), expected);
    }
}
