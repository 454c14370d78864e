//! Sync windows (argo-cd `pkg/apis/application/v1alpha1/types.go`, `SyncWindows`).

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

use super::app_project::{AppProject, SyncWindow};
use super::cron::{Cron, duration};
use super::pattern::matches_rule;
use crate::argo::Application;

/// How long a look at the windows may wait for the next one: a time zone may change its offset in between.
const MAX_WAIT: Duration = Duration::from_secs(30 * 60);

/// The windows that concern an Application, at a moment.
#[derive(Clone, Debug)]
pub struct Windows<'a> {
    windows: Vec<&'a SyncWindow>,
    now: Timestamp,
}

/// The windows of the project that concern `app` (`Matches`): of its patterns for Applications, clusters and namespaces one
/// fits, or with `andOperator` all that are there.
pub fn matching<'a>(project: &'a AppProject, app: &Application, now: Timestamp) -> Windows<'a> {
    let windows = project.spec.sync_windows.iter().filter(|window| concerns(window, app)).collect();
    Windows { windows, now }
}

fn concerns(window: &SyncWindow, app: &Application) -> bool {
    let destination = &app.spec.destination;
    let any = |patterns: &[String], text: &str| patterns.iter().any(|p| matches_rule(p, text, false, None));
    let is_cluster = |text: &str| !text.is_empty() && any(&window.clusters, text);
    let checks = [
        (&window.applications, any(&window.applications, app.name())),
        (&window.clusters, is_cluster(&destination.name) || is_cluster(&destination.server)),
        (&window.namespaces, any(&window.namespaces, &destination.namespace)),
    ];
    let mut found =
        checks.into_iter().filter(|(patterns, _)| !patterns.is_empty()).map(|(_, fits)| fits).peekable();
    if window.and_operator {
        found.peek().is_some() && found.all(|fits| fits)
    } else {
        found.any(|fits| fits)
    }
}

/// One window at a moment.
struct Moment<'a> {
    window: &'a SyncWindow,
    is_active: bool,
}

impl<'a> Windows<'a> {
    /// Whether a Sync may run now (`CanSync`); `started`: it began then. The error says which window cannot be read:
    /// with such a one, nothing may run.
    pub fn can_sync(&self, is_manual: bool, started: Option<Timestamp>) -> Result<bool, String> {
        if self.windows.is_empty() {
            return Ok(true);
        }
        let all = self.at(self.now)?;
        let Some(obstacle) = Obstacle::of(&all) else { return Ok(true) };
        if is_manual && obstacle.windows.iter().all(|window| window.manual_sync) {
            return Ok(true);
        }
        match started.filter(|_| obstacle.windows.iter().all(|window| window.sync_overrun)) {
            Some(started) => self.could_sync(is_manual, started),
            None => Ok(false),
        }
    }

    /// Whether a Sync might have begun then (`canSyncAtTime`).
    fn could_sync(&self, is_manual: bool, at: Timestamp) -> Result<bool, String> {
        let all = self.at(at)?;
        let obstacle = Obstacle::of(&all);
        Ok(obstacle
            .is_none_or(|obstacle| is_manual && obstacle.windows.iter().all(|window| window.manual_sync)))
    }

    /// How long the windows stay as they are; `None` when there is none, or one that cannot be read.
    pub fn next_change(&self) -> Option<Duration> {
        let changes = self.windows.iter().filter_map(|window| change(window, self.now).ok()?);
        changes.min().map(|delay| {
            let delay = Duration::try_from(delay).unwrap_or_default();
            // A window that begins at this very second is not active before the next one.
            delay.saturating_add(Duration::from_secs(1)).min(MAX_WAIT)
        })
    }

    fn at(&self, time: Timestamp) -> Result<Vec<Moment<'a>>, String> {
        let moment = |window: &&'a SyncWindow| {
            is_active(window, time, self.now).map(|is_active| Moment { window, is_active })
        };
        let all: Result<_, String> = self.windows.iter().map(moment).collect();
        all.map_err(|error| format!("invalid sync windows: {error}"))
    }
}

/// The windows that stand in the way of a Sync.
struct Obstacle<'a> {
    windows: Vec<&'a SyncWindow>,
}

impl<'a> Obstacle<'a> {
    /// Active denials; else, where no allowance is active, the allowances.
    fn of(all: &[Moment<'a>]) -> Option<Self> {
        let of_kind = |kind: &'static str, is_active: bool| {
            let fits =
                move |moment: &&Moment<'_>| moment.window.kind == kind && moment.is_active == is_active;
            all.iter().filter(fits).map(|moment| moment.window).collect::<Vec<_>>()
        };
        let denials = of_kind("deny", true);
        let windows = match (denials.is_empty(), of_kind("allow", true).is_empty()) {
            (false, _) => denials,
            (true, false) => return None,
            (true, true) => of_kind("allow", false),
        };
        (!windows.is_empty()).then_some(Self { windows })
    }
}

