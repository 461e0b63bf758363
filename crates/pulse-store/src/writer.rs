//! The writer: a thread that alone changes history. It takes samples in, and at each flush writes the journal, seals
//! windows that are over, rolls up and retains, all in one transaction.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use pulse_core::{
    Clock,
    metric::{ResourceType, Sample},
};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::{
    codec::RawPoint,
    error::StoreError,
    heads::Heads,
    import::{ImportOutcome, ImportPoint},
    journal,
    options::{Retention, StoreOptions},
    registry::Registry,
    shared::Shared,
    sqlite::{self, SqliteTables},
    tables::{MemoryTables, Tables},
    tier::{self, DAY_MS, Tier, WINDOW_MS, window_of},
    upkeep::Job,
};

/// How far in the future a sample may be: clocks differ.
pub(crate) const MOST_AHEAD_MS: i64 = 300_000;
/// At most so many windows are open; an import goes through many.
pub(crate) const MOST_OPEN_WINDOWS: usize = 6;
/// A journal that cannot be written must not fill the memory.
const MOST_JOURNAL_BYTES: usize = 16 << 20;

/// How often reading is tried again, half a second apart, before history is kept in memory only.
const LOAD_AGAIN: usize = 4;

/// What the writer is told.
pub(crate) enum Message {
    Append(Vec<Sample>),
    Flush(oneshot::Sender<Result<(), StoreError>>),
    Import(Vec<ImportPoint>, oneshot::Sender<Result<ImportOutcome, StoreError>>),
    /// From now on, history is kept this long.
    Retain(Retention),
    /// A reader found damage.
    Check,
    Close(oneshot::Sender<()>),
}

/// The file and the only connection that writes it.
pub(crate) struct Disk {
    pub(crate) path: PathBuf,
    pub(crate) connection: Connection,
}

pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) disk: Option<Disk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) flush_every: Duration,
    pub(crate) keeps_milliseconds: bool,
    pub(crate) retention: Retention,
    /// The resource of the last sample: the next is mostly of the same.
    last: Option<Known>,
    is_failing: bool,
    /// A part of the journal was given up while the disk could not be written.
    is_journal_short: bool,
    /// When upkeep was last done, by the clock.
    last_upkeep_ms: Option<i64>,
    /// Nothing is deleted before this time, because the clock has jumped.
    retain_from_ms: i64,
}

