//! Machines that report: the server's own, one with an agent, and one with containers.

use anyhow::{Context, Result};
use pulse_e2e::binaries;
use pulse_e2e::dockerd::Dockerd;
use pulse_e2e::process::{Process, eventually, scratch};
use pulse_e2e::programs::{Server, ServerOptions, command};
use serde_json::{Value, json};

use crate::PATIENCE;

/// An agent that reports this machine, without containers and without a health port that others would want too.
fn start_agent(server: &Server, token: &str) -> Result<Process> {
    let mut agent = command(binaries::folder()?, "pulse-agent");
    agent.args(["--url", &format!("http://{}", server.address), "--token", token, "--interval", "10s"]);
    agent.args(["--hostname", "agent-under-test", "--enable-docker=false", "--health-addr", ""]);
    Process::start(&mut agent)
}

fn first_host(state: &Value) -> Option<Value> {
    state["hosts"].as_array()?.first().cloned()
}

#[test]
fn the_servers_own_machine_is_there_without_any_configuration() -> Result<()> {
    let data = scratch()?;
    let mut server = ServerOptions::new(data.path())?.start()?;
    server.set_up()?;
    let host = server.state_with(PATIENCE, first_host)?;
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname")?;
    assert_eq!(host["hostname"], hostname.trim());
    assert_eq!(host["status"], "online");
    let memory = std::fs::read_to_string("/proc/meminfo")?;
    let total_kib: u64 = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok())
        .context("no MemTotal")?;
    assert_eq!(host["memory"]["total"], total_kib * 1024);
    assert!(host["disks"].as_array().is_some_and(|disks| !disks.is_empty()), "{host}");
    Ok(())
}

#[test]
fn the_machine_is_not_monitored_where_that_is_switched_off() -> Result<()> {
    let data = scratch()?;
    let mut server = ServerOptions::new(data.path())?.argument("--no-local-host").start()?;
    server.set_up()?;
    // A report of another machine shows that hosts are taken in; the server's own came in no later than it.
    let report = json!({"host": {"hostname": "other"}, "metrics": {}});
    server.admin().post("/api/agents/host/report", &report)?.expect_status(200)?;
    let hosts = server
        .state_with(PATIENCE, |state| state["hosts"].as_array().filter(|all| !all.is_empty()).cloned())?;
    assert_eq!(hosts.len(), 1);
    assert_eq!(hosts[0]["hostname"], "other");
    Ok(())
}

#[test]
fn an_agent_reports_with_a_token_that_can_do_nothing_else() -> Result<()> {
    let data = scratch()?;
    let mut server = ServerOptions::new(data.path())?.argument("--no-local-host").start()?;
    server.set_up()?;
    let body = json!({"name": "agent", "scopes": ["host-agent:report", "docker:report"]});
    let made = server.admin().post("/api/security/tokens", &body)?.expect_status(200)?.json()?;
    let token = made["token"].as_str().context("no token")?;
    let mut agent = start_agent(&server, token)?;
    let host = server.state_with(PATIENCE, first_host).with_context(|| agent.printed())?;
    assert_eq!(host["hostname"], "agent-under-test");
    assert!(host["cpuCount"].as_u64().is_some_and(|count| count > 0), "{host}");
    assert!(host["memory"]["total"].as_u64().is_some_and(|bytes| bytes > 0), "{host}");
    assert!(host["agentVersion"].as_str().is_some_and(|version| !version.is_empty()), "{host}");
    assert!(agent.is_running());
    assert!(agent.terminate(PATIENCE)?.success(), "{}", agent.printed());
    Ok(())
}

#[test]
fn an_agent_with_a_wrong_token_says_so_and_keeps_trying() -> Result<()> {
    let data = scratch()?;
    let mut server = ServerOptions::new(data.path())?.argument("--no-local-host").start()?;
    server.set_up()?;
    let mut agent = command(binaries::folder()?, "pulse-agent");
    agent.args([
        "--url",
        &format!("http://{}", server.address),
        "--token",
        "no-such-token",
        "--interval",
        "10s",
    ]);
    let mut agent = Process::start(&mut agent)?;
    eventually(PATIENCE, || {
        let printed = agent.printed();
        anyhow::ensure!(printed.contains("401") || printed.contains("refused"), "{printed}");
        Ok(())
    })?;
    assert!(agent.is_running(), "{}", agent.printed());
    assert!(!agent.printed().contains("no-such-token"), "the token was printed");
    Ok(())
}

#[test]
fn containers_of_a_real_engine_come_and_go() -> Result<()> {
    if let Some(why) = Dockerd::missing() {
        assert!(std::env::var_os("CI").is_none(), "no Docker engine in CI: {why}");
        println!("not run: {why}");
        return Ok(());
    }
    let engine = Dockerd::start()?;
    engine.run("web")?;
    let data = scratch()?;
    let mut server = ServerOptions::new(data.path())?.variable("DOCKER_HOST", &engine.host()).start()?;
    server.set_up()?;
    let container = |state: &Value, name: &str| -> Option<Value> {
        let containers = state["dockerHosts"].as_array()?.first()?["containers"].as_array()?;
        containers.iter().find(|container| container["name"] == name).cloned()
    };
    let web = server.state_with(PATIENCE, |state| container(state, "web"))?;
    assert_eq!(web["state"], "running");
    assert_eq!(web["image"], "pulse-test/busybox:1");
    engine.run("database")?;
    server.state_with(PATIENCE, |state| container(state, "database"))?;
    engine.docker(&["kill", "web"])?;
    let web = server
        .state_with(PATIENCE, |state| container(state, "web").filter(|web| web["state"] == "exited"))?;
    assert_eq!(web["exitCode"], 137);
    Ok(())
}
