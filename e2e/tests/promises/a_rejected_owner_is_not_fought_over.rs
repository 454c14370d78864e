//! Two Applications that would generate the same object: the first keeps it, the second says so and writes nothing.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use serde_json::json;

use crate::applications::Application;
use crate::observations::columns;

#[tokio::test]
async fn a_rejected_owner_is_not_fought_over() -> Result<()> {
    let env = Stack::shared().await?.test("two-owners").await?;
    let shared = json!({
        "metadata": { "labels": { "flamingo/workload-name": "podinfo" } },
        "spec": { "destination": { "namespace": env.name("shared") } },
    });
    let first = Application::chart(&env, "6.3.5").named(&env, "first").merge(&shared);
    let second = Application::chart(&env, "6.4.0").named(&env, "second").merge(&shared);
    let delivered = first.deliver(&env).await?;
    let (objects, release) = (first.flux_objects(&env).await?, first.release(&env).await?);

    second.apply(&env).await?;
    let words = format!("belongs to Application argocd/{}", first.name());
    let told = second.told(&env, "ComparisonError", &words).await?;
    assert_eq!(columns(&told)[0], "Unknown");
    assert_eq!(first.flux_objects(&env).await?, objects);
    let now = first.settled(&env).await?;
    for field in ["sync", "health", "history", "operationState"] {
        assert_eq!(now["status"][field], delivered["status"][field], "the first one noticed");
    }

    // The end of the second one leaves the first one's objects alone; the end of the first one frees the name.
    second.delete(&env).await?;
    assert_eq!(first.release(&env).await?, release);
    second.apply(&env).await?;
    second.told(&env, "ComparisonError", &words).await?;
    first.delete(&env).await?;
    let heir = second.settled(&env).await?;
    assert_eq!(heir["status"]["sync"]["revision"], "6.4.0");
    Ok(())
}
