//! Proxmox Backup Server: paths, parameters, rights and shapes of its API, written against the vendor's schema and
//! recorded answers.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, header};
use pulse_core::Clock;
use serde_json::{Value, json};

use super::{
    BackupServerOptions, PbsTruth,
    accounts::{Accounts, Dialect, Role},
    backups::{BackedUpGuest, GroupTruth, Schedule, StoreTruth, invented},
    pbs_shapes::{cleared, data, gc_status, listed, refused, store_status, upid},
    pbs_tasks::{self, PRUNE, SYNC, VERIFY},
    routes::{Found, Known, find, parameter},
};
use crate::{
    faults::Faults,
    figures::{SLOT_SECONDS, derive_text, noise, quantize, time_of_day, wander},
    net::{Asked, Product, Reply, form_pairs},
};

pub(super) const DIALECT: Dialect = Dialect {
    ticket: "PBS",
    cookies: &["PBSAuthCookie", "__Host-PBSAuthCookie"],
    token: Some("PBSAPIToken"),
    realm: "pbs",
};

const TIB: u64 = 1 << 40;
const GIB: u64 = 1 << 30;
/// What is kept on disk of a datastore in the cloud.
const CACHE: u64 = 512 * GIB;
/// The real daemon holds a 401 back this long, and a 403 half a second.
const UNAUTHORIZED_DELAY: Duration = Duration::from_secs(3);
const FORBIDDEN_DELAY: Duration = Duration::from_millis(500);
/// Bytes that backups need for each byte they take.
const DEDUPLICATION: u64 = 12;

#[derive(Debug, Clone, Copy)]
enum Call {
    Version,
    Permissions,
    Status,
    Nodes,
    Tasks,
    Usage,
    Stores,
    StoreStatus,
    Garbage,
    Namespaces,
    Groups,
    Snapshots,
    SyncJobs,
    VerifyJobs,
    PruneJobs,
    GarbageJobs,
}

const CALLS: &[Known<Call>] = &[
    Known { pattern: "/version", parameters: &[], call: Call::Version },
    Known { pattern: "/access/permissions", parameters: &["auth-id", "path"], call: Call::Permissions },
    Known { pattern: "/nodes", parameters: &[], call: Call::Nodes },
    Known { pattern: "/nodes/{node}/status", parameters: &[], call: Call::Status },
    Known {
        pattern: "/nodes/{node}/tasks",
        parameters: &[
            "errors",
            "limit",
            "running",
            "since",
            "start",
            "statusfilter",
            "store",
            "typefilter",
            "until",
            "userfilter",
        ],
        call: Call::Tasks,
    },
    Known { pattern: "/status/datastore-usage", parameters: &[], call: Call::Usage },
    Known { pattern: "/admin/datastore", parameters: &[], call: Call::Stores },
    Known { pattern: "/admin/datastore/{store}/status", parameters: &["verbose"], call: Call::StoreStatus },
    Known { pattern: "/admin/datastore/{store}/gc", parameters: &[], call: Call::Garbage },
    Known {
        pattern: "/admin/datastore/{store}/namespace",
        parameters: &["max-depth", "parent"],
        call: Call::Namespaces,
    },
    Known { pattern: "/admin/datastore/{store}/groups", parameters: &["ns"], call: Call::Groups },
    Known {
        pattern: "/admin/datastore/{store}/snapshots",
        parameters: &["backup-id", "backup-type", "ns"],
        call: Call::Snapshots,
    },
    Known { pattern: "/admin/sync", parameters: &["store", "sync-direction"], call: Call::SyncJobs },
    Known { pattern: "/admin/verify", parameters: &["store"], call: Call::VerifyJobs },
    Known { pattern: "/admin/prune", parameters: &["store"], call: Call::PruneJobs },
    Known { pattern: "/admin/gc", parameters: &["store"], call: Call::GarbageJobs },
];

/// A group that is backed up into.
struct Group {
    store: &'static str,
    namespace: String,
    owner: String,
    guest: BackedUpGuest,
    schedule: Schedule,
}

/// A simulated backup server behind its listener.
pub(super) struct Pbs {
    options: BackupServerOptions,
    key: u64,
    accounts: Arc<Accounts>,
    faults: Arc<Faults>,
    clock: Arc<dyn Clock>,
    groups: Vec<Group>,
    users: Mutex<BTreeSet<String>>,
    fingerprint: OnceLock<String>,
}

/// The server as a product.
pub(super) struct Served(pub(super) Arc<Pbs>);

