//! Bad weather: engines that hang or talk nonsense, programs that never end, servers that send elsewhere. In all of it
//! the rest of the agent goes on.

use std::{
    io::Write,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    http::{StatusCode, header},
    response::IntoResponse,
};
use pulse_agent::{
    Agent, AgentSettings, DockerCollector, DockerOptions, Engines, Exit, Hooks, HostCollector, HostOptions,
    KubernetesCollector,
    command::{Call, RunCommand, Running},
    settings::KubeSettings,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UnixListener},
};
use tokio_util::sync::CancellationToken;

use crate::{reports::settings, server::Server};

/// A Unix socket that takes every connection and answers it with `answer`; `None`: never.
fn socket_that_says(path: &Path, answer: Option<&'static [u8]>) {
    let listener = UnixListener::bind(path).unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            if let Some(answer) = answer {
                let mut head = [0; 1024];
                let _asked: usize = stream.read(&mut head).await.unwrap_or(0);
                stream.write_all(answer).await.ok();
            } else {
                open.push(stream);
            }
        }
    });
}

fn docker_at(path: &Path) -> DockerOptions {
    DockerOptions { host: Some(format!("unix://{}", path.display())), ..DockerOptions::default() }
}

/// What the first place that was tried did, whether or not another engine of this machine was found afterwards.
async fn outcome_at(path: &Path) -> String {
    match Engines::discover(docker_at(path)).await {
        Ok(engines) => engines.tried()[0].outcome.clone(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_docker_socket_that_hangs_is_given_up_and_the_host_is_reported_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hangs.sock");
    socket_that_says(&path, None);
    let mut server = Server::start().await;
    let settings = AgentSettings {
        is_docker_enabled: Some(true),
        docker_host: Some(format!("unix://{}", path.display())),
        ..settings(server.url())
    };
    let cancel = CancellationToken::new();
    let agent = tokio::spawn(Agent::run(settings, cancel.clone()));
    let begin = Instant::now();
    // The engine is given three seconds; by then the host was reported more than once.
    let mut reports = 0;
    while reports < 2 {
        let arrived = server.next().await;
        reports += usize::from(arrived.path == "/api/agents/host/report");
    }
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
    cancel.cancel();
    tokio::time::timeout(Duration::from_secs(5), agent).await.expect("it stops").unwrap().unwrap();
    let outcome = outcome_at(&path).await;
    assert!(outcome.contains("no answer within 3 s"), "{outcome}");
}

#[tokio::test]
async fn an_engine_that_talks_nonsense_is_told_with_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    for (name, answer, expected) in [
        ("noise", &b"\x16\x03\x01 this is no HTTP\r\n\r\n"[..], "broke the connection"),
        (
            "page",
            b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>",
            "not understood",
        ),
        ("cut", b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\nconnection: close\r\n\r\n{\"Vers", "broke"),
        ("error", b"HTTP/1.1 500 Oops\r\ncontent-length: 4\r\nconnection: close\r\n\r\noops", "500"),
    ] {
        let path = dir.path().join(name);
        socket_that_says(&path, Some(answer));
        let outcome = outcome_at(&path).await;
        assert!(outcome.contains(expected), "{name}: {outcome}");
    }
}

/// An engine whose one container's figures never come.
#[tokio::test]
async fn an_engine_that_hangs_halfway_costs_one_report_its_figures() {
    let app = Router::new()
        .route("/version", axum::routing::get(|| async { r#"{"Version":"27.0.0"}"# }))
        .route("/info", axum::routing::get(|| async { r#"{"Name":"half"}"# }))
        .route(
            "/containers/json",
            axum::routing::get(|| async {
                r#"[{"Id":"aaa","Names":["/web"],"State":"running","Status":"Up 2 hours"}]"#
            }),
        )
        .route("/containers/aaa/json", axum::routing::get(|| async { r#"{"RestartCount":3}"# }))
        .route("/containers/aaa/stats", axum::routing::get(std::future::pending::<String>));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("tcp://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let options = DockerOptions { host: Some(host), ..DockerOptions::default() };
    let mut collector = DockerCollector::discover(options).await.unwrap();
    let begin = Instant::now();
    let report = collector.collect().await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(40), "{:?}", begin.elapsed());
    let web = &report.containers[0];
    assert_eq!((web.name.as_str(), web.restart_count), ("web", Some(3)));
    assert_eq!((web.cpu_percent, web.memory_usage_bytes), (None, None), "unknown, not 0");
}

/// Programs that are all there and never end.
struct Hanging;

impl RunCommand for Hanging {
    fn run(&self, _: Call) -> Running<'_> {
        Box::pin(std::future::pending())
    }

    fn has(&self, _: &str) -> bool {
        true
    }
}

#[tokio::test]
async fn programs_that_never_end_stop_no_report() {
    let mut collector = HostCollector::with_runner(HostOptions::default(), Arc::new(Hanging));
    for limit in [Duration::from_secs(5), Duration::from_secs(1)] {
        let begin = Instant::now();
        let report = collector.collect().await;
        assert!(begin.elapsed() < limit, "{:?}", begin.elapsed());
        assert!(report.metrics.cpu_usage_percent.is_some() && report.metrics.memory.is_some());
        assert!(report.sensors.is_none_or(|sensors| sensors.smart.is_empty()) && report.ceph.is_none());
    }
}

#[tokio::test]
async fn a_kubeconfig_that_is_broken_is_named_and_the_host_is_reported_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config");
    let error_of = async |text: Option<&str>| {
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        let settings = KubeSettings { kubeconfig: Some(path.clone()), ..KubeSettings::default() };
        let identity = pulse_agent::AgentIdentity::default();
        KubernetesCollector::connect(&settings, identity).await.unwrap_err().to_string()
    };
    for (text, expected) in [
        (None, "No such file"),
        (Some("\u{1}\u{2}: [unclosed"), ""),
        (Some("just a text"), ""),
        (Some("{}"), "no current context"),
        (Some("current-context: a"), "no context \"a\""),
        (Some("current-context: a\ncontexts: [{name: a, context: {cluster: c}}]"), "no cluster \"c\""),
        (
            Some(
                "current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: 'https://127.0.0.1:1', certificate-authority-data: '%%%'}}]",
            ),
            "no base64",
        ),
    ] {
        let error = error_of(text).await;
        assert!(error.contains(path.to_str().unwrap()) && error.contains(expected), "{text:?}: {error}");
    }
    let mut server = Server::start().await;
    let settings = AgentSettings {
        is_kubernetes_enabled: true,
        kube: KubeSettings { kubeconfig: Some(path), ..KubeSettings::default() },
        ..settings(server.url())
    };
    let cancel = CancellationToken::new();
    let agent = tokio::spawn(Agent::run(settings, cancel.clone()));
    for _ in 0..2 {
        assert_eq!(server.next().await.path, "/api/agents/host/report");
    }
    cancel.cancel();
    agent.await.unwrap().unwrap();
}

/// A server that sends every request on to another one.
async fn redirector(to: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(move |uri: axum::http::Uri| {
        let location = format!("{to}{uri}");
        async move { (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response() }
    });
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

/// Reports, profile, command socket, version and download: none of them takes the token to another host.
#[tokio::test]
async fn a_redirect_takes_the_token_nowhere() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = redirector(format!("http://{}", elsewhere.local_addr().unwrap())).await;
    let dir = tempfile::tempdir().unwrap();
    let binary = dir.path().join("pulse-agent");
    std::fs::File::create(&binary).unwrap().write_all(b"the old one").unwrap();
    let settings =
        AgentSettings { are_commands_allowed: true, config_period: Duration::from_secs(1), ..settings(url) };
    let cancel = CancellationToken::new();
    let hooks = Hooks { binary: Some(binary.clone()), ..Hooks::default() };
    let agent = tokio::spawn(Agent::run_with(settings, cancel.clone(), hooks));
    // The look for a newer version comes after five seconds; by then all else has been asked as well.
    let followed = tokio::time::timeout(Duration::from_secs(7), elsewhere.accept()).await;
    assert!(followed.is_err(), "it followed: {followed:?}");
    cancel.cancel();
    assert_eq!(agent.await.unwrap().unwrap(), Exit::Stopped);
    assert_eq!(std::fs::read(&binary).unwrap(), b"the old one");
}
