//! Clusters that share a backup server, numbers that are used again, namespaces, orphans: table by table, and what
//! must hold for every estate.

use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;

use super::{Attribution, Candidate, Coverage, Evidence, SourceKind, State, StrayKind, attribute};
use crate::{
    Snapshot,
    ids::GuestId,
    model::{
        Guest, GuestKind, GuestStatus, InstanceKey, InstanceKind, InstanceView, IoCounters, IoRates,
        PbsBackupGroup, PbsBackupType, PbsGroupKey, PbsSnapshot, StorageBackup,
    },
    reading::{Missing, Reading},
};

const NOW: i64 = 1_800_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(NOW + seconds).unwrap()
}

fn guest(instance: &str, vmid: u32, name: &str) -> Guest {
    Guest {
        id: GuestId::of(&instance.into(), "n1", vmid),
        kind: GuestKind::Vm,
        vmid,
        name: name.into(),
        node: "n1".into(),
        instance: instance.into(),
        status: GuestStatus::Running,
        is_template: false,
        lock: None,
        tags: Vec::new(),
        pool: None,
        ha_state: None,
        cpu_fraction: Reading::Unknown(Missing::NotReported),
        cpu_count: None,
        memory: Reading::Unknown(Missing::NotReported),
        memory_source: None,
        disk: Reading::Unknown(Missing::NotReported),
        allocated_disk_bytes: None,
        file_systems: Vec::new(),
        counters: IoCounters::default(),
        rates: IoRates::default(),
        uptime_seconds: Reading::Unknown(Missing::NotReported),
        os_name: None,
        os_version: None,
        os_template: None,
        agent_version: None,
        network_interfaces: Vec::new(),
        ip_addresses: Vec::new(),
        last_backup: None,
        last_seen: at(0),
    }
}

/// An estate under construction.
#[derive(Debug, Clone)]
struct World(Snapshot);

impl World {
    fn new() -> Self {
        Self(Snapshot::empty(at(0)))
    }

    fn view(&mut self, kind: InstanceKind, name: &str) -> &mut InstanceView {
        let key = InstanceKey { kind, name: name.into() };
        let view = self.0.instances.entry(key.clone()).or_insert_with(|| {
            Arc::new(InstanceView { last_success: Some(at(0)), ..InstanceView::unknown(key) })
        });
        Arc::make_mut(view)
    }

    fn cluster(mut self, name: &str, guests: &[(u32, &str)]) -> Self {
        let view = self.view(InstanceKind::Pve, name);
        view.cluster_name = Some(format!("{name}-cluster"));
        view.guests =
            Arc::new(guests.iter().map(|(vmid, guest_name)| guest(name, *vmid, guest_name)).collect());
        self
    }

    fn group(self, namespace: &str, owner: &str, vmid: &str, comment: &str) -> Self {
        self.group_at(namespace, owner, vmid, comment, &[0, -86_400])
    }

    fn group_at(mut self, namespace: &str, owner: &str, vmid: &str, comment: &str, times: &[i64]) -> Self {
        let snapshot = |seconds: &i64| PbsSnapshot {
            made_at: at(*seconds),
            size_bytes: Some(1),
            is_protected: false,
            is_verified: (*seconds < 0).then_some(true),
            is_encrypted: false,
            comment: (!comment.is_empty()).then(|| comment.into()),
            files: Arc::default(),
        };
        let group = PbsBackupGroup {
            key: PbsGroupKey {
                instance: "vault".into(),
                datastore: "main".into(),
                namespace: namespace.into(),
                backup_type: PbsBackupType::Vm,
                backup_id: vmid.into(),
            },
            owner: (!owner.is_empty()).then(|| owner.into()),
            comment: None,
            snapshots: times.iter().map(snapshot).collect(),
        };
        let view = self.view(InstanceKind::Pbs, "vault");
        Arc::make_mut(&mut view.pbs_backups).push(Arc::new(group));
        self
    }

