//! A night of a simulated cluster, from the poll to the mailbox: a node is lost, a disk fills up, a guest flaps for an hour,
//! a backup runs meanwhile. A real mail server and a real receiver get the messages; exactly those a person would want.
//! The clock is moved, nothing waits.

use std::sync::Arc;

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use jiff::{SignedDuration, Timestamp};
use pulse_collectors::{Connect, HttpConnect, PveApi, Timeouts};
use pulse_config::{PveInstance, Secret};
use pulse_core::{
    Clock,
    model::{InstanceKey, InstanceKind},
    notice::NoticeSink,
    report::host::{HostDisk, HostInfo, HostReport},
};
use pulse_monitor::Reporter;
use pulse_sim::{Cluster, Effect, EstateOptions, Fault};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::{harness::TestServer, mail_server::MailServer};

/// Seconds between polls.
const STEP: i64 = 15;

/// A receiver of webhooks: what it got, and the status with which it answers.
struct Receiver {
    url: String,
    got: mpsc::UnboundedReceiver<Value>,
    status: watch::Sender<u16>,
}

type Answering = (mpsc::UnboundedSender<Value>, watch::Receiver<u16>);

impl Receiver {
    async fn start() -> Self {
        let (sender, got) = mpsc::unbounded_channel();
        let (status, answers) = watch::channel(200);
        let app = Router::new().route("/ops", post(take)).with_state((sender, answers));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/ops", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, got, status }
    }
}

async fn take(State((sender, answers)): State<Answering>, body: Bytes) -> StatusCode {
    let status = *answers.borrow();
    if status == 200 {
        sender.send(serde_json::from_slice(&body).unwrap()).unwrap();
    }
    StatusCode::from_u16(status).unwrap()
}

/// A server with a mailbox and a receiver, and what came there.
struct Night {
    server: TestServer,
    clock: Arc<pulse_core::ManualClock>,
    began: Timestamp,
    mail: MailServer,
    mails_read: usize,
    receiver: Receiver,
    messages: Vec<String>,
}

