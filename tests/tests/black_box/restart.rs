//! What survives: a restart, a power cut, and a damaged database.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pulse_e2e::process::{eventually, scratch};
use pulse_e2e::programs::{Server, ServerOptions, Sim, SimOptions};
use serde_json::Value;

use crate::PATIENCE;
use crate::cluster::guests;

const SIZE: SimOptions = SimOptions { nodes: 2, guests: 9 };
const GRACE: Duration = Duration::from_secs(30);

fn options(data: &Path) -> Result<ServerOptions> {
    Ok(ServerOptions::new(data)?.argument("--no-local-host"))
}

/// A server with a cluster, a few points of whose history are stored.
fn with_history(data: &Path, sim: &Sim) -> Result<(Server, String)> {
    let mut server = options(data)?.start()?;
    server.set_up()?;
    server.admin().post("/api/config/nodes", &sim.as_node("lab"))?.expect_status(201)?;
    let all = server.state_with(PATIENCE, |state| guests(state, 9))?;
    let running = all.iter().find(|guest| guest["status"] == "running").context("no running guest")?;
    let kind = if running["type"] == "lxc" { "container" } else { "vm" };
    let id = running["id"].as_str().context("no id")?;
    let path = format!("/api/metrics-store/history?resourceType={kind}&resourceId={id}&metric=cpu&range=1h");
    eventually(PATIENCE, || {
        let history = stored(&server, &path)?;
        ensure!(!history.is_empty(), "no history yet");
        Ok(())
    })?;
    Ok((server, path))
}

/// When the points of a history were taken, of the store alone.
fn stored(server: &Server, path: &str) -> Result<Vec<i64>> {
    let history = server.admin().get(path)?.expect_status(200)?.json()?;
    ensure!(history["source"] == "store", "{history}");
    let points = history["points"].as_array().context("no points")?;
    Ok(points.iter().filter_map(|point| point["timestamp"].as_i64()).collect())
}

#[test]
fn a_restart_keeps_history_nodes_tokens_and_sessions() -> Result<()> {
    let data = scratch()?;
    let sim = Sim::start(SIZE)?;
    let (mut server, path) = with_history(data.path(), &sim)?;
    let session = server.log_in()?;
    let before = stored(&server, &path)?;
    let status = server.process.terminate(GRACE)?;
    assert!(status.success(), "{}", server.process.printed());

    let again = options(data.path())?.start()?;
    let after = stored(&again, &path)?;
    assert!(before.iter().all(|at| after.contains(at)), "{before:?} is not all in {after:?}");
    let nodes = again.admin().get("/api/config/nodes")?.expect_status(200)?.json()?;
    assert_eq!(nodes[0]["name"], "lab");
    again.state_with(PATIENCE, |state| guests(state, 9))?;
    // The same client, with the cookies of the login before the restart.
    assert_eq!(session.at(again.address).get("/api/state")?.status, 200);
    Ok(())
}

#[test]
fn a_power_cut_loses_seconds_and_nothing_else() -> Result<()> {
    let data = scratch()?;
    let sim = Sim::start(SIZE)?;
    let (mut server, path) = with_history(data.path(), &sim)?;
    let first = *stored(&server, &path)?.first().context("no point")?;
    // What is a minute old must have reached the disk: wait until the store says that it flushed after it.
    flushed_after(&server, first)?;
    server.process.kill()?;

    let again = options(data.path())?.start()?;
    let nodes = again.admin().get("/api/config/nodes")?.expect_status(200)?.json()?;
    assert_eq!(nodes[0]["name"], "lab");
    let after = stored(&again, &path)?;
    assert!(after.contains(&first), "{first} is not in {after:?}");
    assert_eq!(set_aside(data.path())?, Vec::<String>::new(), "a power cut damages nothing");
    Ok(())
}

fn flushed_after(server: &Server, at: i64) -> Result<()> {
    eventually(PATIENCE * 3, || {
        let stats = server.admin().get("/api/metrics-store/stats")?.expect_status(200)?.json()?;
        ensure!(last_flush(&stats).is_some_and(|flush| flush > at), "{stats}");
        Ok(())
    })
}

/// Unix milliseconds of `lastFlush`, given as RFC 3339 in UTC.
fn last_flush(stats: &Value) -> Option<i64> {
    let text = stats["lastFlush"].as_str()?;
    let (date, time) = text.trim_end_matches('Z').split_once('T')?;
    let mut parts = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let mut parts = time.split(':').map(|part| part.parse::<f64>().ok());
    let seconds = parts.next()?? * 3600.0 + parts.next()?? * 60.0 + parts.next()??;
    // Days since 1970 of the proleptic Gregorian calendar, March-based.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 719_469;
    Some(days * 86_400_000 + (seconds * 1e3) as i64)
}

#[test]
fn a_damaged_database_is_set_aside_and_the_server_goes_on() -> Result<()> {
    let data = scratch()?;
    let sim = Sim::start(SIZE)?;
    let (mut server, _) = with_history(data.path(), &sim)?;
    server.process.terminate(GRACE)?;
    let damaged = b"this was a database once ".repeat(4096);
    std::fs::write(data.path().join("metrics.db"), &damaged)?;

    let again = options(data.path())?.start()?;
    again.anonymous().get("/api/health")?.expect_status(200)?;
    again.state_with(PATIENCE, |state| guests(state, 9))?;
    let kept = set_aside(data.path())?;
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(std::fs::read(data.path().join(&kept[0]))? == damaged, "{} is not what was damaged", kept[0]);
    Ok(())
}

/// Files of the database that are not in use.
fn set_aside(data: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(data)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let in_use = ["metrics.db", "metrics.db-wal", "metrics.db-shm"].contains(&name.as_str());
        if name.starts_with("metrics.db") && !in_use {
            names.push(name);
        }
    }
    Ok(names)
}