    /// A backup as a cluster's storage shows it.
    fn stored(mut self, instance: &str, storage: &str, vmid: u32, seconds: i64, notes: &str) -> Self {
        let is_pbs = storage.starts_with("pbs");
        let view = self.view(InstanceKind::Pve, instance);
        Arc::make_mut(&mut view.storage_backups).push(StorageBackup {
            id: format!("{instance}-{storage}:backup/{vmid}-{seconds}"),
            storage: storage.into(),
            node: "n1".into(),
            instance: instance.into(),
            kind: "qemu".into(),
            vmid,
            made_at: at(seconds),
            size_bytes: 7,
            format: "vma.zst".into(),
            notes: (!notes.is_empty()).then(|| notes.into()),
            is_protected: false,
            volume_id: format!("{storage}:backup/{vmid}-{seconds}"),
            is_pbs,
            is_verified: None,
            verification: None,
        });
        self
    }

    /// What became of the only group, in short.
    fn verdict(&self) -> String {
        let all = attribute(&self.0);
        assert_eq!(all.len(), 1);
        short(&all[0].1)
    }

    fn coverage(&self) -> Coverage {
        Coverage::of(&self.0)
    }

    fn state(&self, instance: &str, vmid: u32) -> State {
        let coverage = self.coverage();
        let found =
            coverage.guests.iter().find(|guest| guest.instance.as_str() == instance && guest.vmid == vmid);
        found.unwrap().state
    }
}

fn short(attribution: &Attribution) -> String {
    match attribution {
        Attribution::Guest { guest, by } => format!("{}:{} by {}", guest.instance, guest.vmid, by.name()),
        Attribution::Ambiguous { candidates, .. } => {
            let list: Vec<_> = candidates.iter().map(|one| one.instance.as_str()).collect();
            format!("ambiguous {}", list.join(" "))
        }
        Attribution::Orphan { instance: Some(instance) } => format!("orphan of {instance}"),
        Attribution::Orphan { instance: None } => "orphan".into(),
        Attribution::Host => "host".into(),
    }
}

#[test]
fn two_clusters_with_one_number_share_a_backup_server() {
    let both = || World::new().cluster("berlin", &[(100, "web")]).cluster("paris", &[(100, "db")]);
    let alike = || World::new().cluster("berlin", &[(100, "web")]).cluster("paris", &[(100, "web")]);
    for (world, expect) in [
        // Nothing but the number.
        (both().group("", "pve@pbs", "100", ""), "ambiguous berlin paris"),
        // A namespace of the instance's or of the cluster's name, at any depth, in any case.
        (both().group("paris", "pve@pbs", "100", ""), "paris:100 by namespace"),
        (both().group("sites/Berlin-Cluster", "pve@pbs", "100", ""), "berlin:100 by namespace"),
        (both().group("paris/daily", "pve@pbs", "100", ""), "paris:100 by namespace"),
        // The innermost name decides.
        (both().group("paris/berlin", "pve@pbs", "100", ""), "berlin:100 by namespace"),
        // Who owns it.
        (both().group("", "pve@pbs!paris", "100", ""), "paris:100 by owner"),
        (both().group("", "berlin@pbs", "100", ""), "berlin:100 by owner"),
        // The namespace is stronger than the owner: owners are changed by a sync job.
        (both().group("berlin", "sync@pbs!paris", "100", ""), "berlin:100 by namespace"),
        // What is noted.
        (both().group("", "pve@pbs", "100", "db"), "paris:100 by comment"),
        (both().group("", "pve@pbs", "100", "nightly: web, 100"), "berlin:100 by comment"),
        (alike().group("", "pve@pbs", "100", "web"), "ambiguous berlin paris"),
        // A namespace that is nobody's name says nothing.
        (both().group("daily", "pve@pbs", "100", ""), "ambiguous berlin paris"),
    ] {
        assert_eq!(
            world.verdict(),
            expect,
            "{:?}",
            world.0.instances.values().last().map(|view| &view.pbs_backups)
        );
    }
}

#[test]
fn a_storage_that_shows_the_backup_is_the_best_evidence() {
    let both = || World::new().cluster("berlin", &[(100, "web")]).cluster("paris", &[(100, "db")]);
    let world = both().group("", "pve@pbs!berlin", "100", "web").stored("paris", "pbs", 100, 0, "");
    assert_eq!(world.verdict(), "paris:100 by storage");
    // Both see it: their storages point to the same namespace. Then the rest decides between them.
    let world = both()
        .group("", "pve@pbs", "100", "web")
        .stored("paris", "pbs", 100, 0, "")
        .stored("berlin", "pbs", 100, 0, "");
    assert_eq!(world.verdict(), "berlin:100 by comment");
    // A backup of another second is another backup.
    let world = both().group("", "pve@pbs", "100", "").stored("paris", "pbs", 100, 5, "");
    assert_eq!(world.verdict(), "ambiguous berlin paris");
}

