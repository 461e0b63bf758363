//! The simulator binary: serves simulated clusters, or reports to a server as many agents.

mod commands;

use std::{
    io::{Write, stderr},
    process::ExitCode,
};

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    match commands::run(commands::Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line with the causes; nobody is left to tell if this fails too.
            let _ = writeln!(stderr(), "pulse-sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}
