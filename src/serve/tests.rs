use reqwest::StatusCode as Status;
use tokio::sync::oneshot;

use super::*;
use crate::telemetry::{self, LogFormat};
use crate::testing::http_client;

/// A running server; its subscriber is kept, since the level's handle points into it.
struct Server {
    base: String,
    shared: Shared,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<io::Result<()>>,
    _subscriber: Box<dyn Send>,
}

async fn started() -> Server {
    let (subscriber, level) = telemetry::build(LogFormat::Text, "info", io::sink).unwrap();
    let shared = Shared {
        readiness: Readiness::waiting_for(["Applications", "HelmReleases"]),
        metrics: Arc::default(),
        level,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel();
    let Shared { readiness, metrics, level } = shared.clone();
    let task = tokio::spawn(serve(listener, readiness, metrics, level, async {
        let _ = stopped.await;
    }));
    Server { base, shared, stop, task, _subscriber: Box::new(subscriber) }
}

impl Server {
    async fn get(&self, path: &str) -> (Status, String) {
        let response = http_client().get(format!("{}{path}", self.base)).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    async fn put_level(&self, level: &str) -> Status {
        let request = http_client().put(format!("{}/log-level", self.base)).body(level.to_owned());
        request.send().await.unwrap().status()
    }
}

#[tokio::test]
async fn it_is_ready_when_every_part_is_there() {
    let server = started().await;
    assert_eq!(server.get("/healthz").await, (Status::OK, "ok\n".to_owned()));
    let (status, lines) = server.get("/readyz").await;
    assert_eq!(status, Status::SERVICE_UNAVAILABLE);
    assert_eq!(lines, "waiting for Applications\nwaiting for HelmReleases\n");
    server.shared.readiness.set("Applications", true);
    server.shared.readiness.set("HelmReleases", true);
    assert_eq!(server.get("/readyz").await.0, Status::OK);
    server.shared.readiness.set("Applications", false);
    assert_eq!(server.get("/readyz").await.1, "waiting for Applications\n");
}

#[tokio::test]
async fn metrics_are_open_metrics_text() {
    let server = started().await;
    let response = http_client().get(format!("{}/metrics", server.base)).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], OPEN_METRICS);
    let text = response.text().await.unwrap();
    assert!(text.contains("process_resident_memory_bytes "), "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
}

#[tokio::test]
async fn the_log_level_is_changed_from_the_same_machine_only() {
    let server = started().await;
    assert_eq!(server.put_level("debug").await, Status::NO_CONTENT);
    assert_eq!(server.get("/log-level").await.1, "debug\n");
    assert_eq!(server.put_level("=/=").await, Status::BAD_REQUEST);
    assert_eq!(server.put_level(&"x".repeat(MAX_LOG_LEVEL + 1)).await, Status::PAYLOAD_TOO_LARGE);
    let elsewhere = ConnectInfo(SocketAddr::from(([10, 0, 0, 7], 4711)));
    let refused = set_log_level(State(server.shared.clone()), elsewhere, "trace".to_owned()).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert_eq!(server.get("/log-level").await.1, "debug\n");
}

#[tokio::test]
async fn it_ends_when_it_is_asked_to() {
    let server = started().await;
    assert_eq!(server.get("/healthz").await.0, Status::OK);
    server.stop.send(()).unwrap();
    server.task.await.unwrap().unwrap();
    assert!(http_client().get(format!("{}/healthz", server.base)).send().await.is_err());
}
