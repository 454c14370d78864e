//! `spec.ignore` of a Flux source, in `.gitignore` syntax.

use super::RepoPath;

/// Keeps everything in, as Argo CD does: images, archives and the settings of CI systems, which Flux leaves out as long as
/// nobody gives it patterns (fluxcd/pkg `sourceignore`, `DefaultPatterns`), and what a `.sourceignore` of the repository names.
/// All but what git itself keeps in a folder.
pub(super) const NOTHING: &str = "!*\n.git\n";

/// Whether an artifact may lack something that its source holds.
pub(crate) fn leaves_out(ignore: &str) -> bool {
    !ignore.is_empty() && ignore != NOTHING
}

/// Leaves of an artifact only the files that stand directly in `folder`: of those, the ones that a pattern of `include`
/// matches, where there is any, and none that one of `exclude` does. Patterns are those of names, without a slash.
///
/// Argo CD reads a directory without its subfolders unless `directory.recurse` is set; Flux always reads them.
pub(super) fn only_files_in(folder: &RepoPath, include: Option<&[String]>, exclude: &[String]) -> String {
    let mut lines = vec![NOTHING.to_owned()];
    let mut prefix = String::new();
    for segment in folder.segments() {
        // Everything beside the next folder on the way goes; what is excluded whole cannot be taken back further down.
        lines.push(format!("{prefix}/*\n"));
        prefix = format!("{prefix}/{}", escape(segment));
        lines.push(format!("!{prefix}\n"));
    }
    if let Some(include) = include {
        lines.push(format!("{prefix}/*\n"));
        lines.extend(include.iter().map(|pattern| format!("!{prefix}/{pattern}\n")));
    }
    lines.push(format!("{prefix}/*/\n"));
    lines.extend(exclude.iter().map(|pattern| format!("{prefix}/{pattern}\n")));
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

    fn remaining<'a>(ignored: &str, files: &[&'a str]) -> Vec<&'a str> {
        let mut builder = GitignoreBuilder::new("");
        for line in ignored.lines() {
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
        let ignored = only_files_in(&RepoPath::folder(path).unwrap(), None, &[]);
        assert_eq!(remaining(&ignored, &files), expected);
    }

    #[rstest]
    #[case::include(Some(&["a*.yaml", "c.yml"][..]), &[], &["d/a.yaml", "d/ab.yaml", "d/c.yml"])]
    #[case::exclude(None, &["a*"], &["d/b.yaml", "d/c.yml"])]
    #[case::both(Some(&["*.yaml"][..]), &["a.yaml"], &["d/ab.yaml", "d/b.yaml"])]
    #[case::nothing_included(Some(&[][..]), &[], &[])]
    fn patterns(#[case] include: Option<&[&str]>, #[case] exclude: &[&str], #[case] expected: &[&str]) {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let folder = RepoPath::folder("d").unwrap();
        let ignored = only_files_in(&folder, include.map(owned).as_deref(), &owned(exclude));
        let files = ["a.yaml", "d/a.yaml", "d/ab.yaml", "d/b.yaml", "d/c.yml", "d/a.d/x.yaml"];
        assert_eq!(remaining(&ignored, &files), expected);
    }

    #[test]
    fn everything_but_git_remains() {
        let files = ["logo.png", ".sops.yaml", ".github/a.yaml", "d/x.tar.gz", ".git/config", "sub/.git"];
        assert_eq!(remaining(NOTHING, &files), files[..4]);
        let repositories_own = format!("*.png\nd/\n{NOTHING}");
        assert_eq!(remaining(&repositories_own, &files), files[..4]);
    }

    #[test]
    fn each_level_has_its_lines() {
        let lines = only_files_in(&RepoPath::folder("a/b").unwrap(), None, &[]);
        assert_eq!(lines, "!*\n.git\n/*\n!/a\n/a/*\n!/a/b\n/a/b/*/\n");
    }
}
