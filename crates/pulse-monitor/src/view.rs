//! Which world is shown: the real one, or for a while an invented one. The one that is not shown goes on all the same.
//!
//! Invariant: the version of what is shown only ever grows, whichever world it is, because caches and live clients know a
//! state by its version alone.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use jiff::Timestamp;
use pulse_core::Snapshot;
use tokio::sync::watch;

/// What those see who look at the world.
#[derive(Debug)]
pub struct View {
    shown: Mutex<Place>,
    next_place: AtomicU64,
    world: watch::Sender<Arc<Snapshot>>,
}

/// A keeper's seat in a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(u64);

impl View {
    /// A view of nothing; the first keeper that joins is shown.
    pub fn new(now: Timestamp) -> Arc<Self> {
        Arc::new(Self {
            shown: Mutex::new(Place(0)),
            next_place: AtomicU64::new(0),
            world: watch::Sender::new(Arc::new(Snapshot::empty(now))),
        })
    }

    pub(crate) fn join(&self) -> Place {
        Place(self.next_place.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.world.subscribe()
    }

    /// Takes over what a keeper has published, where it is the one that is shown.
    pub(crate) fn offer(&self, place: Place, snapshot: &Arc<Snapshot>) {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if *shown == place {
            self.put(snapshot);
        }
    }

    /// Shows another keeper's world from now on.
    pub(crate) fn show(&self, place: Place, snapshot: &Arc<Snapshot>) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        *shown = place;
        self.put(snapshot);
    }

    /// Only called by whoever holds the lock: two at once could put the older one last.
    fn put(&self, snapshot: &Arc<Snapshot>) {
        let last = self.world.borrow().version;
        let next = if snapshot.version > last || last == 0 {
            Arc::clone(snapshot)
        } else {
            Arc::new(Snapshot { version: last + 1, ..Snapshot::clone(snapshot) })
        };
        self.world.send_replace(next);
    }
}
