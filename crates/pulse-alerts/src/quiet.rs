//! Hours of the week in a time zone, and what quiet hours and maintenance windows hold back.

use std::collections::BTreeMap;

use jiff::{
    Timestamp,
    civil::{Time, Weekday},
    tz::TimeZone,
};
use pulse_core::model::{Alert, AlertLevel};

use crate::{
    config::{DAYS, MaintenanceWindow, QuietHours, QuietSuppression, Selector},
    kind::{Category, Kind},
};

/// Hours that come back every week, ready to be asked.
#[derive(Debug, Clone)]
pub(crate) struct Weekly {
    start: Time,
    end: Time,
    zone: TimeZone,
    /// Monday first.
    days: [bool; 7],
}

impl Weekly {
    /// `None` where a time or the zone cannot be read, or the window is empty.
    pub(crate) fn new(start: &str, end: &str, zone: &str, days: &BTreeMap<String, bool>) -> Option<Self> {
        let (start, end) = (time(start)?, time(end)?);
        if start == end {
            return None;
        }
        let zone = if zone.trim().is_empty() { TimeZone::UTC } else { TimeZone::get(zone.trim()).ok()? };
        let days = DAYS.map(|day| days.get(day).copied().unwrap_or_default());
        Some(Self { start, end, zone, days })
    }

    /// Whether `now` is inside. A window over midnight belongs to the day on which it begins.
    // Pulse v5: only the current day is looked at, so that a window stops at midnight if the next day is off.
    pub(crate) fn contains(&self, now: Timestamp) -> bool {
        let local = self.zone.to_datetime(now);
        let (day, time) = (local.weekday(), local.time());
        if self.start < self.end {
            self.is_on(day) && time >= self.start && time < self.end
        } else {
            (self.is_on(day) && time >= self.start) || (self.is_on(day.previous()) && time < self.end)
        }
    }

    fn is_on(&self, day: Weekday) -> bool {
        self.days[day.to_monday_zero_offset().unsigned_abs() as usize % 7]
    }
}

/// `HH:MM`.
fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// Quiet hours, ready to be asked.
#[derive(Debug, Clone)]
pub(crate) struct Quiet {
    weekly: Option<Weekly>,
    suppress: QuietSuppression,
}

impl Quiet {
    pub(crate) fn new(config: &QuietHours) -> Self {
        let weekly = config
            .enabled
            .then(|| Weekly::new(&config.start, &config.end, &config.timezone, &config.days))
            .flatten();
        Self { weekly, suppress: config.suppress }
    }

    pub(crate) fn is_quiet(&self, now: Timestamp) -> bool {
        self.weekly.as_ref().is_some_and(|weekly| weekly.contains(now))
    }

    /// Whether an alert is held back while it is quiet.
    pub(crate) fn holds_back(&self, kind: Kind, level: AlertLevel) -> bool {
        match (level, kind.category()) {
            (AlertLevel::Warning, _) => true,
            (AlertLevel::Critical, Category::Performance) => self.suppress.performance,
            (AlertLevel::Critical, Category::Storage) => self.suppress.storage,
            (AlertLevel::Critical, Category::Offline) => self.suppress.offline,
        }
    }
}

/// A maintenance window, ready to be asked.
#[derive(Debug, Clone)]
pub(crate) struct Maintenance {
    /// Its id.
    pub(crate) id: String,
    once: Option<(Timestamp, Timestamp)>,
    weekly: Option<Weekly>,
    applies_to: Selector,
}

impl Maintenance {
    pub(crate) fn new(window: &MaintenanceWindow) -> Option<Self> {
        if !window.enabled {
            return None;
        }
        let once = match (window.start, window.end) {
            (Some(start), Some(end)) if start < end => Some((start, end)),
            _ => None,
        };
        let weekly =
            window.weekly.as_ref().and_then(|at| Weekly::new(&at.start, &at.end, &at.timezone, &at.days));
        (once.is_some() || weekly.is_some()).then(|| Self {
            id: window.id.clone(),
            once,
            weekly,
            applies_to: window.applies_to.clone(),
        })
    }

    pub(crate) fn is_on(&self, now: Timestamp) -> bool {
        self.once.is_some_and(|(start, end)| now >= start && now < end)
            || self.weekly.as_ref().is_some_and(|weekly| weekly.contains(now))
    }

    pub(crate) fn covers(&self, alert: &Alert) -> bool {
        selects(&self.applies_to, alert)
    }
}

/// Whether a selector means an alert.
pub(crate) fn selects(selector: &Selector, alert: &Alert) -> bool {
    let tags = || {
        let tags = alert.metadata.get("tags").and_then(|tags| tags.as_array());
        let texts = tags.into_iter().flatten().filter_map(|tag| tag.as_str());
        texts.collect::<Vec<_>>()
    };
    matches_one(&selector.resources, &[&alert.resource_id])
        && matches_one(&selector.nodes, &[&alert.node])
        && matches_one(&selector.instances, &[&alert.instance])
        && matches_one(&selector.types, &[&alert.kind])
        && (selector.tags.is_empty() || matches_one(&selector.tags, &tags()))
}

fn matches_one(patterns: &[String], values: &[&str]) -> bool {
    patterns.is_empty()
        || patterns.iter().any(|pattern| {
            values.iter().any(|value| match pattern.strip_suffix('*') {
                Some(prefix) => value.starts_with(prefix),
                None => *value == pattern,
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weekly(start: &str, end: &str, zone: &str, days: &[&str]) -> Weekly {
        let days = days.iter().map(|day| ((*day).to_owned(), true)).collect();
        Weekly::new(start, end, zone, &days).unwrap()
    }

    #[track_caller]
    fn check(weekly: &Weekly, at: &str, expect: bool) {
        assert_eq!(weekly.contains(at.parse().unwrap()), expect, "{at}");
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_it_begins_on() {
        // 2026-03-02 is a Monday; Berlin is one hour ahead of UTC in winter.
        let monday = weekly("22:00", "06:00", "Europe/Berlin", &["monday"]);
        check(&monday, "2026-03-02T20:59:59Z", false);
        check(&monday, "2026-03-02T21:00:00Z", true);
        check(&monday, "2026-03-03T04:59:59Z", true);
        check(&monday, "2026-03-03T05:00:00Z", false);
        check(&monday, "2026-03-03T22:00:00Z", false);
        check(&monday, "2026-03-02T03:00:00Z", false);
    }

    #[test]
    fn a_zone_with_daylight_saving_moves_the_window() {
        let days = ["saturday", "sunday"];
        let hours = weekly("01:00", "04:00", "Europe/Berlin", &days);
        // On 2026-03-29 the clocks go from 02:00 to 03:00.
        check(&hours, "2026-03-28T02:30:00Z", true);
        check(&hours, "2026-03-29T01:30:00Z", true);
        check(&hours, "2026-03-29T02:30:00Z", false);
    }

    #[test]
    fn what_cannot_be_read_is_no_window() {
        let days = BTreeMap::new();
        for (start, end, zone) in
            [("25:00", "08:00", ""), ("8", "9", ""), ("08:00", "08:00", ""), ("08:00", "09:00", "No/Where")]
        {
            assert!(Weekly::new(start, end, zone, &days).is_none(), "{start} {end} {zone}");
        }
    }
}
