//! What is read beside the polls, against the simulated cluster: every figure is what the simulator says is true, in
//! every version, whatever the guests' disks look like; and what is refused has its reason.

use std::{collections::BTreeSet, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use pulse_collectors::{
    PveApi, PveDetails,
    details::{AgentAnswer, AgentQuestion},
};
use pulse_core::{
    Missing, Reading,
    model::{FailureClass, Storage},
};
use pulse_sim::{AgentState, EstateOptions, GuestKind, GuestTruth, PveVersion, Rights};

use crate::simulated::Lab;

async fn lab(version: PveVersion, rights: Rights) -> (Lab, Arc<dyn PveApi>) {
    let options = EstateOptions {
        nodes: 3,
        guests: 90,
        version,
        zfs: true,
        ceph: true,
        rights,
        ..EstateOptions::default()
    };
    let lab = Lab::start(options).await;
    let api = lab.connect();
    api.poll(Timestamp::UNIX_EPOCH).await.unwrap();
    (lab, api)
}

fn details(api: &Arc<dyn PveApi>) -> &dyn PveDetails {
    api.details().unwrap()
}

/// VMs whose agent answers.
fn talking(lab: &Lab) -> Vec<GuestTruth> {
    lab.cluster.truth().guests.iter().filter(|guest| guest.has_agent()).cloned().collect()
}

#[tokio::test]
async fn the_guest_agents_figures_are_true_whatever_the_disk_looks_like() {
    for version in [PveVersion::V7_4, PveVersion::V8_4, PveVersion::V9_2] {
        let (lab, api) = lab(version, Rights::Full).await;
        let mut layouts = BTreeSet::new();
        for guest in talking(&lab) {
            let (node, vmid) = (&*guest.node, guest.plan.vmid);
            let state = details(&api).vm_state(node, vmid).await.unwrap();
            assert!(state.is_running && state.has_agent && state.lock.is_none());
            let answer = details(&api).ask_agent(node, vmid, AgentQuestion::FileSystems).await.unwrap();
            let AgentAnswer::FileSystems { space: Reading::Known(space), list } = answer else {
                panic!("{answer:?}")
            };
            layouts.insert(format!("{:?}", guest.plan.file_system));
            assert_eq!(
                (space.used_bytes, space.total_bytes),
                (guest.disk_used, guest.plan.disk),
                "{:?} {list:?}",
                guest.plan.file_system
            );
            let memory = details(&api).ask_agent(node, vmid, AgentQuestion::Memory).await;
            if guest.plan.os_type.starts_with("win") {
                assert_eq!(memory.unwrap_err().why, Missing::AgentError);
            } else {
                let AgentAnswer::Memory(memory) = memory.unwrap() else { panic!() };
                assert_eq!(memory.used_bytes, guest.memory_inside);
            }
            let AgentAnswer::Network(interfaces) =
                details(&api).ask_agent(node, vmid, AgentQuestion::Network).await.unwrap()
            else {
                panic!()
            };
            let [card] = interfaces.as_slice() else { panic!("{interfaces:?}") };
            assert_eq!(card.mac.as_deref(), Some(guest.plan.mac().to_lowercase().as_str()));
            assert_eq!(card.addresses, [format!("{}/8", guest.plan.address())]);
            let addresses = details(&api).vm_addresses(node, vmid).await.unwrap();
            assert_eq!(addresses, [guest.plan.mac().to_lowercase()]);
        }
        assert_eq!(layouts.len(), 5, "{layouts:?}");
        assert_eq!(lab.cluster.violations(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn what_an_agent_does_not_answer_has_its_reason() {
    let (lab, api) = lab(PveVersion::V9_2, Rights::Full).await;
    let guest = talking(&lab).remove(0);
    let (node, vmid) = (guest.node.to_string(), guest.plan.vmid);
    let why = async |question| details(&api).ask_agent(&node, vmid, question).await.unwrap_err().why;
    for (agent, reason) in [
        (AgentState::Dead, Missing::AgentNotRunning),
        (AgentState::Slow, Missing::AgentTimeout),
        (AgentState::Off, Missing::AgentDisabled),
    ] {
        lab.cluster.set_agent(vmid, agent).unwrap();
        assert_eq!(why(AgentQuestion::FileSystems).await, reason);
        let state = details(&api).vm_state(&node, vmid).await.unwrap();
        assert_eq!(state.has_agent, agent != AgentState::Off);
    }
    lab.cluster.pause_guest(vmid, true).unwrap();
    assert!(!details(&api).vm_state(&node, vmid).await.unwrap().is_running);
    lab.cluster.stop_guest(vmid).unwrap();
    assert_eq!(why(AgentQuestion::FileSystems).await, Missing::Stopped);
}

#[tokio::test]
async fn locks_and_tasks_are_seen_the_moment_they_are_there() {
    let (lab, api) = lab(PveVersion::V8_4, Rights::Auditor).await;
    let guest = talking(&lab).remove(0);
    let (node, vmid) = (guest.node.to_string(), guest.plan.vmid);
    lab.cluster.lock_guest(vmid, Some("snapshot")).unwrap();
    let state = details(&api).vm_state(&node, vmid).await.unwrap();
    assert_eq!(state.lock.as_deref(), Some("snapshot"));
    let work = async || details(&api).work_on(&node).await.unwrap();
    assert_eq!(work().await.on(vmid), None);
    let task = lab.cluster.begin_task("qmigrate", Some(vmid), &node).unwrap();
    let now = work().await;
    assert_eq!((now.on(vmid), now.on(1)), (Some("qmigrate"), None));
    lab.cluster.end_task(task, "OK");
    assert_eq!(work().await.on(vmid), None);
    lab.cluster.begin_task("vzdump", None, &node).unwrap();
    assert_eq!(work().await.on(1), Some("vzdump"));
}

#[tokio::test]
async fn containers_disks_pools_and_updates_are_true() {
    for version in [PveVersion::V7_4, PveVersion::V8_4, PveVersion::V9_2] {
        let (lab, api) = lab(version, Rights::Full).await;
        let truth = lab.cluster.truth();
        let mut oci = 0;
        for guest in truth.guests.iter().filter(|guest| guest.plan.kind == GuestKind::Lxc) {
            let facts =
                details(&api).container(&guest.node, guest.plan.vmid, guest.is_running()).await.unwrap();
            assert_eq!(facts.is_oci, guest.plan.is_oci);
            oci += usize::from(facts.is_oci);
            let card = &facts.interfaces[0];
            assert_eq!(card.mac.as_deref(), Some(guest.plan.mac().to_lowercase().as_str()));
            // A leased address is only known from the running container, which 7.4 cannot be asked.
            let is_known = !guest.plan.is_dhcp || (guest.is_running() && version > PveVersion::V7_4);
            let expect = if is_known { vec![format!("{}/8", guest.plan.address())] } else { Vec::new() };
            assert_eq!(card.addresses, expect, "{} {version}", guest.plan.vmid);
        }
        assert_eq!(oci > 0, version >= PveVersion::V9_1);
        lab.cluster.degrade_pool("pve2", true).unwrap();
        for node in ["pve1", "pve2", "pve3"] {
            let (disks, updates) = lab.cluster.hardware(node).unwrap();
            let read = details(&api).disks(node, Timestamp::UNIX_EPOCH).await.unwrap();
            assert_eq!(read.len(), disks.len());
            for (read, disk) in read.iter().zip(&disks) {
                assert_eq!(
                    (&read.device_path, &read.serial, &read.wwn),
                    (&disk.path, &disk.serial, &disk.wwn)
                );
                assert_eq!((read.size_bytes, read.rotations_per_minute), (disk.size, Some(disk.rpm)));
                assert_eq!(read.life_left_percent.known().map(u64::from), disk.life_left);
            }
            assert_eq!(u64::from(details(&api).updates(node).await.unwrap()), updates);
            let pools = details(&api).pools(node).await.unwrap();
            let [pool] = pools.as_slice() else { panic!("{pools:?}") };
            let is_bad = node == "pve2";
            assert_eq!(pool.state, if is_bad { "DEGRADED" } else { "ONLINE" });
            assert_eq!((pool.read_errors, pool.checksum_errors), if is_bad { (3, 2) } else { (0, 0) });
        }
    }
}

#[tokio::test]
async fn backups_snapshots_replication_and_ceph_are_true() {
    let (lab, api) = lab(PveVersion::V9_1, Rights::Full).await;
    let now = lab.cluster.truth().at;
    let cycle = api.poll(Timestamp::UNIX_EPOCH).await.unwrap();
    let storages = cycle.storages.unwrap();
    let storage = |name: &str| -> &Storage { storages.iter().find(|storage| storage.name == name).unwrap() };
    let mut read = Vec::new();
    for name in ["nas", "cephfs", "pbs-main", "local"] {
        read.extend(details(&api).backups_on("pve1", storage(name)).await.unwrap());
    }
    let truth = lab.cluster.backups();
    assert!(truth.len() > 100);
    assert_eq!(read.len(), truth.len());
    for (read, truth) in read.iter().zip(&truth) {
        assert_eq!((&read.volume_id, read.vmid, read.size_bytes), (&truth.volid, truth.vmid, truth.size));
        assert_eq!(read.made_at.as_second().unsigned_abs(), truth.at);
        assert_eq!(read.kind, truth.kind.word());
        assert_eq!(read.verification.as_deref(), truth.verification);
        assert_eq!((read.is_pbs, read.is_protected), (truth.storage == "pbs-main", truth.is_protected));
    }
    let mut tasks = Vec::new();
    let since = Timestamp::from_second(now as i64).unwrap() - SignedDuration::from_hours(24 * 30);
    for node in ["pve1", "pve2", "pve3"] {
        tasks.extend(details(&api).backup_tasks(node, since).await.unwrap());
    }
    let failed =
        |statuses: Vec<Option<String>>| statuses.iter().filter(|s| s.as_deref() != Some("OK")).count();
    let truth = lab.cluster.backup_tasks();
    assert_eq!(tasks.len(), truth.len().min(600));
    assert!(
        failed(truth.iter().map(|task| task.status.clone()).collect())
            >= tasks.iter().filter(|task| task.error.is_some()).count()
    );
    let mut snapshots = Vec::new();
    for guest in &lab.cluster.truth().guests {
        let kind = match guest.plan.kind {
            GuestKind::Qemu => pulse_core::model::GuestKind::Vm,
            GuestKind::Lxc => pulse_core::model::GuestKind::Container,
        };
        snapshots.extend(details(&api).snapshots(&guest.node, kind, guest.plan.vmid).await.unwrap());
    }
    let truth = lab.cluster.snapshots();
    assert!(!truth.is_empty());
    assert_eq!(
        snapshots
            .iter()
            .map(|s| (s.vmid, s.name.as_str(), s.made_at.as_second() as u64, s.has_memory))
            .collect::<Vec<_>>(),
        truth.iter().map(|s| (s.vmid, s.name, s.at, s.has_memory)).collect::<Vec<_>>()
    );
    let mut jobs = Vec::new();
    for node in ["pve1", "pve2", "pve3"] {
        jobs.extend(details(&api).replication(node, Timestamp::UNIX_EPOCH).await.unwrap());
    }
    let truth = lab.cluster.replication();
    assert!(!truth.is_empty());
    for (job, truth) in jobs.iter().zip(&truth) {
        assert_eq!((&job.job_id, job.guest_vmid), (&truth.id, Some(truth.vmid)));
        assert_eq!(job.last_sync.map(|at| at.as_second() as u64), Some(truth.last_sync));
        assert_eq!((job.fail_count, job.error.as_deref()), (truth.fail_count, truth.error));
        assert_eq!(job.target_node.as_deref(), Some(&*truth.target));
    }
    let ceph = details(&api).ceph("pve2", Timestamp::UNIX_EPOCH).await.unwrap().unwrap();
    assert_eq!(
        (ceph.health.as_str(), ceph.monitors, ceph.managers, ceph.osds_up, ceph.osds),
        ("HEALTH_OK", 3, 3, 12, 12)
    );
    let pool = ceph.pools.iter().find(|pool| pool.name == "ceph-pool").unwrap();
    let rbd = storage("ceph-pool").space.known().unwrap();
    assert_eq!(pool.stored_bytes, rbd.used_bytes * 3);
    assert!((pool.used_percent - rbd.used_percent()).abs() < 0.01);
}

#[tokio::test]
async fn a_missing_right_is_named_and_never_an_empty_answer() {
    let (lab, api) = lab(PveVersion::V9_2, Rights::NoAgent).await;
    let guest = talking(&lab).remove(0);
    let refusal =
        details(&api).ask_agent(&guest.node, guest.plan.vmid, AgentQuestion::FileSystems).await.unwrap_err();
    assert_eq!(refusal.why, Missing::PermissionDenied);
    assert!(refusal.to_string().contains("VM.GuestAgent.Audit"), "{refusal}");
    let error = details(&api).updates("pve1").await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Permission);
    assert!(error.to_string().contains("lack Sys.Modify on /nodes/pve1"), "{error}");
}

#[tokio::test]
async fn what_is_not_installed_is_nothing_and_no_failure() {
    let lab = Lab::start(EstateOptions { nodes: 2, guests: 10, ..EstateOptions::default() }).await;
    let api = lab.connect();
    assert_eq!(details(&api).pools("pve1").await.unwrap(), []);
    assert_eq!(details(&api).ceph("pve1", Timestamp::UNIX_EPOCH).await.unwrap(), None);
}

#[tokio::test]
async fn a_name_that_cannot_stand_in_a_path_is_never_asked_for() {
    let lab = Lab::start(EstateOptions { nodes: 1, guests: 3, ..EstateOptions::default() }).await;
    let api = lab.connect();
    for name in ["../access", "a b", "", "x/../../y", "\u{1f600}"] {
        assert!(details(&api).disks(name, Timestamp::UNIX_EPOCH).await.is_err(), "{name}");
    }
    assert!(lab.cluster.requests().is_empty(), "{:?}", lab.cluster.requests());
}
