//! What survives, and what happens to files that cannot be used.

use std::fs;

use pulse_core::metric::Metric;
use pulse_store::{MetricStore, SqliteStore, StoreError, StoreOptions};

use crate::support::{Fixture, START, guest};

#[tokio::test]
async fn a_restart_keeps_open_and_sealed_history() {
    let mut f = Fixture::new();
    f.play(3, 500, |guest, second| guest as f64 + (second % 100) as f64 / 8.0).await;
    let before = f.points(&guest(2), START, START + 5000, None).await;
    let stats = f.store.stats().await.unwrap();
    for _ in 0..3 {
        f.restart().await;
        assert_eq!(f.points(&guest(2), START, START + 5000, None).await, before);
    }
    let again = f.store.stats().await.unwrap();
    assert_eq!(
        (again.raw_points, again.minute_points, again.series),
        (stats.raw_points, stats.minute_points, 3)
    );

    // And it goes on where it was.
    f.play(3, 400, |guest, _| guest as f64).await;
    assert_eq!(f.points(&guest(2), START, START + 7190, None).await.len(), 720);
}

#[tokio::test]
async fn a_kill_loses_nothing_that_was_flushed() {
    let f = Fixture::new();
    f.play(2, 30, |_, second| second as f64).await;
    let killed = f.as_after_kill();
    assert_eq!(killed.points(&guest(1), START, START + 300, None).await.len(), 30);

    // Killed between two flushes of the same hour, and after a seal.
    f.play(2, 400, |_, second| second as f64).await;
    f.put(&guest(1), Metric::Cpu, START + 4300, 1.0);
    let killed = f.as_after_kill();
    let expected = f.points(&guest(0), START, START + 4300, None).await;
    assert_eq!(expected.len(), 430);
    assert_eq!(killed.points(&guest(0), START, START + 4300, None).await, expected);
    let (is, was) = (killed.store.stats().await.unwrap(), f.store.stats().await.unwrap());
    assert_eq!((is.minute_points, is.hourly_points), (was.minute_points, was.hourly_points));
}

/// A late window keeps its records of the journal while another is sealed: replaying them must not double the sealed one.
#[tokio::test]
async fn a_replay_does_not_double_what_is_sealed() {
    let f = Fixture::new();
    f.play(1, 350, |_, _| 1.0).await;
    // The next record has samples of both hours.
    for i in 350..380 {
        f.put(&guest(0), Metric::Cpu, START + i * 10, 1.0);
        f.advance(10);
    }
    f.store.flush().await.unwrap();
    f.advance(300);
    f.store.flush().await.unwrap();
    let killed = f.as_after_kill();
    assert_eq!(killed.points(&guest(0), START, START + 3799, None).await.len(), 380);
    killed.advance(3600);
    killed.store.flush().await.unwrap();
    assert_eq!(killed.points(&guest(0), START, START + 3799, None).await.len(), 380);
    assert_eq!(killed.store.stats().await.unwrap().raw_points, 380);
}

#[tokio::test]
async fn a_damaged_file_is_set_aside() {
    let mut f = Fixture::new();
    f.play(1, 10, |_, _| 1.0).await;
    f.store.close().await;
    fs::write(f.path(), b"this is not a database, however long it may be ".repeat(200)).unwrap();
    f.reopen();
    assert_eq!(f.points(&guest(0), START, START + 100, None).await, []);
    f.play(1, 10, |_, _| 2.0).await;
    assert_eq!(f.points(&guest(0), START, START + 300, None).await.len(), 10);
    let names = names_in(&f);
    let aside = names.iter().find(|name| name.starts_with("metrics.db.damaged-")).unwrap();
    assert!(fs::read(f.folder.path().join(aside)).unwrap().starts_with(b"this is not"), "nothing is deleted");
}

#[tokio::test]
async fn a_damaged_page_is_found_later_and_set_aside() {
    let mut f = Fixture::new();
    f.play(40, 1000, |guest, second| (guest as i64 * 7919 + second * second % 10_007) as f64).await;
    f.store.close().await;
    // The header and the schema stay, so that opening works; everything after is overwritten.
    let mut bytes = fs::read(f.path()).unwrap();
    let pages = bytes.len() / 4096;
    assert!(pages > 20, "{pages}");
    bytes[12 * 4096..].fill(0x5a);
    fs::write(f.path(), &bytes).unwrap();
    f.reopen();
    // Whoever meets the damage first, a query or the writer: soon after, history is kept again.
    let mut rounds = 0;
    loop {
        let _ = f.store.query(crate::support::range(None, START, START + 7000, None)).await;
        f.put(&guest(0), Metric::Cpu, START + 10_000, 3.0);
        let is_flushed = f.store.flush().await.is_ok();
        if is_flushed && names_in(&f).iter().any(|name| name.contains(".damaged-")) {
            break;
        }
        rounds += 1;
        assert!(rounds < 20, "the damage was never dealt with");
    }
    f.put(&guest(0), Metric::Cpu, START + 10_000, 4.0);
    f.store.flush().await.unwrap();
    f.restart().await;
    let points = f.points(&guest(0), START + 9_995, START + 10_005, None).await;
    assert!(points.iter().any(|p| p.value == 4.0), "{points:?}");
}

