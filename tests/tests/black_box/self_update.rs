//! An agent of an older version replaces itself by what its server has, and comes back where that does not work.
//!
//! The older version is this one with a lower number written into the program, and a broken one has a flag renamed: no
//! second build is needed, and what runs is the real thing.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use pulse_e2e::binaries;
use pulse_e2e::process::{Process, eventually, scratch};
use pulse_e2e::programs::{Server, ServerOptions, command};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::PATIENCE;

/// A server with an agent to hand out, and a machine with an older one.
struct Machine {
    folder: TempDir,
    server: Server,
    token: String,
    /// What the server has.
    newer: String,
    /// What is installed.
    older: String,
}

impl Machine {
    fn new() -> Result<Self> {
        let folder = scratch()?;
        for name in ["bin", "data", "machine"] {
            std::fs::create_dir(folder.path().join(name))?;
        }
        let options = ServerOptions::new(&folder.path().join("data"))?.argument("--no-local-host");
        let bin = folder.path().join("bin");
        let mut server = options.variable("PULSE_BIN_DIR", &bin.display().to_string()).start()?;
        server.set_up()?;
        let body = json!({"name": "agent", "scopes": ["host-agent:report"]});
        let made = server.admin().post("/api/security/tokens", &body)?.expect_status(200)?.json()?;
        let token = made["token"].as_str().context("no token")?.to_owned();
        let answer = server.anonymous().get("/api/agent/version")?.expect_status(200)?.json()?;
        let newer = answer["version"].as_str().context("no version")?.to_owned();
        let older = format!("4{}", newer.strip_prefix('5').context("another major version: adapt this")?);
        let machine = Self { folder, server, token, newer, older };
        write_program(&machine.installed(), &program(&[(&machine.newer, &machine.older)])?)?;
        ensure!(
            version_of(&machine.installed())? == machine.older,
            "the number was not found in the program"
        );
        Ok(machine)
    }

    fn installed(&self) -> PathBuf {
        self.folder.path().join("machine/pulse-agent")
    }

    /// Lets the server have a program.
    fn offer(&self, bytes: &[u8]) -> Result<PathBuf> {
        let name = match std::env::consts::ARCH {
            "x86_64" => "pulse-agent-linux-amd64",
            "aarch64" => "pulse-agent-linux-arm64",
            other => anyhow::bail!("no download name is known for {other}"),
        };
        let path = self.folder.path().join("bin").join(name);
        write_program(&path, bytes)?;
        Ok(path)
    }

    fn start(&self, public_key: &str) -> Result<Process> {
        let machine = self.folder.path().join("machine");
        let mut agent = command(&machine, "pulse-agent");
        agent.args(["--url", &format!("http://{}", self.server.address), "--token", &self.token]);
        agent.args(["--interval", "1s", "--hostname", "updated", "--enable-docker=false"]);
        agent.args(["--health-addr", ""]);
        agent.env("PULSE_STATE_DIR", &machine).env("PULSE_AGENT_UPDATE_PUBLIC_KEYS", public_key);
        Process::start(&mut agent)
    }

    /// Waits until the server is told of a version; gives when it was last seen.
    fn reports(&self, version: &str, after: i64) -> Result<i64> {
        self.server.state_with(PATIENCE, |state| {
            let host = state["hosts"].as_array()?.first()?;
            let seen = host["lastSeen"].as_i64()?;
            (host["agentVersion"] == version && seen > after).then_some(seen)
        })
    }
}

/// The agent with some words in it replaced by others of the same length.
fn program(words: &[(&str, &str)]) -> Result<Vec<u8>> {
    let mut bytes = std::fs::read(binaries::folder()?.join("pulse-agent"))?;
    for (old, new) in words {
        ensure!(old.len() == new.len(), "{old} and {new} have not the same length");
        let mut at = 0;
        while let Some(found) = bytes[at..].windows(old.len()).position(|part| part == old.as_bytes()) {
            at += found;
            bytes[at..at + new.len()].copy_from_slice(new.as_bytes());
        }
        ensure!(at > 0, "{old} is not in the program");
    }
    Ok(bytes)
}

/// In one step: a program that runs cannot be written to.
fn write_program(path: &Path, bytes: &[u8]) -> Result<()> {
    let half = path.with_extension("part");
    std::fs::write(&half, bytes)?;
    std::fs::set_permissions(&half, std::fs::Permissions::from_mode(0o755))?;
    Ok(std::fs::rename(half, path)?)
}

fn version_of(program: &Path) -> Result<String> {
    let told = Command::new(program).arg("--version").output()?;
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    Ok(text.split_whitespace().last().unwrap_or_default().to_owned())
}

fn record(machine: &Machine) -> Result<Value> {
    let record = std::fs::read(machine.folder.path().join("machine/.pulse-update-info"))?;
    Ok(serde_json::from_slice(&record)?)
}

