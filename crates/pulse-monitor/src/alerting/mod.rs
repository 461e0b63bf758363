//! Alerting: the task that runs the engine over the world, keeps what it says, and hands over what is to be told.
//!
//! ```text
//! watch<Arc<Snapshot>> ─┐
//! watch<AlertConfig>  ──┼─► task (owns the engine's state) ─► keeper: Snapshot.active_alerts
//! commands (people)   ──┘          │                       ├─► ledger: raised alerts, history, incidents, outbox
//!                                  │                       ├─► NoticeSink, after the outbox is on the disk
//!                                  └──────────────────────►└─► broadcast: the live channel
//! ```
//!
//! A notice is written to the outbox together with the state that says it was told, handed over, and then forgotten: a
//! crash in between hands it over once more, which the notifications recognise.

mod record;
mod task;

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::Arc,
};

use jiff::Timestamp;
use pulse_alerts::{Action, ActivationState, AlertConfig, EngineState, NoSuchAlert, Rules};
use pulse_config::{ConfigError, DocumentStore, transfer::Section};
use pulse_core::{
    Clock,
    model::Alert,
    notice::{BrokenDestination, Notice, NoticeError, NoticeSink},
};
use pulse_store::{
    AlertStore, Ledger, LedgerError,
    alerts::{AlertEvent, Batch, HistoryQuery, Opening},
};
use serde_json::Value;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::Keeper;

/// The configuration of alerts in `alerts.json`.
pub type AlertConfigStore = DocumentStore<AlertConfig>;

/// Opens `alerts.json`; one of Pulse v5 is read as it is.
pub fn open_config(data_dir: &std::path::Path) -> Result<AlertConfigStore, ConfigError> {
    DocumentStore::open(data_dir, "alerts.json", "the alert configuration", AlertConfig::normalised)
}

/// The configuration of alerts in a bundle of the whole configuration.
pub struct AlertsSection(
    /// Its store.
    pub Arc<AlertConfigStore>,
);

impl Section for AlertsSection {
    fn key(&self) -> &'static str {
        "alerts"
    }

    fn export(&self) -> Result<Option<Value>, ConfigError> {
        let encode = |source| ConfigError::Encode { what: "the alert configuration", source };
        serde_json::to_value(&*self.0.current()).map(Some).map_err(encode)
    }

    fn check(&self, value: &Value) -> Result<(), String> {
        serde_json::from_value::<AlertConfig>(value.clone()).map(drop).map_err(|error| error.to_string())
    }

    fn replace(&self, value: &Value) -> Result<(), ConfigError> {
        let config: AlertConfig = serde_json::from_value(value.clone())
            .map_err(|source| ConfigError::Encode { what: "the imported alert configuration", source })?;
        self.0.update(|_| config.normalised()).map(drop)
    }
}

/// Commands that may wait; who brings one more waits.
const QUEUE: usize = 64;

/// Live messages that wait for a slow listener; behind that it misses the oldest.
const LIVE_QUEUE: usize = 1_024;

/// What the live channel is told.
#[derive(Debug, Clone, PartialEq)]
pub enum LiveEvent {
    /// People are told of an alert, for the first time or again.
    Raised(Arc<Alert>),
    /// An alert is over.
    Resolved {
        /// Its id.
        id: String,
    },
}

/// Takes notices and does nothing with them.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSink;

#[async_trait::async_trait]
impl NoticeSink for NoSink {
    async fn take(&self, _: Vec<Notice>) -> Result<(), NoticeError> {
        Ok(())
    }

    fn broken_destinations(&self) -> Option<Vec<BrokenDestination>> {
        Some(Vec::new())
    }
}

/// Why something could not be done with alerts.
#[derive(Debug, thiserror::Error)]
pub enum AlertingError {
    /// The server stops.
    #[error("the server is shutting down; try again in a moment")]
    Closed,
    /// What is kept could not be read or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The configuration could not be written.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// What the task is asked to do.
enum Command {
    Act {
        ids: Vec<String>,
        action: Action,
        answer: oneshot::Sender<Vec<Result<(), NoSuchAlert>>>,
    },
    /// Take over the configuration as it is now.
    Reload {
        activated: bool,
        answer: oneshot::Sender<()>,
    },
    /// Look at the world as it is now.
    Look {
        answer: oneshot::Sender<()>,
    },
}

/// Reaches the alerting task. Cheap to clone.
#[derive(Clone)]
pub struct Alerts {
    commands: mpsc::Sender<Command>,
    config: Arc<AlertConfigStore>,
    rules: watch::Receiver<Arc<Rules>>,
    active: watch::Receiver<Arc<Vec<Arc<Alert>>>>,
    store: AlertStore,
    live: broadcast::Sender<LiveEvent>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Alerts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alerts").field("active", &self.active.borrow().len()).finish_non_exhaustive()
    }
}

