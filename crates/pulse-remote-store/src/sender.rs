//! What waits to be sent, and the task that sends it.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use pulse_core::{Clock, metric::Sample};
use pulse_store::StoreError;
use tokio::sync::{mpsc, oneshot};

use crate::{
    client::{Client, SendError},
    write,
};

/// Samples of one request.
const BATCH: usize = 10_000;
/// After a failure, the next try waits at least and at most this long.
const PAUSE: std::ops::Range<Duration> = Duration::from_secs(1)..Duration::from_secs(60);

/// What the task is told.
pub(crate) enum Message {
    /// Send everything now.
    Flush(oneshot::Sender<Result<(), StoreError>>),
    /// Send everything now, and end.
    Close(oneshot::Sender<()>),
}

/// What the store and its task share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    queue: Mutex<Queue>,
    pub(crate) sent: AtomicU64,
    pub(crate) dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    samples: VecDeque<Sample>,
    is_closed: bool,
    last_sent: Option<Timestamp>,
    problem: Option<String>,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts samples behind those that wait; what does not fit is counted and gone.
    pub(crate) fn push(&self, samples: Vec<Sample>, most: usize) {
        let mut queue = self.queue();
        let room = if queue.is_closed { 0 } else { most.saturating_sub(queue.samples.len()) };
        let count = samples.len();
        // A value that is none would make an engine refuse the whole batch.
        let fit = samples.into_iter().filter(|sample| sample.value.is_finite()).take(room);
        let before = queue.samples.len();
        queue.samples.extend(fit);
        let taken = queue.samples.len() - before;
        drop(queue);
        self.dropped.fetch_add((count - taken) as u64, Ordering::Relaxed);
    }

    pub(crate) fn waiting(&self) -> usize {
        self.queue().samples.len()
    }

    pub(crate) fn state(&self) -> (Option<Timestamp>, Option<String>) {
        let queue = self.queue();
        (queue.last_sent, queue.problem.clone())
    }

    fn take(&self) -> Vec<Sample> {
        let mut queue = self.queue();
        let count = queue.samples.len().min(BATCH);
        queue.samples.drain(..count).collect()
    }

    /// Puts a batch back to where it was.
    fn put_back(&self, samples: Vec<Sample>) {
        let mut queue = self.queue();
        for sample in samples.into_iter().rev() {
            queue.samples.push_front(sample);
        }
    }
}

/// The task: sends now and then, and at once when told to.
pub(crate) async fn run(
    client: Arc<Client>,
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    every: Duration,
    mut messages: mpsc::Receiver<Message>,
) {
    let mut pause = every;
    loop {
        let message = tokio::time::timeout(pause, messages.recv()).await;
        let result = send_all(&client, &shared, &*clock).await;
        pause = match &result {
            Ok(()) => every,
            Err(_) => (pause * 2).clamp(PAUSE.start, PAUSE.end),
        };
        match message {
            Err(_) => {}
            Ok(Some(Message::Flush(answer))) => {
                // Whoever asked may be gone; that changes nothing.
                drop(answer.send(result));
            }
            Ok(Some(Message::Close(answer))) => {
                let left = {
                    let mut queue = shared.queue();
                    queue.is_closed = true;
                    std::mem::take(&mut queue.samples).len()
                };
                if left > 0 {
                    tracing::warn!(samples = left, "the history engine did not take the last samples");
                    shared.dropped.fetch_add(left as u64, Ordering::Relaxed);
                }
                let _ = answer.send(());
                return;
            }
            Ok(None) => return,
        }
    }
}

async fn send_all(client: &Client, shared: &Shared, clock: &dyn Clock) -> Result<(), StoreError> {
    loop {
        let batch = shared.take();
        if batch.is_empty() {
            return Ok(());
        }
        match client.write(&write::encode(&batch)).await {
            Ok(()) => {
                shared.sent.fetch_add(batch.len() as u64, Ordering::Relaxed);
                let mut queue = shared.queue();
                queue.last_sent = Some(clock.now());
                if queue.problem.take().is_some() {
                    tracing::info!("the history engine takes samples again");
                }
            }
            Err(SendError::Never(problem)) => {
                tracing::warn!(samples = batch.len(), %problem, "the history engine refuses samples; they are dropped");
                shared.dropped.fetch_add(batch.len() as u64, Ordering::Relaxed);
            }
            Err(SendError::Later(problem)) => {
                shared.put_back(batch);
                let words = format!("the history engine cannot be written: {problem}");
                if shared.queue().problem.replace(words).is_none() {
                    tracing::warn!(%problem, "the history engine takes no samples; they wait and are sent again");
                }
                return Err(StoreError::Remote { doing: "write history", problem });
            }
        }
    }
}
