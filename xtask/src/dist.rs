//! `cargo xtask dist`: what is handed to users, with checksums and, where there is a key, signatures.
//!
//! The server is built for this machine; the agent for every target whose standard library is installed. What cannot
//! be built is named with what is missing, never left out in silence.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::{shell, web, workspace};

/// The variable with the key that signs: base64 of a seed of 32 bytes, or of seed and public key.
const SIGNING_KEY: &str = "PULSE_DIST_SIGNING_KEY";

/// A platform that agents are downloaded for, by its name there and by the compiler's.
struct Target {
    name: &'static str,
    triple: &'static str,
}

/// The twelve of the contract. Linux agents are static where that can be built, so that they run on any distribution.
const TARGETS: &[Target] = &[
    Target { name: "linux-amd64", triple: "x86_64-unknown-linux-musl" },
    Target { name: "linux-arm64", triple: "aarch64-unknown-linux-musl" },
    Target { name: "linux-armv7", triple: "armv7-unknown-linux-musleabihf" },
    Target { name: "linux-armv6", triple: "arm-unknown-linux-musleabihf" },
    Target { name: "linux-386", triple: "i686-unknown-linux-musl" },
    Target { name: "darwin-amd64", triple: "x86_64-apple-darwin" },
    Target { name: "darwin-arm64", triple: "aarch64-apple-darwin" },
    Target { name: "freebsd-amd64", triple: "x86_64-unknown-freebsd" },
    Target { name: "freebsd-arm64", triple: "aarch64-unknown-freebsd" },
    Target { name: "windows-amd64", triple: "x86_64-pc-windows-gnu" },
    Target { name: "windows-arm64", triple: "aarch64-pc-windows-gnullvm" },
    Target { name: "windows-386", triple: "i686-pc-windows-gnu" },
];

/// What the compiler and the machine have.
struct Tools {
    host: String,
    sysroot: PathBuf,
    has_zigbuild: bool,
}

/// How an agent is built.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    /// With cargo, for this triple.
    Cargo(String),
    /// With cargo-zigbuild, which brings a linker for every platform.
    Zig(String),
    /// Not at all, for this reason.
    Not(String),
}

#[derive(clap::Args)]
pub struct Options {
    /// Build the agents only; needs neither npm nor the page
    #[arg(long)]
    agents_only: bool,
}

/// Builds the page, the server and all agents that can be built, and puts them into `target/dist-out`.
pub fn run(options: &Options) -> Result<()> {
    let target = workspace::target()?;
    let out = target.join("dist-out");
    std::fs::create_dir_all(&out).with_context(|| format!("create {}", out.display()))?;
    let signer = signer()?;
    let mut made = Vec::new();
    if !options.agents_only {
        made.push(server(&target, &out)?);
    }
    let tools = Tools::find()?;
    let mut missing = Vec::new();
    for wanted in TARGETS {
        match tools.way(wanted) {
            Way::Not(reason) => missing.push((wanted.name, reason)),
            way => made.push(agent(wanted, &way, &target, &out)?),
        }
    }
    let sums = shell::output(shell::program("sha256sum").args(&made).current_dir(&out))?;
    std::fs::write(out.join("SHA256SUMS"), &sums)?;
    print!("{}", String::from_utf8_lossy(&sums));
    for line in String::from_utf8_lossy(&sums).lines() {
        let (sum, name) = line.split_once("  ").context("sha256sum prints sum and name")?;
        std::fs::write(out.join(format!("{name}.sha256")), format!("{sum}\n"))?;
    }
    sign(signer.as_ref(), &made, &out)?;
    for name in &made {
        let size = out.join(name).metadata()?.len();
        println!("{name}: {:.1} MB", size as f64 / 1e6);
    }
    for (name, reason) in &missing {
        println!("not built: pulse-agent-{name}: {reason}");
    }
    println!("dist: {} files built, {} targets not built; {}", made.len(), missing.len(), out.display());
    Ok(())
}

fn server(target: &Path, out: &Path) -> Result<String> {
    ensure!(
        web::can_build(),
        "npm is missing: a server is not shipped without its page (--agents-only builds the agents)"
    );
    web::build()?;
    let page = workspace::app().join("dist");
    let index = std::fs::read_to_string(page.join("index.html")).context("the page was not built")?;
    let has_assets = std::fs::read_dir(page.join("assets")).is_ok_and(|mut files| files.next().is_some());
    ensure!(index.contains("<script") && has_assets, "{} holds no page", page.display());
    shell::run(shell::cargo().args(["build", "--profile", "dist", "--locked", "-p", "pulse-server"]))?;
    copy(&target.join("dist/pulse-server"), out, "pulse-server")
}

fn agent(wanted: &Target, way: &Way, target: &Path, out: &Path) -> Result<String> {
    let (subcommand, triple) = match way {
        Way::Cargo(triple) => ("build", triple),
        Way::Zig(triple) => ("zigbuild", triple),
        Way::Not(reason) => anyhow::bail!("{}: {reason}", wanted.name),
    };
    let args = [subcommand, "--profile", "dist", "--locked", "-p", "pulse-agent-bin", "--target", triple];
    shell::run(shell::cargo().args(args))?;
    let suffix = if triple.contains("windows") { ".exe" } else { "" };
    let built = target.join(triple).join("dist").join(format!("pulse-agent{suffix}"));
    copy(&built, out, &format!("pulse-agent-{}{suffix}", wanted.name))
}

