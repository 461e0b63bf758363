//! What mock mode invents: how many of each, with the rules and texts of Pulse v5.

use serde_json::{Map, Value};

use crate::{BadSetting, Vars};

/// The largest invented installation.
const MOST_NODES: u32 = 100;
/// The most guests of one kind on a node.
const MOST_GUESTS: u32 = 100;
/// The most Docker hosts, hosts and containers on a host.
const MOST_MACHINES: u32 = 100;
/// The most Kubernetes clusters.
const MOST_CLUSTERS: u32 = 10;
/// The most pods and deployments of a cluster.
const MOST_PODS: u32 = 1_000;
/// The most nodes that are named.
const MOST_NAMES: usize = 100;

/// How much is invented.
#[derive(Debug, Clone, PartialEq)]
pub struct MockConfig {
    /// Nodes of the cluster.
    pub nodes: u32,
    /// Virtual machines per node, on average.
    pub vms_per_node: u32,
    /// Containers per node, on average.
    pub lxcs_per_node: u32,
    /// Docker hosts.
    pub docker_hosts: u32,
    /// Containers per Docker host.
    pub docker_containers: u32,
    /// Hosts with an agent.
    pub hosts: u32,
    /// Kubernetes clusters.
    pub k8s_clusters: u32,
    /// Nodes per cluster.
    pub k8s_nodes: u32,
    /// Pods per cluster.
    pub k8s_pods: u32,
    /// Deployments per cluster.
    pub k8s_deployments: u32,
    /// Kept and shown again; the simulator's figures always move.
    pub has_random_metrics: bool,
    /// Kept and shown again; the simulator decides which nodes are busy.
    pub high_load_nodes: Option<Vec<String>>,
    /// Kept and shown again, 0 to 1; the simulator decides which guests are stopped.
    pub stopped_share: f64,
}

impl Default for MockConfig {
    fn default() -> Self {
        Self {
            nodes: 7,
            vms_per_node: 5,
            lxcs_per_node: 8,
            docker_hosts: 3,
            docker_containers: 12,
            hosts: 4,
            k8s_clusters: 2,
            k8s_nodes: 4,
            k8s_pods: 30,
            k8s_deployments: 12,
            has_random_metrics: true,
            high_load_nodes: None,
            stopped_share: 0.2,
        }
    }
}

/// Why a change is refused; the texts are those of Pulse v5 where it has one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MockError(String);

impl MockConfig {
    /// The variables `PULSE_MOCK_*` over the defaults.
    pub fn load(vars: &impl Vars) -> Result<Self, BadSetting> {
        let mut config = Self::default();
        let number = |key: &'static str, most: u32, field: &mut u32| -> Result<(), BadSetting> {
            let Some(text) = vars.get(key).filter(|text| !text.trim().is_empty()) else { return Ok(()) };
            *field = text.trim().parse().ok().filter(|value| *value <= most).ok_or_else(|| BadSetting {
                key,
                value: text,
                problem: format!("must be a whole number, at most {most}"),
            })?;
            Ok(())
        };
        number("PULSE_MOCK_NODES", MOST_NODES, &mut config.nodes)?;
        number("PULSE_MOCK_VMS_PER_NODE", MOST_GUESTS, &mut config.vms_per_node)?;
        number("PULSE_MOCK_LXCS_PER_NODE", MOST_GUESTS, &mut config.lxcs_per_node)?;
        number("PULSE_MOCK_DOCKER_HOSTS", MOST_MACHINES, &mut config.docker_hosts)?;
        number("PULSE_MOCK_DOCKER_CONTAINERS", MOST_MACHINES, &mut config.docker_containers)?;
        number("PULSE_MOCK_GENERIC_HOSTS", MOST_MACHINES, &mut config.hosts)?;
        number("PULSE_MOCK_K8S_CLUSTERS", MOST_CLUSTERS, &mut config.k8s_clusters)?;
        number("PULSE_MOCK_K8S_NODES", MOST_NODES, &mut config.k8s_nodes)?;
        number("PULSE_MOCK_K8S_PODS", MOST_PODS, &mut config.k8s_pods)?;
        number("PULSE_MOCK_K8S_DEPLOYMENTS", MOST_PODS, &mut config.k8s_deployments)?;
        let mut percent = 20;
        number("PULSE_MOCK_STOPPED_PERCENT", 100, &mut percent)?;
        config.stopped_share = f64::from(percent) / 100.0;
        config.nodes = config.nodes.max(1);
        Ok(config)
    }

    /// Changes the keys that are there; the others stay. Nothing is changed where one makes no sense.
    pub fn apply(&mut self, patch: &Map<String, Value>) -> Result<(), MockError> {
        let refused = |text: &str| MockError(text.to_owned());
        let invalid = || refused("Invalid request body");
        let mut next = self.clone();
        for (key, value) in patch {
            let number = || value.as_i64().ok_or_else(invalid);
            match key.as_str() {
                "nodeCount" => match number()? {
                    count if count <= 0 => return Err(refused("nodeCount must be greater than zero")),
                    count => next.nodes = bounded("nodeCount", count, MOST_NODES)?,
                },
                "vmsPerNode" => match number()? {
                    count if count < 0 => return Err(refused("vmsPerNode cannot be negative")),
                    count => next.vms_per_node = bounded("vmsPerNode", count, MOST_GUESTS)?,
                },
                "lxcsPerNode" => match number()? {
                    count if count < 0 => return Err(refused("lxcsPerNode cannot be negative")),
                    count => next.lxcs_per_node = bounded("lxcsPerNode", count, MOST_GUESTS)?,
                },
                "randomMetrics" => next.has_random_metrics = value.as_bool().ok_or_else(invalid)?,
                "highLoadNodes" if value.is_null() => next.high_load_nodes = None,
                "highLoadNodes" => next.high_load_nodes = Some(names(value).ok_or_else(invalid)?),
                "stoppedPercent" => {
                    let share = value.as_f64().ok_or_else(invalid)?;
                    if !(0.0..=1.0).contains(&share) {
                        return Err(refused("stoppedPercent must be between 0 and 1"));
                    }
                    next.stopped_share = share;
                }
                _ => {}
            }
        }
        *self = next;
        Ok(())
    }
}

