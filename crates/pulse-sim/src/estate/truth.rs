//! What is true at one instant: the figures every answer is written from, and what tests compare a server with.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::Serialize;

use super::{
    Boots, Change, Changes, Hold,
    plan::{AgentState, GIB, GuestKind, GuestPlan, KIB, MIB, NodePlan, Plan, TIB, usual_load},
    stored,
};
use crate::figures::{derive, noise, quantize, time_of_day, unit, wander};

/// Everything that is true in one statistics slot of ten seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Truth {
    /// Begin of the slot, Unix seconds.
    pub at: u64,
    /// Whether more than half of the nodes are there.
    pub is_quorate: bool,
    /// Nodes, in order of their numbers.
    pub nodes: Vec<NodeTruth>,
    /// Guests, in order of their ids.
    pub guests: Vec<GuestTruth>,
    /// Storages: one entry per node and storage, disabled ones included.
    pub storages: Vec<StorageTruth>,
}

impl Truth {
    /// The guest with that number.
    pub fn guest(&self, vmid: u32) -> Option<&GuestTruth> {
        let place = self.guests.binary_search_by_key(&vmid, |guest| guest.plan.vmid).ok()?;
        self.guests.get(place)
    }

    /// What Ceph has, as a node that is there sees it; `None` without Ceph.
    pub fn ceph(&self) -> Option<CephTruth> {
        let pool = self.storages.iter().find(|storage| storage.kind == "rbd" && storage.is_active)?;
        let is_beside = |one: &&StorageTruth| one.kind == "cephfs" && one.node == pool.node;
        let file_system_used = self.storages.iter().find(is_beside).map_or(0, |storage| storage.used);
        Some(CephTruth { total: pool.total + file_system_used, pool_used: pool.used, file_system_used })
    }

    /// Guests that are listed a second time, by the node after their own: with counters and a life of their own.
    pub(crate) fn doubles(&self, vmids: &BTreeSet<u32>) -> Vec<GuestTruth> {
        let nodes = &self.nodes;
        let double = |vmid: &u32| {
            let guest = self.guest(*vmid)?;
            let place = nodes.iter().position(|node| node.name == guest.node)?;
            let node = Arc::clone(&nodes[(place + 1) % nodes.len()].name);
            let [net_in, net_out, disk_read, disk_written] = guest.counters().map(|count| count * 3);
            let uptime = guest.uptime / 2;
            Some(GuestTruth { node, net_in, net_out, disk_read, disk_written, uptime, ..guest.clone() })
        };
        if nodes.len() < 2 { Vec::new() } else { vmids.iter().filter_map(double).collect() }
    }

    /// The same with other names of nodes: the old one and the new one of each.
    pub(crate) fn renamed(&self, renames: &[(String, String)]) -> Self {
        let name = |old: &Arc<str>| {
            let new = renames.iter().find(|(from, _)| **from == **old).map(|(_, to)| Arc::from(to.as_str()));
            new.unwrap_or_else(|| Arc::clone(old))
        };
        let mut truth = self.clone();
        truth.nodes.iter_mut().for_each(|node| node.name = name(&node.name));
        truth.guests.iter_mut().for_each(|guest| guest.node = name(&guest.node));
        truth.storages.iter_mut().for_each(|storage| storage.node = name(&storage.node));
        truth
    }
}

/// A node now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeTruth {
    /// Name.
    pub name: Arc<str>,
    /// Whether the cluster sees it. The figures of an absent node are 0 and mean nothing.
    pub is_online: bool,
    /// Processor use, 0 to 1.
    pub cpu: f64,
    /// Share of time waiting for disks, 0 to 1.
    pub io_wait: f64,
    /// Logical processors.
    pub cpus: u32,
    /// Memory in use.
    pub memory_used: u64,
    /// Memory in total.
    pub memory_total: u64,
    /// Root file system in use.
    pub root_used: u64,
    /// Root file system in total.
    pub root_total: u64,
    /// Swap in use.
    pub swap_used: u64,
    /// Swap in total.
    pub swap_total: u64,
    /// Seconds since boot.
    pub uptime: u64,
    /// Load over 1, 5 and 15 minutes.
    pub load: [f64; 3],
}

/// Whether a guest runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GuestStatus {
    /// It runs.
    Running,
    /// Its processors are halted, its memory kept.
    Paused,
    /// It does not.
    Stopped,
    /// Its node is away.
    Unknown,
}

impl GuestStatus {
    /// The word in lists.
    pub fn word(self) -> &'static str {
        match self {
            // That it is paused stands in another field.
            Self::Running | Self::Paused => "running",
            Self::Stopped => "stopped",
            Self::Unknown => "unknown",
        }
    }
}

