//! What the cluster as a whole answers: version, status, resources, nodes, rights.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    Context,
    kept::CEPH_POOLS,
    reply::{Outcome, failed},
};
use crate::{
    PveVersion,
    estate::{GuestKind, GuestStatus, GuestTruth, NodeTruth, StorageTruth},
    options::Rights,
};

pub(super) fn version(version: PveVersion) -> Value {
    json!({ "release": version.release(), "repoid": version.repoid(), "version": version.full() })
}

/// What the account may do, below one path.
fn auditor(version: PveVersion, rights: Rights) -> Value {
    let mut list =
        json!({ "Datastore.Audit": 1, "Pool.Audit": 1, "Sys.Audit": 1, "SDN.Audit": 1, "VM.Audit": 1 });
    let is_new = version >= PveVersion::V9_1;
    if rights != Rights::NoAgent {
        list[if is_new { "VM.GuestAgent.Audit" } else { "VM.Monitor" }] = 1.into();
    }
    if rights == Rights::Full {
        for name in ["Sys.Modify", "Datastore.AllocateSpace", "VM.Backup"] {
            list[name] = 1.into();
        }
        if is_new {
            list["VM.GuestAgent.FileRead"] = 1.into();
        }
    }
    if version >= PveVersion::V8_4 {
        list["Mapping.Audit"] = 1.into();
    }
    list
}

pub(super) fn permissions(version: PveVersion, rights: Rights) -> Value {
    let paths = ["/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms"];
    let map: Map<_, _> = paths.into_iter().map(|path| (path.to_owned(), auditor(version, rights))).collect();
    Value::Object(map)
}

pub(super) fn capabilities(version: PveVersion) -> Value {
    let agent = if version >= PveVersion::V9_1 { "VM.GuestAgent.Audit" } else { "VM.Monitor" };
    json!({
        "access": {},
        "dc": { "SDN.Audit": 1, "Sys.Audit": 1 },
        "mapping": { "Mapping.Audit": 1 },
        "nodes": { "Sys.Audit": 1 },
        "sdn": { "SDN.Audit": 1 },
        "storage": { "Datastore.Audit": 1 },
        "vms": { "VM.Audit": 1, agent: 1 },
    })
}

pub(super) fn status(context: &Context<'_>) -> Value {
    let estate = &context.pve.estate;
    let count = context.truth.nodes.len();
    let mut list = Vec::with_capacity(count + 1);
    if count > 1 {
        list.push(json!({
            "id": "cluster",
            "name": estate.options.name,
            "nodes": count,
            "quorate": u8::from(context.truth.is_quorate && !context.pve.faults.is_quorum_lost()),
            "type": "cluster",
            "version": count,
        }));
    }
    for (index, (node, member)) in context.truth.nodes.iter().zip(&context.pve.members).enumerate() {
        list.push(json!({
            "id": format!("node/{}", node.name),
            "ip": member.address,
            "level": "",
            "local": u8::from(index == context.host),
            "name": node.name,
            "nodeid": if count > 1 { index + 1 } else { 0 },
            "online": u8::from(node.is_online),
            "type": "node",
        }));
    }
    Value::Array(list)
}

pub(super) fn nodes(context: &Context<'_>) -> Value {
    let list = context.truth.nodes.iter().zip(&context.pve.members).map(|(node, member)| {
        let mut entry = node_entry(node);
        entry["ssl_fingerprint"] = member.identity.current().fingerprint.into();
        entry
    });
    Value::Array(list.collect())
}

fn node_entry(node: &NodeTruth) -> Value {
    let mut entry = json!({
        "id": format!("node/{}", node.name),
        "level": "",
        "node": node.name,
        "status": if node.is_online { "online" } else { "offline" },
        "type": "node",
    });
    if node.is_online {
        entry["cpu"] = node.cpu.into();
        entry["disk"] = node.root_used.into();
        entry["maxcpu"] = node.cpus.into();
        entry["maxdisk"] = node.root_total.into();
        entry["maxmem"] = node.memory_total.into();
        entry["mem"] = node.memory_used.into();
        entry["uptime"] = node.uptime.into();
    }
    entry
}

/// One line of the cluster's list. Guests are thousands, so they are written without a detour.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Resource<'a> {
    Guest(Box<GuestLine<'a>>),
    Other(Value),
}

/// A guest in the cluster's list.
#[derive(Serialize)]
pub(super) struct GuestLine<'a> {
    id: String,
    node: &'a str,
    status: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    vmid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hastate: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lock: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<String>,
    #[serde(flatten)]
    figures: Option<GuestFigures<'a>>,
}

