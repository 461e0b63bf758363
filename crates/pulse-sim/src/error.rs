//! What can go wrong when a simulation is started or steered.

use std::{io, net::IpAddr};

/// Why a simulation could not be started or steered.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The address is not on loopback.
    #[error("{0} is not a loopback address; the simulator serves invented machines and stays on 127.0.0.0/8")]
    NotLoopback(IpAddr),
    /// The listener could not be opened.
    #[error("listen on {address}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The options contradict each other.
    #[error("{0}")]
    Options(String),
    /// A certificate could not be made.
    #[error("make a certificate for {node}")]
    Certificate {
        /// For whom.
        node: String,
        /// Why not.
        #[source]
        source: rcgen::Error,
    },
    /// The TLS library refused the certificate.
    #[error("set up TLS for {node}")]
    Tls {
        /// For whom.
        node: String,
        /// Why not.
        #[source]
        source: rustls::Error,
    },
    /// There is no such guest.
    #[error("there is no guest {0} in this estate")]
    NoGuest(u32),
    /// There is no such node.
    #[error("there is no node `{0}` in this estate")]
    NoNode(String),
    /// The guest is in the wrong state for that.
    #[error("guest {vmid} {reason}")]
    GuestState {
        /// Which.
        vmid: u32,
        /// Why not.
        reason: &'static str,
    },
}
