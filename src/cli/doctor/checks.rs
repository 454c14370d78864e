//! What each check reads, with the rights of whoever runs it.

use futures::future::BoxFuture;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::{Api, ListParams, PostParams};
use kube::core::DynamicObject;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::argo::Application;
use crate::cache::{self, settings};
use crate::doctor::rights::{ACCOUNT, Right};
use crate::doctor::{Finding, Namespaces, applications, bridge, crds, network, redis, rights, versions};
use crate::names;

/// How many questions about rights are asked at once.
const AT_ONCE: usize = 16;

/// The cluster that is examined.
pub(super) struct Cluster {
    pub(super) client: Client,
    pub(super) namespaces: Namespaces,
    pub(super) redis: settings::Overrides,
    /// `gitVersion` of its API server.
    pub(super) version: String,
}

type Check<'a> = (&'static str, BoxFuture<'a, Vec<Finding>>);
type Answer = Result<Vec<Finding>, kube::Error>;

impl Cluster {
    /// All checks, in the order of the result.
    pub(super) fn checks(&self) -> Vec<Check<'_>> {
        let ns = &self.namespaces;
        let here = |what: &str| format!("{what} in namespace {}", ns.argocd);
        vec![
            ("Kubernetes", Box::pin(async { vec![versions::kubernetes(&self.version)] })),
            ("Argo CD", guarded("Argo CD", here("list deployments"), self.argo_cd())),
            ("Flux", guarded("Flux", format!("list deployments in namespace {}", ns.flux), self.flux())),
            ("CRDs", guarded("CRDs", "get customresourcedefinitions".to_owned(), self.crds())),
            ("Admission policy", guarded("Admission policy", here("create applications"), self.admission())),
            ("Rights", guarded("Rights", "create subjectaccessreviews".to_owned(), self.rights())),
            ("Redis", guarded("Redis", here("get configmaps and secrets"), self.redis())),
            (
                "Network policies",
                guarded("Network policies", "list networkpolicies".to_owned(), self.network()),
            ),
            ("Bridge", guarded("Bridge", here("get deployments"), self.deployment())),
            ("Leader", guarded("Leader", here("get leases"), self.leader())),
            ("Applications", guarded("Applications", here("list applications"), self.applications())),
        ]
    }

    fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    async fn list<K>(&self, namespace: &str) -> Result<Vec<K>, kube::Error>
    where
        K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
        K: Clone + std::fmt::Debug + DeserializeOwned,
    {
        Ok(self.api::<K>(namespace).list(&ListParams::default()).await?.items)
    }

    async fn argo_cd(&self) -> Answer {
        let deployments = self.list::<Deployment>(&self.namespaces.argocd).await?;
        Ok(vec![versions::argo_cd(&deployments, &self.namespaces)])
    }

    async fn flux(&self) -> Answer {
        let deployments = self.list::<Deployment>(&self.namespaces.flux).await?;
        Ok(versions::flux(&deployments, &self.namespaces))
    }

    async fn crds(&self) -> Answer {
        let api = Api::<CustomResourceDefinition>::all(self.client.clone());
        let found = stream::iter(crds::needed())
            .map(|needed| async {
                let crd = api.get_opt(&needed.name).await?;
                Ok::<_, kube::Error>((needed, crd))
            })
            .buffered(AT_ONCE);
        Ok(vec![crds::judge(&found.try_collect::<Vec<_>>().await?)])
    }

    /// A dry run ends with admission: nothing is stored.
    async fn admission(&self) -> Answer {
        let probe = json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"generateName": "flux-subsystem-doctor-"},
            "spec": {
                "project": "default",
                "destination": {},
                "syncPolicy": {"syncOptions": [names::OPTION_FLUX_SUBSYSTEM]},
            },
        });
        let resource = kube::core::ApiResource::erase::<Application>(&());
        let api =
            Api::<DynamicObject>::namespaced_with(self.client.clone(), &self.namespaces.argocd, &resource);
        let probe: DynamicObject = serde_json::from_value(probe).map_err(kube::Error::SerdeError)?;
        let params = PostParams { dry_run: true, ..PostParams::default() };
        let admitted = api.create(&params, &probe).await?;
        let admitted = serde_json::to_value(admitted).and_then(serde_json::from_value);
        Ok(vec![applications::admission(&admitted.map_err(kube::Error::SerdeError)?)])
    }

    async fn rights(&self) -> Answer {
        let needed = match rights::needed(&self.namespaces) {
            Ok(needed) => needed,
            Err(error) => {
                return Ok(vec![Finding::warn(
                    "Rights",
                    error.to_string(),
                    "this is a fault of the program",
                )]);
            }
        };
        let answers = stream::iter(needed).map(|right| self.may(right)).buffered(AT_ONCE);
        Ok(rights::judge(&answers.try_collect::<Vec<_>>().await?, &self.namespaces))
    }

    async fn may(&self, right: Right) -> Result<(Right, bool), kube::Error> {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let argocd = &self.namespaces.argocd;
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(format!("system:serviceaccount:{argocd}:{ACCOUNT}")),
                groups: Some(vec![
                    "system:serviceaccounts".to_owned(),
                    format!("system:serviceaccounts:{argocd}"),
                    "system:authenticated".to_owned(),
                ]),
                resource_attributes: Some(ResourceAttributes {
                    verb: some(&right.verb),
                    group: Some(right.group.clone()),
                    resource: some(&right.resource),
                    name: some(&right.name),
                    namespace: some(&right.namespace),
                    ..ResourceAttributes::default()
                }),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let api = Api::<SubjectAccessReview>::all(self.client.clone());
        let answer = api.create(&PostParams::default(), &review).await?;
        Ok((right, answer.status.is_some_and(|status| status.allowed)))
    }

    async fn redis(&self) -> Answer {
        let found = cache::read(&self.client, &self.namespaces.argocd).await?;
        let settings = match settings::resolve(&self.redis, &found) {
            Ok(Some(settings)) => settings,
            Ok(None) => return Ok(vec![redis::none()]),
            Err(error) => return Ok(vec![redis::unusable(&error.to_string())]),
        };
        Ok(vec![match cache::probe(&settings).await {
            Ok(probe) => redis::answered(&probe, settings.compression),
            Err(error) => redis::silent(&error.to_string(), &self.namespaces),
        }])
    }

    async fn network(&self) -> Answer {
        let mut policies = self.list::<NetworkPolicy>(&self.namespaces.argocd).await?;
        policies.extend(self.list::<NetworkPolicy>(&self.namespaces.flux).await?);
        Ok(network::judge(&policies, &self.namespaces))
    }

    async fn deployment(&self) -> Answer {
        let found = self.api::<Deployment>(&self.namespaces.argocd).get_opt("flux-subsystem").await?;
        Ok(vec![bridge::deployment(found.as_ref(), &self.namespaces)])
    }

    async fn leader(&self) -> Answer {
        let found = self.api::<Lease>(&self.namespaces.argocd).get_opt("flux-subsystem").await?;
        Ok(vec![bridge::lease(found.as_ref(), Timestamp::now(), &self.namespaces)])
    }

    async fn applications(&self) -> Answer {
        Ok(applications::judge(&self.all_applications().await?))
    }

    /// Everywhere, or in Argo CD's namespace for those who may not look further.
    async fn all_applications(&self) -> Result<Vec<Application>, kube::Error> {
        let everywhere = Api::<Application>::all(self.client.clone()).list(&ListParams::default()).await;
        match everywhere {
            Err(kube::Error::Api(status)) if status.is_forbidden() => {
                self.list::<Application>(&self.namespaces.argocd).await
            }
            found => Ok(found?.items),
        }
    }
}

/// A check that may not be made is no verdict: it names the right that is missing.
fn guarded<'a>(
    check: &'static str,
    right: String,
    answer: impl Future<Output = Answer> + Send + 'a,
) -> BoxFuture<'a, Vec<Finding>> {
    Box::pin(async move {
        match answer.await {
            Ok(findings) => findings,
            Err(kube::Error::Api(status)) if status.is_forbidden() => {
                vec![Finding::warn(
                    check,
                    format!("may not be looked at: {}", status.message),
                    format!("ask for the right to {right}"),
                )]
            }
            Err(kube::Error::Api(status)) if status.is_not_found() => vec![Finding::fail(
                check,
                format!("cannot be looked at: {}", status.message),
                "install what is missing, or name the namespaces",
            )],
            Err(error) => vec![Finding::warn(check, format!("cannot be looked at: {error}"), "look again")],
        }
    })
}
