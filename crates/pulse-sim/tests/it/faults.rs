//! Every fault, seen from outside.

use std::time::{Duration, Instant};

use pulse_sim::{Effect, EstateOptions, Fault};
use reqwest::Method;
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

use crate::client::{Client, Scene, read};

async fn scene() -> Scene {
    Scene::new(EstateOptions::default()).await
}

fn is_refused(error: &reqwest::Error) -> bool {
    chain(error).contains("refused")
}

fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

#[tokio::test]
async fn a_status_strikes_only_what_it_is_meant_for_and_as_often() {
    let scene = scene().await;
    let effect = Effect::Status { code: 500, text: "got timeout".into() };
    scene.cluster.add_fault(Fault::new(effect).on_path("/nodes/*/storage").times(2)).unwrap();
    assert_eq!(scene.client.get("/nodes").await.status, 200);
    for _ in 0..2 {
        let failed = scene.client.get("/nodes/pve1/storage").await;
        assert_eq!((failed.status, failed.reason.as_str()), (500, "got timeout"));
        assert_eq!(failed.json()["message"], "got timeout\n");
    }
    assert_eq!(scene.client.get("/nodes/pve1/storage").await.status, 200);
    let other = Client::of(&scene.cluster, 1);
    let effect = Effect::Status { code: 596, text: "Connection timed out".into() };
    scene.cluster.add_fault(Fault::new(effect).on_node("pve2")).unwrap();
    let failed = other.get("/nodes").await;
    assert_eq!(
        (failed.status, failed.reason.as_str(), failed.text.as_str()),
        (596, "Connection timed out", "")
    );
    assert_eq!(scene.client.get("/nodes").await.status, 200);
}

