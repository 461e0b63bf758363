//! The notifications as the rest of the program sees them.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use pulse_config::{
    NotifyStore, SystemSettingsStore,
    schema::notify::{AppriseConfig, EmailConfig, NotifyConfig, WebhookConfig},
};
use pulse_core::{
    Clock,
    model::Alert,
    notice::{Notice, NoticeError, NoticeKind, NoticeSink},
};
use pulse_store::Ledger;
use tokio::sync::{Notify, OnceCell, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    alert::AlertRecord,
    channel::{apprise, email, run_command::RunCommand, webhook},
    destination::{self, Destination},
    egress::Egress,
    error::{SendError, Sent},
    message::{Event, Message},
    queue::{Arrival, DeadLetter, LogEntry, Queue, QueueError, QueueStats, Told},
    worker,
};

/// How notices are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grouping {
    /// Whether they are.
    pub enabled: bool,
    /// Seconds in which notices are gathered.
    pub window_seconds: u32,
    /// One message per node.
    pub by_node: bool,
    /// One message per resource.
    pub by_guest: bool,
}

impl Default for Grouping {
    fn default() -> Self {
        Self { enabled: true, window_seconds: 30, by_node: true, by_guest: false }
    }
}

/// What the notifications are built on.
pub struct NotifierOptions {
    /// The destinations.
    pub config: Arc<NotifyStore>,
    /// The public URL, and the networks that webhooks may reach.
    pub system: Arc<SystemSettingsStore>,
    /// The queue's file.
    pub ledger: Ledger,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How notices are put together now.
    pub grouping: Box<dyn Fn() -> Grouping + Send + Sync>,
    /// Runs Apprise.
    pub commands: Arc<dyn RunCommand>,
    /// Certificates that are trusted beside the system's, in PEM.
    pub extra_roots: Vec<Vec<u8>>,
    /// How long to wait before the second attempt; later ones wait up to 360 times as long.
    pub first_retry: Duration,
}

/// A destination to which nothing can be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its name in the queue.
    pub destination: String,
    /// What people call it.
    pub name: String,
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub error: String,
}

/// How the notifications do.
#[derive(Debug, Clone)]
pub struct Health {
    /// The queue; `None` when it does not answer.
    pub queue: Option<QueueStats>,
    /// Destinations to which nothing can be delivered.
    pub broken: Vec<Broken>,
}

/// Why a test was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TestError {
    /// There is no such destination, or it is off.
    #[error("{0}")]
    NotConfigured(String),
    /// There is no webhook of that id.
    #[error("webhook not found")]
    NoWebhook,
    /// It was tried and failed.
    #[error(transparent)]
    Failed(#[from] SendError),
}

/// How deliveries to a destination went lately.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(crate) name: String,
    pub(crate) failures: u32,
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) is_given_up: bool,
    pub(crate) error: String,
}

/// So many failures in a row are no accident any more.
const BROKEN_AFTER: u32 = 3;

/// The notifications.
pub struct Notifier {
    pub(crate) options: NotifierOptions,
    pub(crate) queue: Queue,
    /// Made when it is first needed: reading the system's certificates takes time and memory.
    egress: OnceCell<Egress>,
    pub(crate) wake: Notify,
    troubles: Mutex<BTreeMap<String, Trouble>>,
    broken: watch::Sender<Vec<Broken>>,
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").field("queue", &self.queue).finish_non_exhaustive()
    }
}

impl Notifier {
    /// The notifications without the task that sends what is queued.
    pub fn new(options: NotifierOptions) -> Arc<Self> {
        let queue = Queue::new(options.ledger.clone());
        let (broken, _) = watch::channel(vec![]);
        Arc::new(Self {
            options,
            queue,
            egress: OnceCell::new(),
            wake: Notify::new(),
            troubles: Mutex::default(),
            broken,
        })
    }

    async fn egress(&self) -> Result<&Egress, String> {
        let made = self.egress.get_or_try_init(|| async {
            let (system, pems) = (Arc::clone(&self.options.system), self.options.extra_roots.clone());
            let made = tokio::task::spawn_blocking(move || {
                let roots: Vec<_> = pems
                    .iter()
                    .filter_map(|pem| rustls::pki_types::pem::PemObject::from_pem_slice(pem).ok())
                    .collect();
                Egress::new(system, &roots)
            });
            made.await.map_err(|error| error.to_string())?
        });
        made.await
    }

