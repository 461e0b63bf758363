//! Figures of the store: what a sample costs in bytes and time, and how long questions take.
//!
//! `cargo bench -p pulse-store` runs the short scenarios. Words behind `--` add long ones: `large` those with 35,000 and
//! 100,000 series, `gigabyte` 90 days of 100,000 series, `month` a month of 100 guests.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people to look at")]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use pulse_core::{
    Clock, ManualClock,
    metric::{Metric, ResourceType, Sample, SeriesKey},
};
use pulse_store::{
    ImportPoint, MetricStore, RangeQuery, Selector, Series, SqliteStore, StoreOptions, Tier,
    codec::{self, Aggregate, RawPoint},
};

const START: i64 = 1_795_392_000;
const METRICS: [Metric; 7] = [
    Metric::Cpu,
    Metric::Memory,
    Metric::Disk,
    Metric::DiskRead,
    Metric::DiskWrite,
    Metric::NetIn,
    Metric::NetOut,
];

/// A small generator of noise: the figures must be the same on each run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About normal, mean 0, deviation 1.
    fn normal(&mut self) -> f64 {
        (0..4).map(|_| self.next()).sum::<f64>().mul_add(1.0, -2.0) * 1.732
    }
}

/// One guest: CPU a noisy percentage, memory a slow drift, disk nearly still, rates idle 85 % of the time.
struct Guest {
    noise: Noise,
    cpu: f64,
    memory: f64,
    disk: f64,
    busy: [u32; 4],
    rates: [f64; 4],
}

