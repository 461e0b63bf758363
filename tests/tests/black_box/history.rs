//! History as its operator uses it: every write on disk where that was asked for, out as CSV while the server runs, the
//! listener for Prometheus, and a file that cannot be used.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pulse_e2e::binaries;
use pulse_e2e::http::Client;
use pulse_e2e::process::{Process, eventually, free_port, scratch};
use pulse_e2e::programs::{Server, ServerOptions, command};

use crate::PATIENCE;

const GRACE: Duration = Duration::from_secs(30);

/// The samples of this machine's processor that the store has.
fn samples(server: &Server) -> Result<Vec<i64>> {
    let state = server.state()?;
    let host = state["hosts"][0]["id"].as_str().context("this machine is not there yet")?;
    let path =
        format!("/api/metrics-store/history?resourceType=host&resourceId={host}&metric=memory&range=1h");
    let history = server.admin().get(&path)?.expect_status(200)?.json()?;
    ensure!(history["source"] == "store", "{history}");
    let points = history["points"].as_array().context("no points")?;
    ensure!(!points.is_empty(), "no history yet");
    Ok(points.iter().filter_map(|point| point["timestamp"].as_i64()).collect())
}

fn history(data: &Path, arguments: &[&str]) -> Result<Process> {
    let mut program = command(binaries::folder()?, "pulse-server");
    program.arg("history").args(arguments).arg("--data-dir").arg(data);
    Process::start(&mut program)
}

#[test]
fn every_write_survives_a_kill_where_that_was_asked_for_and_can_be_exported() -> Result<()> {
    let data = scratch()?;
    let port = free_port()?;
    let options = ServerOptions::new(data.path())?
        .variable("PULSE_METRICS_FLUSH_INTERVAL", "0")
        .variable("PULSE_METRICS_LISTEN", &format!("127.0.0.1:{port}"));
    let mut server = options.start()?;
    server.set_up()?;
    let before = eventually(PATIENCE, || samples(&server))?;

    // The listener of its own has the figures and nothing else, and asks nobody.
    let mut open = Client::new(([127, 0, 0, 1], port).into());
    let metrics = open.get("/metrics")?.expect_status(200)?.text();
    ensure!(metrics.contains("pulse_host_memory_usage_bytes{"), "{metrics}");
    assert_eq!(open.get("/api/state")?.status, 404);
    assert_eq!(server.anonymous().get("/metrics")?.status, 401);

    // Out while the server runs.
    let file = data.path().join("out.csv");
    let name = file.to_str().context("an odd path")?;
    let mut export = history(data.path(), &["export", "--type", "host", "-o", name])?;
    ensure!(export.wait(GRACE)?.success(), "{}", export.error_text());
    let text = std::fs::read_to_string(&file)?;
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("time,resource_type,resource_id,metric,value,min,max,count"));
    ensure!(lines.all(|line| line.contains(",host,")) && text.contains(",memory,"), "{text}");
    ensure!(text.lines().count() > before.len(), "{text}");
    // A file that is there is not written over.
    let mut again = history(data.path(), &["export", "-o", name])?;
    assert!(!again.wait(GRACE)?.success());
    // And nothing goes in while the server runs.
    let mut import = history(data.path(), &["import", name])?;
    assert!(!import.wait(GRACE)?.success());
    ensure!(import.error_text().contains("must be stopped"), "{}", import.error_text());

    server.process.kill()?;
    let again = options.argument("--no-local-host").start()?;
    // Who the host was is known from its reports only; its history is there under its id all the same.
    let host = text.lines().nth(1).and_then(|line| line.split(',').nth(2)).context("no host")?;
    let path =
        format!("/api/metrics-store/history?resourceType=host&resourceId={host}&metric=memory&range=1h");
    let answer = again.admin().get(&path)?.expect_status(200)?.json()?;
    let after: Vec<i64> = answer["points"]
        .as_array()
        .context("no points")?
        .iter()
        .filter_map(|point| point["timestamp"].as_i64())
        .collect();
    assert!(before.iter().all(|at| after.contains(at)), "{before:?} is not all in {after:?}");
    Ok(())
}

#[test]
fn a_history_that_cannot_be_opened_keeps_nobody_from_watching() -> Result<()> {
    let data = scratch()?;
    // Where the file should be, there is a folder.
    std::fs::create_dir(data.path().join("metrics.db"))?;
    let mut server = ServerOptions::new(data.path())?.start()?;
    server.set_up()?;
    eventually(PATIENCE, || samples(&server))?;
    let stats = server.admin().get("/api/metrics-store/stats")?.expect_status(200)?.json()?;
    let problem = stats["error"].as_str().context("the statistics do not say what is wrong")?;
    ensure!(problem.contains("in memory only"), "{problem}");
    ensure!(data.path().join("metrics.db").is_dir(), "what was there is gone");
    Ok(())
}
