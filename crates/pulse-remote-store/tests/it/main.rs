//! The second engine behind the store's trait, against a real VictoriaMetrics and beside the embedded one: both must draw
//! the same lines.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "helpers of tests are not tests to clippy")]

mod engine;

use std::{sync::Arc, time::Duration};

use engine::Engine;
use jiff::Timestamp;
use pulse_core::{
    Clock, ManualClock, SystemClock,
    metric::{Metric, ResourceType, Sample, SeriesKey},
};
use pulse_remote_store::{RemoteOptions, RemoteStore};
use pulse_store::{MetricStore, RangeQuery, Selector, Series, SqliteStore, StoreError, StoreOptions};

/// The last whole hour but two: engines refuse what is far from their own clock.
fn start() -> i64 {
    SystemClock.now().as_second() / 3600 * 3600 - 3 * 3600
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn series(kind: ResourceType, id: &str, metric: Metric) -> SeriesKey {
    SeriesKey { resource_type: kind, resource_id: id.into(), metric }
}

const ODD_ID: &str = "my \"lab\"|.*\\:7";

/// Two hours and a half of two guests at ten seconds, with a gap, and of a storage.
fn samples(start: i64) -> Vec<Sample> {
    let mut out = vec![];
    for i in 0..900 {
        if (300..360).contains(&i) {
            continue;
        }
        let second = start + i * 10;
        for (id, factor) in [("lab:100", 1.0), (ODD_ID, 0.5)] {
            for (metric, value) in [(Metric::Cpu, (i % 97) as f64 / 4.0), (Metric::NetIn, (i * i) as f64)] {
                let series = series(ResourceType::Vm, id, metric);
                out.push(Sample { series, at: at(second), value: value * factor });
            }
        }
        let series = series(ResourceType::Storage, "lab-n1-local", Metric::Usage);
        out.push(Sample { series, at: at(second), value: 41.25 });
    }
    out
}

fn query(kind: ResourceType, id: Option<&str>, from: i64, to: i64, max_points: Option<u32>) -> RangeQuery {
    let selector = Selector { resource_type: kind, resource_id: id.map(Arc::from), metrics: vec![] };
    RangeQuery { selector, from: at(from), to: at(to), max_points }
}

/// Time, mean, smallest, largest.
type Rounded = (i64, f64, f64, f64);

/// Sorted, and rounded to what two ways of adding up the same numbers may differ in.
fn comparable(mut answer: Vec<Series>) -> Vec<(SeriesKey, Vec<Rounded>)> {
    answer.sort_by(|a, b| a.key.cmp(&b.key));
    let round = |value: f64| (value * 1e6).round() / 1e6;
    answer
        .into_iter()
        .map(|series| {
            let points = series.points.iter().map(|p| (p.at, round(p.value), round(p.min), round(p.max)));
            (series.key, points.collect())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_engines_draw_the_same_lines() {
    let Some(engine) = Engine::start().await else { return };
    let start = start();
    let end = start + 9000;
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(at(end)));
    let own =
        SqliteStore::open(&folder.path().join("metrics.db"), StoreOptions::default(), clock.clone()).unwrap();
    let remote = RemoteStore::start(&RemoteOptions::single(&engine.url), Arc::new(SystemClock)).unwrap();
    for store in [&own as &dyn MetricStore, &remote] {
        for batch in samples(start).chunks(1000) {
            store.append(batch.to_vec());
        }
        store.flush().await.unwrap();
    }
    // The number of series is that of the last minutes.
    let series = series(ResourceType::Node, "lab-n1", Metric::Cpu);
    remote.append(vec![Sample { series, at: SystemClock.now(), value: 1.0 }]);
    remote.flush().await.unwrap();
    engine
        .settle(async || {
            let all = remote.query(query(ResourceType::Vm, None, start, end, Some(900))).await.unwrap();
            remote.stats().await.unwrap().series == 1
                && all.iter().map(|series| series.points.len()).sum::<usize>() == 4 * 840
        })
        .await;

    let stats = remote.stats().await.unwrap();
    assert_eq!((stats.total_writes, stats.dropped, stats.buffered_samples), (4201, 0, 0));
    assert_eq!((stats.series, stats.problem), (1, None));
    assert!(stats.last_flush.is_some());

    for (name, kind, id, from, to, points) in [
        ("samples", ResourceType::Vm, Some("lab:100"), start, start + 7200, None),
        ("a part", ResourceType::Vm, Some(ODD_ID), start + 15, start + 995, None),
        ("minutes", ResourceType::Vm, Some("lab:100"), start, end, None),
        ("drawn", ResourceType::Vm, Some("lab:100"), start, end, Some(50)),
        ("finely drawn", ResourceType::Vm, Some(ODD_ID), start, end, Some(300)),
        ("hours", ResourceType::Vm, Some("lab:100"), start, start + 7199, Some(2)),
        ("all guests", ResourceType::Vm, None, start, end, Some(60)),
        ("all storages", ResourceType::Storage, None, start, end, Some(60)),
        ("nobody", ResourceType::Vm, Some("nobody"), start, end, Some(60)),
        ("no such kind", ResourceType::Node, None, start, end, Some(60)),
        ("before everything", ResourceType::Vm, None, start - 90_000, start - 80_000, Some(60)),
        ("inverted", ResourceType::Vm, Some("lab:100"), end, start, Some(60)),
    ] {
        let query = query(kind, id, from, to, points);
        let expect = comparable(own.query(query.clone()).await.unwrap());
        let answer = comparable(remote.query(query).await.unwrap());
        assert_eq!(answer, expect, "{name}");
    }
    remote.close().await;
    own.close().await;
    assert!(matches!(remote.flush().await, Err(StoreError::Closed)));
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_wait_for_an_engine_that_is_away() {
    let Some(mut engine) = Engine::start().await else { return };
    let remote = RemoteStore::start(&RemoteOptions::single(&engine.url), Arc::new(SystemClock)).unwrap();
    engine.stop().await;
    let now = SystemClock.now().as_second() - 600;
    let put = |offset: i64| {
        let series = series(ResourceType::Node, "lab-n1", Metric::Cpu);
        remote.append(vec![Sample { series, at: at(now + offset), value: offset as f64 }]);
    };
    put(0);
    let error = remote.flush().await.unwrap_err();
    assert!(matches!(error, StoreError::Remote { .. }), "{error:?}");
    put(10);
    assert!(remote.flush().await.is_err());
    let stats = remote.stats().await.unwrap();
    assert_eq!((stats.buffered_samples, stats.total_writes, stats.dropped), (2, 0, 0));
    assert!(stats.problem.is_some_and(|problem| problem.contains("cannot be written")));
    let away = remote.query(query(ResourceType::Node, Some("lab-n1"), now, now + 60, None)).await;
    assert!(away.is_err(), "an engine that is away is no empty history");

    engine.again().await;
    remote.flush().await.unwrap();
    let wanted = query(ResourceType::Node, Some("lab-n1"), now, now + 60, None);
    engine.settle(async || !remote.query(wanted.clone()).await.unwrap().is_empty()).await;
    let answer = remote.query(wanted).await.unwrap();
    let values: Vec<f64> = answer[0].points.iter().map(|point| point.value).collect();
    assert_eq!(values, [0.0, 10.0], "in order, each once");
    assert_eq!(remote.stats().await.unwrap().problem, None);
    remote.close().await;
}

#[tokio::test]
async fn what_waits_has_a_bound() {
    let options = RemoteOptions {
        most_queued: 10,
        send_every: Duration::from_secs(3600),
        // Nobody listens there.
        ..RemoteOptions::single("http://127.0.0.1:9")
    };
    let remote = RemoteStore::start(&options, Arc::new(SystemClock)).unwrap();
    let series = series(ResourceType::Node, "a", Metric::Cpu);
    let sample = |value| Sample { series: series.clone(), at: SystemClock.now(), value };
    remote.append((0..25).map(f64::from).map(sample).collect());
    remote.append(vec![sample(f64::NAN)]);
    let stats = remote.stats().await.unwrap();
    assert_eq!((stats.buffered_samples, stats.dropped), (10, 16));
    remote.close().await;
    assert_eq!(remote.stats().await.unwrap().dropped, 26, "what could not be sent is counted");
}
