//! A notifier over a temporary folder, and receivers on loopback.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};
use jiff::{SignedDuration, Timestamp};
use pulse_config::{
    NotifyStore, SealKey, Secret, SystemSettingsStore,
    schema::notify::{NotifyConfig, WebhookConfig},
};
use pulse_core::{
    SystemClock,
    model::{Alert, AlertLevel},
    notice::{Notice, NoticeKind, NoticeSink},
};
use pulse_notify::{Grouping, Notifier, NotifierOptions, channel::run_command::SystemCommands};
use pulse_store::Ledger;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub const UNGROUPED: Grouping =
    Grouping { enabled: false, window_seconds: 0, by_node: false, by_guest: false };

/// A notifier and what it stands on.
pub struct World {
    pub notifier: Arc<Notifier>,
    pub ledger: Ledger,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

pub fn open(dir: &Path, grouping: Grouping, extra_roots: Vec<Vec<u8>>) -> World {
    let no_vars = HashMap::<String, String>::new();
    let system = Arc::new(SystemSettingsStore::open(dir, &no_vars).unwrap());
    let patch = json!({"webhookAllowedPrivateCIDRs": "127.0.0.0/8"});
    system.update(patch.as_object().unwrap().clone()).unwrap();
    let ledger = Ledger::open(&dir.join("pulse.db"), Arc::new(SystemClock)).unwrap();
    let notifier = Notifier::new(NotifierOptions {
        config: Arc::new(NotifyStore::open(dir, SealKey::open(dir).unwrap()).unwrap()),
        system,
        ledger: ledger.clone(),
        clock: Arc::new(SystemClock),
        grouping: Box::new(move || grouping),
        commands: Arc::new(SystemCommands),
        extra_roots,
        first_retry: Duration::from_millis(20),
    });
    World { notifier, ledger, tasks: TaskTracker::new(), stop: CancellationToken::new() }
}

impl World {
    pub fn configure(&self, change: impl FnOnce(&mut NotifyConfig)) {
        self.notifier
            .config()
            .update(|config| {
                change(config);
                Ok::<_, ()>(())
            })
            .unwrap();
        self.notifier.reconsider();
    }

    pub fn start(&self) {
        self.notifier.start(&self.tasks, self.stop.clone());
    }

    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.ledger.close().await;
    }

    pub async fn take(&self, kind: NoticeKind, alerts: &[Arc<Alert>]) {
        let at = Timestamp::now();
        let notices = alerts.iter().map(|alert| Notice { kind, alert: alert.clone(), at }).collect();
        self.notifier.take(notices).await.unwrap();
    }

    pub async fn count(&self, status: &str) -> u64 {
        self.notifier.stats().await.unwrap().get(status).copied().unwrap_or(0)
    }

    /// Waits for a count; each look is a read of the queue, which is what a person would see.
    pub async fn until(&self, status: &str, count: u64) {
        let looked = tokio::time::timeout(Duration::from_secs(30), async {
            while self.count(status).await != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let is_so = looked.await.is_ok();
        assert!(is_so, "{status} did not become {count}: {:?}", self.notifier.stats().await);
    }
}

pub fn alert(number: usize) -> Arc<Alert> {
    let now: Timestamp = "2026-03-02T08:57:05Z".parse().unwrap();
    Arc::new(Alert {
        id: format!("lab:n1:{number}-cpu"),
        kind: "cpu".into(),
        level: if number.is_multiple_of(2) { AlertLevel::Critical } else { AlertLevel::Warning },
        resource_id: format!("lab:n1:{number}"),
        resource_name: format!("guest {number}"),
        node: "n1".into(),
        instance: "lab".into(),
        message: format!("VM cpu at {number}%"),
        value: 91.0,
        threshold: 80.0,
        started_at: now + SignedDuration::from_secs(number as i64),
        last_seen_at: now,
        acknowledged: None,
        last_notified_at: None,
        escalation_level: 0,
        escalated_at: vec![],
        metadata: BTreeMap::from([("tags".into(), json!(["prod"]))]),
    })
}

pub fn webhook(id: &str, url: &str, service: &str) -> WebhookConfig {
    WebhookConfig {
        id: id.into(),
        name: id.into(),
        url: Secret::new(url),
        service: service.into(),
        enabled: true,
        max_per_hour: Some(100_000),
        ..WebhookConfig::default()
    }
}

/// A request that a receiver got.
#[derive(Debug)]
pub struct Got {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Got {
    pub fn ids(&self) -> Vec<String> {
        let alerts = self.body["alerts"].as_array().into_iter().flatten();
        alerts.map(|alert| alert["id"].as_str().unwrap().to_owned()).collect()
    }

    pub fn key(&self) -> String {
        self.headers["idempotency-key"].to_str().unwrap().to_owned()
    }
}

/// What a receiver answers, one after the other; 200 when there is nothing more.
pub type Answers = Arc<Mutex<VecDeque<(u16, Vec<(&'static str, String)>)>>>;

#[derive(Clone)]
struct Receiver {
    got: mpsc::UnboundedSender<Got>,
    answers: Answers,
}

/// A receiver on loopback: its address, what it gets, and what it answers.
pub async fn receiver() -> (String, mpsc::UnboundedReceiver<Got>, Answers) {
    let (sender, got) = mpsc::unbounded_channel();
    let answers = Answers::default();
    let state = Receiver { got: sender, answers: answers.clone() };
    let app = Router::new().fallback(answer).with_state(state);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (format!("http://{address}"), got, answers)
}

async fn answer(State(state): State<Receiver>, request: Request) -> impl IntoResponse {
    let (parts, body) = request.into_parts();
    let bytes: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let body = serde_json::from_slice(&bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
    let got = Got { path: parts.uri.to_string(), headers: parts.headers, body };
    // Whoever listens may have heard enough.
    let _ = state.got.send(got);
    let next = state.answers.lock().unwrap().pop_front();
    let (status, headers) = next.unwrap_or((200, vec![]));
    let mut response = (StatusCode::from_u16(status).unwrap(), "said").into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}
