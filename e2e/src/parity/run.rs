//! Many entries at once, each delivered by both.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use futures::StreamExt as _;

use super::compare::compare;
use super::entry::{Entry, Outcome, Places};
use super::normal::normal;
use super::side::{Delivery, Side, unique};
use super::verdict::Verdict;
use super::{live, report};
use crate::{TestEnv, progress};

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
    clear(env, &unique).await?;
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
        let both = futures::future::try_join(deliver(&plain), deliver(&bridged)).await?;
        let ((plain_end, plain_objects), (bridged_end, bridged_objects)) = both;
        futures::future::try_join(plain.forget(env), bridged.forget(env)).await?;
        (plain_end, plain_objects, bridged_end, bridged_objects)
    };
    let differences = if plain_end.is_delivered() && bridged_end.is_delivered() {
        let counted = |objects: &[serde_json::Value], delivery: &Delivery| {
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
    let of_this_run = |object: &serde_json::Value| {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        [format!("-{unique}-a"), format!("-{unique}-b")].iter().any(|end| name.ends_with(end)).then_some(name)
    };
    env.wait_until("the Applications of this run are gone", Duration::from_secs(60), async || {
        let left: Vec<_> =
            env.list("Application", &env.control).await?.iter().filter_map(&of_this_run).collect();
        if left.is_empty() { Ok(Some(())) } else { Err(anyhow!("{}", left.join(", "))) }
    })
    .await?;
    for namespace in env.list("Namespace", "").await?.iter().filter_map(&of_this_run) {
        env.delete("Namespace", "", &namespace).await?;
    }
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
