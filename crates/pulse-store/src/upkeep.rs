//! One round of upkeep: what is due, and writing it, all or nothing.

use jiff::Timestamp;

use crate::{
    error::StoreError,
    heads::Heads,
    options::Retention,
    seal::Sealer,
    shared::{Shared, State},
    sqlite::{self, SqliteTables},
    tier::{DAY_MS, WINDOW_MS},
    writer::{Disk, MOST_OPEN_WINDOWS},
};

/// How long after its end a window waits for samples that are under way.
const GRACE_MS: i64 = 120_000;
/// How long a window that was opened late gathers before it is sealed, because that rewrites chunks.
const LATE_WAIT_MS: i64 = 300_000;
const RETAIN_EVERY_MS: i64 = WINDOW_MS;

/// What this round is to do.
pub(crate) struct Job {
    pub(crate) now: Timestamp,
    /// Somebody waits for it: late windows do not wait any longer.
    pub(crate) is_asked_for: bool,
    /// Old points may be deleted.
    pub(crate) may_retain: bool,
    pub(crate) retention: Retention,
}

/// What is due, by the state of things.
struct Due {
    windows: Vec<i64>,
    /// Roll up the days before this one.
    day: Option<i64>,
    retains: bool,
    has_new_samples: bool,
    has_new_resources: bool,
}

impl Due {
    fn is_nothing(&self) -> bool {
        self.windows.is_empty()
            && self.day.is_none()
            && !self.retains
            && !self.has_new_samples
            && !self.has_new_resources
    }
}

impl Job {
    fn now_ms(&self) -> i64 {
        self.now.as_millisecond()
    }

    fn due(&self, state: &State) -> Due {
        // A day is rolled up an hour after its end, when its last window is sealed.
        let day = (self.now_ms() - WINDOW_MS).div_euclid(DAY_MS);
        let retains = self.may_retain
            && state.last_retention.is_none_or(|last| {
                let since = self.now_ms() - last.as_millisecond();
                !(0..RETAIN_EVERY_MS).contains(&since)
            });
        Due {
            windows: self.due_windows(&state.heads),
            day: (day > state.days_done).then_some(day),
            retains,
            has_new_samples: state.heads.journal.samples() > 0,
            has_new_resources: state.registry.changed().next().is_some(),
        }
    }

    /// Which windows are to be sealed.
    fn due_windows(&self, heads: &Heads) -> Vec<i64> {
        let has_too_many = heads.windows.len() > MOST_OPEN_WINDOWS;
        let is_due = |number: i64, opened_ms: i64| {
            let start = number * WINDOW_MS;
            let is_over = start + WINDOW_MS + GRACE_MS <= self.now_ms();
            let has_waited = self.is_asked_for || has_too_many || opened_ms + LATE_WAIT_MS <= self.now_ms();
            // A window of the future is left from a clock that was ahead.
            (is_over && has_waited) || start > self.now_ms() + WINDOW_MS
        };
        let due = heads.windows.iter().filter(|(number, window)| is_due(**number, window.opened_ms));
        due.map(|(number, _)| *number).collect()
    }

    /// Rolls up days and lets go of what is old.
    fn roll_and_retain(&self, sealer: &mut Sealer<'_>, due: &Due) -> Result<(), StoreError> {
        if let Some(day) = due.day {
            sealer.roll_days(day)?;
        }
        if due.retains {
            sealer.retain(self.now_ms(), &self.retention)?;
        }
        Ok(())
    }

    /// Resources whose newest sample is older than this day have nothing left in any tier, and some days more.
    fn retired_before(&self) -> i32 {
        let days = i64::try_from(self.retention.daily.as_secs() / 86_400).unwrap_or(i64::MAX);
        let day = self.now_ms().div_euclid(DAY_MS).saturating_sub(days).saturating_sub(64);
        i32::try_from(day).unwrap_or(i32::MIN)
    }

    fn note_times(&self, state: &mut State, due: &Due) {
        if due.has_new_samples {
            state.last_flush = Some(self.now);
        }
        if !due.windows.is_empty() || due.day.is_some() {
            state.last_rollup = Some(self.now);
        }
        if due.retains {
            state.last_retention = Some(self.now);
        }
    }

    /// Does what is due where chunks are kept in memory.
    pub(crate) fn write_to_memory(&self, state: &mut State) -> Result<(), StoreError> {
        let due = self.due(state);
        let State { heads, counts, days_done, memory: Some(tables), .. } = state else { return Ok(()) };
        let mut sealer = Sealer { tables, counts, days_done: *days_done };
        for number in &due.windows {
            if let Some(window) = heads.remove(*number) {
                sealer.seal(*number, &window)?;
            }
        }
        self.roll_and_retain(&mut sealer, &due)?;
        *days_done = sealer.days_done;
        if due.retains {
            state.registry.retire(self.retired_before());
        }
        state.registry.stored();
        self.note_times(state, &due);
        Ok(())
    }

    /// Does what is due in the file, in one transaction.
    pub(crate) fn write_to_disk(&self, disk: &mut Disk, shared: &Shared) -> Result<(), StoreError> {
        let due = self.due(&shared.read());
        if due.is_nothing() {
            return Ok(());
        }
        if due.has_new_samples {
            // The record is completed under the lock, and written without it.
            shared.write().heads.journal.complete();
        }
        let transaction = disk.connection.transaction()?;

        // Only this thread changes the state, so what is read here is what is committed below.
        let state = shared.read();
        let (mut counts, mut days_done) = (state.counts, state.days_done);
        let record = state.heads.record;
        // Without new samples this record is not written: later samples of the same windows will be in it, and a
        // restart must not take them for sealed.
        let last_sealed = if due.has_new_samples { record } else { record.saturating_sub(1) };
        sqlite::save_registry(&transaction, &state.registry)?;
        if due.has_new_samples {
            sqlite::put_record(&transaction, record, state.heads.journal.record())?;
        }
        let mut tables = SqliteTables(&transaction);
        let mut sealer = Sealer { tables: &mut tables, counts: &mut counts, days_done };
        for number in &due.windows {
            if let Some(window) = state.heads.window(*number) {
                sealer.seal(*number, window)?;
                sqlite::put_sealed(&transaction, *number, last_sealed)?;
            }
        }
        self.roll_and_retain(&mut sealer, &due)?;
        days_done = days_done.max(sealer.days_done);
        if !due.windows.is_empty() {
            sqlite::trim_journal(&transaction, state.heads.oldest_record_without(&due.windows))?;
        }
        drop(state);
        if !due.windows.is_empty() || due.retains {
            sqlite::save_counts(&transaction, &counts)?;
        }
        if due.day.is_some() {
            sqlite::put_state(&transaction, "days_done", days_done)?;
        }

        // Queries pin what they read of the file under this lock: they see a window either open or sealed.
        let mut state = shared.write();
        if due.retains {
            let retired = state.registry.retire(self.retired_before());
            sqlite::delete_resources(&transaction, &retired)?;
        }
        transaction.commit()?;
        if due.has_new_samples {
            state.heads.flushed();
        }
        state.registry.stored();
        let gone: Vec<_> = due.windows.iter().filter_map(|number| state.heads.remove(*number)).collect();
        state.counts = counts;
        state.days_done = days_done;
        self.note_times(&mut state, &due);
        drop(state);
        // Freed after the lock: there are tens of thousands.
        drop(gone);
        Ok(())
    }
}