/// The wall clock of the window. Argo CD takes the zone's offset of now, whatever time it looks at.
fn local(window: &SyncWindow, time: Timestamp, now: Timestamp) -> Result<DateTime, String> {
    let zone = TimeZoneDatabase::bundled().get(&window.time_zone).unwrap_or(TimeZone::UTC);
    let offset = SignedDuration::from_secs(i64::from(zone.to_offset(now).seconds()));
    TimeZone::UTC.to_datetime(time).checked_add(offset).map_err(|error| error.to_string())
}

/// What Argo CD asks: is the first beginning after `time - duration` before `time`? A schedule that never comes around
/// counts as one that has begun.
fn is_active(window: &SyncWindow, time: Timestamp, now: Timestamp) -> Result<bool, String> {
    let (schedule, length) = parts(window)?;
    let time = local(window, time, now)?;
    Ok(begun(&schedule, length, time)?.is_none_or(|begun| begun < time))
}

fn begun(schedule: &Cron, length: SignedDuration, time: DateTime) -> Result<Option<DateTime>, String> {
    let earliest = time.checked_sub(length).map_err(|error| error.to_string())?;
    Ok(schedule.next(earliest))
}

fn parts(window: &SyncWindow) -> Result<(Cron, SignedDuration), String> {
    let schedule = Cron::parse(&window.schedule)
        .map_err(|error| format!("cannot parse schedule '{}': {error}", window.schedule))?;
    let length = duration(&window.duration)
        .map_err(|error| format!("cannot parse duration '{}': {error}", window.duration))?;
    Ok((schedule, length))
}

