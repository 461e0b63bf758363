//! The matrix of rights: every operation of the document, tried by everybody who must not get through. A new route is
//! tried without anybody writing a line here.

use axum::body::Body;
use http::{Method, StatusCode};
use pulse_config::{ProxyAuth, Secret};
use pulse_core::scope::Scope;

use crate::{
    gate::{PUBLIC, operations},
    harness::TestServer,
};

/// Changes that need no CSRF token: they precede every session, or prove something stronger in their body.
const NO_CSRF: &[&str] = &[
    "POST /api/login",
    "POST /api/oidc/login",
    "POST /api/security/apply-restart",
    "POST /api/security/quick-setup",
    "POST /api/security/validate-bootstrap-token",
];

/// Operations with a settings scope that a user of the proxy may call who is no administrator: the role operator reads
/// the audit log, and the history that reports are made of (contract A-05). A new one is a decision and a line here.
const SETTINGS_OF_ALL: &[&str] =
    &["GET /api/admin/reports/generate", "GET /api/audit", "GET /api/audit/{id}/verify"];

/// A server behind a proxy that says who somebody is, with every feature.
pub fn behind_proxy() -> TestServer {
    TestServer::set_up_with(|settings| {
        settings.is_development = true;
        settings.proxy_auth = Some(ProxyAuth {
            secret: Secret::new("between-us"),
            user_header: Some("X-User".into()),
            role_header: Some("X-Roles".into()),
            role_separator: "|".into(),
            admin_role: Some("admin".into()),
            logout_url: None,
        });
    })
}

#[tokio::test]
async fn no_change_rides_on_a_session_without_its_csrf_token() {
    let server = TestServer::set_up();
    let session = server.session().await.from("127.0.0.1");
    // None, somebody else's, and the trick that works on Pulse v5: any Authorization header.
    let tricks = [("x-csrf-token", ""), ("x-csrf-token", "Zm9yZ2Vk"), ("authorization", "garbage")];
    let mut tried = 0;
    for (method, path, name) in operations() {
        if method == Method::GET || NO_CSRF.contains(&name.as_str()) {
            continue;
        }
        for (header, value) in tricks {
            let forged = session.clone().with("x-csrf-token", "").with(header, value);
            let answer = forged.send(method.clone(), &path, Body::from("{}")).await;
            assert_eq!(
                answer.plain(),
                (403, "CSRF token validation failed".to_owned()),
                "{name} with {header}: {value}"
            );
        }
        tried += 1;
    }
    assert!(tried > 40, "only {tried} operations change anything");
    session.get("/api/state").await.expect(200);
}

#[tokio::test]
async fn no_change_rides_on_what_a_browser_sends_by_itself_from_another_origin() {
    let server = behind_proxy();
    let user = server.anybody().from("127.0.0.1").with("x-proxy-secret", "between-us").with("x-user", "kim");
    let admin = user.with("x-roles", "admin");
    for (method, path, name) in operations() {
        if method == Method::GET || NO_CSRF.contains(&name.as_str()) {
            continue;
        }
        let foreign =
            admin.clone().with("origin", "https://evil.example").with("sec-fetch-site", "cross-site");
        let answer = foreign.send(method, &path, Body::from("{}")).await;
        let text = "A page of another origin cannot change anything here".to_owned();
        assert_eq!(answer.plain(), (403, text), "{name}");
    }
}

#[tokio::test]
async fn a_user_of_the_proxy_without_the_admin_role_reaches_no_settings() {
    let server = behind_proxy();
    let narrow = [server.token([Scope::KubernetesManage]), server.token([Scope::DockerReport])];
    let user = server.anybody().from("127.0.0.1").with("x-proxy-secret", "between-us").with("x-user", "kim");
    let (mut refused, mut let_in, mut open) = (0, 0, Vec::new());
    for (method, path, name) in operations() {
        if PUBLIC.contains(&name.as_str()) {
            continue;
        }
        // What an operation requires is said to whoever lacks it.
        let mut required = None;
        for token in &narrow {
            let answer = server.call(method.clone(), &path, Some(token), "").await;
            if answer.status == StatusCode::FORBIDDEN {
                required = answer.json()["requiredScope"].as_str().map(str::to_owned);
            }
        }
        let Some(required) = required else { continue };
        let answer = user.clone().with("x-roles", "viewer|operator").send(method, &path, Body::empty()).await;
        if required.starts_with("settings:") && !SETTINGS_OF_ALL.contains(&name.as_str()) {
            // A wrong CSRF token or a locked account is 403 too: only what names the right counts.
            let is_refusal = answer.status == StatusCode::FORBIDDEN
                && (answer.text().contains("Admin privileges required")
                    || answer.text().contains(r#""error":"forbidden""#)
                    || answer.text().contains(r#""code":"forbidden""#));
            if !is_refusal {
                open.push(name);
            }
            refused += 1;
        } else if answer.status != StatusCode::FORBIDDEN {
            let_in += 1;
        }
    }
    assert!(open.is_empty(), "open to users who are no administrators: {open:#?}");
    assert!(refused > 20 && let_in > 20, "{refused} refused, {let_in} let in");
}

#[tokio::test]
async fn whoever_guesses_the_secret_of_the_proxy_is_nobody() {
    let server = behind_proxy();
    for secret in ["", "between-u", "between-us-", "BETWEEN-US"] {
        let client =
            server.anybody().with("x-proxy-secret", secret).with("x-user", "kim").with("x-roles", "admin");
        client.get("/api/state").await.expect(401);
    }
    // The secret alone, where a user must be named.
    server.anybody().with("x-proxy-secret", "between-us").get("/api/state").await.expect(401);
}
