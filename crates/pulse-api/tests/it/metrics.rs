//! Current figures for Prometheus, and what charts and history say of what has no history yet.

use axum::body::Body;
use http::{Request, StatusCode, header};
use pulse_core::scope::Scope;
use tower::ServiceExt;

use crate::{
    harness::TestServer,
    state::{fill, report},
};

async fn filled() -> (TestServer, String) {
    let server = TestServer::fresh();
    let token = server.token([Scope::All]);
    fill(&server).await;
    let host = serde_json::json!({
        "agent": {"id": "a1", "version": "5.1.0", "intervalSeconds": 10},
        "host": {"id": "m1", "hostname": "nas", "uptimeSeconds": 77},
        "metrics": {"cpuUsagePercent": 12.5, "memory": {"totalBytes": 1000, "usedBytes": 250, "usage": 25.0}},
        "disks": [{"device": "/dev/sda1", "mountpoint": "/", "totalBytes": 100, "usedBytes": 40, "usage": 40.0}],
        "sensors": {"temperatureCelsius": {"cpu_package": 41.5}},
    });
    report(&server, "/api/agents/host/report", &token, &host).await;
    let cluster = serde_json::json!({
        "agent": {"id": "k1", "version": "5.1.0", "intervalSeconds": 30},
        "cluster": {"id": "c1", "name": "lab \"one\""},
        "nodes": [{"uid": "u1", "name": "n1", "ready": true}, {"uid": "u2", "name": "n2"}],
        "pods": [{"uid": "p1", "name": "p", "namespace": "d", "phase": "Running"}],
    });
    report(&server, "/api/agents/kubernetes/report", &token, &cluster).await;
    (server, token)
}

#[tokio::test]
async fn every_current_figure_is_exposed_under_known_names() {
    let (server, token) = filled().await;
    let answer = server.get("/metrics", &token).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text();
    let is_size = |line: &&str| !line.starts_with("pulse_metrics_store_size_bytes ");
    insta::assert_snapshot!("metrics", text.lines().filter(is_size).collect::<Vec<_>>().join("\n"));
    // A family stands in one piece: Prometheus refuses the rest otherwise.
    let mut seen = std::collections::HashSet::new();
    let mut last = "";
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        assert!(name == last || seen.insert(name), "{name} comes twice");
        last = name;
        assert!(line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line}");
    }
}

#[tokio::test]
async fn figures_are_for_those_who_may_monitor() {
    let (server, token) = filled().await;
    let reporter = server.token([Scope::HostAgentReport]);
    assert_eq!(server.get("/metrics", &reporter).await.status, StatusCode::FORBIDDEN);
    let nobody = Request::builder().uri("/metrics").body(Body::empty()).unwrap();
    assert_eq!(server.send(nobody).await.status, StatusCode::UNAUTHORIZED);
    let bearer = Request::builder()
        .uri("/metrics")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::ACCEPT_ENCODING, "gzip")
        .body(Body::empty())
        .unwrap();
    let answer = server.send(bearer).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers[header::CONTENT_ENCODING], "gzip");

    // The second listener asks nobody, and has nothing else.
    let open = pulse_api::metrics_router(server.state.clone());
    for (path, status) in [("/metrics", StatusCode::OK), ("/api/state", StatusCode::NOT_FOUND)] {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        assert_eq!(open.clone().oneshot(request).await.unwrap().status(), status, "{path}");
    }
}

#[tokio::test]
async fn what_has_no_history_yet_is_answered_with_its_current_value() {
    let (server, token) = filled().await;
    let history =
        async |query: &str| server.get(&format!("/api/metrics-store/history?{query}"), &token).await.json();
    let live = history("resourceType=host&resourceId=m1&metric=cpu&range=1h").await;
    assert_eq!((live["source"].clone(), live["points"][0]["value"].clone()), ("live".into(), 12.5.into()));
    assert_eq!(live["points"].as_array().unwrap().len(), 1);
    let guest = history("resourceType=guest&resourceId=lab:n1:101&range=24h").await;
    assert_eq!(guest["source"], "live");
    assert!(guest["metrics"]["cpu"][0]["value"].is_number(), "{guest}");
    let storage = history("resourceType=storage&resourceId=lab-n1-local&metric=disk").await;
    assert_eq!(storage["points"][0]["value"], 40.0);
    let week = history("resourceType=host&resourceId=m1&range=7d").await;
    assert_eq!((week["source"].clone(), week["metrics"].clone()), ("store".into(), serde_json::json!({})));

    let charts = server.get("/api/charts?range=7d", &token).await.json();
    assert_eq!(charts["hostData"]["m1"]["cpu"][0]["value"], 12.5);
    assert_eq!(charts["k8sData"]["c1"]["nodesready"][0]["value"], 1.0);
    assert_eq!(charts["storageData"]["lab-n1-local"]["disk"][0]["value"], 40.0);
    assert!(charts["data"]["lab:n1:101"]["cpu"][0]["value"].is_number());
    assert_eq!(charts["data"].get("lab:n1:102"), None, "a stopped guest has no figure, and none is made up");
}

/// What comes in from outside may be anything; the answer is the contract's shape or a clear refusal.
#[tokio::test]
async fn absurd_questions_get_an_answer_of_the_contract() {
    let (server, token) = filled().await;
    let status = async |path: &str| server.get(path, &token).await.status;
    for path in [
        "/api/charts?range=",
        "/api/charts?range=1000000d",
        "/api/charts?range=-5m",
        "/api/storage-charts?range=99999999999999999999",
        "/api/storage-charts?range=%00",
        "/api/metrics-store/history?resourceType=vm&resourceId=x&range=-1h",
        "/api/metrics-store/history?resourceType=vm&resourceId=x&maxPoints=0",
        "/api/metrics-store/history?resourceType=vm&resourceId=x&maxPoints=-7",
        "/api/metrics-store/history?resourceType=vm&resourceId=x&maxPoints=1000000000",
        "/api/metrics-store/history?resourceType=vm&resourceId=x&maxPoints=99999999999999999999",
        "/api/metrics-store/history?resourceType=vm&resourceId=%F0%9F%92%A9&metric=%F0%9F%92%A9",
        "/api/metrics-store/stats?x=y",
    ] {
        assert_eq!(status(path).await, StatusCode::OK, "{path}");
    }
    for path in [
        "/api/metrics-store/history",
        "/api/metrics-store/history?resourceType=vm",
        "/api/metrics-store/history?resourceId=x",
        "/api/metrics-store/history?resourceType=%20&resourceId=x",
    ] {
        assert_eq!(status(path).await, StatusCode::BAD_REQUEST, "{path}");
    }
    let absurd = status("/api/metrics-store/history?resourceType=vm&resourceId=x&range=99999999d").await;
    assert_eq!(absurd, StatusCode::OK, "no duration: 24 h");
    let long = status("/api/metrics-store/history?resourceType=vm&resourceId=x&range=90d").await;
    assert_eq!(long, StatusCode::PAYMENT_REQUIRED);
}
