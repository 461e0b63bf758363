//! Every answer of the simulated Proxmox VE against the vendor's schema of its release. Allowed departures are those
//! that the real daemons have too, and each is named.

use pulse_sim::{EstateOptions, GuestKind, PveVersion};
use serde_json::Value;

use crate::{client::Scene, schema};

/// Where real daemons depart from their own schema, as recorded.
const REAL_DEPARTURES: [&str; 2] = [
    // `null` for a disk that holds no OSD.
    "osdid-list: null",
    // Release 7 writes numbers of containers as text.
    "].vmid: \"",
];

/// The calls, with a path that the estate has.
fn calls(scene: &Scene, version: PveVersion) -> Vec<(&'static str, String)> {
    let truth = scene.cluster.truth();
    let running = |kind: GuestKind| {
        truth.guests.iter().find(|guest| guest.plan.kind == kind && guest.is_running()).unwrap()
    };
    let (vm, container) = (running(GuestKind::Qemu), running(GuestKind::Lxc));
    let talking = truth.guests.iter().find(|guest| guest.has_agent()).unwrap();
    let of = |guest: &pulse_sim::GuestTruth, rest: &str| {
        format!("/nodes/{}/{}/{}{rest}", guest.node, guest.plan.kind.word(), guest.plan.vmid)
    };
    let node = |rest: &str| format!("/nodes/pve1{rest}");
    let mut list = vec![
        ("/version", "/version".into()),
        ("/cluster/status", "/cluster/status".into()),
        ("/cluster/resources", "/cluster/resources".into()),
        ("/cluster/replication", "/cluster/replication".into()),
        ("/cluster/ha/resources", "/cluster/ha/resources".into()),
        ("/cluster/ha/status/current", "/cluster/ha/status/current".into()),
        ("/cluster/ceph/status", "/cluster/ceph/status".into()),
        ("/nodes", "/nodes".into()),
        ("/storage", "/storage".into()),
        ("/nodes/{node}/status", node("/status")),
        ("/nodes/{node}/network", node("/network")),
        ("/nodes/{node}/rrddata", node("/rrddata?timeframe=hour")),
        ("/nodes/{node}/replication", node("/replication")),
        ("/nodes/{node}/tasks", node("/tasks?source=all&typefilter=vzdump")),
        ("/nodes/{node}/apt/update", node("/apt/update")),
        ("/nodes/{node}/disks/list", node("/disks/list")),
        ("/nodes/{node}/disks/zfs", node("/disks/zfs")),
        ("/nodes/{node}/disks/zfs/{name}", node("/disks/zfs/rpool")),
        ("/nodes/{node}/ceph/pool", node("/ceph/pool")),
        ("/nodes/{node}/storage", node("/storage")),
        ("/nodes/{node}/storage/{storage}/status", node("/storage/nas/status")),
        ("/nodes/{node}/storage/{storage}/content", node("/storage/nas/content")),
        ("/nodes/{node}/storage/{storage}/content", node("/storage/pbs-main/content")),
        ("/nodes/{node}/storage/{storage}/content", node("/storage/cephfs/content")),
        ("/nodes/{node}/storage/{storage}/content", node("/storage/office/content")),
        ("/nodes/{node}/storage/{storage}/status", node("/storage/office/status")),
        ("/nodes/{node}/qemu", node("/qemu?full=1")),
        ("/nodes/{node}/qemu/{vmid}/status/current", of(vm, "/status/current")),
        ("/nodes/{node}/qemu/{vmid}/config", of(vm, "/config")),
        ("/nodes/{node}/qemu/{vmid}/rrddata", of(vm, "/rrddata?timeframe=hour")),
        ("/nodes/{node}/qemu/{vmid}/agent/get-fsinfo", of(talking, "/agent/get-fsinfo")),
        ("/nodes/{node}/qemu/{vmid}/agent/get-osinfo", of(talking, "/agent/get-osinfo")),
        ("/nodes/{node}/qemu/{vmid}/agent/info", of(talking, "/agent/info")),
        (
            "/nodes/{node}/qemu/{vmid}/agent/network-get-interfaces",
            of(talking, "/agent/network-get-interfaces"),
        ),
        ("/nodes/{node}/lxc", node("/lxc")),
        ("/nodes/{node}/lxc/{vmid}/status/current", of(container, "/status/current")),
        ("/nodes/{node}/lxc/{vmid}/config", of(container, "/config")),
    ];
    if version > PveVersion::V7_4 {
        list.push(("/nodes/{node}/lxc/{vmid}/interfaces", of(container, "/interfaces")));
    }
    for guest in truth.guests.iter().filter(|guest| !guest.plan.is_template) {
        let template = match guest.plan.kind {
            GuestKind::Qemu => "/nodes/{node}/qemu/{vmid}/snapshot",
            GuestKind::Lxc => "/nodes/{node}/lxc/{vmid}/snapshot",
        };
        list.push((template, of(guest, "/snapshot")));
    }
    list
}

#[tokio::test]
async fn every_answer_is_as_the_vendors_schema_of_its_release_says() {
    for version in [PveVersion::V7_4, PveVersion::V8_4, PveVersion::V9_1, PveVersion::V9_2] {
        let Some(schema) = schema::load(&format!("pve/pve-{}.apischema.json.gz", version.release())) else {
            return;
        };
        let options = EstateOptions {
            nodes: 3,
            guests: 80,
            version,
            zfs: true,
            ceph: true,
            cifs: true,
            ..EstateOptions::default()
        };
        let scene = Scene::new(options).await;
        scene.cluster.degrade_pool("pve1", true).unwrap();
        let mut problems = Vec::new();
        for (template, path) in calls(&scene, version) {
            let data: Value = scene.client.data(&path).await;
            problems.extend(schema::problems(&schema, template, &data, &REAL_DEPARTURES));
        }
        problems.sort();
        problems.dedup();
        assert!(problems.is_empty(), "{version}: {problems:#?}");
    }
}

#[tokio::test]
async fn every_parameter_the_schema_does_not_know_is_refused() {
    let Some(schema) = schema::load("pve/pve-9.2.apischema.json.gz") else { return };
    let scene = Scene::new(EstateOptions {
        nodes: 3,
        guests: 80,
        version: PveVersion::V9_2,
        zfs: true,
        ceph: true,
        cifs: true,
        ..EstateOptions::default()
    })
    .await;
    for (template, path) in calls(&scene, PveVersion::V9_2) {
        let parameters = &schema[template]["GET"]["parameters"];
        if parameters["additionalProperties"] != 0 && parameters["additionalProperties"] != false {
            continue;
        }
        let mark = if path.contains('?') { '&' } else { '?' };
        let answer = scene.client.get(&format!("{path}{mark}nobody-knows=1")).await;
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.json()["errors"]["nobody-knows"].is_string(), "{path}");
    }
}
