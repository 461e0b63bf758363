//! Polls of hand-made clusters: what one bad part does to the rest, how logins go, where a poll goes when a host dies.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use pulse_collectors::{Connect, HttpConnect, PollError, PveApi, PveCycle, Timeouts};
use pulse_config::{ClusterEndpointConfig, PveInstance, Secret};
use pulse_core::{
    Missing, Reading,
    ids::NodeId,
    model::{
        ConnectionHealth, DiskUse, FailureClass, Guest, GuestKind, GuestStatus, MemorySource, MemoryUse,
        NodeStatus, StorageStatus,
    },
};

use crate::{
    server::{Reply, Request, Server},
    support::{SECRET, TIMEOUTS, fixture, instance},
};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// Answers by path; what is not in it is not implemented, as Proxmox says it.
#[derive(Clone)]
struct Script(Arc<Mutex<BTreeMap<String, Reply>>>);

impl Script {
    /// A cluster `prod` of three nodes, the third one down, with a guest of every kind.
    fn cluster() -> Self {
        let script = Self(Arc::default());
        script.set(
            "/cluster/status",
            Reply::json(
                r#"{"data":[{"type":"cluster","id":"cluster","name":"prod","nodes":3,"quorate":1,"version":3},
                {"type":"node","id":"node/a","name":"a","nodeid":1,"ip":"192.0.2.1","online":1,"local":1,"level":""},
                {"type":"node","id":"node/b","name":"b","nodeid":"2","ip":"192.0.2.2","online":"1","local":0,"level":null},
                {"type":"node","id":"node/c","name":"c","nodeid":3,"ip":"2001:db8::3","online":0,"local":0}]}"#,
            ),
        );
        script.set(
            "/cluster/resources",
            Reply::json(
                r#"{"data":[
                {"type":"node","id":"node/b","node":"b","status":"online","cpu":0.5,"maxcpu":4,"mem":400,"maxmem":1000,"disk":5,"maxdisk":50,"uptime":77},
                {"type":"node","id":"node/a","node":"a","status":"online","cpu":0.1,"maxcpu":8,"mem":100,"maxmem":1000,"disk":1,"maxdisk":10,"uptime":99},
                {"type":"node","id":"node/c","node":"c","status":"offline"},
                {"type":"qemu","id":"qemu/100","vmid":100,"node":"a","name":"web","status":"running","cpu":0.25,"maxcpu":2,"mem":50,"maxmem":100,"disk":0,"maxdisk":700,"netin":1,"netout":2,"diskread":3,"diskwrite":4,"uptime":10,"tags":"prod;web","hastate":"started","pool":"p1"},
                {"type":"qemu","id":"qemu/101","vmid":101,"node":"a","name":"still","status":"running","cpu":0,"maxcpu":1,"mem":5,"maxmem":10,"maxdisk":70,"uptime":9},
                {"type":"qemu","id":"qemu/102","vmid":102,"node":"b","name":"off","status":"stopped","mem":0,"maxmem":10,"maxdisk":70,"uptime":0,"lock":"suspended"},
                {"type":"lxc","id":"lxc/200","vmid":"200","node":"b","name":"ct","status":"running","cpu":"0.01","maxcpu":1,"mem":"30","maxmem":"60","disk":2,"maxdisk":8,"uptime":5,"netin":7,"netout":8,"diskread":9,"diskwrite":10},
                {"type":"lxc","id":"lxc/201","vmid":201,"node":"c","status":"running","cpu":0.3,"mem":3,"maxmem":6,"disk":2,"maxdisk":8,"uptime":5,"netin":1},
                {"type":"qemu","id":"qemu/900","vmid":900,"node":"a","name":"tmpl","status":"stopped","template":1},
                {"type":"storage","id":"storage/a/nfs","node":"a","storage":"nfs","plugintype":"nfs","shared":1,"status":"available","disk":1,"maxdisk":9,"content":"iso,backup"},
                {"type":"storage","id":"storage/b/nfs","node":"b","storage":"nfs","plugintype":"nfs","shared":1,"status":"available","disk":1,"maxdisk":9,"content":"iso,backup"},
                {"type":"storage","id":"storage/b/local","node":"b","storage":"local","plugintype":"dir","shared":0,"status":"available","disk":4,"maxdisk":40,"content":"iso"},
                {"type":"storage","id":"storage/c/local","node":"c","storage":"local","plugintype":"dir","shared":0,"status":"unknown","content":"iso"},
                {"type":"sdn","id":"sdn/a/x","node":"a","status":"ok"},
                null, 7, {"type":["what"]}
                ]}"#,
            ),
        );
        script.set(
            "/nodes",
            Reply::json(format!(
                r#"{{"data":[{{"node":"a","ssl_fingerprint":"{}"}},{{"node":"b"}}]}}"#,
                "AB:".repeat(31) + "AB"
            )),
        );
        script.set(
            "/storage",
            Reply::json(
                r#"{"data":[{"storage":"local","path":"/var/lib/vz","type":"dir"},
                {"storage":"gone","type":"lvmthin","nodes":"b, c"}]}"#,
            ),
        );
        for node in ["a", "b"] {
            script.set(
                &format!("/nodes/{node}/status"),
                Reply::json(
                    r#"{"data":{"cpu":0.75,"uptime":1234,"memory":{"total":2000,"used":"900","free":1100},
                    "swap":{"total":10,"used":1,"free":9},"rootfs":{"total":500,"used":100,"avail":350,"free":400},
                    "loadavg":["0.10","0.20","0.30"],"kversion":"Linux 6.8.12-4-pve #1 SMP","pveversion":"pve-manager/8.4-1/761609f7",
                    "cpuinfo":{"model":"EPYC","cores":4,"cpus":8,"sockets":1,"mhz":"2596.128"}}}"#,
                ),
            );
            script.set(
                &format!("/nodes/{node}/storage"),
                Reply::json(
                    r#"{"data":[{"storage":"nfs","type":"nfs","content":"iso,backup","active":1,"enabled":1,"shared":1,"total":9000,"used":USED,"avail":100},
                    {"storage":"local","type":"dir","content":"vztmpl,iso","active":1,"enabled":1,"shared":0,"total":800,"used":300,"avail":450},
                    {"storage":"old","type":"dir","content":"images","active":0,"enabled":0,"shared":0,"total":0,"used":0,"avail":0},
                    {"storage":"gone","type":"lvmthin","content":"images","active":0,"enabled":1,"shared":0,"total":0,"used":0,"avail":0}]}"#
                        .replace("USED", if node == "a" { "7000" } else { "7001" }),
                ),
            );
        }
        script.set(
            "/nodes/a/qemu?full=1",
            Reply::json(
                r#"{"data":[{"vmid":100,"status":"running","qmpstatus":"running","cpu":0.26,"mem":60,"maxmem":100,"balloon":90,
                  "ballooninfo":{"total_mem":88,"free_mem":28,"actual":90},"freemem":28,"uptime":12,"netin":11,"netout":12,"diskread":13,"diskwrite":14,
                  "blockstat":{"scsi0":{"rd_bytes":1}},"nics":{"tap100i0":{"netin":1}}},
                 {"vmid":101,"status":"running","qmpstatus":"paused","cpu":0,"mem":5,"maxmem":10,"uptime":9}]}"#,
            ),
        );
        script
    }

    fn set(&self, path: &str, reply: Reply) {
        self.0.lock().unwrap().insert(path.to_owned(), reply);
    }

    fn answer(&self, request: &Request) -> Reply {
        let known = self.0.lock().unwrap().get(&request.path).cloned();
        known.unwrap_or_else(|| {
            Reply::status(
                501,
                "Method not implemented",
                r#"{"data":null,"message":"Method not implemented"}"#,
            )
        })
    }

    async fn serve(&self) -> Server {
        let script = self.clone();
        Server::start(move |request| script.answer(request)).await
    }
}

