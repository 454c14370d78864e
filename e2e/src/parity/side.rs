//! One of the two deliveries of an entry: the Application as it is applied, and how its delivery ended.

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use flux_subsystem::merge::deep_merge;
use serde::Serialize;
use serde_json::{Value, json};

use super::entry::{Entry, Places, parse};
use crate::TestEnv;

/// How long a delivery may take, on a busy machine, until it counts as not settling.
const PATIENCE: Duration = Duration::from_secs(90);
/// A delivery that has ended otherwise than well is believed when nothing has changed for so long.
const QUIET: Duration = Duration::from_secs(6);
/// One that is Synced and goes on becoming Healthy is compared as it is when nothing has changed for so long: some objects
/// never become Healthy without what only a real cluster has.
const STUCK: Duration = Duration::from_secs(30);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(400);

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Stock Argo CD delivers.
    Plain,
    /// Flux delivers, by the two sync options.
    Bridged,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Bridged => "bridged",
        })
    }
}

/// One delivery.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Which.
    pub side: Side,
    /// Name of the Application.
    pub name: String,
    /// Namespace that it delivers to.
    pub namespace: String,
    /// The Application.
    application: Value,
    /// What has to be there first, as YAML.
    before: String,
}

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Something was delivered; Argo CD's words for its sync and health status.
    Delivered(String),
    /// Nothing is delivered, since this is wrong with the Application.
    Refused(String),
    /// It did not come to rest.
    Unsettled(String),
    /// It could not be tried, or not be looked at, or does not go again.
    Failed(String),
}

impl Delivery {
    /// The delivery of `entry`. `unique` tells this run from others.
    pub fn of(entry: &Entry, side: Side, unique: &str, places: &Places) -> Result<Self> {
        // Names of one length: what shortens names does the same to both.
        let letter = if side == Side::Plain || entry.shares_names() { 'a' } else { 'b' };
        let (name, namespace) = match &entry.fixed {
            Some(fixed) => (fixed.name.clone(), fixed.namespace.clone()),
            None => {
                (format!("{}-{unique}-{letter}", entry.name), format!("to-{}-{unique}-{letter}", entry.name))
            }
        };
        let text = places.fill(&entry.application, &name, &namespace);
        let mut application = parse(&text, &format!("the Application of {}", entry.name))?;
        complete(&mut application, &name, &namespace, side);
        let before = places.fill(&entry.before, &name, &namespace);
        Ok(Self { side, name, namespace, application, before })
    }

