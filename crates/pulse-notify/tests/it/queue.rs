//! What reaches whom, and what does not.

use pulse_config::schema::notify::DestinationFilter;
use pulse_core::notice::{Channels, NoticeKind};
use pulse_notify::Grouping;

use crate::support::{UNGROUPED, alert, open, receiver, webhook};

const GROUPED: Grouping = Grouping { enabled: true, window_seconds: 1, by_node: false, by_guest: false };

#[tokio::test]
async fn a_firing_and_its_recovery_arrive_once_each_whoever_asks_twice() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), UNGROUPED, vec![]);
    let (url, mut got, _) = receiver().await;
    world.configure(|config| config.webhooks.push(webhook("w", &url, "generic")));
    world.start();
    let alerts = [alert(1)];
    for _ in 0..3 {
        world.take(NoticeKind::Firing, &alerts).await;
    }
    let first = got.recv().await.unwrap();
    assert_eq!((first.ids(), &first.body["count"]), (vec![alert(1).id.clone()], &1.into()));
    world.until("sent", 1).await;
    for _ in 0..2 {
        world.take(NoticeKind::Resolved, &alerts).await;
    }
    assert_eq!(got.recv().await.unwrap().body["event"], "resolved");
    world.until("sent", 2).await;
    world.close().await;
    assert!(got.try_recv().is_err());
    let log = open(dir.path(), UNGROUPED, vec![]).notifier.log(10, true).await.unwrap();
    assert_eq!((log.len(), log[0].is_delivered, log[1].alert_id.as_str()), (2, true, alert(1).id.as_str()));
}

#[tokio::test]
async fn an_alert_that_is_over_before_it_is_told_is_not_told_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), GROUPED, vec![]);
    let (url, mut got, _) = receiver().await;
    world.configure(|config| config.webhooks.push(webhook("w", &url, "generic")));
    world.start();
    world.take(NoticeKind::Firing, &[alert(1), alert(2)]).await;
    world.take(NoticeKind::Resolved, &[alert(1)]).await;
    let message = got.recv().await.unwrap();
    assert_eq!(message.ids(), [alert(2).id.clone()], "one message for both, without the one that is over");
    world.until("sent", 1).await;
    world.take(NoticeKind::Firing, &[alert(3)]).await;
    world.take(NoticeKind::Resolved, &[alert(3)]).await;
    assert_eq!(world.count("cancelled").await, 1);
    world.close().await;
    assert!(got.try_recv().is_err());
}

#[tokio::test]
async fn a_recovery_follows_only_a_firing_that_arrived_there() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), UNGROUPED, vec![]);
    let (good, mut heard, _) = receiver().await;
    let (bad, mut refused, answers) = receiver().await;
    world.configure(|config| {
        config.webhooks = vec![webhook("good", &good, "generic"), webhook("bad", &bad, "generic")];
    });
    answers.lock().unwrap().push_back((400, vec![]));
    world.start();
    world.take(NoticeKind::Firing, &[alert(1)]).await;
    world.until("sent", 1).await;
    world.until("dlq", 1).await;
    world.take(NoticeKind::Resolved, &[alert(1)]).await;
    world.until("sent", 2).await;
    world.close().await;
    assert_eq!(heard.recv().await.unwrap().body["count"], 1);
    assert_eq!(heard.recv().await.unwrap().body["event"], "resolved");
    assert!(refused.recv().await.unwrap().body.get("event").is_none());
    assert!(refused.try_recv().is_err(), "nobody hears the end of what they never heard of");
}

