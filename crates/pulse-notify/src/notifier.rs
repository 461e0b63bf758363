//! The notifications as the rest of the program sees them.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use pulse_config::{
    NotifyStore, SystemSettingsStore,
    schema::notify::{AppriseConfig, EmailConfig, NotifyConfig, WebhookConfig},
};
use pulse_core::{
    Clock,
    model::Alert,
    notice::{
        BrokenDestination, DELIVERY_ALERT, DESTINATION_KEY, Notice, NoticeError, NoticeKind, NoticeSink,
    },
};
use pulse_store::Ledger;
use tokio::sync::{Notify, OnceCell, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    alert::AlertRecord,
    channel::{apprise, email, run_command::RunCommand, webhook},
    destination::{self, Destination},
    egress::{Egress, Outgoing},
    error::{SendError, Sent},
    message::{Event, Message},
    queue::{Arrival, DeadLetter, LogEntry, Queue, QueueError, QueueStats, Told},
    trouble::Troubles,
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

/// How the notifications do.
#[derive(Debug, Clone)]
pub struct Health {
    /// The queue; `None` when it does not answer.
    pub queue: Option<QueueStats>,
    /// Destinations to which nothing can be delivered.
    pub broken: Vec<BrokenDestination>,
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

/// The notifications.
pub struct Notifier {
    pub(crate) options: NotifierOptions,
    pub(crate) queue: Queue,
    /// Made when it is first needed: reading the system's certificates takes time and memory.
    egress: OnceCell<Egress>,
    pub(crate) wake: Notify,
    pub(crate) troubles: Troubles,
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
        Arc::new(Self {
            options,
            queue,
            egress: OnceCell::new(),
            wake: Notify::new(),
            troubles: Troubles::default(),
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

    /// The destinations changed, or a person wants it: what waits may go out, and what failed may work now. A destination
    /// counts as broken until something arrives there, or until it is another one.
    pub fn reconsider(&self) {
        self.troubles.reconsider(&self.options.config.current(), self.now());
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

    /// Destinations to which nothing can be delivered, now and whenever that changes; `None` until the log of the last run
    /// was read.
    pub fn broken(&self) -> watch::Receiver<Option<Vec<BrokenDestination>>> {
        self.troubles.broken()
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
        Health { queue, broken: self.broken_destinations().unwrap_or_default() }
    }

    /// Items per status.
    pub async fn stats(&self) -> Result<QueueStats, QueueError> {
        self.queue.stats(self.now()).await
    }

    /// Messages that are due or on their way now: none says that everything that may be told has been tried.
    pub async fn overdue(&self) -> Result<u64, QueueError> {
        self.queue.overdue(self.now()).await
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
        let sent = email::send(config, message, &self.options.extra_roots).await?;
        if self.options.config.current().email == *config {
            self.troubles.arrived(&Destination::Email.key());
        }
        Ok(sent)
    }

    /// Sends by Apprise.
    pub async fn send_apprise(&self, config: &AppriseConfig, message: &Message) -> Result<Sent, SendError> {
        let egress = self.egress().await.map_err(SendError::transient)?;
        let sent = apprise::send(config, message, egress, &*self.options.commands).await?;
        if self.options.config.current().apprise == *config {
            self.troubles.arrived(&Destination::Apprise.key());
        }
        Ok(sent)
    }

    /// Sends a request as it is, through the guard over addresses.
    pub(crate) async fn send(&self, request: &Outgoing) -> Result<Sent, SendError> {
        self.egress().await.map_err(SendError::transient)?.send(request).await
    }

    /// Calls a webhook.
    pub async fn send_webhook(&self, config: &WebhookConfig, message: &Message) -> Result<Sent, SendError> {
        let request = webhook::request(config, message)?;
        let sent = self.send(&request).await?;
        if self.options.config.current().webhooks.contains(config) {
            self.troubles.arrived(&Destination::Webhook(config.id.clone()).key());
        }
        Ok(sent)
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
                        let is_wanted =
                            notice.kind == NoticeKind::Resolved || one.wants(notice.kind, &notice.alert);
                        is_wanted && !self.is_about(&one.destination, &notice.alert)
                    })
                    .map(|one| told(one, grouping, &notice.alert))
                    .collect();
                Arrival::new(notice, told)
            })
            .collect();
        self.queue.take(arrivals, self.now()).await.map_err(|error| NoticeError(error.to_string()))?;
        self.wake.notify_one();
        Ok(())
    }

    fn broken_destinations(&self) -> Option<Vec<BrokenDestination>> {
        self.troubles.broken().borrow().clone()
    }
}

impl Notifier {
    /// Whether an alert says that this destination, or another one beside it, is broken: what cannot be delivered is not
    /// told by what cannot deliver.
    fn is_about(&self, destination: &Destination, alert: &Alert) -> bool {
        if alert.kind != DELIVERY_ALERT {
            return false;
        }
        let key = destination.key();
        alert.metadata.get(DESTINATION_KEY).and_then(serde_json::Value::as_str) == Some(key.as_str())
            || self.broken_destinations().iter().flatten().any(|broken| broken.destination == key)
    }

    /// Reads from the log which destinations were broken when the server stopped.
    pub(crate) async fn remember_troubles(&self) {
        let config = self.options.config.current();
        let active = destination::active(&config).iter().map(|one| one.destination.key()).collect();
        match self.queue.troubles(active).await {
            Ok(troubles) => self.troubles.restore(troubles, &config, self.now()),
            Err(error) => {
                tracing::error!(%error, "the log of deliveries cannot be read");
                self.troubles.restore(vec![], &config, self.now());
            }
        }
    }
}

fn told(active: &destination::Active, grouping: Grouping, alert: &Alert) -> Told {
    let window_ms =
        if grouping.enabled && !active.is_one_by_one { i64::from(grouping.window_seconds) * 1000 } else { 0 };
    // Pulse v5: the settings are kept and have no effect.
    let group_key = match (grouping.by_node, grouping.by_guest) {
        (_, true) => alert.resource_id.clone(),
        (true, false) => format!("{}\n{}", alert.instance, alert.node),
        (false, false) => String::new(),
    };
    Told { destination: active.destination.key(), group_key, window_ms, is_grouped: window_ms > 0 }
}
