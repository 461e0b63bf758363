//! The command socket over a real connection, as agents of the original and of ours use it, and as others try to.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use http::{Method, StatusCode};
use pulse_core::scope::Scope;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Error, Message, client::IntoClientRequest},
};
use tokio_util::sync::CancellationToken;

use crate::harness::{Answer, PATIENCE, TOKEN, TestServer};

/// A server whose operator switched commands on.
struct Commanding {
    server: TestServer,
    address: SocketAddr,
}

/// An agent's side of the socket.
struct Agent(WebSocketStream<MaybeTlsStream<TcpStream>>);

async fn started() -> Commanding {
    let server = TestServer::set_up_with(|settings| {
        settings.agent_commands.is_enabled = true;
        settings.is_development = true;
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(pulse_api::serve::serve(listener, None, server.router(), stop, Duration::from_secs(1)));
    Commanding { server, address }
}

fn register(id: &str, hostname: &str, token: &str) -> Value {
    json!({"type": "agent_register", "timestamp": "2026-03-04T05:06:07Z", "payload": {"agent_id": id,
        "hostname": hostname, "version": "5.0.17", "platform": "linux", "tags": [], "token": token}})
}

impl Commanding {
    async fn reports(&self, id: &str, hostname: &str, token: &str, commands_enabled: bool) -> Answer {
        let body = json!({"agent": {"id": id, "version": "5.0.17", "type": "unified", "intervalSeconds": 10,
                "commandsEnabled": commands_enabled},
            "host": {"id": id, "hostname": hostname, "platform": "linux"}});
        self.server.call(Method::POST, "/api/agents/host/report", Some(token), &body.to_string()).await
    }

    async fn dial(&self, headers: &[(&'static str, &str)]) -> Result<Agent, u16> {
        let mut request = format!("ws://{}/api/agent/ws", self.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match tokio_tungstenite::connect_async(request).await {
            Ok((socket, _)) => Ok(Agent(socket)),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Says hello and gives the answer to it.
    async fn introduce(&self, id: &str, hostname: &str, token: &str) -> (Agent, Value) {
        let mut agent = self.dial(&[]).await.unwrap();
        agent.say(register(id, hostname, token)).await;
        let answer = agent.next("registered").await.unwrap();
        (agent, answer["payload"].clone())
    }

    /// An agent whose host `nas` reports, connected.
    async fn nas(&self) -> (Agent, String) {
        let token = self.server.token([Scope::HostAgentReport]);
        assert_eq!(self.reports("m1", "nas", &token, true).await.status, StatusCode::OK);
        let (agent, answer) = self.introduce("m1", "nas", &token).await;
        assert_eq!(answer, json!({"success": true, "message": "Registered"}));
        (agent, token)
    }

    async fn ask(&self, body: Value) -> Answer {
        self.server.call(Method::POST, "/api/ai/run-command", Some(TOKEN), &body.to_string()).await
    }

    async fn run(&self, command: &str) -> Answer {
        self.ask(json!({"command": command, "target_type": "host", "target_id": "m1", "run_on_host": true}))
            .await
    }

    async fn connected(&self) -> Value {
        self.server.get("/api/ai/agents", TOKEN).await.json()
    }

    async fn trail(&self) -> Vec<Value> {
        let answer = self.server.get("/api/agents/commands", TOKEN).await;
        answer.json()["commands"].as_array().unwrap().clone()
    }
}

impl Agent {
    async fn say(&mut self, value: Value) {
        self.0.send(Message::text(value.to_string())).await.unwrap();
    }

    /// The next message of a kind; `None` where the connection ends before it.
    async fn next(&mut self, kind: &str) -> Option<Value> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("in time");
            let Some(Ok(message)) = message else { return None };
            let Message::Text(text) = message else { continue };
            let value: Value = serde_json::from_str(&text).unwrap();
            if value["type"] == kind {
                return Some(value);
            }
        }
    }

    /// How the server ends the connection: its code, or none at all.
    async fn end(&mut self) -> Option<u16> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("in time");
            match message {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    async fn tells(&mut self, id: &str, stdout: &str, exit_code: i32) {
        self.say(json!({"type": "command_result", "id": id, "payload": {"request_id": id,
            "success": exit_code == 0, "stdout": stdout, "stderr": "", "exit_code": exit_code, "duration_ms": 12}}))
            .await;
    }

    /// Waits for a command and tells what came of it.
    async fn obeys(&mut self, stdout: &str, exit_code: i32) -> Value {
        let asked = self.next("execute_command").await.unwrap();
        self.tells(asked["id"].as_str().unwrap(), stdout, exit_code).await;
        asked
    }
}

#[tokio::test]
async fn everything_is_off_until_whoever_runs_the_server_switches_it_on() {
    let server = TestServer::set_up_with(|settings| settings.is_development = true);
    let answer = server.get("/api/agent/ws", TOKEN).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.text().contains("PULSE_ENABLE_AGENT_COMMANDS"), "{}", answer.text());
    let agents = server.get("/api/ai/agents", TOKEN).await.json();
    assert_eq!((&agents["agents"], &agents["count"]), (&Value::Null, &json!(0)));
    assert!(agents["note"].as_str().unwrap().contains("PULSE_ENABLE_AGENT_COMMANDS"));
    let run = r#"{"command":"uptime","target_type":"host","target_id":"m1"}"#;
    let answer = server.call(Method::POST, "/api/ai/run-command", Some(TOKEN), run).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["code"].clone()),
        (503, json!("agent_commands_disabled"))
    );
}

#[tokio::test]
async fn a_command_goes_to_the_agent_and_its_outcome_comes_back_and_is_kept() {
    let pulse = started().await;
    assert_eq!(pulse.connected().await, json!({"agents": null, "count": 0}));
    let (mut agent, _) = pulse.nas().await;
    assert_eq!(
        pulse.connected().await,
        json!({"count": 1, "agents": [{"agent_id": "m1", "hostname": "nas", "version": "5.0.17",
            "platform": "linux", "connected_at": "2026-03-04T05:06:07Z", "host_id": "m1"}]})
    );
    let (answer, asked) = tokio::join!(pulse.run(" df -h "), agent.obeys("Filesystem\n", 0));
    let id = asked["id"].as_str().unwrap();
    assert_eq!(
        asked,
        json!({"type": "execute_command", "id": id, "timestamp": "2026-03-04T05:06:07Z", "payload":
            {"request_id": id, "command": "df -h", "target_type": "host", "target_id": "", "timeout": 60}})
    );
    assert_eq!(answer.json(), json!({"output": "Filesystem\n", "success": true, "exit_code": 0, "id": id}));
    let (answer, _) = tokio::join!(pulse.run("systemctl status x"), agent.obeys("inactive\n", 3));
    let answer = answer.json();
    assert_eq!(
        (&answer["success"], &answer["error"], &answer["exit_code"]),
        (&json!(false), &json!("exit status 3"), &json!(3))
    );
    agent.say(json!({"type": "agent_ping", "timestamp": "2026-03-04T05:06:07Z"})).await;
    assert_eq!(
        agent.next("pong").await.unwrap(),
        json!({"type": "pong", "timestamp": "2026-03-04T05:06:07Z"})
    );

    let restarted = TestServer::over_data_of(pulse.server, |settings| settings.is_development = true);
    let trail = restarted.get("/api/agents/commands?hostId=m1", TOKEN).await.json();
    let first = &trail["commands"][1];
    assert!(first["by"].as_str().unwrap().starts_with("token"), "{first}");
    for (key, value) in [
        ("command", json!(" df -h ")),
        ("hostId", json!("m1")),
        ("hostname", json!("nas")),
        ("target", json!("host")),
        ("outcome", json!("completed")),
        ("exitCode", json!(0)),
        ("id", json!(id)),
    ] {
        assert_eq!(first[key], value, "{first}");
    }
    assert_eq!(
        (&trail["commands"][0]["outcome"], &trail["commands"][0]["exitCode"]),
        (&json!("failed"), &json!(3))
    );
}

#[tokio::test]
async fn nobody_connects_but_the_agent_of_a_host_that_reports_with_that_token() {
    let pulse = started().await;
    let own = pulse.server.token([Scope::HostAgentReport]);
    let others = pulse.server.token([Scope::HostAgentReport]);
    let reader = pulse.server.token([Scope::MonitoringRead]);
    pulse.reports("m1", "nas", &own, true).await;
    pulse.reports("m2", "router", &others, true).await;
    pulse.reports("m3", "quiet", &own, false).await;
    for (id, hostname, token, reason) in [
        ("m1", "nas", "wrong", "Invalid token"),
        ("m1", "nas", "", "Invalid token"),
        ("m1", "nas", reader.as_str(), "host-agent:report"),
        ("m1", "nas", others.as_str(), "no host of this name"),
        ("m2", "router", own.as_str(), "no host of this name"),
        ("m1", "router", own.as_str(), "no host of this name"),
        ("m9", "nas", own.as_str(), "no host of this name"),
        ("", "", own.as_str(), "no host of this name"),
        ("m3", "quiet", own.as_str(), "switched off"),
    ] {
        let (mut agent, answer) = pulse.introduce(id, hostname, token).await;
        assert_eq!(answer["success"], false, "{id} {hostname}");
        assert!(answer["message"].as_str().unwrap().contains(reason), "{answer}");
        assert_eq!(agent.end().await, None);
    }
    // What is no registration is not answered at all.
    let huge = json!({"type": "agent_register", "payload": {"agent_id": "x".repeat(20_000), "token": own}});
    for first in [json!({"type": "agent_ping"}), json!([]), json!("x"), huge] {
        let mut agent = pulse.dial(&[]).await.unwrap();
        agent.say(first).await;
        assert_eq!(agent.next("registered").await, None);
    }
    // Headers are looked at before anything is said.
    assert_eq!(pulse.dial(&[("origin", "https://evil.example")]).await.err(), Some(403));
    assert_eq!(pulse.dial(&[("authorization", "Bearer wrong")]).await.err(), Some(401));
    assert_eq!(pulse.dial(&[("authorization", &format!("Bearer {reader}"))]).await.err(), Some(403));
    assert!(pulse.dial(&[("authorization", &format!("Bearer {own}"))]).await.is_ok());
    assert_eq!(pulse.connected().await["count"], 0);
}

#[tokio::test]
async fn connections_that_say_nothing_are_counted() {
    let pulse = started().await;
    let mut silent = Vec::new();
    for _ in 0..16 {
        silent.push(pulse.dial(&[]).await.unwrap());
    }
    assert_eq!(pulse.dial(&[]).await.err(), Some(503));
    // Strangers keep no agent out that shows its token at once.
    let token = pulse.server.token([Scope::HostAgentReport]);
    assert_eq!(pulse.reports("m1", "nas", &token, true).await.status, StatusCode::OK);
    let mut agent = pulse.dial(&[("authorization", &format!("Bearer {token}"))]).await.unwrap();
    agent.say(register("m1", "nas", &token)).await;
    assert_eq!(agent.next("registered").await.unwrap()["payload"]["success"], true);
    silent.pop();
    let again = async {
        while pulse.dial(&[]).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("a place is free again");
}

#[tokio::test]
async fn what_is_not_on_the_list_is_never_sent_and_neither_is_a_guess() {
    let pulse = started().await;
    let (mut agent, token) = pulse.nas().await;
    for command in ["reboot", "df; reboot", "systemctl status -Hroot@elsewhere", "cat /etc/shadow"] {
        let answer = pulse.run(command).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["code"].clone()),
            (403, json!("command_not_allowed")),
            "{command}"
        );
    }
    assert_eq!(pulse.trail().await[0]["outcome"], "refused", "who tried it is kept");
    for (body, code) in [
        (json!({"command": "  ", "target_id": "m1"}), "missing_command"),
        (json!({"command": "df"}), "invalid_target"),
        (json!({"command": "df", "target_id": "nobody"}), "invalid_target"),
        (json!({"command": "df", "target_type": "disk", "target_id": "m1"}), "invalid_target"),
        (
            json!({"command": "df", "target_type": "container", "target_id": "", "target_host": "m1"}),
            "invalid_target",
        ),
        (
            json!({"command": "df", "target_type": "container", "target_id": "", "vmid": "1;x", "target_host": "m1"}),
            "invalid_target",
        ),
        (json!({"command": 5}), "invalid_json"),
        (json!([]), "invalid_json"),
        (json!({"command": "x".repeat(20_000)}), "invalid_json"),
    ] {
        let answer = pulse.ask(body.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["code"].clone()),
            (400, json!(code)),
            "{body:.100}"
        );
    }
    // An agent's own token commands nobody, not even its host; the tokens of the Proxmox installer may "manage".
    let managing = pulse.server.token([Scope::HostAgentReport, Scope::HostAgentManage]);
    for token in [&token, &managing] {
        let body = r#"{"command":"df","target_id":"m1"}"#;
        let answer = pulse.server.call(Method::POST, "/api/ai/run-command", Some(token), body).await;
        assert_eq!(answer.json(), json!({"error": "missing_scope", "requiredScope": "settings:write"}));
    }
    let guest = json!({"command": "uptime", "target_type": "container", "target_id": "", "vmid": 101, "target_host": "nas"});
    let (answer, asked) = tokio::join!(pulse.ask(guest), agent.obeys("up\n", 0));
    assert_eq!(answer.json()["output"], "up\n");
    assert_eq!(
        (&asked["payload"]["target_type"], &asked["payload"]["target_id"]),
        (&json!("container"), &json!("101")),
        "and nothing before it"
    );
}

#[tokio::test]
async fn without_the_feature_nothing_runs() {
    let server = TestServer::set_up_with(|settings| settings.agent_commands.is_enabled = true);
    let answer = server.call(Method::POST, "/api/ai/run-command", Some(TOKEN), r#"{"command":"df"}"#).await;
    assert_eq!((answer.status.as_u16(), answer.json()["feature"].clone()), (402, json!("ai_autofix")));
}

#[tokio::test]
async fn a_result_counts_once_and_only_from_the_agent_that_was_asked() {
    let pulse = started().await;
    let (mut agent, _) = pulse.nas().await;
    let others = pulse.server.token([Scope::HostAgentReport]);
    pulse.reports("m2", "router", &others, true).await;
    let (mut other, _) = pulse.introduce("m2", "router", &others).await;
    let answers = async {
        let id = agent.next("execute_command").await.unwrap()["id"].as_str().unwrap().to_owned();
        other.tells(&id, "forged", 0).await;
        other.say(json!({"type": "agent_ping"})).await;
        other.next("pong").await.unwrap();
        agent.tells("no-such-request", "stray", 0).await;
        agent.tells(&id, "first", 0).await;
        agent.tells(&id, "second", 0).await;
        id
    };
    let (answer, id) = tokio::join!(pulse.run("uptime"), answers);
    assert_eq!(answer.json()["output"], "first");
    // The same words again, for the next command.
    let (answer, ()) = tokio::join!(pulse.run("uptime"), async {
        let asked = agent.next("execute_command").await.unwrap();
        agent.tells(&id, "replayed", 0).await;
        agent.tells(asked["id"].as_str().unwrap(), "right", 0).await;
    });
    assert_eq!(answer.json()["output"], "right");
    assert_eq!(pulse.connected().await["count"], 2);
}

#[tokio::test]
async fn an_agent_that_goes_or_is_silent_or_sends_too_much_costs_only_its_own_command() {
    let pulse = started().await;
    let (mut agent, token) = pulse.nas().await;
    let (answer, ()) = tokio::join!(pulse.run("uptime"), async {
        agent.next("execute_command").await.unwrap();
        drop(agent);
    });
    let answer = answer.json();
    assert_eq!(answer["success"], false);
    assert!(answer["error"].as_str().unwrap().contains("lost"), "{answer}");
    assert_eq!(pulse.trail().await[0]["outcome"], "lost");

    let answer = pulse.run("uptime").await.json();
    assert!(answer["error"].as_str().unwrap().contains("not connected"), "{answer}");

    let (mut agent, _) = pulse.introduce("m1", "nas", &token).await;
    let long = "é".repeat(700_000);
    let (answer, _) = tokio::join!(pulse.run("uptime"), agent.obeys(&long, 0));
    let output = answer.json()["output"].as_str().unwrap().len();
    assert_eq!(output, 1024 * 1024, "cut at the limit");
    let (answer, ()) = tokio::join!(pulse.run("uptime"), async {
        let asked = agent.next("execute_command").await.unwrap();
        let frame = json!({"type": "command_result", "payload": {"request_id": asked["id"],
            "stdout": "x".repeat(5 * 1024 * 1024)}});
        drop(agent.0.send(Message::text(frame.to_string())).await);
        assert_eq!(agent.next("pong").await, None, "the connection ends");
    });
    assert!(answer.json()["error"].as_str().unwrap().contains("lost"));

    let (mut agent, _) = pulse.introduce("m1", "nas", &token).await;
    let short = json!({"command": "uptime", "target_id": "m1", "timeout_seconds": 1});
    let answer = pulse.ask(short).await.json();
    assert!(answer["error"].as_str().unwrap().contains("did not answer within 6 s"), "{answer}");
    assert_eq!(pulse.trail().await[0]["outcome"], "timed_out");
    let late = agent.next("execute_command").await.unwrap();
    agent.tells(late["id"].as_str().unwrap(), "late", 0).await;
    let (answer, _) = tokio::join!(pulse.run("uptime"), agent.obeys("now", 0));
    assert_eq!(answer.json()["output"], "now");

    for _ in 0..80 {
        drop(agent.0.send(Message::text("{}")).await);
    }
    assert_eq!(agent.end().await, None, "one that floods is cut off");
}

#[tokio::test]
async fn four_commands_run_on_a_host_at_one_time() {
    let pulse = started().await;
    let (mut agent, _) = pulse.nas().await;
    let four = async { futures_util::future::join_all((0..4).map(|_| pulse.run("uptime"))).await };
    let (answers, ()) = tokio::join!(four, async {
        let mut ids = Vec::new();
        for _ in 0..4 {
            ids.push(agent.next("execute_command").await.unwrap()["id"].as_str().unwrap().to_owned());
        }
        let fifth = pulse.run("uptime").await.json();
        assert!(fifth["error"].as_str().unwrap().contains("too many commands"), "{fifth}");
        for id in ids {
            agent.tells(&id, "", 0).await;
        }
    });
    assert!(answers.iter().all(|answer| answer.json()["success"] == true));
}

#[tokio::test]
async fn one_socket_for_each_host_and_the_newest_counts() {
    let pulse = started().await;
    let (mut before, token) = pulse.nas().await;
    let (mut agent, answer) = pulse.introduce("m1", "nas", &token).await;
    assert_eq!(answer["success"], true);
    assert_eq!(before.end().await, Some(4401));
    let (answer, _) = tokio::join!(pulse.run("uptime"), agent.obeys("ok", 0));
    assert_eq!(answer.json()["output"], "ok");
    assert_eq!(pulse.connected().await["count"], 1);
}

#[tokio::test]
async fn a_host_that_is_removed_and_a_token_that_is_revoked_end_the_connection() {
    let pulse = started().await;
    let remove = async |pulse: &Commanding| {
        pulse.server.call(Method::DELETE, "/api/agents/host/m1", Some(TOKEN), "").await;
    };
    let switch = async |pulse: &Commanding| {
        let body = r#"{"commandsEnabled":false}"#;
        pulse.server.call(Method::PATCH, "/api/agents/host/m1/config", Some(TOKEN), body).await;
    };
    let revoke = async |pulse: &Commanding| {
        let tokens = pulse.server.state.access.tokens.current();
        let id = tokens.newest_first()[0].record().id.clone();
        pulse.server.state.access.tokens.remove(id.as_str()).unwrap();
    };
    let (mut agent, _) = pulse.nas().await;
    revoke(&pulse).await;
    // Before the next look at it, too.
    assert!(pulse.run("uptime").await.json()["error"].as_str().unwrap().contains("not connected"));
    assert_eq!(agent.next("execute_command").await, None);
    let (mut agent, token) = pulse.nas().await;
    switch(&pulse).await;
    assert_eq!(agent.end().await, Some(4401));
    let (_, answer) = pulse.introduce("m1", "nas", &token).await;
    assert!(answer["message"].as_str().unwrap().contains("switched off"), "{answer}");
    let pulse = started().await;
    let (mut agent, _) = pulse.nas().await;
    remove(&pulse).await;
    assert_eq!(agent.end().await, Some(4401));
    assert_eq!(pulse.connected().await["count"], 0);
}
