//! Where things are: the repository, the target folder, the dashboard's sources.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::shell;

/// The repository's top folder. Cargo names it when it runs the program: two clones may share a target folder, and
/// then the program may have been compiled in the other one.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let named = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let here = named.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
        here.parent().map_or_else(|| here.clone(), Path::to_owned)
    })
}

/// The folder of the dashboard's sources.
pub fn app() -> PathBuf {
    root().join("crates/pulse-web/app")
}

/// What cargo knows of this workspace, without the crates from outside.
pub fn metadata() -> Result<Value> {
    let mut cargo = shell::cargo();
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    serde_json::from_slice(&shell::output(&mut cargo)?).context("read what cargo metadata printed")
}

/// The folder that cargo builds into, wherever the user put it.
pub fn target() -> Result<PathBuf> {
    let metadata = metadata()?;
    Ok(metadata["target_directory"].as_str().context("cargo metadata names no target folder")?.into())
}