/// A guest now. The figures of a guest that is not running are 0.
#[derive(Debug, Clone, Serialize)]
pub struct GuestTruth {
    /// What it is.
    pub plan: Arc<GuestPlan>,
    /// Node it is on.
    pub node: Arc<str>,
    /// Whether it runs.
    pub status: GuestStatus,
    /// Processor use, 0 to 1 of its processors.
    pub cpu: f64,
    /// Memory in use as the guest sees it.
    pub memory_used: u64,
    /// What holds it.
    pub lock: Option<&'static str>,
    /// Its guest agent.
    pub agent: AgentState,
    /// Memory in use as its own kernel counts it, page cache left out.
    pub memory_inside: u64,
    /// Memory it takes of its host.
    pub memory_host: u64,
    /// Bytes in use inside its disk; kept when it stops.
    pub disk_used: u64,
    /// Bytes received since it started.
    pub net_in: u64,
    /// Bytes sent since it started.
    pub net_out: u64,
    /// Bytes read since it started.
    pub disk_read: u64,
    /// Bytes written since it started.
    pub disk_written: u64,
    /// Seconds since it started.
    pub uptime: u64,
}

impl PartialEq for GuestTruth {
    fn eq(&self, other: &Self) -> bool {
        self.plan.vmid == other.plan.vmid
            && self.node == other.node
            && self.status == other.status
            && self.cpu == other.cpu
            && self.memory_used == other.memory_used
            && self.disk_used == other.disk_used
            && self.counters() == other.counters()
            && self.uptime == other.uptime
            && self.lock == other.lock
            && self.agent == other.agent
    }
}

impl GuestTruth {
    /// Network in, network out, disk read, disk written.
    pub fn counters(&self) -> [u64; 4] {
        [self.net_in, self.net_out, self.disk_read, self.disk_written]
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.status == GuestStatus::Running
    }

    /// Whether it has a process: running or paused.
    pub fn has_process(&self) -> bool {
        matches!(self.status, GuestStatus::Running | GuestStatus::Paused)
    }

    /// Whether its guest agent answers.
    pub fn has_agent(&self) -> bool {
        self.is_running() && self.agent == AgentState::Running && self.lock.is_none()
    }
}

/// A storage on a node now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StorageTruth {
    /// Name.
    pub name: &'static str,
    /// Node.
    pub node: Arc<str>,
    /// Type, such as `dir`.
    pub kind: &'static str,
    /// What it may hold.
    pub content: &'static str,
    /// Whether every node sees the same.
    pub is_shared: bool,
    /// Whether the node may use it.
    pub is_here: bool,
    /// Whether it is switched on, and the node may use it.
    pub is_enabled: bool,
    /// Whether it can be used now.
    pub is_active: bool,
    /// Bytes in use.
    pub used: u64,
    /// Bytes in total.
    pub total: u64,
}

/// What Ceph has now, each byte counted once although three copies are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CephTruth {
    /// Bytes in total.
    pub total: u64,
    /// Bytes that the guests' disks take.
    pub pool_used: u64,
    /// Bytes that files take.
    pub file_system_used: u64,
}

/// Computes what is true at `at`, which must be the begin of a slot.
pub(super) fn compute(plan: &Plan, changes: &Changes, away: Vec<bool>, boots: &Boots, at: u64) -> Truth {
    let mut loads = vec![Load::default(); plan.nodes.len()];
    let mut stored: BTreeMap<(&str, usize), u64> = BTreeMap::new();
    let mut guests = Vec::with_capacity(plan.guests.len());
    for guest in &plan.guests {
        let (home, truth) = guest_at(plan, changes, &away, guest, at);
        *stored.entry((guest.storage, home)).or_default() += truth.disk_used;
        loads[home].add(&truth, at);
        guests.push(truth);
    }
    let nodes: Vec<_> = plan
        .nodes
        .iter()
        .zip(&loads)
        .zip(&away)
        .enumerate()
        .map(|(index, ((node, load), &is_away))| {
            node_truth(node, *load, is_away, boots.get(&index).copied(), at)
        })
        .collect();
    let storages = storages(plan, &away, &stored, at);
    let online = away.iter().filter(|&&is_away| !is_away).count();
    Truth { at, is_quorate: online * 2 > nodes.len(), nodes, guests, storages }
}

/// What the guests of a node ask of it.
#[derive(Debug, Clone, Copy, Default)]
struct Load {
    cpus: f64,
    memory: u64,
    io: f64,
    traffic: [u64; 2],
}

