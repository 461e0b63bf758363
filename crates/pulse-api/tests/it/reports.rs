//! Reports as agents of Pulse v5 send them, whole and with what Go leaves empty, and reports that come twice.

use axum::body::Body;
use http::{Method, Request, StatusCode};
use pulse_core::scope::Scope;
use serde_json::{Value, json};

use crate::harness::{Answer, TestServer};

const HOST: &str = include_str!("../fixtures/agent-host.json");
const DOCKER: &str = include_str!("../fixtures/agent-docker.json");
const KUBERNETES: &str = include_str!("../fixtures/agent-kubernetes.json");

/// What each kind of report needs.
const KINDS: [(&str, Scope, &str); 3] = [
    ("host", Scope::HostAgentReport, HOST),
    ("docker", Scope::DockerReport, DOCKER),
    ("kubernetes", Scope::KubernetesReport, KUBERNETES),
];

/// With the headers of v5's agents.
async fn post(server: &TestServer, kind: &str, token: &str, body: &str) -> Answer {
    let request = Request::post(format!("/api/agents/{kind}/report"))
        .header("Content-Type", "application/json")
        .header("Authorization", format!("Bearer {token}"))
        .header("X-API-Token", token)
        .header("User-Agent", format!("pulse-{kind}-agent/5.0.17"));
    server.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

/// Every list and map below `depth` others as Go writes one that was never made.
fn with_nulls(value: &mut Value, depth: usize) {
    let children: Vec<&mut Value> = match value {
        Value::Object(fields) => fields.values_mut().collect(),
        Value::Array(all) => all.iter_mut().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return,
    };
    for child in children {
        let is_bare = child.as_object().is_some_and(serde_json::Map::is_empty);
        if depth == 0 && (child.is_array() || is_bare) {
            *child = Value::Null;
        } else {
            with_nulls(child, depth.saturating_sub(1));
        }
    }
}

#[tokio::test]
async fn reports_of_the_original_are_taken_and_answered_as_it_expects() {
    let server = TestServer::set_up();
    let mut replies = Vec::new();
    for (kind, scope, body) in KINDS {
        let token = server.token([scope]);
        let answer = post(&server, kind, &token, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{kind}: {}", answer.text());
        let mut reply = answer.json();
        assert!(reply["lastSeen"].as_str().is_some_and(|at| at.starts_with("2026-")), "{reply}");
        reply["lastSeen"] = "-".into();
        replies.push(reply);
    }
    assert_eq!(
        replies,
        [
            json!({"success": true, "hostId": "3f2a1b0c-5d6e-4f70-8192-a3b4c5d6e7f8", "lastSeen": "-", "platform": "linux",
                "osName": "Debian", "osVersion": "12"}),
            json!({"success": true, "hostId": "d-1", "containers": 1, "lastSeen": "-"}),
            json!({"success": true, "clusterId": "c-1", "nodes": 1, "pods": 1, "deployments": 1, "lastSeen": "-"}),
        ]
    );
    let token = server.token([Scope::MonitoringRead]);
    let state = server.get("/api/state", &token).await.json();
    let host = &state["hosts"][0];
    assert_eq!((&host["hostname"], &host["cpuUsage"]), (&json!("nas1"), &json!(3.5)));
    assert_eq!(host["disks"].as_array().unwrap().len(), 1, "a tmpfs cannot fill up");
    assert_ne!(host["isLegacy"], true);
    let container = &state["dockerHosts"][0]["containers"][0];
    assert_eq!((&container["name"], &container["health"]), (&json!("web"), &json!("healthy")));
    assert_eq!(container["updateStatus"]["updateAvailable"], true);
    assert_eq!(state["kubernetesClusters"][0]["pods"][0]["restarts"], 3);
    for hidden in ["sequenceId", "cpuModel", "updatedFrom", "powerWatts"] {
        assert!(host.get(hidden).is_none(), "{hidden} is not shown");
    }
}

#[tokio::test]
async fn what_go_leaves_empty_and_what_nobody_knows_is_no_reason_to_refuse() {
    let server = TestServer::set_up();
    for (kind, scope, body) in KINDS {
        let token = server.token([scope]);
        for depth in 0..4 {
            let mut report: Value = serde_json::from_str(body).unwrap();
            with_nulls(&mut report, depth);
            report["unheardOf"] = json!({"deep": [1, 2, 3]});
            report["agent"]["unheardOf"] = json!("x");
            let answer = post(&server, kind, &token, &report.to_string()).await;
            assert_eq!(answer.status, StatusCode::OK, "{kind}: {} for {report}", answer.text());
        }
    }
}

#[tokio::test]
async fn the_agent_of_before_is_taken_and_marked() {
    let server = TestServer::set_up();
    let token = server.token([Scope::HostAgentReport]);
    let mut report: Value = serde_json::from_str(HOST).unwrap();
    report["agent"].as_object_mut().unwrap().remove("type");
    assert_eq!(post(&server, "host", &token, &report.to_string()).await.status, StatusCode::OK);
    let token = server.token([Scope::MonitoringRead]);
    let state = server.get("/api/state", &token).await.json();
    assert_eq!(state["hosts"][0]["isLegacy"], true, "{}", state["hosts"][0]);
}

#[tokio::test]
async fn each_kind_of_report_needs_its_scope_and_has_its_size() {
    let server = TestServer::set_up();
    for (kind, scope, body) in KINDS {
        let others: Vec<Scope> =
            KINDS.iter().map(|(_, other, _)| *other).filter(|other| *other != scope).collect();
        let token = server.token([others[0], others[1]]);
        let refused = post(&server, kind, &token, body).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{kind}");
        assert_eq!(refused.json(), json!({"error": "missing_scope", "requiredScope": scope.name()}));
        let nobody = server.call(Method::POST, &format!("/api/agents/{kind}/report"), None, body).await;
        assert_eq!(nobody.status, StatusCode::UNAUTHORIZED, "{kind}");
        let limit = if kind == "host" { 256 << 10 } else { 2 << 20 };
        let token = server.token([scope]);
        let padded = |length: usize| format!("{body}{}", " ".repeat(length - body.len()));
        assert_eq!(post(&server, kind, &token, &padded(limit)).await.status, StatusCode::OK, "{kind}");
        let refused = post(&server, kind, &token, &padded(limit + 1)).await;
        assert_eq!(
            (refused.status, &refused.json()["code"]),
            (StatusCode::BAD_REQUEST, &json!("invalid_json"))
        );
        for broken in ["", "[]", "{\"host\":", "null", "\u{feff}{}"] {
            let refused = post(&server, kind, &token, broken).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{kind} {broken:?}: {}", refused.text());
        }
    }
}

#[tokio::test]
async fn a_report_that_comes_twice_changes_nothing() {
    let server = TestServer::set_up();
    let reader = server.token([Scope::MonitoringRead]);
    for (kind, scope, body) in KINDS {
        let token = server.token([scope]);
        let first = post(&server, kind, &token, body).await.json();
        server.clock.advance(jiff::SignedDuration::from_secs(5));
        let again = post(&server, kind, &token, body).await;
        assert_eq!(again.status, StatusCode::OK, "{kind}: {}", again.text());
        if kind != "kubernetes" {
            assert_eq!(again.json()["lastSeen"], first["lastSeen"], "{kind}: it proves no life");
        }
    }
    let state = server.get("/api/state", &reader).await.json();
    for list in ["hosts", "dockerHosts", "kubernetesClusters"] {
        assert_eq!(state[list].as_array().unwrap().len(), 1, "{list}");
    }
}
