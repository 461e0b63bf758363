//! Which addresses the server may connect to when a person names the target: the guard against requests that are
//! forged from the inside (SSRF).
//!
//! The guard judges addresses, never names: a name can answer differently the second time. So whoever connects does
//! three steps: [`literal`] for a host that is an address already (clients do not ask their resolver for one), else
//! resolve the name once; [`Policy::permitted`] over everything that came back; and then a connection to one of the
//! addresses that it returned, not to the name. Redirects are new targets and go through the same steps.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// What kind of place an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressClass {
    /// Anywhere on the internet.
    Public,
    /// This machine.
    Loopback,
    /// A private network: RFC 1918, or fc00::/7.
    Private,
    /// The shared network between a provider and its customers, 100.64.0.0/10.
    CarrierGrade,
    /// The own link: 169.254.0.0/16 or fe80::/10.
    LinkLocal,
    /// Where clouds tell a machine its credentials.
    Metadata,
    /// No address of anything: 0.0.0.0/8, `::`; many systems take it for the own machine.
    Unspecified,
    /// Several at once, or all.
    Multicast,
    /// Kept for documentation, benchmarks or the future.
    Reserved,
}

impl AddressClass {
    /// What it is, for a message.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::CarrierGrade => "carrier-grade NAT",
            Self::LinkLocal => "link-local",
            Self::Metadata => "cloud metadata",
            Self::Unspecified => "unspecified",
            Self::Multicast => "multicast",
            Self::Reserved => "reserved",
        }
    }
}

/// What kind of place an address is. One that carries an IPv4 address inside is what that one is.
pub fn classify(address: IpAddr) -> AddressClass {
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => match embedded_v4(address) {
            Some(inner) => classify_v4(inner),
            None => classify_v6(address),
        },
    }
}

/// Whether an address never crosses the internet.
pub fn is_internal(address: IpAddr) -> bool {
    !matches!(classify(address), AddressClass::Public)
}

fn classify_v4(address: Ipv4Addr) -> AddressClass {
    let [a, b, c, d] = address.octets();
    match (a, b, c, d) {
        (169, 254, 169, 254 | 253) | (169, 254, 170, 2) | (100, 100, 100, 200) => AddressClass::Metadata,
        (0, ..) => AddressClass::Unspecified,
        (127, ..) => AddressClass::Loopback,
        (10, ..) | (172, 16..=31, ..) | (192, 168, ..) => AddressClass::Private,
        (100, 64..=127, ..) => AddressClass::CarrierGrade,
        (169, 254, ..) => AddressClass::LinkLocal,
        (224..=239, ..) | (255, 255, 255, 255) => AddressClass::Multicast,
        (192, 0, 0 | 2, _) | (192, 88, 99, _) | (198, 18..=19, ..) | (198, 51, 100, _) | (203, 0, 113, _) => {
            AddressClass::Reserved
        }
        (240..=255, ..) => AddressClass::Reserved,
        _ => AddressClass::Public,
    }
}

fn classify_v6(address: Ipv6Addr) -> AddressClass {
    let parts = address.segments();
    match parts {
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressClass::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressClass::Loopback,
        // AWS and Oracle answer here as they do at 169.254.169.254.
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254] | [0xfd00, 0x00c1, 0, 0, 0, 0, 0xa9fe, 0xa9fe] => {
            AddressClass::Metadata
        }
        [first, ..] if first & 0xfe00 == 0xfc00 => AddressClass::Private,
        [first, ..] if first & 0xffc0 == 0xfe80 => AddressClass::LinkLocal,
        // Site-local: given up, but still private where somebody uses it.
        [first, ..] if first & 0xffc0 == 0xfec0 => AddressClass::Private,
        [first, ..] if first & 0xff00 == 0xff00 => AddressClass::Multicast,
        [0x2001, 0x0db8, ..] | [0x0100, 0, 0, 0, ..] | [0x3fff, 0..=0x0fff, ..] => AddressClass::Reserved,
        _ => AddressClass::Public,
    }
}

