//! The Docker module against a real engine, started here with everything it owns below a temporary folder.
//!
//! Needs root, `dockerd` and a static `busybox`. Where they are missing the test says that it is skipped; with
//! `CI=true` that is a failure.

use std::{
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use pulse_agent::{DockerCollector, DockerError, DockerOptions, Engines, HostCollector, HostOptions};
use pulse_core::report::docker::{Container, DockerReport};

/// A real engine of our own; killed and cleaned up when dropped.
pub struct Engine {
    dir: tempfile::TempDir,
    daemon: Child,
}

fn found(names: &[&str]) -> Option<PathBuf> {
    names.iter().map(PathBuf::from).find(|path| path.is_file())
}

/// What keeps an engine from being started here.
fn prerequisites() -> Result<(PathBuf, PathBuf), &'static str> {
    let is_root = fs::read_to_string("/proc/self/status")
        .is_ok_and(|status| status.lines().any(|line| line.starts_with("Uid:\t0\t0")));
    if !is_root {
        return Err("not root");
    }
    let dockerd = found(&["/usr/sbin/dockerd", "/usr/bin/dockerd", "/usr/local/bin/dockerd"])
        .ok_or("dockerd is not installed (Debian: docker.io)")?;
    let busybox = found(&["/bin/busybox", "/usr/bin/busybox"])
        .ok_or("busybox is not installed (Debian: busybox-static)")?;
    found(&["/usr/bin/unshare"]).ok_or("unshare is not installed (Debian: util-linux)")?;
    Ok((dockerd, busybox))
}

