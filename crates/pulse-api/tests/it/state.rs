//! The state on the wire, against the contract: shapes as snapshots, bytes made once, unknown never 0 without a word.

use std::{collections::BTreeMap, io::Read, sync::Arc, time::Duration};

use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use jiff::Timestamp;
use pulse_core::{
    Missing, Reading,
    ids::{GuestId, InstanceName, NodeId, StorageId},
    model::{
        ConnectionHealth, CpuInfo, DiskUse, Guest, GuestKind, GuestStatus, InstanceKey, InstanceKind,
        InstanceView, IoCounters, IoRates, MemorySource, MemoryUse, Node, NodeStatus, Storage, StorageStatus,
    },
    scope::Scope,
};

use crate::harness::TestServer;

/// The moment at which the harness begins.
const START: &str = "2026-03-04T05:06:07Z";

const GIB: u64 = 1 << 30;

pub fn at() -> Timestamp {
    START.parse().unwrap()
}

fn node() -> Node {
    Node {
        id: NodeId::of(&"lab".into(), Some("prod"), "n1"),
        instance: InstanceName::from("lab"),
        name: "n1".into(),
        host_url: Some("https://192.0.2.4:8006".into()),
        guest_url: None,
        status: NodeStatus::Online,
        health: ConnectionHealth::Healthy,
        cpu_fraction: Reading::Known(0.17),
        cpu_count: Some(16),
        memory: Reading::from_option(MemoryUse::new(64 * GIB, 16 * GIB), Missing::NotReported),
        root_disk: Reading::from_option(DiskUse::new(100 * GIB, 25 * GIB), Missing::NotReported),
        uptime_seconds: Reading::Known(86_400),
        load_average: Some([0.4, 0.5, 0.6]),
        kernel_version: Some("6.8.1".into()),
        pve_version: Some("8.4.1".into()),
        cpu_info: Some(CpuInfo { model: "X".into(), cores: 16, sockets: 1, mhz: "2400".into() }),
        temperature: None,
        cluster_name: Some("prod".into()),
        pending_updates: None,
        certificate_fingerprint: None,
        linked_host: None,
        last_seen: at(),
    }
}

pub(crate) fn guest(vmid: u32, kind: GuestKind, status: GuestStatus) -> Guest {
    let is_running = status == GuestStatus::Running;
    let known = |value| if is_running { Reading::Known(value) } else { Reading::Unknown(Missing::Stopped) };
    Guest {
        id: GuestId::of(&"lab".into(), "n1", vmid),
        kind,
        vmid,
        name: format!("<b>guest {vmid}</b>"),
        node: "n1".into(),
        instance: InstanceName::from("lab"),
        status,
        is_template: false,
        lock: None,
        tags: vec!["a".into(), "b".into()],
        pool: None,
        ha_state: None,
        cpu_fraction: if is_running { Reading::Known(0.02) } else { Reading::Unknown(Missing::Stopped) },
        cpu_count: Some(2),
        memory: Reading::from_option(MemoryUse::new(4 * GIB, GIB), Missing::NotReported),
        memory_source: Some(MemorySource::Listing),
        disk: Reading::Unknown(Missing::AgentDisabled),
        allocated_disk_bytes: Some(32 * GIB),
        file_systems: Vec::new(),
        counters: IoCounters::default(),
        rates: IoRates {
            network_in_bytes_per_second: known(1024),
            network_out_bytes_per_second: known(0),
            disk_read_bytes_per_second: Reading::Unknown(Missing::FirstSample),
            disk_write_bytes_per_second: Reading::Unknown(Missing::FirstSample),
        },
        uptime_seconds: known(500),
        os_name: None,
        os_version: None,
        agent_version: None,
        os_template: None,
        network_interfaces: Vec::new(),
        ip_addresses: vec!["192.0.2.50".into()],
        last_backup: None,
        last_seen: at(),
    }
}

fn storage() -> Storage {
    Storage {
        id: StorageId::of(&"lab".into(), "n1", "local"),
        name: "local".into(),
        node: "n1".into(),
        instance: InstanceName::from("lab"),
        cluster_name: Some("prod".into()),
        nodes: Vec::new(),
        node_ids: Vec::new(),
        kind: "dir".into(),
        status: StorageStatus::Available,
        space: Reading::from_option(DiskUse::new(100 * GIB, 40 * GIB), Missing::NotReported),
        content: vec!["backup".into(), "iso".into()],
        is_shared: false,
        is_enabled: true,
        is_active: true,
        path: Some("/var/lib/vz".into()),
        pool: None,
        zfs_pool: None,
    }
}

