//! Sources that read Secrets: killed before any write, no Secret is missing while a source reads it, and none is left once
//! nothing does. (That none is missing is looked at after each step of any story: `cluster.rs`.)

use std::sync::Arc;

use rstest::rstest;
use serde_json::json;

use super::cluster::Cluster;
use super::crashes::assert_killed_after;
use super::secrets::{URL, known};
use crate::mirror::fixtures::{App, app, git_source};

const CHARTS: &str = "https://charts.example.org";

fn git() -> App {
    app("demo").git().automated().cascading()
}

fn chart() -> App {
    app("demo").chart("6.3.5").automated().cascading()
}

/// Paths of two repositories, of which the first one is private.
fn two() -> App {
    app("demo").sources(&[git_source("demo", "web"), git_source("public", "worker")]).automated().cascading()
}

fn knowing(app: &App, url: &str) -> Cluster {
    let mut cluster = Cluster::with(app);
    cluster.repositories = Some(Arc::new(known(url, "old")));
    cluster
}

fn settled(mut cluster: Cluster) -> Cluster {
    cluster.settle();
    cluster
}

fn url_of(cluster: &Cluster) -> String {
    cluster.app().sources()[0].repo_url.clone()
}

fn rotate(cluster: &mut Cluster) {
    cluster.repositories = Some(Arc::new(known(&url_of(cluster), "new")));
}

fn forget(cluster: &mut Cluster) {
    cluster.repositories = Some(Arc::default());
}

fn delete(cluster: &mut Cluster) {
    cluster.api.delete_application();
}

fn hand_back(cluster: &mut Cluster) {
    cluster.edit(&json!({"spec": {"syncPolicy": {"syncOptions": null}}}));
}

fn drop_the_private_source(cluster: &mut Cluster) {
    let sources = cluster.app().sources()[1..].to_vec();
    cluster.edit(&json!({"spec": {"sources": sources}}));
}

fn nothing(_: &mut Cluster) {}

/// What is left of the Secrets, by their passwords.
fn passwords(cluster: &Cluster) -> Vec<String> {
    cluster.api.secrets.values().map(|secret| secret.data.text("password")).collect()
}

#[rstest]
#[case::create(knowing(&git(), URL), nothing, &["old"])]
#[case::create_chart(knowing(&chart(), CHARTS), nothing, &["old"])]
#[case::create_two(knowing(&two(), URL), nothing, &["old"])]
#[case::rotation(settled(knowing(&git(), URL)), rotate, &["new"])]
#[case::rotation_of_a_chart(settled(knowing(&chart(), CHARTS)), rotate, &["new"])]
#[case::a_credential_that_comes(settled(knowing(&git(), "https://elsewhere.example.org")), rotate, &["new"])]
#[case::a_credential_that_comes_for_a_chart(settled(knowing(&chart(), "https://elsewhere.example.org")), rotate, &["new"])]
#[case::a_credential_that_goes(settled(knowing(&git(), URL)), forget, &[])]
#[case::a_credential_that_goes_for_a_chart(settled(knowing(&chart(), CHARTS)), forget, &[])]
#[case::the_last_consumer_goes(settled(knowing(&two().pruning(), URL)), drop_the_private_source, &[])]
#[case::the_last_consumer_goes_without_pruning(settled(knowing(&two(), URL)), drop_the_private_source, &[])]
#[case::deletion(settled(knowing(&git(), URL)), delete, &[])]
#[case::deletion_of_a_chart(settled(knowing(&chart(), CHARTS)), delete, &[])]
#[case::hand_back(settled(knowing(&git(), URL)), hand_back, &[])]
#[case::hand_back_of_a_chart(settled(knowing(&chart(), CHARTS)), hand_back, &[])]
#[case::deletion_while_it_is_created(knowing(&git(), URL), |cluster: &mut Cluster| {
    cluster.run(2);
    delete(cluster);
}, &[])]
fn killed_anywhere_no_secret_is_missing_or_left(
    #[case] begin: Cluster,
    #[case] happens: fn(&mut Cluster),
    #[case] left: &[&str],
    #[values(1, 3)] pace: usize,
) {
    let mut unharmed = begin.clone();
    happens(&mut unharmed);
    unharmed.settle();
    assert_eq!(
        passwords(&unharmed),
        left,
        "{:#?} {:?}",
        unharmed.api.objects.keys(),
        unharmed.status().conditions
    );
    assert_killed_after(begin, happens, pace);
}

/// What is left behind goes on delivering, with what it reads.
#[test]
fn without_a_cascade_the_secret_stays_with_its_source() {
    let mut cluster = settled(knowing(&app("demo").git().automated(), URL));
    delete(&mut cluster);
    cluster.settle();
    assert!(cluster.api.app.is_none());
    assert_eq!(passwords(&cluster), ["old"]);
}
