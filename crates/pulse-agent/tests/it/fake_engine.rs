//! What a healthy Docker never does: Podman's differences, containers that vanish, answers that are broken.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, Uri},
};
use pulse_agent::{Agent, AgentSettings, DockerCollector, DockerError, DockerOptions, Engines};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{reports::settings, server::Server};

#[derive(Clone, Default)]
pub struct Engine {
    answers: Arc<Mutex<HashMap<String, (u16, String)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

async fn answer(State(engine): State<Engine>, uri: Uri) -> (StatusCode, String) {
    engine.asked.lock().unwrap().push(uri.to_string());
    match engine.answers.lock().unwrap().get(uri.path()) {
        Some((status, body)) => (StatusCode::from_u16(*status).unwrap(), body.clone()),
        None => (StatusCode::NOT_FOUND, r#"{"message":"no such container"}"#.to_owned()),
    }
}

impl Engine {
    pub async fn start() -> (Self, DockerOptions) {
        let engine = Self::default();
        engine.set("/version", r#"{"Version":"5.2.0","Components":[{"Name":"Podman Engine"}]}"#);
        engine.set("/info", r#"{"Containers":2,"Name":"pod1","NCPU":2,"MemTotal":1000000,"Swarm":null}"#);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("tcp://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(engine.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (engine, DockerOptions { host: Some(host), ..DockerOptions::default() })
    }

    pub fn set(&self, path: &str, body: &str) {
        self.answers.lock().unwrap().insert(path.to_owned(), (200, body.to_owned()));
    }

    /// Forgets what was asked so far.
    pub fn forget(&self) {
        self.asked.lock().unwrap().clear();
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

const LIST: &str = r#"[
    {"Id":"aaa","Names":["/web"],"State":"running","Status":"Up 2 hours","Image":"localhost/podman-pause:5"},
    {"Id":"bbb","Names":["/gone"],"State":"running","Status":"Up 2 hours"},
    {"Id":"ccc","Names":["/odd"],"State":"stopped-in-a-new-way","Status":"?","Mounts":[{"Type":"newfangled"}]},
    "not a container", {"Id":"../info"}, {}]"#;

fn stats(nanos: u64, second: u32) -> String {
    format!(
        r#"{{"read":"2026-03-02T10:15:{second:02}Z","cpu_stats":{{"cpu_usage":{{"total_usage":{nanos}}}}},
            "memory_stats":{{"usage":500,"limit":1000}},"networks":{{"eth0":{{"rx_bytes":7,"tx_bytes":8}}}}}}"#
    )
}

#[tokio::test]
async fn a_container_that_vanishes_is_left_out_and_the_others_are_not_hurt() {
    let (engine, options) = Engine::start().await;
    engine.set("/containers/json", LIST);
    engine.set("/containers/aaa/json", r#"{"RestartCount":1,"State":{"StartedAt":"2026-03-02T08:15:30Z"}}"#);
    engine.set("/containers/aaa/stats", &stats(1_000_000_000, 30));
    engine.set("/containers/ccc/json", r#"{"State":"a text where an object should be"}"#);
    let mut collector = DockerCollector::discover(options).await.unwrap();
    assert_eq!(collector.runtime(), "podman");
    let report = collector.collect().await.unwrap();
    let names: Vec<&str> = report.containers.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["web", "odd"]);
    let web = &report.containers[0];
    assert_eq!(web.restart_count, Some(1));
    assert!(web.podman.as_ref().is_some_and(|podman| podman.infra));
    assert_eq!(web.network_io.as_ref().unwrap().tx_bytes, Some(8));
    assert_eq!(web.memory_percent, Some(50.0));
    assert_eq!(report.host.runtime.as_deref(), Some("podman"));
    assert_eq!(report.containers[1].state, "stopped-in-a-new-way");
}

#[tokio::test]
async fn an_unchanged_container_costs_one_question_per_report() {
    let (engine, options) = Engine::start().await;
    engine.set(
        "/containers/json",
        r#"[{"Id":"aaa","Names":["/web"],"State":"running","Status":"Up 2 hours"}]"#,
    );
    engine.set("/containers/aaa/json", "{}");
    engine.set("/containers/aaa/stats", &stats(1_000_000_000, 30));
    let mut collector = DockerCollector::discover(options).await.unwrap();
    collector.collect().await.unwrap();
    engine.asked();
    engine.set("/containers/aaa/stats", &stats(3_000_000_000, 34));
    let report = collector.collect().await.unwrap();
    assert_eq!(report.containers[0].cpu_percent, Some(50.0));
    let asked = engine.asked();
    let expected = [
        "/version",
        "/info",
        "/containers/json?all=true",
        "/containers/aaa/stats?stream=false&one-shot=true",
    ];
    assert_eq!(asked, expected);
    engine.set(
        "/containers/json",
        r#"[{"Id":"aaa","Names":["/web"],"State":"running","Status":"Up 1 second"}]"#,
    );
    collector.collect().await.unwrap();
    assert!(engine.asked().contains(&"/containers/aaa/json".to_owned()), "it was restarted");
}

#[tokio::test]
async fn answers_that_are_no_json_are_an_error_that_says_which() {
    let (engine, options) = Engine::start().await;
    engine.set("/containers/json", r#"[{"Id":"aa"#);
    let mut collector = DockerCollector::discover(options).await.unwrap();
    let error = collector.collect().await.unwrap_err();
    assert!(matches!(error, DockerError::Engine { .. }));
    assert!(error.to_string().contains("/containers/json"), "{error}");
}

#[tokio::test]
async fn an_engine_that_is_named_and_does_not_answer_is_told_with_its_reason() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let options = DockerOptions { host: Some(format!("tcp://{address}")), ..DockerOptions::default() };
    // This machine may have an engine of its own, which then answers instead.
    match Engines::discover(options).await {
        Ok(engines) => assert!(engines.tried()[0].outcome.contains("cannot connect")),
        Err(error) => assert!(error.to_string().contains(&address.to_string()), "{error}"),
    }
}

#[tokio::test]
async fn an_engine_that_breaks_is_looked_for_again_and_the_agent_lives_on() {
    let mut server = Server::start().await;
    let (engine, options) = Engine::start().await;
    engine.set("/containers/json", "[]");
    let settings = AgentSettings {
        is_host_enabled: false,
        is_docker_enabled: Some(true),
        docker_host: options.host,
        ..settings(server.url())
    };
    let cancel = CancellationToken::new();
    let agent = tokio::spawn(Agent::run(settings, cancel.clone()));
    let first = server.next().await;
    assert_eq!(first.path, "/api/agents/docker/report");
    assert_eq!(first.json["host"]["hostname"], "pod1");
    engine.set("/containers/json", "broken");
    engine.asked();
    // A second look at the version after the failure: the engine is being looked for again.
    let begin = std::time::Instant::now();
    let mut versions = 0;
    while versions < 2 {
        assert!(begin.elapsed().as_secs() < 30, "it gave up");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        versions += engine.asked().iter().filter(|path| *path == "/version").count();
    }
    assert!(!agent.is_finished());
    server.drain();
    engine.set("/containers/aaa/json", "{}");
    engine.set("/containers/aaa/stats", "{}");
    engine.set("/containers/json", LIST);
    let late = server.next().await;
    assert!(late.json["containers"].as_array().is_some_and(|all| !all.is_empty()), "{}", late.json);
    cancel.cancel();
    agent.await.unwrap().unwrap();
}