/// Puts a small estate into the world.
pub async fn fill(server: &TestServer) {
    let key = InstanceKey { kind: InstanceKind::Pve, name: "lab".into() };
    let view = InstanceView {
        cluster_name: Some("prod".into()),
        health: ConnectionHealth::Healthy,
        last_success: Some(at()),
        nodes: Arc::new(vec![node()]),
        guests: Arc::new(vec![
            guest(101, GuestKind::Vm, GuestStatus::Running),
            guest(102, GuestKind::Container, GuestStatus::Stopped),
        ]),
        storages: Arc::new(vec![storage()]),
        ..InstanceView::unknown(key)
    };
    server.state.keeper.change(move |world, _| world.set_instance(view)).await.unwrap();
}

pub async fn report(server: &TestServer, path: &str, token: &str, body: &serde_json::Value) {
    let answer = server.call(Method::POST, path, Some(token), &body.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}

#[tokio::test]
async fn the_state_has_the_contracts_keys_and_shapes() {
    let server = TestServer::fresh();
    let token = server.token([Scope::All]);
    fill(&server).await;
    report(
        &server,
        "/api/agents/host/report",
        &token,
        &serde_json::json!({
            "agent": {"id": "a1", "version": "5.0.17", "type": "unified", "intervalSeconds": 30},
            "host": {"hostname": "nas1", "id": "nas-1", "platform": "linux", "cpuCount": 8, "uptimeSeconds": 1000,
                     "loadAverage": [0.1, 0.2, 0.3]},
            "metrics": {"cpuUsagePercent": 0.0, "memory": {"totalBytes": 8, "usedBytes": 4, "freeBytes": 4, "usage": 50}},
            "disks": [{"device": "/dev/sda1", "mountpoint": "/", "filesystem": "ext4", "totalBytes": 100,
                       "usedBytes": 40, "freeBytes": 60, "usage": 40}],
            "network": [{"name": "eth0", "mac": "aa:bb", "addresses": ["192.0.2.7/24"], "rxBytes": 1, "txBytes": 1}],
            "tags": ["lab"], "timestamp": START,
        }),
    )
    .await;
    report(
        &server,
        "/api/agents/docker/report",
        &token,
        &serde_json::json!({
            "agent": {"id": "d1", "version": "5.0.17", "type": "unified", "intervalSeconds": 30},
            "host": {"hostname": "dock1", "runtime": "docker", "runtimeVersion": "27.1", "totalCpu": 8,
                     "totalMemoryBytes": 16, "uptimeSeconds": 9},
            "containers": [{"id": "abc", "name": "web", "image": "nginx:1", "state": "running", "status": "Up 2 days",
                            "cpuPercent": 0.4, "memoryUsageBytes": 1, "memoryLimitBytes": 2, "memoryPercent": 50,
                            "createdAt": START, "env": ["A=secret"], "labels": {"x": "y"},
                            "blockIo": {"readBytes": 5, "writeBytes": 6}}],
            "timestamp": START,
        }),
    )
    .await;
    let answer = server.get("/api/state", &token).await;
    assert!(!answer.text().contains("secret"));
    let state = answer.json();
    let keys: Vec<&str> = state.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys.len(), 25);
    insta::assert_json_snapshot!("state", state, {
        ".hosts[].tokenId" => "[token]", ".hosts[].tokenHint" => "[hint]",
        ".dockerHosts[].tokenId" => "[token]", ".dockerHosts[].tokenHint" => "[hint]",
    });
}

#[tokio::test]
async fn the_state_in_pieces_is_the_shape_that_the_document_describes() {
    let server = TestServer::fresh();
    let token = server.token([Scope::All]);
    for host in ["b", "a"] {
        let body = serde_json::json!({"agent": {"id": host}, "host": {"hostname": host}});
        report(&server, "/api/agents/docker/report", &token, &body).await;
        report(&server, "/api/agents/host/report", &token, &body).await;
        // The second time most pieces are taken over from the first.
        fill(&server).await;
        let world = server.state.keeper.snapshot();
        let rendered = server.state.published.get_fresh(world.clone()).await.unwrap();
        let json = rendered.json().await.unwrap();
        let served: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(pulse_api::published::gunzip(&rendered.gzip).unwrap(), json);
        let shape = serde_json::to_value(pulse_api::wire::state::StateShape::from(&*world)).unwrap();
        assert_eq!(served, shape);
    }
}

