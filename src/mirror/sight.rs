//! Which live objects an Application may look at.

use super::observed::Observed;
use crate::flux::naming::{chart_key, is_made_for};
use crate::flux::{Live, ObjectKey};
use crate::project::Permissions;

/// A live object that is the Application's own, or stands where the project lets it deliver. Of others nothing is read.
pub fn seen<'a>(observed: &'a Observed, permissions: &Permissions<'_>, key: &ObjectKey) -> Option<Live<'a>> {
    let is_seen = |live: &Live<'_>| permissions.namespace(live.namespace()) || observed.owns(*live);
    observed.live(key).filter(is_seen)
}

/// The `HelmChart` behind a `HelmRelease`. Where the project lets the Application deliver nothing, it has to be the one that
/// Flux made of that very release: names of others may come to the same.
pub fn chart<'a>(
    observed: &'a Observed,
    permissions: &Permissions<'_>,
    workload: Live<'_>,
) -> Option<Live<'a>> {
    let chart = observed.live(&chart_key(workload)?)?;
    (permissions.namespace(chart.namespace()) || is_made_for(workload, chart)).then_some(chart)
}
