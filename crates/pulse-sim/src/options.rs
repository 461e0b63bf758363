//! What an estate looks like and how it behaves.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{PveVersion, SimError};

/// The largest estate that is served.
const MOST_NODES: usize = 250;
/// The largest estate that is served.
const MOST_GUESTS: usize = 100_000;
/// The most backups of one guest on a storage: a year of nights.
const MOST_BACKUPS: u64 = 366;
/// The most that happens in a minute.
const MOST_CHURN: u32 = 1_000;

/// What one simulated cluster looks like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EstateOptions {
    /// Name of the cluster; a single node has none and ignores it.
    pub name: String,
    /// Node names are this and a number.
    pub node_prefix: String,
    /// How many nodes.
    pub nodes: usize,
    /// How many guests over all nodes, templates included.
    pub guests: usize,
    /// From this everything else follows.
    pub seed: u64,
    /// The release it behaves like.
    pub version: PveVersion,
    /// Where the first node listens. Node *i* listens on the same port, *i* addresses further in 127.0.0.0/8.
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Only one listener, at `listen`, which answers for every node.
    pub single_address: bool,
    /// Whether there is Ceph: a pool of disks for guests, and a file system.
    pub ceph: bool,
    /// Whether there is a share on CIFS, which only the first two nodes may use.
    pub cifs: bool,
    /// Whether the nodes have a ZFS pool, with guests on it that are replicated.
    pub zfs: bool,
    /// What the account may do.
    pub rights: Rights,
    /// Whether there is a backup server storage.
    pub pbs: bool,
    /// How much of the real daemons' waiting is done: 1 holds a 401 back for 3 s, 0 not at all.
    pub delay_factor: f64,
    /// Calls a node works on at once; the real daemon has three workers.
    pub workers: usize,
    /// What the guests are like.
    pub mix: GuestMix,
    /// So many guests are started, stopped or moved in each minute of the simulation.
    pub churn_per_minute: u32,
}

/// What the guests of a cluster are like; shares are 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuestMix {
    /// How many are containers.
    pub container_share: f64,
    /// How many virtual machines have a guest agent in their configuration; one in ten of those does not answer.
    pub agent_share: f64,
    /// How many the cluster keeps running.
    pub ha_share: f64,
    /// How many have snapshots.
    pub snapshot_share: f64,
    /// How many on ZFS are replicated.
    pub replicated_share: f64,
    /// Backups that a storage keeps of each guest.
    pub backups_per_guest: u64,
    /// How many are only templates; a fortieth, ten at most, where absent.
    pub templates: Option<usize>,
}

impl Default for GuestMix {
    fn default() -> Self {
        Self {
            container_share: 0.4,
            agent_share: 0.75,
            ha_share: 0.15,
            snapshot_share: 0.2,
            replicated_share: 0.5,
            backups_per_guest: 3,
            templates: None,
        }
    }
}

impl GuestMix {
    fn is_possible(&self) -> bool {
        let shares = [
            self.container_share,
            self.agent_share,
            self.ha_share,
            self.snapshot_share,
            self.replicated_share,
        ];
        shares.iter().all(|share| (0.0..=1.0).contains(share)) && self.backups_per_guest <= MOST_BACKUPS
    }
}

/// What the account of a cluster may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rights {
    /// Read everything there is to read, pending updates, backups and files of guests included.
    #[default]
    Full,
    /// What the role of an auditor gives, with the guest agent's answers, but no files, backups or updates.
    Auditor,
    /// The same without the guest agent.
    NoAgent,
}

impl Default for EstateOptions {
    fn default() -> Self {
        Self {
            name: "sim".into(),
            node_prefix: "pve".into(),
            nodes: 3,
            guests: 40,
            seed: 1,
            version: PveVersion::default(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            single_address: false,
            ceph: false,
            cifs: false,
            zfs: false,
            rights: Rights::default(),
            pbs: true,
            delay_factor: 0.0,
            workers: 3,
            mix: GuestMix::default(),
            churn_per_minute: 0,
        }
    }
}

impl EstateOptions {
    /// Says what is wrong with these options, if anything.
    pub fn check(&self) -> Result<(), SimError> {
        check_loopback(self.listen)?;
        let problem = if self.nodes == 0 || self.nodes > MOST_NODES {
            format!("an estate has 1 to {MOST_NODES} nodes, not {}", self.nodes)
        } else if self.guests > MOST_GUESTS {
            format!("an estate has at most {MOST_GUESTS} guests, not {}", self.guests)
        } else if !self.mix.is_possible() {
            format!("shares are 0 to 1, and at most {MOST_BACKUPS} backups of a guest are kept")
        } else if self.churn_per_minute > MOST_CHURN {
            format!("at most {MOST_CHURN} guests change in a minute, not {}", self.churn_per_minute)
        } else if self.workers == 0 {
            "a node needs at least one worker".to_owned()
        } else if !(self.delay_factor.is_finite() && (0.0..=100.0).contains(&self.delay_factor)) {
            format!("the delay factor is 0 to 100, not {}", self.delay_factor)
        } else if !is_host_label(&self.node_prefix) {
            format!("`{}` cannot begin a host name", self.node_prefix)
        } else if self.nodes > 1 && !self.single_address && self.listen.is_ipv6() {
            "several addresses need IPv4 (127.0.0.1, 127.0.0.2, …); give an IPv4 address or one address only"
                .to_owned()
        } else {
            return Ok(());
        };
        Err(SimError::Options(problem))
    }
}

/// Refuses addresses that other machines could reach.
pub(crate) fn check_loopback(address: SocketAddr) -> Result<(), SimError> {
    if address.ip().is_loopback() { Ok(()) } else { Err(SimError::NotLoopback(address.ip())) }
}

fn is_host_label(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 40
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_sane_sizes_are_taken() {
        let good = EstateOptions::default();
        assert!(good.check().is_ok());
        let listen = "0.0.0.0:8006".parse().unwrap();
        assert!(matches!(EstateOptions { listen, ..good.clone() }.check(), Err(SimError::NotLoopback(_))));
        assert!(EstateOptions { nodes: 0, ..good.clone() }.check().is_err());
        assert!(EstateOptions { guests: 1_000_000, ..good.clone() }.check().is_err());
        assert!(EstateOptions { delay_factor: f64::NAN, ..good.clone() }.check().is_err());
        assert!(EstateOptions { node_prefix: "a b".into(), ..good }.check().is_err());
    }
}
