//! Backup servers and mail gateways in the settings, against simulated ones over real HTTPS.

use pulse_sim::{BackupServer, BackupServerOptions, Effect, Fault, MailGateway, MailGatewayOptions};
use serde_json::{Value, json};

use crate::harness::TestServer;

const PATH: &str = "/api/config/nodes";

async fn backup_server() -> BackupServer {
    BackupServer::start(BackupServerOptions::default()).await.unwrap()
}

fn described(server: &BackupServer) -> Value {
    let access = server.machine().access();
    json!({
        "type": "pbs", "name": "vault", "host": access.url, "fingerprint": access.fingerprint,
        "tokenName": access.token_name, "tokenValue": access.token_value, "monitorDatastores": true,
    })
}

async fn gateway() -> MailGateway {
    MailGateway::start(MailGatewayOptions::default()).await.unwrap()
}

fn described_gateway(gateway: &MailGateway) -> Value {
    let access = gateway.machine().access();
    json!({
        "type": "pmg", "name": "mx", "host": access.url, "fingerprint": access.fingerprint,
        "user": access.user, "password": access.password,
    })
}

#[tokio::test]
async fn a_backup_server_is_tried_in_the_contracts_words() {
    let (server, vault) = (TestServer::set_up(), backup_server().await);
    let tried = server.admin().post(&format!("{PATH}/test-connection"), described(&vault)).await.expect(200);
    assert_eq!(
        tried.json(),
        json!({"status": "success", "message": "Successfully connected. Found 4 datastore(s)", "datastoreCount": 4})
    );
    let tried =
        server.admin().post(&format!("{PATH}/test-config"), described(&vault)).await.expect(200).json();
    assert_eq!(
        (&tried["status"], &tried["message"]),
        (&json!("success"), &json!("Connected to PBS instance"))
    );
    assert!(tried["latency"].is_u64());
    server.admin().post(PATH, described(&vault)).await.expect(201);
    let tried = server.admin().post(&format!("{PATH}/pbs-0/test"), json!({})).await.expect(200).json();
    assert_eq!(tried["message"], "Connected to PBS");
}

#[tokio::test]
async fn a_mail_gateway_is_tried_in_the_contracts_words() {
    let (server, mx) = (TestServer::set_up(), gateway().await);
    let tried =
        server.admin().post(&format!("{PATH}/test-connection"), described_gateway(&mx)).await.expect(200);
    assert_eq!(
        tried.json(),
        json!({"status": "success", "message": "Connected to PMG instance (version 9.1)", "version": "9.1", "release": "9.1"})
    );
    mx.machine().add_fault(
        Fault::new(Effect::Status { code: 403, text: "Permission check failed".into() })
            .on_path("/statistics/*"),
    );
    let tried =
        server.admin().post(&format!("{PATH}/test-connection"), described_gateway(&mx)).await.expect(200);
    let warnings = tried.json()["warnings"].clone();
    assert!(warnings[0].as_str().unwrap().contains("role Auditor"), "{warnings}");
    server.admin().post(PATH, described_gateway(&mx)).await.expect(201);
    let tried = server.admin().post(&format!("{PATH}/pmg-0/test"), json!({})).await.expect(200).json();
    assert_eq!((&tried["message"], &tried["version"]), (&json!("Connected to PMG instance"), &json!("9.1")));
    let refused = server.admin().post(&format!("{PATH}/pmg-0/refresh-cluster"), json!({})).await.expect(400);
    assert_eq!(refused.text().trim_end(), "Only PVE nodes can be cluster members");
}

#[tokio::test]
async fn what_is_wrong_is_said_precisely_and_without_a_secret() {
    let (server, vault) = (TestServer::set_up(), backup_server().await);
    let secret = vault.machine().access().token_value;
    let other = "AA".repeat(32);
    for (change, part) in [
        (json!({"tokenValue": "wrong-secret"}), "refuses the API token pulse-monitor@pbs!pulse"),
        (json!({"fingerprint": other}), "shows another certificate"),
        (json!({"fingerprint": "AA:BB"}), "is not a SHA-256 fingerprint"),
        (json!({"host": "https://127.0.0.1:9"}), "connection refused"),
        (json!({"fingerprint": "", "verifySSL": true}), "is not trusted"),
    ] {
        let mut body = described(&vault);
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let text =
            server.admin().post(&format!("{PATH}/test-connection"), body.clone()).await.expect(400).text();
        assert!(text.contains(part), "{change}: {text}");
        assert!(!text.contains(&secret) && !text.contains("wrong-secret"), "{text}");
        let json = server.admin().post(&format!("{PATH}/test-config"), body).await.expect(400).json();
        assert!(json["status"] == "error" && json["message"].as_str().unwrap().contains(part), "{json}");
    }
    let token =
        json!({"type": "pmg", "host": "https://127.0.0.1:9", "tokenName": "a@pmg!b", "tokenValue": "c"});
    let text = server.admin().post(&format!("{PATH}/test-connection"), token).await.expect(400).text();
    assert!(text.contains("no API tokens"), "{text}");
}

#[tokio::test]
async fn a_token_takes_the_place_of_an_administrators_password() {
    let (server, vault) = (TestServer::set_up(), backup_server().await);
    let (user, password) = vault.machine().administrator();
    let mut body = described(&vault);
    let fields = body.as_object_mut().unwrap();
    fields.retain(|name, _| !name.starts_with("token"));
    fields.extend([("user".to_owned(), json!(user)), ("password".to_owned(), json!(password))]);
    server.admin().post(PATH, body.clone()).await.expect(201);
    let listed = server.admin().get(PATH).await.expect(200).json();
    assert_eq!(
        (&listed[0]["hasToken"], &listed[0]["hasPassword"]),
        (&json!(true), &json!(false)),
        "{listed}"
    );
    assert!(listed[0]["tokenName"].as_str().unwrap().starts_with("pulse-monitor@pbs!pulse-"), "{listed}");
    server.admin().post(&format!("{PATH}/pbs-0/test"), json!({})).await.expect(200);

    // Somebody who may only read keeps the password.
    let access = vault.machine().access();
    body["host"] = json!(access.url.replace("127.0.0.1", "localhost"));
    body["user"] = json!(access.user);
    body["password"] = json!(access.password);
    server.admin().post(PATH, body).await.expect(201);
    let listed = server.admin().get(PATH).await.expect(200).json();
    assert_eq!(
        (&listed[1]["hasToken"], &listed[1]["hasPassword"]),
        (&json!(false), &json!(true)),
        "{listed}"
    );
}
