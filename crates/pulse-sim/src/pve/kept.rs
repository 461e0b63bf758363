//! What a node answers about what is kept: backups, snapshots, replicated copies, pools, and waiting updates.

use serde_json::{Value, json};

use super::{
    Context,
    reply::{Outcome, denied, failed},
};
use crate::{
    PveVersion,
    estate::{
        GuestKind, TaskTruth,
        stored::{self, DiskTruth},
    },
    figures::derive,
    options::Rights,
};

/// Volumes on a storage. Backups are only shown to who may restore them.
pub(super) fn content(context: &Context<'_>) -> Outcome {
    let storage = super::storage::named(context)?;
    if !storage.is_active {
        return Err(failed(&format!("storage '{}' is not online", storage.name)).into());
    }
    let wants = |kind: &str| context.parameter("content").is_none_or(|wanted| wanted == kind);
    if !wants("backup") || context.rights() != Rights::Full {
        return Ok(Value::Array(Vec::new()));
    }
    let vmid = context.parameter("vmid").and_then(|text| text.parse::<u32>().ok());
    let list = context.pve.estate.backups(storage.name);
    let list = list.into_iter().filter(|backup| vmid.is_none_or(|vmid| backup.vmid == vmid)).map(|backup| {
        let mut entry = json!({
            "content": "backup", "ctime": backup.at, "format": backup.format, "size": backup.size,
            "subtype": backup.kind.word(), "vmid": backup.vmid, "volid": backup.volid,
        });
        if let Some(notes) = backup.notes {
            entry["notes"] = notes.into();
        }
        if backup.is_protected {
            entry["protected"] = 1.into();
        }
        if let Some(state) = backup.verification {
            entry["verification"] = json!({
                "state": state,
                "upid": "UPID:pbs:0000208D:0002F29E:00000006:6B040264:verify:main:root@pam:",
            });
        }
        entry
    });
    Ok(Value::Array(list.collect()))
}

/// Tasks of a node.
pub(super) fn tasks(context: &Context<'_>) -> Outcome {
    let (index, _) = context.node()?;
    let estate = &context.pve.estate;
    let source = context.parameter("source").unwrap_or("archive");
    let (running, ended) = estate.tasks(index);
    let mut list = Vec::new();
    if source != "archive" {
        list.extend(running);
    }
    if source != "active" {
        list.extend(ended);
        list.extend(estate.finished_backups(index));
    }
    let number = |name: &str| context.parameter(name).and_then(|text| text.parse::<u64>().ok());
    let (since, limit) = (number("since").unwrap_or(0), number("limit").unwrap_or(50) as usize);
    let kind = context.parameter("typefilter");
    let vmid = number("vmid");
    let wanted = |task: &TaskTruth| {
        task.began >= since
            && kind.is_none_or(|kind| task.kind == kind)
            && vmid.is_none_or(|vmid| task.vmid.map(u64::from) == Some(vmid))
    };
    let entry = |task: TaskTruth| {
        let mut entry = json!({
            "id": task.vmid.map(|vmid| vmid.to_string()).unwrap_or_default(),
            "node": task.node, "pid": 4_000 + task.began % 60_000, "pstart": 5_000, "starttime": task.began,
            "type": task.kind, "upid": task.upid, "user": "root@pam",
        });
        if let (Some(ended), Some(status)) = (task.ended, task.status) {
            entry["endtime"] = ended.into();
            entry["status"] = status.into();
        }
        entry
    };
    Ok(Value::Array(list.into_iter().filter(wanted).take(limit).map(entry).collect()))
}

