//! Nodes: from the cluster's listing and membership, and what the node itself says.

use jiff::Timestamp;
use pulse_core::{
    Missing, Reading,
    ids::{InstanceName, NodeId},
    model::{ConnectionHealth, CpuInfo, DiskUse, MemoryUse, Node, NodeStatus},
};

use super::{
    lenient,
    wire::{self, Amount},
};
use crate::details::Glimpse;

/// What the listing says of a node.
#[derive(Debug, Clone, Default)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) status: Option<String>,
    cpu: Option<f64>,
    cpu_count: Option<u32>,
    memory: Option<MemoryUse>,
    disk: Option<DiskUse>,
    uptime_seconds: Option<u64>,
}

impl Listed {
    /// The listing's entry for a node; `None` where it has no name.
    pub(super) fn read(row: &wire::Resource<'_>) -> Option<Self> {
        let id = row.id.as_str().map(|id| id.strip_prefix("node/").unwrap_or(id));
        Some(Self {
            name: row.node.to_name().or_else(|| id.map(lenient::name))?,
            status: row.status.to_owned(),
            cpu: row.cpu.fraction(),
            cpu_count: row.maxcpu.fraction().filter(|count| *count >= 1.0).map(|count| count as u32),
            memory: amount(row.maxmem.positive(), row.mem.positive()),
            disk: row.maxdisk.positive().zip(row.disk.0).and_then(|(total, used)| DiskUse::new(total, used)),
            uptime_seconds: row.uptime.positive(),
        })
    }

    /// A node that only the cluster's membership names.
    pub(super) fn unlisted(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }
}

/// What is the same for all nodes of an instance.
pub(super) struct Context<'a> {
    pub(super) instance: &'a InstanceName,
    pub(super) guest_url: Option<&'a str>,
    pub(super) cluster_name: Option<&'a str>,
    /// The cluster that ids are made of, where it is not the instance.
    pub(super) named_by: Option<&'a str>,
    pub(super) now: Timestamp,
}

/// A node from the listing alone.
pub(super) fn from_listing(listed: &Listed, is_up: bool, context: &Context<'_>) -> Node {
    let why = if is_up { Missing::NotReported } else { Missing::Offline };
    Node {
        id: NodeId::of(context.instance, context.named_by, &listed.name),
        instance: context.instance.clone(),
        name: listed.name.clone(),
        host_url: None,
        guest_url: context.guest_url.map(str::to_owned),
        status: if is_up { NodeStatus::Online } else { NodeStatus::Offline },
        health: if is_up { ConnectionHealth::Healthy } else { ConnectionHealth::Error },
        cpu_fraction: Reading::from_option(listed.cpu.filter(|_| is_up), why),
        cpu_count: listed.cpu_count,
        memory: Reading::from_option(listed.memory.filter(|_| is_up), why),
        root_disk: Reading::from_option(listed.disk.filter(|_| is_up), why),
        uptime_seconds: Reading::from_option(listed.uptime_seconds.filter(|_| is_up), why),
        load_average: None,
        kernel_version: None,
        pve_version: None,
        cpu_info: None,
        temperature: None,
        cluster_name: context.cluster_name.map(str::to_owned),
        pending_updates: None,
        certificate_fingerprint: None,
        linked_host: None,
        // The keeper of the state knows when it was last up; this poll only knows that it is not.
        last_seen: if is_up { context.now } else { Timestamp::UNIX_EPOCH },
    }
}

/// What the node itself says, without the listing.
pub(super) fn glimpse(status: &wire::NodeStatus<'_>) -> Glimpse {
    Glimpse {
        cpu_fraction: status.cpu.fraction(),
        memory: status.memory.0.and_then(|memory| amount(memory.total.positive(), memory.used.0)),
        load_average: status.loadavg.0,
        uptime_seconds: status.uptime.positive(),
        ..Glimpse::default()
    }
}

