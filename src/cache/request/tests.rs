//! What is sent, byte for byte, and which errors end a connection.

use rstest::rstest;

use super::*;
use crate::cache::settings::{Found, Overrides, resolve};

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
    let work = Work::Write { fingerprint: 0, tree: b"tree".to_vec(), managed_resources: b"managed".to_vec() };
    let expected = [
        vec!["SET", "app|resources-tree|podinfo|1.8.3.gz", "tree", "EX", "3600"],
        vec!["SET", "app|managed-resources|podinfo|1.8.3.gz", "managed", "EX", "3600"],
        vec!["PUBLISH", "app|managed-resources|podinfo|1.8.3", ""],
    ];
    assert_eq!(words(&of(&keys, &work, &settings("gzip"))), expected);
    let uncompressed = words(&of(&keys, &work, &settings("none")));
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
    assert_eq!(words(&of(&keys, &Work::Drop, &settings("gzip"))), expected);
}

#[test]
fn an_entry_lives_on_by_its_names_alone() {
    let all = ["argocd/a", "team/b"].map(|identity| Keys::of(identity, "argocd"));
    let expected = [
        ["EXPIRE", "app|resources-tree|a|1.8.3", "3600"],
        ["EXPIRE", "app|managed-resources|a|1.8.3", "3600"],
        ["EXPIRE", "app|resources-tree|team_b|1.8.3", "3600"],
        ["EXPIRE", "app|managed-resources|team_b|1.8.3", "3600"],
    ];
    assert_eq!(words(&renew(all.into_iter(), &settings("none"))), expected);
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
