//! The state in pieces, one per source and list: what did not change since the last rendering is taken over as it is.

use std::{
    collections::HashMap,
    hash::Hash,
    io::Write,
    ptr,
    sync::{Arc, Weak},
};

use pulse_core::{
    Snapshot,
    ids::{DockerHostId, HostId, KubernetesClusterId},
    model::{
        BackupTask, DockerHost, Guest, GuestSnapshot, Host, InstanceKey, InstanceView, KubernetesCluster,
        PbsBackupGroup, PmgBackup, Storage, StorageBackup,
    },
};
use serde::Serialize;

use super::{
    RenderError,
    segment::{Body, Composer, Segment, Writer},
};
use crate::wire::{
    backup::{BackupTaskShape, GuestSnapshotShape, StorageBackupShape},
    docker::DockerHostShape,
    guest::GuestShape,
    host::HostShape,
    kubernetes::ClusterShape,
    mail::PmgBackupShape,
    node::NodeShape,
    pbs::PbsBackupShape,
    state::RestShape,
    storage::StorageShape,
};

/// What a source was rendered to. It holds the source's place, so that the same address means the same source, but not
/// the source itself: that would be a second copy of the estate as it was.
#[derive(Debug)]
struct Piece<T> {
    source: Weak<T>,
    segments: Vec<Segment>,
}

/// The pieces of the last rendering.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    nodes: HashMap<InstanceKey, Piece<InstanceView>>,
    guests: HashMap<InstanceKey, Piece<Vec<Guest>>>,
    storages: HashMap<InstanceKey, Piece<Vec<Storage>>>,
    docker_hosts: HashMap<DockerHostId, Piece<DockerHost>>,
    kubernetes: HashMap<KubernetesClusterId, Piece<KubernetesCluster>>,
    hosts: HashMap<HostId, Piece<Host>>,
    backup_tasks: HashMap<InstanceKey, Piece<Vec<BackupTask>>>,
    storage_backups: HashMap<InstanceKey, Piece<Vec<StorageBackup>>>,
    guest_snapshots: HashMap<InstanceKey, Piece<Vec<GuestSnapshot>>>,
    pbs_backups: HashMap<InstanceKey, Piece<Vec<Arc<PbsBackupGroup>>>>,
    pmg_backups: HashMap<InstanceKey, Piece<Vec<PmgBackup>>>,
    text_size: usize,
    gzip_size: usize,
}

