//! Starts that cannot succeed: one plain sentence, exit status 1, and nothing deleted.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use pulse_e2e::process::{Process, scratch};
use pulse_e2e::programs::ServerOptions;

/// Starts a server that must refuse, and gives what it says.
fn refusal(options: &ServerOptions, port: u16) -> Result<String> {
    let mut process = Process::start(&mut options.command(port))?;
    let status = process.wait(Duration::from_secs(20))?;
    assert_eq!(status.code(), Some(1), "{}", process.printed());
    let said = process.error_text();
    let sentence = said.trim();
    assert!(!sentence.contains("panicked") && !sentence.contains("Backtrace"), "{sentence}");
    assert_eq!(sentence.lines().count(), 1, "one sentence, not: {sentence}");
    Ok(sentence.to_owned())
}

#[test]
fn a_port_in_use_is_one_sentence() -> Result<()> {
    let data = scratch()?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port();
    let sentence = refusal(&ServerOptions::new(data.path())?, port)?;
    assert!(sentence.contains(&port.to_string()), "{sentence}");
    Ok(())
}

#[test]
fn two_servers_do_not_share_a_data_directory() -> Result<()> {
    let data = scratch()?;
    let options = ServerOptions::new(data.path())?.argument("--no-local-host");
    let first = options.start()?;
    let sentence = refusal(&options, 0)?;
    assert!(sentence.contains(&data.path().display().to_string()), "{sentence}");
    first.anonymous().get("/api/health")?.expect_status(200)?;
    Ok(())
}

/// Root may write anywhere, so the folder is put where no folder can be: under a file.
#[test]
fn a_data_directory_that_cannot_be_written_is_one_sentence() -> Result<()> {
    let data = scratch()?;
    let file = data.path().join("file");
    std::fs::write(&file, "kept")?;
    let sentence = refusal(&ServerOptions::new(&file.join("data"))?, 0)?;
    assert!(sentence.contains("file"), "{sentence}");
    let sentence = refusal(&ServerOptions::new(&file)?, 0)?;
    assert!(sentence.contains("file"), "{sentence}");
    let sentence = refusal(&ServerOptions::new(Path::new("/proc/pulse"))?, 0)?;
    assert!(sentence.contains("/proc/pulse"), "{sentence}");
    assert_eq!(std::fs::read_to_string(&file)?, "kept");
    Ok(())
}

#[test]
fn a_setting_that_makes_no_sense_is_named() -> Result<()> {
    let data = scratch()?;
    let options = ServerOptions::new(data.path())?.variable("PVE_POLLING_INTERVAL", "soon");
    let mut process = Process::start(&mut options.command(0))?;
    let status = process.wait(Duration::from_secs(20))?;
    assert!(!status.success());
    assert!(process.error_text().contains("PVE_POLLING_INTERVAL"), "{}", process.printed());
    Ok(())
}
