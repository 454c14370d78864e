//! What reconciles hand their entries to.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::BoxStream;
use kube::Client;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::codec;
use super::desk::Desk;
use super::ledger::{Fingerprint, Session, Work};
use super::settings::Overrides;
use super::task::Task;
use crate::argo::Application;
use crate::metrics::Metrics;
use crate::plan::step::CacheEntry;

/// How long somebody may wait for Redis who has to know that it is written.
const PATIENCE: Duration = Duration::from_secs(2);

/// Hands entries to the task that talks to Redis, and never waits for it but where the caller has to.
#[derive(Clone)]
pub(crate) struct Writer(Arc<Desk>);

/// What the controller is to look at because of Redis.
pub(crate) struct Signals {
    /// A Redis without any entry was connected to.
    pub(crate) everything: BoxStream<'static, ()>,
    /// Redis lost the entry of that Application, or did not take it.
    pub(crate) lost: BoxStream<'static, ObjectRef<Application>>,
}

/// Starts the task; it ends with `stop`.
pub(crate) fn start(
    client: &Client,
    control_namespace: &str,
    overrides: Overrides,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) -> (Writer, Signals) {
    let desk = Arc::new(Desk::default());
    let (everything, every) = mpsc::unbounded_channel();
    let (lost, some) = mpsc::unbounded_channel();
    let task = Task::new(Arc::clone(&desk), control_namespace.to_owned(), metrics, everything, lost);
    let (client, namespace) = (client.clone(), control_namespace.to_owned());
    tokio::spawn(async move {
        tokio::select! {
            () = task.run(&client, &namespace, &overrides) => {}
            () = stop.cancelled() => {}
        }
    });
    (Writer(desk), Signals { everything: received(every), lost: received(some) })
}

fn received<T: Send + 'static>(mut receiver: mpsc::UnboundedReceiver<T>) -> BoxStream<'static, T> {
    Box::pin(futures::stream::poll_fn(move |context| receiver.poll_recv(context)))
}

impl Writer {
    /// Sees to it that Argo CD's server reads this of the Application. Returns at once, unless the entry is forced:
    /// then it is written when this returns, or Redis is away or slow, and it will be written later.
    pub(crate) async fn write(&self, identity: &str, entry: &CacheEntry) {
        let Some(session) = self.0.ledger().session() else { return };
        let fingerprint = fingerprint(entry);
        if !entry.is_forced && self.0.ledger().has(identity, fingerprint) {
            return;
        }
        let (tree, managed) = (codec::json(&entry.tree), codec::json(&entry.managed_resources));
        match compressed(session, fingerprint, tree, managed) {
            Ok(work) => self.add(identity, session, work, entry.is_forced).await,
            Err(error) => {
                tracing::error!(application = identity, %error, "cannot compress the resource tree");
            }
        }
    }

    /// Takes the Application out of Redis, with the patience of a forced entry: what is not taken out runs out.
    pub(crate) async fn drop_entry(&self, identity: &str) {
        let session = self.0.ledger().session();
        if let Some(session) = session {
            self.add(identity, session, Work::Drop, true).await;
        }
    }

    /// The Application's entry is nothing to keep alive any more.
    pub(crate) fn forget(&self, identity: &str) {
        self.0.ledger().forget(identity);
    }

    async fn add(&self, identity: &str, session: Session, work: Work, is_urgent: bool) {
        let done: Option<oneshot::Receiver<bool>> = self.0.ledger().add(identity, session, work, is_urgent);
        self.0.work.notify_one();
        let Some(done) = done.filter(|_| is_urgent) else { return };
        if !matches!(tokio::time::timeout(PATIENCE, done).await, Ok(Ok(true))) {
            tracing::debug!(application = identity, "Redis has not answered in time");
        }
    }
}

/// Most looks change nothing that is shown, so this neither writes JSON nor hashes its text: it costs a fraction of both
/// (`costs.rs` prints it).
pub(super) fn fingerprint(entry: &CacheEntry) -> Fingerprint {
    let mut hasher = DefaultHasher::new();
    entry.tree.hash(&mut hasher);
    entry.managed_resources.hash(&mut hasher);
    hasher.finish()
}

fn compressed(
    session: Session,
    fingerprint: Fingerprint,
    tree: Vec<u8>,
    managed: Vec<u8>,
) -> std::io::Result<Work> {
    Ok(Work::Write {
        fingerprint,
        tree: codec::compress(tree, session.compression)?,
        managed_resources: codec::compress(managed, session.compression)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(tree: Value, managed_resources: Value) -> Fingerprint {
        fingerprint(&CacheEntry { tree, managed_resources, is_forced: false })
    }

    #[test]
    fn a_fingerprint_tells_what_is_shown_apart_and_nothing_else() {
        let tree = json!({"nodes": [{"name": "a", "uid": "1"}], "hosts": []});
        let known = of(tree.clone(), json!([]));
        assert_eq!(known, of(json!({"hosts": [], "nodes": [{"uid": "1", "name": "a"}]}), json!([])));
        for (tree, managed) in [
            (json!({"nodes": [{"name": "a", "uid": "2"}], "hosts": []}), json!([])),
            (json!({"nodes": [{"name": "a", "uid": "1"}]}), json!([])),
            (tree.clone(), json!([{}])),
            (json!([]), tree),
        ] {
            assert_ne!(known, of(tree, managed));
        }
    }
}
