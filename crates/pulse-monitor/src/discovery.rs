//! Looking for Proxmox servers: when somebody asks, and in the background where the settings want it. Off until then.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use pulse_collectors::discover::{self, ScanLimits};
pub use pulse_collectors::discover::{FoundServer, Scan};
use pulse_config::{Cidr, NodeConfig, SystemSettings};
use pulse_core::Clock;
use tokio::sync::{Semaphore, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Time between two searches in the background.
const PERIOD: Duration = Duration::from_mins(5);
/// A search that somebody waits for.
const ASKED: Duration = Duration::from_secs(30);
/// One in the background.
const BACKGROUND: Duration = Duration::from_mins(2);
/// Networks of one search.
const MOST_NETWORKS: usize = 16;

/// Networks that belong to whoever uses them; those that carriers share among their customers too.
const PRIVATE: [&str; 6] =
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8"];

/// What the last search in the background brought.
#[derive(Debug, Clone)]
pub struct Found {
    /// When it ended.
    pub at: Timestamp,
    /// What it brought.
    pub scan: Scan,
    /// Networks that were searched.
    pub networks: Vec<String>,
}

/// Why nothing was searched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// The text is no list of networks.
    #[error("{0:?} is no IPv4 network such as 192.0.2.0/24")]
    NoNetwork(String),
    /// Somebody else's network.
    #[error(
        "{0} is no private network; to search it all the same, add it to the allowed networks in the discovery settings"
    )]
    NotPrivate(Cidr),
    /// The settings name the networks that may be searched, and this is none of them.
    #[error("{0} is not among the allowed networks in the discovery settings")]
    NotAllowed(Cidr),
    /// There are too many networks.
    #[error("at most {MOST_NETWORKS} networks are searched at once")]
    TooMany,
    /// This machine has no private network.
    #[error("this machine has no private IPv4 network; name the networks to search")]
    NoOwnNetwork,
    /// A search is under way.
    #[error("a search is under way; try again in half a minute")]
    Busy,
}

/// Looks for servers.
#[derive(Debug, Clone)]
pub struct Discovery {
    last: watch::Sender<Option<Arc<Found>>>,
    /// One search at a time: two would ask twice as many hosts at once as allowed.
    turn: Arc<Semaphore>,
}

impl Default for Discovery {
    fn default() -> Self {
        Self { last: watch::Sender::new(None), turn: Arc::new(Semaphore::new(1)) }
    }
}

impl Discovery {
    /// What the last search in the background brought; `None` while it is off.
    pub fn last(&self) -> Option<Arc<Found>> {
        self.last.borrow().clone()
    }

    /// Searches in the background while the settings want it.
    pub fn start(
        &self,
        mut system: watch::Receiver<Arc<SystemSettings>>,
        nodes: watch::Receiver<Arc<NodeConfig>>,
        clock: Arc<dyn Clock>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) {
        let this = self.clone();
        tasks.spawn(async move {
            loop {
                let settings = system.borrow_and_update().clone();
                if settings.discovery_enabled {
                    let searching = this.search(&settings.discovery_subnet, &settings, &nodes, BACKGROUND);
                    let outcome = tokio::select! {
                        () = stop.cancelled() => return,
                        outcome = searching => outcome,
                    };
                    match outcome {
                        Ok((scan, networks)) => {
                            this.last.send_replace(Some(Arc::new(Found { at: clock.now(), scan, networks })));
                        }
                        Err(error) => tracing::warn!(%error, "no search for Proxmox servers"),
                    }
                } else {
                    this.last.send_replace(None);
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(PERIOD), if settings.discovery_enabled => {}
                    changed = system.changed() => if changed.is_err() { return },
                }
            }
        });
    }

    /// Searches because somebody asked; `subnet` is a list of networks, or `auto` for this machine's own.
    pub async fn scan(
        &self,
        subnet: &str,
        settings: &SystemSettings,
        nodes: &watch::Receiver<Arc<NodeConfig>>,
    ) -> Result<(Scan, Vec<String>), DiscoveryError> {
        self.search(subnet, settings, nodes, ASKED).await
    }

    async fn search(
        &self,
        subnet: &str,
        settings: &SystemSettings,
        nodes: &watch::Receiver<Arc<NodeConfig>>,
        whole: Duration,
    ) -> Result<(Scan, Vec<String>), DiscoveryError> {
        let config = &settings.discovery_config;
        let networks = networks(subnet, &config.subnet_allowlist)?;
        let _turn = self.turn.try_acquire().map_err(|_| DiscoveryError::Busy)?;
        let blocked: Vec<Cidr> =
            config.subnet_blocklist.iter().filter_map(|text| text.parse().ok()).collect();
        let limits = ScanLimits {
            hosts: config.max_hosts_per_scan as usize,
            at_once: (config.max_concurrent as usize).clamp(1, 200),
            connect: milliseconds(config.dial_timeout_milliseconds),
            page: milliseconds(config.http_timeout_milliseconds),
            whole,
            ..ScanLimits::default()
        };
        let known = known_sockets(&nodes.borrow());
        let scan = discover::scan(&networks, &blocked, &known, &limits).await;
        Ok((scan, networks.iter().map(ToString::to_string).collect()))
    }
}

fn milliseconds(number: u32) -> Duration {
    Duration::from_millis(u64::from(number.clamp(50, 30_000)))
}

