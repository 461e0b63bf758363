//! Notes and links through the API: the shapes of the contract, what is refused, who may.

use http::{Method, StatusCode};
use pulse_config::store::metadata::HostMetadata;
use pulse_core::scope::Scope;
use serde_json::json;

use crate::harness::{TOKEN, TestServer};

const KINDS: [&str; 4] =
    ["/api/guests/metadata", "/api/docker/metadata", "/api/docker/hosts/metadata", "/api/hosts/metadata"];

#[tokio::test]
async fn nothing_noted_is_empty_and_never_404() {
    let server = TestServer::set_up();
    for base in KINDS {
        assert_eq!(server.get(base, TOKEN).await.text(), "{}", "{base}");
    }
    let empty = json!({"id": "x", "customUrl": "", "description": "", "tags": null, "notes": null});
    assert_eq!(server.get("/api/guests/metadata/x", TOKEN).await.json(), empty);
    assert_eq!(server.get("/api/docker/metadata/x", TOKEN).await.json(), empty);
    assert_eq!(server.get("/api/docker/hosts/metadata/x", TOKEN).await.text(), "{}");
    assert_eq!(server.get("/api/hosts/metadata/x", TOKEN).await.json()["commandsEnabled"], json!(null));
}

#[tokio::test]
async fn a_note_is_answered_kept_over_a_restart_replaced_whole_and_deleted() {
    let server = TestServer::set_up();
    for base in KINDS {
        let item = format!("{base}/h%3Acontainer%3Ac");
        let note = r#"{"customUrl":"https://nas.lan/x","notes":["a"]}"#;
        for method in [Method::PUT, Method::POST] {
            let answer = server.call(method, &item, Some(TOKEN), note).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
            assert_eq!(answer.json()["customUrl"], "https://nas.lan/x", "{base}");
        }
    }
    let server = server.restarted();
    for base in KINDS {
        assert_eq!(server.get(base, TOKEN).await.json()["h:container:c"]["notes"], json!(["a"]), "{base}");
        let item = format!("{base}/h%3Acontainer%3Ac");
        server.call(Method::PUT, &item, Some(TOKEN), "{}").await;
        assert!(!server.get(&item, TOKEN).await.text().contains("nas.lan"), "{base}");
        for _ in 0..2 {
            let deleted = server.call(Method::DELETE, &item, Some(TOKEN), "").await;
            assert_eq!(deleted.status, StatusCode::NO_CONTENT);
        }
        assert_eq!(server.get(base, TOKEN).await.text(), "{}", "{base}");
        assert_eq!(server.call(Method::PATCH, &item, Some(TOKEN), "{}").await.status, 405);
        assert_eq!(server.call(Method::PUT, base, Some(TOKEN), "{}").await.status, 405);
    }
}

#[tokio::test]
async fn a_guest_that_migrated_keeps_its_note() {
    let server = TestServer::set_up();
    let note = r#"{"description":"the shop"}"#;
    server.call(Method::PUT, "/api/guests/metadata/lab:n1:100", Some(TOKEN), note).await;
    let moved = server.get("/api/guests/metadata/lab:n2:100", TOKEN).await.json();
    assert_eq!((&moved["id"], &moved["description"]), (&json!("lab:n2:100"), &json!("the shop")));
    let other = server.get("/api/guests/metadata/lab2:n2:100", TOKEN).await.json();
    assert_eq!(other["description"], "", "another cluster's guest with the same number is another guest");
    server.call(Method::PUT, "/api/guests/metadata/lab:n2:100", Some(TOKEN), note).await;
    let all = server.get("/api/guests/metadata", TOKEN).await.json();
    assert_eq!(all.as_object().map(serde_json::Map::len), Some(1), "{all}");
    // A refused link leaves what was noted.
    let bad = r#"{"customUrl":"javascript:alert(1)"}"#;
    let refused = server.call(Method::PUT, "/api/guests/metadata/lab:n3:100", Some(TOKEN), bad).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.text().starts_with("Invalid customUrl: "), "{}", refused.text());
    assert_eq!(server.get("/api/guests/metadata/lab:n3:100", TOKEN).await.json()["description"], "the shop");
}

/// B-surprises: in Pulse v5 a token that may only write notes switches commands on, and a note resets the switch.
#[tokio::test]
async fn a_note_does_not_decide_whether_an_agent_runs_commands() {
    let server = TestServer::set_up();
    let decided = HostMetadata { commands_enabled: Some(false), ..HostMetadata::default() };
    server.state.metadata.hosts.put("nas", decided).unwrap();
    let writer = server.token([Scope::MonitoringWrite]);
    let note = r#"{"commandsEnabled":true,"description":"d"}"#;
    let answer = server.call(Method::PUT, "/api/hosts/metadata/nas", Some(&writer), note).await.json();
    assert_eq!((&answer["commandsEnabled"], &answer["description"]), (&json!(false), &json!("d")));
    server.call(Method::DELETE, "/api/hosts/metadata/nas", Some(&writer), "").await;
    let after = server.get("/api/hosts/metadata/nas", TOKEN).await.json();
    assert_eq!((&after["commandsEnabled"], &after["description"]), (&json!(false), &json!("")));
}

#[tokio::test]
async fn reading_is_one_right_writing_another_and_bodies_are_bounded() {
    let server = TestServer::set_up();
    let reader = server.token([Scope::MonitoringRead]);
    for base in KINDS {
        let item = format!("{base}/x");
        assert_eq!(server.call(Method::GET, &item, None, "").await.status, 401);
        assert_eq!(server.get(&item, &reader).await.status, 200);
        let refused = server.call(Method::PUT, &item, Some(&reader), "{}").await;
        assert_eq!(refused.json(), json!({"error": "missing_scope", "requiredScope": "monitoring:write"}));
        let large = format!("{{\"customUrl\":\"{}\"}}", "x".repeat(17_000));
        for body in [large.as_str(), "[]", "{", "", r#"{"customUrl":7}"#] {
            let answer = server.call(Method::PUT, &item, Some(TOKEN), body).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{base}");
        }
        assert_eq!(server.get(base, &reader).await.text(), "{}");
    }
}