impl Night {
    /// `None` where the mail server cannot be installed.
    async fn begin() -> Option<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let mail = MailServer::start(dir.path(), "starttls").await?;
        let server = TestServer::set_up_trusting(vec![mail.root.clone()]);
        let receiver = Receiver::start().await;
        let admin = server.admin();
        admin
            .post("/api/system/settings/update", json!({"webhookAllowedPrivateCIDRs": "127.0.0.1"}))
            .await
            .expect(200);
        let email = json!({"enabled": true, "server": "localhost", "port": mail.port, "username": "pulse",
            "password": "hunter2", "from": "pulse@example.com", "to": ["ops@example.com"], "tls": false, "startTLS": true});
        admin.put("/api/notifications/email", email).await.expect(200);
        let webhook =
            json!({"id": "ops", "name": "ops", "url": receiver.url, "enabled": true, "service": "generic"});
        admin.post("/api/notifications/webhooks", webhook).await.expect(200);
        // What the simulator's figures do by chance is not the story; everything else is as it comes.
        let off = json!({"trigger": 80, "clear": 75, "off": true});
        let quiet = json!({"cpu": off, "memory": off, "disk": off, "temperature": off});
        let config = json!({"guestDefaults": quiet, "nodeDefaults": quiet, "storageDefault": off});
        admin.put("/api/alerts/config", config).await.expect(200);
        admin.post("/api/alerts/activate", json!({})).await.expect(200);
        let clock = server.clock.clone();
        let began = clock.now();
        Some(Self { server, clock, began, mail, mails_read: 0, receiver, messages: Vec::new() })
    }

    fn minute(&self) -> String {
        let seconds = self.clock.now().duration_since(self.began).as_secs();
        format!("{:02}:{:02}", seconds / 60, seconds % 60)
    }

    /// The machine with the disk reports.
    async fn report(&self, disk_percent: f64) {
        let report = HostReport {
            host: HostInfo { hostname: "nas".into(), id: Some("nas".into()), ..HostInfo::default() },
            disks: vec![HostDisk {
                mountpoint: "/srv".into(),
                device: "/dev/sdb1".into(),
                total_bytes: 1_000,
                used_bytes: (disk_percent * 10.0) as u64,
                usage: disk_percent,
                ..HostDisk::default()
            }],
            ..HostReport::default()
        };
        self.server.state.keeper.report_host(report, Reporter::Local).await.unwrap().unwrap();
        // Published a little after it was answered.
        let now = self.clock.now();
        let mut world = self.server.state.keeper.subscribe();
        world.wait_for(|world| world.hosts.values().any(|host| host.last_seen == now)).await.unwrap();
    }

    /// The engine looks, what is due is sent, and what arrived is written down.
    async fn tell(&mut self) {
        let state = &self.server.state;
        state.alerts.look_now().await.unwrap();
        let notifier = &state.notifier;
        // The clock was moved: the queue is to look at it again.
        notifier.take(vec![]).await.unwrap();
        while notifier.overdue().await.unwrap() > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        let at = self.minute();
        while let Ok(body) = self.receiver.got.try_recv() {
            // A test has one `alert` and no list.
            let event =
                body["event"].as_str().unwrap_or(if body["alert"].is_null() { "firing" } else { "test" });
            let alerts = body["alerts"].as_array().into_iter().flatten();
            let alerts: Vec<_> = alerts.map(|alert| alert["message"].as_str().unwrap().to_owned()).collect();
            self.messages.push(format!("{at} webhook | {event} | {}", alerts.join("; ")));
        }
        let log = self.server.state.notifier.log(1_000, false).await.unwrap();
        let sent = log.iter().filter(|entry| entry.destination == "email" && entry.is_delivered).count();
        while self.mails_read < sent {
            let mail = self.mail.next().await;
            self.mails_read += 1;
            assert_eq!((&mail["tls"], &mail["login"]), (&json!(true), &json!("pulse")));
            let text = mail["text"].as_str().unwrap().replace("\r\n", "\n").replace("\n ", " ");
            let subject = text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap();
            self.messages.push(format!("{at} mail    | {subject}"));
        }
    }

    /// What came, mails before webhooks of the same moment.
    fn list(&self) -> String {
        let mut messages = self.messages.clone();
        messages.sort();
        messages.join("\n")
    }
}

struct Estate {
    cluster: Cluster,
    api: Arc<dyn PveApi>,
}

fn key() -> InstanceKey {
    InstanceKey { kind: InstanceKind::Pve, name: "lab".into() }
}

impl Estate {
    async fn start(night: &Night) -> Self {
        let options = EstateOptions { nodes: 3, guests: 12, workers: 2, ..EstateOptions::default() };
        let cluster = Cluster::start_with(options, night.clock.clone()).await.unwrap();
        let instance = PveInstance {
            token_name: Some(cluster.token_name().to_owned()),
            token_value: Some(Secret::new(cluster.token_value())),
            fingerprint: Some(cluster.fingerprint()),
            ..PveInstance::new("lab".into(), cluster.url())
        };
        let api = HttpConnect.pve(&instance, Timeouts::default()).unwrap();
        night.server.state.keeper.change(|world, _| world.configure(&[key()])).await.unwrap();
        Self { cluster, api }
    }

