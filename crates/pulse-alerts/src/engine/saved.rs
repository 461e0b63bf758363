//! What survives a restart: raised alerts one by one, and the memory of some types. Plain data for a store.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use pulse_core::{
    ids::InstanceName,
    model::{Alert, AlertLevel, InstanceKey, InstanceKind},
    notice::{Channels, Notice, NoticeKind},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    state::{EngineState, Holder, Open, Past, Source, Track},
    step::Phase,
};
use crate::kind::Kind;

/// An alert as it is kept and as history shows it: the fields of the contract's alert object (B-07).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertRecord {
    /// Its id.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// `warning` or `critical`.
    pub level: String,
    /// The resource.
    pub resource_id: String,
    /// Its name.
    pub resource_name: String,
    /// Its node.
    pub node: String,
    /// Its instance.
    pub instance: String,
    /// What is wrong.
    pub message: String,
    /// The value.
    pub value: f64,
    /// The threshold.
    pub threshold: f64,
    /// Since when.
    pub start_time: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// Whether somebody took note.
    #[serde(default)]
    pub acknowledged: bool,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack_time: Option<Timestamp>,
    /// Who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack_user: Option<String>,
    /// What is particular to its type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, Value>,
    /// When it was last told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_notified: Option<Timestamp>,
    /// The escalation level it reached.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub last_escalation: u32,
    /// When each level was reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalation_times: Vec<Timestamp>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

impl From<&Alert> for AlertRecord {
    fn from(it: &Alert) -> Self {
        Self {
            id: it.id.clone(),
            kind: it.kind.clone(),
            level: it.level.name().to_owned(),
            resource_id: it.resource_id.clone(),
            resource_name: it.resource_name.clone(),
            node: it.node.clone(),
            instance: it.instance.clone(),
            message: it.message.clone(),
            value: it.value,
            threshold: it.threshold,
            start_time: it.started_at,
            last_seen: it.last_seen_at,
            acknowledged: it.acknowledged.is_some(),
            ack_time: it.acknowledged.as_ref().map(|(at, _)| *at),
            ack_user: it.acknowledged.as_ref().map(|(_, who)| who.clone()),
            metadata: it.metadata.clone(),
            last_notified: it.last_notified_at,
            last_escalation: it.escalation_level,
            escalation_times: it.escalated_at.clone(),
        }
    }
}

impl From<AlertRecord> for Alert {
    fn from(it: AlertRecord) -> Self {
        let acknowledged =
            it.acknowledged.then(|| (it.ack_time.unwrap_or(it.start_time), it.ack_user.unwrap_or_default()));
        Self {
            level: level(&it.level),
            id: it.id,
            kind: it.kind,
            resource_id: it.resource_id,
            resource_name: it.resource_name,
            node: it.node,
            instance: it.instance,
            message: it.message,
            value: it.value,
            threshold: it.threshold,
            started_at: it.start_time,
            last_seen_at: it.last_seen,
            acknowledged,
            last_notified_at: it.last_notified,
            escalation_level: it.last_escalation,
            escalated_at: it.escalation_times,
            metadata: it.metadata,
        }
    }
}

fn level(word: &str) -> AlertLevel {
    if word == "critical" { AlertLevel::Critical } else { AlertLevel::Warning }
}

/// A raised alert with what the engine knows of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedTrack {
    /// The stable key of the resource.
    pub key: String,
    /// Where the resource comes from: a kind and a name.
    pub source: (String, String),
    /// Which of several of one type.
    pub detail: String,
    /// The alert.
    pub alert: AlertRecord,
    /// When its firing notice was handed over.
    pub announced_at: Option<Timestamp>,
    /// The worst level that was told.
    pub told_level: String,
    /// Not told before.
    pub not_before: Option<Timestamp>,
    /// Put off until.
    pub snoozed_until: Option<Timestamp>,
    /// Reviewed when notices were switched on.
    #[serde(default)]
    pub was_reviewed: bool,
    /// When it opened within the last hour.
    #[serde(default)]
    pub openings: Vec<Timestamp>,
}

/// What some types need to know of the time before.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SavedMemory {
    /// Since when updates of containers are known.
    pub updates: BTreeMap<String, Timestamp>,
    /// Recoveries that wait for the end of quiet hours.
    pub held_recoveries: Vec<SavedNotice>,
}

/// A notice as plain data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedNotice {
    /// `firing`, `reminder`, `escalated` or `resolved`.
    pub kind: String,
    /// The level, of an escalation.
    #[serde(default)]
    pub level: u32,
    /// `email`, `webhook` or `all`, of an escalation.
    #[serde(default)]
    pub to: String,
    /// The alert.
    pub alert: AlertRecord,
    /// When it happened.
    pub at: Timestamp,
}

impl From<&Notice> for SavedNotice {
    fn from(it: &Notice) -> Self {
        let (kind, level, to) = match it.kind {
            NoticeKind::Firing => ("firing", 0, ""),
            NoticeKind::Reminder => ("reminder", 0, ""),
            NoticeKind::Resolved => ("resolved", 0, ""),
            NoticeKind::Escalated { level, to } => {
                let to = match to {
                    Channels::Email => "email",
                    Channels::Webhook => "webhook",
                    Channels::All => "all",
                };
                ("escalated", level, to)
            }
        };
        Self { kind: kind.into(), level, to: to.into(), alert: AlertRecord::from(&*it.alert), at: it.at }
    }
}

