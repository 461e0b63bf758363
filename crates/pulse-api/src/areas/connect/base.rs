//! The address at which clients reach this server, as it goes into commands and scripts.

use http::{Extensions, HeaderMap, header::HOST};

use super::header;
use crate::{auth::is_secure, state::AppState};

/// `scheme://host[:port]` from the request; a loopback host is replaced by the configured public address, because
/// nobody else reaches that.
pub(super) fn of(state: &AppState, headers: &HeaderMap, extensions: &Extensions) -> String {
    let host = header(headers, HOST.as_str()).filter(|host| is_host(host));
    // The configured address is a person's text, and what is made with it runs as root.
    let system = state.system.current();
    let public = url(&system.public_url).unwrap_or_default().trim_end_matches('/').to_owned();
    match host {
        Some(host) if !is_loopback(host) || public.is_empty() => {
            let scheme = if is_secure(&state.settings, headers, extensions) { "https" } else { "http" };
            format!("{scheme}://{host}")
        }
        Some(_) => public,
        None if !public.is_empty() => public,
        None => format!("http://localhost:{}", state.settings.port),
    }
}

/// An absolute http or https address that means the same in JSON, in a shell, in a query and in a log.
pub(super) fn url(text: &str) -> Result<&str, &'static str> {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return Err("must be an absolute http or https URL");
    };
    if text.len() > 2_048 {
        return Err("is too long");
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/[]@%+,=".contains(&byte);
    if !rest.bytes().all(is_plain) {
        return Err(
            "must not contain blanks, quotes, control characters or others that mean something to a shell",
        );
    }
    match rest.split('/').next() {
        None | Some("") => Err("must have a host"),
        Some(_) => Ok(text),
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
    fn addresses_that_could_get_out_of_a_script_are_refused() {
        assert!(url("https://192.0.2.4:8006").is_ok() && url("http://[2001:db8::1]:7655/pulse").is_ok());
        let hostile = [
            "a\nb", "a'b", "a$(b)", "a\"b", "a b", "a;b", "a|b", "a&b", "a`b`", "a{b,c}", "a>b", "a\\b", "",
            "/x",
        ];
        for text in hostile.map(|rest| format!("https://{rest}")) {
            assert!(url(&text).is_err(), "{text}");
        }
        assert!(url("ftp://x").is_err() && url("x").is_err());
    }

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
