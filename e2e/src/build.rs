//! Builds the programs of the table into the cache that all clones share.
//!
//! A program's folder appears by one rename, so a build that was cut off leaves nothing that looks finished; a
//! lock file keeps two builds of the same program apart.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::hex::hex;
use crate::programs::Program;
use crate::progress::{Progress, say};
use crate::{lock, paths};

/// A program that is built: where its parts are.
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
}

/// Builds whatever of `programs` is missing, one after the other, and returns all of them in the same order.
pub fn ensure(programs: &[&'static Program]) -> Result<Vec<Built>> {
    let go = go_version()?;
    let mut keyed = Vec::with_capacity(programs.len());
    for program in programs {
        keyed.push((*program, paths::programs()?.join(key(program, &go)?)));
    }
    let missing = keyed.iter().filter(|(_, folder)| !folder.is_dir()).count();
    if missing > 0 {
        say(&format!(
            "{missing} programs to build with {go}; without a warm Go build cache all of them take half an hour on two cores"
        ));
    }
    let mut at = 0;
    for (program, folder) in &keyed {
        if !folder.is_dir() {
            at += 1;
            build(program, folder, &format!("{at}/{missing}"))?;
        }
    }
    Ok(keyed.into_iter().map(|(program, folder)| Built { name: program.name, folder }).collect())
}

/// Name and version for people, and a hash of everything that decides what the binaries are.
fn key(program: &Program, go: &str) -> Result<String> {
    let module = paths::consumer_module(program.consumer);
    let mut hash = Sha256::new();
    for file in ["go.mod", "go.sum"] {
        let path = module.join(file);
        hash.update(fs::read(&path).with_context(|| format!("read {}", path.display()))?);
    }
    let packages: Vec<_> = program.packages.iter().map(|package| (package.path, package.binary)).collect();
    hash.update(format!("{go} {} {packages:?} {:?} {:?}", program.ldflags, program.files, program.absent));
    hash.update(program.scripts.concat());
    Ok(format!("{}-{}-{}", program.name, program.version, hex(&hash.finalize()[..5])))
}

fn build(program: &Program, folder: &Path, position: &str) -> Result<()> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let _lock = lock::exclusive(&format!("build-{name}.lock"))?;
    if folder.is_dir() {
        return Ok(());
    }
    let progress = Progress::start(format!("build {} {} ({position})", program.name, program.version));
    let scratch = folder.with_file_name(format!(".{name}"));
    // Under the lock, whatever is there was left by a build that was cut off.
    remove(&scratch)?;
    fs::create_dir_all(scratch.join("bin"))?;
    compile(program, &scratch).with_context(|| format!("build {} {}", program.name, program.version))?;
    keep_files(program, &scratch)?;
    keep_scripts(program, &scratch)?;
    remove(&scratch.join("go"))?;
    fs::rename(&scratch, folder).with_context(|| format!("move {} into place", scratch.display()))?;
    progress.done();
    Ok(())
}

fn compile(program: &Program, scratch: &Path) -> Result<()> {
    if program.packages.is_empty() {
        return Ok(());
    }
    let bin = scratch.join("bin");
    let mut build = go(program);
    build.arg("build").arg("-trimpath").arg("-ldflags").arg(format!("-s -w {}", program.ldflags).trim_end());
    if !program.absent.is_empty() {
        build.arg("-modfile").arg(completed_module(program, scratch)?);
    }
    // A trailing slash makes `go build` treat it as a folder even for one package.
    build.arg("-o").arg(format!("{}/", bin.display()));
    build.args(program.packages.iter().map(|package| package.path));
    output(&mut build)?;
    for package in program.packages {
        let made = bin.join(default_binary(package.path));
        fs::rename(&made, bin.join(package.binary)).with_context(|| format!("rename {}", made.display()))?;
    }
    Ok(())
}

/// A copy of the module with the files it lacks, and a go.mod that builds from that copy; returns the go.mod.
fn completed_module(program: &Program, scratch: &Path) -> Result<PathBuf> {
    let consumer = paths::consumer_module(program.consumer);
    let (work, copy) = (scratch.join("go"), scratch.join("go/module"));
    copy_tree(&module_dir(program)?, &copy)?;
    for file in program.absent {
        let path = copy.join(file);
        fs::create_dir_all(path.parent().unwrap_or(&copy))?;
        fs::write(&path, "# The published module lacks this file.\n")?;
    }
    let mut text = fs::read_to_string(consumer.join("go.mod"))?;
    writeln!(text, "\nreplace {} => {}", program.module, copy.display())?;
    fs::write(work.join("go.mod"), text)?;
    fs::copy(consumer.join("go.sum"), work.join("go.sum"))?;
    Ok(work.join("go.mod"))
}

fn keep_files(program: &Program, scratch: &Path) -> Result<()> {
    if program.files.is_empty() {
        return Ok(());
    }
    let (module, kept) = (module_dir(program)?, scratch.join("files"));
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

fn keep_scripts(program: &Program, scratch: &Path) -> Result<()> {
    for script in program.scripts {
        let source = module_dir(program)?.join(script);
        let target = scratch.join("bin").join(source.file_name().unwrap_or_default());
        fs::write(&target, fs::read(&source).with_context(|| format!("read {}", source.display()))?)?;
        fs::set_permissions(&target, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// The `*.yaml` files right in `folder`, sorted.
pub fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The module in Go's module cache, downloaded when it is not there yet.
fn module_dir(program: &Program) -> Result<PathBuf> {
    output(go(program).args(["mod", "download", program.module]))?;
    let dir = output(go(program).args(["list", "-m", "-f", "{{.Dir}}", program.module]))?;
    Ok(PathBuf::from(dir.trim()))
}

fn go(program: &Program) -> Command {
    let mut command = Command::new("go");
    command.current_dir(paths::consumer_module(program.consumer));
    command
}

fn go_version() -> Result<String> {
    let version = output(Command::new("go").args(["env", "GOVERSION"]))
        .context("the stack's programs are Go modules: install Go 1.26 or newer")?;
    Ok(version.trim().to_owned())
}

/// What `go build` calls the binary of a package: the last element of its path that is not a major version.
fn default_binary(path: &str) -> &str {
    let major = |part: &&str| {
        part.strip_prefix('v')
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    };
    path.rsplit('/').find(|part| !major(part)).unwrap_or(path)
}

fn output(command: &mut Command) -> Result<String> {
    let what = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("run {what}"))?;
    if !output.status.success() {
        bail!("{what}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Copies the tree `from` to `to`, all of it writable.
pub fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("create {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::write(&target, fs::read(entry.path())?)
                .with_context(|| format!("write {}", target.display()))?;
        }
    }
    Ok(())
}

/// Removes a folder and everything in it, if it is there.
pub fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binaries_are_named_as_go_names_them() {
        assert_eq!(default_binary("go.etcd.io/etcd/server/v3"), "server");
        assert_eq!(default_binary("helm.sh/helm/v3/cmd/helm"), "helm");
        assert_eq!(default_binary("example.org/vine"), "vine");
    }
}
