//! Makes any configuration one that the engine can work with (contract B-06, "Normalisation on update").

use crate::{
    config::{AlertConfig, BackupRules, QuietHours, SnapshotRules, Threshold, ThresholdBlock},
    kind::Metric,
    quiet,
};

/// How far below its trigger a threshold clears where it does not say so sensibly.
const MARGIN: f64 = 5.0;

impl AlertConfig {
    /// The configuration as it will be used and kept: negative numbers are defaults, inverted pairs are mended.
    #[must_use]
    pub fn normalised(mut self) -> Self {
        let defaults = Self::default();
        if !(0.0..=100.0).contains(&self.hysteresis_margin) {
            self.hysteresis_margin = defaults.hysteresis_margin;
        }
        let margin = self.hysteresis_margin;
        block(&mut self.guest_defaults, &defaults.guest_defaults, margin);
        block(&mut self.node_defaults, &defaults.node_defaults, margin);
        block(&mut self.host_defaults, &defaults.host_defaults, margin);
        block(&mut self.pbs_defaults, &defaults.pbs_defaults, margin);
        for (slot, default) in [
            (&mut self.node_defaults.temperature, defaults.node_defaults.temperature),
            (&mut self.host_defaults.cpu, defaults.host_defaults.cpu),
            (&mut self.host_defaults.memory, defaults.host_defaults.memory),
            (&mut self.host_defaults.disk, defaults.host_defaults.disk),
            (&mut self.host_defaults.disk_temperature, defaults.host_defaults.disk_temperature),
        ] {
            *slot = slot.or(default);
        }
        let severity = severity(self.guest_defaults.powered_off_severity.as_deref());
        self.guest_defaults.powered_off_severity = Some(severity);
        threshold(&mut self.storage_default, Some(defaults.storage_default));
        self.overrides.retain(|key, _| !key.trim().is_empty());
        for over in self.overrides.values_mut() {
            block(over, &ThresholdBlock::default(), margin);
        }
        for rule in &mut self.custom_rules {
            block(&mut rule.thresholds, &ThresholdBlock::default(), margin);
        }
        self.docker(&defaults);
        snapshot(&mut self.snapshot_defaults);
        backup(&mut self.backup_defaults);
        self.times(&defaults);
        self.schedule.normalise();
        let no_data = &mut self.no_data_defaults;
        no_data.severity = self::severity(Some(&no_data.severity));
        no_data.minutes = if no_data.minutes <= 0 { 5 } else { no_data.minutes.min(7 * 24 * 60) };
        for (index, window) in self.maintenance_windows.iter_mut().enumerate() {
            if window.id.trim().is_empty() {
                window.id = format!("window-{}", index + 1);
            }
        }
        self
    }

    fn docker(&mut self, defaults: &Self) {
        let (docker, default) = (&mut self.docker_defaults, &defaults.docker_defaults);
        threshold(&mut docker.cpu, Some(default.cpu));
        threshold(&mut docker.memory, Some(default.memory));
        threshold(&mut docker.disk, Some(default.disk));
        for (value, default) in [
            (&mut docker.restart_count, default.restart_count),
            (&mut docker.restart_window, default.restart_window),
            (&mut docker.memory_warn_pct, default.memory_warn_pct),
            (&mut docker.memory_critical_pct, default.memory_critical_pct),
            (&mut docker.service_warn_gap_percent, default.service_warn_gap_percent),
            (&mut docker.service_critical_gap_percent, default.service_critical_gap_percent),
        ] {
            if *value <= 0 {
                *value = default;
            }
        }
        docker.service_critical_gap_percent =
            docker.service_critical_gap_percent.max(docker.service_warn_gap_percent);
        docker.memory_critical_pct = docker.memory_critical_pct.max(docker.memory_warn_pct);
        if docker.update_alert_delay_hours == 0 {
            docker.update_alert_delay_hours = default.update_alert_delay_hours;
        }
        docker.state_powered_off_severity = severity(Some(&docker.state_powered_off_severity));
    }

