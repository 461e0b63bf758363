//! The OpenAPI document: written by the server from its own code, committed, and checked for drift.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{shell, workspace};

/// Options of `cargo xtask openapi`.
#[derive(Args)]
pub struct Options {
    /// Change nothing; fail if the committed document differs
    #[arg(long)]
    check: bool,
}

/// Writes the document, or checks it.
pub fn run(options: &Options) -> Result<()> {
    let mut server = shell::cargo();
    server.args(["run", "--quiet", "--locked", "--package", "pulse-server", "--"]);
    if options.check {
        return check(&mut server);
    }
    std::fs::write(path(), document(&mut server)?).with_context(|| format!("write {}", path().display()))?;
    println!("openapi: wrote {}", path().display());
    Ok(())
}

/// Fails if the committed document is not what `server` says.
pub fn check(server: &mut Command) -> Result<()> {
    let committed = std::fs::read(path()).with_context(|| format!("read {}", path().display()))?;
    if committed != document(server)? {
        bail!("docs/openapi.json is not what the server's code gives: run `cargo xtask openapi`");
    }
    println!("openapi: docs/openapi.json is up to date");
    Ok(())
}

fn path() -> PathBuf {
    workspace::root().join("docs/openapi.json")
}

/// What the server prints, always with one newline at the end.
fn document(server: &mut Command) -> Result<Vec<u8>> {
    let mut document = shell::output(server.arg("openapi"))?;
    let value: serde_json::Value =
        serde_json::from_slice(&document).context("`pulse-server openapi` printed no JSON document")?;
    anyhow::ensure!(value["openapi"].is_string(), "`pulse-server openapi` printed something else");
    document.truncate(document.trim_ascii_end().len());
    document.push(b'\n');
    Ok(document)
}