#[tokio::test]
async fn bodies_are_broken_in_every_way() {
    let scene = scene().await;
    let broken = async |effect: Effect| {
        let id = scene.cluster.add_fault(Fault::new(effect)).unwrap();
        let answer = scene.client.try_get("/nodes").await;
        assert!(scene.cluster.remove_fault(id));
        answer
    };
    let half = broken(Effect::HalfJson { percent: 50, honest_length: true }).await.unwrap();
    assert_eq!(half.status, 200);
    assert!(
        half.text.starts_with(r#"{"data":[{"#)
            && serde_json::from_str::<serde_json::Value>(&half.text).is_err()
    );
    let half = broken(Effect::HalfJson { percent: 50, honest_length: false }).await;
    let error = half.expect_err("the transfer must break");
    assert!(error.is_body() || error.is_decode(), "the head and a part arrive before: {error:?}");
    let page = broken(Effect::HtmlPage).await.unwrap();
    assert!(page.status == 200 && page.text.starts_with("<!DOCTYPE html>"));
    let garbage = broken(Effect::GarbageJson).await.unwrap();
    assert!(garbage.status == 200 && serde_json::from_str::<serde_json::Value>(&garbage.text).is_err());
    let empty = broken(Effect::EmptyBody).await.unwrap();
    assert_eq!((empty.status, empty.text.as_str()), (200, ""));
    assert_eq!(scene.client.get("/nodes").await.status, 200);
}

#[tokio::test]
async fn a_delay_delays() {
    let scene = scene().await;
    scene.cluster.add_fault(Fault::new(Effect::Delay { ms: 120 }).on_path("/version")).unwrap();
    let begin = Instant::now();
    scene.client.get("/version").await;
    assert!(begin.elapsed() >= Duration::from_millis(120));
}

#[tokio::test]
async fn a_hanging_call_gets_no_byte_and_the_rest_goes_on() {
    let scene = scene().await;
    let id = scene.cluster.add_fault(Fault::new(Effect::Hang).on_path("/nodes/pve1/*")).unwrap();
    let mut hanging = Box::pin(scene.client.try_get("/nodes/pve1/status"));
    assert!(timeout(Duration::from_millis(200), &mut hanging).await.is_err());
    assert_eq!(scene.client.get("/nodes").await.status, 200);
    scene.cluster.remove_fault(id);
    assert!(hanging.await.is_err(), "it ends without an answer");
    assert_eq!(scene.client.get("/nodes/pve1/status").await.status, 200);
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let scene = scene().await;
    scene.cluster.add_fault(Fault::new(Effect::Reset).times(1)).unwrap();
    let error = chain(&scene.client.try_get("/nodes").await.unwrap_err());
    assert!(error.contains("reset"), "{error}");
    assert_eq!(scene.client.get("/nodes").await.status, 200);
}

#[tokio::test]
async fn a_closed_listener_refuses_and_opens_again() {
    let scene = scene().await;
    assert_eq!(scene.client.get("/nodes").await.status, 200);
    let id = scene.cluster.add_fault(Fault::new(Effect::Refuse).on_node("pve1")).unwrap();
    scene.cluster.settled().await;
    assert!(is_refused(&scene.client.try_get("/nodes").await.unwrap_err()));
    assert_eq!(Client::of(&scene.cluster, 1).get("/nodes").await.status, 200);
    scene.cluster.remove_fault(id);
    scene.cluster.settled().await;
    assert_eq!(scene.client.get("/nodes").await.status, 200);
}

#[tokio::test]
async fn another_certificate_is_noticed_by_who_pins() {
    let scene = scene().await;
    assert_eq!(scene.client.get("/nodes").await.status, 200);
    let id = scene.cluster.add_fault(Fault::new(Effect::WrongCert).on_node("pve1")).unwrap();
    // Also on the connection that is open already.
    let error = chain(&scene.client.try_get("/nodes").await.unwrap_err());
    scene.cluster.settled().await;
    let again = chain(&scene.client.try_get("/nodes").await.unwrap_err());
    assert!(again.contains("pinned"), "{error} / {again}");
    scene.cluster.remove_fault(id);
    scene.cluster.settled().await;
    assert_eq!(scene.client.get("/nodes").await.status, 200);
}

#[tokio::test]
async fn a_rotated_certificate_is_published() {
    let scene = scene().await;
    let before = scene.cluster.fingerprint();
    scene.cluster.rotate_certificate("pve1").unwrap();
    scene.cluster.settled().await;
    assert!(chain(&scene.client.try_get("/nodes").await.unwrap_err()).contains("pinned"));
    let renewed = Client::of(&scene.cluster, 0);
    assert_ne!(scene.cluster.fingerprint(), before);
    let published = renewed.data("/nodes").await[0]["ssl_fingerprint"].clone();
    assert_eq!(published, scene.cluster.fingerprint());
    assert!(scene.cluster.rotate_certificate("pve9").is_err());
}

#[tokio::test]
async fn a_listener_that_never_speaks_tls() {
    let scene = scene().await;
    scene.cluster.add_fault(Fault::new(Effect::TlsHang).on_node("pve1")).unwrap();
    scene.cluster.settled().await;
    let mut tcp = TcpStream::connect(scene.cluster.endpoints()[0].address).await.unwrap();
    let mut byte = [0];
    assert!(timeout(Duration::from_millis(200), tcp.read(&mut byte)).await.is_err());
}

#[tokio::test]
async fn a_node_that_is_away_is_offline_for_the_others_and_its_guests_unknown() {
    let scene = scene().await;
    let on_pve2: Vec<_> = scene
        .cluster
        .truth()
        .guests
        .iter()
        .filter(|guest| &*guest.node == "pve2")
        .map(|g| g.plan.vmid)
        .collect();
    let id = scene.cluster.add_fault(Fault::new(Effect::NodeOffline).on_node("pve2")).unwrap();
    scene.cluster.settled().await;
    let proxied = scene.client.get("/nodes/pve2/status").await;
    assert_eq!(
        (proxied.status, proxied.reason.as_str(), proxied.text.as_str()),
        (595, "No route to host", "")
    );
    let own = Client::of(&scene.cluster, 1).try_get("/nodes").await.unwrap_err();
    assert!(is_refused(&own));
    let node = scene.client.data("/nodes").await[1].clone();
    assert_eq!(node["status"], "offline");
    assert!(node.get("cpu").is_none() && node.get("mem").is_none(), "{node}");
    let status = scene.client.data("/cluster/status").await;
    assert_eq!((&status[0]["quorate"], &status[2]["online"]), (&1.into(), &0.into()));
    let list = scene.client.data("/cluster/resources?type=vm").await;
    for guest in list.as_array().unwrap().iter().filter(|guest| guest["node"] == "pve2") {
        assert_eq!(guest["status"], "unknown");
        assert!(guest.get("cpu").is_none() && guest.get("name").is_none(), "{guest}");
    }
    assert!(!on_pve2.is_empty());
    scene.cluster.add_fault(Fault::new(Effect::NodeOffline).on_node("pve3")).unwrap();
    assert_eq!(scene.client.data("/cluster/status").await[0]["quorate"], 0);
    scene.cluster.clear_faults();
    assert!(!scene.cluster.remove_fault(id));
    scene.cluster.settled().await;
    assert_eq!(scene.client.get("/nodes/pve2/status").await.status, 200);
    assert_eq!(Client::of(&scene.cluster, 1).get("/nodes").await.status, 200);
}

#[tokio::test]
async fn a_node_that_swallows_packets_times_out_at_the_others() {
    let scene = scene().await;
    scene.cluster.add_fault(Fault::new(Effect::NodeBlackhole).on_node("pve3")).unwrap();
    let proxied = scene.client.get("/nodes/pve3/status").await;
    assert_eq!((proxied.status, proxied.reason.as_str()), (596, "Connection timed out"));
}

#[tokio::test]
async fn a_revoked_token_is_unknown_until_it_is_given_back() {
    let scene = scene().await;
    let id = scene.cluster.add_fault(Fault::new(Effect::RevokeToken)).unwrap();
    assert_eq!(scene.client.get("/version").await.status, 401);
    scene.cluster.remove_fault(id);
    assert_eq!(scene.client.get("/version").await.status, 200);
}

#[tokio::test]
async fn the_fault_that_voids_tickets_lets_a_new_login_in() {
    let scene = scene().await;
    let login = async || {
        let body =
            serde_json::json!({ "username": scene.cluster.user(), "password": scene.cluster.password() });
        let request = scene.client.anonymous().request(Method::POST, "/access/ticket").json(&body);
        let ticket = read(request.send().await.unwrap()).await.unwrap().data()["ticket"].clone();
        ticket.as_str().unwrap().to_owned()
    };
    let ask = async |ticket: &str| {
        let request = scene.client.anonymous().request(Method::GET, "/nodes");
        request.header("Cookie", format!("PVEAuthCookie={ticket}")).send().await.unwrap().status().as_u16()
    };
    let old = login().await;
    assert_eq!(ask(&old).await, 200);
    scene.cluster.add_fault(Fault::new(Effect::ExpireTickets)).unwrap();
    assert_eq!(ask(&old).await, 401);
    assert_eq!(ask(&login().await).await, 200);
}

#[tokio::test]
async fn a_401_is_held_back_as_long_as_asked() {
    let scene = Scene::new(EstateOptions { delay_factor: 0.05, ..EstateOptions::default() }).await;
    let begin = Instant::now();
    assert_eq!(scene.client.anonymous().get("/version").await.status, 401);
    assert!(begin.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn a_node_works_on_three_calls_at_once_and_every_call_is_on_record() {
    let scene = scene().await;
    scene.cluster.add_fault(Fault::new(Effect::Delay { ms: 100 }).on_path("/version")).unwrap();
    let begin = Instant::now();
    let calls = (0..6).map(|_| scene.client.get("/version"));
    futures_util::future::join_all(calls).await;
    assert!(begin.elapsed() >= Duration::from_millis(200), "six calls of 100 ms need two rounds");
    scene.client.get("/nodes/pve1/qemu?full=1").await;
    let counters = scene.cluster.counters();
    assert_eq!((counters["GET /version"], counters["GET /nodes/{node}/qemu"]), (6, 1));
    assert_eq!(scene.cluster.most_in_flight()["pve1"], 6);
    let last = scene.cluster.requests().pop().unwrap();
    assert_eq!(
        (last.path.as_str(), last.query.as_str(), last.status),
        ("/nodes/pve1/qemu", "full=1", Some(200))
    );
    assert_eq!(last.identity.as_deref(), Some("token:pulse-monitor@pve!pulse"));
    let log = serde_json::to_string(&scene.cluster.requests()).unwrap();
    assert!(!log.contains(scene.cluster.token_value()), "no secret in the log");
    scene.cluster.forget_requests();
    assert!(scene.cluster.requests().is_empty());
}

#[tokio::test]
async fn every_nth_call_fails_and_a_share_of_the_calls() {
    let scene = scene().await;
    let broken = || Effect::Status { code: 500, text: "broken".into() };
    let failures = async || {
        let mut failures = Vec::new();
        for call in 1..=12 {
            if scene.client.get("/version").await.status == 500 {
                failures.push(call);
            }
        }
        failures
    };
    scene.cluster.add_fault(Fault::new(broken()).on_path("/version").every(4)).unwrap();
    assert_eq!(failures().await, [4, 8, 12]);
    let listed = scene.cluster.faults().remove(0);
    assert_eq!((listed.seen, listed.struck), (12, 3));
    scene.cluster.clear_faults();
    scene.cluster.add_fault(Fault::new(broken()).with_probability(0.5)).unwrap();
    let struck = failures().await.len();
    assert!((2..=10).contains(&struck), "{struck} of 12");
    scene.cluster.clear_faults();
    // Who asks, counts: nobody else is hurt.
    scene.cluster.add_fault(Fault::new(broken()).for_identity("ticket:*")).unwrap();
    assert_eq!(failures().await, Vec::<u32>::new());
    scene.cluster.clear_faults();
    scene.cluster.add_fault(Fault::new(broken()).for_identity("token:pulse-monitor@pve!*")).unwrap();
    assert_eq!(failures().await.len(), 12);
}

#[tokio::test]
async fn a_storage_that_hangs_keeps_a_worker_busy_even_when_nobody_waits_any_more() {
    let scene = Scene::new(EstateOptions { workers: 1, ..EstateOptions::default() }).await;
    let hang = Effect::StorageHang { storage: "nas".into(), ms: 400 };
    scene.cluster.add_fault(Fault::new(hang).on_node("pve1")).unwrap();
    // What has nothing to do with that storage is not held up.
    assert_eq!(scene.client.get("/nodes/pve1/storage/local/content").await.status, 200);
    let begin = Instant::now();
    assert!(timeout(Duration::from_millis(100), scene.client.try_get("/nodes/pve1/storage")).await.is_err());
    // The caller is gone; the only worker still waits for the disk.
    assert_eq!(scene.client.get("/nodes/pve1/status").await.status, 200);
    assert!(begin.elapsed() >= Duration::from_millis(400), "{:?}", begin.elapsed());
    let begin = Instant::now();
    assert_eq!(Client::of(&scene.cluster, 1).get("/nodes/pve2/storage").await.status, 200);
    assert!(begin.elapsed() < Duration::from_millis(400), "another node has its own workers");
}

#[tokio::test]
async fn an_answer_that_stops_in_the_middle_keeps_its_connection() {
    let scene = scene().await;
    let id =
        scene.cluster.add_fault(Fault::new(Effect::StallBody { percent: 50 }).on_path("/nodes")).unwrap();
    let mut stalled = Box::pin(scene.client.try_get("/nodes"));
    assert!(timeout(Duration::from_millis(200), &mut stalled).await.is_err());
    assert_eq!(scene.client.get("/version").await.status, 200);
    scene.cluster.remove_fault(id);
    assert!(stalled.await.is_err(), "it breaks off when the fault is gone");
}

#[tokio::test]
async fn a_list_may_be_huge() {
    let scene = scene().await;
    scene.cluster.add_fault(Fault::new(Effect::HugeList { entries: 5_000 }).on_path("/nodes")).unwrap();
    assert_eq!(scene.client.data("/nodes").await.as_array().unwrap().len(), 5_000);
}

#[tokio::test]
async fn a_node_that_is_away_for_a_minute_comes_back_with_the_clock() {
    let scene = scene().await;
    scene.cluster.add_fault(Fault::new(Effect::NodeOffline).on_node("pve2").between(60, 60)).unwrap();
    let other = async || {
        scene.cluster.settled().await;
        scene.client.get("/nodes/pve2/status").await.status
    };
    assert_eq!(other().await, 200);
    scene.advance(60);
    assert_eq!(other().await, 595);
    assert!(!scene.cluster.truth().nodes[1].is_online);
    scene.advance(60);
    assert_eq!(other().await, 200);
}
