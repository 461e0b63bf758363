//! Configured Proxmox instances themselves: one that gives no figures is an alert of its own.

use pulse_core::model::{AlertLevel, FailureClass, InstanceKind, InstanceView, Node, NodeStatus};

use super::guest::round;
use crate::kind::Metric;
use crate::{
    engine::{
        step::{Confirm, Sight},
        visit::{Finding, Look, Subject, Visit, Words},
    },
    kind::Kind,
    rules::{ResourceClass, level},
};

/// Whether the instance answers, but not to us: nothing can be said of its nodes then.
pub(super) fn is_our_fault(view: &InstanceView) -> bool {
    view.health == pulse_core::model::ConnectionHealth::Error
        && view.issues.iter().any(|issue| {
            issue.node.is_none()
                && matches!(
                    issue.class,
                    FailureClass::Authentication
                        | FailureClass::Permission
                        | FailureClass::Certificate
                        | FailureClass::Decode
                )
        })
}

pub(super) fn look(look: &mut Look<'_>, view: &InstanceView) {
    no_data(look, view);
    match view.key.kind {
        InstanceKind::Pve => {}
        InstanceKind::Pbs => pbs(look, view),
        InstanceKind::Pmg => pmg(look, view),
    }
}

/// Nothing comes from an instance and no other alert says so: it was never reached, or it refuses us.
fn no_data(look: &mut Look<'_>, view: &InstanceView) {
    let rules = look.rules;
    let config = &rules.config;
    let id = format!("{}:{}", view.key.kind, view.key.name);
    super::key(look, "instance", &id);
    let subject = Subject {
        id: &id,
        name: view.key.name.as_str(),
        node: "",
        instance: view.key.name.as_str(),
        what: "Instance",
        tags: &[],
        is_monitor_only: false,
    };
    let is_known_down = match view.key.kind {
        InstanceKind::Pve => {
            let is_up = |node: &Node| node.status == NodeStatus::Online;
            !view.nodes.is_empty() && (view.nodes.iter().any(is_up) || !is_our_fault(view))
        }
        InstanceKind::Pbs => view.pbs.is_some(),
        InstanceKind::Pmg => view.pmg.is_some(),
    };
    look.resource(subject, |visit| {
        if !config.enabled || !config.no_data_defaults.enabled {
            return;
        }
        let is_silent = view.health == pulse_core::model::ConnectionHealth::Error;
        let sight = match (is_silent, is_known_down) {
            (false, _) => Sight::Fine,
            (true, false) => Sight::Bad,
            (true, true) => Sight::Between,
        };
        if visit.is_idle() && sight != Sight::Bad {
            return;
        }
        let severity = level(Some(&config.no_data_defaults.severity));
        let confirm = Confirm::seconds(config.no_data_defaults.minutes * 60);
        visit.check(Kind::NoData, "", Finding::of(sight, severity, 0.0, 0.0), confirm, |subject| {
            let why = view.issues.first().map_or("it was not reached yet", |issue| issue.message.as_str());
            let message = format!("no figures from {}: {why}", subject.name);
            Words::new(format!("no-data-{}", subject.id), message)
                .with_maybe("lastSuccess", view.last_success.map(|at| at.to_string()))
        });
    });
}

fn offline(visit: &mut Visit<'_>, kind: &str, is_online: bool, why: Option<&str>) {
    let finding = Finding::maybe((!is_online).then_some(AlertLevel::Critical), 0.0, 0.0);
    visit.check(Kind::Offline, "", finding, Confirm::checks(3), |subject| {
        let message = match why {
            Some(why) => format!("{} '{}' is offline: {why}", subject.what, subject.name),
            None => format!("{} '{}' is offline", subject.what, subject.name),
        };
        Words::new(format!("{kind}-offline-{}", subject.id), message)
    });
}

fn pbs(look: &mut Look<'_>, view: &InstanceView) {
    let Some(pbs) = &view.pbs else { return };
    let rules = look.rules;
    let config = &rules.config;
    super::key(look, "pbs", pbs.name.as_str());
    let subject = Subject {
        id: &pbs.id,
        name: pbs.name.as_str(),
        node: &pbs.host_url,
        instance: pbs.name.as_str(),
        what: "PBS",
        tags: &[],
        is_monitor_only: false,
    };
    look.resource(subject, |visit| {
        let effective = rules.resource(ResourceClass::Pbs, &pbs.id);
        let (true, Some(effective)) = (config.enabled && !config.disable_all_pbs, effective) else { return };
        let over = rules.override_of(&pbs.id);
        let is_up = pbs.is_online && pbs.health != pulse_core::model::ConnectionHealth::Error;
        if !config.disable_all_pbs_offline
            && !over.is_some_and(crate::config::ThresholdBlock::is_connectivity_disabled)
        {
            offline(visit, "pbs", is_up, view.issues.first().map(|issue| issue.message.as_str()));
        }
        if !is_up {
            visit.hold_metrics();
            return;
        }
        // Pulse v5: compares the fraction of a real server with percents, so that nothing is ever raised.
        let cpu = pbs.cpu_fraction.known().map(|cpu| round(cpu * 100.0));
        visit.plain_metric(Metric::Cpu, cpu, effective.get(Metric::Cpu));
        let memory = pbs.memory.known().map(|memory| memory.used_percent());
        visit.plain_metric(Metric::Memory, memory, effective.get(Metric::Memory));
    });
}

fn pmg(look: &mut Look<'_>, view: &InstanceView) {
    let Some(pmg) = &view.pmg else { return };
    let rules = look.rules;
    let config = &rules.config;
    super::key(look, "pmg", pmg.name.as_str());
    let subject = Subject {
        id: &pmg.id,
        name: pmg.name.as_str(),
        node: &pmg.host_url,
        instance: pmg.name.as_str(),
        what: "PMG",
        tags: &[],
        is_monitor_only: false,
    };
    look.resource(subject, |visit| {
        let over = rules.override_of(&pmg.id);
        if !config.enabled
            || config.disable_all_pmg
            || over.is_some_and(crate::config::ThresholdBlock::is_disabled)
        {
            return;
        }
        let is_up = pmg.is_online && pmg.health != pulse_core::model::ConnectionHealth::Error;
        if !config.disable_all_pmg_offline
            && !over.is_some_and(crate::config::ThresholdBlock::is_connectivity_disabled)
        {
            offline(visit, "pmg", is_up, view.issues.first().map(|issue| issue.message.as_str()));
        }
        if is_up {
            super::mail::queues(visit, pmg);
        } else {
            visit.hold_kinds(&super::mail::KINDS);
        }
    });
}
