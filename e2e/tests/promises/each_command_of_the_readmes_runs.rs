//! What README.md, e2e/README.md and the pages of docs/ tell people to type works: each line of their `sh` blocks is run as it is
//! written, with names that exist here, and each command of `cargo` or `flux-subsystem` in the text is at least understood.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use flux_subsystem_e2e::{Stack, TestEnv, bridge, environment, paths};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::applications::Application;
use crate::flux_objects::{kustomization, release};

/// No command takes longer; two of them bring up a stack and deliver on it.
const PATIENCE: Duration = Duration::from_secs(300);

/// The texts that hold commands.
fn pages() -> Result<Vec<(String, String)>> {
    let mut files = vec!["README.md".to_owned(), "e2e/README.md".to_owned()];
    for entry in std::fs::read_dir(paths::workspace().join("docs"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path.strip_prefix(paths::workspace())?.display().to_string());
        }
    }
    files.sort();
    ensure!(files.len() > 15, "{files:?}");
    let read = |file: String| Ok((file.clone(), std::fs::read_to_string(paths::workspace().join(file))?));
    files.into_iter().map(read).collect()
}

/// Who a command meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    /// The cluster of the tests, as its administrator.
    Shared,
    /// Stacks that the commands themselves start and end.
    Own,
    /// Nobody: it is not run, and this is why.
    Nowhere(&'static str),
}
use Where::{Nowhere, Own, Shared};

/// What stands there; which of its words stand for something else here; where it runs.
type Command = (&'static str, &'static [(&'static str, &'static str)], Where);

/// Every line of the `sh` blocks.
const LINES: &[Command] = &[
    ("cargo demo", &[("demo", "demo --stack STACK-demo")], Own),
    ("cargo test --workspace", &[], Nowhere("it is what runs this test")),
    ("cargo run -- translate -f app.yaml", &[("app.yaml", "CHART_APP")], Shared),
    (
        "cargo run -- translate -f app.yaml --source-dir ~/src/repo",
        &[("app.yaml", "GIT_APP"), ("~/src/repo", "CLONE")],
        Shared,
    ),
    ("flux-subsystem translate -f app.yaml", &[("app.yaml", "CHART_APP")], Shared),
    (
        "flux-subsystem translate -f app.yaml --source-dir ~/src/repo",
        &[("app.yaml", "GIT_APP"), ("~/src/repo", "CLONE")],
        Shared,
    ),
    ("kubectl apply --server-side -k manifests/", &[("manifests/", "MANIFESTS")], Shared),
    // The stack is everybody's: what others stand on neither comes nor goes.
    (
        "kubectl apply -k manifests/any-namespace",
        &[("-k manifests/", "--dry-run=server -k MANIFESTS/")],
        Shared,
    ),
    ("kubectl delete -k manifests/", &[("-k manifests/", "--dry-run=server -k MANIFESTS")], Shared),
    (
        "argocd app set podinfo --sync-option FluxSubsystem=true --sync-option AutoCreateFluxResources=true",
        &[("podinfo", "SWITCHED_APP")],
        Shared,
    ),
    ("argocd app set podinfo --sync-option '!FluxSubsystem=true'", &[("podinfo", "SWITCHED_APP")], Shared),
    ("flux-subsystem list-candidates", &[], Shared),
    (
        "flux-subsystem generate-app hr/podinfo -n shop",
        &[("hr/podinfo", "hr/RELEASE"), ("shop", "RELEASE_NAMESPACE")],
        Shared,
    ),
    (
        "flux-subsystem generate-app ks/apps --auto-create",
        // Not in flux-system, where the command looks without `-n`: that namespace is everybody's.
        &[("ks/apps", "ks/KUSTOMIZATION -n KUSTOMIZATION_NAMESPACE")],
        Shared,
    ),
    ("flux-subsystem get", &[], Shared),
    ("flux-subsystem adopt podinfo", &[("podinfo", "EDITED_APP")], Shared),
    (
        "kubectl annotate application podinfo -n argocd flux-subsystem.dev/adopt-edits=true",
        &[("podinfo", "EDITED_APP")],
        Shared,
    ),
    ("flux-subsystem doctor", &[], Shared),
    // Stacks of these names may run on this machine.
    ("cargo stack up --with argocd", &[("up", "up --name STACK")], Own),
    ("cargo stack exec -- flux get all -A", &[("exec", "exec --name STACK")], Own),
    ("cargo stack status", &[("status", "status --name STACK")], Own),
    ("cargo stack logs helm-controller", &[("logs", "logs --name STACK")], Own),
    ("cargo stack down", &[("down", "down --name STACK")], Own),
];

