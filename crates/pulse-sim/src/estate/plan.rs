//! What is there and never changes by itself: nodes, guests and storages with their sizes.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

use crate::{
    EstateOptions, GuestMix, PveVersion,
    figures::{Counter, derive, derive_text, pick, unit},
};

pub(crate) const KIB: u64 = 1 << 10;
pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const GIB: u64 = 1 << 30;
pub(crate) const TIB: u64 = 1 << 40;

/// The two kinds of guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GuestKind {
    /// Virtual machine.
    Qemu,
    /// Container.
    Lxc,
}

impl GuestKind {
    /// The word in paths and lists.
    pub fn word(self) -> &'static str {
        match self {
            Self::Qemu => "qemu",
            Self::Lxc => "lxc",
        }
    }
}

/// The guest agent of a virtual machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentState {
    /// Not in the configuration.
    Off,
    /// In the configuration and answering.
    Running,
    /// In the configuration, but nobody answers.
    Dead,
    /// In the configuration, and slower than its node waits.
    Slow,
}

/// How a virtual machine's disk is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FileSystemLayout {
    /// One file system.
    Plain,
    /// Two logical volumes on one partition.
    Lvm,
    /// Subvolumes, each mounted and each showing the same figures.
    Btrfs,
    /// Datasets that share what the pool has left.
    Zfs,
    /// A drive with a letter.
    Windows,
}

/// A node as planned.
#[derive(Debug, Clone)]
pub(crate) struct NodePlan {
    pub(crate) name: Arc<str>,
    pub(crate) key: u64,
    pub(crate) cpus: u32,
    pub(crate) memory: u64,
    pub(crate) swap: u64,
    pub(crate) root: u64,
    pub(crate) model: &'static str,
    pub(crate) vendor: &'static str,
    pub(crate) mhz: &'static str,
}

/// A guest as planned.
#[derive(Debug, Clone, Serialize)]
pub struct GuestPlan {
    /// Number, unique in the cluster.
    pub vmid: u32,
    /// Virtual machine or container.
    pub kind: GuestKind,
    /// Name.
    pub name: String,
    /// Whether it is only a template.
    pub is_template: bool,
    /// Tags, sorted.
    pub tags: Vec<&'static str>,
    /// Resource pool.
    pub pool: Option<&'static str>,
    /// Whether the cluster keeps it running.
    pub is_ha: bool,
    /// Lock it carries.
    pub lock: Option<&'static str>,
    /// Virtual processors.
    pub cpus: u32,
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes of disk.
    pub disk: u64,
    /// Storage its disk is on.
    pub storage: &'static str,
    /// Guest agent; containers have none.
    pub agent: AgentState,
    /// Operating system as the configuration names it.
    pub os_type: &'static str,
    /// Whether the balloon driver reports memory.
    pub has_balloon: bool,
    /// How its disk is divided, for virtual machines.
    pub file_system: FileSystemLayout,
    /// Whether it was made from an OCI image.
    pub is_oci: bool,
    /// Whether it gets its address by DHCP.
    pub is_dhcp: bool,
    #[serde(skip)]
    pub(crate) key: u64,
    #[serde(skip)]
    pub(crate) home: usize,
    #[serde(skip)]
    pub(crate) runs: bool,
    #[serde(skip)]
    pub(crate) counters: [Counter; 4],
}

impl GuestPlan {
    /// The tags as one word list, as the API writes them.
    pub fn tag_line(&self) -> String {
        self.tags.join(";")
    }

    /// Hardware address of the first network card.
    pub fn mac(&self) -> String {
        let [.., a, b, c] = derive(self.key, 77).to_be_bytes();
        format!("BC:24:11:{a:02X}:{b:02X}:{c:02X}")
    }

    /// Address of the first network card.
    pub fn address(&self) -> String {
        let place = self.vmid % 65_024;
        format!("10.{}.{}.{}", 20 + self.vmid / 65_024, place / 254, 1 + place % 254)
    }
}

