//! Pretended agents, seen by a server that writes down what it gets.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use pulse_core::{
    SystemClock,
    report::{docker::DockerReport, host::HostReport},
};
use pulse_sim::load::{self, LoadError, LoadOptions, LoadSummary};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

#[derive(Default)]
struct Book {
    hosts: BTreeMap<String, Vec<HostReport>>,
    docker: BTreeMap<String, Vec<DockerReport>>,
    /// Which agent a token belongs to.
    bound: BTreeMap<String, String>,
    minted: usize,
}

struct Server {
    book: Mutex<Book>,
    /// How many reports were taken.
    taken: watch::Sender<usize>,
}

fn token(headers: &HeaderMap) -> String {
    headers.get("x-api-token").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

async fn host(
    State(server): State<Arc<Server>>,
    headers: HeaderMap,
    Json(report): Json<HostReport>,
) -> Response {
    if token(&headers) != "secret" {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "no", "code": "unauthorized" })))
            .into_response();
    }
    server.book.lock().unwrap().hosts.entry(report.host.hostname.clone()).or_default().push(report);
    server.taken.send_modify(|count| *count += 1);
    Json(json!({ "success": true })).into_response()
}

/// One token, one agent: as the contract has it.
async fn docker(
    State(server): State<Arc<Server>>,
    headers: HeaderMap,
    Json(report): Json<DockerReport>,
) -> Response {
    let mut book = server.book.lock().unwrap();
    let owner = book.bound.entry(token(&headers)).or_insert_with(|| report.agent.id.clone());
    if *owner != report.agent.id {
        let text = format!("API token (sec…) is already in use by agent {owner}");
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": text, "code": "invalid_report" })))
            .into_response();
    }
    book.docker.entry(report.host.hostname.clone()).or_default().push(report);
    server.taken.send_modify(|count| *count += 1);
    Json(json!({ "success": true })).into_response()
}

async fn mint(State(server): State<Arc<Server>>, Json(wish): Json<Value>) -> Json<Value> {
    assert_eq!(wish["scopes"], json!(["docker:report"]));
    let mut book = server.book.lock().unwrap();
    book.minted += 1;
    Json(json!({ "record": {}, "token": format!("minted-{}", book.minted) }))
}

async fn start() -> (Arc<Server>, String) {
    let server = Arc::new(Server { book: Mutex::default(), taken: watch::Sender::new(0) });
    let router = Router::new()
        .route("/api/agents/host/report", post(host))
        .route("/api/agents/docker/report", post(docker))
        .route("/api/security/tokens", post(mint))
        .with_state(server.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (server, url)
}

fn options(server: String) -> LoadOptions {
    LoadOptions {
        server,
        token: "secret".into(),
        hosts: 5,
        docker_hosts: 3,
        containers: 20,
        interval: Duration::from_millis(100),
        seed: 1,
    }
}

/// Reports until `enough` says so.
async fn run(server: &Server, options: LoadOptions, enough: impl Fn(&Book) -> bool) -> LoadSummary {
    let stop = CancellationToken::new();
    let mut taken = server.taken.subscribe();
    let watching = async {
        while !enough(&server.book.lock().unwrap()) {
            taken.changed().await.unwrap();
        }
        stop.cancel();
    };
    let both = async { tokio::join!(load::run(options, Arc::new(SystemClock), stop.clone()), watching) };
    tokio::time::timeout(Duration::from_secs(20), both).await.expect("not all machines reported").0.unwrap()
}

#[tokio::test]
async fn every_machine_reports_again_and_again_with_a_token_of_its_own_where_needed() {
    let (server, url) = start().await;
    let summary = run(&server, options(url), |book| {
        let often = |count: usize| count >= 2;
        book.hosts.len() == 5
            && book.docker.len() == 3
            && book.hosts.values().all(|reports| often(reports.len()))
            && book.docker.values().all(|reports| often(reports.len()))
    })
    .await;
    let book = server.book.lock().unwrap();
    assert_eq!(book.minted, 2, "the first Docker host keeps the token it was given");
    assert!(summary.accepted >= 16 && summary.p99_ms.is_some(), "{summary:?}");
    assert_eq!(summary.problems, BTreeMap::from([("400 invalid_report".to_owned(), 2)]));

    let ids: BTreeSet<_> = book.hosts.values().map(|reports| reports[0].agent.id.clone()).collect();
    assert_eq!(ids.len(), 5);
    for reports in book.hosts.values() {
        let (first, last) = (&reports[0], &reports[reports.len() - 1]);
        let cpu = first.metrics.cpu_usage_percent.unwrap();
        assert!((0.0..=100.0).contains(&cpu) && cpu > 0.0);
        let memory = first.metrics.memory.as_ref().unwrap();
        assert_eq!(memory.used_bytes + memory.free_bytes, memory.total_bytes);
        assert!(last.network[0].rx_bytes >= first.network[0].rx_bytes);
        assert!(first.host.uptime_seconds.unwrap() > 0 && !first.disks.is_empty());
    }
    let containers: usize = book.docker.values().map(|reports| reports[0].containers.len()).sum();
    assert_eq!(containers, 20);
    for container in book.docker.values().flat_map(|reports| &reports[0].containers) {
        assert_eq!(container.id.len(), 64);
        assert_eq!(container.cpu_percent.is_some(), container.state == "running");
    }
}

#[tokio::test]
async fn a_refused_token_is_a_problem_with_a_name_and_not_the_secret() {
    let (server, url) = start().await;
    let options = LoadOptions { token: "wrong-secret".into(), docker_hosts: 1, ..options(url) };
    let summary = run(&server, options, |book| book.docker.values().map(Vec::len).sum::<usize>() >= 2).await;
    assert!(summary.problems["401 unauthorized"] > 0, "{summary:?}");
    assert!(!format!("{summary:?}").contains("wrong-secret"));
}

#[tokio::test]
async fn other_machines_are_not_reported_to() {
    let result =
        load::run(options("http://192.0.2.1:7655".into()), Arc::new(SystemClock), CancellationToken::new())
            .await;
    assert!(matches!(result, Err(LoadError::NotLoopback(_))), "{result:?}");
}
