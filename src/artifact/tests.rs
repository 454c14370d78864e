use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use super::*;
use crate::digest::sha256_hex;
use crate::testing::{http_client, serve};

/// A packed archive of entries, each by path, kind and content.
fn packed(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, kind, content) in entries {
        let mut header = Header::new_gnu();
        // Written as it stands: the builder's own way refuses the paths that the tests are about.
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

async fn list(body: Vec<u8>, digest: &str) -> Result<Vec<String>, ArtifactError> {
    let address = serve(Router::new().route("/a.tar.gz", get(async || body))).await;
    list_files(&http_client(), &format!("http://{address}/a.tar.gz"), digest).await
}

fn sha256(body: &[u8]) -> String {
    format!("sha256:{}", sha256_hex(body))
}

#[tokio::test]
async fn files_are_listed_relative_to_the_root() {
    let body = packed(&[
        ("./", EntryType::Directory, ""),
        ("./podinfo/Chart.yaml", EntryType::Regular, "name: podinfo"),
        ("podinfo//templates/./service.yaml", EntryType::Regular, "kind: Service"),
        ("podinfo/link.yaml", EntryType::Symlink, ""),
        ("README.md", EntryType::Regular, ""),
    ]);
    let digest = sha256(&body);
    let files = list(body, &digest).await.unwrap();
    assert_eq!(files, ["README.md", "podinfo/Chart.yaml", "podinfo/templates/service.yaml"]);
}

#[tokio::test]
async fn a_path_longer_than_the_header_is_whole() {
    let path = format!("{}/kustomization.yaml", ["folder"; 40].join("/"));
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = Header::new_gnu();
    header.set_size(0);
    builder.append_data(&mut header, &path, io::empty()).unwrap();
    let body = builder.into_inner().unwrap().finish().unwrap();
    let digest = sha256(&body);
    assert_eq!(list(body, &digest).await.unwrap(), [path]);
}

#[tokio::test]
async fn other_content_than_flux_had_fetched_is_refused() {
    let body = packed(&[("a.yaml", EntryType::Regular, "")]);
    let error = list(body.clone(), &sha256(b"other")).await.unwrap_err();
    assert!(
        matches!(&error, ArtifactError::Mismatch { actual, .. } if *actual == sha256(&body)),
        "{error:?}"
    );
    // Even where it is no archive at all.
    let error = list(b"<html>".to_vec(), &sha256(&body)).await.unwrap_err();
    assert!(matches!(error, ArtifactError::Mismatch { .. }), "{error:?}");
}

#[tokio::test]
async fn the_other_digests_of_source_controller_are_known_or_named() {
    let body = packed(&[("a.yaml", EntryType::Regular, "")]);
    let error = list(body.clone(), "sha512:00").await.unwrap_err();
    let ArtifactError::Mismatch { actual, .. } = error else { panic!("{error:?}") };
    assert_eq!(list(body.clone(), &actual).await.unwrap(), ["a.yaml"]);
    assert!(matches!(list(body.clone(), "blake3:00").await, Err(ArtifactError::Digest(_))));
    assert!(matches!(list(body, "nothing").await, Err(ArtifactError::Digest(_))));
}

#[tokio::test]
async fn what_is_no_archive_is_an_error() {
    for body in [b"<html>".to_vec(), packed(&[("a", EntryType::Regular, "aa")])[..40].to_vec()] {
        let digest = sha256(&body);
        assert!(matches!(list(body, &digest).await, Err(ArtifactError::Archive { .. })));
    }
}

#[tokio::test]
async fn a_path_out_of_the_root_is_an_error() {
    for path in ["../secret", "/etc/passwd", "a/../../b"] {
        let body = packed(&[(path, EntryType::Regular, "")]);
        let digest = sha256(&body);
        let error = list(body, &digest).await.unwrap_err();
        let ArtifactError::Archive { source, .. } = error else { panic!("{error:?}") };
        assert!(source.to_string().contains(path), "{source}");
    }
}

#[tokio::test]
async fn a_refusal_names_address_and_status() {
    let address = serve(Router::new().route("/gone", get(async || StatusCode::NOT_FOUND))).await;
    let url = format!("http://{address}/gone");
    let error = list_files(&http_client(), &url, "sha256:00").await.unwrap_err();
    assert_eq!(error.to_string(), format!("{url} answered 404 Not Found"));
}

#[test]
fn reading_stops_at_the_limit() {
    let (chunks, received) = mpsc::channel(3);
    for _ in 0..3 {
        chunks.try_send(vec![0; 10]).unwrap();
    }
    drop(chunks);
    let found =
        read(Chunks::new(received, hasher("sha256:").unwrap(), 15, 0), |packed| files_of(packed, None));
    assert!(found.is_too_large);
    assert!(found.held.is_err());
}

#[tokio::test]
async fn what_is_asked_for_is_read_in_the_order_of_the_folders() {
    let body = packed(&[
        ("env/z.yaml", EntryType::Regular, "z: 1"),
        ("env/a/b.yaml", EntryType::Regular, "b: 1"),
        ("env/a.yaml", EntryType::Regular, "a: 1"),
        ("env/x.yaml/file", EntryType::Regular, "text"),
        ("other.yaml", EntryType::Regular, "no: 1"),
    ]);
    let digest = sha256(&body);
    let address = serve(Router::new().route("/a.tar.gz", get(async || body))).await;
    let url = format!("http://{address}/a.tar.gz");
    let read = async |pattern| read_files(&http_client(), &url, &digest, &pattern).await.unwrap();
    let text = |path: &str, text: &str| (path.to_owned(), File::Text(text.into()));
    assert_eq!(
        read(FilePattern::Glob("env/**/*.yaml".to_owned())).await,
        [
            text("env/a/b.yaml", "b: 1"),
            text("env/a.yaml", "a: 1"),
            ("env/x.yaml".to_owned(), File::Folder),
            text("env/z.yaml", "z: 1"),
        ]
    );
    assert_eq!(read(FilePattern::Path("other.yaml".to_owned())).await, [text("other.yaml", "no: 1")]);
    assert_eq!(read(FilePattern::Path("missing.yaml".to_owned())).await, []);
}

#[tokio::test]
async fn a_file_that_cannot_be_text_is_told_apart() {
    let large = "x".repeat(usize::try_from(MAX_FILE).unwrap() + 1);
    let body = packed(&[("large", EntryType::Regular, &large)]);
    let digest = sha256(&body);
    let address = serve(Router::new().route("/a.tar.gz", get(async || body))).await;
    let pattern = FilePattern::Path("large".to_owned());
    let files = read_files(&http_client(), &format!("http://{address}/a.tar.gz"), &digest, &pattern).await;
    assert_eq!(files.unwrap(), [("large".to_owned(), File::TooLarge)]);
    assert_eq!(File::of(vec![0xff]), File::Binary);
}

fn names(all: &[&str]) -> Names {
    Names::of(&all.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
}

#[rstest::rstest]
#[case::root("", &["a", "a-b/c", "a/b", "a/b.yaml", "a/b/c", "ä"])]
#[case::a_folder("a/b", &["a/b", "a/b/c"])]
#[case::the_first("a", &["a", "a/b", "a/b.yaml", "a/b/c"])]
#[case::the_last("ä", &["ä"])]
#[case::nothing("a/c", &[])]
#[case::before_all("A", &[])]
#[case::behind_all("z", &[])]
fn names_below_a_path(#[case] path: &str, #[case] expected: &[&str]) {
    let names = names(&["a", "a-b/c", "a/b", "a/b.yaml", "a/b/c", "ä"]);
    assert_eq!(names.below(path).collect::<Vec<_>>(), expected);
}

#[test]
fn the_names_of_many_files_are_found_as_a_search_through_all_finds_them() {
    let mut all: Vec<String> = (0..500).map(|n: u32| format!("{}/{}.yaml", n * 7919 % 31, n)).collect();
    all.sort();
    let names = Names::of(&all);
    assert_eq!(names.iter().collect::<Vec<_>>(), all);
    for folder in 0..32 {
        let prefix = format!("{folder}/");
        let expected: Vec<_> = all.iter().filter(|name| name.starts_with(&prefix)).collect();
        assert_eq!(names.below(&folder.to_string()).collect::<Vec<_>>(), expected);
    }
    assert_eq!(self::names(&[]).below("").count(), 0);
}

#[tokio::test]
async fn what_is_small_is_kept_and_read_without_another_download() {
    let body = packed(&[
        ("web/Chart.yaml", EntryType::Regular, "name: web"),
        ("web/values.yaml", EntryType::Regular, "a: 1"),
    ]);
    let digest = sha256(&body);
    let size = body.len();
    let address = serve(Router::new().route("/a.tar.gz", get(async || body))).await;
    let url = format!("http://{address}/a.tar.gz");
    let small = fetch(&http_client(), &url, &digest, size).await.unwrap();
    let path = |path: &str| FilePattern::Path(path.to_owned());
    let text = |text: &str| File::Text(text.into());
    let read = |pattern| small.read(&pattern).unwrap();
    assert_eq!(read(path("web/Chart.yaml")), Some(vec![("web/Chart.yaml".to_owned(), text("name: web"))]));
    assert_eq!(read(path("web")), Some(vec![("web".to_owned(), File::Folder)]));
    assert_eq!(read(path("we")), Some(Vec::new()));
    assert_eq!(read(FilePattern::Glob("*/*.yaml".to_owned())).map(|found| found.len()), Some(2));
    let large = fetch(&http_client(), &url, &digest, size - 1).await.unwrap();
    assert_eq!((large.bytes.clone(), large.names.len()), (None, small.names.len()));
    assert_eq!(large.read(&path("web/values.yaml")).unwrap(), None);
    assert_eq!(large.read(&path("elsewhere")).unwrap(), Some(Vec::new()));
    assert!(small.read(&FilePattern::Glob("[".to_owned())).is_err());
}
