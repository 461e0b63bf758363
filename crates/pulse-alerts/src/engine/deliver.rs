//! Which alerts people are told of now: one opening, one firing notice, as soon as nothing holds it back.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pulse_core::{
    model::{Alert, AlertLevel},
    notice::{Channels, Notice, NoticeKind},
};

use super::{
    change::{Change, Changes, CloseReason},
    state::{EngineState, Holder, Open, Past, Track},
    step::Phase,
    visit::close,
};
use crate::{
    config::{ActivationState, EscalationLevel},
    rules::Rules,
};

/// Recoveries that wait for the end of quiet hours; the oldest go first.
const MOST_HELD: usize = 10_000;

/// Who acknowledges when nobody does.
const AUTOMATIC: &str = "system-auto";

/// What is the same for every alert at one moment.
struct Moment<'a> {
    rules: &'a Rules,
    now: Timestamp,
    is_active: bool,
    is_quiet: bool,
}

/// Housekeeping, then notices: recoveries of what closed, firings, reminders and escalations of what is raised.
pub(crate) fn deliver(state: &mut EngineState, rules: &Rules, now: Timestamp, out: &mut Changes) {
    let moment = Moment {
        rules,
        now,
        is_active: rules.config.activation() == ActivationState::Active,
        is_quiet: rules.quiet.is_quiet(now),
    };
    let mut is_stale = false;
    for holder in state.holders.values_mut() {
        let is_restored = holder.restored_at.is_some();
        for track in holder.tracks.iter_mut().filter(|track| track.open.is_some()) {
            is_stale |= keep_house(track, is_restored, rules, now, &mut out.changes);
        }
    }
    recoveries(state, &moment, out);
    let mut notices = Vec::new();
    for Holder { tracks, .. } in state.holders.values_mut() {
        for track in tracks {
            if let Some(open) = &mut track.open {
                let is_fine = matches!(track.phase, Phase::Open { fine_since: Some(_) });
                is_stale |= tell(
                    open,
                    is_fine,
                    track.past.as_deref_mut(),
                    track.kind,
                    &moment,
                    &mut notices,
                    &mut out.changes,
                );
            }
        }
    }
    notices
        .sort_by(|a: &Notice, b| (a.alert.started_at, &a.alert.id).cmp(&(b.alert.started_at, &b.alert.id)));
    out.notices.append(&mut notices);
    state.is_active_stale |= is_stale;
}

/// Acknowledges by itself what nobody looked at, and closes what was not seen for long.
fn keep_house(
    track: &mut Track,
    is_restored: bool,
    rules: &Rules,
    now: Timestamp,
    changes: &mut Vec<Change>,
) -> bool {
    let Some(open) = &mut track.open else { return false };
    let config = &rules.config;
    // Pulse v5: counts from the start, so that an alert which was held back for a day, or whose cause is a day old when it
    // is raised, is acknowledged before anybody hears of it.
    let is_untold = !open.is_monitor_only && !open.was_reviewed;
    let told_at = open.announced_at.or((!is_untold).then_some(open.alert.started_at));
    let unseen = now.duration_since(open.alert.last_seen_at);
    let is_acknowledged = open.alert.acknowledged.is_some();
    let hours = config.auto_acknowledge_after_hours;
    let mut is_changed = false;
    let is_due = |at: Timestamp| now.duration_since(at) >= SignedDuration::from_hours(hours);
    if !is_acknowledged && hours > 0 && told_at.is_some_and(is_due) {
        Arc::make_mut(&mut open.alert).acknowledged = Some((now, AUTOMATIC.to_owned()));
        changes.push(Change::Acknowledged(open.alert.clone()));
        is_changed = true;
    }
    // Pulse v5: removed by age even while the condition holds, and raised anew by the next poll.
    let days = if is_acknowledged { config.max_acknowledged_age_days } else { config.max_alert_age_days };
    if days > 0 && !is_restored && unseen >= SignedDuration::from_hours(days * 24) {
        close(track, CloseReason::Expired, now, changes);
        is_changed = true;
    }
    is_changed
}

/// Recoveries of what closed in this evaluation and of what quiet hours held back.
fn recoveries(state: &mut EngineState, moment: &Moment<'_>, out: &mut Changes) {
    let is_wanted = moment.rules.config.schedule.notify_on_resolve;
    for change in &out.changes {
        let Change::Closed { alert, reason, was_told: true } = change else { continue };
        if !is_wanted {
            continue;
        }
        let mut alert = Alert::clone(alert);
        alert.metadata.insert("resolvedReason".into(), reason.name().into());
        if state.held_recoveries.len() >= MOST_HELD {
            state.held_recoveries.pop_front();
        }
        let notice = Notice { kind: NoticeKind::Resolved, alert: Arc::new(alert), at: moment.now };
        state.held_recoveries.push_back(notice);
        state.is_memory_dirty = true;
    }
    if !moment.is_active {
        return;
    }
    // Pulse v5: a recovery in quiet hours is lost, and its incident stays open.
    let waiting = std::mem::take(&mut state.held_recoveries);
    for notice in waiting {
        let kind = crate::kind::Kind::from_name(&notice.alert.kind);
        let is_held =
            kind.is_some_and(|kind| moment.rules.is_quiet_for(kind, notice.alert.level, moment.is_quiet));
        if is_held {
            state.held_recoveries.push_back(notice);
        } else {
            out.notices.push(notice);
            state.is_memory_dirty = true;
        }
    }
}

