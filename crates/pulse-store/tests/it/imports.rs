//! History that was gathered elsewhere.

use std::path::{Path, PathBuf};

use pulse_core::metric::{Metric, ResourceType};
use pulse_store::{
    ImportOutcome, ImportPoint, MetricStore, Point, StoreOptions, Tier,
    codec::Aggregate,
    original::{ImportError, OriginalDatabase},
};
use rusqlite::{Connection, params};

use crate::support::{Fixture, START, at, guest, key_of, range, sample};

/// The database of a Pulse v5 that ran until `START`: as much of each tier as it keeps, rolled up as it does, that is
/// with the extremes of means. The CPU goes from 0 to 59 within each minute and has one spike.
fn original(folder: &Path) -> PathBuf {
    let path = folder.join("original.db");
    let db = Connection::open(&path).unwrap();
    db.execute_batch(
        "CREATE TABLE metrics(
            id INTEGER PRIMARY KEY AUTOINCREMENT, resource_type TEXT NOT NULL, resource_id TEXT NOT NULL,
            metric_type TEXT NOT NULL, value REAL NOT NULL, min_value REAL, max_value REAL,
            timestamp INTEGER NOT NULL, tier TEXT NOT NULL DEFAULT 'raw');
         CREATE INDEX i ON metrics(resource_type, resource_id, metric_type, tier, timestamp);
         CREATE TABLE metrics_meta(key TEXT PRIMARY KEY, value TEXT);",
    )
    .unwrap();
    db.execute_batch("BEGIN").unwrap();
    let put = |kind: &str,
               id: &str,
               metric: &str,
               second: i64,
               value: f64,
               ends: Option<(f64, f64)>,
               tier: &str| {
        db.execute(
            "INSERT INTO metrics(resource_type, resource_id, metric_type, value, min_value, max_value, timestamp, tier)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![kind, id, metric, value, ends.map(|e| e.0), ends.map(|e| e.1), second, tier],
        )
        .unwrap();
    };
    let id = "lab:n1:101";
    for second in (START - 7200..START).step_by(10) {
        put("vm", id, "cpu", second, (second % 60) as f64, None, "raw");
    }
    for second in (START - 86_400..START - 300).step_by(60) {
        put("vm", id, "cpu", second, 25.0, Some((0.0, 50.0)), "minute");
    }
    for second in (START - 7 * 86_400..START - 3600).step_by(3600) {
        put("vm", id, "cpu", second, 25.0, Some((25.0, 25.0)), "hourly");
    }
    let today = START / 86_400 * 86_400;
    for day in 1..=90 {
        let max = if day == 40 { 99.0 } else { 25.0 };
        put("vm", id, "cpu", today - day * 86_400, 25.0, Some((25.0, max)), "daily");
    }
    put("storage", "lab-n1-local", "usage", START - 60, 41.5, None, "raw");
    put("dockerContainer", "abc", "memory", START - 60, 12.0, None, "raw");
    put("vm", id, "nonsense", START - 60, 1.0, None, "raw");
    put("spaceship", id, "cpu", START - 60, 1.0, None, "raw");
    put("vm", id, "memory", START - 60, f64::INFINITY, None, "raw");
    db.execute_batch("COMMIT").unwrap();
    path
}

fn rename(kind: ResourceType, id: &str) -> String {
    if kind == ResourceType::Vm { id.replace(":n1:", ":") } else { id.to_owned() }
}

