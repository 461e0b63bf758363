//! The scheduler: paces, failures, the watchdog, settings that change while it runs.

use std::time::Duration;

use pulse_collectors::Timeouts;
use pulse_config::SystemSettings;
use pulse_monitor::schedule::{BreakerState, RunState};

use crate::stand_in::{Mood, Scene};

fn every(seconds: u32) -> SystemSettings {
    SystemSettings {
        pve_polling_interval_seconds: seconds,
        connection_timeout_seconds: 60,
        ..SystemSettings::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_is_polled_at_its_interval_and_a_new_interval_holds_at_once() {
    let scene = Scene::start(Mood::Well, every(10));
    scene.pass(35).await;
    assert_eq!(scene.polls(), 4);
    scene.change_settings(every(3600));
    scene.pass(600).await;
    assert_eq!(scene.polls(), 4, "the poll that was due in 5 s waits for the new interval");
    scene.change_settings(every(20));
    scene.pass(5).await;
    assert_eq!(scene.polls(), 5, "and one that is overdue by the new interval goes out");
    assert_eq!(scene.health().interval, Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn new_limits_of_requests_make_a_new_connection() {
    let scene = Scene::start(Mood::Well, every(10));
    scene.pass(25).await;
    assert_eq!(scene.proxmox.timeouts.lock().unwrap().len(), 1);
    let timeouts = Timeouts::with_request(Duration::from_secs(5));
    scene.change_settings(SystemSettings { connection_timeout_seconds: 5, ..every(10) });
    scene.pass(20).await;
    assert_eq!(scene.proxmox.timeouts.lock().unwrap().last(), Some(&timeouts));
}

#[tokio::test(start_paused = true)]
async fn an_outage_opens_the_breaker_and_ends_within_half_a_minute_of_its_end() {
    let scene = Scene::start(Mood::Refuses, every(10));
    scene.pass(300).await;
    let health = scene.health();
    assert_eq!(health.breaker.state, BreakerState::Open);
    assert!(health.dead_letter().is_some(), "{health:?}");
    assert!(scene.complaint().contains("connection refused"));
    assert!(scene.polls() < 20, "{} tries in 300 s", scene.polls());
    scene.set_mood(Mood::Well);
    scene.pass(31).await;
    let health = scene.health();
    assert_eq!((health.breaker.state, health.breaker.failures), (BreakerState::Closed, 0));
    assert_eq!((health.last_error.clone(), health.dead_letter()), (None, None));
    assert_eq!(scene.complaint(), "");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_is_tried_rarely_and_a_new_one_at_once() {
    let scene = Scene::start(Mood::WrongPassword, every(10));
    scene.pass(590).await;
    assert!(scene.polls() <= 7, "{} logins in ten minutes", scene.polls());
    let polls = scene.polls();
    scene.set_mood(Mood::Well);
    scene.config.send_modify(|config| {
        let mut changed = (**config).clone();
        changed.pve[0].user = Some("another@pam".into());
        *config = std::sync::Arc::new(changed);
    });
    scene.pass(1).await;
    assert_eq!(scene.polls(), polls + 1);
    assert_eq!(scene.health().last_error, None);
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_hangs_ends_at_its_deadline() {
    let scene = Scene::start(Mood::Hangs, every(10));
    scene.pass(119).await;
    assert!(matches!(scene.health().run, RunState::Polling { .. }));
    scene.pass(5).await;
    assert!(scene.complaint().contains("did not finish a poll within 120 s"), "{}", scene.complaint());
    assert_eq!(scene.health().restarts, 0);
}

#[tokio::test(start_paused = true)]
async fn a_poller_that_dies_is_started_anew_and_that_is_said() {
    let scene = Scene::start(Mood::Panics, every(10));
    scene.pass(3).await;
    scene.set_mood(Mood::Well);
    scene.pass(5).await;
    let health = scene.health();
    assert_eq!(health.restarts, 1);
    assert!(health.restart_reason.unwrap().contains("ended unexpectedly"));
    assert!(health.last_success.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_adapting_pace_asks_a_failing_source_less_often() {
    let settings = SystemSettings {
        adaptive_polling_enabled: Some(true),
        adaptive_polling_base_interval_seconds: 10,
        adaptive_polling_min_interval_seconds: 5,
        adaptive_polling_max_interval_seconds: 300,
        ..every(10)
    };
    let scene = Scene::start(Mood::Well, settings);
    scene.pass(100).await;
    assert!((10..=11).contains(&scene.polls()), "{}", scene.polls());
    scene.set_mood(Mood::Refuses);
    scene.pass(600).await;
    assert!(scene.polls() < 20, "{}", scene.polls());
}