fn copy(from: &Path, out: &Path, name: &str) -> Result<String> {
    std::fs::copy(from, out.join(name)).with_context(|| format!("copy {}", from.display()))?;
    Ok(name.to_owned())
}

impl Tools {
    fn find() -> Result<Self> {
        let rustc = || Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        let version = String::from_utf8(shell::output(rustc().arg("-vV"))?)?;
        let host =
            version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
        let sysroot = String::from_utf8(shell::output(rustc().args(["--print", "sysroot"]))?)?;
        Ok(Self {
            host: host.to_owned(),
            sysroot: sysroot.trim().into(),
            has_zigbuild: shell::is_on_path("cargo-zigbuild"),
        })
    }

    fn has_std(&self, triple: &str) -> bool {
        self.sysroot.join("lib/rustlib").join(triple).join("lib").is_dir()
    }

    fn way(&self, target: &Target) -> Way {
        let triple = target.triple;
        if self.has_std(triple) && self.has_zigbuild {
            return Way::Zig(triple.to_owned());
        }
        if triple == self.host {
            return Way::Cargo(triple.to_owned());
        }
        // This machine's own libc stands in for musl: it runs here and on distributions as new as this one.
        if self.host.split('-').next() == triple.split('-').next()
            && self.host.contains("linux-gnu")
            && triple.contains("linux-musl")
        {
            return Way::Cargo(self.host.clone());
        }
        if self.has_std(triple) {
            return Way::Not("cargo-zigbuild is missing (pip install cargo-zigbuild ziglang)".to_owned());
        }
        Way::Not(format!("the standard library is missing (rustup target add {triple})"))
    }
}

fn signer() -> Result<Option<Ed25519KeyPair>> {
    let Some(text) = std::env::var_os(SIGNING_KEY) else { return Ok(None) };
    let text = text.into_string().ok().with_context(|| format!("{SIGNING_KEY} is no text"))?;
    parse_signer(&text).map(Some)
}

fn parse_signer(text: &str) -> Result<Ed25519KeyPair> {
    let bytes = STANDARD.decode(text.trim()).with_context(|| format!("{SIGNING_KEY} is no base64"))?;
    ensure!(matches!(bytes.len(), 32 | 64), "{SIGNING_KEY} must hold 32 or 64 bytes, not {}", bytes.len());
    Ed25519KeyPair::from_seed_unchecked(&bytes[..32])
        .map_err(|error| anyhow::anyhow!("{SIGNING_KEY} is no Ed25519 key: {error}"))
}

/// Writes a signature in base64 beside each file and beside the list of checksums.
fn sign(signer: Option<&Ed25519KeyPair>, made: &[String], out: &Path) -> Result<()> {
    let Some(signer) = signer else {
        println!("not signed: {SIGNING_KEY} is not set");
        return Ok(());
    };
    for name in made.iter().map(String::as_str).chain(["SHA256SUMS"]) {
        let bytes = std::fs::read(out.join(name))?;
        let signature = STANDARD.encode(signer.sign(&bytes));
        std::fs::write(out.join(format!("{name}.sig")), format!("{signature}\n"))?;
    }
    println!(
        "signed; agents trust it with PULSE_AGENT_UPDATE_PUBLIC_KEYS={}",
        STANDARD.encode(signer.public_key())
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(installed: &[&str], has_zigbuild: bool) -> (tempfile::TempDir, Tools) {
        let dir = tempfile::tempdir().expect("a folder");
        for triple in installed {
            std::fs::create_dir_all(dir.path().join("lib/rustlib").join(triple).join("lib"))
                .expect("a folder");
        }
        let tools =
            Tools { host: "x86_64-unknown-linux-gnu".into(), sysroot: dir.path().to_owned(), has_zigbuild };
        (dir, tools)
    }

    #[test]
    fn what_is_installed_decides_and_the_rest_says_what_is_missing() {
        let (_dir, plain) = tools(&["x86_64-unknown-linux-gnu"], false);
        let ways: Vec<Way> = TARGETS.iter().map(|target| plain.way(target)).collect();
        assert_eq!(ways[0], Way::Cargo("x86_64-unknown-linux-gnu".into()));
        assert!(
            ways[1..]
                .iter()
                .all(|way| matches!(way, Way::Not(reason) if reason.contains("rustup target add")))
        );
        let (_dir, full) = tools(&["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"], true);
        assert_eq!(full.way(&TARGETS[1]), Way::Zig("aarch64-unknown-linux-musl".into()));
        let (_dir, no_zig) = tools(&["aarch64-unknown-linux-musl"], false);
        assert!(matches!(no_zig.way(&TARGETS[1]), Way::Not(reason) if reason.contains("cargo-zigbuild")));
        // A library without a linker for it must not take away what could be built before.
        let (_dir, half) = tools(&["x86_64-unknown-linux-musl"], false);
        assert_eq!(half.way(&TARGETS[0]), Way::Cargo("x86_64-unknown-linux-gnu".into()));
    }

    #[test]
    fn a_key_is_a_seed_or_a_seed_with_its_public_key() {
        let seed = STANDARD.encode([7u8; 32]);
        let both = STANDARD.encode([7u8; 64]);
        let (a, b) = (parse_signer(&seed).expect("a key"), parse_signer(&both).expect("a key"));
        assert_eq!(a.public_key().as_ref(), b.public_key().as_ref());
        assert!(parse_signer("AAAA").is_err() && parse_signer("no base64!").is_err());
    }
}
