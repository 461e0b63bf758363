//! A backup server and a mail gateway, simulated but asked over real HTTPS.

use anyhow::Result;
use pulse_e2e::process::{eventually, scratch};
use pulse_e2e::programs::{Server, ServerOptions, Sim, SimOptions};
use serde_json::{Value, json};

use crate::PATIENCE;

const SIZE: SimOptions = SimOptions { nodes: 2, guests: 30 };

fn server() -> Result<(tempfile::TempDir, Server)> {
    let data = scratch()?;
    let mut server = ServerOptions::new(data.path())?.argument("--no-local-host").start()?;
    server.set_up()?;
    Ok((data, server))
}

fn list<'a>(state: &'a Value, name: &str) -> &'a [Value] {
    state[name].as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn backups_are_seen_and_given_to_their_guests() -> Result<()> {
    let (_data, server) = server()?;
    let sim = Sim::start(SIZE)?;
    for node in [sim.as_node("lab"), sim.as_backup_server("vault"), sim.as_mail_gateway("mx")] {
        server.admin().post("/api/config/nodes/test-connection", &node)?.expect_status(200)?;
        server.admin().post("/api/config/nodes", &node)?.expect_status(201)?;
    }
    let state = server.state_with(PATIENCE, |state| {
        let is_whole = !list(state, "pbsBackups").is_empty()
            && list(state, "pmg").iter().any(|pmg| pmg["status"] == "online" && pmg["mailStats"].is_object())
            && !list(state, "vms").is_empty();
        is_whole.then(|| state.clone())
    })?;
    assert_eq!(
        (&state["connectionHealth"]["pbs-vault"], &state["connectionHealth"]["pmg-mx"]),
        (&json!(true), &json!(true))
    );
    let vault = &list(&state, "pbs")[0];
    assert_eq!((&vault["status"], &vault["version"]), (&json!("online"), &json!("4.2.1")), "{vault}");
    assert!(
        list(vault, "datastores")
            .iter()
            .any(|store| store["name"] == "main" && store["usage"].as_f64() > Some(0.0))
    );
    assert!(list(&state, "storage").iter().any(|storage| storage["id"] == "pbs-vault-main"));
    assert!(!list(&list(&state, "pmg")[0], "nodes").is_empty());

    // Each guest with a backup on the server is protected by it, and no other one is.
    let coverage = eventually(PATIENCE, || {
        let coverage = server.admin().get("/api/backups/coverage")?.expect_status(200)?.json()?;
        anyhow::ensure!(coverage["summary"]["guests"].as_u64() > Some(0), "{}", coverage["summary"]);
        Ok(coverage)
    })?;
    let has_backup = |guest: &Value| {
        let vmid = guest["vmid"].to_string();
        list(&state, "pbsBackups").iter().any(|backup| {
            backup["vmid"].as_str() == Some(vmid.as_str())
                && (backup["backupType"] == "vm") == (guest["type"] == "qemu")
        })
    };
    for guest in list(&coverage, "guests") {
        let is_on_server = list(guest, "sources").iter().any(|source| source["type"] == "pbs");
        assert_eq!(is_on_server, has_backup(guest), "{guest}");
    }
    assert!(coverage["summary"]["protected"].as_u64() > Some(0), "{}", coverage["summary"]);
    Ok(())
}

#[test]
fn a_backup_server_that_goes_wrong_is_named_and_comes_back() -> Result<()> {
    let (_data, server) = server()?;
    let sim = Sim::start(SIZE)?;
    server.admin().post("/api/config/nodes", &sim.as_backup_server("vault"))?.expect_status(201)?;
    server.state_with(PATIENCE, |state| (!list(state, "pbsBackups").is_empty()).then_some(()))?;
    let backups = list(&server.state()?, "pbsBackups").len();

    // The dialogue tells at once what is wrong now.
    let fault = json!({"effect": {"kind": "revoke_token"}});
    sim.pbs_control()?.post("/faults", &fault)?.expect_status(201)?;
    let failed =
        server.admin().post("/api/config/nodes/pbs-0/test", &json!({}))?.expect_status(400)?.json()?;
    let message = failed["message"].as_str().unwrap_or_default();
    assert!(message.contains("refuses the API token pulse-monitor@pbs!pulse"), "{failed}");
    // What is known stays known.
    assert_eq!(list(&server.state()?, "pbsBackups").len(), backups);
    sim.pbs_control()?.send("DELETE", "/faults", &[], &[])?.expect_status(204)?;
    server.admin().post("/api/config/nodes/pbs-0/test", &json!({}))?.expect_status(200)?;
    server.admin().send("DELETE", "/api/config/nodes/pbs-0", &[], &[])?.expect_status(200)?;
    server.state_with(PATIENCE, |state| list(state, "pbsBackups").is_empty().then_some(()))?;
    Ok(())
}
