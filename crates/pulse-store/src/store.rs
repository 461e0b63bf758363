//! The embedded store: the writer's thread, and readers beside it.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::Ordering,
        mpsc::{self, Sender},
    },
    thread::{self, JoinHandle},
};

use jiff::Timestamp;
use pulse_core::{
    Clock,
    metric::{Sample, SeriesKey},
};
use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};

use crate::{
    api::{EachSeries, MetricStore, RangeQuery, Selector, Series, StoreStats},
    codec::Aggregate,
    error::StoreError,
    import::{ImportOutcome, ImportPoint},
    options::{Retention, StoreOptions},
    query::{Plan, Running},
    registry::{Registry, Resource},
    shared::{Shared, State},
    sqlite::{self, SqliteTables},
    tables::Tables,
    tier,
    writer::{Disk, Message, Writer, warn_set_aside},
};

/// What a row of a chunk table takes beside the chunk: its key, its lengths and its place in the page.
const ROW_BYTES: i64 = 16;
/// So many idle connections are kept for the next queries; each may hold a megabyte.
const MOST_IDLE_READERS: usize = 2;
/// So many series are answered at once: their points are in memory together.
const SERIES_AT_ONCE: usize = 256;
/// Queries of more series than this are wide: see [`Plan::new`].
const WIDE: usize = 512;
/// So many series are handed out whole at once: three days of one take a megabyte.
const DUMPED_AT_ONCE: usize = 8;

/// Keeps history in one SQLite file, or in memory only.
#[derive(Debug)]
pub struct SqliteStore {
    inner: Arc<Inner>,
    messages: Sender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
    queries: Semaphore,
    most_queued: usize,
    is_memory_only: bool,
}

