//! What the API server answered when a watch failed.

use kube::runtime::watcher;

/// The code that a request to list or to watch was answered with, such as 403 or 404.
pub(crate) fn code(error: &watcher::Error) -> Option<u16> {
    match error {
        watcher::Error::InitialListFailed(source)
        | watcher::Error::WatchStartFailed(source)
        | watcher::Error::WatchFailed(source) => match source {
            kube::Error::Api(status) => Some(status.code),
            _ => None,
        },
        // These end a watch that ran, and say nothing of the next one.
        watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => None,
    }
}

/// The API server does not allow it.
pub(crate) fn is_forbidden(error: &watcher::Error) -> bool {
    code(error) == Some(403)
}
