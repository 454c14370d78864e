//! Argo CD Applications, delivered by Flux: a controller beside a stock Argo CD and a stock Flux.
//!
//! # Where to look
//!
//! ```text
//! watches ─► stores ─► gather ─► translate ─► plan ─► execute
//!  (shell)    (shell)   (reads)    (pure)     (pure)   (the only writer)
//!                          └────► mirror (pure) ─┘
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`argo`], [`flux`] | partial types of what is read and written of either |
//! | [`names`] | every label, annotation, finalizer, option and default |
//! | [`translate`] | Application → Flux objects and problems |
//! | [`credentials`] | Argo CD's repository Secrets → Flux's, and the rule that keeps them where they are |
//! | [`mirror`] | live objects → status, tree and differences: relations, states, health, conditions |
//! | [`project`] | what an `AppProject` allows: sources, destinations, kinds, times |
//! | [`policy`] | what a platform team sets for the Flux objects of many Applications |
//! | [`plan`] | what is to be done, as [`plan::Step`]s: take-over, operations, upkeep, refresh, deletion, hand-back |
//! | [`adopt`] | hand-made changes of Flux objects → the Application |
//! | [`generate`] | existing Flux objects → an Application that refers to, or generates, them |
//! | [`controller`] | the shell: watches, caches, questions, the executor |
//! | [`artifact`], [`remote_refs`], [`address`] | the questions that only a download answers |
//! | [`repo_server`] | what a source would deliver, asked of Argo CD |
//! | [`registry`] | what Argo CD rendered, served to Flux as artifacts |
//! | [`cache`] | Argo CD's Redis, which its server shows the resource tree and the diff from |
//! | [`lease`], [`serve`], [`metrics`], [`telemetry`] | what it takes to be operated |
//! | [`panics`] | a panic costs what it happened in, and nobody else anything |
//! | [`doctor`] | what a cluster has to have, judged |
//! | [`cli`] | one file a verb |
//! | [`yaml`], [`merge`], [`digest`] | doors to YAML, merging and hashing |
//!
//! # Invariants
//!
//! 1. An Application without exactly `FluxSubsystem=true` among its sync options is never written to. The one exception is
//!    one that carries the bridge's own stamp (`flux-subsystem.dev/stamped`): it is handed back to stock Argo CD, and the
//!    stamp taken off.
//! 2. Nothing is deleted or changed that does not carry both the bridge's label and the owning Application's identity, in a place
//!    where that Application can have objects: Argo CD's own namespace, its present one, and wherever its status lists the
//!    object. Marks alone say nothing, since anybody may write them ([`mirror::ownership`]); so an object is listed before it
//!    is applied. The exceptions: `reconcile.fluxcd.io/requestedAt` on an object that an Application only refers to, when somebody
//!    asks for a Sync or a refresh; and, when an Application is handed back, what its generated `HelmRelease` leaves
//!    behind (the `HelmChart` that Flux made of it, and Helm's records of its release, those alone that its spec names in its
//!    own namespace).
//! 3. What `flux-subsystem translate` prints is what the controller applies.
//! 4. Status comes from Flux and the live objects, never from the bridge's own last write; all state is in the API
//!    server. A process killed between any two requests leaves nothing to repair.
//! 5. Nothing is dropped silently: what cannot be expressed is a [`translate::Problem`], and an error keeps what was
//!    delivered running.
//! 6. Idle is silent: with nothing happening, nothing is written.
//! 7. No Application ends the process: JSON is not written through an index, which a test reads the sources for, and a panic
//!    ends the reconcile of one Application, which says so ([`panics`]).
//! 8. Pure are `adopt`, `argo`, `cache/codec.rs`, `cache/keys.rs`, `cache/probe.rs`, `cache/settings.rs`, `credentials`,
//!    `digest.rs`, `doctor`, `flux`, `generate`, `merge.rs`, `mirror`, `names.rs`, `plan`, `policy`, `problem.rs`,
//!    `project`, `registry/chart.rs`, `registry/image.rs`, `registry/manifests.rs`, `repo_server/messages`,
//!    `repo_server/repo_creds.rs`, `repo_server/repository.rs`, `repo_server/request.rs`, `translate`, `yaml.rs`: they hold
//!    no `async`, and name no client, clock, environment or file; a test reads what their sources name.

pub mod address;
pub mod adopt;
pub mod argo;
pub mod artifact;
pub mod cache;
pub mod cli;
pub mod controller;
pub mod credentials;
pub mod digest;
pub mod doctor;
pub mod flux;
pub mod generate;
pub mod lease;
mod lookup;
pub mod merge;
pub mod metrics;
pub mod mirror;
pub mod names;
pub mod panics;
pub mod plan;
pub mod policy;
pub mod problem;
pub mod project;
pub mod registry;
pub mod remote_refs;
pub mod repo_server;
pub mod serve;
pub mod telemetry;
pub mod translate;
mod watch_error;
pub mod yaml;

#[cfg(test)]
mod testing;

#[cfg(test)]
mod architecture;
