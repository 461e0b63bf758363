//! Keys and types against what the vendor's own daemons (9.2) answered.
//!
//! `tests/fixtures/pve-9.2-shapes.json` holds, for each recorded answer, its status, reason, headers and the names and
//! types of its fields, without the values.

use pulse_sim::{AgentState, Effect, EstateOptions, Fault, GuestKind, GuestStatus, PveVersion};
use serde_json::{Map, Value};

use crate::client::{Answer, Scene};

/// Numbers that are 0 (an integer) in the recordings because everything stood still.
const FRACTIONS: [&str; 16] = [
    "cpu",
    "wait",
    "idle",
    "iowait",
    "loadavg",
    "used_fraction",
    "netin",
    "netout",
    "diskread",
    "diskwrite",
    "pressurecpusome",
    "pressurecpufull",
    "pressureiosome",
    "pressureiofull",
    "pressurememorysome",
    "pressurememoryfull",
];

/// Keys that the recordings lack and real daemons have: what they depend on was missing there.
const MORE: [&str; 24] = [
    "cgroup-mode",
    "pool",
    "hastate",
    "lock",
    "tags",
    "template",
    "balloon_min",
    "shares",
    "active",
    "exists",
    "cpu",
    "features",
    "onboot",
    "clustername",
    "secureboot",
    "prune-backups",
    "krbd",
    "by_id_link",
    "balloon",
    "agent",
    "state",
    "used_fraction",
    "disk",
    "maxdisk",
];

fn fixtures() -> Value {
    serde_json::from_str(include_str!("../fixtures/pve-9.2-shapes.json")).unwrap()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "map",
    }
}

#[track_caller]
fn check_type(name: &str, key: &str, value: &Value, allowed: &[&str]) {
    let got = kind(value);
    let fits = allowed.contains(&got)
        || (FRACTIONS.contains(&key) && ["int", "float"].contains(&got))
        // The recorded disk was a virtual one without wear.
        || (key == "wearout" && got == "int");
    assert!(fits, "{name}: {key} is {got}, recorded as {allowed:?}");
}

/// Compares an object with a recorded one, maps inside included.
#[track_caller]
fn check_map(name: &str, got: &Map<String, Value>, recorded: &Map<String, Value>) {
    for (key, wanted) in recorded {
        let value = got.get(key).unwrap_or_else(|| panic!("{name}: {key} is missing"));
        match wanted {
            Value::Object(inner) => {
                check_map(&format!("{name}.{key}"), value.as_object().unwrap(), inner);
            }
            text => check_type(name, key, value, &[text.as_str().unwrap()]),
        }
    }
    for key in got.keys() {
        assert!(recorded.contains_key(key) || MORE.contains(&key.as_str()), "{name}: {key} is no real key");
    }
}

/// Compares list entries with what recorded entries of their type have in common.
#[track_caller]
fn check_list(name: &str, got: &[Value], recorded: &Map<String, Value>) {
    assert!(!got.is_empty(), "{name}: nothing to compare");
    let mut compared = 0;
    for entry in got {
        let group = if recorded.contains_key("") { "" } else { entry["type"].as_str().unwrap_or_default() };
        let Some(group) = recorded.get(group) else { continue };
        compared += 1;
        let entry = entry.as_object().unwrap();
        for key in group["required"].as_array().unwrap() {
            let key = key.as_str().unwrap();
            // A guest without tags has no such key; a Ceph pool of the cluster itself has no monitors to name.
            assert!(
                entry.contains_key(key) || ["tags", "monhost"].contains(&key),
                "{name}: {key} is missing in {entry:?}"
            );
        }
        for (key, value) in entry {
            match group["types"].get(key) {
                Some(types) => {
                    let types: Vec<_> = types.as_array().unwrap().iter().filter_map(Value::as_str).collect();
                    check_type(name, key, value, &types);
                }
                None => assert!(MORE.contains(&key.as_str()), "{name}: {key} is no real key"),
            }
        }
    }
    assert!(compared > 0, "{name}: nothing comparable in {got:?}");
}

