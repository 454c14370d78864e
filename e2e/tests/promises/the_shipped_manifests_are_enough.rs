//! `kubectl apply -k manifests/` is the whole installation: enough rights and none to spare, a policy that stamps, pods
//! that the strictest pod security admits.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Stack, TestEnv, paths};
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};

const ACCOUNT: &str = "system:serviceaccount:argocd:flux-subsystem";

/// Verb, resource, namespace (`""`: everywhere).
const ALLOWED: &[[&str; 3]] = &[
    ["list", "applications.argoproj.io", "argocd"],
    ["watch", "applications.argoproj.io", "argocd"],
    ["patch", "applications.argoproj.io", "argocd"],
    ["create", "helmreleases.helm.toolkit.fluxcd.io", ""],
    ["patch", "helmreleases.helm.toolkit.fluxcd.io", ""],
    ["delete", "kustomizations.kustomize.toolkit.fluxcd.io", ""],
    ["create", "gitrepositories.source.toolkit.fluxcd.io", ""],
    ["delete", "ocirepositories.source.toolkit.fluxcd.io", ""],
    ["patch", "helmcharts.source.toolkit.fluxcd.io", ""],
    ["delete", "helmcharts.source.toolkit.fluxcd.io", ""],
    ["delete", "secrets", ""],
    ["create", "namespaces", ""],
    ["patch", "namespaces", ""],
    ["watch", "namespaces", ""],
    ["create", "events.events.k8s.io", "argocd"],
    ["get", "leases.coordination.k8s.io/flux-subsystem", "argocd"],
    ["watch", "configmaps/argocd-cm", "argocd"],
    ["watch", "configmaps/argocd-cmd-params-cm", "argocd"],
    ["watch", "secrets/argocd-redis", "argocd"],
    ["list", "secrets", "argocd"],
    ["create", "secrets", "argocd"],
    ["patch", "secrets", "argocd"],
    ["watch", "configmaps/argocd-tls-certs-cm", "argocd"],
    ["watch", "configmaps/argocd-ssh-known-hosts-cm", "argocd"],
    ["watch", "pods", ""],
    ["list", "replicasets.apps", ""],
    ["watch", "clusterroles.rbac.authorization.k8s.io", ""],
];

/// Everything that is bound to the account. The last one is what the stack adds for Applications in further namespaces.
const ROLES: [&str; 4] =
    ["flux-subsystem", "flux-subsystem-live", "flux-subsystem-live-custom", "flux-subsystem-any-namespace"];

/// Rights that [`ROLES`]' last one would hide the lack of: the Role in Argo CD's namespace has to grant them by itself.
const IN_ARGO_CDS_NAMESPACE: [[&str; 2]; 4] =
    [["list", "applications"], ["watch", "applications"], ["patch", "applications"], ["create", "events"]];

const REFUSED: &[[&str; 3]] = &[
    ["get", "secrets", "argocd"],
    ["list", "secrets", ""],
    ["create", "secrets", ""],
    ["patch", "secrets", ""],
    ["create", "configmaps", "argocd"],
    ["create", "applications.argoproj.io", "argocd"],
    ["delete", "applications.argoproj.io", "argocd"],
    ["patch", "appprojects.argoproj.io", "argocd"],
    ["create", "helmcharts.source.toolkit.fluxcd.io", ""],
    ["deletecollection", "secrets", ""],
    ["delete", "namespaces", ""],
    ["create", "pods", ""],
    ["patch", "deployments.apps", ""],
    ["get", "leases.coordination.k8s.io/other", "argocd"],
    ["create", "clusterrolebindings.rbac.authorization.k8s.io", ""],
    ["impersonate", "serviceaccounts", ""],
    ["*", "*", ""],
];

#[tokio::test]
async fn the_cluster_is_as_the_manifests_say() -> Result<()> {
    let env = Stack::shared().await?.test("manifests").await?;
    let manifests = paths::workspace().join("manifests").display().to_string();
    let difference =
        env.kubectl(&["diff", "--server-side", "--field-manager=kubectl", "-k", &manifests]).await?;
    assert_eq!(difference.code, 0, "{}{}", difference.stdout, difference.stderr);
    Ok(())
}

