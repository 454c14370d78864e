//! A panic ends what it happened in, and nothing else.
//!
//! None is expected: what cannot be is an error with words everywhere. But Applications are other people's, and one of them must
//! not end the work on all the others.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use futures::FutureExt as _;

thread_local! {
    /// Where the last panic of this thread happened.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What panicked, caught.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("internal error at {place}")]
pub struct Panic {
    /// `FILE:LINE` of the source. What the panic said may hold anybody's data, and goes to the standard error output alone.
    pub place: String,
}

/// The outcome of `future`, or the panic that ended it.
pub async fn caught<F: Future>(future: F) -> Result<F::Output, Panic> {
    note_places();
    // What a panic may leave half done here is behind locks that nothing is left half changed under, or in the API server,
    // where everything is done step by step.
    AssertUnwindSafe(future).catch_unwind().await.map_err(from)
}

/// The same for what does not wait.
pub fn caught_now<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    note_places();
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(from)
}

/// A panic is caught by the poll, or the call, that it happened in: on its own thread.
fn from(_: Box<dyn Any + Send>) -> Panic {
    let place = PLACE.with(|place| place.borrow_mut().take());
    Panic { place: place.unwrap_or_else(|| "an unknown place".to_owned()) }
}

/// Notes places from now on, beside what the program says of a panic anyway.
fn note_places() {
    static NOTED: Once = Once::new();
    NOTED.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let found = info.location().map(|location| format!("{}:{}", location.file(), location.line()));
            PLACE.with(|place| *place.borrow_mut() = found);
            usual(info);
        }));
    });
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;

    fn broken(text: &str) -> u32 {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_panic_is_an_error_with_its_place_and_the_next_one_runs() {
        let error = caught(async { broken("x") }).await.unwrap_err();
        assert!(error.place.starts_with("src/panics.rs:"), "{error}");
        assert!(!error.to_string().contains("ParseInt"), "{error}");
        assert_eq!(caught(async { broken("7") }).await, Ok(7));
    }

    #[tokio::test]
    async fn a_panic_after_a_while_is_caught_where_it_happens() {
        let late = async {
            tokio::task::yield_now().await;
            broken("x")
        };
        let found = tokio::spawn(caught(late)).await.unwrap();
        assert!(found.unwrap_err().place.starts_with("src/panics.rs:"));
    }

    #[test]
    fn what_does_not_wait_is_caught_too() {
        assert!(caught_now(|| broken("x")).unwrap_err().place.starts_with("src/panics.rs:"));
        assert_eq!(caught_now(|| broken("7")), Ok(7));
    }

    #[test]
    fn a_lock_that_was_held_is_there_for_others() {
        let lock = Mutex::new(1);
        let held = caught_now(|| {
            let _guard = lock.lock().unwrap();
            broken("x")
        });
        assert!(held.is_err());
        assert_eq!(*lock.lock().unwrap_or_else(PoisonError::into_inner), 1);
    }
}
