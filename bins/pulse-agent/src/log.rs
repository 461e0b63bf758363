//! The log: lines on standard error, or in a file of bounded size for a service of Windows, which has no standard error.

#[cfg(any(windows, test))]
mod bounded;

use std::io::IsTerminal;
#[cfg(any(windows, test))]
use std::sync::Mutex;

use pulse_agent::SetLogLevel;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    fmt::{self, writer::BoxMakeWriter},
    layer::SubscriberExt,
    reload,
    util::SubscriberInitExt,
};

#[cfg(any(windows, test))]
pub use bounded::BoundedFile;

/// Where the lines go.
pub enum Sink {
    /// To whoever started the program.
    StandardError,
    /// Into a file.
    #[cfg(any(windows, test))]
    #[cfg_attr(not(windows), expect(dead_code, reason = "only services of Windows log into a file"))]
    File(BoundedFile),
}

/// Starts the log; what comes back changes how much is logged.
pub fn start(sink: Sink, text: Option<&str>) -> SetLogLevel {
    let (filter, handle) = reload::Layer::new(level(text));
    let (writer, has_colours) = match sink {
        Sink::StandardError => (BoxMakeWriter::new(std::io::stderr), std::io::stderr().is_terminal()),
        #[cfg(any(windows, test))]
        Sink::File(file) => (BoxMakeWriter::new(Mutex::new(file)), false),
    };
    let lines = fmt::layer().with_target(false).with_ansi(has_colours).with_writer(writer);
    tracing_subscriber::registry().with(filter).with(lines).init();
    Box::new(move |text| {
        // The log is there for as long as the program runs.
        handle.reload(level(text)).ok();
    })
}

fn level(text: Option<&str>) -> LevelFilter {
    match text.unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "error" => LevelFilter::ERROR,
        "warn" | "warning" => LevelFilter::WARN,
        "debug" => LevelFilter::DEBUG,
        "trace" => LevelFilter::TRACE,
        _ => LevelFilter::INFO,
    }
}
