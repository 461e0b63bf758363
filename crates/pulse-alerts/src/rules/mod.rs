//! A configuration compiled for the engine: what holds for each kind of resource, and for one resource with its
//! overrides, rules and tags, each value with where it came from.

mod effective;
mod filter;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp};
use pulse_core::model::{Alert, AlertLevel, Guest};

pub use effective::{Effective, EffectiveMetric, Origin, Rule, Skip};

use crate::{
    config::{AlertConfig, Threshold, ThresholdBlock},
    kind::{Kind, Metric},
    quiet::{Maintenance, Quiet},
};

/// Kinds of resources that have defaults of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResourceClass {
    /// VM or container of Proxmox VE.
    Guest,
    /// Node of Proxmox VE.
    Node,
    /// Host with an agent.
    Host,
    /// A disk of a host with an agent.
    HostDisk,
    /// Container of Docker or Podman.
    DockerContainer,
    /// Storage or datastore.
    Storage,
    /// Backup server.
    Pbs,
}

impl ResourceClass {
    const ALL: [Self; 7] = [
        Self::Guest,
        Self::Node,
        Self::Host,
        Self::HostDisk,
        Self::DockerContainer,
        Self::Storage,
        Self::Pbs,
    ];

    /// Keys of the delay tables, the most particular first.
    fn delay_keys(self) -> &'static [&'static str] {
        match self {
            Self::Guest => &["guest"],
            Self::Node => &["node"],
            Self::Host => &["host"],
            Self::HostDisk => &["host disk"],
            Self::DockerContainer => &["docker", "guest"],
            Self::Storage => &["storage"],
            Self::Pbs => &["pbs", "node"],
        }
    }
}

/// A compiled configuration. Making one costs little but is done once per change, never per request or cycle.
#[derive(Debug, Clone)]
pub struct Rules {
    /// What it was made from, normalised.
    pub config: Arc<AlertConfig>,
    /// Tells one compiled configuration from another.
    pub(crate) id: u64,
    pub(crate) quiet: Quiet,
    pub(crate) maintenance: Vec<Maintenance>,
    /// Overrides of guests by instance and VMID, so that they follow a guest that migrates.
    moved_guests: HashMap<(String, u32), String>,
    defaults: HashMap<ResourceClass, Effective>,
    delays: HashMap<ResourceClass, [i64; Metric::ALL.len()]>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Rules {
    /// Normalises and compiles a configuration.
    pub fn new(config: AlertConfig) -> Self {
        let config = Arc::new(config.normalised());
        let delays: HashMap<_, _> =
            ResourceClass::ALL.into_iter().map(|class| (class, delays(&config, class))).collect();
        let moved_guests =
            config.overrides.keys().filter_map(|key| Some((guest_key(key)?, key.clone()))).collect();
        let mut rules = Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            quiet: Quiet::new(&config.schedule.quiet_hours),
            maintenance: config.maintenance_windows.iter().filter_map(Maintenance::new).collect(),
            moved_guests,
            defaults: HashMap::new(),
            delays,
            config,
        };
        rules.defaults =
            ResourceClass::ALL.into_iter().map(|class| (class, rules.default_of(class))).collect();
        rules
    }

    /// The override of a resource, where it has one.
    pub(crate) fn override_of(&self, id: &str) -> Option<&ThresholdBlock> {
        self.config.overrides.get(id)
    }

    /// The override of a guest: under its id, under the id it had on another node, or under the old form of an id.
    pub(crate) fn override_of_guest(&self, guest: &Guest) -> Option<&ThresholdBlock> {
        if self.config.overrides.is_empty() {
            return None;
        }
        self.override_of(guest.id.as_str()).or_else(|| {
            let key = (guest.instance.as_str().to_owned(), guest.vmid);
            let old = || format!("{}-{}-{}", guest.instance, guest.node, guest.vmid);
            self.moved_guests
                .get(&key)
                .and_then(|key| self.override_of(key))
                .or_else(|| self.override_of(&old()))
        })
    }

    /// What holds for a kind of resource without anything particular.
    pub(crate) fn defaults_of(&self, class: ResourceClass) -> &Effective {
        // Every class is in the map from the start; the fallback is never seen.
        static NOTHING: Effective = Effective::NOTHING;
        self.defaults.get(&class).unwrap_or(&NOTHING)
    }

    fn default_of(&self, class: ResourceClass) -> Effective {
        let config = &self.config;
        let mut out = Effective::NOTHING;
        let mut put = |metric: Metric, threshold: Option<Threshold>| {
            out.rules[metric as usize] =
                threshold.and_then(|t| self.rule(class, metric, &t, Origin::Default));
        };
        let block = match class {
            ResourceClass::Guest => Some(&config.guest_defaults),
            ResourceClass::Node => Some(&config.node_defaults),
            ResourceClass::Host | ResourceClass::HostDisk => Some(&config.host_defaults),
            ResourceClass::Pbs => Some(&config.pbs_defaults),
            ResourceClass::DockerContainer | ResourceClass::Storage => None,
        };
        for metric in Metric::ALL {
            put(metric, block.and_then(|block| block.get(metric).copied()));
        }
        match class {
            ResourceClass::DockerContainer => {
                put(Metric::Cpu, Some(config.docker_defaults.cpu));
                put(Metric::Memory, Some(config.docker_defaults.memory));
                put(Metric::Disk, Some(config.docker_defaults.disk));
            }
            ResourceClass::Storage => put(Metric::Usage, Some(config.storage_default)),
            ResourceClass::Guest
            | ResourceClass::Node
            | ResourceClass::Host
            | ResourceClass::HostDisk
            | ResourceClass::Pbs => {}
        }
        out.powered_off = match class {
            ResourceClass::Guest if !config.guest_defaults.is_connectivity_disabled() => {
                Some(level(config.guest_defaults.powered_off_severity.as_deref()))
            }
            ResourceClass::DockerContainer if !config.docker_defaults.state_disable_connectivity => {
                Some(level(Some(&config.docker_defaults.state_powered_off_severity)))
            }
            _ => None,
        };
        out
    }

