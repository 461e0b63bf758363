//! The server is gone for a while: what agents measured meanwhile is in history afterwards.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pulse_e2e::binaries;
use pulse_e2e::process::{Process, eventually, scratch};
use pulse_e2e::programs::{Server, ServerOptions, command};
use serde_json::json;

use crate::PATIENCE;

const INTERVAL_SECONDS: i64 = 2;

/// Reports that the agent must have kept before the server comes back; it says so at powers of two.
const KEPT: usize = 4;

fn start_agent(server: &Server, token: &str) -> Result<Process> {
    let mut agent = command(binaries::folder()?, "pulse-agent");
    agent.args(["--url", &format!("http://{}", server.address), "--token", token]);
    agent.args(["--interval", &format!("{INTERVAL_SECONDS}s"), "--hostname", "steady"]);
    agent.args(["--enable-docker=false", "--disable-auto-update", "--health-addr", ""]);
    Process::start(&mut agent)
}

/// When the points of the host's history were taken, in Unix milliseconds.
fn points(server: &Server, id: &str) -> Result<Vec<i64>> {
    let path = format!("/api/metrics-store/history?resourceType=host&resourceId={id}&metric=memory&range=1h");
    let history = server.admin().get(&path)?.expect_status(200)?.json()?;
    ensure!(history["source"] == "store", "{history}");
    let points = history["points"].as_array().context("no points")?;
    Ok(points.iter().filter_map(|point| point["timestamp"].as_i64()).collect())
}

#[test]
fn a_server_that_was_away_has_no_gap_in_history_afterwards() -> Result<()> {
    let data = scratch()?;
    let options = ServerOptions::new(data.path())?.argument("--no-local-host");
    let mut server = options.start()?;
    server.set_up()?;
    let body = json!({"name": "agent", "scopes": ["host-agent:report"]});
    let made = server.admin().post("/api/security/tokens", &body)?.expect_status(200)?.json()?;
    let mut agent = start_agent(&server, made["token"].as_str().context("no token")?)?;
    let id = server
        .state_with(PATIENCE, |state| Some(state["hosts"][0]["id"].as_str()?.to_owned()))
        .with_context(|| agent.printed())?;
    let before = eventually(PATIENCE, || {
        let points = points(&server, &id)?;
        ensure!(points.len() >= 2, "{points:?}");
        Ok(points)
    })?;

    let address = server.address;
    ensure!(server.process.terminate(PATIENCE)?.success(), "{}", server.process.printed());
    eventually(PATIENCE, || {
        let printed = agent.printed();
        ensure!(printed.contains(&format!("failures={KEPT}\n")), "{printed}");
        Ok(())
    })?;

    let server = options.port(address.port()).start()?;
    server.state_with(PATIENCE, |state| state["hosts"].as_array()?.first().map(drop))?;
    let after = eventually(PATIENCE, || {
        let points = points(&server, &id)?;
        let longest = points.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
        ensure!(points.len() > before.len() + KEPT, "{points:?}");
        ensure!(longest <= 5 * INTERVAL_SECONDS * 1000 / 2, "a gap of {longest} ms in {points:?}");
        Ok(points)
    })
    .with_context(|| format!("{}\n{}", agent.printed(), server.process.error_text()))?;
    ensure!(before.iter().all(|at| after.contains(at)), "{before:?} is not all in {after:?}");
    let span = after.last().zip(after.first()).map(|(last, first)| last - first).context("no points")?;
    let expected = span / (INTERVAL_SECONDS * 1000) + 1;
    ensure!(after.len() as i64 <= expected + 1, "{} points where {expected} were measured", after.len());
    // What is shown is the newest report, not the one that came last.
    let state = server.state()?;
    let seen = state["hosts"][0]["lastSeen"].as_i64().context("no lastSeen")?;
    ensure!(seen >= *after.last().context("no points")?, "{state}");
    ensure!(agent.terminate(Duration::from_secs(30))?.success(), "{}", agent.printed());
    Ok(())
}
