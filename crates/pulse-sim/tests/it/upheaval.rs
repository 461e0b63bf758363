//! Faults that change what a cluster is: clocks, names, numbers, halves, releases. Seen from outside.

use std::collections::BTreeSet;

use pulse_sim::{BackupServer, BackupServerOptions, Effect, EstateOptions, Fault, Preset, PveVersion};
use serde_json::Value;

use crate::client::{Client, Scene};

async fn scene() -> Scene {
    Scene::new(EstateOptions::default()).await
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().filter_map(|entry| entry["node"].as_str()).collect()
}

#[tokio::test]
async fn a_restarted_node_and_its_guests_begin_at_zero_and_no_other_does() {
    let scene = scene().await;
    let before = scene.cluster.truth();
    scene.cluster.add_fault(Fault::new(Effect::Restart).on_node("pve2")).unwrap();
    scene.advance(20);
    let after = scene.cluster.truth();
    assert!(after.nodes[1].uptime <= 20 && before.nodes[1].uptime > 20);
    assert_eq!(after.nodes[0].uptime, before.nodes[0].uptime + 20);
    for (old, new) in before.guests.iter().zip(&after.guests).filter(|(old, _)| old.is_running()) {
        let has_restarted = &*old.node == "pve2";
        assert_eq!(new.uptime <= 20, has_restarted, "{}", old.plan.vmid);
        assert_eq!(new.counters()[0] < old.counters()[0], has_restarted, "{}", old.plan.vmid);
    }
    let node = scene.client.data("/nodes/pve2/status").await;
    assert_eq!(node["uptime"], after.nodes[1].uptime);
}

#[tokio::test]
async fn a_wrong_clock_moves_the_times_a_node_tells_and_no_other_node_s() {
    let scene = scene().await;
    let path = |node: usize| format!("/nodes/pve{node}/tasks?typefilter=vzdump");
    let before = (scene.client.data(&path(1)).await, scene.client.data(&path(2)).await);
    let skew = Fault::new(Effect::ClockSkew { seconds: 7_200 }).on_node("pve2");
    scene.cluster.add_fault(skew).unwrap();
    assert_eq!(scene.client.data(&path(1)).await, before.0);
    let (old, new) = (before.1, scene.client.data(&path(2)).await);
    assert!(!old.as_array().unwrap().is_empty());
    for (old, new) in old.as_array().unwrap().iter().zip(new.as_array().unwrap()) {
        assert_eq!(new["starttime"].as_u64(), old["starttime"].as_u64().map(|at| at + 7_200));
        assert_eq!(new["status"], old["status"]);
        let began = |task: &Value| {
            let upid = task["upid"].as_str().unwrap().to_owned();
            u64::from_str_radix(upid.split(':').nth(4).unwrap(), 16).unwrap()
        };
        assert_eq!((began(old), began(new)), (old["starttime"].as_u64().unwrap(), began(old) + 7_200));
    }
}

#[tokio::test]
async fn a_wrong_clock_stands_in_the_names_of_the_backups_made_by_it_whoever_lists_them() {
    let scene = Scene::new(EstateOptions { guests: 60, ..EstateOptions::default() }).await;
    let home = |vmid: &Value| {
        let truth = scene.cluster.truth();
        truth.guest(u32::try_from(vmid.as_u64().unwrap()).unwrap()).unwrap().node.to_string()
    };
    scene.cluster.add_fault(Fault::new(Effect::ClockSkew { seconds: 3_600 }).on_node("pve2"));
    for storage in ["nas", "pbs-main"] {
        let path = |node: usize| format!("/nodes/pve{node}/storage/{storage}/content?content=backup");
        let (one, other) = (scene.client.data(&path(1)).await, scene.client.data(&path(2)).await);
        assert_eq!(one, other, "the storage is the same, whichever node is asked");
        let mut hours = BTreeSet::new();
        for backup in one.as_array().unwrap() {
            let hour = backup["ctime"].as_u64().unwrap() % 86_400 / 3_600;
            let volid = backup["volid"].as_str().unwrap();
            let (dashed, colons) = (format!("-0{hour}_"), format!("T0{hour}:"));
            assert!(volid.contains(&dashed) || volid.contains(&colons), "{volid} at {hour} o'clock");
            assert_eq!(hour, if home(&backup["vmid"]) == "pve2" { 2 } else { 1 }, "{volid}");
            hours.insert(hour);
        }
        assert_eq!(hours, BTreeSet::from([1, 2]), "{storage}");
    }
}

#[tokio::test]
async fn a_number_that_is_there_twice_is_listed_by_two_nodes_with_different_figures() {
    let scene = scene().await;
    let guest = scene.cluster.truth().guests.iter().find(|guest| guest.is_running()).unwrap().clone();
    let vmid = guest.plan.vmid;
    scene.client.get("/cluster/resources").await;
    scene.cluster.add_fault(Fault::new(Effect::DuplicateVmid { vmid })).unwrap();
    let list = scene.client.data("/cluster/resources").await;
    let both: Vec<_> = list.as_array().unwrap().iter().filter(|entry| entry["vmid"] == vmid).collect();
    assert_eq!(both.len(), 2);
    assert_ne!(both[0]["node"], both[1]["node"]);
    assert_ne!(both[0]["netin"], both[1]["netin"]);
    scene.cluster.clear_faults();
    let list = scene.client.data("/cluster/resources").await;
    assert_eq!(list.as_array().unwrap().iter().filter(|entry| entry["vmid"] == vmid).count(), 1);
}

