//! What is sent to Redis: one pipeline at a time, and what an error in its answer means.

use redis::{ErrorKind, Pipeline, RedisError, ServerErrorKind};

use super::codec::Compression;
use super::keys::Keys;
use super::ledger::Work;
use super::settings::Settings;

/// What does the work, in this order: whoever hears of the change reads what is new.
pub(super) fn of(keys: &Keys, work: &Work, settings: &Settings) -> Pipeline {
    let mut pipeline = redis::pipe();
    match work {
        Work::Write { tree, managed_resources, .. } => {
            let values = [
                (keys.tree(settings.compression), tree),
                (keys.managed_resources(settings.compression), managed_resources),
            ];
            for (key, value) in values {
                let set = pipeline.cmd("SET").arg(key).arg(value.as_slice());
                set.arg("EX").arg(settings.expiration.as_secs()).ignore();
            }
        }
        Work::Drop => {
            // In either form: the other one may be left from other settings.
            let both = Compression::ALL;
            let names = both.into_iter().flat_map(|form| [keys.tree(form), keys.managed_resources(form)]);
            pipeline.cmd("DEL").arg(names.collect::<Vec<_>>()).ignore();
        }
    }
    pipeline.cmd("PUBLISH").arg(keys.channel()).arg("").ignore();
    pipeline
}

/// Lets the entries of all of these live on. Answered with two booleans each, whether it was there.
pub(super) fn renew(all: impl Iterator<Item = Keys>, settings: &Settings) -> Pipeline {
    let form = settings.compression;
    let mut pipeline = redis::pipe();
    for key in all.flat_map(|keys| [keys.tree(form), keys.managed_resources(form)]) {
        pipeline.cmd("EXPIRE").arg(key).arg(settings.expiration.as_secs());
    }
    pipeline
}

/// Another connection is needed. What a server that has become a replica refuses, its successor takes.
pub(super) fn is_lost(error: &RedisError) -> bool {
    let kind = error.kind();
    error.is_unrecoverable_error()
        || error.is_timeout()
        || error.is_io_error()
        || matches!(kind, ErrorKind::AuthenticationFailed)
        || matches!(kind, ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown))
}

#[cfg(test)]
mod tests;