    /// Starts the task that sends what is queued, until `stop`.
    pub fn start(self: &Arc<Self>, tasks: &TaskTracker, stop: CancellationToken) {
        tasks.spawn(worker::run(Arc::clone(self), stop));
    }

    /// The destinations.
    pub fn config(&self) -> &Arc<NotifyStore> {
        &self.options.config
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.options.clock.now()
    }

    /// The destinations changed: what waits may go out, and what failed may work now.
    pub fn reconsider(&self) {
        self.troubles().clear();
        self.broken.send_replace(vec![]);
        self.wake.notify_one();
    }

    /// Whether a URL may be kept as a target.
    pub async fn check_url(&self, url: &str) -> Result<(), String> {
        self.egress().await?.check(url).await
    }

    /// The URL of a webhook as it would be called, where its templates make sense.
    pub fn check_template(&self, config: &WebhookConfig) -> Result<String, String> {
        webhook::request(config, &self.test_message(95.5, 90.0))
            .map(|request| request.url)
            .map_err(|error| format!("Invalid webhook: {}", error.message))
    }

    /// Destinations to which nothing can be delivered, now and whenever that changes. For an alert of its own.
    pub fn broken(&self) -> watch::Receiver<Vec<Broken>> {
        self.broken.subscribe()
    }

    /// How the notifications do.
    pub async fn health(&self) -> Health {
        let queue = match self.queue.stats(self.now()).await {
            Ok(stats) => Some(stats),
            Err(error) => {
                tracing::error!(%error, "the notification queue does not answer");
                None
            }
        };
        Health { queue, broken: self.broken.borrow().clone() }
    }

    /// Items per status.
    pub async fn stats(&self) -> Result<QueueStats, QueueError> {
        self.queue.stats(self.now()).await
    }

