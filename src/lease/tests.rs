use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use rstest::rstest;

use super::election::{Verdict, evaluate};
use super::*;

fn spec(holder: Option<&str>, seconds: Option<i32>) -> LeaseSpec {
    LeaseSpec {
        holder_identity: holder.map(str::to_owned),
        lease_duration_seconds: seconds,
        ..LeaseSpec::default()
    }
}

/// What to do is a matter of who holds the lease and of how many seconds it has stood still.
#[rstest]
#[case::never_held(spec(None, None), 0, "acquire")]
#[case::released(spec(Some(""), Some(1)), 0, "acquire")]
#[case::ours(spec(Some("me"), Some(15)), 0, "renew")]
#[case::ours_after_a_restart(spec(Some("me"), Some(15)), 99, "renew")]
#[case::held(spec(Some("other"), Some(15)), 14, "wait for 1 s")]
#[case::just_seen(spec(Some("other"), Some(15)), 0, "wait for 15 s")]
#[case::run_out(spec(Some("other"), Some(15)), 15, "acquire")]
#[case::a_longer_promise_than_ours(spec(Some("other"), Some(60)), 15, "wait for 45 s")]
#[case::without_a_promise(spec(Some("other"), None), 0, "acquire")]
#[case::with_a_wrong_promise(spec(Some("other"), Some(-5)), 0, "acquire")]
fn verdict(#[case] spec: LeaseSpec, #[case] still_for: u64, #[case] expected: &str) {
    let since = Instant::now();
    let now = since + Duration::from_secs(still_for);
    let verdict = match evaluate(&spec, "me", since, now) {
        Verdict::Acquire => "acquire".to_owned(),
        Verdict::Renew => "renew".to_owned(),
        Verdict::Wait(until) => format!("wait for {} s", (until - now).as_secs()),
    };
    assert_eq!(verdict, expected);
}

#[test]
fn clocks_of_other_machines_do_not_count() {
    let long_ago = MicroTime(k8s_openapi::jiff::Timestamp::UNIX_EPOCH);
    let held = LeaseSpec { renew_time: Some(long_ago), ..spec(Some("other"), Some(15)) };
    let now = Instant::now();
    assert!(matches!(evaluate(&held, "me", now, now), Verdict::Wait(_)));
}

#[test]
fn a_leader_stops_before_a_standby_may_start() {
    for duration in [1, 2, 15, 60].map(Duration::from_secs) {
        assert!(whole_seconds(duration) == duration);
        assert!(duration / 3 < duration * 2 / 3 && duration * 2 / 3 < duration);
    }
    assert_eq!(whole_seconds(Duration::from_millis(1500)), Duration::from_secs(2));
    assert_eq!(whole_seconds(Duration::ZERO), Duration::from_secs(1));
}

#[test]
fn a_pod_is_called_by_its_name_and_a_process_by_its_own() {
    assert_eq!(identity(Some("flux-subsystem-0")), "flux-subsystem-0");
    assert!(identity(None).ends_with(&format!("_{}", std::process::id())));
    assert_eq!(identity(Some("")), identity(None));
}
