//! `spec.ignore` of a Flux source, in `.gitignore` syntax.

use super::RepoPath;

/// Leaves of an artifact only the files that stand directly in `folder`.
///
/// Argo CD reads a directory without its subfolders unless `directory.recurse` is set; Flux always reads them.
pub(super) fn only_files_in(folder: &RepoPath) -> String {
    let mut lines = Vec::new();
    let mut prefix = String::new();
    for segment in folder.segments() {
        // Everything beside the next folder on the way goes; what is excluded whole cannot be taken back further down.
        lines.push(format!("{prefix}/*\n"));
        prefix = format!("{prefix}/{}", escape(segment));
        lines.push(format!("!{prefix}\n"));
    }
    lines.push(format!("{prefix}/*/\n"));
    lines.concat()
}

/// The name to the letter: what `.gitignore` gives a meaning is taken its meaning.
fn escape(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for c in name.chars() {
        if matches!(c, '\\' | '*' | '?' | '[' | ']' | '!' | '#' | ' ') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::ignore::gitignore::GitignoreBuilder;
    use rstest::rstest;

    fn remaining<'a>(path: &str, files: &[&'a str]) -> Vec<&'a str> {
        let mut builder = GitignoreBuilder::new("");
        for line in only_files_in(&RepoPath::folder(path).unwrap()).lines() {
            builder.add_line(None, line).unwrap();
        }
        let rules = builder.build().unwrap();
        let goes = |file: &str| {
            // What is excluded whole is not looked into, so the folders come first.
            let folders = file.match_indices('/').map(|(end, _)| (&file[..end], true));
            folders.chain([(file, false)]).any(|(path, is_folder)| rules.matched(path, is_folder).is_ignore())
        };
        files.iter().copied().filter(|file| !goes(file)).collect()
    }

    #[rstest]
    #[case::root(".", &["a.yaml", "b.yaml"])]
    #[case::one("deploy", &["deploy/a.yaml", "deploy/.hidden.yaml"])]
    #[case::two("x/deploy", &["x/deploy/a.yaml"])]
    #[case::odd("we[i]rd *", &["we[i]rd */a.yaml"])]
    #[case::nowhere("none", &[])]
    fn what_remains(#[case] path: &str, #[case] expected: &[&str]) {
        let files = [
            "a.yaml",
            "b.yaml",
            "deploy/a.yaml",
            "deploy/.hidden.yaml",
            "deploy/sub/b.yaml",
            "deploy/sub/sub/c.yaml",
            "deployment/a.yaml",
            "x/a.yaml",
            "x/deploy/a.yaml",
            "x/deploy/sub/b.yaml",
            "x/other/c.yaml",
            "we[i]rd */a.yaml",
            "weird x/a.yaml",
        ];
        assert_eq!(remaining(path, &files), expected);
    }

    #[test]
    fn each_level_has_its_lines() {
        let lines = only_files_in(&RepoPath::folder("a/b").unwrap());
        assert_eq!(lines, "/*\n!/a\n/a/*\n!/a/b\n/a/b/*/\n");
    }
}
