//! The `go` command in a consumer module: what it would compile, and compiling it with a word on how far it is.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::tree::copy_tree;
use crate::paths;
use crate::programs::Program;
use crate::progress::Progress;

/// A consumer module, as `go` is to see it.
#[derive(Debug)]
pub(super) struct Module {
    folder: PathBuf,
    /// A go.mod to read instead of the folder's own.
    modfile: Option<PathBuf>,
}

impl Module {
    /// The consumer module of that name.
    pub(super) fn of(consumer: &str) -> Self {
        Self { folder: paths::consumer_module(consumer), modfile: None }
    }

    /// The same with copies, below `scratch`, of the modules of those programs, which get the files they lack.
    pub(super) fn completed(consumer: &str, programs: &[&Program], scratch: &Path) -> Result<Self> {
        let own = Self::of(consumer);
        fs::create_dir_all(scratch)?;
        let mut text = fs::read_to_string(own.folder.join("go.mod"))?;
        for program in programs {
            let copy = scratch.join(program.name);
            copy_tree(&own.dir(program.module)?, &copy)?;
            for file in program.absent {
                let path = copy.join(file);
                fs::create_dir_all(path.parent().unwrap_or(&copy))?;
                fs::write(&path, "# The published module lacks this file.\n")?;
            }
            writeln!(text, "\nreplace {} => {}", program.module, copy.display())?;
        }
        fs::write(scratch.join("go.mod"), text)?;
        fs::copy(own.folder.join("go.sum"), scratch.join("go.sum"))?;
        Ok(Self { modfile: Some(scratch.join("go.mod")), ..own })
    }

    /// The folder of `module` in Go's module cache, downloaded when it is not there yet.
    pub(super) fn dir(&self, module: &str) -> Result<PathBuf> {
        output(self.go("mod").args(["download", module]))?;
        let dir = output(self.go("list").args(["-m", "-f", "{{.Dir}}", module]))?;
        Ok(PathBuf::from(dir.trim()))
    }

    /// Downloads what `packages` are made of. Files that a module lacks are none of its business.
    pub(super) fn fetch(&self, packages: &[&str]) -> Result<()> {
        output(self.go("list").args(["-e", "-deps"]).args(packages)).map(drop)
    }

    /// Builds `packages` into the folder `into`, each linked with flags of its own beyond `-s -w`, and tells `progress` how
    /// far it is.
    pub(super) fn build<'a>(
        &self,
        packages: &[&str],
        ldflags: impl Iterator<Item = (&'a str, &'a str)>,
        into: &Path,
        progress: &Progress,
    ) -> Result<()> {
        progress.note("fetches modules");
        let all = self.to_compile(packages)?;
        let mut go = self.go("build");
        go.args(["-v", "-trimpath", "-ldflags=-s -w"]);
        for (package, flags) in ldflags.filter(|(_, flags)| !flags.is_empty()) {
            go.arg(format!("-ldflags={package}=-s -w {flags}"));
        }
        // A trailing slash makes `go build` treat it as a folder even for one package.
        go.arg("-o").arg(format!("{}/", into.display())).args(packages);
        let what = format!("{go:?}");
        let mut child = go
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("run {what}"))?;
        let printed = BufReader::new(child.stderr.take().context("no standard error")?);
        let (begun, mut done, mut complaints) = (Instant::now(), 0, Vec::new());
        progress.note(&far(done, all, begun.elapsed()));
        for line in printed.lines() {
            let line = line?;
            if is_package(&line) {
                done += 1;
                progress.note(&far(done, all, begun.elapsed()));
            } else {
                complaints.push(line);
            }
        }
        let status = child.wait()?;
        if !status.success() {
            bail!("{what}: {status}\n{}", complaints.join("\n"));
        }
        Ok(())
    }

    /// How many packages are not in the build cache.
    fn to_compile(&self, packages: &[&str]) -> Result<u64> {
        let stale = "{{if .Stale}}{{.StaleReason}}{{\"\\n\"}}{{end}}";
        let reasons = output(self.go("list").args(["-deps", "-trimpath", "-f", stale]).args(packages))?;
        let cached = "not installed but available in build cache";
        let missing = reasons.lines().filter(|reason| !reason.is_empty() && *reason != cached);
        Ok(missing.map(|_| 1).sum())
    }

    fn go(&self, verb: &str) -> Command {
        let mut command = Command::new("go");
        command.arg(verb).current_dir(&self.folder);
        // `go mod download` knows no other go.mod, and needs none.
        if let (Some(modfile), true) = (&self.modfile, verb != "mod") {
            command.arg("-modfile").arg(modfile);
        }
        command
    }
}

/// Whether a line of `go build -v` is the import path of a package whose turn it is.
fn is_package(line: &str) -> bool {
    !line.is_empty() && !line.contains([' ', ':', '\t', '#'])
}

/// How far a build is, for people. Packages differ in size, so the time that is left is a guess, in minutes.
fn far(done: u64, all: u64, elapsed: Duration) -> String {
    if done >= all {
        return "links".to_owned();
    }
    let counted = format!("{done} of {all} packages");
    // The first ones are small, and say little about the rest.
    if done * 10 < all {
        return counted;
    }
    let left = elapsed.as_secs() * (all - done) / done;
    format!("{counted}, about {} min left", left.div_ceil(60).max(1))
}

/// Runs a command and returns what it printed; an error holds what it complained of.
pub(super) fn output(command: &mut Command) -> Result<String> {
    let what = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("run {what}"))?;
    if !output.status.success() {
        bail!("{what}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_told_from_complaints() {
        assert!(is_package("k8s.io/client-go/kubernetes"));
        assert!(is_package("internal/godebug"));
        for complaint in ["# example.org/x", "x.go:3:1: undefined: y", "go: downloading a v1", ""] {
            assert!(!is_package(complaint), "{complaint}");
        }
    }

    #[test]
    fn a_build_says_how_far_it_is() {
        assert_eq!(far(3, 400, Duration::from_secs(9)), "3 of 400 packages");
        assert_eq!(far(100, 400, Duration::from_secs(50)), "100 of 400 packages, about 3 min left");
        assert_eq!(far(400, 400, Duration::from_secs(200)), "links");
    }
}