impl Pbs {
    pub(super) fn new(
        options: BackupServerOptions,
        accounts: Arc<Accounts>,
        faults: Arc<Faults>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let key = derive_text(options.seed, &options.name);
        let keep = options.snapshots_per_group;
        let mut groups = Vec::new();
        let mut add = |store, namespace: &str, owner: &str, guest: BackedUpGuest, keep| {
            let schedule = Schedule::new(key, namespace, &guest, keep);
            groups.push(Group { store, namespace: namespace.into(), owner: owner.into(), guest, schedule });
        };
        for namespace in &options.namespaces {
            let owner = if namespace.owner.is_empty() { "pve@pbs!sim" } else { &namespace.owner };
            for guest in &namespace.guests {
                add("main", &namespace.path, owner, guest.clone(), keep);
            }
            for guest in invented(derive_text(key, &namespace.path), namespace.extra_groups) {
                add("main", &namespace.path, owner, guest, keep);
            }
        }
        let hosts = [
            (options.has_archive, "archive", ["nas", "workstation"]),
            (options.has_s3, "cloud", ["laptop", "wiki"]),
        ];
        for (_, store, names) in hosts.into_iter().filter(|(is_there, ..)| *is_there) {
            for name in names {
                let guest = BackedUpGuest {
                    kind: "host".into(),
                    id: name.into(),
                    name: name.into(),
                    disk: 40 * GIB,
                    second_of_day: None,
                };
                add(store, "", "root@pam", guest, keep.min(5));
            }
        }
        Self {
            options,
            key,
            accounts,
            faults,
            clock,
            groups,
            users: Mutex::default(),
            fingerprint: OnceLock::new(),
        }
    }

    /// Takes note of the certificate, which the node's status shows.
    pub(super) fn show(&self, fingerprint: &str) {
        self.fingerprint.get_or_init(|| fingerprint.to_lowercase());
    }

    fn now(&self) -> u64 {
        self.clock.now().as_second().max(0).unsigned_abs()
    }

    /// Statistics stand still within a slot.
    fn slot(&self) -> u64 {
        self.now() / SLOT_SECONDS * SLOT_SECONDS
    }

    fn cpu(&self) -> f64 {
        let at = self.slot();
        let load = 0.12 + 0.1 * wander(self.key, at, 300) - 0.06 * time_of_day(at, 14.0);
        (load + 0.03 * noise(self.key, at)).clamp(0.005, 1.0)
    }

    fn memory(&self) -> [u64; 2] {
        let share = 0.3 + 0.1 * wander(derive_text(self.key, "memory"), self.slot(), 900);
        [32 * GIB, quantize(share * (32 * GIB) as f64, 1 << 20)]
    }

    fn uptime(&self) -> u64 {
        self.now().saturating_sub(1_780_000_000 + self.key % 1_000_000)
    }

    fn stores(&self) -> Vec<StoreTruth> {
        let mut namespaces: Vec<String> =
            self.options.namespaces.iter().map(|namespace| namespace.path.clone()).collect();
        namespaces.push(String::new());
        // A namespace has all those above it.
        for path in namespaces.clone() {
            namespaces.extend(path.match_indices('/').map(|(at, _)| path[..at].to_owned()));
        }
        namespaces.sort();
        namespaces.dedup();
        let mut stores = vec![self.store("main", namespaces)];
        if self.options.has_archive {
            let archive = self.store("archive", vec![String::new()]);
            stores.push(StoreTruth { maintenance: Some("read-only,message=moving to new disks"), ..archive });
        }
        if self.options.has_s3 {
            // What its disks tell is the cache in front of the bucket, which takes what fits.
            let cloud = self.store("cloud", vec![String::new()]);
            let used = cloud.used.min(CACHE * 7 / 10);
            stores.push(StoreTruth { total: Some(CACHE), used, backend: "s3", ..cloud });
        }
        if self.options.has_unmounted {
            stores.push(StoreTruth { total: None, used: 0, ..self.store("removable", vec![String::new()]) });
        }
        for store in stores.iter_mut().filter(|store| self.faults.is_unmounted(&store.name)) {
            (store.total, store.used) = (None, 0);
        }
        stores
    }

    fn store(&self, name: &str, namespaces: Vec<String>) -> StoreTruth {
        let now = self.now();
        let index_bytes: u64 = self
            .groups
            .iter()
            .filter(|group| group.store == name)
            .map(|group| group.guest.disk * group.schedule.count(now) as u64)
            .sum();
        let disk_bytes = index_bytes / DEDUPLICATION;
        let total = ((disk_bytes * 2).max(4 * TIB) / TIB + 1) * TIB;
        let used = disk_bytes + total / 50;
        StoreTruth {
            name: name.into(),
            total: Some(total),
            used,
            index_bytes,
            disk_bytes,
            namespaces,
            maintenance: None,
            backend: "filesystem",
        }
    }

