//! What a simulated backup server or mail gateway looks like.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::BackedUpGuest;
use crate::{SimError, options::check_loopback};

/// The most backups one server serves.
const MOST_SNAPSHOTS: usize = 1_000_000;

/// One namespace and who backs up into it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NamespaceOptions {
    /// Its path; empty for the root.
    pub path: String,
    /// Who owns what is in it: the token of the cluster that backs up there.
    pub owner: String,
    /// The guests that are backed up there.
    pub guests: Vec<BackedUpGuest>,
    /// So many more groups of machines that exist nowhere else, for load.
    pub extra_groups: usize,
}

/// What a simulated backup server looks like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackupServerOptions {
    /// Host name.
    pub name: String,
    /// From this everything else follows.
    pub seed: u64,
    /// Version, such as `4.2`.
    pub version: String,
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Namespaces of the datastore `main`. The others have the root only.
    pub namespaces: Vec<NamespaceOptions>,
    /// Backups that are kept of each guest, one a day.
    pub snapshots_per_group: usize,
    /// Whether there is a datastore `removable` whose disk is not there.
    pub has_unmounted: bool,
    /// Whether there is a datastore `archive`, read-only for maintenance, with some old hosts in it.
    pub has_archive: bool,
    /// Whether there is a datastore `cloud` in an S3 bucket, with the backups of some hosts in it.
    pub has_s3: bool,
    /// How much of the real daemon's waiting is done.
    pub delay_factor: f64,
    /// Calls it works on at once.
    pub workers: usize,
}

impl Default for BackupServerOptions {
    fn default() -> Self {
        Self {
            name: "vault".into(),
            seed: 1,
            version: "4.2".into(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            namespaces: vec![NamespaceOptions {
                owner: "pve@pbs!sim".into(),
                extra_groups: 4,
                ..NamespaceOptions::default()
            }],
            snapshots_per_group: 10,
            has_unmounted: true,
            has_archive: true,
            has_s3: true,
            delay_factor: 0.0,
            workers: 16,
        }
    }
}

impl BackupServerOptions {
    /// Says what is wrong with these options, if anything.
    pub fn check(&self) -> Result<(), SimError> {
        check_loopback(self.listen)?;
        let groups: usize =
            self.namespaces.iter().map(|namespace| namespace.guests.len() + namespace.extra_groups).sum();
        let problem = if groups.saturating_mul(self.snapshots_per_group) > MOST_SNAPSHOTS {
            format!("a backup server has at most {MOST_SNAPSHOTS} backups")
        } else if self.workers == 0 {
            "a backup server needs at least one worker".to_owned()
        } else if !is_factor(self.delay_factor) {
            format!("the delay factor is 0 to 100, not {}", self.delay_factor)
        } else {
            return Ok(());
        };
        Err(SimError::Options(problem))
    }
}

/// What a simulated mail gateway looks like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailGatewayOptions {
    /// Host name of the first node.
    pub name: String,
    /// How many nodes its cluster has; 1 is no cluster.
    pub nodes: usize,
    /// From this everything else follows.
    pub seed: u64,
    /// Version, such as `9.1`.
    pub version: String,
    /// Mails in the busiest hour.
    pub peak_per_hour: u32,
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How much of the real daemon's waiting is done.
    pub delay_factor: f64,
    /// Calls it works on at once.
    pub workers: usize,
}

impl Default for MailGatewayOptions {
    fn default() -> Self {
        Self {
            name: "mail1".into(),
            nodes: 2,
            seed: 1,
            version: "9.1".into(),
            peak_per_hour: 1_200,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            delay_factor: 0.0,
            workers: 3,
        }
    }
}

impl MailGatewayOptions {
    /// Says what is wrong with these options, if anything.
    pub fn check(&self) -> Result<(), SimError> {
        check_loopback(self.listen)?;
        let problem = if self.nodes == 0 || self.nodes > 16 {
            format!("a mail gateway has 1 to 16 nodes, not {}", self.nodes)
        } else if self.workers == 0 {
            "a mail gateway needs at least one worker".to_owned()
        } else if !is_factor(self.delay_factor) {
            format!("the delay factor is 0 to 100, not {}", self.delay_factor)
        } else {
            return Ok(());
        };
        Err(SimError::Options(problem))
    }

    pub(super) fn node_names(&self) -> Vec<String> {
        let stem = self.name.trim_end_matches(|c: char| c.is_ascii_digit());
        (0..self.nodes)
            .map(|index| if index == 0 { self.name.clone() } else { format!("{stem}{}", index + 1) })
            .collect()
    }
}

fn is_factor(factor: f64) -> bool {
    factor.is_finite() && (0.0..=100.0).contains(&factor)
}
