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
use super::{live, report};
use crate::{TestEnv, progress};

/// How long the Applications of a run may take to go.
const CLEARED_WITHIN: Duration = Duration::from_secs(30);

/// Tries all entries, `at_once` at a time; the verdicts come in the order of the entries.
pub async fn run(env: &TestEnv, entries: &[Entry], places: &Places, at_once: usize) -> Result<Vec<Verdict>> {
    let unique = unique()?;
    let all = entries.len();
    let tries = entries.iter().enumerate().map(async |(index, entry)| {
        let begun = Instant::now();
        let mut verdict = match judge(env, entry, places, &unique).await {
            Ok(verdict) => verdict,
            Err(error) => Verdict::failed(entry, &error),
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
    if let Err(error) = clear(env, &unique).await {
        progress::say(&format!("not everything was cleared away: {error:#}"));
    }
    Ok(verdicts.into_iter().map(|(_, verdict)| verdict).collect())
}

async fn judge(env: &TestEnv, entry: &Entry, places: &Places, unique: &str) -> Result<Verdict> {
    let plain = Delivery::of(entry, Side::Plain, unique, places)?;
    let bridged = Delivery::of(entry, Side::Bridged, unique, places)?;
    let deliver = async |delivery: &Delivery| -> Result<_> {
        let end = delivery.deliver(env).await?;
        let objects = if end.is_delivered() { live::objects(env, delivery).await? } else { Vec::new() };
        Ok((end, objects))
    };
    let (plain_end, plain_objects, bridged_end, bridged_objects) = if entry.shares_names() {
        let (plain_end, plain_objects) = deliver(&plain).await?;
        plain.clear(env, &plain_objects).await?;
        let (bridged_end, bridged_objects) = deliver(&bridged).await?;
        bridged.clear(env, &bridged_objects).await?;
        (plain_end, plain_objects, bridged_end, bridged_objects)
    } else {
        let (plain_side, bridged_side) = futures::future::join(deliver(&plain), deliver(&bridged)).await;
        let end = |side: &Result<(End, Vec<Value>)>| side.as_ref().ok().map(|side| side.0.clone());
        let (plain_end, bridged_end) = (end(&plain_side), end(&bridged_side));
        let forgotten = futures::future::try_join(
            plain.forget(env, plain_end.as_ref()),
            bridged.forget(env, bridged_end.as_ref()),
        );
        forgotten.await?;
        let ((plain_end, plain_objects), (bridged_end, bridged_objects)) = (plain_side?, bridged_side?);
        (plain_end, plain_objects, bridged_end, bridged_objects)
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