/// A storage as configured for the cluster.
#[derive(Debug, Clone)]
pub(crate) struct StoragePlan {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) content: &'static str,
    pub(crate) is_shared: bool,
    pub(crate) is_disabled: bool,
    /// So many nodes may use it, the first ones; all where absent.
    pub(crate) only_first: Option<usize>,
    pub(crate) key: u64,
}

impl StoragePlan {
    /// Whether the node with that index may use it.
    pub(crate) fn is_on(&self, node: usize) -> bool {
        self.only_first.is_none_or(|count| node < count)
    }
}

/// Everything that is planned.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) nodes: Vec<NodePlan>,
    pub(crate) guests: Vec<Arc<GuestPlan>>,
    pub(crate) storages: Vec<StoragePlan>,
    pub(crate) pools: Vec<&'static str>,
    /// Size of every storage: per node for local ones, one figure for shared ones.
    pub(crate) sizes: BTreeMap<(&'static str, usize), u64>,
    pub(crate) key: u64,
    pub(crate) mix: GuestMix,
}

/// The share on CIFS is for so many nodes.
const CIFS_NODES: usize = 2;
/// Of the guest agents that are switched on, so many do not answer.
const DEAD_AGENTS: f64 = 0.08 / 0.75;

struct Role {
    name: &'static str,
    tags: &'static [&'static str],
    pool: Option<&'static str>,
    /// Share of the machine it keeps busy on a usual day.
    load: f64,
    /// Bytes per second of its biggest burst.
    peak: u64,
}

const ROLES: [Role; 12] = [
    Role { name: "web", tags: &["prod", "web"], pool: Some("production"), load: 0.12, peak: 8 << 20 },
    Role { name: "app", tags: &["app", "prod"], pool: Some("production"), load: 0.18, peak: 6 << 20 },
    Role { name: "db", tags: &["database", "prod"], pool: Some("production"), load: 0.25, peak: 40 << 20 },
    Role { name: "cache", tags: &["prod"], pool: Some("production"), load: 0.08, peak: 12 << 20 },
    Role { name: "mail", tags: &["prod"], pool: Some("office"), load: 0.05, peak: 3 << 20 },
    Role { name: "files", tags: &["office"], pool: Some("office"), load: 0.06, peak: 60 << 20 },
    Role { name: "dns", tags: &["infra"], pool: None, load: 0.01, peak: 64 << 10 },
    Role { name: "proxy", tags: &["infra", "web"], pool: None, load: 0.07, peak: 10 << 20 },
    Role { name: "build", tags: &["ci", "dev"], pool: Some("development"), load: 0.35, peak: 30 << 20 },
    Role { name: "test", tags: &["dev"], pool: Some("development"), load: 0.04, peak: 2 << 20 },
    Role { name: "monitor", tags: &["infra"], pool: None, load: 0.09, peak: 1 << 20 },
    Role { name: "backup", tags: &["infra"], pool: None, load: 0.03, peak: 80 << 20 },
];

impl Plan {
    pub(crate) fn new(options: &EstateOptions) -> Self {
        let key = derive_text(options.seed, &options.name);
        let guests: Vec<_> = (0..options.guests).map(|index| Arc::new(guest(options, key, index))).collect();
        let nodes = (0..options.nodes).map(|index| node(options, key, index, &guests)).collect();
        let storages = storages(options, key);
        let sizes = sizes(options, &storages, &guests);
        let mut pools: Vec<_> = guests.iter().filter_map(|guest| guest.pool).collect();
        pools.sort_unstable();
        pools.dedup();
        Self { nodes, guests, storages, pools, sizes, key, mix: options.mix.clone() }
    }
}

/// How busy a role is on a usual day, and the seed of its personality.
pub(crate) fn usual_load(guest: &GuestPlan) -> f64 {
    let role = ROLES.iter().find(|role| guest.name.starts_with(role.name)).map_or(0.05, |role| role.load);
    let taste = unit(derive(guest.key, 31));
    role * (0.2 + 1.6 * taste * taste)
}

