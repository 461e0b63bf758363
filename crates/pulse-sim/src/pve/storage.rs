//! Storages: as configured for the cluster, and as each node sees them.

use serde_json::{Value, json};

use super::{
    Context,
    reply::{Outcome, Refusal, failed},
};
use crate::estate::StorageTruth;

const DIGEST: &str = "4e38390c68cf45033c18d3d4aec5c5a58e5d9e43";

pub(super) fn config(context: &Context<'_>) -> Value {
    let wanted = context.parameter("type");
    let list =
        context.pve.estate.plan.storages.iter().filter(|plan| wanted.is_none_or(|kind| kind == plan.kind));
    let list = list.map(|plan| {
        let mut entry =
            json!({ "content": plan.content, "digest": DIGEST, "storage": plan.name, "type": plan.kind });
        let more = match plan.kind {
            "nfs" => json!({
                "export": "/volume1/pve", "options": "vers=4.2", "path": "/mnt/pve/nas", "server": "192.0.2.20",
                "prune-backups": "keep-daily=7,keep-weekly=4",
            }),
            "lvmthin" => json!({ "thinpool": "data", "vgname": "pve" }),
            "zfspool" => json!({ "mountpoint": "/rpool/data", "pool": "rpool/data", "sparse": 1 }),
            "rbd" => json!({ "krbd": 0, "pool": "ceph-pool", "shared": 1 }),
            "cephfs" => json!({ "fs-name": "cephfs", "path": "/mnt/pve/cephfs" }),
            "cifs" => json!({
                "domain": "OFFICE", "path": "/mnt/pve/office", "server": "192.0.2.21", "share": "pve",
                "smbversion": "3.11", "username": "pve",
            }),
            "pbs" => json!({
                "datastore": "main", "server": "192.0.2.30", "shared": 1, "username": "pve@pbs",
                "fingerprint": "4D:90:93:3E:44:4B:EB:70:F5:2C:46:C8:D0:2B:12:1A:\
                                B2:1F:F6:91:10:69:08:18:5A:24:26:FC:A8:D0:0F:04",
            }),
            _ => json!({ "path": if plan.name == "local" { "/var/lib/vz" } else { "/mnt/archive" } }),
        };
        if let (Some(entry), Value::Object(more)) = (entry.as_object_mut(), more) {
            entry.extend(more);
            if plan.is_disabled {
                entry.insert("disable".into(), 1.into());
            }
            if plan.is_shared {
                entry.insert("shared".into(), 1.into());
            }
            if let Some(count) = plan.only_first {
                let nodes = context.truth.nodes.iter().take(count);
                entry.insert("nodes".into(), nodes.map(|node| &*node.name).collect::<Vec<_>>().join(",").into());
            }
        }
        entry
    });
    Value::Array(list.collect())
}

fn on_node<'a>(context: &'a Context<'_>) -> Result<impl Iterator<Item = &'a StorageTruth>, Refusal> {
    let (_, node) = context.node()?;
    Ok(context.truth.storages.iter().filter(|storage| storage.node == node.name))
}

fn figures(storage: &StorageTruth) -> Value {
    let mut entry = json!({
        "active": u8::from(storage.is_active),
        "avail": storage.total - storage.used,
        "content": storage.content,
        "enabled": u8::from(storage.is_enabled),
        "shared": u8::from(storage.is_shared),
        "total": storage.total,
        "type": storage.kind,
        "used": storage.used,
    });
    if storage.total > 0 {
        entry["used_fraction"] = (storage.used as f64 / storage.total as f64).into();
    }
    entry
}

pub(super) fn list(context: &Context<'_>) -> Outcome {
    let (content, name) = (context.parameter("content"), context.parameter("storage"));
    let only_enabled = context.flag("enabled");
    let list = on_node(context)?
        .filter(|storage| name.is_none_or(|name| name == storage.name))
        .filter(|storage| !only_enabled || storage.is_enabled)
        .filter(|storage| {
            content.is_none_or(|wanted| {
                wanted.split(',').any(|one| storage.content.split(',').any(|has| has == one))
            })
        })
        .map(|storage| {
            let mut entry = figures(storage);
            entry["storage"] = storage.name.into();
            entry
        });
    Ok(Value::Array(list.collect()))
}

pub(super) fn named<'a>(context: &'a Context<'_>) -> Result<&'a StorageTruth, Refusal> {
    let name = context.part("storage");
    let found = on_node(context)?.find(|storage| storage.name == name);
    let storage = found.ok_or_else(|| failed(&format!("storage '{name}' does not exist")))?;
    match (storage.is_enabled, storage.is_here) {
        (true, _) => Ok(storage),
        (false, true) => Err(failed(&format!("storage '{name}' is disabled")).into()),
        (false, false) => {
            Err(failed(&format!("storage '{name}' is not available on node '{}'", storage.node)).into())
        }
    }
}

pub(super) fn status(context: &Context<'_>) -> Outcome {
    let mut entry = figures(named(context)?);
    if let Some(entry) = entry.as_object_mut() {
        entry.remove("used_fraction");
    }
    Ok(entry)
}
