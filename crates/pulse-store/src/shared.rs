//! What the writer changes and queries read: open samples, resources, counts. The writer is the only one to take the
//! lock for writing, and never while it waits for the disk, but for a commit.

use std::{
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    heads::Heads,
    registry::Registry,
    tables::{MemoryTables, TierCount},
};

/// The part behind the lock.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) heads: Heads,
    pub(crate) registry: Registry,
    pub(crate) counts: [TierCount; 4],
    /// The days before this one are rolled up.
    pub(crate) days_done: i64,
    /// The chunks, where they are kept in memory.
    pub(crate) memory: Option<MemoryTables>,
    pub(crate) last_flush: Option<Timestamp>,
    pub(crate) last_rollup: Option<Timestamp>,
    pub(crate) last_retention: Option<Timestamp>,
    /// Counts the files that were set aside, so that readers let go of them.
    pub(crate) generation: u64,
    /// What is wrong, for people.
    pub(crate) problem: Option<String>,
}

/// What the store and its writer share.
#[derive(Debug)]
pub(crate) struct Shared {
    state: RwLock<State>,
    is_loaded: Mutex<bool>,
    loaded: Condvar,
    /// Samples that were appended and not yet taken in.
    pub(crate) queued: AtomicUsize,
    pub(crate) taken: AtomicU64,
    pub(crate) dropped: AtomicU64,
}

impl Shared {
    pub(crate) fn new(is_memory_only: bool) -> Self {
        Self {
            state: RwLock::new(State {
                heads: Heads::new(!is_memory_only),
                registry: Registry::default(),
                counts: [TierCount::default(); 4],
                days_done: 0,
                memory: is_memory_only.then(MemoryTables::default),
                last_flush: None,
                last_rollup: None,
                last_retention: None,
                generation: 0,
                problem: None,
            }),
            is_loaded: Mutex::new(is_memory_only),
            loaded: Condvar::new(),
            queued: AtomicUsize::new(0),
            taken: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer has read what is on disk: queries may go on.
    pub(crate) fn set_loaded(&self) {
        *self.lock_loaded() = true;
        self.loaded.notify_all();
    }

    /// Waits until the writer has read what is on disk. For blocking threads only.
    pub(crate) fn wait_loaded(&self) {
        const MOST: Duration = Duration::from_secs(30);
        let guard = self.lock_loaded();
        drop(self.loaded.wait_timeout_while(guard, MOST, |is_loaded| !*is_loaded));
    }

    pub(crate) fn count_dropped(&self, samples: u64) {
        self.dropped.fetch_add(samples, Ordering::Relaxed);
    }

    fn lock_loaded(&self) -> MutexGuard<'_, bool> {
        self.is_loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