async fn poll(instance: &PveInstance) -> PveCycle {
    HttpConnect.pve(instance, TIMEOUTS).unwrap().poll(NOW).await.unwrap()
}

fn guest(cycle: &PveCycle, vmid: u32) -> &Guest {
    cycle
        .guests
        .as_ref()
        .unwrap()
        .iter()
        .find(|guest| guest.vmid == vmid)
        .unwrap_or_else(|| panic!("no {vmid}"))
}

fn messages(cycle: &PveCycle) -> Vec<&str> {
    cycle.issues.iter().map(|issue| issue.message.as_str()).collect()
}

#[tokio::test]
async fn a_healthy_cluster_is_read_with_three_calls_per_node_and_two_for_the_cluster() {
    let server = Script::cluster().serve().await;
    let api = HttpConnect.pve(&instance(&server.url()), TIMEOUTS).unwrap();
    let cycle = api.poll(NOW).await.unwrap();
    assert_eq!(messages(&cycle), Vec::<&str>::new());
    assert_eq!(cycle.health, ConnectionHealth::Healthy);
    let hot = [
        "/cluster/resources",
        "/cluster/status",
        "/nodes/a/qemu?full=1",
        "/nodes/a/status",
        "/nodes/a/storage",
        "/nodes/b/status",
        "/nodes/b/storage",
    ];
    let mut first = hot.to_vec();
    first.extend(["/nodes", "/storage"]);
    first.sort_unstable();
    assert_eq!(server.paths(), first);
    // The second poll leaves out what hardly ever changes.
    server.requests.lock().unwrap().clear();
    let second = api.poll(NOW).await.unwrap();
    assert_eq!(server.paths(), hot);
    assert_eq!(second, cycle);
    let sent = server.requests.lock().unwrap()[0].clone();
    assert_eq!(sent.headers["authorization"], format!("PVEAPIToken=mon@pve!pulse={SECRET}"));
    assert!(!sent.headers.contains_key("accept-encoding"), "{:?}", sent.headers);
}