    pub(super) fn truth(&self) -> PbsTruth {
        let skew = self.faults.skew(&self.options.name);
        let mut groups = self.groups_as_kept();
        for backup in groups.iter_mut().flat_map(|group| &mut group.backups) {
            backup.at = backup.at.saturating_add_signed(skew);
        }
        PbsTruth {
            cpu: self.cpu(),
            memory: self.memory(),
            uptime: self.uptime(),
            stores: self.stores(),
            groups,
        }
    }

    /// The groups as the server's disks have them, whatever its clock says.
    fn groups_as_kept(&self) -> Vec<GroupTruth> {
        let now = self.now();
        let group = |group: &Group| GroupTruth {
            store: group.store.into(),
            namespace: group.namespace.clone(),
            kind: group.guest.kind.clone(),
            id: group.guest.id.clone(),
            owner: group.owner.clone(),
            is_encrypted: group.schedule.is_encrypted(),
            files: group.schedule.files(),
            backups: group.schedule.backups(now),
        };
        self.groups.iter().map(group).collect()
    }

    fn login(&self, asked: &Asked) -> Reply {
        let fields = form_pairs(&String::from_utf8_lossy(&asked.body));
        let (Some(user), Some(password)) = (parameter(&fields, "username"), parameter(&fields, "password"))
        else {
            return refused(
                400,
                "parameter verification errors\n\nparameter 'password': parameter is missing and it is not optional.\n",
            );
        };
        let now = self.now();
        if !self.accounts.login(user, password, now) {
            let reply = refused(401, "permission check failed.");
            return Reply { delay: UNAUTHORIZED_DELAY, ..cleared(reply) };
        }
        let (ticket, csrf) = self.accounts.ticket(user, now);
        data(&json!({ "CSRFPreventionToken": csrf, "ticket": ticket, "username": user }))
    }

    fn answer_call(&self, found: &Found<Call>, asked: &Asked, role: Role) -> Reply {
        if let Some(name) = found.unknown_parameter(&asked.query) {
            return refused(
                400,
                &format!(
                    "parameter verification failed - '{name}': schema does not allow additional properties."
                ),
            );
        }
        let stores = self.stores();
        let store = match found.part("store") {
            "" => None,
            name => match stores.iter().find(|store| store.name == name) {
                Some(store) => Some(store),
                None => return refused(400, &format!("no such datastore '{name}'")),
            },
        };
        if let Some(store) = store.filter(|store| store.total.is_none()) {
            return refused(400, &format!("datastore '{}' is not mounted", store.name));
        }
        let value = match (found.call, store) {
            (Call::Version, _) => {
                json!({ "release": "1", "repoid": "simulated", "version": self.options.version })
            }
            (Call::Nodes, _) if role == Role::Auditor => {
                let reply = refused(403, "permission check failed");
                return Reply { delay: FORBIDDEN_DELAY, ..reply };
            }
            (Call::Nodes, _) => json!([{ "node": "localhost" }]),
            (Call::Status, _) => self.status(),
            (Call::Tasks, _) => {
                match pbs_tasks::tasks(&self.groups_as_kept(), &stores, &asked.query, self.now()) {
                    Ok(tasks) => tasks.into(),
                    Err(problem) => return refused(400, &problem),
                }
            }
            (Call::Usage, _) => stores.iter().map(|store| self.usage(store)).collect(),
            (Call::Stores, _) => stores.iter().map(listed).collect(),
            (Call::StoreStatus, Some(store)) => store_status(store),
            (Call::Garbage, Some(store)) => pbs_tasks::garbage_job(store, self.now()),
            (Call::Namespaces, Some(store)) => {
                store.namespaces.iter().map(|path| json!({ "ns": path })).collect()
            }
            (Call::Groups, Some(store)) => return self.groups(store, &asked.query),
            (Call::Snapshots, Some(store)) => return self.snapshots(store, &asked.query),
            (Call::SyncJobs, _) => json!([SYNC.listed(
                self.now(),
                json!({
                    "owner": "root@pam", "remote": "offsite", "remote-store": "copy", "sync-direction": "pull",
                    "remove-vanished": true,
                })
            )]),
            (Call::VerifyJobs, _) => json!([
                VERIFY.listed(self.now(), json!({ "ignore-verified": true, "outdated-after": 30 }))
            ]),
            (Call::Permissions, _) => {
                let audit = json!({ "Datastore.Audit": true, "Sys.Audit": true });
                json!({ "/": audit, "/datastore": audit, "/system": audit })
            }
            (Call::PruneJobs, _) => {
                json!([PRUNE.listed(self.now(), json!({ "keep-daily": 7, "keep-weekly": 4 }))])
            }
            (Call::GarbageJobs, _) => stores
                .iter()
                .filter(|store| store.total.is_some())
                .map(|store| pbs_tasks::garbage_job(store, self.now()))
                .collect(),
            (Call::StoreStatus | Call::Garbage | Call::Namespaces | Call::Groups | Call::Snapshots, None) => {
                return refused(400, "no such datastore ''");
            }
        };
        data(&value)
    }