/// The IPv4 address inside an IPv6 one: mapped, translated, 6to4, Teredo, or the old "compatible" form.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        // Teredo turns every bit of the client's address around.
        [0x2001, 0, _, _, _, _, high, low] => Some(v4(!high, !low)),
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x0064, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x0064, 0xff9b, 1, _, _, _, high, low]
        | [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

/// The address a host of a URL is, where it is one: `192.0.2.1`, `[::1]`, and the spellings that system resolvers take
/// for one: `2130706433`, `0x7f.1`, `0177.0.0.1`, and a dot at the end.
pub fn literal(host: &str) -> Option<IpAddr> {
    let host = host.trim().trim_end_matches('.');
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    // A zone belongs to the machine, not to the address.
    let bare = bare.split('%').next().unwrap_or(bare);
    if let Ok(address) = bare.parse() {
        return Some(address);
    }
    loose_v4(bare).map(IpAddr::V4)
}

/// IPv4 as `inet_aton` reads it: one to four numbers, decimal, octal or hexadecimal; the last one fills what is left.
fn loose_v4(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<&str> = text.split('.').collect();
    if parts.len() > 4 {
        return None;
    }
    let mut value: u64 = 0;
    for (place, part) in parts.iter().enumerate() {
        let number = loose_number(part)?;
        let is_last = place + 1 == parts.len();
        let bits = if is_last { 8 * (5 - parts.len() as u32) } else { 8 };
        if number >> bits != 0 {
            return None;
        }
        value = value << bits | number;
    }
    u32::try_from(value).ok().map(Ipv4Addr::from)
}

fn loose_number(text: &str) -> Option<u64> {
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    match hexadecimal {
        Some("") => Some(0),
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None if text.len() > 1 && text.starts_with('0') => u64::from_str_radix(text, 8).ok(),
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        None => None,
    }
}

/// What may be connected to.
#[derive(Debug, Clone, Copy)]
pub struct Policy<F> {
    /// Whether the operator allows an address that is not public. Metadata services, multicast, unspecified and
    /// reserved addresses stay closed whatever it says.
    pub allows: F,
}

/// Why a target is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocked {
    /// The name has no address.
    NoAddress,
    /// An address that may not be reached.
    Address {
        /// Which.
        address: IpAddr,
        /// What it is.
        class: AddressClass,
    },
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("the name has no address"),
            Self::Address { address, class } => {
                write!(f, "{address} is a {} address and is not allowed as a target", class.name())
            }
        }
    }
}

impl std::error::Error for Blocked {}

impl<F: Fn(IpAddr) -> bool> Policy<F> {
    /// Whether one address may be connected to.
    pub fn check(&self, address: IpAddr) -> Result<(), Blocked> {
        let class = classify(address);
        let is_open = match class {
            AddressClass::Public => true,
            AddressClass::Private
            | AddressClass::CarrierGrade
            | AddressClass::Loopback
            | AddressClass::LinkLocal => {
                (self.allows)(canonical(address)) || (self.allows)(address.to_canonical())
            }
            AddressClass::Metadata
            | AddressClass::Unspecified
            | AddressClass::Multicast
            | AddressClass::Reserved => false,
        };
        if is_open { Ok(()) } else { Err(Blocked::Address { address, class }) }
    }

    /// The addresses a name was resolved to, if all of them may be connected to: a name that also points inside is
    /// refused as a whole, since which of them is taken is up to chance.
    pub fn permitted(
        &self,
        resolved: impl IntoIterator<Item = SocketAddr>,
    ) -> Result<Vec<SocketAddr>, Blocked> {
        let resolved: Vec<SocketAddr> = resolved.into_iter().collect();
        if resolved.is_empty() {
            return Err(Blocked::NoAddress);
        }
        for address in &resolved {
            self.check(address.ip())?;
        }
        Ok(resolved)
    }
}