impl Guest {
    fn new(seed: u64) -> Self {
        let mut noise = Noise(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        noise.next();
        let (cpu, memory, disk) = (noise.next() * 40.0, 20.0 + noise.next() * 60.0, noise.next() * 90.0);
        Self { noise, cpu, memory, disk, busy: [0; 4], rates: [0.0; 4] }
    }

    fn values(&mut self) -> [f64; 7] {
        let percent = |v: f64| (v.clamp(0.0, 100.0) * 100.0).round() / 100.0;
        self.memory = (self.memory + self.noise.normal() * 0.05).clamp(5.0, 98.0);
        if self.noise.next() < 0.01 {
            self.disk = (self.disk + 0.01).min(99.0);
        }
        for (busy, rate) in self.busy.iter_mut().zip(&mut self.rates) {
            if *busy > 0 {
                *busy -= 1;
            } else if self.noise.next() < 0.03 {
                *busy = (self.noise.next() * 12.0) as u32;
            }
            *rate = if *busy > 0 { (self.noise.next() * 14.0).exp().round() } else { 0.0 };
        }
        let cpu = percent(self.cpu + self.noise.normal() * 1.5);
        let [a, b, c, d] = self.rates;
        [cpu, percent(self.memory), percent(self.disk), a, b, c, d]
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn rss_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}

/// Bytes that this process had written to disk.
fn written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    io.lines().find_map(|l| l.strip_prefix("write_bytes: ")).and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Processor time that this process has used: the machine may have other work.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    // User and system time, in hundredths of a second on every Linux.
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

struct Estate {
    clock: Arc<ManualClock>,
    store: SqliteStore,
    ids: Vec<Arc<str>>,
    guests: Vec<Guest>,
}

impl Estate {
    fn new(folder: &Path, guests: usize) -> Self {
        let clock = Arc::new(ManualClock::new(at(START)));
        let store =
            SqliteStore::open(&folder.join("metrics.db"), options(), Arc::clone(&clock) as _).unwrap();
        Self {
            clock,
            store,
            ids: (0..guests).map(|g| Arc::from(format!("lab:node{}:{}", g % 100, 100 + g))).collect(),
            guests: (0..guests).map(|g| Guest::new(g as u64 + 1)).collect(),
        }
    }

    fn poll(&mut self, second: i64) -> Vec<Sample> {
        let mut samples = Vec::with_capacity(self.ids.len() * METRICS.len());
        for (id, guest) in self.ids.iter().zip(&mut self.guests) {
            for (metric, value) in METRICS.into_iter().zip(guest.values()) {
                let series =
                    SeriesKey { resource_type: ResourceType::Vm, resource_id: Arc::clone(id), metric };
                samples.push(Sample { series, at: at(second), value });
            }
        }
        samples
    }

    /// Plays from now on, flushing every 30 s; returns the time that the store took.
    async fn play(&mut self, seconds: i64, step: i64) -> Duration {
        let from = self.clock.now().as_second();
        let mut took = Duration::ZERO;
        let mut waiting = vec![];
        for second in (from..from + seconds).step_by(step as usize) {
            waiting.push(self.poll(second));
            if (second + step) % 30 == 0 || step > 30 {
                self.clock.set(at(second + step));
                let begun = Instant::now();
                for samples in waiting.drain(..) {
                    self.store.append(samples);
                }
                self.store.flush().await.unwrap();
                took += begun.elapsed();
            }
        }
        self.clock.set(at(from + seconds));
        took
    }

    async fn ask(&self, id: Option<usize>, hours: i64, max_points: u32) -> (usize, Duration) {
        let now = self.clock.now();
        let query = RangeQuery {
            selector: Selector {
                resource_type: ResourceType::Vm,
                resource_id: id.map(|id| Arc::clone(&self.ids[id])),
                metrics: if id.is_some() { vec![Metric::Cpu] } else { vec![] },
            },
            from: now - SignedDuration::from_hours(hours),
            to: now,
            max_points: Some(max_points),
        };
        let mut times = vec![];
        let mut points = 0;
        for _ in 0..if id.is_some() { 101 } else { 5 } {
            let begun = Instant::now();
            let answer = self.store.query(query.clone()).await.unwrap();
            times.push(begun.elapsed());
            points = answer.iter().map(|s| s.points.len()).sum();
        }
        times.sort();
        (points, times[times.len() / 2])
    }

    /// All series as the API asks for them: without having all points in memory.
    async fn tell_stream(&self, hours: i64, max_points: u32) {
        let now = self.clock.now();
        let query = RangeQuery {
            selector: Selector { resource_type: ResourceType::Vm, resource_id: None, metrics: vec![] },
            from: now - SignedDuration::from_hours(hours),
            to: now,
            max_points: Some(max_points),
        };
        let points = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&points);
        let begun = Instant::now();
        let each = Box::new(move |series: Series| {
            count.fetch_add(series.points.len(), Ordering::Relaxed);
        });
        self.store.query_each(query, each).await.unwrap();
        println!(
            "  streaming all, {hours} h at {max_points} points: {:?}, {points:?} points",
            begun.elapsed()
        );
    }

    async fn tell_queries(&self, queries: &[(Option<usize>, i64, u32)]) {
        for (id, hours, most) in queries {
            let (points, took) = self.ask(*id, *hours, *most).await;
            let whom = if id.is_some() { "one series" } else { "all series" };
            println!("  {whom}, {hours} h at {most} points: {took:?} (median), {points} points");
        }
    }
}

fn options() -> StoreOptions {
    StoreOptions { most_queued: 100_000_000, ..StoreOptions::default() }
}

fn pages_of(folder: &Path) {
    let db = rusqlite::Connection::open(folder.join("metrics.db")).unwrap();
    let mut rows = db.prepare("SELECT name, sum(pgsize), sum(unused) FROM dbstat GROUP BY name").unwrap();
    let rows = rows.query_map([], |r| Ok((r.get::<_, String>(0)?, r.get::<_, i64>(1)?, r.get::<_, i64>(2)?)));
    for (name, bytes, unused) in rows.unwrap().map(Result::unwrap).filter(|row| row.1 > 8192) {
        println!("  table {name}: {bytes} bytes in pages, {unused} of them unused");
    }
}

fn bench_codec() {
    println!("codec, chunks of 360 samples");
    for (place, metric) in METRICS.into_iter().enumerate().take(4) {
        let chunks: Vec<Vec<RawPoint>> = (0..200_u64)
            .map(|seed| {
                let mut guest = Guest::new(seed + 1);
                let value = |i: i64| RawPoint { at: (START + i * 10) * 1000, value: guest.values()[place] };
                (0..360).map(value).collect()
            })
            .collect();
        let samples = 200 * 360;
        let begun = Instant::now();
        let mut bytes = vec![];
        let mut ends = vec![0];
        for points in &chunks {
            codec::encode_samples(START * 1000, points, &mut bytes);
            ends.push(bytes.len());
        }
        let encoded = begun.elapsed();
        let begun = Instant::now();
        let mut back = vec![];
        for range in ends.windows(2) {
            back.clear();
            codec::decode_samples(START * 1000, &bytes[range[0]..range[1]], &mut back).unwrap();
        }
        let decoded = begun.elapsed();
        println!(
            "  {:9} {:.3} B/sample, encode {:.1} ns, decode {:.1} ns",
            metric.name(),
            bytes.len() as f64 / f64::from(samples),
            encoded.as_nanos() as f64 / f64::from(samples),
            decoded.as_nanos() as f64 / f64::from(samples),
        );
    }
}

fn bench_open() {
    let mut times: Vec<Duration> = (0..11)
        .map(|_| {
            let folder = tempfile::tempdir().unwrap();
            let clock = Arc::new(ManualClock::new(at(START)));
            let begun = Instant::now();
            let store = SqliteStore::open(&folder.path().join("metrics.db"), options(), clock).unwrap();
            let took = begun.elapsed();
            drop(store);
            took
        })
        .collect();
    times.sort();
    println!("open in an empty folder: {:?} (median), {:?} (worst of 11)", times[5], times[10]);
}

async fn bench_day() {
    println!("100 guests x 7 metrics, a day at 10 s, flushed every 30 s");
    let folder = tempfile::tempdir().unwrap();
    let mut estate = Estate::new(folder.path(), 100);
    let before = written();
    let took = estate.play(86_400, 10).await;
    estate.play(600, 10).await;
    let stats = estate.store.stats().await.unwrap();
    let samples = 100 * 7 * 8640;
    println!("  {samples} samples in {took:?} with 2,880 synced flushes");
    println!("  written to disk: {:.1} MB", (written() - before) as f64 / 1e6);
    println!("  {stats:?}");
    estate.tell_queries(&[(Some(5), 1, 300), (Some(5), 24, 300), (None, 1, 60), (None, 24, 60)]).await;
    estate.store.close().await;
    println!("  file: {} bytes", std::fs::metadata(folder.path().join("metrics.db")).unwrap().len());
    pages_of(folder.path());
}

async fn bench_append() {
    println!("appending, hours of 5,000 series at 10 s, sealed and rolled up");
    let folder = tempfile::tempdir().unwrap();
    let mut estate = Estate::new(folder.path(), 715);
    let mut took = Duration::ZERO;
    let mut used = Duration::ZERO;
    let mut samples = 0;
    for hour in 0..4 {
        let from = START + hour * 3600;
        let polls: Vec<Vec<Sample>> = (0..360).map(|i| estate.poll(from + i * 10)).collect();
        samples += polls.iter().map(Vec::len).sum::<usize>();
        estate.clock.set(at(from + 3600));
        let begun = Instant::now();
        let used_before = processor_time();
        for poll in polls {
            estate.store.append(poll);
        }
        estate.store.flush().await.unwrap();
        let appended = begun.elapsed();
        estate.clock.set(at(from + 3600 + 130));
        estate.store.flush().await.unwrap();
        let sealed = begun.elapsed();
        took += sealed;
        used += processor_time().saturating_sub(used_before);
        println!("  hour {hour}: appended in {appended:?}, sealed in {:?}", sealed.saturating_sub(appended));
    }
    println!(
        "  {:.2} million samples a second, {:.2} million a second of processor time",
        samples as f64 / took.as_secs_f64() / 1e6,
        samples as f64 / used.as_secs_f64() / 1e6
    );
}

async fn bench_large() {
    println!("5,000 guests x 7 metrics at 10 s");
    let folder = tempfile::tempdir().unwrap();
    let before = rss_kib();
    let mut estate = Estate::new(folder.path(), 5000);
    let took = estate.play(3600, 10).await;
    let stats = estate.store.stats().await.unwrap();
    println!(
        "  an hour ({} samples) took {took:?}; open samples {} kB, resident {} kB more",
        stats.raw_points,
        stats.open_bytes / 1000,
        rss_kib() - before
    );
    estate.tell_queries(&[(Some(7), 1, 300)]).await;
    estate.tell_stream(1, 60).await;
    estate.tell_stream(1, 60).await;
    println!("  resident {} kB more", rss_kib() - before);
    let mut worst = Duration::ZERO;
    for _ in 0..8 {
        worst = worst.max(estate.play(30, 10).await);
    }
    println!("  the flush that sealed the hour: {worst:?}, resident {} kB more", rss_kib() - before);
    estate.play(3000, 10).await;
    println!("  later, resident {} kB more", rss_kib() - before);
    estate.store.close().await;
    let begun = Instant::now();
    estate.store =
        SqliteStore::open(&folder.path().join("metrics.db"), options(), Arc::clone(&estate.clock) as _)
            .unwrap();
    let opened = begun.elapsed();
    estate.ask(Some(7), 1, 10).await;
    println!("  reopened in {opened:?}, {:?} until open samples are back", begun.elapsed());
    estate.store.close().await;
    pages_of(folder.path());
}

async fn bench_many_series() {
    println!("100,000 series at 60 s for 25 h");
    let folder = tempfile::tempdir().unwrap();
    let mut estate = Estate::new(folder.path(), 14_286);
    estate.play(25 * 3600, 60).await;
    println!("  {:?}", estate.store.stats().await.unwrap());
    estate.tell_queries(&[(Some(77), 1, 300), (Some(77), 24, 300), (Some(77), 2160, 300)]).await;
    estate.tell_stream(24, 60).await;
    println!("  resident {} kB", rss_kib());
    estate.store.close().await;
    pages_of(folder.path());
}

/// Ninety days of 100,000 series in points of an hour: what a large site looks back on. It is put in as an import is.
async fn bench_gigabyte() {
    println!("100,000 series, 90 days of hours");
    let folder = tempfile::tempdir().unwrap();
    let mut estate = Estate::new(folder.path(), 14_286);
    let now = estate.clock.now().as_second();
    estate.store.flush().await.unwrap();
    let begun = Instant::now();
    let mut points = 0;
    for day in (1..=90).rev() {
        for (ids, guests) in estate.ids.chunks(2000).zip(estate.guests.chunks_mut(2000)) {
            let mut batch = Vec::with_capacity(2000 * 7 * 24);
            for (id, guest) in ids.iter().zip(guests) {
                for hour in 0..24 {
                    let at = (now - day * 86_400 + hour * 3600) * 1000;
                    for (metric, value) in METRICS.into_iter().zip(guest.values()) {
                        let point = Aggregate {
                            at,
                            count: 360,
                            min: value * 0.5,
                            max: value * 2.0,
                            sum: value * 360.0,
                        };
                        let series = SeriesKey {
                            resource_type: ResourceType::Vm,
                            resource_id: Arc::clone(id),
                            metric,
                        };
                        batch.push(ImportPoint { series, tier: Tier::Hour, point });
                    }
                }
            }
            points += batch.len();
            let store = &estate.store;
            std::thread::scope(|scope| scope.spawn(|| store.import_blocking(batch)).join()).unwrap().unwrap();
        }
    }
    println!("  {points} points taken in and rolled up in {:?}", begun.elapsed());
    let stats = estate.store.stats().await.unwrap();
    println!("  {} MB on disk, {} series", stats.size_bytes / 1_000_000, stats.series);
    estate.store.close().await;
    drop(estate.store);
    let mut opened = vec![];
    let mut answered = vec![];
    for _ in 0..5 {
        let begun = Instant::now();
        estate.store =
            SqliteStore::open(&folder.path().join("metrics.db"), options(), Arc::clone(&estate.clock) as _)
                .unwrap();
        opened.push(begun.elapsed());
        estate.store.stats().await.unwrap();
        answered.push(begun.elapsed());
        estate.store.close().await;
    }
    opened.sort();
    answered.sort();
    println!("  opened in {:?}, answers after {:?} (medians of 5)", opened[2], answered[2]);
    estate.store =
        SqliteStore::open(&folder.path().join("metrics.db"), options(), Arc::clone(&estate.clock) as _)
            .unwrap();
    estate.tell_queries(&[(Some(77), 24, 300), (Some(77), 2160, 300), (Some(78), 2160, 2160)]).await;
    println!("  resident {} kB", rss_kib());
    estate.store.close().await;
}

/// What grows over a month, and what does not.
async fn bench_month() {
    println!("100 guests x 7 metrics at 10 s for a month");
    let folder = tempfile::tempdir().unwrap();
    let mut estate = Estate::new(folder.path(), 100);
    let before = written();
    for day in 1..=30 {
        for _ in 0..24 {
            estate.play(3600, 10).await;
        }
        if [1, 4, 10, 20, 30].contains(&day) {
            let stats = estate.store.stats().await.unwrap();
            println!(
                "  day {day}: resident {} kB, {:.1} MB on disk, {:.3} GB written a day",
                rss_kib(),
                stats.size_bytes as f64 / 1e6,
                (written() - before) as f64 / f64::from(day) / 1e9
            );
        }
    }
    estate.tell_queries(&[(Some(5), 24, 300), (Some(5), 720, 300)]).await;
    estate.store.close().await;
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let is_asked = |word: &str| std::env::args().any(|arg| arg == word);
    bench_codec();
    bench_open();
    runtime.block_on(async {
        bench_append().await;
        bench_day().await;
        if is_asked("large") {
            bench_large().await;
            bench_many_series().await;
        }
        if is_asked("month") {
            bench_month().await;
        }
        if is_asked("gigabyte") {
            bench_gigabyte().await;
        }
    });
}
