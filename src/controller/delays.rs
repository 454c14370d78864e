//! How long a watch that failed waits before it begins again.

use std::time::Duration;

use kube::runtime::utils::Backoff;

/// From half a second to five: a CRD that is installed later is noticed soon, an API server that is down is not flooded.
#[derive(Default)]
pub(super) struct Delays(u32);

impl Iterator for Delays {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let delay = Duration::from_millis(500 << self.0.min(4));
        self.0 = self.0.saturating_add(1);
        Some(delay.min(Duration::from_secs(5)))
    }
}

impl Backoff for Delays {
    fn reset(&mut self) {
        self.0 = 0;
    }
}
