//! Every foreign program of the stack, and the one place where its version is chosen.
//!
//! Each program has a consumer module of its own under `e2e/programs/<name>/`, because their dependency pins
//! conflict. A test below holds the table and those modules together.

/// One foreign Go module and what is built from it.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// The name in progress lines and in the cache.
    pub name: &'static str,
    /// Folder under `e2e/programs/` that pins it.
    pub consumer: &'static str,
    /// Go module path.
    pub module: &'static str,
    /// Module version, as the Go module proxy spells it.
    pub version: &'static str,
    /// Packages that become binaries.
    pub packages: &'static [Package],
    /// Linker flags beyond `-s -w`.
    pub ldflags: &'static str,
    /// Files of the module that the stack needs while running, relative to the module's root; a directory stands
    /// for the `*.yaml` files in it. They are kept beside the binaries.
    pub files: &'static [&'static str],
    /// Scripts of the module that its programs expect on PATH, relative to the module's root.
    pub scripts: &'static [&'static str],
    /// Files that the module's sources embed but its published archive lacks; built as empty comments.
    pub absent: &'static [&'static str],
    /// What the stack needs it for.
    pub why: &'static str,
}

/// A main package and the name of the binary made of it.
#[derive(Debug, Clone, Copy)]
pub struct Package {
    /// Import path.
    pub path: &'static str,
    /// File name in the program's `bin` folder.
    pub binary: &'static str,
}

const fn program(
    name: &'static str,
    module: &'static str,
    version: &'static str,
    why: &'static str,
) -> Program {
    Program {
        name,
        consumer: name,
        module,
        version,
        packages: &[],
        ldflags: "",
        files: &[],
        scripts: &[],
        absent: &[],
        why,
    }
}

const fn package(path: &'static str, binary: &'static str) -> Package {
    Package { path, binary }
}

/// What every stack runs, in the order in which it is built: the quickest first.
pub const BASE: &[Program] = &[
    Program {
        packages: &[package("go.etcd.io/etcd/server/v3", "etcd")],
        ..program("etcd", "go.etcd.io/etcd/server/v3", "v3.7.3", "the API server's store")
    },
    Program {
        packages: &[package("github.com/distribution/distribution/v3/cmd/registry", "registry")],
        ..program(
            "registry",
            "github.com/distribution/distribution/v3",
            "v3.1.2",
            "OCI registry for charts and Flux artifacts",
        )
    },
    Program {
        packages: &[package("sigs.k8s.io/kwok/cmd/kwok", "kwok")],
        files: &[
            "kustomize/stage/node/fast/node-initialize.yaml",
            "kustomize/stage/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
            "kustomize/stage/pod/fast/pod-ready.yaml",
            "kustomize/stage/pod/fast/pod-complete.yaml",
            "kustomize/stage/pod/fast/pod-delete.yaml",
        ],
        ..program(
            "kwok",
            "sigs.k8s.io/kwok",
            "v0.8.0",
            "plays the kubelets, so that Deployments become Available",
        )
    },
    Program {
        packages: &[package("helm.sh/helm/v3/cmd/helm", "helm")],
        ..program(
            "helm",
            "helm.sh/helm/v3",
            "v3.21.4",
            "packages the test charts, shows releases, renders for Argo CD",
        )
    },
    Program {
        packages: &[
            package("k8s.io/kubernetes/cmd/kube-apiserver", "kube-apiserver"),
            package("k8s.io/kubernetes/cmd/kube-controller-manager", "kube-controller-manager"),
            package("k8s.io/kubernetes/cmd/kube-scheduler", "kube-scheduler"),
            package("k8s.io/kubernetes/cmd/kubectl", "kubectl"),
        ],
        ldflags: "-X k8s.io/component-base/version.gitVersion=v1.36.3",
        ..program("kubernetes", "k8s.io/kubernetes", "v1.36.3", "the cluster itself")
    },
    Program {
        packages: &[package("github.com/fluxcd/source-controller", "source-controller")],
        files: &["config/crd/bases"],
        ..program(
            "source-controller",
            "github.com/fluxcd/source-controller",
            "v1.9.3",
            "Flux: fetches repositories, charts and artifacts",
        )
    },
    Program {
        packages: &[package("github.com/fluxcd/kustomize-controller", "kustomize-controller")],
        files: &["config/crd/bases"],
        ..program(
            "kustomize-controller",
            "github.com/fluxcd/kustomize-controller",
            "v1.9.3",
            "Flux: applies Kustomizations",
        )
    },
    Program {
        packages: &[package("github.com/fluxcd/helm-controller", "helm-controller")],
        files: &["config/crd/bases"],
        ..program(
            "helm-controller",
            "github.com/fluxcd/helm-controller",
            "v1.6.4",
            "Flux: installs HelmReleases",
        )
    },
    Program {
        packages: &[package("github.com/fluxcd/flux2/v2/cmd/flux", "flux")],
        // `cmd/flux/manifests.embed.go`; only `flux install` and `flux bootstrap` read them.
        absent: &["cmd/flux/manifests/absent.yaml"],
        ..program(
            "flux",
            "github.com/fluxcd/flux2/v2",
            "v2.9.5",
            "pushes the test artifacts, shows what Flux has",
        )
    },
    Program {
        consumer: "argocd",
        files: &[
            "manifests/crds/application-crd.yaml",
            "manifests/crds/applicationset-crd.yaml",
            "manifests/crds/appproject-crd.yaml",
        ],
        ..program("argocd-crds", ARGO, ARGO_VERSION, "the CRDs of Applications, without Argo CD itself")
    },
];

