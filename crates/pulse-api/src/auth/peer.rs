//! Where a request comes from. Forwarding headers count only when a trusted proxy sent them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::{Extensions, HeaderMap};
use pulse_config::Settings;

/// The other end of the connection, put into each request by the listener.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Put into each request by a listener that encrypts, beside [`Peer`]. Never made of anything in the request: a client
/// must not be able to say of itself that it came over TLS.
#[derive(Debug, Clone, Copy)]
pub struct SecureTransport;

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

/// Whether the request comes straight from this machine, not through a proxy on it.
pub(crate) fn is_direct_loopback(headers: &HeaderMap, extensions: &Extensions) -> bool {
    let is_loopback = extensions.get::<Peer>().is_some_and(|peer| peer.0.ip().to_canonical().is_loopback());
    is_loopback && !is_proxied(headers)
}

/// Scheme and host under which the client reached this server. What a proxy says counts only where it is trusted. The
/// host is the client's own word all the same: good for showing it what it typed, never for sending anybody anywhere.
pub(crate) fn request_origin(settings: &Settings, headers: &HeaderMap, extensions: &Extensions) -> String {
    let is_host = |host: &&str| {
        host.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']'))
    };
    let host = trusted_text(settings, headers, extensions, "x-forwarded-host")
        .or_else(|| text(headers, "host"))
        .filter(is_host)
        .unwrap_or("localhost");
    format!("{}://{host}", if is_secure(settings, headers, extensions) { "https" } else { "http" })
}

/// Whether the client spoke HTTPS: to our own listener, or to a proxy that is trusted and says so.
pub fn is_secure(settings: &Settings, headers: &HeaderMap, extensions: &Extensions) -> bool {
    let forwarded = |name| trusted_text(settings, headers, extensions, name);
    extensions.get::<SecureTransport>().is_some()
        || ["x-forwarded-proto", "x-forwarded-scheme"]
            .into_iter()
            .filter_map(forwarded)
            .any(|scheme| scheme.eq_ignore_ascii_case("https"))
        || forwarded("forwarded").is_some_and(|value| value.to_ascii_lowercase().contains("proto=https"))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim).filter(|value| !value.is_empty())
}

/// A header that only a trusted proxy may set.
fn trusted_text<'a>(
    settings: &Settings,
    headers: &'a HeaderMap,
    extensions: &Extensions,
    name: &str,
) -> Option<&'a str> {
    let peer = extensions.get::<Peer>()?.0.ip().to_canonical();
    let is_trusted = settings.trusted_proxies.iter().any(|network| network.contains(peer));
    text(headers, name).filter(|_| is_trusted)
}

/// Whether a proxy passed the request on.
pub fn is_proxied(headers: &HeaderMap) -> bool {
    FORWARDING.iter().any(|name| headers.contains_key(*name))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn request(peer: &str, pairs: &[(&'static str, &str)]) -> (HeaderMap, Extensions) {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        let mut extensions = Extensions::new();
        extensions.insert(Peer(SocketAddr::new(peer.parse().unwrap(), 1)));
        (headers, extensions)
    }

    fn settings() -> Settings {
        let vars = [("PULSE_TRUSTED_PROXY_CIDRS".to_owned(), "10.0.0.0/8".to_owned())];
        Settings::load(&std::collections::HashMap::from(vars)).unwrap()
    }

    const CLAIMS: [(&str, &str); 6] = [
        ("x-pulse-tls", "1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-scheme", "https"),
        ("forwarded", "for=1.2.3.4;proto=https;host=evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("host", "pulse.example.org:7655"),
    ];

    #[test]
    fn a_strangers_headers_make_neither_encryption_nor_another_host() {
        let (headers, extensions) = request("203.0.113.9", &CLAIMS);
        assert!(!is_secure(&settings(), &headers, &extensions));
        assert_eq!(request_origin(&settings(), &headers, &extensions), "http://pulse.example.org:7655");
    }

    #[test]
    fn a_trusted_proxy_and_the_listener_are_believed() {
        let (headers, extensions) = request("10.1.2.3", &CLAIMS);
        assert_eq!(request_origin(&settings(), &headers, &extensions), "https://evil.example");
        let (headers, mut extensions) = request("203.0.113.9", &[("host", "p")]);
        extensions.insert(SecureTransport);
        assert_eq!(request_origin(&settings(), &headers, &extensions), "https://p");
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_forwarded_a_strangers_address_is_its_own(text in "[ -~]{0,80}", last in 1_u8..=254) {
            let peer = format!("203.0.113.{last}");
            let names = ["x-forwarded-for", "x-real-ip", "forwarded"];
            let pairs: Vec<(&'static str, &str)> = names.iter().map(|name| (*name, text.as_str())).collect();
            let (headers, extensions) = request(&peer, &pairs);
            let seen = client_address(&extensions, &headers, &settings());
            proptest::prop_assert_eq!(seen.to_string(), peer);
            proptest::prop_assert!(!is_secure(&settings(), &headers, &extensions));
            let origin = request_origin(&settings(), &headers, &extensions);
            proptest::prop_assert_eq!(origin, "http://localhost");
        }
    }

    #[test]
    fn a_host_that_is_none_is_not_repeated() {
        let (headers, extensions) = request("203.0.113.9", &[("host", "p/evil?\"<x>")]);
        assert_eq!(request_origin(&settings(), &headers, &extensions), "http://localhost");
    }

    #[test]
    fn whoever_comes_from_nowhere_is_not_this_machine() {
        assert!(!is_direct_loopback(&HeaderMap::new(), &Extensions::new()));
        let (headers, extensions) = request("::ffff:127.0.0.1", &[]);
        assert!(is_direct_loopback(&headers, &extensions));
        let (headers, extensions) = request("127.0.0.1", &[("x-forwarded-for", "")]);
        assert!(!is_direct_loopback(&headers, &extensions));
    }
}
