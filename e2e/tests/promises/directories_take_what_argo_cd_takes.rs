//! Of a directory Flux delivers exactly the objects that Argo CD takes: by its own means where it can be told so, else as
//! Argo CD's repo-server renders it.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::Application;
use crate::twins::Twins;

fn map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: b}}\n")
}

#[tokio::test]
async fn the_same_objects_arrive() -> Result<()> {
    let env = Stack::shared().await?.test("directories").await?;
    let json = r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "json"}}"#;
    let skipped = format!("# +argocd:skip-file-rendering\n{}", map("skipped"));
    let list = format!("apiVersion: v1\nkind: List\nitems:\n- {}", json.replace("json", "listed"));
    let several = format!("{}---\n{}", map("b"), map("c"));
    let hook = |name: &str, hook: &str| {
        map(name).replace("{name", &format!("{{annotations: {{argocd.argoproj.io/hook: {hook}}}, name"))
    };
    let lease = "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: lock}\n";
    let hooks =
        [map("main"), hook("before", "PreSync"), hook("failed", "SyncFail"), lease.into()].join("---\n");
    let (one, deep, prod, dev) = (map("a"), map("deep"), map("prod"), map("dev"));
    let files = [
        ("plain/a.yaml", Some(one.as_str())),
        ("plain/b.yml", Some(several.as_str())),
        ("plain/sub/deep.yaml", Some(deep.as_str())),
        ("plain/README.md", Some("# nothing")),
        ("globs/prod.yaml", Some(prod.as_str())),
        ("globs/prod-test.yaml", Some(skipped.as_str())),
        ("globs/dev.yaml", Some(dev.as_str())),
        ("json/a.yaml", Some(one.as_str())),
        ("json/b.json", Some(json)),
        ("mixed/a.yaml", Some(one.as_str())),
        ("mixed/values.yaml", Some("replicas: 1\n")),
        ("mixed/skipped.yaml", Some(skipped.as_str())),
        ("list/list.yaml", Some(list.as_str())),
        ("keys/a.yaml", Some("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: keys}\ndata:\n  yes: a\n")),
        ("hooks/a.yaml", Some(hooks.as_str())),
        ("twice/a.yaml", Some(one.as_str())),
        ("twice/b.yaml", Some(one.as_str())),
    ];
    let repository = env.sources().create_repository(&env.name("plain"), &files).await?;
    // Name, path, settings, objects, whether Flux has no words for it.
    let directories: [(&str, &str, Value, usize, bool); 10] = [
        ("flat", "plain", Value::Null, 3, false),
        ("deep", "plain", json!({ "recurse": true }), 4, false),
        ("globs", "globs", json!({ "include": "{prod,none}*", "exclude": "*-test.yaml" }), 1, false),
        ("across", "plain", json!({ "recurse": true, "exclude": "sub/*" }), 3, true),
        ("json", "json", Value::Null, 2, true),
        ("mixed", "mixed", Value::Null, 1, true),
        ("list", "list", Value::Null, 1, true),
        ("keys", "keys", Value::Null, 1, true),
        ("hooks", "hooks", Value::Null, 2, true),
        ("twice", "twice", Value::Null, 1, true),
    ];
    let mut all = Vec::new();
    for (name, path, directory, count, is_rendered) in directories {
        let mut source = json!({ "repoURL": repository.url(), "path": path, "targetRevision": "main" });
        if !directory.is_null() {
            source["directory"] = directory;
        }
        all.push((name, Twins::apply(&env, name, &source).await?, count, is_rendered));
    }
    for (name, twins, count, is_rendered) in &all {
        let objects = twins.alike(&env).await?;
        assert_eq!(objects.len(), *count, "{name}: {objects:?}");
        assert_eq!(twins.is_rendered(&env).await?, *is_rendered, "{name}");
        let warnings = warnings(&env, &twins.plain).await?;
        assert_eq!(self::warnings(&env, &twins.bridged).await?, warnings, "{name}");
        assert_eq!(warnings.len(), usize::from(["hooks", "twice"].contains(name)), "{name}: {warnings:?}");
    }

    // What changes in the repository may change the way, and not what is delivered.
    repository.commit("main", &[("plain/values.yaml", Some("replicas: 1\n"))], "Values beside").await?;
    repository.commit("main", &[("plain/d.yaml", Some(&map("d")))], "Another one").await?;
    let flat = &all[0].1;
    env.wait_until("the new object is delivered", crate::applications::PATIENCE, async || {
        env.get("ConfigMap", flat.bridged.destination(), "d").await.map(|found| found.map(drop))
    })
    .await?;
    assert!(flat.is_rendered(&env).await?);
    Ok(())
}

/// What the conditions of an Application say of objects that are left out or occur twice.
async fn warnings(env: &TestEnv, app: &Application) -> Result<Vec<(String, String)>> {
    let live = env.get("Application", &env.control, app.name()).await?.context("no Application")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().replace(app.destination(), "NAMESPACE");
    let conditions = live["status"]["conditions"].as_array().into_iter().flatten();
    let told = conditions.map(|condition| (text(&condition["type"]), text(&condition["message"])));
    Ok(told.filter(|(kind, _)| kind.ends_with("ResourceWarning")).collect())
}
