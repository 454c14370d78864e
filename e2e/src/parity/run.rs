//! Many entries at once, each delivered by both.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::StreamExt as _;
use serde_json::Value;

use super::compare::compare;
use super::entry::{Entry, Outcome, Places};
use super::normal::normal;
use super::side::{Delivery, End, Side, unique};
use super::verdict::Verdict;
use super::{cloud, live, report};
use crate::{TestEnv, progress};

/// How long the Applications of a run may take to go.
const CLEARED_WITHIN: Duration = Duration::from_secs(30);

/// Tries all entries, `at_once` at a time; the verdicts come in the order of the entries.
pub async fn run(env: &TestEnv, entries: &[Entry], places: &Places, at_once: usize) -> Result<Vec<Verdict>> {
    let unique = unique()?;
    // An entry that is no delivery says so when it is tried.
    let deliveries = entries.iter().flat_map(|entry| {
        [Side::Plain, Side::Bridged]
            .map(|side| Delivery::of(entry, side, &unique, places))
            .into_iter()
            .flatten()
    });
    let namespaces = deliveries.map(|delivery| delivery.namespace).collect();
    tokio::select! {
        verdicts = try_all(env, entries, places, at_once, &unique) => Ok(verdicts),
        never = cloud::serve(env.client(), &namespaces) => match never {},
    }
}

async fn try_all(
    env: &TestEnv,
    entries: &[Entry],
    places: &Places,
    at_once: usize,
    unique: &str,
) -> Vec<Verdict> {
    let all = entries.len();
    let tries = entries.iter().enumerate().map(async |(index, entry)| {
        let begun = Instant::now();
        let mut verdict = match judge(env, entry, places, unique).await {
            Ok(verdict) => verdict,
            Err(error) => Verdict::failed(&entry.name, &entry.about, &error),
        };
        verdict.seconds = begun.elapsed().as_secs_f64();
        (index, verdict)
    });
    let mut tries = futures::stream::iter(tries).buffer_unordered(at_once);
    let mut verdicts = Vec::new();
    while let Some((index, verdict)) = tries.next().await {
        progress::say(&format!("{:>3}/{all} {}", verdicts.len() + 1, report::line(&verdict)));
        verdicts.push((index, verdict));
    }
    verdicts.sort_by_key(|(index, _)| *index);
    if let Err(error) = clear(env, unique).await {
        progress::say(&format!("not everything was cleared away: {error:#}"));
    }
    verdicts.into_iter().map(|(_, verdict)| verdict).collect()
}

/// How a delivery ended, and the objects that it has in the cluster.
type Delivered = (End, Vec<Value>);

async fn judge(env: &TestEnv, entry: &Entry, places: &Places, unique: &str) -> Result<Verdict> {
    let plain = Delivery::of(entry, Side::Plain, unique, places)?;
    let bridged = Delivery::of(entry, Side::Bridged, unique, places)?;
    let ((plain_end, plain_objects), (bridged_end, bridged_objects)) = if entry.shares_names() {
        in_turn(env, &plain, &bridged).await
    } else {
        at_once(env, &plain, &bridged).await
    };
    let differences = if plain_end.is_delivered() && bridged_end.is_delivered() {
        let counted = |objects: &[Value], delivery: &Delivery| {
            let names = delivery.names();
            normal(objects, if entry.shares_names() { &[] } else { &names })
        };
        compare(&counted(&plain_objects, &plain), &counted(&bridged_objects, &bridged))
    } else {
        Vec::new()
    };
    let counts = [plain_objects.len(), bridged_objects.len()];
    Ok(Verdict::of(entry, [&plain_end, &bridged_end], differences, counts))
}

/// Both deliveries have the same names: the second begins when nothing is left of the first.
async fn in_turn(env: &TestEnv, plain: &Delivery, bridged: &Delivery) -> (Delivered, Delivered) {
    let plain_side = and_gone(env, plain).await;
    let bridged_side = match &plain_side.0 {
        End::Failed(_) => (End::Failed("not tried, since the plain one is in its way".into()), Vec::new()),
        _ => and_gone(env, bridged).await,
    };
    (plain_side, bridged_side)
}

async fn and_gone(env: &TestEnv, delivery: &Delivery) -> Delivered {
    let (end, objects) = deliver(env, delivery).await;
    match delivery.clear(env, &objects).await {
        Ok(()) => (end, objects),
        Err(error) => (End::Failed(format!("{end}, but cannot be taken away again: {error:#}")), objects),
    }
}

/// Both deliveries have names of their own.
async fn at_once(env: &TestEnv, plain: &Delivery, bridged: &Delivery) -> (Delivered, Delivered) {
    let (plain_side, bridged_side) = futures::join!(deliver(env, plain), deliver(env, bridged));
    for (delivery, end) in [(plain, &plain_side.0), (bridged, &bridged_side.0)] {
        if let Err(error) = delivery.forget(env, Some(end)).await {
            progress::say(&format!("{} is not cleared away: {error:#}", delivery.name));
        }
    }
    (plain_side, bridged_side)
}

async fn deliver(env: &TestEnv, delivery: &Delivery) -> Delivered {
    let tried = async {
        let end = delivery.deliver(env).await?;
        let objects = if end.is_delivered() { live::objects(env, delivery).await? } else { Vec::new() };
        anyhow::Ok((end, objects))
    };
    tried.await.unwrap_or_else(|error| (End::Failed(format!("{error:#}")), Vec::new()))
}

/// Takes the namespaces of this run away, once what deletes the Applications in them is through.
async fn clear(env: &TestEnv, unique: &str) -> Result<()> {
    let of_this_run = |object: &Value| {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        [format!("-{unique}-a"), format!("-{unique}-b")].iter().any(|end| name.ends_with(end)).then_some(name)
    };
    let (begun, mut left) = (Instant::now(), vec![String::new()]);
    while !left.is_empty() && begun.elapsed() < CLEARED_WITHIN {
        tokio::time::sleep(Duration::from_millis(500)).await;
        left = env.list("Application", &env.control).await?.iter().filter_map(&of_this_run).collect();
    }
    for namespace in env.list("Namespace", "").await?.iter().filter_map(&of_this_run) {
        env.delete("Namespace", "", &namespace).await?;
    }
    ensure!(left.is_empty(), "still there after {CLEARED_WITHIN:?}: {}", left.join(", "));
    Ok(())
}

/// Whether everything came as the corpus expects; for a user's own Applications, whether both deliver the same.
pub fn is_good(verdicts: &[Verdict]) -> bool {
    verdicts.iter().all(|verdict| verdict.is_expected)
}

/// How many had that outcome.
pub fn count(verdicts: &[Verdict], outcome: Outcome) -> usize {
    verdicts.iter().filter(|verdict| verdict.outcome == Some(outcome)).count()
}