    fn times(&mut self, defaults: &Self) {
        if !self.minimum_delta.is_finite() || self.minimum_delta < 0.0 {
            self.minimum_delta = defaults.minimum_delta;
        }
        if self.suppression_window < 0 {
            self.suppression_window = defaults.suppression_window;
        }
        if self.time_threshold <= 0 {
            self.time_threshold = defaults.time_threshold;
        }
        for key in ["guest", "node", "storage", "pbs"] {
            let seconds = self.time_thresholds.entry(key.to_owned()).or_insert(-1);
            if *seconds < 0 {
                *seconds = defaults.time_threshold;
            }
        }
        self.time_thresholds = std::mem::take(&mut self.time_thresholds)
            .into_iter()
            .filter(|(_, seconds)| *seconds >= 0)
            .map(|(key, seconds)| (key.trim().to_lowercase(), seconds))
            .collect();
        self.metric_time_thresholds = std::mem::take(&mut self.metric_time_thresholds)
            .into_iter()
            .map(|(kind, metrics)| {
                let metrics = metrics.into_iter().filter(|(_, seconds)| *seconds >= 0);
                let metrics = metrics.map(|(metric, seconds)| (metric.trim().to_lowercase(), seconds));
                (kind.trim().to_lowercase(), metrics.collect())
            })
            .collect();
        for days in [
            &mut self.max_alert_age_days,
            &mut self.max_acknowledged_age_days,
            &mut self.auto_acknowledge_after_hours,
        ] {
            *days = (*days).clamp(0, 100_000);
        }
        if self.flapping_window_seconds <= 0 {
            self.flapping_window_seconds = defaults.flapping_window_seconds;
        }
        if self.flapping_threshold == 0 {
            self.flapping_threshold = defaults.flapping_threshold;
        }
        if self.flapping_cooldown_minutes <= 0 {
            self.flapping_cooldown_minutes = defaults.flapping_cooldown_minutes;
        }
        // Nobody remembers longer than an hour or more than so many changes.
        self.flapping_window_seconds = self.flapping_window_seconds.min(3_600);
        self.flapping_cooldown_minutes = self.flapping_cooldown_minutes.min(24 * 60);
        self.flapping_threshold = self.flapping_threshold.clamp(2, 100);
        self.flapping_openings_per_hour = self.flapping_openings_per_hour.min(100);
        self.observation_window_hours = self.observation_window_hours.clamp(0, 24 * 365);
    }
}

impl super::Schedule {
    fn normalise(&mut self) {
        if let Some(old) = self.grouping_window.take()
            && self.grouping.window <= 0
        {
            self.grouping.window = old;
        }
        self.grouping.window = self.grouping.window.clamp(0, 3_600);
        self.cooldown = self.cooldown.clamp(0, 7 * 24 * 60);
        self.reminders.minutes = self.reminders.minutes.clamp(1, 7 * 24 * 60);
        for level in &mut self.escalation.levels {
            level.after = level.after.max(0);
            if !matches!(level.notify.as_str(), "email" | "webhook" | "all") {
                level.notify = "all".into();
            }
        }
        let quiet = &mut self.quiet_hours;
        quiet.days =
            std::mem::take(&mut quiet.days).into_iter().map(|(day, on)| (day.to_lowercase(), on)).collect();
        let is_usable = |quiet: &QuietHours| {
            quiet::Weekly::new(&quiet.start, &quiet.end, &quiet.timezone, &quiet.days).is_some()
        };
        if quiet.enabled && !is_usable(quiet) {
            // As v5 does for a bad zone: hours that cannot be computed must not swallow notices.
            quiet.enabled = false;
        }
    }
}

fn block(block: &mut ThresholdBlock, defaults: &ThresholdBlock, margin: f64) {
    block.fold_legacy(margin);
    for metric in Metric::ALL {
        if let Some(slot) = block.slot(metric) {
            threshold(slot, defaults.get(metric).copied());
        }
    }
    if let Some(severity) = &mut block.powered_off_severity {
        *severity = self::severity(Some(severity));
    }
    if let Some(rules) = &mut block.backup {
        backup(rules);
    }
    if let Some(rules) = &mut block.snapshot {
        snapshot(rules);
    }
}

/// A negative trigger is the default, 0 is off, and a clear that cannot be below is `MARGIN` below.
fn threshold(threshold: &mut Threshold, default: Option<Threshold>) {
    if !threshold.trigger.is_finite() || threshold.trigger < 0.0 {
        let default = default.unwrap_or_default();
        threshold.trigger = default.trigger;
        threshold.clear = default.clear;
    }
    if threshold.trigger == 0.0 {
        threshold.clear = 0.0;
    } else if !threshold.clear.is_finite() || threshold.clear <= 0.0 || threshold.clear >= threshold.trigger {
        threshold.clear = (threshold.trigger - MARGIN).max(threshold.trigger / 2.0);
    }
    let trigger = threshold.trigger;
    threshold.critical = threshold.critical.filter(|critical| critical.is_finite() && *critical >= trigger);
    threshold.delay_seconds = threshold.delay_seconds.filter(|seconds| (0..=7 * 86_400).contains(seconds));
}

fn snapshot(rules: &mut SnapshotRules) {
    rules.warning_days = rules.warning_days.max(0);
    rules.critical_days = rules.critical_days.max(0);
    if rules.critical_days == 0 {
        rules.critical_days = rules.warning_days;
    }
    if rules.warning_days > rules.critical_days {
        rules.warning_days = rules.critical_days;
    }
    for size in [&mut rules.warning_size_gib, &mut rules.critical_size_gib] {
        if !size.is_finite() || *size < 0.0 {
            *size = 0.0;
        }
    }
    if rules.critical_size_gib == 0.0 {
        rules.critical_size_gib = rules.warning_size_gib;
    }
    rules.warning_size_gib = rules.warning_size_gib.min(rules.critical_size_gib);
}