#[test]
fn a_number_that_was_given_again_does_not_inherit_backups() {
    // Berlin's 100 was removed; Paris has one of its own.
    let world = World::new().cluster("berlin", &[(101, "mail")]).cluster("paris", &[(100, "db")]);
    assert_eq!(world.clone().group("berlin", "pve@pbs", "100", "").verdict(), "orphan of berlin");
    assert_eq!(world.clone().group("", "pve@pbs!berlin", "100", "").verdict(), "orphan of berlin");
    assert_eq!(world.group("paris", "pve@pbs", "100", "").verdict(), "paris:100 by namespace");
    // One cluster: the backup was made of a guest that has another number now.
    let world = World::new().cluster("berlin", &[(100, "web"), (200, "old-web")]);
    assert_eq!(world.clone().group("", "", "100", "old-web").verdict(), "ambiguous berlin");
    // A comment that is no guest's name is a comment.
    assert_eq!(world.clone().group("", "", "100", "before the upgrade").verdict(), "berlin:100 by vmid");
    assert_eq!(world.clone().group("", "", "100", "web").verdict(), "berlin:100 by comment");
    assert_eq!(world.group("", "", "999", "").verdict(), "orphan");
}

#[test]
fn a_name_that_everybody_uses_points_to_nobody() {
    let world = World::new().cluster("pve", &[(100, "web")]).cluster("paris", &[(100, "db")]);
    assert_eq!(world.clone().group("pve", "pve@pbs", "100", "").verdict(), "ambiguous paris pve");
    assert_eq!(world.group("pve-cluster", "pve@pbs", "100", "").verdict(), "pve:100 by namespace");
}

#[test]
fn a_container_is_not_a_vm_of_the_same_number() {
    let mut world = World::new().cluster("berlin", &[(100, "web")]).group("", "", "100", "");
    let view = world.view(InstanceKind::Pve, "berlin");
    Arc::make_mut(&mut view.guests)[0].kind = GuestKind::Container;
    assert_eq!(world.verdict(), "orphan");
    assert_eq!(world.state("berlin", 100), State::Unprotected);
}

#[test]
fn hosts_and_odd_numbers_are_nobodys_guests() {
    let mut world = World::new().cluster("berlin", &[(100, "web")]).group("", "", "nas", "");
    assert_eq!(world.verdict(), "orphan");
    let view = world.view(InstanceKind::Pbs, "vault");
    let group = Arc::make_mut(&mut Arc::make_mut(&mut view.pbs_backups)[0]);
    group.key.backup_type = PbsBackupType::Host;
    assert_eq!(world.verdict(), "host");
    assert!(world.coverage().strays.is_empty());
}

#[test]
fn who_has_no_backup_is_listed_and_who_may_have_one_is_not_called_protected() {
    let world = World::new()
        .cluster("berlin", &[(100, "web"), (101, "mail"), (102, "dns")])
        .cluster("paris", &[(100, "web")])
        .group("", "pve@pbs", "100", "web")
        .group("", "pve@pbs!berlin", "101", "mail");
    assert_eq!(world.state("berlin", 101), State::Protected);
    assert_eq!(world.state("berlin", 102), State::Unprotected);
    assert_eq!((world.state("berlin", 100), world.state("paris", 100)), (State::Ambiguous, State::Ambiguous));
    let coverage = world.coverage();
    assert_eq!(coverage.count(State::Ambiguous), 2);
    let [stray] = &coverage.strays[..] else { panic!("{:?}", coverage.strays) };
    assert!(matches!(&stray.kind, StrayKind::Ambiguous { candidates, .. } if candidates.len() == 2));
    let mail = coverage.guests.iter().find(|guest| guest.vmid == 101).unwrap();
    assert_eq!((mail.count, mail.newest), (2, Some(at(0))));
    assert_eq!((mail.sources[0].by, mail.sources[0].is_verified), (Evidence::Owner, Some(true)));
}