#[tokio::test]
async fn an_empty_state_has_every_list_and_no_null() {
    let server = TestServer::fresh();
    let token = server.token([Scope::MonitoringRead]);
    let state = server.get("/api/state", &token).await.json();
    let nulls: Vec<_> = state.as_object().unwrap().iter().filter(|(_, value)| value.is_null()).collect();
    assert!(nulls.is_empty(), "{nulls:?}");
    insta::assert_json_snapshot!("empty_state", state);
}

#[tokio::test]
async fn the_state_is_rendered_once_per_change_and_known_tags_cost_no_body() {
    let server = TestServer::fresh();
    let token = server.token([Scope::MonitoringRead]);
    fill(&server).await;
    let first = server.get("/api/state", &token).await;
    for _ in 0..20 {
        assert_eq!(server.get("/api/state", &token).await.bytes, first.bytes);
    }
    assert_eq!(server.state.published.renderings(), 1);

    let ask = |tag: &str, encoding: &str| {
        Request::builder()
            .uri("/api/state")
            .header("X-API-Token", &token)
            .header(header::IF_NONE_MATCH, tag)
            .header(header::ACCEPT_ENCODING, encoding)
            .body(Body::empty())
            .unwrap()
    };
    let tag = first.headers[header::ETAG].to_str().unwrap().to_owned();
    let known = server.send(ask(&tag, "gzip")).await;
    assert_eq!((known.status, known.bytes.len()), (StatusCode::NOT_MODIFIED, 0));

    let packed = server.send(ask("\"other\"", "gzip")).await;
    assert_eq!(packed.headers[header::CONTENT_ENCODING], "gzip");
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&packed.bytes[..]).read_to_end(&mut text).unwrap();
    assert_eq!(text, first.bytes);

    fill(&server).await;
    // A rendering that took long is served a moment longer; here the new one is waited for.
    server.state.published.get_fresh(server.state.keeper.snapshot()).await.unwrap();
    let changed = server.send(ask(&tag, "identity")).await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_eq!(server.state.published.renderings(), 2);
}

#[tokio::test]
async fn a_state_that_nobody_reads_is_given_up_and_comes_back_as_it_was() {
    let server = TestServer::fresh();
    let token = server.token([Scope::MonitoringRead]);
    fill(&server).await;
    let published = &server.state.published;
    assert!(!published.forget(Duration::ZERO), "nothing was rendered yet");
    let before = server.get("/api/state", &token).await;
    let source = Arc::downgrade(&server.state.keeper.snapshot());

    assert!(!published.forget(Duration::from_secs(3_600)), "it was read a moment ago");
    assert!(published.forget(Duration::ZERO));
    let again = server.get("/api/state", &token).await;
    assert_eq!((&again.bytes, &again.headers[header::ETAG]), (&before.bytes, &before.headers[header::ETAG]));
    assert_eq!(published.renderings(), 2);

    fill(&server).await;
    assert!(published.forget(Duration::ZERO));
    assert!(source.upgrade().is_none(), "what was shown before is still held");
}

#[tokio::test]
async fn resources_are_filtered_and_counted() {
    let server = TestServer::fresh();
    let token = server.token([Scope::MonitoringRead]);
    fill(&server).await;
    let count = async |query: &str| {
        server.get(&format!("/api/resources{query}"), &token).await.json()["count"].clone()
    };
    assert_eq!(count("").await, 4);
    assert_eq!(count("?type=vm,node").await, 2);
    assert_eq!(count("?status=running").await, 1);
    assert_eq!(count("?type=nonsense").await, 0);
    assert_eq!(count("?workloads=true&type=node").await, 2);
    assert_eq!(count("?parent=lab-n1").await, 3);
    let one = server.get("/api/resources/lab:n1:101", &token).await.json();
    insta::assert_json_snapshot!("resource", one);
    let gone = server.get("/api/resources/lab:n1:999", &token).await;
    assert_eq!((gone.status, gone.text().as_str()), (StatusCode::NOT_FOUND, "Resource not found\n"));
    let stats = server.get("/api/resources/stats", &token).await.json();
    assert_eq!(stats["byType"], serde_json::json!({"container": 1, "node": 1, "storage": 1, "vm": 1}));
}

#[tokio::test]
async fn one_storage_is_shown_in_detail_and_an_unknown_one_is_named() {
    let server = TestServer::fresh();
    let token = server.token([Scope::MonitoringRead]);
    fill(&server).await;
    let detail = server.get("/api/storage/lab-n1-local", &token).await.json();
    assert_eq!(detail["data"]["path"], "/var/lib/vz");
    assert_eq!(detail["data"]["usage"], 40.0);
    let gone = server.get("/api/storage/nope", &token).await;
    assert_eq!(
        (gone.status, gone.json()["code"].clone()),
        (StatusCode::NOT_FOUND, "storage_not_found".into())
    );
    let none = server.get("/api/storage/", &token).await;
    assert_eq!(
        (none.status, none.json()["code"].clone()),
        (StatusCode::BAD_REQUEST, "missing_storage_id".into())
    );
}