#[tokio::test]
async fn the_bridge_may_do_what_it_does_and_no_more() -> Result<()> {
    let env = Stack::shared().await?.test("rights").await?;
    for (table, expected) in [(ALLOWED, "yes"), (REFUSED, "no")] {
        for [verb, resource, namespace] in table {
            let mut arguments = vec!["auth", "can-i", verb, resource, "--as", ACCOUNT];
            arguments.extend(if namespace.is_empty() { vec!["-A"] } else { vec!["-n", namespace] });
            let answer = env.kubectl(&arguments).await?;
            assert_eq!(answer.stdout.trim(), expected, "{}", answer.command);
        }
    }
    let role = env.kubectl(&["get", "role", "flux-subsystem", "-n", "argocd", "-o", "json"]).await?.json()?;
    for right in IN_ARGO_CDS_NAMESPACE {
        assert!(grants(&role, right), "the Role does not grant {right:?}");
    }
    let selector = ["-l", "app.kubernetes.io/part-of=flux-subsystem", "-A", "-o", "json"];
    let granted = env.kubectl(&[&["get", "clusterroles,roles"], &selector[..]].concat()).await?.json()?;
    let rules: Vec<_> =
        items(&granted).flat_map(|role| role["rules"].as_array().cloned().unwrap_or_default()).collect();
    assert!(!rules.is_empty());
    for rule in &rules {
        assert!(!rule.to_string().contains("\"*\""), "a wildcard in {rule}");
    }
    let bindings =
        env.kubectl(&["get", "clusterrolebindings,rolebindings", "-A", "-o", "json"]).await?.json()?;
    let ours =
        items(&bindings).filter(|binding| binding["subjects"].to_string().contains("\"flux-subsystem\""));
    for binding in ours {
        let role = binding["roleRef"]["name"].as_str().unwrap_or_default();
        assert!(ROLES.contains(&role), "{binding}");
    }
    Ok(())
}

#[tokio::test]
async fn the_bridge_of_the_tests_has_no_other_rights() -> Result<()> {
    let stack = Stack::shared().await?;
    let env = stack.test("identity").await?;
    let kubeconfig = stack.bridge_kubeconfig().await?.display().to_string();
    let user = env.kubectl(&["--kubeconfig", &kubeconfig, "auth", "whoami", "-o", "json"]).await?.json()?;
    assert_eq!(user["status"]["userInfo"]["username"], ACCOUNT);
    let pid = stack.shared_bridge().await?.process().pid;
    let environment = std::fs::read(format!("/proc/{pid}/environ"))?;
    let variables = environment.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let found: Vec<_> = variables.filter(|variable| variable.starts_with("KUBECONFIG=")).collect();
    assert_eq!(found, [format!("KUBECONFIG={kubeconfig}")]);
    Ok(())
}

#[tokio::test]
async fn the_policy_stamps_at_admission_and_leaves_plain_applications_alone() -> Result<()> {
    let env = Stack::shared().await?.test("policy").await?;
    let bridged = Application::chart(&env, "6.3.5");
    assert_eq!(
        admitted(&env, &bridged).await?,
        json!({
            "argocd.argoproj.io/skip-reconcile": "true",
            "flux-subsystem.dev/stamped": "true",
        })
    );
    let own_word = bridged.clone().annotation("argocd.argoproj.io/skip-reconcile", "false");
    assert_eq!(admitted(&env, &own_word).await?, json!({ "argocd.argoproj.io/skip-reconcile": "false" }));
    let plain =
        [vec![], vec!["CreateNamespace=true"], vec!["FluxSubsystem=false", "AutoCreateFluxResources=true"]];
    for options in plain {
        assert_eq!(admitted(&env, &bridged.clone().options(&options)).await?, Value::Null, "{options:?}");
    }
    let without_policy = bridged.merge(&json!({ "spec": { "syncPolicy": null } }));
    assert_eq!(admitted(&env, &without_policy).await?, Value::Null);
    Ok(())
}

