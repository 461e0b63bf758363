//! Who gets in where, for every operation of the document: without credentials, with a token that lacks the scope.

use http::{Method, StatusCode};
use pulse_core::{credential::ScopeSet, scope::Scope};

use crate::harness::TestServer;

/// Operations that need no credentials. A new one is a decision and a line here.
pub const PUBLIC: &[&str] = &[
    "GET /api/agent/version",
    // The token comes in the first message; `remote_exec.rs` has its refusals.
    "GET /api/agent/ws",
    "GET /api/docs",
    "GET /api/health",
    "GET /api/oidc/callback",
    "GET /api/oidc/login",
    "GET /api/openapi.json",
    "GET /api/security/status",
    "GET /api/server/info",
    "GET /api/version",
    "GET /download/pulse-agent",
    "GET /download/pulse-docker-agent",
    "GET /download/pulse-host-agent",
    "POST /api/login",
    "POST /api/oidc/login",
    "POST /api/security/quick-setup",
    "POST /api/security/validate-bootstrap-token",
    // These take a setup token instead.
    "POST /api/auto-register",
    "POST /api/system/ssh-config",
    "POST /api/system/verify-temperature-ssh",
    // There is no secret in it.
    "GET /api/setup-script",
];

/// Operations that any known caller may call, whatever the token's scopes.
const ANY_CALLER: &[&str] = &[
    "GET /api/license/features",
    "GET /api/license/status",
    "GET /api/monitoring/scheduler/health",
    "GET /download/pulse-host-agent.sha256",
    "POST /api/logout",
];

/// Every operation of the document as (method, path), placeholders filled with an id that exists nowhere.
pub fn operations() -> Vec<(Method, String, String)> {
    let document: serde_json::Value = serde_json::from_str(&pulse_api::document_json()).unwrap();
    let mut out = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let concrete: Vec<&str> =
                path.split('/').map(|part| if part.starts_with('{') { "no-such-id" } else { part }).collect();
            out.push((method.clone(), concrete.join("/"), format!("{method} {path}")));
        }
    }
    assert!(out.len() > 15, "the document lost its operations: {out:?}");
    out
}

#[tokio::test]
async fn without_credentials_only_public_operations_answer() {
    let server = TestServer::fresh();
    for is_configured in [false, true] {
        if is_configured {
            server.token([Scope::All]);
        }
        for (method, path, name) in operations() {
            let answer = server.call(method, &path, None, "").await;
            if PUBLIC.contains(&name.as_str()) {
                // Some public routes refuse an empty body or a wrong secret; none of them asks for credentials.
                let is_gate = answer.text().starts_with(r#"{"error":"Authentication required""#);
                assert!(!is_gate, "{name} is public, but answered {}", answer.status);
            } else {
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}: {}", answer.text());
                assert!(answer.text().contains("Authentication required"), "{name}: {}", answer.text());
            }
        }
    }
}

#[tokio::test]
async fn a_token_without_the_scope_is_told_which_one_it_lacks() {
    // With every feature: without, the licence would be named before the scope.
    let server = TestServer::over(tempfile::tempdir().unwrap(), |settings| settings.is_development = true);
    // No operation takes a scope that this version does not know.
    let narrow = server.token_with(ScopeSet::from_names(["nothing:at-all"]));
    for (method, path, name) in operations() {
        if PUBLIC.contains(&name.as_str()) || ANY_CALLER.contains(&name.as_str()) {
            continue;
        }
        let answer = server.call(method, &path, Some(&narrow), "").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}: {}", answer.text());
        assert_eq!(answer.json()["error"], "missing_scope", "{name}");
        assert!(answer.json()["requiredScope"].is_string(), "{name}");
    }
}

#[tokio::test]
async fn what_the_licence_does_not_include_is_402_for_those_who_may_and_for_nobody_else() {
    let server = TestServer::fresh();
    let token = server.token([Scope::All]);
    for path in ["/api/admin/roles", "/api/admin/users", "/api/audit", "/api/admin/webhooks/audit"] {
        assert_eq!(server.call(Method::GET, path, None, "").await.status, StatusCode::UNAUTHORIZED, "{path}");
        let answer = server.get(path, &token).await;
        assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED, "{path}");
        assert_eq!(answer.json()["error"], "license_required", "{path}");
    }
    let body = server.get("/api/admin/roles", &token).await.text();
    assert_eq!(
        body,
        r#"{"error":"license_required","feature":"rbac","message":"feature not included in license: Role-Based Access Control (RBAC) requires Pulse Pro","upgrade_url":"https://pulserelay.pro/"}"#
    );
    let status = server.get("/api/license/status", &token).await.text();
    assert_eq!(
        status,
        r#"{"valid":false,"tier":"free","is_lifetime":false,"days_remaining":0,"features":["update_alerts","sso","ai_patrol"]}"#
    );
    let features = server.get("/api/license/features", &token).await.json();
    assert_eq!((&features["license_status"], &features["features"]["rbac"]), (&"none".into(), &false.into()));
    let forged =
        server.call(Method::POST, "/api/license/activate", Some(&token), r#"{"license_key":"a.b.c"}"#).await;
    assert_eq!(forged.status, StatusCode::BAD_REQUEST);
    let cleared = server.call(Method::POST, "/api/license/clear", Some(&token), "").await.text();
    assert_eq!(cleared, r#"{"message":"License cleared","success":true}"#);
}

#[tokio::test]
async fn a_revoked_token_is_nobody() {
    let server = TestServer::fresh();
    let token = server.token([Scope::All]);
    assert_eq!(server.get("/api/state", &token).await.status, StatusCode::OK);
    let id = server.state.access.tokens.current().newest_first()[0].record().id.clone();
    server.state.access.tokens.remove(id.as_str()).unwrap();
    assert_eq!(server.get("/api/state", &token).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn suffixes_and_climbing_paths_open_nothing() {
    let server = TestServer::fresh();
    let no = StatusCode::UNAUTHORIZED;
    for path in
        ["/api/state.js", "/api/x/y.css", "/ws", "/socket.io/x.js?transport=websocket", "/api/../api/state"]
    {
        let answer = server.call(Method::GET, path, None, "").await;
        assert_eq!(answer.status, no, "{path}: {}", answer.text());
    }
    let answer = server.call(Method::GET, "/assets/%2e%2e/secret", None, "").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_unknown_path_of_the_api_is_not_the_page() {
    let server = TestServer::fresh();
    let token = server.token([Scope::All]);
    let answer = server.get("/api/there-is-no-such-route", &token).await;
    assert_eq!((answer.status, answer.text().as_str()), (StatusCode::NOT_FOUND, "404 page not found\n"));
    assert_eq!(server.get("/docker", &token).await.text(), "the page");
}

#[tokio::test]
async fn every_answer_has_security_headers_and_a_request_id() {
    let server = TestServer::fresh();
    for path in ["/api/health", "/api/state", "/", "/api/nope"] {
        let answer = server.call(Method::GET, path, None, "").await;
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.headers["x-request-id"].len(), 36, "{path}");
    }
}