impl Pieces {
    /// The state.
    pub fn render(&mut self, world: &Snapshot) -> Result<Body, RenderError> {
        self.update(world)?;
        let mut docker_hosts: Vec<_> = world.docker_hosts.values().collect();
        docker_hosts.sort_by(|a, b| a.host.hostname.cmp(&b.host.hostname));
        let this = &*self;
        let guests =
            |at: usize| world.instances.keys().filter_map(move |key| this.guests.get(key)?.segments.get(at));

        let mut body = Composer::new(this.text_size, this.gzip_size);
        body.literal(br#"{"nodes":["#);
        body.list(world.instances.keys().filter_map(|key| this.nodes.get(key)?.segments.first()));
        body.literal(br#"],"vms":["#);
        body.list(guests(0));
        body.literal(br#"],"containers":["#);
        body.list(guests(1));
        body.literal(br#"],"dockerHosts":["#);
        body.list(docker_hosts.iter().filter_map(|host| this.docker_hosts.get(&host.id)?.segments.first()));
        body.literal(br#"],"kubernetesClusters":["#);
        body.list(
            world.kubernetes_clusters.keys().filter_map(|id| this.kubernetes.get(id)?.segments.first()),
        );
        body.literal(br#"],"hosts":["#);
        body.list(world.hosts.keys().filter_map(|id| this.hosts.get(id)?.segments.first()));
        body.literal(br#"],"storage":["#);
        body.list(world.instances.keys().filter_map(|key| this.storages.get(key)?.segments.first()));
        // Backups stand in the state twice (contract B-01).
        body.literal(br#"],"pbsBackups":["#);
        this.pbs_backups(world, &mut body);
        body.literal(br#"],"pmgBackups":["#);
        this.pmg_backups(world, &mut body);
        body.literal(br#"],"pveBackups":"#);
        this.pve_backups(world, &mut body);
        body.literal(br#","backups":{"pve":"#);
        this.pve_backups(world, &mut body);
        body.literal(br#","pbs":["#);
        this.pbs_backups(world, &mut body);
        body.literal(br#"],"pmg":["#);
        this.pmg_backups(world, &mut body);
        // The rest is an object of its own: its opening brace becomes the comma behind the lists.
        body.literal(b"]},");
        let rest = serde_json::to_vec(&RestShape::from(world))?;
        body.segment(&Segment::new(rest.get(1..).unwrap_or_default().to_vec())?);
        body.literal(b"\n");
        let body = body.finish();
        (self.text_size, self.gzip_size) = (body.text.as_ref().map_or(0, Vec::len), body.gzip.len());
        Ok(body)
    }

    fn pbs_backups(&self, world: &Snapshot, body: &mut Composer) {
        body.list(world.instances.keys().filter_map(|key| self.pbs_backups.get(key)?.segments.first()));
    }

    fn pmg_backups(&self, world: &Snapshot, body: &mut Composer) {
        body.list(world.instances.keys().filter_map(|key| self.pmg_backups.get(key)?.segments.first()));
    }

    fn pve_backups(&self, world: &Snapshot, body: &mut Composer) {
        let keys = || world.instances.keys();
        body.literal(br#"{"backupTasks":["#);
        body.list(keys().filter_map(|key| self.backup_tasks.get(key)?.segments.first()));
        body.literal(br#"],"storageBackups":["#);
        body.list(keys().filter_map(|key| self.storage_backups.get(key)?.segments.first()));
        body.literal(br#"],"guestSnapshots":["#);
        body.list(keys().filter_map(|key| self.guest_snapshots.get(key)?.segments.first()));
        body.literal(b"]}");
    }

    fn update(&mut self, world: &Snapshot) -> Result<(), RenderError> {
        let views = || world.instances.iter();
        refresh(&mut self.nodes, views(), |view| {
            Ok(vec![items(view.nodes.iter().map(|node| NodeShape::of(node, view)))?])
        })?;
        refresh(&mut self.guests, views().map(|(key, view)| (key, &view.guests)), |guests| {
            let of = |is_vm: bool| {
                let shown = guests.iter().filter(|guest| guest.kind.is_vm() == is_vm && !guest.is_template);
                items(shown.map(GuestShape::from))
            };
            Ok(vec![of(true)?, of(false)?])
        })?;
        refresh(&mut self.storages, views().map(|(key, view)| (key, &view.storages)), |storages| {
            Ok(vec![items(storages.iter().map(StorageShape::from))?])
        })?;
        refresh(&mut self.backup_tasks, views().map(|(key, view)| (key, &view.backup_tasks)), |tasks| {
            Ok(vec![items(tasks.iter().map(BackupTaskShape::from))?])
        })?;
        refresh(
            &mut self.storage_backups,
            views().map(|(key, view)| (key, &view.storage_backups)),
            |list| Ok(vec![items(list.iter().map(StorageBackupShape::from))?]),
        )?;
        refresh(
            &mut self.guest_snapshots,
            views().map(|(key, view)| (key, &view.guest_snapshots)),
            |list| Ok(vec![items(list.iter().map(GuestSnapshotShape::from))?]),
        )?;
        refresh(&mut self.pbs_backups, views().map(|(key, view)| (key, &view.pbs_backups)), |groups| {
            Ok(vec![items(PbsBackupShape::all(groups))?])
        })?;
        refresh(&mut self.pmg_backups, views().map(|(key, view)| (key, &view.pmg_backups)), |list| {
            Ok(vec![items(list.iter().map(PmgBackupShape::from))?])
        })?;
        let one = |text: serde_json::Result<Vec<u8>>| Ok(vec![Segment::new(text?)?]);
        refresh(&mut self.docker_hosts, world.docker_hosts.iter(), |host| {
            one(serde_json::to_vec(&DockerHostShape::from(host)))
        })?;
        refresh(&mut self.kubernetes, world.kubernetes_clusters.iter(), |cluster| {
            one(serde_json::to_vec(&ClusterShape::from(cluster)))
        })?;
        refresh(&mut self.hosts, world.hosts.iter(), |host| one(serde_json::to_vec(&HostShape::from(host))))
    }
}

/// Makes the pieces those of the sources: new and changed ones are rendered, others kept, gone ones forgotten.
fn refresh<'a, K: Clone + Eq + Hash + 'a, T: 'a>(
    pieces: &mut HashMap<K, Piece<T>>,
    sources: impl Iterator<Item = (&'a K, &'a Arc<T>)>,
    render: impl Fn(&T) -> Result<Vec<Segment>, RenderError>,
) -> Result<(), RenderError> {
    let mut next = HashMap::with_capacity(pieces.len());
    for (key, source) in sources {
        let piece = match pieces.remove(key) {
            Some(piece) if ptr::eq(piece.source.as_ptr(), Arc::as_ptr(source)) => piece,
            Some(_) | None => Piece { segments: render(source)?, source: Arc::downgrade(source) },
        };
        next.insert(key.clone(), piece);
    }
    *pieces = next;
    Ok(())
}

/// The items of a list with commas between them, compressed while they are written.
fn items<T: Serialize>(list: impl Iterator<Item = T>) -> Result<Segment, RenderError> {
    let mut writer = Writer::packed();
    for item in list {
        if writer.length() > 0 {
            writer.write_all(b",")?;
        }
        serde_json::to_writer(&mut writer, &item)?;
    }
    Ok(writer.finish()?)
}
