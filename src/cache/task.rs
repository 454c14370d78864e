//! The task that talks to Redis: connects, writes what it is handed, keeps it from expiring, and starts over when the
//! connection is lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backoff::BackoffBuilder as _;
use kube::Client;
use kube::runtime::reflector::ObjectRef;
use redis::RedisError;
use redis::aio::MultiplexedConnection;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::connect::connect;
use super::desk::Desk;
use super::discover;
use super::keys::Keys;
use super::ledger::{Job, Work};
use super::request::{self, is_lost};
use super::settings::{Overrides, Settings};
use super::state::State;
use crate::argo::Application;
use crate::metrics::{Metrics, Outcome};
use crate::panics;

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
    state: State,
    /// The server did not take what it was handed last.
    is_refused: bool,
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
        let state = State::new(Arc::clone(&metrics));
        Self { desk, control_namespace, metrics, everything, lost, state, is_refused: false }
    }

    /// Runs until it is dropped.
    pub(super) async fn run(mut self, client: &Client, namespace: &str, overrides: &Overrides) {
        let (sender, mut settings) = watch::channel(None);
        let follow = discover::keep(client, namespace, overrides, &sender);
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
                    match panics::caught(self.talk(connection, settings, changes)).await {
                        Ok(End::Settings) => return self.state.is_left(),
                        Ok(End::Lost(error)) => self.state.is_away(settings, &error.to_string()),
                        Err(panic) => {
                            self.desk.ledger().end();
                            self.metrics.panicked("redis");
                            tracing::error!(
                                place = panic.place,
                                "a mistake of the bridge's: please report it"
                            );
                            self.state.is_away(settings, &panic.to_string());
                        }
                    }
                    // A server that accepts and then drops everybody is not asked more often than one that is away.
                    if since.elapsed() > PING {
                        pauses = self::pauses();
                    }
                }
                Err(error) => self.state.is_away(settings, &error.to_string()),
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
        self.state.is_connected(settings);
        if self.desk.ledger().begin(settings.compression) {
            // Nobody listens any more when the controller is going down.
            let _ = self.everything.send(());
        }
        let end = tokio::select! {
            error = self.work(&mut connection, settings) => End::Lost(error),
            _ = changes.changed() => End::Settings,
        };
        self.desk.ledger().end();
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
        let result = request::of(&keys, &job.work, settings).query_async::<()>(connection).await;
        self.metrics.wrote_to_redis(if result.is_ok() { Outcome::Ok } else { Outcome::Error });
        let is_lost = result.as_ref().is_err_and(is_lost);
        {
            let mut ledger = self.desk.ledger();
            match (&job.work, &result) {
                (Work::Write { fingerprint, .. }, Ok(())) => {
                    ledger.wrote(identity, *fingerprint, Instant::now());
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
            let keys = some.iter().map(|identity| Keys::of(identity, &self.control_namespace));
            let lives: Vec<bool> = match request::renew(keys, settings).query_async(connection).await {
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
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let all: Vec<Duration> = pauses().take(40).collect();
        assert!(all[0] >= PAUSES.0 && all.iter().all(|pause| *pause <= 2 * PAUSES.1), "{all:?}");
        assert!(all[39] >= PAUSES.1);
    }
}