impl Load {
    fn add(&mut self, guest: &GuestTruth, at: u64) {
        if guest.has_process() {
            self.cpus += guest.cpu * f64::from(guest.plan.cpus);
            self.memory += guest.memory_host;
            self.io += unit(derive(guest.plan.key, at / 60)) * 0.004;
            self.traffic[0] += guest.net_in;
            self.traffic[1] += guest.net_out;
        }
    }
}

/// One guest at any instant, with the index of its node.
pub(super) fn guest_at(
    plan: &Plan,
    changes: &Changes,
    away: &[bool],
    guest: &Arc<GuestPlan>,
    at: u64,
) -> (usize, GuestTruth) {
    let change = changes.get(&guest.vmid).copied().unwrap_or_default();
    let home = change.node.unwrap_or(guest.home);
    let runs = change.runs.unwrap_or(guest.runs);
    (home, guest_truth(plan, guest, home, (runs, away[home]), &change, at))
}

/// One node at any instant, with the bytes its guests received and sent.
pub(super) fn node_at(
    plan: &Plan,
    changes: &Changes,
    booted: Option<u64>,
    index: usize,
    at: u64,
) -> (NodeTruth, [u64; 2]) {
    let nobody = vec![false; plan.nodes.len()];
    let mut load = Load::default();
    for guest in &plan.guests {
        let change = changes.get(&guest.vmid).copied().unwrap_or_default();
        if change.node.unwrap_or(guest.home) == index {
            load.add(&guest_at(plan, changes, &nobody, guest, at).1, at);
        }
    }
    (node_truth(&plan.nodes[index], load, false, booted, at), load.traffic)
}

/// The instant a guest or node started last, by itself: about once a year.
fn started(key: u64, at: u64) -> u64 {
    let period = (200 + derive(key, 50) % 200) * 86_400;
    let phase = derive(key, 51) % period;
    if at < phase { 0 } else { (at - phase) / period * period + phase }
}

fn disk_used(guest: &GuestPlan, at: u64) -> u64 {
    let usual = 0.15 + 0.55 * unit(derive(guest.key, 40));
    let share = usual + 0.03 * (wander(derive(guest.key, 41), at, 5 * 86_400) - 0.5);
    quantize(guest.disk as f64 * share, 4 * MIB)
}

fn guest_truth(
    plan: &Plan,
    guest: &Arc<GuestPlan>,
    home: usize,
    (runs, is_away): (bool, bool),
    change: &Change,
    at: u64,
) -> GuestTruth {
    let status = match (is_away, runs) {
        (true, _) => GuestStatus::Unknown,
        (false, true) if change.is_paused => GuestStatus::Paused,
        (false, true) => GuestStatus::Running,
        (false, false) => GuestStatus::Stopped,
    };
    let mut truth = GuestTruth {
        plan: Arc::clone(guest),
        node: Arc::clone(&plan.nodes[home].name),
        status,
        cpu: 0.0,
        memory_used: 0,
        lock: match change.lock {
            Hold::AsPlanned => guest.lock,
            Hold::Free => None,
            Hold::Held(lock) => Some(lock),
        },
        agent: change.agent.unwrap_or(guest.agent),
        memory_inside: 0,
        memory_host: 0,
        disk_used: disk_used(guest, at),
        net_in: 0,
        net_out: 0,
        disk_read: 0,
        disk_written: 0,
        uptime: 0,
    };
    if !matches!(status, GuestStatus::Running | GuestStatus::Paused) {
        return truth;
    }
    let began = change.since.unwrap_or_else(|| started(guest.key, at));
    let day = 1.0 + 0.45 * time_of_day(at, 13.0 + 3.0 * unit(derive(guest.key, 42)));
    let drift = 0.6 + 0.8 * wander(derive(guest.key, 43), at, 420);
    let grain = 0.8 + 0.4 * noise(derive(guest.key, 44), at);
    if status == GuestStatus::Running {
        truth.cpu = (usual_load(guest) * day * drift * grain).clamp(0.0005, 1.0);
    }
    let usual = 0.35 + 0.4 * unit(derive(guest.key, 45));
    let share = usual + 0.12 * (wander(derive(guest.key, 46), at, 5_400) - 0.5);
    truth.memory_used = quantize(guest.memory as f64 * share, 256 * KIB);
    truth.memory_inside = stored::memory_inside(truth.memory_used);
    truth.memory_host = match guest.kind {
        // The host also pays for the guest's page cache and for the emulator.
        GuestKind::Qemu => (truth.memory_used + guest.memory / 10 + 96 * MIB).min(guest.memory + 128 * MIB),
        GuestKind::Lxc => truth.memory_used,
    };
    let [net_in, net_out, disk_read, disk_written] = guest.counters.map(|counter| counter.between(began, at));
    (truth.net_in, truth.net_out, truth.disk_read, truth.disk_written) =
        (net_in, net_out, disk_read, disk_written);
    truth.uptime = at.saturating_sub(began);
    truth
}

