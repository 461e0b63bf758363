//! From snapshots to history: what changed since the last snapshot becomes samples.
//!
//! A value that is unknown gives no sample: a gap stays a gap. Percentages are rounded to hundredths and rates to
//! whole bytes, which is finer than any source measures and lets the store compress them well.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use pulse_core::{
    Reading, Snapshot,
    ids::{GuestId, InstanceName},
    metric::{Metric, ResourceType, Sample, SeriesKey},
    model::{
        DockerHost, Guest, GuestStatus, Host, InstanceKey, InstanceView, KubernetesCluster, Liveness,
        NodeStatus, PbsInstance, PmgInstance, Storage,
    },
};
use pulse_store::MetricStore;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The id under which a guest's history is kept. The node is not in it, so that a guest that migrates keeps its
/// history.
pub fn guest_series_id(instance: &InstanceName, vmid: u32) -> String {
    format!("{instance}:{vmid}")
}

/// The same, from the guest's id on the wire (`<instance>:<node>:<vmid>`); `None` for anything else.
pub fn guest_series_id_of(id: &GuestId) -> Option<String> {
    let mut parts = id.as_str().rsplitn(3, ':');
    let vmid: u32 = parts.next()?.parse().ok()?;
    let _node = parts.next()?;
    Some(format!("{}:{vmid}", parts.next()?))
}

/// The id under which a Docker container's history is kept; container ids are unique per host only.
pub fn container_series_id(host: &str, container: &str) -> String {
    format!("{host}/{container}")
}

/// The id under which the history of a backup server's datastore is kept.
pub fn datastore_series_id(server: &str, datastore: &str) -> String {
    format!("{server}/{datastore}")
}

/// The newest measured value of everything that is there now: what is answered where no history is.
pub fn current(snapshot: &Snapshot) -> Vec<Sample> {
    Extract::default().samples(snapshot)
}