/// The IPv4 address inside, where there is one.
fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(inner) => embedded_v4(inner).map_or(address, IpAddr::V4),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_place_has_its_class() {
        use AddressClass as C;
        for (text, class) in [
            ("8.8.8.8", C::Public),
            ("2606:4700::1111", C::Public),
            ("172.32.0.1", C::Public),
            ("100.128.0.1", C::Public),
            ("127.255.0.1", C::Loopback),
            ("::1", C::Loopback),
            ("::ffff:127.0.0.1", C::Loopback),
            ("10.0.0.1", C::Private),
            ("172.31.255.255", C::Private),
            ("fd12::1", C::Private),
            ("fec0::1", C::Private),
            ("::ffff:192.168.1.1", C::Private),
            ("::192.168.1.1", C::Private),
            ("64:ff9b::c0a8:101", C::Private),
            ("2002:c0a8:0101::1", C::Private),
            ("2001:0:1:2:3:4:3f57:fefe", C::Private),
            ("100.64.0.1", C::CarrierGrade),
            ("100.127.255.255", C::CarrierGrade),
            ("169.254.1.1", C::LinkLocal),
            ("fe80::1", C::LinkLocal),
            ("169.254.169.254", C::Metadata),
            ("169.254.170.2", C::Metadata),
            ("100.100.100.200", C::Metadata),
            ("fd00:ec2::254", C::Metadata),
            ("::ffff:169.254.169.254", C::Metadata),
            ("64:ff9b::a9fe:a9fe", C::Metadata),
            ("0.0.0.0", C::Unspecified),
            ("0.1.2.3", C::Unspecified),
            ("::", C::Unspecified),
            ("::ffff:0.0.0.0", C::Unspecified),
            ("224.0.0.1", C::Multicast),
            ("255.255.255.255", C::Multicast),
            ("ff02::1", C::Multicast),
            ("203.0.113.9", C::Reserved),
            ("240.0.0.1", C::Reserved),
            ("2001:db8::1", C::Reserved),
        ] {
            assert_eq!(classify(text.parse().unwrap()), class, "{text}");
        }
    }

    #[test]
    fn an_address_is_seen_in_every_spelling() {
        for text in [
            "127.0.0.1",
            "127.0.0.1.",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "127.0.1",
            "[::ffff:127.0.0.1]",
            "[::1%25lo]",
        ] {
            let address = literal(text).unwrap_or_else(|| panic!("{text} was not seen"));
            assert_eq!(classify(address), AddressClass::Loopback, "{text}");
        }
        for text in ["example.org", "1.2.3.4.5", "256.1", "127.0.0.256", "", "0x", "a.1"] {
            let address = literal(text);
            assert!(address.is_none() || text == "0x", "{text}: {address:?}");
        }
    }

    #[test]
    fn what_the_operator_allows_opens_and_what_is_dangerous_stays_closed() {
        let lan = Policy { allows: |address: IpAddr| address.to_string().starts_with("192.168.1.") };
        let check = |text: &str| lan.check(text.parse().unwrap()).is_ok();
        assert!(check("192.168.1.9") && check("::ffff:192.168.1.9") && check("8.8.8.8"));
        assert!(!check("192.168.2.9") && !check("127.0.0.1") && !check("fd00::1"));
        let all = Policy { allows: |_| true };
        assert!(all.check("127.0.0.1".parse().unwrap()).is_ok());
        for text in ["169.254.169.254", "0.0.0.0", "::", "224.0.0.1", "fd00:ec2::254", "64:ff9b::a9fe:a9fe"] {
            assert!(all.check(text.parse().unwrap()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_that_also_points_inside_is_refused_as_a_whole() {
        let none = Policy { allows: |_| false };
        let resolved = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
        assert_eq!(none.permitted(resolved(&["8.8.8.8:443"])).unwrap().len(), 1);
        let blocked = none.permitted(resolved(&["8.8.8.8:443", "127.0.0.1:443"])).unwrap_err();
        assert_eq!(blocked.to_string(), "127.0.0.1 is a loopback address and is not allowed as a target");
        assert_eq!(none.permitted([]).unwrap_err(), Blocked::NoAddress);
    }

    proptest! {
        #[test]
        fn a_mapped_address_is_what_it_maps(bits in any::<u32>()) {
            let v4 = Ipv4Addr::from(bits);
            prop_assert_eq!(classify(v4.to_ipv6_mapped().into()), classify(v4.into()));
            prop_assert_eq!(literal(&bits.to_string()), Some(v4.into()));
            prop_assert_eq!(literal(&v4.to_string()), Some(v4.into()));
        }

        #[test]
        fn no_text_is_too_odd(text in "\\PC{0,40}") {
            let _ = literal(&text);
        }
    }
}
