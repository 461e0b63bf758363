//! Answers in which any field may hold anything: a number as text, nothing, a list, a whole document, an impossible number.
//! Simulated machines give real answers over HTTPS, with fields bent at random: nothing panics, no figure is impossible, what
//! makes no sense is absent, and a bent figure takes no guest, datastore or node with it.

use std::sync::Arc;

use jiff::Timestamp;
use pulse_collectors::{
    Connect, HttpConnect, PbsApi, PmgApi, PollError, Polled, PveApi,
    details::{AgentQuestion, PveDetails},
};
use pulse_core::{
    Clock,
    model::{DiskUse, FailureClass, GuestKind, MemoryUse},
};
use pulse_sim::{Effect, EstateOptions, Fault};
use serde_json::{Value, json};

use crate::{backup_server::Scene, mail_gateway, simulated::Lab, support::TIMEOUTS};

/// Fields that only are figures or words: whatever stands in them, their item stays.
const PVE_FIGURES: &str = "cpu maxcpu mem maxmem disk maxdisk netin netout diskread diskwrite uptime tags lock pool hastate \
    content plugintype shared template online local quorate ip ssl_fingerprint level memory swap rootfs loadavg cpuinfo \
    current-kernel pveversion kversion total used free avail model mhz cores sockets cpus active enabled path balloon \
    ballooninfo meminfo qmpstatus buffers cached available total_mem free_mem actual memhost name status";
/// Fields of what is read beside the polls.
const PVE_DETAILS: &str = "data result devpath serial wwn size health wearout rpm osdid parent alloc frag dedup state children \
    leaf msg read write cksum config errors scan action Package Version last_sync next_sync last_try fail_count duration \
    error schedule rate pid target source guest jobnum disable remove_job mountpoint total-bytes used-bytes type disk \
    hardware-address ip-addresses ip-address prefix statistics rx-bytes tx-bytes pretty-name version-id out-data exited \
    exitcode truncated ostype net0 features arch hwaddr inet inet6 upid starttime endtime user volid ctime subtype notes \
    verification protected encrypted format snaptime vmstate description osdmap pgmap monmap mgrmap fsmap health checks \
    summary num_osds num_up_osds num_in_osds bytes_total bytes_used bytes_avail num_pgs mons quorum fsid percent_used \
    pool_name bytes privs capabilities running-qemu";
const PBS_FIGURES: &str = "cpu memory root swap uptime loadavg total used avail mount-status backend-type \
    estimated-full-date gc-status disk-bytes index-data-bytes comment maintenance error schedule last-run-state \
    last-run-endtime next-run disable duration removed-bytes owner last-backup backup-count size protected fingerprint \
    verification files state remote remote-store version release info history";
const PMG_FIGURES: &str = "version release type conn_error cpu uptime memory rootfs loadavg total used avail time count count_in \
    count_out spamcount_in spamcount_out viruscount_in viruscount_out bounces_in bounces_out bytes_in bytes_out glcount \
    junk_in junk_out avptime rbl_rejects pregreet_rejects level ratio domain 5m 10m 20m 40m 80m 160m 320m 640m 1280m 1280m+ \
    filename size timestamp level_ninfo insync";

/// What stands in a field instead.
fn odd() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(""),
        json!("12"),
        json!("12.5"),
        json!("N/A"),
        json!("NaN"),
        json!("-inf"),
        json!(-1),
        json!(1e308),
        json!("1e999"),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(0),
        json!(0.000_000_1),
        json!([]),
        json!({}),
        json!([null, [1, [2]], {"a": {"b": "c"}}]),
        json!({"total": "x", "used": -3, "data": [[[]]]}),
        json!("\u{1f600}\u{202e}\u{0}<b>'\""),
        json!("9".repeat(400)),
        json!("n".repeat(10_000)),
    ]
}

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }
}

/// Some faults that bend some of these fields.
fn bent(dice: &mut Dice, fields: &[&str]) -> Vec<Fault> {
    let odd = odd();
    (0..=dice.below(6))
        .map(|_| {
            let field = fields[dice.below(fields.len())].to_owned();
            Fault::new(Effect::WrongType { field, value: odd[dice.below(odd.len())].clone() })
        })
        .collect()
}

