//! A file system whose server is dead, for real: a FUSE mount that nobody answers, as a hung NFS or sshfs looks.
//!
//! Needs root, `/dev/fuse` and `unshare`. The test starts itself a second time in a mount namespace of its own, so that
//! the mount is nobody else's.

use std::{
    io::Write,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use pulse_agent::{HostCollector, HostOptions};

const INSIDE: &str = "PULSE_TEST_DEAD_MOUNT";

fn missing() -> Option<&'static str> {
    let is_root = std::fs::read_to_string("/proc/self/status")
        .is_ok_and(|status| status.lines().any(|line| line.starts_with("Uid:\t0\t0")));
    if !is_root {
        return Some("not root");
    }
    if !std::path::Path::new("/dev/fuse").exists() {
        return Some("no /dev/fuse");
    }
    let allowed = Command::new("unshare").args(["--mount", "--", "true"]).status();
    allowed.is_ok_and(|status| !status.success()).then_some("no mount namespaces here")
}

#[test]
fn a_dead_file_server_stops_no_report() {
    if std::env::var_os(INSIDE).is_some() {
        return;
    }
    if let Some(reason) = missing() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "CI must be able to mount: {reason}");
        writeln!(std::io::stderr(), "SKIPPED: no dead file system was tried: {reason}").unwrap();
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // File descriptor 9 is the connection that nobody reads from.
    let script = "exec 9<>/dev/fuse && mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0 dead \"$1\" && shift && exec \"$@\"";
    let mut child = Command::new("unshare")
        .args(["--mount", "--", "sh", "-c", script, "sh"])
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "dead_mount::inside", "--nocapture"])
        .env(INSIDE, dir.path())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begin.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("the report hangs");
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(status.success(), "{status}");
}

/// What runs beside the dead mount.
#[test]
fn inside() {
    let Some(mountpoint) = std::env::var_os(INSIDE) else { return };
    let mountinfo = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(mountinfo.contains(" - fuse dead "), "it is not mounted: {mountinfo}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = HostOptions { is_brief: true, ..HostOptions::default() };
        let mut collector = HostCollector::new(options);
        let begin = Instant::now();
        let report = collector.collect().await;
        assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
        assert!(!report.disks.is_empty(), "the other file systems are there");
        assert!(report.metrics.memory.is_some() && report.metrics.cpu_usage_percent.is_some());
        let dead = mountpoint.to_string_lossy();
        assert!(report.disks.iter().all(|disk| disk.mountpoint != dead), "it has no size");
        let begin = Instant::now();
        collector.collect().await;
        assert!(begin.elapsed() < Duration::from_millis(900), "it is asked no more: {:?}", begin.elapsed());
    });
    runtime.shutdown_timeout(Duration::from_millis(100));
    // The thread that hangs is the kernel's to end.
    std::process::exit(0);
}
