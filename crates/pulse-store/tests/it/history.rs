//! What the store answers.

use pulse_core::metric::{Metric, ResourceType};
use pulse_store::{MetricStore, Point, StoreOptions};

use crate::support::{Fixture, START, at, guest, range, sample};

fn point(second: i64, value: f64) -> Point {
    Point { at: second * 1000, value, min: value, max: value }
}

#[tokio::test]
async fn samples_come_back_as_they_are() {
    let f = Fixture::new();
    f.put("a", Metric::Cpu, START - 20, 1.5);
    f.put("a", Metric::Cpu, START - 10, 2.25);
    f.put("a", Metric::Memory, START - 10, 60.0);
    f.put("b", Metric::Cpu, START - 10, 9.0);
    f.store.flush().await.unwrap();
    assert_eq!(
        f.points("a", START - 60, START, None).await,
        [point(START - 20, 1.5), point(START - 10, 2.25)]
    );
    assert_eq!(
        f.points("a", START - 10, START, None).await,
        [point(START - 10, 2.25)],
        "both ends are inside"
    );
    assert_eq!(f.points("a", START - 60, START - 20, None).await, [point(START - 20, 1.5)]);

    let mut everything = range(None, START - 60, START, None);
    everything.selector.metrics.clear();
    let answer = f.store.query(everything).await.unwrap();
    let mut names: Vec<(String, &str)> =
        answer.iter().map(|s| (s.key.resource_id.to_string(), s.key.metric.name())).collect();
    names.sort();
    assert_eq!(names, [("a".into(), "cpu"), ("a".into(), "memory"), ("b".into(), "cpu")]);
}

#[tokio::test]
async fn what_is_unknown_or_absurd_gives_nothing() {
    let f = Fixture::new();
    f.put("a", Metric::Cpu, START - 10, 1.0);
    f.store.flush().await.unwrap();
    assert_eq!(f.points("nobody", START - 60, START, None).await, []);
    assert_eq!(f.points("a", START, START - 60, None).await, [], "inverted");
    let mut wrong_type = range(Some("a"), START - 60, START, None);
    wrong_type.selector.resource_type = ResourceType::Node;
    assert_eq!(f.store.query(wrong_type).await.unwrap(), []);
    for most in [None, Some(0), Some(1), Some(1_000_000_000)] {
        let mut all_time = range(Some("a"), 0, 0, most);
        (all_time.from, all_time.to) = (jiff::Timestamp::MIN, jiff::Timestamp::MAX);
        let answer = f.store.query(all_time).await.unwrap();
        assert_eq!(answer.len(), 1, "{most:?}");
        assert_eq!(answer[0].points.len(), 1, "{most:?}");
    }
}

#[tokio::test]
async fn bad_samples_are_refused_and_counted() {
    let f = Fixture::new();
    let bad = [
        sample("a", Metric::Cpu, START, f64::NAN),
        sample("a", Metric::Cpu, START, f64::INFINITY),
        sample("a", Metric::Cpu, START + 3600, 1.0),
        sample("a", Metric::Cpu, START - 365 * 86_400, 1.0),
        sample("a", Metric::Cpu, -5, 1.0),
    ];
    f.store.append(bad.to_vec());
    f.put("a", Metric::Cpu, START, 1.0);
    f.store.flush().await.unwrap();
    let stats = f.store.stats().await.unwrap();
    assert_eq!((stats.dropped, stats.total_writes, stats.raw_points), (5, 1, 1));
    assert_eq!(f.points("a", START - 400 * 86_400, START + 7200, Some(10)).await.len(), 1);
}

#[tokio::test]
async fn a_full_queue_drops_and_counts() {
    let f = Fixture::with(StoreOptions { most_queued: 0, ..StoreOptions::default() });
    let batch: Vec<_> = (0..50_000).map(|i| sample("a", Metric::Cpu, START, f64::from(i))).collect();
    for _ in 0..20 {
        f.store.append(batch.clone());
    }
    f.store.flush().await.unwrap();
    let stats = f.store.stats().await.unwrap();
    assert!(stats.total_writes >= 50_000, "the first batch always fits");
    assert_eq!(stats.total_writes + stats.dropped, 1_000_000);
}

