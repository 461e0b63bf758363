//! The real Apprise: the program, and a service that speaks its API.

use std::process::Stdio;

use pulse_config::{Secret, schema::notify::AppriseConfig};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::{
    python,
    support::{UNGROUPED, open, receiver},
};

#[tokio::test]
async fn the_program_delivers_or_says_why_not_without_telling_its_targets() {
    let Some(programs) = python::programs() else { return };
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), UNGROUPED, vec![]);
    let (url, mut got, answers) = receiver().await;
    let config = AppriseConfig {
        enabled: true,
        cli_path: programs.join("apprise").display().to_string(),
        targets: vec![url.replace("http://", "json://") + "/very-secret"],
        timeout_seconds: 60,
        ..AppriseConfig::default()
    };
    let message = world.notifier.test_message(95.5, 90.0);
    world.notifier.send_apprise(&config, &message).await.unwrap();
    let body = got.recv().await.unwrap().body;
    assert_eq!(body["title"], "Pulse alert: Test Resource");
    assert!(
        body["message"].as_str().unwrap().contains("[WARNING] Test Resource — value 95.50 (threshold 90.00)"),
        "{body}"
    );

    answers.lock().unwrap().push_back((500, vec![]));
    let error = world.notifier.send_apprise(&config, &message).await.unwrap_err();
    assert!(error.is_transient && !error.message.contains("very-secret"), "{error}");
    for (path, target) in [("/bin/sh", "json://x"), ("apprise", "--plugin-path=/tmp")] {
        let config = AppriseConfig { cli_path: path.into(), targets: vec![target.into()], ..config.clone() };
        assert!(!world.notifier.send_apprise(&config, &message).await.unwrap_err().is_transient);
    }
}

/// The API that the project documents, over its real library: what Pulse sends comes out at the target.
#[tokio::test]
async fn the_api_delivers_and_what_it_did_not_deliver_is_not_sent() {
    let Some(programs) = python::programs() else { return };
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), UNGROUPED, vec![]);
    let (url, mut got, answers) = receiver().await;
    let target = url.replace("http://", "json://");
    let mut api = Command::new(programs.join("python"))
        .args(["-c", include_str!("apprise_api.py"), &json!({"ops": [target], "empty": []}).to_string()])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(api.stdout.take().unwrap()).lines();
    let ready: Value = serde_json::from_str(&said.next_line().await.unwrap().unwrap()).unwrap();
    let with = |key: &str, targets: &[&str]| {
        let config = AppriseConfig {
            enabled: true,
            mode: "http".into(),
            server_url: format!("http://127.0.0.1:{}", ready["port"]),
            config_key: key.into(),
            targets: targets.iter().map(|target| (*target).to_owned()).collect(),
            ..AppriseConfig::default()
        };
        config.normalised()
    };
    let message = world.notifier.test_message(95.5, 90.0);
    for config in [with("ops", &[]), with("", &[&target])] {
        let sent = world.notifier.send_apprise(&config, &message).await.unwrap();
        assert_eq!(sent.status, Some(200));
        let body = got.recv().await.unwrap().body;
        assert_eq!(
            (&body["title"], &body["type"]),
            (&"Pulse alert: Test Resource".into(), &"warning".into())
        );
        assert!(body["message"].as_str().unwrap().contains("value 95.50 (threshold 90.00)"), "{body}");
    }
    answers.lock().unwrap().push_back((500, vec![]));
    let failed = world.notifier.send_apprise(&with("ops", &[]), &message).await.unwrap_err();
    assert!(failed.is_transient && failed.status == Some(424), "{failed}");
    for key in ["empty", "no such key"] {
        let nobody = world.notifier.send_apprise(&with(key, &[]), &message).await.unwrap_err();
        assert!(!nobody.is_transient && nobody.message.contains("nothing to send to"), "{nobody}");
    }
}

#[tokio::test]
async fn the_service_gets_what_its_api_documents() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), UNGROUPED, vec![]);
    let (url, mut got, _) = receiver().await;
    let config = AppriseConfig {
        enabled: true,
        mode: "http".into(),
        server_url: url,
        config_key: "ops/1".into(),
        api_key: Secret::new("k"),
        targets: vec!["json://a".into(), "json://b".into()],
        ..AppriseConfig::default()
    };
    let message = world.notifier.test_message(95.5, 90.0);
    world.notifier.send_apprise(&config.normalised(), &message).await.unwrap();
    let call = got.recv().await.unwrap();
    assert_eq!((call.path.as_str(), &call.headers["x-api-key"]), ("/notify/ops%2F1", &"k".parse().unwrap()));
    assert_eq!((&call.body["type"], &call.body["urls"]), (&"warning".into(), &"json://a,json://b".into()));
}
