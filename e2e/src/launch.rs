//! Stacks seen from outside their supervisor: bringing one up, finding it, taking it down.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use sha2::{Digest as _, Sha256};

use crate::build::{self, Built};
use crate::hex::hex;
use crate::process::Process;
use crate::programs;
use crate::progress::Progress;
use crate::state::{Options, Phase, State, folder};
use crate::supervisor::layout;
use crate::{lock, packages, paths, ports};

/// How long a supervisor may take to end everything.
const END_WITHIN: Duration = Duration::from_secs(20);

/// The lock that users of a stack share and its supervisor tries when it looks for idleness.
pub(crate) fn in_use(name: &str) -> String {
    format!("stack-{name}.in-use.lock")
}

/// Brings the stack called `name` up, or finds it up. `executable` is the `stack` program, which becomes the
/// supervisor. Fails when it runs with other options.
pub fn up(name: &str, options: &Options, executable: &Path) -> Result<State> {
    check_name(name)?;
    let _starting = lock::exclusive(&format!("stack-{name}.start.lock"))?;
    if let Some(state) = State::read(name)? {
        if state.serves() {
            if state.options == *options {
                return Ok(state);
            }
            bail!("stack {name} runs with other options: `cargo stack down --name {name}` first");
        }
        end(&state)?;
    }
    start(name, options, executable)
}

/// Like [`up`] for users that come and go: the returned lock says that the stack is in use. A stack that an older
/// build of the harness started is replaced unless somebody uses it.
pub fn up_shared(name: &str, options: &Options, executable: &Path) -> Result<(State, File)> {
    check_name(name)?;
    let _starting = lock::exclusive(&format!("stack-{name}.start.lock"))?;
    // Waits for a supervisor that has just decided to end.
    let held = lock::shared(&in_use(name))?;
    let Some(state) = State::read(name)? else { return Ok((start(name, options, executable)?, held)) };
    let current =
        state.options == *options && state.fingerprint == fingerprint(&located(options)?, executable)?;
    if state.serves() && current {
        return Ok((state, held));
    }
    drop(held);
    if state.serves() && !alone(name)? {
        bail!("stack {name} was started by another build of the harness, and somebody uses it");
    }
    end(&state)?;
    let held = lock::shared(&in_use(name))?;
    Ok((start(name, options, executable)?, held))
}

/// Takes the stack called `name` down; says whether there was anything to end.
pub fn down(name: &str) -> Result<bool> {
    let Some(state) = State::read(name)? else { return Ok(false) };
    let ran = state.supervisor.alive() || state.components.values().any(|component| runs(component.process));
    end(&state)?;
    build::remove(&state.folder)?;
    Ok(ran)
}

/// Removes what ended stacks whose name begins with `prefix` left behind; their logs had their time.
pub(crate) fn sweep(prefix: &str) -> Result<()> {
    for state in State::all()? {
        if state.name.starts_with(prefix) && state.phase == Phase::Down && !state.supervisor.alive() {
            build::remove(&state.folder)?;
        }
    }
    Ok(())
}

/// Ends whatever still runs of a stack: through its supervisor, or process by process when that is gone.
pub(crate) fn end(state: &State) -> Result<()> {
    state.supervisor.signal(Signal::TERM);
    if !state.supervisor.wait(END_WITHIN) {
        state.supervisor.end(END_WITHIN);
    }
    // Read again: the supervisor may have started something after `state` was read.
    let last = State::read(&state.name)?.unwrap_or_else(|| state.clone());
    end_processes(&last);
    build::remove(&last.folder.join("data"))
}

/// Ends the recorded components and guests of a stack, and waits until they are gone.
pub(crate) fn end_processes(state: &State) {
    let guests = std::fs::read_dir(state.guests()).into_iter().flatten().flatten().filter_map(|entry| {
        let text = std::fs::read(entry.path()).ok()?;
        let record: serde_json::Value = serde_json::from_slice(&text).ok()?;
        serde_json::from_value::<Process>(record.get("process")?.clone()).ok()
    });
    let components = state.components.values().filter_map(|component| component.process);
    let all: Vec<Process> = guests.chain(components).collect();
    for process in &all {
        process.signal(Signal::KILL);
    }
    for process in &all {
        process.wait(END_WITHIN);
    }
}

