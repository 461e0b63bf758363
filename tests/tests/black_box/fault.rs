//! Proxmox hosts that misbehave: each gets a message that a person can act on, and everything else goes on.

use std::net::TcpListener;

use anyhow::{Context, Result, ensure};
use pulse_e2e::process::{eventually, scratch};
use pulse_e2e::programs::{Server, ServerOptions, Sim, SimOptions};
use serde_json::{Value, json};

use crate::PATIENCE;
use crate::cluster::guests;

const SIZE: SimOptions = SimOptions { nodes: 1, guests: 5 };
const SECRET: &str = "secret-value-of-the-token";

/// A server with one healthy cluster, beside which the bad host is put.
struct Scene {
    server: Server,
    _good: Sim,
    _data: tempfile::TempDir,
}

impl Scene {
    fn new() -> Result<Self> {
        let data = scratch()?;
        let good = Sim::start(SIZE)?;
        let mut server = ServerOptions::new(data.path())?
            .argument("--no-local-host")
            .variable("CONNECTION_TIMEOUT", "3")
            .start()?;
        server.set_up()?;
        server.admin().post("/api/config/nodes", &good.as_node("good"))?.expect_status(201)?;
        server.state_with(PATIENCE, |state| guests(state, 5))?;
        Ok(Self { server, _good: good, _data: data })
    }

    /// Adds the bad host and gives the message that its entry in the list of nodes shows.
    fn message_of(&self, node: &Value) -> Result<String> {
        self.server.admin().post("/api/config/nodes", node)?.expect_status(201)?;
        self.message()
    }

    /// The message on the bad host, once there is one; and all else must be as it was.
    fn message(&self) -> Result<String> {
        let message = eventually(PATIENCE * 2, || {
            let entry = self.entry()?;
            ensure!(entry["status"] == "disconnected", "{entry}");
            let message =
                entry["lastError"].as_str().with_context(|| format!("no message on the node: {entry}"))?;
            Ok(message.to_owned())
        })?;
        assert!(!message.contains(SECRET), "{message}");
        assert!(message.contains("127.0.0."), "which host? {message}");
        // The list of nodes asks the poller itself; the state follows with the next world that is published.
        let good = self.server.state_with(PATIENCE, |state| {
            (state["connectionHealth"]["bad"] == false).then(|| state["connectionHealth"]["good"].clone())
        })?;
        assert_eq!(good, true);
        self.goes_on()?;
        Ok(message)
    }

    fn entry(&self) -> Result<Value> {
        let listed = self.server.admin().get("/api/config/nodes")?.expect_status(200)?.json()?;
        let entry = listed.as_array().and_then(|all| all.iter().find(|entry| entry["name"] == "bad"));
        Ok(entry.context("the bad node is not listed")?.clone())
    }

    /// The good cluster is still polled: it has been seen again since now.
    fn goes_on(&self) -> Result<()> {
        let seen = |state: &Value| -> Option<i64> {
            let nodes = state["nodes"].as_array()?;
            nodes.iter().find(|node| node["instance"] == "good")?["lastSeen"].as_i64()
        };
        let before = seen(&self.server.state()?).context("the good cluster has no node")?;
        self.server.state_with(PATIENCE, |state| seen(state).filter(|now| *now > before)).map(drop)
    }

    /// A cluster named bad that worked until now.
    fn with_bad(&self) -> Result<Sim> {
        let bad = Sim::start(SIZE)?;
        self.server.admin().post("/api/config/nodes", &bad.as_node("bad"))?.expect_status(201)?;
        self.server.state_with(PATIENCE, |state| guests(state, 10))?;
        Ok(bad)
    }

    /// The bad cluster answers again, and its message is gone.
    fn comes_back(&self) -> Result<()> {
        eventually(PATIENCE * 2, || {
            let entry = self.entry()?;
            ensure!(entry["status"] == "connected" && entry["lastError"].is_null(), "{entry}");
            Ok(())
        })
    }
}

