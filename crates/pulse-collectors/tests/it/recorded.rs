//! Answers recorded from real installations of Proxmox VE 7, 8 and 9, served again: which memory figure is taken, and
//! that no recorded answer is unreadable. The recordings are not part of the repository: they stand in the folder that
//! `PULSE_SCHEMAS` names, or in `../shared/collectors/schemas` beside the repository.

use std::{collections::BTreeMap, io::Write, path::PathBuf, sync::Arc};

use jiff::Timestamp;
use pulse_collectors::{
    Connect, HttpConnect, PveApi, PveCycle,
    details::{AgentAnswer, AgentQuestion},
};
use pulse_core::{Reading, model::MemorySource};
use serde_json::{Value, json};

use crate::{
    server::{Reply, Server},
    support::{TIMEOUTS, instance},
};

/// The recordings of one source, by path with query.
fn recordings(folder: &str) -> Option<BTreeMap<String, (u16, Value)>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/collectors/schemas");
    let base = std::env::var_os("PULSE_SCHEMAS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let folder = base.join("responses").join(folder);
    let Ok(files) = std::fs::read_dir(&folder) else {
        // Past the test's own output, which nobody sees of one that passes.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: no recordings at {}; set PULSE_SCHEMAS to a folder that has them",
            folder.display()
        );
        return None;
    };
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        let text = std::fs::read_to_string(file.ok()?.path()).ok()?;
        let recorded: Value = serde_json::from_str(&text).ok()?;
        let path = recorded["path"].as_str().or(recorded["request"]["path"].as_str())?;
        Some((path.to_owned(), (recorded["status"].as_u64()? as u16, recorded["body"].clone())))
    };
    Some(files.filter_map(read).collect())
}

async fn serve(recordings: BTreeMap<String, (u16, Value)>) -> (Server, Arc<dyn PveApi>) {
    let server = Server::start(move |request| {
        let path = request.path.trim_start_matches("/api2/json");
        let plain = path.split('?').next().unwrap_or(path);
        match recordings.get(path).or_else(|| recordings.get(plain)) {
            Some((200, body)) => Reply::json(body.to_string()),
            Some((status, body)) => Reply::status(*status, "recorded", body.to_string()),
            None => Reply::status(501, "not implemented", "{}"),
        }
    })
    .await;
    let api = HttpConnect.pve(&instance(&server.url()), TIMEOUTS).unwrap();
    (server, api)
}

/// The poll of a node with one running VM, whose own figures are the recorded ones.
async fn poll_with_vm(folder: &str) -> Option<(Server, Arc<dyn PveApi>, PveCycle)> {
    let mut all = recordings(folder)?;
    let vm = all["/nodes/node1/qemu/101/status/current"].1["data"].clone();
    // What a listing shows of a VM is what its node reports, at other times.
    all.insert("/nodes/node1/qemu".into(), (200, json!({ "data": [vm] })));
    let listed = json!({ "data": [
        { "type": "node", "id": "node/node1", "node": "node1", "status": "online" },
        { "type": "qemu", "id": "qemu/101", "vmid": 101, "node": "node1", "status": "running", "name": "matt",
          "mem": 1_000_000_000u64, "maxmem": 2_097_152_000u64 },
    ] });
    all.insert("/cluster/resources".into(), (200, listed));
    let (server, api) = serve(all).await;
    let cycle = api.poll(Timestamp::UNIX_EPOCH).await.unwrap();
    Some((server, api, cycle))
}

