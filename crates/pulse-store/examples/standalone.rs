//! The store alone, in a program of one's own: a day of a machine's processor, played in a moment, asked for and drawn.
//!
//! `cargo run -p pulse-store --example standalone [FOLDER]`; run it twice with a folder, and the first day is still there.
#![expect(clippy::print_stdout, reason = "a program for people to look at")]

use std::{error::Error, path::PathBuf, sync::Arc};

use pulse_store::{
    ManualClock, MetricStore, RangeQuery, Selector, SqliteStore, StoreOptions,
    metric::{Metric, ResourceType, Sample, SeriesKey},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args_os().nth(1).map_or_else(|| temporary.path().to_owned(), PathBuf::from);

    // A real program hands in `SystemClock`.
    let morning: jiff::Timestamp = "2026-11-23T00:00:00Z".parse()?;
    let clock = Arc::new(ManualClock::new(morning));
    let store = SqliteStore::open(&folder.join("history.db"), StoreOptions::default(), clock.clone())?;

    let cpu =
        SeriesKey { resource_type: ResourceType::Host, resource_id: "workshop".into(), metric: Metric::Cpu };
    for tick in 0..8640_i64 {
        let at = morning.checked_add(jiff::SignedDuration::from_secs(tick * 10))?;
        let hour = tick as f64 / 360.0;
        let value = 35.0 - 30.0 * (hour / 24.0 * std::f64::consts::TAU).cos() + (tick % 7) as f64;
        // Never blocks; what does not fit into the queue is dropped and counted.
        store.append(vec![Sample { series: cpu.clone(), at, value: (value * 100.0).round() / 100.0 }]);
        clock.set(at);
    }
    // Returns when everything is on disk. Without it, that happens every `StoreOptions::flush_every`.
    store.flush().await?;

    let selector = Selector {
        resource_type: cpu.resource_type,
        resource_id: Some(cpu.resource_id.clone()),
        metrics: vec![cpu.metric],
    };
    let to = morning.checked_add(jiff::SignedDuration::from_hours(24))?;
    let answer = store.query(RangeQuery { selector, from: morning, to, max_points: Some(48) }).await?;
    for series in &answer {
        let bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let bar = |value: f64| bars.get((value / 100.0 * bars.len() as f64) as usize).copied().unwrap_or('█');
        let line: String = series.points.iter().map(|point| bar(point.value)).collect();
        let peak = series.points.iter().map(|point| point.max).fold(0.0, f64::max);
        println!("{} {line} at most {peak} %", series.key.resource_id);
    }
    let stats = store.stats().await?;
    println!(
        "{} samples, {:?} bytes each, {} bytes on disk",
        stats.raw_points, stats.bytes_per_sample, stats.size_bytes
    );
    store.close().await;
    Ok(())
}
