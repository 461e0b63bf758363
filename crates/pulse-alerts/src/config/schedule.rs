//! When notices go out: quiet hours, cooldown, escalation, grouping, maintenance windows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pulse_core::lenient::null_default;
use serde::{Deserialize, Serialize};

/// When notices go out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AlertSchedule))]
pub struct Schedule {
    /// Hours without notices.
    #[serde(deserialize_with = "null_default")]
    pub quiet_hours: QuietHours,
    /// Minutes between two firing notices of the same alert.
    pub cooldown: i64,
    /// At most so many firing notices of the same alert in an hour; 0 for no limit.
    pub max_alerts_hour: u32,
    /// Whether recoveries are told.
    pub notify_on_resolve: bool,
    /// Who is told when nobody takes note.
    #[serde(deserialize_with = "null_default")]
    pub escalation: Escalation,
    /// How notices are put together.
    #[serde(deserialize_with = "null_default")]
    pub grouping: Grouping,
    /// Saying it again. Ours, beside the contract.
    #[serde(deserialize_with = "null_default")]
    pub reminders: Reminders,
    /// The window of grouping as old configurations have it; read, never written.
    #[serde(skip_serializing)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub(super) grouping_window: Option<i64>,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            quiet_hours: QuietHours::default(),
            cooldown: 5,
            max_alerts_hour: 10,
            notify_on_resolve: true,
            escalation: Escalation::default(),
            grouping: Grouping::default(),
            reminders: Reminders::default(),
            grouping_window: None,
        }
    }
}

/// Hours without notices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AlertQuietHours))]
pub struct QuietHours {
    /// Whether there are any.
    pub enabled: bool,
    /// Start, `HH:MM`.
    #[serde(deserialize_with = "null_default")]
    pub start: String,
    /// End, `HH:MM`; before the start for a window over midnight.
    #[serde(deserialize_with = "null_default")]
    pub end: String,
    /// IANA name of the time zone.
    #[serde(deserialize_with = "null_default")]
    pub timezone: String,
    /// Days on which a window begins, by their English names in lower case.
    #[serde(deserialize_with = "null_default")]
    pub days: BTreeMap<String, bool>,
    /// Critical alerts that are held back as well.
    #[serde(deserialize_with = "null_default")]
    pub suppress: QuietSuppression,
}

impl Default for QuietHours {
    fn default() -> Self {
        let days = DAYS.iter().map(|day| ((*day).to_owned(), !matches!(*day, "saturday" | "sunday")));
        Self {
            enabled: false,
            start: "22:00".into(),
            end: "08:00".into(),
            // Pulse v5: America/New_York, wherever the server stands.
            timezone: "UTC".into(),
            days: days.collect(),
            suppress: QuietSuppression::default(),
        }
    }
}

/// The days of the week as the configuration names them, Monday first.
pub const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Critical alerts that quiet hours hold back too; warnings always are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AlertQuietSuppression))]
pub struct QuietSuppression {
    /// Load: processor, memory, disks, queues.
    pub performance: bool,
    /// Storage: space, disks, pools, backups.
    pub storage: bool,
    /// What is down or out of reach.
    pub offline: bool,
}

/// Who is told when nobody takes note.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AlertEscalation))]
pub struct Escalation {
    /// Whether there is escalation.
    pub enabled: bool,
    /// The levels, in order.
    #[serde(deserialize_with = "null_default")]
    pub levels: Vec<EscalationLevel>,
}

/// One level of escalation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AlertEscalationLevel))]
pub struct EscalationLevel {
    /// Minutes after the alert began.
    pub after: i64,
    /// `email`, `webhook` or `all`.
    pub notify: String,
}

impl Default for EscalationLevel {
    fn default() -> Self {
        Self { after: 0, notify: "all".into() }
    }
}

/// How notices are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AlertGrouping))]
pub struct Grouping {
    /// Whether they are.
    pub enabled: bool,
    /// Seconds in which notices are gathered.
    pub window: i64,
    /// One message per node.
    pub by_node: bool,
    /// One message per guest.
    pub by_guest: bool,
}

impl Default for Grouping {
    fn default() -> Self {
        Self { enabled: true, window: 30, by_node: true, by_guest: false }
    }
}

/// Saying again that an alert is raised and nobody took note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AlertReminders))]
pub struct Reminders {
    /// Whether it is said again.
    pub enabled: bool,
    /// Minutes between reminders.
    pub minutes: i64,
}

impl Default for Reminders {
    // Pulse v5: every alert is told again after each cooldown: thousands of mails in a night.
    fn default() -> Self {
        Self { enabled: false, minutes: 240 }
    }
}

/// A time in which alerts of some resources are not told: planned work.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AlertMaintenanceWindow))]
pub struct MaintenanceWindow {
    /// Its id; made by the server where it is empty.
    #[serde(deserialize_with = "null_default")]
    pub id: String,
    /// What to call it.
    #[serde(deserialize_with = "null_default")]
    pub name: String,
    /// Whether it counts.
    pub enabled: bool,
    /// Start of a window that comes once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
    /// End of a window that comes once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<Timestamp>,
    /// Times of a window that comes every week.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekly: Option<WeeklyHours>,
    /// What it is about; everything where it names nothing.
    #[serde(deserialize_with = "null_default")]
    pub applies_to: Selector,
}

impl MaintenanceWindow {
    /// What is wrong with its times, in words.
    pub fn check(&self) -> Result<(), &'static str> {
        match (self.start, self.end, &self.weekly) {
            (Some(start), Some(end), None) if start < end => Ok(()),
            (Some(_), Some(_), None) => Err("the end must be after the start"),
            (None, None, Some(at)) => {
                if crate::quiet::Weekly::new(&at.start, &at.end, &at.timezone, &at.days).is_none() {
                    Err("weekly needs start and end as HH:MM, and a time zone such as Europe/Berlin")
                } else if !at.days.values().any(|is_on| *is_on) {
                    Err("weekly needs at least one day, such as {\"monday\": true}")
                } else {
                    Ok(())
                }
            }
            _ => Err("give either start and end, or weekly"),
        }
    }
}

/// Hours that come back every week.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AlertWeeklyHours))]
pub struct WeeklyHours {
    /// Start, `HH:MM`.
    pub start: String,
    /// End, `HH:MM`; before the start for a window over midnight.
    pub end: String,
    /// IANA name of the time zone.
    pub timezone: String,
    /// Days on which a window begins, by their English names in lower case.
    #[serde(deserialize_with = "null_default")]
    pub days: BTreeMap<String, bool>,
}

/// Which alerts are meant. Every list that is not empty must match; a `*` at the end of an entry stands for anything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AlertSelector))]
pub struct Selector {
    /// Ids of resources.
    #[serde(deserialize_with = "null_default")]
    pub resources: Vec<String>,
    /// Names of nodes.
    #[serde(deserialize_with = "null_default")]
    pub nodes: Vec<String>,
    /// Names of instances.
    #[serde(deserialize_with = "null_default")]
    pub instances: Vec<String>,
    /// Tags of guests and hosts.
    #[serde(deserialize_with = "null_default")]
    pub tags: Vec<String>,
    /// Types of alerts.
    #[serde(deserialize_with = "null_default")]
    pub types: Vec<String>,
}
