//! `cargo xtask test`: every test there is. Rust's first, then the page's own, then the browser's against the
//! real server and a simulated cluster.

use std::process::Command;

use anyhow::{Result, bail};
use clap::Args;
use pulse_e2e::dockerd::Dockerd;
use pulse_e2e::oidc::OidcProvider;
use pulse_e2e::programs::SimOptions;

use crate::estate::Estate;
use crate::tally::Tally;
use crate::{browser, openapi, shell, web, workspace};

/// Options of `cargo xtask test`.
#[derive(Args, Default)]
pub struct Options {
    /// Only the tests of Rust
    #[arg(long, conflicts_with = "browser")]
    rust: bool,
    /// Only the tests in the browser
    #[arg(long)]
    browser: bool,
}

/// Runs them and closes with how many ran; fails if one failed.
pub fn run(options: &Options) -> Result<()> {
    let mut total = Tally::default();
    let outcome = stages(options, &mut total);
    println!();
    if outcome.is_err() {
        total.failed = total.failed.max(1);
    }
    println!("{total}");
    outcome
}

fn stages(options: &Options, total: &mut Tally) -> Result<()> {
    let all = !options.rust && !options.browser;
    build()?;
    // The server is built anyway, so this costs nothing here.
    openapi::check(&mut Command::new(workspace::target()?.join("debug/pulse-server")))?;
    if all || options.rust {
        stage("rust", total, rust)?;
    }
    if options.rust {
        return Ok(());
    }
    if !web::can_build() {
        return skip("page and browser tests", "Node.js is not installed");
    }
    web::install()?;
    if all {
        shell::run(&mut web::npm_command(&["run", "check"]))?;
        stage("page", total, |tally| {
            shell::run_reading(&mut web::npm_command(&["test"]), |line| tally.vitest(line))
        })?;
    }
    web::build()?;
    let Some(browser) = browser::find_or_install()? else {
        return skip("browser tests", "no Chromium here, and it can only be installed as root on a Debian");
    };
    stage("browser", total, |tally| in_browser(browser, tally))
}

/// Runs one stage and says how many of its tests ran, also where one failed.
fn stage(name: &str, total: &mut Tally, run: impl FnOnce(&mut Tally) -> Result<()>) -> Result<()> {
    let mut tally = Tally::default();
    let outcome = run(&mut tally);
    println!("{name}: {tally}");
    *total += tally;
    outcome?;
    anyhow::ensure!(tally.passed > 0, "no {name} test ran");
    Ok(())
}

/// Tests that cannot run are said to be skipped on a developer's machine, and are a failure in CI.
fn skip(what: &str, why: &str) -> Result<()> {
    if shell::is_ci() {
        bail!("{what} cannot run: {why}");
    }
    println!("{what} skipped: {why}");
    Ok(())
}

/// Builds tests and programs together, so that each dependency is built once with one set of features.
fn build() -> Result<()> {
    shell::run(shell::cargo().args(["build", "--workspace", "--bins", "--tests", "--locked"]))
}

/// How many tests run at once: the black-box tests mostly wait for the next poll of a server.
const THREADS: &str = "8";

fn rust(tally: &mut Tally) -> Result<()> {
    let mut tests = shell::cargo();
    tests.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    tests.env("PULSE_BIN_DIR", workspace::target()?.join("debug"));
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        tests.env("RUST_TEST_THREADS", THREADS);
    }
    shell::run_reading(&mut tests, |line| tally.cargo(line))
}

/// Starts what the browser tests look at and runs them.
fn in_browser(browser: &str, tally: &mut Tally) -> Result<()> {
    let bin = workspace::target()?.join("debug");
    let engine = docker()?;
    let host = engine.as_ref().map(Dockerd::host);
    let estate = Estate::start(&bin, SimOptions { nodes: 3, guests: 40 }, |server| match &host {
        Some(host) => server.variable("DOCKER_HOST", host),
        None => server,
    });
    run_playwright(estate?, browser, tally)
}

fn run_playwright(mut estate: Estate, browser: &str, tally: &mut Tally) -> Result<()> {
    let mut tests: Command = web::npm_command(&["run", "e2e"]);
    tests.env("PULSE_URL", format!("http://{}", estate.server.address));
    tests.env("PULSE_BOOTSTRAP_TOKEN", estate.server.bootstrap_token()?);
    tests.env("SIM_URL", &estate.sim.url);
    tests.env("SIM_CONTROL", estate.sim.control_url());
    tests.env("SIM_TOKEN_NAME", &estate.sim.token_name);
    tests.env("SIM_TOKEN_VALUE", &estate.sim.token_value);
    tests.env("SIM_FINGERPRINT", &estate.sim.fingerprint);
    // What some of them start for themselves.
    tests.env("PULSE_SERVER", workspace::target()?.join("debug/pulse-server"));
    tests.env("OIDC_PROVIDER", OidcProvider::folder()?);
    // Bodies that add the backup server and the mail gateway.
    tests.env("SIM_PBS", estate.sim.as_backup_server("vault").to_string());
    tests.env("SIM_PMG", estate.sim.as_mail_gateway("mail").to_string());
    if let Some(path) = pulse_e2e::process::on_path(browser) {
        tests.env("CHROMIUM_PATH", path);
    }
    let outcome = shell::run_reading(&mut tests, |line| tally.playwright(line));
    if outcome.is_err() {
        eprintln!("what the server printed:\n{}", tail(&estate.server.process.printed()));
    }
    outcome
}

/// A Docker engine with two running containers and a stopped one, where one can be started.
fn docker() -> Result<Option<Dockerd>> {
    if let Some(why) = Dockerd::missing() {
        anyhow::ensure!(!shell::is_ci(), "no Docker engine for the browser tests: {why}");
        println!("no Docker engine for the browser tests: {why}");
        return Ok(None);
    }
    let engine = Dockerd::start()?;
    for name in ["web", "database", "stopped"] {
        engine.run(name)?;
    }
    engine.docker(&["kill", "stopped"])?;
    Ok(Some(engine))
}

fn tail(text: &str) -> &str {
    let start = text.floor_char_boundary(text.len().saturating_sub(8 << 10));
    &text[start..]
}
