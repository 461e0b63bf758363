//! Every way in which a host can fail to be a Proxmox API, and what a person reads then.

use std::time::Duration;

use jiff::Timestamp;
use pulse_collectors::{Connect, HttpConnect, PollError, Timeouts, http::Fingerprint};
use pulse_config::{PveInstance, Secret};
use pulse_core::model::FailureClass;
use tokio::net::TcpListener;

use crate::{
    server::{Reply, Server},
    support::{SECRET, TIMEOUTS, instance},
};

async fn poll(instance: &PveInstance) -> Result<pulse_collectors::PveCycle, PollError> {
    HttpConnect.pve(instance, TIMEOUTS)?.poll(Timestamp::UNIX_EPOCH).await
}

/// Polls, expects a failure of this class whose text has these parts, and no secret in it.
#[track_caller]
fn check(error: &PollError, class: FailureClass, parts: &[&str]) {
    let text = error.to_string();
    assert_eq!(error.class(), class, "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
    assert!(!text.contains(SECRET) && !format!("{error:?}").contains(SECRET), "{text}");
}

async fn failing(reply: Reply) -> PollError {
    let server = Server::start(move |_| reply.clone()).await;
    let error = poll(&instance(&server.url())).await.unwrap_err();
    assert!(error.to_string().contains(&server.address.to_string()), "{error} does not name the host");
    // The test of a connection says the same as a poll.
    let api = HttpConnect.pve(&instance(&server.url()), TIMEOUTS).unwrap();
    assert_eq!(api.test().await.unwrap_err().class(), error.class());
    error
}

#[tokio::test]
async fn a_port_where_nothing_listens() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = poll(&instance(&format!("https://{free}"))).await.unwrap_err();
    check(
        &error,
        FailureClass::Connection,
        &[&free.to_string(), "connection refused", &free.port().to_string()],
    );
}

#[tokio::test]
async fn a_name_that_does_not_exist() {
    let error = poll(&instance("https://pve.invalid:8006")).await.unwrap_err();
    // A resolver that does not answer makes it a timeout.
    let class = error.class();
    assert!(matches!(class, FailureClass::Connection | FailureClass::Timeout), "{error}");
    check(&error, class, &["pve.invalid:8006"]);
}

#[tokio::test]
async fn a_host_that_hangs() {
    let server = Server::start(|_| Reply::Hang).await;
    let timeouts = Timeouts { connect: Duration::from_secs(5), request: Duration::from_millis(300) };
    // The head of an answer may take as long as a connection, so the connection decides here.
    let timeouts = Timeouts { connect: timeouts.request.max(timeouts.connect), ..timeouts };
    let api = HttpConnect.pve(&instance(&server.url()), timeouts).unwrap();
    let error = api.poll(Timestamp::UNIX_EPOCH).await.unwrap_err();
    check(&error, FailureClass::Timeout, &["did not answer", "300 ms"]);
}

#[tokio::test]
async fn a_socket_that_accepts_and_says_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let timeouts = Timeouts { connect: Duration::from_millis(300), request: Duration::from_secs(5) };
    let api = HttpConnect.pve(&instance(&format!("https://{address}")), timeouts).unwrap();
    let error = api.poll(Timestamp::UNIX_EPOCH).await.unwrap_err();
    check(&error, FailureClass::Timeout, &["did not answer", &address.to_string()]);
}

