//! A whole simulation in one file: clusters, backup servers, mail gateways, what goes wrong with them, and the clock they
//! live by.
//!
//! ```json
//! {
//!   "start": "2026-02-03T08:00:00Z", "speed": 60,
//!   "clusters": [{
//!     "estate": { "name": "lab", "nodes": 5, "guests": 400, "version": "9.1", "listen": "127.0.1.1:8006",
//!                 "mix": { "agent_share": 0.9, "backups_per_guest": 7 }, "churn_per_minute": 2 },
//!     "control": "127.0.0.1:18100", "preset": "flapping-node",
//!     "faults": [{ "probability": 0.01, "effect": { "kind": "status", "code": 500, "text": "got timeout" } }]
//!   }],
//!   "backup_servers": [{ "server": { "name": "vault" }, "of_clusters": ["lab"] }],
//!   "mail_gateways": [{ "gateway": { "name": "mx" } }]
//! }
//! ```

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Access, BackupServer, BackupServerOptions, Cluster, EstateOptions, Fault, MailGateway,
    MailGatewayOptions, NamespaceOptions, Preset, SimClock, SimError,
};

/// No simulation has more of anything.
const MOST_MACHINES: usize = 64;

/// A whole simulation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// When it begins; now where absent.
    pub start: Option<Timestamp>,
    /// Seconds of the simulation for each second of the machine; 0 for a clock that stands until it is steered.
    pub speed: f64,
    /// Clusters.
    pub clusters: Vec<ClusterScenario>,
    /// Backup servers.
    pub backup_servers: Vec<BackupServerScenario>,
    /// Mail gateways.
    pub mail_gateways: Vec<MailGatewayScenario>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            start: None,
            speed: 1.0,
            clusters: Vec::new(),
            backup_servers: Vec::new(),
            mail_gateways: Vec::new(),
        }
    }
}

/// A cluster and its troubles.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterScenario {
    /// What it looks like.
    pub estate: EstateOptions,
    /// What goes wrong from the beginning.
    pub faults: Vec<Fault>,
    /// The bad day that is performed.
    pub preset: Option<Preset>,
    /// Where its control API listens.
    pub control: Option<SocketAddr>,
}

/// A backup server and its troubles.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackupServerScenario {
    /// What it looks like.
    pub server: BackupServerOptions,
    /// Clusters of this scenario that back up to it: the first one into the root, the others into namespaces of their own.
    pub of_clusters: Vec<String>,
    /// What goes wrong from the beginning.
    pub faults: Vec<Fault>,
    /// Where its control API listens.
    pub control: Option<SocketAddr>,
}

/// A mail gateway and its troubles.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailGatewayScenario {
    /// What it looks like.
    pub gateway: MailGatewayOptions,
    /// What goes wrong from the beginning.
    pub faults: Vec<Fault>,
    /// Where its control API listens.
    pub control: Option<SocketAddr>,
}

/// A simulation that runs. It ends when this is dropped.
#[derive(Debug)]
pub struct Running {
    /// Its clock.
    pub clock: Arc<SimClock>,
    /// Its clusters.
    pub clusters: Vec<Cluster>,
    /// Its backup servers.
    pub backup_servers: Vec<BackupServer>,
    /// Its mail gateways.
    pub mail_gateways: Vec<MailGateway>,
}

impl Scenario {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, SimError> {
        let scenario: Self =
            serde_json::from_str(text).map_err(|error| wrong(format!("the scenario: {error}")))?;
        scenario.check()?;
        Ok(scenario)
    }

    fn check(&self) -> Result<(), SimError> {
        let count = self.clusters.len() + self.backup_servers.len() + self.mail_gateways.len();
        if count == 0 || count > MOST_MACHINES {
            return Err(wrong(format!(
                "a scenario has 1 to {MOST_MACHINES} clusters and machines, not {count}"
            )));
        }
        let mut names = BTreeSet::new();
        for cluster in &self.clusters {
            let name = cluster.estate.name.as_str();
            if !names.insert(name) {
                return Err(wrong(format!("two clusters are called `{name}`")));
            }
        }
        let unknown = self.backup_servers.iter().flat_map(|server| &server.of_clusters);
        if let Some(name) = unknown.into_iter().find(|name| !names.contains(name.as_str())) {
            return Err(wrong(format!("there is no cluster `{name}` that could be backed up")));
        }
        let of_clusters = self.clusters.iter().flat_map(|cluster| &cluster.faults);
        let of_servers = self.backup_servers.iter().flat_map(|server| &server.faults);
        let of_gateways = self.mail_gateways.iter().flat_map(|gateway| &gateway.faults);
        for fault in of_clusters.chain(of_servers).chain(of_gateways) {
            fault.check().map_err(wrong)?;
        }
        Ok(())
    }

