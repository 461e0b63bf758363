//! Storages, disks, Ceph, replication, backups: lists that are read with every poll, or now and then.

use std::collections::BTreeMap;

use pulse_sim::{BackupTruth, GuestKind, StorageTruth, TaskTruth};
use serde_json::{Value, json};

use super::{
    figures::{Checks, Look, STORM_SECONDS, began_as, iso, rows},
    past::{Lists, Moment},
};

const NEVER: &str = "0001-01-01T00:00:00Z";

fn sorted(content: &str) -> String {
    let mut kinds: Vec<&str> = content.split(',').collect();
    kinds.sort_unstable();
    kinds.join(",")
}

impl Checks {
    pub fn storages(&mut self, state: &Value, look: &Look<'_>) {
        for entry in rows(state, "storage") {
            if entry["instance"] == "pbs-vault" {
                self.mirrored_store(entry, look);
                continue;
            }
            let (name, place) = (entry["name"].as_str().unwrap(), entry["node"].as_str().unwrap());
            let is_here = |storage: &&StorageTruth| {
                storage.is_here && storage.name == name && (storage.is_shared || *storage.node == *place)
            };
            // A storage of a node that has another name now is shown until a poll tells so.
            let is_there = |then: &Moment| then.truth.storages.iter().any(|one| is_here(&one));
            let moment = look.past.last(look.since_renamed(), is_there).expect("a storage that is not there");
            let first = moment.truth.storages.iter().find(is_here).unwrap();
            let mut row = self.of("storage", entry);
            for field in ["storage", "name"] {
                row.same(field, name);
            }
            row.same("id", format!("lab-{place}-{name}"));
            row.same("node", if first.is_shared { "cluster" } else { place });
            row.same("instance", "sim");
            row.same("type", first.kind);
            row.same("content", sorted(first.content));
            row.same("shared", first.is_shared);
            row.same("enabled", first.is_enabled);
            let is_active = entry["active"] == true;
            let word = match (first.is_enabled, is_active) {
                (false, _) => "disabled",
                (true, true) => "available",
                (true, false) => "inactive",
            };
            row.same("status", word);
            if first.is_shared {
                let nodes: Vec<&str> =
                    entry["nodes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
                let is_node =
                    |node: &&str| look.past.last(look.since_renamed(), |then| then.node(node).is_some());
                let is_right = nodes.iter().all(|node| is_node(node).is_some());
                let having = moment.truth.storages.iter().filter(is_here).count();
                row.holds("nodes[]", is_right && (!look.is_clean || nodes.len() == having));
                row.same("nodeCount", nodes.len());
                row.same("nodeIds", nodes.iter().map(|node| format!("sim-{node}")).collect::<Vec<_>>());
                row.mark("nodeIds[]");
            }
            if look.is_clean {
                row.same("active", first.is_enabled);
            }
            if !is_active {
                continue;
            }
            let shown = (entry["total"].as_u64().unwrap(), entry["used"].as_u64().unwrap());
            // A storage is read with every poll, but where its node does not tell, the last figures stay.
            let window = if look.is_clean { 300 } else { STORM_SECONDS };
            let was_so = look.past.lately(window, |then| {
                let here = then.truth.storages.iter().filter(is_here);
                here.filter(|storage| storage.is_active).any(|storage| (storage.total, storage.used) == shown)
            });
            row.holds("used", was_so);
            row.holds("total", shown.0 > 0);
            row.near("usage", shown.1 as f64 / shown.0 as f64 * 100.0, 0.006);
            let free = entry["free"].as_u64().unwrap();
            row.same("avail", free);
            row.holds("free", free <= shown.0 - shown.1);
        }
    }

    /// A datastore of the backup server, which stands among the storages too.
    fn mirrored_store(&mut self, entry: &Value, look: &Look<'_>) {
        let name = entry["name"].as_str().unwrap();
        let mut row = self.of("storage", entry);
        row.same("id", format!("pbs-vault-{name}"));
        row.same("type", "pbs");
        let shown = (entry["total"].as_u64().unwrap(), entry["used"].as_u64().unwrap());
        let was_so = look.past.lately(STORM_SECONDS, |then| {
            let store = then.pbs.stores.iter().find(|store| store.name == name).unwrap();
            (store.total.unwrap_or(0), store.used) == shown
        });
        row.holds("used", was_so);
    }

    /// Disks, Ceph and replication.
    pub fn beside(&mut self, state: &Value, look: &Look<'_>) {
        for entry in rows(state, "physicalDisks") {
            let node = entry["node"].as_str().unwrap();
            let (disks, _) = look.lab.cluster.hardware(began_as(node)).unwrap();
            let path = entry["devPath"].as_str().unwrap();
            let truth = disks.iter().find(|disk| disk.path == path).expect("a disk that is not there");
            let mut row = self.of("physicalDisks", entry);
            row.same("id", format!("lab-{node}-{}", path.replace('/', "-")));
            row.same("node", node);
            row.same("instance", "lab");
            row.same("devPath", path);
            row.same("model", truth.model);
            row.same("serial", truth.serial.as_str());
            row.same("wwn", truth.wwn.as_str());
            row.same("type", if truth.kind == "nvme" { "nvme" } else { "sata" });
            row.same("size", truth.size);
            row.same("health", "PASSED");
            row.same("wearout", truth.life_left.map_or(-1, |left| left as i64));
            row.same("rpm", truth.rpm);
            row.same("used", truth.used);
            let at = entry["lastChecked"].as_str().unwrap();
            row.holds("lastChecked", look.is_past(at));
        }
        for entry in rows(state, "cephClusters") {
            let mut row = self.of("cephClusters", entry);
            row.same("instance", "lab");
            row.same("name", "lab");
            let figure = |field: &str| entry[field].as_u64().unwrap();
            let was_so = look.past.lately(look.slow(), |then| {
                let Some(space) = then.truth.ceph() else { return false };
                let used = space.pool_used + space.file_system_used;
                let up = then.truth.nodes.iter().filter(|node| node.is_online).count() as u64 * 4;
                let health = if up == 12 { "HEALTH_OK" } else { "HEALTH_WARN" };
                (figure("totalBytes"), figure("usedBytes")) == (space.total * 3, used * 3)
                    && (figure("numOsdsUp") == up || !look.is_calm)
                    && (entry["health"] == health || !look.is_calm)
            });
            row.holds("usedBytes", was_so);
            for field in ["totalBytes", "numOsdsUp", "health"] {
                row.mark(field);
            }
            row.same("availableBytes", figure("totalBytes") - figure("usedBytes"));
            row.near("usagePercent", figure("usedBytes") as f64 / figure("totalBytes") as f64 * 100.0, 0.006);
            row.same("numMons", 3);
            row.same("numOsds", 12);
            row.same("numOsdsIn", 12);
            row.same("numPGs", 177);
            let down = 12 - figure("numOsdsUp");
            let says = entry["healthMessage"].as_str().unwrap_or_default();
            row.holds("healthMessage", (down == 0) == says.is_empty());
            // The pools are another call, which may have failed.
            let pool = entry["pools"].as_array().and_then(|pools| pools.iter().find(|pool| pool["id"] == 2));
            if let Some(pool) = pool {
                assert_eq!(pool["name"], "ceph-pool");
                let was_so = look.past.lately(look.slow(), |then| {
                    let Some(space) = then.truth.ceph() else { return false };
                    let share =
                        space.pool_used as f64 / (space.total - space.file_system_used) as f64 * 100.0;
                    pool["storedBytes"] == space.pool_used * 3
                        && (pool["percentUsed"].as_f64().unwrap() - share).abs() < 0.006
                });
                row.holds("pools[].storedBytes", was_so);
                for field in ["pools[].id", "pools[].name", "pools[].storedBytes", "pools[].percentUsed"] {
                    row.mark(field);
                }
            }
            let updated = entry["lastUpdated"].as_i64().unwrap();
            row.holds(
                "lastUpdated",
                updated <= look.millis() && (!look.is_calm || look.millis() - updated < look.slow() * 1_000),
            );
        }
        for entry in rows(state, "replicationJobs") {
            let id = entry["jobId"].as_str().unwrap();
            let was_so = look.past.lists_lately(look.slow(), |then| {
                then.replication.iter().filter(|job| job.id == id).any(|job| {
                    entry["lastSyncUnix"] == job.last_sync
                        && entry["nextSyncUnix"] == job.next_sync
                        && entry["sourceNode"] == *job.source
                        && entry["targetNode"] == *job.target
                        && entry["failCount"].as_u64().unwrap_or(0) == u64::from(job.fail_count)
                        && entry.get("error").and_then(Value::as_str) == job.error
                        && entry["lastSyncDurationSeconds"] == job.duration.round() as u64
                        && entry["guestId"] == job.vmid
                })
            });
            let mut row = self.of("replicationJobs", entry);
            row.holds("lastSyncUnix", was_so);
            for field in [
                "nextSyncUnix",
                "sourceNode",
                "targetNode",
                "failCount",
                "error",
                "lastSyncDurationSeconds",
                "guestId",
            ] {
                row.mark(field);
            }
            row.same("id", format!("lab-{id}"));
            row.same("instance", "lab");
            row.mark("jobId");
            row.same("jobNumber", 0);
            row.same("guest", entry["guestId"].to_string());
            row.same("lastSyncTime", entry["lastSyncUnix"].as_i64().unwrap() * 1_000);
            row.same("nextSyncTime", entry["nextSyncUnix"].as_i64().unwrap() * 1_000);
            let seconds = entry["lastSyncDurationSeconds"].as_u64().unwrap();
            row.same("lastSyncDurationHuman", format!("00:{:02}:{:02}", seconds / 60, seconds % 60));
            row.same("schedule", "*/15");
            row.same("type", "local");
            row.same("enabled", true);
            row.same("rateLimitMbps", 10.0);
            row.same("state", if entry.get("error").is_some() { "error" } else { "ok" });
            let vmid = u32::try_from(entry["guestId"].as_u64().unwrap()).unwrap();
            let moment = look.past.now();
            let guest = moment.truth.guest(vmid).unwrap();
            row.same("guestType", if guest.plan.kind == GuestKind::Qemu { "qemu" } else { "lxc" });
            if row.row.get("guestName").is_some() && look.is_clean {
                row.same("guestName", guest.plan.name.as_str());
            }
            row.holds("polledAt", entry["polledAt"].as_i64().unwrap() <= look.millis());
        }
    }

    /// Backups on storages, the tasks that made them, snapshots.
    pub fn backups(&mut self, state: &Value, look: &Look<'_>) {
        let mut by_storage: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for entry in rows(state, "pveBackups.storageBackups") {
            by_storage.entry(entry["storage"].as_str().unwrap()).or_default().push(entry);
        }
        for (storage, entries) in by_storage {
            let is_whole = |then: &Lists| {
                let of: Vec<_> = then.backups.iter().filter(|backup| backup.storage == storage).collect();
                of.len() == entries.len()
                    && entries.iter().all(|entry| of.iter().any(|backup| is_backup(entry, backup)))
            };
            assert!(look.past.lists_lately(look.slow(), is_whole), "backups on {storage}: {entries:#?}");
        }
        for entry in rows(state, "pveBackups.storageBackups") {
            let mut row = self.of("pveBackups.storageBackups", entry);
            row.same("id", format!("lab-{}", entry["volid"].as_str().unwrap()));
            row.same("instance", "lab");
            let storage = entry["storage"].as_str().unwrap();
            row.same("isPBS", storage == "pbs-main");
            row.same("verified", entry.get("verification") == Some(&json!("ok")));
            row.same("time", iso(entry["ctime"].as_u64().unwrap()));
            for field in [
                "storage",
                "type",
                "vmid",
                "ctime",
                "size",
                "format",
                "notes",
                "protected",
                "volid",
                "verification",
            ] {
                row.mark(field);
            }
        }
        for entry in rows(state, "pveBackups.backupTasks") {
            let is_it = |task: &TaskTruth| {
                entry["node"] == *task.node
                    && entry["vmid"] == task.vmid.unwrap_or(0)
                    && entry["status"] == task.status.as_deref().unwrap_or("running")
                    && entry["startTime"] == iso(task.began)
                    && entry["endTime"] == task.ended.map_or_else(|| NEVER.to_owned(), iso)
            };
            let upid = entry["id"].as_str().and_then(|id| id.strip_prefix("lab-")).unwrap_or_default();
            let is_by_hand = || {
                let began = entry["startTime"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
                let by_hand = look.lab.by_hand.lock().unwrap();
                by_hand.iter().any(|(vmid, at)| entry["vmid"] == *vmid && began.as_second() == *at)
            };
            let is_true = look.past.tasks(upid).iter().any(is_it) || is_by_hand();
            let mut row = self.of("pveBackups.backupTasks", entry);
            row.holds("id", is_true);
            row.same("instance", "lab");
            row.same("type", "vzdump");
            for field in ["node", "vmid", "status", "startTime", "endTime"] {
                row.mark(field);
            }
            let is_bad = entry["status"] != "OK" && entry["status"] != "running";
            row.holds("error", entry.get("error").is_some() == is_bad);
        }
        let mut by_guest: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
        for entry in rows(state, "pveBackups.guestSnapshots") {
            by_guest.entry(entry["vmid"].as_u64().unwrap()).or_default().push(entry);
        }
        for (vmid, entries) in by_guest {
            let is_whole = |then: &Lists| {
                let of: Vec<_> = then.snapshots.iter().filter(|one| u64::from(one.vmid) == vmid).collect();
                of.len() == entries.len()
                    && entries.iter().all(|entry| {
                        of.iter().any(|one| {
                            entry["name"] == one.name
                                && entry["time"] == iso(one.at)
                                && entry["vmstate"] == one.has_memory
                                && entry.get("parent").and_then(Value::as_str) == one.parent
                                && entry["description"].as_str().unwrap_or_default()
                                    == one.description.trim_end()
                        })
                    })
            };
            assert!(look.past.lists_lately(look.slow(), is_whole), "snapshots of {vmid}: {entries:#?}");
            for entry in entries {
                let mut row = self.of("pveBackups.guestSnapshots", entry);
                let node = entry["node"].as_str().unwrap();
                row.same("id", format!("lab-{node}-{vmid}-{}", entry["name"].as_str().unwrap()));
                row.same("instance", "lab");
                for field in ["name", "time", "vmid", "vmstate", "parent", "description"] {
                    row.mark(field);
                }
            }
        }
    }
}

fn is_backup(entry: &Value, backup: &BackupTruth) -> bool {
    entry["volid"] == backup.volid
        && entry["vmid"] == backup.vmid
        && entry["ctime"] == backup.at
        && entry["size"] == backup.size
        && entry["format"] == backup.format
        && entry.get("notes").and_then(Value::as_str) == backup.notes.as_deref()
        && entry["protected"] == backup.is_protected
        && entry.get("verification").and_then(Value::as_str) == backup.verification
        && entry["type"] == if backup.kind == GuestKind::Qemu { "qemu" } else { "lxc" }
}