fn backup(rules: &mut BackupRules) {
    rules.warning_days = rules.warning_days.max(0);
    rules.critical_days = rules.critical_days.max(0);
    if rules.critical_days > 0 && rules.warning_days > rules.critical_days {
        rules.warning_days = rules.critical_days;
    }
    if rules.fresh_hours <= 0 {
        rules.fresh_hours = 24;
    }
    if rules.stale_hours < rules.fresh_hours {
        rules.stale_hours = rules.fresh_hours.max(72);
    }
    rules.ignore_vmids.retain(|vmid| !vmid.trim().is_empty());
}

/// `warning` or `critical`; everything else is a warning.
fn severity(word: Option<&str>) -> String {
    match word.map(|word| word.trim().to_lowercase()).as_deref() {
        Some("critical") => "critical".into(),
        Some(_) | None => "warning".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> AlertConfig {
        serde_json::from_str::<AlertConfig>(json).unwrap().normalised()
    }

    #[test]
    fn normalising_twice_changes_nothing_more() {
        for json in [
            "{}",
            r#"{"guestDefaults":{"cpu":{"trigger":-1},"disk":{"trigger":4,"clear":9}},"flappingWindowSeconds":0}"#,
        ] {
            let once = read(json);
            assert_eq!(once.clone().normalised(), once, "{json}");
        }
    }

    #[test]
    fn numbers_that_make_no_sense_are_mended() {
        let config = read(
            r#"{"guestDefaults":{"cpu":{"trigger":-5,"clear":1},"memory":{"trigger":0,"clear":50},
                "disk":{"trigger":80,"clear":90},"diskRead":{"trigger":4,"clear":0}},
                "storageDefault":{"trigger":70,"clear":0},
                "dockerDefaults":{"restartCount":0,"serviceWarnGapPercent":60,"serviceCriticalGapPercent":50}}"#,
        );
        let guest = &config.guest_defaults;
        assert_eq!(guest.cpu, Some(Threshold::new(80.0, 75.0)));
        assert_eq!(guest.memory, Some(Threshold::new(0.0, 0.0)));
        assert_eq!(guest.disk, Some(Threshold::new(80.0, 75.0)));
        assert_eq!(guest.disk_read, Some(Threshold::new(4.0, 2.0)));
        assert_eq!(guest.network_in, None);
        assert_eq!(config.storage_default, Threshold::new(70.0, 65.0));
        assert_eq!(config.docker_defaults.restart_count, 3);
        assert_eq!(config.docker_defaults.service_critical_gap_percent, 60);
        assert_eq!(config.node_defaults.temperature, Some(Threshold::new(80.0, 75.0)));
    }

    #[test]
    fn old_scalars_and_bare_numbers_are_thresholds() {
        let config = read(
            r#"{"overrides":{"a":{"cpuLegacy":90,"memory":70,"diskLegacy":50,"disk":{"trigger":60,"clear":55}}}}"#,
        );
        let over = &config.overrides["a"];
        assert_eq!(over.cpu, Some(Threshold::new(90.0, 85.0)));
        assert_eq!(over.memory, Some(Threshold::new(70.0, 65.0)));
        assert_eq!(over.disk, Some(Threshold::new(60.0, 55.0)));
        let text = serde_json::to_string(&config).unwrap();
        assert!(!text.contains("Legacy") && !text.contains("groupingWindow"), "{text}");
    }

    #[test]
    fn nulls_of_a_go_program_are_empty() {
        let config = read(
            r#"{"overrides":null,"customRules":null,"ignoredGuestPrefixes":null,"timeThresholds":null,
                "schedule":{"quietHours":{"enabled":false,"start":"","end":"","timezone":"","days":null},
                "escalation":{"enabled":false,"levels":null},"groupingWindow":45,"grouping":{"enabled":false,"window":0}}}"#,
        );
        assert!(config.overrides.is_empty() && config.schedule.escalation.levels.is_empty());
        assert_eq!(config.schedule.grouping.window, 45);
        assert_eq!(config.time_thresholds["guest"], 5);
    }

    #[test]
    fn quiet_hours_in_a_zone_that_does_not_exist_are_off() {
        let config = |zone: &str| {
            read(&format!(
                r#"{{"schedule":{{"quietHours":{{"enabled":true,"start":"22:00","end":"06:00","timezone":"{zone}","days":{{"monday":true}}}}}}}}"#
            ))
        };
        assert!(config("Europe/Berlin").schedule.quiet_hours.enabled);
        assert!(!config("Mars/Olympus").schedule.quiet_hours.enabled);
    }
}
