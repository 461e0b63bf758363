//! Addresses of Proxmox hosts as people type them, brought to the one form `scheme://host:port`.

use std::net::{Ipv4Addr, Ipv6Addr};

use pulse_core::model::InstanceKind;

/// Why a text is no address of a host. The texts are the contract's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Nothing there.
    #[error("Host is required")]
    Missing,
    /// Not an address at all.
    #[error("Invalid host format")]
    Format,
    /// Digits and dots, but no address.
    #[error("Invalid IP address")]
    Ipv4,
    /// Colons, but no address.
    #[error("Invalid IPv6 address")]
    Ipv6,
    /// Characters no host name has.
    #[error("Invalid hostname")]
    Name,
    /// Not a port.
    #[error("Invalid port number")]
    Port,
}

/// `scheme://host:port` of what a person typed: https unless http is said, the product's port unless another is,
/// path and query dropped.
pub fn normalise(text: &str, kind: InstanceKind) -> Result<String, HostError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(HostError::Missing);
    }
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => ("https", rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => ("http", rest),
        Some(_) => return Err(HostError::Format),
        None => ("https", text),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // Credentials in an address would be shown wherever the address is.
    if authority.is_empty() || authority.contains('@') {
        return Err(HostError::Format);
    }
    let (host, port) = split(authority, kind)?;
    let port = match port {
        None => kind.default_port(),
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse().ok().filter(|port| *port != 0).ok_or(HostError::Port)?
        }
        Some(_) => return Err(HostError::Port),
    };
    Ok(format!("{scheme}://{host}:{port}"))
}

/// The host without scheme and port, as a person reads it.
pub fn bare(normalised: &str) -> &str {
    let rest = normalised.split_once("://").map_or(normalised, |(_, rest)| rest);
    match rest.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => rest,
    }
}

fn split(authority: &str, kind: InstanceKind) -> Result<(String, Option<&str>), HostError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, after) = rest.split_once(']').ok_or(HostError::Ipv6)?;
        let address: Ipv6Addr = address.parse().map_err(|_| HostError::Ipv6)?;
        let port = match after.strip_prefix(':') {
            Some(port) => Some(port),
            None if after.is_empty() => None,
            None => return Err(HostError::Format),
        };
        return Ok((format!("[{address}]"), port));
    }
    if authority.matches(':').count() > 1 {
        let address: Ipv6Addr = authority.parse().map_err(|_| HostError::Ipv6)?;
        return Ok((format!("[{address}]"), None));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    Ok((name(host, kind)?, port))
}

fn name(host: &str, kind: InstanceKind) -> Result<String, HostError> {
    let bad_name = if kind == InstanceKind::Pbs { HostError::Name } else { HostError::Format };
    if host.is_empty() || host.len() > 253 {
        return Err(bad_name);
    }
    // Pulse v5 took every name that begins with a digit for an address; `3com.example` is a name.
    if host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return host.parse::<Ipv4Addr>().map(|address| address.to_string()).map_err(|_| HostError::Ipv4);
    }
    if host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_')) {
        Ok(host.to_lowercase())
    } else {
        Err(bad_name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_come_to_one_form() {
        use InstanceKind::{Pbs, Pmg, Pve};
        let check = |text: &str, kind, expect: Result<&str, HostError>| {
            assert_eq!(normalise(text, kind), expect.map(str::to_owned), "{text}");
        };
        check("pve1", Pve, Ok("https://pve1:8006"));
        check(" PVE1.Example ", Pmg, Ok("https://pve1.example:8006"));
        check("192.0.2.4", Pbs, Ok("https://192.0.2.4:8007"));
        check("http://pve1:80/x?y#z", Pve, Ok("http://pve1:80"));
        check("HTTPS://pve1/", Pve, Ok("https://pve1:8006"));
        check("2001:db8::1", Pve, Ok("https://[2001:db8::1]:8006"));
        check("[2001:db8::1]:443", Pve, Ok("https://[2001:db8::1]:443"));
        check("https://[::1]", Pbs, Ok("https://[::1]:8007"));
        check("3com.example", Pve, Ok("https://3com.example:8006"));
        check("", Pve, Err(HostError::Missing));
        check("   ", Pve, Err(HostError::Missing));
        check("https://", Pve, Err(HostError::Format));
        check("ftp://x", Pve, Err(HostError::Format));
        check("user:pw@pve1", Pve, Err(HostError::Format));
        check("a b", Pve, Err(HostError::Format));
        check("a;b", Pbs, Err(HostError::Name));
        check("a<b", Pbs, Err(HostError::Name));
        check("192.0.2.400", Pve, Err(HostError::Ipv4));
        check("1.2.3", Pve, Err(HostError::Ipv4));
        check("2001:zz::1", Pve, Err(HostError::Ipv6));
        check("[::1", Pve, Err(HostError::Ipv6));
        check("[::1]x", Pve, Err(HostError::Format));
        for port in ["0", "65536", "-1", "+1", "x", ""] {
            check(&format!("pve1:{port}"), Pve, Err(HostError::Port));
        }
    }

    #[test]
    fn the_bare_host_is_what_a_person_reads() {
        assert_eq!(bare("https://pve1:8006"), "pve1");
        assert_eq!(bare("https://[::1]:8006"), "[::1]");
        assert_eq!(bare("pve1"), "pve1");
    }

    proptest! {
        /// Any text is either refused or comes to a form that stays as it is.
        #[test]
        fn the_form_is_stable(text in "(https?://)?[\\PC]{0,40}") {
            for kind in [InstanceKind::Pve, InstanceKind::Pbs, InstanceKind::Pmg] {
                if let Ok(once) = normalise(&text, kind) {
                    prop_assert_eq!(normalise(&once, kind), Ok(once.clone()));
                }
            }
        }
    }
}
