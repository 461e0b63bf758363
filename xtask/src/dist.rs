//! `cargo xtask dist`: what is handed to users, with checksums.

use anyhow::{Context, Result, ensure};

use crate::{shell, web, workspace};

/// The programs that are shipped.
const PROGRAMS: &[&str] = &["pulse-server", "pulse-agent"];

/// Builds the page, then both programs small, and puts them into `target/dist-out`.
pub fn run() -> Result<()> {
    ensure!(web::can_build(), "npm is missing: a server is not shipped without its page");
    web::build()?;
    let page = workspace::app().join("dist");
    let index = std::fs::read_to_string(page.join("index.html")).context("the page was not built")?;
    let has_assets = std::fs::read_dir(page.join("assets")).is_ok_and(|mut files| files.next().is_some());
    ensure!(index.contains("<script") && has_assets, "{} holds no page", page.display());
    shell::run(shell::cargo().args([
        "build",
        "--profile",
        "dist",
        "--locked",
        "-p",
        "pulse-server",
        "-p",
        "pulse-agent-bin",
    ]))?;

    let target = workspace::target()?;
    let out = target.join("dist-out");
    std::fs::create_dir_all(&out).with_context(|| format!("create {}", out.display()))?;
    for program in PROGRAMS {
        std::fs::copy(target.join("dist").join(program), out.join(program))
            .with_context(|| format!("copy {program}"))?;
    }
    let sums = shell::output(shell::program("sha256sum").args(PROGRAMS).current_dir(&out))?;
    std::fs::write(out.join("SHA256SUMS"), &sums)?;
    print!("{}", String::from_utf8_lossy(&sums));
    for program in PROGRAMS {
        let size = out.join(program).metadata()?.len();
        println!("{program}: {:.1} MB", size as f64 / 1e6);
    }
    println!("dist: {}", out.display());
    Ok(())
}
