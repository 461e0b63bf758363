//! Events of the audit log, told to the addresses that an administrator named (contract A-06 §2).
//!
//! Each address has a queue and a task of its own: one that does not answer holds up no other. The queues are bounded and in
//! memory: the log itself has every event, whatever becomes of its way out.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use pulse_config::{ConfigError, store::audit_hooks::AuditHookStore};
use pulse_store::audit::AuditEvent;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Notifier, channel::webhook::secrets_of_url, egress::Outgoing};

/// Addresses.
pub const MOST_URLS: usize = 10;
/// The longest address, in bytes.
pub const LONGEST_URL: usize = 2_048;
/// Events that wait for one address; more are dropped.
const MOST_WAITING: usize = 1_000;
/// How long one attempt may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait before each further attempt.
const RETRIES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)];

/// Tells events. Those who are told can be changed while it runs.
pub struct AuditHooks {
    store: AuditHookStore,
    notifier: Arc<Notifier>,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// The queue of each address; a task ends when its queue goes.
    lines: Mutex<Vec<mpsc::Sender<Arc<AuditEvent>>>>,
}

impl std::fmt::Debug for AuditHooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditHooks").field("urls", &self.store.urls().len()).finish_non_exhaustive()
    }
}

impl AuditHooks {
    /// Starts a task for each address that is kept, until `stop`.
    pub fn start(
        store: AuditHookStore,
        notifier: Arc<Notifier>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let hooks = Self { store, notifier, tasks: tasks.clone(), stop, lines: Mutex::default() };
        hooks.begin_anew();
        hooks
    }

    /// Who is told.
    pub fn urls(&self) -> Arc<Vec<String>> {
        self.store.urls()
    }

    /// Why an address cannot be one of them.
    pub async fn check(&self, url: &str) -> Result<(), String> {
        if url.trim().is_empty() {
            return Err("URL cannot be empty".to_owned());
        }
        if url.len() > LONGEST_URL {
            return Err(format!("it is longer than {LONGEST_URL} bytes"));
        }
        self.notifier.check_url(url).await
    }

    /// Tells these from now on. Blocks for the disk; must be called within the runtime.
    pub fn set(&self, urls: Vec<String>) -> Result<(), ConfigError> {
        self.store.set(urls)?;
        self.begin_anew();
        Ok(())
    }

    /// Tells an event. Never waits.
    pub fn tell(&self, event: AuditEvent) {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.is_empty() {
            return;
        }
        let event = Arc::new(event);
        for line in &*lines {
            if line.try_send(Arc::clone(&event)).is_err() {
                tracing::warn!(
                    id = event.id,
                    "too much waits for a webhook of the audit log: an event is not sent there"
                );
            }
        }
    }

    fn begin_anew(&self) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.clear();
        for url in &*self.store.urls() {
            let (line, waiting) = mpsc::channel(MOST_WAITING);
            lines.push(line);
            let run = deliver_all(Arc::clone(&self.notifier), url.clone(), waiting);
            let stop = self.stop.clone();
            self.tasks.spawn(async move {
                let _ = stop.run_until_cancelled(run).await;
            });
        }
    }
}

async fn deliver_all(notifier: Arc<Notifier>, url: String, mut waiting: mpsc::Receiver<Arc<AuditEvent>>) {
    while let Some(event) = waiting.recv().await {
        let request = request(&url, &event);
        let mut retries = RETRIES.into_iter();
        while let Err(error) = notifier.send(&request).await {
            let pause = retries.next().filter(|_| error.is_transient);
            let Some(pause) = pause else {
                // The address stays out of the log: it may hold a secret.
                tracing::warn!(
                    id = event.id,
                    error = error.message,
                    "an event of the audit log could not be sent to a webhook"
                );
                break;
            };
            tokio::time::sleep(pause).await;
        }
    }
}

fn request(url: &str, event: &AuditEvent) -> Outgoing {
    let name = format!("audit.{}", event.event);
    let mut data = json!({
        "id": event.id, "timestamp": event.at, "event": event.event, "ip": event.ip, "success": event.success,
    });
    let more = [
        ("user", &event.user),
        ("path", &event.path),
        ("details", &event.details),
        ("signature", &event.signature),
    ];
    for (key, value) in more.into_iter().filter(|(_, value)| !value.is_empty()) {
        data[key] = value.as_str().into();
    }
    let headers = [
        ("User-Agent", "Pulse-Audit-Webhook/1.0"),
        ("X-Pulse-Event", name.as_str()),
        ("X-Pulse-Event-ID", event.id.as_str()),
    ];
    Outgoing {
        method: "POST".to_owned(),
        url: url.to_owned(),
        content_type: "application/json",
        headers: headers
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
        body: json!({"event": name, "timestamp": event.at, "data": data}).to_string(),
        timeout: TIMEOUT,
        accepts_any_certificate: false,
        agent_suffix: "",
        secrets: secrets_of_url(url).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_told_in_the_contracts_shape() {
        let event = AuditEvent {
            id: "0f6d".into(),
            at: "2026-03-04T05:06:07Z".parse().unwrap(),
            event: "login".into(),
            user: "<b>\"kim\"</b>".into(),
            ip: "192.0.2.7".into(),
            path: "/api/login".into(),
            success: false,
            details: String::new(),
            signature: "ab".into(),
        };
        let request = request("https://siem.example.org/x/hush-hush-hush", &event);
        // What the receiver answers is logged where it refuses, and may quote its own address.
        let secrets: Vec<&str> = request.secrets.iter().map(pulse_config::Secret::expose).collect();
        assert_eq!(secrets, ["hush-hush-hush"]);
        assert_eq!(request.headers["X-Pulse-Event"], "audit.login");
        let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(
            body,
            json!({"event": "audit.login", "timestamp": "2026-03-04T05:06:07Z", "data": {
                "id": "0f6d", "timestamp": "2026-03-04T05:06:07Z", "event": "login", "user": "<b>\"kim\"</b>",
                "ip": "192.0.2.7", "path": "/api/login", "success": false, "signature": "ab"}})
        );
    }
}