#[tokio::test]
async fn failures_are_tried_again_and_given_up_and_tried_again_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), UNGROUPED, vec![]);
    let (url, mut got, answers) = receiver().await;
    world.configure(|config| config.webhooks.push(webhook("w", &url, "generic")));
    answers.lock().unwrap().extend([(500, vec![]), (429, vec![("retry-after", "1".to_owned())])]);
    world.start();
    let started = std::time::Instant::now();
    world.take(NoticeKind::Firing, &[alert(1)]).await;
    world.until("sent", 1).await;
    assert!(started.elapsed().as_secs_f64() >= 1.0, "the receiver asked for a second");
    let keys =
        [got.recv().await.unwrap().key(), got.recv().await.unwrap().key(), got.recv().await.unwrap().key()];
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert_eq!(*world.notifier.broken().borrow(), Some(vec![]));

    answers.lock().unwrap().push_back((404, vec![]));
    world.take(NoticeKind::Firing, &[alert(2)]).await;
    world.until("dlq", 1).await;
    let broken = world.notifier.broken().borrow().clone().unwrap();
    assert!(broken[0].name == "w" && broken[0].error.contains("HTTP 404"), "{broken:?}");
    let letter = &world.notifier.dead_letters(10).await.unwrap()[0];
    assert_eq!((letter.alerts[0].id.as_str(), letter.attempts), (alert(2).id.as_str(), 1));
    world.notifier.retry(letter.id.clone()).await.unwrap();
    world.until("sent", 2).await;
    assert!(world.notifier.give_up(letter.id.clone()).await.is_err(), "it is no dead letter any more");
    assert_eq!(*world.notifier.broken().borrow(), Some(vec![]));
    world.close().await;
}

#[tokio::test]
async fn destinations_hear_what_they_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), UNGROUPED, vec![]);
    let (url, mut got, _) = receiver().await;
    let hook = |id: &str, filter: DestinationFilter| {
        let mut hook = webhook(id, &format!("{url}/{id}"), "generic");
        hook.filter = filter;
        hook
    };
    let only = |list: &str| vec![list.to_owned()];
    world.configure(|config| {
        config.webhooks = vec![
            hook("critical", DestinationFilter { critical_only: true, ..Default::default() }),
            hook("memory", DestinationFilter { types: only("memory"), ..Default::default() }),
            hook("tagged", DestinationFilter { tags: only("PROD"), ..Default::default() }),
            hook("other", DestinationFilter { resources: only("guest 9"), ..Default::default() }),
        ];
    });
    world.start();
    world.take(NoticeKind::Firing, &[alert(1)]).await;
    assert_eq!(got.recv().await.unwrap().path, "/tagged");
    world.take(NoticeKind::Firing, &[alert(2)]).await;
    let mut paths = [got.recv().await.unwrap().path, got.recv().await.unwrap().path];
    paths.sort();
    assert_eq!(paths, ["/critical", "/tagged"]);
    world.take(NoticeKind::Escalated { level: 1, to: Channels::Email }, &[alert(2)]).await;
    world.until("sent", 3).await;
    world.close().await;
    assert!(got.try_recv().is_err());
}

#[tokio::test]
async fn a_service_that_keeps_incidents_gets_one_for_each_alert_and_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), Grouping { window_seconds: 600, ..GROUPED }, vec![]);
    let (url, mut got, _) = receiver().await;
    world.configure(|config| config.webhooks.push(webhook("w", &url, "pagerduty")));
    world.start();
    world.take(NoticeKind::Firing, &[alert(1), alert(2)]).await;
    world.until("sent", 2).await;
    world.take(NoticeKind::Resolved, &[alert(1), alert(2)]).await;
    world.until("sent", 4).await;
    world.close().await;
    let mut seen = vec![];
    while let Ok(message) = got.try_recv() {
        let text = |name: &str| message.body[name].as_str().unwrap().to_owned();
        seen.push((text("dedup_key"), text("event_action")));
    }
    let of = |number: usize, action: &str| (alert(number).id.clone(), action.to_owned());
    assert_eq!(seen, [of(1, "trigger"), of(2, "trigger"), of(1, "resolve"), of(2, "resolve")]);
}

#[tokio::test]
async fn what_waits_for_a_destination_that_is_switched_off_is_cancelled() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), Grouping { window_seconds: 600, ..GROUPED }, vec![]);
    let (url, mut got, _) = receiver().await;
    world.configure(|config| config.webhooks.push(webhook("w", &url, "generic")));
    world.start();
    world.take(NoticeKind::Firing, &[alert(1)]).await;
    world.configure(|config| config.webhooks.clear());
    world.until("cancelled", 1).await;
    world.close().await;
    assert!(got.try_recv().is_err());
}

