//! Over HTTP and over restarts: neither are two machines taken for one, nor one for two, and a wrong clock is no outage.

use http::{Method, StatusCode};
use jiff::SignedDuration;
use pulse_core::Clock;
use pulse_core::scope::Scope;
use serde_json::{Value, json};

use crate::harness::{TOKEN, TestServer};

const A: &str = "bc:24:11:00:00:0a";
const B: &str = "bc:24:11:00:00:0b";

fn host(id: &str, hostname: &str, mac: &str) -> Value {
    json!({"agent": {"id": id, "version": "5.0.17", "type": "unified", "intervalSeconds": 10},
        "host": {"id": id, "hostname": hostname, "machineId": id, "platform": "linux"},
        "network": [{"name": "eth0", "mac": mac}]})
}

fn docker(agent: &str, hostname: &str, machine: &str) -> Value {
    json!({"agent": {"id": agent, "version": "5.0.17", "type": "unified", "intervalSeconds": 10},
        "host": {"hostname": hostname, "machineId": machine, "runtime": "docker"}, "containers": []})
}

impl TestServer {
    /// The id under which a report is kept.
    async fn kept_as(&self, kind: &str, token: &str, report: &Value) -> String {
        // No two reports of a machine come at one time.
        self.clock.advance(SignedDuration::from_secs(1));
        let path = format!("/api/agents/{kind}/report");
        let answer = self.call(Method::POST, &path, Some(token), &report.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()["hostId"].as_str().unwrap().to_owned()
    }

    async fn names_of(&self, list: &str) -> Vec<String> {
        let rendered = self.state.published.get_fresh(self.state.keeper.snapshot()).await.unwrap();
        let state: Value =
            serde_json::from_slice(&pulse_api::published::gunzip(&rendered.gzip).unwrap()).unwrap();
        let all = state[list].as_array().unwrap().iter();
        all.map(|it| it["hostname"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn machines_made_from_one_image_stay_two_also_over_a_restart() {
    let mut server = TestServer::set_up();
    let token = server.token([Scope::HostAgentReport]);
    // The same machine id with another name; then also with the same name, told apart by their network cards.
    for (second_name, mac) in [("web2", B), ("web", B)] {
        server = TestServer::set_up();
        let token = server.token([Scope::HostAgentReport]);
        let (first, second) = (host("image", "web", A), host("image", second_name, mac));
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids = vec![
                server.kept_as("host", &token, &first).await,
                server.kept_as("host", &token, &second).await,
            ];
        }
        assert_ne!(ids[0], ids[1], "{second_name}");
        server = server.restarted();
        // In the other order: the first to report takes nobody's place.
        assert_eq!(server.kept_as("host", &token, &second).await, ids[1], "{second_name}");
        assert_eq!(server.kept_as("host", &token, &first).await, ids[0], "{second_name}");
        assert_eq!(server.names_of("hosts").await.len(), 2, "{second_name}");
    }
    let _ = token;
}

#[tokio::test]
async fn a_machine_that_changes_its_card_or_its_name_or_its_token_stays_one() {
    let server = TestServer::set_up();
    let token = server.token([Scope::HostAgentReport]);
    for report in
        [host("m1", "nas", A), host("m1", "nas", B), host("m1", "storage", B), host("m1", "storage", "")]
    {
        assert_eq!(server.kept_as("host", &token, &report).await, "m1", "{report}");
    }
    let old = server.state.access.tokens.current().newest_first()[0].record().id.clone();
    server.state.access.tokens.remove(old.as_str()).unwrap();
    let renewed = server.token([Scope::HostAgentReport]);
    assert_eq!(server.kept_as("host", &renewed, &host("m1", "storage", B)).await, "m1", "a renewed token");
    let server = server.restarted();
    assert_eq!(server.kept_as("host", &renewed, &host("m1", "storage", B)).await, "m1");
    assert_eq!(server.names_of("hosts").await, ["storage"]);
}

#[tokio::test]
async fn a_docker_id_that_two_hosts_share_names_two_and_an_agent_installed_anew_is_the_same_host() {
    let server = TestServer::set_up();
    let token = server.token([Scope::DockerReport]);
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids = vec![
            server.kept_as("docker", &token, &docker("shared", "dock1", "m-1")).await,
            server.kept_as("docker", &token, &docker("shared", "dock2", "m-2")).await,
        ];
    }
    assert_ne!(ids[0], ids[1]);
    let server = server.restarted();
    assert_eq!(server.kept_as("docker", &token, &docker("shared", "dock2", "m-2")).await, ids[1]);
    assert_eq!(server.kept_as("docker", &token, &docker("shared", "dock1", "m-1")).await, ids[0]);
    // Installed anew, the agent has another id; machine and name are the same.
    assert_eq!(server.kept_as("docker", &token, &docker("new", "dock1", "m-1")).await, ids[0]);
    assert_eq!(server.names_of("dockerHosts").await.len(), 2);
}

#[tokio::test]
async fn the_modules_of_one_agent_are_one_host_and_one_docker_host_and_part_without_harm() {
    let server = TestServer::set_up();
    let token = server.token([Scope::DockerReport, Scope::HostAgentReport]);
    for _ in 0..2 {
        server.kept_as("host", &token, &host("m1", "nas", A)).await;
        server.kept_as("docker", &token, &docker("m1", "nas", "m1")).await;
    }
    assert_eq!(
        (server.names_of("hosts").await, server.names_of("dockerHosts").await),
        (vec!["nas".into()], vec!["nas".into()])
    );
    let forced = "/api/agents/docker/hosts/m1?force=true";
    assert_eq!(server.call(Method::DELETE, forced, Some(TOKEN), "").await.status, StatusCode::OK);
    assert_eq!(
        server.kept_as("host", &token, &host("m1", "nas", A)).await,
        "m1",
        "its token is still needed"
    );
    assert!(server.names_of("dockerHosts").await.is_empty());
}

#[tokio::test]
async fn an_agent_whose_clock_is_wrong_is_alive_as_long_as_it_reports() {
    let server = TestServer::set_up();
    let token = server.token([Scope::HostAgentReport]);
    for skew in [SignedDuration::from_hours(-26), SignedDuration::from_hours(26), SignedDuration::ZERO] {
        for round in 0..4 {
            let mut report = host("m1", "nas", A);
            server.clock.advance(SignedDuration::from_secs(10));
            report["timestamp"] = json!((server.clock.now() + skew).to_string());
            server.kept_as("host", &token, &report).await;
            let found = server.get("/api/agents/host/lookup?id=m1", &token).await.json();
            let host = &found["host"];
            assert_eq!(host["connected"], true, "{skew:?} {host}");
            let seen: jiff::Timestamp = host["lastSeen"].as_str().unwrap().parse().unwrap();
            // A clock that was set back is believed after two intervals: until then it could be a report of before.
            if round >= 2 {
                assert_eq!(seen, server.clock.now(), "by the server's clock, {skew:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_word_on_a_command_that_is_said_twice_counts_once_and_another_one_does_not_undo_it() {
    let server = TestServer::set_up();
    let token = server.token([Scope::DockerReport]);
    server.kept_as("docker", &token, &docker("m1", "dock", "m1")).await;
    let check = "/api/agents/docker/hosts/m1/check-updates";
    server.call(Method::POST, check, Some(TOKEN), "{}").await;
    let path = "/api/agents/docker/report";
    let body = docker("m1", "dock", "m1").to_string();
    server.clock.advance(SignedDuration::from_secs(10));
    let given = server.call(Method::POST, path, Some(&token), &body).await.json();
    let id = given["commands"][0]["id"].as_str().unwrap().to_owned();
    // The server dies between handing it out and hearing of it.
    let server = server.restarted();
    let ack = async |word: &str| {
        let path = format!("/api/agents/docker/commands/{id}/ack");
        let body = json!({"hostId": "m1", "status": word, "message": word}).to_string();
        let answer = server.call(Method::POST, &path, Some(&token), &body).await;
        (answer.status.as_u16(), answer.json()["command"].clone())
    };
    assert_eq!(ack("acknowledged").await.0, 200);
    let (status, first) = ack("completed").await;
    assert_eq!((status, &first["status"]), (200, &json!("completed")));
    server.clock.advance(SignedDuration::from_secs(5));
    assert_eq!(ack("completed").await, (200, first), "the answer was lost, and it is said again");
    assert_eq!(ack("failed").await.0, 400);
    assert_eq!(ack("in_progress").await.0, 400);
    let again = server.call(Method::POST, path, Some(&token), &body).await.json();
    assert_eq!(again.get("commands"), None, "nothing is given twice");
}
