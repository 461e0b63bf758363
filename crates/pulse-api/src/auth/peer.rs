//! Where a request comes from. Forwarding headers count only when a trusted proxy sent them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::{Extensions, HeaderMap};
use pulse_config::Settings;

/// The other end of the connection, put into each request by the listener.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

const FORWARDING: [&str; 9] = [
    "x-forwarded-for",
    "x-real-ip",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-server",
    "x-forwarded-port",
    "forwarded",
    "cf-ray",
    "cf-connecting-ip",
];

/// Set by our own listener, and by nobody else, where the connection is encrypted.
pub const TLS_HEADER: &str = "x-pulse-tls";

/// Whether the request comes straight from this machine, not through a proxy on it.
pub(crate) fn is_direct_loopback(headers: &HeaderMap, extensions: &Extensions) -> bool {
    let is_loopback = extensions.get::<Peer>().is_none_or(|peer| peer.0.ip().to_canonical().is_loopback());
    is_loopback && !is_proxied(headers)
}

/// Scheme and host under which the client reached this server. What a proxy says counts only where it is trusted:
/// addresses are made of this.
pub(crate) fn request_origin(settings: &Settings, headers: &HeaderMap, extensions: &Extensions) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let peer = extensions.get::<Peer>().map(|peer| peer.0.ip().to_canonical());
    let is_trusted =
        peer.is_some_and(|peer| settings.trusted_proxies.iter().any(|network| network.contains(peer)));
    let forwarded = |name: &str| text(name).filter(|value| is_trusted && !value.is_empty());
    let is_encrypted = headers.contains_key(TLS_HEADER)
        || forwarded("x-forwarded-proto").or_else(|| forwarded("x-forwarded-scheme")) == Some("https");
    let is_host = |host: &&str| {
        host.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']'))
    };
    let host = forwarded("x-forwarded-host").or_else(|| text("host")).filter(is_host).unwrap_or("localhost");
    format!("{}://{host}", if is_encrypted { "https" } else { "http" })
}

/// Whether a proxy passed the request on.
pub fn is_proxied(headers: &HeaderMap) -> bool {
    FORWARDING.iter().any(|name| headers.contains_key(*name))
}

/// Whether the browser spoke HTTPS, by what a proxy says. Only cookies depend on it, so a false claim harms only
/// the one who makes it.
pub fn is_secure(headers: &HeaderMap) -> bool {
    let has = |name: &str, text: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.to_ascii_lowercase().contains(text))
    };
    headers.contains_key(TLS_HEADER) || has("x-forwarded-proto", "https") || has("forwarded", "proto=https")
}

/// The address of the client: the peer's, or what a trusted proxy says.
pub fn client_address(extensions: &Extensions, headers: &HeaderMap, settings: &Settings) -> IpAddr {
    let peer =
        extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0.ip().to_canonical());
    let is_trusted =
        |address: IpAddr| settings.trusted_proxies.iter().any(|network| network.contains(address));
    if !is_trusted(peer) {
        return peer;
    }
    let forwarded: Vec<IpAddr> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .filter_map(|text| text.trim().parse::<IpAddr>().ok())
        .map(|address| address.to_canonical())
        .collect();
    // From the right: each trusted proxy adds the address it saw; the first untrusted one is the client.
    forwarded.into_iter().rev().find(|address| !is_trusted(*address)).unwrap_or(peer)
}
