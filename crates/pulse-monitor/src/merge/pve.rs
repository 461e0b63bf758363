//! What a poll of Proxmox VE brought becomes the new view of its instance. Good data is never cleared because a
//! sub-call failed, and one missed poll does not turn a node red.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use pulse_collectors::PveCycle;
use pulse_core::{
    Missing, Reading,
    model::{ConnectionHealth, Guest, GuestStatus, InstanceView, Node, NodeStatus, SourceIssue},
};

use crate::rates::{self, RateMemory};

/// A node that was online this recently still counts as online: a reboot of its API or one lost poll is no outage.
const NODE_GRACE_MILLISECONDS: i64 = 60_000;

/// Proxmox refreshes its statistics, the time since start among them, this often.
const STATISTICS_SECONDS: i64 = 15;

/// The new view after a poll that worked, at least in part.
pub fn merge(
    previous: &InstanceView,
    cycle: PveCycle,
    memory: &mut HashMap<u32, RateMemory>,
    now: Timestamp,
) -> InstanceView {
    let mut view = previous.clone();
    view.last_success = Some(now);
    view.health = cycle.health;
    if cycle.cluster_name.is_some() {
        view.cluster_name = cycle.cluster_name;
    }
    view.endpoints = Arc::new(cycle.endpoints);
    view.issues = Arc::new(cycle.issues);
    view.nodes = Arc::new(merge_nodes(&previous.nodes, cycle.nodes, now));
    if let Some(guests) = cycle.guests {
        view.guests = Arc::new(merge_guests(&previous.guests, guests, memory, now));
    }
    if let Some(mut storages) = cycle.storages {
        storages.sort_by(|a, b| (&a.node, &a.name).cmp(&(&b.node, &b.name)));
        view.storages = Arc::new(storages);
    }
    view
}

/// The new view after a poll that failed as a whole: everything is kept, nodes silent for too long show as offline.
pub fn fail(previous: &InstanceView, issue: SourceIssue, now: Timestamp) -> InstanceView {
    let mut view = previous.clone();
    view.health = ConnectionHealth::Error;
    view.issues = Arc::new(vec![issue]);
    if view.nodes.iter().any(|node| node.status == NodeStatus::Online && !is_recent(node, now)) {
        let nodes =
            view.nodes.iter().map(|node| if is_recent(node, now) { node.clone() } else { offline(node) });
        view.nodes = Arc::new(nodes.collect());
    }
    view
}

fn is_recent(node: &Node, now: Timestamp) -> bool {
    is_within_grace(node.last_seen, now)
}

/// Near in either direction: a clock that was set back must not keep a dead node alive until it has caught up.
fn is_within_grace(seen: Timestamp, now: Timestamp) -> bool {
    (now.as_millisecond() - seen.as_millisecond()).abs() < NODE_GRACE_MILLISECONDS
}

fn offline(node: &Node) -> Node {
    Node {
        status: NodeStatus::Offline,
        health: ConnectionHealth::Error,
        cpu_fraction: Reading::Unknown(Missing::Offline),
        uptime_seconds: Reading::Unknown(Missing::Offline),
        load_average: None,
        temperature: None,
        ..node.clone()
    }
}

fn merge_nodes(previous: &[Node], mut nodes: Vec<Node>, now: Timestamp) -> Vec<Node> {
    let before: HashMap<&str, &Node> = previous.iter().map(|node| (node.name.as_str(), node)).collect();
    for node in &mut nodes {
        let Some(old) = before.get(node.name.as_str()) else { continue };
        if node.status == NodeStatus::Offline && old.status == NodeStatus::Online && is_recent(old, now) {
            *node = Node { health: ConnectionHealth::Degraded, ..(*old).clone() };
            continue;
        }
        node.linked_host.clone_from(&old.linked_host);
        node.temperature.clone_from(&old.temperature);
        if node.status == NodeStatus::Offline {
            // Facts that do not change while it is down help to recognise it.
            node.last_seen = old.last_seen;
            node.kernel_version = node.kernel_version.take().or_else(|| old.kernel_version.clone());
            node.pve_version = node.pve_version.take().or_else(|| old.pve_version.clone());
            node.cpu_info = node.cpu_info.take().or_else(|| old.cpu_info.clone());
        }
    }
    // A node that the cluster no longer names within the grace time stays; after it, it was removed.
    for old in previous {
        if is_recent(old, now) && nodes.iter().all(|node| node.name != old.name) {
            nodes.push(Node { health: ConnectionHealth::Degraded, ..old.clone() });
        }
    }
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    nodes
}

