//! One look at one resource: its conditions go in, openings, changes and closings come out.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use pulse_core::model::{Alert, AlertLevel};
use serde_json::{Value, json};

use super::{
    change::{Change, CloseReason},
    state::{ACK_MEMORY, EngineState, Holder, Memory, Open, Past, Source, Track},
    step::{Confirm, Phase, Sight, step},
};
use crate::{
    kind::{Kind, Metric},
    rules::{Rule, Rules},
};

/// How much a value must change before the alert is published anew.
const VISIBLE_CHANGE: f64 = 0.5;

/// At the latest after this time `last_seen_at` is brought up to date.
const REFRESH: SignedDuration = SignedDuration::from_secs(60);

/// Marks an alert that comes and goes, in its metadata.
const FLAPPING: &str = "flapping";

/// The same in words.
const COMES_AND_GOES: &str = " (it comes and goes)";

/// To hundredths: finer than any source measures, and the same after a way through text.
fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// What a look works with.
pub(crate) struct Look<'a> {
    pub(crate) state: &'a mut EngineState,
    pub(crate) rules: &'a Rules,
    pub(crate) now: Timestamp,
    pub(crate) source: Source,
    /// Whether the source brought new figures since the last look.
    pub(crate) is_fresh: bool,
    pub(crate) changes: Vec<Change>,
    /// Reused for keys.
    pub(crate) key: String,
}

/// Who an alert is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) node: &'a str,
    pub(crate) instance: &'a str,
    /// As people read it: `VM`, `Node` …
    pub(crate) what: &'static str,
    pub(crate) tags: &'a [String],
    pub(crate) is_monitor_only: bool,
}

/// What a condition shows, with what is needed to raise it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finding {
    pub(crate) sight: Sight,
    pub(crate) level: AlertLevel,
    pub(crate) value: f64,
    pub(crate) threshold: f64,
    /// Below this value a critical alert may become a warning again.
    pub(crate) eases_below: Option<f64>,
    /// Since when the condition holds, where the source knows.
    pub(crate) since: Option<Timestamp>,
}

impl Finding {
    pub(crate) const HELD: Self = Self::of(Sight::Held, AlertLevel::Warning, 0.0, 0.0);
    pub(crate) const FINE: Self = Self::of(Sight::Fine, AlertLevel::Warning, 0.0, 0.0);

    pub(crate) const fn of(sight: Sight, level: AlertLevel, value: f64, threshold: f64) -> Self {
        Self { sight, level, value, threshold, eases_below: None, since: None }
    }

    pub(crate) const fn bad(level: AlertLevel, value: f64, threshold: f64) -> Self {
        Self::of(Sight::Bad, level, value, threshold)
    }

    /// Bad where `level` is one.
    pub(crate) fn maybe(level: Option<AlertLevel>, value: f64, threshold: f64) -> Self {
        level.map_or(Self::FINE, |level| Self::bad(level, value, threshold))
    }

    /// A value against a rule; no value holds.
    pub(crate) fn metric(value: Option<f64>, rule: &Rule) -> Self {
        let Some(value) = value.filter(|value| value.is_finite()) else { return Self::HELD };
        let sight = if value >= rule.trigger {
            Sight::Bad
        } else if value <= rule.clear {
            Sight::Fine
        } else {
            Sight::Between
        };
        let level = if value >= rule.critical { AlertLevel::Critical } else { AlertLevel::Warning };
        let eases_below = Some(rule.critical - (rule.trigger - rule.clear).max(0.0));
        Self { eases_below, ..Self::of(sight, level, value, rule.trigger) }
    }