#[tokio::test]
async fn no_secret_stands_in_the_queue() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), UNGROUPED, vec![]);
    let (url, _got, answers) = receiver().await;
    world.configure(|config| {
        let mut hook = webhook("w", &format!("{url}/x?token=very-secret-1"), "generic");
        hook.headers.insert("X-Key".into(), pulse_config::Secret::new("very-secret-2"));
        config.webhooks.push(hook);
    });
    answers.lock().unwrap().push_back((400, vec![]));
    world.start();
    world.take(NoticeKind::Firing, &[alert(1), alert(2)]).await;
    world.until("dlq", 1).await;
    world.until("sent", 1).await;
    world.close().await;
    let bytes = std::fs::read(dir.path().join("pulse.db")).unwrap();
    assert!(bytes.windows(12).all(|part| part != b"very-secret-"), "secrets belong into the sealed files");
}

/// What is broken is known after a restart, is not told by itself, and is over when something arrives.
#[tokio::test]
async fn a_broken_destination_stays_so_over_a_restart_and_hears_nothing_of_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (bad, mut refused, answers) = receiver().await;
    let (good, mut heard, _) = receiver().await;
    let world = open(dir.path(), UNGROUPED, vec![]);
    world.configure(|config| {
        config.webhooks = vec![webhook("bad", &bad, "generic"), webhook("good", &good, "generic")];
    });
    answers.lock().unwrap().push_back((404, vec![]));
    world.start();
    world.take(NoticeKind::Firing, &[alert(1)]).await;
    world.until("dlq", 1).await;
    world.until("sent", 1).await;
    world.close().await;
    refused.recv().await.unwrap();
    heard.recv().await.unwrap();

    let world = open(dir.path(), UNGROUPED, vec![]);
    assert_eq!(*world.notifier.broken().borrow(), None, "nobody knows before the log was read");
    world.start();
    let mut broken = world.notifier.broken();
    let found = broken.wait_for(Option::is_some).await.unwrap().clone().unwrap();
    assert_eq!((found.len(), found[0].destination.as_str()), (1, "webhook:bad"));
    assert!(found[0].error.contains("HTTP 404"), "{found:?}");

    let mut about = pulse_core::model::Alert::clone(&alert(2));
    about.kind = pulse_core::notice::DELIVERY_ALERT.into();
    about.metadata.insert(pulse_core::notice::DESTINATION_KEY.into(), "webhook:bad".into());
    world.take(NoticeKind::Firing, &[about.into()]).await;
    assert_eq!(heard.recv().await.unwrap().body["alerts"][0]["type"], "notification-delivery");
    world.until("sent", 2).await;
    assert!(refused.try_recv().is_err(), "what cannot be delivered is not told by what cannot deliver");

    // Another setting elsewhere proves nothing; a message that arrives does.
    world.configure(|config| config.webhooks[1].name = "better".into());
    assert_eq!(world.notifier.broken().borrow().as_ref().map(Vec::len), Some(1));
    world.notifier.test_webhook(Some("bad")).await.unwrap();
    assert_eq!(*world.notifier.broken().borrow(), Some(vec![]));
    world.close().await;
}

#[tokio::test]
async fn what_belongs_together_is_told_together_by_node_or_by_guest() {
    let on = |number: usize, node: &str| {
        let mut alert = pulse_core::model::Alert::clone(&alert(number));
        alert.node = node.into();
        std::sync::Arc::new(alert)
    };
    let mut memory = pulse_core::model::Alert::clone(&on(1, "n1"));
    memory.id = "lab:n1:1-memory".into();
    // Two alerts of guest 1 and one of guest 2 on one node, one of guest 3 on another.
    let alerts = [on(1, "n1"), std::sync::Arc::new(memory), on(2, "n1"), on(3, "n2")];
    for (by_node, by_guest, expect) in [
        (false, false, vec![4]),
        (true, false, vec![1, 3]),
        (false, true, vec![1, 1, 2]),
        (true, true, vec![1, 1, 2]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let world = open(dir.path(), Grouping { by_node, by_guest, ..GROUPED }, vec![]);
        let (url, mut got, _) = receiver().await;
        world.configure(|config| config.webhooks.push(webhook("w", &url, "generic")));
        world.take(NoticeKind::Firing, &alerts).await;
        world.start();
        world.until("sent", expect.len() as u64).await;
        world.close().await;
        let mut counts = vec![];
        while let Ok(message) = got.try_recv() {
            counts.push(message.ids().len());
        }
        counts.sort_unstable();
        assert_eq!(counts, expect, "by node {by_node}, by guest {by_guest}");
    }
}