#[tokio::test]
async fn an_unwritable_place_is_named() {
    let f = Fixture::new();
    fs::write(f.folder.path().join("file"), "").unwrap();
    let path = f.folder.path().join("file").join("metrics.db");
    let error = SqliteStore::open(&path, StoreOptions::default(), f.clock.clone()).unwrap_err();
    assert!(matches!(error, StoreError::NotWritable { .. }), "{error:?}");
    assert!(error.to_string().contains("metrics.db"), "{error}");
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_left_alone() {
    let f = Fixture::new();
    f.store.close().await;
    rusqlite::Connection::open(f.path()).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = SqliteStore::open(&f.path(), StoreOptions::default(), f.clock.clone()).unwrap_err();
    assert!(matches!(error, StoreError::TooNew { found: 99, .. }), "{error:?}");
    assert!(!names_in(&f).iter().any(|name| name.contains("damaged")));
}

#[tokio::test]
async fn a_closed_store_says_so_and_does_not_hang() {
    let f = Fixture::new();
    f.put("a", Metric::Cpu, START, 1.0);
    f.store.close().await;
    f.store.close().await;
    f.put("a", Metric::Cpu, START, 1.0);
    assert!(matches!(f.store.flush().await, Err(StoreError::Closed)));
    let stats = f.store.stats().await.unwrap();
    assert_eq!((stats.total_writes, stats.dropped, stats.buffered_samples), (1, 1, 0));
}

#[tokio::test]
async fn a_day_of_idling_writes_nothing() {
    let f = Fixture::new();
    f.play(1, 10, |_, _| 1.0).await;
    f.advance(7200);
    f.store.flush().await.unwrap();
    let wal = f.folder.path().join("metrics.db-wal");
    let before = fs::metadata(&wal).unwrap().modified().unwrap();
    f.store.flush().await.unwrap();
    assert_eq!(fs::metadata(&wal).unwrap().modified().unwrap(), before);
}

/// Where the child process of the next test keeps its store; without it, that "test" has nothing to do.
const CHILD_FOLDER: &str = "PULSE_STORE_TEST_CHILD";

/// Not a test but the program that `nothing_acknowledged_is_lost_to_a_kill` starts and kills.
#[tokio::test]
async fn child_that_is_killed() {
    let Some(folder) = std::env::var_os(CHILD_FOLDER) else { return };
    let path = std::path::Path::new(&folder).join("metrics.db");
    let clock = std::sync::Arc::new(pulse_core::ManualClock::new(crate::support::at(START)));
    let store = SqliteStore::open(&path, StoreOptions::default(), clock.clone()).unwrap();
    let mut next = START + 10 * store.stats().await.unwrap().raw_points as i64;
    loop {
        // Two hours of ticks are one flush now and then: seals happen while the parent kills.
        for _ in 0..40 {
            clock.set(crate::support::at(next));
            store.append(vec![crate::support::sample("a", Metric::Cpu, next, next as f64)]);
            next += 10;
        }
        store.flush().await.unwrap();
        println!("flushed {}", (next - START) / 10);
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_to_a_kill() {
    use std::{
        io::{BufRead, BufReader},
        process::{Command, Stdio},
    };
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0_i64;
    for round in 0..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "durability::child_that_is_killed", "--nocapture"])
            .env(CHILD_FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut flushes = 0;
        for line in lines {
            let line = line.unwrap();
            if let Some(count) = line.split("flushed ").nth(1) {
                acknowledged = count.trim().parse().unwrap();
                flushes += 1;
                if flushes > 5 + round * 3 {
                    break;
                }
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();

        let end = crate::support::at(START + acknowledged * 10);
        let clock = std::sync::Arc::new(pulse_core::ManualClock::new(end));
        let path = folder.path().join("metrics.db");
        let store = SqliteStore::open(&path, StoreOptions::default(), clock).unwrap();
        let kept = store.stats().await.unwrap().raw_points as i64;
        assert!(kept >= acknowledged, "round {round}: {kept} of {acknowledged}");
        let last = START + acknowledged * 10 - 10;
        let answer = store.query(crate::support::range(Some("a"), last - 7200, last, None)).await.unwrap();
        let values: Vec<f64> = answer[0].points.iter().map(|p| p.value).collect();
        let from = (last - 7200).max(START);
        let expected: Vec<f64> = (0..=(last - from) / 10).map(|i| (from + i * 10) as f64).collect();
        assert_eq!(values, expected, "round {round}: each sample once");
        store.close().await;
    }
}

fn names_in(f: &Fixture) -> Vec<String> {
    fs::read_dir(f.folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}
