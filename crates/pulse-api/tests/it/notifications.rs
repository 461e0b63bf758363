//! Where notifications go, and trying it out.

use axum::{Router, body::Body, extract::State, routing::post};
use http::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::harness::TestServer;

const PATH: &str = "/api/notifications";

/// A receiver on loopback, and what it gets.
pub async fn receiver(status: u16) -> (String, mpsc::UnboundedReceiver<Value>) {
    let (sender, received) = mpsc::unbounded_channel();
    let app = Router::new()
        .route(
            "/hook",
            post(async move |State(sender): State<mpsc::UnboundedSender<Value>>, body: String| {
                sender.send(serde_json::from_str(&body).unwrap_or(Value::String(body))).unwrap();
                (http::StatusCode::from_u16(status).unwrap(), "said")
            }),
        )
        .with_state(sender);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (format!("http://{address}/hook"), received)
}

pub async fn allow_loopback(server: &TestServer) {
    let body = json!({"webhookAllowedPrivateCIDRs": "127.0.0.0/8"});
    server.admin().post("/api/system/settings/update", body).await.expect(200);
}

#[tokio::test]
async fn a_fresh_server_has_nothing_to_tell_anybody() {
    let server = TestServer::set_up();
    let get = async |path: &str| server.admin().get(&format!("{PATH}/{path}")).await.expect(200).json();
    assert_eq!(
        get("email").await,
        json!({"enabled": false, "provider": "", "server": "", "port": 587, "username": "", "password": "", "from": "",
               "to": [], "tls": true, "startTLS": false})
    );
    assert_eq!(
        get("apprise").await,
        json!({"enabled": false, "mode": "cli", "targets": [], "cliPath": "apprise", "timeoutSeconds": 15,
               "apiKeyHeader": "X-API-KEY", "skipTlsVerify": false})
    );
    for path in ["webhooks", "webhook-history", "deliveries", "dlq"] {
        assert_eq!(get(path).await, json!([]), "{path}");
    }
    assert_eq!(get("queue/stats").await, json!({}));
    let health = get("health").await;
    assert_eq!(
        (&health["overall_healthy"], &health["webhooks"]),
        (&json!(true), &json!({"enabled": 0, "total": 0}))
    );
    let templates = get("webhook-templates").await;
    let services: Vec<&str> =
        templates.as_array().unwrap().iter().map(|it| it["service"].as_str().unwrap()).collect();
    assert_eq!(services[..2], ["discord", "telegram"]);
    assert_eq!((services.len(), get("email-providers").await.as_array().unwrap().len()), (11, 11));
}

#[tokio::test]
async fn passwords_and_keys_go_in_stay_and_never_come_out() {
    let server = TestServer::set_up();
    let admin = server.admin();
    let email = |password: &str| json!({"enabled": true, "server": "mail.example", "from": "a@example.com", "username": "u", "password": password});
    for password in ["hunter2", "", "***REDACTED***"] {
        admin.put(&format!("{PATH}/email"), email(password)).await.expect(200);
        assert_eq!(server.state.notifier.config().current().email.password.expose(), "hunter2");
    }
    assert_eq!(admin.get(&format!("{PATH}/email")).await.json()["password"], "");
    let test = json!({"method": "email", "config": {"enabled": true, "server": "other.example", "from": "a@example.com"}});
    let (status, text) = admin.post(&format!("{PATH}/test"), test).await.plain();
    assert!(status == 400 && text.contains("enter its password"), "{text}");

    let apprise = json!({"enabled": true, "mode": "http", "serverUrl": "https://192.0.2.1/", "apiKey": "k1"});
    let refused = admin.put(&format!("{PATH}/apprise"), apprise).await.plain();
    assert!(refused.1.contains("not allowed as a target"), "{refused:?}");
    let apprise = |key: &str| json!({"mode": "cli", "targets": ["json://x", "JSON://X"], "enabled": true, "apiKey": key});
    admin.put(&format!("{PATH}/apprise"), apprise("k1")).await.expect(200);
    let kept = admin.put(&format!("{PATH}/apprise"), apprise("***REDACTED***")).await.expect(200).json();
    assert_eq!((&kept["apiKey"], &kept["targets"]), (&json!("***REDACTED***"), &json!(["json://x"])));
    assert_eq!(server.state.notifier.config().current().apprise.api_key.expose(), "k1");
}

