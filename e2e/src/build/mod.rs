//! Builds the programs of the table into the cache that all clones share.
//!
//! Missing programs of one consumer module are built by one `go build`, so that what they have in common is compiled
//! once and all processors have something to do. A program's folder appears by one rename, so a build that was cut off
//! leaves nothing that looks finished; a lock file keeps two builds of the same consumer module apart.

mod go;
mod tree;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::hex::hex;
use crate::programs::Program;
use crate::progress::{Progress, say};
use crate::{lock, paths};
use go::Module;
pub use tree::{copy_tree, remove, yaml_files};

/// A program in the cache: where its parts are, or will be once it is built.
#[derive(Debug, Clone)]
pub struct Built {
    /// The program's name.
    pub name: &'static str,
    folder: PathBuf,
}

impl Built {
    /// The folder of its binaries.
    pub fn bin(&self) -> PathBuf {
        self.folder.join("bin")
    }

    /// The folder of the module files that were asked for, flat.
    pub fn files(&self) -> PathBuf {
        self.folder.join("files")
    }

    /// Whether it is there already.
    pub fn is_built(&self) -> bool {
        self.folder.is_dir()
    }
}

/// A program that is not built yet, and the folder that it is to have.
type Missing = (&'static Program, PathBuf);

/// Where `programs` are in the cache, in the same order, built or not.
pub fn locate(programs: &[&'static Program]) -> Result<Vec<Built>> {
    let (go, cache) = (go_version()?, paths::programs()?);
    let located = programs
        .iter()
        .map(|program| Ok(Built { name: program.name, folder: cache.join(key(program, &go)?) }));
    located.collect()
}

/// Builds whatever of `programs` is missing, one consumer module after the other, and returns all of them in the same
/// order.
pub fn ensure(programs: &[&'static Program]) -> Result<Vec<Built>> {
    let built = locate(programs)?;
    let all = programs.iter().zip(&built);
    let missing: Vec<Missing> = all
        .filter(|(_, built)| !built.is_built())
        .map(|(program, built)| (*program, built.folder.clone()))
        .collect();
    let groups: Vec<_> = missing.chunk_by(|(one, _), (other, _)| one.consumer == other.consumer).collect();
    if !groups.is_empty() {
        say(&format!(
            "{} programs to build with {}, of {} modules; with an empty Go build cache all there are take twelve minutes on two cores",
            missing.len(),
            go_version()?,
            groups.len(),
        ));
        fetch_ahead(&groups);
    }
    for (index, group) in groups.iter().enumerate() {
        build(group, &format!("{}/{}", index + 1, groups.len()))?;
    }
    Ok(built)
}

/// Name and version for people, and a hash of everything that decides what the binaries are.
fn key(program: &Program, go: &str) -> Result<String> {
    let module = paths::consumer_module(program.consumer);
    let mut hash = Sha256::new();
    for file in ["go.mod", "go.sum"] {
        let path = module.join(file);
        hash.update(fs::read(&path).with_context(|| format!("read {}", path.display()))?);
    }
    // Most have none: they build a main package of somebody else.
    hash.update(fs::read(module.join("main.go")).unwrap_or_default());
    let packages: Vec<_> = program.packages.iter().map(|package| (package.path, package.binary)).collect();
    hash.update(format!("{go} {} {packages:?} {:?} {:?}", program.ldflags, program.files, program.absent));
    hash.update(program.scripts.concat());
    Ok(format!("{}-{}-{}", program.name, program.version, hex(&hash.finalize()[..5])))
}

/// Fetches the modules of all groups but the first while others compile: the network would be idle in the meantime. What
/// goes wrong here goes wrong again, and is reported, when it is their turn.
fn fetch_ahead(groups: &[&[Missing]]) {
    let later: Vec<(&'static str, Vec<&'static str>)> = groups
        .iter()
        .skip(1)
        .filter_map(|group| Some((group.first()?.0.consumer, package_paths(group))))
        .collect();
    std::thread::spawn(move || {
        for (consumer, packages) in later {
            let _ = Module::of(consumer).fetch(&packages);
        }
    });
}

/// Builds missing programs of one consumer module.
fn build(group: &[Missing], position: &str) -> Result<()> {
    let consumer = group.first().context("no program to build")?.0.consumer;
    let names: Vec<_> = group.iter().map(|(program, _)| program.name).collect();
    let progress = Progress::start(format!("build {} ({position})", names.join(", ")));
    let _lock = lock::exclusive(&format!("build-{consumer}.lock"))?;
    let missing: Vec<_> = group.iter().filter(|(_, folder)| !folder.is_dir()).cloned().collect();
    // Under the lock, whatever is there was left by a build that was cut off.
    let scratch = paths::programs()?.join(format!(".{consumer}"));
    remove(&scratch)?;
    fs::create_dir_all(scratch.join("bin"))?;
    compile(&missing, &scratch, &progress).with_context(|| format!("build {}", names.join(", ")))?;
    for (program, folder) in &missing {
        keep(program, folder, &scratch).with_context(|| format!("keep {}", program.name))?;
    }
    remove(&scratch)?;
    progress.done();
    Ok(())
}

/// Compiles the programs into `bin` of the scratch folder, named as Go names them.
fn compile(missing: &[Missing], scratch: &Path, progress: &Progress) -> Result<()> {
    let packages = package_paths(missing);
    let Some((first, _)) = missing.first() else { return Ok(()) };
    if packages.is_empty() {
        return Ok(());
    }
    let absent = missing.iter().filter(|(program, _)| !program.absent.is_empty());
    let absent: Vec<_> = absent.map(|(program, _)| *program).collect();
    let module = if absent.is_empty() {
        Module::of(first.consumer)
    } else {
        Module::completed(first.consumer, &absent, &scratch.join("go"))?
    };
    let flags = missing
        .iter()
        .flat_map(|(program, _)| program.packages.iter().map(|package| (package.path, program.ldflags)));
    module.build(&packages, flags, &scratch.join("bin"), progress)
}

/// Moves what belongs to a program from the scratch folder to a folder of its own, which appears all at once.
fn keep(program: &Program, folder: &Path, scratch: &Path) -> Result<()> {
    let own = scratch.join(program.name);
    fs::create_dir_all(own.join("bin"))?;
    for package in program.packages {
        let made = scratch.join("bin").join(default_binary(package.path));
        fs::rename(&made, own.join("bin").join(package.binary))
            .with_context(|| format!("rename {}", made.display()))?;
    }
    keep_files(program, &own)?;
    keep_scripts(program, &own)?;
    fs::rename(&own, folder).with_context(|| format!("move {} into place", own.display()))
}

fn keep_files(program: &Program, own: &Path) -> Result<()> {
    if program.files.is_empty() {
        return Ok(());
    }
    let (module, kept) = (Module::of(program.consumer).dir(program.module)?, own.join("files"));
    fs::create_dir_all(&kept)?;
    for file in program.files {
        let path = module.join(file);
        let sources = if path.is_dir() { yaml_files(&path)? } else { vec![path] };
        for source in sources {
            let target = kept.join(source.file_name().unwrap_or_default());
            // Read and written anew: the module cache is read-only, and so would the copy be.
            let text = fs::read(&source).with_context(|| format!("read {}", source.display()))?;
            fs::write(target, text)?;
        }
    }
    Ok(())
}

fn keep_scripts(program: &Program, own: &Path) -> Result<()> {
    for script in program.scripts {
        let source = Module::of(program.consumer).dir(program.module)?.join(script);
        let target = own.join("bin").join(source.file_name().unwrap_or_default());
        fs::write(&target, fs::read(&source).with_context(|| format!("read {}", source.display()))?)?;
        fs::set_permissions(&target, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

fn package_paths(group: &[Missing]) -> Vec<&'static str> {
    group.iter().flat_map(|(program, _)| program.packages.iter().map(|package| package.path)).collect()
}

fn go_version() -> Result<String> {
    let version = go::output(Command::new("go").args(["env", "GOVERSION"]))
        .context("the stack's programs are Go modules: install Go 1.26 or newer")?;
    Ok(version.trim().to_owned())
}

/// What `go build` calls the binary of a package: the last element of its path that is not a major version.
pub(crate) fn default_binary(path: &str) -> &str {
    let major = |part: &&str| {
        part.strip_prefix('v')
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    };
    path.rsplit('/').find(|part| !major(part)).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binaries_are_named_as_go_names_them() {
        assert_eq!(default_binary("go.etcd.io/etcd/server/v3"), "server");
        assert_eq!(default_binary("helm.sh/helm/v4/cmd/helm"), "helm");
        assert_eq!(default_binary("example.org/vine"), "vine");
    }
}
