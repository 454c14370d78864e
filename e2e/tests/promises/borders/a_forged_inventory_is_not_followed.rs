//! An inventory that names a workload object elsewhere does not lead to what that has delivered, and one that names a workload
//! object of one's own leads to nothing elsewhere.

use anyhow::Result;
use flux_subsystem_e2e::Stack;

use super::reach::{config_map, elsewhere, forge, node, none_of, reached, refused, suspended, tenant};

#[tokio::test]
async fn to_what_others_have_delivered() -> Result<()> {
    let env = Stack::shared().await?.test("forged-nested").await?;
    let app = tenant(&env).await?;
    let (own, victim) = (app.destination(), elsewhere(&env).await?);
    for (namespace, name) in [(own, "mine"), (own, "inner"), (&*victim, "crown"), (&*victim, "jewel")] {
        config_map(&env, namespace, name).await?;
    }
    // Theirs, with an inventory that is right.
    suspended(&env, "HelmRelease", &victim, "theirs").await?;
    forge(&env, "HelmRelease", &victim, "theirs", &[format!("{victim}_crown__ConfigMap")]).await?;
    // The tenant's own, as a Kustomization of his may have delivered it.
    suspended(&env, "HelmRelease", own, "nested").await?;
    let inner = [format!("{own}_inner__ConfigMap"), format!("{victim}_jewel__ConfigMap")];
    forge(&env, "HelmRelease", own, "nested", &inner).await?;
    suspended(&env, "Kustomization", own, app.name()).await?;
    let ids = [
        format!("{own}_mine__ConfigMap"),
        format!("{own}_nested_helm.toolkit.fluxcd.io_HelmRelease"),
        format!("{victim}_theirs_helm.toolkit.fluxcd.io_HelmRelease"),
    ];
    forge(&env, "Kustomization", own, app.name(), &ids).await?;
    app.apply(&env).await?;

    let own_ones = |tree: &crate::resource_trees::Tree| {
        reached(tree, "ConfigMap", "mine")?;
        reached(tree, "HelmRelease", "nested")?;
        reached(tree, "ConfigMap", "inner")
    };
    let (tree, inner) = app.tree(&env, "what is the tenant's, down to the inner object", own_ones).await?;
    assert_eq!(tree.ancestry(&inner), ["ConfigMap", "HelmRelease", "Kustomization"]);
    none_of(&tree, &victim)?;
    for victim in [
        node("helm.toolkit.fluxcd.io", "HelmRelease", &victim, "theirs"),
        node("", "ConfigMap", &victim, "crown"),
        node("", "ConfigMap", &victim, "jewel"),
    ] {
        refused(&env, &app, &victim).await?;
    }
    for name in ["crown", "jewel"] {
        assert!(env.get("ConfigMap", &victim, name).await?.is_some(), "{name} stays");
    }
    Ok(())
}
