//! Words to the service manager: that the agent runs, that it still runs, that it stops. Without systemd, nothing.

use std::time::Duration;

/// Tells the service manager something, such as `READY=1`.
pub(super) fn notify(text: &str) {
    #[cfg(target_os = "linux")]
    if let Err(error) = send(text) {
        tracing::debug!(%error, "the service manager cannot be told");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = text;
}

#[cfg(target_os = "linux")]
fn send(text: &str) -> std::io::Result<()> {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(()) };
    send_to(&path, text)
}

#[cfg(target_os = "linux")]
fn send_to(path: &std::ffi::OsStr, text: &str) -> std::io::Result<()> {
    use std::os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    };
    let address = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(path)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to_addr(text.as_bytes(), &address).map(drop)
}

/// How often the service manager wants to hear that the agent still runs; `None` where it does not.
pub(super) fn watchdog_period() -> Option<Duration> {
    let for_us = std::env::var("WATCHDOG_PID").ok();
    if for_us.is_some_and(|pid| pid.parse() != Ok(std::process::id())) {
        return None;
    }
    let micros: u64 = std::env::var("WATCHDOG_USEC").ok()?.parse().ok()?;
    // Twice per limit, as systemd asks.
    (micros > 0).then(|| Duration::from_micros(micros / 2))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn the_service_manager_hears_it_on_its_socket() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        send_to(path.as_os_str(), "READY=1").unwrap();
        let mut heard = [0; 64];
        let length = manager.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"READY=1");
        assert!(send_to(dir.path().join("nobody").as_os_str(), "x").is_err());
    }
}