impl SqliteStore {
    /// Opens the file, or makes it; with [`StoreOptions::is_memory_only`], `path` is not touched. A damaged file is
    /// renamed to `<path>.damaged-<time>` and a new one is begun. What is not in chunks yet is read on the writer's
    /// thread; queries wait for that.
    pub fn open(path: &Path, options: StoreOptions, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared::new(options.is_memory_only));
        let disk = if options.is_memory_only {
            None
        } else {
            let (connection, set_aside) = sqlite::open(path, clock.now())?;
            if let Some(aside) = set_aside {
                warn_set_aside(path, &aside.to, &aside.reason);
            }
            Some(Disk { path: path.to_owned(), connection })
        };
        let file = disk.as_ref().map(|disk| disk.path.clone());
        let writer = Writer::new(Arc::clone(&shared), disk, clock, &options);
        let (messages, inbox) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("metrics-writer".to_owned())
            .spawn(move || writer.run(&inbox))
            .map_err(StoreError::Thread)?;
        Ok(Self {
            inner: Arc::new(Inner { shared, file, readers: Mutex::default() }),
            messages,
            thread: Mutex::new(Some(thread)),
            queries: Semaphore::new(options.most_queries.max(1)),
            most_queued: options.most_queued,
            is_memory_only: options.is_memory_only,
        })
    }

    /// The same, but where the file cannot be used, says so and goes on in memory: who watches a site needs to see it now
    /// more than its past. What is wrong stands in [`StoreStats::problem`]; the file is left as it is.
    pub fn open_or_in_memory(
        path: &Path,
        options: StoreOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        match Self::open(path, options.clone(), Arc::clone(&clock)) {
            Err(error) => {
                tracing::error!(%error, "history is kept in memory only until the next start");
                let options = StoreOptions { is_memory_only: true, retention: None, ..options };
                let store = Self::open(path, options, clock)?;
                store.inner.shared.write().problem =
                    Some(format!("history is kept in memory only until the next start: {error}"));
                Ok(store)
            }
            opened => opened,
        }
    }

    /// Copies the file at `path` to `to`, which must not exist, as it is at one moment; another process may have it
    /// open and go on writing. For threads that may block.
    pub fn copy(path: &Path, to: &Path) -> Result<(), StoreError> {
        sqlite::copy(path, to)
    }

    /// From now on, keeps each tier this long; `None` for what suits where it is kept. What is too old by that goes
    /// bit by bit, within hours.
    pub fn set_retention(&self, retention: Option<Retention>) {
        let retention =
            StoreOptions { retention, is_memory_only: self.is_memory_only, ..StoreOptions::default() };
        // A closed store keeps nothing anyway.
        drop(self.messages.send(Message::Retain(retention.effective_retention())));
    }

    /// Takes in points that were gathered elsewhere, all or none, and rolls them up; on return they are on disk.
    /// For threads that may block; a million points take a second or two.
    pub fn import_blocking(&self, points: Vec<ImportPoint>) -> Result<ImportOutcome, StoreError> {
        let (answer, done) = oneshot::channel();
        self.messages.send(Message::Import(points, answer)).map_err(|_| StoreError::Closed)?;
        done.blocking_recv().map_err(|_| StoreError::Closed)?
    }

    /// Hands out the points of one tier as they are, series by series, until `each` returns false. For threads that may
    /// block.
    pub fn dump_blocking(
        &self,
        tier: tier::Tier,
        selector: &Selector,
        from: Timestamp,
        to: Timestamp,
        each: &mut dyn FnMut(&SeriesKey, &[Aggregate]) -> bool,
    ) -> Result<(), StoreError> {
        let inner = &self.inner;
        inner.shared.wait_loaded();
        let (from, to) = (from.as_millisecond().max(0), to.as_millisecond());
        let plan = Plan::of_tier(from, to, tier);
        let series = select(&inner.shared.read().registry, selector);
        let mut reader = None;
        for part in series.chunks(DUMPED_AT_ONCE) {
            let running = inner.read(Running::new(plan, part.to_vec(), false), &mut reader)?;
            for (key, points) in running.map(Running::finish_whole).unwrap_or_default() {
                if !each(&key, &points) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Runs `work` on a thread that may block, as one of the queries that are allowed at once.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let _permit = self.queries.acquire().await.map_err(|_| StoreError::Closed)?;
        let inner = Arc::clone(&self.inner);
        let result =
            tokio::task::spawn_blocking(move || work(&inner)).await.map_err(|_| StoreError::Closed)?;
        if result.as_ref().is_err_and(StoreError::is_damage) {
            // A closed writer has no use for it.
            drop(self.messages.send(Message::Check));
        }
        result
    }
}

#[async_trait::async_trait]
impl MetricStore for SqliteStore {
    fn append(&self, samples: Vec<Sample>) {
        let count = samples.len();
        if count == 0 {
            return;
        }
        let shared = &self.inner.shared;
        let waiting = shared.queued.fetch_add(count, Ordering::Relaxed);
        let is_refused = waiting.saturating_add(count) > self.most_queued && waiting > 0;
        if is_refused || self.messages.send(Message::Append(samples)).is_err() {
            shared.queued.fetch_sub(count, Ordering::Relaxed);
            shared.count_dropped(count as u64);
        }
    }

    async fn query(&self, query: RangeQuery) -> Result<Vec<Series>, StoreError> {
        self.run(move |inner| {
            let mut answer = vec![];
            inner.query(&query, &mut |series| answer.push(series))?;
            Ok(answer)
        })
        .await
    }

    async fn query_each(&self, query: RangeQuery, mut each: EachSeries) -> Result<(), StoreError> {
        self.run(move |inner| inner.query(&query, &mut *each)).await
    }

    async fn stats(&self) -> Result<StoreStats, StoreError> {
        self.run(|inner| Ok(inner.stats())).await
    }

    async fn flush(&self) -> Result<(), StoreError> {
        let (answer, done) = oneshot::channel();
        self.messages.send(Message::Flush(answer)).map_err(|_| StoreError::Closed)?;
        done.await.map_err(|_| StoreError::Closed)?
    }

    async fn close(&self) {
        // The last connection to close tidies up the file, and it must be the one that can write.
        self.inner.idle().clear();
        let (answer, done) = oneshot::channel();
        if self.messages.send(Message::Close(answer)).is_ok() {
            // An error says that the writer is gone already.
            drop(done.await);
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // It has answered, so it ends at once.
            drop(tokio::task::spawn_blocking(move || thread.join()).await);
        }
        self.inner.idle().clear();
    }
}

/// What queries need.
#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    /// `None` when everything is in memory.
    file: Option<PathBuf>,
    /// Idle connections, each with the generation of the file that it reads.
    readers: Mutex<Vec<(u64, Connection)>>,
}

