//! Proxmox VE, Backup Server and Mail Gateway, under the names that their known exporters use where the same thing is
//! meant: prometheus-pve-exporter's `pve_*` with its `id` label, and `pbs_*` as dashboards for backup servers have them.
//!
//! Those exporters serve one cluster per scrape; here all stand together, told apart by `instance`.

use pulse_core::{
    Reading,
    model::{
        Guest, GuestStatus, InstanceView, Node, NodeStatus, PbsInstance, PmgInstance, Storage, StorageStatus,
    },
};

use super::exposition::{Exposition, Family};

const UP: Family = Family::gauge("pve_up", "Node/VM/CT-Status is online/running");
const CPU_USAGE: Family =
    Family::gauge("pve_cpu_usage_ratio", "CPU utilization (for types 'node', 'qemu' and 'lxc').");
const CPU_LIMIT: Family =
    Family::gauge("pve_cpu_usage_limit", "Number of available CPUs (for types 'node', 'qemu' and 'lxc').");
const MEMORY_USAGE: Family =
    Family::gauge("pve_memory_usage_bytes", "Used memory in bytes (for types 'node', 'qemu' and 'lxc').");
const MEMORY_SIZE: Family =
    Family::gauge("pve_memory_size_bytes", "Available memory in bytes (for types 'node', 'qemu' and 'lxc').");
const DISK_USAGE: Family = Family::gauge(
    "pve_disk_usage_bytes",
    "Used space in bytes of a storage, of a node's root file system, or inside a guest where it is known.",
);
const DISK_SIZE: Family = Family::gauge(
    "pve_disk_size_bytes",
    "Size in bytes of a storage, of a node's root file system, or of a guest's disks.",
);
const UPTIME: Family = Family::gauge("pve_uptime_seconds", "Uptime of node or virtual guest in seconds.");
const RECEIVED: Family = Family::counter(
    "pve_network_receive_bytes_total",
    "Bytes sent to the guest over the network since it was started.",
);
const SENT: Family = Family::counter(
    "pve_network_transmit_bytes_total",
    "Bytes sent from the guest over the network since it was started.",
);
const READ: Family = Family::counter(
    "pve_disk_read_bytes_total",
    "Bytes the guest read from its block devices since it was started.",
);
const WRITTEN: Family = Family::counter(
    "pve_disk_written_bytes_total",
    "Bytes the guest wrote to its block devices since it was started.",
);
// The exporter calls these deprecated; its older dashboards ask for them.
const RECEIVED_OLD: Family =
    Family::gauge("pve_network_receive_bytes", "DEPRECATED: Use pve_network_receive_bytes_total instead.");
const SENT_OLD: Family =
    Family::gauge("pve_network_transmit_bytes", "DEPRECATED: Use pve_network_transmit_bytes_total instead.");
const READ_OLD: Family =
    Family::gauge("pve_disk_read_bytes", "DEPRECATED: Use pve_disk_read_bytes_total instead.");
const WRITTEN_OLD: Family =
    Family::gauge("pve_disk_write_bytes", "DEPRECATED: Use pve_disk_written_bytes_total instead.");
const GUEST_INFO: Family = Family::gauge("pve_guest_info", "VM/CT info");
const NODE_INFO: Family = Family::gauge("pve_node_info", "Node info");
const STORAGE_INFO: Family = Family::gauge("pve_storage_info", "Storage info");
const STORAGE_SHARED: Family =
    Family::gauge("pve_storage_shared", "Whether or not the storage is shared among cluster nodes");
const LOCK: Family =
    Family::gauge("pve_lock_state", "The guest's current config lock (for types 'qemu' and 'lxc')");
const NODE_CELSIUS: Family =
    Family::gauge("pulse_node_temperature_celsius", "Temperature of a node's processor package.");
const NODE_LOAD: Family = Family::gauge("pulse_node_load1", "Load of a node over one minute.");
const LAST_BACKUP: Family =
    Family::gauge("pulse_guest_last_backup_timestamp_seconds", "Unix time of a guest's newest backup.");

const PBS_UP: Family = Family::gauge("pbs_up", "Whether the backup server answers.");
const PBS_CPU: Family = Family::gauge("pbs_host_cpu_usage", "CPU utilization of the backup server, 0 to 1.");
const PBS_MEMORY_USED: Family =
    Family::gauge("pbs_host_memory_used", "Used memory of the backup server in bytes.");
const PBS_MEMORY_TOTAL: Family =
    Family::gauge("pbs_host_memory_total", "Memory of the backup server in bytes.");