/// Commands of the text that are run, too, not only understood.
const TEXT: &[Command] = &[
    (
        "cargo parity --app app.yaml --source-dir ~/src/repo",
        &[("app.yaml", "GIT_APP"), ("~/src/repo", "CLONE"), ("parity", "parity --stack STACK-parity")],
        Own,
    ),
    ("flux-subsystem run --help", &[], Shared),
    ("cargo stack --help", &[], Own),
];

/// Commands of the text that cannot be asked whether they understand.
const NOT_ASKED: &[(&str, &str)] =
    &[("cargo parity-helm", "a test of `cargo test --workspace`, with more cases")];

#[test]
fn each_line_has_somebody_who_runs_it() -> Result<()> {
    let mut written = Vec::new();
    for (file, text) in pages()? {
        for line in lines(&text) {
            let is_known = LINES.iter().any(|(known, _, _)| *known == line);
            ensure!(is_known, "{file}: nobody runs `{line}`: add it to LINES of {}", file!());
            written.push(line);
        }
    }
    for (line, names, _) in LINES {
        ensure!(written.iter().any(|written| written == line), "`{line}` stands nowhere any more");
        ensure!(names.iter().all(|(name, _)| line.contains(name)), "`{line}` does not hold all its names");
    }
    let said = commands()?;
    for (command, _, _) in TEXT {
        ensure!(said.iter().any(|said| said == command), "`{command}` stands nowhere any more");
    }
    for (command, _) in NOT_ASKED {
        ensure!(said.iter().any(|said| said == command), "`{command}` stands nowhere any more");
    }
    Ok(())
}

#[tokio::test]
async fn commands_that_need_a_cluster_do_what_they_say() -> Result<()> {
    let bench = Bench::new().await?;
    for (line, names, _) in all().filter(|(_, _, place)| *place == Shared) {
        let printed = bench.run(line, names, Shared).await?;
        let expected = match line.split_whitespace().nth(1).unwrap_or_default() {
            "run" | "translate" if line.contains("--source-dir") => "kind: Kustomization",
            "run" | "translate" if line.contains("translate") => "kind: HelmRelease",
            "run" => "--argocd-namespace",
            "apply" if !line.contains("any-namespace") => "deployment.apps/flux-subsystem",
            "apply" | "delete" => "server dry run",
            "app" => "",
            "annotate" => "annotated",
            "list-candidates" => "NAMESPACE",
            "generate-app" if line.contains("hr/") => "HelmRelease",
            "generate-app" => "generates Kustomization",
            "get" => bench.edited.name(),
            "adopt" => "replicaCount",
            "doctor" => "OK    Admission policy",
            _ => bail!("nothing is expected of `{line}`"),
        };
        ensure!(printed.contains(expected), "`{line}` does not say {expected:?}:\n{printed}");
    }
    Ok(())
}

#[tokio::test]
async fn commands_that_start_a_stack_do_what_they_say() -> Result<()> {
    let bench = Bench::new().await?;
    let tried = async {
        for (line, names, _) in all().filter(|(_, _, place)| *place == Own) {
            let printed = bench.run(line, names, Own).await?;
            let expected = match line {
                "cargo demo" => "and the bridge are down",
                "cargo stack up --with argocd" => ": Ready, everything runs",
                "cargo stack exec -- flux get all -A" => "",
                "cargo stack status" => "kube-apiserver",
                "cargo stack logs helm-controller" => "starting manager",
                "cargo stack down" => "is down",
                "cargo stack --help" => "Usage: cargo stack",
                line if line.starts_with("cargo parity") => "1 identical",
                _ => bail!("nothing is expected of `{line}`"),
            };
            ensure!(printed.contains(expected), "`{line}` does not say {expected:?}:\n{printed}");
        }
        Ok(())
    };
    let outcome = tried.await;
    // `cargo parity` leaves its stack, and a line that failed may have left one, too.
    for stack in ["STACK", "STACK-demo", "STACK-parity"] {
        bench.run("cargo stack down", &[("down", &format!("down --name {stack}"))], Own).await?;
    }
    outcome
}