#[tokio::test]
async fn webhooks_are_kept_masked_changed_and_removed() {
    let server = TestServer::set_up();
    let admin = server.admin();
    let path = format!("{PATH}/webhooks");
    let hook = |url: &str| {
        json!({"name": "ops", "url": url, "enabled": true, "service": "generic", "mention": "@me", "extra": 1,
                                  "headers": {"X-Key": "s3cret"}, "customFields": {"a": "b"}})
    };
    for url in [
        "http://127.0.0.1:1/x",
        "http://2130706433/x",
        "ftp://h.example/x",
        "http://169.254.169.254/latest",
        "nonsense",
    ] {
        let (status, text) = admin.post(&path, hook(url)).await.plain();
        assert!(status == 400 && text.starts_with("Invalid webhook"), "{url}: {text}");
    }
    allow_loopback(&server).await;
    let made = admin.post(&path, hook("http://127.0.0.1:1/x")).await.expect(200).json();
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("webhook-") && made["extra"] == 1);
    let listed = admin.get(&path).await.json();
    assert_eq!(
        (&listed[0]["headers"]["X-Key"], &listed[0]["mention"]),
        (&json!("***REDACTED***"), &json!("@me"))
    );
    let mut back = listed[0].clone();
    back["headers"]["X-New"] = "n".into();
    admin.put(&format!("{path}/{id}"), back).await.expect(200);
    let kept = server.state.notifier.config().current();
    let kept: Vec<&str> = kept.webhooks[0].headers.values().map(pulse_config::Secret::expose).collect();
    assert_eq!(kept, ["s3cret", "n"]);
    let bad = json!({"url": "http://127.0.0.1:1/x", "template": "{{.Nope"});
    assert_eq!(admin.put(&format!("{path}/{id}"), bad).await.plain().0, 400);
    admin.put(&format!("{path}/none"), hook("http://127.0.0.1:1/x")).await.expect(404);
    admin.delete(&format!("{path}/{id}")).await.expect(200);
    assert_eq!(admin.delete(&format!("{path}/{id}")).await.plain(), (404, "Webhook not found".to_owned()));
}

#[tokio::test]
async fn tests_are_delivered_or_say_why_not() {
    let server = TestServer::set_up();
    allow_loopback(&server).await;
    let admin = server.admin();
    let test = |body: Value| admin.post("/api/notifications/test", body);
    assert_eq!(test(json!({})).await.plain(), (400, "unknown notification method:".to_owned()));
    assert_eq!(test(json!({"method": "webhook"})).await.plain(), (400, "no webhooks configured".to_owned()));
    test(json!({"type": "webhook", "webhookId": "x"})).await.expect(404);
    test(json!({"method": "email"})).await.expect(400);
    test(json!({"method": "all"})).await.expect(400);

    let (url, mut received) = receiver(200).await;
    let hook = json!({"id": "w", "name": "ops", "url": url, "enabled": true, "service": "discord"});
    admin.post(&format!("{PATH}/webhooks"), hook.clone()).await.expect(200);
    let done = test(json!({"method": "webhook", "webhookId": "w"})).await.expect(200).json();
    assert_eq!(done, json!({"status": "success", "message": "Test notification sent"}));
    assert_eq!(received.recv().await.unwrap()["username"], "Pulse Monitoring");
    let all = test(json!({"method": "all"})).await.expect(200).json();
    assert_eq!(all["results"], json!([{"name": "ops", "success": true}]));
    let answer = admin.post(&format!("{PATH}/webhooks/test"), hook).await.expect(200).json();
    assert_eq!(answer, json!({"status": 200, "response": "said", "success": true}));

    let (url, _received) = receiver(500).await;
    let answer = admin.post(&format!("{PATH}/webhooks/test"), json!({"url": url})).await;
    assert_eq!(answer.status, 400);
    assert_eq!((&answer.json()["status"], &answer.json()["success"]), (&json!(500), &json!(false)));
    let answer =
        admin.post(&format!("{PATH}/webhooks/test"), json!({"url": "http://10.0.0.1/"})).await.json();
    assert!(answer["error"].as_str().unwrap().contains("is not allowed as a target"), "{answer}");
}

#[tokio::test]
async fn scopes_are_those_of_the_contract() {
    let server = TestServer::set_up();
    let (reads, writes) = (server.may(&["settings:read"]), server.may(&["settings:write"]));
    let (watches, acts) = (server.may(&["monitoring:read"]), server.may(&["monitoring:write"]));
    for client in [&reads, &writes] {
        client.get(&format!("{PATH}/email")).await.expect(200);
        client.get(&format!("{PATH}/dlq")).await.expect(403);
    }
    reads.put(&format!("{PATH}/email"), json!({})).await.expect(403);
    reads.post(&format!("{PATH}/test"), json!({"method": "email"})).await.expect(403);
    watches.get(&format!("{PATH}/email")).await.expect(403);
    watches.get(&format!("{PATH}/queue/stats")).await.expect(200);
    watches.post(&format!("{PATH}/dlq/retry"), json!({"id": "x"})).await.expect(403);
    acts.post(&format!("{PATH}/dlq/retry"), json!({"id": "x"})).await.expect(404);
    acts.send(Method::DELETE, &format!("{PATH}/dlq/delete"), Body::from(r#"{"id":"x"}"#)).await.expect(404);
    acts.post(&format!("{PATH}/dlq/delete"), json!({})).await.expect(400);
    let sent = acts.post("/api/test-notification", json!({})).await.expect(200);
    assert_eq!(sent.text(), r#"{"status":"notification sent"}"#);
}