/// Puts what the node itself says over what the listing says.
pub(super) fn apply(node: &mut Node, status: &wire::NodeStatus<'_>) {
    replace(&mut node.cpu_fraction, status.cpu.fraction());
    replace(&mut node.uptime_seconds, status.uptime.positive());
    // In every version `used` is without buffers and cache; the ARC of ZFS counts as used.
    let memory = status.memory.0.and_then(|memory| {
        let mut memory = amount(memory.total.positive(), memory.used.0)?;
        let swap = status.swap.0.unwrap_or_default();
        memory.swap_total_bytes = swap.total.0;
        memory.swap_used_bytes = swap.used.0;
        Some(memory)
    });
    replace(&mut node.memory, memory);
    replace(&mut node.root_disk, status.rootfs.0.and_then(|disk| space(&disk)));
    node.load_average = status.loadavg.0;
    node.kernel_version = match status.current_kernel.0.as_ref().and_then(|kernel| kernel.release.to_owned())
    {
        Some(release) => Some(release),
        None => status.kversion.as_str().map(kernel_release),
    };
    node.pve_version = status.pveversion.as_str().map(short_version);
    if let Some(cpu) = &status.cpuinfo.0 {
        node.cpu_count = node.cpu_count.or(cpu.cpus.u32());
        node.cpu_info = Some(CpuInfo {
            model: cpu.model.to_owned().unwrap_or_default(),
            cores: cpu.cores.u32().unwrap_or_default(),
            sockets: cpu.sockets.u32().unwrap_or_default(),
            mhz: cpu.mhz.to_owned().unwrap_or_default(),
        });
    }
}

/// What the listing lacks is lacking because the credentials may not see it.
pub(super) fn deny(node: &mut Node) {
    fn name_it<T>(reading: &mut Reading<T>) {
        if reading.missing().is_some() {
            *reading = Reading::Unknown(Missing::PermissionDenied);
        }
    }
    name_it(&mut node.cpu_fraction);
    name_it(&mut node.memory);
    name_it(&mut node.root_disk);
    name_it(&mut node.uptime_seconds);
}

fn replace<T>(reading: &mut Reading<T>, value: Option<T>) {
    if let Some(value) = value {
        *reading = Reading::Known(value);
    }
}

fn amount(total: Option<u64>, used: Option<u64>) -> Option<MemoryUse> {
    MemoryUse::new(total?, used?)
}

/// Free is what can be used: less than total − used where the file system keeps blocks back.
pub(super) fn space(amount: &Amount) -> Option<DiskUse> {
    let (total, used) = (amount.total.positive()?, amount.used.0?);
    let mut space = DiskUse::new(total, used)?;
    if let Some(available) = amount.avail.0 {
        space.free_bytes = available.min(total);
    }
    Some(space)
}

/// `Linux 6.8.12-4-pve #1 SMP …` → `6.8.12-4-pve`.
fn kernel_release(text: &str) -> String {
    let mut words = text.split_whitespace();
    match (words.next(), words.next()) {
        (Some("Linux"), Some(release)) => release.to_owned(),
        (Some(first), _) => first.to_owned(),
        (None, _) => String::new(),
    }
}

/// `pve-manager/9.2.0/b7c21290` → `9.2.0`.
fn short_version(text: &str) -> String {
    match text.strip_prefix("pve-manager/") {
        Some(rest) => rest.split('/').next().unwrap_or(rest).to_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_lose_their_decoration() {
        assert_eq!(short_version("pve-manager/9.2.0/b7c21290"), "9.2.0");
        assert_eq!(short_version("pve-manager/7.4-16/0f39f621"), "7.4-16");
        assert_eq!(short_version("8.4"), "8.4");
        assert_eq!(kernel_release("Linux 5.15.108-1-pve #1 SMP PVE"), "5.15.108-1-pve");
        assert_eq!(kernel_release("6.8.12"), "6.8.12");
    }
}