#[tokio::test]
async fn the_strictest_pod_security_admits_the_pods() -> Result<()> {
    let env = Stack::shared().await?.test("restricted").await?;
    let namespace = &env.namespace;
    env.kubectl(&["label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted"])
        .await?
        .text()?;
    let deployment = env.get("Deployment", "argocd", "flux-subsystem").await?.context("no Deployment")?;
    let pod = |spec: Value| {
        let metadata = json!({ "name": "flux-subsystem", "namespace": namespace });
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec }).to_string()
    };
    let shipped = deployment["spec"]["template"]["spec"].clone();
    let mut lax = shipped.clone();
    lax["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = json!(true);
    let create = ["create", "--dry-run=server", "-f", "-"];
    env.stack().run_with_input("kubectl", &create, &pod(shipped)).await?.text()?;
    let refused = env.stack().run_with_input("kubectl", &create, &pod(lax)).await?;
    assert!(refused.stderr.contains("restricted"), "{}", refused.stderr);
    Ok(())
}

#[tokio::test]
async fn the_policy_takes_annotations_that_are_null() -> Result<()> {
    let env = Stack::shared().await?.test("policy-null").await?;
    let app = Application::chart(&env, "6.3.5");
    let mut object = app.manifest().clone();
    object["metadata"]["annotations"] = Value::Null;
    let path = format!("/apis/argoproj.io/v1alpha1/namespaces/{}/applications", env.control);
    // Raw: kubectl's own form of an object would leave out what is null.
    let send = async |arguments: &[&str], object: &Value| {
        env.stack().run_with_input("kubectl", arguments, &object.to_string()).await?.json()
    };
    let create = format!("{path}?dryRun=All");
    let stamped = send(&["create", "--raw", &create, "-f", "-"], &object).await?;
    assert_eq!(stamped["metadata"]["annotations"]["argocd.argoproj.io/skip-reconcile"], "true", "{stamped}");
    assert_eq!(stamped["metadata"]["annotations"]["flux-subsystem.dev/stamped"], "true", "{stamped}");
    object["spec"]["syncPolicy"]["syncOptions"] = json!([]);
    let plain = send(&["create", "--raw", &create, "-f", "-"], &object).await?;
    assert_eq!(plain["metadata"]["annotations"], Value::Null, "{plain}");
    // On an update, too: whoever writes null takes the stamp off, and it comes back.
    app.apply(&env).await?;
    let replace = format!("{path}/{}?dryRun=All", app.name());
    let stamped = env
        .wait_until("an update without a conflict", PATIENCE, async || {
            let mut live =
                env.get("Application", &env.control, app.name()).await?.context("no Application")?;
            live["metadata"]["annotations"] = Value::Null;
            send(&["replace", "--raw", &replace, "-f", "-"], &live).await.map(Some)
        })
        .await?;
    assert_eq!(stamped["metadata"]["annotations"]["flux-subsystem.dev/stamped"], "true", "{stamped}");
    Ok(())
}

/// The annotations that the Application has after admission.
async fn admitted(env: &TestEnv, app: &Application) -> Result<Value> {
    let arguments = ["create", "--dry-run=server", "-f", "-", "-o", "json"];
    let created = env.stack().run_with_input("kubectl", &arguments, &app.to_yaml()).await?.json()?;
    Ok(created["metadata"]["annotations"].clone())
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list["items"].as_array().into_iter().flatten()
}

fn grants(role: &Value, [verb, resource]: [&str; 2]) -> bool {
    let has = |list: &Value, word: &str| list.as_array().is_some_and(|list| list.contains(&json!(word)));
    let rules = role["rules"].as_array().into_iter().flatten();
    let granting = rules.filter(|rule| has(&rule["resources"], resource) && has(&rule["verbs"], verb));
    granting.count() > 0
}
