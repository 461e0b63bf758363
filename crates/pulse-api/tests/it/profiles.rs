//! Profiles of agents, updates that wait, and compressed reports, over the whole application.

use std::io::Write as _;

use axum::body::Body;
use flate2::{Compression, write::GzEncoder};
use http::{Method, Request, StatusCode};
use pulse_core::scope::Scope;
use serde_json::{Value, json};

use crate::harness::TestServer;

fn licensed() -> TestServer {
    TestServer::over(tempfile::tempdir().unwrap(), |settings| settings.is_development = true)
}

const BASE: &str = "/api/admin/profiles";

#[tokio::test]
async fn a_profile_is_made_changed_assigned_rolled_back_and_deleted() {
    let server = licensed();
    let token = server.token([Scope::All]);
    let call = async |method: Method, path: &str, body: Value| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        server.call(method, &format!("{BASE}{path}"), Some(&token), &body).await
    };
    assert_eq!(call(Method::GET, "/", Value::Null).await.json(), json!([]));
    let made = call(Method::POST, "/", json!({"name": "lab", "config": {"interval": "10s"}})).await.json();
    let id = made["id"].as_str().unwrap().to_owned();
    assert_eq!((&made["version"], &made["config"]["interval"]), (&json!(1), &json!("10s")));
    assert_eq!(made["created_at"], "2026-03-04T05:06:07Z");
    let changed = call(Method::PUT, &format!("/{id}"), json!({"config": {"interval": "1m"}})).await.json();
    assert_eq!((&changed["version"], &changed["name"]), (&json!(2), &json!("lab")));
    let assigned =
        call(Method::POST, "/assignments", json!({"agent_id": "nas1", "profile_id": id})).await.json();
    assert_eq!((&assigned["profile_version"], &assigned["agent_id"]), (&json!(2), &json!("nas1")));
    let waiting = call(Method::GET, "/deployments?agent_id=nas1", Value::Null).await.json();
    assert_eq!(waiting[0]["deployment_status"], "pending");
    let back = call(Method::POST, &format!("/{id}/rollback/1"), Value::Null).await.json();
    assert_eq!((&back["version"], &back["config"]["interval"]), (&json!(3), &json!("10s")));
    let versions = call(Method::GET, &format!("/{id}/versions"), Value::Null).await.json();
    assert_eq!(versions[2]["change_note"], "Rolled back to version 1");
    assert_eq!(call(Method::DELETE, "/assignments/nas1", Value::Null).await.status, StatusCode::NO_CONTENT);
    let deleted = call(Method::DELETE, &format!("/{id}"), Value::Null).await;
    assert_eq!((deleted.status, deleted.text().as_str()), (StatusCode::OK, ""));
    assert_eq!(call(Method::GET, &format!("/{id}"), Value::Null).await.text(), "Profile not found\n");
    let log = call(Method::GET, &format!("/changelog?profile_id={id}"), Value::Null).await.json();
    let actions: Vec<_> = log.as_array().unwrap().iter().map(|it| it["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["create", "update", "assign", "rollback", "unassign", "delete"]);
    assert!(log[0]["user"].as_str().unwrap().starts_with("token:"));
}

#[tokio::test]
async fn what_agents_cannot_follow_is_refused_by_key() {
    let server = licensed();
    let token = server.token([Scope::All]);
    let post = async |path: &str, body: &str| {
        server.call(Method::POST, &format!("{BASE}{path}"), Some(&token), body).await
    };
    let refused = post("/", r#"{"name":"x","config":{"interval":30}}"#).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        refused.json(),
        json!({"error": "validation_failed", "message": "Configuration validation failed", "warnings": null,
            "errors": [{"Key": "interval", "Message": "expected duration string, got float64"}]})
    );
    for (path, body) in [
        ("/", "{}"),
        ("/", "[]"),
        ("/", "{"),
        ("/", r#"{"name":"x","config":[]}"#),
        ("/assignments", r#"{"agent_id":"a"}"#),
        ("/deployments", r#"{"agent_id":"a","profile_id":"b","deployment_status":"gone"}"#),
        ("/p/rollback/x", ""),
    ] {
        assert_eq!(post(path, body).await.status, StatusCode::BAD_REQUEST, "{path} {body}");
    }
    let unknown = post("/assignments", r#"{"agent_id":"a","profile_id":"b"}"#).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    let found = post("/validate", r#"{"enable_host":"yes","bogus":1}"#).await.json();
    assert_eq!((&found["Valid"], &found["Errors"][0]["Key"]), (&json!(false), &json!("enable_host")));
    assert_eq!(found["Warnings"][0]["Key"], "bogus");
    assert_eq!(
        post("/validate", "{}").await.json(),
        json!({"Valid": true, "Errors": null, "Warnings": null})
    );
    let schema = server.get(&format!("{BASE}/schema"), &token).await.json();
    assert_eq!(schema[5]["Enum"], json!(["pve", "pbs", "auto"]), "{schema}");
    assert_eq!(post("/suggestions", "{}").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn profiles_belong_to_a_licence_and_the_path_without_its_slash_leads_there() {
    let free = TestServer::set_up();
    let token = free.token([Scope::All]);
    let refused = free.get("/api/admin/profiles/", &token).await;
    assert_eq!(refused.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(refused.json()["feature"], "agent_profiles");
    let led = free.call(Method::POST, BASE, Some(&token), "{}").await;
    assert_eq!(led.status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(led.headers["location"], "/api/admin/profiles/");
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

async fn report(server: &TestServer, path: &str, token: &str, body: Vec<u8>) -> crate::harness::Answer {
    let request = Request::post(path).header("X-API-Token", token).header("Content-Encoding", "gzip");
    server.send(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn compressed_reports_are_taken_and_bombs_are_not() {
    let server = TestServer::set_up();
    let token = server.token([Scope::HostAgentReport]);
    let path = "/api/agents/host/report";
    let taken = report(&server, path, &token, gzip(r#"{"host":{"hostname":"nas1"}}"#)).await;
    assert_eq!((taken.status, &taken.json()["hostId"]), (StatusCode::OK, &json!("nas1")));
    assert_eq!(taken.headers["accept-encoding"], "gzip");
    let bomb = report(&server, path, &token, gzip(&" ".repeat(3 * 1024 * 1024))).await;
    assert_eq!(
        (bomb.status, &bomb.json()["code"]),
        (StatusCode::PAYLOAD_TOO_LARGE, &json!("body_too_large"))
    );
    let beyond_the_route = report(&server, path, &token, gzip(&" ".repeat(300 * 1024))).await;
    assert_eq!(beyond_the_route.status, StatusCode::BAD_REQUEST, "the route's own limit is that of Pulse v5");
    let nobody = report(&server, path, "wrong", gzip("{}")).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn updates_that_wait_are_listed_by_machine_and_resource() {
    let server = TestServer::set_up();
    let token = server.token([Scope::All]);
    assert_eq!(server.get("/api/infra-updates", &token).await.json(), json!({"total": 0, "updates": null}));
    let summary = server.get("/api/infra-updates/summary", &token).await.json();
    assert_eq!(summary, json!({"summaries": {}, "totalUpdates": 0}));
    let docker = json!({"agent": {"id": "a1"}, "host": {"hostname": "dock1", "name": "dock1", "machineId": "m1"}, "containers": [
        {"id": "c1", "name": "web", "image": "nginx:1", "state": "running", "updateStatus": {"updateAvailable": true,
            "currentDigest": "sha256:a", "latestDigest": "sha256:b", "lastChecked": "2026-03-04T05:00:00Z"}},
        {"id": "c2", "name": "db", "image": "postgres:16", "state": "running", "updateStatus": {"updateAvailable": false}},
    ]});
    let taken =
        server.call(Method::POST, "/api/agents/docker/report", Some(&token), &docker.to_string()).await;
    let host = taken.json()["hostId"].as_str().unwrap().to_owned();
    let list = server.get("/api/infra-updates", &token).await.json();
    assert_eq!(list["total"], 1);
    let update = &list["updates"][0];
    assert_eq!((&update["type"], &update["resourceType"]), (&json!("docker_image"), &json!("docker")));
    assert_eq!((&update["hostId"], &update["latestDigest"]), (&json!(host), &json!("sha256:b")));
    assert_eq!(update["firstDetected"], "2026-03-04T05:00:00Z");
    let resource = update["resourceId"].as_str().unwrap().replace('/', "%2F");
    for (path, total) in [
        (format!("/api/infra-updates/host/{host}"), 1),
        ("/api/infra-updates/host/other".to_owned(), 0),
        (format!("/api/infra-updates/{resource}"), 1),
        ("/api/infra-updates?resourceType=node".to_owned(), 0),
    ] {
        assert_eq!(server.get(&path, &token).await.json()["total"], total, "{path}");
    }
    let summary = server.get("/api/infra-updates/summary", &token).await.json();
    assert_eq!(summary["summaries"][&host]["containerUpdates"], 1);
    let check =
        async |body: &str| server.call(Method::POST, "/api/infra-updates/check", Some(&token), body).await;
    assert_eq!(check(r#"{"hostId":"nobody"}"#).await.status, StatusCode::NOT_FOUND);
    assert_eq!(check("[]").await.status, StatusCode::BAD_REQUEST);
    let queued = check("").await;
    assert_eq!((queued.status, &queued.json()["hostId"]), (StatusCode::OK, &json!(host)));
    let again = check(&json!({"hostId": host}).to_string()).await;
    assert_eq!(again.json()["code"], "check_updates_command_failed", "one command at a time");
    let told =
        server.call(Method::POST, "/api/agents/docker/report", Some(&token), &docker.to_string()).await;
    assert_eq!(told.json()["commands"][0]["type"], "check_updates");
}
