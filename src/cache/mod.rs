//! Argo CD's Redis: where its server reads the resource tree and the diff of an Application from.
//!
//! The bridge only writes there, what Argo CD's application-controller would have written, and only when it changed.
//! Nothing depends on it: without Redis the Applications are delivered all the same, and the UI shows no tree.
//!
//! | part | what it is |
//! |---|---|
//! | [`settings`] | where Redis is and how to speak to it, from Argo CD's own settings (pure) |
//! | [`keys`], [`codec`] | names and form of what is written (pure) |
//! | [`Writer`] | what reconciles hand their entries to; a task of its own does the talking |
//! | [`read`], [`probe`] | the same settings and a try of them, for whoever looks from outside |

pub mod codec;
mod connect;
#[cfg(test)]
mod costs;
mod desk;
mod discover;
pub mod keys;
mod ledger;
pub mod probe;
mod request;
pub mod settings;
mod state;
mod task;
mod writer;

pub use connect::{ConnectError, probe};
pub use discover::read;
pub use probe::Probe;
pub(crate) use writer::{Signals, Writer, start};
