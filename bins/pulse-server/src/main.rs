//! The Pulse server daemon: parses, builds, runs, drains. What it does stands in the crates it composes.

mod alerts;
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
    eprintln!("pulse-server: {error:#}");
}