#[tokio::test]
async fn a_renamed_node_is_known_by_its_new_name_only() {
    let scene = scene().await;
    let uptime = scene.client.data("/nodes/pve2/status").await["uptime"].clone();
    let rename = Fault::new(Effect::RenameNode { to: "hyper-2".into() }).on_node("pve2");
    scene.cluster.add_fault(rename).unwrap();
    assert_eq!(names(&scene.client.data("/nodes").await), ["pve1", "hyper-2", "pve3"]);
    assert_eq!(scene.client.data("/nodes/hyper-2/status").await["uptime"], uptime);
    let old = scene.client.get("/nodes/pve2/status").await;
    assert_eq!(old.status, 500);
    assert!(old.text.contains("hostname lookup 'pve2' failed"), "{old:?}");
    let resources = scene.client.data("/cluster/resources").await;
    assert!(!resources.to_string().contains("pve2"), "{resources}");
    assert_eq!(&*scene.cluster.truth().nodes[1].name, "hyper-2");
}

#[tokio::test]
async fn each_half_of_a_split_cluster_takes_the_other_for_dead() {
    let scene = scene().await;
    scene.cluster.add_fault(Fault::new(Effect::ClusterSplit).on_node("pve1")).unwrap();
    let (few, many) = (&scene.client, Client::of(&scene.cluster, 1));
    let online = async |client: &Client| -> (Value, Vec<Value>) {
        let status = client.data("/cluster/status").await;
        let nodes = status.as_array().unwrap()[1..].iter().map(|node| node["online"].clone()).collect();
        (status[0]["quorate"].clone(), nodes)
    };
    assert_eq!(online(few).await, (0.into(), vec![1.into(), 0.into(), 0.into()]));
    assert_eq!(online(&many).await, (1.into(), vec![0.into(), 1.into(), 1.into()]));
    assert_eq!(few.get("/nodes/pve2/status").await.status, 595);
    assert_eq!(many.get("/nodes/pve1/status").await.status, 595);
    assert_eq!(many.get("/nodes/pve3/status").await.status, 200);
    let unknown = async |client: &Client| -> BTreeSet<String> {
        let list = client.data("/cluster/resources?type=vm").await;
        let list = list.as_array().unwrap().iter().filter(|guest| guest["status"] == "unknown");
        list.map(|guest| guest["node"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(unknown(few).await, BTreeSet::from(["pve2".to_owned(), "pve3".to_owned()]));
    assert_eq!(unknown(&many).await, BTreeSet::from(["pve1".to_owned()]));
    // In truth all of them live.
    assert!(scene.cluster.truth().nodes.iter().all(|node| node.is_online));
}

#[tokio::test]
async fn a_cluster_is_upgraded_node_by_node() {
    let scene = Scene::new(EstateOptions { version: PveVersion::V8_4, ..EstateOptions::default() }).await;
    let mut play = scene.cluster.play(Preset::Upgrade8To9);
    let memory = async |node: &str| scene.client.get(&format!("/nodes/{node}/status")).await;
    scene.cluster.settled().await;
    // The first node is away now: another one has to be asked.
    assert_eq!(Client::of(&scene.cluster, 1).get("/nodes/pve1/status").await.status, 595);
    scene.advance(60);
    scene.cluster.play_on(&mut play);
    scene.cluster.settled().await;
    assert!(memory("pve1").await.data()["memory"].get("available").is_some());
    assert!(memory("pve2").await.data()["memory"].get("available").is_none());
    assert_eq!(scene.client.data("/version").await["release"], "9.1");
    scene.advance(600);
    scene.cluster.play_on(&mut play);
    scene.cluster.settled().await;
    assert!(memory("pve3").await.data()["memory"].get("available").is_some());
    scene.cluster.end_play(play);
    assert!(scene.cluster.faults().is_empty());
}

#[tokio::test]
async fn every_preset_can_be_performed_and_ended_on_a_running_cluster() {
    let scene = scene().await;
    for preset in Preset::ALL {
        scene.cluster.perform(preset);
        let is_quiet = matches!(preset, Preset::FlappingNode);
        assert_eq!(scene.cluster.faults().is_empty(), is_quiet, "{preset}");
        scene.cluster.clear_faults();
        assert!(scene.cluster.faults().is_empty(), "{preset}");
    }
}

#[tokio::test]
async fn a_datastore_whose_disk_is_gone_says_so() {
    let server = BackupServer::start(BackupServerOptions::default()).await.unwrap();
    let access = server.machine().access();
    let authorization = format!("PBSAPIToken={}:{}", access.token_name, access.token_value);
    let client = Client::of_machine(server.machine(), Some(authorization));
    let main = async || {
        let list = client.data("/status/datastore-usage").await;
        list.as_array().unwrap().iter().find(|store| store["store"] == "main").unwrap().clone()
    };
    assert!(main().await["total"].is_u64());
    let play = server.machine().play(Preset::PbsUnmounted);
    let gone = main().await;
    assert_eq!(gone["mount-status"], "notmounted");
    assert!(gone.get("total").is_none() && gone["error"].as_str().unwrap().contains("main"), "{gone}");
    server.machine().clear_faults();
    assert!(main().await["total"].is_u64());
    drop(play);
}