/// The same of one resource, without going through everything that is there.
pub fn current_of(snapshot: &Snapshot, resource_type: ResourceType, resource_id: &str) -> Vec<Sample> {
    let mut out = Vec::new();
    let views = || snapshot.instances.values().filter_map(|view| Some((view, view.last_success?)));
    match resource_type {
        ResourceType::Vm | ResourceType::Container => {
            let Some((name, vmid)) = resource_id.rsplit_once(':') else { return out };
            let is_it = |guest: &Guest| guest.instance.as_str() == name && vmid.parse() == Ok(guest.vmid);
            for (view, at) in views() {
                view.guests.iter().filter(|guest| is_it(guest)).for_each(|it| guest(it, at, &mut out));
            }
        }
        ResourceType::Host => {
            let online = snapshot.hosts.values().filter(|host| host.liveness == Liveness::Online);
            online.filter(|host| host.id.as_str() == resource_id).for_each(|host| agent_host(host, &mut out));
        }
        ResourceType::DockerHost | ResourceType::DockerContainer => {
            let online = snapshot.docker_hosts.values().filter(|host| host.liveness == Liveness::Online);
            // Ids of hosts may hold a slash themselves.
            let is_it = |id: &str| {
                resource_id.strip_prefix(id).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            online.filter(|host| is_it(host.id.as_str())).for_each(|host| docker_host(host, &mut out));
        }
        ResourceType::KubernetesCluster => {
            let online = snapshot.kubernetes_clusters.values();
            let online = online.filter(|cluster| cluster.liveness == Liveness::Online);
            let it = online.filter(|cluster| cluster.id.as_str() == resource_id);
            it.for_each(|cluster| kubernetes(cluster, &mut out));
        }
        ResourceType::Storage => views().for_each(|(view, at)| storages(view, at, &mut out)),
        _ => views().for_each(|(view, at)| machines(view, at, &mut out)),
    }
    out.retain(|sample| {
        sample.series.resource_type == resource_type && &*sample.series.resource_id == resource_id
    });
    out
}

/// Feeds the store until `stop`; ends with a last look, so that nothing published is missed.
pub async fn run(
    mut world: watch::Receiver<Arc<Snapshot>>,
    store: Arc<dyn MetricStore>,
    stop: CancellationToken,
) {
    let mut extract = Extract::default();
    loop {
        let is_last = tokio::select! {
            () = stop.cancelled() => true,
            changed = world.changed() => changed.is_err(),
        };
        let snapshot = world.borrow_and_update().clone();
        let samples = extract.samples(&snapshot);
        if !samples.is_empty() {
            store.append(samples);
        }
        if is_last {
            return;
        }
    }
}

/// Remembers what was already turned into samples.
#[derive(Debug, Default)]
pub struct Extract {
    instances: HashMap<InstanceKey, Timestamp>,
    /// A list of storages that was kept because its call failed is not measured again.
    storages: HashMap<InstanceKey, Arc<Vec<Storage>>>,
    hosts: HashMap<Arc<str>, Timestamp>,
    docker_hosts: HashMap<Arc<str>, Timestamp>,
    kubernetes_clusters: HashMap<Arc<str>, Timestamp>,
}

impl Extract {
    /// The samples of everything that was measured since the last call.
    pub fn samples(&mut self, snapshot: &Snapshot) -> Vec<Sample> {
        let mut out = Vec::new();
        for (key, view) in &snapshot.instances {
            if let Some(at) =
                view.last_success.filter(|at| is_newer(self.instances.insert(key.clone(), *at), *at))
            {
                machines(view, at, &mut out);
                view.guests.iter().for_each(|it| guest(it, at, &mut out));
                let last = self.storages.insert(key.clone(), view.storages.clone());
                if last.is_none_or(|last| !Arc::ptr_eq(&last, &view.storages)) {
                    storages(view, at, &mut out);
                }
            }
        }
        for host in snapshot.hosts.values().filter(|host| host.liveness == Liveness::Online) {
            let last = self.hosts.insert(host.id.as_str().into(), host.last_seen);
            if is_newer(last, host.last_seen) {
                agent_host(host, &mut out);
            }
        }
        for host in snapshot.docker_hosts.values().filter(|host| host.liveness == Liveness::Online) {
            let last = self.docker_hosts.insert(host.id.as_str().into(), host.last_seen);
            if is_newer(last, host.last_seen) {
                docker_host(host, &mut out);
            }
        }
        let clusters = snapshot.kubernetes_clusters.values();
        for cluster in clusters.filter(|cluster| cluster.liveness == Liveness::Online) {
            let last = self.kubernetes_clusters.insert(cluster.id.as_str().into(), cluster.last_seen);
            if is_newer(last, cluster.last_seen) {
                kubernetes(cluster, &mut out);
            }
        }
        self.instances.retain(|key, _| snapshot.instances.contains_key(key));
        self.storages.retain(|key, _| snapshot.instances.contains_key(key));
        self.hosts.retain(|id, _| snapshot.hosts.contains_key(&**id));
        self.docker_hosts.retain(|id, _| snapshot.docker_hosts.contains_key(&**id));
        self.kubernetes_clusters.retain(|id, _| snapshot.kubernetes_clusters.contains_key(&**id));
        out
    }
}

fn is_newer(last: Option<Timestamp>, now: Timestamp) -> bool {
    last.is_none_or(|last| last != now)
}

/// Writes the samples of one resource.
struct Writer<'a> {
    out: &'a mut Vec<Sample>,
    resource_type: ResourceType,
    resource_id: Arc<str>,
    at: Timestamp,
}

impl Writer<'_> {
    fn put(&mut self, metric: Metric, value: Option<f64>) {
        let Some(value) = value.filter(|value| value.is_finite()) else { return };
        let (resource_type, resource_id) = (self.resource_type, self.resource_id.clone());
        self.out.push(Sample {
            series: SeriesKey { resource_type, resource_id, metric },
            at: self.at,
            value,
        });
    }

    fn percent(&mut self, metric: Metric, value: Option<f64>) {
        self.put(metric, value.map(|value| (value * 100.0).round() / 100.0));
    }

    fn whole(&mut self, metric: Metric, value: Option<u64>) {
        self.put(metric, value.map(|value| value as f64));
    }

    fn rate(&mut self, metric: Metric, value: Reading<f64>) {
        self.put(metric, value.known().map(f64::round));
    }
}

