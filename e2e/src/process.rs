//! Processes told apart by id *and* start time, so that a reused id is never taken for ours.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// Clock ticks per second in `/proc`: `USER_HZ`, 100 on every Linux architecture that Rust and Go support.
const TICKS: f64 = 100.0;

/// A process as recorded on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Start time in clock ticks since boot: field 22 of `/proc/PID/stat` (`proc_pid_stat(5)`).
    pub started: u64,
}

/// What a process has used so far.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Usage {
    /// User and system time, in seconds.
    pub cpu_seconds: f64,
    /// Resident memory, in bytes.
    pub resident_bytes: u64,
}

impl Process {
    /// The running process with that id; `None` when there is none.
    pub fn of(pid: u32) -> Option<Self> {
        let started = stat(pid)?.get(19)?.parse().ok()?;
        Some(Self { pid, started })
    }

    /// This process.
    pub fn own() -> Option<Self> {
        Self::of(std::process::id())
    }

    /// Whether this very process still runs. A zombie does not.
    pub fn alive(self) -> bool {
        let Some(fields) = stat(self.pid) else { return false };
        let running = fields.first().is_some_and(|state| state != "Z" && state != "X");
        running && fields.get(19).and_then(|field| field.parse().ok()) == Some(self.started)
    }

    /// Sends `signal` if this very process still runs.
    pub fn signal(self, signal: Signal) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| self.alive()) {
            // It may end between the look and the signal: then there is nothing left to do.
            let _ = kill_process(pid, signal);
        }
    }

    /// Ends the process for certain (SIGKILL) and waits up to `patience` for it to be gone.
    pub fn end(self, patience: Duration) -> bool {
        self.signal(Signal::KILL);
        self.wait(patience)
    }

    /// Waits up to `patience` until the process is gone; says whether it is.
    pub fn wait(self, patience: Duration) -> bool {
        let begun = std::time::Instant::now();
        while self.alive() {
            if begun.elapsed() > patience {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }

    /// What the process has used; `None` once it is gone.
    pub fn usage(self) -> Option<Usage> {
        let fields = stat(self.pid).filter(|_| self.alive())?;
        let ticks: f64 = [11, 12].iter().filter_map(|at| fields.get(*at)?.parse::<f64>().ok()).sum();
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kilobytes: u64 = resident.trim().trim_end_matches("kB").trim().parse().ok()?;
        Some(Usage { cpu_seconds: ticks / TICKS, resident_bytes: kilobytes * 1024 })
    }
}

/// The fields of `/proc/PID/stat` after the command name, which may itself hold spaces and parentheses.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_id_is_not_the_same_process() {
        let own = Process::own().unwrap();
        assert!(own.alive());
        assert!(!Process { started: own.started + 1, ..own }.alive());
    }

    #[test]
    fn an_ended_child_is_gone() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let process = Process::of(child.id()).unwrap();
        assert!(process.usage().is_some());
        assert!(process.end(Duration::from_secs(5)));
        child.wait().unwrap();
        assert!(Process::of(process.pid).is_none());
    }
}