#[tokio::test]
async fn reports_that_cannot_be_read_name_the_field() {
    let server = TestServer::fresh();
    let token = server.token([Scope::All]);
    let send =
        async |body: &str| server.call(Method::POST, "/api/agents/host/report", Some(&token), body).await;
    let answer = send(r#"{"host":{"hostname":"x"},"disks":[{"totalBytes":"many"}]}"#).await;
    assert_eq!(
        (answer.status, answer.json()["code"].clone()),
        (StatusCode::BAD_REQUEST, "invalid_json".into())
    );
    let detail = answer.json()["details"]["error"].as_str().unwrap().to_owned();
    assert!(detail.contains("disks[0].totalBytes"), "{detail}");
    let answer = send(r#"{"host":{}}"#).await;
    assert_eq!(answer.json()["code"], "invalid_report");
    assert_eq!(answer.json()["error"], "host report missing hostname");
    // The contract answers an oversized report as an unreadable one.
    let answer = send(&format!(r#"{{"host":{{"hostname":"{}"}}}}"#, "x".repeat(300 * 1024))).await;
    assert_eq!(
        (answer.status, answer.json()["code"].clone()),
        (StatusCode::BAD_REQUEST, "invalid_json".into())
    );
}

#[tokio::test]
async fn history_needs_its_parameters_and_a_licence_beyond_a_week() {
    let server = TestServer::fresh();
    let token = server.token([Scope::MonitoringRead]);
    let get = async |query: &str| server.get(&format!("/api/metrics-store/history{query}"), &token).await;
    let answer = get("").await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (StatusCode::BAD_REQUEST, "resourceType is required\n")
    );
    let base = "?resourceType=vm&resourceId=lab:n1:101";
    let long = get(&format!("{base}&range=30d")).await;
    assert_eq!(long.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(long.json()["feature"], "long_term_metrics");
    assert_eq!(long.json()["max_free"], "7d");
    let one = get(&format!("{base}&range=7d&metric=cpu")).await.json();
    assert_eq!((one["points"].clone(), one["metric"].clone()), (serde_json::json!([]), "cpu".into()));
    let all = get(&format!("{base}&maxPoints=1000000000")).await.json();
    assert_eq!(all["metrics"], serde_json::json!({}));
    let odd = get("?resourceType=nonsense&resourceId=x&metric=nonsense").await.json();
    assert_eq!(odd["points"], serde_json::json!([]));
}

#[tokio::test]
async fn what_was_sampled_comes_back_under_every_name_the_contract_knows() {
    use pulse_core::metric::{Metric, ResourceType, Sample, SeriesKey};
    let server = TestServer::fresh();
    let token = server.token([Scope::MonitoringRead]);
    fill(&server).await;
    let series =
        SeriesKey { resource_type: ResourceType::Vm, resource_id: "lab:101".into(), metric: Metric::Cpu };
    let samples = (0..30)
        .map(|i| Sample {
            series: series.clone(),
            at: at().checked_sub(jiff::SignedDuration::from_secs(300 - i * 10)).unwrap(),
            value: 10.0 + i as f64,
        })
        .collect();
    server.state.store.append(samples);
    server.state.store.flush().await.unwrap();
    let points = async |kind: &str, id: &str| {
        let path =
            format!("/api/metrics-store/history?resourceType={kind}&resourceId={id}&metric=cpu&range=1h");
        server.get(&path, &token).await.json()["points"].as_array().unwrap().len()
    };
    assert_eq!(points("vm", "lab:n1:101").await, 30);
    assert_eq!(points("guest", "lab:n1:101").await, 30);
    // The guest moved: its history moved with it.
    assert_eq!(points("vm", "lab:n2:101").await, 30);
    assert_eq!(points("container", "lab:n1:101").await, 0);
    let charts = server.get("/api/charts?range=1h", &token).await.json();
    let cpu: BTreeMap<String, serde_json::Value> = serde_json::from_value(charts["data"].clone()).unwrap();
    // A sparkline of an hour has a point each 30 seconds.
    assert_eq!(cpu["lab:n1:101"]["cpu"].as_array().unwrap().len(), 10);
    assert_eq!(charts["guestTypes"]["lab:n1:102"], "container");
}
