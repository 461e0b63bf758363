//! What systemd is told: that the server is ready, and that it stops. Without systemd nothing happens.

use std::os::{
    linux::net::SocketAddrExt,
    unix::net::{SocketAddr, UnixDatagram},
};

use pulse_config::{ProcessEnv, Vars};

/// The server answers from now on.
pub fn ready() {
    tell("READY=1");
}

/// The server has begun to stop.
pub fn stopping() {
    tell("STOPPING=1");
}

fn tell(message: &str) {
    let Some(path) = ProcessEnv.get("NOTIFY_SOCKET").filter(|path| !path.is_empty()) else { return };
    // A name that begins with @ is no file: it stands for a leading zero byte.
    let address = match path.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&path),
    };
    let sent =
        address.and_then(|address| UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address));
    if let Err(error) = sent {
        tracing::warn!(%error, "systemd could not be told: {message}");
    }
}