    fn status(&self) -> Value {
        let [total, used] = self.memory();
        let cpu = self.cpu();
        json!({
            "boot-info": { "mode": "efi", "secureboot": false },
            "cpu": cpu,
            "cpuinfo": { "cpus": 16, "model": "AMD EPYC 7313P 16-Core Processor", "sockets": 1 },
            "current-kernel": {
                "machine": "x86_64", "release": "6.14.11-4-pve", "sysname": "Linux",
                "version": "#1 SMP PREEMPT_DYNAMIC PMX 6.14.11-4",
            },
            "info": { "fingerprint": self.fingerprint.get() },
            "kversion": "Linux 6.14.11-4-pve #1 SMP PREEMPT_DYNAMIC PMX 6.14.11-4",
            "loadavg": [cpu * 16.0, cpu * 15.0, cpu * 14.0],
            "memory": { "free": total - used, "total": total, "used": used },
            "root": { "avail": 70 * GIB, "total": 100 * GIB, "used": 25 * GIB },
            "swap": { "free": 8 * GIB, "total": 8 * GIB, "used": 0 },
            "uptime": self.uptime(),
            "wait": 0.01 * noise(self.key, self.slot()),
        })
    }

    fn usage(&self, store: &StoreTruth) -> Value {
        let mut entry = json!({
            "backend-type": store.backend, "store": store.name,
            "mount-status": if store.name == "removable" { "mounted" } else { "nonremovable" },
        });
        let Some(total) = store.total else {
            entry["mount-status"] = "notmounted".into();
            entry["error"] = format!("datastore '{}' is not mounted", store.name).into();
            entry["avail"] = (-1).into();
            return entry;
        };
        entry["avail"] = (total - store.used).into();
        entry["total"] = total.into();
        entry["used"] = store.used.into();
        entry["gc-status"] = gc_status(store);
        entry["history"] = (0..30).map(|_| store.used as f64 / total as f64).collect();
        entry["history-start"] = (self.slot() - 30 * 1800).into();
        entry["history-delta"] = 1800.into();
        entry["estimated-full-date"] = (self.slot() / 86_400 * 86_400 + 200 * 86_400).into();
        entry
    }

    fn groups(&self, store: &StoreTruth, query: &[(String, String)]) -> Reply {
        let namespace = parameter(query, "ns").unwrap_or_default();
        if !store.namespaces.iter().any(|known| known == namespace) {
            return refused(400, &format!("namespace not found: {namespace}"));
        }
        let now = self.now();
        let rows =
            self.in_namespace(store, namespace).filter(|group| group.schedule.count(now) > 0).map(|group| {
                json!({
                    "backup-count": group.schedule.count(now), "backup-id": group.guest.id,
                    "backup-type": group.guest.kind, "files": group.schedule.files(),
                    "last-backup": group.schedule.newest(now), "owner": group.owner,
                })
            });
        data(&rows.collect::<Vec<_>>())
    }

