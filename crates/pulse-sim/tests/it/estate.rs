//! The figures: deterministic, believable, and the same in the API and in `truth`.

use std::{collections::HashMap, time::Instant};

use pulse_sim::{EstateOptions, FileSystemLayout, GuestKind, GuestStatus};
use serde_json::Value;

use crate::client::Scene;

#[tokio::test]
async fn the_same_seed_and_time_give_the_same_answers() {
    let (one, two) = (Scene::new(EstateOptions::default()).await, Scene::new(EstateOptions::default()).await);
    let other = Scene::new(EstateOptions { seed: 2, ..EstateOptions::default() }).await;
    // A path that does not show addresses or certificates.
    let path = "/cluster/resources";
    for step in [0, 10, 3_600, 90_000] {
        for scene in [&one, &two, &other] {
            scene.advance(step);
        }
        let text = one.client.get(path).await.text;
        assert_eq!(text, two.client.get(path).await.text);
        assert_ne!(text, other.client.get(path).await.text);
    }
}

#[tokio::test]
async fn statistics_stand_still_for_ten_seconds() {
    let scene = Scene::new(EstateOptions::default()).await;
    let before = scene.client.get("/cluster/resources").await.text;
    scene.advance(9);
    assert_eq!(scene.client.get("/cluster/resources").await.text, before);
    scene.advance(1);
    assert_ne!(scene.client.get("/cluster/resources").await.text, before);
}

#[tokio::test]
async fn figures_stay_in_bounds_and_counters_never_fall() {
    let scene = Scene::new(EstateOptions { guests: 200, ceph: true, ..EstateOptions::default() }).await;
    let mut last: HashMap<u32, [u64; 4]> = HashMap::new();
    for _ in 0..300 {
        let truth = scene.cluster.truth();
        for guest in &truth.guests {
            assert!((0.0..=1.0).contains(&guest.cpu));
            assert!(guest.memory_used <= guest.plan.memory && guest.disk_used <= guest.plan.disk);
            let before = last.insert(guest.plan.vmid, guest.counters()).unwrap_or_default();
            assert!(
                guest.counters().iter().zip(before).all(|(now, before)| *now >= before),
                "guest {}",
                guest.plan.vmid
            );
            if guest.status == GuestStatus::Stopped {
                assert_eq!((guest.cpu, guest.memory_used, guest.uptime), (0.0, 0, 0));
            }
        }
        for node in &truth.nodes {
            assert!(node.cpu > 0.0 && node.cpu <= 1.0, "{node:?}");
            assert!(node.memory_used < node.memory_total && node.root_used < node.root_total);
        }
        for storage in truth.storages.iter().filter(|storage| storage.is_active) {
            assert!(storage.used > 0 && storage.used < storage.total, "{storage:?}");
        }
        scene.advance(10);
    }
}

#[tokio::test]
async fn an_estate_is_a_believable_mix() {
    let scene = Scene::new(EstateOptions { guests: 1_000, nodes: 8, ..EstateOptions::default() }).await;
    let truth = scene.cluster.truth();
    let share = |count: usize| count as f64 / truth.guests.len() as f64;
    let count =
        |test: &dyn Fn(&pulse_sim::GuestTruth) -> bool| truth.guests.iter().filter(|g| test(g)).count();
    assert!((0.5..0.7).contains(&share(count(&|guest| guest.plan.kind == GuestKind::Qemu))));
    assert!((0.1..0.2).contains(&share(count(&|guest| guest.status == GuestStatus::Stopped))));
    assert!((1..20).contains(&count(&|guest| guest.plan.is_template)));
    assert!(count(&|guest| guest.plan.is_ha) > 0 && count(&|guest| guest.plan.lock.is_some()) > 0);
    assert!(count(&|guest| guest.plan.pool.is_some()) > 0 && count(&|guest| guest.plan.tags.len() > 1) > 0);
    for node in &truth.nodes {
        assert!(count(&|guest| guest.node == node.name) > 60, "{}", node.name);
    }
}

/// Reading a number from JSON may be off in the last digit.
fn is_close(got: &Value, wanted: f64) -> bool {
    got.as_f64().is_some_and(|got| (got - wanted).abs() < 1e-12)
}

