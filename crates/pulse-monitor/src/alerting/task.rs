//! The task that owns the engine's state.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use pulse_alerts::{AlertConfig, Change, Changes, EngineState, Rules, SavedMemory, SavedNotice, SavedTrack};
use pulse_core::{
    Clock,
    model::Alert,
    notice::{Notice, NoticeKind, NoticeSink},
};
use pulse_store::{AlertStore, alerts::Batch};
use tokio::{
    sync::{broadcast, mpsc, watch},
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

use super::{AlertConfigStore, Command, LiveEvent, record::record};
use crate::Keeper;

/// Time passes for the engine at least this often.
const TICK: Duration = Duration::from_secs(5);

/// The world is looked at no more often than this.
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);

/// Old history is forgotten this often.
const PURGE_PERIOD: SignedDuration = SignedDuration::from_hours(1);

/// Notices and history that wait while the ledger or the notifications cannot take them; the oldest go first.
const MOST_WAITING: usize = 10_000;

/// What a restart brought back.
struct Restored {
    state: EngineState,
    outbox: VecDeque<(Option<i64>, Notice)>,
}

/// Reads what was raised before. What cannot be read is said and left out; it is raised anew where it still holds.
async fn restore(store: &AlertStore, now: Timestamp) -> Restored {
    let kept = match store.load().await {
        Ok(kept) => kept,
        Err(error) => {
            tracing::error!(%error, "raised alerts of before the restart could not be read");
            Default::default()
        }
    };
    let mut unreadable = 0;
    let mut read = |body: &str| {
        let track = serde_json::from_str::<SavedTrack>(body);
        unreadable += usize::from(track.is_err());
        track.ok()
    };
    let tracks: Vec<SavedTrack> = kept.active.iter().filter_map(|body| read(body)).collect();
    let memory: SavedMemory =
        kept.memory.and_then(|body| serde_json::from_str(&body).ok()).unwrap_or_default();
    let outbox = kept
        .outbox
        .into_iter()
        .filter_map(|(id, body)| {
            let notice = serde_json::from_str::<SavedNotice>(&body).ok()?;
            Some((Some(id), notice.into()))
        })
        .collect();
    if unreadable > 0 {
        tracing::error!(unreadable, "some raised alerts of before the restart could not be read");
    }
    Restored { state: EngineState::restore(tracks, memory, now), outbox }
}

pub(super) struct Task {
    pub(super) keeper: Keeper,
    pub(super) config: Arc<AlertConfigStore>,
    pub(super) store: AlertStore,
    pub(super) sink: Arc<dyn NoticeSink>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rules: Arc<Rules>,
    pub(super) rules_out: watch::Sender<Arc<Rules>>,
    pub(super) active_out: watch::Sender<Arc<Vec<Arc<Alert>>>>,
    pub(super) live: broadcast::Sender<LiveEvent>,
    pub(super) state: EngineState,
    /// Notices that were not taken yet, with their number in the outbox.
    pub(super) waiting: VecDeque<(Option<i64>, Notice)>,
    /// What could not be written yet.
    pub(super) backlog: Batch,
    /// Alerts whose state could not be written yet.
    pub(super) unsaved: HashSet<String>,
    pub(super) is_ledger_down: bool,
    pub(super) is_sink_down: bool,
    pub(super) last_purge: Option<Timestamp>,
}