    fn in_namespace<'a>(
        &'a self,
        store: &'a StoreTruth,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a Group> {
        self.groups.iter().filter(move |group| group.store == store.name && group.namespace == namespace)
    }

    fn snapshots(&self, store: &StoreTruth, query: &[(String, String)]) -> Reply {
        let namespace = parameter(query, "ns").unwrap_or_default();
        let (kind, id) = (parameter(query, "backup-type"), parameter(query, "backup-id"));
        let now = self.now();
        let wanted = self.in_namespace(store, namespace).filter(|group| {
            kind.is_none_or(|kind| kind == group.guest.kind) && id.is_none_or(|id| id == group.guest.id)
        });
        let rows = wanted.flat_map(|group| {
            let is_encrypted = group.schedule.is_encrypted();
            let files = group.schedule.files();
            group.schedule.backups(now).into_iter().map(move |backup| {
                let share = backup.size / files.len() as u64;
                let archives: Vec<Value> = files
                    .iter()
                    .enumerate()
                    .map(|(place, name)| {
                        // The rest of the division goes to the first one.
                        let rest = if place == 0 { backup.size % files.len() as u64 } else { 0 };
                        let mode = match (is_encrypted, *name) {
                            (false, _) => "none",
                            (true, "index.json.blob") => "sign-only",
                            (true, _) => "encrypt",
                        };
                        json!({ "crypt-mode": mode, "filename": name, "size": share + rest })
                    })
                    .collect();
                let mut row = json!({
                    "backup-id": group.guest.id, "backup-time": backup.at, "backup-type": group.guest.kind,
                    "files": archives, "owner": group.owner, "protected": backup.is_protected,
                    "size": backup.size,
                });
                if let Some(state) = backup.verification {
                    row["verification"] = json!({ "state": state, "upid": upid(backup.at + 3600, "verify", "main") });
                }
                if let Some(comment) = backup.comment {
                    row["comment"] = comment.into();
                }
                if is_encrypted {
                    row["fingerprint"] = "2e:3a:00:41:be:57:31:3f:57:07:5f:49:f5:af:b9:3c:0b:0f:f8:c8:49:fc:f5:0d:75:96:f7:8c:0c:9e:bf:da".into();
                }
                row
            })
        });
        data(&rows.collect::<Vec<_>>())
    }

    /// Makes users, tokens and rights; for administrators.
    fn change(&self, asked: &Asked, path: &str) -> Option<Reply> {
        let fields = form_pairs(&String::from_utf8_lossy(&asked.body));
        let done = || Some(data(&Value::Null));
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match (&asked.method, parts.as_slice()) {
            (&Method::POST, ["access", "users"]) => {
                let user = parameter(&fields, "userid")?.to_owned();
                let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
                if user == self.accounts.user || users.contains(&user) || users.len() > 100 {
                    return Some(refused(400, &format!("user '{user}' already exists.")));
                }
                users.insert(user);
                done()
            }
            (&Method::POST, ["access", "users", user, "token", name]) => {
                let id = format!("{user}!{name}");
                Some(match self.accounts.make_token(&id) {
                    Some(value) => data(&json!({ "tokenid": id, "value": value })),
                    None => refused(400, &format!("token '{name}' for user '{user}' already exists.")),
                })
            }
            (&Method::PUT, ["access", "acl"]) => {
                let who = parameter(&fields, "auth-id")?;
                let is_right =
                    parameter(&fields, "path") == Some("/") && parameter(&fields, "role") == Some("Audit");
                if who.contains('!') && is_right && !self.accounts.allow(who) {
                    return Some(refused(400, "no such API token."));
                }
                done()
            }
            _ => None,
        }
    }
}

impl Product for Served {
    fn answer(&self, asked: &Asked) -> Reply {
        let pbs = &self.0;
        let Some(path) = asked.path.strip_prefix("/api2/json") else {
            return Reply::new(
                200,
                Bytes::from_static(b"<!DOCTYPE html>\n<title>simulated Proxmox Backup Server</title>\n"),
            )
            .with(header::CONTENT_TYPE, "text/html");
        };
        let path = path.strip_suffix('/').unwrap_or(path);
        if asked.method == Method::POST && path == "/access/ticket" {
            return pbs.login(asked);
        }
        let revoked = pbs.faults.is_token_revoked();
        let Ok(caller) = pbs.accounts.identify(&asked.method, &asked.headers, pbs.now(), revoked) else {
            return Reply { delay: UNAUTHORIZED_DELAY, ..cleared(refused(401, "authentication failed")) };
        };
        let reply = if asked.method == Method::GET {
            find(CALLS, path).map(|found| pbs.answer_call(&found, asked, caller.role))
        } else if caller.role == Role::Administrator {
            pbs.change(asked, path)
        } else {
            Some(Reply { delay: FORBIDDEN_DELAY, ..refused(403, "permission check failed") })
        };
        let reply = reply.unwrap_or_else(|| refused(404, &format!("Path '/api2/json{path}' not found.")));
        Reply { identity: Some(caller.identity), ..reply }
    }

    fn clock_skew(&self, node: &str) -> i64 {
        self.0.faults.skew(node)
    }

    fn refusal(&self, code: u16, text: &str) -> Reply {
        refused(code, text)
    }
}
