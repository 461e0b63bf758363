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
    has("x-forwarded-proto", "https") || has("forwarded", "proto=https")
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
