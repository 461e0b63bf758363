//! What holds for one resource in the end, and why.

use pulse_core::model::{AlertLevel, Guest};

use super::{ResourceClass, Rules, filter, level};
use crate::{
    config::{BackupRules, SnapshotRules, ThresholdBlock},
    kind::Metric,
};

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The defaults of the kind of resource.
    Default,
    /// A custom rule, by its place in the configuration.
    CustomRule(usize),
    /// The override of the resource.
    Override,
    /// A tag of the guest (`pulse-relaxed`).
    Tag,
}

/// A threshold that is on, with everything that the engine needs of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// From this value on.
    pub trigger: f64,
    /// Down to this value it is fine again; at most `trigger`.
    pub clear: f64,
    /// From this value on it is critical.
    pub critical: f64,
    /// Seconds that the value must stay.
    pub delay_seconds: i64,
    /// Where it came from.
    pub origin: Origin,
}

/// Why a resource raises nothing at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Skip {
    /// Alerts are switched off.
    AlertsOff,
    /// Its kind is switched off.
    KindOff,
    /// Its name begins with an ignored prefix.
    IgnoredPrefix,
    /// Its tag `pulse-no-alerts`.
    NoAlertsTag,
    /// One of its tags is on the list of those left out.
    TagBlacklist,
    /// None of its tags is on the list of those wanted.
    TagWhitelist,
    /// Its override switches it off.
    Override,
}

/// What holds for one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    pub(crate) rules: [Option<Rule>; Metric::ALL.len()],
    /// How bad it is when it does not run; `None` for no alert.
    pub powered_off: Option<AlertLevel>,
    /// Nobody is told.
    pub is_monitor_only: bool,
    /// What holds for its snapshots, where that is particular.
    pub snapshot: Option<SnapshotRules>,
    /// What holds for its backups, where that is particular.
    pub backup: Option<BackupRules>,
}

/// One metric of one resource as the API shows it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EffectiveMetric {
    /// The metric.
    pub metric: Metric,
    /// What holds; `None` where it is off.
    pub rule: Option<Rule>,
    /// Where that came from.
    pub origin: Origin,
}

impl Effective {
    /// Nothing raises anything.
    pub(crate) const NOTHING: Self = Self {
        rules: [None; Metric::ALL.len()],
        powered_off: None,
        is_monitor_only: false,
        snapshot: None,
        backup: None,
    };

    /// The rule of a metric; `None` where it is off.
    pub fn get(&self, metric: Metric) -> Option<&Rule> {
        self.rules[metric as usize].as_ref()
    }
}

/// Tags that change what holds for a guest.
const NO_ALERTS: &str = "pulse-no-alerts";
const MONITOR_ONLY: &str = "pulse-monitor-only";
const RELAXED: &str = "pulse-relaxed";

/// What a relaxed guest is allowed at least.
const RELAXED_TRIGGERS: [(Metric, f64); 3] =
    [(Metric::Cpu, 95.0), (Metric::Memory, 92.0), (Metric::Disk, 95.0)];

impl Rules {
    /// What holds for a guest, or why it raises nothing.
    pub fn guest(&self, guest: &Guest) -> Result<std::borrow::Cow<'_, Effective>, Skip> {
        use std::borrow::Cow;

        let config = &*self.config;
        if !config.enabled {
            return Err(Skip::AlertsOff);
        }
        if config.disable_all_guests {
            return Err(Skip::KindOff);
        }
        let has_prefix = |prefix: &String| !prefix.is_empty() && guest.name.starts_with(prefix.as_str());
        if config.ignored_guest_prefixes.iter().any(has_prefix) {
            return Err(Skip::IgnoredPrefix);
        }
        let has_tag = |wanted: &str| guest.tags.iter().any(|tag| tag.trim().eq_ignore_ascii_case(wanted));
        if has_tag(NO_ALERTS) {
            return Err(Skip::NoAlertsTag);
        }
        if config.guest_tag_blacklist.iter().any(|tag| has_tag(tag.trim())) {
            return Err(Skip::TagBlacklist);
        }
        let whitelist = &config.guest_tag_whitelist;
        if !whitelist.is_empty() && !whitelist.iter().any(|tag| has_tag(tag.trim())) {
            return Err(Skip::TagWhitelist);
        }

