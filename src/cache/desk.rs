//! What stands between those who write and the task that talks to Redis.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::ledger::Ledger;

/// What the writer and its task share.
#[derive(Default)]
pub(super) struct Desk {
    ledger: Mutex<Ledger>,
    /// There is work.
    pub(super) work: Notify,
}

impl Desk {
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
