//! Containers of a real engine are updated over the server, from a registry on this machine, and go back where the
//! newer image does not work.

use anyhow::{Context, Result, ensure};
use pulse_e2e::binaries;
use pulse_e2e::dockerd::Dockerd;
use pulse_e2e::process::{Process, eventually, scratch};
use pulse_e2e::programs::{Server, ServerOptions, command};
use pulse_e2e::registry::Registry;
use serde_json::{Value, json};

use crate::PATIENCE;

const SLEEPS: &[&str] = &["/bin/busybox", "sleep", "86400"];
const ENDS: &[&str] = &["/bin/busybox", "false"];

/// A machine with an engine and an agent that reports its containers.
struct Machine {
    server: Server,
    agent: Process,
    engine: Dockerd,
    host: String,
}

impl Machine {
    fn start(data: &std::path::Path, engine: Dockerd) -> Result<Self> {
        let mut server = ServerOptions::new(data)?.argument("--no-local-host").start()?;
        server.set_up()?;
        let body = json!({"name": "agent", "scopes": ["docker:report"]});
        let made = server.admin().post("/api/security/tokens", &body)?.expect_status(200)?.json()?;
        let mut agent = command(binaries::folder()?, "pulse-agent");
        agent.args(["--url", &format!("http://{}", server.address), "--token"]);
        agent.arg(made["token"].as_str().context("no token")?).args(["--interval", "10s"]);
        agent.args(["--enable-host=false", "--enable-docker", "--health-addr", "", "--disable-auto-update"]);
        agent.env("DOCKER_HOST", engine.host()).env("PULSE_STATE_DIR", data);
        let agent = Process::start(&mut agent)?;
        let host =
            server.state_with(PATIENCE, |state| Some(state["dockerHosts"][0]["id"].as_str()?.to_owned()))?;
        Ok(Self { server, agent, engine, host })
    }

    /// The container with this name as the server shows it.
    fn container(&mut self, name: &str, is_wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let found = self.server.state_with(PATIENCE, |state| {
            let all = state["dockerHosts"][0]["containers"].as_array()?;
            all.iter().find(|container| container["name"] == name && is_wanted(container)).cloned()
        });
        found.with_context(|| self.agent.printed())
    }

    fn check_updates(&self) -> Result<()> {
        let path = format!("/api/agents/docker/hosts/{}/check-updates", self.host);
        self.server.admin().post(&path, &json!({}))?.expect_status(200).map(drop)
    }

    /// Wants a container updated and waits for the outcome: the command as the state shows it.
    fn update(&mut self, container: &Value) -> Result<Value> {
        let body = json!({"hostId": self.host, "containerId": container["id"], "containerName": "web"});
        let answer = self.server.admin().post("/api/agents/docker/containers/update", &body)?;
        let answer = answer.expect_status(200)?.json()?;
        let command = answer["commandId"].as_str().context("no command")?.to_owned();
        // One is under way: another one is refused.
        let again = self.server.admin().post("/api/agents/docker/containers/update", &body)?;
        ensure!(again.status == 400 && again.text().contains("already has a command in progress"));
        let done = eventually(PATIENCE * 2, || {
            let state = self.server.state()?;
            let shown = &state["dockerHosts"][0]["command"];
            let is_over = shown["status"] == "completed" || shown["status"] == "failed";
            ensure!(shown["id"] == command.as_str() && is_over, "{shown}");
            Ok(shown.clone())
        });
        done.with_context(|| self.agent.printed())
    }

    fn release(&self) -> Result<String> {
        self.engine.docker(&["inspect", "--format", "{{index .Config.Labels \"release\"}}", "web"])
    }
}

#[test]
fn a_container_is_updated_over_the_server_and_goes_back_when_the_newer_image_does_not_work() -> Result<()> {
    if let Some(why) = Dockerd::missing() {
        assert!(std::env::var_os("CI").is_none(), "no Docker engine in CI: {why}");
        println!("not run: {why}");
        return Ok(());
    }
    let (data, registry) = (scratch()?, Registry::start()?);
    registry.put("stable", "one", SLEEPS)?;
    let engine = Dockerd::start()?;
    let image = registry.image("stable");
    engine.docker(&["run", "--detach", "--network", "none", "--name", "web", &image])?;
    let mut machine = Machine::start(data.path(), engine)?;
    let update_is = |wanted: bool| {
        move |container: &Value| {
            container["state"] == "running" && container["updateStatus"]["updateAvailable"] == wanted
        }
    };
    machine.check_updates()?;
    machine.container("web", update_is(false))?;

    registry.put("stable", "two", SLEEPS)?;
    machine.check_updates()?;
    let old = machine.container("web", update_is(true))?;
    let done = machine.update(&old)?;
    ensure!(done["status"] == "completed", "{done}\n{}", machine.agent.printed());
    ensure!(machine.release()? == "two", "it does not run on the newer image");
    let new = machine.container("web", update_is(false))?;
    ensure!(new["id"] != old["id"], "{new}");

    registry.put("stable", "three", ENDS)?;
    let done = machine.update(&new)?;
    let told = done["failureReason"].as_str().or(done["message"].as_str()).unwrap_or_default();
    ensure!(done["status"] == "failed" && told.contains("the old one runs again"), "{done}");
    ensure!(machine.release()? == "two", "the old one does not run");
    let back = machine.container("web", |container| container["state"] == "running")?;
    ensure!(back["id"] == new["id"], "{back}");
    let all = machine.engine.docker(&["ps", "--all", "--format", "{{.Names}}"])?;
    ensure!(all == "web", "something is left: {all}");
    // Each was done once: two checks and two updates.
    let printed = machine.agent.printed();
    ensure!(printed.matches("the server sent a command").count() == 4, "{printed}");
    ensure!(machine.agent.terminate(PATIENCE)?.success(), "{}", machine.agent.printed());
    Ok(())
}