/// A resource that needs no more looking up.
struct Known {
    kind: ResourceType,
    name: Arc<str>,
    number: u32,
    metrics: u32,
    day: i32,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        disk: Option<Disk>,
        clock: Arc<dyn Clock>,
        options: &StoreOptions,
    ) -> Self {
        Self {
            shared,
            disk,
            clock,
            flush_every: options.flush_every,
            keeps_milliseconds: options.keeps_milliseconds,
            retention: options.effective_retention(),
            last: None,
            is_failing: false,
            is_journal_short: false,
            last_upkeep_ms: None,
            retain_from_ms: i64::MIN,
        }
    }

    /// Works until it is told to close, or until the store is gone.
    pub(crate) fn run(mut self, messages: &Receiver<Message>) {
        self.start();
        self.shared.set_loaded();
        let mut next_flush = Instant::now() + self.flush_every;
        loop {
            match messages.recv_timeout(next_flush.saturating_duration_since(Instant::now())) {
                Ok(Message::Append(samples)) => {
                    self.take(&samples);
                    let has_too_many_windows = self.shared.read().heads.windows.len() > MOST_OPEN_WINDOWS;
                    if has_too_many_windows || self.flush_every.is_zero() {
                        self.upkeep(false);
                    }
                    if Instant::now() < next_flush {
                        continue;
                    }
                    self.upkeep(false);
                }
                Ok(Message::Flush(answer)) => {
                    // Whoever asked may be gone; that changes nothing.
                    drop(answer.send(self.try_upkeep(true)));
                }
                Ok(Message::Import(points, answer)) => {
                    // Whoever asked may be gone; that changes nothing.
                    drop(answer.send(self.import(points)));
                    continue;
                }
                Ok(Message::Retain(retention)) => {
                    // Nothing is deleted here and now: the next hourly look does that, a day's worth at a time.
                    self.retention = retention;
                    continue;
                }
                Ok(Message::Check) => {
                    self.check();
                    continue;
                }
                Ok(Message::Close(answer)) => {
                    self.upkeep(false);
                    if let Some(disk) = &self.disk {
                        sqlite::tidy(&disk.connection);
                    }
                    drop(self);
                    // Whoever asked may be gone; that changes nothing.
                    let _ = answer.send(());
                    return;
                }
                Err(RecvTimeoutError::Timeout) => self.upkeep(false),
                Err(RecvTimeoutError::Disconnected) => return self.upkeep(false),
            }
            next_flush = Instant::now() + self.flush_every.max(Duration::from_secs(1));
        }
    }

    /// Reads what is on disk, or finds out that it cannot.
    fn start(&mut self) {
        let mut result = self.load();
        for _ in 0..LOAD_AGAIN {
            if result.is_ok() || result.as_ref().is_err_and(StoreError::is_damage) {
                break;
            }
            thread::sleep(Duration::from_millis(500));
            result = self.load();
        }
        match result {
            Ok(()) => {}
            Err(error) if error.is_damage() => self.replace(&error.to_string()),
            // Writing without knowing what is there would spoil it.
            Err(error) => self.keep_in_memory(&error),
        }
    }

    /// Reads what is on disk into memory: resources, counts, and the samples that are not in chunks yet.
    fn load(&mut self) -> Result<(), StoreError> {
        let Some(disk) = &self.disk else { return Ok(()) };
        let now_ms = self.clock.now().as_millisecond();
        let connection = &disk.connection;
        let mut registry = Registry::default();
        sqlite::load_registry(connection, &mut registry)?;
        let counts = sqlite::load_counts(connection)?;
        let days_done = sqlite::state(connection, "days_done")?;
        let sealed: HashMap<i64, u32> = sqlite::sealed(connection)?;
        let mut heads = Heads::new(true);
        let mut last_record = sealed.values().copied().max().unwrap_or(0);
        let mut is_whole = true;
        sqlite::each_record(connection, |record, samples| {
            last_record = last_record.max(record);
            let is_open = |window: i64| {
                let is_in_chunk = sealed.get(&window).is_some_and(|until| *until >= record);
                !is_in_chunk && tier::NUMBERS.contains(&window)
            };
            // Neighbours are mostly of the same window.
            let (mut last_window, mut is_last_open) = (i64::MIN, false);
            is_whole &= journal::replay(samples, |series, at, value| {
                let window = window_of(at);
                if window != last_window {
                    (last_window, is_last_open) = (window, is_open(window));
                }
                if is_last_open {
                    heads.restore(series, RawPoint { at, value }, record, now_ms);
                }
            });
        })?;
        if !is_whole {
            tracing::warn!("a record of unsealed samples is damaged; what could be read of it is kept");
        }
        heads.record = last_record + 1;
        let newest = SqliteTables(connection)
            .bounds(Tier::Raw)?
            .map(|(_, last)| (tier::parts_of(last).0 + 1) * WINDOW_MS);
        let newest_open = heads.windows.last_key_value().map(|(number, _)| (number + 1) * WINDOW_MS);
        self.last_upkeep_ms = newest.max(newest_open);
        let mut state = self.shared.write();
        state.heads = heads;
        state.registry = registry;
        state.counts = counts;
        state.days_done = days_done;
        Ok(())
    }

    /// Takes samples in.
    fn take(&mut self, samples: &[Sample]) {
        let now_ms = self.clock.now().as_millisecond();
        let raw_ms = i64::try_from(self.retention.raw.as_millis()).unwrap_or(i64::MAX);
        let allowed = now_ms.saturating_sub(raw_ms)..=now_ms.saturating_add(MOST_AHEAD_MS);
        let shared = Arc::clone(&self.shared);
        let mut state = shared.write();
        let mut taken = 0;
        for sample in samples {
            let ms = sample.at.as_millisecond();
            let at = if self.keeps_milliseconds { ms } else { ms.div_euclid(1000) * 1000 };
            let is_fit =
                sample.value.is_finite() && allowed.contains(&at) && tier::NUMBERS.contains(&window_of(at));
            if is_fit
                && let Some(series) = self.series_of(&mut state.registry, sample, at)
                && state.heads.append(series, RawPoint { at, value: sample.value }, now_ms)
            {
                taken += 1;
            }
        }
        drop(state);
        shared.taken.fetch_add(taken, Ordering::Relaxed);
        shared.count_dropped(samples.len() as u64 - taken);
        shared.queued.fetch_sub(samples.len(), Ordering::Relaxed);
    }

    #[inline]
    fn series_of(&mut self, registry: &mut Registry, sample: &Sample, at: i64) -> Option<u32> {
        let key = &sample.series;
        let day = at.div_euclid(DAY_MS) as i32;
        let bit = 1_u32 << tier::metric_number(key.metric);
        if let Some(known) = &mut self.last
            && known.kind == key.resource_type
            && known.day == day
            && (Arc::ptr_eq(&known.name, &key.resource_id) || known.name == key.resource_id)
        {
            if known.metrics & bit == 0 {
                registry.note(key.resource_type, &key.resource_id, key.metric, day)?;
                known.metrics |= bit;
            }
            return Some(tier::series_of(known.number, key.metric));
        }
        let number = registry.note(key.resource_type, &key.resource_id, key.metric, day)?;
        let name = Arc::clone(&key.resource_id);
        self.last = Some(Known { kind: key.resource_type, name, number, metrics: bit, day });
        Some(tier::series_of(number, key.metric))
    }

    /// Does upkeep and deals with what goes wrong.
    fn upkeep(&mut self, is_asked_for: bool) {
        // A failure was logged where it happened; the next flush tries again.
        drop(self.try_upkeep(is_asked_for));
    }

    fn try_upkeep(&mut self, is_asked_for: bool) -> Result<(), StoreError> {
        let result = self.write(is_asked_for);
        match &result {
            Ok(()) => {
                if std::mem::take(&mut self.is_failing) {
                    tracing::info!("history is being written again");
                    self.shared.write().problem = None;
                }
                if std::mem::take(&mut self.is_journal_short) {
                    self.shared.write().heads.rejournal();
                }
            }
            Err(error) => self.recover(error),
        }
        result
    }

    /// After a failure: a damaged file is set aside, and what waits in memory gets a bound.
    pub(crate) fn recover(&mut self, error: &StoreError) {
        if error.is_damage() {
            self.replace(&error.to_string());
            return;
        }
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::warn!(%error, "history cannot be written; it stays in memory and is tried again");
        }
        let mut state = self.shared.write();
        state.problem = Some(format!("history cannot be written at the moment: {error}"));
        if state.heads.journal.len() > MOST_JOURNAL_BYTES {
            state.heads.flushed();
            self.is_journal_short = true;
        }
        while state.heads.windows.len() > MOST_OPEN_WINDOWS
            && let Some((&oldest, _)) = state.heads.windows.first_key_value()
            && let Some(window) = state.heads.remove(oldest)
        {
            tracing::warn!(
                samples = window.samples(),
                "an hour of history was dropped, it could not be written"
            );
            self.shared.count_dropped(window.samples());
        }
    }

    fn write(&mut self, is_asked_for: bool) -> Result<(), StoreError> {
        // Upkeep may retire resources.
        self.last = None;
        let now = self.clock.now();
        let job = Job { now, is_asked_for, may_retain: self.may_retain(now), retention: self.retention };
        match &mut self.disk {
            Some(disk) => job.write_to_disk(disk, &self.shared),
            None => job.write_to_memory(&mut self.shared.write()),
        }
    }

    /// Whether old points may be deleted. A clock that jumps ahead makes everything look old: then a day has to pass
    /// first, in which it can be put right.
    fn may_retain(&mut self, now: Timestamp) -> bool {
        let now_ms = now.as_millisecond();
        let has_jumped = self.last_upkeep_ms.is_some_and(|last| now_ms - last > 2 * DAY_MS);
        self.last_upkeep_ms = Some(now_ms);
        if has_jumped {
            self.retain_from_ms = now_ms + DAY_MS;
        } else if now_ms < self.retain_from_ms.saturating_sub(2 * DAY_MS) {
            self.retain_from_ms = i64::MIN;
        }
        now_ms >= self.retain_from_ms
    }

    /// A reader found damage: looks, and sets the file aside if it is so.
    fn check(&mut self) {
        if self.disk.as_ref().is_some_and(|disk| !sqlite::is_sound(&disk.connection)) {
            self.replace("a query found a damaged page");
        }
    }

    /// Sets the damaged file aside and goes on with a new one. What is open in memory stays.
    fn replace(&mut self, reason: &str) {
        let Some(Disk { path, connection }) = self.disk.take() else { return };
        drop(connection);
        let now = self.clock.now();
        let opened = sqlite::set_aside(&path, now).and_then(|to| {
            warn_set_aside(&path, &to, reason);
            sqlite::open(&path, now)
        });
        let shared = Arc::clone(&self.shared);
        let mut state = shared.write();
        state.generation += 1;
        state.counts = Default::default();
        state.days_done = 0;
        state.registry.forget_stored();
        match opened {
            Ok((connection, _)) => {
                state.heads.rejournal();
                self.disk = Some(Disk { path, connection });
            }
            Err(error) => {
                drop(state);
                self.keep_in_memory(&error);
            }
        }
    }

    /// Goes on without the file.
    fn keep_in_memory(&mut self, error: &StoreError) {
        tracing::error!(%error, "history is kept in memory only until the next start");
        self.disk = None;
        self.retention = Retention::IN_MEMORY.sanitized();
        let mut state = self.shared.write();
        state.memory = Some(MemoryTables::default());
        state.problem = Some(format!("history is kept in memory only until the next start: {error}"));
        state.heads.stop_journal();
    }
}

