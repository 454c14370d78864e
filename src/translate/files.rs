//! Files of a source that decide what is generated: value files, patches, overrides kept in the repository.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use globset::{GlobBuilder, GlobSet};

/// The largest file that is read, in bytes: an object of the API server is hardly larger.
pub const MAX_FILE: u64 = 1 << 20;

/// Which files of a source are meant. Paths are relative to the root of its artifact, without a leading slash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FilePattern {
    /// The one of that path.
    Path(String),
    /// Those that match, in the syntax of doublestar (Go's `github.com/bmatcuk/doublestar/v4`): `*`, `?`, `[a-z]`,
    /// `{a,b}` within a name, `**` for any number of folders.
    Glob(String),
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum File {
    /// A file.
    Text(Arc<str>),
    /// A file that is not UTF-8.
    Binary,
    /// A file of more than [`MAX_FILE`] bytes, or one beside very many others.
    TooLarge,
    /// No file: a folder.
    Folder,
}

/// What stands at the paths that match one pattern, in the order in which matches count; empty where there is nothing.
pub type Matches = Arc<Vec<(String, File)>>;

/// What became known of the files of a source. A pattern without an answer has not been looked for yet.
pub type Files = BTreeMap<FilePattern, Matches>;

/// Tells whether a path matches.
pub type Matcher = Box<dyn Fn(&str) -> bool + Send>;

impl FilePattern {
    /// A function that tells whether a path matches; the error is that of a malformed pattern.
    pub fn matcher(&self) -> Result<Matcher, String> {
        match self {
            Self::Path(path) => {
                let path = path.clone();
                Ok(Box::new(move |file| file == path))
            }
            Self::Glob(pattern) => {
                let why = |error: globset::Error| error.kind().to_string();
                let glob = GlobBuilder::new(pattern)
                    .literal_separator(true)
                    .backslash_escape(true)
                    .empty_alternates(true)
                    .build()
                    .map_err(why)?;
                // A set, though of one: a glob that takes too much memory is an error of it, and ends the program by itself.
                let glob = GlobSet::builder().add(glob).build().map_err(why)?;
                // To doublestar the folder before a final `**` matches as well.
                let folder = pattern.strip_suffix("/**").map(str::to_owned);
                Ok(Box::new(move |file| glob.is_match(file) || folder.as_deref() == Some(file)))
            }
        }
    }

    /// In which order matches count: name by name from the root downwards, as the folders are walked.
    pub fn order(a: &str, b: &str) -> Ordering {
        a.split('/').cmp(b.split('/'))
    }
}

impl File {
    /// A file with these bytes.
    pub fn of(bytes: Vec<u8>) -> Self {
        if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE) {
            return Self::TooLarge;
        }
        String::from_utf8(bytes).map_or(Self::Binary, |text| Self::Text(text.into()))
    }

    /// Nothing to read.
    pub fn is_folder(&self) -> bool {
        *self == Self::Folder
    }

    /// The text, or why there is none, as the end of a sentence that begins with the file.
    pub fn text(&self) -> Result<&str, String> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Binary => Err("is not UTF-8 text".to_owned()),
            Self::TooLarge => Err(format!(
                "is too large to be read: of more than {MAX_FILE} bytes, or beside very many others"
            )),
            Self::Folder => Err("is a folder".to_owned()),
        }
    }
}

/// The folders of `files`, the paths of all files, that match.
pub fn matching_folders<'a>(
    files: impl Iterator<Item = &'a str>,
    is_match: &dyn Fn(&str) -> bool,
) -> Vec<String> {
    let mut folders = std::collections::BTreeSet::new();
    for file in files {
        folders.extend(file.match_indices('/').map(|(end, _)| &file[..end]));
    }
    folders.into_iter().filter(|folder| is_match(folder)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// An Application may be as long as that.
    #[test]
    fn a_glob_that_takes_too_much_memory_is_an_error() {
        let long = FilePattern::Glob("?".repeat(200_000));
        assert!(long.matcher().is_err());
    }

    /// What doublestar 4.10 `Match` says.
    #[rstest]
    #[case("env/*.yaml", "env/a.yaml", true)]
    #[case("env/*.yaml", "env/b/a.yaml", false)]
    #[case("env/*.yaml", "env/.a.yaml", true)]
    #[case("env/**/*.yaml", "env/a.yaml", true)]
    #[case("env/**/*.yaml", "env/a/b/c.yaml", true)]
    #[case("**/values.yaml", "values.yaml", true)]
    #[case("env/?.yaml", "env/ab.yaml", false)]
    #[case("env/[a-c].yaml", "env/b.yaml", true)]
    #[case("env/[^a-c].yaml", "env/b.yaml", false)]
    #[case("env/{a,b}*.yaml", "env/bc.yaml", true)]
    #[case("env/{,x}a*.yaml", "env/a.yaml", true)]
    #[case(r"env/\*.yaml", "env/a.yaml", false)]
    #[case(r"env/\*.yaml", "env/*.yaml", true)]
    #[case("env/**", "env/a/b", true)]
    #[case("env/**", "env", true)]
    fn globs(#[case] pattern: &str, #[case] file: &str, #[case] expected: bool) {
        let matcher = FilePattern::Glob(pattern.to_owned()).matcher().unwrap();
        assert_eq!(matcher(file), expected);
    }

    #[test]
    fn a_malformed_pattern_is_told() {
        assert!(FilePattern::Glob("a[".to_owned()).matcher().is_err());
    }

    #[test]
    fn files_are_walked_folder_by_folder() {
        let mut files = ["a-b.yaml", "b.yaml", "a/z.yaml", "a.yaml"];
        files.sort_by(|a, b| FilePattern::order(a, b));
        assert_eq!(files, ["a/z.yaml", "a-b.yaml", "a.yaml", "b.yaml"]);
    }
}
