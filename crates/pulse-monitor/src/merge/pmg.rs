//! A poll of a mail gateway, and its configuration backups, become its view.

use std::sync::Arc;

use jiff::Timestamp;
use pulse_collectors::{PmgBackups, PmgCycle};
use pulse_core::{
    Missing, Reading,
    model::{ConnectionHealth, InstanceView, PmgInstance, PmgNode, SourceIssue},
};

use super::pbs::is_recent;

/// A gateway of which nothing is known yet but its address.
pub fn announce(previous: &InstanceView, host_url: String, guest_url: Option<String>) -> InstanceView {
    let gateway = match previous.pmg.as_deref() {
        Some(known) => PmgInstance { host_url, guest_url, ..known.clone() },
        None => PmgInstance {
            id: PmgInstance::id_of(&previous.key.name),
            name: previous.key.name.clone(),
            host_url,
            guest_url,
            is_online: false,
            version: None,
            nodes: Vec::new(),
            mail: None,
            mail_by_hour: Vec::new(),
            spam_scores: Vec::new(),
            domains: None,
            quarantine: None,
            health: ConnectionHealth::Error,
            last_seen: Timestamp::UNIX_EPOCH,
        },
    };
    InstanceView { pmg: Some(Arc::new(gateway)), ..previous.clone() }
}

/// The new view after a poll that worked, at least in part. `beside` is what went wrong with the backups.
pub fn merge(
    previous: &InstanceView,
    cycle: PmgCycle,
    guest_url: Option<String>,
    beside: &[SourceIssue],
    now: Timestamp,
) -> InstanceView {
    let before = previous.pmg.as_deref();
    let is_well = beside.is_empty() && cycle.health == ConnectionHealth::Healthy;
    let health = if is_well { ConnectionHealth::Healthy } else { ConnectionHealth::Degraded };
    let gateway = PmgInstance {
        id: PmgInstance::id_of(&previous.key.name),
        name: previous.key.name.clone(),
        host_url: cycle.host_url,
        guest_url,
        is_online: true,
        version: cycle.version.or_else(|| before?.version.clone()),
        nodes: cycle.nodes.or_previous(before.map(|it| it.nodes.clone())).unwrap_or_default(),
        mail: cycle.mail.or_previous(before.and_then(|it| it.mail.clone())),
        mail_by_hour: cycle
            .mail_by_hour
            .or_previous(before.map(|it| it.mail_by_hour.clone()))
            .unwrap_or_default(),
        spam_scores: cycle
            .spam_scores
            .or_previous(before.map(|it| it.spam_scores.clone()))
            .unwrap_or_default(),
        domains: cycle.domains.or_previous(before.and_then(|it| it.domains.clone())),
        quarantine: cycle.quarantine.or_previous(before.and_then(|it| it.quarantine.clone())),
        health,
        last_seen: now,
    };
    let mut view = previous.clone();
    view.health = health;
    view.last_success = Some(now);
    view.issues = Arc::new(cycle.issues.into_iter().chain(beside.iter().cloned()).collect());
    view.pmg = Some(Arc::new(gateway));
    view
}

/// The new view after a poll that failed as a whole: statistics are kept, a gateway silent for too long is offline
/// with all its nodes.
pub fn fail(previous: &InstanceView, issue: SourceIssue, now: Timestamp) -> InstanceView {
    let mut view = previous.clone();
    view.health = ConnectionHealth::Error;
    view.issues = Arc::new(vec![issue]);
    if let Some(gateway) = previous.pmg.as_deref() {
        let mut gateway = PmgInstance { health: ConnectionHealth::Error, ..gateway.clone() };
        if !is_recent(gateway.last_seen, now) {
            gateway.is_online = false;
            gateway.nodes = gateway.nodes.into_iter().map(offline).collect();
        }
        view.pmg = Some(Arc::new(gateway));
    }
    view
}

fn offline(node: PmgNode) -> PmgNode {
    PmgNode {
        is_online: false,
        uptime_seconds: None,
        load_average: None,
        cpu_fraction: Reading::Unknown(Missing::Offline),
        queue: None,
        ..node
    }
}

/// The new view after the backups were read; nodes that were silent keep theirs.
pub fn backups(previous: &InstanceView, found: PmgBackups) -> InstanceView {
    let kept =
        previous.pmg_backups.iter().filter(|backup| found.silent_nodes.contains(&backup.node)).cloned();
    let mut backups: Vec<_> = found.backups.into_iter().chain(kept).collect();
    backups.sort_by(|a, b| (&a.node, &a.file_name).cmp(&(&b.node, &b.file_name)));
    if backups == *previous.pmg_backups {
        return previous.clone();
    }
    InstanceView { pmg_backups: Arc::new(backups), ..previous.clone() }
}

#[cfg(test)]
mod tests {
    use pulse_collectors::Polled;
    use pulse_core::model::{FailureClass, InstanceKey, InstanceKind, MailTotals, PmgBackup, Quarantine};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn view() -> InstanceView {
        let key = InstanceKey { kind: InstanceKind::Pmg, name: "mx".into() };
        announce(&InstanceView::unknown(key), "https://mx:8006".into(), None)
    }

    fn cycle() -> PmgCycle {
        PmgCycle {
            mail: Polled::Read(MailTotals { count: 5.0, ..MailTotals::default() }),
            quarantine: Polled::Read(Quarantine { spam: Some(3), virus: None }),
            health: ConnectionHealth::Healthy,
            ..PmgCycle::default()
        }
    }

    #[test]
    fn what_failed_is_kept_and_what_is_not_wanted_goes() {
        let first = merge(&view(), cycle(), None, &[], at(0));
        let next = PmgCycle { mail: Polled::Failed, quarantine: Polled::Off, ..cycle() };
        let gateway = merge(&first, next, None, &[], at(60)).pmg.unwrap();
        assert_eq!(gateway.mail.as_ref().map(|mail| mail.count), Some(5.0));
        assert_eq!(gateway.quarantine, None);
    }

    #[test]
    fn silence_takes_the_nodes_along_but_not_the_statistics() {
        let first = merge(&view(), cycle(), None, &[], at(0));
        let issue = SourceIssue { at: at(0), class: FailureClass::Timeout, message: "x".into(), node: None };
        assert!(fail(&first, issue.clone(), at(60)).pmg.unwrap().is_online);
        let gone = fail(&first, issue, at(120)).pmg.unwrap();
        assert!(!gone.is_online && gone.mail.is_some());
    }

    #[test]
    fn a_silent_node_keeps_its_backups() {
        let backup = |node: &str, file: &str| PmgBackup {
            id: format!("pmg-mx-{node}-{file}"),
            instance: "mx".into(),
            node: node.into(),
            file_name: file.into(),
            made_at: at(0),
            size_bytes: 1,
        };
        let first = PmgBackups { backups: vec![backup("a", "1"), backup("b", "1")], ..PmgBackups::default() };
        let first = backups(&view(), first);
        let next = PmgBackups {
            backups: vec![backup("a", "2")],
            silent_nodes: vec!["b".into()],
            ..PmgBackups::default()
        };
        let names: Vec<_> = backups(&first, next)
            .pmg_backups
            .iter()
            .map(|it| format!("{}{}", it.node, it.file_name))
            .collect();
        assert_eq!(names, ["a2", "b1"]);
    }
}
