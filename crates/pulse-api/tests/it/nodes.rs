//! Configured Proxmox instances. Nothing here asks a real one.

use std::{sync::Arc, time::Duration};

use pulse_collectors::ConnectionTest;
use pulse_core::model::{
    ClusterEndpoint, ConnectionHealth, FailureClass, InstanceKey, InstanceKind, InstanceView, SourceIssue,
};
use serde_json::{Value, json};

use crate::harness::{START, TestServer};

const PATH: &str = "/api/config/nodes";

fn pve(name: &str, host: &str) -> Value {
    json!({"type": "pve", "name": name, "host": host, "tokenName": "m@pve!t", "tokenValue": "very-secret"})
}

fn member(name: &str, ip: &str) -> ClusterEndpoint {
    ClusterEndpoint {
        node_id: format!("node/{name}"),
        node_name: name.to_owned(),
        host: format!("https://{ip}:8006"),
        ip: ip.to_owned(),
        fingerprint: Some("AA:BB".to_owned()),
        online: true,
        reachable: Some(true),
        error: None,
        checked_at: Some(START.parse().unwrap()),
    }
}

pub(crate) fn cluster(name: &str, members: &[(&str, &str)]) -> ConnectionTest {
    ConnectionTest {
        node_count: members.len(),
        is_cluster: true,
        cluster_name: Some(name.to_owned()),
        cluster_nodes: members.iter().map(|(name, ip)| member(name, ip)).collect(),
        latency: Duration::from_millis(12),
        version: None,
        warnings: Vec::new(),
    }
}

fn standalone() -> ConnectionTest {
    ConnectionTest {
        node_count: 1,
        is_cluster: false,
        cluster_name: None,
        cluster_nodes: Vec::new(),
        ..cluster("", &[])
    }
}

async fn list(server: &TestServer) -> Value {
    server.admin().get(PATH).await.expect(200).json()
}

#[tokio::test]
async fn a_node_is_added_listed_without_its_secrets_changed_and_removed() {
    let server = TestServer::set_up();
    assert_eq!(list(&server).await, json!([]));
    let added = server.admin().post(PATH, pve("lab", "PVE1.lan/")).await.expect(201);
    assert_eq!(added.json(), json!({"status": "success"}));
    let listed = list(&server).await;
    assert_eq!(
        listed,
        json!([{"id": "pve-0", "type": "pve", "name": "lab", "host": "https://pve1.lan:8006", "hasPassword": false,
                "tokenName": "m@pve!t", "hasToken": true, "verifySSL": false, "monitorVMs": true, "monitorContainers": true,
                "monitorStorage": true, "monitorBackups": true, "status": "disconnected"}])
    );
    assert_eq!(
        server.proxmox.asked(),
        ["https://pve1.lan:8006"],
        "one that does not answer is added all the same"
    );

    let path = format!("{PATH}/pve-0");
    let change =
        json!({"user": "root", "password": "also-secret", "monitorVMs": false, "guestURL": "https://g"});
    server.admin().put(&path, change).await.expect(200);
    let changed = &list(&server).await[0];
    assert_eq!(
        (&changed["user"], &changed["hasPassword"], &changed["hasToken"]),
        (&json!("root@pam"), &json!(true), &json!(false))
    );
    assert!(changed.get("monitorVMs").is_none() && changed["guestURL"] == "https://g");
    assert!(!changed.to_string().contains("secret"));

    let server = server.restarted();
    assert_eq!(list(&server).await[0]["name"], "lab");
    let sealed = std::fs::read(server.data.path().join("nodes.enc")).unwrap();
    assert!(!String::from_utf8_lossy(&sealed).contains("also-secret"));
    server.admin().delete(&path).await.expect(200);
    assert_eq!(list(&server).await, json!([]));
    assert_eq!(server.admin().delete(&path).await.plain(), (404, "Node not found".to_owned()));
    assert_eq!(server.admin().put(&path, json!({})).await.plain(), (404, "Node not found".to_owned()));
    assert_eq!(
        server.admin().delete(&format!("{PATH}/x")).await.plain(),
        (400, "Invalid node ID".to_owned())
    );
}

/// The certificate of an authority, in PEM form.
fn authority() -> String {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "Our Root");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.not_after = rcgen::date_time_ymd(2040, 1, 2);
    params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
}

