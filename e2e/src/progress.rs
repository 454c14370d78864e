//! Signs of life for a person who waits: one line per piece of work, with the time it has taken so far.
//!
//! Written to the process's real standard error: the test harness captures `eprintln!`, and the first test of a
//! fresh clone may build for half an hour.

use std::io::{IsTerminal as _, Write as _};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Columns of a terminal that does not say how many it has.
const WIDTH: usize = 100;

/// A line for one piece of work; ends with [`Progress::done`], or as failed when dropped.
#[derive(Debug)]
pub struct Progress {
    what: String,
    begun: Instant,
    note: Arc<Mutex<String>>,
    ticker: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Announces `what` and goes on to say that it still runs: every second on a terminal, else every 15 seconds.
    pub fn start(what: impl Into<String>) -> Self {
        let (what, begun, note) = (what.into(), Instant::now(), Arc::<Mutex<String>>::default());
        let (stop, stopped) = channel::<()>();
        let (line, noted) = (what.clone(), Arc::clone(&note));
        let terminal = std::io::stderr().is_terminal();
        let pause = Duration::from_secs(if terminal { 1 } else { 15 });
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(pause) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                let note = noted.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let text = format!("  {line} … {} {note}", elapsed(begun));
                // What no longer fits would begin a new line each time.
                let text = if terminal {
                    format!("\r\x1b[2K{}", fit(text.trim_end(), columns()))
                } else {
                    format!("{}\n", text.trim_end())
                };
                write(&text);
            }
        });
        write(&if terminal { fit(&format!("  {what} …"), columns()) } else { format!("  {what} …\n") });
        Self { what, begun, note, ticker: Some((stop, thread)) }
    }

    /// Says how far the work is, from the next sign of life on.
    pub fn note(&self, note: &str) {
        note.clone_into(&mut self.note.lock().unwrap_or_else(PoisonError::into_inner));
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

/// The beginning of `text` that fits into a line of that many columns.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let head: String = text.chars().take(columns.saturating_sub(1)).collect();
    format!("{head}…")
}

/// How many columns the terminal at standard error has.
pub(crate) fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok();
    size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(WIDTH)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_never_wraps() {
        assert_eq!(fit("podinfo", 7), "podinfo");
        assert_eq!(fit("podinfo Synced", 8), "podinfo…");
    }
}
