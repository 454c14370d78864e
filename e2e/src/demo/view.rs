//! One line per Application: redrawn in place on a terminal, else a new line whenever something changed.

use std::io::{IsTerminal as _, Write as _};
use std::time::Instant;

use super::cluster::Cluster;
use super::track::Track;
use crate::progress::{columns, fit};

/// The live view.
#[derive(Debug)]
pub(super) struct View {
    begun: Instant,
    is_terminal: bool,
    shown: Vec<String>,
}

impl View {
    /// A view whose clock starts now.
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), is_terminal: std::io::stderr().is_terminal(), shown: Vec::new() }
    }

    /// Shows the tracks as they are now.
    pub(super) fn draw(&mut self, tracks: &[Track], cluster: &Cluster) {
        let width = tracks.iter().map(|track| track.name.len()).max().unwrap_or_default();
        let lines: Vec<_> = tracks.iter().map(|track| line(track, cluster, width)).collect();
        let elapsed = format!("{:6.1}s", self.begun.elapsed().as_secs_f32());
        if self.is_terminal {
            let up =
                if self.shown.is_empty() { String::new() } else { format!("\x1b[{}A", self.shown.len()) };
            let fitting = lines.iter().map(|line| fit(&format!("{elapsed}  {line}"), columns()));
            let redrawn: Vec<_> = fitting.map(|line| format!("\r\x1b[2K{line}\n")).collect();
            write(&format!("{up}{}", redrawn.concat()));
        } else {
            for (number, line) in lines.iter().enumerate() {
                if self.shown.get(number) != Some(line) {
                    write(&format!("{elapsed}  {line}\n"));
                }
            }
        }
        self.shown = lines;
    }
}

fn line(track: &Track, cluster: &Cluster, width: usize) -> String {
    let [sync, health, activity] = track.line(cluster);
    format!("{:width$}  {sync:9} {health:11} {activity}", track.name).trim_end().to_owned()
}

fn write(text: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