    /// The texts that differ between deliveries, and what stands for them.
    pub fn names(&self) -> [(&str, &'static str); 2] {
        [(&self.namespace, super::normal::NAMESPACE), (&self.name, super::normal::NAME)]
    }

    /// Applies it and waits for its end.
    pub async fn deliver(&self, env: &TestEnv) -> Result<End> {
        if !self.before.is_empty() {
            env.apply(&self.before).await?;
        }
        if let Err(error) = env.apply(&self.application.to_string()).await {
            return Ok(End::Refused(format!("{error:#}")));
        }
        let is_manual = self.application.pointer("/spec/syncPolicy/automated").is_none();
        if is_manual {
            let synced = env.argocd(&["app", "sync", &self.name, "--async"]).await?;
            if !synced.ok() {
                return Ok(End::Refused(synced.stderr));
            }
        }
        self.settle(env).await
    }

    async fn settle(&self, env: &TestEnv) -> Result<End> {
        let begun = Instant::now();
        let mut last = (Look::default(), Instant::now());
        loop {
            let look = Look::at(&env.application(&self.name).await?);
            if look.is_good() {
                return Ok(look.end());
            }
            if !last.0.is_like(&look) {
                last.1 = Instant::now();
            } else if look.may_be_final() && last.1.elapsed() > look.quiet() {
                return Ok(look.end());
            }
            last.0 = look;
            if begun.elapsed() > PATIENCE {
                return Ok(End::Unsettled(last.0.words()));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Asks for it to be deleted without waiting. One that never delivered anything goes at once: stock Argo CD keeps
    /// those whose project it does not know for ever.
    pub async fn forget(&self, env: &TestEnv, end: Option<&End>) -> Result<()> {
        if !end.is_some_and(End::is_delivered)
            && env.get("Application", &env.control, &self.name).await?.is_some()
        {
            let none = json!({ "metadata": { "finalizers": null }, "operation": null });
            env.patch("Application", &env.control, &self.name, &none).await?;
        }
        env.delete("Application", &env.control, &self.name).await
    }

    /// Deletes it and waits until nothing is left of it: the next delivery uses the same names. One that does not go is
    /// an error, and is taken away without what it delivered.
    pub async fn clear(&self, env: &TestEnv, made: &[Value]) -> Result<()> {
        env.delete("Application", &env.control, &self.name).await?;
        if let Err(error) = env.wait_until_gone("Application", &env.control, &self.name).await {
            self.forget(env, None).await?;
            return Err(error);
        }
        for object in made.iter().filter(|object| object["kind"] == "CustomResourceDefinition") {
            // Argo CD leaves definitions where they are, as Helm does.
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            env.delete("CustomResourceDefinition", "", name).await?;
            env.wait_until_gone("CustomResourceDefinition", "", name).await?;
        }
        if !matches!(self.namespace.as_str(), "" | "default" | "kube-system" | "argocd") {
            env.delete("Namespace", "", &self.namespace).await?;
            env.wait_until_gone("Namespace", "", &self.namespace).await?;
        }
        Ok(())
    }
}

/// Fills in what an Application of the corpus leaves out, and joins the bridged one.
fn complete(application: &mut Value, name: &str, namespace: &str, side: Side) {
    let mut defaults = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": name,
            "namespace": "argocd",
            "finalizers": ["resources-finalizer.argocd.argoproj.io"],
        },
        "spec": {
            "project": "default",
            "destination": { "server": "https://kubernetes.default.svc", "namespace": namespace },
            "syncPolicy": { "automated": {}, "syncOptions": ["CreateNamespace=true"] },
        },
    });
    if application.pointer("/spec/destination/name").is_some() {
        // An Application says it by name or by address.
        if let Some(destination) = defaults.pointer_mut("/spec/destination").and_then(Value::as_object_mut) {
            destination.remove("server");
        }
    }
    let has_policy = application.pointer("/spec/syncPolicy").is_some_and(|policy| !policy.is_null());
    let policy = application.pointer("/spec/syncPolicy").cloned();
    fill(application, &defaults);
    if has_policy && let Some(spec) = application.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert("syncPolicy".to_owned(), policy.unwrap_or_default());
    }
    if side == Side::Bridged {
        let options = application["spec"]["syncPolicy"]["syncOptions"].as_array().cloned();
        let joined = [json!("FluxSubsystem=true"), json!("AutoCreateFluxResources=true")];
        let options: Vec<Value> = options.unwrap_or_default().into_iter().chain(joined).collect();
        deep_merge(application, json!({ "spec": { "syncPolicy": { "syncOptions": options } } }));
    }
}

fn fill(value: &mut Value, defaults: &Value) {
    match (value, defaults) {
        (Value::Object(map), Value::Object(defaults)) => {
            for (key, default) in defaults {
                fill(map.entry(key.clone()).or_insert(json!({})), default);
            }
        }
        (value, default) if value.as_object().is_some_and(serde_json::Map::is_empty) => {
            *value = default.clone();
        }
        _ => {}
    }
}

/// What an Application says of itself at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Look {
    sync: String,
    health: String,
    phase: String,
    message: String,
    is_operating: bool,
    errors: Vec<String>,
}

