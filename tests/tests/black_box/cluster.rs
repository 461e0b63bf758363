//! A Proxmox cluster, simulated but asked over real HTTPS.

use anyhow::{Context, Result};
use pulse_e2e::process::scratch;
use pulse_e2e::programs::{Server, ServerOptions, Sim, SimOptions};
use serde_json::{Value, json};

use crate::PATIENCE;

/// Fewer than ten guests: no templates among them.
const SIZE: SimOptions = SimOptions { nodes: 3, guests: 9 };

fn server() -> Result<(tempfile::TempDir, Server)> {
    let data = scratch()?;
    let mut server = ServerOptions::new(data.path())?.argument("--no-local-host").start()?;
    server.set_up()?;
    Ok((data, server))
}

/// All virtual machines and containers, once there are as many as the simulator has.
pub fn guests(state: &Value, wanted: usize) -> Option<Vec<Value>> {
    let all: Vec<Value> =
        ["vms", "containers"].iter().filter_map(|kind| state[kind].as_array()).flatten().cloned().collect();
    (all.len() == wanted).then_some(all)
}

#[test]
fn a_cluster_is_tested_added_and_seen() -> Result<()> {
    let (_data, server) = server()?;
    let sim = Sim::start(SIZE)?;
    let node = sim.as_node("lab");
    let tested =
        server.admin().post("/api/config/nodes/test-connection", &node)?.expect_status(200)?.json()?;
    assert_eq!((&tested["status"], &tested["nodeCount"]), (&json!("success"), &json!(3)), "{tested}");
    assert_eq!(server.admin().get("/api/config/nodes")?.json()?, json!([]), "a test stores nothing");

    let added = server.admin().post("/api/config/nodes", &node)?.expect_status(201)?;
    assert_eq!(added.json()?, json!({"status": "success"}));
    let all = server.state_with(PATIENCE, |state| guests(state, 9))?;
    assert!(all.iter().any(|guest| guest["status"] == "running"));
    assert!(
        all.iter()
            .filter(|guest| guest["status"] == "running")
            .all(|guest| guest["maxmem"].as_u64() > Some(0))
    );
    let state = server.state()?;
    assert_eq!(state["nodes"].as_array().map(Vec::len), Some(3));
    assert_eq!(state["connectionHealth"]["lab"], true, "{}", state["connectionHealth"]);
    assert!(state["storage"].as_array().is_some_and(|storage| !storage.is_empty()));

    let listed = server.admin().get("/api/config/nodes")?.expect_status(200)?;
    assert!(!listed.text().contains(&sim.token_value), "the list shows a secret");
    let listed = listed.json()?;
    assert_eq!((&listed[0]["id"], &listed[0]["status"]), (&json!("pve-0"), &json!("connected")), "{listed}");
    assert_eq!((&listed[0]["isCluster"], &listed[0]["hasToken"]), (&json!(true), &json!(true)), "{listed}");
    Ok(())
}

#[test]
fn figures_move_from_poll_to_poll() -> Result<()> {
    let (_data, server) = server()?;
    let sim = Sim::start(SIZE)?;
    server.admin().post("/api/config/nodes", &sim.as_node("lab"))?.expect_status(201)?;
    let first = server.state_with(PATIENCE, |state| guests(state, 9))?;
    server.state_with(PATIENCE, |state| guests(state, 9).filter(|now| cpu(now) != cpu(&first)))?;
    Ok(())
}

fn cpu(guests: &[Value]) -> Vec<Option<f64>> {
    guests.iter().map(|guest| guest["cpu"].as_f64()).collect()
}

#[test]
fn a_guest_that_stops_is_seen_to_stop() -> Result<()> {
    let (_data, server) = server()?;
    let sim = Sim::start(SIZE)?;
    server.admin().post("/api/config/nodes", &sim.as_node("lab"))?.expect_status(201)?;
    let all = server.state_with(PATIENCE, |state| guests(state, 9))?;
    let running = all.iter().find(|guest| guest["status"] == "running").context("no running guest")?.clone();
    sim.control().post(&format!("/guests/{}/stop", running["vmid"]), &json!({}))?.expect_status(204)?;
    let stopped = server.state_with(PATIENCE, |state| {
        let all = guests(state, 9)?;
        all.into_iter().find(|guest| guest["id"] == running["id"] && guest["status"] == "stopped")
    })?;
    assert_eq!(stopped["uptime"], 0, "{stopped}");
    Ok(())
}

#[test]
fn the_same_cluster_is_not_added_twice() -> Result<()> {
    let (_data, server) = server()?;
    let sim = Sim::start(SIZE)?;
    server.admin().post("/api/config/nodes", &sim.as_node("lab"))?.expect_status(201)?;
    let again = server.admin().post("/api/config/nodes", &sim.as_node("lab2"))?;
    assert_eq!((again.status, again.text().trim()), (409, "A node with this host URL already exists"));
    Ok(())
}

#[test]
fn a_removed_cluster_takes_its_guests_with_it() -> Result<()> {
    let (_data, server) = server()?;
    let sim = Sim::start(SIZE)?;
    server.admin().post("/api/config/nodes", &sim.as_node("lab"))?.expect_status(201)?;
    server.state_with(PATIENCE, |state| guests(state, 9))?;
    server.admin().send("DELETE", "/api/config/nodes/pve-0", &[], &[])?.expect_status(200)?;
    server.state_with(PATIENCE, |state| guests(state, 0).filter(|_| state["nodes"] == json!([])))?;
    Ok(())
}

#[test]
fn guests_are_resources_and_have_a_history() -> Result<()> {
    let (_data, server) = server()?;
    let sim = Sim::start(SIZE)?;
    server.admin().post("/api/config/nodes", &sim.as_node("lab"))?.expect_status(201)?;
    server.state_with(PATIENCE, |state| guests(state, 9))?;
    let state = server.state()?;
    let running = state["vms"].as_array().and_then(|vms| vms.iter().find(|vm| vm["status"] == "running"));
    let id = running.context("no running virtual machine")?["id"].as_str().context("no id")?.to_owned();
    let resources = server.admin().get("/api/resources")?.expect_status(200)?.json()?;
    assert!(resources["resources"].as_array().is_some_and(|all| all.len() >= 12), "{}", resources["stats"]);
    let charts = server.admin().get("/api/charts?range=1h")?.expect_status(200)?.json()?;
    assert!(
        charts["data"][&id]["cpu"].as_array().is_some_and(|points| !points.is_empty()),
        "{}",
        charts["data"][&id]
    );
    pulse_e2e::process::eventually(PATIENCE, || {
        let path = format!("/api/metrics-store/history?resourceType=vm&resourceId={id}&metric=cpu&range=1h");
        let history = server.admin().get(&path)?.expect_status(200)?.json()?;
        anyhow::ensure!(history["points"].as_array().is_some_and(|points| points.len() >= 2), "{history}");
        Ok(())
    })
}
