//! `cargo demo`: three Applications on the real programs, from nothing to delivered to gone, watched all the way.
//!
//! The bridge and Flux deliver without Argo CD's programs. Where those are not built yet, the bridged Applications come
//! first, and the plain one when Argo CD is there.

mod cluster;
mod times;
mod track;
mod view;

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use serde_json::{Value, json};

use crate::build::{self, Built};
use crate::stack::Stack;
use crate::state::Options;
use crate::{launch, programs, progress};
use cluster::{Change, Cluster};
use track::Track;
use view::View;

/// How long delivery, and deletion, may each take.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often the view is redrawn though nothing happens: its clock runs on.
const TICK: Duration = Duration::from_millis(250);

/// The whole demonstration on the stack called `name`; says whether everything was delivered, and with `keep` left out, gone again.
/// Interrupted (Ctrl-C), it ends what it started.
pub async fn run(keep: bool, name: &str) -> Result<bool> {
    let outcome = tokio::select! {
        outcome = act(keep, name) => outcome,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            progress::say("interrupted");
            end(name).await?;
            return Ok(false);
        }
    };
    if keep {
        if outcome.is_ok() {
            print(&how_to_play(name))?;
        }
    } else {
        end(name).await?;
    }
    outcome
}

async fn act(keep: bool, name: &str) -> Result<bool> {
    let options = Options { argocd: true, argocd_later: true, ..Options::default() };
    let stack = Stack::up(name, options).await?;
    let bridge = stack.shared_bridge().await?;
    print(&format!(
        "the bridge runs as process {}, under the service account of manifests/",
        bridge.process().pid
    ))?;
    let mut demo = Demo::new(stack).await?;
    let is_delivered = demo.deliver().await?;
    demo.show().await?;
    let is_gone = keep || demo.delete().await?;
    print(&format!("\n{}\n", times::table(&demo.tracks)))?;
    if !is_delivered {
        print(&demo.complaints().await)?;
    }
    if !is_gone {
        print("something is left of what was deleted")?;
    }
    Ok(is_delivered && is_gone)
}

struct Demo {
    stack: Arc<Stack>,
    /// One for each of `tracks`.
    manifests: Vec<Value>,
    tracks: Vec<Track>,
    cluster: Cluster,
    changes: BoxStream<'static, Change>,
}

impl Demo {
    async fn new(stack: Arc<Stack>) -> Result<Self> {
        let sources = stack.sources();
        let manifests = include_str!("applications.yaml")
            .replace("HELM_REPOSITORY_URL", &sources.helm_url("podinfo"))
            .replace("OCI_ARTIFACT_URL", &sources.oci_url("manifests/argocd"));
        // kubectl is the YAML reader at hand; it prints one List.
        let arguments = ["create", "--dry-run=client", "--filename=-", "-o", "json"];
        let read = stack.run_with_input("kubectl", &arguments, &manifests).await?.text()?;
        let documents: Vec<Value> =
            serde_json::Deserializer::from_str(&read).into_iter().collect::<Result<_, _>>()?;
        let manifests: Vec<_> = documents
            .iter()
            .flat_map(|document| document["items"].as_array().cloned().unwrap_or(vec![document.clone()]))
            .collect();
        let tracks: Vec<_> = manifests.iter().map(Track::of).collect();
        clear(&stack, &tracks).await?;
        let changes = cluster::changes(&stack.admin().await?)?;
        let mut demo = Self { stack, manifests, tracks, cluster: Cluster::default(), changes };
        while !demo.cluster.is_listed() {
            demo.take_in_a_change().await?;
        }
        Ok(demo)
    }

    async fn take_in_a_change(&mut self) -> Result<()> {
        self.cluster.observe(self.changes.next().await.context("the watches ended")?)
    }

    /// Delivers the Applications, those that need Argo CD when it is there; `false` when that takes too long.
    async fn deliver(&mut self) -> Result<bool> {
        print("\nthree Applications: aa is plain, bb and cc are bridged\n")?;
        if build::locate(&programs::of_stack(true))?.iter().all(Built::is_built) {
            self.stack.start_argocd().await?;
            return self.apply(|_| true).await;
        }
        print("Argo CD is not built yet: first what Flux delivers\n")?;
        let is_delivered = self.apply(|track| track.bridged).await?;
        print("\nthe bridged ones need no more than that; now Argo CD for the plain one\n")?;
        self.stack.start_argocd().await?;
        Ok(self.apply(|track| !track.bridged).await? && is_delivered)
    }

