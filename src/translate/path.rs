//! Paths inside a repository, as people write them (`./podinfo/`, `.`), brought to one form.

/// A folder or file inside a repository: no leading or trailing slash, no `.`, no `..`; empty for the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepoPath(String);

impl RepoPath {
    /// The folder that an Application's `path` names, relative to the root of the repository.
    ///
    /// The error is Argo CD's sentence (argo-cd `util/app/path/path.go`).
    pub fn folder(text: &str) -> Result<Self, String> {
        if text.starts_with('/') {
            return Err(format!("{text}: app path is absolute"));
        }
        clean(text).map(Self).ok_or_else(|| format!("{text}: app path outside root"))
    }

    /// `text` relative to this folder, or to the root of the repository when it begins with a slash.
    pub fn join(&self, text: &str) -> Option<Self> {
        match text.strip_prefix('/') {
            Some(text) => clean(text),
            None => clean(&format!("{}/{text}", self.0)),
        }
        .map(Self)
    }

    /// Without a leading `./`; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `./podinfo`, or `./` for the root: the form that Flux's own tools write.
    pub fn dotted(&self) -> String {
        format!("./{}", self.0)
    }

    /// Names from the root downwards.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }

    /// What remains of `file` below this folder; `None` when it lies elsewhere.
    pub fn strip<'a>(&self, file: &'a str) -> Option<&'a str> {
        if self.0.is_empty() {
            return Some(file);
        }
        file.strip_prefix(&self.0)?.strip_prefix('/')
    }
}

/// `None` when the path leaves the root.
fn clean(text: &str) -> Option<String> {
    let mut segments: Vec<&str> = Vec::new();
    for segment in text.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop()?;
            }
            name => segments.push(name),
        }
    }
    Some(segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("podinfo", "podinfo")]
    #[case("./podinfo", "podinfo")]
    #[case("podinfo/", "podinfo")]
    #[case("a//b/./c/", "a/b/c")]
    #[case("a/../b", "b")]
    #[case(".", "")]
    #[case("./", "")]
    #[case("", "")]
    fn one_form(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(RepoPath::folder(text).unwrap().as_str(), expected);
    }

    #[rstest]
    #[case("/etc", "/etc: app path is absolute")]
    #[case("..", "..: app path outside root")]
    #[case("a/../../b", "a/../../b: app path outside root")]
    fn outside(#[case] text: &str, #[case] message: &str) {
        assert_eq!(RepoPath::folder(text), Err(message.to_owned()));
    }

    #[rstest]
    #[case("values.yaml", Some("charts/a/values.yaml"))]
    #[case("../values.yaml", Some("charts/values.yaml"))]
    #[case("/env/prod.yaml", Some("env/prod.yaml"))]
    #[case("../../../values.yaml", None)]
    #[case("/../values.yaml", None)]
    fn joined(#[case] text: &str, #[case] expected: Option<&str>) {
        let folder = RepoPath::folder("charts/a").unwrap();
        assert_eq!(folder.join(text).as_ref().map(RepoPath::as_str), expected);
    }
}
