//! The log through the API: its level, its lines as they come, and the support bundle, which holds no secret.

use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use pulse_auth::ScopeSet;
use pulse_config::LogLevel;
use pulse_core::scope::Scope;
use tower::ServiceExt;

use crate::harness::{TOKEN, TestServer};

const LEVEL: &str = "/api/logs/level";

#[tokio::test]
async fn the_level_changes_at_once_and_is_kept() {
    let server = TestServer::set_up();
    assert_eq!(server.get(LEVEL, TOKEN).await.text(), r#"{"level":"info"}"#);
    let changed = server.call(Method::POST, LEVEL, Some(TOKEN), r#"{"level":"DEBUG"}"#).await;
    assert_eq!((changed.status, changed.text().as_str()), (StatusCode::OK, ""));
    assert_eq!(server.state.logs.level(), LogLevel::Debug);
    assert_eq!(server.get(LEVEL, TOKEN).await.text(), r#"{"level":"debug"}"#);
    assert_eq!(server.restarted().state.system.current().log_level, Some(LogLevel::Debug));
}

#[tokio::test]
async fn nonsense_leaves_the_level_as_it_is() {
    let server = TestServer::set_up();
    for body in [r#"{"level":"loud"}"#, "{}", r#"{"level":7}"#, "no json", ""] {
        let answer = server.call(Method::POST, LEVEL, Some(TOKEN), body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        if body.starts_with("{\"level\":\"") || body == "{}" {
            assert_eq!(answer.text().trim_end(), "Invalid log level");
        }
    }
    assert_eq!(server.state.logs.level(), LogLevel::Info);
}

#[tokio::test]
async fn who_may_look_at_the_log() {
    let server = TestServer::set_up();
    let monitor = server.token([Scope::MonitoringRead]);
    let reader = server.token([Scope::SettingsRead]);
    for path in [LEVEL, "/api/logs/stream", "/api/logs/download"] {
        assert_eq!(server.call(Method::GET, path, None, "").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(server.get(path, &monitor).await.status, StatusCode::FORBIDDEN);
    }
    let change = server.call(Method::POST, LEVEL, Some(&reader), r#"{"level":"debug"}"#).await;
    assert_eq!(change.text(), r#"{"error":"missing_scope","requiredScope":"settings:write"}"#);
}

#[tokio::test]
async fn lines_are_streamed_old_ones_first_until_the_token_is_revoked() {
    let server = TestServer::set_up();
    let token = server.token([Scope::SettingsRead]);
    let book = server.state.logs.book().clone();
    book.push(r#"{"message":"before"}"#.to_owned());
    let request = Request::get("/api/logs/stream").header("X-API-Token", &token).body(Body::empty()).unwrap();
    let response = server.router().oneshot(request).await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut body = response.into_body();
    let mut event = async || body.frame().await.map(|frame| frame.unwrap().into_data().unwrap());
    assert_eq!(event().await.unwrap(), "data: {\"message\":\"before\"}\n\n");
    book.push(r#"{"message":"after"}"#.to_owned());
    assert_eq!(event().await.unwrap(), "data: {\"message\":\"after\"}\n\n");

    let tokens = server.state.access.tokens.current();
    let id = tokens
        .newest_first()
        .into_iter()
        .find(|token| token.record().scopes != ScopeSet::all())
        .unwrap()
        .record()
        .id
        .clone();
    server.state.access.tokens.remove(id.as_str()).unwrap();
    book.push(r#"{"message":"not for them"}"#.to_owned());
    assert_eq!(event().await, None);
}

#[tokio::test]
async fn the_support_bundle_is_a_zip_file_without_secrets() {
    let server = TestServer::set_up();
    server.state.logs.book().push(r#"{"message":"hello"}"#.to_owned());
    let node = r#"{"type":"pve","name":"one","host":"https://10.0.0.1:8006","user":"root@pam","password":"very-hush"}"#;
    let added = server.call(Method::POST, "/api/config/nodes", Some(TOKEN), node).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text());
    let answer = server.get("/api/logs/download", TOKEN).await;
    assert_eq!(
        (answer.status, &answer.headers[header::CONTENT_TYPE]),
        (StatusCode::OK, &"application/zip".parse().unwrap())
    );
    let disposition = answer.headers[header::CONTENT_DISPOSITION].to_str().unwrap();
    assert!(
        disposition.starts_with("attachment; filename=\"pulse-support-bundle-20260304-"),
        "{disposition}"
    );
    let path = server.data.path().join("bundle.zip");
    std::fs::write(&path, &answer.bytes).unwrap();
    let script = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); \
                  print(z.namelist()); [print(z.read(name).decode()) for name in z.namelist()]";
    let read = std::process::Command::new("python3").args(["-c", script]).arg(&path).output().unwrap();
    let text = String::from_utf8(read.stdout).unwrap();
    assert!(text.starts_with("['pulse-tail.log', 'system-info.json']\n{\"message\":\"hello\"}\n"), "{text}");
    assert!(
        text.contains("\"password\": \"[REDACTED]\"") && text.contains("\"Version\": \"5.1.0\""),
        "{text}"
    );
    for secret in ["very-hush", TOKEN] {
        assert!(!text.contains(secret), "{text}");
    }
}
