//! The state in pieces, one per source and list: what did not change since the last rendering is taken over as it is.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use pulse_core::{
    Snapshot,
    ids::{DockerHostId, HostId, KubernetesClusterId},
    model::{DockerHost, Guest, Host, InstanceKey, InstanceView, KubernetesCluster, Storage},
};
use serde::Serialize;

use super::{
    RenderError,
    segment::{Composer, Segment},
};
use crate::wire::{
    docker::DockerHostShape, guest::GuestShape, host::HostShape, kubernetes::ClusterShape, node::NodeShape,
    state::RestShape, storage::StorageShape,
};

/// What a source was rendered to. It holds the source, so that the same address means the same source.
#[derive(Debug)]
struct Piece<T> {
    source: Arc<T>,
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
    text_size: usize,
    gzip_size: usize,
}

impl Pieces {
    /// The state as text and as gzip.
    pub fn render(&mut self, world: &Snapshot) -> Result<(Vec<u8>, Vec<u8>), RenderError> {
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
        // The rest is an object of its own: its opening brace becomes the comma behind the lists.
        body.literal(b"],");
        let rest = serde_json::to_vec(&RestShape::from(world))?;
        body.segment(&Segment::new(rest.get(1..).unwrap_or_default().to_vec())?);
        body.literal(b"\n");
        let (text, gzip) = body.finish();
        (self.text_size, self.gzip_size) = (text.len(), gzip.len());
        Ok((text, gzip))
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
            Some(piece) if Arc::ptr_eq(&piece.source, source) => piece,
            Some(_) | None => Piece { segments: render(source)?, source: source.clone() },
        };
        next.insert(key.clone(), piece);
    }
    *pieces = next;
    Ok(())
}

/// The items of a list with commas between them.
fn items<T: Serialize>(list: impl Iterator<Item = T>) -> Result<Segment, RenderError> {
    let mut text = Vec::new();
    for item in list {
        if !text.is_empty() {
            text.push(b',');
        }
        serde_json::to_writer(&mut text, &item)?;
    }
    Ok(Segment::new(text)?)
}
