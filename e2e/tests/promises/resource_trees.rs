//! What argocd-server answers about an Application's tree, asked as its UI asks.

use anyhow::{Context as _, Result, anyhow, bail};
use flux_subsystem_e2e::{TestEnv, http};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;

use crate::applications::{Application, PATIENCE};

/// The nodes of one tree.
#[derive(Debug, Clone)]
pub(crate) struct Tree(pub(crate) Vec<Value>);

impl Tree {
    fn of(answer: &Value) -> Self {
        Self(answer["nodes"].as_array().cloned().unwrap_or_default())
    }

    /// Nodes of a kind.
    pub(crate) fn kind(&self, kind: &str) -> Vec<&Value> {
        self.0.iter().filter(|node| node["kind"] == kind).collect()
    }

    /// The one node of a kind.
    pub(crate) fn only(&self, kind: &str) -> Result<&Value> {
        match *self.kind(kind) {
            [node] => Ok(node),
            ref nodes => bail!("{} nodes of kind {kind} among {:?}", nodes.len(), self.kinds()),
        }
    }

    /// All kinds.
    pub(crate) fn kinds(&self) -> Vec<&str> {
        self.0.iter().filter_map(|node| node["kind"].as_str()).collect()
    }

    /// Kinds from a node up to its root, by parentRefs.
    pub(crate) fn ancestry(&self, node: &Value) -> Vec<String> {
        let mut found = Vec::new();
        let mut next = Some(node);
        while let Some(node) = next.filter(|_| found.len() < 20) {
            found.push(node["kind"].as_str().unwrap_or_default().to_owned());
            let parent = &node["parentRefs"][0];
            next = self.0.iter().find(|node| {
                ["group", "kind", "namespace", "name", "uid"]
                    .iter()
                    .all(|field| node[*field] == parent[*field])
            });
        }
        found
    }
}

impl Application {
    /// The server's answer to a request about the Application; `path` follows its name.
    pub(crate) async fn ask(&self, env: &TestEnv, method: &str, path: &str, body: &str) -> Result<Value> {
        let path = format!("/api/v1/applications/{}{path}", self.name());
        let address = env.stack().state().address("argocd-server");
        let (status, answer) = http::send(method, &address, &path, body).await?;
        if status != 200 {
            bail!("{method} {path}: {status} {answer}");
        }
        if answer.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&answer).context(answer) }
    }

    /// Its tree, once `check` is content with it; an error of `check` says what is missing.
    pub(crate) async fn tree<T>(
        &self,
        env: &TestEnv,
        what: &str,
        check: impl Fn(&Tree) -> Result<T>,
    ) -> Result<(Tree, T)> {
        env.wait_until(&format!("the tree of {} shows {what}", self.name()), PATIENCE, async || {
            let tree = Tree::of(&self.ask(env, "GET", "/resource-tree", "").await?);
            let found = check(&tree).with_context(|| format!("{:?}", tree.kinds()))?;
            Ok(Some((tree, found)))
        })
        .await
    }

    /// The query parameters that name a node.
    pub(crate) fn query(node: &Value) -> String {
        let field = |name: &str| node[name].as_str().unwrap_or_default().to_owned();
        format!(
            "namespace={}&resourceName={}&version={}&group={}&kind={}",
            field("namespace"),
            field("name"),
            field("version"),
            field("group"),
            field("kind")
        )
    }
}

/// The stream of trees that an open page of the UI listens to.
pub(crate) struct TreeStream(Lines<BufReader<TcpStream>>);

impl TreeStream {
    /// Listens from now on.
    pub(crate) async fn open(env: &TestEnv, app: &Application) -> Result<Self> {
        let address = env.stack().state().address("argocd-server");
        let mut stream = TcpStream::connect(&address).await?;
        let path = format!("/api/v1/stream/applications/{}/resource-tree", app.name());
        let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        Ok(Self(BufReader::new(stream).lines()))
    }

    /// The next tree with which `check` is content.
    pub(crate) async fn until(&mut self, what: &str, check: impl Fn(&Tree) -> bool) -> Result<Tree> {
        let next = async {
            while let Some(line) = self.0.next_line().await? {
                let Some(data) = line.strip_prefix("data: ") else { continue };
                let message: Value = serde_json::from_str(data)?;
                let tree = Tree::of(&message["result"]);
                if check(&tree) {
                    return Ok(tree);
                }
            }
            Err(anyhow!("the stream ended"))
        };
        tokio::time::timeout(PATIENCE, next).await.with_context(|| format!("no message with {what}"))?
    }
}
