//! `flux-subsystem translate`: the Flux objects of Applications, without a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::ValueEnum;
use serde_json::{Value, json};

use super::Streams;
use super::applications::{self, Document};
use super::checkout::Checkout;
use super::checkouts::{Checkouts, SourceDir};
use super::rendered::{self, Rendered};
use super::repositories;
use super::resource_file::{self, ResourceFile};
use crate::argo::{Application, ApplicationSource};
use crate::credentials::Repositories;
use crate::policy::{Effective, FluxDeliveryPolicy};
use crate::project::{AppProject, Impersonation};
use crate::translate::{
    Contents, Context, FilePattern, GitNames, Problem, RemoteRefs, RenderedSource, Severity, Translation,
    Want, is_checked_only, source_field, translate,
};
use crate::{names, yaml};

/// Print the Flux objects that the controller would apply for Applications; needs no cluster
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// File, folder or - (standard input) with Applications; may be repeated
    #[arg(short = 'f', long = "filename", value_name = "FILE|DIR|-")]
    files: Vec<PathBuf>,
    /// Folder with the contents of the source's repository, from its root; needed where only the contents tell a chart
    /// from a kustomization. In a clone, branches and tags are looked up too. Of several sources each is named by its
    /// position (from 1), its ref or its name; may be repeated
    #[arg(long = "source-dir", value_name = "[SOURCE=]DIR")]
    source_dirs: Vec<SourceDir>,
    /// Digest of what the controller made of a source that Argo CD's repo-server renders (plugins, jsonnet, …): ref.digest of
    /// its source object. Of several sources each is named by its position (from 1), its ref or its name; may be repeated
    #[arg(long, value_name = "[SOURCE=]DIGEST")]
    rendered: Vec<Rendered>,
    /// HOST:PORT from which Flux fetches such sources [default: flux-subsystem-artifacts.ARGOCD_NAMESPACE.svc:8082]
    #[arg(long, value_name = "HOST:PORT")]
    artifact_address: Option<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value = "yaml")]
    output: Output,
    /// File with Argo CD's repository Secrets, and with its ConfigMaps argocd-ssh-known-hosts-cm and argocd-tls-certs-cm; may be
    /// repeated. Without it, nothing is said about credentials
    #[arg(long, value_name = "FILE")]
    repositories: Vec<PathBuf>,
    /// Print the values of Secrets, too
    #[arg(long)]
    show_secrets: bool,
    /// How often sources are polled: Argo CD's timeout.reconciliation
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = duration)]
    poll_interval: String,
    /// File with policies (kind `FluxDeliveryPolicy`) that govern the Applications; may be repeated
    #[arg(long = "policy", value_name = "FILE", value_parser = resource_file::policies)]
    policies: Vec<ResourceFile<FluxDeliveryPolicy>>,
    /// File with AppProjects; may be repeated. Where the Application's restricts what may be delivered, Argo CD's repo-server
    /// renders its sources. Without it, the project is taken to allow everything
    #[arg(long = "project", value_name = "FILE", value_parser = resource_file::projects)]
    projects: Vec<ResourceFile<AppProject>>,
    /// Argo CD's own namespace; Applications that name none belong there
    #[arg(long, value_name = "NAMESPACE", default_value = "argocd")]
    argocd_namespace: String,
}

