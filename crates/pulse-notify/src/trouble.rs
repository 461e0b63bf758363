//! Destinations that fail: until when nothing is sent to each, and which of them count as broken.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use pulse_config::schema::notify::NotifyConfig;
use pulse_core::notice::BrokenDestination;
use tokio::sync::watch;

use crate::destination::{self, Destination};

/// So many failures in a row are no accident any more.
pub(crate) const BROKEN_AFTER: u32 = 3;

/// How deliveries to a destination went lately.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(crate) destination: String,
    pub(crate) name: String,
    pub(crate) failures: u32,
    pub(crate) since: Timestamp,
    pub(crate) is_given_up: bool,
    pub(crate) error: String,
}

#[derive(Debug)]
struct Entry {
    trouble: Trouble,
    /// Nothing is sent there until then.
    until: Timestamp,
    /// The destinations as they were when it failed.
    config: Arc<NotifyConfig>,
}

/// All destinations that fail.
#[derive(Debug)]
pub(crate) struct Troubles {
    entries: Mutex<BTreeMap<String, Entry>>,
    broken: watch::Sender<Option<Vec<BrokenDestination>>>,
}

impl Default for Troubles {
    fn default() -> Self {
        Self { entries: Mutex::default(), broken: watch::channel(None).0 }
    }
}

impl Troubles {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn broken(&self) -> watch::Receiver<Option<Vec<BrokenDestination>>> {
        self.broken.subscribe()
    }

    /// Until when nothing is sent to a destination, because it failed just now.
    pub(crate) fn backs_off_until(&self, destination: &str) -> Option<Timestamp> {
        self.entries().get(destination).map(|entry| entry.until)
    }

    /// Something arrived there.
    pub(crate) fn arrived(&self, destination: &str) {
        let mut entries = self.entries();
        if entries.remove(destination).is_some() {
            self.publish(&entries);
        }
    }

    /// A delivery failed; nothing is sent there until `again_at`, and `None` says that it was given up.
    pub(crate) fn failed(
        &self,
        (destination, name): (&str, &str),
        error: &str,
        again_at: Option<Timestamp>,
        config: &Arc<NotifyConfig>,
        now: Timestamp,
    ) {
        let mut entries = self.entries();
        let entry = entries.entry(destination.to_owned()).or_insert_with(|| Entry {
            trouble: Trouble {
                destination: destination.to_owned(),
                name: name.to_owned(),
                failures: 0,
                since: now,
                is_given_up: false,
                error: String::new(),
            },
            until: now,
            config: config.clone(),
        });
        entry.trouble.failures = entry.trouble.failures.saturating_add(1);
        entry.trouble.is_given_up |= again_at.is_none();
        error.clone_into(&mut entry.trouble.error);
        entry.until = again_at.unwrap_or(now);
        entry.config = config.clone();
        self.publish(&entries);
    }

    /// Everything may be tried at once; what is another destination now, or none, starts anew.
    pub(crate) fn reconsider(&self, config: &Arc<NotifyConfig>, now: Timestamp) {
        let active: Vec<String> =
            destination::active(config).iter().map(|active| active.destination.key()).collect();
        let mut entries = self.entries();
        entries.retain(|key, entry| active.contains(key) && is_same(key, &entry.config, config));
        for entry in entries.values_mut() {
            entry.until = now;
        }
        self.publish(&entries);
    }

    /// Takes over what the log says of the time before the start.
    pub(crate) fn restore(&self, troubles: Vec<Trouble>, config: &Arc<NotifyConfig>, now: Timestamp) {
        let mut entries = self.entries();
        for trouble in troubles {
            let entry = Entry { until: now, config: config.clone(), trouble };
            entries.entry(entry.trouble.destination.clone()).or_insert(entry);
        }
        self.broken.send_replace(Some(vec![]));
        self.publish(&entries);
    }

    fn publish(&self, entries: &BTreeMap<String, Entry>) {
        let broken: Vec<BrokenDestination> = entries
            .values()
            .map(|entry| &entry.trouble)
            .filter(|trouble| trouble.is_given_up || trouble.failures >= BROKEN_AFTER)
            .map(|trouble| BrokenDestination {
                destination: trouble.destination.clone(),
                name: trouble.name.clone(),
                since: trouble.since,
                error: trouble.error.clone(),
            })
            .collect();
        self.broken.send_if_modified(|published| {
            // Before the log was read, nobody knows which others are broken.
            let Some(before) = published else { return false };
            let is_new = *before != broken;
            for one in
                broken.iter().filter(|one| before.iter().all(|known| known.destination != one.destination))
            {
                tracing::error!(destination = %one.name, error = %one.error, "notifications cannot be delivered");
            }
            *before = broken;
            is_new
        });
    }
}

/// Whether a destination is configured in both as it is in the other.
fn is_same(key: &str, before: &NotifyConfig, now: &NotifyConfig) -> bool {
    match Destination::parse(key) {
        Some(Destination::Email) => before.email == now.email,
        Some(Destination::Apprise) => before.apprise == now.apprise,
        Some(Destination::Webhook(id)) => {
            let of = |config: &NotifyConfig| config.webhooks.iter().find(|hook| hook.id == id).cloned();
            of(before) == of(now)
        }
        None => false,
    }
}
