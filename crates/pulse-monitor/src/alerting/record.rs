//! From what the engine did to what is kept.

use jiff::Timestamp;
use pulse_alerts::{AlertRecord, Change};
use pulse_core::model::Alert;
use pulse_store::alerts::{Batch, NewEvent, NewOpening};
use serde_json::json;

/// Puts what happened into a batch.
pub(super) fn record(changes: &[Change], now: Timestamp, batch: &mut Batch) {
    for change in changes {
        match change {
            Change::Opened(alert) => {
                batch.openings.push(opening(alert, now));
                let details =
                    json!({"level": alert.level.name(), "value": alert.value, "threshold": alert.threshold});
                batch.events.push(event(alert, now, "alert_fired", alert.message.clone(), &details));
                if let Some((_, user)) = &alert.acknowledged {
                    let words = format!("Still acknowledged by {user}: it came back soon");
                    batch.events.push(event(alert, now, "alert_acknowledged", words, &json!({"user": user})));
                }
            }
            Change::Worsened(alert) => {
                let details = json!({"level": alert.level.name(), "value": alert.value});
                let words = format!("Now {}: {}", alert.level.name(), alert.message);
                batch.events.push(event(alert, now, "alert_worsened", words, &details));
            }
            Change::Closed { alert, reason, .. } => {
                let details = json!({"reason": reason.name(), "value": alert.value});
                let words = format!("Resolved: {}", reason.explanation());
                batch.events.push(event(alert, now, "alert_resolved", words, &details));
            }
            Change::Acknowledged(alert) => {
                let user = alert.acknowledged.as_ref().map(|(_, user)| user.as_str()).unwrap_or_default();
                let words = format!("Acknowledged by {user}");
                batch.events.push(event(alert, now, "alert_acknowledged", words, &json!({"user": user})));
            }
            Change::Unacknowledged(alert) => {
                let words = "Acknowledgement taken back".to_owned();
                batch.events.push(event(alert, now, "alert_unacknowledged", words, &json!({})));
            }
            Change::Snoozed(alert, until) => {
                let words = format!("Snoozed until {until}");
                batch.events.push(event(alert, now, "alert_snoozed", words, &json!({"until": until})));
            }
            Change::Escalated(alert) => {
                let level = alert.escalation_level;
                let words = format!("Escalated to level {level}");
                batch.events.push(event(alert, now, "alert_escalated", words, &json!({"level": level})));
            }
        }
    }
}

fn opening(alert: &Alert, now: Timestamp) -> NewOpening {
    NewOpening {
        alert_id: alert.id.clone(),
        started_at: alert.started_at,
        opened_at: now,
        level: alert.level.name().to_owned(),
        resource_id: alert.resource_id.clone(),
        body: serde_json::to_string(&AlertRecord::from(alert)).unwrap_or_default(),
    }
}

fn event(
    alert: &Alert,
    at: Timestamp,
    kind: &'static str,
    summary: String,
    details: &serde_json::Value,
) -> NewEvent {
    NewEvent {
        alert_id: alert.id.clone(),
        started_at: alert.started_at,
        at,
        kind,
        summary,
        details: Some(details.to_string()),
    }
}
