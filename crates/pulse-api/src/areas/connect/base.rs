//! The address at which clients reach this server, as it goes into commands and scripts.

use http::{HeaderMap, header::HOST};

use super::header;
use crate::{auth::is_secure, state::AppState};

/// `scheme://host[:port]` from the request; a loopback host is replaced by the configured public address, because
/// nobody else reaches that.
pub(super) fn of(state: &AppState, headers: &HeaderMap) -> String {
    let host = header(headers, HOST.as_str()).filter(|host| is_host(host));
    let public = state.system.current().public_url.trim_end_matches('/').to_owned();
    match host {
        Some(host) if !is_loopback(host) || public.is_empty() => {
            let scheme = if is_secure(headers) { "https" } else { "http" };
            format!("{scheme}://{host}")
        }
        Some(_) => public,
        None if !public.is_empty() => public,
        None => format!("http://localhost:{}", state.settings.port),
    }
}

/// Whether a `Host` header is a host and a port, and nothing that means something to a shell.
fn is_host(text: &str) -> bool {
    text.len() <= 255
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']'))
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_hosts_and_loopback_is_known() {
        for (text, expect) in [
            ("pulse.lan:7655", true),
            ("[2001:db8::1]:7655", true),
            ("a$(x)", false),
            ("a;b", false),
            ("a b", false),
            ("a'b", false),
        ] {
            assert_eq!(is_host(text), expect, "{text}");
        }
        for (text, expect) in
            [("localhost:1", true), ("127.0.0.5", true), ("[::1]:7655", true), ("192.0.2.1:1", false)]
        {
            assert_eq!(is_loopback(text), expect, "{text}");
        }
    }
}