/// What is only known while the guest's node is there.
#[derive(Serialize)]
struct GuestFigures<'a> {
    name: &'a str,
    template: u8,
    cpu: f64,
    maxcpu: u32,
    mem: u64,
    maxmem: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    memhost: Option<u64>,
    disk: u64,
    maxdisk: u64,
    netin: u64,
    netout: u64,
    diskread: u64,
    diskwrite: u64,
    uptime: u64,
}

fn guest_line(guest: &GuestTruth, version: PveVersion) -> GuestLine<'_> {
    let plan = &*guest.plan;
    let is_container = plan.kind == GuestKind::Lxc;
    let figures = (guest.status != GuestStatus::Unknown).then(|| GuestFigures {
        name: &plan.name,
        template: u8::from(plan.is_template),
        cpu: guest.cpu,
        maxcpu: plan.cpus,
        mem: guest.memory_used,
        maxmem: plan.memory,
        // Containers have no figure of their own here: the real list says 0.
        memhost: (version >= PveVersion::V9_1).then_some(if is_container { 0 } else { guest.memory_host }),
        disk: if is_container && guest.has_process() { guest.disk_used } else { 0 },
        maxdisk: plan.disk,
        netin: guest.net_in,
        netout: guest.net_out,
        diskread: guest.disk_read,
        diskwrite: guest.disk_written,
        uptime: guest.uptime,
    });
    GuestLine {
        id: format!("{}/{}", plan.kind.word(), plan.vmid),
        node: &guest.node,
        status: guest.status.word(),
        kind: plan.kind.word(),
        vmid: plan.vmid,
        pool: plan.pool,
        hastate: plan.is_ha.then(|| ha_state(guest)),
        lock: guest.lock,
        tags: (!plan.tags.is_empty()).then(|| plan.tag_line()),
        figures,
    }
}

pub(super) fn ha_state(guest: &GuestTruth) -> &'static str {
    match guest.status {
        GuestStatus::Running | GuestStatus::Paused => "started",
        GuestStatus::Stopped => "stopped",
        GuestStatus::Unknown => "fence",
    }
}

pub(super) fn resources<'a>(
    context: &Context<'a>,
    doubles: &'a [GuestTruth],
    kind: Option<&str>,
) -> Vec<Resource<'a>> {
    let wants = |name: &str| kind.is_none_or(|kind| kind == name);
    let (truth, version) = (context.truth, context.version);
    let mut list = Vec::with_capacity(truth.guests.len() + 64);
    if wants("vm") {
        list.extend(truth.guests.iter().map(|guest| Resource::Guest(Box::new(guest_line(guest, version)))));
        list.extend(doubles.iter().map(|guest| Resource::Guest(Box::new(guest_line(guest, version)))));
    }
    if kind.is_none() {
        for pool in &context.pve.estate.plan.pools {
            list.push(Resource::Other(
                json!({ "id": format!("/pool/{pool}"), "pool": pool, "type": "pool" }),
            ));
        }
    }
    if wants("node") {
        list.extend(truth.nodes.iter().map(|node| {
            let mut entry = node_entry(node);
            if node.is_online {
                entry["cgroup-mode"] = 2.into();
            }
            Resource::Other(entry)
        }));
    }
    if wants("storage") {
        // Storages that are switched off are not in this list.
        let storages = truth.storages.iter().filter(|storage| storage.is_enabled);
        list.extend(storages.map(|storage| Resource::Other(storage_line(storage))));
    }
    if wants("sdn") && version >= PveVersion::V8_4 {
        list.extend(truth.nodes.iter().map(|node| Resource::Other(zone_line(node, version))));
    }
    list
}

fn storage_line(storage: &StorageTruth) -> Value {
    let mut line = json!({
        "content": storage.content,
        "id": format!("storage/{}/{}", storage.node, storage.name),
        "node": storage.node,
        "plugintype": storage.kind,
        "shared": u8::from(storage.is_shared),
        "status": if storage.is_active { "available" } else { "unknown" },
        "storage": storage.name,
        "type": "storage",
    });
    if storage.is_active {
        line["disk"] = storage.used.into();
        line["maxdisk"] = storage.total.into();
    }
    line
}

fn zone_line(node: &NodeTruth, version: PveVersion) -> Value {
    let status = if node.is_online { "ok" } else { "unknown" };
    if version >= PveVersion::V9_1 {
        json!({
            "id": format!("network/{}/zone/localnetwork", node.name),
            "network": "localnetwork",
            "network-type": "zone",
            "node": node.name,
            "status": status,
            "type": "network",
        })
    } else {
        json!({
            "id": format!("sdn/{}/localnetwork", node.name),
            "node": node.name,
            "sdn": "localnetwork",
            "status": status,
            "type": "sdn",
        })
    }
}