    /// Applies Applications, watching all the while, until they are delivered; `false` when that takes too long.
    async fn apply(&mut self, chosen: impl Fn(&Track) -> bool) -> Result<bool> {
        let pairs = self.tracks.iter().zip(&self.manifests);
        let items: Vec<_> = pairs.filter(|(track, _)| chosen(track)).map(|(_, manifest)| manifest).collect();
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string();
        let stack = Arc::clone(&self.stack);
        let done = |track: &Track| track.healthy.is_some() || !chosen(track);
        let (applied, is_delivered) = tokio::join!(stack.apply(&list), self.watch(done));
        applied.and(is_delivered)
    }

    /// What people look at.
    async fn show(&self) -> Result<()> {
        let commands =
            ["helm list -A", "flux get all -A", "kubectl get applications -n argocd"].map(|c| c.split(' '));
        for mut words in commands {
            let program = words.next().unwrap_or_default();
            let output = self.stack.run(program, &words.collect::<Vec<_>>()).await?;
            print(&format!("\n$ {}", output.command))?;
            print(output.text()?.trim_end())?;
        }
        Ok(())
    }

    /// Deletes the Applications, watching all the while, until nothing of them is left; `false` when that takes too long.
    async fn delete(&mut self) -> Result<bool> {
        print("\ndeleting them again\n")?;
        let names: Vec<_> = self.tracks.iter().map(|track| track.name.clone()).collect();
        let mut arguments = vec!["delete", "applications", "-n", "argocd", "--wait=false"];
        arguments.extend(names.iter().map(String::as_str));
        let asked = Some(Instant::now());
        self.tracks.iter_mut().for_each(|track| track.deleted = asked);
        let stack = Arc::clone(&self.stack);
        let (deleted, is_gone) =
            tokio::join!(stack.run("kubectl", &arguments), self.watch(|track| track.gone.is_some()));
        deleted?.text()?;
        is_gone
    }

    /// Takes in changes and redraws until every track is `done`; says whether that happened in time.
    async fn watch(&mut self, done: impl Fn(&Track) -> bool) -> Result<bool> {
        let (begun, mut view) = (Instant::now(), View::new());
        let mut clock = tokio::time::interval(TICK);
        while begun.elapsed() < PATIENCE {
            tokio::select! {
                taken = self.take_in_a_change() => {
                    taken?;
                    let now = Instant::now();
                    for track in &mut self.tracks {
                        track.note(&self.cluster, now);
                    }
                }
                _ = clock.tick() => view.draw(&self.tracks, &self.cluster),
            }
            if self.tracks.iter().all(&done) {
                view.draw(&self.tracks, &self.cluster);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What the Applications that were not delivered say.
    async fn complaints(&self) -> String {
        let mut lines = vec![format!("not everything was delivered within {} s:", PATIENCE.as_secs())];
        for track in self.tracks.iter().filter(|track| track.healthy.is_none()) {
            let arguments = ["get", "application", &track.name, "-n", "argocd", "-o", "yaml"];
            let shown =
                self.stack.run("kubectl", &arguments).await.map(|output| output.stdout + &output.stderr);
            lines.push(shown.unwrap_or_else(|error| format!("{error:#}")));
        }
        lines.join("\n")
    }
}

/// Takes away what an earlier demonstration left on a stack that it kept.
async fn clear(stack: &Stack, tracks: &[Track]) -> Result<()> {
    let mut arguments =
        vec!["delete", "applications", "-n", "argocd", "--ignore-not-found", "--timeout=100s"];
    arguments.extend(tracks.iter().map(|track| track.name.as_str()));
    stack.run("kubectl", &arguments).await?.text().map(drop)
}

/// Ends the stack, and the bridge with it.
async fn end(name: &str) -> Result<()> {
    let owned = name.to_owned();
    let down = tokio::task::spawn_blocking(move || launch::down(&owned));
    let ended = down.await.context("ending the stack panicked")??;
    if ended { print(&format!("stack {name} and the bridge are down")) } else { Ok(()) }
}

fn how_to_play(name: &str) -> String {
    format!(
        "everything runs on; some things to try:

  cargo stack exec --name {name} -- kubectl get applications -n argocd -w
  cargo stack exec --name {name} -- argocd app set bb-podinfo-helm-with-fsa -p replicaCount=4
  cargo stack exec --name {name} -- helm history bb-podinfo-helm-with-fsa -n podinfo-helm-with-fsa
  cargo stack exec --name {name} -- flux suspend helmrelease bb-podinfo-helm-with-fsa -n podinfo-helm-with-fsa
  cargo stack logs --name {name} bridge
  cargo stack status --name {name}
  cargo stack down --name {name}          # ends all of it, the bridge too"
    )
}

fn print(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{text}").context("write to standard output")
}