/// A port of loopback that is never handed out by itself, and where nobody listens.
const NOBODY: &str = "https://127.0.0.1:1";

fn bad(host: &str) -> Value {
    json!({"type": "pve", "name": "bad", "host": host, "tokenName": "mon@pve!t", "tokenValue": SECRET,
           "verifySSL": false})
}

#[test]
fn a_host_that_refuses() -> Result<()> {
    let scene = Scene::new()?;
    let message = scene.message_of(&bad(NOBODY))?;
    assert!(message.contains("refused"), "{message}");
    Ok(())
}

#[test]
fn a_host_that_hangs() -> Result<()> {
    let scene = Scene::new()?;
    // The kernel accepts connections for it; nobody ever answers one.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let message = scene.message_of(&bad(&format!("https://{}", silent.local_addr()?)))?;
    let says_so = ["did not answer", "no answer", "timed out", "within", "in time"];
    assert!(says_so.iter().any(|words| message.contains(words)), "{message}");
    Ok(())
}

#[test]
fn a_host_with_another_certificate() -> Result<()> {
    let scene = Scene::new()?;
    let other = Sim::start(SIZE)?;
    let mut node = other.as_node("bad");
    node["fingerprint"] = json!("AB:".repeat(31) + "AB");
    let message = scene.message_of(&node)?;
    assert!(message.to_lowercase().contains("certificate") || message.contains("fingerprint"), "{message}");
    Ok(())
}

#[test]
fn a_host_that_does_not_know_the_token() -> Result<()> {
    let scene = Scene::new()?;
    let other = Sim::start(SIZE)?;
    let mut node = other.as_node("bad");
    node["tokenValue"] = json!(SECRET);
    let message = scene.message_of(&node)?;
    assert!(message.contains("token"), "{message}");
    Ok(())
}

#[test]
fn half_a_document_is_a_message_until_it_is_whole_again() -> Result<()> {
    let scene = Scene::new()?;
    let bad = scene.with_bad()?;
    bad.break_with(&json!({"effect": {"kind": "half_json", "honest_length": true}}))?;
    scene.message()?;
    assert!(guests(&scene.server.state()?, 10).is_some(), "what was known of it is still shown");
    bad.mend()?;
    scene.comes_back()
}

#[test]
fn a_revoked_token_is_a_message_until_it_is_given_back() -> Result<()> {
    let scene = Scene::new()?;
    let bad = scene.with_bad()?;
    bad.break_with(&json!({"effect": {"kind": "revoke_token"}}))?;
    let message = scene.message()?;
    assert!(message.contains("token"), "{message}");
    bad.mend()?;
    scene.comes_back()
}

#[test]
fn a_cluster_that_is_away_keeps_its_guests_and_comes_back() -> Result<()> {
    let scene = Scene::new()?;
    let bad = scene.with_bad()?;
    bad.break_with(&json!({"effect": {"kind": "refuse"}}))?;
    scene.message()?;
    assert!(
        guests(&scene.server.state()?, 10).is_some(),
        "guests of a cluster that cannot be asked are not gone"
    );
    bad.mend()?;
    scene.comes_back()
}

#[test]
fn one_bad_call_does_not_spoil_the_rest_of_a_poll() -> Result<()> {
    let scene = Scene::new()?;
    let bad = scene.with_bad()?;
    bad.break_with(
        &json!({"path": "/nodes/*/storage*", "effect": {"kind": "status", "code": 500, "text": "rbd error"}}),
    )?;
    scene.goes_on()?;
    let state = scene.server.state()?;
    assert_eq!(state["connectionHealth"]["bad"], true, "guests and nodes still arrive");
    assert!(guests(&state, 10).is_some());
    Ok(())
}

#[test]
fn a_bad_host_is_found_out_before_it_is_added() -> Result<()> {
    let scene = Scene::new()?;
    let node = bad(NOBODY);
    let refused =
        scene.server.admin().post("/api/config/nodes/test-connection", &node)?.expect_status(400)?;
    assert!(!refused.text().contains(SECRET), "{}", refused.text());
    Ok(())
}