#[tokio::test]
async fn commands_of_the_text_are_understood() -> Result<()> {
    let mut asked = 0;
    for command in commands()? {
        let is_run = all().any(|(known, _, _)| known == command);
        if is_run || NOT_ASKED.iter().any(|(known, _)| *known == command) {
            continue;
        }
        // Some files are read as soon as they are named.
        let mut words = program(&command.replace("FILE", "/dev/null")).await?;
        words.push("--help".to_owned());
        let output = tokio::process::Command::new(&words[0]).args(&words[1..]).output().await?;
        let said = String::from_utf8_lossy(&output.stdout);
        let is_help = output.status.success() && said.contains("Usage: ");
        ensure!(is_help, "`{command} --help`:\n{said}{}", String::from_utf8_lossy(&output.stderr));
        asked += 1;
    }
    ensure!(asked >= 8, "only {asked} commands were found");
    Ok(())
}

fn all() -> impl Iterator<Item = Command> {
    LINES.iter().chain(TEXT).copied()
}

/// The lines of the `sh` blocks, without what a comment says.
fn lines(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_inside = false;
    for line in text.lines() {
        match line.trim() {
            "```sh" => is_inside = true,
            "```" => is_inside = false,
            line if is_inside => found.push(line.split(" #").next().unwrap_or_default().trim().to_owned()),
            _ => {}
        }
    }
    found.retain(|line| !line.is_empty());
    found
}

/// The commands of this repository that the text names between backticks.
fn commands() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (_, text) in pages()? {
        let prose: String = text.split("```").step_by(2).collect();
        let quoted = prose.split('`').skip(1).step_by(2);
        let is_ours = |word: &&str| word.starts_with("cargo ") || word.starts_with("flux-subsystem ");
        found.extend(quoted.filter(is_ours).map(str::to_owned));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Program and arguments of a command: the aliases of `.cargo/config.toml` stand for binaries of this workspace, which
/// are run directly, since a cargo of its own would wait for nobody and build nothing.
async fn program(command: &str) -> Result<Vec<String>> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let (binary, rest) = match words.as_slice() {
        ["cargo", "run", "--", rest @ ..] | ["flux-subsystem", rest @ ..] => {
            ("flux-subsystem".to_owned(), rest)
        }
        ["cargo", alias, rest @ ..] => (aliased(alias)?, rest),
        // A shell would take the quotes away.
        words @ [_, ..] => return Ok(words.iter().map(|word| word.trim_matches('\'').to_owned()).collect()),
        [] => bail!("no command"),
    };
    let built = tokio::task::spawn_blocking(move || bridge::built_binary(&binary)).await??;
    let rest = rest.iter().map(|word| (*word).to_owned());
    Ok(std::iter::once(built.display().to_string()).chain(rest).collect())
}

/// The binary that an alias of `.cargo/config.toml` runs.
fn aliased(alias: &str) -> Result<String> {
    let config = std::fs::read_to_string(paths::workspace().join(".cargo/config.toml"))?;
    let line = config.lines().find(|line| line.starts_with(&format!("{alias} = ")));
    let line = line.with_context(|| format!("`cargo {alias}` is no alias of .cargo/config.toml"))?;
    let name = line.split_once("--bin ").and_then(|(_, rest)| rest.split_whitespace().next());
    name.map(str::to_owned).with_context(|| format!("`cargo {alias}` runs no binary: {line}"))
}

