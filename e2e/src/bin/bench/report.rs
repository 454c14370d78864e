//! What the bridge itself cost, in sentences.

use std::fmt::Write as _;

use anyhow::Result;

use crate::{Arguments, EXPIRATION};

/// What the bridge itself used, over all rounds.
#[derive(Default)]
pub(crate) struct Cost {
    pub(crate) cpu: f64,
    pub(crate) resident: u64,
    pub(crate) writes: f64,
    /// Commands about entries, from creation to Healthy.
    pub(crate) redis: u64,
    pub(crate) idle_writes: f64,
    pub(crate) idle_cpu: f64,
    pub(crate) idle_redis: u64,
    pub(crate) idle_pings: u64,
}

/// Adds what it cost to `table`.
pub(crate) fn report(table: &mut String, arguments: &Arguments, cost: &Cost) -> Result<()> {
    let all = count(arguments.applications * arguments.rounds);
    writeln!(
        table,
        "\nbridge: {:.2} s CPU a round, {} MiB resident at most",
        cost.cpu / count(arguments.rounds),
        cost.resident >> 20
    )?;
    writeln!(
        table,
        "bridge: {:.1} requests that write and {:.1} commands to Redis per Application, from creation to Healthy",
        cost.writes / all,
        whole(cost.redis) / all
    )?;
    writeln!(
        table,
        "bridge: {} writes and {:.2} s CPU in {} s of idleness",
        cost.idle_writes, cost.idle_cpu, arguments.idle
    )?;
    // What is renewed is renewed as often as its life is short: by its life, an hour is as good as what was measured.
    let lives = whole(arguments.idle) / whole(EXPIRATION);
    let per_life = whole(cost.idle_redis) / count(arguments.applications) / lives;
    let hour = whole(3600) / whole(arguments.idle);
    writeln!(
        table,
        "bridge: per Application per hour of idleness {:.1} writes to the API server and {per_life:.1} commands to \
         Redis, where entries live for an hour (measured: {} in {} s, living {EXPIRATION} s); {:.0} pings an hour in all",
        cost.idle_writes * hour / count(arguments.applications),
        cost.idle_redis,
        arguments.idle,
        whole(cost.idle_pings) * hour
    )?;
    Ok(())
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

fn whole(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}
