//! The agent as a program: what it does with the server's answers, its configuration, and its own replacement.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use pulse_agent::{
    Agent, AgentIdentity, AgentSettings, Exit, Hooks,
    link::{self, Delivery, Link, ReportKind},
    settings::{Target, Token},
    upgrade,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use crate::{fake_engine::Engine, reports::settings, server::Server};

fn host_link(server: &Server) -> Link {
    let settings = settings(server.url());
    Link::new(link::client(&settings.url, false).unwrap(), &settings, ReportKind::Host).unwrap()
}

fn large(n: u32) -> Value {
    json!({"n": n, "text": "the same again and again ".repeat(200)})
}

#[tokio::test]
async fn reports_are_compressed_once_the_server_says_that_it_takes_that() {
    let mut server = Server::start().await;
    let mut link = host_link(&server);
    link.deliver(&large(1)).await;
    assert!(server.next().await.headers.get("content-encoding").is_none(), "an older server would refuse it");
    server.answer_header("accept-encoding", "br, gzip");
    link.deliver(&large(2)).await;
    server.next().await;
    link.deliver(&large(3)).await;
    let third = server.next().await;
    assert_eq!(third.headers["content-encoding"], "gzip");
    let length: usize = third.headers["content-length"].to_str().unwrap().parse().unwrap();
    assert!(length < 400, "{length}");
    assert_eq!(third.json["n"], 3);
    link.deliver(&json!({"n": 4})).await;
    assert!(server.next().await.headers.get("content-encoding").is_none(), "it would not get smaller");
    // Something in between does not take it: the report is sent again as it is, and from now on.
    server.answer_with(415);
    assert_eq!(link.deliver(&large(5)).await, Delivery::Dropped);
    let tried: Vec<bool> =
        server.drain().iter().map(|arrived| arrived.headers.contains_key("content-encoding")).collect();
    assert_eq!(tried, [true, false]);
}

#[tokio::test]
async fn a_server_that_asks_to_wait_is_left_alone() {
    let mut server = Server::start().await;
    let mut link = host_link(&server);
    server.answer_with(429);
    server.answer_header("retry-after", "1");
    assert_eq!(link.deliver(&json!({"n": 1})).await, Delivery::Kept);
    assert_eq!(link.deliver(&json!({"n": 2})).await, Delivery::Kept);
    assert_eq!(server.drain().len(), 1, "the second was not even sent");
    server.answer_with(200);
    let begin = std::time::Instant::now();
    let mut n = 3;
    while link.deliver(&json!({"n": n})).await == Delivery::Kept {
        n += 1;
        assert!(begin.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(link.kept(), 0, "and everything came in then");
}

#[tokio::test]
async fn reports_on_disk_survive_the_agent() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start().await;
    server.answer_with(500);
    let mut link = host_link(&server);
    link.keep_on_disk(dir.path()).await;
    for n in 1..=3 {
        assert_eq!(link.deliver(&json!({"n": n})).await, Delivery::Kept);
    }
    drop(link);
    server.drain();
    server.answer_with(200);
    let mut link = host_link(&server);
    link.keep_on_disk(dir.path()).await;
    assert_eq!(link.kept(), 3);
    assert_eq!(link.deliver(&json!({"n": 4})).await, Delivery::Sent { flushed: 3 });
    let order: Vec<i64> = server.drain().iter().map(|arrived| arrived.json["n"].as_i64().unwrap()).collect();
    assert_eq!(order, [4, 1, 2, 3]);
    let left = std::fs::read_dir(dir.path()).unwrap().flatten().next().unwrap().path();
    assert_eq!(std::fs::read_dir(left).unwrap().count(), 0);
}

#[tokio::test]
async fn a_token_that_changed_in_its_file_is_taken_without_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "renewed\n").unwrap();
    let mut server = Server::start().await;
    let settings = AgentSettings { token_file: Some(file), ..settings(server.url()) };
    let mut link =
        Link::new(link::client(&settings.url, false).unwrap(), &settings, ReportKind::Host).unwrap();
    server.answer_with(401);
    link.deliver(&json!({"n": 1})).await;
    server.answer_with(200);
    link.deliver(&json!({"n": 2})).await;
    let tokens: Vec<String> = server
        .drain()
        .iter()
        .map(|arrived| arrived.headers["x-api-token"].to_str().unwrap().to_owned())
        .collect();
    assert_eq!(tokens, ["secret-token", "renewed", "renewed"]);
}

