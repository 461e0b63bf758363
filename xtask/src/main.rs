//! Tasks of this repository: `cargo xtask --help` lists them.
//!
//! A task is what a person would otherwise do by hand in several commands. None of it may hold logic of the
//! product: what a test must reach lives in a crate.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks on its terminal")]

mod bench;
mod browser;
mod ci;
mod demo;
mod dist;
mod estate;
mod layers;
mod manifest;
mod openapi;
mod run;
mod shell;
mod tally;
mod test;
mod tidy;
mod web;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tasks of this repository", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the dashboard, the server and the agent, and start the server on port 7655
    Run(run::Options),
    /// Run all tests: Rust, the page's own, and the browser's
    Test(test::Options),
    /// Start the server beside a simulated Proxmox cluster and simulated agents
    Demo(demo::Options),
    /// Measure what docs/performance.md lists and print it beside the goals
    Bench(bench::Options),
    /// Write docs/openapi.json from the server's code
    Openapi(openapi::Options),
    /// Tasks of the dashboard
    Web {
        #[command(subcommand)]
        task: web::Task,
    },
    /// Build what is shipped into target/dist-out, with checksums and signatures
    Dist(dist::Options),
    /// Check that crates depend only on what the layer table allows
    Layers,
    /// Check the rules a reviewer would otherwise repeat: module docs, file length, no ignored tests
    Tidy,
    /// All checks that are no tests: format, layers, tidy, clippy, deny, docs and page types
    Check,
    /// All that CI does: check, then test
    Ci,
}

fn main() -> ExitCode {
    match perform(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> anyhow::Result<()> {
    match task {
        Task::Run(options) => run::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Demo(options) => demo::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Openapi(options) => openapi::run(&options),
        Task::Web { task } => web::run(&task),
        Task::Dist(options) => dist::run(&options),
        Task::Layers => layers::run(),
        Task::Tidy => tidy::run(),
        Task::Check => ci::check(),
        Task::Ci => ci::run(),
    }
}
