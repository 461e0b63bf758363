//! Reports over a real connection: headers, refusals, and what happens while the server is away.

use std::{net::SocketAddr, time::Duration};

use pulse_agent::{
    Agent, AgentError, AgentIdentity, AgentSettings,
    link::{self, Delivery, Link, ReportKind},
    settings::{Flags, Sources, Token},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    server::{Arrived, Server},
    tls,
};

/// Settings for a server at `url`: the host module only, every second.
pub fn settings(url: String) -> AgentSettings {
    let flags = Flags {
        url: Some(url),
        token: Some(Token::new("secret-token".into())),
        interval: Some("1s".into()),
        enable_docker: Some(false),
        health_addr: Some(String::new()),
        tags: vec!["lab".into()],
        ..Flags::default()
    };
    let nowhere = Sources { env: &|_| None, read_file: &|_| Err(std::io::ErrorKind::NotFound.into()) };
    AgentSettings::resolve(flags, &nowhere).unwrap()
}

fn link(url: String, kind: ReportKind) -> Link {
    let settings = settings(url);
    Link::new(link::client(&settings.url, settings.is_insecure).unwrap(), &settings, kind).unwrap()
}

fn numbers(server: &mut Server) -> Vec<i64> {
    server.drain().iter().map(|arrived| arrived.json["n"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_report_carries_the_headers_of_the_contract() {
    let mut server = Server::start().await;
    let mut link = link(server.url(), ReportKind::Docker);
    assert_eq!(link.deliver(&json!({"n": 1})).await, Delivery::Sent { flushed: 0 });
    let arrived = server.next().await;
    assert_eq!(arrived.path, "/api/agents/docker/report");
    assert_eq!(arrived.headers["authorization"], "Bearer secret-token");
    assert_eq!(arrived.headers["x-api-token"], "secret-token");
    assert_eq!(arrived.headers["content-type"], "application/json");
    let version = AgentIdentity::default().version;
    assert_eq!(arrived.headers["user-agent"], format!("pulse-docker-agent/{version}"));
}

/// An address at which nothing listens, to be used by a server later.
async fn free_address() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn what_was_kept_follows_the_newest_oldest_first() {
    let address = free_address().await;
    let mut link = link(format!("http://{address}"), ReportKind::Host);
    for n in 1..=3 {
        assert_eq!(link.deliver(&json!({"n": n})).await, Delivery::Kept);
    }
    let mut server = Server::start_at(address).await;
    assert_eq!(link.deliver(&json!({"n": 4})).await, Delivery::Sent { flushed: 3 });
    assert_eq!(numbers(&mut server), [4, 1, 2, 3]);
    assert_eq!(link.kept(), 0);
}

/// An hour at one report every ten seconds, and some more: the oldest are gone, the rest comes in order, a part with each
/// new report.
#[tokio::test]
async fn an_hour_without_a_server_is_kept_and_the_oldest_go() {
    let address = free_address().await;
    let mut link = link(format!("http://{address}"), ReportKind::Host);
    for n in 0..364 {
        assert_eq!(link.deliver(&json!({"n": n})).await, Delivery::Kept);
    }
    assert_eq!(link.kept(), 360);
    let mut server = Server::start_at(address).await;
    let mut oldest = 4;
    for newest in 364..370 {
        assert_eq!(link.deliver(&json!({"n": newest})).await, Delivery::Sent { flushed: 60 });
        let expected: Vec<i64> = std::iter::once(newest).chain(oldest..oldest + 60).collect();
        assert_eq!(numbers(&mut server), expected);
        oldest += 60;
    }
    assert_eq!(link.kept(), 0);
    assert_eq!(link.deliver(&json!({"n": 370})).await, Delivery::Sent { flushed: 0 });
}

#[tokio::test]
async fn a_failure_while_catching_up_stops_it_and_loses_nothing() {
    let mut server = Server::start().await;
    let mut link = link(server.url(), ReportKind::Host);
    server.answer_with(503);
    for n in 1..=3 {
        assert_eq!(link.deliver(&json!({"n": n})).await, Delivery::Kept);
    }
    server.drain();
    server.answer_with(200);
    // The kept report number 2 is one that the server will never take: it is given up, and the rest waits.
    server.refuse("\"n\":2");
    assert_eq!(link.deliver(&json!({"n": 4})).await, Delivery::Sent { flushed: 1 });
    assert_eq!(numbers(&mut server), [4, 1, 2]);
    assert_eq!(link.deliver(&json!({"n": 5})).await, Delivery::Sent { flushed: 1 });
    assert_eq!(numbers(&mut server), [5, 3]);
}

#[tokio::test]
async fn refusals_for_good_are_not_kept_and_a_redirect_is_not_followed() {
    let mut server = Server::start().await;
    let mut link = link(server.url(), ReportKind::Host);
    for (status, expected) in [
        (403, Delivery::Dropped),
        (400, Delivery::Dropped),
        (413, Delivery::Dropped),
        (401, Delivery::Kept),
        (500, Delivery::Kept),
        (302, Delivery::Kept),
        (307, Delivery::Kept),
    ] {
        server.answer_with(status);
        assert_eq!(link.deliver(&json!({"n": status})).await, expected, "{status}");
    }
    let paths: Vec<String> = server.drain().into_iter().map(|arrived| arrived.path).collect();
    assert_eq!(paths.len(), 7, "each report was sent once and nothing followed: {paths:?}");
    assert!(paths.iter().all(|path| path == "/api/agents/host/report"), "{paths:?}");
    assert_eq!(link.kept(), 4);
}

#[tokio::test]
async fn the_agent_reports_at_once_then_every_interval_and_stops_when_told() {
    let mut server = Server::start().await;
    let cancel = CancellationToken::new();
    let agent = tokio::spawn(Agent::run(settings(format!("{}/sub/path/", server.url())), cancel.clone()));
    let first = server.next().await;
    assert_eq!(first.path, "/sub/path/api/agents/host/report");
    assert!(!first.json["host"]["hostname"].as_str().unwrap().is_empty());
    assert!(first.json["metrics"]["cpuUsagePercent"].is_number(), "{}", first.json);
    assert_eq!(first.json["agent"]["type"], "unified");
    assert_eq!(first.json["agent"]["intervalSeconds"], 1);
    assert_eq!(first.json["tags"], json!(["lab"]));
    let second = server.next().await;
    assert_ne!(first.json["timestamp"], second.json["timestamp"]);
    cancel.cancel();
    tokio::time::timeout(Duration::from_secs(5), agent).await.expect("it stops").unwrap().unwrap();
}

#[tokio::test]
async fn a_machine_that_somebody_looks_at_reports_before_its_interval() {
    let mut server = Server::start().await;
    server.reply(r#"{"success":true,"nextReportSeconds":1}"#);
    let cancel = CancellationToken::new();
    let mut settings = settings(server.url());
    settings.identity.interval = Duration::from_secs(3_600);
    let agent = tokio::spawn(Agent::run(settings, cancel.clone()));
    for _ in 0..4 {
        assert_eq!(
            server.next().await.json["agent"]["intervalSeconds"],
            3_600,
            "what it says of itself stays"
        );
    }
    cancel.cancel();
    tokio::time::timeout(Duration::from_secs(5), agent).await.expect("it stops").unwrap().unwrap();
}

#[tokio::test]
async fn an_agent_whose_server_fails_goes_on_and_delivers_later() {
    let mut server = Server::start().await;
    server.answer_with(503);
    let cancel = CancellationToken::new();
    let agent = tokio::spawn(Agent::run(settings(server.url()), cancel.clone()));
    let time = |arrived: &Arrived| arrived.json["timestamp"].as_str().unwrap().to_owned();
    let refused = [time(&server.next().await), time(&server.next().await)];
    server.answer_with(200);
    let newest = time(&server.next().await);
    let late = [time(&server.next().await), time(&server.next().await)];
    assert_eq!(late, refused, "with the times at which they were measured");
    assert!(newest > refused[1]);
    cancel.cancel();
    agent.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_refused_unless_the_user_says_otherwise() {
    let server = tls::Server::start().await;
    let mut careful = link(server.url(), ReportKind::Host);
    assert_eq!(careful.deliver(&json!({"n": 1})).await, Delivery::Kept);
    let settings = AgentSettings { is_insecure: true, ..settings(server.url()) };
    let mut careless =
        Link::new(link::client(&settings.url, settings.is_insecure).unwrap(), &settings, ReportKind::Host)
            .unwrap();
    assert_eq!(careless.deliver(&json!({"n": 2})).await, Delivery::Sent { flushed: 0 });
}

#[tokio::test]
async fn settings_that_cannot_work_end_the_agent_with_a_sentence() {
    let run = |settings| Agent::run(settings, CancellationToken::new());
    let error = run(settings("pulse.example:7655".into())).await.unwrap_err();
    assert!(error.to_string().contains("http://") && !error.to_string().contains("secret-token"), "{error}");
    let nothing = AgentSettings { is_host_enabled: false, ..settings("http://localhost".into()) };
    assert!(matches!(run(nothing).await.unwrap_err(), AgentError::NothingToDo));
}
