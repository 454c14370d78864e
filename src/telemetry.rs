//! Logs: where they go, how they look, and their level, which can be changed while the program runs.

use std::io;

use tracing::Subscriber;
use tracing::subscriber::SetGlobalDefaultError;
use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::{Registry, fmt, reload};

/// Environment variables that hold the level, the first one that is set counts: ours, then the one that every Rust
/// program knows.
const ENVIRONMENT: [&str; 2] = ["FLUX_SUBSYSTEM_LOG", "RUST_LOG"];
/// The level when the environment names none. kube's watcher warns of each refusal of what may not be read, which the
/// bridge tells itself, once.
const DEFAULT_LEVEL: &str = "info,kube_runtime::watcher=error";

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For eyes.
    #[default]
    Text,
    /// One JSON object per line, fields of the event at its top level.
    Json,
}

/// Why there are no logs as asked for.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level is no level and no list of directives.
    #[error("invalid log level {level:?}")]
    Level {
        /// As it was given.
        level: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// The program has a subscriber already.
    #[error("logging was set up twice")]
    Twice(#[from] SetGlobalDefaultError),
    /// The subscriber is gone, so that nobody would see the change.
    #[error("cannot change the log level")]
    Reload(#[from] reload::Error),
}

/// The level of the logs, live.
#[derive(Clone, Debug)]
pub struct LogLevel(reload::Handle<EnvFilter, Registry>);

impl LogLevel {
    /// The directives in force, such as `info` or `info,flux_subsystem=debug`.
    pub fn current(&self) -> String {
        self.0.with_current(ToString::to_string).unwrap_or_default()
    }

    /// Puts other directives into force, at once and for every thread.
    pub fn set(&self, level: &str) -> Result<(), TelemetryError> {
        Ok(self.0.reload(parse(level)?)?)
    }
}

/// Sends the program's logs to standard error, with the level that the environment names. To be called once.
pub fn init(format: LogFormat) -> Result<LogLevel, TelemetryError> {
    let level =
        ENVIRONMENT.into_iter().find_map(|name| std::env::var(name).ok().filter(|level| !level.is_empty()));
    let (subscriber, handle) = build(format, level.as_deref().unwrap_or(DEFAULT_LEVEL), io::stderr)?;
    tracing::subscriber::set_global_default(subscriber)?;
    Ok(handle)
}

/// A subscriber that writes to `writer`, and the handle of its level.
pub(crate) fn build<W>(
    format: LogFormat,
    level: &str,
    writer: W,
) -> Result<(impl Subscriber + Send + Sync + use<W>, LogLevel), TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(parse(level)?);
    let lines = fmt::layer().with_writer(writer);
    let lines = match format {
        // Colours are for terminals, and a Pod's log is none.
        LogFormat::Text => lines.with_ansi(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    Ok((Registry::default().with(filter).with(lines), LogLevel(handle)))
}

fn parse(level: &str) -> Result<EnvFilter, TelemetryError> {
    let level = level.trim();
    EnvFilter::builder()
        .parse(level)
        .map_err(|source| TelemetryError::Level { level: level.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Lines {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn logged(format: LogFormat) -> (Lines, LogLevel, impl Subscriber + Send + Sync) {
        let lines = Lines::default();
        let writer = lines.clone();
        let (subscriber, level) = build(format, "info", move || writer.clone()).unwrap();
        (lines, level, subscriber)
    }

    #[test]
    fn the_level_changes_live() {
        let (lines, level, subscriber) = logged(LogFormat::Text);
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!("before");
            level.set("debug\n").unwrap();
            tracing::debug!("after");
            assert_eq!(level.current(), "debug");
        });
        assert!(!lines.text().contains("before"));
        assert!(lines.text().contains("after"));
    }

    #[test]
    fn a_wrong_level_is_refused_and_changes_nothing() {
        let (_, level, _subscriber) = logged(LogFormat::Text);
        assert!(matches!(level.set("=/="), Err(TelemetryError::Level { .. })));
        assert_eq!(level.current(), "info");
    }

    #[test]
    fn json_has_one_object_per_line_with_the_fields_at_its_top() {
        let (lines, _level, subscriber) = logged(LogFormat::Json);
        tracing::subscriber::with_default(subscriber, || tracing::info!(application = "argocd/bb", "synced"));
        let line: serde_json::Value = serde_json::from_str(lines.text().trim()).unwrap();
        assert_eq!(line["message"], "synced");
        assert_eq!(line["application"], "argocd/bb");
        assert_eq!(line["level"], "INFO");
    }
}
