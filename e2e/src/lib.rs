//! Everything real that surrounds the bridge, and a door to it for tests, demonstrations and measurements.
//!
//! A *stack* is etcd, the Kubernetes control plane, kwok in place of kubelets, Flux, on request Argo CD with Redis,
//! and the repositories that Applications point at. All of it is real programs, built from Go modules pinned under
//! `e2e/programs/`, on free ports of 127.0.0.1, in one folder of the cache.
//!
//! | module | what it holds |
//! |---|---|
//! | [`programs`], [`build`] | which programs at which version; how they are built into the shared cache |
//! | `components`, `bootstrap`, `supervisor` | how they are started, what the cluster needs first, who owns them |
//! | [`launch`], [`state`] | a stack from outside: up, down, `stack.json` |
//! | [`sources`] | Helm repositories, OCI registry, git over HTTP and SSH, and how tests change them |
//! | [`private`] | the same behind TLS, passwords and proxies of a test's own |
//! | [`Stack`], [`TestEnv`], [`Bridge`] | what tests use |
//! | [`demo`] | three Applications from nothing to delivered to gone |
//! | [`fuzz`] | mutated Applications through the translation |
//! | [`parity`] | Applications delivered by stock Argo CD and by Flux, and the live objects compared |

pub mod bridge;
pub mod build;
pub mod demo;
pub mod environment;
pub mod fuzz;
pub mod http;
pub mod kinds;
pub mod launch;
pub mod parity;
pub mod paths;
pub mod private;
pub mod process;
pub mod programs;
pub mod progress;
pub mod redis;
pub mod run;
pub mod sources;
pub mod stack;
pub mod state;
pub mod supervisor;
pub mod test_env;

mod bootstrap;
mod components;
mod hex;
mod lock;
mod packages;
mod ports;

pub use bridge::{Bridge, BridgeOptions, Until};
pub use redis::{Redis, RedisOptions};
pub use run::Output;
pub use sources::charts::Chart;
pub use sources::git::Repository;
pub use sources::{Server, Sources};
pub use stack::Stack;
pub use state::Options;
pub use test_env::TestEnv;
