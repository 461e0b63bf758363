//! A Docker engine of the test's own, with containers in it: nothing of the machine's engine is touched.
//!
//! Needs root, `dockerd`, `docker` and a static busybox; tells so where one is missing. Containers have no
//! network and run nothing but busybox.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::process::{Process, eventually, on_path, scratch};

const IMAGE: &str = "pulse-test/busybox:1";
const BUSYBOX: &str = "/bin/busybox";

/// A running engine; dropping it removes its containers and ends it.
#[derive(Debug)]
pub struct Dockerd {
    process: Process,
    socket: PathBuf,
    // Last: the folder goes after the engine that uses it.
    _folder: TempDir,
}

impl Dockerd {
    /// Why no engine can be started here, if that is so.
    pub fn missing() -> Option<&'static str> {
        let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
        if !is_root {
            return Some("an engine needs root");
        }
        if on_path("dockerd").is_none() || on_path("docker").is_none() {
            return Some("dockerd is not installed (Debian package docker.io)");
        }
        if !Path::new(BUSYBOX).is_file() {
            return Some("busybox is not installed (Debian package busybox-static)");
        }
        None
    }

    /// Starts an engine without network that keeps everything in a temporary folder.
    pub fn start() -> Result<Self> {
        let folder = scratch()?;
        let at = folder.path();
        let socket = at.join("docker.sock");
        let mut command = Command::new("dockerd");
        command.arg("--data-root").arg(at.join("data")).arg("--exec-root").arg(at.join("exec"));
        command
            .arg("--pidfile")
            .arg(at.join("pid"))
            .arg("--host")
            .arg(format!("unix://{}", socket.display()));
        command.args(["--bridge=none", "--iptables=false", "--ip6tables=false", "--storage-driver=vfs"]);
        let process = Process::start(&mut command)?;
        let mut engine = Self { process, socket, _folder: folder };
        let up = eventually(Duration::from_mins(1), || {
            engine.docker(&["version", "--format", "{{.Server.Version}}"])
        });
        up.with_context(|| engine.process.printed())?;
        engine.import()?;
        Ok(engine)
    }

    /// The address for `DOCKER_HOST`.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Starts a container that sleeps.
    pub fn run(&self, name: &str) -> Result<()> {
        self.docker(&[
            "run",
            "--detach",
            "--network",
            "none",
            "--name",
            name,
            IMAGE,
            BUSYBOX,
            "sleep",
            "86400",
        ])
        .map(drop)
    }

    /// Runs the `docker` command against this engine and gives what it printed.
    pub fn docker(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new("docker").arg("--host").arg(self.host()).args(arguments).output()?;
        ensure!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Makes an image of busybox alone: no registry is asked.
    fn import(&self) -> Result<()> {
        let mut tar = Command::new("tar")
            .args(["--directory", "/", "--create", BUSYBOX.trim_start_matches('/')])
            .stdout(Stdio::piped())
            .spawn()
            .context("run tar")?;
        let archive = tar.stdout.take().context("tar has no output")?;
        let import = Command::new("docker")
            .args(["--host", &self.host(), "import", "-", IMAGE])
            .stdin(archive)
            .output()
            .context("run docker import")?;
        tar.wait()?;
        ensure!(import.status.success(), "docker import: {}", String::from_utf8_lossy(&import.stderr));
        Ok(())
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        let names = self.docker(&["ps", "--all", "--quiet"]).unwrap_or_default();
        let mut remove = vec!["rm", "--force"];
        remove.extend(names.split_whitespace());
        if remove.len() > 2 {
            let _ = self.docker(&remove);
        }
        // Asked politely, the engine ends its containerd too; killed, it would leave it behind.
        let _ = self.process.terminate(Duration::from_secs(20));
    }
}
