//! A cluster that a real agent reports from a simulated API server, and what an administrator does with it.

use anyhow::{Context, Result, ensure};
use pulse_e2e::binaries;
use pulse_e2e::process::{Process, eventually, scratch};
use pulse_e2e::programs::{Server, ServerOptions, command};
use serde_json::{Value, json};

use crate::PATIENCE;

fn clusters(state: &Value) -> &[Value] {
    state["kubernetesClusters"].as_array().map_or(&[], Vec::as_slice)
}

/// Puts or deletes, and expects that it is done.
fn act(server: &Server, method: &str, path: &str, body: &Value) -> Result<()> {
    let path = format!("/api/agents/kubernetes/clusters/{path}");
    let json_type = [("Content-Type", "application/json")];
    let answer = server.admin().send(method, &path, &json_type, &serde_json::to_vec(body)?)?;
    answer.expect_status(200).map(drop)
}

#[test]
fn a_cluster_is_reported_named_hidden_removed_and_let_back_in() -> Result<()> {
    let data = scratch()?;
    let kubeconfig = data.path().join("kubeconfig");
    let mut sim = command(binaries::folder()?, "pulse-sim");
    sim.args(["kubernetes", "--listen", "127.0.0.1:0", "--kubeconfig"]).arg(&kubeconfig);
    let mut sim = Process::start(&mut sim)?;
    sim.line(PATIENCE, |line| line.contains("kubeconfig").then_some(()))?;

    let folder = data.path().join("server");
    let options = ServerOptions::new(&folder)?.argument("--no-local-host");
    let mut server = options.start()?;
    server.set_up()?;
    let body = json!({"name": "agent", "scopes": ["kubernetes:report"]});
    let made = server.admin().post("/api/security/tokens", &body)?.expect_status(200)?.json()?;
    let mut agent = command(binaries::folder()?, "pulse-agent");
    agent.args(["--url", &format!("http://{}", server.address), "--interval", "10s", "--token"]);
    agent.arg(made["token"].as_str().context("no token")?);
    agent.args(["--enable-host=false", "--enable-docker=false", "--enable-kubernetes", "--health-addr", ""]);
    agent.args(["--disable-auto-update", "--kubeconfig"]).arg(&kubeconfig);
    agent.env("PULSE_STATE_DIR", data.path());
    let mut agent = Process::start(&mut agent)?;

    let seen = server.state_with(PATIENCE, |state| {
        clusters(state)
            .first()
            .filter(|cluster| !cluster["pods"].as_array().is_none_or(Vec::is_empty))
            .cloned()
    });
    let seen = seen.with_context(|| agent.printed())?;
    ensure!(seen["nodes"].as_array().is_some_and(|nodes| nodes.len() == 2), "{seen}");
    ensure!(seen["pods"][0]["name"] == "web-2", "only what is in trouble: {seen}");
    let id = seen["id"].as_str().context("no id")?.to_owned();
    let one = |wanted: &dyn Fn(&Value) -> bool| {
        server.state_with(PATIENCE, |state| clusters(state).iter().any(wanted).then_some(()))
    };

    act(&server, "PUT", &format!("{id}/display-name"), &json!({"displayName": "Lab <b>"}))?;
    one(&|cluster| cluster["customDisplayName"] == "Lab <b>" || cluster["displayName"] == "Lab <b>")?;
    act(&server, "DELETE", &format!("{id}?hide=true"), &json!({}))?;
    one(&|cluster| cluster["hidden"] == true)?;
    act(&server, "PUT", &format!("{id}/unhide"), &json!({}))?;
    one(&|cluster| cluster["hidden"] != true)?;
    act(&server, "PUT", &format!("{id}/pending-uninstall"), &json!({}))?;
    one(&|cluster| cluster["pendingUninstall"] == true)?;

    // A token that can do nothing but report goes with the only thing it reports: nobody reports with it again.
    act(&server, "DELETE", &id, &json!({}))?;
    ensure!(clusters(&server.state()?).is_empty());
    eventually(PATIENCE, || {
        ensure!(agent.printed().contains("401"), "{}", agent.printed());
        Ok(())
    })?;
    ensure!(clusters(&server.state()?).is_empty(), "it came back");
    ensure!(agent.terminate(PATIENCE)?.success(), "{}", agent.printed());
    Ok(())
}