        let mut effective = Cow::Borrowed(self.defaults_of(ResourceClass::Guest));
        if let Some((index, rule)) = self.custom_rule_of(guest) {
            self.lay_over(
                ResourceClass::Guest,
                effective.to_mut(),
                &rule.thresholds,
                Origin::CustomRule(index),
            );
            if rule.thresholds.is_disabled() {
                return Err(Skip::Override);
            }
        }
        if let Some(over) = self.override_of_guest(guest) {
            if over.is_disabled() {
                return Err(Skip::Override);
            }
            let effective = effective.to_mut();
            self.lay_over(ResourceClass::Guest, effective, over, Origin::Override);
            // The contract: for being switched off an override replaces the defaults as a whole.
            effective.powered_off =
                (!over.is_connectivity_disabled()).then(|| level(over.powered_off_severity.as_deref()));
        }
        if config.disable_all_guests_offline && effective.powered_off.is_some() {
            effective.to_mut().powered_off = None;
        }
        if has_tag(MONITOR_ONLY) {
            effective.to_mut().is_monitor_only = true;
        }
        if has_tag(RELAXED) {
            self.relax(effective.to_mut());
        }
        Ok(effective)
    }

    /// The rule that holds for a guest: the highest priority, the first of equals.
    fn custom_rule_of(&self, guest: &Guest) -> Option<(usize, &crate::config::CustomRule)> {
        let mut best: Option<(usize, &crate::config::CustomRule)> = None;
        for (index, rule) in self.config.custom_rules.iter().enumerate().filter(|(_, rule)| rule.enabled) {
            if best.is_none_or(|(_, best)| rule.priority > best.priority)
                && filter::matches(&rule.filter_conditions, guest)
            {
                best = Some((index, rule));
            }
        }
        best
    }

    /// Lays a block over what holds so far: what it names wins, what it does not name stays.
    pub(crate) fn lay_over(
        &self,
        class: ResourceClass,
        effective: &mut Effective,
        block: &ThresholdBlock,
        origin: Origin,
    ) {
        for metric in Metric::ALL {
            if let Some(threshold) = block.get(metric) {
                effective.rules[metric as usize] = self.rule(class, metric, threshold, origin);
            }
        }
        if block.is_connectivity_disabled() {
            effective.powered_off = None;
        } else if let (Some(severity), Some(_)) = (&block.powered_off_severity, effective.powered_off) {
            effective.powered_off = Some(level(Some(severity)));
        }
        if let Some(snapshot) = block.snapshot {
            effective.snapshot = Some(snapshot);
        }
        if let Some(backup) = &block.backup {
            effective.backup = Some(backup.clone());
        }
    }

    fn relax(&self, effective: &mut Effective) {
        for (metric, least) in RELAXED_TRIGGERS {
            let slot = &mut effective.rules[metric as usize];
            if slot.is_none_or(|rule| rule.trigger < least) {
                let threshold = crate::config::Threshold::new(least, least - 5.0);
                *slot = self.rule(ResourceClass::Guest, metric, &threshold, Origin::Tag);
            }
        }
    }

    /// What holds for a resource that only defaults and its override decide; `None` where it raises nothing.
    pub(crate) fn resource(&self, class: ResourceClass, id: &str) -> Option<std::borrow::Cow<'_, Effective>> {
        use std::borrow::Cow;

        let defaults = self.defaults_of(class);
        let Some(over) = self.override_of(id) else { return Some(Cow::Borrowed(defaults)) };
        if over.is_disabled() {
            return None;
        }
        let mut effective = defaults.clone();
        self.lay_over(class, &mut effective, over, Origin::Override);
        if class == ResourceClass::DockerContainer {
            // An override without `disableConnectivity` switches it on again for one container.
            let severity = over.powered_off_severity.as_deref();
            let default = &self.config.docker_defaults.state_powered_off_severity;
            effective.powered_off =
                (!over.is_connectivity_disabled()).then(|| level(severity.or(Some(default))));
        }
        Some(Cow::Owned(effective))
    }

    /// Every metric of a resource with where its value came from; metrics that its kind does not have are left out.
    pub fn explain(&self, class: ResourceClass, id: &str, effective: &Effective) -> Vec<EffectiveMetric> {
        let metrics: &[Metric] = match class {
            ResourceClass::Guest => &Metric::ALL[..7],
            ResourceClass::Node => &[Metric::Cpu, Metric::Memory, Metric::Disk, Metric::Temperature],
            ResourceClass::Host => &[Metric::Cpu, Metric::Memory, Metric::Disk, Metric::DiskTemperature],
            ResourceClass::HostDisk => &[Metric::Disk],
            ResourceClass::DockerContainer => &[Metric::Cpu, Metric::Memory, Metric::Disk],
            ResourceClass::Storage => &[Metric::Usage],
            ResourceClass::Pbs => &[Metric::Cpu, Metric::Memory],
        };
        let over = self.override_of(id);
        let entry = |metric: &Metric| {
            let rule = effective.get(*metric).copied();
            let off = || match over.and_then(|over| over.get(*metric)) {
                Some(_) => Origin::Override,
                None => Origin::Default,
            };
            EffectiveMetric { metric: *metric, rule, origin: rule.map_or_else(off, |rule| rule.origin) }
        };
        metrics.iter().map(entry).collect()
    }
}
