//! The system settings through the API: partial changes, ranges, who may.

use http::{Method, StatusCode};
use pulse_core::scope::Scope;

use crate::harness::{TOKEN, TestServer};

const UPDATE: &str = "/api/system/settings/update";

#[tokio::test]
async fn the_settings_of_a_new_server() {
    let server = TestServer::set_up();
    let answer = server.get("/api/system/settings", TOKEN).await;
    insta::assert_json_snapshot!("settings", answer.json());
    let live = server.get("/api/config/system", TOKEN).await.json();
    assert_eq!((&live["frontendPort"], &live["logLevel"]), (&7655.into(), &"info".into()));
    let public = server.get("/api/config", TOKEN).await.text();
    assert_eq!(public, r#"{"autoUpdateEnabled":false,"csrfProtection":true,"updateChannel":""}"#);
}

#[tokio::test]
async fn a_change_keeps_the_rest_and_counts_at_once_and_after_a_restart() {
    let server = TestServer::set_up();
    let mut changes = server.state.system.subscribe();
    let change = r#"{"pvePollingInterval":30,"discoveryConfig":{"maxConcurrent":9},"fullWidthMode":true}"#;
    let answer = server.call(Method::POST, UPDATE, Some(TOKEN), change).await;
    assert_eq!((answer.status, answer.text().as_str()), (StatusCode::OK, r#"{"success":true}"#));
    assert_eq!(changes.borrow_and_update().pve_polling_interval_seconds, 30);
    for nothing in ["{}", "null"] {
        assert_eq!(server.call(Method::POST, UPDATE, Some(TOKEN), nothing).await.status, StatusCode::OK);
    }
    let settings = server.restarted().get("/api/system/settings", TOKEN).await.json();
    assert_eq!((&settings["pvePollingInterval"], &settings["pbsPollingInterval"]), (&30.into(), &60.into()));
    assert_eq!(settings["discoveryConfig"]["max_concurrent"], 9);
    assert_eq!(settings["discoveryConfig"]["max_hosts_per_scan"], 1024);
}

#[tokio::test]
async fn nonsense_is_refused_and_changes_nothing() {
    let server = TestServer::set_up();
    let deep = format!("{}1{}", "[".repeat(60_000 / 2), "]".repeat(60_000 / 2));
    for (body, status, text) in [
        (r#"{"pvePollingInterval":5}"#, 400, "PVE polling interval must be at least 10 seconds\n"),
        ("[]", 400, "Invalid request body\n"),
        ("{", 400, "Invalid request body\n"),
        ("", 400, "Invalid request body\n"),
        (deep.as_str(), 400, "Invalid request body\n"),
        (&format!("{{\"theme\":\"{}\"}}", "x".repeat(70_000)), 413, "Request body too large\n"),
    ] {
        let answer = server.call(Method::POST, UPDATE, Some(TOKEN), body).await;
        let start: String = body.chars().take(20).collect();
        assert_eq!((answer.status.as_u16(), answer.text().as_str()), (status, text), "{start}");
    }
    assert_eq!(*server.state.system.current(), pulse_config::SystemSettings::default());
}

#[tokio::test]
async fn reading_is_one_right_and_changing_another() {
    let server = TestServer::set_up();
    let reader = server.token([Scope::SettingsRead]);
    assert_eq!(server.get("/api/system/settings", &reader).await.status, StatusCode::OK);
    let refused = server.call(Method::POST, UPDATE, Some(&reader), "{}").await;
    assert_eq!(refused.json()["requiredScope"], "settings:write");
    assert_eq!(
        server.call(Method::GET, UPDATE, Some(TOKEN), "").await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
}