/// An instance's nodes or what it is itself, without its guests and storages.
fn machines(view: &InstanceView, at: Timestamp, out: &mut Vec<Sample>) {
    if let Some(server) = view.pbs.as_ref().filter(|server| server.is_online) {
        pbs(server, at, out);
    }
    if let Some(gateway) = view.pmg.as_ref().filter(|gateway| gateway.is_online) {
        pmg(gateway, at, out);
    }
    for node in view.nodes.iter().filter(|node| node.status == NodeStatus::Online && node.last_seen == at) {
        let mut w =
            Writer { out, resource_type: ResourceType::Node, resource_id: node.id.as_str().into(), at };
        w.percent(Metric::Cpu, node.cpu_fraction.known().map(|cpu| cpu * 100.0));
        w.percent(Metric::Memory, node.memory.known().map(|memory| memory.used_percent()));
        w.percent(Metric::Disk, node.root_disk.known().map(|disk| disk.used_percent()));
        w.percent(Metric::Temperature, node.temperature.as_ref().and_then(|t| t.cpu_package_celsius));
    }
}

/// A guest that runs and was measured at `at`.
fn guest(guest: &Guest, at: Timestamp, out: &mut Vec<Sample>) {
    if guest.status != GuestStatus::Running || guest.is_template || guest.last_seen != at {
        return;
    }
    let resource_type = if guest.kind.is_vm() { ResourceType::Vm } else { ResourceType::Container };
    let resource_id = guest_series_id(&guest.instance, guest.vmid).into();
    let mut w = Writer { out, resource_type, resource_id, at };
    w.percent(Metric::Cpu, guest.cpu_fraction.known().map(|cpu| cpu * 100.0));
    w.percent(Metric::Memory, guest.memory.known().map(|memory| memory.used_percent()));
    w.percent(Metric::Disk, guest.disk.known().map(|disk| disk.used_percent()));
    w.whole(Metric::NetIn, guest.rates.network_in_bytes_per_second.known());
    w.whole(Metric::NetOut, guest.rates.network_out_bytes_per_second.known());
    w.whole(Metric::DiskRead, guest.rates.disk_read_bytes_per_second.known());
    w.whole(Metric::DiskWrite, guest.rates.disk_write_bytes_per_second.known());
}

fn pbs(server: &PbsInstance, at: Timestamp, out: &mut Vec<Sample>) {
    let mut w = Writer { out, resource_type: ResourceType::Pbs, resource_id: server.id.as_str().into(), at };
    w.percent(Metric::Cpu, server.cpu_fraction.known().map(|cpu| cpu * 100.0));
    w.percent(Metric::Memory, server.memory.known().map(|memory| memory.used_percent()));
    w.percent(Metric::Disk, server.root_disk.known().map(|disk| disk.used_percent()));
    let stores = server.datastores.iter().flatten();
    for (name, space) in stores.filter_map(|store| Some((&store.name, store.space.known()?))) {
        let resource_id = datastore_series_id(&server.id, name).into();
        let mut w = Writer { out, resource_type: ResourceType::PbsDatastore, resource_id, at };
        w.percent(Metric::Usage, Some(space.used_percent()));
        w.whole(Metric::Used, Some(space.used_bytes));
        w.whole(Metric::Total, Some(space.total_bytes));
        w.whole(Metric::Available, Some(space.free_bytes));
    }
}

/// A gateway has its mail queues; each of its nodes has its own, and what the machine does.
fn pmg(gateway: &PmgInstance, at: Timestamp, out: &mut Vec<Sample>) {
    let mut waiting = None;
    let is_alone = gateway.nodes.len() == 1;
    for node in gateway.nodes.iter().filter(|node| node.is_online) {
        let queue = node.queue.as_ref();
        let mails = queue.map(|q| [q.active, q.deferred, q.hold, q.incoming].into_iter().sum::<u64>());
        if let Some(mails) = mails {
            waiting = Some(waiting.unwrap_or(0_u64).saturating_add(mails));
        }
        let resource_id =
            if is_alone { gateway.id.clone() } else { format!("{}/{}", gateway.id, node.name) }.into();
        let mut w = Writer { out: &mut *out, resource_type: ResourceType::Pmg, resource_id, at };
        w.percent(Metric::Cpu, node.cpu_fraction.known().map(|cpu| cpu * 100.0));
        w.percent(Metric::Memory, node.memory.known().map(|memory| memory.used_percent()));
        w.percent(Metric::Disk, node.root_disk.known().map(|disk| disk.used_percent()));
        w.whole(Metric::MailQueue, mails.filter(|_| !is_alone));
    }
    let mut w = Writer { out, resource_type: ResourceType::Pmg, resource_id: gateway.id.as_str().into(), at };
    w.whole(Metric::MailQueue, waiting);
}

