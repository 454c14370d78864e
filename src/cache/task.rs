//! The task that talks to Redis: connects, writes what it is handed, keeps it from expiring, and starts over when the
//! connection is lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backoff::BackoffBuilder as _;
use futures::StreamExt as _;
use kube::Client;
use kube::runtime::reflector::ObjectRef;
use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, Pipeline, RedisError, ServerErrorKind};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::codec::Compression;
use super::connect::connect;
use super::discover;
use super::keys::Keys;
use super::ledger::{Job, Work};
use super::settings::{Overrides, Settings, resolve};
use super::writer::Desk;
use crate::argo::Application;
use crate::metrics::{Metrics, Outcome};

/// First and longest pause between two tries to connect.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
/// How often the server is asked whether it is still there.
const PING: Duration = Duration::from_secs(10);
/// How many entries are renewed with one request.
const RENEWED_AT_ONCE: usize = 100;

pub(super) struct Task {
    desk: Arc<Desk>,
    control_namespace: String,
    metrics: Arc<Metrics>,
    everything: mpsc::UnboundedSender<()>,
    lost: mpsc::UnboundedSender<ObjectRef<Application>>,
    /// What was said last about the server, so that it is said once.
    said: Said,
    /// The server did not take what it was handed last.
    is_refused: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Said {
    #[default]
    Nothing,
    Connected,
    Away(String),
}

/// Why a connection is no longer used.
enum End {
    /// Other settings count.
    Settings,
    /// It broke.
    Lost(RedisError),
}

impl Task {
    pub(super) fn new(
        desk: Arc<Desk>,
        control_namespace: String,
        metrics: Arc<Metrics>,
        everything: mpsc::UnboundedSender<()>,
        lost: mpsc::UnboundedSender<ObjectRef<Application>>,
    ) -> Self {
        Self { desk, control_namespace, metrics, everything, lost, said: Said::default(), is_refused: false }
    }

    /// Runs until it is dropped.
    pub(super) async fn run(mut self, client: &Client, namespace: &str, overrides: &Overrides) {
        let (sender, mut settings) = watch::channel(None);
        let follow = async {
            let mut found = std::pin::pin!(discover::follow(client, namespace));
            while let Some(found) = found.next().await {
                let resolved = settle(overrides, &found);
                sender.send_if_modified(|known| {
                    let is_news = *known != resolved;
                    *known = resolved;
                    is_news
                });
            }
        };
        tokio::join!(follow, async {
            loop {
                let current = settings.borrow_and_update().clone();
                match current {
                    Some(current) => self.serve(&current, &mut settings).await,
                    // The sender lives in the other half of this join.
                    None => drop(settings.changed().await),
                }
            }
        });
    }

    /// Speaks to the Redis of these settings for as long as they count.
    async fn serve(&mut self, settings: &Settings, changes: &mut watch::Receiver<Option<Settings>>) {
        let mut pauses = pauses();
        loop {
            let connected = tokio::select! {
                connected = connect(settings) => connected,
                _ = changes.changed() => return,
            };
            match connected {
                Ok(connection) => {
                    let since = Instant::now();
                    match self.talk(connection, settings, changes).await {
                        End::Settings => return,
                        End::Lost(error) => self.is_away(settings, &error.to_string()),
                    }
                    // A server that accepts and then drops everybody is not asked more often than one that is away.
                    if since.elapsed() > PING {
                        pauses = self::pauses();
                    }
                }
                Err(error) => self.is_away(settings, &error.to_string()),
            }
            tokio::select! {
                () = tokio::time::sleep(pauses.next().unwrap_or(PAUSES.1)) => {}
                _ = changes.changed() => return,
            }
        }
    }

    async fn talk(
        &mut self,
        mut connection: MultiplexedConnection,
        settings: &Settings,
        changes: &mut watch::Receiver<Option<Settings>>,
    ) -> End {
        self.is_connected(settings);
        if self.desk.ledger().begin(settings.compression) {
            // Nobody listens any more when the controller is going down.
            let _ = self.everything.send(());
        }
        let end = tokio::select! {
            error = self.work(&mut connection, settings) => End::Lost(error),
            _ = changes.changed() => End::Settings,
        };
        self.desk.ledger().end();
        self.metrics.set_redis_connected(false);
        end
    }

    /// Works until the connection is lost.
    async fn work(&mut self, connection: &mut MultiplexedConnection, settings: &Settings) -> RedisError {
        let mut ping = every(PING);
        let mut renewal = every(settings.expiration.div_f64(60.0).max(Duration::from_millis(500)));
        loop {
            let result = tokio::select! {
                () = self.desk.work.notified() => self.write_all(connection, settings).await,
                _ = ping.tick() => redis::cmd("PING").query_async::<()>(connection).await,
                _ = renewal.tick() => self.renew(connection, settings).await,
            };
            if let Err(error) = result {
                return error;
            }
        }
    }

    async fn write_all(
        &mut self,
        connection: &mut MultiplexedConnection,
        settings: &Settings,
    ) -> Result<(), RedisError> {
        loop {
            let next = self.desk.ledger().next();
            let Some((identity, job)) = next else { return Ok(()) };
            self.write(connection, settings, identity, job).await?;
        }
    }

