//! Export and import through the API: round trips, and what an attacker would send.

use http::{Method, StatusCode};
use pulse_core::scope::Scope;
use serde_json::json;

use crate::harness::{TOKEN, TestServer};

const FOREIGN: &str = include_str!("../../../pulse-config/tests/fixtures/foreign-bundle.txt");
const PASSPHRASE: &str = "correct horse battery";

fn import(data: &str, passphrase: &str) -> String {
    json!({"data": data, "passphrase": passphrase}).to_string()
}

#[tokio::test]
async fn a_bundle_of_the_original_comes_in_and_goes_out_again() {
    let server = TestServer::set_up();
    let body = import(FOREIGN, PASSPHRASE);
    let answer = server.call(Method::POST, "/api/config/import", Some(TOKEN), &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    insta::assert_json_snapshot!("imported", answer.json());
    assert_eq!(server.state.nodes.current().pve[0].name.as_str(), "lab");
    // The tokens are the bundle's now.
    assert_eq!(server.get("/api/state", TOKEN).await.status, StatusCode::UNAUTHORIZED);
    let out = r#"{"passphrase":"another long one"}"#;
    let answer = server.call(Method::POST, "/api/config/export", Some("an-imported-token"), out).await;
    let data = answer.json()["data"].as_str().unwrap().to_owned();
    let other = TestServer::set_up();
    let back =
        other.call(Method::POST, "/api/config/import", Some(TOKEN), &import(&data, "another long one")).await;
    assert_eq!(back.status, StatusCode::OK, "{}", back.text());
    assert_eq!(*other.state.nodes.current(), *server.state.nodes.current());
}

#[tokio::test]
async fn a_token_for_reports_cannot_export_the_secrets() {
    let server = TestServer::set_up();
    let agent = server.token([Scope::DockerReport, Scope::HostAgentReport]);
    let body = r#"{"passphrase":"another long one"}"#;
    let answer = server.call(Method::POST, "/api/config/export", Some(&agent), body).await;
    assert_eq!(
        (answer.status, &answer.json()["requiredScope"]),
        (StatusCode::FORBIDDEN, &"settings:write".into())
    );
}

#[tokio::test]
async fn a_bundle_cannot_bring_a_token_for_more_than_the_caller_may() {
    let server = TestServer::set_up();
    let writer = server.token([Scope::SettingsWrite]);
    let body = import(FOREIGN, PASSPHRASE);
    let answer = server.call(Method::POST, "/api/config/import", Some(&writer), &body).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text());
    assert_eq!(server.get("/api/state", "an-imported-token").await.status, StatusCode::UNAUTHORIZED);
    assert!(server.state.nodes.current().is_empty());
}

#[tokio::test]
async fn wrong_passphrases_and_broken_bundles_are_told_apart_and_change_nothing() {
    let server = TestServer::set_up();
    for (body, text) in [
        (r#"{"data":"x"}"#.to_owned(), "Passphrase is required\n"),
        (r#"{"passphrase":"x"}"#.to_owned(), "Import data is required\n"),
        (
            import(FOREIGN, "wrong horse battery"),
            "Failed to import configuration: failed to decrypt import data: cipher: message authentication failed\n",
        ),
        (
            import(&FOREIGN[..40], PASSPHRASE),
            "Failed to import configuration: failed to decrypt import data: ciphertext too short\n",
        ),
        ("[]".to_owned(), "Invalid request body\n"),
    ] {
        let answer = server.call(Method::POST, "/api/config/import", Some(TOKEN), &body).await;
        assert_eq!((answer.status, answer.text().as_str()), (StatusCode::BAD_REQUEST, text));
    }
    // The sixth within a minute, whatever it holds.
    let sixth = server.call(Method::POST, "/api/config/import", Some(TOKEN), "{}").await;
    assert_eq!(sixth.status, StatusCode::TOO_MANY_REQUESTS);
    let export = server.call(Method::POST, "/api/config/export", Some(TOKEN), "{}").await;
    assert_eq!(export.status, StatusCode::TOO_MANY_REQUESTS, "export and import share the limit");
    assert!(server.state.nodes.current().is_empty());
}

#[tokio::test]
async fn a_weak_passphrase_is_refused() {
    let server = TestServer::set_up();
    for (body, text) in [
        ("{}", "Passphrase is required\n"),
        (r#"{"passphrase":"short"}"#, "Passphrase must be at least 12 characters long\n"),
    ] {
        let answer = server.call(Method::POST, "/api/config/export", Some(TOKEN), body).await;
        assert_eq!((answer.status, answer.text().as_str()), (StatusCode::BAD_REQUEST, text));
    }
}