/// Imports on a thread of its own, as the store wants it.
async fn import(f: Fixture, path: PathBuf) -> (Fixture, pulse_store::original::ImportProgress) {
    tokio::task::spawn_blocking(move || {
        let mut told = vec![];
        let database = OriginalDatabase::open(&path).unwrap();
        let progress = database
            .import_into(&f.store, rename, |progress| told.push((progress.row, progress.last_row)))
            .unwrap();
        assert!(told.is_sorted() && told.iter().all(|(row, last)| row <= last), "{told:?}");
        assert_eq!(told.last().map(|(row, last)| row == last), Some(true));
        (f, progress)
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_original_database_is_there_in_every_range() {
    let f = Fixture::new();
    let path = original(f.folder.path());
    let (mut f, first) = import(f, path.clone()).await;
    assert_eq!(first.unknown, 2, "a metric and a kind of resource that nobody knows");
    assert_eq!(first.outcome.refused, 1, "an infinite value");
    assert_eq!(first.outcome.known, 0);
    f.store.flush().await.unwrap();

    // The same again changes nothing.
    let before = f.store.stats().await.unwrap();
    let (g, second) = import(f, path).await;
    f = g;
    assert_eq!((second.outcome.taken, second.outcome.known), (0, first.outcome.taken));
    let after = f.store.stats().await.unwrap();
    assert_eq!(
        (after.raw_points, after.minute_points, after.hourly_points, after.daily_points),
        (before.raw_points, before.minute_points, before.hourly_points, before.daily_points)
    );
    assert_eq!(after.raw_points, 722);

    for round in ["running", "restarted"] {
        let samples = f.points("lab:101", START - 7200, START, None).await;
        assert_eq!(samples.len(), 720, "{round}");
        assert_eq!(samples[3].value, ((START - 7200 + 30) % 60) as f64);
        let minutes = f.points("lab:101", START - 86_400, START, None).await;
        assert_eq!(minutes.len(), 1440, "{round}: the last minutes come from the samples");
        let hours = f.points("lab:101", START - 7 * 86_400, START, None).await;
        assert_eq!(hours.len(), 168, "{round}");
        // Rolled up anew where there are minutes: the true extremes, not those of means.
        assert!(hours.iter().skip(168 - 23).all(|p| (p.min, p.max) == (0.0, 50.0)), "{round}");
        let days = f.points("lab:101", START - 91 * 86_400, START, None).await;
        assert!((90..=92).contains(&days.len()), "{round}: {}", days.len());
        assert_eq!(days.iter().filter(|p| p.max == 99.0).count(), 1, "{round}");
        f.restart().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_measured_goes_before_what_is_imported() {
    let f = Fixture::new();
    // The new server ran for the last five minutes of the original's last hour.
    f.clock.set(at(START - 300));
    f.play(1, 30, |_, _| 7.0).await;
    assert_eq!(pulse_core::Clock::now(&*f.clock), at(START));
    let id = guest(0);
    let path = original(f.folder.path());
    Connection::open(&path)
        .unwrap()
        .execute("UPDATE metrics SET resource_id = ?1 WHERE resource_type = 'vm'", params![id])
        .unwrap();
    let (mut f, progress) = tokio::task::spawn_blocking(move || {
        let database = OriginalDatabase::open(&path).unwrap();
        let progress = database.import_into(&f.store, |_, id| id.to_owned(), |_| {}).unwrap();
        (f, progress)
    })
    .await
    .unwrap();
    assert_eq!(progress.outcome.known, 30, "the samples of the same times");
    for round in ["open", "sealed", "restarted"] {
        let samples = f.points(&id, START - 7200, START, None).await;
        assert_eq!(samples.len(), 720, "{round}");
        assert!(samples.iter().skip(690).all(|p| p.value == 7.0), "{round}: what was measured stays");
        assert!(samples.iter().take(690).any(|p| p.value == 50.0), "{round}");
        if round == "open" {
            f.advance(3600);
            f.store.flush().await.unwrap();
        } else {
            f.restart().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_a_span_never_replaces_the_whole() {
    for is_memory_only in [false, true] {
        let f = Fixture::with(StoreOptions { is_memory_only, ..StoreOptions::default() });
        let series = key_of(&guest(0).into(), Metric::Cpu);
        let hour = (START - 7200) / 3600 * 3600;
        let whole = Aggregate { at: hour * 1000, count: 360, min: 1.0, max: 90.0, sum: 3600.0 };
        let minute = Aggregate { at: hour * 1000 + 60_000, count: 6, min: 2.0, max: 3.0, sum: 15.0 };
        let points = vec![
            ImportPoint { series: series.clone(), tier: Tier::Hour, point: whole },
            ImportPoint { series: series.clone(), tier: Tier::Minute, point: minute },
            // What makes no sense is refused and spoils nothing.
            ImportPoint { series: series.clone(), tier: Tier::Hour, point: Aggregate { count: 0, ..whole } },
            ImportPoint { series: series.clone(), tier: Tier::Day, point: Aggregate { min: 100.0, ..whole } },
            ImportPoint {
                series: series.clone(),
                tier: Tier::Raw,
                point: Aggregate { at: i64::MAX, ..whole },
            },
            ImportPoint { series, tier: Tier::Raw, point: Aggregate { at: i64::MIN, ..whole } },
        ];
        let (f, outcome) = tokio::task::spawn_blocking(move || {
            let outcome = f.store.import_blocking(points).unwrap();
            (f, outcome)
        })
        .await
        .unwrap();
        assert_eq!(outcome, ImportOutcome { taken: 2, known: 0, refused: 4 });
        // A late sample of the same hour.
        f.store.append(vec![sample(&guest(0), Metric::Cpu, hour + 600, 50.0)]);
        f.store.flush().await.unwrap();
        let answer = f.store.query(range(Some(&guest(0)), hour - 86_400, START, Some(5))).await.unwrap();
        let expect = Point { at: answer[0].points[0].at, value: 10.0, min: 1.0, max: 90.0 };
        assert_eq!(answer[0].points, [expect]);
    }
}

#[tokio::test]
async fn what_is_no_original_is_named() {
    let f = Fixture::new();
    let text = f.folder.path().join("notes.txt");
    std::fs::write(&text, "not a database, by any means, however long this text may go on and on").unwrap();
    assert!(matches!(OriginalDatabase::open(&text), Err(ImportError::Read { .. })));
    assert!(matches!(OriginalDatabase::open(&f.path()), Err(ImportError::NotOriginal { .. })));
    let missing = OriginalDatabase::open(&f.folder.path().join("missing")).unwrap_err();
    assert!(missing.to_string().contains("missing"), "{missing}");
}
