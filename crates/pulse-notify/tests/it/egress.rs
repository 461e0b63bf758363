//! Receivers that hang, redirect, and want to be somebody else.

use pulse_config::Secret;

use crate::support::{UNGROUPED, open, receiver, webhook};

#[tokio::test]
async fn redirects_are_followed_where_they_may_lead_and_take_no_secrets_along() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), UNGROUPED, vec![]);
    let (url, mut got, answers) = receiver().await;
    let (other, mut elsewhere, _) = receiver().await;
    let mut hook = webhook("w", &url, "generic");
    hook.headers.insert("X-Key".into(), Secret::new("k"));
    let send = async || world.notifier.send_webhook(&hook, &world.notifier.test_message(1.0, 1.0)).await;

    answers.lock().unwrap().push_back((307, vec![("location", format!("{other}/there"))]));
    assert_eq!(send().await.unwrap().status, Some(200));
    assert_eq!(got.recv().await.unwrap().headers["x-key"], "k");
    let there = elsewhere.recv().await.unwrap();
    assert_eq!((there.path.as_str(), there.headers.get("x-key")), ("/there", None));
    assert_eq!(there.body["source"], "pulse-monitoring");

    for forbidden in [
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "file:///etc/passwd",
        "http://[::1]:1/",
    ] {
        answers.lock().unwrap().push_back((302, vec![("location", forbidden.to_owned())]));
        let error = send().await.unwrap_err();
        assert!(error.message.contains("redirect refused") && !error.is_transient, "{forbidden}: {error}");
        got.recv().await.unwrap();
    }
    for _ in 0..4 {
        answers.lock().unwrap().push_back((308, vec![("location", format!("{url}/again"))]));
    }
    assert!(send().await.unwrap_err().message.contains("more than 3 redirects"));
}

#[tokio::test]
async fn addresses_are_judged_in_every_spelling_before_a_connection() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), UNGROUPED, vec![]);
    for url in [
        "http://0x0a000001/",
        "http://[::ffff:10.0.0.1]/",
        "http://0.0.0.0/",
        "http://metadata.google.internal/",
        "http://100.64.0.1/",
    ] {
        let hook = webhook("w", url, "generic");
        let error =
            world.notifier.send_webhook(&hook, &world.notifier.test_message(1.0, 1.0)).await.unwrap_err();
        assert!(error.message.contains("URL refused") && !error.is_transient, "{url}: {error}");
    }
}

#[tokio::test]
async fn a_receiver_that_is_not_there_is_worth_another_try_and_its_url_is_not_told() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), UNGROUPED, vec![]);
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let hook = webhook("w", &format!("http://{closed}/x?token=very-secret"), "generic");
    let error = world.notifier.send_webhook(&hook, &world.notifier.test_message(1.0, 1.0)).await.unwrap_err();
    assert!(error.is_transient && error.message.starts_with("cannot connect"), "{error}");
    assert!(!error.message.contains("very-secret"));
}
