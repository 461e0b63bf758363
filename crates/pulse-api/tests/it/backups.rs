//! Backups on the wire: the lists of the contract, the same packed and plain, and who is covered.

use std::{io::Read, sync::Arc};

use axum::body::Body;
use http::Method;
use jiff::Timestamp;
use pulse_core::ids::GuestId;
use pulse_core::model::{
    GuestKind, GuestStatus, InstanceKey, InstanceKind, InstanceView, PbsBackupGroup, PbsBackupType,
    PbsGroupKey, PbsSnapshot, PmgBackup, StorageBackup,
};
use serde_json::{Value, json};

use crate::harness::{START, TestServer};

fn start() -> Timestamp {
    START.parse().unwrap()
}

fn group(namespace: &str, vmid: &str, count: usize) -> Arc<PbsBackupGroup> {
    let files: Arc<[Arc<str>]> = Arc::new(["drive-scsi0.img.fidx".into(), "index.json.blob".into()]);
    let snapshot = |day: usize| PbsSnapshot {
        made_at: Timestamp::from_second(start().as_second() - 86_400 * day as i64).unwrap(),
        size_bytes: Some(5_000_000),
        is_protected: day == 1,
        is_verified: (day > 0).then_some(true),
        is_encrypted: namespace == "site-b",
        comment: Some("web".into()),
        files: files.clone(),
    };
    Arc::new(PbsBackupGroup {
        key: PbsGroupKey {
            instance: "vault".into(),
            datastore: "main".into(),
            namespace: namespace.into(),
            backup_type: PbsBackupType::Vm,
            backup_id: vmid.into(),
        },
        owner: Some("pve@pbs!lab".into()),
        comment: None,
        snapshots: (0..count).map(snapshot).collect(),
    })
}

fn stored(vmid: u32) -> StorageBackup {
    StorageBackup {
        id: format!("lab-nas:backup/vzdump-qemu-{vmid}.vma.zst"),
        storage: "nas".into(),
        node: "n1".into(),
        instance: "lab".into(),
        kind: "qemu".into(),
        vmid,
        made_at: start(),
        size_bytes: 7,
        format: "vma.zst".into(),
        notes: None,
        is_protected: false,
        volume_id: format!("nas:backup/vzdump-qemu-{vmid}.vma.zst"),
        is_pbs: false,
        is_verified: None,
        verification: None,
    }
}

async fn fill(server: &TestServer, groups: Vec<Arc<PbsBackupGroup>>) {
    let view = |kind, name: &str| InstanceView {
        last_success: Some(start()),
        ..InstanceView::unknown(InstanceKey { kind, name: name.into() })
    };
    let backup = PmgBackup {
        id: "pmg-mx-mx1-a.tgz".into(),
        instance: "mx".into(),
        node: "mx1".into(),
        file_name: "a.tgz".into(),
        made_at: start(),
        size_bytes: 9,
    };
    let views = [
        InstanceView { storage_backups: Arc::new(vec![stored(100)]), ..view(InstanceKind::Pve, "lab") },
        InstanceView { pbs_backups: Arc::new(groups), ..view(InstanceKind::Pbs, "vault") },
        InstanceView { pmg_backups: Arc::new(vec![backup]), ..view(InstanceKind::Pmg, "mx") },
    ];
    let change = move |world: &mut pulse_monitor::world::World, _: Timestamp| {
        for view in views {
            world.set_instance(view);
        }
    };
    server.state.keeper.change(change).await.unwrap();
}

fn unpacked(bytes: &[u8]) -> Value {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn the_lists_are_the_contracts_packed_or_plain() {
    let server = TestServer::set_up();
    fill(&server, vec![group("", "100", 2), group("site-b", "100", 1)]).await;
    let all = server.admin().get("/api/backups").await.expect(200).json();
    let keys: Vec<_> = all.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "backupTasks",
            "backups",
            "guestSnapshots",
            "pbsBackups",
            "pmgBackups",
            "pveBackups",
            "storageBackups"
        ]
    );
    assert_eq!((&all["backups"]["pbs"], &all["backups"]["pmg"]), (&all["pbsBackups"], &all["pmgBackups"]));
    assert_eq!(all["backups"]["pve"], all["pveBackups"]);
    insta::assert_json_snapshot!("pbs_backups", all["pbsBackups"]);
    for path in ["/api/backups/unified", "/api/backups/anything"] {
        assert_eq!(server.admin().get(path).await.expect(200).json(), all, "{path}");
    }
    let packed = server.admin().with("accept-encoding", "gzip").get("/api/backups").await.expect(200);
    assert_eq!(packed.headers["content-encoding"], "gzip");
    assert_eq!(unpacked(&packed.bytes), all);
    assert_eq!(server.admin().get("/api/backups/pbs").await.expect(200).json(), json!({"instances": []}));
    assert_eq!(server.admin().send(Method::POST, "/api/backups", Body::empty()).await.status.as_u16(), 405);
    // The state has the same.
    let state = server.admin().get("/api/state").await.expect(200).json();
    assert_eq!((&state["pbsBackups"], &state["backups"]), (&all["pbsBackups"], &all["backups"]));
    server.anybody().get("/api/backups").await.expect(401);
    server.may(&["docker:report"]).get("/api/backups/coverage").await.expect(403);
}