#[track_caller]
fn check_head(name: &str, answer: &Answer, recorded: &Value) {
    assert_eq!(answer.status, recorded["status"].as_u64().unwrap() as u16, "{name}");
    for (header, wanted) in recorded["headers"].as_object().into_iter().flatten() {
        let got = answer.headers.get(header).map(|value| value.to_str().unwrap());
        assert_eq!(got, wanted.as_str(), "{name}: {header}");
    }
    if recorded["body"] == "empty" {
        assert!(answer.headers.get("content-type").is_none() && answer.text.is_empty(), "{name}: {answer:?}");
    }
}

async fn standalone() -> Scene {
    let options = EstateOptions {
        nodes: 1,
        guests: 250,
        ceph: true,
        version: PveVersion::V9_2,
        ..EstateOptions::default()
    };
    Scene::new(options).await
}

#[tokio::test]
async fn answers_have_the_recorded_keys_and_types() {
    let (scene, fixtures) = (standalone().await, fixtures());
    let truth = scene.cluster.truth();
    let first = |kind: GuestKind, status: GuestStatus, balloon: bool, tagged: bool| {
        let found = truth.guests.iter().find(|guest| {
            guest.plan.kind == kind
                && guest.status == status
                && !guest.plan.is_template
                && guest.plan.has_balloon == balloon
                && guest.plan.tags.is_empty() != tagged
                && (guest.plan.agent != AgentState::Off || kind == GuestKind::Lxc)
        });
        found.unwrap_or_else(|| panic!("no {kind:?} {status:?}")).plan.vmid
    };
    let stopped_vm = first(GuestKind::Qemu, GuestStatus::Stopped, true, true);
    let running_vm = first(GuestKind::Qemu, GuestStatus::Running, true, true);
    let stopped_ct = first(GuestKind::Lxc, GuestStatus::Stopped, false, true);
    let running_ct = first(GuestKind::Lxc, GuestStatus::Running, false, true);
    for (name, guest) in [
        ("version", 0),
        ("nodes", 0),
        ("node_status", 0),
        ("cluster_status_standalone", 0),
        ("cluster_resources", 0),
        ("cluster_resources_storage", 0),
        ("cluster_resources_vm", 0),
        ("storage_config", 0),
        ("node_storage", 0),
        ("node_network", 0),
        ("node_rrddata", 0),
        ("ha_status_current", 0),
        ("disks_list", 0),
        ("qemu_status_current_stopped", stopped_vm),
        ("lxc_status_current_stopped", stopped_ct),
        ("qemu_config", running_vm),
        ("qemu_rrddata", running_vm),
        ("lxc_rrddata", running_ct),
        ("lxc_interfaces_stopped", stopped_ct),
    ] {
        let recorded = &fixtures[name];
        let path = recorded["request"].as_str().unwrap();
        let path = path
            .replace("/qemu/100/", &format!("/qemu/{guest}/"))
            .replace("/lxc/101/", &format!("/lxc/{guest}/"));
        let answer = scene.client.get(&path).await;
        check_head(name, &answer, recorded);
        let data = answer.data();
        match (&recorded["map"], &recorded["list"]) {
            (Value::Object(map), _) => check_map(name, data.as_object().unwrap(), map),
            (_, Value::Object(list)) => check_list(name, data.as_array().unwrap(), list),
            _ => assert!(data.is_null(), "{name}: {data}"),
        }
    }
}

#[tokio::test]
async fn lists_of_guests_have_the_recorded_keys() {
    let (scene, fixtures) = (standalone().await, fixtures());
    for name in ["node_qemu", "node_lxc"] {
        let data = scene.client.data(fixtures[name]["request"].as_str().unwrap()).await;
        let stopped: Vec<_> =
            data.as_array().unwrap().iter().filter(|guest| guest["status"] == "stopped").cloned().collect();
        check_list(name, &stopped, fixtures[name]["list"].as_object().unwrap());
    }
}

