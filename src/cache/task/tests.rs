//! What is sent, byte for byte, and which errors end a connection.

use std::time::Duration;

use redis::{RedisError, ServerErrorKind};
use rstest::rstest;

use super::*;
use crate::cache::settings::Found;

fn settings(compression: &str) -> Settings {
    let parameters = [("redis.compression".to_owned(), compression.to_owned())].into();
    resolve(&Overrides::default(), &Found { parameters, ..Found::default() }).unwrap().unwrap()
}

/// As Redis reads it: one word after the other.
fn words(pipeline: &Pipeline) -> Vec<Vec<String>> {
    let text = |arg: redis::Arg<&[u8]>| match arg {
        redis::Arg::Simple(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => unreachable!("no cursor is asked for"),
    };
    pipeline.cmd_iter().map(|command| command.args_iter().map(text).collect()).collect()
}

#[test]
fn an_entry_is_two_values_and_a_message() {
    let keys = Keys::of("argocd/podinfo", "argocd");
    let work =
        Work::Write { fingerprint: [0; 32], tree: b"tree".to_vec(), managed_resources: b"managed".to_vec() };
    let expected = [
        vec!["SET", "app|resources-tree|podinfo|1.8.3.gz", "tree", "EX", "3600"],
        vec!["SET", "app|managed-resources|podinfo|1.8.3.gz", "managed", "EX", "3600"],
        vec!["PUBLISH", "app|managed-resources|podinfo|1.8.3", ""],
    ];
    assert_eq!(words(&pipeline(&keys, &work, &settings("gzip"))), expected);
    let uncompressed = words(&pipeline(&keys, &work, &settings("none")));
    assert_eq!(uncompressed[0][1], "app|resources-tree|podinfo|1.8.3");
    assert_eq!(uncompressed[2], expected[2]);
}

#[test]
fn what_is_taken_out_is_taken_out_in_either_form() {
    let keys = Keys::of("team/podinfo", "argocd");
    let expected = [
        vec![
            "DEL",
            "app|resources-tree|team_podinfo|1.8.3.gz",
            "app|managed-resources|team_podinfo|1.8.3.gz",
            "app|resources-tree|team_podinfo|1.8.3",
            "app|managed-resources|team_podinfo|1.8.3",
        ],
        vec!["PUBLISH", "app|managed-resources|team_podinfo|1.8.3", ""],
    ];
    assert_eq!(words(&pipeline(&keys, &Work::Drop, &settings("gzip"))), expected);
}

#[rstest]
#[case::gone(RedisError::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe)), true)]
#[case::slow(RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut)), true)]
#[case::demoted(RedisError::from((ErrorKind::Server(ServerErrorKind::ReadOnly), "READONLY")), true)]
#[case::full(RedisError::from((ErrorKind::Extension, "OOM")), false)]
#[case::denied(RedisError::from((ErrorKind::Server(ServerErrorKind::NoPerm), "NOPERM")), false)]
fn a_full_server_is_kept_and_a_demoted_one_is_left(#[case] error: RedisError, #[case] expected: bool) {
    assert_eq!(is_lost(&error), expected);
}

#[test]
fn pauses_grow_and_stay_bounded() {
    let all: Vec<Duration> = pauses().take(40).collect();
    assert!(all[0] >= PAUSES.0 && all.iter().all(|pause| *pause <= 2 * PAUSES.1), "{all:?}");
    assert!(all[39] >= PAUSES.1);
}
