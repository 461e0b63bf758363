//! What an administrator decides about an agent reaches it while it runs, signed.

use anyhow::{Context, Result};
use pulse_e2e::binaries;
use pulse_e2e::process::{Process, eventually, scratch};
use pulse_e2e::programs::{Server, ServerOptions, command};
use serde_json::{Value, json};

use crate::PATIENCE;

/// The public key that the server tells once, when it makes the key.
fn public_key(printed: &str) -> Result<String> {
    let rest = printed.split_once("public_key").context("the server told no public key")?.1;
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let words = rest.split(|c: char| !is_base64(c)).map(|word| word.trim_start_matches('='));
    let key = words.into_iter().find(|word| word.len() == 44);
    key.map(str::to_owned).with_context(|| format!("no key in {rest:.200}"))
}

fn start_agent(server: &Server, token: &str, key: &str) -> Result<Process> {
    let mut agent = command(binaries::folder()?, "pulse-agent");
    agent.args(["--url", &format!("http://{}", server.address), "--token", token, "--interval", "30s"]);
    agent.args(["--hostname", "followed", "--enable-docker=false", "--health-addr", ""]);
    agent.args(["--disable-auto-update"]);
    agent.env("PULSE_AGENT_CONFIG_INTERVAL", "1s");
    agent.env("PULSE_AGENT_CONFIG_SIGNATURE_REQUIRED", "true");
    agent.env("PULSE_AGENT_CONFIG_PUBLIC_KEYS", key);
    Process::start(&mut agent)
}

fn interval_is(state: &Value, seconds: u64) -> Option<()> {
    let host = state["hosts"].as_array()?.iter().find(|host| host["hostname"] == "followed")?;
    (host["intervalSeconds"] == seconds).then_some(())
}

#[test]
fn a_signed_profile_reaches_a_running_agent_and_so_does_its_change() -> Result<()> {
    let data = scratch()?;
    let mut server = ServerOptions::new(data.path())?
        .argument("--no-local-host")
        .variable("PULSE_DEV", "true")
        .variable("PULSE_AGENT_CONFIG_SIGNATURE_REQUIRED", "true")
        .start()?;
    let key = public_key(&server.process.printed())?;
    server.set_up()?;
    let mut admin = server.admin();
    let scopes = json!(["host-agent:report", "host-agent:config:read"]);
    let made = admin.post("/api/security/tokens", &json!({"name": "agent", "scopes": scopes}))?;
    let made = made.expect_status(200)?.json()?;
    let mut agent = start_agent(&server, made["token"].as_str().context("no token")?, &key)?;
    let host = server
        .state_with(PATIENCE, |state| state["hosts"].as_array()?.first().cloned())
        .with_context(|| agent.printed())?;
    interval_is(&json!({"hosts": [host]}), 30).context("it starts with its own interval")?;
    let id = host["id"].as_str().context("no id")?;

    let body = json!({"name": "lab", "config": {"interval": "2s", "log_level": "debug"}});
    let profile = admin.post("/api/admin/profiles/", &body)?.expect_status(200)?.json()?;
    let profile = profile["id"].as_str().context("no profile")?;
    let body = json!({"agent_id": id, "profile_id": profile});
    admin.post("/api/admin/profiles/assignments", &body)?.expect_status(200)?;
    server.state_with(PATIENCE, |state| interval_is(state, 2)).with_context(|| agent.printed())?;

    let path = format!("/api/admin/profiles/{profile}");
    let body = serde_json::to_vec(&json!({"config": {"interval": "3s"}}))?;
    let json = [("Content-Type", "application/json")];
    admin.send("PUT", &path, &json, &body)?.expect_status(200)?;
    server.state_with(PATIENCE, |state| interval_is(state, 3)).with_context(|| agent.printed())?;
    eventually(PATIENCE, || {
        let all = admin.get("/api/admin/profiles/deployments")?.expect_status(200)?.json()?;
        let it = &all[0];
        anyhow::ensure!(it["deployment_status"] == "deployed" && it["deployed_version"] == 2, "{all}");
        Ok(())
    })?;
    assert!(agent.terminate(PATIENCE)?.success(), "{}", agent.printed());
    Ok(())
}