#[test]
fn a_backup_seen_from_both_sides_counts_once() {
    let world = World::new()
        .cluster("berlin", &[(100, "web")])
        .group_at("", "pve@pbs", "100", "web", &[0, -10, -20])
        .stored("berlin", "pbs", 100, 0, "web")
        .stored("berlin", "pbs", 100, -10, "web")
        .stored("berlin", "nas", 100, -30, "");
    let coverage = world.coverage();
    let web = &coverage.guests[0];
    assert_eq!(web.count, 4);
    let kinds: Vec<_> = web.sources.iter().map(|source| source.kind).collect();
    assert_eq!(kinds, [SourceKind::Pbs, SourceKind::Storage]);
    assert!(coverage.strays.is_empty());
}

#[test]
fn a_storage_that_two_clusters_share_is_no_proof() {
    let both = || {
        World::new()
            .cluster("berlin", &[(100, "web")])
            .cluster("paris", &[(100, "db")])
            .stored("paris", "nas", 100, 0, "")
            .stored("berlin", "nas", 100, 0, "")
    };
    assert_eq!(
        (both().state("berlin", 100), both().state("paris", 100)),
        (State::Ambiguous, State::Ambiguous)
    );
    let noted = World::new()
        .cluster("berlin", &[(100, "web")])
        .cluster("paris", &[(100, "db")])
        .stored("paris", "nas", 100, 0, "db")
        .stored("berlin", "nas", 100, 0, "db");
    assert_eq!(noted.state("paris", 100), State::Protected);
    assert_eq!(noted.state("berlin", 100), State::Unprotected);
    // Only one of them has the number: it is that one's, through whichever it is seen.
    let one = World::new()
        .cluster("berlin", &[(100, "web")])
        .cluster("paris", &[(101, "db")])
        .stored("paris", "nas", 100, 0, "")
        .stored("berlin", "nas", 100, 0, "");
    assert_eq!(one.state("berlin", 100), State::Protected);
    assert!(one.coverage().strays.is_empty(), "{:?}", one.coverage().strays);
}

#[test]
fn nobody_is_called_unprotected_before_somebody_looked() {
    let world = World::new().cluster("berlin", &[(100, "web")]);
    assert_eq!(world.state("berlin", 100), State::Unknown);
    let mut never = world.clone();
    never.view(InstanceKind::Pbs, "vault").last_success = None;
    assert_eq!(never.state("berlin", 100), State::Unknown);
    let mut looked = world;
    looked.view(InstanceKind::Pbs, "vault").last_success = Some(at(0));
    assert_eq!(looked.state("berlin", 100), State::Unprotected);
}

#[test]
fn nothing_is_an_orphan_before_its_cluster_was_read() {
    let mut world = World::new().cluster("berlin", &[]).cluster("paris", &[(100, "db")]);
    world.view(InstanceKind::Pve, "berlin").last_success = None;
    assert_eq!(world.clone().group("berlin", "", "100", "").verdict(), "ambiguous ");
    assert_eq!(world.clone().group("", "", "999", "").verdict(), "ambiguous ");
    assert_eq!(world.group("paris", "", "999", "").verdict(), "orphan of paris");
}

#[test]
fn templates_are_not_asked_for_backups() {
    let mut world = World::new().cluster("berlin", &[(100, "web")]).group("", "", "100", "");
    Arc::make_mut(&mut world.view(InstanceKind::Pve, "berlin").guests)[0].is_template = true;
    assert!(world.coverage().guests.is_empty());
    // It has the number all the same: its backup is no orphan.
    assert_eq!(world.verdict(), "berlin:100 by vmid");
}

