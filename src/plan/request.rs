//! Requests that the bridge makes of its own accord, beside those of operations and refreshes.

use crate::flux::Live;
use crate::names;

/// What `live` is to be asked with for `what`; `None` where it is asked already. `begins` is the beginning of such requests.
///
/// What somebody asked with stays in front: it is how an operation knows its own request.
pub(super) fn beside(live: Live<'_>, begins: &str, what: &str) -> Option<String> {
    let asked = live.annotation(names::ANNOTATION_REQUESTED_AT).unwrap_or_default();
    let first = asked.split(&format!("/{begins}")).next().unwrap_or_default();
    let token = format!("{first}/{begins}{what}");
    (token != asked).then_some(token)
}