fn merge_guests(
    previous: &[Guest],
    mut guests: Vec<Guest>,
    memory: &mut HashMap<u32, RateMemory>,
    now: Timestamp,
) -> Vec<Guest> {
    let before: HashMap<u32, &Guest> = previous.iter().map(|guest| (guest.vmid, guest)).collect();
    let mut next_memory = HashMap::with_capacity(guests.len());
    for guest in &mut guests {
        if let Some(old) = before.get(&guest.vmid) {
            keep_slow_facts(guest, old);
            let is_fresh = is_within_grace(old.last_seen, now);
            if guest.status == GuestStatus::Unknown && old.status != GuestStatus::Unknown && is_fresh {
                *guest = (*old).clone();
                if let Some(kept) = memory.get(&guest.vmid) {
                    next_memory.insert(guest.vmid, *kept);
                }
                continue;
            }
        }
        if guest.status == GuestStatus::Running {
            let last = memory.get(&guest.vmid).copied();
            let last = last.filter(|_| before.get(&guest.vmid).is_none_or(|old| goes_on(guest, old, now)));
            let (rates, kept) = rates::step(last, guest.counters, now);
            guest.rates = rates;
            next_memory.insert(guest.vmid, kept);
        } else {
            let why = if guest.status == GuestStatus::Unknown { Missing::Offline } else { Missing::Stopped };
            let none = Reading::Unknown(why);
            guest.rates.network_in_bytes_per_second = none;
            guest.rates.network_out_bytes_per_second = none;
            guest.rates.disk_read_bytes_per_second = none;
            guest.rates.disk_write_bytes_per_second = none;
        }
    }
    *memory = next_memory;
    guests.sort_by_key(|guest| guest.vmid);
    guests
}

/// Whether it is the process that was seen before, whose counters go on. One that began since may have counted further
/// than the old one by now, so that the counters alone do not show it.
fn goes_on(guest: &Guest, old: &Guest, now: Timestamp) -> bool {
    if guest.node != old.node {
        return false;
    }
    let Reading::Known(uptime) = guest.uptime_seconds else { return true };
    let is_back = matches!(old.uptime_seconds, Reading::Known(before) if uptime < before);
    let began_since = (now.as_second() - old.last_seen.as_second())
        > i64::try_from(uptime).unwrap_or(i64::MAX).saturating_add(STATISTICS_SECONDS);
    !is_back && !began_since
}