#[tokio::test]
async fn the_api_says_what_is_true() {
    let scene = Scene::new(EstateOptions { ceph: true, cifs: true, ..EstateOptions::default() }).await;
    let list = scene.client.data("/cluster/resources").await;
    let truth = scene.cluster.truth();
    let find = |id: &str| -> &Value {
        list.as_array().unwrap().iter().find(|entry| entry["id"] == id).unwrap_or_else(|| panic!("no {id}"))
    };
    for guest in &truth.guests {
        let entry = find(&format!("{}/{}", guest.plan.kind.word(), guest.plan.vmid));
        assert!(is_close(&entry["cpu"], guest.cpu));
        assert_eq!(entry["mem"].as_u64(), Some(guest.memory_used));
        assert_eq!(entry["status"], guest.status.word());
        assert_eq!(entry["node"], &*guest.node);
        let counters = ["netin", "netout", "diskread", "diskwrite"].map(|key| entry[key].as_u64().unwrap());
        assert_eq!(counters, guest.counters());
        let (node, kind, vmid) = (&guest.node, guest.plan.kind.word(), guest.plan.vmid);
        let now = scene.client.data(&format!("/nodes/{node}/{kind}/{vmid}/status/current")).await;
        assert_eq!(now["mem"].as_u64(), Some(guest.memory_used));
        if guest.has_agent() {
            let path = format!("/nodes/{node}/qemu/{vmid}/agent/get-fsinfo");
            let list = scene.client.data(&path).await["result"].clone();
            let used = |index: usize| list[index]["used-bytes"].as_u64().unwrap();
            let sum = match guest.plan.file_system {
                FileSystemLayout::Plain | FileSystemLayout::Windows | FileSystemLayout::Btrfs => used(0),
                FileSystemLayout::Lvm | FileSystemLayout::Zfs => used(0) + used(1),
            };
            assert_eq!(sum, guest.disk_used);
        }
    }
    for node in &truth.nodes {
        let entry = find(&format!("node/{}", node.name));
        assert_eq!(entry["mem"].as_u64(), Some(node.memory_used));
        let status = scene.client.data(&format!("/nodes/{}/status", node.name)).await;
        assert!(is_close(&status["cpu"], node.cpu));
        assert_eq!(status["rootfs"]["used"].as_u64(), Some(node.root_used));
        assert_eq!(status["loadavg"][0], format!("{:.2}", node.load[0]));
        let storages = scene.client.data(&format!("/nodes/{}/storage", node.name)).await;
        for storage in truth.storages.iter().filter(|storage| storage.node == node.name) {
            let entry =
                storages.as_array().unwrap().iter().find(|entry| entry["storage"] == storage.name).unwrap();
            assert_eq!(entry["used"].as_u64(), Some(storage.used));
            assert_eq!(entry["enabled"], u8::from(storage.is_enabled));
        }
    }
}

#[tokio::test]
async fn shared_storages_look_the_same_from_everywhere() {
    let scene = Scene::new(EstateOptions { ceph: true, cifs: true, ..EstateOptions::default() }).await;
    let truth = scene.cluster.truth();
    for name in ["nas", "pbs-main", "ceph-pool", "cephfs"] {
        let figures: Vec<_> = truth
            .storages
            .iter()
            .filter(|storage| storage.name == name)
            .map(|storage| (storage.used, storage.total, storage.is_shared))
            .collect();
        assert_eq!(figures, vec![figures[0]; 3], "{name}");
        assert!(figures[0].2);
    }
}

#[tokio::test]
async fn guests_start_stop_and_move() {
    let scene = Scene::new(EstateOptions::default()).await;
    let running = scene.cluster.truth().guests.iter().find(|guest| guest.is_running()).unwrap().clone();
    let (vmid, kind) = (running.plan.vmid, running.plan.kind.word());
    let path = |node: &str| format!("/nodes/{node}/{kind}/{vmid}/status/current");

    scene.cluster.stop_guest(vmid).unwrap();
    let stopped = scene.client.data(&path(&running.node)).await;
    assert_eq!((&stopped["status"], &stopped["mem"]), (&"stopped".into(), &0.into()));
    assert!(scene.cluster.stop_guest(vmid).is_err(), "it is stopped already");

    scene.cluster.start_guest(vmid).unwrap();
    scene.advance(30);
    let started = scene.client.data(&path(&running.node)).await;
    assert_eq!((&started["status"], &started["uptime"]), (&"running".into(), &30.into()));
    assert!(started["netin"].as_u64().unwrap() < running.net_in);

    let target = if &*running.node == "pve1" { "pve2" } else { "pve1" };
    scene.cluster.migrate_guest(vmid, target).unwrap();
    assert_eq!(scene.client.data(&path(target)).await["status"], "running");
    let gone = scene.client.get(&path(&running.node)).await;
    assert_eq!(gone.status, 500);
    assert!(gone.reason.ends_with(&format!("{vmid}.conf' does not exist")), "{gone:?}");
    assert!(scene.cluster.migrate_guest(vmid, "pve77").is_err());
    assert!(scene.cluster.start_guest(1).is_err());
}