#[tokio::test]
async fn half_a_json_document() {
    let error = failing(Reply::json(r#"{"data":[{"type":"node","node":"a"},{"type":"qe"#)).await;
    check(&error, FailureClass::Decode, &["ends in the middle"]);
}

#[tokio::test]
async fn an_answer_that_breaks_off() {
    let bytes =
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{\"data\":[{\"id"
            .to_vec();
    let error = failing(Reply::Raw(bytes)).await;
    check(&error, FailureClass::Connection, &["broke off"]);
}

#[tokio::test]
async fn an_empty_answer_and_one_that_is_no_json() {
    check(&failing(Reply::json("")).await, FailureClass::Decode, &["it is empty"]);
    check(&failing(Reply::json("hello")).await, FailureClass::Decode, &["not JSON"]);
    check(&failing(Reply::json(r#"{"data":null}"#)).await, FailureClass::Decode, &["no data"]);
    check(&failing(Reply::json(r#"{"data":{"a":1}}"#)).await, FailureClass::Decode, &["no data"]);
}

#[tokio::test]
async fn a_web_page_means_a_wrong_port() {
    let page = Reply::Full {
        status: 200,
        reason: "OK",
        content_type: "text/html",
        body: "<!DOCTYPE html><title>nginx</title>".into(),
    };
    check(&failing(page).await, FailureClass::Decode, &["a web page", "wrong port", "plain HTTP"]);
    let missing =
        Reply::Full { status: 404, reason: "Not Found", content_type: "text/html", body: "<html>".into() };
    check(&failing(missing).await, FailureClass::Decode, &["a web page"]);
    let moved = Reply::status(301, "Moved Permanently", "");
    check(&failing(moved).await, FailureClass::Decode, &["a redirection"]);
}

#[tokio::test]
async fn plain_http_where_https_is_expected() {
    // A server without TLS answers the handshake with an HTTP error.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 64];
                let _ = stream.read(&mut buffer).await;
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
                let _ = stream.read(&mut buffer).await;
            });
        }
    });
    let error = poll(&instance(&format!("https://{address}"))).await.unwrap_err();
    check(&error, FailureClass::Connection, &["does not speak TLS", "wrong port"]);
}

#[tokio::test]
async fn plain_http_is_spoken_where_the_address_says_so() {
    let server = Server::start_plain(|_| Reply::status(401, "No ticket", "")).await;
    let error = poll(&instance(&format!("http://{}", server.address))).await.unwrap_err();
    check(&error, FailureClass::Authentication, &["No ticket"]);
}

#[tokio::test]
async fn the_reason_phrase_of_an_empty_401_is_kept() {
    let error = failing(Reply::status(401, "Authentication failed!", "")).await;
    check(&error, FailureClass::Authentication, &["Authentication failed!", "the API token mon@pve!pulse"]);
}

#[tokio::test]
async fn a_403_names_path_and_privilege() {
    let body = r#"{"data":null,"message":"Permission check failed (/nodes/a, Sys.Audit)\n"}"#;
    let error = failing(Reply::status(403, "Permission check failed (/nodes/a, Sys.Audit)", body)).await;
    check(&error, FailureClass::Permission, &["Sys.Audit on /nodes/a", "PVEAuditor"]);
    let bare = failing(Reply::status(403, "Permission check failed (/, Sys.Audit)", "")).await;
    check(&bare, FailureClass::Permission, &["Sys.Audit on /"]);
}

#[tokio::test]
async fn server_errors_keep_their_text() {
    let body = r#"{"data":null,"message":"got no worker upid\n"}"#;
    check(
        &failing(Reply::status(500, "x", body)).await,
        FailureClass::Server,
        &["500", "got no worker upid"],
    );
    let odd = Reply::status(595, "No route to host", "");
    check(&failing(odd).await, FailureClass::Server, &["595", "No route to host"]);
    let page =
        Reply::Full { status: 502, reason: "Bad Gateway", content_type: "text/html", body: "<html>".into() };
    check(&failing(page).await, FailureClass::Server, &["502", "Bad Gateway"]);
}

#[tokio::test]
async fn a_body_without_end_is_not_read_without_end() {
    let head =
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{".to_vec();
    check(&failing(Reply::Raw(head)).await, FailureClass::Decode, &["more than 64 MiB"]);
}

#[tokio::test]
async fn several_documents_without_end_take_the_memory_of_one() {
    let server = Server::start(|_| Reply::Endless).await;
    let error = poll(&instance(&server.url())).await.unwrap_err();
    check(&error, FailureClass::Decode, &["more than 64 MiB"]);
    assert!(server.paths().len() >= 4, "it takes several calls at once: {:?}", server.paths());
    // One of 64 MiB and 4 of each of the others, and what sockets hold of them.
    let most = server.most_taken.load(std::sync::atomic::Ordering::SeqCst) >> 20;
    assert!((64..128).contains(&most), "{most} MiB were taken at once");
}

#[tokio::test]
async fn the_pinned_certificate_is_accepted_in_any_spelling_although_its_name_is_another() {
    let server = Server::start(|_| Reply::status(401, "No ticket", "")).await;
    let shown = server.fingerprint.to_string();
    for text in [
        shown.clone(),
        shown.to_lowercase(),
        shown.replace(':', ""),
        format!(" {} ", shown.replace(':', "-")),
    ] {
        // `verify_ssl` asks for nothing more once a fingerprint is set.
        for verify_ssl in [false, true] {
            let instance =
                PveInstance { fingerprint: Some(text.clone()), verify_ssl, ..instance(&server.url()) };
            let error = poll(&instance).await.unwrap_err();
            check(&error, FailureClass::Authentication, &["No ticket"]);
        }
    }
}

#[tokio::test]
async fn another_certificate_is_refused_before_any_credential_is_sent_and_both_are_shown() {
    let server = Server::start(|_| Reply::json("{}")).await;
    let expected = Fingerprint::of(b"some other certificate").to_string();
    let instance = PveInstance { fingerprint: Some(expected.clone()), ..instance(&server.url()) };
    let error = poll(&instance).await.unwrap_err();
    check(
        &error,
        FailureClass::Certificate,
        &[&expected, &server.fingerprint.to_string(), "another certificate"],
    );
    assert_eq!(server.paths(), Vec::<String>::new());
}

#[tokio::test]
async fn with_verification_a_self_signed_certificate_is_refused_and_its_fingerprint_shown() {
    let server = Server::start(|_| Reply::json("{}")).await;
    let instance = PveInstance { verify_ssl: true, ..instance(&server.url()) };
    match poll(&instance).await.unwrap_err() {
        // A machine without any authorities cannot check at all and says so.
        error @ PollError::Trust { .. } => check(&error, FailureClass::Certificate, &["ca-certificates"]),
        error => {
            check(
                &error,
                FailureClass::Certificate,
                &[&server.fingerprint.to_string(), "not trusted", "fingerprint"],
            );
        }
    }
    assert_eq!(server.paths(), Vec::<String>::new());
}

#[test]
fn a_configuration_that_cannot_work_is_refused_at_once() {
    let base = instance("https://192.0.2.1:8006");
    let rows = [
        (PveInstance { host: "https://".into(), ..base.clone() }, FailureClass::Connection, "usable address"),
        (
            PveInstance { fingerprint: Some("abc".into()), ..base.clone() },
            FailureClass::Certificate,
            "64 hexadecimal",
        ),
        (PveInstance { token_name: None, ..base.clone() }, FailureClass::Authentication, "no credentials"),
        (PveInstance { token_value: None, ..base.clone() }, FailureClass::Authentication, "no credentials"),
        (
            PveInstance {
                token_name: None,
                user: Some("root".into()),
                password: Some(Secret::new("")),
                ..base
            },
            FailureClass::Authentication,
            "no credentials",
        ),
    ];
    for (instance, class, part) in rows {
        let Err(error) = HttpConnect.pve(&instance, TIMEOUTS) else { panic!("{part}: accepted") };
        check(&error, class, &[part]);
        assert_eq!(error.form_text(), "Failed to initialize connection");
    }
}