impl Task {
    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Command>, stop: CancellationToken) {
        let mut world = self.keeper.subscribe();
        let mut config = self.config.subscribe();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut next_look = Instant::now();
        let restored = restore(&self.store, self.clock.now()).await;
        self.state = restored.state;
        self.waiting = restored.outbox;
        self.publish().await;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                command = inbox.recv() => match command {
                    Some(command) => self.obey(command).await,
                    None => break,
                },
                _ = tick.tick() => self.look().await,
                // An import changes it without a command.
                Ok(()) = config.changed() => {
                    let is_new = **config.borrow_and_update() != *self.rules.config;
                    if is_new {
                        self.take_over(false).await;
                    }
                }
                changed = async {
                    let changed = world.changed().await;
                    tokio::time::sleep_until(next_look).await;
                    changed
                } => {
                    if changed.is_err() {
                        break;
                    }
                    world.mark_unchanged();
                    self.look().await;
                    next_look = Instant::now() + BETWEEN_LOOKS;
                }
            }
        }
        // What is to be told is on the disk; what could not be written gets a last chance.
        let now = self.clock.now();
        self.keep(&Changes::default(), now).await;
    }

    async fn look(&mut self) {
        let now = self.clock.now();
        let world = self.keeper.snapshot();
        self.state.set_broken_destinations(self.sink.broken_destinations());
        let changes = self.state.evaluate(&self.rules, &world, now);
        self.follow(changes, now).await;
        if self.last_purge.is_none_or(|last| now.duration_since(last) >= PURGE_PERIOD) {
            self.last_purge = Some(now);
            if let Err(error) = self.store.purge(now).await {
                tracing::warn!(%error, "old alert history could not be forgotten");
            }
        }
    }

    async fn obey(&mut self, command: Command) {
        let now = self.clock.now();
        match command {
            Command::Act { ids, action, answer } => {
                let (results, changes) = self.state.act_on_all(&ids, &action, &self.rules, now);
                self.follow(changes, now).await;
                // Whoever asked may be gone.
                let _ = answer.send(results);
            }
            Command::Reload { activated, answer } => {
                self.take_over(activated).await;
                let _ = answer.send(());
            }
            Command::Look { answer } => {
                self.look().await;
                let _ = answer.send(());
            }
        }
    }

    /// Compiles the configuration as it is now and looks at everything under it.
    async fn take_over(&mut self, activated: bool) {
        self.rules = Arc::new(Rules::new(AlertConfig::clone(&self.config.current())));
        self.rules_out.send_replace(self.rules.clone());
        if activated {
            self.state.activated();
        }
        self.look().await;
    }

    /// Publishes, keeps and hands over what the engine did.
    async fn follow(&mut self, changes: Changes, now: Timestamp) {
        // What is shown as over must be over in the history as well: kept first.
        self.keep(&changes, now).await;
        self.publish().await;
        for change in &changes.changes {
            if let Change::Closed { alert, .. } = change {
                // No listener is no error.
                let _ = self.live.send(LiveEvent::Resolved { id: alert.id.clone() });
            }
        }
        for notice in &changes.notices {
            if notice.kind != NoticeKind::Resolved {
                let _ = self.live.send(LiveEvent::Raised(notice.alert.clone()));
            }
        }
        self.hand_over().await;
    }

    /// Puts the raised alerts into the world when they changed.
    async fn publish(&mut self) {
        let active = self.state.active();
        let before = self.active_out.borrow().clone();
        let shown = self.keeper.snapshot().active_alerts.clone();
        let is_same = |other: &Arc<Vec<Arc<Alert>>>| {
            Arc::ptr_eq(other, &active) || other.is_empty() && active.is_empty()
        };
        if is_same(&before) && is_same(&shown) {
            return;
        }
        self.active_out.send_replace(active.clone());
        // A keeper that is closed is no longer read.
        let _ = self.keeper.change(move |world, _| world.set_active_alerts(active)).await;
    }

    async fn keep(&mut self, changes: &Changes, now: Timestamp) {
        let Changes { changes, notices } = changes;
        let touched = changes.iter().map(|change| change.alert().id.clone());
        self.unsaved.extend(touched.chain(notices.iter().map(|notice| notice.alert.id.clone())));
        let mut batch = std::mem::take(&mut self.backlog);
        record(changes, now, &mut batch);
        let mut saved = self.state.save_of(&self.unsaved);
        for id in &self.unsaved {
            match saved.remove(id).and_then(|track| serde_json::to_string(&track).ok()) {
                Some(body) => batch.put.push((id.clone(), body)),
                None => batch.remove.push(id.clone()),
            }
        }
        if let Some(memory) = self.state.save_memory() {
            batch.memory = serde_json::to_string(&memory).ok();
        }
        let bodies = notices.iter().map(|notice| serde_json::to_string(&SavedNotice::from(notice)));
        batch.outbox = bodies.filter_map(Result::ok).collect();
        if batch.is_empty() {
            return;
        }
        let spare = Batch {
            openings: batch.openings.clone(),
            events: batch.events.clone(),
            memory: batch.memory.clone(),
            ..Batch::default()
        };
        match self.store.write(batch).await {
            Ok(numbers) => {
                self.unsaved.clear();
                if std::mem::take(&mut self.is_ledger_down) {
                    tracing::info!("alerts are kept again");
                }
                self.waiting.extend(numbers.into_iter().map(Some).zip(notices.iter().cloned()));
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_ledger_down, true) {
                    tracing::error!(%error, "alerts cannot be kept; they are raised and told all the same");
                }
                self.backlog = spare;
                let excess = |len: usize| len.saturating_sub(MOST_WAITING);
                self.backlog.openings.drain(..excess(self.backlog.openings.len()));
                self.backlog.events.drain(..excess(self.backlog.events.len()));
                self.waiting.extend(notices.iter().map(|notice| (None, notice.clone())));
            }
        }
        while self.waiting.len() > MOST_WAITING {
            self.waiting.pop_front();
        }
    }

    async fn hand_over(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let notices = self.waiting.iter().map(|(_, notice)| notice.clone()).collect();
        if let Err(error) = self.sink.take(notices).await {
            if !std::mem::replace(&mut self.is_sink_down, true) {
                tracing::error!(%error, "notices cannot be handed over; they wait");
            }
            return;
        }
        self.is_sink_down = false;
        let numbers: Vec<i64> = self.waiting.drain(..).filter_map(|(number, _)| number).collect();
        if let Err(error) = self.store.taken(numbers).await {
            // They are handed over once more after a restart, and recognised.
            tracing::warn!(%error, "notices that were taken could not be forgotten");
        }
    }
}
