//! Looking for Proxmox servers in networks that somebody named.
//!
//! The certificate says what a server is: unauthenticated, every path of every product answers 401, and three seconds
//! late. Where somebody put another certificate, the title of its page says it. Nothing is logged in to, nothing is asked
//! but these two, and no address is touched that is not in the named networks.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream};
use pulse_config::Cidr;
use pulse_core::model::InstanceKind;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::http::{Fingerprint, Trust, client_config};

/// As much of a page as is read for its title.
const PAGE_LIMIT: u64 = 16 * 1024;

/// How far a search goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanLimits {
    /// Ports that are tried at each address.
    pub ports: Vec<u16>,
    /// Addresses of one search, over all networks.
    pub hosts: usize,
    /// Addresses tried at once.
    pub at_once: usize,
    /// Time for a connection, TLS included.
    pub connect: Duration,
    /// Time for a page.
    pub page: Duration,
    /// Time for everything.
    pub whole: Duration,
}

impl Default for ScanLimits {
    fn default() -> Self {
        Self {
            ports: vec![InstanceKind::Pve.default_port(), InstanceKind::Pbs.default_port()],
            hosts: 1024,
            at_once: 50,
            connect: Duration::from_secs(1),
            page: Duration::from_secs(2),
            whole: Duration::from_secs(30),
        }
    }
}

/// A server that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FoundServer {
    /// Where.
    pub address: SocketAddr,
    /// What it is.
    pub kind: InstanceKind,
    /// The name in its certificate or on its page.
    pub hostname: Option<String>,
    /// Fingerprint of the certificate it shows.
    pub fingerprint: String,
}

/// What a search brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// Servers, by address.
    pub servers: Vec<FoundServer>,
    /// What was not searched, and why.
    pub errors: Vec<String>,
    /// How many addresses were tried.
    pub hosts: usize,
}

/// Searches networks. Addresses in `blocked` networks and sockets in `known` are never touched.
pub async fn scan(
    networks: &[Cidr],
    blocked: &[Cidr],
    known: &BTreeSet<SocketAddr>,
    limits: &ScanLimits,
) -> Scan {
    let mut out = Scan::default();
    let mut hosts = BTreeSet::new();
    for network in networks {
        let room = limits.hosts.saturating_sub(hosts.len());
        match addresses(network, room) {
            Ok(found) => {
                hosts.extend(found.filter(|host| !blocked.iter().any(|net| net.contains((*host).into()))));
            }
            Err(why) => out.errors.push(format!("{network}: {why}")),
        }
    }
    out.hosts = hosts.len();
    let config = match client_config(&Trust::Anything) {
        Ok(config) => Arc::new(config),
        Err(error) => {
            out.errors.push(error.to_string());
            return out;
        }
    };
    let mut sockets = Vec::with_capacity(hosts.len() * limits.ports.len());
    for host in hosts {
        sockets.extend(limits.ports.iter().map(|port| SocketAddr::new(IpAddr::V4(host), *port)));
    }
    sockets.retain(|socket| !known.contains(socket));
    // A try is made when there is room for it: sixty thousand at once would be tens of megabytes.
    let tries =
        sockets.into_iter().map(|socket| look(socket, TlsConnector::from(Arc::clone(&config)), limits));
    let mut tries = stream::iter(tries).buffer_unordered(limits.at_once.max(1));
    let until = tokio::time::Instant::now() + limits.whole;
    loop {
        match tokio::time::timeout_at(until, tries.next()).await {
            Ok(Some(found)) => out.servers.extend(found),
            Ok(None) => break,
            Err(_) => {
                let seconds = limits.whole.as_secs();
                out.errors.push(format!("the search was ended after {seconds} s; name a smaller network"));
                break;
            }
        }
    }
    out.servers.sort();
    out
}

/// The addresses of hosts in an IPv4 network, without network and broadcast address.
fn addresses(network: &Cidr, room: usize) -> Result<impl Iterator<Item = Ipv4Addr> + use<>, String> {
    let IpAddr::V4(address) = network.address() else {
        return Err("only IPv4 networks are searched; an IPv6 network has too many addresses".into());
    };
    let bits = 32 - u32::from(network.prefix());
    let size = 1_u64 << bits;
    let usable = if bits >= 2 { size - 2 } else { size };
    if usable > room as u64 {
        return Err(format!(
            "it has {usable} addresses, and only {room} more are searched; name a smaller one"
        ));
    }
    let first = u64::from(u32::from(address)) & !(size - 1);
    let skip = u64::from(bits >= 2);
    Ok((first + skip..first + skip + usable)
        .filter_map(|number| u32::try_from(number).ok())
        .map(Ipv4Addr::from))
}

/// The private IPv4 networks of this machine; large ones are narrowed to the neighbourhood of its own address.
pub fn own_networks() -> Vec<Cidr> {
    const NEIGHBOURHOOD: u8 = 24;
    const LARGEST: u8 = 22;
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
    let mut networks = Vec::new();
    for interface in interfaces {
        let v4 = |storage: Option<nix::sys::socket::SockaddrStorage>| {
            storage
                .as_ref()
                .and_then(|storage| storage.as_sockaddr_in())
                .map(nix::sys::socket::SockaddrIn::ip)
        };
        let (Some(address), Some(mask)) = (v4(interface.address), v4(interface.netmask)) else { continue };
        if !address.is_private() {
            continue;
        }
        let prefix = u32::from(mask).leading_ones() as u8;
        let prefix = if prefix < LARGEST { NEIGHBOURHOOD } else { prefix };
        let network = Cidr::new(IpAddr::V4(address), prefix);
        networks.extend(network.filter(|network| !networks.contains(network)));
    }
    networks
}