const EXAMPLE: &str = "\
Example:
  $ cat app.yaml
  apiVersion: argoproj.io/v1alpha1
  kind: Application
  metadata: {name: podinfo, namespace: argocd}
  spec:
    project: default
    source: {repoURL: https://charts.example.org, chart: podinfo, targetRevision: 6.x}
    destination: {server: https://kubernetes.default.svc, namespace: podinfo}
    syncPolicy:
      syncOptions: [FluxSubsystem=true, AutoCreateFluxResources=true]

  $ flux-subsystem translate -f app.yaml

prints a HelmRepository and a HelmRelease. An application whose source is a path in git also needs
the repository itself: --source-dir CLONE. With several repositories each names its source:
--source-dir 1=CLONE --source-dir values=OTHER.

Objects go to standard output; problems to standard error as `file: field: sentence (hint)`.
Exit code: 0 done, 1 an Application cannot be translated, 2 wrong usage.";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    /// Documents separated by ---
    Yaml,
    /// One List
    Json,
}

/// A duration such as `1m30s`, in the form in which the controller writes intervals: whole seconds.
fn duration(text: &str) -> Result<String, String> {
    let wrong = || "write a duration such as 90s or 3m".to_owned();
    let mut seconds = 0_u64;
    for part in text.split_inclusive(['h', 'm', 's']) {
        let (number, unit) = part.split_at(part.len() - part.chars().next_back().map_or(0, char::len_utf8));
        let factor = match unit {
            "h" => 3600,
            "m" => 60,
            "s" => 1,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        seconds = number.checked_mul(factor).and_then(|part| seconds.checked_add(part)).ok_or_else(wrong)?;
    }
    if seconds == 0 { Err(wrong()) } else { Ok(format!("{seconds}s")) }
}

/// What there is to answer with.
struct Known {
    checkouts: Checkouts,
    repositories: Option<Arc<Repositories>>,
}

/// Translates everything that `args` names. Fails only on what cannot be read or written; the exit code is 1 when an
/// Application has errors.
pub fn run(args: &Args, streams: &mut Streams<'_>) -> anyhow::Result<ExitCode> {
    let standard_input = [PathBuf::from("-")];
    let paths = match args.files.as_slice() {
        [] if std::io::stdin().is_terminal() => {
            writeln!(
                streams.errors,
                "error: name the Applications: -f FILE, -f DIR or -f -\n\nFor more information, try '--help'."
            )?;
            return Ok(ExitCode::from(2));
        }
        [] => &standard_input,
        paths => paths,
    };
    let files = applications::read(paths, streams.input)?;
    let known = Known {
        checkouts: Checkouts::open(&args.source_dirs)?,
        repositories: match args.repositories.as_slice() {
            [] => None,
            files => Some(Arc::new(repositories::read(files)?)),
        },
    };
    let mut objects = Vec::new();
    let mut is_good = true;
    for file in files {
        is_good &= one_file(args, &known, file, &mut objects, streams)?;
    }
    print(args.output, &objects, streams)?;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Adds the objects of the Applications in one file; `false` when something in it is wrong.
fn one_file(
    args: &Args,
    known: &Known,
    file: applications::File,
    objects: &mut Vec<Value>,
    streams: &mut Streams<'_>,
) -> anyhow::Result<bool> {
    let several = file.holds_several();
    let documents = match file.documents {
        Ok(documents) => documents,
        Err(message) => {
            writeln!(streams.errors, "{}: {message}", file.name)?;
            return Ok(false);
        }
    };
    let mut is_good = true;
    for document in documents {
        match document {
            Document::Skipped(note) => writeln!(streams.errors, "{}: note: {note}", file.name)?,
            Document::Broken(messages) => {
                for message in messages {
                    writeln!(streams.errors, "{}: {message}", file.name)?;
                }
                is_good = false;
            }
            Document::Application { app, unknown } => {
                let place =
                    if several { format!("{}: {}", file.name, app.name()) } else { file.name.clone() };
                for finding in unknown {
                    writeln!(streams.errors, "{place}: warning: {finding}")?;
                }
                is_good &= one(args, known, *app, &place, objects, streams)?;
            }
        }
    }
    Ok(is_good)
}

/// Adds the objects of one Application; `false` when it has errors.
fn one(
    args: &Args,
    known: &Known,
    mut app: Application,
    place: &str,
    objects: &mut Vec<Value>,
    streams: &mut Streams<'_>,
) -> anyhow::Result<bool> {
    if !app.is_bridged() {
        let name = app.name();
        writeln!(
            streams.errors,
            "{place}: note: {name} is left to Argo CD: no sync option FluxSubsystem=true"
        )?;
        return Ok(true);
    }
    app.metadata.namespace.get_or_insert_with(|| args.argocd_namespace.clone());
    let (translation, offline) = offline(args, known, &app);
    let problems = || translation.problems.iter().chain(&offline);
    for problem in problems() {
        let word = if problem.severity == Severity::Warning { "warning: " } else { "" };
        writeln!(streams.errors, "{place}: {word}{problem}")?;
    }
    for (field, sentence) in &translation.notes {
        writeln!(streams.errors, "{place}: note: {field}: {sentence}")?;
    }
    if problems().any(|problem| problem.severity == Severity::Error) {
        return Ok(false);
    }
    if !translation.references.is_empty() {
        let keys: Vec<String> = translation.references.iter().map(ToString::to_string).collect();
        let keys = keys.join(" or ");
        writeln!(
            streams.errors,
            "{place}: note: without AutoCreateFluxResources=true nothing is generated; {keys} is looked for"
        )?;
    }
    let namespace = &args.argocd_namespace;
    // They have to be there before what reads them.
    let secrets = translation.secrets.iter();
    objects.extend(secrets.map(|secret| repositories::printed(secret, namespace, args.show_secrets)));
    objects.extend(translation.all_objects().map(crate::flux::Manifest::to_value));
    Ok(true)
}

/// Translates and answers what the translation wants to know, as far as that is possible without a network. What it
/// stays without, or had to assume, is in the problems.
fn offline(args: &Args, known: &Known, app: &Application) -> (Translation, Vec<Problem>) {
    let address = args.artifact_address.clone();
    let policies: Vec<_> = args.policies.iter().flat_map(|file| file.0.clone()).collect();
    let policy = Effective::of(app, &policies);
    let mut problems = Vec::new();
    let mut context = Context {
        artifact_address: address.unwrap_or_else(|| names::artifact_address(&args.argocd_namespace)),
        control_namespace: args.argocd_namespace.clone(),
        poll_interval: args.poll_interval.clone(),
        checked_only: is_restricted(args, app, &policy, &mut problems),
        policy,
        repositories: known.repositories.clone(),
        git: Some(BTreeMap::new()),
        ..Context::default()
    };
    loop {
        let translation = translate(app, &context);
        let mut learned = false;
        for want in &translation.wants {
            match answer(want, app, args, known, &mut context) {
                Ok(assumption) => {
                    problems.extend(assumption);
                    learned = true;
                }
                Err(problem) => problems.push(problem),
            }
        }
        if !learned || problems.iter().any(|problem| problem.severity == Severity::Error) {
            return (translation, problems);
        }
    }
}

/// Whether the project of the Application, among those that were given, restricts what may be delivered.
fn is_restricted(args: &Args, app: &Application, policy: &Effective, problems: &mut Vec<Problem>) -> bool {
    if args.projects.is_empty() {
        return false;
    }
    let mut projects = args.projects.iter().flat_map(|file| &file.0);
    let Some(project) = projects.find(|project| project.name() == app.project()) else {
        let message = format!("AppProject {} is in none of the files of --project", app.project());
        problems.push(Problem::warning("spec.project", message, "pass the file that holds it"));
        return false;
    };
    // Impersonation is a setting of argocd-cm, which is not known here.
    is_checked_only(project, &Impersonation::Off, policy)
}

/// The problem of a source that a plugin may take for its own.
fn untold(field: String) -> Problem {
    let message = "a config management plugin may take it for its own, which is not known here";
    Problem::error(field, message, "say what it is: helm, kustomize, directory or plugin")
}

/// Puts the answer to `want` into `context`, with a warning where it is assumed; else the error that it stays open.
fn answer(
    want: &Want,
    app: &Application,
    args: &Args,
    known: &Known,
    context: &mut Context,
) -> Result<Option<Problem>, Problem> {
    let index = match want {
        Want::Contents { source }
        | Want::Rendered { source, .. }
        | Want::Files { source, .. }
        | Want::Discovered { source }
        | Want::Objects { source }
        | Want::Git { source, .. }
        | Want::Revision { source } => *source,
        Want::RemoteRefs { url } => {
            app.sources().iter().position(|source| source.repo_url == *url).unwrap_or_default()
        }
        Want::Address { url } => {
            let names_it = |source: &ApplicationSource| {
                source.helm.as_ref().is_some_and(|helm| helm.value_files.contains(url))
            };
            app.sources().iter().position(names_it).unwrap_or_default()
        }
    };
    let checkout = known.checkouts.of(app, index);
    let field = |name: &str| source_field(app, index, name);
    match want {
        Want::Contents { source } => {
            let Some((checkout, spec)) = checkout.zip(app.sources().get(*source)) else {
                if let Some(contents) = app.sources().get(*source).and_then(Contents::assume) {
                    context.contents.insert(*source, contents);
                    let message =
                        "taken to hold no .argocd-source.yaml, since the repository is not looked at";
                    let hint = "pass --source-dir with the root of the repository to be sure";
                    return Ok(Some(Problem::warning(field("path"), message, hint)));
                }
                let message = "only the contents of the path tell whether it is a chart, a kustomization or a directory";
                let hint =
                    "pass --source-dir with the root of the repository, or set helm, kustomize or directory";
                return Err(Problem::error(field("path"), message, hint));
            };
            let is_oci = spec.repo_url.starts_with("oci://");
            context.contents.insert(*source, checkout.contents(&spec.path, is_oci));
            Ok(None)
        }
        Want::Rendered { source, .. } => {
            let Some(digest) = rendered::of(&args.rendered, app, *source).map(str::to_owned) else {
                let message = "Argo CD's repo-server renders this source, which cannot be done here";
                let number = source + 1;
                let what = "ref.digest of the OCIRepository";
                let hint = match app.sources().len() {
                    1 => format!("pass what became of it: --rendered with {what}"),
                    _ => format!("pass what became of it: --rendered {number}=DIGEST with {what}"),
                };
                return Err(Problem::error(field(""), message, hint));
            };
            context.rendered.insert(*source, RenderedSource { digest, ..RenderedSource::default() });
            Ok(None)
        }
        Want::RemoteRefs { url } => {
            if let Some(refs) = refs(known, app, url) {
                context.refs.insert(url.clone(), refs);
                return Ok(None);
            }
            assume(app, url, context)
        }
        Want::Files { source, pattern } => {
            let (FilePattern::Path(path) | FilePattern::Glob(path)) = pattern;
            let Some(checkout) = checkout else {
                let message = format!("what {path} holds is part of the translation");
                let hint = "pass --source-dir with the root of the repository";
                return Err(Problem::error(field("repoURL"), message, hint));
            };
            let files =
                checkout.read(pattern).map_err(|message| Problem::error(field("repoURL"), message, ""))?;
            context.files.entry(*source).or_default().insert(pattern.clone(), files.into());
            Ok(None)
        }
        Want::Discovered { .. } => Err(untold(field(""))),
        Want::Objects { source } => {
            context.objects.insert(*source, Ok(Vec::new()));
            let message = "taken to hold nothing that another source holds, since nothing is rendered here";
            let hint = "the controller leaves out of each source what a later one holds as well";
            let is_first = context.objects.len() == 1;
            Ok(is_first.then(|| Problem::warning(field(""), message, hint)))
        }
        Want::Git { source, paths } => {
            // Where nobody can look, the contents were assumed as well: none.
            let none = GitNames::Files(BTreeSet::new());
            let names = checkout.map_or(none, |checkout| checkout.git_names(paths));
            let known = context.git.get_or_insert_default().entry(*source).or_default();
            known.insert(paths.clone(), names);
            Ok(None)
        }
        Want::Address { .. } => {
            let message = "what stands at an address is part of the translation, and is not fetched here";
            Err(Problem::error(field("helm.valueFiles"), message, "write the values into valuesObject"))
        }
        Want::Revision { source } => {
            let commit = checkout.and_then(Checkout::head).ok_or_else(|| {
                let message = "the resolved revision is part of the translation";
                Problem::error(field("targetRevision"), message, "pass --source-dir with a clone")
            })?;
            context.revisions.insert(*source, commit);
            Ok(None)
        }
    }
}

/// What a clone knows of the repository at `url`.
fn refs(known: &Known, app: &Application, url: &str) -> Option<RemoteRefs> {
    let sources = app.sources().iter().enumerate().filter(|(_, source)| source.repo_url == url);
    sources.into_iter().find_map(|(index, _)| known.checkouts.of(app, index)?.refs())
}

/// Takes the revisions of all sources of the repository at `url` for branches or tags, by what they look like.
fn assume(app: &Application, url: &str, context: &mut Context) -> Result<Option<Problem>, Problem> {
    let mut all = RemoteRefs::default();
    let mut first = None;
    for (index, source) in app.sources().iter().enumerate().filter(|(_, source)| source.repo_url == url) {
        let field = source_field(app, index, "targetRevision");
        let revision = match source.target_revision.as_str() {
            "" => "HEAD",
            revision => revision,
        };
        let Some(refs) = RemoteRefs::assume_of(source) else {
            let message = format!("unable to resolve '{revision}' to a commit SHA without the repository");
            let what = if source.tag_prefix.is_empty() { "branch" } else { "tag" };
            let hint = format!("name the {what}, or pass --source-dir with a clone");
            return Err(Problem::error(field, message, hint));
        };
        let Some(assumed) = refs.refs.keys().next() else { continue };
        first.get_or_insert_with(|| {
            let message = format!("taken for {assumed}, since the repository is not looked at");
            Problem::warning(field, message, "pass --source-dir with a clone to be sure")
        });
        all.refs.extend(refs.refs);
    }
    context.refs.insert(url.to_owned(), all);
    Ok(first)
}

fn print(output: Output, objects: &[Value], streams: &mut Streams<'_>) -> anyhow::Result<()> {
    match output {
        Output::Yaml => {
            for (index, object) in objects.iter().enumerate() {
                let separator = if index == 0 { "" } else { "---\n" };
                write!(streams.output, "{separator}{}", yaml::write(object)?)?;
            }
        }
        Output::Json => {
            let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
            writeln!(streams.output, "{list:#}")?;
        }
    }
    Ok(streams.output.flush()?)
}
