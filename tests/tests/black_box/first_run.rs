//! From the first start to the first login.

use std::time::Duration;

use anyhow::Result;
use pulse_e2e::http::Client;
use pulse_e2e::process::scratch;
use pulse_e2e::programs::{PASSWORD, Server, ServerOptions, TOKEN, USER};
use serde_json::json;

fn fresh() -> Result<(tempfile::TempDir, Server)> {
    let data = scratch()?;
    let server = ServerOptions::new(data.path())?.argument("--no-local-host").start()?;
    Ok((data, server))
}

fn status(client: &mut Client, path: &str) -> Result<u16> {
    Ok(client.get(path)?.status)
}

#[test]
fn a_fresh_server_is_healthy_and_says_who_it_is() -> Result<()> {
    let (_data, server) = fresh()?;
    let mut anybody = server.anonymous();
    let health = anybody.get("/api/health")?.expect_status(200)?.json()?;
    assert_eq!(health["status"], "healthy");
    assert!(health["uptime"].as_f64().is_some_and(|seconds| seconds >= 0.0), "{health}");
    let version = anybody.get("/api/version")?.expect_status(200)?.json()?;
    assert!(version["version"].as_str().is_some_and(|text| text.split('.').count() == 3), "{version}");
    assert_eq!(version["version"], anybody.get("/api/agent/version")?.json()?["version"]);
    Ok(())
}

#[test]
fn before_setup_only_public_routes_answer() -> Result<()> {
    let (_data, server) = fresh()?;
    let mut anybody = server.anonymous();
    for path in
        ["/api/health", "/api/version", "/api/server/info", "/api/agent/version", "/api/security/status", "/"]
    {
        assert_eq!(status(&mut anybody, path)?, 200, "{path}");
    }
    for path in [
        "/api/state",
        "/api/resources",
        "/api/resources/stats",
        "/api/charts",
        "/api/storage-charts",
        "/api/metrics-store/stats",
        "/api/config/nodes",
        "/api/security/tokens",
        "/ws",
    ] {
        assert_eq!(status(&mut anybody, path)?, 401, "{path}");
    }
    for path in
        ["/api/config/nodes", "/api/security/tokens", "/api/agents/host/report", "/api/agents/docker/report"]
    {
        assert_eq!(anybody.post(path, &json!({}))?.status, 401, "POST {path}");
    }
    Ok(())
}

#[test]
fn setup_needs_the_bootstrap_token_and_can_be_done_once() -> Result<()> {
    let (data, mut server) = fresh()?;
    let bootstrap = server.bootstrap_token()?;
    assert_eq!(bootstrap.len(), 48);
    let mut anybody = server.anonymous();
    let wanted = json!({"username": USER, "password": PASSWORD, "apiToken": TOKEN});
    let refused =
        anybody.with("X-Setup-Token", &"0".repeat(48)).post("/api/security/quick-setup", &wanted)?;
    assert_eq!(refused.status, 401, "{}", refused.text());
    assert_eq!(anybody.post("/api/security/quick-setup", &wanted)?.status, 401);
    let short = json!({"username": USER, "password": "short", "apiToken": TOKEN});
    let refused = anybody.with("X-Setup-Token", &bootstrap).post("/api/security/quick-setup", &short)?;
    assert_eq!(
        (refused.status, refused.text().trim()),
        (400, "password must be at least 12 characters long")
    );

    server.set_up()?;
    assert!(!data.path().join(".bootstrap_token").exists(), "the bootstrap token is spent");
    let again = anybody.with("X-Setup-Token", &bootstrap).post("/api/security/quick-setup", &wanted)?;
    assert_eq!(again.status, 401, "{}", again.text());
    Ok(())
}

#[test]
fn password_session_and_token_all_open_the_door() -> Result<()> {
    let (_data, mut server) = fresh()?;
    server.set_up()?;
    let mut session = server.log_in()?;
    assert_eq!(status(&mut session, "/api/state")?, 200);
    assert_eq!(status(&mut server.admin(), "/api/state")?, 200);
    assert_eq!(
        status(&mut server.anonymous().with("Authorization", &format!("Bearer {TOKEN}")), "/api/state")?,
        200
    );
    assert_eq!(status(&mut server.anonymous(), "/api/state")?, 401);

    let wrong =
        server.anonymous().post("/api/login", &json!({"username": USER, "password": "not the password"}))?;
    assert_eq!(wrong.status, 401);
    assert_eq!(wrong.json()?["error"], "invalid_credentials");

    session.post("/api/logout", &json!({}))?.expect_status(200)?;
    assert_eq!(status(&mut session, "/api/state")?, 401, "a session ends with its logout");
    Ok(())
}

#[test]
fn no_secret_reaches_the_log_or_a_readable_file() -> Result<()> {
    let (data, mut server) = fresh()?;
    server.set_up()?;
    server.log_in()?;
    let added = json!({"type": "pve", "name": "lab", "host": "https://127.0.0.1:1", "tokenName": "mon@pve!t",
                       "tokenValue": "d41d8cd9-secret-secret"});
    server.admin().post("/api/config/nodes", &added)?.expect_status(201)?;
    assert!(server.process.terminate(Duration::from_secs(20))?.success());
    let printed = server.process.printed();
    for entry in std::fs::read_dir(data.path())? {
        let path = entry?.path();
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for secret in [PASSWORD, TOKEN, "d41d8cd9-secret-secret"] {
            assert!(!text.contains(secret), "{} holds a secret in the clear", path.display());
            assert!(!printed.contains(secret), "a secret was printed");
        }
    }
    Ok(())
}
