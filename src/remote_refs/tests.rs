use std::fmt::Write;

use axum::Router;
use axum::http::StatusCode as Status;
use axum::routing::get;
use rstest::rstest;

use super::*;
use crate::testing::{http_client, serve};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const NONE: &str = "0000000000000000000000000000000000000000";

/// A body of packet lines behind the service header.
fn body(lines: &[String]) -> Vec<u8> {
    let mut text = String::new();
    line(&mut text, "# service=git-upload-pack\n");
    text.push_str("0000");
    for content in lines {
        line(&mut text, &format!("{content}\n"));
    }
    text.push_str("0000");
    text.into_bytes()
}

fn line(text: &mut String, content: &str) {
    write!(text, "{:04x}{content}", content.len() + 4).unwrap();
}

fn refs(pairs: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    pairs.iter().map(|(name, commit)| ((*name).to_owned(), (*commit).to_owned())).collect()
}

#[test]
fn head_follows_the_symref_and_an_annotated_tag_is_its_commit() {
    let found = parse::advertisement(&body(&[
        "version 1".to_owned(),
        format!("{A} HEAD\0multi_ack thin-pack symref=HEAD:refs/heads/trunk agent=git/2.47"),
        format!("{A} refs/heads/main"),
        format!("{A} refs/heads/trunk"),
        format!("{B} refs/tags/v1"),
        format!("{A} refs/tags/v1^{{}}"),
        format!("{B} refs/tags/v2"),
    ]));
    let expected = RemoteRefs {
        head: Some("refs/heads/trunk".to_owned()),
        refs: refs(&[
            ("refs/heads/main", A),
            ("refs/heads/trunk", A),
            ("refs/tags/v1", A),
            ("refs/tags/v2", B),
        ]),
    };
    assert_eq!(found, Ok(expected));
}

#[rstest]
#[case::usual_name(&["refs/heads/a", "refs/heads/master"], Some("refs/heads/master"))]
#[case::first_at_the_commit(&["refs/heads/a", "refs/heads/b"], Some("refs/heads/a"))]
#[case::tags_are_no_branches(&["refs/tags/a"], None)]
fn without_a_symref_head_is_guessed(#[case] names: &[&str], #[case] head: Option<&str>) {
    let mut lines = vec![format!("{A} HEAD\0thin-pack")];
    lines.extend(names.iter().map(|name| format!("{A} {name}")));
    lines.push(format!("{B} refs/heads/main"));
    assert_eq!(parse::advertisement(&body(&lines)).unwrap().head.as_deref(), head);
}

#[test]
fn an_empty_repository_has_no_refs() {
    let found = parse::advertisement(&body(&[format!("{NONE} capabilities^{{}}\0thin-pack")]));
    assert_eq!(found, Ok(RemoteRefs::default()));
}

#[test]
fn what_breaks_the_protocol_is_named() {
    let whole = body(&[format!("{A} HEAD\0thin-pack")]);
    for end in 0..whole.len() {
        assert!(matches!(parse::advertisement(&whole[..end]), Err(ParseError::Truncated(_))), "at {end}");
    }
    assert_eq!(parse::advertisement(b"<html>"), Err(ParseError::Length(0)));
    assert_eq!(parse::advertisement(b"0001"), Err(ParseError::Length(0)));
    let error = parse::advertisement(&body(&["ERR access denied".to_owned()]));
    assert_eq!(error, Err(ParseError::Server("access denied".to_owned())));
    let error = parse::advertisement(&body(&["zz refs/heads/main".to_owned()]));
    assert_eq!(error, Err(ParseError::Line("zz refs/heads/main".to_owned())));
}

#[rstest]
#[case("https://host/team/app.git", "https://host/team/app.git/info/refs?service=git-upload-pack")]
#[case("http://host/team/app/", "http://host/team/app/info/refs?service=git-upload-pack")]
fn the_address_is_used_as_it_stands(#[case] url: &str, #[case] address: &str) {
    assert_eq!(discovery(url).unwrap().as_str(), address);
}

#[rstest]
#[case("git@host:team/app.git", "host:team/app.git is no http or https address")]
#[case("ssh://git:secret@host/app.git", "host/app.git is no http or https address")]
#[case("", " is no http or https address")]
fn other_addresses_are_refused_without_their_credentials(#[case] url: &str, #[case] message: &str) {
    assert_eq!(discovery(url).unwrap_err().to_string(), message);
}

#[tokio::test]
async fn refs_come_over_http_and_refusals_show_no_password() {
    let advertised =
        body(&[format!("{A} HEAD\0symref=HEAD:refs/heads/main"), format!("{A} refs/heads/main")]);
    let routes = Router::new()
        .route("/app.git/info/refs", get(async || ([("content-type", ADVERTISEMENT)], advertised)))
        .route("/private/info/refs", get(async || Status::UNAUTHORIZED))
        .route("/page/info/refs", get(async || ([("content-type", "text/html")], "<html>")));
    let address = serve(routes).await;
    let http = http_client();

    let found = list(&http, &format!("http://{address}/app.git/"), &Login::Anonymous).await.unwrap();
    assert_eq!(found.head.as_deref(), Some("refs/heads/main"));
    assert_eq!(found.refs, refs(&[("refs/heads/main", A)]));

    let error =
        list(&http, &format!("http://me:secret@{address}/private"), &Login::Anonymous).await.unwrap_err();
    assert_eq!(error.to_string(), format!("http://{address}/private answered 401 Unauthorized"));
    let error = list(&http, &format!("http://{address}/page"), &Login::Anonymous).await.unwrap_err();
    assert!(matches!(error, RemoteRefsError::NotSmart { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_shows_no_password() {
    let address = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = list(&http_client(), &format!("http://me:secret@{address}/app"), &Login::Anonymous)
        .await
        .unwrap_err();
    assert!(matches!(error, RemoteRefsError::Request { .. }), "{error}");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}
