//! Small worlds to evaluate.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pulse_alerts::{Action, ActivationState, AlertConfig, Change, Changes, EngineState, Rules};
use pulse_core::{
    Missing, Reading, Snapshot,
    ids::{GuestId, HostId, InstanceName, NodeId},
    model::{
        ConnectionHealth, DiskUse, Guest, GuestKind, GuestStatus, Host, InstanceKey, InstanceKind,
        InstanceView, IoCounters, IoRates, Liveness, MemoryUse, Node, NodeStatus,
    },
    notice::{Notice, NoticeKind},
    report::{AgentInfo, host::HostInfo},
};

pub const NAME: &str = "lab";

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub fn node(name: &str, status: NodeStatus, now: Timestamp) -> Node {
    Node {
        id: NodeId::of(&NAME.into(), None, name),
        instance: InstanceName::from(NAME),
        name: name.into(),
        host_url: None,
        guest_url: None,
        status,
        health: if status == NodeStatus::Online {
            ConnectionHealth::Healthy
        } else {
            ConnectionHealth::Error
        },
        cpu_fraction: Reading::Known(0.1),
        cpu_count: Some(4),
        memory: Reading::from_option(MemoryUse::new(100, 10), Missing::NotReported),
        root_disk: Reading::from_option(DiskUse::new(100, 10), Missing::NotReported),
        uptime_seconds: Reading::Known(10),
        load_average: None,
        kernel_version: None,
        pve_version: None,
        cpu_info: None,
        temperature: None,
        cluster_name: None,
        pending_updates: None,
        certificate_fingerprint: None,
        linked_host: None,
        last_seen: now,
    }
}

pub fn guest(vmid: u32, on: &str, status: GuestStatus, cpu: f64, disk: f64, now: Timestamp) -> Guest {
    Guest {
        id: GuestId::of(&NAME.into(), on, vmid),
        kind: GuestKind::Vm,
        vmid,
        name: format!("vm{vmid}"),
        node: on.into(),
        instance: InstanceName::from(NAME),
        status,
        is_template: false,
        lock: None,
        tags: Vec::new(),
        pool: None,
        ha_state: None,
        cpu_fraction: Reading::Known(cpu / 100.0),
        cpu_count: Some(2),
        memory: Reading::from_option(MemoryUse::new(1000, 100), Missing::NotReported),
        memory_source: None,
        disk: Reading::from_option(DiskUse::new(1000, (disk * 10.0) as u64), Missing::NotReported),
        allocated_disk_bytes: None,
        file_systems: Vec::new(),
        counters: IoCounters::default(),
        rates: IoRates::default(),
        uptime_seconds: Reading::Known(5),
        os_name: None,
        os_version: None,
        agent_version: None,
        os_template: None,
        network_interfaces: Vec::new(),
        ip_addresses: Vec::new(),
        last_backup: None,
        last_seen: now,
    }
}

pub fn host(id: &str, liveness: Liveness, linked_node: Option<NodeId>, now: Timestamp) -> Host {
    Host {
        id: HostId::from(id),
        agent: AgentInfo::default(),
        info: HostInfo { hostname: id.into(), platform: Some("linux".into()), ..HostInfo::default() },
        cpu_percent: Reading::Known(5.0),
        memory: None,
        disks: Vec::new(),
        disk_io: Vec::new(),
        network: Vec::new(),
        disk_read_bytes_per_second: Reading::default(),
        disk_write_bytes_per_second: Reading::default(),
        network_in_bytes_per_second: Reading::default(),
        network_out_bytes_per_second: Reading::default(),
        sensors: None,
        raid: Vec::new(),
        ceph: None,
        tags: Vec::new(),
        liveness,
        last_seen: now,
        link: None,
        linked_node,
        commands_enabled: false,
    }
}

pub fn world(nodes: Vec<Node>, guests: Vec<Guest>, hosts: Vec<Host>, now: Timestamp) -> Snapshot {
    let key = InstanceKey { kind: InstanceKind::Pve, name: NAME.into() };
    let mut view = InstanceView::unknown(key.clone());
    view.health = ConnectionHealth::Healthy;
    view.last_success = Some(now);
    view.nodes = Arc::new(nodes);
    view.guests = Arc::new(guests);
    let mut world = Snapshot::empty(now);
    world.instances.insert(key, Arc::new(view));
    world.hosts = hosts.into_iter().map(|host| (host.id.clone(), Arc::new(host))).collect();
    world
}

/// An engine that is told the time and remembers what it said.
pub struct Engine {
    pub state: EngineState,
    pub rules: Rules,
    pub notices: Vec<Notice>,
    pub changes: Vec<Change>,
}

impl Engine {
    pub fn new(change: impl FnOnce(&mut AlertConfig)) -> Self {
        let mut config =
            AlertConfig { activation_state: Some(ActivationState::Active), ..AlertConfig::default() };
        change(&mut config);
        Self {
            state: EngineState::new(),
            rules: Rules::new(config),
            notices: Vec::new(),
            changes: Vec::new(),
        }
    }

    pub fn configure(&mut self, change: impl FnOnce(&mut AlertConfig)) {
        let mut config = AlertConfig::clone(&self.rules.config);
        change(&mut config);
        self.rules = Rules::new(config);
    }

    fn remember(&mut self, said: Changes) {
        self.changes.extend(said.changes);
        self.notices.extend(said.notices);
    }

    pub fn look(&mut self, world: &Snapshot, now: Timestamp) {
        let said = self.state.evaluate(&self.rules, world, now);
        self.remember(said);
    }

    pub fn act(&mut self, id: &str, action: &Action, now: Timestamp) -> bool {
        match self.state.act(id, action, &self.rules, now) {
            Ok(said) => {
                self.remember(said);
                true
            }
            Err(_) => false,
        }
    }

    pub fn restart(&mut self, now: Timestamp) {
        let saved = self.state.save();
        // Through text, as the store keeps it.
        let text = serde_json::to_string(&saved.into_values().collect::<Vec<_>>()).unwrap();
        let memory = serde_json::to_string(&self.state.memory()).unwrap();
        let tracks: Vec<_> = serde_json::from_str(&text).unwrap();
        self.state = EngineState::restore(tracks, serde_json::from_str(&memory).unwrap(), now);
    }

    pub fn raised(&self) -> Vec<String> {
        self.state.active().iter().map(|alert| alert.id.clone()).collect()
    }

    /// What people were told, one line each: seconds, what, of what.
    pub fn told(&self) -> String {
        let line = |notice: &Notice| {
            let seconds = notice.at.duration_since(at(0)).as_secs();
            let kind = match notice.kind {
                NoticeKind::Firing => "FIRING",
                NoticeKind::Reminder => "again",
                NoticeKind::Escalated { .. } => "escalated",
                NoticeKind::Resolved => "resolved",
            };
            format!("{seconds:>6} s  {kind:<9} {:<8} {}", notice.alert.level.name(), notice.alert.message)
        };
        self.notices.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Ten seconds, the usual polling interval.
pub const POLL: SignedDuration = SignedDuration::from_secs(10);
