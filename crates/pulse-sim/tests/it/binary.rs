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
