//! The server as a service manager and a container start it: told of its state, given its secrets, set up before anybody sees it.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pulse_e2e::binaries;
use pulse_e2e::process::{Process, scratch};
use pulse_e2e::programs::{PASSWORD, ServerOptions, USER, command};
use serde_json::json;

use crate::PATIENCE;

#[test]
fn the_service_manager_hears_when_the_server_is_ready_and_when_it_stops() -> Result<()> {
    let data = scratch()?;
    let path = data.path().join("notify.socket");
    let socket = UnixDatagram::bind(&path)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let name = path.to_str().context("an odd path")?;
    let options = ServerOptions::new(&data.path().join("data"))?.variable("NOTIFY_SOCKET", name);
    let mut server = options.argument("--no-local-host").start()?;
    let heard = |part: &str| -> Result<()> {
        let mut message = [0; 512];
        loop {
            let length = socket.recv(&mut message).with_context(|| format!("nothing was heard of {part}"))?;
            if String::from_utf8_lossy(&message[..length]).contains(part) {
                return Ok(());
            }
        }
    };
    heard("READY=1")?;
    // Ready is ready: who starts after it finds it answering.
    server.anonymous().get("/api/health")?.expect_status(200)?;
    server.process.terminate(PATIENCE)?;
    heard("STOPPING=1")
}

#[test]
fn a_password_that_the_service_manager_keeps_logs_in_and_stands_nowhere_else() -> Result<()> {
    let (data, credentials) = (scratch()?, scratch()?);
    fs::write(credentials.path().join("PULSE_AUTH_PASS"), format!("{PASSWORD}\n"))?;
    fs::write(credentials.path().join("PULSE_AUTH_USER"), USER)?;
    let folder = credentials.path().to_str().context("an odd path")?;
    let options = ServerOptions::new(data.path())?.variable("CREDENTIALS_DIRECTORY", folder);
    let server = options.argument("--no-local-host").start()?;
    server.log_in()?.get("/api/state")?.expect_status(200)?;
    server.anonymous().get("/api/state")?.expect_status(401)?;
    for entry in fs::read_dir(data.path())? {
        let path = entry?.path();
        let bytes = fs::read(&path).unwrap_or_default();
        ensure!(!String::from_utf8_lossy(&bytes).contains(PASSWORD), "{} holds the password", path.display());
    }
    Ok(())
}

#[test]
fn the_bundle_of_the_environment_is_taken_over_at_the_first_start_and_at_no_other() -> Result<()> {
    const PASSPHRASE: &str = "a passphrase of the environment";
    let (old, new) = (scratch()?, scratch()?);
    let bundle = new.path().join("pulse.bundle");
    {
        let mut server = ServerOptions::new(old.path())?.argument("--no-local-host").start()?;
        server.set_up()?;
        let node = json!({"type": "pve", "name": "lab", "host": "https://127.0.0.1:9", "tokenName": "m@pve!t",
            "tokenValue": "x"});
        server.admin().post("/api/config/nodes", &node)?.expect_status(201)?;
        let export = server.admin().post("/api/config/export", &json!({"passphrase": PASSPHRASE}))?;
        fs::write(&bundle, export.expect_status(200)?.json()?["data"].as_str().context("no bundle")?)?;
    }
    let name = bundle.to_str().context("an odd path")?.to_owned();
    let with = |data: &std::path::Path, passphrase: &str| -> Result<ServerOptions> {
        Ok(ServerOptions::new(data)?
            .argument("--no-local-host")
            .variable("PULSE_INIT_CONFIG_FILE", &name)
            .variable("PULSE_INIT_CONFIG_PASSPHRASE", passphrase))
    };
    // A wrong passphrase is a sentence and no server: one without its configuration would look as if all were well.
    let mut refused =
        Process::start(&mut with(&new.path().join("refused"), "another passphrase")?.command(0))?;
    ensure!(!refused.wait(PATIENCE)?.success());
    let text = refused.error_text();
    ensure!(text.contains("PULSE_INIT_CONFIG_FILE") && !text.contains("another passphrase"), "{text}");

    let data = new.path().join("data");
    let options = with(&data, PASSPHRASE)?;
    let mut server = options.start()?;
    let nodes = server.admin().get("/api/config/nodes")?.expect_status(200)?.json()?;
    assert_eq!(nodes[0]["name"], "lab");
    server.admin().send("DELETE", "/api/config/nodes/pve-0", &[], &[])?.expect_status(200)?;
    server.process.terminate(Duration::from_secs(40))?;
    let again = options.start()?;
    let nodes = again.admin().get("/api/config/nodes")?.expect_status(200)?.json()?;
    assert_eq!(nodes, json!([]), "what was removed came back with a restart");
    Ok(())
}

#[test]
fn a_certificate_that_is_not_there_is_one_sentence() -> Result<()> {
    let data = scratch()?;
    let missing = data.path().join("missing.pem");
    let missing = missing.to_str().context("an odd path")?;
    for arguments in [vec!["--tls-cert", missing, "--tls-key", missing], vec!["--tls-cert", missing]] {
        let mut program = command(binaries::folder()?, "pulse-server");
        program.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path()).args(&arguments);
        let mut process = Process::start(&mut program)?;
        ensure!(!process.wait(PATIENCE)?.success());
        let text = process.error_text();
        ensure!(text.contains("missing.pem") || text.contains("--tls-key"), "{text}");
        ensure!(!text.contains("panicked"), "{text}");
    }
    Ok(())
}