/// What is to be told of one raised alert; returns whether the alert changed.
fn tell(
    open: &mut Open,
    is_fine: bool,
    past: Option<&mut Past>,
    kind: crate::kind::Kind,
    moment: &Moment<'_>,
    notices: &mut Vec<Notice>,
    changes: &mut Vec<Change>,
) -> bool {
    let now = moment.now;
    let mut is_changed = end_snooze(open, now);
    if open.was_reviewed && open.alert.level > open.told_level {
        open.was_reviewed = false;
    }
    if open.is_monitor_only || open.was_reviewed || open.alert.acknowledged.is_some() {
        return is_changed;
    }
    is_changed |= mark_maintenance(open, moment);
    let is_held_back = !moment.is_active
        || open.snoozed_until.is_some()
        // It flaps and is fine just now.
        || is_fine
        || moment.rules.is_quiet_for(kind, open.alert.level, moment.is_quiet)
        || open.alert.metadata.contains_key("maintenance");
    if is_held_back {
        return is_changed;
    }
    if open.announced_at.is_none() {
        if !may_fire(open, past.as_deref(), moment) {
            return is_changed;
        }
        open.announced_at = Some(now);
        open.told_level = open.alert.level;
        open.repeat = false;
        if let Some(past) = past {
            past.last_announced = Some(now);
        }
        hand_over(open, NoticeKind::Firing, now, notices);
        return true;
    }
    let since_last = open.alert.last_notified_at.map(|at| now.duration_since(at));
    let config = &moment.rules.config.schedule;
    let reminds = config.reminders.enabled
        && since_last.is_none_or(|since| since >= SignedDuration::from_mins(config.reminders.minutes));
    let repeats = open.repeat && since_last.is_none_or(|since| since >= moment.rules.cooldown());
    if open.alert.level > open.told_level || repeats || reminds {
        open.told_level = open.told_level.max(open.alert.level);
        open.repeat = false;
        hand_over(open, NoticeKind::Reminder, now, notices);
        is_changed = true;
    }
    if config.escalation.enabled
        && let Some((level, to)) = next_level(open, &config.escalation.levels, now)
    {
        let alert = Arc::make_mut(&mut open.alert);
        alert.escalation_level = level;
        alert.escalated_at.push(now);
        hand_over(open, NoticeKind::Escalated { level, to }, now, notices);
        changes.push(Change::Escalated(open.alert.clone()));
        is_changed = true;
    }
    is_changed
}

/// Cooldown, the limit per hour, and what came back almost unchanged.
fn may_fire(open: &Open, past: Option<&Past>, moment: &Moment<'_>) -> bool {
    let now = moment.now;
    if open.not_before.is_some_and(|at| now < at) {
        return false;
    }
    let Some(past) = past else { return true };
    let limit = moment.rules.config.schedule.max_alerts_hour as usize;
    let is_cool = past.last_announced.is_none_or(|last| {
        let since = now.duration_since(last);
        // A clock that was set back must not silence an alert.
        since >= moment.rules.cooldown() || since.is_negative()
    });
    is_cool && (limit == 0 || past.openings_in_hour(now) <= limit)
}

/// The highest escalation level that is due and was not reached yet.
fn next_level(open: &Open, levels: &[EscalationLevel], now: Timestamp) -> Option<(u32, Channels)> {
    // Before it was told, nobody could have done anything.
    let age = now.duration_since(open.announced_at.unwrap_or(open.alert.started_at));
    let due = levels
        .iter()
        .zip(1u32..)
        .filter(|(level, number)| {
            *number > open.alert.escalation_level && age >= SignedDuration::from_mins(level.after)
        })
        .last()?;
    let to = match due.0.notify.as_str() {
        "email" => Channels::Email,
        "webhook" => Channels::Webhook,
        _ => Channels::All,
    };
    Some((due.1, to))
}

fn hand_over(open: &mut Open, kind: NoticeKind, now: Timestamp, notices: &mut Vec<Notice>) {
    Arc::make_mut(&mut open.alert).last_notified_at = Some(now);
    notices.push(Notice { kind, alert: open.alert.clone(), at: now });
}

fn end_snooze(open: &mut Open, now: Timestamp) -> bool {
    if open.snoozed_until.is_none_or(|until| now < until) {
        return false;
    }
    open.snoozed_until = None;
    open.repeat = true;
    Arc::make_mut(&mut open.alert).metadata.remove("snoozedUntil");
    true
}

/// The alert itself says that maintenance holds it back.
fn mark_maintenance(open: &mut Open, moment: &Moment<'_>) -> bool {
    let is_marked = open.alert.metadata.contains_key("maintenance");
    if moment.rules.maintenance.is_empty() && !is_marked {
        return false;
    }
    match moment.rules.maintenance_of(&open.alert, moment.now) {
        Some(window) if !is_marked => {
            let id = window.id.clone();
            Arc::make_mut(&mut open.alert).metadata.insert("maintenance".into(), id.into());
            true
        }
        None if is_marked => {
            Arc::make_mut(&mut open.alert).metadata.remove("maintenance");
            true
        }
        Some(_) | None => false,
    }
}

/// Notices were switched on: warnings that are there have been reviewed, critical alerts are told.
pub(crate) fn activated(state: &mut EngineState) {
    for track in state.holders.values_mut().flat_map(|holder| &mut holder.tracks) {
        if let Some(open) = &mut track.open {
            open.was_reviewed = open.announced_at.is_none() && open.alert.level == AlertLevel::Warning;
        }
    }
}
