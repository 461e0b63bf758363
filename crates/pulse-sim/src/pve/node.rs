//! What a node answers about itself.

use serde_json::{Value, json};

use super::{Context, reply::Outcome};
use crate::PveVersion;

pub(super) fn status(context: &Context<'_>) -> Outcome {
    let (index, node) = context.node()?;
    let plan = &context.pve.estate.plan.nodes[index];
    let version = context.version;
    let sockets = if plan.cpus > 64 { 2 } else { 1 };
    let mut memory = json!({
        "total": node.memory_total,
        "used": node.memory_used,
        "free": node.memory_total - node.memory_used,
    });
    if version >= PveVersion::V9_1 {
        let available = node.memory_total - node.memory_used;
        memory["available"] = available.into();
        // Since then `free` no longer counts the page cache.
        memory["free"] = (available / 3).into();
    }
    let [one, five, fifteen] = node.load.map(|load| format!("{load:.2}"));
    let root_free = node.root_total - node.root_used;
    let mut status = json!({
        "cpu": node.cpu,
        "cpuinfo": {
            "cores": plan.cpus / 2 / sockets,
            "cpus": plan.cpus,
            "flags": "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat clflush mmx fxsr sse sse2 ht \
                      syscall nx lm constant_tsc aes avx avx2",
            "hvm": "1",
            "mhz": plan.mhz,
            "model": plan.model,
            "sockets": sockets,
            "user_hz": 100,
        },
        "idle": 0,
        "ksm": { "shared": 0 },
        "kversion": format!("Linux {} {}", version.kernel(), version.kernel_build()),
        "loadavg": [one, five, fifteen],
        "memory": memory,
        "pveversion": format!("pve-manager/{}/{}", version.full(), version.repoid()),
        // A part of the file system is kept for root: available is less than free.
        "rootfs": {
            "avail": root_free.saturating_sub(node.root_total / 20),
            "free": root_free,
            "total": node.root_total,
            "used": node.root_used,
        },
        "swap": {
            "free": node.swap_total - node.swap_used, "total": node.swap_total, "used": node.swap_used,
        },
        "uptime": node.uptime,
        "wait": node.io_wait,
    });
    if version >= PveVersion::V8_4 {
        status["boot-info"] = json!({ "mode": "efi", "secureboot": 0 });
        status["current-kernel"] = json!({
            "machine": "x86_64",
            "release": version.kernel(),
            "sysname": "Linux",
            "version": version.kernel_build(),
        });
    }
    if version >= PveVersion::V9_1 {
        status["cpuinfo"]["family"] = "25".into();
        status["cpuinfo"]["vendor"] = plan.vendor.into();
    }
    Ok(status)
}

pub(super) fn network(context: &Context<'_>) -> Outcome {
    let (index, _) = context.node()?;
    let address = context.pve.members[index].address;
    let wanted = context.parameter("type");
    // Release 7 wrote this number as text in lists that came from the configuration file.
    let active: Value = if context.version == PveVersion::V7_4 { "1".into() } else { 1.into() };
    let list = [
        json!({
            "active": active, "exists": 1, "families": ["inet"], "iface": "eno1",
            "method": "manual", "method6": "manual", "priority": 3, "type": "eth",
        }),
        json!({
            "active": active, "address": address, "autostart": 1, "bridge_fd": "0", "bridge_ports": "eno1",
            "bridge_stp": "off", "cidr": format!("{address}/8"), "families": ["inet"], "gateway": "127.0.0.1",
            "iface": "vmbr0", "method": "static", "method6": "manual", "netmask": "8", "priority": 4,
            "type": "bridge",
        }),
    ];
    let list = list.into_iter().filter(|entry| {
        wanted.is_none_or(|wanted| {
            entry["type"] == wanted || wanted == "any_bridge" && entry["type"] == "bridge"
        })
    });
    Ok(Value::Array(list.collect()))
}

pub(super) fn subscription() -> Value {
    json!({
        "message": "There is no subscription key",
        "status": "notfound",
        "url": "https://www.proxmox.com/en/proxmox-virtual-environment/pricing",
    })
}