fn ha_sid(guest: &GuestTruth) -> String {
    let kind = match guest.plan.kind {
        GuestKind::Qemu => "vm",
        GuestKind::Lxc => "ct",
    };
    format!("{kind}:{}", guest.plan.vmid)
}

pub(super) fn ha_resources(context: &Context<'_>) -> Value {
    let wanted = context.parameter("type");
    let list = context.truth.guests.iter().filter(|guest| guest.plan.is_ha).filter_map(|guest| {
        let sid = ha_sid(guest);
        let kind = sid.split(':').next().unwrap_or_default().to_owned();
        wanted.is_none_or(|wanted| wanted == kind).then(|| {
            json!({ "digest": "f1e4c2d8a9b07e6533c1d0f2a4b5968778695a4b", "sid": sid, "state": "started", "type": kind })
        })
    });
    Value::Array(list.collect())
}

pub(super) fn ha_status(context: &Context<'_>) -> Value {
    let truth = context.truth;
    let master = truth.nodes.iter().find(|node| node.is_online).map_or("", |node| &node.name);
    let quorum = if truth.is_quorate { "OK" } else { "No quorum on node!" };
    let mut list = vec![json!({
        "id": "quorum",
        "node": master,
        "quorate": u8::from(truth.is_quorate),
        "status": quorum,
        "type": "quorum",
    })];
    let managed: Vec<_> = truth.guests.iter().filter(|guest| guest.plan.is_ha).collect();
    if !managed.is_empty() {
        list.push(json!({
            "id": "master", "node": master, "status": format!("{master} (active)"), "type": "master",
        }));
    }
    for guest in managed {
        let (sid, state) = (ha_sid(guest), ha_state(guest));
        list.push(json!({
            "id": format!("service:{sid}"),
            "node": guest.node,
            "request_state": "started",
            "sid": sid,
            "state": state,
            "status": format!("{sid} ({}, {state})", guest.node),
            "type": "service",
        }));
    }
    Value::Array(list)
}

pub(super) fn ceph_status(context: &Context<'_>) -> Outcome {
    let space = context.truth.ceph().ok_or_else(|| failed("binary not installed: /usr/bin/ceph-mon"))?;
    let used = space.pool_used + space.file_system_used;
    let groups: u32 = CEPH_POOLS.iter().map(|(_, groups)| groups).sum();
    let monitors: Vec<_> = context.truth.nodes.iter().take(3).collect();
    let quorum: Vec<_> = monitors.iter().filter(|node| node.is_online).map(|node| &node.name).collect();
    let disks = context.truth.nodes.len() * 4;
    let up = context.truth.nodes.iter().filter(|node| node.is_online).count() * 4;
    let is_healthy = up == disks;
    let checks = if is_healthy {
        json!({})
    } else {
        let down = disks - up;
        json!({ "OSD_DOWN": {
            "detail": [],
            "muted": false,
            "severity": "HEALTH_WARN",
            "summary": { "count": down, "message": format!("{down} osds down") },
        } })
    };
    Ok(json!({
        "election_epoch": 12,
        "fsid": crate::net::tls::uuid(context.pve.estate.plan.key),
        "fsmap": {
            "by_rank": quorum.first().map(|name| json!({ "filesystem_id": 1, "name": name, "rank": 0, "status": "up:active" })),
            "epoch": 8, "id": 1, "in": 1, "max": 1, "up": 1, "up:standby": quorum.len().saturating_sub(1),
        },
        "health": {
            "checks": checks, "mutes": [], "status": if is_healthy { "HEALTH_OK" } else { "HEALTH_WARN" },
        },
        "mgrmap": {
            "active_name": quorum.first(),
            "available": !quorum.is_empty(),
            "standbys": quorum.iter().skip(1).map(|name| json!({ "name": name })).collect::<Vec<_>>(),
        },
        "monmap": {
            "epoch": 1,
            "mons": monitors.iter().map(|node| json!({ "name": node.name })).collect::<Vec<_>>(),
        },
        "osdmap": {
            "epoch": 40, "num_in_osds": disks, "num_osds": disks, "num_remapped_pgs": 0, "num_up_osds": up,
        },
        "pgmap": {
            "bytes_avail": (space.total - used) * 3,
            "bytes_total": space.total * 3,
            "bytes_used": used * 3,
            "data_bytes": used,
            "num_objects": used / (4 << 20),
            "num_pgs": groups,
            "num_pools": CEPH_POOLS.len(),
            "pgs_by_state": [{ "count": groups, "state_name": "active+clean" }],
        },
        "quorum_names": quorum,
        "servicemap": { "epoch": 1, "services": {} },
    }))
}