/// Snapshots of a guest, and its present state at the end.
pub(super) fn snapshots(context: &Context<'_>, kind: GuestKind) -> Outcome {
    let guest = context.guest(kind)?;
    let list = context.pve.estate.snapshots(&guest.plan);
    let last = list.last().map(|snapshot| snapshot.name);
    let mut entries: Vec<Value> = list
        .into_iter()
        .map(|snapshot| {
            let mut entry = json!({
                "description": snapshot.description, "name": snapshot.name, "snaptime": snapshot.at,
            });
            if kind == GuestKind::Qemu {
                entry["vmstate"] = u8::from(snapshot.has_memory).into();
            }
            if let Some(parent) = snapshot.parent {
                entry["parent"] = parent.into();
            }
            entry
        })
        .collect();
    let mut current = json!({
        "description": "You are here!", "digest": super::guest::digest(guest), "name": "current",
        "running": u8::from(guest.has_process()),
    });
    if let Some(parent) = last {
        current["parent"] = parent.into();
    }
    entries.push(current);
    Ok(Value::Array(entries))
}

/// Replication jobs of a node, with how they go.
pub(super) fn replication(context: &Context<'_>) -> Outcome {
    let (index, _) = context.node()?;
    let list = context.pve.estate.replication(index).into_iter().map(|job| {
        let kind = context.truth.guest(job.vmid).map_or("qemu", |guest| guest.plan.kind.word());
        let mut entry = json!({
            "duration": job.duration, "fail_count": job.fail_count, "guest": job.vmid, "id": job.id, "jobnum": 0,
            "last_sync": job.last_sync, "last_try": job.next_sync.saturating_sub(900), "next_sync": job.next_sync, "rate": 10,
            "schedule": "*/15", "source": job.source, "target": job.target, "type": "local", "vmtype": kind,
        });
        if let Some(error) = job.error {
            entry["error"] = error.into();
        }
        entry
    });
    Ok(Value::Array(list.collect()))
}

/// The same as configured, for the whole cluster.
pub(super) fn replication_config(context: &Context<'_>) -> Value {
    let jobs = (0..context.truth.nodes.len()).flat_map(|index| context.pve.estate.replication(index));
    let entry = |job: stored::ReplicationTruth| {
        json!({ "guest": job.vmid, "id": job.id, "jobnum": 0, "rate": 10, "schedule": "*/15", "source": job.source,
                "target": job.target, "type": "local" })
    };
    Value::Array(jobs.map(entry).collect())
}

pub(super) fn disks(context: &Context<'_>) -> Outcome {
    let (index, _) = context.node()?;
    let entry = |disk: DiskTruth| {
        let mut entry = json!({
            "by_id_link": format!("/dev/disk/by-id/{}-{}", disk.kind, disk.serial),
            "devpath": disk.path, "gpt": 1, "health": "PASSED", "model": disk.model, "mounted": 0, "osdid": -1,
            "rpm": disk.rpm, "serial": disk.serial, "size": disk.size, "type": disk.kind, "used": disk.used,
            "vendor": "unknown", "wwn": disk.wwn,
        });
        entry["wearout"] = disk.life_left.map_or_else(|| "N/A".into(), Value::from);
        if context.version >= PveVersion::V8_4 {
            entry["osdid-list"] = Value::Null;
        }
        entry
    };
    let list = stored::disks(&context.pve.estate.plan.nodes[index]);
    Ok(Value::Array(list.into_iter().map(entry).collect()))
}

/// The pools of a node.
pub(super) fn pools(context: &Context<'_>) -> Outcome {
    let (index, node) = context.node()?;
    let Some(storage) = context.truth.storages.iter().find(|one| one.name == "tank" && one.node == node.name)
    else {
        return Err(failed("zfsutils-linux not installed").into());
    };
    let health = if context.pve.estate.is_pool_degraded(index) { "DEGRADED" } else { "ONLINE" };
    Ok(json!([{
        "alloc": storage.used, "dedup": 1.0, "frag": 7, "free": storage.total - storage.used, "health": health,
        "name": "rpool", "size": storage.total,
    }]))
}