/// Tells that a damaged file was set aside.
pub(crate) fn warn_set_aside(path: &Path, to: &Path, reason: &str) {
    tracing::warn!(
        path = %path.display(),
        kept_as = %to.display(),
        reason,
        "the metrics database is damaged: it was set aside, and history begins anew"
    );
}

#[cfg(test)]
mod tests {
    use pulse_core::{
        ManualClock,
        metric::{Metric, SeriesKey},
    };

    use super::*;

    const START: i64 = 1_795_420_800;

    struct Fixture {
        folder: tempfile::TempDir,
        clock: Arc<ManualClock>,
        writer: Writer,
    }

    impl Fixture {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let clock = Arc::new(ManualClock::new(Timestamp::from_second(START).unwrap()));
            let writer = Self::open(&folder, &clock);
            Self { folder, clock, writer }
        }

        fn open(folder: &tempfile::TempDir, clock: &Arc<ManualClock>) -> Writer {
            let path = folder.path().join("metrics.db");
            let (connection, aside) = sqlite::open(&path, clock.now()).unwrap();
            assert!(aside.is_none());
            let disk = Some(Disk { path, connection });
            let options = StoreOptions::default();
            let mut writer =
                Writer::new(Arc::new(Shared::new(false)), disk, Arc::clone(clock) as _, &options);
            writer.start();
            writer
        }