impl From<SavedNotice> for Notice {
    fn from(it: SavedNotice) -> Self {
        let kind = match it.kind.as_str() {
            "firing" => NoticeKind::Firing,
            "reminder" => NoticeKind::Reminder,
            "escalated" => {
                let to = match it.to.as_str() {
                    "email" => Channels::Email,
                    "webhook" => Channels::Webhook,
                    _ => Channels::All,
                };
                NoticeKind::Escalated { level: it.level, to }
            }
            _ => NoticeKind::Resolved,
        };
        Self { kind, alert: Arc::new(it.alert.into()), at: it.at }
    }
}

impl Source {
    fn save(&self) -> (String, String) {
        match self {
            Self::Instance(key) => (key.kind.name().into(), key.name.to_string()),
            Self::Host(id) => ("host".into(), id.to_string()),
            Self::Docker(id) => ("docker".into(), id.to_string()),
            Self::Kubernetes(id) => ("kubernetes".into(), id.to_string()),
            Self::Backups => ("backups".into(), String::new()),
            Self::Delivery => ("delivery".into(), String::new()),
        }
    }

    fn restore((kind, name): (String, String)) -> Option<Self> {
        Some(match kind.as_str() {
            "host" => Self::Host(name.into()),
            "docker" => Self::Docker(name.into()),
            "kubernetes" => Self::Kubernetes(name.into()),
            "backups" => Self::Backups,
            "delivery" => Self::Delivery,
            other => {
                let kind = InstanceKind::from_name(other)?;
                Self::Instance(InstanceKey { kind, name: InstanceName::from(name) })
            }
        })
    }
}

impl EngineState {
    /// All raised alerts by id.
    pub fn save(&self) -> BTreeMap<String, SavedTrack> {
        self.save_where(|_| true)
    }

    /// Those of these alerts that are raised, by id.
    pub fn save_of(&self, ids: &std::collections::HashSet<String>) -> BTreeMap<String, SavedTrack> {
        if ids.is_empty() { BTreeMap::new() } else { self.save_where(|alert| ids.contains(&alert.id)) }
    }

    fn save_where(&self, is_wanted: impl Fn(&Alert) -> bool) -> BTreeMap<String, SavedTrack> {
        let mut out = BTreeMap::new();
        for (key, holder) in &self.holders {
            for track in &holder.tracks {
                if !track.open.as_ref().is_some_and(|open| is_wanted(&open.alert)) {
                    continue;
                }
                if let Some(saved) = save_track(key, holder, track) {
                    out.insert(saved.alert.id.clone(), saved);
                }
            }
        }
        out
    }

    /// The memory of some types, where it changed since the last call.
    pub fn save_memory(&mut self) -> Option<SavedMemory> {
        std::mem::take(&mut self.is_memory_dirty).then(|| self.memory())
    }

    /// The memory of some types.
    pub fn memory(&self) -> SavedMemory {
        SavedMemory {
            updates: self.memory.updates.iter().map(|(key, at)| (key.to_string(), *at)).collect(),
            held_recoveries: self.held_recoveries.iter().map(SavedNotice::from).collect(),
        }
    }

    /// A state after a restart. Alerts wait until their source is seen again.
    pub fn restore(
        tracks: impl IntoIterator<Item = SavedTrack>,
        memory: SavedMemory,
        now: Timestamp,
    ) -> Self {
        let mut state = Self::new();
        for saved in tracks {
            let (Some(kind), Some(source)) =
                (Kind::from_name(&saved.alert.kind), Source::restore(saved.source))
            else {
                continue;
            };
            let mut past = Past::default();
            for at in saved.openings {
                past.opened(at);
            }
            past.last_announced = saved.announced_at;
            past.last_value = Some(saved.alert.value);
            let alert = Alert::from(saved.alert);
            let is_monitor_only =
                alert.metadata.get("monitorOnly").and_then(Value::as_bool).unwrap_or_default();
            let open = Open {
                announced_at: saved.announced_at,
                told_level: level(&saved.told_level),
                not_before: saved.not_before,
                snoozed_until: saved.snoozed_until,
                is_monitor_only,
                was_reviewed: saved.was_reviewed,
                repeat: false,
                alert: Arc::new(alert),
            };
            let holder = state.holders.entry(saved.key.into()).or_insert_with(|| Holder {
                source,
                generation: 0,
                restored_at: Some(now),
                tracks: Vec::new(),
            });
            holder.tracks.push(Track {
                phase: Phase::Open { fine_since: None },
                open: Some(Box::new(open)),
                past: Some(Box::new(past)),
                ..Track::new(kind, &saved.detail)
            });
        }
        state.memory.updates = memory.updates.into_iter().map(|(key, at)| (key.into(), at)).collect();
        state.held_recoveries = memory.held_recoveries.into_iter().map(Notice::from).collect();
        state.is_active_stale = true;
        state.publish();
        state
    }
}

fn save_track(key: &str, holder: &Holder, track: &Track) -> Option<SavedTrack> {
    let open = track.open.as_ref()?;
    Some(SavedTrack {
        key: key.to_owned(),
        source: holder.source.save(),
        detail: track.detail.to_string(),
        alert: AlertRecord::from(&*open.alert),
        announced_at: open.announced_at,
        told_level: open.told_level.name().into(),
        not_before: open.not_before,
        snoozed_until: open.snoozed_until,
        was_reviewed: open.was_reviewed,
        openings: track.past.iter().flat_map(|past| past.openings.iter().copied()).collect(),
    })
}
