//! How many questions are under way at once, so that nobody's take the places of all others.
//!
//! One who is asked and does not answer holds the places of his own questions alone: those about one host by one project, and
//! those of one project, have limits of their own below the limit of all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::credentials::Address;

/// Who asks, and whom, as far as they share places.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Party {
    /// The `AppProject` on whose behalf.
    pub(crate) project: String,
    /// Whom in the end: the host of a repository, or of what serves the artifact.
    pub(crate) host: String,
}

impl Party {
    /// Who asks on behalf of `project` about what is at `url`.
    pub(super) fn of(project: &str, url: &str) -> Self {
        Self { project: project.to_owned(), host: Address::of(url).authority() }
    }
}

/// How many questions of one kind are under way at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// By all.
    pub(super) all: usize,
    /// By one project.
    pub(super) project: usize,
    /// By one project about one host.
    pub(super) host: usize,
}

/// The places of one kind of question.
pub(super) struct Places {
    limits: Limits,
    all: Arc<Semaphore>,
    /// Those in use, by whose they are; what nobody holds any longer is dropped with the next one that comes.
    some: Mutex<HashMap<Share, Weak<Semaphore>>>,
}

/// Who shares some of the places.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Share {
    Project(String),
    Host(Party),
}

/// A question under way.
pub(super) struct Place {
    _held: [Option<OwnedSemaphorePermit>; 3],
}

impl Places {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, all: Arc::new(Semaphore::new(limits.all)), some: Mutex::default() }
    }

    /// Waits for a place: the narrow limits first, so that whoever waits for one of them takes no place away.
    pub(super) async fn take(&self, party: &Party) -> Place {
        let host = acquire(self.shared(Share::Host(party.clone()), self.limits.host)).await;
        let project = acquire(self.shared(Share::Project(party.project.clone()), self.limits.project)).await;
        Place { _held: [host, project, acquire(Arc::clone(&self.all)).await] }
    }

    fn shared(&self, share: Share, limit: usize) -> Arc<Semaphore> {
        let mut some = self.some.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = some.get(&share).and_then(Weak::upgrade) {
            return there;
        }
        some.retain(|_, semaphore| semaphore.strong_count() > 0);
        let semaphore = Arc::new(Semaphore::new(limit));
        some.insert(share, Arc::downgrade(&semaphore));
        semaphore
    }
}

/// The permit keeps the semaphore alive. It is never closed.
async fn acquire(semaphore: Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    semaphore.acquire_owned().await.ok()
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn party(project: &str, host: &str) -> Party {
        Party { project: project.to_owned(), host: host.to_owned() }
    }

    #[test]
    fn who_hangs_takes_nobody_elses_place() {
        let places = Places::new(Limits { all: 8, project: 4, host: 2 });
        let take = |project: &str, host: &str| places.take(&party(project, host)).now_or_never();
        let hanging = [take("a", "hangs"), take("a", "hangs")];
        assert!(hanging.iter().all(Option::is_some));
        assert!(take("a", "hangs").is_none(), "a third about the same host");
        let others = [take("a", "answers"), take("b", "hangs"), take("b", "hangs")];
        assert!(others.iter().all(Option::is_some));
        let fourth = take("a", "third");
        assert!(fourth.is_some());
        assert!(take("a", "fifth").is_none(), "a fifth of the same project");
        assert!(take("b", "answers").is_some());
        drop(hanging);
        assert!(take("a", "hangs").is_some());
    }

    #[test]
    fn one_place_is_enough_for_who_asks_for_nobody() {
        let places = Places::new(Limits { all: 1, project: 1, host: 1 });
        assert!(places.take(&Party::default()).now_or_never().is_some());
    }

    #[test]
    fn what_nobody_uses_is_dropped() {
        let places = Places::new(Limits { all: 8, project: 4, host: 2 });
        for number in 0..100 {
            assert!(places.take(&party("a", &number.to_string())).now_or_never().is_some());
        }
        assert!(places.some.lock().unwrap().len() <= 3);
    }
}
