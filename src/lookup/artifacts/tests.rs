use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio_util::sync::CancellationToken;

use super::super::Sources;
use super::super::service::Known;
use super::*;
use crate::digest::sha256_hex;
use crate::repo_server;
use crate::testing;
use crate::translate::File;

/// A repository of a thousand folders with a chart each.
fn repository() -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for number in 0..1000 {
        for (file, text) in
            [("Chart.yaml", format!("name: chart-{number}")), ("values.yaml", "a: 1".to_owned())]
        {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            builder.append_data(&mut header, format!("charts/{number}/{file}"), text.as_bytes()).unwrap();
        }
    }
    builder.into_inner().unwrap().finish().unwrap()
}

async fn lookups() -> Lookups {
    let client = testing::api_server(Router::new()).await;
    let options = repo_server::Options { address: "127.0.0.1:1".to_owned(), is_plaintext: true };
    let sources = Sources {
        client,
        http: testing::http_client(),
        repo_server: repo_server::RepoServer::new(&options).unwrap(),
        control_namespace: "argocd".to_owned(),
        artifact_address: "localhost:1".to_owned(),
        budget: 8 << 20,
    };
    Lookups::new(sources, Arc::default(), CancellationToken::new()).0
}

async fn answer<T>(mut look: impl FnMut() -> Found<T>) -> T {
    loop {
        let found = look();
        match (found.known, found.flight) {
            (Known::Answer(answer), _) => return answer,
            (_, Some(flight)) => flight.done().await,
            (Known::Failure(failure, ..), None) => panic!("{failure}"),
            (Known::Nothing(_), None) => panic!("nobody asks"),
        }
    }
}

#[tokio::test]
async fn an_artifact_is_downloaded_once_however_many_ask() {
    let body = repository();
    let digest = format!("sha256:{}", sha256_hex(&body));
    let downloads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&downloads);
    let serve = get(async move || {
        counted.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
        body
    });
    let address = testing::serve(Router::new().route("/a.tar.gz", serve)).await;
    let url = format!("http://{address}/a.tar.gz");
    let lookups = lookups().await;
    let look = async |number: usize| {
        let (at, party) = (ArtifactAt { url: &url, digest: &digest }, Party::default());
        let path = format!("charts/{number}");
        let contents = answer(|| lookups.contents(&at, &path, false, &party)).await;
        assert_eq!(contents.chart, ["Chart.yaml", "values.yaml"]);
        let pattern = FilePattern::Path(format!("{path}/Chart.yaml"));
        let files = answer(|| lookups.files(&at, &pattern, &party)).await;
        assert_eq!(
            *files,
            [(format!("{path}/Chart.yaml"), File::Text(format!("name: chart-{number}").into()))]
        );
    };
    futures::future::join_all((0..100).map(look)).await;
    // Also of those that come later.
    look(500).await;
    assert_eq!(downloads.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_artifact_that_is_replaced_is_asked_for_again_soon() {
    let address = testing::serve(Router::new()).await;
    let url = format!("http://{address}/a.tar.gz");
    let lookups = lookups().await;
    let at = ArtifactAt { url: &url, digest: "sha256:00" };
    let look = || lookups.contents(&at, "", false, &Party::default());
    look().flight.unwrap().done().await;
    let Known::Failure(failure, _, left) = look().known else { panic!("it is there") };
    assert_eq!(failure.cause, Cause::Passing);
    assert!(left <= Duration::from_secs(1), "{left:?}");
}