fn template_count(guests: usize) -> usize {
    if guests < 10 { 0 } else { (guests / 40).clamp(1, 10) }
}

fn guest(options: &EstateOptions, estate: u64, index: usize) -> GuestPlan {
    let vmid = 100 + index as u32;
    let key = derive(derive_text(estate, "guest"), u64::from(vmid));
    let part = |which: u64| derive(key, which);
    let chance = |which: u64| unit(part(which));
    let role = &ROLES[(part(1) % ROLES.len() as u64) as usize];
    let mix = &options.mix;
    let templates = mix.templates.unwrap_or_else(|| template_count(options.guests));
    let is_template = index + templates >= options.guests;
    let kind =
        if is_template || chance(2) < 1.0 - mix.container_share { GuestKind::Qemu } else { GuestKind::Lxc };
    let is_vm = kind == GuestKind::Qemu;
    let is_windows = is_vm && chance(3) < 0.15;
    let runs = !is_template && chance(4) >= 0.15;
    let (memory, disk) = if is_vm {
        (
            pick(part(5), &[2, 2, 4, 4, 8, 8, 16, 32]) * GIB,
            pick(part(6), &[16, 32, 32, 50, 64, 100, 200]) * GIB,
        )
    } else {
        (pick(part(5), &[512, 512, 1024, 2048, 4096]) * MIB, pick(part(6), &[4, 8, 8, 16, 32]) * GIB)
    };
    let agent = match chance(7) {
        _ if !is_vm || is_template => AgentState::Off,
        share if share < 1.0 - mix.agent_share => AgentState::Off,
        share if share < 1.0 - mix.agent_share + DEAD_AGENTS * mix.agent_share => AgentState::Dead,
        _ => AgentState::Running,
    };
    let name = if is_template {
        format!("{}-template-{vmid}", if is_windows { "windows" } else { "debian" })
    } else {
        format!("{}-{vmid}", role.name)
    };
    let counter = |which: u64, share: f64, trickle: u64| {
        Counter::new(part(which), (role.peak as f64 * share) as u64, trickle)
    };
    GuestPlan {
        vmid,
        kind,
        name,
        is_template,
        tags: if chance(8) < 0.2 { Vec::new() } else { role.tags.to_vec() },
        pool: role.pool,
        is_ha: options.nodes > 1 && !is_template && chance(9) < mix.ha_share,
        lock: (!is_template && chance(10) < 0.015).then_some("backup"),
        cpus: if is_vm { pick(part(11), &[1, 2, 2, 4, 4, 8]) } else { pick(part(11), &[1, 1, 2, 4]) },
        memory,
        disk,
        storage: match chance(12) {
            share if options.ceph && share < 0.5 => "ceph-pool",
            share if options.zfs && share < 0.8 => "tank",
            _ => "local-lvm",
        },
        file_system: match chance(17) {
            _ if is_windows => FileSystemLayout::Windows,
            share if share < 0.1 => FileSystemLayout::Btrfs,
            share if share < 0.2 => FileSystemLayout::Zfs,
            share if share < 0.5 => FileSystemLayout::Lvm,
            _ => FileSystemLayout::Plain,
        },
        is_oci: !is_vm && options.version >= PveVersion::V9_1 && chance(18) < 0.15,
        agent,
        os_type: match (is_vm, is_windows) {
            (true, true) => "win11",
            (true, false) => "l26",
            (false, _) => pick(part(13), &["debian", "debian", "ubuntu", "alpine", "fedora"]),
        },
        has_balloon: is_vm && chance(14) < 0.7,
        is_dhcp: chance(15) < 0.5,
        key,
        home: (part(16) % options.nodes as u64) as usize,
        runs,
        counters: [
            counter(20, 1.0, 40 + part(24) % 400),
            counter(21, 0.7, 30 + part(25) % 300),
            counter(22, 0.8, 0),
            counter(23, 1.0, 0),
        ],
    }
}

