//! `cargo parity`: each Application delivered twice, plain by stock Argo CD and bridged by Flux, and what then lives in
//! the cluster compared.
//!
//! | module | what it holds |
//! |---|---|
//! | [`entry`] | one Application of the corpus (`e2e/parity/corpus/NAME/`) and what is expected of it |
//! | [`user`] | a user's own Application, made into an entry |
//! | [`publish`] | the repositories that the corpus points at (`e2e/parity/sources/`) |
//! | [`side`] | one of the two deliveries: the Application as applied, and how it ended |
//! | `cloud` | addresses for what waits for a load balancer |
//! | [`live`] | the objects in the cluster that a delivery is responsible for |
//! | [`normal`], [`compare`] | pure: what of an object counts, and where two sets of objects differ |
//! | [`verdict`], [`report`] | identical, differs or refused, why, and whether that was expected |
//! | [`run`] | many at once |

mod cloud;
pub mod compare;
pub mod entry;
pub mod live;
pub mod normal;
pub mod publish;
pub mod report;
pub mod run;
pub mod side;
pub mod user;
pub mod verdict;