#[tokio::test]
async fn memory_of_nodes_and_vms_in_every_release() {
    // Folder, node: total and used, VM: total, used and where that is from.
    let rows = [
        ("go-proxmox/pve7x", None, (2_097_152_000, 1_127_792_640, MemorySource::Balloon)),
        (
            "go-proxmox/pve8x",
            Some((8_589_934_592, 2_147_483_648)),
            (2_097_152_000, 1_127_792_640, MemorySource::Balloon),
        ),
        (
            "go-proxmox/pve9x",
            Some((8_589_934_592, 2_147_483_648)),
            (2_097_152_000, 1_127_792_640, MemorySource::Balloon),
        ),
    ];
    for (folder, node, vm) in rows {
        let Some((_server, _, cycle)) = poll_with_vm(folder).await else { return };
        let read = cycle.nodes.iter().find(|node| node.name == "node1").unwrap();
        let memory = read.memory.map(|memory| (memory.total_bytes, memory.used_bytes));
        match node {
            Some(expect) => assert_eq!(memory, Reading::Known(expect), "{folder}"),
            None => assert!(memory.known().is_some_and(|(total, used)| used > 0 && used < total), "{folder}"),
        }
        let guest = cycle.guests.unwrap().remove(0);
        let memory = guest.memory.known().unwrap();
        assert_eq!((memory.total_bytes, memory.used_bytes, guest.memory_source.unwrap()), vm, "{folder}");
        assert_eq!(memory.balloon_bytes, Some(2_097_152_000), "{folder}");
    }
}

#[tokio::test]
async fn recorded_guest_agents_are_understood() {
    for folder in ["go-proxmox/pve7x", "go-proxmox/pve8x", "go-proxmox/pve9x"] {
        let Some((_server, api, _)) = poll_with_vm(folder).await else { return };
        let details = api.details().unwrap();
        let state = details.vm_state("node1", 101).await.unwrap();
        assert!(state.is_running && state.has_agent && state.lock.is_none(), "{folder}");
        let answer = details.ask_agent("node1", 101, AgentQuestion::FileSystems).await.unwrap();
        let AgentAnswer::FileSystems { space, list } = answer else { panic!("{answer:?}") };
        // The recording of 7 was trimmed to names, without figures: then there is a reason and no 0.
        let has_figures = folder != "go-proxmox/pve7x";
        assert_eq!(space.known().is_some_and(|space| space.used_bytes > 0), has_figures, "{folder} {list:?}");
        details.ask_agent("node1", 101, AgentQuestion::Version).await.unwrap();
        // What was recorded of a file is no meminfo: said, not guessed.
        assert!(details.ask_agent("node1", 101, AgentQuestion::Memory).await.is_err());
        let container = details.container("node1", 101, true).await.unwrap();
        assert_eq!(container.interfaces[0].name, "eth0", "{folder}");
    }
}

#[tokio::test]
async fn the_vendors_own_daemons_are_understood() {
    let Some(all) = recordings("upstream-pve") else { return };
    let status = all["/nodes/pve1/status"].1["data"].clone();
    let (_server, api) = serve(all).await;
    let cycle = api.poll(Timestamp::UNIX_EPOCH).await.unwrap();
    let node = &cycle.nodes[0];
    let memory = node.memory.known().unwrap();
    assert_eq!(Some(memory.used_bytes), status["memory"]["used"].as_u64());
    let root = node.root_disk.known().unwrap();
    assert_eq!(Some(root.free_bytes), status["rootfs"]["avail"].as_u64());
    let guests = cycle.guests.unwrap();
    let container = guests.iter().find(|guest| guest.vmid == 101).unwrap();
    assert_eq!(container.memory.known().unwrap().used_bytes, 104_857_600);
    assert!(guests.iter().all(|guest| guest.vmid != 900), "a template is no guest");
    let details = api.details().unwrap();
    assert!(!details.disks("pve1", Timestamp::UNIX_EPOCH).await.unwrap().is_empty());
    assert!(details.pools("pve1").await.unwrap().is_empty(), "not installed is no failure");
    assert_eq!(details.ceph("pve1", Timestamp::UNIX_EPOCH).await.unwrap(), None);
    assert_eq!(details.updates("pve1").await.unwrap(), 4);
    let jobs = details.replication("pve1", Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!((jobs[0].job_id.as_str(), jobs[0].last_sync), ("100-0", None));
    let storages = cycle.storages.unwrap();
    let mut backups = 0;
    for storage in &storages {
        backups += details.backups_on("pve1", storage).await.map_or(0, |list| list.len());
    }
    assert!(backups > 0, "{storages:?}");
}
