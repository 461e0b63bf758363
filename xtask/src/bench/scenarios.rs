//! The scenarios of docs/performance.md: E (empty), D (a small demo) and L (100 nodes, 5,000 guests, 100 hosts,
//! 50 Docker hosts with 1,000 containers).

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use pulse_e2e::http::Client;
use pulse_e2e::process::{Process, eventually, free_port, scratch};
use pulse_e2e::programs::{ServerOptions, SimOptions, TOKEN, command};
use serde_json::Value;

use super::pressure::{Outcome, press};
use super::table::{Table, megabytes, milliseconds, quantile};
use super::websocket;
use crate::demo::Load;
use crate::estate::{Estate, guests};
use crate::workspace;

/// Start-up time, and memory of a server and an agent at rest.
pub fn empty(bin: &Path, quick: bool, table: &mut Table) -> Result<()> {
    eprintln!("» E: an empty data directory");
    let mut times = Vec::new();
    for _ in 0..if quick { 5 } else { 15 } {
        times.push(start_to_health(bin)?);
    }
    times.sort_unstable();
    table.add("E: start to first 200 of /api/health, median", milliseconds(quantile(&times, 0.5)), "50 ms");

    let rest = seconds(quick, 25, 75); // what only the start needed is given back after 15 s
    let data = scratch()?;
    let alone = ServerOptions::of(bin, data.path()).argument("--no-local-host").start()?;
    std::thread::sleep(rest);
    table.add("E: server resident, monitoring nothing", megabytes(alone.process.resident_bytes()?), "15 MB");
    drop(alone);

    let data = scratch()?;
    let mut server = ServerOptions::of(bin, data.path()).start()?;
    server.set_up()?;
    let mut agent = command(bin, "pulse-agent");
    agent.args(["--url", &format!("http://{}", server.address), "--token", TOKEN, "--interval", "10s"]);
    agent.args(["--enable-docker=false", "--health-addr", ""]);
    let agent = Process::start(&mut agent)?;
    std::thread::sleep(rest);
    table.add(
        "E: server resident, monitoring its own machine",
        megabytes(server.process.resident_bytes()?),
        "15 MB",
    );
    table.add("E: agent resident, host module, 10 s interval", megabytes(agent.resident_bytes()?), "8 MB");
    Ok(())
}

fn start_to_health(bin: &Path) -> Result<Duration> {
    let data = scratch()?;
    let port = free_port()?;
    let mut command = ServerOptions::of(bin, data.path()).command(port);
    let mut client = Client::new(([127, 0, 0, 1], port).into());
    let started = Instant::now();
    let _server = Process::start(&mut command)?;
    let deadline = started + Duration::from_secs(30);
    loop {
        if client.get("/api/health").is_ok_and(|answer| answer.status == 200) {
            return Ok(started.elapsed());
        }
        ensure!(Instant::now() < deadline, "the server did not come up in 30 s");
        std::thread::sleep(Duration::from_micros(500)); // refused connections cost the starting server time
    }
}

/// Memory and writes of a small installation.
pub fn default_demo(bin: &Path, quick: bool, table: &mut Table) -> Result<()> {
    eprintln!("» D: 7 nodes, 100 guests, 3 Docker hosts");
    let mut estate = Estate::start(bin, SimOptions { nodes: 7, guests: 100 }, |server| server)?;
    estate.set_up("demo")?;
    let load = Load { hosts: 3, docker_hosts: 3, containers: 30 };
    let _agents = load.start(bin, &format!("http://{}", estate.server.address))?;
    wait_for_guests(&estate, 100)?;
    let before = estate.server.process.written_bytes()?;
    let length = seconds(quick, 30, 300);
    std::thread::sleep(length);
    let written = estate.server.process.written_bytes()?.saturating_sub(before);
    table.add("D: server resident", megabytes(estate.server.process.resident_bytes()?), "40 MB");
    let per_day = written as f64 * 86_400.0 / length.as_secs_f64() / 1e9;
    table.add("D: written to disk per day", format!("{per_day:.2} GB"), "0.2 GB");
    Ok(())
}

