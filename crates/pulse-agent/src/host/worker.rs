//! Blocking reads away from the async threads, each with a time limit.
//!
//! Own threads instead of the runtime's blocking pool: a read that never returns (a dead disk, a sensor behind a
//! hung bus) must neither fill that pool nor keep the runtime from shutting down.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};

use super::mounts::{Mount, Space};

/// These threads only parse text; a small stack keeps the process small.
const STACK_BYTES: usize = 256 * 1024;

fn spawn(work: impl FnOnce() + Send + 'static) -> bool {
    std::thread::Builder::new()
        .name("pulse-read".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(work)
        .inspect_err(|error| tracing::warn!(%error, "cannot start a thread for reading this machine"))
        .is_ok()
}

/// Runs one piece of blocking work at a time.
#[derive(Debug, Default)]
pub(super) struct Worker {
    is_busy: Arc<AtomicBool>,
}

impl Worker {
    /// The result of `work`; `None` when it takes longer than `limit` or the work before it still hangs.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        if self.is_busy.swap(true, Ordering::AcqRel) {
            return None;
        }
        let (done, result) = oneshot::channel();
        let is_busy = Arc::clone(&self.is_busy);
        let has_started = spawn(move || {
            let value = work();
            is_busy.store(false, Ordering::Release);
            // The receiver is gone when the limit has passed.
            done.send(value).ok();
        });
        if !has_started {
            self.is_busy.store(false, Ordering::Release);
            return None;
        }
        timeout(limit, result).await.ok()?.ok()
    }
}

/// With this many file systems hanging, no further one is asked: each holds a thread.
const MAX_HUNG: usize = 4;

/// Asks one file system for its size.
pub(super) type Probe = Arc<dyn Fn(&Mount) -> Option<Space> + Send + Sync>;

/// Asks file systems for their sizes and steers around those that do not answer.
pub(super) struct SpaceReader {
    probe: Probe,
    hung: Arc<Mutex<BTreeSet<String>>>,
}

#[derive(Default)]
struct Progress {
    current: Option<String>,
    done: Vec<(Mount, Space)>,
    is_abandoned: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SpaceReader {
    /// A reader that asks with `probe`.
    pub(super) fn new(probe: Probe) -> Self {
        Self { probe, hung: Arc::default() }
    }

    /// Sizes of the mounts that answer; each silent one costs `limit` once and is left out until it answers.
    pub(super) async fn read(&self, mounts: Vec<Mount>, limit: Duration) -> Vec<(Mount, Space)> {
        let mut sized = Vec::with_capacity(mounts.len());
        let mut waiting = mounts;
        loop {
            {
                let hung = lock(&self.hung);
                if hung.len() >= MAX_HUNG {
                    return sized;
                }
                waiting.retain(|mount| !hung.contains(&mount.mountpoint));
            }
            if waiting.is_empty() {
                return sized;
            }
            let progress = Arc::new(Mutex::new(Progress::default()));
            let (done, finished) = oneshot::channel();
            if !spawn(self.job(waiting.clone(), Arc::clone(&progress), done)) {
                return sized;
            }
            let is_complete = timeout(limit, finished).await.is_ok();
            let mut progress = lock(&progress);
            sized.append(&mut progress.done);
            if is_complete {
                return sized;
            }
            progress.is_abandoned = true;
            let Some(silent) = progress.current.take() else { return sized };
            tracing::warn!(
                mountpoint = %silent,
                "a file system does not answer and is left out of reports until it does"
            );
            let at = waiting.iter().position(|mount| mount.mountpoint == silent);
            waiting.drain(..at.map_or(waiting.len(), |at| at + 1));
            lock(&self.hung).insert(silent);
        }
    }

    fn job(
        &self,
        mounts: Vec<Mount>,
        progress: Arc<Mutex<Progress>>,
        done: oneshot::Sender<()>,
    ) -> impl FnOnce() + Send + 'static {
        let probe = Arc::clone(&self.probe);
        let hung = Arc::clone(&self.hung);
        move || {
            for mount in mounts {
                lock(&progress).current = Some(mount.mountpoint.clone());
                let space = probe(&mount);
                let mut progress = lock(&progress);
                if progress.is_abandoned {
                    lock(&hung).remove(&mount.mountpoint);
                    return;
                }
                progress.current = None;
                if let Some(space) = space {
                    progress.done.push((mount, space));
                }
            }
            done.send(()).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn mount(path: &str) -> Mount {
        Mount {
            number: "8:1".into(),
            root: "/".into(),
            mountpoint: path.into(),
            kind: "ext4".into(),
            source: "/dev/sda1".into(),
            is_remote: false,
        }
    }

    fn paths(sized: &[(Mount, Space)]) -> Vec<&str> {
        sized.iter().map(|(mount, _)| mount.mountpoint.as_str()).collect()
    }

    #[tokio::test]
    async fn a_file_system_that_hangs_costs_the_others_nothing_and_comes_back() {
        let (release, wait) = mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        let reader = SpaceReader::new(Arc::new(move |mount: &Mount| {
            if mount.mountpoint == "/b" {
                wait.lock().unwrap().recv().ok();
            }
            Some(Space { total: 2, used: 1, available: 1 })
        }));
        let limit = Duration::from_millis(100);
        let all = || vec![mount("/a"), mount("/b"), mount("/c")];
        assert_eq!(paths(&reader.read(all(), limit).await), ["/a", "/c"]);
        // Known to hang now: asked no more, so the next report is not late.
        let begin = std::time::Instant::now();
        assert_eq!(paths(&reader.read(all(), Duration::from_secs(20)).await), ["/a", "/c"]);
        assert!(begin.elapsed() < Duration::from_secs(10));
        drop(release);
        tokio::task::spawn_blocking({
            let hung = Arc::clone(&reader.hung);
            move || while !lock(&hung).is_empty() {}
        })
        .await
        .unwrap();
        assert_eq!(paths(&reader.read(all(), limit).await), ["/a", "/b", "/c"]);
    }

    #[tokio::test]
    async fn work_that_hangs_is_given_up_and_not_piled_up() {
        let worker = Worker::default();
        let (release, wait) = mpsc::channel::<()>();
        let first = worker.run(Duration::from_millis(20), move || wait.recv().is_ok()).await;
        assert_eq!(first, None);
        assert_eq!(worker.run(Duration::from_secs(5), || 1).await, None, "the first still hangs");
        drop(release);
        let freed = Arc::clone(&worker.is_busy);
        tokio::task::spawn_blocking(move || while freed.load(Ordering::Acquire) {}).await.unwrap();
        assert_eq!(worker.run(Duration::from_secs(5), || 1).await, Some(1));
    }
}
