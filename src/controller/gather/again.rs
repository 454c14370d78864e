//! When to read again though nothing happens: as soon as anybody wishes.

use std::time::Duration;

/// The shortest of all wishes; a longer one never takes its place.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::controller) struct Again(Option<Duration>);

impl Again {
    /// Within that time.
    pub(in crate::controller) fn within(&mut self, delay: Duration) {
        self.0 = Some(self.0.map_or(delay, |earlier| earlier.min(delay)));
    }

    /// The delay; `None` where nobody wishes it.
    pub(in crate::controller) const fn delay(self) -> Option<Duration> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_wish_counts() {
        let mut again = Again::default();
        assert_eq!(again.delay(), None);
        for (seconds, expected) in [(120, 120), (1, 1), (120, 1)] {
            again.within(Duration::from_secs(seconds));
            assert_eq!(again.delay(), Some(Duration::from_secs(expected)));
        }
    }
}
