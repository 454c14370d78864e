//! What somebody writes into the inventory of a Kustomization of his own opens nothing elsewhere.

use anyhow::Result;
use flux_subsystem_e2e::Stack;

use super::reach::forgery_opens_nothing;

#[tokio::test]
async fn of_what_is_elsewhere() -> Result<()> {
    let env = Stack::shared().await?.test("forged-kustomization").await?;
    forgery_opens_nothing(&env, "Kustomization").await
}
