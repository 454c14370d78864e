//! Whole commands: arguments and standard input in, standard output, standard error and exit code out.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rstest::rstest;

use super::{Streams, run};

struct Outcome {
    code: u8,
    output: String,
    errors: String,
}

fn code(code: ExitCode) -> u8 {
    (0..=u8::MAX).find(|&known| format!("{:?}", ExitCode::from(known)) == format!("{code:?}")).unwrap()
}

fn command(arguments: &[&str], input: &str) -> Outcome {
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let mut streams = Streams { input: &mut input.as_bytes(), output: &mut output, errors: &mut errors };
    let arguments = ["flux-subsystem"].iter().chain(arguments).map(Into::into);
    let code = code(run(arguments, &mut streams));
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Outcome { code, output: text(output), errors: text(errors) }
}

/// Standard input as one Application with that source.
fn app(source: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: podinfo}}
spec:
  source: {source}
  destination: {{server: https://kubernetes.default.svc, namespace: prod}}
  syncPolicy: {{syncOptions: [FluxSubsystem=true, AutoCreateFluxResources=true]}}
"
    )
}

const CHART: &str = "{repoURL: https://charts.example.org, chart: podinfo, targetRevision: 6.3.5}";
const GIT: &str = "{repoURL: https://git.example.org/a, path: deploy, targetRevision: main}";

/// A folder of its own for one test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str, files: &[(&str, &str)]) -> Self {
        let root = std::env::temp_dir().join(format!("flux-subsystem-{}-{test}", std::process::id()));
        for (name, text) in files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(root)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn objects_go_to_standard_output() {
    let outcome = command(&["translate", "-f", "-"], &app(CHART));
    assert_eq!((outcome.code, outcome.errors.as_str()), (0, ""));
    let objects = crate::yaml::parse_all(&outcome.output).unwrap();
    let kinds: Vec<_> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["HelmRepository", "HelmRelease"]);
    assert_eq!(objects[1]["metadata"]["annotations"]["flux-subsystem.dev/application"], "argocd/podinfo");
    assert_eq!(objects[0]["spec"]["interval"], "120s");
}

#[test]
fn json_is_one_list() {
    let arguments =
        ["translate", "-f", "-", "-o", "json", "--poll-interval", "1m30s", "--argocd-namespace", "cd"];
    let outcome = command(&arguments, &app(CHART));
    assert_eq!(outcome.code, 0);
    let list: serde_json::Value = serde_json::from_str(&outcome.output).unwrap();
    assert_eq!((&list["kind"], list["items"].as_array().unwrap().len()), (&"List".into(), 2));
    assert_eq!(list["items"][0]["spec"]["interval"], "90s");
    assert_eq!(list["items"][0]["metadata"]["annotations"]["flux-subsystem.dev/application"], "cd/podinfo");
}

#[rstest]
#[case::error(
    "{repoURL: https://charts.example.org, chart: podinfo}",
    "-: spec.source.targetRevision: spec.source.targetRevision is required if the manifest source is a helm chart (write a version, or * for the newest)\n"
)]
#[case::contents(
    "{repoURL: oci://registry.example.org/a, path: ., targetRevision: 1.0.0}",
    "-: spec.source.path: only the contents of the path tell whether it is a chart, a kustomization or a directory (pass --source-dir with the root of the repository, or set helm, kustomize or directory)\n"
)]
#[case::head(
    "{repoURL: https://git.example.org/a, path: ., kustomize: {namePrefix: a-}}",
    "-: spec.source.targetRevision: unable to resolve 'HEAD' to a commit SHA without the repository (name the branch, or pass --source-dir with a clone)\n\
         -: warning: spec.source.path: taken to hold no .argocd-source.yaml, since the repository is not looked at (pass --source-dir with the root of the repository to be sure)\n"
)]
#[case::type_error(
    "{repoURL: 5}",
    "-: Application podinfo: spec.source.repoURL: must be a string, and is the number 5 (put it in quotes: \"5\")\n"
)]
fn errors_exit_with_1(#[case] source: &str, #[case] errors: &str) {
    let outcome = command(&["translate", "-f", "-"], &app(source));
    assert_eq!((outcome.code, outcome.output.as_str(), outcome.errors.as_str()), (1, "", errors));
}

