//! The backup server and the mail gateway, and whether everything that is there is shown in the end.

use std::collections::{BTreeMap, BTreeSet};

use pulse_sim::{GroupTruth, GuestKind};
use serde_json::{Value, json};

use super::figures::{Checks, Look, STORM_SECONDS, iso, rows};

impl Checks {
    pub fn backup_server(&mut self, state: &Value, look: &Look<'_>) {
        let access = look.lab.backup_server.machine().access();
        for entry in rows(state, "pbs") {
            let moment = look.past.now();
            let mut row = self.of("pbs", entry);
            row.same("id", "pbs-vault");
            row.same("name", "vault");
            row.same("host", access.url.as_str());
            let seen = entry["lastSeen"].as_str().unwrap().to_owned();
            row.holds("lastSeen", look.is_past(&seen));
            if look.is_clean {
                row.same("status", "online");
            }
            // What failed in a round of backups or statistics is said until the next round.
            if look.is_calm {
                row.same("connectionHealth", "healthy");
                row.same("version", "4.2.1");
                row.holds("missing", row.row.get("missing").is_none());
            }
            let truth = &moment.pbs;
            if seen == look.now.to_string() && entry["status"] == "online" && !row.is_missing("memory") {
                row.near("cpu", truth.cpu * 100.0, 0.006);
                row.same("memoryTotal", truth.memory[0]);
                row.same("memoryUsed", truth.memory[1]);
                row.near("memory", truth.memory[1] as f64 / truth.memory[0] as f64 * 100.0, 0.006);
                row.same("uptime", truth.uptime);
            }
            for store in entry["datastores"].as_array().into_iter().flatten() {
                let name = store["name"].as_str().unwrap();
                let shown = (store["total"].as_u64().unwrap(), store["used"].as_u64().unwrap());
                let was_so = look.past.lately(look.slow(), |then| {
                    let truth = then.pbs.stores.iter().find(|truth| truth.name == name).unwrap();
                    let dedup = truth.index_bytes as f64 / truth.disk_bytes.max(1) as f64;
                    let is_factor =
                        store["deduplicationFactor"].as_f64().is_none_or(|it| (it - dedup).abs() < 0.01);
                    (truth.total.unwrap_or(0), truth.used) == shown && is_factor
                });
                row.holds("datastores[].used", was_so);
                if shown.0 > 0 {
                    assert_eq!(store["free"], shown.0 - shown.1, "{store}");
                    let usage = shown.1 as f64 / shown.0 as f64 * 100.0;
                    assert!((store["usage"].as_f64().unwrap() - usage).abs() < 0.006, "{store}");
                }
                if look.is_clean {
                    let expect = match name {
                        "archive" => "maintenance",
                        "removable" => "unmounted",
                        _ => "available",
                    };
                    assert_eq!(store["status"], expect, "{store}");
                    row.mark("datastores[].status");
                }
                for field in ["name", "total", "free", "usage", "deduplicationFactor"] {
                    row.mark(&format!("datastores[].{field}"));
                }
            }
        }
        self.backup_groups(state, look);
    }

    fn backup_groups(&mut self, state: &Value, look: &Look<'_>) {
        let mut groups: BTreeMap<[&str; 4], Vec<&Value>> = BTreeMap::new();
        for entry in rows(state, "pbsBackups") {
            let part = |field: &str| entry[field].as_str().unwrap();
            let key = [part("datastore"), part("namespace"), part("backupType"), part("vmid")];
            groups.entry(key).or_default().push(entry);
        }
        for (key, entries) in groups {
            let is_group =
                |group: &&GroupTruth| [&*group.store, &*group.namespace, &*group.kind, &*group.id] == key;
            let was_so = look.past.lists_lately(26 * 3_600, |then| {
                let Some(group) = then.groups.iter().find(is_group) else { return false };
                group.backups.len() == entries.len()
                    && entries.iter().all(|entry| {
                        group.backups.iter().any(|backup| {
                            entry["backupTime"] == iso(backup.at)
                                && entry["size"] == backup.size
                                && entry["protected"] == backup.is_protected
                                && entry["verified"] == (backup.verification == Some("ok"))
                                && entry.get("verification").and_then(Value::as_str) == backup.verification
                                && entry.get("comment").and_then(Value::as_str) == backup.comment.as_deref()
                                && entry["owner"] == *group.owner
                                && entry.get("encrypted").is_some() == group.is_encrypted
                        })
                    })
            });
            assert!(was_so, "backups of {key:?}: {entries:#?}");
            for entry in entries {
                let mut row = self.of("pbsBackups", entry);
                let [store, namespace, kind, id] = key;
                let at =
                    row.get("backupTime").as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
                row.same("id", format!("pbs-vault-{store}-{namespace}-{kind}-{id}-{at}"));
                row.same("instance", "vault");
                for field in [
                    "datastore",
                    "namespace",
                    "backupType",
                    "vmid",
                    "backupTime",
                    "size",
                    "protected",
                    "verified",
                    "verification",
                    "comment",
                    "owner",
                    "encrypted",
                ] {
                    row.mark(field);
                }
            }
        }
    }