/// Plays three hours of one guest and checks a range against what was put in, with every number of points.
#[tokio::test]
async fn open_and_sealed_hours_join_without_a_seam() {
    let f = Fixture::new();
    let value = |_: usize, second: i64| ((second / 10) % 97) as f64 / 4.0;
    f.play(2, 3 * 360, value).await;
    let stats = f.store.stats().await.unwrap();
    assert_eq!((stats.raw_points, stats.minute_points, stats.hourly_points), (2 * 1080, 2 * 120, 2 * 2));

    let (from, to) = (START, START + 3 * 3600 - 10);
    let expected: Vec<Point> = (0..1080).map(|i| point(START + i * 10, value(0, START + i * 10))).collect();
    // Two hours are the longest range that is answered in samples.
    assert_eq!(f.points(&guest(0), from, from + 7200, None).await, expected[..=720]);
    assert_eq!(f.points(&guest(0), to - 7200, to, None).await, expected[1079 - 720..]);

    for max_points in [1, 7, 50, 300, 1080] {
        let step = (to - from + i64::from(max_points) - 1) / i64::from(max_points);
        // From a minute and from an hour on, spans are whole minutes and whole hours.
        let unit = if step < 60 {
            1
        } else if step < 3600 {
            60
        } else {
            3600
        };
        let step = (step + unit - 1) / unit * unit;
        let points = f.points(&guest(0), from, to, Some(max_points)).await;
        assert!(points.len() <= max_points as usize + 2, "{} of {max_points}", points.len());
        let samples = expected.iter().map(|p| p.value);
        let max = samples.clone().fold(f64::MIN, f64::max);
        assert_eq!(points.iter().map(|p| p.max).fold(f64::MIN, f64::max), max, "{max_points}");
        assert_eq!(points.iter().map(|p| p.min).fold(f64::MAX, f64::min), 0.0, "{max_points}");
        for p in points {
            let start = p.at / 1000 - step / 2;
            assert_eq!(start % step, 0, "spans are whole multiples since 1970");
            assert!(p.min <= p.value && p.value <= p.max);
        }
    }
}

#[tokio::test]
async fn every_tier_has_the_maximum_of_the_samples() {
    let f = Fixture::new();
    // One spike a day, at a different time each.
    let spike = |day: i64| START + day * 86_400 + 3_610 * (day + 1);
    let value = |_: usize, second: i64| if (0..4).any(|day| spike(day) == second) { 99.5 } else { 1.25 };
    f.play(1, 4 * 8640, value).await;
    let end = START + 4 * 86_400;
    for (name, from, max_points) in [
        ("samples", end - 7200, None),
        ("minutes", end - 86_400, None),
        ("hours", START, None),
        ("days", START - 86_400 * 91, None),
        ("drawn", START, Some(30)),
    ] {
        let points = f.points(&guest(0), from, end, max_points).await;
        let spikes = points.iter().filter(|p| p.max == 99.5).count();
        let expected = (0..4).filter(|day| spike(*day) >= from).count();
        assert_eq!(spikes, expected, "{name}: {} points", points.len());
        assert!(points.iter().all(|p| p.min == 1.25 || p.max == p.min), "{name}");
    }
    let days = f.points(&guest(0), START - 86_400 * 91, end, None).await;
    assert_eq!(days.len(), 5, "five calendar days are touched");
    // 16 of 24 hours of the first day: 5,759 quiet samples and one spike.
    let mean = (5759.0 * 1.25 + 99.5) / 5760.0;
    assert!((days[0].value - mean).abs() < 1e-9, "{} is not {mean}", days[0].value);
}

#[tokio::test]
async fn late_samples_reach_every_tier() {
    let f = Fixture::new();
    f.play(1, 30 * 360, |_, _| 10.0).await;
    // A day and more later, one sample for the second hour arrives, between two others.
    f.put(&guest(0), Metric::Cpu, START + 5_405, 80.0);
    f.store.flush().await.unwrap();
    let hour = START + 3600;
    let samples = f.points(&guest(0), hour, hour + 3599, None).await;
    assert_eq!(samples.len(), 361);
    assert!(samples.is_sorted_by_key(|p| p.at));
    let end = START + 30 * 3600;
    for (name, from, max_points) in
        [("hours", START, None), ("days", START - 91 * 86_400, None), ("drawn", START, Some(100))]
    {
        let points = f.points(&guest(0), from, end, max_points).await;
        assert_eq!(points.iter().filter(|p| p.max == 80.0).count(), 1, "{name}");
    }
    let stats = f.store.stats().await.unwrap();
    assert_eq!(stats.raw_points, 30 * 360 + 1);
    // Sealing the same hour a second time must not count it twice.
    f.put(&guest(0), Metric::Cpu, START + 5_415, 20.0);
    f.store.flush().await.unwrap();
    let stats = f.store.stats().await.unwrap();
    assert_eq!((stats.raw_points, stats.hourly_points, stats.daily_points), (30 * 360 + 2, 29, 1));
}