    /// A value against a warning and a critical limit, each off where it is not positive; it is fine again a tenth
    /// below the lower one.
    pub(crate) fn limits(value: f64, warning: f64, critical: f64) -> Self {
        let lowest =
            [warning, critical].into_iter().filter(|limit| *limit > 0.0).fold(f64::INFINITY, f64::min);
        if !value.is_finite() || lowest.is_infinite() {
            return if value.is_finite() { Self::FINE } else { Self::HELD };
        }
        let is_critical = critical > 0.0 && value >= critical;
        let sight = if value >= lowest {
            Sight::Bad
        } else if value > lowest * 0.9 {
            Sight::Between
        } else {
            Sight::Fine
        };
        let level = if is_critical { AlertLevel::Critical } else { AlertLevel::Warning };
        Self::of(sight, level, value, if is_critical { critical } else { lowest })
    }

    pub(crate) fn since(self, since: Timestamp) -> Self {
        Self { since: Some(since), ..self }
    }

    pub(crate) fn is_bad(&self) -> bool {
        self.sight == Sight::Bad
    }
}

/// The words of an alert.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) id: String,
    /// The resource where it is a part of the one that is looked at.
    pub(crate) resource: Option<(String, String)>,
    pub(crate) message: String,
    pub(crate) metadata: BTreeMap<String, Value>,
}

impl Words {
    pub(crate) fn new(id: String, message: String) -> Self {
        Self { id, resource: None, message, metadata: BTreeMap::new() }
    }

    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.metadata.insert(key.to_owned(), value.into());
        self
    }

    pub(crate) fn with_maybe<T: Into<Value>>(self, key: &str, value: Option<T>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// About a part: its id and name.
    pub(crate) fn about(mut self, id: String, name: String) -> Self {
        self.resource = Some((id, name));
        self
    }
}

/// A look at one resource.
pub(crate) struct Visit<'v> {
    pub(crate) subject: Subject<'v>,
    pub(crate) now: Timestamp,
    pub(crate) is_fresh: bool,
    pub(crate) rules: &'v Rules,
    pub(crate) memory: &'v mut Memory,
    pub(crate) is_memory_dirty: &'v mut bool,
    generation: u32,
    tracks: Vec<Track>,
    changes: &'v mut Vec<Change>,
    is_active_stale: &'v mut bool,
    active: &'v Arc<Vec<Arc<Alert>>>,
}

impl Look<'_> {
    /// Looks at the resource whose key stands in `self.key`. What the closure does not look at is closed.
    pub(crate) fn resource(&mut self, subject: Subject<'_>, look: impl FnOnce(&mut Visit<'_>)) {
        let generation = self.state.generation;
        let tracks = match self.state.holders.get_mut(self.key.as_str()) {
            Some(holder) => {
                holder.generation = generation;
                holder.restored_at = None;
                std::mem::take(&mut holder.tracks)
            }
            None => Vec::new(),
        };
        let had_any = !tracks.is_empty();
        let mut visit = Visit {
            subject,
            now: self.now,
            is_fresh: self.is_fresh,
            rules: self.rules,
            memory: &mut self.state.memory,
            is_memory_dirty: &mut self.state.is_memory_dirty,
            generation,
            tracks,
            changes: &mut self.changes,
            is_active_stale: &mut self.state.is_active_stale,
            active: &self.state.active,
        };
        look(&mut visit);
        visit.close_what_was_not_looked_at();
        let mut tracks = visit.tracks;
        tracks.retain(|track| !track.is_idle());
        // Most resources have one or two: room for four is memory lost ten thousand times.
        tracks.shrink_to_fit();
        match (had_any, tracks.is_empty()) {
            (false, true) => {}
            (true, true) => {
                self.state.holders.remove(self.key.as_str());
            }
            (true, false) => {
                if let Some(holder) = self.state.holders.get_mut(self.key.as_str()) {
                    holder.tracks = tracks;
                }
            }
            (false, false) => {
                let holder = Holder { source: self.source.clone(), generation, restored_at: None, tracks };
                self.state.holders.insert(self.key.as_str().into(), holder);
            }
        }
    }
}

