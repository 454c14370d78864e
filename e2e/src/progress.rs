//! Signs of life for a person who waits: one line per piece of work, with the time it has taken so far.
//!
//! Written to the process's real standard error: the test harness captures `eprintln!`, and the first test of a
//! fresh clone may build for half an hour.

use std::io::{IsTerminal as _, Write as _};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A line for one piece of work; ends with [`Progress::done`], or as failed when dropped.
#[derive(Debug)]
pub struct Progress {
    what: String,
    begun: Instant,
    ticker: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Announces `what` and goes on to say that it still runs: every second on a terminal, else every 15 seconds.
    pub fn start(what: impl Into<String>) -> Self {
        let (what, begun) = (what.into(), Instant::now());
        let (stop, stopped) = channel::<()>();
        let line = what.clone();
        let terminal = std::io::stderr().is_terminal();
        let pause = Duration::from_secs(if terminal { 1 } else { 15 });
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(pause) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                let (start, end) = if terminal { ("\r", "") } else { ("", "\n") };
                write(&format!("{start}  {line} … {}{end}", elapsed(begun)));
            }
        });
        if terminal {
            write(&format!("  {what} …"));
        }
        Self { what, begun, ticker: Some((stop, thread)) }
    }

    /// Ends the line well.
    pub fn done(mut self) {
        self.end("✓");
    }

    fn end(&mut self, sign: &str) {
        let Some((stop, thread)) = self.ticker.take() else { return };
        drop(stop);
        // A ticker that panicked has nothing to say that matters more than the work itself.
        let _ = thread.join();
        let start = if std::io::stderr().is_terminal() { "\r\x1b[2K" } else { "" };
        write(&format!("{start}{sign} {} {}\n", self.what, elapsed(self.begun)));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end("✗");
    }
}

/// Writes a line of its own, past any capturing.
pub fn say(line: &str) {
    write(&format!("{line}\n"));
}

fn write(text: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn elapsed(since: Instant) -> String {
    let seconds = since.elapsed().as_secs();
    if seconds < 60 {
        format!("{:.1}s", since.elapsed().as_secs_f32())
    } else {
        format!("{}:{:02}", seconds / 60, seconds % 60)
    }
}