/// Agents of Pulse v5 report no use of processor or memory; what they report is how much of the cluster works.
pub(crate) fn kubernetes(cluster: &KubernetesCluster, out: &mut Vec<Sample>) {
    let (resource_type, at) = (ResourceType::KubernetesCluster, cluster.last_seen);
    let mut w = Writer { out, resource_type, resource_id: cluster.id.as_str().into(), at };
    let ready = cluster.nodes.iter().filter(|node| node.ready && !node.unschedulable).count();
    let running = cluster.pods.iter().filter(|pod| pod.phase.as_deref() == Some("Running")).count();
    w.whole(Metric::Nodes, Some(cluster.nodes.len() as u64));
    w.whole(Metric::NodesReady, Some(ready as u64));
    w.whole(Metric::Pods, Some(cluster.pods.len() as u64));
    w.whole(Metric::PodsRunning, Some(running as u64));
}

fn storages(view: &InstanceView, at: Timestamp, out: &mut Vec<Sample>) {
    for storage in view.storages.iter() {
        let Reading::Known(space) = storage.space else { continue };
        let mut w =
            Writer { out, resource_type: ResourceType::Storage, resource_id: storage.id.as_str().into(), at };
        w.percent(Metric::Usage, Some(space.used_percent()));
        w.whole(Metric::Used, Some(space.used_bytes));
        w.whole(Metric::Total, Some(space.total_bytes));
        w.whole(Metric::Available, Some(space.free_bytes));
    }
}

/// What a host agent measured, at the time when its host was last seen.
pub(crate) fn agent_host(host: &Host, out: &mut Vec<Sample>) {
    let resource_id = host.id.as_str().into();
    let mut w = Writer { out, resource_type: ResourceType::Host, resource_id, at: host.last_seen };
    w.percent(Metric::Cpu, host.cpu_percent.known());
    w.percent(Metric::Memory, host.memory.as_ref().map(|memory| memory.usage));
    w.percent(Metric::Disk, main_disk(&host.disks));
    w.rate(Metric::DiskRead, host.disk_read_bytes_per_second);
    w.rate(Metric::DiskWrite, host.disk_write_bytes_per_second);
    w.rate(Metric::NetIn, host.network_in_bytes_per_second);
    w.rate(Metric::NetOut, host.network_out_bytes_per_second);
    let sensors = host.sensors.as_ref().map(|sensors| &sensors.temperature_celsius);
    let package = sensors.and_then(|celsius| celsius.iter().find(|(name, _)| name.contains("package")));
    w.percent(Metric::Temperature, package.map(|(_, celsius)| *celsius));
}

/// The root file system, else the first one.
fn main_disk(disks: &[pulse_core::report::host::HostDisk]) -> Option<f64> {
    disks.iter().find(|disk| disk.mountpoint == "/").or(disks.first()).map(|disk| disk.usage)
}

