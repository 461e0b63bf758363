//! The audit log over the whole application: what is written, who reads it, and that a changed event is seen.

use axum::body::Body;
use http::Method;
use pulse_core::scope::Scope;
use serde_json::{Value, json};

use crate::{
    harness::{PASSWORD, PATIENCE, TOKEN, TestServer, USER},
    notifications::{allow_loopback, receiver},
};

fn licensed() -> TestServer {
    TestServer::set_up_with(|settings| settings.is_development = true)
}

async fn events(server: &TestServer, query: &str) -> Value {
    server.get(&format!("/api/audit{query}"), TOKEN).await.expect(200).json()
}

fn told(found: &Value) -> Vec<String> {
    let text = |event: &Value, key: &str| event[key].as_str().unwrap_or("-").to_owned();
    let one =
        |event: &Value| format!("{} {} {}", text(event, "event"), text(event, "user"), event["success"]);
    found["events"].as_array().unwrap().iter().map(one).collect()
}

#[tokio::test]
async fn who_came_in_and_who_could_not_is_written_down_and_stays() {
    let server = licensed();
    let login = |user: &str, password: &str| json!({"username": user, "password": password}).to_string();
    let anybody = server.anybody().from("192.0.2.7");
    let hostile = "<b>kim</b>\u{202e}' OR 1=1 --";
    anybody.clone().send(Method::POST, "/api/login", Body::from(login(hostile, "guess"))).await.expect(401);
    server.clock.advance(jiff::SignedDuration::from_secs(1));
    anybody.clone().send(Method::POST, "/api/login", Body::from(login(USER, PASSWORD))).await.expect(200);
    server.clock.advance(jiff::SignedDuration::from_secs(1));
    server.call(Method::PUT, "/api/admin/roles/night", Some(TOKEN), r#"{"name":"Night"}"#).await.expect(200);

    let found = events(&server, "").await;
    assert_eq!((&found["total"], &found["persistentLogging"]), (&json!(3), &json!(true)));
    let kinds = told(&found);
    assert!(kinds[0].starts_with("role_created token:") && kinds[0].ends_with("true"), "{kinds:?}");
    assert_eq!(kinds[1..], [format!("login {USER} true"), format!("login {hostile} false")]);
    let first = &found["events"][2];
    assert_eq!((&first["ip"], &first["path"]), (&json!("192.0.2.7"), &json!("/api/login")));
    assert_eq!(first["details"], "Invalid credentials");

    let server = TestServer::over_data_of(server, |settings| settings.is_development = true);
    assert_eq!(events(&server, "").await, found);
    assert_eq!(told(&events(&server, "?success=false").await).len(), 1);
    assert_eq!(told(&events(&server, "?event=login&user=admin").await), [format!("login {USER} true")]);
    let page = events(&server, "?limit=1&offset=1").await;
    assert_eq!((told(&page).len(), &page["total"]), (1, &json!(3)));
    assert_eq!(told(&events(&server, "?startTime=2026-03-04T05:06:09Z").await).len(), 1);
    assert_eq!(told(&events(&server, "?endTime=2026-03-04T05:06:07Z").await).len(), 1);
    for odd in
        ["?limit=0", "?limit=-5", "?limit=x", "?offset=x", "?startTime=soon", "?limit=99999999999999999999"]
    {
        assert_eq!(told(&events(&server, odd).await).len(), 3, "{odd}");
    }
}

#[tokio::test]
async fn an_event_that_somebody_changed_is_seen() {
    let server = licensed();
    server.call(Method::PUT, "/api/admin/roles/night", Some(TOKEN), "{}").await.expect(200);
    let id = events(&server, "").await["events"][0]["id"].as_str().unwrap().to_owned();
    let verify = async |server: &TestServer, id: &str| {
        let answer = server.get(&format!("/api/audit/{id}/verify"), TOKEN).await;
        (answer.status.as_u16(), answer.json())
    };
    let (status, answer) = verify(&server, &id).await;
    assert_eq!(
        (status, answer),
        (200, json!({"available": true, "message": "Event signature verified", "verified": true}))
    );
    let of = id.clone();
    let forge = move |connection: &rusqlite::Connection| {
        Ok(connection.execute("UPDATE audit_event SET user = 'somebody else' WHERE id = ?1", [of])?)
    };
    assert_eq!(server.state.ledger.run(forge).await.unwrap(), 1);
    let (_, answer) = verify(&server, &id).await;
    assert_eq!(
        (&answer["verified"], &answer["message"]),
        (&json!(false), &json!("Event signature verification failed"))
    );
    assert_eq!(verify(&server, "0f6d2f0e-0000-4000-8000-000000000000").await.0, 404);
    assert_eq!(verify(&server, "a_b").await.1["code"], "invalid_id");
    assert_eq!(verify(&server, &"a".repeat(65)).await.1["code"], "invalid_id");
}

#[tokio::test]
async fn the_audit_log_is_for_those_who_may_read_it() {
    let server = licensed();
    let narrow = server.token([Scope::MonitoringRead]);
    assert_eq!(server.get("/api/audit", &narrow).await.expect(403).json()["requiredScope"], "settings:read");
    server.anybody().get("/api/audit").await.expect(401);
    let free = TestServer::set_up();
    free.get("/api/audit", TOKEN).await.expect(402);
}

#[tokio::test]
async fn guesses_at_a_locked_login_do_not_fill_the_log() {
    let server = licensed();
    let anybody = server.anybody().from("192.0.2.9");
    for _ in 0..9 {
        let body = Body::from(json!({"username": USER, "password": "guess"}).to_string());
        anybody.clone().send(Method::POST, "/api/login", body).await;
    }
    assert_eq!(told(&events(&server, "?event=login").await).len(), 5);
}

#[tokio::test]
async fn events_are_sent_to_those_who_are_named_and_to_no_address_that_must_not_be_reached() {
    let server = licensed();
    let path = "/api/admin/webhooks/audit";
    let set = async |urls: Value| {
        let body = json!({"urls": urls}).to_string();
        server.call(Method::POST, path, Some(TOKEN), &body).await
    };
    let (url, mut received) = receiver(200).await;
    for bad in [
        "",
        "ftp://siem.example.org/x",
        "http://169.254.169.254/latest",
        "http://[::ffff:169.254.169.254]/",
        "http://0.0.0.0/",
        "http://metadata.google.internal/",
        url.as_str(),
        &format!("https://siem.example.org/{}", "x".repeat(10_000)),
    ] {
        let refused = set(json!([bad])).await.expect(400).json();
        assert_eq!(refused["code"], "invalid_url", "{bad}");
        assert!(refused["details"]["url"].as_str().unwrap().len() <= 200);
    }
    assert_eq!(set(json!(vec!["https://192.0.2.1/x"; 11])).await.expect(400).json()["code"], "too_many");
    allow_loopback(&server).await;
    set(json!([url])).await.expect(204);
    assert_eq!(server.get(path, TOKEN).await.expect(200).json(), json!({"urls": [url]}));
    let narrow = server.token([Scope::SettingsRead]);
    server.call(Method::POST, path, Some(&narrow), r#"{"urls":[]}"#).await.expect(403);
    let secret = url.replace("http://", "http://user:hush@");
    set(json!([format!("{secret}/hush?key=hush")])).await.expect(204);
    let shown = server.get(path, &narrow).await.expect(200).json();
    assert_eq!(shown, json!({"urls": [url.replace("/hook", "/…")]}));
    set(json!([url])).await.expect(204);

    server.call(Method::PUT, "/api/admin/roles/night", Some(TOKEN), "{}").await.expect(200);
    let told = loop {
        let told = tokio::time::timeout(PATIENCE, received.recv()).await.unwrap().unwrap();
        // That others are told from now on was told, too.
        if told["event"] != "audit.audit_webhooks_updated" {
            break told;
        }
    };
    assert_eq!(
        (&told["event"], &told["data"]["details"]),
        (&json!("audit.role_created"), &json!("role night"))
    );
    assert_eq!(told["data"]["id"], events(&server, "").await["events"][0]["id"]);
    set(json!([])).await.expect(204);
    let server = TestServer::over_data_of(server, |settings| settings.is_development = true);
    assert_eq!(server.get(path, TOKEN).await.json(), json!({"urls": []}));
}
