//! Signs of life: a task says until when it will be heard of again, and the watchdog notices when it is not.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Allowed beyond what a task announced: a busy machine is no stuck task.
const GRACE: Duration = Duration::from_secs(30);

/// The next sign of life of one task.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    due: Mutex<(Instant, &'static str)>,
}

impl Heartbeat {
    /// A task that is about to start.
    pub(crate) fn new() -> Self {
        Self { due: Mutex::new((Instant::now() + GRACE, "starting")) }
    }

    /// The task begins with `doing` and will be heard of again within `time`.
    pub(crate) fn expect_within(&self, time: Duration, doing: &'static str) {
        *self.due.lock().unwrap_or_else(PoisonError::into_inner) = (Instant::now() + time + GRACE, doing);
    }

    /// What the task was doing, if it should have been heard of.
    pub(crate) fn overdue(&self) -> Option<&'static str> {
        let (due, doing) = *self.due.lock().unwrap_or_else(PoisonError::into_inner);
        (Instant::now() > due).then_some(doing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_keeps_its_word_is_never_overdue() {
        let heartbeat = Heartbeat::new();
        for _ in 0..5 {
            heartbeat.expect_within(Duration::from_secs(60), "waiting");
            tokio::time::advance(Duration::from_secs(89)).await;
            assert_eq!(heartbeat.overdue(), None);
        }
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(heartbeat.overdue(), Some("waiting"));
    }
}