/// The networks of a text; those that are allowed, where it names none.
fn networks(subnet: &str, allowed: &[String]) -> Result<Vec<Cidr>, DiscoveryError> {
    let text = subnet.trim();
    let parse = |text: &str| text.parse::<Cidr>().map_err(|_| DiscoveryError::NoNetwork(text.to_owned()));
    if !text.is_empty() && text != "auto" {
        let parts: Vec<&str> = text.split([',', ' ']).filter(|part| !part.is_empty()).collect();
        if parts.len() > MOST_NETWORKS {
            return Err(DiscoveryError::TooMany);
        }
        let allowed: Vec<Cidr> = allowed.iter().filter_map(|text| text.parse().ok()).collect();
        return parts.into_iter().map(|part| may_be_searched(parse(part)?, &allowed)).collect();
    }
    if !allowed.is_empty() {
        return allowed.iter().take(MOST_NETWORKS).map(|text| parse(text)).collect();
    }
    let own = discover::own_networks();
    if own.is_empty() { Err(DiscoveryError::NoOwnNetwork) } else { Ok(own) }
}

/// A network that somebody named is searched where the settings allow it. Where they name none, private networks are:
/// a server must not be made to knock at the doors of strangers.
// Pulse v5: any network is searched.
fn may_be_searched(network: Cidr, allowed: &[Cidr]) -> Result<Cidr, DiscoveryError> {
    if network.address().is_ipv6() {
        // The search itself says why it does not search it.
        return Ok(network);
    }
    let lies_in = |outer: &Cidr| outer.contains(network.address()) && network.prefix() >= outer.prefix();
    if !allowed.is_empty() {
        let is_allowed = allowed.iter().any(lies_in);
        return if is_allowed { Ok(network) } else { Err(DiscoveryError::NotAllowed(network)) };
    }
    let is_private = PRIVATE.iter().filter_map(|text| text.parse::<Cidr>().ok()).any(|outer| lies_in(&outer));
    if is_private { Ok(network) } else { Err(DiscoveryError::NotPrivate(network)) }
}

/// Sockets of instances that are configured by address.
fn known_sockets(config: &NodeConfig) -> BTreeSet<SocketAddr> {
    let hosts = config.pve.iter().map(|it| it.host.as_str());
    let hosts = hosts.chain(config.pbs.iter().map(|it| it.host.as_str()));
    let hosts = hosts.chain(config.pmg.iter().map(|it| it.host.as_str()));
    let members = config.pve.iter().flat_map(|it| it.cluster_endpoints.iter());
    let sockets = hosts.filter_map(|url| url.split_once("://")?.1.parse::<SocketAddr>().ok());
    let members = members.filter_map(|member| Some(SocketAddr::new(member.ip.parse::<IpAddr>().ok()?, 8006)));
    sockets.chain(members).collect()
}

#[cfg(test)]
mod tests {
    use pulse_config::PbsInstance;

    use super::*;

    #[test]
    fn only_named_networks_are_searched() {
        let list = |text: &str, allowed: &[&str]| {
            let allowed: Vec<String> = allowed.iter().map(|text| (*text).to_owned()).collect();
            networks(text, &allowed).map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(list("192.168.2.0/24, 10.1.100.7", &[]).unwrap(), ["192.168.2.0/24", "10.1.100.7/32"]);
        assert_eq!(list("auto", &["192.0.2.0/25"]).unwrap(), ["192.0.2.0/25"]);
        assert_eq!(list("192.0.2.0/99", &[]), Err(DiscoveryError::NoNetwork("192.0.2.0/99".into())));
        assert_eq!(list(&"192.0.2.1,".repeat(17), &[]), Err(DiscoveryError::TooMany));
    }

    #[test]
    fn no_network_of_strangers_is_searched_unless_the_settings_allow_it() {
        let check = |text: &str, allowed: &[&str]| {
            let allowed: Vec<String> = allowed.iter().map(|text| (*text).to_owned()).collect();
            networks(text, &allowed).map(|list| list.len())
        };
        let cidr = |text: &str| text.parse::<Cidr>().unwrap();
        for public in ["8.8.8.0/24", "192.0.2.0/24", "172.32.0.0/16", "9.0.0.0/7", "0.0.0.0/0", "10.0.0.0/7"]
        {
            assert_eq!(check(public, &[]), Err(DiscoveryError::NotPrivate(cidr(public))), "{public}");
        }
        assert_eq!(check("192.0.2.0/26", &["192.0.2.0/24"]), Ok(1));
        // Larger than what is allowed, or beside it; and then private ones are not allowed by themselves.
        for beside in ["192.0.2.0/23", "192.0.3.0/24", "10.0.0.0/24"] {
            let refused = Err(DiscoveryError::NotAllowed(cidr(beside)));
            assert_eq!(check(beside, &["192.0.2.0/24"]), refused, "{beside}");
        }
        let mixed = check("10.0.0.0/24,8.8.8.8", &[]);
        assert_eq!(mixed, Err(DiscoveryError::NotPrivate(cidr("8.8.8.8/32"))));
    }

    #[test]
    fn what_is_configured_is_not_searched_for() {
        let mut config = NodeConfig::default();
        config.pbs.push(PbsInstance::new("b".into(), "https://192.0.2.5:8007".into()));
        config.pbs.push(PbsInstance::new("c".into(), "https://vault.lan:8007".into()));
        assert_eq!(known_sockets(&config), BTreeSet::from(["192.0.2.5:8007".parse().unwrap()]));
    }
}