fn words(texts: &[&'static str]) -> Vec<&'static str> {
    texts.iter().flat_map(|text| text.split_whitespace()).collect()
}

fn is_possible(memory: MemoryUse) -> bool {
    memory.used_bytes <= memory.total_bytes
}

fn is_possible_disk(disk: DiskUse) -> bool {
    disk.used_bytes <= disk.total_bytes && disk.free_bytes <= disk.total_bytes
}

/// A failure says that an answer could not be read, or is the API's own no: never that the connection broke.
#[track_caller]
fn check_failure(error: &PollError, round: u64) {
    let class = error.class();
    assert!(
        matches!(class, FailureClass::Decode | FailureClass::Server | FailureClass::Permission),
        "round {round}: {class:?} {error}"
    );
    assert!(error.to_string().len() < 3_000, "round {round}: {error}");
}

async fn poll_pve(api: &Arc<dyn PveApi>, now: Timestamp, guests: usize, round: u64) {
    let cycle = match api.poll(now).await {
        Ok(cycle) => cycle,
        Err(error) => return check_failure(&error, round),
    };
    if let Some(list) = &cycle.guests {
        assert_eq!(list.len(), guests, "round {round}: guests are missing");
        for guest in list {
            let at = format!("round {round}: {guest:?}");
            assert!(guest.name.chars().count() <= 256, "{at}");
            assert!(guest.cpu_fraction.known().is_none_or(|cpu| cpu.is_finite() && cpu >= 0.0), "{at}");
            assert!(guest.memory.known().is_none_or(is_possible), "{at}");
            assert!(guest.disk.known().is_none_or(is_possible_disk), "{at}");
        }
    }
    for node in &cycle.nodes {
        let at = format!("round {round}: {node:?}");
        assert!(node.cpu_fraction.known().is_none_or(|cpu| cpu.is_finite() && cpu >= 0.0), "{at}");
        assert!(node.memory.known().is_none_or(is_possible), "{at}");
        assert!(node.root_disk.known().is_none_or(is_possible_disk), "{at}");
    }
    for storage in cycle.storages.iter().flatten() {
        assert!(storage.space.known().is_none_or(is_possible_disk), "round {round}: {storage:?}");
    }
}

/// Every question that can be asked beside the polls; what comes back must only come back.
async fn ask_details(api: &dyn PveDetails, vm: u32, container: u32, now: Timestamp) {
    let node = "pve1";
    let _ = api.vm_state(node, vm).await;
    let _ = api.guest_now(node, GuestKind::Vm, vm).await;
    let _ = api.node_now(node).await;
    let _ = api.work_on(node).await;
    for question in [
        AgentQuestion::FileSystems,
        AgentQuestion::Memory,
        AgentQuestion::Network,
        AgentQuestion::OperatingSystem,
        AgentQuestion::Version,
    ] {
        let _ = api.ask_agent(node, vm, question).await;
    }
    let _ = api.vm_addresses(node, vm).await;
    let _ = api.container(node, container, true).await;
    for disk in api.disks(node, now).await.into_iter().flatten() {
        assert!(disk.life_left_percent.known().is_none_or(|left| left <= 100), "{disk:?}");
    }
    let _ = api.pools(node).await;
    let _ = api.updates(node).await;
    let _ = api.replication(node, now).await;
    let _ = api.backup_tasks(node, Timestamp::UNIX_EPOCH).await;
    let _ = api.privileges(node).await;
    let _ = api.snapshots(node, GuestKind::Vm, vm).await;
    if let Ok(Some(ceph)) = api.ceph(node, now).await {
        assert!(ceph.pools.iter().all(|pool| pool.used_percent.is_finite()), "{ceph:?}");
    }
}

#[tokio::test]
async fn proxmox_ve_may_send_anything_in_any_figure() {
    let options = EstateOptions { nodes: 2, guests: 8, ceph: true, zfs: true, ..EstateOptions::default() };
    let lab = Lab::start(options).await;
    let api = lab.connect();
    let first = api.poll(lab.clock.now()).await.unwrap();
    let guests = first.guests.unwrap();
    let of = |kind: GuestKind| guests.iter().find(|guest| guest.kind == kind && guest.node == "pve1");
    let vm = of(GuestKind::Vm).map_or(100, |guest| guest.vmid);
    let container = of(GuestKind::Container).map_or(101, |guest| guest.vmid);
    let figures = words(&[PVE_FIGURES]);
    let all = words(&[PVE_FIGURES, PVE_DETAILS]);
    for round in 1..=60 {
        let mut dice = Dice(u64::wrapping_mul(round, 0x9e37_79b9_7f4a_7c15));
        for fault in bent(&mut dice, &figures) {
            // Templates are not shown: what a bent mark makes of one is a matter of its own.
            if !matches!(&fault.effect, Effect::WrongType { field, .. } if field == "template") {
                lab.cluster.add_fault(fault);
            }
        }
        poll_pve(&api, lab.clock.now(), guests.len(), round).await;
        lab.cluster.clear_faults();
        for fault in bent(&mut dice, &all) {
            lab.cluster.add_fault(fault);
        }
        ask_details(api.details().unwrap(), vm, container, lab.clock.now()).await;
        lab.cluster.clear_faults();
    }
    // It was the fields and not the connection: whole again at once.
    assert_eq!(api.poll(lab.clock.now()).await.unwrap().guests.unwrap().len(), guests.len());
}

#[tokio::test]
async fn a_backup_server_may_send_anything_in_any_figure() {
    let scene = Scene::new().await;
    let api: Arc<dyn PbsApi> = HttpConnect.pbs(&scene.instance(), TIMEOUTS).unwrap();
    let now = scene.clock.now();
    let stores = |cycle: &Polled<Vec<_>>| match cycle {
        Polled::Read(list) => Some(list.len()),
        _ => None,
    };
    let whole = stores(&api.poll(now).await.unwrap().datastores);
    let fields = words(&[PBS_FIGURES]);
    for round in 1..=60 {
        let mut dice = Dice(u64::wrapping_mul(round, 0x9e37_79b9_7f4a_7c15));
        for fault in bent(&mut dice, &fields) {
            scene.server.machine().add_fault(fault);
        }
        match api.poll(now).await {
            Ok(cycle) => {
                if let Some(count) = stores(&cycle.datastores) {
                    assert_eq!(Some(count), whole, "round {round}: datastores are missing");
                }
                if let Polled::Read(list) = &cycle.datastores {
                    assert!(
                        list.iter().all(|store| store.space.known().is_none_or(is_possible_disk)),
                        "round {round}: {list:?}"
                    );
                }
                assert!(cycle.memory.known().is_none_or(is_possible), "round {round}: {cycle:?}");
            }
            Err(error) => check_failure(&error, round),
        }
        if let Err(error) = api.backups(&[], now).await {
            check_failure(&error, round);
        }
        scene.server.machine().clear_faults();
    }
    assert_eq!(stores(&api.poll(now).await.unwrap().datastores), whole);
}

#[tokio::test]
async fn a_mail_gateway_may_send_anything_in_any_figure() {
    let gateway = mail_gateway::gateway(2).await;
    let api: Arc<dyn PmgApi> = HttpConnect.pmg(&mail_gateway::instance(&gateway), TIMEOUTS).unwrap();
    let now = Timestamp::UNIX_EPOCH;
    let whole = api.poll(now).await.unwrap().nodes.read().unwrap().len();
    let fields = words(&[PMG_FIGURES]);
    for round in 1..=60 {
        let mut dice = Dice(u64::wrapping_mul(round, 0x9e37_79b9_7f4a_7c15));
        for fault in bent(&mut dice, &fields) {
            gateway.machine().add_fault(fault);
        }
        match api.poll(now).await {
            Ok(cycle) => {
                let count = cycle.nodes.read().as_ref().map(Vec::len);
                assert!(count.is_none_or(|count| count == whole), "round {round}: nodes are missing");
            }
            Err(error) => check_failure(&error, round),
        }
        let _ = api.backups(now).await;
        gateway.machine().clear_faults();
    }
}