impl Inner {
    fn query(&self, query: &RangeQuery, each: &mut dyn FnMut(Series)) -> Result<(), StoreError> {
        self.shared.wait_loaded();
        // Chunk numbers do not go below 1970, so neither need ranges.
        let (from, to) = (query.from.as_millisecond().max(0), query.to.as_millisecond());
        if from > to {
            return Ok(());
        }
        let (series, all_series) = {
            let state = self.shared.read();
            (select(&state.registry, &query.selector), state.registry.series())
        };
        let plan = Plan::new(from, to, query.max_points, series.len() > WIDE);
        // Looking up one chunk costs about as much as passing over six.
        let is_scan = series.len() > 64 && series.len() as u64 * 6 > all_series;
        let mut series = series.into_iter();
        let mut reader = None;
        while series.len() > 0 {
            let part = series.by_ref().take(SERIES_AT_ONCE).collect();
            let running = Running::new(plan, part, is_scan);
            let running = self.read(running, &mut reader)?;
            running.map(Running::finish).unwrap_or_default().into_iter().for_each(&mut *each);
        }
        if let Some((generation, connection)) = reader {
            self.put_back(generation, connection);
        }
        Ok(())
    }

    /// Reads for some series; nothing where there is nothing to read. Between these parts nothing is locked or pinned: each
    /// series is consistent in itself.
    fn read(
        &self,
        mut running: Running,
        reader: &mut Option<(u64, Connection)>,
    ) -> Result<Option<Running>, StoreError> {
        if reader.is_none() && self.shared.read().memory.is_none() {
            *reader = self.reader()?;
        }
        let state = self.shared.read();
        if let Some(tables) = &state.memory {
            running.read_heads(&state.heads);
            running.read_tables(tables, state.days_done)?;
            return Ok(Some(running));
        }
        let Some((_, connection)) = reader else { return Ok(None) };
        let transaction = connection.transaction()?;
        // The first read pins what the transaction sees; windows are sealed under the lock that is held here.
        SqliteTables(&transaction).bounds(tier::Tier::Raw)?;
        running.read_heads(&state.heads);
        let days_done = state.days_done;
        drop(state);
        running.read_tables(&SqliteTables(&transaction), days_done)?;
        Ok(Some(running))
    }

    fn stats(&self) -> StoreStats {
        self.shared.wait_loaded();
        let size_bytes = self.file.as_deref().map_or(0, sqlite::size);
        let state = self.shared.read();
        let State { heads, registry, counts, last_flush, last_rollup, last_retention, problem, .. } = &*state;
        let [raw, minute, hour, day] = counts;
        let points = |points: i64| u64::try_from(points).unwrap_or(0);
        let raw_bytes = raw.bytes + raw.chunks * ROW_BYTES;
        StoreStats {
            is_enabled: true,
            size_bytes,
            raw_points: points(raw.points) + heads.samples(),
            minute_points: points(minute.points),
            hourly_points: points(hour.points),
            daily_points: points(day.points),
            total_writes: self.shared.taken.load(Ordering::Relaxed),
            dropped: self.shared.dropped.load(Ordering::Relaxed),
            buffered_samples: heads.journal.samples() + self.shared.queued.load(Ordering::Relaxed) as u64,
            open_bytes: heads.bytes() as u64,
            series: registry.series(),
            last_flush: *last_flush,
            last_rollup: *last_rollup,
            last_retention: *last_retention,
            problem: problem.clone(),
            bytes_per_sample: (raw.points > 0).then(|| raw_bytes as f64 / raw.points as f64),
        }
    }

    /// A connection that reads the file as it is now.
    fn reader(&self) -> Result<Option<(u64, Connection)>, StoreError> {
        let Some(path) = &self.file else { return Ok(None) };
        let generation = self.shared.read().generation;
        let mut idle = self.idle();
        idle.retain(|(of, _)| *of == generation);
        if let Some(reader) = idle.pop() {
            return Ok(Some(reader));
        }
        drop(idle);
        Ok(Some((generation, sqlite::open_reader(path)?)))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(u64, Connection)>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_back(&self, generation: u64, connection: Connection) {
        let mut idle = self.idle();
        if idle.len() < MOST_IDLE_READERS {
            idle.push((generation, connection));
        }
    }
}

/// The series that are asked for.
fn select(registry: &Registry, selector: &Selector) -> Vec<(SeriesKey, u32)> {
    let mut series = vec![];
    let mut add = |(name, resource): (&Arc<str>, Resource)| {
        for metric in tier::metrics_in(resource.metrics) {
            if selector.metrics.is_empty() || selector.metrics.contains(&metric) {
                let key = SeriesKey {
                    resource_type: selector.resource_type,
                    resource_id: Arc::clone(name),
                    metric,
                };
                series.push((key, tier::series_of(resource.number, metric)));
            }
        }
    };
    match &selector.resource_id {
        Some(id) => registry.get(selector.resource_type, id).into_iter().for_each(&mut add),
        None => registry.of_kind(selector.resource_type).for_each(&mut add),
    }
    // In the order in which chunks lie.
    series.sort_unstable_by_key(|(_, number)| *number);
    series
}