    /// Starts everything.
    pub async fn start(self) -> Result<Running, SimError> {
        self.check()?;
        let clock = Arc::new(SimClock::new(self.start, self.speed)?);
        let mut running = Running {
            clock: Arc::clone(&clock),
            clusters: Vec::new(),
            backup_servers: Vec::new(),
            mail_gateways: Vec::new(),
        };
        for scenario in self.clusters {
            let cluster = Cluster::start_with(scenario.estate, clock.clone()).await?;
            for fault in scenario.faults {
                cluster.add_fault(fault);
            }
            if let Some(preset) = scenario.preset {
                cluster.perform(preset);
            }
            if let Some(control) = scenario.control {
                cluster.open_control_with_clock(control, clock.clone()).await?;
            }
            cluster.settled().await;
            running.clusters.push(cluster);
        }
        for scenario in self.backup_servers {
            let mut options = scenario.server;
            let namespaces = running.namespaces(&scenario.of_clusters);
            if !namespaces.is_empty() {
                options.namespaces = namespaces;
            }
            let server = BackupServer::start_with(options, clock.clone()).await?;
            for fault in scenario.faults {
                server.machine().add_fault(fault);
            }
            if let Some(control) = scenario.control {
                server.machine().open_control(control).await?;
            }
            running.backup_servers.push(server);
        }
        for scenario in self.mail_gateways {
            let gateway = MailGateway::start_with(scenario.gateway, clock.clone()).await?;
            for fault in scenario.faults {
                gateway.machine().add_fault(fault);
            }
            if let Some(control) = scenario.control {
                gateway.machine().open_control(control).await?;
            }
            running.mail_gateways.push(gateway);
        }
        Ok(running)
    }
}

impl Running {
    /// What somebody needs to connect to each cluster and machine.
    pub fn access(&self) -> Vec<Access> {
        let clusters = self.clusters.iter().map(Cluster::access);
        let servers = self.backup_servers.iter().map(|server| server.machine().access());
        let gateways = self.mail_gateways.iter().map(|gateway| gateway.machine().access());
        clusters.chain(servers).chain(gateways).collect()
    }

    /// Ends it and waits until all connections are closed.
    pub async fn stop(self) {
        for gateway in self.mail_gateways {
            gateway.stop().await;
        }
        for server in self.backup_servers {
            server.stop().await;
        }
        for cluster in self.clusters {
            cluster.stop().await;
        }
    }

    fn namespaces(&self, clusters: &[String]) -> Vec<NamespaceOptions> {
        let named = clusters
            .iter()
            .filter_map(|name| self.clusters.iter().find(|cluster| cluster.options().name == *name));
        named
            .enumerate()
            .map(|(index, cluster)| NamespaceOptions {
                path: if index == 0 { String::new() } else { cluster.options().name.clone() },
                owner: format!("pve@pbs!{}", cluster.options().name),
                guests: cluster.backed_up_guests(),
                extra_groups: 0,
            })
            .collect()
    }
}

fn wrong(problem: String) -> SimError {
    SimError::Options(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_scenario_is_said() {
        let problem = |text: &str| Scenario::parse(text).unwrap_err().to_string();
        assert!(problem("{}").contains("1 to 64"), "{}", problem("{}"));
        assert!(problem(r#"{"clusters":[{"estate":{"nodess":3}}]}"#).contains("nodess"));
        assert!(problem(r#"{"clusters":[{},{}]}"#).contains("two clusters are called `sim`"));
        assert!(problem(r#"{"backup_servers":[{"of_clusters":["lab"]}]}"#).contains("no cluster `lab`"));
        let share = r#"{"clusters":[{"faults":[{"probability":2,"effect":{"kind":"hang"}}]}]}"#;
        assert!(problem(share).contains("a probability is 0 to 1"));
    }
}
