//! `/api/alerts/*`: raised by a report, acted on by people, kept over a restart.

use http::Method;
use pulse_core::{
    report::host::{HostDisk, HostInfo, HostMetrics, HostReport},
    scope::Scope,
};
use pulse_monitor::Reporter;
use serde_json::{Value, json};

use crate::harness::{PATIENCE, TOKEN, TestServer};

/// The alert of the tests, as a path has it.
const ENCODED: &str = "host%3Am-1-cpu";
const ID: &str = "host:m-1-cpu";

fn report(cpu: f64, disk: f64) -> HostReport {
    HostReport {
        host: HostInfo {
            hostname: "alpha".into(),
            id: Some("m-1".into()),
            platform: Some("linux".into()),
            ..HostInfo::default()
        },
        metrics: HostMetrics { cpu_usage_percent: Some(cpu), memory: None },
        disks: vec![HostDisk {
            device: "/dev/sda1".into(),
            mountpoint: "/srv/data".into(),
            total_bytes: 1000,
            used_bytes: (disk * 10.0) as u64,
            usage: disk,
            ..HostDisk::default()
        }],
        ..HostReport::default()
    }
}

/// Reports and waits until the alerts that are raised are these.
async fn report_until(server: &TestServer, cpu: f64, disk: f64, raised: &[&str]) {
    let mut world = server.state.keeper.subscribe();
    server.state.keeper.report_host(report(cpu, disk), Reporter::Local).await.unwrap().unwrap();
    let is_so = |world: &std::sync::Arc<pulse_core::Snapshot>| {
        world.active_alerts.iter().map(|alert| alert.id.as_str()).eq(raised.iter().copied())
    };
    tokio::time::timeout(PATIENCE, world.wait_for(is_so)).await.unwrap().unwrap();
}

