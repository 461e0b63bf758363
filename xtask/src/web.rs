//! The dashboard's own tools: npm packages, the build, and the types made from the OpenAPI document.

use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use clap::Subcommand;

use crate::{shell, workspace};

/// What `cargo xtask web` can do.
#[derive(Subcommand)]
pub enum Task {
    /// Write the page's API types from docs/openapi.json
    Types {
        /// Change nothing; fail if the committed types differ
        #[arg(long)]
        check: bool,
    },
    /// Build the page if it is not up to date
    Build,
}

/// Runs one of them.
pub fn run(task: &Task) -> Result<()> {
    anyhow::ensure!(can_build(), "npm is missing: install Node.js 20.19 or newer");
    match task {
        Task::Types { check: true } => check_types(),
        Task::Types { check: false } => {
            install()?;
            npm(&["run", "types"])
        }
        Task::Build => build(),
    }
}

/// Whether Node's package manager is here.
pub fn can_build() -> bool {
    shell::is_on_path("npm")
}

/// Installs the packages of the lock file, unless that has happened since it last changed.
pub fn install() -> Result<()> {
    let app = workspace::app();
    let installed = modified(&app.join("node_modules/.package-lock.json"));
    if installed.is_some() && installed >= modified(&app.join("package-lock.json")) {
        return Ok(());
    }
    npm(&["ci", "--no-audit", "--no-fund"])
}

/// Builds the page into `dist`, unless nothing changed since the last build.
pub fn build() -> Result<()> {
    install()?;
    let app = workspace::app();
    let built = modified(&app.join("dist/index.html"));
    let newest = newest_source(&app)?;
    if built.is_some() && built >= newest {
        eprintln!("» the page is up to date");
        return Ok(());
    }
    npm(&["run", "build"])
}

/// Fails if the committed types are not those of docs/openapi.json; leaves the file as it was.
pub fn check_types() -> Result<()> {
    install()?;
    let path = workspace::app().join("src/api/schema.gen.ts");
    let committed = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    npm(&["run", "types"])?;
    let generated = std::fs::read(&path)?;
    if generated != committed {
        std::fs::write(&path, committed)?;
        bail!("{} is not what docs/openapi.json gives: run `cargo xtask web types`", path.display());
    }
    Ok(())
}

/// An npm command in the dashboard's folder.
pub fn npm_command(arguments: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(workspace::app()).args(arguments);
    command
}

/// Runs npm in the dashboard's folder.
pub fn npm(arguments: &[&str]) -> Result<()> {
    shell::run(&mut npm_command(arguments))
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

/// When the youngest of the files that the build reads was changed.
fn newest_source(folder: &Path) -> Result<Option<SystemTime>> {
    let mut newest = None;
    for entry in std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        if ["node_modules", "dist", "e2e", "test-results", "playwright-report"]
            .iter()
            .any(|skip| name == *skip)
        {
            continue;
        }
        let found =
            if entry.file_type()?.is_dir() { newest_source(&entry.path())? } else { modified(&entry.path()) };
        newest = newest.max(found);
    }
    Ok(newest)
}
