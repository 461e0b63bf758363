//! The newest lines, bounded in number and in bytes, and those who read along.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::broadcast::{self, error::RecvError};

/// Lines that are kept.
const MOST_LINES: usize = 1_000;

/// Bytes of lines that are kept: what the memory of a small server can spare.
const MOST_BYTES: usize = 512 * 1024;

/// Lines that a reader may lag behind before it loses the oldest.
const BEHIND: usize = 256;

/// Readers at once.
const READERS: usize = 16;

/// The newest lines of the log.
#[derive(Debug, Default)]
pub struct Book(Mutex<Pages>);

#[derive(Debug, Default)]
struct Pages {
    lines: VecDeque<Arc<str>>,
    bytes: usize,
    /// Made for the first reader: a log that nobody reads costs nothing more.
    live: Option<broadcast::Sender<Arc<str>>>,
    is_closed: bool,
}

/// More than a few people at once do not read a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the log is being read by {READERS} others already")]
pub struct TooManyReaders;

/// What was written before, and what is written from now on, without a gap between them.
#[derive(Debug)]
pub struct Reading {
    before: VecDeque<Arc<str>>,
    live: broadcast::Receiver<Arc<str>>,
}

/// What a reader gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A line.
    Line(Arc<str>),
    /// So many lines were lost because the reader was too slow.
    Lost(u64),
}

impl Book {
    /// Writes a line.
    pub fn push(&self, line: String) {
        let line: Arc<str> = line.into();
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pages.bytes += line.len();
        pages.lines.push_back(Arc::clone(&line));
        while pages.lines.len() > MOST_LINES || (pages.bytes > MOST_BYTES && pages.lines.len() > 1) {
            let Some(oldest) = pages.lines.pop_front() else { break };
            pages.bytes -= oldest.len();
        }
        if let Some(live) = &pages.live
            && live.send(line).is_err()
        {
            // The last reader has gone.
            pages.live = None;
        }
    }

    /// The lines that are kept, oldest first.
    pub fn newest(&self) -> Vec<Arc<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).lines.iter().cloned().collect()
    }

    /// Reads what is kept and what comes.
    pub fn read(&self) -> Result<Reading, TooManyReaders> {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = pages.lines.clone();
        if pages.is_closed {
            return Ok(Reading { before, live: broadcast::channel(1).1 });
        }
        let live = pages.live.get_or_insert_with(|| broadcast::channel(BEHIND).0);
        if live.receiver_count() >= READERS {
            return Err(TooManyReaders);
        }
        Ok(Reading { before, live: live.subscribe() })
    }

    /// Nobody reads along any more: readers come to an end. What is kept stays.
    pub fn close(&self) {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pages.is_closed = true;
        pages.live = None;
    }
}

impl Reading {
    /// The next line, as soon as there is one; `None` when the log is closed.
    pub async fn next(&mut self) -> Option<Next> {
        if let Some(line) = self.before.pop_front() {
            return Some(Next::Line(line));
        }
        match self.live.recv().await {
            Ok(line) => Some(Next::Line(line)),
            Err(RecvError::Lagged(lines)) => Some(Next::Lost(lines)),
            Err(RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_gets_what_was_before_and_what_comes_without_a_gap() {
        let book = Book::default();
        book.push("one".to_owned());
        let mut reading = book.read().unwrap();
        book.push("two".to_owned());
        book.close();
        let mut lines = Vec::new();
        while let Some(Next::Line(line)) = reading.next().await {
            lines.push(line.to_string());
        }
        assert_eq!(lines, ["one", "two"]);
        assert!(matches!(book.read().unwrap().next().await, Some(Next::Line(_))));
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_how_much_it_lost() {
        let book = Book::default();
        let mut reading = book.read().unwrap();
        for number in 0..300 {
            book.push(number.to_string());
        }
        assert_eq!(reading.next().await, Some(Next::Lost(44)));
        assert_eq!(reading.next().await, Some(Next::Line("44".into())));
    }

    #[test]
    fn lines_and_bytes_are_bounded() {
        let book = Book::default();
        for number in 0..1_500 {
            book.push(format!("line {number}"));
        }
        let lines = book.newest();
        assert_eq!((lines.len(), lines[0].as_ref()), (1_000, "line 500"));
        for _ in 0..100 {
            book.push("x".repeat(8 * 1024));
        }
        let kept: usize = book.newest().iter().map(|line| line.len()).sum();
        assert!(kept <= MOST_BYTES, "{kept}");
    }

    #[test]
    fn a_crowd_is_refused_and_may_come_back() {
        let book = Book::default();
        let mut readers: Vec<_> = (0..READERS).map(|_| book.read().unwrap()).collect();
        assert_eq!(book.read().unwrap_err(), TooManyReaders);
        readers.pop();
        assert!(book.read().is_ok());
        drop(readers);
        book.push("nobody reads along".to_owned());
        assert!(book.read().is_ok());
    }
}
