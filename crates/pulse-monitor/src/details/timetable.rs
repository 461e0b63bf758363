//! What is due when: a pure timetable of jobs with back-off.

use std::{collections::HashMap, hash::Hash, time::Duration};

use tokio::time::Instant;

/// A job that keeps failing is still tried this often.
const LONGEST_WAIT: Duration = Duration::from_secs(30 * 60);
/// A job that failed is not repeated sooner.
const SHORTEST_WAIT: Duration = Duration::from_secs(30);
/// A right that is missing is asked for again after this: somebody may have given it.
const DENIED_WAIT: Duration = Duration::from_secs(60 * 60);
/// What the host does not have may come with an update.
const ABSENT_WAIT: Duration = Duration::from_secs(6 * 60 * 60);
/// A guest that is being worked on is looked at again after this.
const HELD_WAIT: Duration = Duration::from_secs(30);

/// How a job went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It brought what it should.
    Done,
    /// It was not its time: a backup runs, for instance.
    Held,
    /// It failed and may work the next time.
    Failed,
    /// The credentials may not.
    Denied,
    /// The host cannot do it at all.
    Absent,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    due: Instant,
    failures: u32,
}

/// Jobs with their next times.
#[derive(Debug)]
pub(super) struct Timetable<J> {
    slots: HashMap<J, Slot>,
}

impl<J> Default for Timetable<J> {
    fn default() -> Self {
        Self { slots: HashMap::new() }
    }
}

impl<J: Clone + Eq + Hash> Timetable<J> {
    /// Makes the jobs the wanted ones. A new one is due after its own delay; one that is no longer wanted is forgotten.
    pub(super) fn want(&mut self, wanted: impl IntoIterator<Item = (J, Duration)>, now: Instant) {
        let mut next = HashMap::with_capacity(self.slots.len());
        for (job, delay) in wanted {
            let slot = self.slots.remove(&job).unwrap_or(Slot { due: now + delay, failures: 0 });
            next.insert(job, slot);
        }
        self.slots = next;
    }

    /// The job that is due first, and when.
    pub(super) fn next(&self) -> Option<(J, Instant)> {
        let (job, slot) = self.slots.iter().min_by_key(|(_, slot)| slot.due)?;
        Some((job.clone(), slot.due))
    }

    /// Notes how a job went; `interval` is its usual one.
    pub(super) fn done(&mut self, job: &J, outcome: Outcome, interval: Duration, now: Instant) {
        let Some(slot) = self.slots.get_mut(job) else { return };
        slot.failures = if outcome == Outcome::Failed { slot.failures.saturating_add(1) } else { 0 };
        slot.due = now
            + match outcome {
                Outcome::Done => interval,
                Outcome::Held => HELD_WAIT,
                Outcome::Failed => (interval * 2u32.saturating_pow(slot.failures.min(8)))
                    .clamp(SHORTEST_WAIT, LONGEST_WAIT.max(interval)),
                Outcome::Denied => DENIED_WAIT.max(interval),
                Outcome::Absent => ABSENT_WAIT.max(interval),
            };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn what_fails_comes_back_later_and_later_but_comes_back() {
        let mut table = Timetable::default();
        let start = Instant::now();
        table.want([("a", Duration::ZERO)], start);
        let mut waits = Vec::new();
        for _ in 0..8 {
            table.done(&"a", Outcome::Failed, MINUTE, start);
            waits.push((table.next().unwrap().1 - start).as_secs() / 60);
        }
        assert_eq!(waits, [2, 4, 8, 16, 30, 30, 30, 30]);
        table.done(&"a", Outcome::Done, MINUTE, start);
        assert_eq!(table.next().unwrap().1 - start, MINUTE);
        table.done(&"a", Outcome::Denied, MINUTE, start);
        assert_eq!(table.next().unwrap().1 - start, 60 * MINUTE);
    }

    #[tokio::test(start_paused = true)]
    async fn the_most_overdue_job_goes_first_and_unwanted_ones_are_forgotten() {
        let mut table = Timetable::default();
        let start = Instant::now();
        table.want([("a", 3 * MINUTE), ("b", MINUTE)], start);
        assert_eq!(table.next().unwrap().0, "b");
        table.done(&"b", Outcome::Done, 10 * MINUTE, start);
        assert_eq!(table.next().unwrap().0, "a");
        table.want([("b", MINUTE)], start);
        assert_eq!(table.next(), Some(("b", start + 10 * MINUTE)), "a known job keeps its time");
        table.want([], start);
        assert_eq!(table.next(), None);
    }
}
