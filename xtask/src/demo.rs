//! `cargo xtask demo`: a server to look at, with a simulated Proxmox cluster and simulated agents.
//!
//! The server polls the simulator over HTTPS and takes reports over HTTP, exactly as it would in a real network:
//! nothing is invented inside the server.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use pulse_e2e::process::Process;
use pulse_e2e::programs::{PASSWORD, SimOptions, TOKEN, USER, command};

use crate::estate::{Estate, guests};
use crate::{run, shell, workspace};

/// Options of `cargo xtask demo`.
#[derive(Args)]
pub struct Options {
    /// Nodes of the simulated cluster
    #[arg(long, default_value_t = 7)]
    nodes: u32,
    /// Guests of the simulated cluster
    #[arg(long, default_value_t = 100)]
    guests: u32,
    /// Simulated hosts that report like the agent
    #[arg(long, default_value_t = 3)]
    hosts: u32,
    /// Simulated Docker hosts that report like the agent
    #[arg(long, default_value_t = 3)]
    docker_hosts: u32,
    /// Containers in all on the simulated Docker hosts
    #[arg(long, default_value_t = 30)]
    containers: u32,
    /// Port of the server on loopback
    #[arg(long, default_value_t = 7655)]
    port: u16,
    /// Days of made-up history before the start, with gaps: something to look at in every range of a chart
    #[arg(long, default_value_t = 0)]
    history_days: u32,
}

/// Builds, starts all of it, says where to look, and runs until it is interrupted.
pub fn run(options: &Options) -> Result<()> {
    run::page()?;
    shell::run(shell::cargo().args([
        "build",
        "--release",
        "--locked",
        "-p",
        "pulse-server",
        "-p",
        "pulse-sim",
    ]))?;
    let bin = workspace::target()?.join("release");
    let size = SimOptions { nodes: options.nodes, guests: options.guests };
    let mut estate = Estate::start(&bin, size, |server| server.port(options.port))?;
    estate.set_up("demo")?;
    estate.add_appliances()?;
    let url = format!("http://{}", estate.server.address);
    let load =
        Load { hosts: options.hosts, docker_hosts: options.docker_hosts, containers: options.containers };
    let mut agents = load.start(&bin, &url)?;
    let seen = estate
        .server
        .state_with(Duration::from_secs(30), |state| Some(guests(state)).filter(|count| *count > 0))?;
    if options.history_days > 0 {
        seed(&mut estate, &bin, options.history_days)?;
    }
    println!("{seen} simulated guests, polled at {}", estate.sim.url);
    println!("Open {url} and log in as {USER:?} with {PASSWORD:?}. Ctrl-C ends it.");
    while estate.server.process.is_running() && agents.is_running() && estate.sim.process.is_running() {
        std::thread::sleep(Duration::from_millis(500)); // three processes are watched, none of them awaited
    }
    anyhow::bail!(
        "the demo ended\nserver: {}\nagents: {}\nsimulator: {}",
        estate.server.process.printed(),
        agents.printed(),
        estate.sim.process.printed()
    )
}

/// Gives everything that is watched a past.
fn seed(estate: &mut Estate, bin: &Path, days: u32) -> Result<()> {
    shell::run(shell::cargo().args([
        "build",
        "--release",
        "--locked",
        "-p",
        "pulse-store",
        "--example",
        "seed",
    ]))?;
    // Rates are known from the second poll on: without them their series are not there yet.
    estate.server.state_with(Duration::from_secs(60), |state| {
        state["vms"].as_array()?.iter().any(|guest| guest["networkIn"].as_f64() > Some(0.0)).then_some(())
    })?;
    println!("Writing {days} days of history");
    estate.while_stopped(|data| {
        let program = bin.join("examples").join("seed");
        shell::run(std::process::Command::new(program).arg(data.join("metrics.db")).arg(days.to_string()))
    })
}

/// Simulated agents.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub hosts: u32,
    pub docker_hosts: u32,
    pub containers: u32,
}

impl Load {
    /// Starts `pulse-sim load` against the server at `url`.
    pub fn start(self, bin: &Path, url: &str) -> Result<Process> {
        let mut load = command(bin, "pulse-sim");
        load.arg("load").args(["--url", url, "--token", TOKEN]);
        load.args(["--hosts", &self.hosts.to_string()]);
        load.args(["--docker-hosts", &self.docker_hosts.to_string()]);
        load.args(["--containers", &self.containers.to_string()]);
        Process::start(&mut load).context("start the simulated agents")
    }
}
