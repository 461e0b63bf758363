//! After five failed logins a user name or an address is locked for fifteen minutes.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

/// How many failures lock.
pub const MAX_FAILURES: u32 = 5;
/// For how long.
pub const LOCKED_FOR: SignedDuration = SignedDuration::from_mins(15);
/// How many names and addresses are remembered at most.
pub const MAX_REMEMBERED: usize = 10_000;
/// The longest name that is remembered, in characters.
const MAX_NAME: usize = 128;

/// What a failed login came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// How many there were, of the name or of the address, whichever is more.
    pub attempts: u32,
    /// How many are left before the lock.
    pub remaining: u32,
    /// Whether this one locked.
    pub is_locked: bool,
}

/// Failures of user names and addresses.
#[derive(Debug)]
pub struct Lockout {
    capacity: usize,
    entries: Mutex<HashMap<Subject, Entry>>,
}

/// Names and addresses are apart: nobody locks an address by using it as a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    User(String),
    Address(String),
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    failures: u32,
    last: Timestamp,
}

impl Entry {
    fn ends_at(self) -> Timestamp {
        self.last.saturating_add(LOCKED_FOR).unwrap_or(Timestamp::MAX)
    }

    fn is_over(self, now: Timestamp) -> bool {
        self.ends_at() <= now
    }

    fn is_locked(self, now: Timestamp) -> bool {
        self.failures >= MAX_FAILURES && !self.is_over(now)
    }
}

impl Default for Lockout {
    fn default() -> Self {
        Self::with_capacity(MAX_REMEMBERED)
    }
}

impl Lockout {
    /// No failures yet, and never more than `capacity` remembered.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { capacity: capacity.max(2), entries: Mutex::default() }
    }

    /// Until when the name or the address is locked, where one is.
    pub fn locked_until(&self, user: &str, address: &str, now: Timestamp) -> Option<Timestamp> {
        let entries = self.lock();
        subjects(user, address)
            .iter()
            .filter_map(|subject| entries.get(subject))
            .filter(|entry| entry.is_locked(now))
            .map(|entry| entry.ends_at())
            .max()
    }

    /// Counts a failed login. Failures older than the lock's time are forgotten first, so that the end of a lock is
    /// a new start. Pulse v5 locked again at the next single failure.
    pub fn fail(&self, user: &str, address: &str, now: Timestamp) -> Failure {
        let mut entries = self.lock();
        let mut attempts = 0;
        for subject in subjects(user, address) {
            if !entries.contains_key(&subject) {
                make_room(&mut entries, self.capacity, now);
            }
            let entry = entries.entry(subject).or_insert(Entry { failures: 0, last: now });
            if entry.is_over(now) {
                entry.failures = 0;
            }
            if !entry.is_locked(now) {
                // A lock is not prolonged by more attempts: it has an end that was told.
                entry.failures += 1;
                entry.last = entry.last.max(now);
            }
            attempts = attempts.max(entry.failures);
        }
        Failure {
            attempts,
            remaining: MAX_FAILURES.saturating_sub(attempts),
            is_locked: attempts >= MAX_FAILURES,
        }
    }

    /// Forgets the failures of both after a successful login.
    pub fn succeed(&self, user: &str, address: &str) {
        let mut entries = self.lock();
        for subject in subjects(user, address) {
            entries.remove(&subject);
        }
    }

    /// Forgets the failures of a name or an address because a person says so.
    pub fn reset(&self, identifier: &str) {
        self.succeed(identifier, identifier);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Subject, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn subjects(user: &str, address: &str) -> [Subject; 2] {
    let cut = |text: &str| text.chars().take(MAX_NAME).collect::<String>();
    [Subject::User(cut(user)), Subject::Address(cut(address))]
}

/// Makes room for one: what is over goes first, then what is not locked, the oldest first, so that nobody frees a
/// locked name by failing under many others.
fn make_room(entries: &mut HashMap<Subject, Entry>, capacity: usize, now: Timestamp) {
    if entries.len() < capacity {
        return;
    }
    entries.retain(|_, entry| !entry.is_over(now));
    while entries.len() >= capacity {
        let oldest = entries
            .iter()
            .min_by_key(|(_, entry)| (entry.is_locked(now), entry.last))
            .map(|(subject, _)| subject.clone());
        let Some(oldest) = oldest else { return };
        entries.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn the_fifth_failure_locks_for_fifteen_minutes_and_then_all_is_new() {
        let lockout = Lockout::default();
        for n in 1..=4 {
            let failure = lockout.fail("admin", "192.0.2.9", at(n));
            let n = u32::try_from(n).unwrap();
            assert_eq!(failure, Failure { attempts: n, remaining: 5 - n, is_locked: false });
            assert_eq!(lockout.locked_until("admin", "192.0.2.9", at(5)), None);
        }
        assert!(lockout.fail("admin", "192.0.2.9", at(5)).is_locked);
        assert_eq!(lockout.locked_until("admin", "198.51.100.1", at(6)), Some(at(905)), "by name");
        assert_eq!(lockout.locked_until("other", "192.0.2.9", at(6)), Some(at(905)), "by address");
        assert_eq!(lockout.locked_until("other", "198.51.100.1", at(6)), None);
        assert!(lockout.fail("admin", "192.0.2.9", at(500)).is_locked);
        assert_eq!(lockout.locked_until("admin", "", at(904)), Some(at(905)), "the end does not move");
        assert_eq!(lockout.locked_until("admin", "192.0.2.9", at(905)), None);
        assert_eq!(lockout.fail("admin", "192.0.2.9", at(905)).attempts, 1);
    }

    #[test]
    fn success_and_reset_forget() {
        let lockout = Lockout::default();
        (0..5).for_each(|n| _ = lockout.fail("admin", "a", at(n)));
        lockout.reset("admin");
        assert_eq!(lockout.locked_until("admin", "b", at(6)), None);
        assert!(lockout.locked_until("admin", "a", at(6)).is_some());
        lockout.succeed("admin", "a");
        assert_eq!(lockout.fail("admin", "a", at(7)).attempts, 1);
    }

    #[test]
    fn a_name_is_not_an_address() {
        let lockout = Lockout::default();
        (0..5).for_each(|n| _ = lockout.fail("192.0.2.1", "x", at(n)));
        assert_eq!(lockout.locked_until("admin", "192.0.2.1", at(6)), None);
    }

    #[test]
    fn many_names_do_not_free_a_locked_one_and_do_not_fill_the_memory() {
        let lockout = Lockout::with_capacity(10);
        (0..5).for_each(|n| _ = lockout.fail("admin", "x", at(n)));
        for n in 0..100 {
            lockout.fail(&format!("user{n}"), &format!("10.0.0.{n}"), at(10));
        }
        assert!(lockout.lock().len() <= 10);
        assert!(lockout.locked_until("admin", "y", at(20)).is_some());
    }

    proptest! {
        /// Whatever the order of events, nobody is locked with fewer than five failures in the last fifteen minutes.
        #[test]
        fn a_lock_needs_five_recent_failures(steps in proptest::collection::vec((0_i64..400, any::<bool>()), 1..40)) {
            let lockout = Lockout::default();
            let (mut now, mut failures) = (0, Vec::new());
            for (wait, fails) in steps {
                now += wait;
                if fails {
                    lockout.fail("u", "a", at(now));
                    failures.push(now);
                } else {
                    lockout.succeed("u", "a");
                    failures.clear();
                }
                if lockout.locked_until("u", "a", at(now)).is_some() {
                    prop_assert!(failures.len() >= 5);
                }
            }
        }
    }
}