    pub fn mail_gateway(&mut self, state: &Value, look: &Look<'_>) {
        let access = look.lab.mail_gateway.machine().access();
        for entry in rows(state, "pmg") {
            let moment = look.past.now();
            let mut row = self.of("pmg", entry);
            row.same("id", "pmg-mx");
            row.same("name", "mx");
            row.same("host", access.url.as_str());
            let seen = entry["lastSeen"].as_str().unwrap().to_owned();
            row.holds("lastSeen", look.is_past(&seen));
            row.same("lastUpdated", seen.as_str());
            if look.is_clean {
                row.same("status", "online");
            }
            // What failed in a round of backups or statistics is said until the next round.
            if look.is_calm {
                row.same("connectionHealth", "healthy");
            }
            let is_fresh = seen == look.now.to_string() && entry["status"] == "online";
            for node in entry["nodes"].as_array().into_iter().flatten() {
                let truth = moment.pmg.nodes.iter().find(|truth| node["name"] == *truth.name).unwrap();
                row.mark("nodes[].name");
                if !is_fresh {
                    continue;
                }
                if let Some(cpu) = node["cpu"].as_f64() {
                    assert!((cpu - truth.cpu * 100.0).abs() < 0.006, "{node} {truth:?}");
                    row.mark("nodes[].cpu");
                }
                if look.is_clean {
                    assert_eq!(node["status"], "online", "{node}");
                    row.mark("nodes[].status");
                }
                let queue = &node["queueStatus"];
                let is_read = queue["updatedAt"].as_str() == Some(&*seen);
                if is_read && look.is_clean {
                    let [active, deferred, hold, incoming] = truth.queues;
                    let expect = [active, deferred, hold, incoming, active + deferred + hold + incoming];
                    let names = ["active", "deferred", "hold", "incoming", "total"];
                    assert_eq!(names.map(|name| queue[name].as_u64().unwrap()), expect, "{node}");
                    for name in names {
                        row.mark(&format!("nodes[].queueStatus.{name}"));
                    }
                    row.mark("nodes[].queueStatus.updatedAt");
                }
            }
            if let Some(stats) = entry.get("mailStats") {
                let was_so = look.past.lately(look.slow(), |then| {
                    let day = then.pmg.day;
                    let expect = [
                        ("countTotal", day.count_in + day.count_out),
                        ("countIn", day.count_in),
                        ("countOut", day.count_out),
                        ("spamIn", day.spam_in),
                        ("spamOut", day.spam_out),
                        ("virusIn", day.virus_in),
                        ("bouncesIn", day.bounces_in),
                        ("bouncesOut", day.bounces_out),
                        ("bytesIn", day.bytes_in),
                        ("bytesOut", day.bytes_out),
                        ("greylistCount", day.greylisted),
                        ("rblRejects", day.rbl_rejects),
                        ("pregreetRejects", day.pregreet_rejects),
                    ];
                    expect.iter().all(|(name, count)| stats[*name].as_f64() == Some(*count as f64))
                });
                row.holds("mailStats.countTotal", was_so);
                for field in [
                    "countIn",
                    "countOut",
                    "spamIn",
                    "spamOut",
                    "virusIn",
                    "bouncesIn",
                    "bouncesOut",
                    "bytesIn",
                    "bytesOut",
                    "greylistCount",
                    "rblRejects",
                    "pregreetRejects",
                ] {
                    row.mark(&format!("mailStats.{field}"));
                }
            }
            let hours = entry["mailCount"].as_array().map_or(&[][..], Vec::as_slice);
            if !hours.is_empty() {
                let sum = |field: &str| hours.iter().filter_map(|hour| hour[field].as_f64()).sum::<f64>();
                let was_so = look.past.lately(look.slow(), |then| {
                    let day = then.pmg.day;
                    sum("count") == (day.count_in + day.count_out) as f64
                        && sum("countIn") == day.count_in as f64
                        && sum("countOut") == day.count_out as f64
                        && sum("spamIn") == day.spam_in as f64
                        && sum("spamOut") == day.spam_out as f64
                        && sum("virusIn") == day.virus_in as f64
                        && sum("bouncesIn") == day.bounces_in as f64
                        && sum("bouncesOut") == day.bounces_out as f64
                        && sum("rblRejects") == day.rbl_rejects as f64
                        && sum("pregreet") == day.pregreet_rejects as f64
                });
                row.holds("mailCount[].count", was_so && hours.len() == 24);
                for field in [
                    "countIn",
                    "countOut",
                    "spamIn",
                    "spamOut",
                    "virusIn",
                    "bouncesIn",
                    "bouncesOut",
                    "rblRejects",
                    "pregreet",
                ] {
                    row.mark(&format!("mailCount[].{field}"));
                }
            }
            if let Some(quarantine) = entry.get("quarantine") {
                let was_so = look.past.lately(STORM_SECONDS, |then| {
                    let [spam, virus] = then.pmg.quarantine;
                    let is_it =
                        |field: &str, count: u64| quarantine[field].as_u64().is_none_or(|it| it == count);
                    is_it("spam", spam) && is_it("virus", virus)
                });
                row.holds("quarantine.spam", was_so);
                row.mark("quarantine.virus");
            }
        }
    }