#[tokio::test]
async fn nodes_come_from_themselves_and_one_that_is_down_has_no_figures() {
    let server = Script::cluster().serve().await;
    let cycle = poll(&instance(&server.url())).await;
    assert_eq!(cycle.cluster_name.as_deref(), Some("prod"));
    let names: Vec<_> = cycle.nodes.iter().map(|node| (node.id.as_str(), node.status)).collect();
    let (on, off) = (NodeStatus::Online, NodeStatus::Offline);
    assert_eq!(names, [("prod-a", on), ("prod-b", on), ("prod-c", off)]);
    let [a, _, c] = cycle.nodes.as_slice() else { panic!() };
    assert_eq!(a.cpu_fraction, Reading::Known(0.75));
    let memory = MemoryUse {
        swap_total_bytes: Some(10),
        swap_used_bytes: Some(1),
        ..MemoryUse::new(2000, 900).unwrap()
    };
    assert_eq!(a.memory, Reading::Known(memory));
    assert_eq!(a.root_disk, Reading::Known(DiskUse { total_bytes: 500, used_bytes: 100, free_bytes: 350 }));
    assert_eq!(a.load_average, Some([0.1, 0.2, 0.3]));
    assert_eq!((a.cpu_count, a.uptime_seconds), (Some(8), Reading::Known(1234)));
    assert_eq!(a.kernel_version.as_deref(), Some("6.8.12-4-pve"));
    assert_eq!(a.pve_version.as_deref(), Some("8.4-1"));
    assert_eq!(a.certificate_fingerprint.as_ref().map(String::len), Some(95));
    assert_eq!(a.host_url.as_deref(), Some(server.url().as_str()));
    assert_eq!(c.memory, Reading::Unknown(Missing::Offline));
    assert_eq!(c.cpu_fraction, Reading::Unknown(Missing::Offline));
    assert_eq!(c.last_seen, Timestamp::UNIX_EPOCH);
    let port = server.address.port();
    let endpoints: Vec<_> =
        cycle.endpoints.iter().map(|e| (e.node_id.as_str(), e.host.clone(), e.online, e.reachable)).collect();
    assert_eq!(
        endpoints,
        [
            ("node/a", server.url(), true, Some(true)),
            ("node/b", format!("https://192.0.2.2:{port}"), true, Some(true)),
            ("node/c", format!("https://[2001:db8::3]:{port}"), false, Some(false)),
        ]
    );
}

#[tokio::test]
async fn guests_say_what_is_known_and_why_the_rest_is_not() {
    let server = Script::cluster().serve().await;
    let cycle = poll(&instance(&server.url())).await;
    let ids: Vec<_> = cycle.guests.iter().flatten().map(|guest| guest.id.as_str()).collect();
    assert_eq!(ids, ["lab:a:100", "lab:a:101", "lab:b:102", "lab:b:200", "lab:c:201"], "no template, sorted");

    let web = guest(&cycle, 100);
    assert_eq!((web.kind, web.status), (GuestKind::Vm, GuestStatus::Running));
    let memory = MemoryUse { balloon_bytes: Some(90), ..MemoryUse::new(100, 60).unwrap() };
    assert_eq!((web.memory, web.memory_source), (Reading::Known(memory), Some(MemorySource::Balloon)));
    assert_eq!(web.disk, Reading::Unknown(Missing::NotReported), "only an agent could tell");
    assert_eq!(web.allocated_disk_bytes, Some(700));
    assert_eq!((web.counters.network_in_bytes, web.counters.disk_write_bytes), (Some(11), Some(14)));
    assert_eq!(web.tags, ["prod", "web"]);
    assert_eq!((web.ha_state.as_deref(), web.pool.as_deref()), (Some("started"), Some("p1")));
    assert_eq!((web.cpu_fraction, web.cpu_count), (Reading::Known(0.26), Some(2)));

    let still = guest(&cycle, 101);
    assert_eq!(still.status, GuestStatus::Paused);
    assert_eq!(still.memory_source, Some(MemorySource::StatusCurrent));

    let off = guest(&cycle, 102);
    assert_eq!(off.status, GuestStatus::Suspended);
    assert_eq!(off.memory, Reading::Unknown(Missing::Stopped));
    assert_eq!(off.uptime_seconds, Reading::Unknown(Missing::Stopped));
    assert_eq!(off.memory_source, None);

    let ct = guest(&cycle, 200);
    assert_eq!(ct.disk, Reading::Known(DiskUse::new(8, 2).unwrap()));
    assert_eq!(ct.memory, Reading::Known(MemoryUse::new(60, 30).unwrap()));
    assert_eq!(ct.memory_source, Some(MemorySource::Listing));
    assert_eq!(ct.counters.disk_read_bytes, Some(9));

    let lost = guest(&cycle, 201);
    assert_eq!(lost.status, GuestStatus::Unknown, "its node is down");
    assert_eq!(lost.name, "CT 201");
    assert_eq!(lost.cpu_fraction, Reading::Unknown(Missing::Offline));
    assert_eq!(lost.disk, Reading::Unknown(Missing::Offline));
    assert_eq!(lost.counters.network_in_bytes, None);
}

#[tokio::test]
async fn shared_storages_are_one_and_the_others_one_per_node() {
    let server = Script::cluster().serve().await;
    let cycle = poll(&instance(&server.url())).await;
    let storages = cycle.storages.unwrap();
    let rows: Vec<_> =
        storages.iter().map(|s| (s.id.as_str(), s.status, s.space.known().map(|s| s.used_bytes))).collect();
    assert_eq!(
        rows,
        [
            ("lab-a-local", StorageStatus::Available, Some(300)),
            ("lab-a-old", StorageStatus::Disabled, None),
            ("lab-b-gone", StorageStatus::Inactive, None),
            ("lab-b-local", StorageStatus::Available, Some(300)),
            ("lab-b-old", StorageStatus::Disabled, None),
            ("lab-c-local", StorageStatus::Inactive, None),
            ("lab-cluster-nfs", StorageStatus::Available, Some(7001)),
        ]
    );
    let nfs = storages.last().unwrap();
    assert_eq!(
        (nfs.node.as_str(), nfs.nodes.as_slice()),
        ("cluster", ["a".to_owned(), "b".to_owned()].as_slice())
    );
    assert_eq!(nfs.node_ids.iter().map(NodeId::as_str).collect::<Vec<_>>(), ["prod-a", "prod-b"]);
    assert_eq!(nfs.content, ["backup", "iso"]);
    assert_eq!(nfs.space, Reading::Known(DiskUse { total_bytes: 9000, used_bytes: 7001, free_bytes: 100 }));
    assert_eq!(storages[0].path.as_deref(), Some("/var/lib/vz"));
    assert!(nfs.is_shared && !storages[0].is_shared);
}