/// What is read less often than the figures stays until it is read again.
fn keep_slow_facts(guest: &mut Guest, old: &Guest) {
    guest.last_backup = guest.last_backup.or(old.last_backup);
    if guest.status == GuestStatus::Unknown {
        // A dead node's guests come without a name or size, and nobody has seen them since.
        guest.name.clone_from(&old.name);
        guest.cpu_count = guest.cpu_count.or(old.cpu_count);
        guest.allocated_disk_bytes = guest.allocated_disk_bytes.or(old.allocated_disk_bytes);
        guest.tags.clone_from(&old.tags);
        guest.last_seen = old.last_seen;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use pulse_core::{
        ids::{GuestId, InstanceName, NodeId},
        model::{FailureClass, GuestKind, InstanceKey, InstanceKind, IoCounters, IoRates, MemoryUse},
    };

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    pub(crate) fn node(name: &str, status: NodeStatus, seen: Timestamp) -> Node {
        Node {
            id: NodeId::of(&"lab".into(), None, name),
            instance: InstanceName::from("lab"),
            name: name.into(),
            host_url: None,
            guest_url: None,
            status,
            health: ConnectionHealth::Healthy,
            cpu_fraction: Reading::Known(0.5),
            cpu_count: Some(4),
            memory: Reading::from_option(MemoryUse::new(100, 50), Missing::NotReported),
            root_disk: Reading::default(),
            uptime_seconds: Reading::Known(10),
            load_average: None,
            kernel_version: Some("6.8".into()),
            pve_version: None,
            cpu_info: None,
            temperature: None,
            cluster_name: None,
            pending_updates: None,
            certificate_fingerprint: None,
            linked_host: None,
            last_seen: seen,
        }
    }

    pub(crate) fn guest(vmid: u32, on: &str, status: GuestStatus, net_in: u64, seen: Timestamp) -> Guest {
        Guest {
            id: GuestId::of(&"lab".into(), on, vmid),
            kind: GuestKind::Vm,
            vmid,
            name: format!("vm{vmid}"),
            node: on.into(),
            instance: InstanceName::from("lab"),
            status,
            is_template: false,
            lock: None,
            tags: Vec::new(),
            pool: None,
            ha_state: None,
            cpu_fraction: Reading::Known(0.1),
            cpu_count: Some(2),
            memory: Reading::default(),
            memory_source: None,
            disk: Reading::default(),
            allocated_disk_bytes: None,
            file_systems: Vec::new(),
            counters: IoCounters { network_in_bytes: Some(net_in), ..IoCounters::default() },
            rates: IoRates::default(),
            uptime_seconds: Reading::Known(5),
            os_name: None,
            os_version: None,
            agent_version: None,
            os_template: None,
            network_interfaces: Vec::new(),
            ip_addresses: Vec::new(),
            last_backup: None,
            last_seen: seen,
        }
    }

    fn cycle(nodes: Vec<Node>, guests: Option<Vec<Guest>>) -> PveCycle {
        PveCycle {
            cluster_name: None,
            endpoints: Vec::new(),
            nodes,
            guests,
            storages: None,
            health: ConnectionHealth::Healthy,
            issues: Vec::new(),
        }
    }

    /// A view after polls at the given seconds.
    fn after(polls: Vec<(i64, PveCycle)>) -> InstanceView {
        let mut memory = HashMap::new();
        let mut view = InstanceView::unknown(InstanceKey { kind: InstanceKind::Pve, name: "lab".into() });
        for (second, cycle) in polls {
            view = merge(&view, cycle, &mut memory, at(second));
        }
        view
    }

    fn issue() -> SourceIssue {
        SourceIssue { at: at(0), class: FailureClass::Connection, message: "refused".into(), node: None }
    }

    fn up(second: i64) -> Vec<Node> {
        vec![node("n1", NodeStatus::Online, at(second))]
    }

    fn down() -> Vec<Node> {
        vec![node("n1", NodeStatus::Offline, Timestamp::UNIX_EPOCH)]
    }

    #[test]
    fn a_node_that_misses_one_poll_stays_online_but_is_degraded() {
        let view = after(vec![(0, cycle(up(0), None)), (10, cycle(down(), None))]);
        assert_eq!(view.nodes[0].status, NodeStatus::Online);
        assert_eq!(view.nodes[0].health, ConnectionHealth::Degraded);
        assert_eq!(view.nodes[0].last_seen, at(0));
    }

    #[test]
    fn a_node_that_is_down_for_a_minute_is_offline_and_still_known() {
        let view = after(vec![(0, cycle(up(0), None)), (60, cycle(down(), None))]);
        assert_eq!(view.nodes[0].status, NodeStatus::Offline);
        assert_eq!(view.nodes[0].last_seen, at(0));
        assert_eq!(view.nodes[0].kernel_version.as_deref(), Some("6.8"));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_keep_a_dead_node_alive() {
        let view = after(vec![(1_000_000, cycle(up(1_000_000), None)), (0, cycle(down(), None))]);
        assert_eq!(view.nodes[0].status, NodeStatus::Offline);
    }

    #[test]
    fn a_node_that_left_the_cluster_goes_after_the_grace_time() {
        let early = after(vec![(0, cycle(up(0), None)), (30, cycle(Vec::new(), None))]);
        assert_eq!(early.nodes.len(), 1);
        let late = after(vec![(0, cycle(up(0), None)), (61, cycle(Vec::new(), None))]);
        assert!(late.nodes.is_empty());
    }

    #[test]
    fn a_failed_sub_call_keeps_the_guests_and_an_empty_list_removes_them() {
        let guests = vec![guest(101, "n1", GuestStatus::Running, 0, at(0))];
        let kept = after(vec![(0, cycle(up(0), Some(guests.clone()))), (10, cycle(up(10), None))]);
        assert_eq!(kept.guests.len(), 1);
        let gone = after(vec![(0, cycle(up(0), Some(guests))), (10, cycle(up(10), Some(Vec::new())))]);
        assert!(gone.guests.is_empty());
    }

    #[test]
    fn a_failed_poll_keeps_everything_and_turns_nodes_offline_only_after_the_grace_time() {
        let guests = vec![guest(101, "n1", GuestStatus::Running, 0, at(0))];
        let view = after(vec![(0, cycle(up(0), Some(guests)))]);
        let soon = fail(&view, issue(), at(30));
        assert_eq!((soon.health, soon.guests.len()), (ConnectionHealth::Error, 1));
        assert_eq!(soon.nodes[0].status, NodeStatus::Online);
        let later = fail(&soon, issue(), at(60));
        assert_eq!(later.nodes[0].status, NodeStatus::Offline);
        assert_eq!(later.nodes[0].cpu_fraction, Reading::Unknown(Missing::Offline));
    }

    #[test]
    fn rates_come_from_consecutive_polls_and_follow_a_migration_without_a_spike() {
        let poll = |second, on: &str, net_in| {
            (second, cycle(up(second), Some(vec![guest(101, on, GuestStatus::Running, net_in, at(second))])))
        };
        let view = after(vec![poll(0, "n1", 1_000), poll(10, "n1", 3_000)]);
        assert_eq!(view.guests[0].rates.network_in_bytes_per_second, Reading::Known(200));
        // On its new node the counters start from 0.
        let moved = after(vec![poll(0, "n1", 1_000), poll(10, "n1", 3_000), poll(20, "n2", 100)]);
        assert_eq!(moved.guests[0].rates.network_in_bytes_per_second, Reading::Unknown(Missing::FirstSample));
        assert_eq!(moved.guests[0].id.as_str(), "lab:n2:101");
    }

    #[test]
    fn a_guest_that_restarted_has_no_rate_although_its_counters_are_beyond_the_old_ones() {
        let poll = |second, uptime, net_in| {
            let mut one = guest(101, "n1", GuestStatus::Running, net_in, at(second));
            one.uptime_seconds = Reading::Known(uptime);
            (second, cycle(up(second), Some(vec![one])))
        };
        let none = Reading::Unknown(Missing::FirstSample);
        let rate = |polls| after(polls).guests[0].rates.network_in_bytes_per_second;
        assert_eq!(rate(vec![poll(0, 500, 1_000), poll(10, 510, 3_000)]), Reading::Known(200));
        assert_eq!(rate(vec![poll(0, 500, 1_000), poll(60, 30, 9_000)]), none);
        // Nobody looked for an hour, and it has been up for longer than the old one was.
        assert_eq!(rate(vec![poll(0, 500, 1_000), poll(3_600, 1_800, 9_000)]), none);
        // The statistics are a little older than the poll.
        assert_eq!(rate(vec![poll(0, 500, 1_000), poll(60, 551, 7_000)]), Reading::Known(100));
    }

    #[test]
    fn a_guest_of_the_same_number_on_another_node_lends_no_counters() {
        let poll = |second, on: &str, net_in| {
            (second, cycle(up(second), Some(vec![guest(101, on, GuestStatus::Running, net_in, at(second))])))
        };
        let view = after(vec![poll(0, "n1", 1_000), poll(10, "n2", 9_000_000)]);
        assert_eq!(view.guests[0].rates.network_in_bytes_per_second, Reading::Unknown(Missing::FirstSample));
    }

    #[test]
    fn a_guest_whose_node_is_silent_keeps_its_figures_for_the_grace_time() {
        let poll =
            |second, status| (second, cycle(up(second), Some(vec![guest(101, "n1", status, 0, at(second))])));
        let soon = after(vec![poll(0, GuestStatus::Running), poll(10, GuestStatus::Unknown)]);
        assert_eq!(soon.guests[0].status, GuestStatus::Running);
        let later = after(vec![poll(0, GuestStatus::Running), poll(60, GuestStatus::Unknown)]);
        assert_eq!(later.guests[0].status, GuestStatus::Unknown);
        assert_eq!(later.guests[0].last_seen, at(0));
        assert_eq!(later.guests[0].rates.network_in_bytes_per_second, Reading::Unknown(Missing::Offline));
    }
}
