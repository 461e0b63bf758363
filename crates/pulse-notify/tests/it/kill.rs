//! A process that is killed while it sends.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Stdio,
};

use pulse_core::notice::NoticeKind;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::support::{UNGROUPED, alert, open, receiver, webhook};

const ALERTS: usize = 120;

/// What the child does: takes the same notices each time, sends them, and says so when all are sent.
#[tokio::test]
async fn child_that_is_killed() {
    let Ok(dir) = std::env::var("PULSE_TEST_NOTIFY") else { return };
    let world = open(Path::new(&dir), UNGROUPED, vec![]);
    let alerts: Vec<_> = (0..ALERTS).map(alert).collect();
    world.take(NoticeKind::Firing, &alerts).await;
    println!("taken");
    world.start();
    world.until("sent", ALERTS as u64).await;
    println!("done");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_what_was_cut_off_is_known_by_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let (url, mut got, _) = receiver().await;
    let world = open(dir.path(), UNGROUPED, vec![]);
    world.configure(|config| config.webhooks.push(webhook("w", &url, "generic")));
    world.close().await;
    let mut messages = vec![];
    let mut kills = 0;
    loop {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::child_that_is_killed", "--nocapture"])
            .env("PULSE_TEST_NOTIFY", dir.path())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        while !said.next_line().await.unwrap().unwrap().ends_with("taken") {}
        if kills < 6 {
            // Each time a little later, so that it is cut off in other places.
            for _ in 0..=kills * 2 {
                messages.push(got.recv().await.unwrap());
            }
            child.kill().await.unwrap();
            kills += 1;
            continue;
        }
        while let Some(line) = said.next_line().await.unwrap() {
            if line == "done" {
                break;
            }
        }
        assert!(child.wait().await.unwrap().success());
        break;
    }
    while let Ok(message) = got.try_recv() {
        messages.push(message);
    }
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for message in &messages {
        for id in message.ids() {
            keys.entry(id).or_default().insert(message.key());
        }
    }
    assert_eq!(keys.len(), ALERTS, "every alert was told");
    assert!(keys.values().all(|keys| keys.len() == 1), "no alert was told by two messages");
    let repeated = messages.len() - ALERTS;
    assert!(repeated <= kills, "{repeated} repetitions after {kills} kills: only what was on its way then");
}
