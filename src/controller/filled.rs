//! When Applications are decided upon: not before everything is known from which that is done.

use super::gather;
use super::shared::Shared;
use crate::panics;

/// Waits until then.
pub(super) async fn filled(shared: &Shared) {
    shared.cache.filled().await;
    shared.primed.call_once(|| {
        // It only spares lists, and each look asks for its own again.
        if let Err(panic) = panics::caught_now(|| gather::prime(shared)) {
            shared.metrics.panicked("start");
            tracing::error!(place = panic.place, "a mistake of the bridge's: please report it");
        }
    });
}