async fn look(address: SocketAddr, connector: TlsConnector, limits: &ScanLimits) -> Option<FoundServer> {
    let connecting = async {
        let tcp = TcpStream::connect(address).await.ok()?;
        connector.connect(ServerName::IpAddress(address.ip().into()), tcp).await.ok()
    };
    let mut tls = timeout(limits.connect, connecting).await.ok()??;
    let certificate = tls.get_ref().1.peer_certificates()?.first()?.clone();
    let fingerprint = Fingerprint::of(&certificate).to_string();
    let common_name = common_name(&certificate);
    if let Some(kind) = product_in(&certificate) {
        return Some(FoundServer { address, kind, hostname: common_name, fingerprint });
    }
    let mut page = Vec::new();
    let asking = async {
        let request = format!("GET / HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        tls.write_all(request.as_bytes()).await.ok()?;
        let mut tls = (&mut tls).take(PAGE_LIMIT);
        // Some leave the connection open all the same: the title is enough.
        while !has_title(&page) && tls.read_buf(&mut page).await.ok()? > 0 {}
        Some(())
    };
    // A server that breaks off or takes too long still said what it said.
    let _ = timeout(limits.page, asking).await;
    let kind = product_in(&page)?;
    Some(FoundServer { address, kind, hostname: title_name(&page).or(common_name), fingerprint })
}

/// The product that is named in a certificate or on a page.
fn product_in(bytes: &[u8]) -> Option<InstanceKind> {
    let has = |words: &str| bytes.windows(words.len()).any(|window| window == words.as_bytes());
    // A backup server's certificate may be signed by an authority of Proxmox VE: the narrower name goes first.
    if has("Proxmox Backup Server") {
        Some(InstanceKind::Pbs)
    } else if has("Proxmox Mail Gateway") {
        Some(InstanceKind::Pmg)
    } else if has("PVE Cluster Node") || has("Proxmox Virtual Environment") {
        Some(InstanceKind::Pve)
    } else {
        None
    }
}

/// The common name of a certificate's subject: the last one in it, because the issuer stands before the subject.
fn common_name(certificate: &[u8]) -> Option<String> {
    const OID: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];
    let at = certificate.windows(OID.len()).rposition(|window| window == OID)?;
    // Kind of text, its length in one byte, the text.
    let (length, rest) = certificate.get(at + OID.len() + 1..)?.split_first()?;
    hostname(std::str::from_utf8(rest.get(..usize::from(*length))?).ok()?)
}

fn has_title(page: &[u8]) -> bool {
    const END: &[u8] = b"</title>";
    page.windows(END.len()).any(|window| window == END)
}

/// The name in front of the product in `<title>name - Proxmox …</title>`.
fn title_name(page: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(page);
    let title = text.split_once("<title>")?.1.split_once("</title>")?.0;
    hostname(title.split(" - ").next()?.trim())
}

/// A text that is a host name, and nothing that a page would have to escape.
fn hostname(text: &str) -> Option<String> {
    let is_name = !text.is_empty()
        && text.len() <= 253
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    is_name.then(|| text.to_owned())
}

/// The fingerprint of the certificate that an address shows now.
pub async fn shown_fingerprint(host: &str, port: u16, limit: Duration) -> Option<String> {
    let config = Arc::new(client_config(&Trust::Anything).ok()?);
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).ok()?;
    let connecting = async {
        let tcp = TcpStream::connect((host.trim_matches(['[', ']']), port)).await.ok()?;
        TlsConnector::from(config).connect(name, tcp).await.ok()
    };
    let tls = timeout(limit, connecting).await.ok()??;
    let certificate = tls.get_ref().1.peer_certificates()?.first()?.clone();
    Some(Fingerprint::of(&certificate).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_its_hosts_and_no_others() {
        let list =
            |network: &str, room| addresses(&network.parse().unwrap(), room).map(Iterator::collect::<Vec<_>>);
        let hosts = list("192.0.2.77/30", 10).unwrap();
        assert_eq!(hosts, ["192.0.2.77".parse::<Ipv4Addr>().unwrap(), "192.0.2.78".parse().unwrap()]);
        assert_eq!(list("192.0.2.5", 10).unwrap().len(), 1);
        assert_eq!(list("192.0.2.4/31", 10).unwrap().len(), 2);
        assert_eq!(list("192.0.2.0/22", 1024).unwrap().len(), 1022);
        assert!(list("10.0.0.0/8", 1024).unwrap_err().contains("smaller"));
        assert!(
            list("0.0.0.0/0", 1024).is_err() && list("2001:db8::/64", 1024).unwrap_err().contains("IPv4")
        );
        assert_eq!(list("255.255.255.255/32", 10).unwrap().len(), 1);
    }

    #[test]
    fn names_are_names() {
        let page = b"<html><head><title>pve1 - Proxmox Virtual Environment</title>";
        assert_eq!((title_name(page).as_deref(), product_in(page)), (Some("pve1"), Some(InstanceKind::Pve)));
        assert_eq!(title_name(b"<title><script>x</script> - Proxmox</title>"), None);
        assert_eq!(product_in(b"nginx"), None);
        assert_eq!(common_name(&[0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x40, b'a']), None);
        assert_eq!(
            common_name(&[0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x02, b'a', b'b']).as_deref(),
            Some("ab")
        );
    }
}