const ARGO: &str = "github.com/argoproj/argo-cd/v3";
const ARGO_VERSION: &str = "v3.5.7";

/// What a stack with Argo CD runs besides.
pub const ARGOCD: &[Program] = &[
    Program {
        packages: &[package("sigs.k8s.io/kustomize/kustomize/v5", "kustomize")],
        ..program(
            "kustomize",
            "sigs.k8s.io/kustomize/kustomize/v5",
            "v5.8.1",
            "Argo CD's repo-server renders kustomizations with it",
        )
    },
    Program {
        packages: &[package("github.com/argoproj/argo-cd/v3/cmd", "argocd")],
        // Without the `v`: the server refuses a CLI whose version it cannot compare.
        ldflags: "-X github.com/argoproj/argo-cd/v3/common.version=3.5.7",
        // The repo-server runs it on every commit it renders, signed or not.
        scripts: &["hack/git-verify-wrapper.sh"],
        ..program("argocd", ARGO, ARGO_VERSION, "Argo CD: every server role and the CLI")
    },
];

/// What the bridge is compared with, outside of any stack.
pub const ORACLES: &[Program] = &[Program {
    packages: &[package("helm.sh/helm/v4/cmd/helm", "helm")],
    ..program(
        "helm4",
        "helm.sh/helm/v4",
        "v4.2.1",
        "renders as the published image of Argo CD 3.5.7 does (its hack/tool-versions.sh)",
    )
}];

/// Every program there is.
pub fn all() -> impl Iterator<Item = &'static Program> {
    BASE.iter().chain(ARGOCD).chain(ORACLES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_consumer_module_requires_the_version_of_the_table() {
        for program in all() {
            let path = crate::paths::consumer_module(program.consumer).join("go.mod");
            let text = std::fs::read_to_string(&path).unwrap();
            let wanted = format!("{} {}", program.module, program.version);
            let found = text
                .lines()
                .map(|line| line.trim().trim_start_matches("require "))
                .any(|line| line.trim_end_matches(" // indirect") == wanted);
            assert!(found, "{} does not require {wanted}", path.display());
        }
    }

    #[test]
    fn each_consumer_module_is_in_the_table() {
        for entry in std::fs::read_dir(crate::paths::consumer_module("")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(all().any(|program| program.consumer == name), "e2e/programs/{name} is built by nothing");
        }
    }

    #[test]
    fn names_are_told_apart() {
        let names: std::collections::BTreeSet<_> = all().map(|program| program.name).collect();
        assert_eq!(names.len(), all().count());
    }
}
