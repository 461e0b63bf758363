//! The ledger's writer: a thread that alone changes the file. What waits at the same time shares one commit.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use pulse_core::Clock;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{
    error::{LedgerError, is_damage},
    open,
};
use crate::sqlite;

/// So many changes share a commit at most: the first to come must not wait for ever.
const MOST_PER_COMMIT: usize = 64;

/// Tells whoever asked how it went.
pub(super) type Answer = Box<dyn FnOnce(Result<(), LedgerError>) + Send>;

/// A change. It gets the connection, or why there is none, and says what became of it and who is to be told.
pub(super) type Work = Box<dyn FnOnce(Result<&Connection, LedgerError>) -> (Outcome, Answer) + Send>;

/// What became of a change.
pub(super) enum Outcome {
    /// It is made.
    Keep,
    /// It refused: what it did is undone.
    Undo,
    /// It found damage in the file.
    Damaged(String),
}

/// What the writer is told.
pub(super) enum Message {
    Work(Work),
    /// A reader found damage.
    Check,
    Close(oneshot::Sender<()>),
}

pub(super) struct Writer {
    path: PathBuf,
    /// `None` after a damaged file was set aside and no new one could be made; each change tries again.
    connection: Option<Connection>,
    clock: Arc<dyn Clock>,
    generation: Arc<AtomicU64>,
}

impl Writer {
    pub(super) fn new(
        path: PathBuf,
        connection: Connection,
        clock: Arc<dyn Clock>,
        generation: Arc<AtomicU64>,
    ) -> Self {
        Self { path, connection: Some(connection), clock, generation }
    }

    /// Works until it is told to close, or until the ledger is gone.
    pub(super) fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        let mut closing = None;
        while let Some(first) = messages.blocking_recv() {
            let mut waiting = vec![];
            let mut next = Some(first);
            while let Some(message) = next.take() {
                match message {
                    Message::Work(work) => waiting.push(work),
                    Message::Check => self.check(),
                    Message::Close(answer) => {
                        // What is queued already is still done; nothing new comes in.
                        messages.close();
                        closing = Some(answer);
                    }
                }
                if waiting.len() < MOST_PER_COMMIT {
                    next = messages.try_recv().ok();
                }
            }
            self.make(waiting);
        }
        if let Some(connection) = self.connection.take() {
            sqlite::tidy(&connection);
        }
        if let Some(answer) = closing {
            // Whoever asked may be gone; that changes nothing.
            let _ = answer.send(());
        }
    }

    /// Makes changes, each for itself, with one commit for all.
    fn make(&mut self, waiting: Vec<Work>) {
        let mut waiting = waiting.into_iter();
        while waiting.len() > 0 {
            let Some(connection) = self.connection() else {
                for work in waiting {
                    refuse(work, "the database cannot be opened");
                }
                return;
            };
            if let Some(reason) = commit_together(connection, &mut waiting) {
                // What did not get its turn is made in the new file.
                self.replace(&reason);
            }
        }
    }

    fn connection(&mut self) -> Option<&Connection> {
        if self.connection.is_none() {
            match open::open(&self.path, self.clock.now()) {
                Ok(connection) => self.connection = Some(connection),
                Err(error) => tracing::error!(%error, "the database cannot be opened"),
            }
        }
        self.connection.as_ref()
    }

    /// A reader found damage: looks, and sets the file aside if it is so.
    fn check(&mut self) {
        // A connection of its own: the writer's has pages in memory that are still sound.
        let is_damaged = match open::open_reader(&self.path) {
            Ok(reader) => !sqlite::is_sound(&reader),
            // The list of tables itself may be what is damaged.
            Err(error) => error.is_damage(),
        };
        if is_damaged {
            self.replace("a read found a damaged page");
        }
    }

    /// Sets the damaged file aside and goes on with a new one.
    fn replace(&mut self, reason: &str) {
        self.connection = None;
        match open::set_aside(&self.path, reason, self.clock.now()) {
            Ok(()) => {}
            Err(error) => return tracing::error!(%error, "the damaged database stays where it is"),
        }
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.connection();
    }
}

/// Makes changes until one breaks the transaction, and commits. Returns what is wrong with the file, if it is damaged.
fn commit_together(connection: &Connection, waiting: &mut std::vec::IntoIter<Work>) -> Option<String> {
    if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
        let reason = error.to_string();
        for work in waiting.by_ref() {
            refuse(work, &reason);
        }
        return is_damage(&error).then_some(reason);
    }
    let mut answers: Vec<Answer> = vec![];
    let mut damage = None;
    let mut result = Ok(());
    for work in waiting.by_ref() {
        result = make_one(connection, work, &mut answers, &mut damage);
        if result.is_err() || damage.is_some() {
            break;
        }
    }
    match result.and_then(|()| connection.execute_batch("COMMIT")) {
        Ok(()) => answers.into_iter().for_each(|answer| answer(Ok(()))),
        Err(error) => {
            if !connection.is_autocommit()
                && let Err(error) = connection.execute_batch("ROLLBACK")
            {
                tracing::error!(%error, "a change of the database could not be undone");
            }
            let reason = error.to_string();
            for answer in answers {
                answer(Err(LedgerError::NotCommitted(reason.clone())));
            }
            if is_damage(&error) {
                damage.get_or_insert(reason);
            }
        }
    }
    damage
}

/// Makes one change inside of the transaction. An error says that the transaction is over.
fn make_one(
    connection: &Connection,
    work: Work,
    answers: &mut Vec<Answer>,
    damage: &mut Option<String>,
) -> rusqlite::Result<()> {
    connection.execute_batch("SAVEPOINT change")?;
    // The transaction is undone to the savepoint, so that nothing half-done is seen; who asked hears that it is lost.
    let outcome = match catch_unwind(AssertUnwindSafe(|| work(Ok(connection)))) {
        Ok((outcome, answer)) => {
            answers.push(answer);
            outcome
        }
        Err(_) => Outcome::Undo,
    };
    if connection.is_autocommit() {
        // A full disk and the like end the whole transaction, with what was done in it before.
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT),
            Some("the transaction was undone".to_owned()),
        ));
    }
    match outcome {
        Outcome::Keep => {}
        Outcome::Undo => connection.execute_batch("ROLLBACK TO change")?,
        Outcome::Damaged(reason) => {
            connection.execute_batch("ROLLBACK TO change")?;
            *damage = Some(reason);
        }
    }
    connection.execute_batch("RELEASE change")
}

/// Answers a change that cannot be made.
fn refuse(work: Work, reason: &str) {
    let (_, answer) = work(Err(LedgerError::NotCommitted(reason.to_owned())));
    answer(Ok(()));
}