    async fn poll(&self, night: &Night) {
        let now = night.clock.now();
        let outcome = self.api.poll(now).await.map_err(|error| panic!("{error}"));
        night
            .server
            .state
            .keeper
            .change(move |world, _| world.merge_pve(&key(), outcome, now))
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_messages_of_a_night_are_those_a_person_wants() {
    let Some(mut night) = Night::begin().await else { return };
    let estate = Estate::start(&night).await;
    let cluster = &estate.cluster;
    let truth = cluster.truth();
    let lost = truth.nodes.last().unwrap().name.to_string();
    let mut here = truth
        .guests
        .iter()
        .filter(|guest| guest.is_running() && !guest.plan.is_template && *guest.node != *lost)
        .map(|guest| (guest.plan.vmid, guest.plan.name.clone()));
    let ((flapping, flapping_name), (backed_up, backed_up_name)) =
        (here.next().unwrap(), here.next().unwrap());
    // Whoever was off before the night is started, so that the night begins in peace.
    for guest in truth.guests.iter().filter(|guest| !guest.is_running() && !guest.plan.is_template) {
        let vmid = guest.plan.vmid;
        let _ = cluster.lock_guest(vmid, None);
        let _ = cluster.pause_guest(vmid, false);
        let _ = cluster.start_guest(vmid);
    }
    let mut outage = None;
    for second in (0..90 * 60).step_by(STEP as usize) {
        let minute = second / 60;
        // The node is gone from minute 10 to 25, with its guests.
        if minute == 10 && outage.is_none() {
            outage = cluster.add_fault(Fault::new(Effect::NodeOffline).on_node(&lost));
            cluster.settled().await;
        }
        if minute == 25
            && let Some(fault) = outage
        {
            cluster.remove_fault(fault);
            cluster.settled().await;
        }
        // From minute 5 to 65 a guest goes off and on every minute.
        if (5..=65).contains(&minute) && second % 60 == 0 {
            let _ = if minute % 2 == 1 && minute < 65 {
                cluster.stop_guest(flapping)
            } else {
                cluster.start_guest(flapping)
            };
        }
        // A backup stops another guest from minute 30 to 40.
        if second == 30 * 60 {
            cluster.lock_guest(backed_up, Some("backup")).unwrap();
            let _ = cluster.stop_guest(backed_up);
        }
        if second == 40 * 60 {
            let _ = cluster.start_guest(backed_up);
            cluster.lock_guest(backed_up, None).unwrap();
        }
        night.clock.advance(SignedDuration::from_secs(STEP));
        estate.poll(&night).await;
        // The disk fills up from 60 to 97 percent and is cleaned in minute 80.
        night
            .report(if minute < 80 { (60.0 + f64::from(second) / 60.0 * 0.5).min(97.0) } else { 40.0 })
            .await;
        night.tell().await;
    }
    let list = night.list().replace(&flapping_name, "FLAPPING").replace(&lost, "LOST");
    assert!(!list.contains(&backed_up_name), "{list}");
    insta::assert_snapshot!(list);
}

/// A destination that refuses everything is an alert, told to the other one, once, and so is its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_is_broken_is_told_by_the_other_and_not_by_itself() {
    let Some(mut night) = Night::begin().await else { return };
    night.receiver.status.send_replace(404);
    let disk_at = |minute: i64| if minute >= 1 { 95.0 } else { 10.0 };
    for second in (0..3_600).step_by(STEP as usize) {
        // It is there again in minute 30; a message proves it in minute 40.
        if second == 30 * 60 {
            night.receiver.status.send_replace(200);
        }
        night.clock.advance(SignedDuration::from_secs(STEP));
        night.report(if second < 40 * 60 { disk_at(second / 60) } else { 10.0 }).await;
        night.tell().await;
        if second == 35 * 60 {
            let active = night.server.admin().get("/api/alerts/active").await.json();
            let ids: Vec<_> =
                active.as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
            assert_eq!(ids, ["host:nas/disk:srv-disk", "notification-delivery-webhook:ops"]);
            let test = json!({"method": "webhook", "webhookId": "ops"});
            night.server.admin().post("/api/notifications/test", test).await.expect(200);
        }
    }
    let tried = night.server.state.notifier.log(1_000, true).await.unwrap();
    assert_eq!(tried.len(), 1, "the webhook was tried with the one message it could not take: {tried:?}");
    insta::assert_snapshot!(night.list());
}
