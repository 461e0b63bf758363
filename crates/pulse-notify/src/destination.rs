//! Who wants to be told of an alert.

use pulse_config::schema::notify::{DestinationFilter, NotifyConfig, WebhookConfig};
use pulse_core::{
    model::{Alert, AlertLevel},
    notice::{Channels, NoticeKind},
};

/// Messages that a destination gets in an hour, where it says nothing else.
pub const DEFAULT_PER_HOUR: u32 = 30;

/// The place of a destination in the queue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// Mail.
    Email,
    /// Apprise.
    Apprise,
    /// The webhook of that id.
    Webhook(String),
}

impl Destination {
    /// Its name in the queue.
    pub fn key(&self) -> String {
        match self {
            Self::Email => "email".into(),
            Self::Apprise => "apprise".into(),
            Self::Webhook(id) => format!("webhook:{id}"),
        }
    }

    /// The destination of that name.
    pub fn parse(key: &str) -> Option<Self> {
        match key {
            "email" => Some(Self::Email),
            "apprise" => Some(Self::Apprise),
            _ => key.strip_prefix("webhook:").map(|id| Self::Webhook(id.to_owned())),
        }
    }

    /// `email`, `apprise` or `webhook`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Apprise => "apprise",
            Self::Webhook(_) => "webhook",
        }
    }
}

/// A destination that is in use.
#[derive(Debug, Clone)]
pub struct Active {
    /// Which.
    pub destination: Destination,
    /// What people call it.
    pub name: String,
    /// Messages in an hour.
    pub per_hour: u32,
    /// Whether each alert is a message of its own: a service that keeps incidents needs one for each.
    pub is_one_by_one: bool,
    filter: DestinationFilter,
}

/// The destinations that are in use.
pub fn active(config: &NotifyConfig) -> Vec<Active> {
    let make = |destination: Destination, name: &str, filter: &DestinationFilter, most: Option<u32>| Active {
        destination,
        name: name.to_owned(),
        per_hour: most.filter(|most| *most > 0).unwrap_or(DEFAULT_PER_HOUR),
        is_one_by_one: false,
        filter: filter.clone(),
    };
    let email = &config.email;
    let apprise = &config.apprise;
    let mut found = vec![];
    if email.enabled {
        found.push(make(Destination::Email, "email", &email.filter, email.max_per_hour));
    }
    if apprise.enabled {
        found.push(make(Destination::Apprise, "Apprise", &apprise.filter, apprise.max_per_hour));
    }
    let enabled = config.webhooks.iter().filter(|webhook| webhook.enabled);
    found.extend(enabled.map(|it: &WebhookConfig| {
        let made = make(Destination::Webhook(it.id.clone()), &it.name, &it.filter, it.max_per_hour);
        Active { is_one_by_one: it.service.trim().eq_ignore_ascii_case("pagerduty"), ..made }
    }));
    found
}

impl Active {
    /// Whether it wants to hear of this.
    pub fn wants(&self, kind: NoticeKind, alert: &Alert) -> bool {
        let is_channel = match kind {
            NoticeKind::Escalated { to: Channels::Email, .. } => self.destination == Destination::Email,
            NoticeKind::Escalated { to: Channels::Webhook, .. } => {
                matches!(self.destination, Destination::Webhook(_))
            }
            NoticeKind::Escalated { to: Channels::All, .. }
            | NoticeKind::Firing
            | NoticeKind::Reminder
            | NoticeKind::Resolved => true,
        };
        is_channel && matches(&self.filter, alert)
    }
}

fn matches(filter: &DestinationFilter, alert: &Alert) -> bool {
    let is_in = |list: &[String], value: &str| list.iter().any(|entry| entry.eq_ignore_ascii_case(value));
    let tags: Vec<&str> = alert
        .metadata
        .get("tags")
        .and_then(serde_json::Value::as_array)
        .map(|tags| tags.iter().filter_map(serde_json::Value::as_str).collect())
        .unwrap_or_default();
    let names = [&alert.resource_id, &alert.resource_name, &alert.node, &alert.instance];
    (!filter.critical_only || alert.level == AlertLevel::Critical)
        && (filter.types.is_empty() || is_in(&filter.types, &alert.kind))
        && (filter.tags.is_empty() || tags.iter().any(|tag| is_in(&filter.tags, tag)))
        && (filter.resources.is_empty() || names.iter().any(|name| is_in(&filter.resources, name)))
}