/// Clusters with few numbers and names, so that they collide, and groups that point anywhere.
fn worlds() -> impl Strategy<Value = World> {
    let cluster = proptest::collection::btree_map(100..104_u32, 0..3_usize, 0..4);
    let group = (0..5_usize, 0..4_usize, 100..105_u32, 0..4_usize);
    let clusters = proptest::collection::vec(cluster, 0..4);
    (clusters, proptest::collection::vec(group, 0..8)).prop_map(|(clusters, groups)| {
        const SITES: [&str; 4] = ["berlin", "paris", "oslo", "rome"];
        const NAMES: [&str; 4] = ["web", "db", "mail", ""];
        const SPACES: [&str; 5] = ["", "berlin", "sites/paris", "daily", "oslo-cluster"];
        const OWNERS: [&str; 4] = ["", "pve@pbs", "pve@pbs!berlin", "paris@pbs!x"];
        let mut world = World::new();
        for (site, guests) in SITES.iter().zip(&clusters) {
            let guests: Vec<_> = guests.iter().map(|(vmid, name)| (*vmid, NAMES[*name])).collect();
            world = world.cluster(site, &guests);
        }
        for (space, owner, vmid, comment) in groups {
            world = world.group(SPACES[space], OWNERS[owner], &vmid.to_string(), NAMES[comment]);
        }
        world
    })
}

fn exists(world: &World, one: &Candidate) -> bool {
    world
        .0
        .instances
        .values()
        .any(|view| view.guests.iter().any(|guest| guest.instance == one.instance && guest.vmid == one.vmid))
}

proptest! {
    /// Nothing is given to a guest that is not there, and doubt names guests that are.
    #[test]
    fn every_verdict_is_about_guests_that_are_there(world in worlds()) {
        for (group, verdict) in attribute(&world.0) {
            match verdict {
                Attribution::Guest { guest, .. } => {
                    prop_assert!(exists(&world, &guest));
                    prop_assert_eq!(Some(guest.vmid), group.vmid());
                }
                Attribution::Ambiguous { candidates, .. } => {
                    prop_assert!(!candidates.is_empty());
                    prop_assert!(candidates.iter().all(|one| exists(&world, one)));
                    prop_assert!(candidates.windows(2).all(|pair| pair[0] < pair[1]));
                }
                Attribution::Orphan { .. } | Attribution::Host => {}
            }
        }
    }

    /// No backup is counted for two guests, and none is lost.
    #[test]
    fn each_group_is_one_guests_or_nobodys(world in worlds()) {
        let coverage = world.coverage();
        let given: usize = coverage.guests.iter().map(|guest| guest.sources.len()).sum();
        prop_assert_eq!(given + coverage.strays.len(), attribute(&world.0).len());
        for guest in &coverage.guests {
            prop_assert_eq!(guest.state == State::Protected, !guest.sources.is_empty());
        }
    }

    /// A cluster that comes in beside, with none of the numbers and a name nobody uses, changes nothing.
    #[test]
    fn a_stranger_changes_nothing(world in worlds()) {
        let before: Vec<_> = attribute(&world.0).into_iter().map(|(_, verdict)| verdict).collect();
        let more = world.clone().cluster("zurich", &[(900, "far-away")]);
        let after: Vec<_> = attribute(&more.0).into_iter().map(|(_, verdict)| verdict).collect();
        prop_assert_eq!(before, after);
    }

    /// Where each number is there once, nothing is in doubt but backups that name another guest.
    #[test]
    fn numbers_that_are_used_once_are_never_several(world in worlds()) {
        for (group, verdict) in attribute(&world.0) {
            let holders = world.0.instances.values().flat_map(|view| view.guests.iter());
            let count = holders.filter(|guest| Some(guest.vmid) == group.vmid()).count();
            if let Attribution::Ambiguous { candidates, .. } = verdict {
                prop_assert!(count >= candidates.len() && count >= 1);
                prop_assert!(count > 1 || candidates.len() == 1);
            }
        }
    }
}

#[test]
fn fifty_thousand_backups_are_attributed_quickly() {
    let mut world = World::new();
    let guests: Vec<(u32, String)> = (100..2_600).map(|vmid| (vmid, format!("vm{vmid}"))).collect();
    let guests: Vec<(u32, &str)> = guests.iter().map(|(vmid, name)| (*vmid, name.as_str())).collect();
    world = world.cluster("berlin", &guests);
    let times: Vec<i64> = (0..20).map(|day| -day * 86_400).collect();
    for (vmid, name) in &guests {
        world = world.group_at("", "pve@pbs", &vmid.to_string(), name, &times);
    }
    let coverage = world.coverage();
    assert_eq!(coverage.count(State::Protected), guests.len());
}