/// A key pair and a signature of `program`: (public key in base64, signature in base64).
fn sign(folder: &Path, program: &Path) -> Result<(String, String)> {
    const SCRIPT: &str = "openssl genpkey -algorithm ed25519 -out key.pem 2>/dev/null \
        && openssl pkey -in key.pem -pubout -outform DER | tail -c 32 | base64 -w 0 && echo \
        && openssl pkeyutl -sign -rawin -inkey key.pem -in \"$1\" | base64 -w 0";
    let ran = Command::new("sh").current_dir(folder).args(["-c", SCRIPT, "sh"]).arg(program).output()?;
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    let (key, signature) = text.split_once('\n').context("openssl made no signature")?;
    ensure!(ran.status.success() && key.len() == 44 && signature.trim().len() == 88, "openssl: {text}");
    Ok((key.to_owned(), signature.trim().to_owned()))
}

#[test]
fn an_older_agent_becomes_what_its_server_has_if_that_is_signed() -> Result<()> {
    if Command::new("openssl").arg("version").output().is_err() {
        ensure!(std::env::var_os("CI").is_none(), "openssl is missing");
        println!("not run: openssl is not installed");
        return Ok(());
    }
    let machine = Machine::new()?;
    let newer = program(&[])?;
    let offered = machine.offer(&newer)?;
    let (key, signature) = sign(machine.folder.path(), &offered)?;

    let mut agent = machine.start(&key)?;
    machine.reports(&machine.older, 0).with_context(|| agent.printed())?;
    eventually(PATIENCE, || {
        let printed = agent.printed();
        ensure!(printed.contains("it is not signed"), "{printed}");
        Ok(())
    })?;
    ensure!(version_of(&machine.installed())? == machine.older, "an unsigned program was taken");
    ensure!(agent.terminate(PATIENCE)?.success(), "{}", agent.printed());

    std::fs::write(offered.with_extension("sig"), format!("{signature}\n"))?;
    let mut agent = machine.start(&key)?;
    machine.reports(&machine.newer, 0).with_context(|| agent.printed())?;
    ensure!(std::fs::read(machine.installed())? == newer, "another program lies there");
    // It has delivered a report: the old one is not needed any more.
    eventually(PATIENCE, || {
        let record = record(&machine)?;
        ensure!(record["is_confirmed"] == true && record["from"] == machine.older.as_str(), "{record}");
        ensure!(!machine.folder.path().join("machine/.pulse-agent.backup").exists(), "the old one is there");
        Ok(())
    })
    .with_context(|| agent.printed())?;
    let state = machine.server.state()?;
    ensure!(state["hosts"].as_array().is_some_and(|hosts| hosts.len() == 1), "{state}");
    ensure!(agent.terminate(PATIENCE)?.success(), "{}", agent.printed());
    Ok(())
}

#[test]
fn a_newer_agent_that_fails_its_self_test_is_not_installed() -> Result<()> {
    let machine = Machine::new()?;
    machine.offer(&program(&[("self-test", "selx-test")])?)?;
    let mut agent = machine.start("")?;
    eventually(PATIENCE, || {
        let printed = agent.printed();
        ensure!(printed.contains("does not work on this machine"), "{printed}");
        Ok(())
    })?;
    ensure!(version_of(&machine.installed())? == machine.older, "a program that does not work was installed");
    let left: Vec<_> = std::fs::read_dir(machine.folder.path().join("machine"))?.collect();
    ensure!(left.len() == 1, "{left:?}");
    machine.reports(&machine.older, 0).with_context(|| agent.printed())?;
    ensure!(agent.terminate(PATIENCE)?.success(), "{}", agent.printed());
    Ok(())
}

#[test]
fn a_newer_agent_that_does_not_come_up_goes_back_by_itself_and_is_not_tried_again() -> Result<()> {
    let machine = Machine::new()?;
    let older = std::fs::read(machine.installed())?;
    // It starts and passes its self-test, but not with the flags that it is started with.
    machine.offer(&program(&[("health-addr", "hexlth-addr")])?)?;
    let mut agent = machine.start("")?;
    let seen = machine.reports(&machine.older, 0).with_context(|| agent.printed())?;
    // What a service manager does: start again what ended.
    let mut starts = 0;
    eventually(PATIENCE, || {
        if !agent.is_running() {
            starts += 1;
            ensure!(starts < 10, "it ends again and again: {}", agent.printed());
            agent = machine.start("")?;
        }
        let record = record(&machine)?;
        ensure!(record["rejected"] == machine.newer.as_str(), "{record}");
        Ok(())
    })
    .with_context(|| agent.printed())?;
    ensure!(starts > 0, "the newer one came up");
    ensure!(std::fs::read(machine.installed())? == older, "another program than before lies there");
    let back = machine.reports(&machine.older, seen).with_context(|| agent.printed())?;
    // The first look for updates is five seconds after the start.
    machine.reports(&machine.older, back + 8_000).with_context(|| agent.printed())?;
    ensure!(std::fs::read(machine.installed())? == older, "the rejected version was installed again");
    ensure!(agent.terminate(PATIENCE)?.success(), "{}", agent.printed());
    Ok(())
}
