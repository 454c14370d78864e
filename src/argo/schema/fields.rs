//! The fields of an Application (argo-cd `pkg/apis/application/v1alpha1/types.go`, of version 3.5.7), as far as people write
//! them: neither `status` nor `operation`.

use super::Schema::{self, AnyMap, Anything, Boolean, Fields, Integer, IntegerOrText, ListOf, MapOf, Text};

/// The whole.
pub const APPLICATION: Schema = Fields(&[
    ("apiVersion", Text),
    ("kind", Text),
    ("metadata", METADATA),
    ("spec", SPEC),
    ("status", Anything),
    ("operation", Anything),
]);

/// Kubernetes' metadata (k8s.io/apimachinery `pkg/apis/meta/v1/types.go`); what it writes itself is not looked into.
const METADATA: Schema = Fields(&[
    ("name", Text),
    ("generateName", Text),
    ("namespace", Text),
    ("labels", MapOf(&Text)),
    ("annotations", MapOf(&Text)),
    ("finalizers", ListOf(&Text)),
    ("creationTimestamp", Anything),
    ("deletionGracePeriodSeconds", Anything),
    ("deletionTimestamp", Anything),
    ("generation", Anything),
    ("managedFields", Anything),
    ("ownerReferences", Anything),
    ("resourceVersion", Anything),
    ("selfLink", Anything),
    ("uid", Anything),
]);

const SPEC: Schema = Fields(&[
    ("source", SOURCE),
    ("sources", ListOf(&SOURCE)),
    ("sourceHydrator", HYDRATOR),
    ("destination", Fields(&[("server", Text), ("name", Text), ("namespace", Text)])),
    ("project", Text),
    ("syncPolicy", SYNC_POLICY),
    (
        "ignoreDifferences",
        ListOf(&Fields(&[
            ("group", Text),
            ("kind", Text),
            ("name", Text),
            ("namespace", Text),
            ("jsonPointers", ListOf(&Text)),
            ("jqPathExpressions", ListOf(&Text)),
            ("managedFieldsManagers", ListOf(&Text)),
        ])),
    ),
    ("info", ListOf(&Fields(&[("name", Text), ("value", Text)]))),
    ("revisionHistoryLimit", Integer),
]);

const SOURCE: Schema = Fields(&[
    ("repoURL", Text),
    ("path", Text),
    ("targetRevision", Text),
    ("chart", Text),
    ("ref", Text),
    ("name", Text),
    ("tagPrefix", Text),
    ("helm", HELM),
    ("kustomize", KUSTOMIZE),
    ("directory", DIRECTORY),
    ("plugin", PLUGIN),
]);

const HYDRATOR: Schema = Fields(&[
    (
        "drySource",
        Fields(&[
            ("repoURL", Text),
            ("path", Text),
            ("targetRevision", Text),
            ("helm", HELM),
            ("kustomize", KUSTOMIZE),
            ("directory", DIRECTORY),
            ("plugin", PLUGIN),
        ]),
    ),
    ("syncSource", Fields(&[("repoURL", Text), ("path", Text), ("targetBranch", Text)])),
    ("hydrateTo", Fields(&[("targetBranch", Text)])),
]);

const SYNC_POLICY: Schema = Fields(&[
    (
        "automated",
        Fields(&[("prune", Boolean), ("selfHeal", Boolean), ("allowEmpty", Boolean), ("enabled", Boolean)]),
    ),
    ("syncOptions", ListOf(&Text)),
    (
        "retry",
        Fields(&[
            ("limit", Integer),
            ("refresh", Boolean),
            ("backoff", Fields(&[("duration", Text), ("factor", Integer), ("maxDuration", Text)])),
        ]),
    ),
    ("managedNamespaceMetadata", Fields(&[("labels", MapOf(&Text)), ("annotations", MapOf(&Text))])),
]);

const HELM: Schema = Fields(&[
    ("releaseName", Text),
    ("valueFiles", ListOf(&Text)),
    ("values", Text),
    ("valuesObject", AnyMap),
    ("parameters", ListOf(&Fields(&[("name", Text), ("value", Text), ("forceString", Boolean)]))),
    ("fileParameters", ListOf(&Fields(&[("name", Text), ("path", Text)]))),
    ("ignoreMissingValueFiles", Boolean),
    ("skipCrds", Boolean),
    ("skipSchemaValidation", Boolean),
    ("skipTests", Boolean),
    ("passCredentials", Boolean),
    ("namespace", Text),
    ("version", Text),
    ("kubeVersion", Text),
    ("apiVersions", ListOf(&Text)),
]);

const KUSTOMIZE: Schema = Fields(&[
    ("images", ListOf(&Text)),
    ("replicas", ListOf(&Fields(&[("name", Text), ("count", IntegerOrText)]))),
    ("namePrefix", Text),
    ("nameSuffix", Text),
    ("namespace", Text),
    ("commonLabels", MapOf(&Text)),
    ("forceCommonLabels", Boolean),
    ("labelWithoutSelector", Boolean),
    ("labelIncludeTemplates", Boolean),
    ("commonAnnotations", MapOf(&Text)),
    ("forceCommonAnnotations", Boolean),
    ("commonAnnotationsEnvsubst", Boolean),
    ("components", ListOf(&Text)),
    ("ignoreMissingComponents", Boolean),
    (
        "patches",
        ListOf(&Fields(&[
            ("patch", Text),
            ("path", Text),
            (
                "target",
                Fields(&[
                    ("group", Text),
                    ("version", Text),
                    ("kind", Text),
                    ("name", Text),
                    ("namespace", Text),
                    ("labelSelector", Text),
                    ("annotationSelector", Text),
                ]),
            ),
            ("options", MapOf(&Boolean)),
        ])),
    ),
    ("version", Text),
    ("kubeVersion", Text),
    ("apiVersions", ListOf(&Text)),
]);

const DIRECTORY: Schema = Fields(&[
    ("recurse", Boolean),
    ("include", Text),
    ("exclude", Text),
    (
        "jsonnet",
        Fields(&[("extVars", ListOf(&VARIABLE)), ("tlas", ListOf(&VARIABLE)), ("libs", ListOf(&Text))]),
    ),
]);

const VARIABLE: Schema = Fields(&[("name", Text), ("value", Text), ("code", Boolean)]);

const PLUGIN: Schema = Fields(&[
    ("name", Text),
    ("env", ListOf(&Fields(&[("name", Text), ("value", Text)]))),
    (
        "parameters",
        ListOf(&Fields(&[("name", Text), ("string", Text), ("array", ListOf(&Text)), ("map", MapOf(&Text))])),
    ),
]);
