//! `cargo xtask bench`: measures what docs/performance.md lists, with release programs and simulated
//! infrastructure, and prints it beside the goals. It judges nothing: the exit status is 0 whatever the figures.

mod brute_force;
mod page;
mod pressure;
mod scenarios;
mod table;
mod websocket;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::{run, shell, workspace};
use table::Table;

/// Options of `cargo xtask bench`.
#[derive(Args)]
pub struct Options {
    /// Shorter runs and fewer repetitions: figures are rougher
    #[arg(long)]
    quick: bool,
    /// Leave out the store's own benchmark (`cargo bench -p pulse-store`)
    #[arg(long)]
    no_store: bool,
    /// Leave out the alert engine's benchmark and the notification queue's (`cargo bench -p pulse-alerts`)
    #[arg(long)]
    no_alerts: bool,
    /// Only the attack on the login, with programs that are built already in this folder
    #[arg(long, value_name = "FOLDER")]
    attack: Option<PathBuf>,
}

/// Builds and measures everything.
pub fn run(options: &Options) -> Result<()> {
    if let Some(bin) = &options.attack {
        let mut table = Table::default();
        brute_force::brute_force(bin, options.quick, &mut table)?;
        println!("\n{table}");
        return Ok(());
    }
    run::page()?;
    shell::run(shell::cargo().args([
        "build",
        "--release",
        "--locked",
        "-p",
        "pulse-server",
        "-p",
        "pulse-agent-bin",
        "-p",
        "pulse-sim",
    ]))?;
    let bin = workspace::target()?.join("release");
    let mut table = Table::default();
    scenarios::empty(&bin, options.quick, &mut table)?;
    scenarios::default_demo(&bin, options.quick, &mut table)?;
    brute_force::brute_force(&bin, options.quick, &mut table)?;
    scenarios::large(&bin, options.quick, &mut table)?;
    scenarios::thousand_agents(&bin, options.quick, &mut table)?;
    scenarios::sizes(&bin, &mut table)?;
    page::size(&mut table)?;
    println!("\n{table}");
    shell::run(shell::cargo().args(["bench", "--locked", "-p", "pulse-api"]))?;
    if !options.no_store {
        let mut bench = shell::cargo();
        bench.args(["bench", "--locked", "-p", "pulse-store", "--"]);
        if !options.quick {
            bench.args(["large", "month", "gigabyte"]);
        }
        shell::run(&mut bench)?;
    }
    if !options.no_alerts {
        shell::run(shell::cargo().args(["bench", "--locked", "-p", "pulse-alerts"]))?;
        // A test, because it fails where the queue is too slow; here it is asked how fast it is.
        let queue = [
            "test",
            "--release",
            "--locked",
            "-p",
            "pulse-notify",
            "--test",
            "it",
            "storm",
            "--",
            "--nocapture",
        ];
        shell::run(shell::cargo().args(queue))?;
    }
    Ok(())
}