impl Engine {
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("docker.sock")
    }

    fn start(dockerd: &Path, shares_network: bool) -> Self {
        let dir = tempfile::Builder::new().prefix("pulse-docker-").tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let log = fs::File::create(path("log")).unwrap();
        // In namespaces of its own: neither this machine's network nor its mounts are ours to change.
        // Only a registry on loopback needs the machine's network; then no bridge is made.
        let namespaces: &[&str] =
            if shares_network { &["--mount", "--"] } else { &["--net", "--mount", "--"] };
        let more: &[&str] = if shares_network { &["--bridge=none"] } else { &[] };
        let daemon = Command::new("unshare")
            .args(namespaces)
            .arg(dockerd)
            .arg("--host")
            .arg(format!("unix://{}", path("docker.sock").display()))
            .arg("--data-root")
            .arg(path("data"))
            .arg("--exec-root")
            .arg(path("exec"))
            .arg("--pidfile")
            .arg(path("pid"))
            .args(["--iptables=false", "--ip6tables=false", "--storage-driver=vfs"])
            .args(more)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut engine = Self { dir, daemon };
        let begin = Instant::now();
        while !engine.docker(&["version"]).status.success() {
            let log = || fs::read_to_string(engine.dir.path().join("log")).unwrap_or_default();
            assert!(engine.daemon.try_wait().unwrap().is_none(), "dockerd ended: {}", log());
            assert!(begin.elapsed() < Duration::from_mins(1), "dockerd does not answer: {}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
        engine
    }

    pub fn docker(&self, args: &[&str]) -> std::process::Output {
        let host = format!("unix://{}", self.socket().display());
        Command::new("docker").arg("-H").arg(host).args(args).stdin(Stdio::null()).output().unwrap()
    }

    pub fn must(&self, args: &[&str]) -> String {
        let output = self.docker(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// An image with nothing but a shell, for none can be pulled here.
    fn import(&self, busybox: &Path) {
        let root = self.dir.path().join("root");
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::copy(busybox, root.join("bin/busybox")).unwrap();
        fs::set_permissions(root.join("bin/busybox"), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["sh", "sleep", "cat", "dd"] {
            symlink("busybox", root.join("bin").join(name)).unwrap();
        }
        let tar = self.dir.path().join("image.tar");
        let packed = Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&tar).arg(".").status();
        assert!(packed.unwrap().success());
        self.must(&["import", tar.to_str().unwrap(), "pulse-test:1"]);
    }

    /// Ends the daemon, with the helpers it started and the mounts it made below our folder.
    pub fn stop(&mut self) {
        if let Ok(None) = self.daemon.try_wait() {
            Command::new("kill").arg(self.daemon.id().to_string()).status().ok();
        }
        let begin = Instant::now();
        while matches!(self.daemon.try_wait(), Ok(None)) {
            if begin.elapsed() > Duration::from_secs(20) {
                self.daemon.kill().ok();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let ids = self.docker(&["ps", "-aq"]);
        let ids = String::from_utf8_lossy(&ids.stdout).into_owned();
        let ids: Vec<&str> = ids.split_whitespace().collect();
        if !ids.is_empty() {
            self.docker(&[&["rm", "-f"], ids.as_slice()].concat());
        }
        self.stop();
    }
}

pub fn options(socket: &Path) -> DockerOptions {
    DockerOptions { host: Some(format!("unix://{}", socket.display())), ..DockerOptions::default() }
}

pub fn named<'a>(report: &'a DockerReport, name: &str) -> &'a Container {
    report.containers.iter().find(|c| c.name == name).unwrap_or_else(|| panic!("no {name} in {report:#?}"))
}

/// Collects until the report is as wanted.
async fn until(collector: &mut DockerCollector, is_wanted: impl Fn(&DockerReport) -> bool) -> DockerReport {
    let begin = Instant::now();
    loop {
        let report = collector.collect().await.unwrap();
        if is_wanted(&report) {
            return report;
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "it never came to be: {report:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// An engine with an image of busybox, and that image's only layer as registries hand it out; `None`, and a word about
/// it, where there can be none.
pub fn ready(shares_network: bool) -> Option<(Engine, Vec<u8>)> {
    let (dockerd, busybox) = match prerequisites() {
        Ok(paths) => paths,
        Err(reason) => {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "CI must have a container engine: {reason}"
            );
            // Written past the test harness, which shows nothing of tests that pass.
            writeln!(
                std::io::stderr(),
                "SKIPPED: the Docker module was not tried against a real engine: {reason}"
            )
            .unwrap();
            return None;
        }
    };
    let engine = Engine::start(&dockerd, shares_network);
    engine.import(&busybox);
    let tar = fs::read(engine.dir.path().join("image.tar")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&tar).unwrap();
    Some((engine, packed.finish().unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_of_a_real_engine_are_reported() {
    let Some((mut engine, _)) = ready(false) else { return };
    let data = engine.dir.path().join("shared");
    fs::create_dir_all(&data).unwrap();
    let mount = format!("{}:/data:ro", data.display());
    engine.must(&[
        "run",
        "-d",
        "--name",
        "busy",
        "-p",
        "8080:80",
        "--memory",
        "64m",
        "-v",
        &mount,
        "--label",
        "com.docker.compose.project=shop",
        "-e",
        "PASSWORD=hunter2",
        "--health-cmd",
        "true",
        "--health-interval",
        "1s",
        "pulse-test:1",
        "/bin/sh",
        "-c",
        "while :; do :; done",
    ]);
    engine.docker(&[
        "run",
        "--name",
        "failed",
        "--network",
        "none",
        "pulse-test:1",
        "/bin/sh",
        "-c",
        "exit 3",
    ]);
    engine.must(&[
        "run",
        "-d",
        "--name",
        "looping",
        "--network",
        "none",
        "--restart",
        "always",
        "pulse-test:1",
        "/bin/sh",
        "-c",
        "exit 1",
    ]);
    engine.must(&["create", "--name", "never", "--network", "none", "pulse-test:1", "/bin/sh"]);

    let mut collector = DockerCollector::discover(options(&engine.socket())).await.unwrap();
    assert_eq!(collector.runtime(), "docker");
    let engines = Engines::discover(options(&engine.socket())).await.unwrap();
    assert!(engines.tried()[0].outcome.contains("4 containers"), "{:?}", engines.tried());

    let begin = Instant::now();
    let report = collector.collect().await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(5), "no container costs a second: {:?}", begin.elapsed());
    check_host(&report);
    check_busy(named(&report, "busy"), &data);
    check_stopped(&report);
    let text = serde_json::to_string(&report).unwrap();
    assert!(!text.contains("hunter2"), "the environment stays in the container");

    let restarted = |report: &DockerReport| named(report, "looping").restart_count >= Some(2);
    let report = until(&mut collector, restarted).await;
    let looping = named(&report, "looping");
    assert!(matches!(looping.state.as_str(), "restarting" | "running" | "exited"), "{}", looping.state);
    until(&mut collector, |report| {
        named(report, "looping").state == "restarting" && named(report, "looping").exit_code == Some(1)
    })
    .await;
    until(&mut collector, |report| named(report, "busy").health.is_some()).await;

    // What is stopped and removed between two reports is seen as such.
    engine.must(&["kill", "busy"]);
    engine.must(&["rm", "failed"]);
    let report = collector.collect().await.unwrap();
    let killed = named(&report, "busy");
    assert_eq!((killed.state.as_str(), killed.exit_code), ("exited", Some(137)));
    assert_eq!((killed.cpu_percent, killed.memory_usage_bytes, killed.uptime_seconds), (None, None, None));
    assert!(report.containers.iter().all(|container| container.name != "failed"));

    let mut host = HostCollector::new(HostOptions::default());
    let machine = host.collect().await;
    let mut report = report;
    collector.attach_host(&mut report, &machine);
    assert_eq!(report.agent.id, machine.agent.id);
    assert!(report.host.cpu_usage_percent.is_some() && report.host.memory.is_some());

    // An engine that dies is an error now and no more than that; when it is back, so are the containers.
    engine.must(&["rm", "-f", "looping", "busy"]);
    engine.stop();
    let error = collector.collect().await.unwrap_err();
    assert!(matches!(error, DockerError::Engine { .. }), "{error}");
    assert!(error.to_string().contains("docker.sock"), "{error}");
    let nothing = DockerCollector::discover(options(Path::new("/no/such.sock"))).await;
    // Another engine of this machine may answer instead, which is what discovery is for.
    if let Err(error) = nothing {
        assert!(error.to_string().contains("/no/such.sock"), "{error}");
    }
}

/// Leaves a container named `greedy` whose program wanted more memory than it may have. The kernel ends that program; the
/// shell lives on for a moment, since the engine forgets what it is told of a container that has gone. On a busy machine
/// it is told even later, so it has some tries.
fn run_out_of_memory(engine: &Engine) {
    for _ in 0..8 {
        engine.docker(&["rm", "-f", "greedy"]);
        engine.docker(&[
            "run",
            "--name",
            "greedy",
            "--network",
            "none",
            "--memory",
            "16m",
            "--memory-swap",
            "16m",
            "pulse-test:1",
            "/bin/sh",
            "-c",
            "dd if=/dev/zero of=/dev/null bs=200M count=1; sleep 1; exit 137",
        ]);
        if engine.must(&["inspect", "--format", "{{.State.OOMKilled}}", "greedy"]) == "true" {
            return;
        }
    }
}

/// What goes wrong with containers, as the engine of this machine tells it.
#[tokio::test(flavor = "multi_thread")]
async fn containers_in_trouble_are_told_as_what_they_are() {
    let Some((engine, _)) = ready(false) else { return };
    let checked = |name: &str, check: &str| {
        engine.must(&[
            "run",
            "-d",
            "--name",
            name,
            "--network",
            "none",
            "--health-cmd",
            check,
            "--health-interval",
            "1s",
            "--health-retries",
            "1",
            "pulse-test:1",
            "/bin/sh",
            "-c",
            "while :; do sleep 1; done",
        ]);
    };
    checked("well", "true");
    checked("ill", "false");
    run_out_of_memory(&engine);
    engine.must(&[
        "run",
        "-d",
        "--name",
        "crashing",
        "--network",
        "none",
        "--restart",
        "on-failure:3",
        "pulse-test:1",
        "/bin/sh",
        "-c",
        "exit 7",
    ]);
    engine.must(&["run", "-d", "--name", "held", "--network", "none", "pulse-test:1", "/bin/sleep", "1000"]);
    engine.must(&["pause", "held"]);

    let mut collector = DockerCollector::discover(options(&engine.socket())).await.unwrap();
    let health = |report: &DockerReport, name: &str| named(report, name).health.clone();
    let report = until(&mut collector, |report| {
        health(report, "well").as_deref() == Some("healthy")
            && health(report, "ill").as_deref() == Some("unhealthy")
            && named(report, "crashing").state == "exited"
            && named(report, "crashing").restart_count == Some(3)
    })
    .await;
    for name in ["well", "ill"] {
        let container = named(&report, name);
        assert_eq!(
            (container.state.as_str(), container.exit_code, container.oom_killed),
            ("running", None, None)
        );
    }
    let greedy = named(&report, "greedy");
    assert_eq!((greedy.state.as_str(), greedy.exit_code), ("exited", Some(137)));
    assert_eq!(greedy.oom_killed, Some(true), "{greedy:#?}");
    assert_eq!((greedy.restart_count, greedy.health.as_deref()), (Some(0), None));
    let crashing = named(&report, "crashing");
    assert_eq!((crashing.exit_code, crashing.oom_killed), (Some(7), Some(false)));
    assert!(crashing.finished_at.is_some() && crashing.uptime_seconds.is_none());
    let held = named(&report, "held");
    assert_eq!((held.state.as_str(), held.exit_code), ("paused", None));
    assert!(held.uptime_seconds.is_some());

    // Better again: health and state follow with the next report, not with the next inspection five minutes later.
    engine.must(&["unpause", "held"]);
    engine.must(&["restart", "-t", "0", "greedy"]);
    let report = until(&mut collector, |report| named(report, "held").state == "running").await;
    assert!(
        named(&report, "held").cpu_percent.is_some() || named(&report, "held").memory_usage_bytes.is_some()
    );
}

fn check_host(report: &DockerReport) {
    assert_eq!(report.host.runtime.as_deref(), Some("docker"));
    assert!(report.host.docker_version.as_deref().is_some_and(|version| version.contains('.')));
    assert!(report.host.total_cpu.is_some_and(|n| n > 0) && report.host.total_memory_bytes.is_some());
    assert!(
        report.host.os.is_some()
            && report.host.kernel_version.is_some()
            && report.host.architecture.is_some()
    );
    assert_eq!(report.host.swarm, None);
    assert_eq!(report.containers.len(), 4);
    assert!(report.timestamp.is_some());
}

fn check_busy(busy: &Container, data: &Path) {
    assert_eq!((busy.state.as_str(), busy.image.as_str()), ("running", "pulse-test:1"));
    assert!(busy.status.starts_with("Up"), "{}", busy.status);
    // It turns one processor as fast as it can; other tests may take some of it away.
    let cpu = busy.cpu_percent.expect("the first report has two readings");
    assert!(cpu > 5.0 && cpu < 150.0, "{cpu}");
    let used = busy.memory_usage_bytes.expect("memory");
    assert!(used > 0 && used < 64 * 1024 * 1024, "{used}");
    assert_eq!(busy.memory_limit_bytes, Some(64 * 1024 * 1024));
    assert!(busy.memory_percent.is_some_and(|percent| percent > 0.0 && percent < 100.0));
    assert_eq!((busy.exit_code, busy.finished_at), (None, None));
    assert!(busy.started_at.is_some() && busy.created_at.is_some() && busy.uptime_seconds.is_some());
    assert_eq!(busy.labels["com.docker.compose.project"], "shop");
    assert!(busy.image_digest.as_deref().is_some_and(|digest| digest.starts_with("sha256:")));
    let mount = &busy.mounts[0];
    assert_eq!(
        (mount.kind.as_deref(), mount.destination.as_deref(), mount.rw),
        (Some("bind"), Some("/data"), false)
    );
    assert_eq!(mount.source.as_deref(), data.to_str());
    assert_eq!(busy.networks[0].name, "bridge");
    assert!(busy.networks[0].ipv4.as_deref().is_some_and(|address| address.contains('.')));
    assert!(busy.network_io.as_ref().is_some_and(|io| io.rx_bytes.is_some() && io.tx_bytes.is_some()));
    let port = &busy.ports[0];
    assert_eq!((port.private_port, port.public_port, port.protocol.as_str()), (80, Some(8080), "tcp"));
}

fn check_stopped(report: &DockerReport) {
    let failed = named(report, "failed");
    assert_eq!((failed.state.as_str(), failed.exit_code), ("exited", Some(3)));
    assert_eq!((failed.cpu_percent, failed.memory_usage_bytes, failed.uptime_seconds), (None, None, None));
    // Not in this order always: the engine may write down the start of so short a run after its end.
    assert!(failed.started_at.is_some() && failed.finished_at.is_some());
    let never = named(report, "never");
    assert_eq!((never.state.as_str(), never.exit_code), ("created", None));
    assert_eq!((never.started_at, never.finished_at), (None, None));
    assert!(never.created_at.is_some());
}
