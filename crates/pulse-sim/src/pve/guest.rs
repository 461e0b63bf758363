//! What a node answers about its guests.

use serde_json::{Value, json};

use super::{Context, cluster::ha_state, reply::Outcome};
use crate::{
    PveVersion,
    estate::{AgentState, GuestKind, GuestStatus, GuestTruth, plan::MIB},
    figures::{derive, noise},
    net::tls::uuid,
};

pub(super) fn list(context: &Context<'_>, kind: GuestKind) -> Outcome {
    let (_, node) = context.node()?;
    let full = context.flag("full");
    let doubles = context.doubles();
    let guests = context
        .truth
        .guests
        .iter()
        .chain(&doubles)
        .filter(|guest| guest.plan.kind == kind && guest.node == node.name);
    let list = guests.map(|guest| match kind {
        GuestKind::Qemu => qemu_figures(context, guest, full),
        GuestKind::Lxc => {
            let mut figures = lxc_figures(context, guest);
            if context.version == PveVersion::V7_4 {
                figures["vmid"] = guest.plan.vmid.to_string().into();
            }
            figures
        }
    });
    Ok(Value::Array(list.collect()))
}

pub(super) fn status(context: &Context<'_>, kind: GuestKind) -> Outcome {
    let guest = context.guest(kind)?;
    let mut figures = match kind {
        GuestKind::Qemu => qemu_figures(context, guest, true),
        GuestKind::Lxc => lxc_figures(context, guest),
    };
    figures["ha"] = if guest.plan.is_ha {
        json!({ "managed": 1, "state": ha_state(guest) })
    } else {
        json!({ "managed": 0 })
    };
    if kind == GuestKind::Qemu {
        if guest.agent != AgentState::Off {
            figures["agent"] = 1.into();
        }
        if guest.has_process() {
            figures["spice"] = 1.into();
        }
    }
    Ok(figures)
}

/// What both kinds have in common.
fn shared_figures(guest: &GuestTruth) -> Value {
    let plan = &*guest.plan;
    let mut figures = json!({
        "cpu": guest.cpu,
        "cpus": plan.cpus,
        "maxmem": plan.memory,
        "mem": guest.memory_used,
        "name": plan.name,
        "netin": guest.net_in,
        "netout": guest.net_out,
        "status": guest.status.word(),
        "uptime": guest.uptime,
        "vmid": plan.vmid,
    });
    if !plan.tags.is_empty() {
        figures["tags"] = plan.tag_line().into();
    }
    if let Some(lock) = guest.lock {
        figures["lock"] = lock.into();
    }
    if plan.is_template {
        figures["template"] = 1.into();
    }
    if guest.has_process() {
        figures["pid"] = (1_000 + derive(plan.key, 90) % 3_000_000).into();
    }
    figures
}

/// How long tasks wait for a resource, percent; from release 9 on and only while the guest runs.
fn pressure(context: &Context<'_>, guest: &GuestTruth, figures: &mut Value) {
    if context.version < PveVersion::V9_1 || !guest.has_process() {
        return;
    }
    let some = |which: u64, most: f64| {
        let share = noise(derive(guest.plan.key, which), context.truth.at);
        (share * share * most * 100.0).round() / 100.0
    };
    figures["pressurecpusome"] = some(91, 4.0 * guest.cpu).into();
    figures["pressureiosome"] = some(92, 0.8).into();
    figures["pressureiofull"] = some(93, 0.4).into();
    figures["pressurememorysome"] = 0.0.into();
    figures["pressurememoryfull"] = 0.0.into();
    if guest.plan.kind == GuestKind::Qemu {
        figures["pressurecpufull"] = 0.0.into();
    }
}

fn qemu_figures(context: &Context<'_>, guest: &GuestTruth, full: bool) -> Value {
    let plan = &*guest.plan;
    let mut figures = shared_figures(guest);
    // The outside cannot see how full the disk is.
    figures["disk"] = 0.into();
    figures["maxdisk"] = plan.disk.into();
    if context.version >= PveVersion::V9_1 {
        figures["memhost"] = guest.memory_host.into();
    }
    if plan.has_balloon {
        figures["balloon_min"] = (plan.memory / 2).into();
        figures["shares"] = 1000.into();
    }
    pressure(context, guest, &mut figures);
    if !full {
        return figures;
    }
    figures["qmpstatus"] =
        if guest.status == GuestStatus::Paused { "paused" } else { guest.status.word() }.into();
    if !guest.has_process() {
        return figures;
    }
    figures["diskread"] = guest.disk_read.into();
    figures["diskwrite"] = guest.disk_written.into();
    figures["balloon"] = plan.memory.into();
    let free = plan.memory - guest.memory_used;
    if plan.has_balloon {
        // What the guest's kernel takes for itself is not part of the total.
        let total = plan.memory - plan.memory / 32;
        let free = total.saturating_sub(guest.memory_used);
        figures["freemem"] = free.into();
        figures["ballooninfo"] = json!({
            "actual": plan.memory,
            "free_mem": free,
            "last_update": context.truth.at,
            "major_page_faults": 1_800,
            "max_mem": plan.memory,
            "mem_swapped_in": 0,
            "mem_swapped_out": 0,
            "minor_page_faults": 3_800_000 + guest.uptime,
            "total_mem": total,
        });
    }
    debug_assert!(free <= plan.memory);
    let disk = "scsi0";
    figures["blockstat"] = json!({ disk: {
        "failed_rd_operations": 0,
        "failed_wr_operations": 0,
        "flush_operations": guest.disk_written / MIB,
        "rd_bytes": guest.disk_read,
        "rd_operations": guest.disk_read / 16_384,
        "wr_bytes": guest.disk_written,
        "wr_operations": guest.disk_written / 16_384,
    } });
    let tap = format!("tap{}i0", plan.vmid);
    figures["nics"] = json!({ tap: { "netin": guest.net_in, "netout": guest.net_out } });
    figures["running-machine"] = "pc-i440fx-9.2+pve1".into();
    figures["running-qemu"] = "9.2.0".into();
    figures["proxmox-support"] = json!({ "pbs-dirty-bitmap": true, "query-bitmap-info": true });
    figures
}

