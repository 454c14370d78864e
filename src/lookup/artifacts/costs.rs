//! What it takes to know many folders by their contents: a measurement, not a test.
//!
//! `cargo test --release --lib -- --ignored --nocapture many_folders_of_many_commits`

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Instant;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::tests::{answer, lookups};
use super::*;
use crate::digest::sha256_hex;
use crate::testing;

const FOLDERS: usize = 2_000;
const FILES: usize = 300;
const COMMITS: usize = 50;
const BUDGET: usize = 48 << 20;

/// The repository at one commit: names are what counts, so the files are empty.
fn repository(commit: usize) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let names =
        (0..FOLDERS).flat_map(|folder| (0..FILES).map(move |file| format!("apps/{folder}/{file}.yaml")));
    for name in names.chain([format!("commit-{commit}")]) {
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        builder.append_data(&mut header, name, std::io::empty()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

/// Resident memory in MiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() >> 10
}

#[tokio::test]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, reason = "to be read, not judged")]
async fn many_folders_of_many_commits() {
    // One at a time: what is measured is not what serves them.
    let serve = get(async |Path(commit): Path<usize>| repository(commit));
    let address = testing::serve(Router::new().route("/{commit}", serve)).await;
    let digests: Vec<String> =
        (0..COMMITS).map(|commit| format!("sha256:{}", sha256_hex(&repository(commit)))).collect();
    let lookups = lookups(BUDGET).await;
    let (empty, begin) = (resident(), Instant::now());
    let mut table = String::from("commits  lookups, resident MiB  every answer kept, bytes of text MiB\n");
    let mut all: HashMap<(usize, usize), Arc<Contents>> = HashMap::new();
    let mut kept = 0;
    for (commit, digest) in digests.iter().enumerate() {
        let url = format!("http://{address}/{commit}");
        for folder in 0..FOLDERS {
            let at = ArtifactAt { url: &url, digest };
            let path = format!("apps/{folder}");
            let contents = answer(|| lookups.contents(&at, &path, false, &Party::default())).await;
            kept += contents.manifests.iter().map(|name| size_of::<String>() + name.len()).sum::<usize>();
            if std::env::var_os("KEEP_ALL").is_some() {
                all.insert((commit, folder), contents);
            }
        }
        if commit == 0 || commit % 10 == 9 {
            writeln!(table, "{:>7}  {:>21}  {:>36}", commit + 1, resident() - empty, kept >> 20).unwrap();
        }
    }
    println!("{table}budget: {} MiB; {:?} in all; kept beside: {}", BUDGET >> 20, begin.elapsed(), all.len());
}