#[tokio::test]
async fn a_node_that_cannot_be_reached_marks_itself_and_nothing_else() {
    for (status, reason) in [(595, "No route to host"), (596, "certificate verify failed")] {
        let script = Script::cluster();
        script.set("/nodes/b/status", Reply::status(status, reason, ""));
        let server = script.serve().await;
        let cycle = poll(&instance(&server.url())).await;
        let [a, b, _] = cycle.nodes.as_slice() else { panic!() };
        assert_eq!((a.health, b.health), (ConnectionHealth::Healthy, ConnectionHealth::Error));
        assert_eq!(b.status, NodeStatus::Online, "the cluster still counts it");
        assert_eq!(b.memory.known().map(|memory| memory.used_bytes), Some(400), "from the listing");
        assert_eq!(cycle.health, ConnectionHealth::Degraded);
        let [issue] = cycle.issues.as_slice() else { panic!("{:?}", cycle.issues) };
        assert_eq!((issue.class, issue.node.as_deref()), (FailureClass::Connection, Some("b")));
        assert!(issue.message.contains(reason) && issue.message.contains("node b"), "{}", issue.message);
        assert_eq!(server.count("/nodes/b/storage"), 0, "what cannot be reached is not asked again");
        assert_eq!(cycle.endpoints[1].reachable, Some(false));
        // Its local storage keeps the listing's figures, guests stay.
        let storages = cycle.storages.as_ref().unwrap();
        let local = storages.iter().find(|storage| storage.id.as_str() == "lab-b-local").unwrap();
        assert_eq!(local.space.known().map(|space| space.used_bytes), Some(4));
        assert_eq!(guest(&cycle, 200).status, GuestStatus::Running);
    }
}

