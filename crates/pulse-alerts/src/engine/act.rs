//! What people do with alerts.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    change::{Change, Changes, CloseReason},
    deliver,
    state::{EngineState, Track},
    visit::close,
};
use crate::rules::Rules;

/// What a person does with an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Takes note: no reminders, no escalation.
    Acknowledge {
        /// Who.
        user: String,
    },
    /// Takes that back.
    Unacknowledge,
    /// Does not want to hear of it until then.
    Snooze {
        /// Until when.
        until: Timestamp,
    },
    /// Wants to hear of it again.
    Unsnooze,
    /// Closes it; it is raised again when its condition still holds.
    Clear,
}

/// There is no such alert.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("alert not found: {0}")]
pub struct NoSuchAlert(pub String);

impl EngineState {
    /// Does something with one alert.
    pub fn act(
        &mut self,
        id: &str,
        action: &Action,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Changes, NoSuchAlert> {
        let (mut results, changes) = self.act_on_all(std::slice::from_ref(&id), action, rules, now);
        results.pop().unwrap_or_else(|| Err(NoSuchAlert(id.to_owned()))).map(|()| changes)
    }

    /// Does something with several alerts; each has its own result.
    pub fn act_on_all<I: AsRef<str>>(
        &mut self,
        ids: &[I],
        action: &Action,
        rules: &Rules,
        now: Timestamp,
    ) -> (Vec<Result<(), NoSuchAlert>>, Changes) {
        let mut by_id: std::collections::HashMap<String, &mut Track> = self
            .holders
            .values_mut()
            .flat_map(|holder| &mut holder.tracks)
            .filter_map(|track| Some((track.open.as_ref()?.alert.id.clone(), track)))
            .collect();
        let mut out = Changes::default();
        let mut is_changed = false;
        let results = ids
            .iter()
            .map(|id| {
                let track = by_id.get_mut(id.as_ref()).filter(|track| track.open.is_some());
                let track = track.ok_or_else(|| NoSuchAlert(id.as_ref().to_owned()))?;
                is_changed |= apply(track, action, now, &mut out.changes);
                Ok(())
            })
            .collect();
        self.is_active_stale |= is_changed;
        deliver::deliver(self, rules, now, &mut out);
        self.publish();
        (results, out)
    }

    /// Notices were switched on.
    pub fn activated(&mut self) {
        deliver::activated(self);
    }

    /// Tells what became due by time or by a changed schedule, without looking at the world.
    pub fn pass_time(&mut self, rules: &Rules, now: Timestamp) -> Changes {
        let mut out = Changes::default();
        deliver::deliver(self, rules, now, &mut out);
        self.publish();
        out
    }
}

fn apply(track: &mut Track, action: &Action, now: Timestamp, changes: &mut Vec<Change>) -> bool {
    let Some(open) = &mut track.open else { return false };
    match action {
        Action::Acknowledge { user } => {
            if open.alert.acknowledged.is_some() {
                return false;
            }
            Arc::make_mut(&mut open.alert).acknowledged = Some((now, user.clone()));
            changes.push(Change::Acknowledged(open.alert.clone()));
        }
        Action::Unacknowledge => {
            if open.alert.acknowledged.is_none() {
                return false;
            }
            Arc::make_mut(&mut open.alert).acknowledged = None;
            changes.push(Change::Unacknowledged(open.alert.clone()));
        }
        Action::Snooze { until } => {
            open.snoozed_until = Some(*until);
            Arc::make_mut(&mut open.alert).metadata.insert("snoozedUntil".into(), until.to_string().into());
            changes.push(Change::Snoozed(open.alert.clone(), *until));
        }
        Action::Unsnooze => {
            if open.snoozed_until.take().is_none() {
                return false;
            }
            Arc::make_mut(&mut open.alert).metadata.remove("snoozedUntil");
            changes.push(Change::Snoozed(open.alert.clone(), now));
        }
        Action::Clear => close(track, CloseReason::Cleared, now, changes),
    }
    true
}