    /// Dead letters, the newest first.
    pub async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
        self.queue.dead_letters(limit).await
    }

    /// Tries a dead letter again.
    pub async fn retry(&self, id: String) -> Result<(), QueueError> {
        self.queue.retry(id, self.now()).await?;
        self.reconsider();
        Ok(())
    }

    /// Gives a dead letter up.
    pub async fn give_up(&self, id: String) -> Result<(), QueueError> {
        self.queue.give_up(id, self.now()).await
    }

    /// Attempts of the last week, the newest first.
    pub async fn log(&self, limit: usize, is_webhooks_only: bool) -> Result<Vec<LogEntry>, QueueError> {
        self.queue.log(limit, is_webhooks_only).await
    }

    /// A message about the example alert.
    pub fn test_message(&self, value: f64, threshold: f64) -> Message {
        let now = self.now();
        Message {
            event: Event::Test,
            key: format!("test-{}", now.as_nanosecond()),
            alerts: vec![AlertRecord::example(now, value, threshold)],
            total: 1,
            now,
            public_url: self.public_url(),
        }
    }

    pub(crate) fn public_url(&self) -> String {
        self.options.system.current().public_url.trim_end_matches('/').to_owned()
    }

    /// Sends a mail.
    pub async fn send_email(&self, config: &EmailConfig, message: &Message) -> Result<Sent, SendError> {
        email::send(config, message, &self.options.extra_roots).await
    }

    /// Sends by Apprise.
    pub async fn send_apprise(&self, config: &AppriseConfig, message: &Message) -> Result<Sent, SendError> {
        let egress = self.egress().await.map_err(SendError::transient)?;
        apprise::send(config, message, egress, &*self.options.commands).await
    }

    /// Calls a webhook.
    pub async fn send_webhook(&self, config: &WebhookConfig, message: &Message) -> Result<Sent, SendError> {
        let request = webhook::request(config, message)?;
        self.egress().await.map_err(SendError::transient)?.send(&request).await
    }

    /// Tries a saved webhook: the one of that id, or the first that is on.
    pub async fn test_webhook(&self, id: Option<&str>) -> Result<Sent, TestError> {
        let config = self.options.config.current();
        let webhook = match id {
            Some(id) => {
                config.webhooks.iter().find(|webhook| webhook.id == id).ok_or(TestError::NoWebhook)?
            }
            None if config.webhooks.is_empty() => {
                return Err(TestError::NotConfigured("no webhooks configured".into()));
            }
            None => config
                .webhooks
                .iter()
                .find(|webhook| webhook.enabled)
                .ok_or_else(|| TestError::NotConfigured("no enabled webhooks found".into()))?,
        };
        let (value, threshold) = if id.is_some() { (85.5, 80.0) } else { (95.5, 90.0) };
        Ok(self.send_webhook(webhook, &self.test_message(value, threshold)).await?)
    }

    /// Tries all destinations that are on; one result each.
    pub async fn test_all(&self) -> Vec<(String, Result<Sent, SendError>)> {
        let config = self.options.config.current();
        let message = self.test_message(95.5, 90.0);
        let mut results = vec![];
        for active in destination::active(&config) {
            let result = self.deliver(&config, &active.destination, &message).await;
            results.push((active.name, result));
        }
        results
    }

    /// Sends a message to a destination as it is configured now.
    pub(crate) async fn deliver(
        &self,
        config: &NotifyConfig,
        destination: &Destination,
        message: &Message,
    ) -> Result<Sent, SendError> {
        match destination {
            Destination::Email => self.send_email(&config.email, message).await,
            Destination::Apprise => self.send_apprise(&config.apprise, message).await,
            Destination::Webhook(id) => match config.webhooks.iter().find(|webhook| webhook.id == *id) {
                Some(webhook) => self.send_webhook(webhook, message).await,
                None => Err(SendError::permanent("the webhook was removed")),
            },
        }
    }

    fn troubles(&self) -> MutexGuard<'_, BTreeMap<String, Trouble>> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when nothing is sent to a destination, because it failed just now.
    pub(crate) fn backs_off_until(&self, destination: &str) -> Option<Timestamp> {
        self.troubles().get(destination).map(|trouble| trouble.until)
    }

    /// A delivery arrived, or failed with nothing to be sent until then; `None` as the time when it is given up.
    pub(crate) fn note(&self, destination: &str, name: &str, failure: Option<(&str, Option<Timestamp>)>) {
        let now = self.now();
        let mut troubles = self.troubles();
        match failure {
            None => {
                troubles.remove(destination);
            }
            Some((error, again_at)) => {
                let trouble = troubles.entry(destination.to_owned()).or_insert_with(|| Trouble {
                    name: name.to_owned(),
                    failures: 0,
                    since: now,
                    until: now,
                    is_given_up: false,
                    error: String::new(),
                });
                trouble.failures = trouble.failures.saturating_add(1);
                trouble.until = again_at.unwrap_or(now);
                trouble.is_given_up |= again_at.is_none();
                error.clone_into(&mut trouble.error);
            }
        }
        let broken: Vec<Broken> = troubles
            .iter()
            .filter(|(_, trouble)| trouble.is_given_up || trouble.failures >= BROKEN_AFTER)
            .map(|(destination, trouble)| Broken {
                destination: destination.clone(),
                name: trouble.name.clone(),
                since: trouble.since,
                error: trouble.error.clone(),
            })
            .collect();
        drop(troubles);
        self.broken.send_if_modified(|before| {
            let is_new = *before != broken;
            for one in broken.iter().filter(|one| before.iter().all(|known| known.destination != one.destination)) {
                tracing::error!(destination = %one.name, error = %one.error, "notifications cannot be delivered");
            }
            *before = broken;
            is_new
        });
    }
}

#[async_trait]
impl NoticeSink for Notifier {
    async fn take(&self, notices: Vec<Notice>) -> Result<(), NoticeError> {
        let active = destination::active(&self.options.config.current());
        let grouping = (self.options.grouping)();
        let arrivals = notices
            .iter()
            .map(|notice| {
                let told = active
                    .iter()
                    .filter(|one| {
                        // Who was told of the firing is in the queue; a filter changed since must not swallow the end.
                        notice.kind == NoticeKind::Resolved || one.wants(notice.kind, &notice.alert)
                    })
                    .map(|one| told(&one.destination, grouping, &notice.alert))
                    .collect();
                Arrival::new(notice, told)
            })
            .collect();
        self.queue.take(arrivals, self.now()).await.map_err(|error| NoticeError(error.to_string()))?;
        self.wake.notify_one();
        Ok(())
    }
}

fn told(destination: &Destination, grouping: Grouping, alert: &Alert) -> Told {
    let window_ms = if grouping.enabled { i64::from(grouping.window_seconds) * 1000 } else { 0 };
    // Pulse v5: the settings are kept and have no effect.
    let group_key = match (grouping.by_node, grouping.by_guest) {
        (_, true) => alert.resource_id.clone(),
        (true, false) => format!("{}\n{}", alert.instance, alert.node),
        (false, false) => String::new(),
    };
    Told { destination: destination.key(), group_key, window_ms, is_grouped: window_ms > 0 }
}