#[tokio::test]
async fn an_authority_of_a_nodes_own_is_kept_shown_and_only_taken_away_when_that_is_said() {
    let server = TestServer::set_up();
    let pem = authority();
    for (place, kind) in ["pve", "pbs", "pmg"].into_iter().enumerate() {
        let mut body = pve("lab", &format!("192.0.2.{place}"));
        (body["type"], body["caCertificate"]) = (json!(kind), json!(pem));
        if kind == "pmg" {
            (body["user"], body["password"]) = (json!("root@pam"), json!("p"));
        }
        server.admin().post(PATH, body).await.expect(201);
    }
    for node in list(&server).await.as_array().unwrap() {
        assert_eq!(
            node["caCertificate"].as_str().map(str::trim),
            Some(pem.replace("\r\n", "\n").trim()),
            "{node}"
        );
        let shown = json!([{"subject": "CN=Our Root", "notAfter": "2040-01-02T00:00:00Z"}]);
        assert_eq!(node["certificateAuthorities"], shown, "{node}");
    }

    // A client of Pulse v5 does not know the field, and does not clear it.
    let path = format!("{PATH}/pve-0");
    server.admin().put(&path, json!({"name": "lab"})).await.expect(200);
    let server = server.restarted();
    assert!(list(&server).await[0]["caCertificate"].is_string());
    for (text, expect) in [
        ("AA:BB", "The CA certificate is not PEM: it must begin with -----BEGIN CERTIFICATE-----"),
        (
            "-----BEGIN CERTIFICATE-----\nMIIB",
            "CA certificate 1 cannot be read: it is damaged or was cut off",
        ),
        (
            "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----",
            "The CA certificate holds a private key: paste only the certificate, and keep the key where it is",
        ),
    ] {
        let answer = server.admin().put(&path, json!({"caCertificate": text})).await.plain();
        assert_eq!(answer, (400, expect.to_owned()));
    }
    server.admin().put(&path, json!({"caCertificate": ""})).await.expect(200);
    let node = &list(&server).await[0];
    assert!(node.get("caCertificate").is_none() && node.get("certificateAuthorities").is_none(), "{node}");
}

#[tokio::test]
async fn what_is_wrong_is_said_in_the_contracts_words() {
    let server = TestServer::set_up();
    server.admin().post(PATH, pve("lab", "h")).await.expect(201);
    let mut no_token = pve("x", "i");
    no_token["tokenValue"] = Value::Null;
    for (body, status, expect) in [
        (json!({}), 400, "Name is required"),
        (json!({"name": "x"}), 400, "Type is required"),
        (json!({"name": "x", "type": "pve"}), 400, "Host is required"),
        (pve("x", "192.0.2.999"), 400, "Invalid IP address"),
        (pve("x", "h:x"), 400, "Invalid port number"),
        (no_token, 400, "Authentication credentials required"),
        (pve("x", "https://H:8006/x"), 409, "A node with this host URL already exists"),
    ] {
        assert_eq!(server.admin().post(PATH, body).await.plain(), (status, expect.to_owned()));
    }
    for (body, expect) in [
        (json!([]), "Invalid request body: a JSON object is expected"),
        (json!({"name": "x", "verifySSL": "yes"}), "Invalid request body: field verifySSL: invalid type"),
    ] {
        let (status, text) = server.admin().post(PATH, body).await.plain();
        assert!(status == 400 && text.starts_with(expect), "{text}");
    }
    let large = json!({"name": "x".repeat(40_000)});
    server.admin().post(PATH, large).await.expect(413);
    assert_eq!(list(&server).await.as_array().unwrap().len(), 1);
    assert_eq!(server.proxmox.asked().len(), 1, "what is refused is not asked");
}

#[tokio::test]
async fn a_cluster_is_found_out_and_a_second_member_merged_into_it() {
    let server = TestServer::set_up();
    server.proxmox.answers(cluster("prod", &[("n1", "192.0.2.1"), ("n2", "192.0.2.2")]));
    server.admin().post(PATH, pve("lab", "192.0.2.1")).await.expect(201);
    let node = &list(&server).await[0];
    assert_eq!((&node["isCluster"], &node["clusterName"]), (&json!(true), &json!("prod")));
    let first = &node["clusterEndpoints"][0];
    assert_eq!(
        (&first["NodeID"], &first["IP"], &first["PulseReachable"]),
        (&json!("node/n1"), &json!("192.0.2.1"), &Value::Null)
    );

    server.proxmox.answers(cluster("prod", &[("n1", "192.0.2.1"), ("n2", "192.0.2.2"), ("n3", "192.0.2.3")]));
    let merged = server.admin().post(PATH, pve("lab3", "192.0.2.3")).await.expect(200).json();
    assert_eq!(
        merged,
        json!({"success": true, "merged": true, "cluster": "prod", "existingNode": "lab", "totalEndpoints": 3,
               "message": "Node merged into existing cluster 'prod' (already configured as 'lab')"})
    );
    // Another cluster may have the same name.
    server.proxmox.answers(cluster("prod", &[("n1", "198.51.100.1")]));
    server.admin().post(PATH, pve("far", "198.51.100.1")).await.expect(201);
    assert_eq!(list(&server).await.as_array().unwrap().len(), 2);

    server.proxmox.answers(cluster("prod", &[("n1", "192.0.2.1"), ("n4", "192.0.2.4")]));
    let refreshed =
        server.admin().post(&format!("{PATH}/pve-0/refresh-cluster"), json!({})).await.expect(200).json();
    assert_eq!(
        (&refreshed["oldNodeCount"], &refreshed["newNodeCount"], &refreshed["nodesAdded"]),
        (&json!(3), &json!(2), &json!(1))
    );
    assert_eq!(refreshed["clusterNodes"][1]["NodeName"], "n4");
    server.proxmox.answers(standalone());
    let alone = server.admin().post(&format!("{PATH}/pve-0/refresh-cluster"), json!({})).await;
    assert_eq!(alone.plain(), (400, "Node is not part of a cluster".to_owned()));
}

