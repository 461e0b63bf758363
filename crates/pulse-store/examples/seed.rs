//! A past for what a server has just begun to watch, so that every range of a chart has something to draw.
//!
//! `cargo run --release -p pulse-store --example seed METRICS_DB DAYS`, with the server stopped. Every series that the
//! file knows gets DAYS of believable points before its first one, around the values that it has: in minutes for the
//! newest four weeks, in hours before that, and in samples for the newest three hours. Two nights ago nothing was measured for five hours, and with more than
//! sixteen days there is a gap of thirty hours, too. Run again, it changes nothing.
#![expect(clippy::print_stdout, reason = "a program for people to look at")]

use std::{env, error::Error, f64::consts::TAU, path::Path, sync::Arc};

use jiff::Timestamp;
use pulse_store::{
    Clock, ImportOutcome, ImportPoint, MetricStore, Selector, SqliteStore, StoreOptions, SystemClock, Tier,
    codec::Aggregate,
    metric::{Metric, ResourceType, SeriesKey, Unit},
};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Points are made in minutes for this long, and in hours before that.
const MINUTES_FOR_DAYS: i64 = 28;
/// Samples are made, one every ten seconds, for this long: short ranges are drawn from them.
const SAMPLES_FOR_HOURS: i64 = 3;
const SAMPLE_MS: i64 = 10_000;
/// Points that are handed over at once.
const BATCH: usize = 200_000;

/// A series, its first moment, and what it was then.
struct Known {
    key: SeriesKey,
    first_at: i64,
    mean: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let (Some(file), Some(days)) = (arguments.next(), arguments.next()) else {
        return Err("usage: seed METRICS_DB DAYS".into());
    };
    let days: i64 = days.to_str().and_then(|days| days.parse().ok()).ok_or("DAYS is a whole number")?;
    let clock = Arc::new(SystemClock);
    let now_ms = clock.now().as_millisecond();
    let store = SqliteStore::open(Path::new(&file), StoreOptions::default(), clock)?;
    let mut outcome = ImportOutcome::default();
    let mut points = Vec::new();
    let mut count = 0_usize;
    for series in known(&store, now_ms)? {
        past_of(&series, now_ms, days, &mut points);
        count += 1;
        if points.len() >= BATCH {
            outcome.add(store.import_blocking(std::mem::take(&mut points))?);
        }
    }
    outcome.add(store.import_blocking(points)?);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let flushed = store.flush().await;
        store.close().await;
        flushed
    })?;
    println!("{count} series: {} points written, {} were there already", outcome.taken, outcome.known);
    Ok(())
}

/// Every series of the file that was measured within the last hours.
fn known(store: &SqliteStore, now_ms: i64) -> Result<Vec<Known>, Box<dyn Error>> {
    let (from, to) =
        (Timestamp::from_millisecond(now_ms - 3 * HOUR_MS)?, Timestamp::from_millisecond(now_ms)?);
    let mut found = Vec::new();
    for resource_type in ResourceType::EVERY {
        let selector = Selector { resource_type, resource_id: None, metrics: Metric::EVERY.to_vec() };
        store.dump_blocking(Tier::Raw, &selector, from, to, &mut |key, points| {
            let (sum, count) =
                points.iter().fold((0.0, 0), |(sum, count), point| (sum + point.sum, count + point.count));
            if let (Some(first), true) = (points.first(), count > 0) {
                found.push(Known { key: key.clone(), first_at: first.at, mean: sum / count as f64 });
            }
            true
        })?;
    }
    Ok(found)
}

/// The points before the first one that is known.
fn past_of(series: &Known, now_ms: i64, days: i64, out: &mut Vec<ImportPoint>) {
    let noise = Noise::of(&series.key);
    let finest = now_ms - MINUTES_FOR_DAYS.min(days) * DAY_MS;
    let mut at = (now_ms - days * DAY_MS).div_euclid(HOUR_MS) * HOUR_MS;
    let samples_from = (now_ms - SAMPLES_FOR_HOURS * HOUR_MS).div_euclid(HOUR_MS) * HOUR_MS;
    while at + SAMPLE_MS <= series.first_at {
        let (tier, step, samples) = match at {
            _ if at < finest => (Tier::Hour, HOUR_MS, 360),
            _ if at < samples_from => (Tier::Minute, MINUTE_MS, 6),
            _ => (Tier::Raw, SAMPLE_MS, 1),
        };
        if !is_gap(at, now_ms, days) {
            let point = noise.point(&series.key, series.mean, at, samples);
            out.push(ImportPoint { series: series.key.clone(), tier, point });
        }
        at += step;
    }
}

/// Whether nothing was measured then.
fn is_gap(at: i64, now_ms: i64, days: i64) -> bool {
    let ago = now_ms - at;
    (2 * DAY_MS..2 * DAY_MS + 5 * HOUR_MS).contains(&ago)
        || (days > 16 && (15 * DAY_MS..15 * DAY_MS + 30 * HOUR_MS).contains(&ago))
}

/// What tells one series from another: the same for the same series, whenever it is asked.
struct Noise {
    seed: u64,
}

impl Noise {
    fn of(key: &SeriesKey) -> Self {
        let text = format!("{} {} {}", key.resource_type.name(), key.resource_id, key.metric.name());
        // FNV-1a: nothing here needs more than numbers that differ.
        let seed = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self { seed }
    }

    /// Between -1 and 1, for one moment.
    fn at(&self, number: i64) -> f64 {
        let mut bits = self.seed ^ number.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    fn point(&self, key: &SeriesKey, mean: f64, at: i64, samples: u64) -> Aggregate {
        let is_steady = matches!(
            key.metric,
            Metric::Total | Metric::Disk | Metric::Usage | Metric::Used | Metric::Available | Metric::Nodes
        );
        let phase = self.at(0) * TAU;
        let day = (at as f64 / DAY_MS as f64 * TAU + phase / 6.0).sin();
        let week = (at as f64 / (7 * DAY_MS) as f64 * TAU + phase).sin();
        let (swing, spread) = if is_steady { (0.01 * week, 0.0) } else { (0.35 * day + 0.15 * week, 0.12) };
        let jitter = spread * self.at(at / SAMPLE_MS);
        let cap = if key.metric.unit() == Unit::Percent { 100.0 } else { f64::MAX };
        let of = |factor: f64| ((mean * factor).clamp(0.0, cap) * 100.0).round() / 100.0;
        let middle = of(1.0 + swing + jitter);
        // Now and then a job runs for some minutes.
        let is_busy = !is_steady && self.at(at / (20 * MINUTE_MS)) > 0.97;
        let (low, high) = if is_busy {
            (middle, of(2.2 + swing))
        } else {
            (of(1.0 + swing + jitter - spread), of(1.0 + swing + jitter + spread))
        };
        let (low, high) = if samples == 1 { (middle, middle) } else { (low.min(middle), high.max(middle)) };
        Aggregate { at, count: samples, min: low, max: high, sum: middle * samples as f64 }
    }
}