/// Memory and answers of a large installation.
pub fn large(bin: &Path, quick: bool, table: &mut Table) -> Result<()> {
    eprintln!("» L: 100 nodes, 5,000 guests, 100 hosts, 50 Docker hosts with 1,000 containers");
    let mut estate = Estate::start(bin, SimOptions { nodes: 100, guests: 5000 }, |server| server)?;
    estate.set_up("large")?;
    wait_for_guests(&estate, 5000)?;
    let load = Load { hosts: 100, docker_hosts: 50, containers: 1000 };
    let _agents = load.start(bin, &format!("http://{}", estate.server.address))?;
    eventually(Duration::from_mins(1), || {
        let state = estate.server.state()?;
        let count = |kind: &str| state[kind].as_array().map_or(0, Vec::len);
        ensure!(
            count("hosts") >= 100 && count("dockerHosts") >= 50,
            "not all simulated agents have reported"
        );
        Ok(())
    })?;
    std::thread::sleep(seconds(quick, 15, 120));
    table.add("L: server resident", megabytes(estate.server.process.resident_bytes()?), "150 MB");

    let length = seconds(quick, 5, 20);
    let admin = estate.server.admin();
    let state = press(&admin, 4, "/api/state", length)?;
    table.add("L: /api/state per second, 4 clients, gzip", per_second(&state), "300/s");
    table.add("L: /api/state p99, 4 clients, gzip", milliseconds(state.p99), "10 ms");
    let health = press(&estate.server.anonymous(), 16, "/api/health", length)?;
    table.add("L: /api/health per second, 16 clients", format!("{:.0}/s", health.per_second), "30,000/s");
    let charts = press(&admin, 1, "/api/charts?range=24h", length)?;
    table.add("L: /api/charts?range=24h, median", with_size(&charts), "30 ms");
    let history = press(&admin, 1, &history_path(&estate.server.state()?)?, length)?;
    table.add("L: history of one series, 24 h at 300 points, median", milliseconds(history.median), "1 ms");

    let minute = seconds(quick, 20, 60);
    let received =
        websocket::count(estate.server.address, "/ws?stream=delta", TOKEN, Duration::from_secs(12), minute)?;
    let per_minute = received.bytes as f64 * 60.0 / minute.as_secs_f64() / 1e6;
    table.add("L: WebSocket bytes per client and minute, delta form", format!("{per_minute:.2} MB"), "1 MB");
    table.add(
        "L: server resident after the load",
        megabytes(estate.server.process.resident_bytes()?),
        "150 MB",
    );
    Ok(())
}

/// What a thousand agents cost the server.
pub fn thousand_agents(bin: &Path, quick: bool, table: &mut Table) -> Result<()> {
    eprintln!("» A: 1,000 agents, compressed reports every 10 s");
    let data = scratch()?;
    let mut server = ServerOptions::of(bin, data.path()).argument("--no-local-host").start()?;
    server.set_up()?;
    let load = Load { hosts: 1000, docker_hosts: 0, containers: 0 };
    let _agents = load.start(bin, &format!("http://{}", server.address))?;
    server.state_with(Duration::from_mins(1), |state| {
        state["hosts"].as_array().filter(|hosts| hosts.len() >= 1000).map(drop)
    })?;
    let (before, begin) = (server.process.processor_seconds()?, Instant::now());
    // The state that was rendered for the look above is given up after a minute.
    std::thread::sleep(seconds(quick, 75, 120));
    let spent = server.process.processor_seconds()? - before;
    let share = spent * 100.0 / begin.elapsed().as_secs_f64();
    table.add("A: 1,000 agents every 10 s, share of one core", format!("{share:.1} %"), "20 %");
    table.add("A: server resident", megabytes(server.process.resident_bytes()?), "60 MB");
    Ok(())
}

/// What the programs weigh.
pub fn sizes(bin: &Path, table: &mut Table) -> Result<()> {
    let shipped = workspace::target()?.join("dist-out");
    for (program, what, what_shipped, goal) in [
        ("pulse-agent", "agent binary, stripped (release)", "agent binary, stripped (dist)", "8 MB"),
        (
            "pulse-server",
            "server binary, page embedded, stripped (release)",
            "server binary, page embedded, stripped (dist)",
            "20 MB",
        ),
    ] {
        let size = bin.join(program).metadata().with_context(|| format!("look at {program}"))?.len();
        table.add(what, megabytes(size), goal);
        if let Ok(metadata) = shipped.join(program).metadata() {
            table.add(what_shipped, megabytes(metadata.len()), goal);
        }
    }
    Ok(())
}

fn wait_for_guests(estate: &Estate, wanted: usize) -> Result<()> {
    estate
        .server
        // A few of the simulated guests are templates, which are not shown as guests.
        .state_with(Duration::from_secs(90), |state| {
            Some(guests(state)).filter(|count| *count >= wanted * 95 / 100)
        })
        .map(drop)
}

fn history_path(state: &Value) -> Result<String> {
    let mut machines = state["vms"].as_array().into_iter().flatten();
    let running = machines.find(|machine| machine["status"] == "running");
    let guest = running.and_then(|machine| machine["id"].as_str()).context("no virtual machine runs")?;
    Ok(format!(
        "/api/metrics-store/history?resourceType=vm&resourceId={guest}&metric=cpu&range=24h&maxPoints=300"
    ))
}

fn per_second(outcome: &Outcome) -> String {
    format!("{:.0}/s, {:.0} kB each", outcome.per_second, outcome.bytes as f64 / 1e3)
}

fn with_size(outcome: &Outcome) -> String {
    format!("{}, {:.0} kB", milliseconds(outcome.median), outcome.bytes as f64 / 1e3)
}

fn seconds(quick: bool, short: u64, long: u64) -> Duration {
    Duration::from_secs(if quick { short } else { long })
}
