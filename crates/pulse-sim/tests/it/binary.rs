//! The program as scripts use it.

use std::{
    process::{Output, Stdio},
    time::Duration,
};

use pulse_sim::Access;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::timeout,
};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pulse-sim"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn output(arguments: &[&str]) -> Output {
    timeout(Duration::from_secs(20), program(arguments).output()).await.expect("it does not end").unwrap()
}

#[tokio::test]
async fn it_says_in_one_line_per_cluster_how_to_connect() {
    let arguments = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--control",
        "127.0.0.1:0",
        "--clusters",
        "2",
        "--version",
        "8.4",
    ];
    let mut child = program(&arguments).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut names = Vec::new();
    for _ in 0..2 {
        let line = timeout(Duration::from_secs(20), lines.next_line()).await.unwrap().unwrap().unwrap();
        let access: Access = serde_json::from_str(&line).unwrap();
        assert!(access.url.starts_with("https://127.0.0.1:") && access.control.is_some(), "{line}");
        assert_eq!((access.endpoints.len(), access.fingerprint.len()), (3, 95));
        names.push(access.name);
    }
    assert_eq!(names, ["sim", "sim2"]);
}

#[tokio::test]
async fn it_refuses_other_machines_in_one_plain_line() {
    for (arguments, expect) in [
        (&["serve", "--listen", "0.0.0.0:0"][..], "0.0.0.0 is not a loopback address"),
        (&["serve", "--nodes", "0", "--listen", "127.0.0.1:0"][..], "an estate has 1 to 250 nodes, not 0"),
        (&["load", "--token", "t", "--server", "http://192.0.2.1"][..], "192.0.2.1 is not on this machine"),
    ] {
        let output = output(arguments).await;
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains(expect) && errors.lines().count() == 1, "{errors}");
    }
}

#[tokio::test]
async fn a_bounded_load_ends_with_a_summary() {
    // Nobody listens on a port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = format!("http://127.0.0.1:{port}");
    let output =
        output(&["load", "--token", "t", "--server", &server, "--seconds", "1", "--interval", "1"]).await;
    assert!(output.status.success());
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["accepted"], 0);
    assert!(summary["rejected"].as_u64().unwrap() > 0, "{summary}");
}

#[tokio::test]
async fn a_scenario_starts_everything_with_its_troubles_and_a_clock_to_steer() {
    let folder = std::env::temp_dir().join(format!("pulse-sim-scenario-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("scenario.json");
    let scenario = serde_json::json!({
        "start": "2026-02-03T08:00:00Z",
        "speed": 0,
        "clusters": [{
            "estate": {
                "name": "lab", "nodes": 2, "guests": 40, "version": "8.4", "churn_per_minute": 5,
                "mix": { "container_share": 1.0, "templates": 0, "backups_per_guest": 5 },
            },
            "control": "127.0.0.1:0",
            "faults": [{
                "after_seconds": 600, "for_seconds": 600, "node": "pve2", "effect": { "kind": "node_offline" },
            }],
        }],
        "backup_servers": [{ "server": { "name": "vault", "has_archive": false }, "of_clusters": ["lab"] }],
        "mail_gateways": [{ "gateway": { "name": "mx" } }],
    });
    std::fs::write(&file, scenario.to_string()).unwrap();
    let mut child = program(&["serve", "--scenario", file.to_str().unwrap()]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut machines: Vec<Access> = Vec::new();
    for _ in 0..3 {
        let line = timeout(Duration::from_secs(20), lines.next_line()).await.unwrap().unwrap().unwrap();
        machines.push(serde_json::from_str(&line).unwrap());
    }
    let kinds: Vec<&str> = machines.iter().map(|machine| machine.kind.as_str()).collect();
    assert_eq!(kinds, ["pve", "pbs", "pmg"]);
    let control = machines[0].control.clone().unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let read = async |request: reqwest::RequestBuilder| -> serde_json::Value {
        serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
    };
    let truth = async || read(http.get(format!("{control}/truth"))).await;
    let leap = async |seconds: u64| {
        read(http.post(format!("{control}/clock")).json(&serde_json::json!({ "step_seconds": seconds })))
            .await
    };
    let first = truth().await;
    assert_eq!(first["at"], 1_770_105_600);
    let guests = first["guests"].as_array().unwrap();
    assert!(guests.len() == 40 && guests.iter().all(|guest| guest["plan"]["kind"] == "lxc"));
    assert_eq!(leap(600).await["now"], "2026-02-03T08:10:00Z");
    let second = truth().await;
    let online = |truth: &serde_json::Value| {
        truth["nodes"].as_array().unwrap().iter().filter(|node| node["is_online"] == true).count()
    };
    assert_eq!((online(&first), online(&second)), (2, 1));
    leap(600).await;
    let third = truth().await;
    assert_eq!(online(&third), 2);
    // Guests have come and gone meanwhile, by themselves.
    let changed = |truth: &serde_json::Value| {
        let pairs = truth["guests"].as_array().unwrap().iter().zip(guests);
        pairs.filter(|(now, then)| now["status"] != then["status"] || now["node"] != then["node"]).count()
    };
    assert!(changed(&third) > 5, "{}", changed(&third));
    child.kill().await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}