#[tokio::test]
async fn old_points_go_and_coarser_tiers_take_over() {
    let hours = |h: u64| std::time::Duration::from_secs(h * 3600);
    let retention =
        pulse_store::Retention { raw: hours(2), minute: hours(6), hourly: hours(48), daily: hours(24 * 90) };
    let f = Fixture::with(StoreOptions { retention: Some(retention), ..StoreOptions::default() });
    f.play(1, 60 * 360, |_, second| (second % 3600) as f64 / 10.0).await;
    let stats = f.store.stats().await.unwrap();
    assert!((2 * 360..=4 * 360).contains(&stats.raw_points), "{}", stats.raw_points);
    assert!((5 * 60..=8 * 60).contains(&stats.minute_points), "{}", stats.minute_points);
    assert!((48..=72).contains(&stats.hourly_points), "{}", stats.hourly_points);
    assert_eq!(stats.daily_points, 2);

    // Asked for more points than there are samples, and still one line without a gap or a doubled hour.
    let end = START + 60 * 3600 - 10;
    let points = f.points(&guest(0), START, end, Some(50_000)).await;
    assert!(points.is_sorted_by(|a, b| a.at < b.at));
    let widest = points.windows(2).map(|w| w[1].at - w[0].at).max().unwrap();
    assert!(widest <= 2 * 86_400_000, "{widest}");
    assert!(points.first().unwrap().at <= (START + 3600) * 1000);
    assert!(points.last().unwrap().at >= (end - 20) * 1000);
}

#[tokio::test]
async fn all_of_a_type_are_asked_at_once() {
    let f = Fixture::new();
    f.play(600, 400, |guest, _| guest as f64).await;
    for max_points in [None, Some(20)] {
        let answer = f.store.query(range(None, START, START + 4000, max_points)).await.unwrap();
        assert_eq!(answer.len(), 600);
        for series in &answer {
            let number: usize = series.key.resource_id.rsplit(':').next().unwrap().parse().unwrap();
            assert!(series.points.iter().all(|p| p.value == (number - 100) as f64));
            assert_eq!(
                series.points.len(),
                f.points(&series.key.resource_id, START, START + 4000, max_points).await.len()
            );
        }
    }
}

#[tokio::test]
async fn streaming_gives_the_same_series_by_series() {
    let f = Fixture::new();
    f.play(600, 400, |guest, second| guest as f64 + (second % 70) as f64).await;
    let query = range(None, START, START + 4000, Some(40));
    let whole = f.store.query(query.clone()).await.unwrap();
    let seen = std::sync::Arc::new(std::sync::Mutex::new(vec![]));
    let sink = std::sync::Arc::clone(&seen);
    f.store.query_each(query, Box::new(move |series| sink.lock().unwrap().push(series))).await.unwrap();
    assert_eq!(whole.len(), 600);
    assert_eq!(*seen.lock().unwrap(), whole);
}

#[tokio::test]
async fn memory_only_answers_the_same_and_writes_nothing() {
    let f = Fixture::with(StoreOptions { is_memory_only: true, ..StoreOptions::default() });
    f.play(3, 3 * 360, |guest, second| guest as f64 + (second % 60) as f64).await;
    assert_eq!(std::fs::read_dir(f.folder.path()).unwrap().count(), 0);
    let answer = f.points(&guest(1), START + 3600, START + 10_800, None).await;
    assert_eq!(answer.len(), 720);
    assert_eq!(answer[3], point(START + 3630, 31.0));
    let stats = f.store.stats().await.unwrap();
    assert_eq!((stats.minute_points, stats.hourly_points, stats.size_bytes), (3 * 120, 6, 0));
    f.store.close().await;
}

#[tokio::test]
async fn a_clock_that_jumps_a_year_poisons_nothing() {
    let f = Fixture::new();
    f.play(1, 720, |_, _| 5.0).await;
    f.advance(365 * 86_400);
    f.play(1, 60, |_, _| 7.0).await;
    f.clock.set(at(START + 7200));
    f.play(1, 720, |_, _| 6.0).await;
    let before = f.points(&guest(0), START, START + 7190, None).await;
    assert_eq!(before.len(), 720);
    assert!(before.iter().all(|p| p.value == 5.0));
    let after = f.points(&guest(0), START + 7200, START + 14_390, None).await;
    assert_eq!(after.len(), 720);
    assert!(after.iter().all(|p| p.value == 6.0));
}
