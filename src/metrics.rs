//! What the bridge counts and measures, for Prometheus.
//!
//! Names carry the prefix `flux_subsystem_`, except the `process_*` ones, which every Prometheus client spells alike.

mod process;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// How something that was tried ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Ok,
    /// Somebody else was faster: it is tried again on what he left.
    Conflict,
    /// No answer in time.
    Timeout,
    /// Failed otherwise.
    Error,
}

impl Outcome {
    /// The value of the label `outcome`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Conflict => "conflict",
            Self::Timeout => "timeout",
            Self::Error => "error",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByStep {
    step: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByKind {
    kind: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByLookup {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByTask {
    task: &'static str,
}

/// Every metric of the program. Methods take `&self` and never block for long: it is shared by all tasks.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reconciles: Family<ByOutcome, Counter>,
    durations: Histogram,
    active: Gauge,
    queued: Gauge,
    writes: Family<ByStep, Counter>,
    watch_errors: Family<ByKind, Counter>,
    panics: Family<ByTask, Counter>,
    lookups: Gauge,
    lookup_bytes: Gauge,
    lookups_ended: Family<ByLookup, Counter>,
    lookup_durations: Family<ByKind, Histogram>,
    live_watches: Gauge,
    live_objects: Gauge,
    leader: Gauge,
    redis_connected: Gauge,
    redis_writes: Family<ByOutcome, Counter>,
    states: Arc<Census>,
    problems: Arc<Census>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All of them, at zero.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            reconciles: Family::default(),
            // 1 ms to 24 s: a look that changes nothing takes one or two, a reconcile is cut off after some tens.
            durations: Histogram::new(exponential_buckets(0.001, 2.5, 12)),
            active: Gauge::default(),
            queued: Gauge::default(),
            writes: Family::default(),
            watch_errors: Family::default(),
            panics: Family::default(),
            lookups: Gauge::default(),
            lookup_bytes: Gauge::default(),
            lookups_ended: Family::default(),
            // 1 ms to 4 min: from an artifact beside the bridge to a repository that is cloned first.
            lookup_durations: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.001, 4.0, 10))
            }),
            live_watches: Gauge::default(),
            live_objects: Gauge::default(),
            leader: Gauge::default(),
            redis_connected: Gauge::default(),
            redis_writes: Family::default(),
            states: Census::new("applications", "Bridged Applications by state", "state"),
            problems: Census::new("problems", "Problems of bridged Applications by severity", "severity"),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        self.registry.register_collector(Box::new(process::Process));
        let ours = self.registry.sub_registry_with_prefix("flux_subsystem");
        ours.register("build", "The running program", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        ours.register("reconciles", "Reconciled Applications by outcome", self.reconciles.clone());
        ours.register("reconcile_duration_seconds", "How long a reconcile took", self.durations.clone());
        ours.register("active_reconciles", "Reconciles under way", self.active.clone());
        ours.register("queue_depth", "Applications that wait for their reconcile", self.queued.clone());
        ours.register("writes", "Requests that write, by kind of step and outcome", self.writes.clone());
        ours.register("watch_errors", "Failures of watches by kind of object", self.watch_errors.clone());
        ours.register("panics", "Mistakes of the bridge's own, by what they ended", self.panics.clone());
        ours.register("lookups_in_flight", "Questions to the world under way", self.lookups.clone());
        ours.register("lookup_bytes", "Memory that answers take, in bytes", self.lookup_bytes.clone());
        ours.register("lookups", "Questions by kind and outcome", self.lookups_ended.clone());
        ours.register(
            "lookup_duration_seconds",
            "How long an answer took, by kind of question",
            self.lookup_durations.clone(),
        );
        ours.register("live_watches", "Watches of what was delivered", self.live_watches.clone());
        ours.register("live_objects", "Objects that those watches keep, trimmed", self.live_objects.clone());
        ours.register("leader", "1 while this replica leads", self.leader.clone());
        ours.register("redis_connected", "1 while Argo CD's Redis answers", self.redis_connected.clone());
        ours.register(
            "redis_writes",
            "Entries written to Argo CD's Redis by outcome",
            self.redis_writes.clone(),
        );
        ours.register_collector(Box::new(Arc::clone(&self.states)));
        ours.register_collector(Box::new(Arc::clone(&self.problems)));
    }

    /// A reconcile begins; it counts as active until the value is dropped, however it ends.
    #[must_use]
    pub fn reconciling(&self) -> Active {
        self.active.inc();
        Active(self.active.clone())
    }

    /// A reconcile ended.
    pub fn reconciled(&self, outcome: Outcome, took: Duration) {
        self.reconciles.get_or_create(&ByOutcome { outcome: outcome.as_str() }).inc();
        self.durations.observe(took.as_secs_f64());
    }

    /// So many Applications wait for their reconcile.
    pub fn set_queue_depth(&self, waiting: usize) {
        self.queued.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    /// A step that writes was carried out.
    pub fn wrote(&self, step: &'static str, outcome: Outcome) {
        self.writes.get_or_create(&ByStep { step, outcome: outcome.as_str() }).inc();
    }

    /// A watch of that kind of object failed and will be started again.
    pub fn watch_failed(&self, kind: &str) {
        self.watch_errors.get_or_create(&ByKind { kind: kind.to_owned() }).inc();
    }

    /// A panic ended what is called `task`, and was caught.
    pub fn panicked(&self, task: &'static str) {
        self.panics.get_or_create(&ByTask { task }).inc();
    }

    /// So many questions are under way.
    pub fn set_lookups(&self, under_way: usize) {
        self.lookups.set(i64::try_from(under_way).unwrap_or(i64::MAX));
    }

    /// Answers take so many bytes of memory.
    pub fn set_lookup_bytes(&self, bytes: u64) {
        self.lookup_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// A question of that kind was answered, or not.
    pub fn looked_up(&self, kind: &'static str, outcome: Outcome, took: Duration) {
        self.lookups_ended.get_or_create(&ByLookup { kind, outcome: outcome.as_str() }).inc();
        self.lookup_durations.get_or_create(&ByKind { kind: kind.to_owned() }).observe(took.as_secs_f64());
    }

    /// So many watches of what was delivered there are, and so many objects they keep.
    pub fn set_live(&self, watches: usize, objects: usize) {
        self.live_watches.set(i64::try_from(watches).unwrap_or(i64::MAX));
        self.live_objects.set(i64::try_from(objects).unwrap_or(i64::MAX));
    }

    /// This replica leads, or does not.
    pub fn set_leader(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// Argo CD's Redis answers, or does not.
    pub fn set_redis_connected(&self, is_connected: bool) {
        self.redis_connected.set(i64::from(is_connected));
    }

    /// An Application's entry in Argo CD's Redis was written, or taken out.
    pub fn wrote_to_redis(&self, outcome: Outcome) {
        self.redis_writes.get_or_create(&ByOutcome { outcome: outcome.as_str() }).inc();
    }

    /// How many Applications are in which state; replaces what was said before.
    pub fn set_states(&self, states: BTreeMap<&'static str, i64>) {
        self.states.replace(states);
    }

    /// How many problems of which severity Applications have; replaces what was said before.
    pub fn set_problems(&self, problems: BTreeMap<&'static str, i64>) {
        self.problems.replace(problems);
    }

    /// `OpenMetrics` text of everything.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }
}

/// One reconcile under way, see [`Metrics::reconciling`].
#[derive(Debug)]
pub struct Active(Gauge);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A gauge with one label that is replaced as a whole, so that no scrape sees half of a count and a value that
/// no longer occurs is gone. (A `Family` can only be cleared and filled again, in view of everybody.)
#[derive(Debug)]
struct Census {
    name: &'static str,
    help: &'static str,
    label: &'static str,
    counts: RwLock<BTreeMap<&'static str, i64>>,
}

impl Census {
    fn new(name: &'static str, help: &'static str, label: &'static str) -> Arc<Self> {
        Arc::new(Self { name, help, label, counts: RwLock::default() })
    }

    fn replace(&self, counts: BTreeMap<&'static str, i64>) {
        *self.counts.write().unwrap_or_else(PoisonError::into_inner) = counts;
    }
}

impl Collector for Census {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut family = encoder.encode_descriptor(self.name, self.help, None, MetricType::Gauge)?;
        for (value, count) in &*self.counts.read().unwrap_or_else(PoisonError::into_inner) {
            let labels = [(self.label, *value)];
            ConstGauge::new(*count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(metrics: &Metrics) -> Vec<String> {
        metrics.encode().unwrap().lines().map(str::to_owned).collect()
    }

    fn has(metrics: &Metrics, line: &str) -> bool {
        lines(metrics).iter().any(|found| found == line)
    }

    #[test]
    fn what_happened_is_counted_under_its_name() {
        let metrics = Metrics::new();
        metrics.reconciled(Outcome::Ok, Duration::from_millis(3));
        metrics.wrote("ApplyObject", Outcome::Conflict);
        metrics.watch_failed("HelmRelease");
        metrics.panicked("reconcile");
        metrics.set_leader(true);
        metrics.set_queue_depth(7);
        metrics.set_live(3, 12);
        metrics.set_redis_connected(true);
        metrics.wrote_to_redis(Outcome::Ok);
        for line in [
            r#"flux_subsystem_reconciles_total{outcome="ok"} 1"#,
            "flux_subsystem_reconcile_duration_seconds_count 1",
            r#"flux_subsystem_writes_total{step="ApplyObject",outcome="conflict"} 1"#,
            r#"flux_subsystem_watch_errors_total{kind="HelmRelease"} 1"#,
            r#"flux_subsystem_panics_total{task="reconcile"} 1"#,
            "flux_subsystem_live_watches 3",
            "flux_subsystem_live_objects 12",
            "flux_subsystem_leader 1",
            "flux_subsystem_queue_depth 7",
            "flux_subsystem_redis_connected 1",
            r#"flux_subsystem_redis_writes_total{outcome="ok"} 1"#,
            concat!(r#"flux_subsystem_build_info{version=""#, env!("CARGO_PKG_VERSION"), r#""} 1"#),
            "# EOF",
        ] {
            assert!(has(&metrics, line), "{line} is missing from {:#?}", lines(&metrics));
        }
    }

    #[test]
    fn a_reconcile_is_active_until_it_is_dropped() {
        let metrics = Metrics::new();
        let active = metrics.reconciling();
        assert!(has(&metrics, "flux_subsystem_active_reconciles 1"));
        drop(active);
        assert!(has(&metrics, "flux_subsystem_active_reconciles 0"));
    }

    #[test]
    fn a_state_that_no_longer_occurs_is_gone() {
        let metrics = Metrics::new();
        metrics.set_states(BTreeMap::from([("Absent", 2), ("InSync", 1)]));
        assert!(has(&metrics, r#"flux_subsystem_applications{state="Absent"} 2"#));
        metrics.set_states(BTreeMap::from([("InSync", 3)]));
        assert!(has(&metrics, r#"flux_subsystem_applications{state="InSync"} 3"#));
        assert!(!metrics.encode().unwrap().contains("Absent"));
        metrics.set_problems(BTreeMap::from([("error", 1)]));
        assert!(has(&metrics, r#"flux_subsystem_problems{severity="error"} 1"#));
    }
}
