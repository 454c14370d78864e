//! What a look around in a Redis comes to.

use super::codec::Compression;

/// What was found out about a Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// `redis_version` of the server; empty where it may not be asked.
    pub version: String,
    /// How many of the trees that were looked at have which form; Argo CD's own programs and the bridge agree when all
    /// of them have the same one.
    pub trees: [(Compression, usize); 2],
}
