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

#[tokio::test]
async fn a_receiver_that_quotes_what_it_got_puts_no_secret_into_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), UNGROUPED, vec![]);
    let app = axum::Router::new().fallback(async |request: axum::extract::Request| {
        let head = format!("{} {:?} ", request.uri(), request.headers());
        let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
        (axum::http::StatusCode::BAD_REQUEST, head + &String::from_utf8_lossy(&body))
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url =
        format!("http://{}/hooks/very-secret-path?token=very-secret-query", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let mut hook = webhook("w", &url, "generic");
    hook.headers.insert("X-Key".into(), Secret::new("very-secret-header"));
    hook.custom_fields.insert("key".into(), Secret::new("very-secret-field"));
    // A template may print its fields: into the message, where they belong, and nowhere else.
    hook.template = r#"{"key":"{{.CustomFields.key}}"}"#.into();
    world.configure(|config| config.webhooks.push(hook));
    world.start();
    world.take(pulse_core::notice::NoticeKind::Firing, &[crate::support::alert(1)]).await;
    world.until("dlq", 1).await;
    let letter = &world.notifier.dead_letters(10).await.unwrap()[0];
    assert!(letter.last_error.contains("HTTP 400") && letter.last_error.contains("REDACTED"), "{letter:?}");
    assert!(!letter.last_error.contains("very-secret"), "{letter:?}");
    world.close().await;
}

#[tokio::test]
async fn a_receiver_that_hangs_holds_nobody_else_up_and_is_given_up_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), UNGROUPED, vec![]);
    let (asked, mut hanging) = tokio::sync::mpsc::unbounded_channel();
    let app = axum::Router::new().fallback(async move || {
        asked.send(()).unwrap();
        std::future::pending::<()>().await;
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let (good, mut got, _) = receiver().await;
    let hangs = webhook("hangs", &url, "generic");
    world.configure(|config| config.webhooks = vec![hangs.clone(), webhook("good", &good, "generic")]);
    world.start();
    for number in 1..=3 {
        world.take(pulse_core::notice::NoticeKind::Firing, &[crate::support::alert(number)]).await;
        got.recv().await.unwrap();
    }
    hanging.recv().await.unwrap();
    world.stop.cancel();

    let message = world.notifier.test_message(1.0, 1.0);
    let sending = world.notifier.send_webhook(&hangs, &message);
    let in_time = async {
        hanging.recv().await.unwrap();
        // Nothing more will happen but the end of patience: the clock may run ahead to it.
        tokio::time::pause();
    };
    let (error, ()) = tokio::join!(sending, in_time);
    let error = error.unwrap_err();
    assert!(error.is_transient && error.message == "no answer within 10 seconds", "{error}");
}