#[tokio::test]
async fn what_is_nobodys_is_told_with_the_reason() {
    let server = TestServer::set_up();
    fill(&server, vec![group("", "999", 2)]).await;
    let coverage = server.admin().get("/api/backups/coverage").await.expect(200).json();
    insta::assert_json_snapshot!("coverage_without_guests", coverage);
}

#[tokio::test]
async fn one_guest_is_told_alone_with_what_may_be_its() {
    let server = TestServer::set_up();
    let plain = |mut group: Arc<PbsBackupGroup>| {
        let inner = Arc::make_mut(&mut group);
        inner.owner = None;
        group
    };
    let groups = [("", "100"), ("lab", "100"), ("attic", "100"), ("", "101"), ("", "999")];
    fill(&server, groups.map(|(namespace, vmid)| plain(group(namespace, vmid, 1))).to_vec()).await;
    let with_guests = |name: &'static str, vmids: &'static [u32]| {
        let guest = |vmid: &u32| {
            let mut guest = super::state::guest(*vmid, GuestKind::Vm, GuestStatus::Running);
            guest.id = GuestId::of(&name.into(), "n1", *vmid);
            guest.instance = name.into();
            guest
        };
        let key = InstanceKey { kind: InstanceKind::Pve, name: name.into() };
        InstanceView {
            last_success: Some(start()),
            guests: Arc::new(vmids.iter().map(guest).collect()),
            ..InstanceView::unknown(key)
        }
    };
    let views = [with_guests("lab", &[100, 101]), with_guests("attic", &[100])];
    let change = move |world: &mut pulse_monitor::world::World, _: Timestamp| {
        for view in views {
            world.set_instance(view);
        }
    };
    server.state.keeper.change(change).await.unwrap();
    let ask = async |guest: &str| {
        server.admin().get(&format!("/api/backups/coverage?guest={guest}")).await.expect(200).json()
    };
    let all = server.admin().get("/api/backups/coverage").await.expect(200).json();
    for (id, namespaces) in [("lab:n1:100", vec!["lab"]), ("attic:n1:100", vec!["attic"])] {
        let one = ask(id).await;
        assert_eq!(one["summary"], all["summary"]);
        let guests = one["guests"].as_array().unwrap();
        assert_eq!(guests.len(), 1, "{one}");
        assert_eq!(guests[0]["id"], id);
        let told: Vec<_> =
            guests[0]["sources"].as_array().unwrap().iter().map(|it| &it["namespace"]).collect();
        assert_eq!(told, namespaces);
        let strays = one["unattributed"].as_array().unwrap();
        assert_eq!(strays.len(), 1, "{one}");
        assert_eq!(strays[0]["candidates"].as_array().unwrap().len(), 2, "{one}");
    }
    // Whom nobody knows has nothing.
    let nobody = ask("lab:n1:7").await;
    assert_eq!((&nobody["guests"], &nobody["unattributed"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn many_backups_are_kept_packed_and_still_told_in_full() {
    let server = TestServer::set_up();
    let groups = (0..500).map(|vmid| group("", &(1000 + vmid).to_string(), 20)).collect();
    fill(&server, groups).await;
    let world = server.state.keeper.snapshot();
    let rendered = server.state.published.get_fresh(world).await.unwrap();
    assert!(rendered.gzip.len() < 1 << 20, "{}", rendered.gzip.len());
    let state = unpacked(&rendered.gzip);
    assert_eq!(state["pbsBackups"].as_array().unwrap().len(), 10_000);
    let plain: Value = serde_json::from_slice(&rendered.json().await.unwrap()).unwrap();
    assert_eq!(plain, state);
}
