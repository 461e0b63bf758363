//! Guests: from the cluster's listing, and what the VMs' node adds to it.

use std::collections::HashMap;

use jiff::Timestamp;
use pulse_core::{
    Missing, Reading,
    ids::{GuestId, InstanceName},
    model::{DiskUse, Guest, GuestKind, GuestStatus, IoCounters, IoRates, MemorySource, MemoryUse},
};

use super::{
    lenient::Int,
    wire::{Resource, Vm},
};
use crate::details::Glimpse;

/// A guest's number, from the row or from its id.
pub(super) fn vmid(row: &Resource<'_>) -> Option<u32> {
    row.vmid.u32().or_else(|| row.id.as_str()?.rsplit('/').next()?.parse().ok())
}

/// A guest as the cluster's listing shows it; `None` for what is no guest or not recognisable.
pub(super) fn from_listing(
    row: &Resource<'_>,
    instance: &InstanceName,
    node_is_up: bool,
    now: Timestamp,
) -> Option<Guest> {
    let kind = match row.kind.as_str()? {
        "qemu" => GuestKind::Vm,
        "lxc" => GuestKind::Container,
        _ => return None,
    };
    let vmid = vmid(row)?;
    let node = row.node.to_name()?;
    let status = match row.status.as_str() {
        _ if !node_is_up => GuestStatus::Unknown,
        Some("running") => GuestStatus::Running,
        Some("stopped") if row.lock.is("suspended") => GuestStatus::Suspended,
        Some("stopped") => GuestStatus::Stopped,
        Some("paused") => GuestStatus::Paused,
        Some("suspended") => GuestStatus::Suspended,
        _ => GuestStatus::Unknown,
    };
    let unless_running = missing_unless_running(status);
    let memory = measured(unless_running, memory(row.mem.positive(), row.maxmem.positive()));
    let disk = match kind {
        GuestKind::Container | GuestKind::OciContainer => measured(
            unless_running,
            row.maxdisk.positive().zip(row.disk.0).and_then(|(total, used)| DiskUse::new(total, used)),
        ),
        // What a VM uses of its disk only an agent inside can tell; the listing always says 0.
        GuestKind::Vm => Reading::Unknown(unless_running.unwrap_or(Missing::NotReported)),
    };
    Some(Guest {
        id: GuestId::of(instance, &node, vmid),
        kind,
        vmid,
        name: row.name.to_name().unwrap_or_else(|| match kind {
            GuestKind::Vm => format!("VM {vmid}"),
            GuestKind::Container | GuestKind::OciContainer => format!("CT {vmid}"),
        }),
        node,
        instance: instance.clone(),
        status,
        is_template: false,
        lock: row.lock.to_owned(),
        tags: row.tags.as_str().map(split_tags).unwrap_or_default(),
        pool: row.pool.to_owned(),
        ha_state: row.hastate.to_owned(),
        cpu_fraction: measured(unless_running, row.cpu.fraction()),
        cpu_count: row.maxcpu.fraction().filter(|count| *count >= 1.0).map(|count| count as u32),
        memory_source: memory.known().map(|_| MemorySource::Listing),
        memory,
        disk,
        allocated_disk_bytes: row.maxdisk.positive(),
        file_systems: Vec::new(),
        counters: match unless_running {
            None => IoCounters {
                network_in_bytes: row.netin.0,
                network_out_bytes: row.netout.0,
                disk_read_bytes: row.diskread.0,
                disk_write_bytes: row.diskwrite.0,
            },
            Some(_) => IoCounters::default(),
        },
        rates: no_rates(unless_running.unwrap_or(Missing::FirstSample)),
        uptime_seconds: measured(unless_running, row.uptime.0),
        os_name: None,
        os_version: None,
        agent_version: None,
        os_template: None,
        network_interfaces: Vec::new(),
        ip_addresses: Vec::new(),
        last_backup: None,
        last_seen: if status == GuestStatus::Unknown { Timestamp::UNIX_EPOCH } else { now },
    })
}

/// What a node says of a VM, kept until it is put into the guest.
#[derive(Debug, Clone)]
pub(super) struct VmRuntime {
    status: GuestStatus,
    lock: Option<String>,
    cpu: Option<f64>,
    memory: Option<(MemoryUse, MemorySource)>,
    counters: IoCounters,
    uptime_seconds: Option<u64>,
}

