//! Real disks that are full or read-only: small file systems in a mount namespace of the test's own.
//!
//! Where the system lets nobody make such a namespace, the test says so and has nothing to do; in CI that is a failure.

use std::{path::Path, process::Command, sync::Arc};

use pulse_core::{ManualClock, metric::Metric};
use pulse_store::{MetricStore, SqliteStore, StoreOptions};

use crate::support::{START, at, range, sample};

/// Where the child finds its file system.
const CHILD_DISK: &str = "PULSE_STORE_TEST_DISK";

/// Runs the "test" of that name in a namespace with a file system of two megabytes. False where that is not possible.
fn run_on_small_disk(child: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=2m tmpfs \"$1\" || exit 77; exec \"$2\" --exact \"$3\" --nocapture";
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .arg(child)
        .env(CHILD_DISK, folder.path())
        .output();
    let text = match output {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(text.contains("1 passed"), "{text}");
            return true;
        }
        Ok(output) => {
            let text = format!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
            assert!(!text.contains("panicked"), "{text}");
            text
        }
        Err(error) => error.to_string(),
    };
    println!("skipped: no file system of our own can be mounted here: {text}");
    assert!(std::env::var_os("CI").is_none_or(|value| value.is_empty()), "must not be skipped in CI: {text}");
    false
}

#[test]
fn a_full_disk_costs_nothing_once_there_is_room() {
    run_on_small_disk("disks::child_on_a_full_disk");
}

#[test]
fn a_disk_that_turns_read_only_costs_nothing_once_it_can_be_written() {
    run_on_small_disk("disks::child_on_a_read_only_disk");
}

fn open(disk: &Path, clock: &Arc<ManualClock>) -> SqliteStore {
    SqliteStore::open(&disk.join("metrics.db"), StoreOptions::default(), Arc::clone(clock) as _).unwrap()
}

/// A sample of each of many series per ten seconds; noisy, so that they take room.
fn poll(second: i64) -> Vec<pulse_core::metric::Sample> {
    let noise = |guest: i64| ((second / 10 * 7919 + guest * 104_729) % 1_000_003) as f64 / 7.0;
    (0..40).map(|guest| sample(&format!("lab:{guest}"), Metric::NetIn, second, noise(guest))).collect()
}

async fn samples(store: &SqliteStore, guest: &str, from: i64, to: i64) -> usize {
    let mut query = range(Some(guest), from, to, None);
    query.selector.metrics = vec![Metric::NetIn];
    store.query(query).await.unwrap().first().map_or(0, |series| series.points.len())
}

/// Not a test but the program that a test above starts.
#[tokio::test]
async fn child_on_a_full_disk() {
    let Some(disk) = std::env::var_os(CHILD_DISK) else { return };
    let disk = Path::new(&disk);
    let clock = Arc::new(ManualClock::new(at(START)));
    let store = open(disk, &clock);
    store.append(poll(START));
    store.flush().await.unwrap();

    // Somebody fills the disk.
    let filler = disk.join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    while std::io::Write::write(&mut file, &[0x5a; 4096]).is_ok_and(|written| written > 0) {}
    drop(file);

    let mut second = START;
    let mut refused = 0;
    for _ in 0..60 {
        second += 10;
        clock.set(at(second));
        store.append(poll(second));
        refused += u32::from(store.flush().await.is_err());
    }
    assert!(refused > 0, "the disk was never full");
    let stats = store.stats().await.unwrap();
    assert!(stats.problem.as_deref().is_some_and(|text| text.contains("full")), "{:?}", stats.problem);
    assert_eq!(samples(&store, "lab:7", START, second).await, 61, "what waits can be asked for");

    std::fs::remove_file(&filler).unwrap();
    store.flush().await.unwrap();
    assert_eq!(store.stats().await.unwrap().problem, None);
    store.close().await;
    drop(store);
    let store = open(disk, &clock);
    for guest in ["lab:0", "lab:7", "lab:39"] {
        assert_eq!(samples(&store, guest, START, second).await, 61, "{guest}");
    }
    assert!(
        std::fs::read_dir(disk)
            .unwrap()
            .all(|entry| { !entry.unwrap().file_name().to_string_lossy().contains("damaged") })
    );
}

/// Not a test but the program that a test above starts.
#[tokio::test]
async fn child_on_a_read_only_disk() {
    let Some(disk) = std::env::var_os(CHILD_DISK) else { return };
    let disk = Path::new(&disk);
    let remount = |how: &str| {
        let status =
            Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(disk).status().unwrap();
        // Open files keep a file system from turning read-only.
        status.success()
    };
    let clock = Arc::new(ManualClock::new(at(START)));
    let store = open(disk, &clock);
    store.append(poll(START));
    store.flush().await.unwrap();
    store.close().await;
    drop(store);

    assert!(remount("ro"));
    let path = disk.join("metrics.db");
    let error = SqliteStore::open(&path, StoreOptions::default(), Arc::clone(&clock) as _).unwrap_err();
    assert!(matches!(error, pulse_store::StoreError::NotWritable { .. }), "{error:?}");
    assert!(error.to_string().contains("read-only"), "{error}");

    // The server goes on in memory; the file is as it was.
    let in_memory = StoreOptions { is_memory_only: true, ..StoreOptions::default() };
    let store = SqliteStore::open(&path, in_memory, Arc::clone(&clock) as _).unwrap();
    store.append(poll(START + 10));
    store.flush().await.unwrap();
    assert_eq!(samples(&store, "lab:7", START, START + 60).await, 1);
    drop(store);

    assert!(remount("rw"));
    let store = open(disk, &clock);
    assert_eq!(samples(&store, "lab:7", START, START + 60).await, 1);
}