fn lxc_figures(context: &Context<'_>, guest: &GuestTruth) -> Value {
    let plan = &*guest.plan;
    let mut figures = shared_figures(guest);
    figures["disk"] = if guest.has_process() { guest.disk_used } else { 0 }.into();
    figures["maxdisk"] = plan.disk.into();
    figures["diskread"] = guest.disk_read.into();
    figures["diskwrite"] = guest.disk_written.into();
    figures["maxswap"] = (512 * MIB).into();
    figures["swap"] = 0.into();
    figures["type"] = "lxc".into();
    pressure(context, guest, &mut figures);
    figures
}

pub(super) fn digest(guest: &GuestTruth) -> String {
    format!("{:016x}{:016x}{:08x}", derive(guest.plan.key, 94), derive(guest.plan.key, 95), guest.plan.vmid)
}

pub(super) fn qemu_config(context: &Context<'_>) -> Outcome {
    let guest = context.guest(GuestKind::Qemu)?;
    let plan = &*guest.plan;
    let size = plan.disk >> 30;
    let base = if plan.is_template { "base" } else { "vm" };
    let mut config = json!({
        "boot": "order=scsi0",
        "cores": plan.cpus,
        "cpu": "x86-64-v2-AES",
        "digest": digest(guest),
        "memory": (plan.memory / MIB).to_string(),
        "name": plan.name,
        "net0": format!("virtio={},bridge=vmbr0,firewall=1", plan.mac()),
        "onboot": 1,
        "ostype": plan.os_type,
        "scsi0": format!("{}:{base}-{}-disk-0,iothread=1,size={size}G", plan.storage, plan.vmid),
        "scsihw": "virtio-scsi-single",
        "smbios1": format!("uuid={}", uuid(derive(plan.key, 96))),
        "vmgenid": uuid(derive(plan.key, 97)),
    });
    if guest.agent != AgentState::Off {
        config["agent"] = "1".into();
    }
    if plan.has_balloon {
        config["balloon"] = (plan.memory / MIB / 2).into();
    }
    if context.version == PveVersion::V7_4 {
        // Until release 8 this was a number.
        config["memory"] = (plan.memory / MIB).into();
    }
    more_config(&mut config, guest);
    Ok(config)
}

pub(super) fn lxc_config(context: &Context<'_>) -> Outcome {
    let guest = context.guest(GuestKind::Lxc)?;
    let plan = &*guest.plan;
    let address =
        if plan.is_dhcp { "ip=dhcp".to_owned() } else { format!("gw=10.0.0.1,ip={}/8", plan.address()) };
    let mut config = json!({
        "arch": "amd64",
        "cores": plan.cpus,
        "digest": digest(guest),
        "features": "nesting=1",
        "hostname": plan.name,
        "memory": plan.memory / MIB,
        "net0": format!("name=eth0,bridge=vmbr0,firewall=1,hwaddr={},{address},type=veth", plan.mac()),
        "onboot": 1,
        "ostype": plan.os_type,
        "rootfs": format!("{}:vm-{}-disk-0,size={}G", plan.storage, plan.vmid, plan.disk >> 30),
        "swap": 512,
        "unprivileged": 1,
    });
    if plan.is_oci {
        config["entrypoint"] = "/usr/bin/server --port 8080".into();
        config["env"] = "PATH=/usr/bin:/bin".into();
    }
    more_config(&mut config, guest);
    Ok(config)
}

fn more_config(config: &mut Value, guest: &GuestTruth) {
    if !guest.plan.tags.is_empty() {
        config["tags"] = guest.plan.tag_line().into();
    }
    if let Some(lock) = guest.lock {
        config["lock"] = lock.into();
    }
    if guest.plan.is_template {
        config["template"] = 1.into();
    }
}

pub(super) fn lxc_interfaces(context: &Context<'_>) -> Outcome {
    let guest = context.guest(GuestKind::Lxc)?;
    if !guest.has_process() {
        return Ok(Value::Null);
    }
    let (mac, address) = (guest.plan.mac().to_lowercase(), guest.plan.address());
    let mut list = json!([
        { "hwaddr": "00:00:00:00:00:00", "inet": "127.0.0.1/8", "inet6": "::1/128", "name": "lo" },
        { "hwaddr": mac, "inet": format!("{address}/8"), "name": "eth0" },
    ]);
    if context.version >= PveVersion::V8_4 {
        list[0]["hardware-address"] = "00:00:00:00:00:00".into();
        list[0]["ip-addresses"] = json!([
            { "ip-address": "127.0.0.1", "ip-address-type": "inet", "prefix": 8 },
            { "ip-address": "::1", "ip-address-type": "inet6", "prefix": 128 },
        ]);
        list[1]["hardware-address"] = mac.into();
        list[1]["ip-addresses"] = json!([{ "ip-address": address, "ip-address-type": "inet", "prefix": 8 }]);
    }
    Ok(list)
}