impl Alerts {
    /// Starts the task, which first reads what was raised before; it ends when `stop` is cancelled.
    pub fn start(
        keeper: Keeper,
        config: Arc<AlertConfigStore>,
        ledger: Ledger,
        sink: Arc<dyn NoticeSink>,
        clock: Arc<dyn Clock>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let store = AlertStore::new(ledger);
        let rules = Arc::new(Rules::new(AlertConfig::clone(&config.current())));
        let (commands, inbox) = mpsc::channel(QUEUE);
        let (rules_out, rules_in) = watch::channel(rules.clone());
        let (active_out, active) = watch::channel(Arc::default());
        let (live, _) = broadcast::channel(LIVE_QUEUE);
        let task = task::Task {
            keeper,
            config: config.clone(),
            store: store.clone(),
            sink,
            clock: clock.clone(),
            rules,
            rules_out,
            active_out,
            live: live.clone(),
            state: EngineState::new(),
            waiting: VecDeque::new(),
            backlog: Batch::default(),
            unsaved: HashSet::new(),
            is_ledger_down: false,
            is_sink_down: false,
            last_purge: None,
        };
        tasks.spawn(task.run(inbox, stop));
        Self { commands, config, rules: rules_in, active, store, live, clock }
    }

    /// The alerts that are raised, sorted by id.
    pub fn active(&self) -> Arc<Vec<Arc<Alert>>> {
        self.active.borrow().clone()
    }

    /// The configuration.
    pub fn config(&self) -> Arc<AlertConfig> {
        self.config.current()
    }

    /// The configuration, compiled.
    pub fn rules(&self) -> Arc<Rules> {
        self.rules.borrow().clone()
    }

    /// Tells what happens, as it happens.
    pub fn live(&self) -> broadcast::Receiver<LiveEvent> {
        self.live.subscribe()
    }

    /// Does something with alerts; each id has its own result.
    pub async fn act(
        &self,
        ids: Vec<String>,
        action: Action,
    ) -> Result<Vec<Result<(), NoSuchAlert>>, AlertingError> {
        let (answer, done) = oneshot::channel();
        let command = Command::Act { ids, action, answer };
        self.commands.send(command).await.map_err(|_| AlertingError::Closed)?;
        done.await.map_err(|_| AlertingError::Closed)
    }

    /// Replaces the configuration; when this answers, every raised alert was looked at under the new one. Whether
    /// notices go out stays as it was where the new one does not say.
    pub async fn set_config(&self, next: AlertConfig) -> Result<Arc<AlertConfig>, AlertingError> {
        let now = self.clock.now();
        self.change_config(move |before| {
            let mut next = next.normalised();
            next.activation_state = next.activation_state.or(before.activation_state);
            next.activation_time = next.activation_time.or(before.activation_time);
            if next.activation() == ActivationState::Active && next.activation_time.is_none() {
                next.activation_time = Some(now);
            }
            next
        })
        .await
    }

    /// Changes the configuration.
    pub async fn change_config(
        &self,
        change: impl FnOnce(&AlertConfig) -> AlertConfig + Send + 'static,
    ) -> Result<Arc<AlertConfig>, AlertingError> {
        let store = self.config.clone();
        let written = tokio::task::spawn_blocking(move || {
            let was_active = store.current().activation() == ActivationState::Active;
            store.update(|before| change(before).normalised()).map(|config| (was_active, config))
        });
        let (was_active, config) = written.await.map_err(|_| AlertingError::Closed)??;
        let activated = !was_active && config.activation() == ActivationState::Active;
        let (answer, done) = oneshot::channel();
        self.commands.send(Command::Reload { activated, answer }).await.map_err(|_| AlertingError::Closed)?;
        done.await.map_err(|_| AlertingError::Closed)?;
        Ok(config)
    }

    /// Switches notices on.
    pub async fn activate(&self) -> Result<Arc<AlertConfig>, AlertingError> {
        let now = self.clock.now();
        self.change_config(move |before| {
            let mut next = before.clone();
            if before.activation() != ActivationState::Active {
                next.activation_state = Some(ActivationState::Active);
                next.activation_time = Some(now);
            }
            next
        })
        .await
    }

    /// Looks at the world as it is now; when this answers, what follows from it is kept, published and handed over.
    pub async fn look_now(&self) -> Result<(), AlertingError> {
        let (answer, done) = oneshot::channel();
        self.commands.send(Command::Look { answer }).await.map_err(|_| AlertingError::Closed)?;
        done.await.map_err(|_| AlertingError::Closed)
    }

    /// Openings of alerts, newest first.
    pub async fn history(&self, query: HistoryQuery) -> Result<Vec<Opening>, AlertingError> {
        Ok(self.store.history(query).await?)
    }

    /// Openings with what happened to each, newest first.
    pub async fn incidents(
        &self,
        query: HistoryQuery,
    ) -> Result<Vec<(Opening, Vec<AlertEvent>)>, AlertingError> {
        Ok(self.store.incidents(query).await?)
    }

    /// Adds a note to an opening; returns whether there is one.
    pub async fn add_note(
        &self,
        query: HistoryQuery,
        note: String,
        user: String,
    ) -> Result<bool, AlertingError> {
        let details = BTreeMap::from([("note", note), ("user", user.clone())]);
        let details = serde_json::to_string(&details).unwrap_or_default();
        Ok(self.store.add_note(query, self.clock.now(), format!("Note by {user}"), details).await?)
    }

    /// Forgets all history; returns how many openings there were.
    pub async fn clear_history(&self) -> Result<usize, AlertingError> {
        Ok(self.store.clear_history().await?)
    }

    /// The time of the server.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