/// How long until the window begins or ends.
fn change(window: &SyncWindow, now: Timestamp) -> Result<Option<SignedDuration>, String> {
    let (schedule, length) = parts(window)?;
    let time = local(window, now, now)?;
    let end = begun(&schedule, length, time)?.filter(|begun| *begun < time).map(|begun| {
        begun.checked_add(length).map_err(|error| error.to_string()).map(|end| end.duration_since(time))
    });
    let begin = schedule.next(time).map(|begin| begin.duration_since(time));
    Ok(end.transpose()?.into_iter().chain(begin).min())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn app() -> Application {
        serde_json::from_value(json!({
            "metadata": {"name": "demo", "namespace": "argocd"},
            "spec": {"destination": {"server": "https://kubernetes.default.svc", "namespace": "apps"}},
        }))
        .unwrap()
    }

    fn project(windows: &Value) -> AppProject {
        serde_json::from_value(json!({"metadata": {"name": "team"}, "spec": {"syncWindows": windows}}))
            .unwrap()
    }

    /// Every day from eight to ten, for all Applications, with `more`.
    fn window(kind: &str, more: &Value) -> Value {
        let mut window =
            json!({"kind": kind, "schedule": "0 8 * * *", "duration": "2h", "applications": ["*"]});
        crate::mirror::patch::merge(&mut window, more);
        window
    }

    fn can(windows: &Value, now: &str, is_manual: bool, started: Option<&str>) -> Result<bool, String> {
        let project = project(windows);
        let started = started.map(|started| started.parse().unwrap());
        matching(&project, &app(), now.parse().unwrap()).can_sync(is_manual, started)
    }

    const INSIDE: &str = "2026-01-05T09:00:00Z";
    const OUTSIDE: &str = "2026-01-05T12:00:00Z";

    #[rstest]
    #[case::no_windows(json!([]), OUTSIDE, true)]
    #[case::allowed(json!([window("allow", &json!({}))]), INSIDE, true)]
    #[case::not_allowed(json!([window("allow", &json!({}))]), OUTSIDE, false)]
    #[case::denied(json!([window("deny", &json!({}))]), INSIDE, false)]
    #[case::not_denied(json!([window("deny", &json!({}))]), OUTSIDE, true)]
    #[case::a_denial_wins(json!([window("allow", &json!({})), window("deny", &json!({}))]), INSIDE, false)]
    #[case::one_allowance_is_enough(
        json!([window("allow", &json!({})), window("allow", &json!({"schedule": "0 11 * * *"}))]), OUTSIDE, true
    )]
    #[case::begins_after_its_second(json!([window("allow", &json!({}))]), "2026-01-05T08:00:00Z", false)]
    #[case::a_second_later(json!([window("allow", &json!({}))]), "2026-01-05T08:00:01Z", true)]
    #[case::ends_on_its_second(json!([window("allow", &json!({}))]), "2026-01-05T10:00:00Z", false)]
    #[case::across_midnight(
        json!([window("allow", &json!({"schedule": "0 23 * * *", "duration": "3h"}))]), "2026-01-05T01:00:00Z", true
    )]
    #[case::never_counts_as_begun(json!([window("deny", &json!({"schedule": "0 0 30 2 *"}))]), OUTSIDE, false)]
    fn automated_syncs(#[case] windows: Value, #[case] now: &str, #[case] expected: bool) {
        assert_eq!(can(&windows, now, false, None), Ok(expected));
    }

    #[rstest]
    #[case::denied("deny", json!({}), INSIDE, false)]
    #[case::denied_but_manual("deny", json!({"manualSync": true}), INSIDE, true)]
    #[case::not_allowed("allow", json!({}), OUTSIDE, false)]
    #[case::not_allowed_but_manual("allow", json!({"manualSync": true}), OUTSIDE, true)]
    fn manual_syncs(#[case] kind: &str, #[case] more: Value, #[case] now: &str, #[case] expected: bool) {
        assert_eq!(can(&json!([window(kind, &more)]), now, true, None), Ok(expected));
    }

    #[test]
    fn one_window_without_manual_syncs_stops_them() {
        let windows = json!([window("deny", &json!({"manualSync": true})), window("deny", &json!({}))]);
        assert_eq!(can(&windows, INSIDE, true, None), Ok(false));
    }

    #[rstest]
    #[case::into_a_denial("deny", "2026-01-05T07:59:00Z", INSIDE, true)]
    #[case::begun_in_the_denial("deny", "2026-01-05T08:30:00Z", INSIDE, false)]
    #[case::out_of_an_allowance("allow", "2026-01-05T09:59:00Z", OUTSIDE, true)]
    #[case::begun_outside("allow", "2026-01-05T11:00:00Z", OUTSIDE, false)]
    fn overruns(#[case] kind: &str, #[case] started: &str, #[case] now: &str, #[case] expected: bool) {
        let overrun = json!([window(kind, &json!({"syncOverrun": true}))]);
        assert_eq!(can(&overrun, now, false, Some(started)), Ok(expected));
        assert_eq!(can(&json!([window(kind, &json!({}))]), now, false, Some(started)), Ok(false));
    }

    /// Berlin is one hour ahead in winter, two in summer.
    #[rstest]
    #[case::winter("2026-01-05T07:30:00Z", true)]
    #[case::winter_late("2026-01-05T09:30:00Z", false)]
    #[case::summer("2026-07-06T06:30:00Z", true)]
    #[case::summer_late("2026-07-06T08:30:00Z", false)]
    fn time_zones(#[case] now: &str, #[case] expected: bool) {
        let berlin = json!([window("allow", &json!({"timeZone": "Europe/Berlin"}))]);
        assert_eq!(can(&berlin, now, false, None), Ok(expected));
    }

    #[test]
    fn an_unknown_time_zone_is_utc() {
        let nowhere = json!([window("allow", &json!({"timeZone": "Nowhere/Land"}))]);
        assert_eq!(can(&nowhere, INSIDE, false, None), Ok(true));
    }

    #[rstest]
    #[case(
        "bad",
        "2h",
        "invalid sync windows: cannot parse schedule 'bad': expected exactly 5 fields, found 1: [bad]"
    )]
    #[case(
        "0 8 * * *",
        "2 hours",
        "invalid sync windows: cannot parse duration '2 hours': time: invalid duration \"2 hours\""
    )]
    fn what_cannot_be_read_stops_everything(
        #[case] schedule: &str,
        #[case] length: &str,
        #[case] expected: &str,
    ) {
        let windows = json!([window("allow", &json!({"schedule": schedule, "duration": length}))]);
        assert_eq!(can(&windows, INSIDE, true, None), Err(expected.to_owned()));
    }

    #[rstest]
    #[case::by_name(json!({"applications": ["de*"]}), true)]
    #[case::by_namespace(json!({"applications": null, "namespaces": ["apps"]}), true)]
    #[case::by_cluster(json!({"applications": null, "clusters": ["https://kubernetes.default.svc"]}), true)]
    #[case::cluster_by_another_name(json!({"applications": null, "clusters": ["in-cluster"]}), false)]
    #[case::one_of_them(json!({"applications": ["other"], "namespaces": ["apps"]}), true)]
    #[case::all_of_them(json!({"applications": ["other"], "namespaces": ["apps"], "andOperator": true}), false)]
    #[case::all_fit(json!({"applications": ["demo"], "namespaces": ["apps"], "andOperator": true}), true)]
    #[case::nothing_named(json!({"applications": null}), false)]
    #[case::nothing_named_at_all(json!({"applications": null, "andOperator": true}), false)]
    #[case::no_negation(json!({"applications": ["!other"]}), false)]
    fn which_applications(#[case] more: Value, #[case] expected: bool) {
        let project = project(&json!([window("deny", &more)]));
        assert_eq!(matching(&project, &app(), INSIDE.parse().unwrap()).windows.len() == 1, expected);
    }

    #[rstest]
    #[case::until_it_ends(INSIDE, 1801)]
    #[case::until_it_begins("2026-01-05T07:50:00Z", 601)]
    #[case::until_it_ends_soon("2026-01-05T09:50:00Z", 601)]
    #[case::not_for_ever("2026-01-05T12:00:00Z", 1800)]
    fn the_next_change(#[case] now: &str, #[case] seconds: u64) {
        let project = project(&json!([window("allow", &json!({}))]));
        let change = matching(&project, &app(), now.parse().unwrap()).next_change();
        assert_eq!(change, Some(Duration::from_secs(seconds.min(1800))));
    }
}