    /// In the end nothing is left out, and nothing is shown that is not there.
    pub fn completeness(state: &Value, look: &Look<'_>) {
        if !look.is_calm {
            return;
        }
        let moment = look.past.now();
        let vmids = |list: &str| -> BTreeSet<u64> {
            rows(state, list).iter().map(|row| row["vmid"].as_u64().unwrap()).collect()
        };
        let planned = |kind: GuestKind| -> BTreeSet<u64> {
            let guests = moment.truth.guests.iter().map(|guest| &guest.plan);
            let guests = guests.filter(|plan| plan.kind == kind && !plan.is_template);
            guests.map(|plan| u64::from(plan.vmid)).collect()
        };
        assert_eq!(vmids("vms"), planned(GuestKind::Qemu));
        assert_eq!(vmids("containers"), planned(GuestKind::Lxc));
        assert_eq!(rows(state, "nodes").len(), 3);
        assert_eq!(rows(state, "physicalDisks").len(), 9);
        assert_eq!(rows(state, "cephClusters").len(), 1);
        assert_eq!(rows(state, "replicationJobs").len(), moment.lists.replication.len());
        assert_eq!(rows(state, "pveBackups.storageBackups").len(), moment.lists.backups.len());
        assert_eq!(rows(state, "pveBackups.guestSnapshots").len(), moment.lists.snapshots.len());
        let groups = moment.lists.groups.iter().map(|group| group.backups.len()).sum::<usize>();
        assert_eq!(rows(state, "pbsBackups").len(), groups);
        let stores = json!(rows(state, "pbs")[0]["datastores"].as_array().unwrap().len());
        assert_eq!(stores, moment.pbs.stores.len());
        let names: BTreeSet<&str> = moment.truth.storages.iter().map(|storage| storage.name).collect();
        let shown: BTreeSet<&str> = rows(state, "storage")
            .iter()
            .filter(|row| row["instance"] == "sim")
            .map(|row| row["name"].as_str().unwrap())
            .collect();
        assert_eq!(shown, names);
    }
}