/// A running agent.
struct Running {
    cancel: CancellationToken,
    task: tokio::task::JoinHandle<Exit>,
}

impl Running {
    fn start(settings: AgentSettings, hooks: Hooks) -> Self {
        let cancel = CancellationToken::new();
        let agent = Agent::run_with(settings, cancel.clone(), hooks);
        Self { cancel, task: tokio::spawn(async move { agent.await.unwrap() }) }
    }

    async fn stop(self) -> Exit {
        self.cancel.cancel();
        tokio::time::timeout(Duration::from_secs(10), self.task).await.expect("it stops").unwrap()
    }
}

#[tokio::test]
async fn several_servers_get_the_same_reports_and_a_dead_one_delays_nobody() {
    let mut first = Server::start().await;
    let mut second = Server::start().await;
    let target = |url: String| Target { url, token: Token::new("other".into()), is_insecure: false };
    let settings = AgentSettings {
        // An address of documentation: nobody answers, and nobody says so either.
        more_targets: vec![target(second.url()), target("http://192.0.2.1:7655".into())],
        ..settings(first.url())
    };
    let agent = Running::start(settings, Hooks::default());
    let (one, other) = (first.next().await, second.next().await);
    assert_eq!(one.json["timestamp"], other.json["timestamp"]);
    assert_eq!(other.headers["x-api-token"], "other");
    let next = tokio::time::timeout(Duration::from_secs(5), first.next()).await;
    assert!(next.is_ok(), "the dead one delays it");
    agent.stop().await;
}