#[test]
fn nulls_are_none_and_unknown_fields_are_named() {
    let source = "{repoURL: https://charts.example.org, chart: podinfo, targetRevision: 6.3.5, helm: {valueFiles: , \
                  values: , releaseName: , parameters: , fileParameters: , valuesFiles: [a]}}";
    let app =
        app(source).replace("spec:\n", "spec:\n  ignoreDifferences:\n  info:\n  sources:\n  kustomise: {}\n");
    let outcome = command(&["translate", "-f", "-"], &app);
    assert_eq!(outcome.code, 0, "{}", outcome.errors);
    assert_eq!(outcome.output, command(&["translate", "-f", "-"], &self::app(CHART)).output);
    assert_eq!(
        outcome.errors,
        "\
-: warning: spec.kustomise: unknown field, which the API server leaves out (leave it out)
-: warning: spec.source.helm.valuesFiles: unknown field, which the API server leaves out (is valueFiles meant?)
"
    );
}

#[test]
fn a_branch_is_assumed_with_a_warning() {
    let source =
        "{repoURL: https://git.example.org/a, path: ., targetRevision: main, kustomize: {namePrefix: a-}}";
    let outcome = command(&["translate", "-f", "-"], &app(source));
    assert_eq!(outcome.code, 0);
    assert!(outcome.output.contains("branch: main"), "{}", outcome.output);
    assert_eq!(
        outcome.errors,
        "-: warning: spec.source.targetRevision: taken for refs/heads/main, since the repository is not looked at (pass --source-dir with a clone to be sure)\n\
         -: warning: spec.source.path: taken to hold no .argocd-source.yaml, since the repository is not looked at (pass --source-dir with the root of the repository to be sure)\n"
    );
}

#[rstest]
#[case::chart("deploy/Chart.yaml", "HelmRelease")]
#[case::directory("deploy/a.yaml", "Kustomization")]
fn the_source_folder_tells_what_the_path_is(#[case] file: &str, #[case] kind: &str) {
    let folder = Folder::new(kind, &[(file, "")]);
    let outcome = command(&["translate", "-f", "-", "--source-dir", folder.path()], &app(GIT));
    assert_eq!(outcome.code, 0, "{}", outcome.errors);
    assert!(outcome.output.contains(&format!("kind: {kind}\n")), "{}", outcome.output);
}

/// A clone with a branch `v1`, of which a name alone would make a tag, and tags with a prefix.
fn clone(test: &str) -> Folder {
    let folder = Folder::new(test, &[("deploy/a.yaml", "")]);
    let git = |arguments: &[&str]| {
        let who = ["-C", folder.path(), "-c", "user.name=a", "-c", "user.email=a@example.org"];
        let output = std::process::Command::new("git").args(who).args(arguments).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    git(&["init", "--quiet", "--initial-branch=trunk"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message=a"]);
    for arguments in [["branch", "v1"], ["tag", "web/1.2.0"], ["tag", "web/1.10.0"], ["tag", "release"]] {
        git(&arguments);
    }
    folder
}

#[rstest]
#[case::head("", "branch: trunk")]
#[case::a_branch_like_a_version("targetRevision: v1,", "branch: v1")]
#[case::a_tag("targetRevision: release,", "tag: release")]
#[case::a_prefix("targetRevision: 1.x, tagPrefix: web/,", "tag: web/1.10.0")]
fn a_clone_tells_what_a_revision_is(#[case] revision: &str, #[case] expected: &str) {
    for (index, url) in ["https://git.example.org/a", "git@git.example.org:a", "ssh://git@git.example.org/a"]
        .iter()
        .enumerate()
    {
        let clone = clone(&format!("clone-{index}-{}", expected.replace(['/', ' '], "-")));
        let source = format!("{{{revision} path: deploy, repoURL: '{url}'}}");
        let outcome = command(&["translate", "-f", "-", "--source-dir", clone.path()], &app(&source));
        assert_eq!((outcome.code, outcome.errors.as_str()), (0, ""));
        assert!(outcome.output.contains(&format!("    {expected}\n")), "{}", outcome.output);
    }
}

#[rstest]
#[case::head(
    "",
    "spec.source.targetRevision: unable to resolve 'HEAD' to a commit SHA without the repository (name the branch, or pass --source-dir with a clone)"
)]
#[case::a_prefix(
    "targetRevision: 1.x, tagPrefix: web/,",
    "spec.source.targetRevision: unable to resolve '1.x' to a commit SHA without the repository (name the tag, or pass --source-dir with a clone)"
)]
fn without_a_clone_it_is_asked_for(#[case] revision: &str, #[case] expected: &str) {
    for url in ["https://git.example.org/a", "git@git.example.org:a"] {
        let source = format!("{{{revision} path: deploy, repoURL: '{url}', kustomize: {{namePrefix: a-}}}}");
        let outcome = command(&["translate", "-f", "-"], &app(&source));
        assert_eq!(outcome.code, 1);
        assert!(outcome.errors.contains(expected), "{}", outcome.errors);
    }
}

