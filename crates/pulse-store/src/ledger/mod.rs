//! The ledger: one SQLite file, `pulse.db`, for what must survive a restart and is no metric: alert history, incidents,
//! active alerts, the notification queue.
//!
//! * [`Ledger::run`] changes it. All changes go through a bounded queue to one writer thread, each in a transaction of its
//!   own; what waits at the same time shares one commit, and so one wait for the disk. When `run` has answered `Ok`, a power
//!   cut can no longer undo the change (WAL, `synchronous=FULL`).
//! * [`Ledger::read`] asks it, on read-only connections, a bounded number at once, off the async threads. A read sees one
//!   state of the file from its first statement to its last, and every change that was acknowledged before it began.
//! * [`migrations`]: each owner of tables adds its own SQL there.
//!
//! Invariants: nobody but the writer has a connection that can write; no async thread is blocked; a damaged file is renamed,
//! said, and never deleted. The ledger knows no table: what is in them is their owner's business, retention too.

mod error;
pub mod migrations;
mod open;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use pulse_core::Clock;
use rusqlite::Connection;
use tokio::sync::{Semaphore, mpsc, oneshot};

pub use error::LedgerError;

use self::writer::{Message, Outcome, Work, Writer};
use crate::sqlite;

/// Changes that may wait for the writer; who brings one more waits.
const MOST_WAITING: usize = 256;
/// Reads at once; who brings one more waits.
const MOST_READS: usize = 4;
/// So many idle connections are kept for the next reads.
const MOST_IDLE_READERS: usize = 2;

/// Keeps tables in one SQLite file. Cheap to clone: all clones are the same ledger.
#[derive(Debug, Clone)]
pub struct Ledger {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    messages: mpsc::Sender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
    reads: Semaphore,
    /// Counts the files that stood at `path`: a connection of an earlier one is of no use.
    generation: Arc<AtomicU64>,
    readers: Mutex<Vec<(u64, Connection)>>,
}

impl Ledger {
    /// Opens the file, or makes it, and brings its tables up to date. A damaged file is renamed to
    /// `<path>.damaged-<time>` and a new one is begun. Blocks for the disk.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, LedgerError> {
        let connection = open::open(path, clock.now())?;
        let generation = Arc::new(AtomicU64::new(0));
        let (messages, inbox) = mpsc::channel(MOST_WAITING);
        let writer = Writer::new(path.to_owned(), connection, clock, Arc::clone(&generation));
        let thread = thread::Builder::new()
            .name("ledger-writer".to_owned())
            .spawn(move || writer.run(inbox))
            .map_err(LedgerError::Thread)?;
        Ok(Self {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                messages,
                thread: Mutex::new(Some(thread)),
                reads: Semaphore::new(MOST_READS),
                generation,
                readers: Mutex::default(),
            }),
        })
    }

    /// Runs `work` in a transaction on the writer's connection, and returns what it returned once that is on the disk.
    /// When `work` refuses or panics, or the commit fails, nothing of it has happened. Once it is queued it happens, also when
    /// nobody waits for the answer any more.
    ///
    /// `work` runs on the writer's thread, so all other changes wait for it: no I/O of its own, no waiting, no
    /// `COMMIT` or `ROLLBACK`. Changes are made in the order in which they were queued.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (answer, done) = oneshot::channel();
        let work: Work = Box::new(move |connection| match connection.and_then(work) {
            Ok(value) => {
                // Whoever asked may be gone; that changes nothing.
                let tell =
                    move |committed: Result<(), LedgerError>| drop(answer.send(committed.map(|()| value)));
                (Outcome::Keep, Box::new(tell))
            }
            Err(error) => {
                let outcome =
                    if error.is_damage() { Outcome::Damaged(error.to_string()) } else { Outcome::Undo };
                (outcome, Box::new(move |_| drop(answer.send(Err(error)))))
            }
        });
        self.inner.messages.send(Message::Work(work)).await.map_err(|_| LedgerError::Closed)?;
        // A panic in `work` drops the sender unanswered.
        done.await.map_err(|_| LedgerError::Lost)?
    }

    /// Runs `work` on a read-only connection, on a thread that may block, in one read transaction.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let inner = Arc::clone(&self.inner);
        let _permit = self.inner.reads.acquire().await.map_err(|_| LedgerError::Closed)?;
        let result = tokio::task::spawn_blocking(move || inner.read(work)).await;
        let result = result.map_err(|_| LedgerError::Lost)?;
        if result.as_ref().is_err_and(LedgerError::is_damage) {
            // A closed writer has no use for it.
            drop(self.inner.messages.send(Message::Check).await);
        }
        result
    }

    /// Bytes on disk, with what belongs to the file. Blocks a little.
    pub fn size_bytes(&self) -> u64 {
        sqlite::size(&self.inner.path)
    }

    /// Makes the changes that wait, tidies the file up and closes it. What comes later is refused.
    pub async fn close(&self) {
        // Reads end first: the last connection to close tidies up the file, and it must be the one that can write.
        drop(self.inner.reads.acquire_many(MOST_READS as u32).await);
        self.inner.reads.close();
        self.inner.idle().clear();
        let (answer, done) = oneshot::channel();
        if self.inner.messages.send(Message::Close(answer)).await.is_ok() {
            // An error says that the writer is gone already.
            drop(done.await);
        }
        let thread = self.inner.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // It has answered, so it ends at once.
            drop(tokio::task::spawn_blocking(move || thread.join()).await);
        }
    }
}

impl Inner {
    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        let generation = self.generation.load(Ordering::Acquire);
        let idle = {
            let mut idle = self.idle();
            idle.retain(|(of, _)| *of == generation);
            idle.pop()
        };
        let mut connection = match idle {
            Some((_, connection)) => connection,
            None => open::open_reader(&self.path)?,
        };
        let transaction = connection.transaction()?;
        let value = work(&transaction)?;
        // Nothing was changed: there is nothing to commit.
        transaction.rollback()?;
        let mut idle = self.idle();
        if idle.len() < MOST_IDLE_READERS && generation == self.generation.load(Ordering::Acquire) {
            idle.push((generation, connection));
        }
        Ok(value)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(u64, Connection)>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