fn node_truth(node: &NodePlan, load: Load, is_away: bool, booted: Option<u64>, at: u64) -> NodeTruth {
    let mut truth = NodeTruth {
        name: Arc::clone(&node.name),
        is_online: !is_away,
        cpu: 0.0,
        io_wait: 0.0,
        cpus: node.cpus,
        memory_used: 0,
        memory_total: node.memory,
        root_used: 0,
        root_total: node.root,
        swap_used: 0,
        swap_total: node.swap,
        uptime: 0,
        load: [0.0; 3],
    };
    if is_away {
        return truth;
    }
    let own = 0.008 + 0.012 * noise(derive(node.key, 60), at);
    truth.cpu = (load.cpus / f64::from(node.cpus) + own).min(0.98);
    truth.io_wait = (load.io * noise(derive(node.key, 61), at)).min(0.2);
    let host = 2 * GIB + quantize(GIB as f64 * wander(derive(node.key, 62), at, 7_200), MIB);
    truth.memory_used = (load.memory + host).min(node.memory - GIB / 2);
    let usual = 0.12 + 0.25 * unit(derive(node.key, 63));
    truth.root_used =
        quantize(node.root as f64 * (usual + 0.02 * wander(derive(node.key, 64), at, 2 * 86_400)), 4 * MIB);
    truth.uptime = at.saturating_sub(booted.unwrap_or_else(|| started(node.key, at)));
    let base = truth.cpu * f64::from(node.cpus);
    let sway = |key: u64, period: u64| 0.7 + 0.6 * wander(derive(node.key, key), at, period);
    truth.load = [base * sway(65, 60), base * sway(66, 300), base * sway(67, 900)];
    truth
}

fn storages(plan: &Plan, away: &[bool], stored: &BTreeMap<(&str, usize), u64>, at: u64) -> Vec<StorageTruth> {
    let ceph_disks: u64 =
        stored.iter().filter(|((name, _), _)| *name == "ceph-pool").map(|(_, bytes)| bytes).sum();
    let in_ceph_file_system = |total: u64| {
        quantize(total as f64 * (0.04 + 0.01 * wander(derive(plan.key, 73), at, 86_400)), 64 * MIB)
    };
    let mut list = Vec::with_capacity(plan.nodes.len() * plan.storages.len());
    for storage in &plan.storages {
        // Shared storages show the same figures on every node.
        let on_shared: u64 =
            stored.iter().filter(|((name, _), _)| *name == storage.name).map(|(_, bytes)| bytes).sum();
        for (index, node) in plan.nodes.iter().enumerate() {
            let total = plan.sizes.get(&(storage.name, index)).copied().unwrap_or(0);
            let own = stored.get(&(storage.name, index)).copied().unwrap_or(0);
            let growing = |key: u64, usual: f64, spread: f64, step: u64| {
                let share = usual + spread * wander(derive(storage.key, key), at, 86_400);
                quantize(total as f64 * share, step)
            };
            let used = match storage.name {
                "local" => growing(derive(70, index as u64), 0.2, 0.02, MIB),
                "local-lvm" | "tank" => own.min(total),
                "ceph-pool" => on_shared.min(total - in_ceph_file_system(total)),
                "cephfs" => in_ceph_file_system(total),
                "nas" => growing(71, 0.46, 0.01, 64 * MIB),
                _ => growing(72, 0.38, 0.01, 64 * MIB),
            };
            // What one of them takes of the common disks the other one does not have.
            let total = match storage.name {
                "ceph-pool" => total - in_ceph_file_system(total),
                "cephfs" => total - ceph_disks.min(total - in_ceph_file_system(total)),
                _ => total,
            };
            let is_here = storage.is_on(index);
            let is_enabled = is_here && !storage.is_disabled;
            let is_active = is_enabled && !away[index];
            list.push(StorageTruth {
                name: storage.name,
                node: Arc::clone(&node.name),
                kind: storage.kind,
                content: storage.content,
                is_shared: storage.is_shared,
                is_here,
                is_enabled,
                is_active,
                used: if is_active { used } else { 0 },
                total: if is_active { total } else { 0 },
            });
        }
    }
    debug_assert!(list.iter().all(|storage| storage.total < 4_096 * TIB));
    list
}