const TWO: &str = "\
metadata: {name: shop}
spec:
  destination: {server: https://kubernetes.default.svc, namespace: prod}
  syncPolicy: {syncOptions: [FluxSubsystem=true, AutoCreateFluxResources=true]}
  sources:
  - {repoURL: https://git.example.org/a, path: deploy, targetRevision: main}
  - {repoURL: https://git.example.org/b, path: deploy, targetRevision: main, ref: web}
kind: Application
apiVersion: argoproj.io/v1alpha1
";

#[rstest]
#[case::by_position("1", "2")]
#[case::by_ref("1", "web")]
fn each_source_has_a_folder_of_its_own(#[case] first: &str, #[case] second: &str) {
    let chart = Folder::new(&format!("two-a-{second}"), &[("deploy/Chart.yaml", "")]);
    let directory = Folder::new(&format!("two-b-{second}"), &[("deploy/a.yaml", "")]);
    let (first, second) = (format!("{first}={}", chart.path()), format!("{second}={}", directory.path()));
    let outcome = command(&["translate", "-f", "-", "--source-dir", &first, "--source-dir", &second], TWO);
    assert_eq!(outcome.code, 0, "{}", outcome.errors);
    let kinds: Vec<_> = outcome.output.lines().filter(|line| line.starts_with("kind: ")).collect();
    let expected = ["kind: GitRepository", "kind: GitRepository", "kind: HelmRelease", "kind: Kustomization"];
    assert_eq!(kinds, expected);
    assert!(outcome.output.contains("  name: shop-web\n"), "{}", outcome.output);
}

#[test]
fn one_folder_is_not_taken_for_two_repositories() {
    let folder = Folder::new("one-of-two", &[("deploy/a.yaml", "")]);
    let outcome = command(&["translate", "-f", "-", "--source-dir", folder.path()], TWO);
    assert_eq!(outcome.code, 1);
    assert!(outcome.errors.contains("spec.sources[1].path: only the contents"), "{}", outcome.errors);
}

#[test]
fn what_is_not_bridged_or_no_application_is_named() {
    let set = "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: all}\n";
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n";
    let plain = app(CHART).replace("FluxSubsystem=true", "FluxSubsystem=false").replace("podinfo}", "plain}");
    let input = [set, map, &plain, &app(CHART)].join("---\n");
    let outcome = command(&["translate", "-f", "-"], &input);
    assert_eq!(outcome.code, 0);
    assert_eq!(outcome.output.matches("kind: HelmRelease\n").count(), 1);
    assert_eq!(
        outcome.errors,
        "\
-: note: ApplicationSet all is not read; pass the Applications that it generates
-: note: ConfigMap settings is skipped: it is not an Application
-: plain: note: plain is left to Argo CD: no sync option FluxSubsystem=true
"
    );
}

#[test]
fn reference_mode_says_what_is_looked_for() {
    let outcome =
        command(&["translate", "-f", "-"], &app(CHART).replace(", AutoCreateFluxResources=true", ""));
    assert_eq!((outcome.code, outcome.output.as_str()), (0, ""));
    assert_eq!(
        outcome.errors,
        "-: note: without AutoCreateFluxResources=true nothing is generated; HelmRelease prod/podinfo or Kustomization prod/podinfo is looked for\n"
    );
}

#[test]
fn folders_are_read_in_order_and_files_named() {
    let broken = app("{repoURL: https://charts.example.org, chart: podinfo}");
    let files = [
        ("b.yaml", broken.as_str()),
        ("a.yml", &app(CHART)),
        ("c.json", "{"),
        ("d.txt", "{"),
        ("e/f.yaml", "{"),
    ];
    let folder = Folder::new("in-order", &files);
    let outcome = command(&["translate", "-f", folder.path()], "");
    assert_eq!(outcome.code, 1);
    assert_eq!(
        outcome.output.matches("kind: HelmRelease\n").count(),
        1,
        "the good one is printed all the same"
    );
    let places: Vec<_> =
        outcome.errors.lines().map(|line| line.split(": ").next().unwrap().to_owned()).collect();
    assert_eq!(places, ["b.yaml", "c.json"].map(|name| format!("{}/{name}", folder.path())));
}

#[rstest]
#[case(&["translate", "-o", "xml"], 2, "invalid value 'xml'")]
#[case(&["translate", "--poll-interval", "soon"], 2, "write a duration such as 90s or 3m")]
#[case(&["frobnicate"], 2, "unrecognized subcommand")]
#[case(&[], 2, "Usage:")]
#[case(&["translate", "-f", "no/such/file.yaml"], 1, "flux-subsystem: cannot read no/such/file.yaml: ")]
fn wrong_usage(#[case] arguments: &[&str], #[case] expected: u8, #[case] message: &str) {
    let outcome = command(arguments, "");
    assert_eq!((outcome.code, outcome.output.as_str()), (expected, ""));
    assert!(outcome.errors.contains(message), "{}", outcome.errors);
}

#[test]
fn the_example_in_the_help_works() {
    let help = command(&["translate", "--help"], "");
    assert_eq!((help.code, help.errors.as_str()), (0, ""));
    let example = help.output.split("$ cat app.yaml\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let outcome = command(&["translate", "-f", "-"], example);
    assert_eq!((outcome.code, outcome.errors.as_str()), (0, ""), "{example}");
    assert!(outcome.output.contains("kind: HelmRelease"));
}

#[test]
fn the_end_of_a_pipe_is_no_failure() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (input, mut errors) = (app(CHART), Vec::new());
    let mut streams = Streams { input: &mut input.as_bytes(), output: &mut Closed, errors: &mut errors };
    let arguments = ["flux-subsystem", "translate", "-f", "-"].map(Into::into);
    assert_eq!(code(run(arguments, &mut streams)), 0);
    assert_eq!(errors, b"");
}

/// What the golden cases say of the objects is what the command prints, but for the fingerprint.
#[test]
fn the_printed_objects_are_the_golden_ones() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/translate/testdata/chart-http");
    let outcome = command(&["translate", "-f", case.join("application.yaml").to_str().unwrap()], "");
    let mut objects = crate::yaml::parse_all(&outcome.output).unwrap();
    for object in &mut objects {
        object["metadata"]["annotations"].as_object_mut().unwrap().remove(crate::names::ANNOTATION_DIGEST);
    }
    let expected = fs::read_to_string(case.join("expected.yaml")).unwrap();
    assert_eq!(objects, crate::yaml::parse_all(&expected).unwrap());
}

const REPOSITORY: &str = "\
apiVersion: v1
kind: Secret
metadata: {name: repo, labels: {argocd.argoproj.io/secret-type: repository}}
stringData: {url: https://charts.example.org, type: helm, username: me, password: hunter2}
";

#[rstest]
#[case::hidden(&[], false)]
#[case::shown(&["--show-secrets"], true)]
fn secrets_are_printed_without_their_values(#[case] arguments: &[&str], #[case] is_shown: bool) {
    let folder = Folder::new(&format!("secrets-{is_shown}"), &[("repo.yaml", REPOSITORY)]);
    let file = format!("{}/repo.yaml", folder.path());
    let arguments = [&["translate", "--repositories", &file], arguments].concat();
    let outcome = command(&arguments, &app(CHART));
    assert_eq!(outcome.code, 0, "{}", outcome.errors);
    assert!(outcome.output.contains("kind: Secret\n"), "{}", outcome.output);
    assert!(outcome.output.contains("namespace: argocd\n"), "{}", outcome.output);
    assert_eq!(outcome.output.contains("hunter2"), is_shown);
}