    /// Does one job. An error means that the connection is lost; what the server refuses is tried again later.
    async fn write(
        &mut self,
        connection: &mut MultiplexedConnection,
        settings: &Settings,
        identity: String,
        job: Job,
    ) -> Result<(), RedisError> {
        let keys = Keys::of(&identity, &self.control_namespace);
        let result = pipeline(&keys, &job.work, settings).query_async::<()>(connection).await;
        self.metrics.wrote_to_redis(if result.is_ok() { Outcome::Ok } else { Outcome::Error });
        let is_lost = result.as_ref().is_err_and(is_lost);
        {
            let mut ledger = self.desk.ledger();
            match (&job.work, &result) {
                (Work::Write { fingerprint, .. }, Ok(())) => {
                    ledger.wrote(identity, *fingerprint, Instant::now())
                }
                (Work::Drop, Ok(())) => ledger.forget(&identity),
                (_, Err(error)) => {
                    // Said once, and not for every Application when Redis is full.
                    if !is_lost && !self.is_refused {
                        tracing::warn!(application = identity, %error, "Redis does not take a resource tree");
                    }
                    ledger.refused(identity);
                }
            }
        }
        self.is_refused = result.is_err();
        for waiting in job.waiting {
            // Whoever waited may have lost patience.
            let _ = waiting.send(result.is_ok());
        }
        if is_lost { result } else { Ok(()) }
    }

    /// Lets entries live on that have used up half of their life, without writing them again.
    async fn renew(
        &self,
        connection: &mut MultiplexedConnection,
        settings: &Settings,
    ) -> Result<(), RedisError> {
        let (refused, due) = {
            let mut ledger = self.desk.ledger();
            (ledger.take_refused(), ledger.due(Instant::now(), settings.expiration / 2))
        };
        for identity in &refused {
            self.ask(identity);
        }
        for some in due.chunks(RENEWED_AT_ONCE) {
            let mut pipeline = redis::pipe();
            for identity in some {
                let keys = Keys::of(identity, &self.control_namespace);
                for key in [keys.tree(settings.compression), keys.managed_resources(settings.compression)] {
                    pipeline.cmd("EXPIRE").arg(key).arg(settings.expiration.as_secs());
                }
            }
            let lives: Vec<bool> = match pipeline.query_async(connection).await {
                Err(error) if is_lost(&error) => return Err(error),
                // May not be asked: the entries are written again instead.
                Err(error) => {
                    tracing::warn!(%error, "Redis does not let entries live on");
                    vec![false; 2 * some.len()]
                }
                Ok(lives) => lives,
            };
            for (identity, both) in some.iter().zip(lives.chunks(2)) {
                self.renewed(identity, both.iter().all(|lives| *lives));
            }
        }
        Ok(())
    }

    fn renewed(&self, identity: &str, is_there: bool) {
        if is_there {
            self.desk.ledger().renewed(identity, Instant::now());
        } else {
            self.desk.ledger().forget(identity);
            self.ask(identity);
        }
    }

    /// Asks for a reconcile, which hands the entry over again.
    fn ask(&self, identity: &str) {
        if let Some((namespace, name)) = identity.split_once('/') {
            // Nobody listens any more when the controller is going down.
            let _ = self.lost.send(ObjectRef::new(name).within(namespace));
        }
    }

    fn is_connected(&mut self, settings: &Settings) {
        self.metrics.set_redis_connected(true);
        tracing::info!(
            redis = %settings.target,
            compression = settings.compression.name(),
            "connected to Argo CD's Redis"
        );
        self.said = Said::Connected;
    }

    fn is_away(&mut self, settings: &Settings, why: &str) {
        self.metrics.set_redis_connected(false);
        let said = Said::Away(why.to_owned());
        if self.said != said {
            tracing::warn!(
                redis = %settings.target,
                error = why,
                "no connection to Argo CD's Redis: Applications are delivered, but Argo CD shows no resource tree"
            );
            self.said = said;
        }
    }
}

/// The settings that count; those that cannot be used are told.
fn settle(overrides: &Overrides, found: &super::settings::Found) -> Option<Settings> {
    match resolve(overrides, found) {
        Ok(None) => {
            tracing::info!("told to do without Argo CD's Redis: Argo CD shows no resource tree");
            None
        }
        Ok(settings) => settings,
        Err(error) => {
            tracing::warn!(%error, "Argo CD's Redis cannot be found: Argo CD shows no resource tree");
            None
        }
    }
}

/// One request, in this order: whoever hears of the change reads what is new.
fn pipeline(keys: &Keys, work: &Work, settings: &Settings) -> Pipeline {
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

/// Another connection is needed. What a server that has become a replica refuses, its successor takes.
fn is_lost(error: &RedisError) -> bool {
    let kind = error.kind();
    error.is_unrecoverable_error()
        || error.is_timeout()
        || error.is_io_error()
        || matches!(kind, ErrorKind::AuthenticationFailed)
        || matches!(kind, ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown))
}

fn pauses() -> impl Iterator<Item = Duration> {
    let pauses = backoff::ExponentialBuilder::default().with_min_delay(PAUSES.0).with_max_delay(PAUSES.1);
    pauses.with_jitter().without_max_times().build()
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

#[cfg(test)]
mod tests;
