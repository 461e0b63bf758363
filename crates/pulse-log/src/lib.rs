//! The log of the server: its level, which changes while it runs, its look on standard error and in a file, and the newest
//! lines in memory, for whoever looks at them in the page or needs them in a support bundle.
//!
//! Invariants: what is kept is bounded in lines and in bytes, a reader that is slow loses lines and never holds the
//! server up, and what looks like a credential is not kept, whoever wrote it into a message.

mod book;
mod file;
mod layer;
mod line;
pub mod scrub;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use pulse_config::LogLevel;
use pulse_core::Clock;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer, Registry, filter::Targets, layer::SubscriberExt, reload, util::SubscriberInitExt,
};

pub use book::{Book, Next, Reading, TooManyReaders};
pub use file::LogFile;
pub use layer::BookLayer;

/// How lines look on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// For people at a terminal, in colours.
    Terminal,
    /// For people, without colours.
    Plain,
    /// One JSON object per line.
    Json,
}

/// The log. Cheap to clone.
#[derive(Clone)]
pub struct Logs(Arc<Inner>);

struct Inner {
    book: Arc<Book>,
    level: Mutex<LogLevel>,
    /// Set once the log is the one of the process.
    filter: OnceLock<reload::Handle<Targets, Registry>>,
}

impl Logs {
    /// A log that nothing writes to yet.
    pub fn new(level: LogLevel) -> Self {
        let inner = Inner { book: Arc::default(), level: Mutex::new(level), filter: OnceLock::new() };
        Self(Arc::new(inner))
    }

    /// Makes it the log of this process. A second one in the same process (tests) stays without an effect.
    pub fn install(&self, look: Look, file: Option<LogFile>, clock: Arc<dyn Clock>) {
        let (filter, handle) = reload::Layer::new(filter(self.level()));
        let book = BookLayer::new(self.0.book.clone(), clock);
        // In a file no line has colours; apart from that it looks as on standard error.
        let file = file.map(|file| {
            let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(file);
            if look == Look::Json { lines.json().boxed() } else { lines.boxed() }
        });
        let registry = tracing_subscriber::registry().with(filter).with(book).with(file);
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        let installed = match look {
            Look::Json => registry.with(lines.with_ansi(false).json()).try_init(),
            Look::Terminal => registry.with(lines.with_ansi(true)).try_init(),
            Look::Plain => registry.with(lines.with_ansi(false)).try_init(),
        };
        if installed.is_ok() {
            // Nobody else sets it.
            let _ = self.0.filter.set(handle);
        }
    }

    /// How detailed it is.
    pub fn level(&self) -> LogLevel {
        *self.0.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes how detailed it is, from the next line on.
    pub fn set_level(&self, level: LogLevel) {
        *self.0.level.lock().unwrap_or_else(PoisonError::into_inner) = level;
        if let Some(handle) = self.0.filter.get()
            && let Err(error) = handle.reload(filter(level))
        {
            tracing::warn!(%error, "the level of the log could not be changed");
        }
    }

    /// The newest lines.
    pub fn book(&self) -> &Arc<Book> {
        &self.0.book
    }
}

/// Libraries say much at our own levels; what they warn of is enough.
fn filter(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Trace => LevelFilter::TRACE,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    Targets::new().with_default(LevelFilter::WARN.min(level)).with_target("pulse", level)
}

#[cfg(test)]
mod tests {
    use pulse_core::SystemClock;

    use super::*;

    #[test]
    fn the_level_changes_while_the_process_runs() {
        let logs = Logs::new(LogLevel::Info);
        let (layer, handle) = reload::Layer::new(filter(logs.level()));
        let book = BookLayer::new(logs.book().clone(), Arc::new(SystemClock));
        let _ = logs.0.filter.set(handle);
        let subscriber = tracing_subscriber::registry().with(layer).with(book);
        tracing::subscriber::with_default(subscriber, || {
            let say = || {
                tracing::debug!(target: "pulse_api::x", "ours");
                tracing::info!(target: "hyper", "of a library");
                tracing::warn!(target: "hyper", "a warning of a library");
            };
            say();
            logs.set_level(LogLevel::Debug);
            say();
            logs.set_level(LogLevel::Error);
            say();
        });
        let messages: Vec<String> = logs
            .book()
            .newest()
            .iter()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["message"].to_string())
            .collect();
        assert_eq!(messages, [r#""a warning of a library""#, r#""ours""#, r#""a warning of a library""#]);
        assert_eq!(logs.level(), LogLevel::Error);
    }
}