impl Visit<'_> {
    /// Whether nothing is known of the resource: what is not bad need not be looked at.
    pub(crate) fn is_idle(&self) -> bool {
        self.tracks.is_empty()
    }

    /// The number of this look.
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// Nothing of the resource can be told now: everything stays as it is.
    pub(crate) fn hold_all(&mut self) {
        for track in &mut self.tracks {
            track.generation = self.generation;
        }
    }

    /// The same for one type of alert.
    pub(crate) fn hold(&mut self, kind: Kind) {
        for track in self.tracks.iter_mut().filter(|track| track.kind == kind) {
            track.generation = self.generation;
        }
    }

    /// The same for several.
    pub(crate) fn hold_kinds(&mut self, kinds: &[Kind]) {
        for kind in kinds {
            self.hold(*kind);
        }
    }

    /// The same for everything with a threshold.
    pub(crate) fn hold_metrics(&mut self) {
        for metric in Metric::ALL {
            self.hold(metric.kind());
        }
    }

    /// A value against its rule; without a rule it is off, without a value nothing moves.
    pub(crate) fn metric(
        &mut self,
        metric: Metric,
        value: Option<f64>,
        rule: Option<&Rule>,
        words: impl FnOnce(&Subject<'_>) -> Words,
    ) {
        let Some(rule) = rule else { return };
        let finding = Finding::metric(value, rule);
        if self.is_idle() && !finding.is_bad() {
            return;
        }
        let confirm = Confirm::seconds(rule.delay_seconds);
        let (clear, unit) = (rule.clear, metric.unit());
        self.check(metric.kind(), "", finding, confirm, |subject| {
            words(subject).with("clearThreshold", clear).with_maybe("unit", unit)
        });
    }

    /// The usual words of a metric.
    pub(crate) fn plain_metric(&mut self, metric: Metric, value: Option<f64>, rule: Option<&Rule>) {
        let shown = value.unwrap_or_default();
        self.metric(metric, value, rule, |subject| {
            let id = format!("{}-{}", subject.id, metric.name());
            Words::new(id, format!("{} {} at {}", subject.what, metric.name(), metric.show(shown)))
        });
    }

    /// One condition.
    pub(crate) fn check(
        &mut self,
        kind: Kind,
        detail: &str,
        finding: Finding,
        confirm: Confirm,
        words: impl FnOnce(&Subject<'_>) -> Words,
    ) {
        let place = self.tracks.iter().position(|track| track.kind == kind && *track.detail == *detail);
        let index = match place {
            Some(index) => index,
            None if finding.is_bad() => {
                self.tracks.push(Track::new(kind, detail));
                self.tracks.len() - 1
            }
            None => return,
        };
        let damping = self.damping(&self.tracks[index]);
        let track = &mut self.tracks[index];
        track.generation = self.generation;
        let before = track.phase;
        track.phase = step(before, finding.sight, confirm, self.is_fresh, damping, self.now);
        match (before, track.phase) {
            (Phase::Open { .. }, Phase::Open { fine_since }) => {
                if finding.is_bad() || finding.sight == Sight::Between {
                    self.update(index, &finding, words);
                } else if fine_since.is_some() {
                    self.mark_flapping(index);
                }
            }
            (Phase::Open { .. }, Phase::Quiet | Phase::Pending { .. }) => {
                self.close(index, CloseReason::Recovered);
            }
            (Phase::Pending { since, .. }, Phase::Open { .. }) => self.open(index, since, &finding, words),
            (Phase::Quiet, Phase::Open { .. }) => self.open(index, self.now, &finding, words),
            (Phase::Quiet | Phase::Pending { .. }, Phase::Quiet | Phase::Pending { .. }) => {}
        }
    }

    /// How long an alert must be fine before it closes; `None` for an alert that does not flap.
    fn damping(&self, track: &Track) -> Option<SignedDuration> {
        let config = &self.rules.config;
        let open = track.open.as_ref().filter(|_| config.flapping_enabled)?;
        let past = track.past.as_ref()?;
        let window = SignedDuration::from_secs(config.flapping_window_seconds);
        let per_hour = config.flapping_openings_per_hour as usize;
        let flaps = past.changes_within(self.now, window) >= config.flapping_threshold as usize
            || (per_hour > 0 && past.openings_in_hour(self.now) >= per_hour)
            // Once damped, an opening stays so: otherwise it would close when the first of the others is an hour old.
            || open.alert.metadata.contains_key(FLAPPING);
        flaps.then(|| SignedDuration::from_mins(config.flapping_cooldown_minutes))
    }

    fn open(
        &mut self,
        index: usize,
        since: Timestamp,
        finding: &Finding,
        words: impl FnOnce(&Subject<'_>) -> Words,
    ) {
        let mut words = words(&self.subject);
        if self.active.binary_search_by(|alert| alert.id.as_str().cmp(&words.id)).is_ok() {
            // A guest that moved to where another one was: ids stay unique, the second says whose it is.
            words.id = format!("{}-{}", words.id, since.as_second());
        }
        words.id.shrink_to_fit();
        words.message.shrink_to_fit();
        let config = &self.rules.config;
        let track = &mut self.tracks[index];
        let past = track.past.get_or_insert_with(Box::<Past>::default);
        let last_opening = past.openings.back().copied();
        let is_repeat = last_opening.is_some_and(|last| {
            let window = SignedDuration::from_mins(config.suppression_window);
            self.now.duration_since(last) < window
                && past.last_value.is_some_and(|value| (value - finding.value).abs() < config.minimum_delta)
        });
        let not_before = last_opening
            .filter(|_| is_repeat)
            .and_then(|last| last.checked_add(SignedDuration::from_mins(config.suppression_window)).ok());
        let acknowledged = past
            .acknowledged
            .take()
            .map(|it| *it)
            .filter(|(closed, _, level)| {
                self.now.duration_since(*closed) <= ACK_MEMORY && finding.level <= *level
            })
            .map(|(_, acknowledged, _)| acknowledged);
        past.opened(self.now);
        past.last_value = Some(finding.value);
        let (resource_id, resource_name) = words
            .resource
            .take()
            .unwrap_or_else(|| (self.subject.id.to_owned(), self.subject.name.to_owned()));
        let alert = Arc::new(Alert {
            id: words.id,
            kind: track.kind.name().to_owned(),
            level: finding.level,
            resource_id,
            resource_name,
            node: self.subject.node.to_owned(),
            instance: self.subject.instance.to_owned(),
            message: words.message,
            value: round(finding.value),
            threshold: finding.threshold,
            started_at: finding.since.unwrap_or(since),
            last_seen_at: self.now,
            acknowledged,
            last_notified_at: None,
            escalation_level: 0,
            escalated_at: Vec::new(),
            metadata: complete(words.metadata, &self.subject),
        });
        track.open = Some(Box::new(Open {
            alert: alert.clone(),
            announced_at: None,
            told_level: finding.level,
            not_before,
            snoozed_until: None,
            is_monitor_only: self.subject.is_monitor_only,
            was_reviewed: false,
            repeat: false,
        }));
        *self.is_active_stale = true;
        self.changes.push(Change::Opened(alert));
    }

    fn update(&mut self, index: usize, finding: &Finding, words: impl FnOnce(&Subject<'_>) -> Words) {
        let Some(open) = &mut self.tracks[index].open else { return };
        let was = &open.alert;
        let mut level = if finding.is_bad() { finding.level } else { was.level };
        if was.level == AlertLevel::Critical
            && level == AlertLevel::Warning
            && finding.eases_below.is_some_and(|below| finding.value > below)
        {
            level = AlertLevel::Critical;
        }
        let has_moved = was.resource_id != self.subject.id && was.node != self.subject.node;
        let is_visible = (finding.value - was.value).abs() >= VISIBLE_CHANGE
            || level != was.level
            || finding.threshold != was.threshold
            || has_moved
            || self.now.duration_since(was.last_seen_at) >= REFRESH;
        if !is_visible || !self.is_fresh && finding.threshold == was.threshold {
            return;
        }
        let words = words(&self.subject);
        let grew = matches!(self.tracks[index].kind, Kind::ZfsPoolErrors)
            && finding.value > was_value(&self.tracks[index]);
        let Some(open) = &mut self.tracks[index].open else { return };
        let alert = Arc::make_mut(&mut open.alert);
        let rose = level > alert.level;
        alert.level = level;
        alert.value = round(finding.value);
        alert.threshold = finding.threshold;
        alert.last_seen_at = self.now;
        alert.message = words.message;
        let (resource_id, resource_name) =
            words.resource.unwrap_or_else(|| (self.subject.id.to_owned(), self.subject.name.to_owned()));
        alert.resource_id = resource_id;
        alert.resource_name = resource_name;
        if alert.node != self.subject.node {
            self.subject.node.clone_into(&mut alert.node);
        }
        let kept = [FLAPPING, "snoozedUntil", "maintenance"]
            .map(|key| (key.to_owned(), alert.metadata.get(key).cloned()));
        alert.metadata = complete(words.metadata, &self.subject);
        alert.metadata.extend(kept.into_iter().filter_map(|(key, value)| Some((key, value?))));
        if alert.metadata.contains_key(FLAPPING) {
            alert.message.push_str(COMES_AND_GOES);
        }
        open.is_monitor_only = self.subject.is_monitor_only;
        open.repeat |= grew;
        if grew {
            alert.acknowledged = None;
        }
        *self.is_active_stale = true;
        if rose || grew {
            self.changes.push(Change::Worsened(open.alert.clone()));
        }
    }

    fn mark_flapping(&mut self, index: usize) {
        let Some(open) = &mut self.tracks[index].open else { return };
        if open.alert.metadata.contains_key(FLAPPING) {
            return;
        }
        let alert = Arc::make_mut(&mut open.alert);
        alert.metadata.insert(FLAPPING.into(), json!(true));
        alert.message.push_str(COMES_AND_GOES);
        *self.is_active_stale = true;
    }

    fn close(&mut self, index: usize, reason: CloseReason) {
        close(&mut self.tracks[index], reason, self.now, self.changes);
        *self.is_active_stale = true;
    }

    fn close_what_was_not_looked_at(&mut self) {
        for index in 0..self.tracks.len() {
            if self.tracks[index].generation == self.generation {
                continue;
            }
            self.tracks[index].phase = Phase::Quiet;
            if self.tracks[index].open.is_some() {
                self.close(index, CloseReason::NoLongerWatched);
            }
        }
    }
}

fn was_value(track: &Track) -> f64 {
    track.open.as_ref().map_or(0.0, |open| open.alert.value)
}

/// Closes a track and remembers what the next opening must know.
pub(crate) fn close(track: &mut Track, reason: CloseReason, now: Timestamp, changes: &mut Vec<Change>) {
    track.phase = Phase::Quiet;
    let Some(open) = track.open.take() else { return };
    let past = track.past.get_or_insert_with(Box::<Past>::default);
    past.closed(now);
    past.last_announced = open.announced_at.or(past.last_announced);
    past.acknowledged = open.alert.acknowledged.clone().map(|ack| Box::new((now, ack, open.alert.level)));
    let was_told = open.announced_at.is_some();
    changes.push(Change::Closed { alert: open.alert, reason, was_told });
}

/// What every alert has in its metadata.
fn complete(mut metadata: BTreeMap<String, Value>, subject: &Subject<'_>) -> BTreeMap<String, Value> {
    metadata.insert("resourceType".into(), subject.what.into());
    metadata.insert("monitorOnly".into(), subject.is_monitor_only.into());
    if !subject.tags.is_empty() {
        metadata.insert("tags".into(), json!(subject.tags));
    }
    metadata
}
