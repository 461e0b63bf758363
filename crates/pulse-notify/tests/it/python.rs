//! Programs from PyPI that stand in for the outside: a mail server, and Apprise.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

const PACKAGES: [&str; 2] = ["aiosmtpd==1.4.6", "apprise==2.3.0"];

/// The folder of the programs, installed when they are first needed. Where that does not work, CI fails and everybody else
/// is told that the test was left out.
pub fn programs() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(|| match install() {
        Ok(folder) => Some(folder),
        Err(why) => {
            assert!(std::env::var_os("CI").is_none(), "{why}");
            println!("left out: {why}");
            None
        }
    });
    found.as_deref()
}

fn install() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("notify-python-1");
    let programs = folder.join("bin");
    let is_ready = folder.join("ready");
    if is_ready.exists() {
        return Ok(programs);
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    run(Command::new(programs.join("pip"))
        .args(["install", "--quiet", "--disable-pip-version-check"])
        .args(PACKAGES))?;
    std::fs::write(is_ready, "").map_err(|error| error.to_string())?;
    Ok(programs)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)))
}