fn node(options: &EstateOptions, estate: u64, index: usize, guests: &[Arc<GuestPlan>]) -> NodePlan {
    let name = format!("{}{}", options.node_prefix, index + 1);
    let key = derive(derive_text(estate, "node"), index as u64);
    let own = || guests.iter().filter(|guest| guest.home == index && !guest.is_template);
    let cpus: u32 = own().map(|guest| guest.cpus).sum();
    let memory: u64 = own().map(|guest| guest.memory).sum();
    let (model, vendor, mhz) = pick(
        derive(key, 1),
        &[
            ("AMD EPYC 7313 16-Core Processor", "AuthenticAMD", "2994.375"),
            ("AMD EPYC 7443P 24-Core Processor", "AuthenticAMD", "2844.604"),
            ("Intel(R) Xeon(R) Silver 4314 CPU @ 2.40GHz", "GenuineIntel", "2400.000"),
            ("Intel(R) Xeon(R) E-2288G CPU @ 3.70GHz", "GenuineIntel", "3700.000"),
        ],
    );
    // Twice as many virtual processors as real ones, but memory for everybody and one neighbour: as people build them.
    NodePlan {
        name: name.into(),
        key,
        cpus: (cpus / 2).next_power_of_two().clamp(8, 512),
        memory: (memory + memory / 4 + 8 * GIB).div_ceil(32 * GIB) * 32 * GIB,
        swap: 8 * GIB,
        root: 94 * GIB,
        model,
        vendor,
        mhz,
    }
}

fn storages(options: &EstateOptions, estate: u64) -> Vec<StoragePlan> {
    let mut list = vec![
        ("local", "dir", "iso,vztmpl,backup", false, false),
        ("local-lvm", "lvmthin", "rootdir,images", false, false),
        ("nas", "nfs", "backup,iso,vztmpl", true, false),
        ("archive", "dir", "backup", false, true),
    ];
    if options.ceph {
        list.push(("ceph-pool", "rbd", "images,rootdir", true, false));
        list.push(("cephfs", "cephfs", "backup,iso,vztmpl", true, false));
    }
    if options.cifs {
        list.push(("office", "cifs", "backup,iso", true, false));
    }
    if options.zfs {
        list.push(("tank", "zfspool", "images,rootdir", false, false));
    }
    if options.pbs {
        list.push(("pbs-main", "pbs", "backup", true, false));
    }
    list.into_iter()
        .map(|(name, kind, content, is_shared, is_disabled)| StoragePlan {
            name,
            kind,
            content,
            is_shared,
            is_disabled,
            only_first: (kind == "cifs" && options.nodes > CIFS_NODES).then_some(CIFS_NODES),
            key: derive_text(estate, name),
        })
        .collect()
}

fn sizes(
    options: &EstateOptions,
    storages: &[StoragePlan],
    guests: &[Arc<GuestPlan>],
) -> BTreeMap<(&'static str, usize), u64> {
    let planned = |storage: &str, node: Option<usize>| -> u64 {
        guests
            .iter()
            .filter(|guest| guest.storage == storage && node.is_none_or(|node| guest.home == node))
            .map(|guest| guest.disk)
            .sum()
    };
    let mut sizes = BTreeMap::new();
    for storage in storages.iter().filter(|storage| !storage.is_disabled) {
        for node in 0..options.nodes {
            let size = match storage.name {
                "local" => 94 * GIB,
                local @ ("local-lvm" | "tank") => {
                    (planned(local, Some(node)) + 64 * GIB).div_ceil(256 * GIB) * 256 * GIB
                }
                // Both draw from the same disks.
                "ceph-pool" | "cephfs" => (planned("ceph-pool", None) + 2 * TIB).div_ceil(TIB) * TIB,
                "nas" => (8 + options.guests as u64 / 50) * TIB,
                _ => (6 + options.guests as u64 / 40) * TIB,
            };
            sizes.insert((storage.name, node), size);
        }
    }
    sizes
}
