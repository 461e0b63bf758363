//! Tokens: what a scope opens and what it does not.

use anyhow::{Context, Result};
use pulse_e2e::process::scratch;
use pulse_e2e::programs::{Server, ServerOptions};
use serde_json::{Value, json};

fn server() -> Result<(tempfile::TempDir, Server)> {
    let data = scratch()?;
    let mut server = ServerOptions::new(data.path())?.argument("--no-local-host").start()?;
    server.set_up()?;
    Ok((data, server))
}

fn create(server: &Server, scopes: &[&str]) -> Result<(String, String)> {
    let body = json!({"name": "narrow", "scopes": scopes});
    let made = server.admin().post("/api/security/tokens", &body)?.expect_status(200)?.json()?;
    let token = made["token"].as_str().context("no token in the answer")?;
    let id = made["record"]["id"].as_str().context("no id in the answer")?;
    Ok((token.to_owned(), id.to_owned()))
}

#[test]
fn a_token_opens_what_its_scope_names_and_nothing_else() -> Result<()> {
    let (_data, server) = server()?;
    let (token, _) = create(&server, &["monitoring:read"])?;
    let mut reader = server.with_token(&token);
    assert_eq!(reader.get("/api/state")?.status, 200);
    let refused = reader.get("/api/config/nodes")?;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.json()?, json!({"error": "missing_scope", "requiredScope": "settings:read"}));
    let refused = reader.post("/api/agents/host/report", &json!({"host": {"hostname": "h"}}))?;
    assert_eq!((refused.status, &refused.json()?["requiredScope"]), (403, &json!("host-agent:report")));
    Ok(())
}

#[test]
fn a_revoked_token_stops_working_at_once() -> Result<()> {
    let (_data, server) = server()?;
    let (token, id) = create(&server, &["monitoring:read"])?;
    assert_eq!(server.with_token(&token).get("/api/state")?.status, 200);
    server.admin().send("DELETE", &format!("/api/security/tokens/{id}"), &[], &[])?.expect_status(204)?;
    assert_eq!(server.with_token(&token).get("/api/state")?.status, 401);
    server.admin().send("DELETE", &format!("/api/security/tokens/{id}"), &[], &[])?.expect_status(404)?;
    Ok(())
}

#[test]
fn the_list_of_tokens_shows_no_token() -> Result<()> {
    let (_data, server) = server()?;
    let (token, id) = create(&server, &["docker:report", "host-agent:report"])?;
    let listed = server.admin().get("/api/security/tokens")?.expect_status(200)?;
    assert!(!listed.text().contains(&token));
    let listed = listed.json()?;
    let mine =
        listed["tokens"].as_array().and_then(|all| all.iter().find(|record| record["id"] == id.as_str()));
    let mine: &Value = mine.context("the new token is not listed")?;
    assert_eq!(mine["scopes"], json!(["docker:report", "host-agent:report"]));
    assert_eq!((&mine["prefix"], &mine["suffix"]), (&json!(token[..6]), &json!(token[60..])));
    Ok(())
}

#[test]
fn scopes_that_do_not_exist_are_refused() -> Result<()> {
    let (_data, server) = server()?;
    for (scopes, message) in [
        (json!([]), "select at least one scope or omit the field for full access"),
        (json!(["nonsense"]), "unknown scope \"nonsense\""),
        (json!(["*", "settings:read"]), "wildcard '*' cannot be combined with other scopes"),
    ] {
        let refused = server.admin().post("/api/security/tokens", &json!({"name": "x", "scopes": scopes}))?;
        assert_eq!((refused.status, refused.text().trim()), (400, message));
    }
    Ok(())
}

#[test]
fn a_session_cannot_change_anything_without_its_csrf_token() -> Result<()> {
    let (_data, server) = server()?;
    let answer = server
        .anonymous()
        .post(
            "/api/login",
            &json!({"username": pulse_e2e::programs::USER, "password": pulse_e2e::programs::PASSWORD}),
        )?
        .expect_status(200)?;
    let session = answer.cookie("pulse_session").context("no session cookie")?;
    let mut forged = server.anonymous().with("Cookie", &format!("pulse_session={session}"));
    let refused = forged.post("/api/security/tokens", &json!({"name": "forged"}))?;
    assert_eq!((refused.status, refused.text().trim()), (403, "CSRF token validation failed"));
    server.log_in()?.post("/api/security/tokens", &json!({"name": "mine"}))?.expect_status(200)?;
    Ok(())
}
