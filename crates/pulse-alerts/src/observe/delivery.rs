//! The notifications themselves: a destination at which nothing arrives is an alert of its own, which is shown, kept, and
//! told to the other destinations.

use jiff::SignedDuration;
use pulse_core::{
    model::AlertLevel,
    notice::{BrokenDestination, DESTINATION_KEY},
};

use crate::{
    engine::{
        Source,
        step::Confirm,
        visit::{Finding, Look, Subject, Words},
    },
    kind::Kind,
};

/// Begins the key of each destination.
const KEY: &str = "delivery";

/// What failed a moment ago may work in the next one.
const CONFIRM: Confirm = Confirm { checks: 2, delay: SignedDuration::from_secs(60) };

pub(crate) fn look(look: &mut Look<'_>) {
    let Some(broken) = look.state.broken.clone() else {
        hold(look);
        return;
    };
    for one in &broken {
        destination(look, &one.destination, Some(one));
    }
    for key in known(look) {
        if let Some(name) = key.strip_prefix(KEY).and_then(|rest| rest.strip_prefix(':'))
            && broken.iter().all(|one| one.destination != name)
        {
            destination(look, name, None);
        }
    }
}

/// Destinations about which anything is remembered, by their keys.
fn known(look: &Look<'_>) -> Vec<String> {
    let holders = look.state.holders.iter();
    holders.filter(|(_, holder)| holder.source == Source::Delivery).map(|(key, _)| key.to_string()).collect()
}

/// Nobody knows yet which are broken.
fn hold(look: &mut Look<'_>) {
    let generation = look.state.generation;
    for holder in look.state.holders.values_mut().filter(|holder| holder.source == Source::Delivery) {
        holder.generation = generation;
    }
}

fn destination(look: &mut Look<'_>, destination: &str, broken: Option<&BrokenDestination>) {
    let rules = look.rules;
    super::key(look, KEY, destination);
    let id = format!("notification:{destination}");
    let subject = Subject {
        id: &id,
        name: broken.map_or(destination, |broken| &broken.name),
        node: "",
        instance: "Pulse",
        what: "Notification destination",
        tags: &[],
        is_monitor_only: false,
    };
    look.resource(subject, |visit| {
        let is_off =
            rules.override_of(&id).is_some_and(|over| over.is_disabled() || over.is_connectivity_disabled());
        if !rules.config.enabled || is_off {
            return;
        }
        let finding = broken
            .map_or(Finding::FINE, |broken| Finding::bad(AlertLevel::Critical, 0.0, 0.0).since(broken.since));
        visit.check(Kind::NotificationDelivery, "", finding, CONFIRM, |subject| {
            let error = broken.map_or("", |broken| &broken.error);
            let message = format!("notifications do not arrive at '{}': {error}", subject.name);
            Words::new(format!("notification-delivery-{destination}"), message)
                .with(DESTINATION_KEY, destination)
                .with("error", error)
        });
    });
}