#[tokio::test]
async fn statistics_over_time_end_with_what_is_true_now() {
    let scene = Scene::new(EstateOptions::default()).await;
    scene.advance(-(crate::client::NOON % 60));
    let truth = scene.cluster.truth();
    let points = scene.client.data("/nodes/pve1/rrddata?timeframe=hour").await;
    let points = points.as_array().unwrap();
    assert_eq!(points.len(), 60);
    let last = points.last().unwrap();
    assert_eq!(last["time"].as_u64(), Some(truth.at));
    assert!(is_close(&last["cpu"], truth.nodes[0].cpu));
    assert_eq!(last["memused"].as_u64(), Some(truth.nodes[0].memory_used));
}

#[tokio::test]
async fn five_thousand_guests_are_listed_quickly() {
    let options = EstateOptions { nodes: 100, guests: 5_000, ..EstateOptions::default() };
    let scene = Scene::new(options).await;
    let list = scene.client.data("/cluster/resources?type=vm").await;
    assert_eq!(list.as_array().unwrap().len(), 5_000);
    let begin = Instant::now();
    for _ in 0..20 {
        assert_eq!(scene.client.get("/cluster/resources?type=vm").await.status, 200);
    }
    let each = begin.elapsed() / 20;
    // Unoptimised and on a busy machine; computing it anew each time would take far longer.
    assert!(each.as_millis() < 250, "{each:?} per list of 5,000 guests");
}

#[tokio::test]
async fn a_share_for_some_nodes_is_switched_off_on_the_others_and_says_why() {
    let scene = Scene::new(EstateOptions { ceph: true, cifs: true, ..EstateOptions::default() }).await;
    let config = scene.client.data("/storage").await;
    let office = config.as_array().unwrap().iter().find(|entry| entry["storage"] == "office").unwrap();
    assert_eq!((&office["type"], &office["nodes"]), (&"cifs".into(), &"pve1,pve2".into()));
    let listed = scene.client.data("/cluster/resources?type=storage").await;
    let on: Vec<_> = listed.as_array().unwrap().iter().filter(|entry| entry["storage"] == "office").collect();
    assert_eq!(on.iter().map(|entry| &entry["node"]).collect::<Vec<_>>(), ["pve1", "pve2"]);
    let answer = scene.client.get("/nodes/pve3/storage/office/content").await;
    assert_eq!(
        (answer.status, answer.reason.as_str()),
        (500, "storage 'office' is not available on node 'pve3'")
    );
    let backups = scene.client.data("/nodes/pve1/storage/office/content").await;
    assert!(!backups.as_array().unwrap().is_empty());
}

#[tokio::test]
async fn what_draws_from_the_disks_of_ceph_adds_up() {
    let scene = Scene::new(EstateOptions { guests: 200, ceph: true, ..EstateOptions::default() }).await;
    let status = scene.client.data("/cluster/ceph/status").await;
    let figure = |name: &str| status["pgmap"][name].as_u64().unwrap();
    let pools = scene.client.data("/nodes/pve1/ceph/pool").await;
    let pools = pools.as_array().unwrap();
    let stored: u64 = pools
        .iter()
        .filter(|pool| pool["pool"] == 2 || pool["pool"] == 3)
        .map(|pool| pool["bytes_used"].as_u64().unwrap())
        .sum();
    assert_eq!(stored, figure("bytes_used"));
    let groups: u64 = pools.iter().map(|pool| pool["pg_num"].as_u64().unwrap()).sum();
    assert_eq!((groups, pools.len() as u64), (figure("num_pgs"), figure("num_pools")));
    for name in ["ceph-pool", "cephfs"] {
        let one = scene.client.data(&format!("/nodes/pve1/storage/{name}/status")).await;
        assert_eq!(one["avail"].as_u64().unwrap() * 3, figure("bytes_avail"), "{name}");
    }
}