/// The same of a Docker agent.
pub(crate) fn docker_host(host: &DockerHost, out: &mut Vec<Sample>) {
    let at = host.last_seen;
    let mut w =
        Writer { out, resource_type: ResourceType::DockerHost, resource_id: host.id.as_str().into(), at };
    w.percent(Metric::Cpu, host.host.cpu_usage_percent);
    w.percent(
        Metric::Memory,
        host.host.memory.as_ref().filter(|m| m.total_bytes > 0).map(|memory| memory.usage),
    );
    w.percent(Metric::Disk, main_disk(&host.host.disks));
    for container in host.containers.iter().filter(|container| container.report.state == "running") {
        let report = &container.report;
        let resource_id = container_series_id(host.id.as_str(), &report.id).into();
        let mut w = Writer { out, resource_type: ResourceType::DockerContainer, resource_id, at };
        w.percent(Metric::Cpu, report.cpu_percent);
        w.percent(Metric::Memory, report.memory_percent);
        let disk = match (report.writable_layer_bytes, report.root_filesystem_bytes) {
            (Some(own), Some(all)) if all > 0 => Some(pulse_core::model::percent(own, all)),
            _ => None,
        };
        w.percent(Metric::Disk, disk);
        w.rate(Metric::DiskRead, container.read_bytes_per_second);
        w.rate(Metric::DiskWrite, container.write_bytes_per_second);
        w.rate(Metric::NetIn, container.network_in_bytes_per_second);
        w.rate(Metric::NetOut, container.network_out_bytes_per_second);
    }
}

#[cfg(test)]
mod tests {
    use pulse_core::{
        model::{ConnectionHealth, DiskUse, InstanceKind, PbsDatastore, PbsDatastoreState},
        report::kubernetes as kubernetes_report,
    };

    use super::*;

