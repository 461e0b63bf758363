//! Commands of an administrator run by a real agent: where its owner allows that, and nowhere else.

use std::thread;

use anyhow::{Context, Result, ensure};
use pulse_e2e::binaries;
use pulse_e2e::http::Client;
use pulse_e2e::process::{Process, eventually, scratch};
use pulse_e2e::programs::{Server, ServerOptions, command};
use serde_json::{Value, json};

use crate::PATIENCE;

/// A server whose operator switched commands on, with a list of its own, and a token for the agent.
fn start_server(data: &std::path::Path) -> Result<(Server, String)> {
    let mut server = ServerOptions::new(data)?
        .argument("--no-local-host")
        .variable("PULSE_DEV", "true")
        .variable("PULSE_ENABLE_AGENT_COMMANDS", "true")
        .variable("PULSE_AGENT_COMMAND_ALLOW", "sleep ...,seq ...,uname -s,hostname")
        .start()?;
    server.set_up()?;
    let scopes = json!(["host-agent:report", "host-agent:config:read"]);
    let made = server.admin().post("/api/security/tokens", &json!({"name": "agent", "scopes": scopes}))?;
    let made = made.expect_status(200)?.json()?;
    Ok((server, made["token"].as_str().context("no token")?.to_owned()))
}

fn start_agent(server: &Server, token: &str, more: &[&str]) -> Result<Process> {
    let mut agent = command(binaries::folder()?, "pulse-agent");
    agent.args(["--url", &format!("http://{}", server.address), "--token", token, "--interval", "10s"]);
    agent.args([
        "--hostname",
        "obeys",
        "--enable-docker=false",
        "--health-addr",
        "",
        "--disable-auto-update",
    ]);
    agent.args(more).env("PULSE_AGENT_CONFIG_INTERVAL", "1s");
    Process::start(&mut agent)
}

fn run(server: &Server, command: &str, timeout_seconds: u64) -> Result<Value> {
    run_by(server.admin(), command, timeout_seconds)
}

fn run_by(mut administrator: Client, command: &str, timeout_seconds: u64) -> Result<Value> {
    let body = json!({"command": command, "target_type": "host", "target_id": "obeys", "timeout_seconds": timeout_seconds});
    administrator.post("/api/ai/run-command", &body)?.expect_status(200)?.json()
}

fn error_of(answer: &Value) -> &str {
    answer["error"].as_str().unwrap_or_default()
}

fn connected(server: &Server) -> Result<u64> {
    let agents = server.admin().get("/api/ai/agents")?.expect_status(200)?.json()?;
    agents["count"].as_u64().context("no count")
}

#[test]
fn an_agent_runs_what_its_owner_and_the_server_allow_within_its_limits_and_nothing_else() -> Result<()> {
    let data = scratch()?;
    let (server, token) = start_server(data.path())?;

    // The owner of the machine did not allow commands, and the server cannot.
    let mut agent = start_agent(&server, &token, &[])?;
    let seen = server.state_with(PATIENCE, |state| state["hosts"].as_array()?.first().cloned())?;
    let id = seen["id"].as_str().context("no id")?.to_owned();
    let body = serde_json::to_vec(&json!({"commandsEnabled": true}))?;
    let path = format!("/api/agents/host/{id}/config");
    let json_type = [("Content-Type", "application/json")];
    server.admin().send("PATCH", &path, &json_type, &body)?.expect_status(200)?;
    // It has learnt of that with the answer to its next report.
    server.state_with(PATIENCE, |state| (state["hosts"][0]["lastSeen"] != seen["lastSeen"]).then_some(()))?;
    ensure!(connected(&server)? == 0, "the server switched commands on");
    ensure!(error_of(&run(&server, "uname -s", 5)?).contains("not connected"));
    ensure!(agent.terminate(PATIENCE)?.success(), "{}", agent.printed());

    let allowed = ["--enable-commands", "--command-allow", "uname -s", "--command-allow", "sleep ..."];
    let more: Vec<&str> = allowed.into_iter().chain(["--command-allow", "seq ..."]).collect();
    let mut agent = start_agent(&server, &token, &more)?;
    eventually(PATIENCE, || {
        ensure!(connected(&server)? == 1);
        Ok(())
    })
    .with_context(|| agent.printed())?;
    let done = run(&server, "uname -s", 5)?;
    ensure!(done["output"] == "Linux\n" && done["exit_code"] == 0 && done["success"] == true, "{done}");
    let refused = run(&server, "hostname", 5)?;
    ensure!(error_of(&refused).contains("--command-allow") && refused["success"] == false, "{refused}");
    let body = json!({"command": "reboot", "target_id": "obeys"});
    let refused = server.admin().post("/api/ai/run-command", &body)?;
    ensure!(refused.status == 403, "{}", refused.text());
    let late = run(&server, "sleep 300", 1)?;
    ensure!(error_of(&late) == "command timed out" && late.get("exit_code").is_none(), "{late}");
    let long = run(&server, "seq 1 400000", 20)?;
    let output = long["output"].as_str().context("no output")?;
    ensure!(output.len() <= 1024 * 1024 && output.len() > 1_000_000, "{}", output.len());

    // The agent goes while it runs something.
    let lost = thread::scope(|scope| -> Result<Value> {
        let administrator = server.admin();
        let waits = scope.spawn(move || run_by(administrator, "sleep 200", 100));
        eventually(PATIENCE, || {
            let trail = server.admin().get("/api/agents/commands?limit=1")?.expect_status(200)?.json()?;
            ensure!(
                trail["commands"][0]["command"] == "sleep 200" && agent.printed().contains("program=sleep")
            );
            Ok(())
        })?;
        agent.kill()?;
        waits.join().map_err(|_| anyhow::anyhow!("the request died"))?
    })?;
    ensure!(error_of(&lost).contains("lost"), "{lost}");

    let trail = server.admin().get("/api/agents/commands")?.expect_status(200)?.json()?;
    let trail = trail["commands"].as_array().context("no trail")?;
    let told: Vec<_> = trail
        .iter()
        .rev()
        .map(|entry| format!("{} {} {}", entry["command"], entry["outcome"], entry["exitCode"]))
        .collect();
    ensure!(
        told == [
            r#""uname -s" "not_sent" null"#,
            r#""uname -s" "completed" 0"#,
            r#""hostname" "failed" -1"#,
            r#""reboot" "refused" null"#,
            r#""sleep 300" "failed" -1"#,
            r#""seq 1 400000" "completed" 0"#,
            r#""sleep 200" "lost" null"#,
        ],
        "{told:#?}"
    );
    ensure!(trail.iter().all(|entry| entry["by"].as_str().is_some_and(|by| !by.is_empty())));
    Ok(())
}