/// What the names of the table stand for.
struct Bench {
    env: TestEnv,
    /// Somebody has changed its `HelmRelease` by hand.
    edited: Application,
    /// Holds what some of them name.
    _folder: tempfile::TempDir,
    names: Vec<(&'static str, String)>,
}

impl Bench {
    async fn new() -> Result<Self> {
        let env = Stack::shared().await?.test("readme").await?;
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name).display().to_string();
        let clone = path("clone");
        env.stack()
            .run("git", &["clone", "--quiet", &env.sources().git_url("fleet"), &clone])
            .await?
            .text()?;
        std::fs::write(path("chart.yaml"), Application::chart(&env, "6.3.5").manifest().to_string())?;
        std::fs::write(path("git.yaml"), git_app(&env))?;
        let edited = Application::chart(&env, "6.3.5").named(&env, "edited");
        edited.deliver(&env).await?;
        let change = json!({ "spec": { "values": { "replicaCount": 2 } } });
        env.patch("HelmRelease", edited.destination(), edited.name(), &change).await?;
        let switched = Application::chart(&env, "6.3.5").named(&env, "switched").plain();
        switched.apply(&env).await?;
        let (helm, kustomize) = (env.name("hr"), env.name("ks"));
        let (helm_namespace, kustomize_namespace) =
            futures::try_join!(release(&env, &helm), kustomization(&env, &kustomize))?;
        let names = vec![
            ("CHART_APP", path("chart.yaml")),
            ("GIT_APP", path("git.yaml")),
            ("CLONE", clone),
            ("MANIFESTS", paths::workspace().join("manifests").display().to_string()),
            ("RELEASE_NAMESPACE", helm_namespace),
            ("RELEASE", helm),
            ("KUSTOMIZATION_NAMESPACE", kustomize_namespace),
            ("KUSTOMIZATION", kustomize),
            ("EDITED_APP", edited.name().to_owned()),
            ("SWITCHED_APP", switched.name().to_owned()),
            ("STACK", env.namespace.clone()),
        ];
        Ok(Self { env, edited, _folder: folder, names })
    }

    /// Runs a line, with `y` for who asks, and returns everything it printed; an error unless it ends well.
    async fn run(&self, line: &str, names: &[(&str, &str)], place: Where) -> Result<String> {
        let line = names.iter().fold(line.to_owned(), |line, (name, here)| line.replace(name, here));
        let filled = self.names.iter().fold(line.clone(), |line, (name, value)| line.replace(name, value));
        let words = program(&filled).await?;
        let state = self.env.stack().state();
        let mut command = tokio::process::Command::new(match place {
            Shared => state.binary(&words[0]),
            Own | Nowhere(_) => PathBuf::from(&words[0]),
        });
        if place == Shared {
            command.envs(environment::variables(state));
        }
        command.args(&words[1..]).current_dir(paths::workspace()).kill_on_drop(true);
        let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = streams.spawn().with_context(|| format!("run {filled}"))?;
        let mut input = child.stdin.take().context("no standard input")?;
        // Most read nothing.
        let _ = input.write_all(b"y\n").await;
        drop(input);
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
        let output = output.with_context(|| format!("`{filled}` runs for more than {PATIENCE:?}"))??;
        let printed =
            [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat();
        // Where something does not work, the doctor says so: here the bridge has no Deployment.
        let is_well = output.status.success() || line == "flux-subsystem doctor";
        ensure!(is_well, "`{filled}`: {}\n{printed}", output.status);
        Ok(printed)
    }
}

/// An Application of a path in git that has the names of nobody else.
fn git_app(env: &TestEnv) -> String {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": { "name": env.name("own"), "namespace": "argocd" },
        "spec": {
            "project": "default",
            "source": { "repoURL": "https://git.example.org/fleet.git", "path": "apps/overlays/staging",
                "targetRevision": "main" },
            "destination": { "server": "https://kubernetes.default.svc", "namespace": env.name("own") },
            "syncPolicy": { "automated": {},
                "syncOptions": ["CreateNamespace=true", "FluxSubsystem=true", "AutoCreateFluxResources=true"] },
        },
    })
    .to_string()
}