#[tokio::test]
async fn a_running_machine_has_the_keys_of_a_real_one() {
    let (scene, fixtures) = (standalone().await, fixtures());
    let truth = scene.cluster.truth();
    let guest = truth.guests.iter().find(|guest| guest.has_agent() && guest.plan.has_balloon).unwrap();
    let data = scene.client.data(&format!("/nodes/pve1/qemu/{}/status/current", guest.plan.vmid)).await;
    for (key, wanted) in fixtures["qemu_status_current_running"]["map"].as_object().unwrap() {
        let value = data.get(key).unwrap_or_else(|| panic!("{key} is missing in {data}"));
        check_type("qemu_status_current_running", key, value, &[wanted.as_str().unwrap()]);
    }
}

#[tokio::test]
async fn a_container_configuration_has_the_recorded_keys() {
    let (scene, fixtures) = (standalone().await, fixtures());
    let truth = scene.cluster.truth();
    let guest =
        truth.guests.iter().find(|g| g.plan.kind == GuestKind::Lxc && !g.plan.tags.is_empty()).unwrap();
    let data = scene.client.data(&format!("/nodes/pve1/lxc/{}/config", guest.plan.vmid)).await;
    check_map("lxc_config", data.as_object().unwrap(), fixtures["lxc_config"]["map"].as_object().unwrap());
}

#[tokio::test]
async fn a_login_has_the_recorded_keys() {
    let (scene, fixtures) = (standalone().await, fixtures());
    let body = serde_json::json!({ "username": scene.cluster.user(), "password": scene.cluster.password() });
    let request = scene.client.anonymous().request(reqwest::Method::POST, "/access/ticket").json(&body);
    let answer = crate::client::read(request.send().await.unwrap()).await.unwrap();
    check_head("access_ticket", &answer, &fixtures["access_ticket"]);
    let recorded = fixtures["access_ticket"]["map"].as_object().unwrap();
    check_map("access_ticket", answer.data().as_object().unwrap(), recorded);
}

#[tokio::test]
async fn errors_are_worded_and_wrapped_as_recorded() {
    let scene =
        Scene::new(EstateOptions { version: PveVersion::V9_2, nodes: 4, ..EstateOptions::default() }).await;
    let fixtures = fixtures();
    let truth = scene.cluster.truth();
    let stopped = truth
        .guests
        .iter()
        .find(|guest| guest.plan.kind == GuestKind::Qemu && guest.status == GuestStatus::Stopped)
        .unwrap();
    let (node, vmid) = (&stopped.node, stopped.plan.vmid.to_string());
    scene.cluster.add_fault(Fault::new(Effect::NodeOffline).on_node("pve4")).unwrap();
    for name in [
        "err400_rrddata_ds",
        "err401_no_auth",
        "err500_agent_vm_not_running",
        "err500_unknown_guest",
        "err500_unknown_node",
        "err500_ceph_status_not_installed",
        "err500_disks_zfs_not_installed",
        "err501_cluster_ceph_df",
        "err501_unknown_path",
        "err595_target_node_unreachable",
    ] {
        let recorded = &fixtures[name];
        let path = recorded["request"].as_str().unwrap();
        let is_agent = path.contains("/agent/");
        let path = if is_agent { path.replace("pve1", node).replace("100", &vmid) } else { path.to_owned() };
        let client = if name.starts_with("err401") { scene.client.anonymous() } else { scene.client.clone() };
        let answer = client.get(&path).await;
        check_head(name, &answer, recorded);
        let reason = recorded["reason"].as_str().unwrap();
        match name {
            "err500_agent_vm_not_running" => assert_eq!(answer.reason, reason.replace("100", &vmid)),
            // The recording had no network at all; an absent neighbour says this.
            "err595_target_node_unreachable" => assert_eq!(answer.reason, "No route to host"),
            _ => assert_eq!(answer.reason, reason, "{name}"),
        }
        if let Some(keys) = recorded["body"].as_array() {
            let got: Vec<_> =
                answer.json().as_object().unwrap().keys().map(|key| Value::from(key.as_str())).collect();
            assert_eq!(&got, keys, "{name}");
        }
    }
}