/// A server whose host thresholds fire at once.
async fn server() -> TestServer {
    let server = TestServer::set_up();
    let at_once = json!({"hostDefaults": {
        "cpu": {"trigger": 80, "clear": 75, "delaySeconds": 0}, "disk": {"trigger": 90, "clear": 85, "delaySeconds": 0},
    }});
    server.admin().put("/api/alerts/config", at_once).await.expect(200);
    server
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|alert| alert["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_alert_is_raised_acknowledged_and_closed_in_the_contracts_shapes() {
    let server = server().await;
    let admin = server.admin();
    assert_eq!(admin.get("/api/alerts/active").await.expect(200).json(), json!([]));
    report_until(&server, 96.0, 10.0, &[ID]).await;

    let active = admin.get("/api/alerts/active").await.expect(200).json();
    assert_eq!(
        active,
        json!([{
            "id": ID, "type": "cpu", "level": "critical", "resourceId": "host:m-1", "resourceName": "alpha",
            "node": "alpha", "instance": "linux", "message": "Host cpu at 96.0%", "value": 96.0, "threshold": 80.0,
            "startTime": "2026-03-04T05:06:07Z", "lastSeen": "2026-03-04T05:06:07Z", "acknowledged": false,
            "metadata": {"resourceType": "Host", "clearThreshold": 75.0, "monitorOnly": false, "metric": "cpu", "hostId": "m-1"},
        }])
    );
    let state = admin.get("/api/state").await.expect(200).json();
    assert_eq!(ids(&state["activeAlerts"]), [ID]);
    assert!(state["activeAlerts"][0].get("metadata").is_none());

    let done = admin.send(Method::POST, &format!("/api/alerts/{ENCODED}/acknowledge"), "".into()).await;
    assert_eq!(done.expect(200).json(), json!({"success": true}));
    let session = server.session().await;
    session.post("/api/alerts/unacknowledge", json!({"id": ID})).await.expect(200);
    session.post("/api/alerts/acknowledge", json!({"id": ID})).await.expect(200);
    let active = admin.get("/api/alerts/active").await.json();
    assert_eq!((&active[0]["acknowledged"], &active[0]["ackUser"]), (&json!(true), &json!("admin")));

    report_until(&server, 20.0, 10.0, &[]).await;
    let history = admin.get("/api/alerts/history").await.expect(200).json();
    assert_eq!(ids(&history), [ID]);
    assert_eq!((&history[0]["value"], &history[0]["acknowledged"]), (&json!(96.0), &json!(false)));
    assert_eq!(history[0]["resolvedReason"], "recovered");

    let incident = admin.get(&format!("/api/alerts/incidents?alert_id={ENCODED}")).await.expect(200).json();
    let kinds: Vec<_> =
        incident["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    let expect =
        ["alert_fired", "alert_acknowledged", "alert_unacknowledged", "alert_acknowledged", "alert_resolved"];
    assert_eq!(kinds, expect);
    assert_eq!((&incident["status"], &incident["ackUser"]), (&json!("resolved"), &json!("admin")));
    admin
        .post("/api/alerts/incidents/note", json!({"incident_id": incident["id"], "note": "a fan"}))
        .await
        .expect(200);
    let list = admin.get("/api/alerts/incidents?resource_id=host:m-1").await.expect(200).json();
    assert_eq!(list[0]["events"][5]["details"], json!({"note": "a fan", "user": "Primary token"}));
}

#[tokio::test]
async fn several_at_once_with_either_name_of_the_list() {
    let server = server().await;
    let admin = server.admin();
    let disk = "host:m-1/disk:srv-data-disk";
    report_until(&server, 96.0, 95.0, &[ID, disk]).await;
    let body = json!({"alertIds": [ID, "nonsense"], "user": "eve"});
    let results = admin.post("/api/alerts/bulk/acknowledge", body).await.expect(200).json();
    assert_eq!(
        results,
        json!({"results": [
            {"alertId": ID, "success": true},
            {"alertId": "nonsense", "success": false, "error": "alert not found: nonsense"},
        ]})
    );
    assert_eq!(admin.get("/api/alerts/active").await.json()[0]["ackUser"], "eve");
    let cleared = admin.post("/api/alerts/bulk/clear", json!({"ids": [disk]})).await.expect(200).json();
    assert_eq!(cleared["results"][0]["success"], true);
    assert_eq!(ids(&admin.get("/api/alerts/active").await.json()), [ID]);
    // An id with a slash, in a path.
    report_until(&server, 96.0, 97.0, &[ID, disk]).await;
    let path = "/api/alerts/host%3Am-1%2Fdisk%3Asrv-data-disk/clear";
    admin.send(Method::POST, path, "".into()).await.expect(200);
}

#[tokio::test]
async fn what_is_raised_and_acknowledged_is_still_so_after_a_restart() {
    let server = server().await;
    report_until(&server, 96.0, 10.0, &[ID]).await;
    server.admin().post("/api/alerts/acknowledge", json!({"id": ID})).await.expect(200);
    server.state.ledger.close().await;
    let server = server.restarted();
    let mut world = server.state.keeper.subscribe();
    world.wait_for(|world| !world.active_alerts.is_empty()).await.unwrap();
    let active = server.admin().get("/api/alerts/active").await.json();
    assert_eq!((ids(&active), &active[0]["ackUser"]), (vec![ID], &json!("Primary token")));
    report_until(&server, 96.0, 10.0, &[ID]).await;
    report_until(&server, 10.0, 10.0, &[]).await;
}

#[tokio::test]
async fn raising_a_threshold_closes_at_once_and_activation_is_kept() {
    let server = server().await;
    let admin = server.admin();
    report_until(&server, 85.0, 10.0, &[ID]).await;
    let activated = admin.post("/api/alerts/activate", json!({})).await.expect(200).json();
    assert_eq!(
        (&activated["state"], &activated["activationTime"]),
        (&json!("active"), &json!("2026-03-04T05:06:07Z"))
    );
    admin
        .put("/api/alerts/config", json!({"hostDefaults": {"cpu": {"trigger": 95, "clear": 90}}}))
        .await
        .expect(200);
    assert_eq!(admin.get("/api/alerts/active").await.json(), json!([]));
    let config = admin.get("/api/alerts/config").await.expect(200).json();
    assert_eq!((&config["activationState"], &config["enabled"]), (&json!("active"), &json!(true)));
    assert_eq!(config["hostDefaults"]["cpu"], json!({"trigger": 95.0, "clear": 90.0}));
}

#[tokio::test]
async fn filters_come_before_the_page() {
    let server = server().await;
    let admin = server.admin();
    for (cpu, disk) in [(96.0, 10.0), (10.0, 95.0), (85.0, 10.0), (10.0, 10.0)] {
        let mut raised = Vec::new();
        if cpu >= 80.0 {
            raised.push(ID);
        }
        if disk >= 90.0 {
            raised.push("host:m-1/disk:srv-data-disk");
        }
        report_until(&server, cpu, disk, &raised).await;
        server.clock.advance(jiff::SignedDuration::from_secs(60));
    }
    let history = async |query: &str| admin.get(&format!("/api/alerts/history{query}")).await;
    let all = history("").await.expect(200).json();
    assert_eq!(all.as_array().unwrap().len(), 3);
    assert_eq!(all[0]["level"], "warning");
    let critical = history("?severity=critical&limit=1").await.expect(200).json();
    assert_eq!(ids(&critical), [ID]);
    let disks = history("?resourceId=host:m-1/disk:srv-data&limit=1").await.expect(200).json();
    assert_eq!(ids(&disks), ["host:m-1/disk:srv-data-disk"]);
    assert_eq!(history("?offset=1&limit=1").await.expect(200).json()[0]["id"], "host:m-1/disk:srv-data-disk");
    let early = history("?endTime=2026-03-04T05:06:30Z").await.expect(200).json();
    assert_eq!(early.as_array().unwrap().len(), 1);
    for bad in
        ["?limit=-1", "?startTime=yesterday", "?startTime=2026-01-02T00:00:00Z&endTime=2026-01-01T00:00:00Z"]
    {
        history(bad).await.expect(400);
    }
    history("?limit=many&severity=loud").await.expect(200);
    let cleared = admin.delete("/api/alerts/history").await.expect(200).json();
    assert_eq!(cleared["status"], "success");
    assert_eq!(history("").await.json(), json!([]));
}

#[tokio::test]
async fn snooze_thresholds_and_maintenance() {
    let server = server().await;
    let admin = server.admin();
    report_until(&server, 96.0, 10.0, &[ID]).await;
    let path = format!("/api/alerts/{ENCODED}/snooze");
    admin.post(&path, json!({"minutes": 30})).await.expect(200);
    let active = admin.get("/api/alerts/active").await.json();
    assert_eq!(active[0]["metadata"]["snoozedUntil"], "2026-03-04T05:36:07Z");
    for bad in [
        json!({}),
        json!({"minutes": 0}),
        json!({"minutes": 99_999_999}),
        json!({"minutes": 1, "until": "2027-01-01T00:00:00Z"}),
    ] {
        let refused = admin.post(&path, bad).await.expect(400).json();
        assert_eq!(refused["code"], "invalid_snooze");
    }
    admin.post("/api/alerts/nonsense/snooze", json!({"minutes": 1})).await.expect(404);
    admin.post(&format!("/api/alerts/{ENCODED}/unsnooze"), json!({})).await.expect(200);

    let thresholds = admin.get("/api/alerts/thresholds?resourceId=m-1").await.expect(200).json();
    let cpu = &thresholds[0]["metrics"][0];
    assert_eq!(
        (&cpu["trigger"], &cpu["origin"], &cpu["delaySeconds"]),
        (&json!(80.0), &json!("default"), &json!(0))
    );

    let window = json!({"name": "move", "enabled": true, "start": "2026-03-04T00:00:00Z", "end": "2026-03-05T00:00:00Z"});
    let made = admin.post("/api/alerts/maintenance", window).await.expect(201).json();
    let active = admin.get("/api/alerts/active").await.json();
    assert_eq!(active[0]["metadata"]["maintenance"], made["id"]);
    let refused = admin.post("/api/alerts/maintenance", json!({"enabled": true})).await.expect(400).json();
    assert_eq!(refused["code"], "invalid_window");
    admin.delete(&format!("/api/alerts/maintenance/{}", made["id"].as_str().unwrap())).await.expect(200);
    admin.delete("/api/alerts/maintenance/none").await.expect(404);
    assert_eq!(admin.get("/api/alerts/maintenance").await.expect(200).json(), json!([]));
    assert!(admin.get("/api/alerts/active").await.json()[0]["metadata"].get("maintenance").is_none());
}

#[tokio::test]
async fn bad_input_and_missing_rights() {
    let server = server().await;
    let admin = server.admin();
    let unknown = admin.post("/api/alerts/acknowledge", json!({"id": "x"})).await;
    assert_eq!(unknown.plain(), (404, "alert not found: x".to_owned()));
    let unknown = admin.post("/api/alerts/clear", json!({"id": "x"})).await;
    assert_eq!(unknown.plain(), (404, "Alert not found".to_owned()));
    admin.post("/api/alerts/clear", json!({"id": "../x"})).await.expect(400);
    admin.post("/api/alerts/clear", json!({})).await.expect(400);
    admin.post("/api/alerts/bulk/clear", json!({"ids": []})).await.expect(400);
    admin.put("/api/alerts/config", json!({"guestDefaults": 5})).await.expect(400);
    for nonsense in [
        r#"{"guestDefaults":{"cpu":{"trigger":NaN}}}"#,
        r#"{"guestDefaults":{"cpu":{"trigger":1e999}}}"#,
        r#"{"guestDefaults":{"cpu":{"trigger":"high"}}}"#,
        r#"{"schedule":{"cooldown":1.5}}"#,
        "[]",
        "",
    ] {
        admin.send(Method::PUT, "/api/alerts/config", nonsense.into()).await.expect(400);
    }
    let inverted = json!({"guestDefaults": {"cpu": {"trigger": -5, "clear": 400}}, "schedule": null});
    admin.put("/api/alerts/config", inverted).await.expect(200);
    let config = admin.get("/api/alerts/config").await.json();
    assert_eq!(config["guestDefaults"]["cpu"], json!({"trigger": 80.0, "clear": 75.0}));
    admin.get("/api/alerts/incidents").await.expect(400);
    assert_eq!(admin.get("/api/alerts/incidents?alert_id=x").await.expect(200).json(), Value::Null);
    admin.post("/api/alerts/incidents/note", json!({"alert_id": "x", "note": "n"})).await.expect(404);
    for (method, path) in [
        (Method::GET, "/api/alerts/nonsense"),
        (Method::GET, "/api/alerts/activate"),
        (Method::DELETE, "/api/alerts/active"),
    ] {
        admin.send(method, path, "".into()).await.expect(404);
    }

    let reader = server.token([Scope::MonitoringRead]);
    server.call(Method::GET, "/api/alerts/active", Some(&reader), "").await.expect(200);
    server.call(Method::PUT, "/api/alerts/config", Some(&reader), "{}").await.expect(403);
    server.call(Method::GET, "/api/alerts/active", None, "").await.expect(401);
    server.call(Method::POST, "/api/alerts/clear", Some(TOKEN), "{").await.expect(400);
}

#[tokio::test]
async fn what_is_damaged_is_set_aside_and_everything_goes_on() {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("pulse.db"), "this was a database".repeat(500)).unwrap();
    std::fs::write(data.path().join("alerts.json"), "{\"guestDefaults\": {\"cpu\": ").unwrap();
    let server = TestServer::set_up_in(data);
    let admin = server.admin();
    assert_eq!(admin.get("/api/alerts/history").await.expect(200).json(), json!([]));
    let config = admin.get("/api/alerts/config").await.expect(200).json();
    assert_eq!(config["guestDefaults"]["cpu"], json!({"trigger": 80.0, "clear": 75.0}));
    // Ten seconds pass between two reports: the threshold has its delay.
    report_until(&server, 96.0, 10.0, &[]).await;
    server.state.alerts.look_now().await.unwrap();
    server.clock.advance(jiff::SignedDuration::from_secs(10));
    report_until(&server, 96.0, 10.0, &[ID]).await;
    assert_eq!(ids(&admin.get("/api/alerts/history").await.expect(200).json()), [ID]);
    let names: Vec<String> = std::fs::read_dir(server.data.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    let is_aside =
        |name: &str| names.iter().any(|other| other.starts_with(name) && other.len() > name.len() + 4);
    assert!(is_aside("pulse.db") && is_aside("alerts.json"), "{names:?}");
}

#[tokio::test]
async fn several_are_snoozed_and_taken_back_at_once() {
    let server = server().await;
    let admin = server.admin();
    let disk = "host:m-1/disk:srv-data-disk";
    report_until(&server, 96.0, 95.0, &[ID, disk]).await;
    let body = json!({"alertIds": [ID, disk, "nonsense"], "minutes": 60});
    let results = admin.post("/api/alerts/bulk/snooze", body).await.expect(200).json();
    assert_eq!(
        (&results["results"][1]["success"], &results["results"][2]["success"]),
        (&json!(true), &json!(false))
    );
    let snoozed = async || {
        let active = admin.get("/api/alerts/active").await.json();
        active.as_array().unwrap().iter().filter(|it| it["metadata"].get("snoozedUntil").is_some()).count()
    };
    assert_eq!(snoozed().await, 2);
    admin.post("/api/alerts/bulk/unsnooze", json!({"ids": [ID, disk]})).await.expect(200);
    assert_eq!(snoozed().await, 0);
    admin.post("/api/alerts/bulk/snooze", json!({"ids": [ID], "minutes": 0})).await.expect(400);
    admin.post("/api/alerts/bulk/acknowledge", json!({"ids": [ID, disk]})).await.expect(200);
    admin.post("/api/alerts/bulk/unacknowledge", json!({"ids": [ID, disk]})).await.expect(200);
    assert_eq!(admin.get("/api/alerts/active").await.json()[0]["acknowledged"], json!(false));
}