#[tokio::test]
async fn a_token_without_rights_sees_names_and_reads_which_right_it_lacks() {
    let script = Script::cluster();
    // What Proxmox really answers then: nodes without figures, nothing else, and 403 for what is asked by name.
    script.set(
        "/cluster/resources",
        Reply::json(r#"{"data":[{"type":"node","id":"node/a","node":"a","status":"online"}]}"#),
    );
    for node in ["a", "b"] {
        let body =
            format!(r#"{{"data":null,"message":"Permission check failed (/nodes/{node}, Sys.Audit)\n"}}"#);
        script.set(&format!("/nodes/{node}/status"), Reply::status(403, "x", body));
        script.set(&format!("/nodes/{node}/storage"), Reply::json(r#"{"data":[]}"#));
    }
    let cycle = poll(&instance(&script.serve().await.url())).await;
    assert_eq!(cycle.guests, Some(Vec::new()));
    assert_eq!(cycle.nodes[0].memory, Reading::Unknown(Missing::PermissionDenied));
    assert_eq!(
        (cycle.nodes[0].health, cycle.health),
        (ConnectionHealth::Degraded, ConnectionHealth::Degraded)
    );
    let issue = &cycle.issues[0];
    assert_eq!(issue.class, FailureClass::Permission);
    assert!(
        issue.message.contains("Sys.Audit on /nodes/a") && issue.message.contains("PVEAuditor"),
        "{}",
        issue.message
    );
}

#[tokio::test]
async fn a_failed_call_leaves_its_list_unknown_and_never_empty() {
    let broken = || Reply::status(500, "oops", r#"{"data":null,"message":"oops\n"}"#);
    // Without the listing guests are unknown, and so are the storages of the node that is down.
    let script = Script::cluster();
    script.set("/cluster/resources", broken());
    let cycle = poll(&instance(&script.serve().await.url())).await;
    assert_eq!((cycle.guests, cycle.storages), (None, None));
    assert_eq!(cycle.nodes.len(), 3);
    assert!(cycle.issues[0].message.contains("oops"), "{:?}", cycle.issues);

    // Where all nodes answer they are enough for the storages.
    let both = list(r#"{"type":"cluster","name":"prod","quorate":1}"#, 2, |number| {
        format!(r#"{{"type":"node","name":"{}","online":1,"ip":""}}"#, ["a", "b"][number])
    });
    script.set("/cluster/status", both);
    let cycle = poll(&instance(&script.serve().await.url())).await;
    assert!(cycle.storages.is_some_and(|storages| storages.iter().any(|s| s.id.as_str() == "lab-b-local")));
    script.set("/nodes/b/storage", broken());
    let cycle = poll(&instance(&script.serve().await.url())).await;
    assert_eq!((cycle.guests, cycle.storages), (None, None));

    // Without the membership everything comes from the listing.
    let script = Script::cluster();
    script.set(
        "/cluster/status",
        Reply::status(403, "x", r#"{"message":"Permission check failed (/, Sys.Audit)"}"#),
    );
    let cycle =
        poll(&PveInstance { cluster_name: Some("prod".into()), ..instance(&script.serve().await.url()) })
            .await;
    assert_eq!(
        cycle.nodes.iter().map(|node| node.id.as_str()).collect::<Vec<_>>(),
        ["prod-a", "prod-b", "prod-c"]
    );
    assert_eq!(cycle.nodes[2].status, NodeStatus::Offline);
    assert_eq!(cycle.guests.unwrap().len(), 5);
    assert_eq!(cycle.issues[0].class, FailureClass::Permission);

    // VMs fall back to the listing when their node does not tell.
    let script = Script::cluster();
    script.set("/nodes/a/qemu?full=1", broken());
    let cycle = poll(&instance(&script.serve().await.url())).await;
    let web = guest(&cycle, 100);
    assert_eq!((web.status, web.memory_source), (GuestStatus::Running, Some(MemorySource::Listing)));
    assert_eq!(web.memory.known().map(|memory| memory.used_bytes), Some(50));
    assert_eq!(cycle.nodes[0].health, ConnectionHealth::Degraded);
    assert_eq!(cycle.issues.len(), 1);
}

#[tokio::test]
async fn the_clusters_name_survives_a_failed_call() {
    let script = Script::cluster();
    let server = script.serve().await;
    let api = HttpConnect.pve(&instance(&server.url()), TIMEOUTS).unwrap();
    let before = api.poll(NOW).await.unwrap();
    script.set("/cluster/status", Reply::status(500, "oops", ""));
    let after = api.poll(NOW).await.unwrap();
    let ids =
        |cycle: &PveCycle| cycle.nodes.iter().map(|node| (node.id.clone(), node.status)).collect::<Vec<_>>();
    assert_eq!(ids(&after), ids(&before));
    assert_eq!(after.cluster_name.as_deref(), Some("prod"));
    assert_eq!(after.endpoints.len(), 3);
    assert_eq!(after.health, ConnectionHealth::Degraded);
}

#[tokio::test]
async fn a_lost_quorum_is_said() {
    let script = Script::cluster();
    script.set(
        "/cluster/status",
        Reply::json(r#"{"data":[{"type":"cluster","name":"prod","quorate":0},{"type":"node","name":"a","online":1,"ip":"192.0.2.1"}]}"#),
    );
    let cycle = poll(&instance(&script.serve().await.url())).await;
    assert_eq!(cycle.health, ConnectionHealth::Degraded);
    assert!(messages(&cycle).iter().any(|message| message.contains("quorum")), "{:?}", cycle.issues);
}

#[tokio::test]
async fn what_is_not_wanted_is_not_asked() {
    let server = Script::cluster().serve().await;
    let cycle =
        poll(&PveInstance { monitor_vms: false, monitor_storage: false, ..instance(&server.url()) }).await;
    assert!(cycle.guests.unwrap().iter().all(|guest| guest.kind == GuestKind::Container));
    assert_eq!(cycle.storages, Some(Vec::new()));
    let paths = server.paths();
    assert!(paths.iter().all(|path| !path.contains("qemu") && !path.contains("storage")), "{paths:?}");
}

#[tokio::test]
async fn a_standalone_node_of_version_9_as_recorded() {
    let script = Script(Arc::default());
    for (path, name) in [
        ("/cluster/status", "pve9_cluster_status_standalone"),
        ("/cluster/resources", "pve9_cluster_resources"),
        ("/nodes", "pve9_nodes"),
        ("/storage", "pve9_storage_config"),
        ("/nodes/pve1/status", "pve9_node_status"),
        ("/nodes/pve1/storage", "pve9_node_storage"),
    ] {
        script.set(path, Reply::json(fixture(name)));
    }
    script.set("/nodes/pve1/qemu?full=1", Reply::json(r#"{"data":[]}"#));
    let server = script.serve().await;
    let cycle = poll(&instance(&server.url())).await;
    assert_eq!(messages(&cycle), Vec::<&str>::new());
    assert_eq!((cycle.cluster_name.as_deref(), cycle.endpoints.len()), (None, 0));
    let [node] = cycle.nodes.as_slice() else { panic!() };
    assert_eq!(node.id.as_str(), "lab-pve1");
    assert_eq!(node.memory.known().map(|memory| memory.used_bytes), Some(2_507_841_536));
    assert_eq!(node.root_disk.known().map(|disk| disk.free_bytes), Some(63_928_958_976));
    assert_eq!(node.kernel_version.as_deref(), Some("6.14.11-4-pve"));
    assert_eq!(node.pve_version.as_deref(), Some("9.2.0"));
    let ids: Vec<_> = cycle.guests.iter().flatten().map(|guest| guest.id.as_str()).collect();
    assert_eq!(ids, ["lab:pve1:100", "lab:pve1:101"]);
    let storages = cycle.storages.unwrap();
    let names: Vec<_> = storages.iter().map(|s| (s.name.as_str(), s.status.name(), s.is_shared)).collect();
    assert_eq!(
        names,
        [
            ("backup1", "available", true),
            ("ceph-pool", "inactive", true),
            ("shared-nfs", "available", true),
            ("local", "available", false),
            ("local-lvm", "inactive", false),
            ("offstore", "disabled", false),
            ("tank", "inactive", false),
        ]
    );
}

#[tokio::test]
async fn node_status_of_versions_7_and_8_as_recorded() {
    for (name, used, kernel, version) in [
        ("pve7_node_status", 8_095_399_936, "5.15.108-1-pve", "7.4-16"),
        ("pve8_node_status", 2_147_483_648, "6.8.12-4-pve", "8.4-1"),
    ] {
        let script = Script::cluster();
        script.set("/nodes/a/status", Reply::json(fixture(name)));
        script.set("/cluster/status", Reply::json(fixture("pve8_cluster_status").replace("node1", "a")));
        let cycle = poll(&instance(&script.serve().await.url())).await;
        let node = cycle.nodes.iter().find(|node| node.name == "a").unwrap();
        assert_eq!(node.memory.known().map(|memory| memory.used_bytes), Some(used), "{name}");
        assert_eq!(
            (node.kernel_version.as_deref(), node.pve_version.as_deref()),
            (Some(kernel), Some(version))
        );
    }
}

/// An answer with this item and so many more.
fn list(first: &str, count: usize, item: impl Fn(usize) -> String) -> Reply {
    let items: Vec<String> = std::iter::once(first.to_owned()).chain((0..count).map(item)).collect();
    Reply::json(format!(r#"{{"data":[{}]}}"#, items.join(",")))
}

#[tokio::test]
async fn never_more_than_sixteen_calls_at_once() {
    let script = Script::cluster();
    let members =
        |number| format!(r#"{{"type":"node","name":"n{number}","online":1,"ip":"192.0.2.{number}"}}"#);
    let vm = |number| format!(r#"{{"type":"qemu","vmid":{number},"node":"n{number}","status":"running"}}"#);
    for number in 0..60 {
        for call in ["status", "storage", "qemu?full=1"] {
            let body = if call == "status" { r#"{"data":{"cpu":0}}"# } else { r#"{"data":[]}"# };
            script.set(&format!("/nodes/n{number}/{call}"), Reply::json(body));
        }
    }
    script.set("/cluster/status", list(r#"{"type":"cluster","name":"big","quorate":1}"#, 60, members));
    script.set("/cluster/resources", list(r#"{"type":"storage"}"#, 60, vm));
    let server = script.serve().await;
    let cycle = poll(&instance(&server.url())).await;
    assert_eq!((cycle.nodes.len(), messages(&cycle)), (60, Vec::new()));
    let most = server.most_at_once.load(Ordering::SeqCst);
    assert!((2..=16).contains(&most), "{most}");
    assert_eq!(server.paths().len(), 4 + 3 * 60);
}

#[tokio::test]
async fn a_hundred_failing_nodes_are_a_bounded_list_of_issues() {
    let script = Script::cluster();
    let member = |number| format!(r#"{{"type":"node","name":"n{number}","online":1,"ip":""}}"#);
    script.set("/cluster/status", list(r#"{"type":"cluster","name":"big","quorate":1}"#, 100, member));
    let cycle = poll(&instance(&script.serve().await.url())).await;
    assert_eq!(cycle.issues.len(), 25);
    assert!(cycle.issues[24].message.contains("more"), "{:?}", cycle.issues[24]);
}

fn password(host: &str) -> PveInstance {
    PveInstance {
        token_name: None,
        token_value: None,
        user: Some("root".into()),
        password: Some(Secret::new("p w&d=ü")),
        ..instance(host)
    }
}

/// A cluster behind a login: tickets are numbered, and only the newest one is good.
async fn guarded(logins: Arc<AtomicUsize>) -> Server {
    let script = Script::cluster();
    Server::start(move |request| {
        if request.path == "/access/ticket" {
            let number = logins.fetch_add(1, Ordering::SeqCst) + 1;
            let is_right = request.body == "username=root%40pam&password=p+w%26d%3D%C3%BC";
            assert!(is_right, "{}", request.body);
            return Reply::json(format!(r#"{{"data":{{"ticket":"PVE:root@pam:{number}::a+b/c==","username":"root@pam","CSRFPreventionToken":"x"}}}}"#));
        }
        let newest = format!("PVEAuthCookie=PVE:root@pam:{}::a+b/c==", logins.load(Ordering::SeqCst));
        if request.headers.get("cookie") == Some(&newest) {
            script.answer(request)
        } else {
            Reply::status(401, "permission denied - invalid PVE ticket", "")
        }
    })
    .await
}

#[tokio::test]
async fn one_login_serves_all_calls_and_a_lost_ticket_costs_one_more() {
    let logins = Arc::new(AtomicUsize::new(0));
    let server = guarded(logins.clone()).await;
    let api = HttpConnect.pve(&password(&server.url()), TIMEOUTS).unwrap();
    for _ in 0..2 {
        assert_eq!(messages(&api.poll(NOW).await.unwrap()), Vec::<&str>::new());
    }
    assert_eq!(logins.load(Ordering::SeqCst), 1);
    // The server forgets the ticket (its key changed): many calls are refused, one login mends it.
    logins.fetch_add(1, Ordering::SeqCst);
    assert_eq!(messages(&api.poll(NOW).await.unwrap()), Vec::<&str>::new());
    assert_eq!(logins.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_ticket_is_renewed_before_the_server_forgets_it() {
    let logins = Arc::new(AtomicUsize::new(0));
    let server = guarded(logins.clone()).await;
    let api = HttpConnect.pve(&password(&server.url()), TIMEOUTS).unwrap();
    api.test().await.unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_mins(89)).await;
    tokio::time::resume();
    api.test().await.unwrap();
    assert_eq!(logins.load(Ordering::SeqCst), 1);
    tokio::time::pause();
    tokio::time::advance(Duration::from_mins(2)).await;
    tokio::time::resume();
    api.test().await.unwrap();
    assert_eq!(logins.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_per_poll() {
    let server = Server::start(|request| {
        assert_eq!(request.path, "/access/ticket");
        Reply::status(401, "authentication failure", r#"{"data":null,"message":"authentication failure\n"}"#)
    })
    .await;
    let api = HttpConnect.pve(&password(&server.url()), TIMEOUTS).unwrap();
    let error = api.poll(NOW).await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Authentication);
    let text = error.to_string();
    assert!(text.contains("the password of root@pam") && !text.contains("p w&d"), "{text}");
    assert_eq!(server.count("/access/ticket"), 1);
}

#[tokio::test]
async fn a_second_factor_is_explained() {
    for body in [
        r#"{"data":{"ticket":"PVE:!tfa!abc","NeedTFA":1,"username":"root@pam"}}"#,
        r#"{"data":{"ticket":"PVE:root@pam:1","NeedTFA":"1"}}"#,
    ] {
        let server = Server::start(move |_| Reply::json(body)).await;
        let error = HttpConnect.pve(&password(&server.url()), TIMEOUTS).unwrap().poll(NOW).await.unwrap_err();
        assert!(matches!(error, PollError::SecondFactor { .. }), "{error}");
        assert!(error.to_string().contains("API token"), "{error}");
    }
}

/// Two servers of one cluster; the configuration names the first, the second is known by its address.
async fn pair() -> (Server, Server, PveInstance) {
    let script = Script::cluster();
    let (first, second) = (script.serve().await, script.serve().await);
    let instance = PveInstance {
        fingerprint: Some(first.fingerprint.to_string()),
        cluster_endpoints: vec![ClusterEndpointConfig {
            node_name: "b".into(),
            host: second.url(),
            fingerprint: Some(second.fingerprint.to_string()),
            ..ClusterEndpointConfig::default()
        }],
        ..instance(&first.url())
    };
    (first, second, instance)
}

#[tokio::test]
async fn another_member_is_asked_when_the_configured_host_is_dead() {
    let (first, second, instance) = pair().await;
    let api = HttpConnect.pve(&instance, TIMEOUTS).unwrap();
    assert_eq!(messages(&api.poll(NOW).await.unwrap()), Vec::<&str>::new());
    assert_eq!(second.paths(), Vec::<String>::new(), "nothing goes there while the first one answers");
    let dead = first.address.to_string();
    first.stop().await;
    for _ in 0..2 {
        let cycle = api.poll(NOW).await.unwrap();
        assert_eq!(cycle.health, ConnectionHealth::Degraded);
        assert_eq!(cycle.guests.as_ref().map(Vec::len), Some(5));
        let [message] = messages(&cycle)[..] else { panic!("{:?}", cycle.issues) };
        assert!(message.contains(&dead) && message.contains(&second.address.to_string()), "{message}");
    }
}

#[tokio::test]
async fn the_configured_host_is_asked_again_after_a_minute() {
    let is_broken = Arc::new(AtomicBool::new(true));
    let (script, broken) = (Script::cluster(), is_broken.clone());
    let second = script.serve().await;
    let first = Server::start(move |request| {
        if broken.load(Ordering::SeqCst) { Reply::Raw(Vec::new()) } else { script.answer(request) }
    })
    .await;
    let endpoint = ClusterEndpointConfig {
        node_name: "b".into(),
        host: second.url(),
        ..ClusterEndpointConfig::default()
    };
    let instance = PveInstance { cluster_endpoints: vec![endpoint], ..instance(&first.url()) };
    let api = HttpConnect.pve(&instance, TIMEOUTS).unwrap();
    assert_eq!(api.poll(NOW).await.unwrap().health, ConnectionHealth::Degraded);
    is_broken.store(false, Ordering::SeqCst);
    let asked = first.paths().len();
    assert_eq!(api.poll(NOW).await.unwrap().health, ConnectionHealth::Degraded);
    assert_eq!(first.paths().len(), asked, "not within the minute");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();
    let cycle = api.poll(NOW).await.unwrap();
    assert_eq!((messages(&cycle), cycle.health), (Vec::new(), ConnectionHealth::Healthy));
    assert!(first.paths().len() > asked);
}

#[tokio::test]
async fn a_template_on_a_node_that_is_down_is_still_none() {
    let script = Script::cluster();
    let server = script.serve().await;
    let api = HttpConnect.pve(&instance(&server.url()), TIMEOUTS).unwrap();
    let known = |cycle: &PveCycle| cycle.guests.iter().flatten().any(|guest| guest.vmid == 900);
    assert!(!known(&api.poll(NOW).await.unwrap()));
    let lost = r#"{"data":[{"type":"node","node":"a","status":"offline"},{"type":"qemu","vmid":900,"node":"a","status":"unknown"}]}"#;
    script.set("/cluster/resources", Reply::json(lost));
    assert!(!known(&api.poll(NOW).await.unwrap()));
    let made_a_guest = lost.replace(r#""unknown""#, r#""stopped","template":0"#);
    script.set("/cluster/resources", Reply::json(made_a_guest));
    assert!(known(&api.poll(NOW).await.unwrap()));
}

#[tokio::test]
async fn another_certificate_on_the_configured_host_is_not_gone_around() {
    let (first, second, instance) = pair().await;
    let instance = PveInstance { fingerprint: Some(second.fingerprint.to_string()), ..instance };
    let error = HttpConnect.pve(&instance, TIMEOUTS).unwrap().poll(NOW).await.unwrap_err();
    assert!(matches!(error, PollError::OtherCertificate { .. }), "{error}");
    assert_eq!((first.paths().len(), second.paths().len()), (0, 0));
}

#[tokio::test]
async fn a_member_with_another_certificate_gets_no_credentials() {
    let (first, second, mut instance) = pair().await;
    instance.cluster_endpoints[0].fingerprint = Some(first.fingerprint.to_string());
    let dead = first.address.to_string();
    first.stop().await;
    let error = HttpConnect.pve(&instance, TIMEOUTS).unwrap().poll(NOW).await.unwrap_err();
    assert!(error.to_string().contains(&dead), "the configured host is what a person knows: {error}");
    assert_eq!(second.paths(), Vec::<String>::new());
}

#[tokio::test]
async fn a_call_that_hangs_on_a_node_is_left_out_for_a_minute() {
    let script = Script::cluster();
    script.set("/nodes/b/storage", Reply::Hang);
    let server = script.serve().await;
    let timeouts = Timeouts { connect: Duration::from_secs(5), request: Duration::from_secs(2) };
    let api: Arc<dyn PveApi> = HttpConnect.pve(&instance(&server.url()), timeouts).unwrap();
    let cycle = api.poll(NOW).await.unwrap();
    assert_eq!(cycle.issues[0].class, FailureClass::Timeout, "{:?}", cycle.issues);
    assert_eq!(
        (cycle.nodes[0].health, cycle.nodes[1].health),
        (ConnectionHealth::Healthy, ConnectionHealth::Degraded)
    );
    let local = |cycle: &PveCycle| {
        let storages = cycle.storages.as_ref().unwrap();
        storages
            .iter()
            .find(|s| s.id.as_str() == "lab-b-local")
            .and_then(|s| s.space.known())
            .map(|s| s.used_bytes)
    };
    assert_eq!(local(&cycle), Some(4), "from the listing");
    let again = api.poll(NOW).await.unwrap();
    assert_eq!(server.count("/nodes/b/storage"), 1);
    assert_eq!((local(&again), again.issues[0].class), (Some(4), FailureClass::Timeout));
    tokio::time::pause();
    tokio::time::advance(Duration::from_mins(2)).await;
    tokio::time::resume();
    script.set("/nodes/b/storage", Reply::json(r#"{"data":[]}"#));
    let healed = api.poll(NOW).await.unwrap();
    assert_eq!((server.count("/nodes/b/storage"), healed.health), (2, ConnectionHealth::Healthy));
}

#[tokio::test]
async fn a_test_of_the_connection_tells_about_the_cluster() {
    let script = Script::cluster();
    script.set("/version", Reply::json(r#"{"data":{"version":"9.2.0","release":"9.2"}}"#));
    let server = script.serve().await;
    let test = HttpConnect.pve(&instance(&server.url()), TIMEOUTS).unwrap().test().await.unwrap();
    assert_eq!((test.is_cluster, test.cluster_name.as_deref()), (true, Some("prod")));
    assert_eq!((test.node_count, test.version.as_deref()), (3, Some("9.2.0")));
    assert_eq!(test.cluster_nodes[0].host, server.url());
    assert_eq!(test.cluster_nodes[0].fingerprint.as_ref().map(String::len), Some(95));
    assert_eq!(test.nodes_message(), "Successfully connected to 3 node(s)");
    assert_eq!(test.cluster_message(), "Connected to PVE cluster with 3 nodes");
    assert!(test.latency > Duration::ZERO);
}

#[tokio::test]
async fn a_poller_survives_whatever_the_server_does_next() {
    let is_broken = Arc::new(AtomicBool::new(false));
    let (script, broken) = (Script::cluster(), is_broken.clone());
    let server = Server::start(move |request| {
        if broken.load(Ordering::SeqCst) { Reply::Raw(Vec::new()) } else { script.answer(request) }
    })
    .await;
    let api = HttpConnect.pve(&instance(&server.url()), TIMEOUTS).unwrap();
    let before = api.poll(NOW).await.unwrap();
    is_broken.store(true, Ordering::SeqCst);
    assert_eq!(api.poll(NOW).await.unwrap_err().class(), FailureClass::Connection);
    is_broken.store(false, Ordering::SeqCst);
    assert_eq!(api.poll(NOW).await.unwrap(), before);
}

#[tokio::test]
async fn hostile_names_are_only_text_and_never_part_of_a_path() {
    let script = Script::cluster();
    let long = "x".repeat(10_000);
    let names = [
        "\u{1f600}\u{202e}gpj",
        "\"'`; DROP TABLE guests",
        "<script>alert(1)</script>",
        "a\u{0}b\nc",
        long.as_str(),
    ];
    let rows: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(index, name)| {
            serde_json::json!({ "type": "qemu", "id": format!("qemu/{}", 200 + index), "vmid": 200 + index, "node": "a",
                "name": name, "tags": name, "pool": name, "status": "running", "mem": 1, "maxmem": 2 })
        })
        .chain([
            serde_json::json!({ "type": "node", "id": "node/../../access", "node": "../../access", "status": "online" }),
            serde_json::json!({ "type": "node", "id": "node/x", "node": long, "status": "online" }),
            serde_json::json!({ "type": "node", "id": "node/a", "node": "a", "status": "online" }),
        ])
        .collect();
    script.set("/cluster/resources", Reply::json(serde_json::json!({ "data": rows }).to_string()));
    let server = script.serve().await;
    let cycle = poll(&instance(&server.url())).await;
    for (index, name) in names.iter().enumerate() {
        let guest = guest(&cycle, 200 + index as u32);
        // What would turn the text around it, or is no text at all, is shown as a mark.
        let is_harmful = |c: char| c.is_control() || c == '\u{202e}';
        let shown = name.chars().map(|c| if is_harmful(c) { '\u{fffd}' } else { c });
        let expect: String = shown.take(256).collect();
        assert_eq!(guest.name, expect);
    }
    let asked = server.requests.lock().unwrap();
    assert!(asked.iter().all(|request| !request.path.contains("..") && request.path.len() < 200));
    assert!(cycle.nodes.iter().all(|node| node.name.chars().count() <= 256));
}