    #[test]
    fn an_id_with_a_slash_or_at_the_beginning_of_another_is_found_alone() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let mut world = crate::world::World::new(now);
        for (id, hostname) in [("rack", "one"), ("rack/1", "two"), ("rack/12", "three")] {
            let report = serde_json::json!({"agent": {"id": id}, "host": {"hostname": hostname, "cpuUsagePercent": 7},
                "containers": [{"id": "1", "state": "running", "cpuPercent": 5, "memoryPercent": 6}]});
            let report = serde_json::from_value(report).unwrap();
            crate::merge::docker::merge(&mut world, report, &crate::Reporter::Local, now).unwrap();
        }
        let ids: Vec<&str> =
            world.snapshot().docker_hosts.keys().map(pulse_core::ids::DockerHostId::as_str).collect();
        assert_eq!(ids, ["rack", "rack/1", "rack/12"]);
        is_the_same_alone(world.snapshot());
        assert!(!current_of(world.snapshot(), ResourceType::DockerHost, "rack/1").is_empty());
        assert!(!current_of(world.snapshot(), ResourceType::DockerContainer, "rack/12/1").is_empty());
    }

    #[test]
    fn a_guest_that_migrates_keeps_its_series() {
        let before = guest_series_id_of(&GuestId::from("lab:n1:101"));
        let after = guest_series_id_of(&GuestId::from("lab:n2:101"));
        assert_eq!(before.as_deref(), Some("lab:101"));
        assert_eq!(before, after);
        assert_eq!(guest_series_id_of(&GuestId::from("my:lab:n2:101")).as_deref(), Some("my:lab:101"));
        assert_eq!(guest_series_id_of(&GuestId::from("nonsense")), None);
        assert_eq!(guest_series_id(&InstanceName::from("lab"), 101), "lab:101");
    }

    fn values(samples: &[Sample]) -> Vec<(&'static str, String, &'static str, f64)> {
        let name = |sample: &Sample| {
            let SeriesKey { resource_type, resource_id, metric } = &sample.series;
            (resource_type.name(), resource_id.to_string(), metric.name(), sample.value)
        };
        samples.iter().map(name).collect()
    }

    /// Whatever is asked for alone is as it is among all.
    fn is_the_same_alone(snapshot: &Snapshot) {
        let all = current(snapshot);
        assert!(!all.is_empty());
        for SeriesKey { resource_type, resource_id, .. } in all.iter().map(|sample| &sample.series) {
            let of = |sample: &&Sample| {
                sample.series.resource_type == *resource_type && sample.series.resource_id == *resource_id
            };
            let expected: Vec<Sample> = all.iter().filter(of).cloned().collect();
            assert_eq!(current_of(snapshot, *resource_type, resource_id), expected);
        }
    }

    fn view(kind: InstanceKind, at: Timestamp) -> InstanceView {
        let key = InstanceKey { kind, name: InstanceName::from("b") };
        InstanceView { last_success: Some(at), ..InstanceView::unknown(key) }
    }

    #[test]
    fn backup_servers_and_their_datastores_have_history_where_something_was_measured() {
        let at = Timestamp::from_second(1_795_420_800).unwrap();
        let store = |name: &str, space| PbsDatastore {
            name: name.into(),
            comment: None,
            space,
            error: None,
            state: PbsDatastoreState::Available,
            maintenance: None,
            backend: None,
            namespaces: vec![],
            deduplication_factor: None,
            full_at: None,
        };
        let server = PbsInstance {
            id: "pbs-b".into(),
            name: InstanceName::from("b"),
            host_url: String::new(),
            guest_url: None,
            is_online: true,
            version: None,
            cpu_fraction: Reading::Known(0.125),
            memory: Reading::default(),
            root_disk: DiskUse::new(100, 30).map_or(Reading::default(), Reading::Known),
            load_average: None,
            uptime_seconds: Reading::default(),
            datastores: Some(vec![
                store("fast", DiskUse::new(1000, 250).map_or(Reading::default(), Reading::Known)),
                store("gone", Reading::default()),
            ]),
            jobs: Default::default(),
            health: ConnectionHealth::Healthy,
            last_seen: at,
        };
        let mut snapshot = Snapshot::empty(at);
        let with = |server: &PbsInstance, at: Timestamp| {
            Arc::new(InstanceView { pbs: Some(Arc::new(server.clone())), ..view(InstanceKind::Pbs, at) })
        };
        let key = InstanceKey { kind: InstanceKind::Pbs, name: InstanceName::from("b") };
        snapshot.instances.insert(key.clone(), with(&server, at));
        let mut extract = Extract::default();
        is_the_same_alone(&snapshot);
        let id = || "pbs-b".to_owned();
        let datastore = || "pbs-b/fast".to_owned();
        assert_eq!(
            values(&extract.samples(&snapshot)),
            [
                ("pbs", id(), "cpu", 12.5),
                ("pbs", id(), "disk", 30.0),
                ("pbsDatastore", datastore(), "usage", 25.0),
                ("pbsDatastore", datastore(), "used", 250.0),
                ("pbsDatastore", datastore(), "total", 1000.0),
                ("pbsDatastore", datastore(), "avail", 750.0),
            ]
        );
        assert_eq!(values(&extract.samples(&snapshot)), [], "the same answer is not measured twice");
        // A server that is down leaves a gap.
        let later = at.checked_add(jiff::SignedDuration::from_secs(10)).unwrap();
        let down = PbsInstance { is_online: false, ..server };
        snapshot.instances.insert(key, with(&down, later));
        assert_eq!(values(&extract.samples(&snapshot)), []);
    }

    #[test]
    fn clusters_have_the_history_of_what_their_agent_reports() {
        let at = Timestamp::from_second(1_795_420_800).unwrap();
        let node = |ready, unschedulable| kubernetes_report::KubernetesNode {
            ready,
            unschedulable,
            ..Default::default()
        };
        let pod = |phase: &str| kubernetes_report::Pod { phase: Some(phase.into()), ..Default::default() };
        let cluster = KubernetesCluster {
            id: "c1".into(),
            agent: Default::default(),
            cluster: Default::default(),
            custom_display_name: None,
            nodes: vec![node(true, false), node(true, true), node(false, false)],
            pods: vec![pod("Running"), pod("Pending")],
            deployments: vec![],
            workloads: vec![],
            liveness: Liveness::Online,
            last_seen: at,
            link: None,
            is_hidden: false,
            is_pending_uninstall: false,
        };
        let mut snapshot = Snapshot::empty(at);
        snapshot.kubernetes_clusters.insert("c1".into(), Arc::new(cluster.clone()));
        is_the_same_alone(&snapshot);
        let id = || "c1".to_owned();
        assert_eq!(
            values(&current(&snapshot)),
            [
                ("k8s", id(), "nodes", 3.0),
                ("k8s", id(), "nodesready", 1.0),
                ("k8s", id(), "pods", 2.0),
                ("k8s", id(), "podsrunning", 1.0),
            ]
        );
        let silent = KubernetesCluster { liveness: Liveness::Offline, ..cluster };
        snapshot.kubernetes_clusters.insert("c1".into(), Arc::new(silent));
        assert_eq!(values(&current(&snapshot)), []);
    }
}