/// VMs of one node by VMID.
pub(super) fn runtimes(rows: &[Vm<'_>]) -> HashMap<u32, VmRuntime> {
    rows.iter().filter_map(|row| Some((row.vmid.u32()?, runtime(row)?))).collect()
}

fn runtime(row: &Vm<'_>) -> Option<VmRuntime> {
    let status = match (row.status.as_str(), row.qmpstatus.as_str()) {
        (
            Some("running"),
            Some("paused" | "prelaunch" | "inmigrate" | "postmigrate" | "io-error" | "save-vm"),
        ) => GuestStatus::Paused,
        (Some("running"), Some("suspended")) => GuestStatus::Suspended,
        (Some("running"), _) => GuestStatus::Running,
        (Some("stopped"), _) => GuestStatus::Stopped,
        _ => return None,
    };
    Some(VmRuntime {
        status,
        lock: row.lock.to_owned(),
        cpu: row.cpu.fraction(),
        memory: vm_memory(row),
        counters: IoCounters {
            network_in_bytes: row.netin.0,
            network_out_bytes: row.netout.0,
            disk_read_bytes: row.diskread.0,
            disk_write_bytes: row.diskwrite.0,
        },
        uptime_seconds: row.uptime.0,
    })
}

/// What a guest's own status says; `None` when it does not run.
pub(super) fn glimpse(row: &Vm<'_>, kind: GuestKind) -> Option<Glimpse> {
    let VmRuntime { status, cpu, memory, counters, uptime_seconds, .. } = runtime(row)?;
    let (memory, memory_source) = match kind {
        GuestKind::Vm => memory.unzip(),
        // The same figure as in the listing.
        GuestKind::Container | GuestKind::OciContainer => {
            let memory = self::memory(row.mem.positive(), row.maxmem.positive());
            (memory, memory.map(|_| MemorySource::Listing))
        }
    };
    let glimpse =
        Glimpse { cpu_fraction: cpu, memory, memory_source, counters, load_average: None, uptime_seconds };
    (status == GuestStatus::Running).then_some(glimpse)
}

/// What a node knows of a VM's memory, the best source first (docs/proxmox.md has the whole order; an agent inside
/// the guest goes before all of these).
fn vm_memory(row: &Vm<'_>) -> Option<(MemoryUse, MemorySource)> {
    let total = row.maxmem.positive();
    let from_meminfo = row.meminfo.0.and_then(|info| {
        let cache = |part: Int| part.0.unwrap_or(0);
        let free = info
            .free
            .0
            .map(|free| free.saturating_add(cache(info.buffers)).saturating_add(cache(info.cached)));
        let (inside, available) = (info.total.positive().or(total)?, info.available.0.or(free)?);
        memory(Some(inside.saturating_sub(available)), total.or(Some(inside)))
    });
    let has_balloon_figures = row
        .ballooninfo
        .0
        .is_some_and(|info| info.total_mem.positive().is_some() && info.free_mem.0.is_some());
    let plain = if has_balloon_figures { MemorySource::Balloon } else { MemorySource::StatusCurrent };
    let (memory, source) = match from_meminfo {
        Some(memory) => (memory, MemorySource::Meminfo),
        None => (memory(row.mem.positive(), total)?, plain),
    };
    // The balloon's current size is shown beside the figures; the total stays what the VM was given.
    let balloon_bytes = row.ballooninfo.0.and_then(|info| info.actual.positive()).or(row.balloon.positive());
    Some((MemoryUse { balloon_bytes, ..memory }, source))
}

/// Puts what the node says over what the listing says, which is up to ten seconds older.
pub(super) fn apply(guest: &mut Guest, runtime: &VmRuntime, now: Timestamp) {
    guest.lock.clone_from(&runtime.lock);
    // Hibernated to disk: to the node it is stopped, and only the lock tells.
    guest.status = match runtime.status {
        GuestStatus::Stopped if guest.lock.as_deref() == Some("suspended") => GuestStatus::Suspended,
        status => status,
    };
    guest.last_seen = now;
    let has_process = runtime.status != GuestStatus::Stopped;
    let unless_running = (!has_process).then_some(Missing::Stopped);
    guest.cpu_fraction = match runtime.cpu {
        Some(cpu) => measured(unless_running, Some(cpu)),
        None => measured(unless_running, guest.cpu_fraction.known()),
    };
    (guest.memory, guest.memory_source) = match (unless_running, runtime.memory) {
        (None, Some((memory, source))) => (Reading::Known(memory), Some(source)),
        (None, None) => (guest.memory, guest.memory_source),
        (Some(why), _) => (Reading::Unknown(why), None),
    };
    guest.uptime_seconds = match runtime.uptime_seconds {
        Some(seconds) => measured(unless_running, Some(seconds)),
        None => measured(unless_running, guest.uptime_seconds.known()),
    };
    guest.disk = Reading::Unknown(unless_running.unwrap_or(Missing::NotReported));
    guest.counters = if has_process { runtime.counters } else { IoCounters::default() };
    guest.rates = no_rates(unless_running.unwrap_or(Missing::FirstSample));
}

fn missing_unless_running(status: GuestStatus) -> Option<Missing> {
    match status {
        // A paused VM, or one asleep in memory, still has its memory.
        GuestStatus::Running | GuestStatus::Paused => None,
        GuestStatus::Stopped | GuestStatus::Suspended => Some(Missing::Stopped),
        GuestStatus::Unknown => Some(Missing::Offline),
    }
}

fn measured<T>(why_not: Option<Missing>, value: Option<T>) -> Reading<T> {
    match why_not {
        Some(why) => Reading::Unknown(why),
        None => Reading::from_option(value, Missing::NotReported),
    }
}

fn memory(used: Option<u64>, total: Option<u64>) -> Option<MemoryUse> {
    MemoryUse::new(total?, used?)
}

fn no_rates(why: Missing) -> IoRates {
    IoRates {
        network_in_bytes_per_second: Reading::Unknown(why),
        network_out_bytes_per_second: Reading::Unknown(why),
        disk_read_bytes_per_second: Reading::Unknown(why),
        disk_write_bytes_per_second: Reading::Unknown(why),
    }
}

/// Proxmox joins tags with `;` and accepts `,` and blanks.
fn split_tags(text: &str) -> Vec<String> {
    text.split([';', ',', ' ']).map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::list;

    /// What one VM in a node's list says of its memory: used bytes, and where that is from.
    #[track_caller]
    fn check(row: &str, expect: Option<(u64, MemorySource)>) {
        let body = format!(r#"{{"data":[{row}]}}"#);
        let rows: Vec<Vm<'_>> = list(&body).unwrap();
        let got = vm_memory(&rows[0]).map(|(memory, source)| {
            assert_eq!(memory.total_bytes, 1000, "the total is what the VM was given");
            (memory.used_bytes, source)
        });
        assert_eq!(got, expect, "{row}");
    }

    #[test]
    fn the_best_source_of_a_nodes_memory_figures_is_taken() {
        use MemorySource::{Balloon, Meminfo, StatusCurrent};
        // 7 and 8 with a balloon driver.
        let balloon = r#""maxmem":1000,"mem":700,"freemem":200,"ballooninfo":{"total_mem":900,"free_mem":200,"actual":1000}"#;
        check(&format!("{{{balloon}}}"), Some((700, Balloon)));
        // Without the driver: what the process takes (7, 8), or the group of the host (9).
        check(r#"{"maxmem":1000,"mem":"650"}"#, Some((650, StatusCurrent)));
        check(r#"{"maxmem":1000,"mem":650,"memhost":990}"#, Some((650, StatusCurrent)));
        // A balloon without figures is none.
        check(r#"{"maxmem":1000,"mem":650,"ballooninfo":{"actual":1000}}"#, Some((650, StatusCurrent)));
        // The guest's own view, should a release pass it on, with and without what is available.
        check(&format!(r#"{{{balloon},"meminfo":{{"total":950,"available":600}}}}"#), Some((350, Meminfo)));
        check(
            &format!(r#"{{{balloon},"meminfo":{{"total":950,"free":100,"buffers":50,"cached":"300"}}}}"#),
            Some((500, Meminfo)),
        );
        check(&format!(r#"{{{balloon},"meminfo":{{}}}}"#), Some((700, Balloon)));
        // Nothing is not 0.
        check(r#"{"maxmem":1000,"mem":0}"#, None);
        check(r#"{"maxmem":1000}"#, None);
        check(r#"{"mem":5}"#, None);
        // More than there is happens: the host's figure includes the emulator.
        check(r#"{"maxmem":1000,"mem":1200}"#, Some((1000, StatusCurrent)));
    }

    #[test]
    fn the_sources_stand_in_their_order() {
        use MemorySource::{Balloon, GuestAgent, LinkedAgent, Listing, Meminfo, StatusCurrent};
        assert!([LinkedAgent, GuestAgent, Meminfo, Balloon, StatusCurrent, Listing].is_sorted());
    }
}
