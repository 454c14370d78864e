//! Every foreign program of the stack, and the one place where its version is chosen.
//!
//! A *consumer module* under `e2e/programs/` pins what programs are built from. What Kubernetes and most of Flux is made
//! of is the same, so `cluster` holds them together and each package is compiled once; a dependency there has the highest
//! version that one of its programs asks for. `helm` and `helm-controller` have modules of their own, since Helm
//! itself differs and what templates are made with has to be what each asks for (`sprig` with `cast` and `mergo`), and so
//! has `flux`, which cannot be built with the `tablewriter` of source-controller; all else they share with `cluster`,
//! version by version, so that Go's build cache holds it already. The rest shares little.
//! Tests below hold the table and those modules together.

/// One foreign Go module and what is built from it.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// The name in progress lines and in the cache.
    pub name: &'static str,
    /// Consumer module, a folder under `e2e/programs/`, that pins it.
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

/// What every stack runs, in the order in which it is built: programs of one consumer module stand together, and are
/// built together.
pub const BASE: &[Program] = &[
    Program {
        packages: &[package("go.etcd.io/etcd/server/v3", "etcd")],
        ..program("etcd", "go.etcd.io/etcd/server/v3", "v3.7.3", "the API server's store")
    },
    Program {
        // A main package of our own, which does without the clients of clouds.
        packages: &[package("flux-subsystem.dev/e2e/programs/registry", "registry")],
        ..program(
            "registry",
            "github.com/distribution/distribution/v3",
            "v3.1.2",
            "OCI registry for charts and Flux artifacts",
        )
    },
    Program {
        consumer: CLUSTER,
        packages: &[
            package("k8s.io/kubernetes/cmd/kube-apiserver", "kube-apiserver"),
            package("k8s.io/kubernetes/cmd/kube-controller-manager", "kube-controller-manager"),
            package("k8s.io/kubernetes/cmd/kube-scheduler", "kube-scheduler"),
            package("k8s.io/kubernetes/cmd/kubectl", "kubectl"),
        ],
        ldflags: "-X k8s.io/component-base/version.gitVersion=v1.36.4",
        ..program("kubernetes", "k8s.io/kubernetes", "v1.36.4", "the cluster itself")
    },
    Program {
        consumer: CLUSTER,
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
        consumer: CLUSTER,
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
        consumer: CLUSTER,
        packages: &[package("github.com/fluxcd/kustomize-controller", "kustomize-controller")],
        files: &["config/crd/bases"],
        ..program(
            "kustomize-controller",
            "github.com/fluxcd/kustomize-controller",
            "v1.9.5",
            "Flux: applies Kustomizations",
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
        packages: &[package("helm.sh/helm/v4/cmd/helm", "helm")],
        // Charts read it: `.Capabilities.HelmVersion`.
        ldflags: "-X helm.sh/helm/v4/internal/version.version=v4.2.1",
        ..program(
            "helm",
            "helm.sh/helm/v4",
            // What the published image of Argo CD 3.5.7 renders with: its `hack/tool-versions.sh`.
            "v4.2.1",
            "renders for Argo CD, packages the test charts, shows releases",
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

/// Kubernetes, and what shares its libraries.
const CLUSTER: &str = "cluster";
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

/// Every program there is.
pub fn all() -> impl Iterator<Item = &'static Program> {
    BASE.iter().chain(ARGOCD)
}

/// What a stack runs, in the order in which it is built.
pub fn of_stack(argocd: bool) -> Vec<&'static Program> {
    BASE.iter().chain(if argocd { ARGOCD } else { &[] }).collect()
}

/// The program of that name.
pub fn named(name: &str) -> Option<&'static Program> {
    all().find(|program| program.name == name)
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

    /// Modules that differ on purpose: Helm itself, and what its templates are made with.
    const DIFFER: &[&str] = &["helm.sh/helm/v4", "github.com/spf13/cast", "dario.cat/mergo"];

    /// Requirements of a consumer module, as built: what it replaces has the version of the replacement.
    fn requirements(consumer: &str) -> std::collections::BTreeMap<String, String> {
        let text = std::fs::read_to_string(crate::paths::consumer_module(consumer).join("go.mod")).unwrap();
        let mut versions = std::collections::BTreeMap::new();
        let lines = text
            .lines()
            .map(|line| line.trim().trim_start_matches("require ").trim_start_matches("replace "));
        for line in lines {
            let words: Vec<_> = line.trim_end_matches(" // indirect").split(' ').collect();
            match words.as_slice() {
                [module, version] if version.starts_with('v') => {
                    versions.entry((*module).to_owned()).or_insert((*version).to_owned());
                }
                [module, "=>", _, version] => {
                    versions.insert((*module).to_owned(), (*version).to_owned());
                }
                _ => {}
            }
        }
        versions
    }

    #[test]
    fn what_shares_libraries_with_the_cluster_has_them_in_the_same_versions() {
        let cluster = requirements(CLUSTER);
        for consumer in ["flux", "helm", "helm-controller"] {
            let mut shared = 0;
            for (module, version) in requirements(consumer) {
                let Some(there) = cluster.get(&module) else { continue };
                shared += 1;
                assert!(
                    *there == version || DIFFER.contains(&module.as_str()),
                    "{module} is {version} in {consumer} and {there} in {CLUSTER}: its packages are compiled twice"
                );
            }
            assert!(shared > 50, "{consumer} shares {shared} modules");
        }
    }

    #[test]
    fn programs_of_one_module_stand_together_and_their_binaries_are_told_apart() {
        let programs = of_stack(true);
        let modules: Vec<_> = programs.chunk_by(|one, other| one.consumer == other.consumer).collect();
        for group in &modules {
            let binaries: Vec<_> = group.iter().flat_map(|program| program.packages).collect();
            let names: std::collections::BTreeSet<_> =
                binaries.iter().map(|package| crate::build::default_binary(package.path)).collect();
            assert_eq!(names.len(), binaries.len(), "{}", group[0].consumer);
        }
        let clusters = modules.iter().filter(|group| group[0].consumer == CLUSTER);
        assert_eq!(clusters.count(), 1, "the cluster is built by one `go build`");
    }

    #[test]
    fn names_are_told_apart() {
        let names: std::collections::BTreeSet<_> = all().map(|program| program.name).collect();
        assert_eq!(names.len(), all().count());
    }
}