const PBS_UPTIME: Family = Family::gauge("pbs_host_uptime", "Uptime of the backup server in seconds.");
const PBS_DISK_USED: Family = Family::gauge("pbs_host_disk_used", "Used bytes of the root file system.");
const PBS_DISK_TOTAL: Family = Family::gauge("pbs_host_disk_total", "Bytes of the root file system.");
const PBS_LOAD: Family = Family::gauge("pbs_host_load1", "Load of the backup server over one minute.");
const PBS_SIZE: Family = Family::gauge("pbs_size", "Size of the datastore in bytes.");
const PBS_USED: Family = Family::gauge("pbs_used", "Used bytes of the datastore.");
const PBS_AVAILABLE: Family = Family::gauge("pbs_available", "Available bytes of the datastore.");
const PBS_DEDUPLICATION: Family =
    Family::gauge("pulse_pbs_deduplication_factor", "Bytes that backups would need per byte they take.");

const PMG_UP: Family = Family::gauge("pulse_pmg_up", "Whether the mail gateway answers.");
const PMG_CPU: Family = Family::gauge("pulse_pmg_node_cpu_usage_ratio", "CPU utilization of a node, 0 to 1.");
const PMG_MEMORY: Family = Family::gauge("pulse_pmg_node_memory_usage_bytes", "Used memory of a node.");
const PMG_MEMORY_SIZE: Family = Family::gauge("pulse_pmg_node_memory_size_bytes", "Memory of a node.");
const PMG_DISK: Family =
    Family::gauge("pulse_pmg_node_disk_usage_bytes", "Used bytes of a node's root file system.");
const PMG_DISK_SIZE: Family =
    Family::gauge("pulse_pmg_node_disk_size_bytes", "Bytes of a node's root file system.");
const PMG_QUEUE: Family = Family::gauge("pulse_pmg_queue_mails", "Mails in a queue of a gateway's node.");

/// Everything of one instance.
pub(super) fn instance(view: &InstanceView, out: &mut Exposition) {
    let instance = view.key.name.as_str();
    for one in view.nodes.iter() {
        node(instance, one, out);
    }
    for one in view.guests.iter() {
        guest(instance, one, out);
    }
    for one in view.storages.iter() {
        storage(instance, one, out);
    }
    if let Some(server) = &view.pbs {
        pbs(instance, server, out);
    }
    if let Some(gateway) = &view.pmg {
        pmg(instance, gateway, out);
    }
}

fn known(value: Reading<u64>) -> Option<f64> {
    value.known().map(|value| value as f64)
}

fn node(instance: &str, node: &Node, out: &mut Exposition) {
    let id = format!("node/{}", node.name);
    let labels = [("instance", instance), ("id", id.as_str())];
    out.put_flag(&UP, &labels, node.status == NodeStatus::Online);
    out.put_flag(&NODE_INFO, &[labels[0], labels[1], ("name", &node.name)], true);
    out.put(&CPU_USAGE, &labels, node.cpu_fraction.known());
    out.put(&CPU_LIMIT, &labels, node.cpu_count.map(f64::from));
    let memory = node.memory.known();
    out.put(&MEMORY_USAGE, &labels, memory.map(|memory| memory.used_bytes as f64));
    out.put(&MEMORY_SIZE, &labels, memory.map(|memory| memory.total_bytes as f64));
    let disk = node.root_disk.known();
    out.put(&DISK_USAGE, &labels, disk.map(|disk| disk.used_bytes as f64));
    out.put(&DISK_SIZE, &labels, disk.map(|disk| disk.total_bytes as f64));
    out.put(&UPTIME, &labels, known(node.uptime_seconds));
    out.put(&NODE_LOAD, &labels, node.load_average.map(|[one, _, _]| one));
    out.put(&NODE_CELSIUS, &labels, node.temperature.as_ref().and_then(|t| t.cpu_package_celsius));
}

fn guest(instance: &str, guest: &Guest, out: &mut Exposition) {
    let kind = if guest.kind.is_vm() { "qemu" } else { "lxc" };
    let id = format!("{kind}/{}", guest.vmid);
    let labels = [("instance", instance), ("id", id.as_str())];
    if guest.status != GuestStatus::Unknown {
        out.put_flag(&UP, &labels, guest.status == GuestStatus::Running);
    }
    let (tags, template) = (guest.tags.join(";"), if guest.is_template { "1" } else { "0" });
    let info = [
        labels[0],
        labels[1],
        ("name", guest.name.as_str()),
        ("node", guest.node.as_str()),
        ("tags", tags.as_str()),
        ("template", template),
        ("type", kind),
    ];
    out.put_flag(&GUEST_INFO, &info, true);
    out.put(&CPU_USAGE, &labels, guest.cpu_fraction.known());
    out.put(&CPU_LIMIT, &labels, guest.cpu_count.map(f64::from));
    let memory = guest.memory.known();
    out.put(&MEMORY_USAGE, &labels, memory.map(|memory| memory.used_bytes as f64));
    out.put(&MEMORY_SIZE, &labels, memory.map(|memory| memory.total_bytes as f64));
    let disk = guest.disk.known();
    out.put(&DISK_USAGE, &labels, disk.map(|disk| disk.used_bytes as f64));
    let size = disk.map(|disk| disk.total_bytes).or(guest.allocated_disk_bytes);
    out.put(&DISK_SIZE, &labels, size.map(|bytes| bytes as f64));
    out.put(&UPTIME, &labels, known(guest.uptime_seconds));
    let counters = [
        (&RECEIVED, &RECEIVED_OLD, guest.counters.network_in_bytes),
        (&SENT, &SENT_OLD, guest.counters.network_out_bytes),
        (&READ, &READ_OLD, guest.counters.disk_read_bytes),
        (&WRITTEN, &WRITTEN_OLD, guest.counters.disk_write_bytes),
    ];
    for (family, old, bytes) in counters {
        let bytes = bytes.map(|bytes| bytes as f64);
        out.put(family, &labels, bytes);
        out.put(old, &labels, bytes);
    }
    if let Some(lock) = &guest.lock {
        out.put_flag(&LOCK, &[labels[0], labels[1], ("state", lock)], true);
    }
    out.put(&LAST_BACKUP, &labels, guest.last_backup.map(|at| at.as_second() as f64));
}

