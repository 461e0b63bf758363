//! Many alerts at once.

use std::time::Instant;

use pulse_core::notice::NoticeKind;

use crate::support::{UNGROUPED, alert, open, receiver, webhook};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_alerts_give_each_destination_its_cap_and_a_digest() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), UNGROUPED, vec![]);
    let (url, mut got, _) = receiver().await;
    world.configure(|config| {
        for id in ["a", "b"] {
            let mut hook = webhook(id, &format!("{url}/{id}"), "generic");
            hook.max_per_hour = Some(10);
            config.webhooks.push(hook);
        }
    });
    let alerts: Vec<_> = (0..5000).map(alert).collect();
    world.take(NoticeKind::Firing, &alerts).await;
    world.start();
    world.until("sent", 20).await;
    world.until("pending", 2).await;
    // What is over is taken out of the digest.
    world.take(NoticeKind::Resolved, &alerts[4000..]).await;
    world.close().await;
    let mut counts = (0, 0);
    while let Ok(message) = got.try_recv() {
        if message.path == "/a" { counts.0 += 1 } else { counts.1 += 1 }
    }
    assert_eq!(counts, (10, 10));

    // An hour later, without the wait.
    let ledger = &open(dir.path(), UNGROUPED, vec![]).ledger;
    ledger
        .run(|connection| {
            connection.execute("UPDATE notify_item SET due_ms = 0 WHERE kind = 'digest'", [])?;
            Ok(())
        })
        .await
        .unwrap();
    ledger.close().await;
    let world = open(dir.path(), UNGROUPED, vec![]);
    world.start();
    world.until("pending", 0).await;
    world.until("sent", 22).await;
    let digests = [got.recv().await.unwrap(), got.recv().await.unwrap()];
    for digest in &digests {
        assert_eq!(digest.body["event"], "digest");
        let told = digest.body["count"].as_u64().unwrap();
        assert!((3980..=3990).contains(&told), "{told}");
        assert!(digest.ids().len() <= 50);
    }
    world.close().await;
    assert!(got.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_notifications_a_second_go_through() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), UNGROUPED, vec![]);
    let (url, mut got, _) = receiver().await;
    world.configure(|config| config.webhooks.push(webhook("w", &url, "generic")));
    world.start();
    let started = Instant::now();
    for number in 0..300 {
        world.take(NoticeKind::Firing, &[alert(number)]).await;
    }
    for _ in 0..300 {
        got.recv().await.unwrap();
    }
    world.until("sent", 300).await;
    let per_second = 300.0 / started.elapsed().as_secs_f64();
    println!("{per_second:.0} notifications a second");
    assert!(per_second > 100.0, "{per_second}");
    world.close().await;
}