    /// A threshold with its delay; `None` where it is off.
    pub(crate) fn rule(
        &self,
        class: ResourceClass,
        metric: Metric,
        threshold: &Threshold,
        origin: Origin,
    ) -> Option<Rule> {
        threshold.is_on().then(|| Rule {
            trigger: threshold.trigger,
            clear: if threshold.clear > 0.0 {
                threshold.clear.min(threshold.trigger)
            } else {
                threshold.trigger
            },
            critical: threshold.critical.unwrap_or(threshold.trigger + 10.0),
            delay_seconds: threshold
                .delay_seconds
                .unwrap_or_else(|| self.delays.get(&class).map_or(0, |delays| delays[metric as usize])),
            origin,
        })
    }

    /// Which maintenance window holds an alert back now.
    pub(crate) fn maintenance_of(&self, alert: &Alert, now: Timestamp) -> Option<&Maintenance> {
        self.maintenance.iter().find(|window| window.is_on(now) && window.covers(alert))
    }

    /// Whether quiet hours hold an alert back now.
    pub(crate) fn is_quiet_for(&self, kind: Kind, level: AlertLevel, is_quiet: bool) -> bool {
        is_quiet && self.quiet.holds_back(kind, level)
    }

    pub(crate) fn cooldown(&self) -> SignedDuration {
        SignedDuration::from_mins(self.config.schedule.cooldown)
    }
}

/// The word of a severity.
pub(crate) fn level(word: Option<&str>) -> AlertLevel {
    match word {
        Some("critical") => AlertLevel::Critical,
        Some(_) | None => AlertLevel::Warning,
    }
}

/// Instance and VMID of a guest's id in its form `instance:node:vmid`.
fn guest_key(id: &str) -> Option<(String, u32)> {
    let mut parts = id.rsplitn(3, ':');
    let vmid = parts.next()?.parse().ok()?;
    let _node = parts.next()?;
    Some((parts.next()?.to_owned(), vmid))
}

/// Delays of a class by metric (contract B-06, "Delay lookup").
fn delays(config: &AlertConfig, class: ResourceClass) -> [i64; Metric::ALL.len()] {
    let general = ["default", "_default", "*"];
    let in_table = |key: &str, metric: &str| {
        let table = config.metric_time_thresholds.get(key)?;
        table.get(metric).or_else(|| general.iter().find_map(|word| table.get(*word))).copied()
    };
    Metric::ALL.map(|metric| {
        let name = metric.name().to_lowercase();
        let keys = class.delay_keys();
        keys.iter()
            .find_map(|key| in_table(key, &name))
            .or_else(|| keys.iter().find_map(|key| config.time_thresholds.get(*key).copied()))
            .or_else(|| in_table("all", &name))
            .or_else(|| config.time_thresholds.get("all").copied())
            .unwrap_or(config.time_threshold)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(json: &str) -> Rules {
        Rules::new(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn the_most_particular_delay_wins() {
        let rules = rules(
            r#"{"timeThreshold":7,"timeThresholds":{"guest":8,"all":9},
                "metricTimeThresholds":{"guest":{"cpu":60,"*":30},"all":{"memory":50}}}"#,
        );
        let delay = |class, metric: Metric| rules.delays[&class][metric as usize];
        assert_eq!(delay(ResourceClass::Guest, Metric::Cpu), 60);
        assert_eq!(delay(ResourceClass::Guest, Metric::Memory), 30);
        assert_eq!(delay(ResourceClass::DockerContainer, Metric::Cpu), 60);
        assert_eq!(delay(ResourceClass::Host, Metric::Memory), 50);
        assert_eq!(delay(ResourceClass::Host, Metric::Cpu), 9);
        assert_eq!(delay(ResourceClass::Pbs, Metric::Cpu), 5);
    }

    #[test]
    fn an_off_threshold_is_no_rule() {
        let rules = rules(
            r#"{"guestDefaults":{"cpu":{"trigger":0},"memory":{"trigger":90,"clear":80,"off":true},"disk":{"trigger":90,"clear":80}}}"#,
        );
        let guest = rules.defaults_of(ResourceClass::Guest);
        assert!(guest.get(Metric::Cpu).is_none() && guest.get(Metric::Memory).is_none());
        assert_eq!(
            guest.get(Metric::Disk).map(|rule| (rule.trigger, rule.clear, rule.critical)),
            Some((90.0, 80.0, 100.0))
        );
    }
}