/// One pool with its devices.
pub(super) fn pool(context: &Context<'_>) -> Outcome {
    let (index, _) = context.node()?;
    pools(context)?;
    if context.part("pool") != "rpool" {
        return Err(failed(&format!("cannot open '{}': no such pool", context.part("pool"))).into());
    }
    let is_degraded = context.pve.estate.is_pool_degraded(index);
    let state = if is_degraded { "DEGRADED" } else { "ONLINE" };
    let device = |name: &str, is_bad: bool| {
        // The counters are read from text: more than 999 comes as a fraction of a thousand.
        json!({ "cksum": if is_bad { 1.2 } else { 0.0 }, "leaf": 1, "msg": if is_bad { "too many errors" } else { "" },
                "name": name, "read": if is_bad { 3 } else { 0 }, "state": if is_bad { "FAULTED" } else { "ONLINE" },
                "write": 0 })
    };
    let mut pool = json!({
        "children": [{
            "children": [device("nvme-eui.1-part3", false), device("nvme-eui.2-part3", is_degraded)],
            "cksum": 0, "leaf": 0, "msg": "", "name": "mirror-0", "read": 0, "state": state, "write": 0,
        }],
        "errors": "No known data errors",
        "leaf": 0,
        "name": "rpool",
        "scan": "scrub repaired 0B in 00:12:34 with 0 errors on Sun Feb  1 00:36:35 2026",
        "state": state,
    });
    if is_degraded {
        pool["status"] = "One or more devices are faulted in response to persistent errors.".into();
        pool["action"] =
            "Replace the faulted device, or use 'zpool clear' to mark the device repaired.".into();
    }
    Ok(pool)
}

/// Packages that wait.
pub(super) fn updates(context: &Context<'_>) -> Outcome {
    let (index, node) = context.node()?;
    if context.rights() != Rights::Full {
        return Err(denied(&format!("/nodes/{}", node.name), "Sys.Modify").into());
    }
    let count = update_count(context.pve.estate.plan.nodes[index].key);
    let names = ["dpkg", "libssh2-1", "libcups2", "libcurl4", "openssl", "zfsutils-linux", "pve-manager"];
    let list = (0..count).map(|number| {
        let name = names[number as usize % names.len()];
        json!({
            "Arch": "amd64", "Description": name, "OldVersion": "1.21.22", "Origin": "Debian", "Package": name,
            "Priority": "required", "Section": "admin", "Title": name, "Version": "1.21.23",
        })
    });
    Ok(Value::Array(list.collect()))
}

/// How many packages of a node wait.
pub(crate) fn update_count(key: u64) -> u64 {
    derive(key, 230) % 12
}

/// Pools of Ceph with their placement groups: the manager's, the guests', and two for the file system.
pub(crate) const CEPH_POOLS: [(&str, u32); 4] =
    [(".mgr", 1), ("ceph-pool", 128), ("cephfs_data", 32), ("cephfs_metadata", 16)];

/// Pools of Ceph.
pub(super) fn ceph_pools(context: &Context<'_>) -> Outcome {
    let space = context.truth.ceph().ok_or_else(|| failed("binary not installed: /usr/bin/ceph-mon"))?;
    let available = (space.total - space.pool_used - space.file_system_used) * 3;
    let pool = |(number, (name, groups)): (usize, (&str, u32)), used: u64| {
        json!({
            "bytes_used": used, "crush_rule": 0, "crush_rule_name": "replicated_rule", "min_size": 2,
            "percent_used": used as f64 / (used + available) as f64, "pg_autoscale_mode": "on", "pg_num": groups,
            "pool": number + 1, "pool_name": name, "size": 3, "type": "replicated",
        })
    };
    let used = [1 << 20, space.pool_used * 3, space.file_system_used * 3, 2 << 20];
    let pools = CEPH_POOLS.into_iter().enumerate().zip(used).map(|(of, used)| pool(of, used));
    Ok(Value::Array(pools.collect()))
}