fn runs(process: Option<Process>) -> bool {
    process.is_some_and(Process::alive)
}

/// Whether nobody uses the stack. Its supervisor looks for the same now and then, hence more than one try.
fn alone(name: &str) -> Result<bool> {
    for _ in 0..10 {
        if lock::try_exclusive(&in_use(name))?.is_some() {
            return Ok(true);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(false)
}

fn check_name(name: &str) -> Result<()> {
    let fits = !name.is_empty() && name.len() <= 40;
    if !fits || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        bail!(
            "{name:?}: a stack's name is made of lower-case letters, digits and dashes, at most 40 of them"
        );
    }
    Ok(())
}

/// All programs of such a stack, built or not.
fn located(options: &Options) -> Result<Vec<Built>> {
    build::locate(&programs::of_stack(options.argocd))
}

fn start(name: &str, options: &Options, executable: &Path) -> Result<State> {
    packages::ensure(options)?;
    build::ensure(&programs::of_stack(options.argocd && !options.argocd_later))?;
    let programs = located(options)?;
    let folder = folder(name)?;
    build::remove(&folder)?;
    std::fs::create_dir_all(folder.join("logs")).with_context(|| format!("create {}", folder.display()))?;
    std::fs::create_dir_all(folder.join("guests"))?;
    let picking = ports::hold()?;
    let own = Process::own().context("no /proc")?;
    let state = State {
        name: name.to_owned(),
        folder,
        phase: Phase::Starting,
        message: "the supervisor starts".to_owned(),
        options: options.clone(),
        fingerprint: fingerprint(&programs, executable)?,
        supervisor: own,
        ports: layout::ports()?,
        path: programs.iter().map(Built::bin).collect(),
        files: programs.iter().map(|built| (built.name.to_owned(), built.files())).collect(),
        components: std::collections::BTreeMap::new(),
    };
    state.write()?;
    drop(picking);
    let progress = Progress::start(format!("start stack {name}"));
    let state = spawn(&state, executable)?;
    progress.done();
    Ok(state)
}

/// Starts the supervisor, detached, and waits until the stack is ready or has failed.
fn spawn(prepared: &State, executable: &Path) -> Result<State> {
    let log = File::create(prepared.log("supervisor")).context("create the supervisor's log")?;
    let mut child = Command::new(executable)
        .args(["supervise", "--name", &prepared.name])
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // A group of its own: Ctrl-C at `up` is not meant for the stack.
        .process_group(0)
        .current_dir("/")
        .spawn()
        .with_context(|| format!("start {}", executable.display()))?;
    loop {
        let state = State::read(&prepared.name)?.context("stack.json went away")?;
        match state.phase {
            Phase::Ready => return Ok(state),
            Phase::Failed => bail!("stack {} did not come up: {}", state.name, state.message),
            Phase::Down => bail!("stack {} was taken down while it came up", state.name),
            Phase::Starting | Phase::Stopping => {}
        }
        if let Some(status) = child.try_wait()? {
            let log = prepared.log("supervisor");
            bail!(
                "the supervisor ended ({status}); {} ends:\n{}",
                log.display(),
                crate::state::tail(&log, 20)
            );
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Something that differs when the programs, the content of the sources or the harness itself do.
fn fingerprint(programs: &[Built], executable: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    for built in programs {
        hash.update(built.bin().display().to_string());
    }
    let mut folders: Vec<PathBuf> = vec![paths::sources()];
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<_> = std::fs::read_dir(&folder)?.collect::<std::io::Result<_>>()?;
        entries.sort_by_key(std::fs::DirEntry::path);
        for entry in entries {
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                hash.update(entry.path().display().to_string());
                hash.update(std::fs::read(entry.path())?);
            }
        }
    }
    let metadata =
        std::fs::metadata(executable).with_context(|| format!("look at {}", executable.display()))?;
    let changed = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    hash.update(format!("{} {changed:?}", metadata.len()));
    Ok(hex(&hash.finalize()[..8]))
}