        fn again(self) -> Self {
            let Self { folder, clock, writer } = self;
            drop(writer);
            let writer = Self::open(&folder, &clock);
            Self { folder, clock, writer }
        }

        fn set_refusing(&self, is_refusing: bool) {
            let disk = self.writer.disk.as_ref().unwrap();
            disk.connection.pragma_update(None, "query_only", is_refusing).unwrap();
        }

        /// One sample every ten seconds.
        fn take(&mut self, samples: i64) {
            for i in 0..samples {
                let at = self.clock.now();
                let key = SeriesKey {
                    resource_type: ResourceType::Vm,
                    resource_id: Arc::from("a"),
                    metric: Metric::Cpu,
                };
                self.writer.shared.queued.fetch_add(1, Ordering::Relaxed);
                self.writer.take(&[Sample { series: key, at, value: i as f64 / 4.0 }]);
                self.clock.advance(jiff::SignedDuration::from_secs(10));
            }
        }

        fn open_samples(&self) -> u64 {
            self.writer.shared.read().heads.samples()
        }
    }

    #[test]
    fn a_disk_that_refuses_for_a_while_costs_nothing() {
        let mut f = Fixture::new();
        f.take(10);
        f.writer.try_upkeep(false).unwrap();
        f.set_refusing(true);
        f.take(500);
        for _ in 0..3 {
            f.writer.try_upkeep(true).unwrap_err();
        }
        assert_eq!(f.open_samples(), 510, "nothing is sealed before it is written");
        f.set_refusing(false);
        f.writer.try_upkeep(true).unwrap();
        assert_eq!(f.open_samples(), 150);
        assert_eq!(f.writer.shared.read().counts[0].points, 360);
        let f = f.again();
        assert_eq!(f.open_samples(), 150, "what is open is in the journal");
        assert_eq!(f.writer.shared.read().counts[0].points, 360);
    }

    #[test]
    fn a_disk_that_refuses_for_long_costs_the_oldest_hours() {
        let mut f = Fixture::new();
        f.writer.try_upkeep(false).unwrap();
        f.set_refusing(true);
        for _ in 0..9 {
            f.take(360);
            f.writer.try_upkeep(false).unwrap_err();
        }
        assert_eq!(f.writer.shared.read().heads.windows.len(), MOST_OPEN_WINDOWS);
        assert_eq!(f.writer.shared.dropped.load(Ordering::Relaxed), 3 * 360);
    }

    #[test]
    fn after_damage_what_is_open_is_on_disk_again() {
        let mut f = Fixture::new();
        f.take(100);
        f.writer.try_upkeep(false).unwrap();
        f.writer.recover(&StoreError::Damaged("for a test".to_owned()));
        f.writer.try_upkeep(false).unwrap();
        let aside = std::fs::read_dir(f.folder.path()).unwrap().count();
        assert!(aside > 1, "the old file is still there");
        let f = f.again();
        assert_eq!(f.open_samples(), 100);
        assert_eq!(f.writer.shared.read().registry.series(), 1);
    }

    #[test]
    fn a_jump_of_the_clock_puts_deleting_off_for_a_day() {
        let mut f = Fixture::new();
        let mut may = |hours: i64| {
            f.clock.advance(jiff::SignedDuration::from_hours(hours));
            f.writer.may_retain(f.clock.now())
        };
        assert!(may(0));
        assert!(may(24));
        assert!(!may(24 * 365), "a year ahead");
        assert!(!may(23));
        assert!(may(-24 * 365), "put right");
        assert!(!may(24 * 3), "the machine slept");
        assert!(may(25));
    }
}