fn bounded(key: &str, count: i64, most: u32) -> Result<u32, MockError> {
    u32::try_from(count)
        .ok()
        .filter(|count| *count <= most)
        .ok_or_else(|| MockError(format!("{key} cannot be greater than {most}")))
}

fn names(value: &Value) -> Option<Vec<String>> {
    let names = value.as_array().filter(|names| names.len() <= MOST_NAMES)?;
    names.iter().map(|name| name.as_str().filter(|name| name.len() <= 256).map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_and_changes_nothing() {
        for (patch, text) in [
            (json!({"nodeCount": 0}), "nodeCount must be greater than zero"),
            (json!({"nodeCount": 1_000_000}), "nodeCount cannot be greater than 100"),
            (json!({"vmsPerNode": -1}), "vmsPerNode cannot be negative"),
            (json!({"nodeCount": 3, "lxcsPerNode": -1}), "lxcsPerNode cannot be negative"),
            (json!({"stoppedPercent": 1.5}), "stoppedPercent must be between 0 and 1"),
            (json!({"nodeCount": "7"}), "Invalid request body"),
            (json!({"highLoadNodes": [1]}), "Invalid request body"),
        ] {
            let mut config = MockConfig::default();
            let error = config.apply(patch.as_object().unwrap()).unwrap_err();
            assert_eq!((error.to_string().as_str(), &config), (text, &MockConfig::default()));
        }
        let mut config = MockConfig::default();
        let patch = json!({"nodeCount": 2, "vmsPerNode": 0, "highLoadNodes": ["a"], "ofTomorrow": 1});
        config.apply(patch.as_object().unwrap()).unwrap();
        assert_eq!((config.nodes, config.vms_per_node, config.lxcs_per_node), (2, 0, 8));
    }

    #[test]
    fn variables_beat_the_defaults_and_a_bad_one_is_named() {
        let vars = |pairs: [(&str, &str); 2]| {
            pairs
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into_iter()
                .collect::<std::collections::HashMap<_, _>>()
        };
        let config =
            MockConfig::load(&vars([("PULSE_MOCK_NODES", "3"), ("PULSE_MOCK_STOPPED_PERCENT", "50")]))
                .unwrap();
        assert_eq!((config.nodes, config.stopped_share), (3, 0.5));
        let error = MockConfig::load(&vars([("PULSE_MOCK_NODES", "many"), ("X", "")])).unwrap_err();
        assert_eq!(error.key, "PULSE_MOCK_NODES");
    }
}