impl Look {
    fn at(application: &Value) -> Self {
        let text = |pointer: &str| {
            application.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let conditions = application.pointer("/status/conditions").and_then(Value::as_array);
        let errors = conditions
            .into_iter()
            .flatten()
            .filter(|condition| condition["type"].as_str().is_some_and(|kind| kind.ends_with("Error")));
        Self {
            sync: text("/status/sync/status"),
            health: text("/status/health/status"),
            phase: text("/status/operationState/phase"),
            message: text("/status/operationState/message"),
            is_operating: application["operation"].is_object(),
            errors: errors
                .map(|condition| {
                    let part = |field: &str| condition[field].as_str().unwrap_or_default();
                    format!("{}: {}", part("type"), part("message"))
                })
                .collect(),
        }
    }

    fn is_good(&self) -> bool {
        let is_delivered = self.sync == "Synced" && self.health == "Healthy" && self.phase == "Succeeded";
        is_delivered && !self.is_operating && self.errors.is_empty()
    }

    /// The same, whatever is said about it: attempts are counted and times are named.
    fn is_like(&self, other: &Self) -> bool {
        let said = |look: &Self| (look.sync.clone(), look.health.clone(), look.phase.clone());
        said(self) == said(other) && self.errors.is_empty() == other.errors.is_empty()
    }

    /// It is not on its way: nothing runs, or what ran has failed and is tried again.
    fn may_be_final(&self) -> bool {
        let has_ended = matches!(self.phase.as_str(), "" | "Succeeded" | "Failed" | "Error");
        let is_resting = self.is_retrying() || !self.is_operating && (has_ended || !self.errors.is_empty());
        // Without an operation behind it, one is still to come: every delivery here is automated or asked for.
        // Where there is nothing to deliver, Argo CD is Synced without one.
        let has_begun =
            !matches!(self.sync.as_str(), "" | "Unknown") && !self.phase.is_empty() || self.sync == "Synced";
        self.is_becoming_healthy()
            || is_resting && self.health != "Progressing" && (has_begun || !self.errors.is_empty())
    }

    /// Everything is delivered, and something of it is not Healthy yet.
    fn is_becoming_healthy(&self) -> bool {
        self.sync == "Synced" && self.health == "Progressing" && self.errors.is_empty()
    }

    /// How long nothing may change until that is the end. What was delivered is compared once more, sooner or later.
    fn quiet(&self) -> Duration {
        if self.is_becoming_healthy() {
            STUCK
        } else if self.errors.is_empty() && self.sync == "OutOfSync" {
            QUIET * 4
        } else {
            QUIET
        }
    }

    /// An attempt has failed, and the next one waits for its time.
    fn is_retrying(&self) -> bool {
        self.message.contains("Retrying attempt #")
    }

    fn end(&self) -> End {
        if !self.errors.is_empty() {
            return End::Refused(self.errors.join("; "));
        }
        match self.phase.as_str() {
            "Failed" | "Error" => End::Refused(self.message.clone()),
            "Running" if self.is_retrying() => End::Refused(self.message.clone()),
            _ => End::Delivered(format!("{}/{}", self.sync, self.health)),
        }
    }

    fn words(&self) -> String {
        let Self { sync, health, phase, message, errors, .. } = self;
        format!(
            "still {sync}/{health} after {PATIENCE:?}, operation {phase} {message}, {}",
            errors.join("; ")
        )
    }
}

impl Entry {
    /// Whether the deliveries have the same names, one after the other.
    pub fn shares_names(&self) -> bool {
        self.fixed.is_some() || self.expectation.in_turn
    }
}

impl End {
    /// What was delivered, if anything.
    pub fn is_delivered(&self) -> bool {
        matches!(self, Self::Delivered(_))
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivered(status) => write!(f, "delivered, {status}"),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Unsettled(words) => write!(f, "did not come to rest: {words}"),
            Self::Failed(why) => write!(f, "failed: {why}"),
        }
    }
}

/// A few characters that tell this run from others on the same stack.
pub(crate) fn unique() -> Result<String> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).context("a clock before 1970")?;
    Ok(format!("{:x}", since.as_millis() & 0xfff_ffff))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_of_the_corpus_is_completed() {
        let mut application = json!({"spec": {"source": {"repoURL": "x"}}});
        complete(&mut application, "n", "ns", Side::Bridged);
        assert_eq!(application["metadata"]["name"], "n");
        assert_eq!(application["spec"]["destination"]["namespace"], "ns");
        let options = json!(["CreateNamespace=true", "FluxSubsystem=true", "AutoCreateFluxResources=true"]);
        assert_eq!(application["spec"]["syncPolicy"]["syncOptions"], options);
        assert_eq!(application["spec"]["syncPolicy"]["automated"], json!({}));
    }

    #[test]
    fn what_never_becomes_healthy_is_compared_all_the_same() {
        let look = |phase: &str| {
            Look::at(&json!({ "status": { "sync": { "status": "Synced" },
                "health": { "status": "Progressing" }, "operationState": { "phase": phase } } }))
        };
        // Argo CD's operation ends once all is applied; Flux's goes on while it waits.
        for look in [look("Succeeded"), look("Running")] {
            assert!(look.may_be_final() && !look.is_good());
            assert_eq!((look.quiet(), look.end()), (STUCK, End::Delivered("Synced/Progressing".into())));
        }
        let on_its_way = json!({ "status": { "sync": { "status": "OutOfSync" },
            "health": { "status": "Progressing" }, "operationState": { "phase": "Running" } } });
        assert!(!Look::at(&on_its_way).may_be_final());
    }

    #[test]
    fn a_policy_of_its_own_is_kept() {
        let mut application = json!({"spec": {"syncPolicy": {"retry": {"limit": 1}}}});
        complete(&mut application, "n", "ns", Side::Plain);
        assert_eq!(application["spec"]["syncPolicy"], json!({"retry": {"limit": 1}}));
    }
}