#[tokio::test]
async fn a_connection_is_tried_and_nothing_stored() {
    let server = TestServer::set_up();
    let admin = server.admin();
    let (connection, config) = (format!("{PATH}/test-connection"), format!("{PATH}/test-config"));
    let (status, text) = admin.post(&connection, pve("", "h")).await.plain();
    assert!(status == 400 && text.contains("stand-in") && !text.contains("very-secret"), "{text}");
    let failed = admin.post(&config, pve("", "h")).await.expect(400).json();
    assert_eq!(failed["status"], "error");

    server.proxmox.answers(cluster("prod", &[("n1", "192.0.2.1"), ("n2", "192.0.2.2"), ("n3", "192.0.2.3")]));
    let found = admin.post(&connection, pve("", "h")).await.expect(200).json();
    assert_eq!(
        found,
        json!({"status": "success", "message": "Successfully connected to 3 node(s)", "isCluster": true,
               "nodeCount": 3, "clusterNodeCount": 3})
    );
    let measured = admin.post(&config, pve("", "h")).await.expect(200).json();
    assert_eq!(
        measured,
        json!({"status": "success", "message": "Connected to PVE cluster with 3 nodes", "latency": 12})
    );
    for path in [&connection, &config] {
        let bad = json!({"type": "esx", "host": "h", "tokenName": "n", "tokenValue": "v"});
        assert_eq!(admin.post(path, bad).await.plain(), (400, "Invalid node type".to_owned()));
    }
    assert_eq!(list(&server).await, json!([]));

    admin.post(PATH, pve("lab", "h")).await.expect(201);
    let kept = admin.post(&format!("{PATH}/pve-0/test"), json!({})).await.expect(200).json();
    assert_eq!(kept["status"], "success");
    let unknown = admin.post(&format!("{PATH}/pve-9/test"), json!({})).await.expect(400).json();
    assert_eq!(unknown, json!({"message": "Node not found", "status": "error"}));
    assert_eq!(
        admin.post(&format!("{PATH}/x/test"), json!({})).await.plain(),
        (400, "Invalid node ID".to_owned())
    );
}

#[tokio::test]
async fn the_list_shows_how_polling_goes_and_why_it_does_not() {
    let server = TestServer::set_up();
    server.admin().post(PATH, pve("lab", "h")).await.expect(201);
    let show = async |health, issues: Vec<SourceIssue>| {
        let key = InstanceKey { kind: InstanceKind::Pve, name: "lab".into() };
        let view = InstanceView {
            health,
            issues: Arc::new(issues),
            cluster_name: Some("prod".into()),
            endpoints: Arc::new(vec![member("n1", "192.0.2.1")]),
            ..InstanceView::unknown(key)
        };
        server.state.keeper.change(move |world, _| world.set_instance(view)).await.unwrap();
        let mut world = server.state.keeper.subscribe();
        world.wait_for(|world| world.instances.values().any(|view| view.health == health)).await.unwrap();
        list(&server).await[0].clone()
    };
    let good = show(ConnectionHealth::Healthy, Vec::new()).await;
    assert_eq!((&good["status"], good.get("lastError")), (&json!("connected"), None));
    assert_eq!(
        (&good["clusterName"], &good["clusterEndpoints"][0]["LastSeen"]),
        (&json!("prod"), &json!(START))
    );
    let issue = SourceIssue {
        at: START.parse().unwrap(),
        class: FailureClass::Connection,
        message: "cannot reach h: connection refused".into(),
        node: None,
    };
    let bad = show(ConnectionHealth::Error, vec![issue]).await;
    assert_eq!(
        (&bad["status"], &bad["lastError"]),
        (&json!("disconnected"), &json!("cannot reach h: connection refused"))
    );
}

#[tokio::test]
async fn reading_and_writing_are_two_scopes() {
    let server = TestServer::set_up();
    let (reader, writer) = (server.may(&["settings:read"]), server.may(&["settings:write"]));
    reader.get(PATH).await.expect(200);
    writer.get(PATH).await.expect(403);
    let refused = reader.post(PATH, pve("lab", "h")).await.expect(403).json();
    assert_eq!(refused, json!({"error": "missing_scope", "requiredScope": "settings:write"}));
    reader.delete(&format!("{PATH}/pve-0")).await.expect(403);
    writer.post(PATH, pve("lab", "h")).await.expect(201);
}
