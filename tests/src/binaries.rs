//! Where the built programs are.
//!
//! `cargo test` builds test binaries, not always the programs themselves: they are built here once per test run,
//! into the same target folder and profile, unless `PULSE_BIN_DIR` names a folder that has them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

/// The packages whose programs the tests start.
pub const PACKAGES: &[&str] = &["pulse-server", "pulse-agent-bin", "pulse-sim"];

/// The folder with the built programs.
pub fn folder() -> Result<&'static Path> {
    static FOLDER: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    match FOLDER.get_or_init(|| find_or_build().map_err(|error| format!("{error:#}"))) {
        Ok(folder) => Ok(folder),
        Err(error) => bail!("{error}"),
    }
}

fn find_or_build() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("PULSE_BIN_DIR") {
        return Ok(PathBuf::from(folder));
    }
    // A test binary is target/<profile>/deps/<name>-<hash>.
    let own = std::env::current_exe()?;
    let folder = own.parent().and_then(Path::parent).context("the test binary is not in a target folder")?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Cargo names the folder when it runs the tests: two clones may share a target folder.
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    cargo.current_dir(here).args(["build", "--quiet", "--locked"]);
    if folder.file_name().is_some_and(|name| name == "release") {
        cargo.arg("--release");
    }
    for package in PACKAGES {
        cargo.args(["--package", package]);
    }
    if let Some(target) = folder.parent() {
        cargo.arg("--target-dir").arg(target);
    }
    let status = cargo.status().context("run cargo build")?;
    if !status.success() {
        bail!("cargo build of {PACKAGES:?} ended with {status}");
    }
    Ok(folder.to_owned())
}
