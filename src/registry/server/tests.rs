use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::registry::Image;

/// One repository, `argocd/demo/0`, that is rendered when it is asked for.
struct OneRepository {
    store: Store,
    renderings: AtomicUsize,
}

const REPOSITORY: &str = "argocd/demo/0";

fn image() -> Image {
    Image::pack(&[json!({"kind": "A", "metadata": {"name": "a"}})], "1", "x").unwrap()
}

impl Images for OneRepository {
    fn store(&self) -> &Store {
        &self.store
    }

    fn render<'a>(&'a self, repository: &'a str, _: &'a (dyn Fn() -> bool + Sync)) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.renderings.fetch_add(1, Ordering::Relaxed);
            if repository == REPOSITORY {
                self.store.put(repository, image());
            }
        })
    }

    fn permits<'a>(&'a self, authorization: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(async move { authorization == "Basic right" })
    }
}

struct Registry {
    address: String,
    images: Arc<OneRepository>,
}

async fn registry() -> Registry {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let images = Arc::new(OneRepository { store: Store::default(), renderings: AtomicUsize::new(0) });
    let served: Arc<dyn Images> = images.clone();
    tokio::spawn(serve(listener, served, std::future::pending()));
    Registry { address, images }
}

impl Registry {
    async fn ask(&self, method: reqwest::Method, path: &str, password: &str) -> reqwest::Response {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let request = reqwest::Client::new().request(method, format!("http://{}{path}", self.address));
        let request = if password.is_empty() {
            request
        } else {
            request.header("Authorization", format!("Basic {password}"))
        };
        request.send().await.unwrap()
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        self.ask(reqwest::Method::GET, path, "right").await
    }
}

#[tokio::test]
async fn an_image_is_pulled_by_digests() {
    let (registry, image) = (registry().await, image());
    assert_eq!(registry.get("/v2/").await.status(), 200);
    let answer = registry.get(&format!("/v2/{REPOSITORY}/manifests/{}", image.digest)).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], MANIFEST_TYPE);
    assert_eq!(answer.headers()["docker-content-digest"], image.digest.as_str());
    assert_eq!(answer.bytes().await.unwrap(), image.manifest);
    for (digest, bytes) in &image.blobs {
        let answer = registry.get(&format!("/v2/{REPOSITORY}/blobs/{digest}")).await;
        assert_eq!(
            (answer.status().as_u16(), answer.bytes().await.unwrap().as_ref()),
            (200, bytes.as_slice())
        );
    }
    assert_eq!(
        registry.images.renderings.load(Ordering::Relaxed),
        1,
        "rendered once, since it was not in memory"
    );
}

#[tokio::test]
async fn a_head_says_the_same_without_the_body() {
    let (registry, image) = (registry().await, image());
    let path = format!("/v2/{REPOSITORY}/manifests/{}", image.digest);
    let answer = registry.ask(reqwest::Method::HEAD, &path, "right").await;
    assert_eq!(answer.headers()["content-length"], image.manifest.len().to_string().as_str());
    assert!(answer.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_blob_that_was_let_go_is_rendered_again() {
    let (registry, image) = (registry().await, image());
    let digest = image.blobs.keys().next().unwrap();
    assert_eq!(registry.get(&format!("/v2/{REPOSITORY}/blobs/{digest}")).await.status(), 200);
}

#[tokio::test]
async fn without_the_password_nothing_is_told() {
    let (registry, image) = (registry().await, image());
    let there = format!("/v2/{REPOSITORY}/manifests/{}", image.digest);
    for path in ["/v2/", there.as_str(), "/v2/argocd/other/0/manifests/sha256:0"] {
        for password in ["", "wrong"] {
            let answer = registry.ask(reqwest::Method::GET, path, password).await;
            assert_eq!(answer.status(), 401, "{path}");
            assert_eq!(answer.headers()["www-authenticate"], "Basic realm=\"flux-subsystem\"");
            assert!(answer.text().await.unwrap().contains("\"UNAUTHORIZED\""));
        }
    }
    assert_eq!(registry.images.renderings.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn what_is_not_there_is_unknown_and_nothing_is_taken() {
    let registry = registry().await;
    for (path, code) in [
        (format!("/v2/{REPOSITORY}/manifests/sha256:0"), "MANIFEST_UNKNOWN"),
        (format!("/v2/{REPOSITORY}/manifests/latest"), "MANIFEST_UNKNOWN"),
        (format!("/v2/{REPOSITORY}/blobs/sha256:0"), "BLOB_UNKNOWN"),
        ("/v2/argocd/other/0/manifests/sha256:0".to_owned(), "MANIFEST_UNKNOWN"),
        (format!("/v2/{REPOSITORY}/tags/list"), "NAME_UNKNOWN"),
        ("/v2/_catalog".to_owned(), "NAME_UNKNOWN"),
    ] {
        let answer = registry.get(&path).await;
        assert_eq!(answer.status(), 404, "{path}");
        assert!(answer.text().await.unwrap().contains(code), "{path}");
    }
    let push =
        registry.ask(reqwest::Method::PUT, &format!("/v2/{REPOSITORY}/manifests/latest"), "right").await;
    assert_eq!(push.status(), 405);
}