fn storage(instance: &str, storage: &Storage, out: &mut Exposition) {
    // A shared storage is listed once here and once per node there.
    let own = std::slice::from_ref(&storage.node);
    let nodes = if storage.nodes.is_empty() { own } else { storage.nodes.as_slice() };
    let content = storage.content.join(",");
    for node in nodes {
        let id = format!("storage/{node}/{}", storage.name);
        let labels = [("instance", instance), ("id", id.as_str())];
        let info = [
            labels[0],
            labels[1],
            ("content", content.as_str()),
            ("node", node.as_str()),
            ("plugintype", storage.kind.as_str()),
            ("storage", storage.name.as_str()),
        ];
        out.put_flag(&UP, &labels, storage.status == StorageStatus::Available);
        out.put_flag(&STORAGE_INFO, &info, true);
        out.put_flag(&STORAGE_SHARED, &labels, storage.is_shared);
        let space = storage.space.known();
        out.put(&DISK_USAGE, &labels, space.map(|space| space.used_bytes as f64));
        out.put(&DISK_SIZE, &labels, space.map(|space| space.total_bytes as f64));
    }
}

fn pbs(instance: &str, server: &PbsInstance, out: &mut Exposition) {
    let labels = [("instance", instance)];
    out.put_flag(&PBS_UP, &labels, server.is_online);
    out.put(&PBS_CPU, &labels, server.cpu_fraction.known());
    let memory = server.memory.known();
    out.put(&PBS_MEMORY_USED, &labels, memory.map(|memory| memory.used_bytes as f64));
    out.put(&PBS_MEMORY_TOTAL, &labels, memory.map(|memory| memory.total_bytes as f64));
    out.put(&PBS_UPTIME, &labels, known(server.uptime_seconds));
    let disk = server.root_disk.known();
    out.put(&PBS_DISK_USED, &labels, disk.map(|disk| disk.used_bytes as f64));
    out.put(&PBS_DISK_TOTAL, &labels, disk.map(|disk| disk.total_bytes as f64));
    out.put(&PBS_LOAD, &labels, server.load_average.map(|[one, _, _]| one));
    for store in server.datastores.iter().flatten() {
        let labels = [("instance", instance), ("datastore", store.name.as_str())];
        let space = store.space.known();
        out.put(&PBS_SIZE, &labels, space.map(|space| space.total_bytes as f64));
        out.put(&PBS_USED, &labels, space.map(|space| space.used_bytes as f64));
        out.put(&PBS_AVAILABLE, &labels, space.map(|space| space.free_bytes as f64));
        out.put(&PBS_DEDUPLICATION, &labels, store.deduplication_factor);
    }
}

fn pmg(instance: &str, gateway: &PmgInstance, out: &mut Exposition) {
    out.put_flag(&PMG_UP, &[("instance", instance)], gateway.is_online);
    for node in &gateway.nodes {
        let labels = [("instance", instance), ("node", node.name.as_str())];
        out.put(&PMG_CPU, &labels, node.cpu_fraction.known());
        out.put(&PMG_MEMORY, &labels, node.memory.known().map(|memory| memory.used_bytes as f64));
        out.put(&PMG_MEMORY_SIZE, &labels, node.memory.known().map(|memory| memory.total_bytes as f64));
        out.put(&PMG_DISK, &labels, node.root_disk.known().map(|disk| disk.used_bytes as f64));
        out.put(&PMG_DISK_SIZE, &labels, node.root_disk.known().map(|disk| disk.total_bytes as f64));
        let Some(queue) = &node.queue else { continue };
        for (name, mails) in [
            ("active", queue.active),
            ("deferred", queue.deferred),
            ("hold", queue.hold),
            ("incoming", queue.incoming),
        ] {
            let labels = [("instance", instance), ("node", node.name.as_str()), ("queue", name)];
            out.put(&PMG_QUEUE, &labels, mails as f64);
        }
    }
}
