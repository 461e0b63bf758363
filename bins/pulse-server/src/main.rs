//! The Pulse server daemon: parses, builds, runs, drains. What it does stands in the crates it composes.

mod alerts;
mod bundle;
mod cli;
mod fleet;
mod history;
mod history_cli;
mod keep;
mod local;
#[cfg(feature = "mock-mode")]
mod mock;
mod notify;
mod operate;
mod page;
mod rights;
mod service_manager;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match cli::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// One plain sentence with its causes, for the person at the terminal.
#[expect(clippy::print_stderr, reason = "the log may not be there yet, and the exit code alone says nothing")]
fn complain(error: &anyhow::Error) {
    eprintln!("pulse-server: {}", sentence(error));
}

/// An error and its causes, each said once: many name their cause themselves.
fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    #[test]
    fn a_cause_is_said_once() {
        let error =
            Err::<(), _>(anyhow!("no such file")).context("cannot read x: no such file").context("start");
        assert_eq!(super::sentence(&error.unwrap_err()), "start: cannot read x: no such file");
    }
}
