//! Requests that no polite client sends.

use anyhow::Result;
use pulse_e2e::process::scratch;
use pulse_e2e::programs::{Server, ServerOptions};
use serde_json::json;

fn server() -> Result<(tempfile::TempDir, Server)> {
    let data = scratch()?;
    let mut server = ServerOptions::new(data.path())?.argument("--no-local-host").start()?;
    server.set_up()?;
    Ok((data, server))
}

const JSON: &[(&str, &str)] = &[("Content-Type", "application/json")];

#[test]
fn a_wrong_or_missing_token_is_refused_in_the_contracts_shape() -> Result<()> {
    let (_data, server) = server()?;
    for mut client in [server.anonymous(), server.with_token("wrong"), server.with_token("")] {
        let refused = client.get("/api/state")?;
        assert_eq!(refused.status, 401);
        assert_eq!(refused.json()?, json!({"error": "Authentication required"}));
    }
    Ok(())
}

#[test]
fn malformed_json_is_a_400_and_never_a_500() -> Result<()> {
    let (_data, server) = server()?;
    let mut admin = server.admin();
    for path in [
        "/api/config/nodes",
        "/api/config/nodes/test-connection",
        "/api/security/tokens",
        "/api/agents/host/report",
        "/api/agents/docker/report",
        "/api/login",
        "/api/security/quick-setup",
    ] {
        for body in [
            "{\"name\": ",
            "[]",
            "nonsense",
            "\u{0}",
            "{\"name\": {\"a\": []}, \"host\": 5, \"username\": 5}",
        ] {
            let refused = admin.send("POST", path, JSON, body.as_bytes())?;
            assert_eq!(refused.status, 400, "POST {path} with {body:?}: {}", refused.text());
        }
    }
    assert_eq!(admin.get("/api/health")?.status, 200);
    Ok(())
}

#[test]
fn an_agents_bad_report_is_told_which_field_is_wrong() -> Result<()> {
    let (_data, server) = server()?;
    let body = br#"{"host": {"hostname": "nas1", "cpuCount": "many"}}"#;
    let refused =
        server.admin().send("POST", "/api/agents/host/report", JSON, body)?.expect_status(400)?.json()?;
    assert_eq!(refused["code"], "invalid_json", "{refused}");
    assert!(refused["details"]["error"].as_str().is_some_and(|text| !text.is_empty()), "{refused}");
    let nameless =
        server.admin().post("/api/agents/host/report", &json!({"host": {}}))?.expect_status(400)?.json()?;
    assert_eq!(
        (&nameless["code"], &nameless["status_code"]),
        (&json!("invalid_report"), &json!(400)),
        "{nameless}"
    );
    Ok(())
}

#[test]
fn oversized_bodies_are_refused_and_the_server_goes_on() -> Result<()> {
    let (_data, server) = server()?;
    let padding = "x".repeat(3 << 20);
    let body = format!(r#"{{"host": {{"hostname": "{padding}"}}}}"#);
    for (path, statuses) in [
        ("/api/agents/host/report", &[400, 413][..]),
        ("/api/agents/docker/report", &[400, 413]),
        ("/api/config/nodes", &[400, 413]),
        ("/api/login", &[400, 413]),
    ] {
        let refused = server.admin().send("POST", path, JSON, body.as_bytes())?;
        assert!(statuses.contains(&refused.status), "POST {path}: {} {}", refused.status, refused.text());
    }
    assert_eq!(server.anonymous().get("/api/health")?.status, 200);
    Ok(())
}

#[test]
fn unknown_things_are_not_found() -> Result<()> {
    let (_data, server) = server()?;
    let mut admin = server.admin();
    assert_eq!(admin.get("/api/there-is-no-such-route")?.status, 404);
    assert_eq!(admin.get("/api/resources/no-such-id")?.status, 404);
    let storage = admin.get("/api/storage/no-such-id")?.expect_status(404)?.json()?;
    assert_eq!(storage["code"], "storage_not_found");
    assert_eq!(admin.send("DELETE", "/api/config/nodes/pve-7", &[], &[])?.status, 404);
    assert_eq!(admin.send_json("PUT", "/api/config/nodes/nonsense", &json!({}))?.status, 400);
    let history = admin.get("/api/metrics-store/history?resourceType=vm&resourceId=none&metric=cpu")?;
    assert_eq!(history.expect_status(200)?.json()?["points"], json!([]));
    assert_eq!(admin.get("/api/metrics-store/history")?.status, 400);
    Ok(())
}

#[test]
fn a_wrong_method_is_told_so() -> Result<()> {
    let (_data, server) = server()?;
    let mut admin = server.admin();
    assert_eq!(admin.post("/api/state", &json!({}))?.status, 405);
    assert_eq!(admin.get("/api/login")?.status, 405);
    assert_eq!(admin.get("/api/agents/host/report")?.status, 405);
    Ok(())
}

#[test]
fn a_path_that_climbs_is_not_followed() -> Result<()> {
    let (_data, server) = server()?;
    let mut anybody = server.anonymous();
    assert_eq!(anybody.get("/../../etc/passwd")?.status, 400);
    assert_eq!(anybody.get("/api/../state")?.status, 401);
    for path in ["/%2e%2e/%2e%2e/etc/passwd", "/assets/..%2f..%2fetc/passwd"] {
        let answer = anybody.get(path)?;
        assert!(!answer.text().contains("root:"), "{path} gave a file of the machine");
    }
    Ok(())
}

#[test]
fn every_answer_carries_the_security_headers() -> Result<()> {
    let (_data, server) = server()?;
    for path in ["/", "/api/health", "/api/state", "/api/there-is-no-such-route"] {
        let answer = server.anonymous().get(path)?;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "strict-origin-when-cross-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}: {name}");
        }
        assert!(answer.header("content-security-policy").is_some(), "{path}");
    }
    Ok(())
}

#[test]
fn the_state_is_compressed_on_demand_and_not_sent_twice() -> Result<()> {
    let (_data, server) = server()?;
    let mut admin = server.admin().with("Accept-Encoding", "gzip");
    let first = admin.get("/api/state")?.expect_status(200)?;
    assert_eq!(first.header("content-encoding"), Some("gzip"));
    assert_eq!(first.body[..2], [0x1f, 0x8b]);
    let tag = first.header("etag").expect("an ETag").to_owned();
    let second = admin.send("GET", "/api/state", &[("If-None-Match", &tag)], &[])?;
    assert!(second.status == 304 || second.header("etag") != Some(&tag), "the same state was sent twice");
    Ok(())
}