#[tokio::test]
async fn the_servers_profile_is_applied_at_the_start() {
    let mut server = Server::start().await;
    server.page("/api/agents/host/lookup", r#"{"success":true,"host":{"id":"h-1","hostname":"x"}}"#);
    server.page(
        "/api/agents/host/h-1/config",
        r#"{"success":true,"hostId":"h-1","config":{"commandsEnabled":true,"settings":{"report_ip":"10.9.8.7","interval":"2s"}}}"#,
    );
    let agent = Running::start(settings(server.url()), Hooks::default());
    let report = server.next().await;
    assert_eq!(
        (&report.json["host"]["reportIp"], &report.json["agent"]["intervalSeconds"]),
        (&json!("10.9.8.7"), &json!(2))
    );
    assert_eq!(report.json["agent"]["commandsEnabled"], false, "only the owner of the machine can say so");
    assert_eq!(agent.stop().await, Exit::Stopped);
}

#[tokio::test]
async fn a_changed_profile_is_taken_over_while_the_agent_runs_and_what_waits_is_kept() {
    let mut server = Server::start().await;
    server.answer_with(500);
    let settings = AgentSettings { config_period: Duration::from_secs(1), ..settings(server.url()) };
    let agent = Running::start(settings, Hooks::default());
    let first = server.next().await;
    assert_eq!(first.json["agent"]["intervalSeconds"], 1);
    server.page("/api/agents/host/lookup", r#"{"success":true,"host":{"id":"h-1","hostname":"x"}}"#);
    let profile = |interval: &str| {
        json!({"success": true, "hostId": "h-1", "config": {"settings": {"interval": interval}}}).to_string()
    };
    server.page("/api/agents/host/h-1/config", &profile("2s"));
    while server.next().await.json["agent"]["intervalSeconds"] != 2 {}
    // Back again: nothing of the profile sticks.
    server.page("/api/agents/host/h-1/config", r#"{"success":true,"hostId":"h-1","config":{}}"#);
    while server.next().await.json["agent"]["intervalSeconds"] != 1 {}
    server.answer_with(200);
    // All that was refused meanwhile follows, the first report of all first.
    let newest = server.next().await;
    let oldest = server.next().await;
    assert!(newest.json["timestamp"].as_str() > oldest.json["timestamp"].as_str());
    assert_eq!(oldest.json["timestamp"], first.json["timestamp"]);
    assert_eq!(agent.stop().await, Exit::Stopped);
}

/// The server's end of the command socket.
async fn accept(listener: &TcpListener) -> tokio_tungstenite::WebSocketStream<tokio::net::TcpStream> {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        // Plain requests of the agent come here as well; only the socket is wanted.
        let mut head = [0; 64];
        let count = stream.peek(&mut head).await.unwrap();
        if String::from_utf8_lossy(&head[..count]).starts_with("GET /sub/api/agent/ws ") {
            return tokio_tungstenite::accept_async(stream).await.unwrap();
        }
    }
}

async fn heard(socket: &mut tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>) -> Value {
    loop {
        let message =
            tokio::time::timeout(Duration::from_secs(10), socket.next()).await.unwrap().unwrap().unwrap();
        if let Message::Text(text) = message {
            return serde_json::from_str(text.as_str()).unwrap();
        }
    }
}

#[tokio::test]
async fn commands_run_where_the_owner_allows_them_and_the_list_holds() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/sub", listener.local_addr().unwrap());
    let allowed = AgentSettings { are_commands_allowed: true, ..settings(url) };
    let agent = Running::start(allowed, Hooks::default());
    let mut socket = accept(&listener).await;
    let register = heard(&mut socket).await;
    assert_eq!(register["type"], "agent_register");
    assert_eq!(
        (&register["payload"]["token"], &register["payload"]["tags"]),
        (&json!("secret-token"), &json!(["lab"]))
    );
    let say = |value: Value| Message::text(value.to_string());
    socket.send(say(json!({"type": "registered", "payload": {"success": true}}))).await.unwrap();
    let ask = |id: &str, command: &str| {
        say(json!({"type": "execute_command", "id": id,
            "payload": {"request_id": id, "command": command, "target_type": "host", "timeout": 10}}))
    };
    socket.send(ask("r1", "uname -s")).await.unwrap();
    let result = heard(&mut socket).await;
    assert_eq!((&result["type"], &result["id"]), (&json!("command_result"), &json!("r1")));
    assert_eq!(
        (&result["payload"]["stdout"], &result["payload"]["success"]),
        (&json!("Linux\n"), &json!(true))
    );
    socket.send(ask("r2", "touch /tmp/pulse-agent-was-here")).await.unwrap();
    let result = heard(&mut socket).await;
    assert_eq!((&result["payload"]["success"], &result["payload"]["exit_code"]), (&json!(false), &json!(-1)));
    assert!(result["payload"]["error"].as_str().unwrap().contains("--command-allow"), "{result}");
    agent.stop().await;
}

#[tokio::test]
async fn commands_on_containers_are_done_once_and_acknowledged() {
    let mut server = Server::start().await;
    let (engine, options) = Engine::start().await;
    engine.set("/containers/json", "[]");
    let settings = AgentSettings {
        is_host_enabled: false,
        is_docker_enabled: Some(true),
        docker_host: options.host,
        ..settings(server.url())
    };
    let reply = |id: &str, kind: &str| {
        json!({"success": true, "commands": [{"id": id, "type": kind, "payload": {"containerId": "../x"}}]})
            .to_string()
    };
    server.reply(&reply("c 1", "check_updates"));
    let agent = Running::start(settings, Hooks::default());
    let mut acks = Vec::new();
    let mut reports = 0;
    // The same command comes with every answer.
    while reports < 4 {
        let arrived = server.next().await;
        if arrived.path.ends_with("/report") {
            reports += 1;
        } else {
            acks.push((arrived.path, arrived.json["status"].clone()));
        }
    }
    assert_eq!(acks, [("/api/agents/docker/commands/c%201/ack".to_owned(), json!("completed"))]);
    let mut ack = async |id: &str, kind: &str, last: &str| {
        server.reply(&reply(id, kind));
        loop {
            let arrived = server.next().await;
            if arrived.path.contains(id) && arrived.json["status"] == last {
                return arrived.json["message"].as_str().unwrap().to_owned();
            }
        }
    };
    let message = ack("c2", "update_container", "failed").await;
    assert!(message.contains("no id of a container"), "{message}");
    let message = ack("c3", "dance", "failed").await;
    assert!(message.contains("dance"), "{message}");
    ack("c4", "stop", "completed").await;
    server.drain();
    let quiet = tokio::time::timeout(Duration::from_millis(2500), server.arrived.recv()).await;
    assert!(quiet.is_err(), "it reports on: {quiet:?}");
    agent.stop().await;
}

#[tokio::test]
async fn what_is_no_program_or_has_a_wrong_checksum_never_replaces_the_agent() {
    let mut server = Server::start().await;
    server.page("/api/agent/version", r#"{"version":"99.0.0"}"#);
    server.page("/download/pulse-agent", "no program");
    let dir = tempfile::tempdir().unwrap();
    let binary = dir.path().join("pulse-agent");
    std::fs::write(&binary, "the old one").unwrap();
    let hooks = Hooks { binary: Some(binary.clone()), ..Hooks::default() };
    let agent = Running::start(settings(server.url()), hooks);
    // The first look comes after five seconds.
    let begin = std::time::Instant::now();
    while begin.elapsed() < Duration::from_secs(7) {
        server.next().await;
    }
    assert_eq!(std::fs::read_to_string(&binary).unwrap(), "the old one");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left behind");
    assert_eq!(agent.stop().await, Exit::Stopped);
}

/// A program that says this version of itself and ends its self-test with this code.
fn newer_agent(dir: &std::path::Path, version: &str, self_test: i32) -> Vec<u8> {
    let source = dir.join("agent.rs");
    let text = format!(
        "fn main() {{ match std::env::args().nth(1).as_deref() {{ Some(\"--version\") => println!(\"{version}\"), \
         Some(\"--self-test\") => std::process::exit({self_test}), _ => std::process::exit(9) }} }}"
    );
    std::fs::write(&source, text).unwrap();
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let built = dir.join("agent");
    let status = std::process::Command::new(compiler).arg("-o").arg(&built).arg(&source).status().unwrap();
    assert!(status.success());
    std::fs::read(built).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
    hash.as_ref().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Offers `program` to an agent and gives how that ended within `limit`; `None`: it runs on.
async fn offer(
    server: &Server,
    program: &[u8],
    signature: Option<String>,
    keys: Option<String>,
    binary: &std::path::Path,
) -> Option<Exit> {
    let mut headers = vec![("x-checksum-sha256", sha256(program))];
    headers.extend(signature.map(|signature| ("x-signature-ed25519", signature)));
    server.page("/api/agent/version", r#"{"version":"99.0.0"}"#);
    server.file("/download/pulse-agent", program, &headers);
    let settings = AgentSettings { update_public_keys: keys, ..settings(server.url()) };
    let hooks = Hooks { binary: Some(binary.to_owned()), ..Hooks::default() };
    let cancel = CancellationToken::new();
    let agent = Agent::run_with(settings, cancel.clone(), hooks);
    let ended = tokio::time::timeout(Duration::from_secs(9), agent).await.ok()?;
    Some(ended.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_agent_takes_the_place_of_this_one_only_when_it_is_signed_and_works() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use ring::signature::{Ed25519KeyPair, KeyPair};
    let server = Server::start().await;
    let dir = tempfile::tempdir().unwrap();
    let place = tempfile::tempdir().unwrap();
    let binary = place.path().join("pulse-agent");
    std::fs::write(&binary, "the old one").unwrap();
    let signer = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).unwrap();
    let keys = || Some(STANDARD.encode(signer.public_key()));
    let sign = |bytes: &[u8]| Some(STANDARD.encode(signer.sign(bytes)));
    let broken = newer_agent(dir.path(), "99.0.0", 1);
    let good = newer_agent(dir.path(), "99.0.0", 0);
    assert_eq!(offer(&server, &broken, sign(&broken), keys(), &binary).await, None, "its self-test fails");
    assert_eq!(offer(&server, &good, None, keys(), &binary).await, None, "it is not signed");
    assert_eq!(offer(&server, &good, sign(&broken), keys(), &binary).await, None, "another file was signed");
    assert_eq!(std::fs::read_to_string(&binary).unwrap(), "the old one");
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1, "nothing is left behind");
    assert_eq!(offer(&server, &good, sign(&good), keys(), &binary).await, Some(Exit::Replaced));
    assert_eq!(std::fs::read(&binary).unwrap(), good);
    let own = AgentIdentity::default().version;
    let record = std::fs::read_to_string(place.path().join(".pulse-update-info")).unwrap();
    assert!(record.contains("99.0.0") && record.contains(&own), "{record}");
    assert_eq!(std::fs::read_to_string(place.path().join(".pulse-agent.backup")).unwrap(), "the old one");
    // The new version never gets far: the old one is back at its fourth start.
    for _ in 0..3 {
        assert_eq!(upgrade::on_start(&binary, "99.0.0"), upgrade::Start::Run);
    }
    assert_eq!(upgrade::on_start(&binary, "99.0.0"), upgrade::Start::RolledBack);
    assert_eq!(std::fs::read_to_string(&binary).unwrap(), "the old one");
    assert_eq!(offer(&server, &good, sign(&good), keys(), &binary).await, None, "it is not tried again");
}
