//! Readings that take long or wake something: refreshed in the background, each at its own pace.
//!
//! A report takes what is there. A value whose refreshing fails for a while becomes unknown instead of old.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};

/// How long the very first report waits for a value.
const FIRST_WAIT: Duration = Duration::from_millis(1500);
/// After this many periods without a new value the last one says nothing any more.
const STALE_PERIODS: u32 = 4;

struct State<T> {
    value: Option<(Instant, T)>,
    due: Option<Instant>,
    is_running: bool,
}

/// A value that is refreshed in the background.
pub(super) struct Slow<T> {
    period: Duration,
    state: Arc<Mutex<State<T>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: Clone + Send + 'static> Slow<T> {
    /// A value to be refreshed every `period`.
    pub(super) fn new(period: Duration) -> Self {
        Self { period, state: Arc::new(Mutex::new(State { value: None, due: None, is_running: false })) }
    }

    /// The newest value; starts `refresh` when one is due. `refresh` is given the value before.
    pub(super) async fn latest<F>(&self, refresh: impl FnOnce(Option<T>) -> F) -> Option<T>
    where
        F: Future<Output = Option<T>> + Send + 'static,
    {
        let (done, finished) = oneshot::channel();
        let is_first = {
            let mut state = lock(&self.state);
            let now = Instant::now();
            if state.is_running || state.due.is_some_and(|due| now < due) {
                return self.fresh(&state);
            }
            state.is_running = true;
            let is_first = state.due.is_none();
            state.due = Some(now + self.period);
            let work = refresh(state.value.as_ref().map(|(_, value)| value.clone()));
            let shared = Arc::clone(&self.state);
            tokio::spawn(async move {
                let value = work.await;
                let mut state = lock(&shared);
                state.is_running = false;
                if let Some(value) = value {
                    state.value = Some((Instant::now(), value));
                }
                done.send(()).ok();
            });
            is_first
        };
        if is_first {
            tokio::time::timeout(FIRST_WAIT, finished).await.ok();
        }
        self.fresh(&lock(&self.state))
    }

    fn fresh(&self, state: &State<T>) -> Option<T> {
        let (at, value) = state.value.as_ref()?;
        (at.elapsed() < self.period * STALE_PERIODS).then(|| value.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_value_is_refreshed_when_due_and_forgotten_when_it_cannot_be() {
        let slow = Slow::new(Duration::from_secs(60));
        assert_eq!(slow.latest(|_| async { Some(1) }).await, Some(1), "the first report waits for it");
        assert_eq!(slow.latest(|_| async { Some(2) }).await, Some(1), "it is not due yet");
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(slow.latest(|before| async move { before.map(|n| n + 5) }).await, Some(1));
        tokio::task::yield_now().await;
        assert_eq!(slow.latest(|_| async { None }).await, Some(6));
        for _ in 0..4 {
            tokio::time::advance(Duration::from_secs(61)).await;
            slow.latest(|_| async { None }).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(slow.latest(|_| async { None }).await, None, "an old value is no value");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refresh_that_never_ends_is_started_once() {
        let slow: Slow<u32> = Slow::new(Duration::from_secs(1));
        assert_eq!(slow.latest(|_| std::future::pending()).await, None);
        tokio::time::advance(Duration::from_secs(100)).await;
        let never =
            |_: Option<u32>| -> std::future::Ready<Option<u32>> { panic!("a second one was started") };
        assert_eq!(slow.latest(never).await, None);
    }
}
