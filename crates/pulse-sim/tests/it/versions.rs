//! What differs between releases.

use pulse_sim::{EstateOptions, PveVersion};

use crate::client::Scene;

async fn scene(version: PveVersion) -> Scene {
    Scene::new(EstateOptions { version, ..EstateOptions::default() }).await
}

#[tokio::test]
async fn release_7_writes_container_numbers_as_text_and_knows_no_interfaces() {
    let old = scene(PveVersion::V7_4).await;
    let list = old.client.data("/nodes/pve1/lxc").await;
    assert!(list[0]["vmid"].is_string(), "{}", list[0]);
    let vmid = list[0]["vmid"].as_str().unwrap();
    assert_eq!(old.client.get(&format!("/nodes/pve1/lxc/{vmid}/interfaces")).await.status, 501);
    let status = old.client.data("/nodes/pve1/status").await;
    assert!(status.get("current-kernel").is_none());
    assert_eq!(old.client.data("/version").await["version"], "7.4-16");
    assert!(old.client.data("/nodes/pve1/network").await[0]["active"].is_string());
}

#[tokio::test]
async fn available_memory_and_host_memory_come_with_release_9() {
    for (version, is_new) in [(PveVersion::V7_4, false), (PveVersion::V8_4, false), (PveVersion::V9_1, true)]
    {
        let scene = scene(version).await;
        let status = scene.client.data("/nodes/pve1/status").await;
        assert_eq!(status["memory"].get("available").is_some(), is_new, "{version}");
        assert!(status["loadavg"][0].is_string());
        let guests = scene.client.data("/cluster/resources?type=vm").await;
        assert_eq!(guests[0].get("memhost").is_some(), is_new, "{version}");
        let zones = scene.client.data("/cluster/resources?type=sdn").await;
        let kind = zones.get(0).map(|zone| zone["type"].as_str().unwrap().to_owned());
        let expect = match version {
            PveVersion::V7_4 => None,
            PveVersion::V8_4 => Some("sdn"),
            PveVersion::V9_1 | PveVersion::V9_2 => Some("network"),
        };
        assert_eq!(kind.as_deref(), expect, "{version}");
        let rrd = scene.client.data("/nodes/pve1/rrddata?timeframe=hour").await;
        assert_eq!(rrd[0].get("memavailable").is_some(), is_new, "{version}");
    }
}

#[tokio::test]
async fn unknown_parameters_and_paths_are_refused_as_upstream_does() {
    let scene = scene(PveVersion::V9_1).await;
    let bad = scene.client.get("/nodes/pve1/rrddata?timeframe=hour&cf=AVERAGE&ds=memused").await;
    assert_eq!((bad.status, bad.reason.as_str()), (400, "Parameter verification failed."));
    assert!(bad.json()["errors"]["ds"].as_str().unwrap().starts_with("property is not defined in schema"));
    let bad = scene.client.get("/cluster/resources?type=vms").await;
    let text = bad.json()["errors"]["type"].as_str().unwrap().to_owned();
    assert_eq!(text, "value 'vms' does not have a value in the enumeration 'vm, storage, node, sdn'");
    let bad = scene.client.get("/nodes/pve1/rrddata").await;
    assert_eq!(bad.json()["errors"]["timeframe"], "property is missing and it is not optional");
    let missing = scene.client.get("/cluster/ceph/df").await;
    assert_eq!(
        (missing.status, missing.reason.as_str()),
        (501, "Method 'GET /cluster/ceph/df' not implemented")
    );
    let request = scene.client.request(reqwest::Method::DELETE, "/nodes/pve1/qemu/100");
    assert_eq!(request.send().await.unwrap().status(), 501);
}

#[tokio::test]
async fn lists_are_filtered_by_type() {
    let scene = scene(PveVersion::V9_1).await;
    let all = scene.client.data("/cluster/resources").await.as_array().unwrap().len();
    let mut sum = 0;
    for (kind, names) in [
        ("vm", &["qemu", "lxc"][..]),
        ("node", &["node"][..]),
        ("storage", &["storage"][..]),
        ("sdn", &["network"][..]),
    ] {
        let list = scene.client.data(&format!("/cluster/resources?type={kind}")).await;
        let list = list.as_array().unwrap();
        assert!(list.iter().all(|entry| names.contains(&entry["type"].as_str().unwrap())), "{kind}");
        sum += list.len();
    }
    let pools = scene.client.data("/cluster/resources").await;
    let pools = pools.as_array().unwrap().iter().filter(|entry| entry["type"] == "pool").count();
    assert_eq!(sum + pools, all);
}
