//! Which field of the state is compared with which truth. docs/proxmox.md shows the same table; a field that is in the
//! state and not in here fails the test, and so does one that is in here and was never compared.

use std::{collections::BTreeSet, sync::LazyLock};

use serde_json::Value;

/// Why a field is right.
pub enum Because {
    /// It is compared with this.
    Compared(&'static str),
    /// It is not, for this reason.
    Exempt(&'static str),
}

use Because::{Compared, Exempt};

/// Begin and end of the table in the page.
const MARKS: [&str; 2] = ["<!-- fields of the state: written by the soak test -->\n", "<!-- end -->"];

/// Fields with the same reason stand together, below what they have in common.
#[rustfmt::skip]
const TABLE: &[(&str, &[&str], Because)] = &[
    ("nodes[].", &["id", "name", "node", "displayName", "instance", "type", "isClusterMember", "clusterName"], Compared("the name in `NodeTruth`")),
    ("nodes[].", &["host"], Compared("`Cluster::endpoints`")),
    ("nodes[].", &["status", "connectionHealth"], Compared("`NodeTruth::is_online`, and the time since it was last seen")),
    ("nodes[].", &["lastSeen"], Compared("the time of the poll")),
    ("nodes[].", &["cpu", "mem", "maxmem", "uptime", "maxdisk"], Compared("`NodeTruth`, exactly, at that poll")),
    ("nodes[].", &["memory.total", "memory.used", "memory.free", "memory.usage", "memory.swapTotal", "memory.swapUsed"], Compared("`NodeTruth::memory_*`, `swap_*`")),
    ("nodes[].", &["disk.total", "disk.used", "disk.free", "disk.usage"], Compared("`NodeTruth::root_*`; free may leave out what is kept for root")),
    ("nodes[].", &["loadAverage[]"], Compared("`NodeTruth::load`")),
    ("nodes[].", &["pveVersion"], Compared("`EstateOptions::version`")),
    ("nodes[].", &["cpuInfo.cores", "cpuInfo.sockets"], Compared("`NodeTruth::cpus`")),
    ("nodes[].", &["pendingUpdates"], Compared("`Cluster::hardware`")),
    ("nodes[].", &["problems", "missing"], Compared("none after some polls without a fault")),
    ("nodes[].", &["kernelVersion", "cpuInfo.model", "cpuInfo.mhz"], Exempt("a text of the node; recorded answers in pulse-collectors compare it")),
    ("nodes[].", &["problems[]", "missing.{}"], Exempt("a sentence; the tests of faults read it")),
    ("vms[].", &["id", "vmid", "name", "node", "instance", "type", "template", "cpus", "tags", "pool"], Compared("`GuestPlan`, `GuestTruth::node`")),
    ("vms[].", &["status", "lock", "haState"], Compared("`GuestTruth`, at that poll")),
    ("vms[].", &["lastSeen"], Compared("the time of the poll")),
    ("vms[].", &["cpu", "uptime", "maxmem"], Compared("`GuestTruth`, exactly, at that poll")),
    ("vms[].", &["mem"], Compared("`GuestTruth::memory_used`; from a guest agent `memory_inside`, not older than eleven minutes")),
    ("vms[].", &["memorySource"], Compared("the agent and the balloon driver in `GuestPlan`")),
    ("vms[].", &["memory.total", "memory.used", "memory.free", "memory.usage"], Compared("the same as `mem` and `maxmem`")),
    ("vms[].", &["networkIn", "networkOut", "diskRead", "diskWrite"], Compared("the difference of `GuestTruth::counters` between two polls of one process")),
    ("vms[].", &["lastBackup"], Compared("the newest of `Cluster::backups`")),
    ("vms[].", &["ipAddresses[]"], Compared("`GuestPlan::address`")),
    ("vms[].", &["networkInterfaces[].mac", "networkInterfaces[].addresses[]"], Compared("`GuestPlan`")),
    ("vms[].", &["disk.total", "disk.used", "disk.free", "disk.usage"], Compared("`GuestTruth::disk_used`; of VMs at a visit of the last quarter of an hour")),
    ("vms[].", &["networkInterfaces[].name", "osName"], Exempt("a text of the guest; pulse-collectors compares it")),
    ("vms[].", &["missing.{}"], Exempt("a sentence; the tests of faults read it")),
    ("containers[].", &["id", "vmid", "name", "node", "instance", "type", "template", "cpus", "tags", "pool"], Compared("`GuestPlan`, `GuestTruth::node`")),
    ("containers[].", &["status", "lock", "haState"], Compared("`GuestTruth`, at that poll")),
    ("containers[].", &["lastSeen"], Compared("the time of the poll")),
    ("containers[].", &["cpu", "uptime", "maxmem"], Compared("`GuestTruth`, exactly, at that poll")),
    ("containers[].", &["mem"], Compared("`GuestTruth::memory_used`; from a guest agent `memory_inside`, not older than eleven minutes")),
    ("containers[].", &["memorySource"], Compared("the agent and the balloon driver in `GuestPlan`")),
    ("containers[].", &["memory.total", "memory.used", "memory.free", "memory.usage"], Compared("the same as `mem` and `maxmem`")),
    ("containers[].", &["networkIn", "networkOut", "diskRead", "diskWrite"], Compared("the difference of `GuestTruth::counters` between two polls of one process")),
    ("containers[].", &["lastBackup"], Compared("the newest of `Cluster::backups`")),
    ("containers[].", &["ipAddresses[]"], Compared("`GuestPlan::address`")),
    ("containers[].", &["networkInterfaces[].mac", "networkInterfaces[].addresses[]"], Compared("`GuestPlan`")),
    ("containers[].", &["disk.total", "disk.used", "disk.free", "disk.usage"], Compared("`GuestTruth::disk_used`; of VMs at a visit of the last quarter of an hour")),
    ("containers[].", &["networkInterfaces[].name", "osName"], Exempt("a text of the guest; pulse-collectors compares it")),
    ("containers[].", &["missing.{}"], Exempt("a sentence; the tests of faults read it")),
    ("vms[].", &["memory.swapTotal", "memory.swapUsed"], Compared("what the simulated guests have of swap")),
    ("vms[].", &["memory.balloon"], Compared("`GuestPlan::memory`")),
    ("vms[].", &["networkInterfaces[].rxBytes", "networkInterfaces[].txBytes"], Compared("`GuestTruth::net_in`, `net_out` at a visit")),
    ("vms[].", &["disks[].total", "disks[].used", "disks[].free", "disks[].usage"], Compared("their sum and largest with `GuestTruth::disk_used` and the disk")),
    ("vms[].", &["disks[].mountpoint", "disks[].type", "disks[].device"], Exempt("a text of the guest; pulse-collectors compares it")),
    ("vms[].", &["diskStatusReason"], Compared("`GuestTruth::agent` and `status`")),
    ("vms[].", &["osVersion", "agentVersion"], Exempt("a text of the guest; pulse-collectors compares it")),
    ("containers[].", &["isOci"], Compared("`GuestPlan::is_oci`")),
    ("containers[].", &["osTemplate"], Exempt("not set by the simulator")),
    ("storage[].", &["id", "name", "storage", "node", "instance", "type", "content", "shared", "enabled"], Compared("`StorageTruth`")),
    ("storage[].", &["status", "active"], Compared("`StorageTruth::is_active`")),
    ("storage[].", &["total", "used"], Compared("`StorageTruth`, `StoreTruth`, at that poll or as long as the node does not tell, one before")),
    ("storage[].", &["avail", "free", "usage"], Compared("`total` and `used`")),
    ("storage[].", &["nodes[]", "nodeIds", "nodeIds[]", "nodeCount"], Compared("the nodes of `Truth`")),
    ("storage[].", &["missing.{}"], Exempt("a sentence; the tests of faults read it")),
    ("physicalDisks[].", &["id", "node", "instance", "devPath", "model", "serial", "wwn", "type", "size", "health", "wearout", "rpm", "used"], Compared("`DiskTruth`")),
    ("physicalDisks[].", &["lastChecked"], Compared("not in the future")),
    ("physicalDisks[].", &["temperature"], Exempt("no node tells it; an agent does")),
    ("cephClusters[].", &["instance", "name"], Compared("the configured name")),
    ("cephClusters[].", &["health", "healthMessage", "numOsdsUp"], Compared("nodes that are online")),
    ("cephClusters[].", &["totalBytes", "usedBytes", "availableBytes", "usagePercent"], Compared("three copies of `StorageTruth` of the pool")),
    ("cephClusters[].", &["numMons", "numOsds", "numOsdsIn", "numPGs"], Compared("how the simulated cluster is built")),
    ("cephClusters[].", &["pools[].id", "pools[].name", "pools[].storedBytes", "pools[].percentUsed"], Compared("the same for the pool")),
    ("cephClusters[].", &["lastUpdated"], Compared("not long ago, when all is calm")),
    ("cephClusters[].", &["id", "fsid", "numMgrs", "pools[].availableBytes", "pools[].objects", "services[].type", "services[].running", "services[].total", "services[].message"], Exempt("follows from the figures above; pulse-collectors compares it")),
    ("replicationJobs[].", &["id", "instance", "jobId", "jobNumber", "guest", "guestId", "guestName", "guestType", "sourceNode", "targetNode", "lastSyncTime", "lastSyncUnix", "lastSyncDurationSeconds", "lastSyncDurationHuman", "nextSyncTime", "nextSyncUnix", "failCount", "error", "state", "enabled", "schedule", "type", "rateLimitMbps"], Compared("`ReplicationTruth` at a moment of the last hours")),
    ("replicationJobs[].", &["polledAt"], Compared("not in the future")),
    ("replicationJobs[].", &["guestNode"], Exempt("the node of the guest at the last reading, which may have moved since")),
    ("pveBackups.storageBackups[].", &["id", "instance", "storage", "type", "vmid", "time", "ctime", "size", "format", "notes", "protected", "volid", "isPBS", "verified", "verification"], Compared("`BackupTruth`: the whole list of a storage as it was at one moment")),
    ("pveBackups.storageBackups[].", &["node"], Exempt("where the guest was at the last reading")),
    ("pveBackups.backupTasks[].", &["id", "instance", "node", "type", "vmid", "status", "startTime", "endTime", "error"], Compared("`TaskTruth`")),
    ("pveBackups.guestSnapshots[].", &["id", "instance", "name", "time", "vmid", "vmstate", "parent", "description"], Compared("`SnapshotTruth`: the whole list of a guest as it was at one moment")),
    ("pveBackups.guestSnapshots[].", &["node", "type"], Exempt("where and what the guest was at the last reading")),
    ("pbs[].", &["id", "name", "host"], Compared("the configuration")),
    ("pbs[].", &["status", "connectionHealth", "version", "lastSeen"], Compared("the time of the poll, and whether anything is wrong")),
    ("pbs[].", &["cpu", "memory", "memoryUsed", "memoryTotal", "uptime"], Compared("`PbsTruth`, exactly, at that poll")),
    ("pbs[].", &["datastores[].name", "datastores[].total", "datastores[].used", "datastores[].free", "datastores[].usage", "datastores[].deduplicationFactor", "datastores[].status"], Compared("`StoreTruth`")),
    ("pbs[].", &["loadAverage[]", "diskUsage", "datastores[].comment", "datastores[].maintenance", "datastores[].backend", "datastores[].estimatedFullDate", "datastores[].error", "datastores[].namespaces[].path", "datastores[].namespaces[].parent", "datastores[].namespaces[].depth"], Exempt("no part of the truth; compared with the answers in pulse-collectors/tests/it/backup_server.rs")),
    ("pbs[].", &["missing"], Compared("none after some polls without a fault")),
    ("pbs[].", &["missing.{}"], Exempt("a sentence; pulse-collectors/tests/it/backup_server.rs reads it")),
    ("pbs[].", &["backupJobs"], Exempt("always null")),
    ("pbs[].", &["syncJobs[].id", "syncJobs[].store", "syncJobs[].namespace", "syncJobs[].status", "syncJobs[].lastSync", "syncJobs[].nextRun", "syncJobs[].schedule", "syncJobs[].comment", "syncJobs[].error", "syncJobs[].remote"], Exempt("no part of the truth; compared with the answers in pulse-collectors/tests/it/backup_server.rs")),
    ("pbs[].", &["syncJobs"], Exempt("null until it is read")),
    ("pbs[].", &["verifyJobs[].id", "verifyJobs[].store", "verifyJobs[].namespace", "verifyJobs[].status", "verifyJobs[].lastVerify", "verifyJobs[].nextRun", "verifyJobs[].schedule", "verifyJobs[].comment", "verifyJobs[].error"], Exempt("no part of the truth; compared with the answers in pulse-collectors/tests/it/backup_server.rs")),
    ("pbs[].", &["verifyJobs"], Exempt("null until it is read")),
    ("pbs[].", &["pruneJobs[].id", "pruneJobs[].store", "pruneJobs[].namespace", "pruneJobs[].status", "pruneJobs[].lastPrune", "pruneJobs[].nextRun", "pruneJobs[].schedule", "pruneJobs[].comment", "pruneJobs[].error"], Exempt("no part of the truth; compared with the answers in pulse-collectors/tests/it/backup_server.rs")),
    ("pbs[].", &["pruneJobs"], Exempt("null until it is read")),
    ("pbs[].", &["garbageJobs[].id", "garbageJobs[].store", "garbageJobs[].namespace", "garbageJobs[].status", "garbageJobs[].lastGarbage", "garbageJobs[].nextRun", "garbageJobs[].schedule", "garbageJobs[].comment", "garbageJobs[].error", "garbageJobs[].removedBytes", "garbageJobs[].duration"], Exempt("no part of the truth; compared with the answers in pulse-collectors/tests/it/backup_server.rs")),
    ("pbs[].", &["garbageJobs", "datastores"], Exempt("null until it is read")),
    ("pbsBackups[].", &["id", "instance", "datastore", "namespace", "backupType", "vmid", "backupTime", "size", "protected", "verified", "verification", "comment", "owner", "encrypted"], Compared("`GroupTruth`: the whole group as it was at one moment")),
    ("pbsBackups[].", &["files[]"], Exempt("names of archives; compared in pulse-collectors/tests/it/backup_server.rs")),
    ("pmg[].", &["id", "name", "host"], Compared("the configuration")),
    ("pmg[].", &["status", "connectionHealth", "lastSeen", "lastUpdated"], Compared("the time of the poll, and whether anything is wrong")),
    ("pmg[].", &["nodes[].name", "nodes[].status", "nodes[].cpu"], Compared("`PmgNodeTruth`, at that poll")),
    ("pmg[].", &["nodes[].queueStatus.active", "nodes[].queueStatus.deferred", "nodes[].queueStatus.hold", "nodes[].queueStatus.incoming", "nodes[].queueStatus.total", "nodes[].queueStatus.updatedAt"], Compared("`PmgNodeTruth::queues`, at that poll")),
    ("pmg[].", &["mailStats.countTotal", "mailStats.countIn", "mailStats.countOut", "mailStats.spamIn", "mailStats.spamOut", "mailStats.virusIn", "mailStats.bouncesIn", "mailStats.bouncesOut", "mailStats.bytesIn", "mailStats.bytesOut", "mailStats.greylistCount", "mailStats.rblRejects", "mailStats.pregreetRejects"], Compared("`PmgTruth::day`")),
    ("pmg[].", &["mailCount[].count", "mailCount[].countIn", "mailCount[].countOut", "mailCount[].spamIn", "mailCount[].spamOut", "mailCount[].virusIn", "mailCount[].bouncesIn", "mailCount[].bouncesOut", "mailCount[].rblRejects", "mailCount[].pregreet"], Compared("their sum with `PmgTruth::day`")),
    ("pmg[].", &["quarantine.spam", "quarantine.virus"], Compared("`PmgTruth::quarantine`")),
    ("pmg[].", &["version", "nodes[].role", "nodes[].uptime", "nodes[].loadAvg", "nodes[].error", "nodes[].memory", "nodes[].disk", "nodes[].queueStatus.oldestAge", "mailStats.timeframe", "mailStats.virusOut", "mailStats.junkIn", "mailStats.averageProcessTimeMs", "mailStats.updatedAt", "mailCount[].timestamp", "mailCount[].virusOut", "mailCount[].greylist", "mailCount[].index", "mailCount[].timeframe", "mailCount[].windowStart", "mailCount[].windowEnd", "spamDistribution[].score", "spamDistribution[].count", "domainStats[].domain", "domainStats[].mailCount", "domainStats[].countIn", "domainStats[].countOut", "domainStats[].spamCount", "domainStats[].virusCount", "domainStats[].bytes", "quarantine.attachment", "quarantine.blacklisted"], Exempt("no part of the truth; compared with the answers in pulse-collectors/tests/it/mail_gateway.rs")),
    ("pmgBackups[].", &["id", "instance", "node", "filename", "backupTime", "size"], Exempt("no part of the truth; compared with the answers in pulse-collectors/tests/it/mail_gateway.rs")),
    ("", &["backups"], Compared("`pveBackups`, `pbsBackups` and `pmgBackups` once more")),
    ("", &["connectionHealth.{}"], Compared("the sources, and that they answer")),
    ("", &["lastUpdate"], Compared("not in the future")),
    ("", &["temperatureMonitoringEnabled"], Exempt("a setting")),
    ("", &["activeAlerts[]"], Exempt("docs/alerting.md has its own day")),
];

fn fields() -> impl Iterator<Item = (String, &'static Because)> {
    TABLE.iter().flat_map(|(list, names, why)| names.iter().map(move |name| (format!("{list}{name}"), why)))
}

/// The fields that have to be compared at least once a day.
pub fn compared() -> impl Iterator<Item = String> {
    fields().filter(|(_, why)| matches!(why, Compared(_))).map(|(field, _)| field)
}

/// Fails for a field of the state that nobody compares and nobody exempted.
pub fn check_fields(state: &Value) {
    static KNOWN: LazyLock<BTreeSet<String>> = LazyLock::new(|| fields().map(|(field, _)| field).collect());
    let mut found = BTreeSet::new();
    walk(state, "", &mut found);
    let unknown: Vec<_> = found
        .iter()
        .filter(|field| {
            !KNOWN.contains(*field) && !field.starts_with("backups.") && !field.starts_with("activeAlerts[]")
        })
        .collect();
    assert!(unknown.is_empty(), "fields of the state that the table does not name: {unknown:#?}");
}

/// The paths of all leaves; entries of lists are `[]`, names in maps `{}`.
fn walk(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            let is_map = path.ends_with("missing") || path == "connectionHealth";
            // The same backups once more.
            for (name, inside) in map.iter().filter(|(name, _)| !(path.is_empty() && *name == "backups")) {
                let name = if is_map { "{}" } else { name.as_str() };
                let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                walk(inside, &path, found);
            }
        }
        Value::Array(list) => list.iter().for_each(|inside| walk(inside, &format!("{path}[]"), found)),
        _ => {
            found.insert(path.to_owned());
        }
    }
}

/// The table as the page shows it.
fn page() -> String {
    let head = "| Fields | Compared with |\n|---|---|\n".to_owned();
    let lines = TABLE.iter().map(|(list, names, why)| {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        let why = match why {
            Compared(truth) => (*truth).to_owned(),
            Exempt(reason) => format!("not compared: {reason}"),
        };
        let list =
            if list.is_empty() { String::new() } else { format!("`{}`: ", list.trim_end_matches('.')) };
        format!("| {list}{} | {why} |\n", names.join(", "))
    });
    head + &lines.collect::<String>()
}

#[test]
fn the_page_shows_the_table_of_fields() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/proxmox.md");
    let text = std::fs::read_to_string(path).unwrap();
    let [begin, end] = MARKS;
    let (before, rest) = text.split_once(begin).expect("the page has lost the mark before the table");
    let (table, after) = rest.split_once(end).expect("the page has lost the mark behind the table");
    if super::number("PULSE_WRITE_DOCS", 0) == 1 {
        std::fs::write(path, format!("{before}{begin}{}{end}{after}", page())).unwrap();
    } else {
        assert_eq!(table, page(), "write it again with PULSE_WRITE_DOCS=1");
    }
}
