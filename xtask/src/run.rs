//! `cargo xtask run`: from a fresh clone to a running server in one command.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::{shell, web, workspace};

/// Options of `cargo xtask run`.
#[derive(Args)]
pub struct Options {
    /// Where the server keeps its data [default: .pulse-data in the repository]
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Address to listen on [default: the server's own, port 7655 on every interface]
    #[arg(long)]
    listen: Option<SocketAddr>,
}

/// Builds everything and becomes the server.
pub fn run(options: &Options) -> Result<()> {
    page()?;
    shell::run(shell::cargo().args([
        "build",
        "--release",
        "--locked",
        "-p",
        "pulse-server",
        "-p",
        "pulse-agent-bin",
    ]))?;
    let data_dir = options.data_dir.clone().unwrap_or_else(|| workspace::root().join(".pulse-data"));
    let mut server = shell::program(&workspace::target()?.join("release/pulse-server").to_string_lossy());
    server.arg("serve").arg("--data-dir").arg(data_dir);
    if let Some(listen) = options.listen {
        server.arg("--listen").arg(listen.to_string());
    }
    // Taking this process's place hands it the terminal's signals and gives back its exit status.
    Err(server.exec().into())
}

/// Builds the dashboard, or says why there is none.
pub fn page() -> Result<()> {
    if web::can_build() {
        return web::build();
    }
    eprintln!(
        "Node.js is not installed: building without the dashboard. The server runs and its API answers; \
         install Node.js 20.19 or newer and run this again to get the page."
    );
    Ok(())
}
