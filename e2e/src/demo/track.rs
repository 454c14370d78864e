//! The milestones of one Application, each with the moment it was seen.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::cluster::{Cluster, is_ready, ready};

/// One Application of the demonstration.
#[derive(Debug)]
pub(super) struct Track {
    /// Its name.
    pub(super) name: String,
    /// Where it delivers to.
    pub(super) namespace: String,
    /// Whether Flux delivers it.
    pub(super) bridged: bool,
    /// It exists.
    pub(super) created: Option<Instant>,
    /// Its generated source and workload object exist.
    pub(super) generated: Option<Instant>,
    /// Flux says that the workload object is Ready.
    pub(super) ready: Option<Instant>,
    /// It is Synced and Healthy, and the operation that made it so has ended well.
    pub(super) healthy: Option<Instant>,
    /// Its deletion was asked for.
    pub(super) deleted: Option<Instant>,
    /// Neither itself nor anything that it delivered is left.
    pub(super) gone: Option<Instant>,
}

impl Track {
    /// The track of a manifest that is about to be applied.
    pub(super) fn of(manifest: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let options = manifest["spec"]["syncPolicy"]["syncOptions"].as_array();
        Self {
            name: text(&manifest["metadata"]["name"]),
            namespace: text(&manifest["spec"]["destination"]["namespace"]),
            bridged: options
                .is_some_and(|options| options.iter().any(|option| option == "FluxSubsystem=true")),
            created: None,
            generated: None,
            ready: None,
            healthy: None,
            deleted: None,
            gone: None,
        }
    }

    /// Notes every milestone that `cluster` shows for the first time.
    pub(super) fn note(&mut self, cluster: &Cluster, now: Instant) {
        let application = cluster.application(&self.name);
        let kinds: Vec<_> = cluster.generated(&self.name).collect();
        let (workloads, sources): (Vec<_>, Vec<_>) =
            kinds.into_iter().partition(|(kind, _)| is_workload(kind));
        let first = |milestone: &mut Option<Instant>, is_reached: bool| {
            if is_reached && milestone.is_none() {
                *milestone = Some(now);
            }
        };
        first(&mut self.created, application.is_some());
        first(&mut self.generated, !workloads.is_empty() && !sources.is_empty());
        first(&mut self.ready, workloads.iter().any(|(_, object)| is_ready(object)));
        first(&mut self.healthy, application.is_some_and(is_delivered));
        let is_left = application.is_some() || cluster.has_anything_in(&self.namespace);
        first(&mut self.gone, self.deleted.is_some() && !is_left);
    }

    /// Sync and health, as `kubectl get applications` shows them, and what is going on.
    pub(super) fn line(&self, cluster: &Cluster) -> [String; 3] {
        let Some(application) = cluster.application(&self.name) else {
            let word = if self.gone.is_some() { "gone" } else { "" };
            return [String::new(), String::new(), word.to_owned()];
        };
        let status = &application["status"];
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        [
            text(&status["sync"]["status"]),
            text(&status["health"]["status"]),
            self.activity(application, cluster),
        ]
    }

    /// What Flux, or Argo CD, is doing about it.
    fn activity(&self, application: &Value, cluster: &Cluster) -> String {
        if self.deleted.is_some() {
            return "being deleted".to_owned();
        }
        if !self.bridged {
            return "left to stock Argo CD".to_owned();
        }
        let objects: Vec<_> = cluster.generated(&self.name).collect();
        let last = objects.iter().rev().find(|(_, object)| !ready(object).is_null()).or(objects.last());
        let Some((kind, object)) = last else {
            return first_line(&application["status"]["conditions"][0]["message"]);
        };
        format!("{kind}: {}", first_line(&ready(object)["message"]))
    }
}

/// The time from one milestone to the next; `None` unless both were reached.
pub(super) fn between(from: Option<Instant>, to: Option<Instant>) -> Option<Duration> {
    Some(to?.saturating_duration_since(from?))
}

fn is_workload(kind: &str) -> bool {
    matches!(kind, "HelmRelease" | "Kustomization")
}

fn is_delivered(application: &Value) -> bool {
    let status = &application["status"];
    status["sync"]["status"] == "Synced"
        && status["health"]["status"] == "Healthy"
        && status["operationState"]["phase"] == "Succeeded"
}

fn first_line(message: &Value) -> String {
    message.as_str().and_then(|text| text.lines().next()).unwrap_or("waits").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::runtime::watcher::Event;
    use serde_json::json;

    fn see(cluster: &mut Cluster, kind: &'static str, object: Value) {
        cluster.observe((kind, Event::Apply(serde_json::from_value(object).unwrap()))).unwrap();
    }

    fn flux(kind: &str, ready: &str) -> Value {
        json!({ "apiVersion": "v1", "kind": kind,
            "metadata": { "name": "x", "namespace": "apps", "generation": 2,
                "annotations": { "flux-subsystem.dev/application": "argocd/x" } },
            "status": { "observedGeneration": 2,
                "conditions": [{ "type": "Ready", "status": ready, "message": "so\nand so" }] } })
    }

    #[test]
    fn milestones_are_noted_once_each_in_its_time() {
        let mut cluster = Cluster::default();
        let manifest = json!({ "metadata": { "name": "x" }, "spec": { "destination": { "namespace": "apps" },
            "syncPolicy": { "syncOptions": ["FluxSubsystem=true"] } } });
        let mut track = Track::of(&manifest);
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let application = |status: Value| {
            json!({ "apiVersion": "v1", "kind": "Application",
                "metadata": { "name": "x", "namespace": "argocd" }, "status": status })
        };
        see(&mut cluster, "Application", application(json!({})));
        track.note(&cluster, at(1));
        see(&mut cluster, "HelmRepository", flux("HelmRepository", "True"));
        track.note(&cluster, at(2));
        assert_eq!((track.created, track.generated), (Some(at(1)), None));
        see(&mut cluster, "HelmRelease", flux("HelmRelease", "Unknown"));
        track.note(&cluster, at(3));
        assert_eq!(track.line(&cluster)[2], "HelmRelease: so");
        see(&mut cluster, "HelmRelease", flux("HelmRelease", "True"));
        track.note(&cluster, at(4));
        assert_eq!((track.generated, track.ready, track.healthy), (Some(at(3)), Some(at(4)), None));
        see(
            &mut cluster,
            "Application",
            application(json!({ "sync": { "status": "Synced" },
            "health": { "status": "Healthy" }, "operationState": { "phase": "Succeeded" } })),
        );
        track.note(&cluster, at(5));
        track.note(&cluster, at(6));
        assert_eq!(between(track.ready, track.healthy), Some(Duration::from_secs(1)));
        assert_eq!(track.gone, None);
    }
}
