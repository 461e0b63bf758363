//! What is told: one message to one destination.

use jiff::Timestamp;

use crate::alert::AlertRecord;

/// What kind of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Alerts were raised, are still raised, or reached an escalation level.
    Firing,
    /// Alerts are over.
    Resolved,
    /// What went beyond the hour's cap.
    Digest,
    /// Somebody tries the destination.
    Test,
}

impl Event {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
            Self::Digest => "digest",
            Self::Test => "test",
        }
    }

    /// The event of that name.
    pub fn named(name: &str) -> Self {
        match name {
            "resolved" => Self::Resolved,
            "digest" => Self::Digest,
            "test" => Self::Test,
            _ => Self::Firing,
        }
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// What kind.
    pub event: Event,
    /// The same for every attempt: receivers can tell a repetition by it.
    pub key: String,
    /// The alerts, or the first of them.
    pub alerts: Vec<AlertRecord>,
    /// How many there are.
    pub total: usize,
    /// Now.
    pub now: Timestamp,
    /// Where people find Pulse, without a slash at the end; empty where it is not known.
    pub public_url: String,
}

impl Message {
    /// Alerts that are critical.
    pub fn critical(&self) -> usize {
        self.alerts.iter().filter(|alert| alert.is_critical()).count()
    }

    /// What it is about, in one line.
    pub fn title(&self) -> String {
        let name = self.alerts.first().map_or("", |alert| alert.resource_name.as_str());
        match (self.event, self.total) {
            (Event::Digest, total) => format!("Pulse: {total} more notifications"),
            (Event::Resolved, 1) => format!("Pulse alert resolved: {name}"),
            (Event::Resolved, total) => format!("Pulse alerts resolved ({total})"),
            (Event::Firing | Event::Test, 1) => format!("Pulse alert: {name}"),
            (Event::Firing | Event::Test, total) => format!("Pulse alerts ({total})"),
        }
    }

    /// Alerts beyond those that are listed.
    pub fn unlisted(&self) -> usize {
        self.total.saturating_sub(self.alerts.len())
    }

    /// The whole message as plain text.
    pub fn text(&self) -> String {
        let mut lines = vec![];
        if let (Event::Firing | Event::Test, Some(first)) = (self.event, self.alerts.first()) {
            lines.extend([first.message.clone(), String::new()]);
        }
        if self.event == Event::Digest {
            lines.extend([
                "There were more notifications than this destination takes in an hour. What was held back:"
                    .into(),
                String::new(),
            ]);
        }
        for alert in &self.alerts {
            let level =
                if self.event == Event::Resolved { "RESOLVED".into() } else { alert.level.to_uppercase() };
            let name = &alert.resource_name;
            lines.push(if alert.has_value() {
                format!("[{level}] {name} — value {:.2} (threshold {:.2})", alert.value, alert.threshold)
            } else {
                format!("[{level}] {name} — {}", alert.message)
            });
            if !alert.node.is_empty() {
                lines.push(format!("Node: {}", alert.node));
            }
            if !alert.instance.is_empty() && alert.instance != alert.node {
                lines.push(format!("Instance: {}", alert.instance));
            }
        }
        if self.unlisted() > 0 {
            lines.push(format!("… and {} more", self.unlisted()));
        }
        if !self.public_url.is_empty() {
            lines.extend([String::new(), format!("Dashboard: {}", self.public_url)]);
        }
        lines.join("\n")
    }
}
