//! Each list of the state against the truth. A figure that is read with every poll must be what is true at that poll;
//! one that is read now and then must have been true at a moment at which it may have been read.

use std::collections::BTreeSet;

use jiff::Timestamp;
use pulse_sim::{GuestTruth, NodeTruth};
use serde_json::{Value, json};

use super::{Lab, guests, past::Past, table};

/// Lists that are read now and then, while faults keep them from being read, and when all is calm.
pub const STORM_SECONDS: i64 = 6 * 3_600;
const CALM_SECONDS: i64 = 40 * 60;

const LISTS: [&str; 11] = [
    "nodes",
    "vms",
    "containers",
    "storage",
    "physicalDisks",
    "replicationJobs",
    "pbs",
    "pbsBackups",
    "pveBackups.storageBackups",
    "pveBackups.backupTasks",
    "pveBackups.guestSnapshots",
];

/// Nodes, and the names that they get when they get others.
pub const NAMES: [(&str, &str); 3] = [("pve1", "hyper-1"), ("pve2", "hyper-2"), ("pve3", "hyper-3")];

/// One look at the state.
pub struct Look<'a> {
    pub now: Timestamp,
    /// Whether the last poll began now, so that its figures are of this moment.
    pub is_prompt: bool,
    /// Whether nothing has gone wrong for some polls.
    pub is_clean: bool,
    /// Whether nothing has gone wrong for so long that everything was read since.
    pub is_calm: bool,
    pub past: &'a Past,
    pub lab: &'a Lab,
    /// How polling goes, for whoever reads a failure.
    pub sources: &'a dyn Fn() -> String,
}

impl Look<'_> {
    pub fn millis(&self) -> i64 {
        self.now.as_second() * 1_000
    }

    /// Whether a time that the state shows is not in the future.
    pub fn is_past(&self, text: &str) -> bool {
        text.parse::<Timestamp>().is_ok_and(|at| at <= self.now)
    }

    /// How long ago a name may have been given up that is shown: while all goes well, a minute of grace and two polls.
    pub fn since_renamed(&self) -> i64 {
        if self.is_clean { 660 } else { STORM_SECONDS }
    }

    /// How long ago the last poll may have been that brought something.
    pub fn since_polled(&self) -> i64 {
        if self.is_clean { 300 } else { STORM_SECONDS }
    }

    /// How long ago what is read now and then may have been read.
    pub fn slow(&self) -> i64 {
        if self.is_calm { CALM_SECONDS } else { STORM_SECONDS }
    }
}

/// What has been compared over the day.
#[derive(Default)]
pub struct Checks {
    pub compared: BTreeSet<String>,
    /// What was wrong in the last look.
    wrong: Vec<String>,
}

/// One entry of a list.
pub struct Row<'a> {
    pub list: &'static str,
    pub row: &'a Value,
    checks: &'a mut Checks,
}

impl Row<'_> {
    pub fn get(&self, field: &str) -> &Value {
        field.split('.').fold(self.row, |place, part| &place[part])
    }

    pub fn mark(&mut self, field: &str) {
        self.checks.compared.insert(format!("{}[].{field}", self.list));
    }

    pub fn same(&mut self, field: &str, expect: impl Into<Value>) {
        let expect = expect.into();
        let is_so = *self.get(field) == expect;
        self.note(field, is_so, || format!("not {expect}"));
    }

    pub fn near(&mut self, field: &str, expect: f64, tolerance: f64) {
        let shown = self.get(field).as_f64().unwrap_or(f64::NAN);
        self.note(field, (shown - expect).abs() <= tolerance, || format!("not about {expect}"));
    }

    pub fn holds(&mut self, field: &str, is_so: bool) {
        self.note(field, is_so, || "not true".to_owned());
    }

    fn note(&mut self, field: &str, is_so: bool, expect: impl FnOnce() -> String) {
        self.mark(field);
        if !is_so {
            let shown = self.get(field);
            let wrong = format!("{}[].{field} is {shown}, {} of {}", self.list, expect(), self.row);
            self.checks.wrong.push(wrong);
        }
    }

    pub fn is_missing(&self, field: &str) -> bool {
        self.row["missing"][field].is_string()
    }

    /// Space or memory below a field: total, used, free, percent.
    pub fn amount(&mut self, field: &str, total: u64, used: u64) {
        self.same(&format!("{field}.total"), total);
        self.same(&format!("{field}.used"), used);
        self.near(&format!("{field}.usage"), used as f64 / total as f64 * 100.0, 0.006);
        let free = self.get(&format!("{field}.free")).as_u64().unwrap_or(u64::MAX);
        // Blocks that are kept for root are neither in use nor free.
        self.holds(&format!("{field}.free"), free <= total - used && free + total / 20 >= total - used);
    }
}

/// The name with which a node began.
pub fn began_as(name: &str) -> &str {
    NAMES.iter().find(|(_, renamed)| *renamed == name).map_or(name, |(first, _)| first)
}

pub fn rows<'a>(state: &'a Value, list: &str) -> &'a [Value] {
    list.split('.').fold(state, |place, part| &place[part]).as_array().map_or(&[], Vec::as_slice)
}

pub fn iso(seconds: u64) -> String {
    Timestamp::from_second(i64::try_from(seconds).unwrap()).unwrap().to_string()
}

/// Nothing stands in a list twice, whatever it was called before.
fn nothing_twice(state: &Value) {
    let guests = rows(state, "vms").iter().chain(rows(state, "containers"));
    let mut vmids: Vec<u64> = guests.map(|guest| guest["vmid"].as_u64().unwrap()).collect();
    let count = vmids.len();
    vmids.sort_unstable();
    vmids.dedup();
    assert_eq!(vmids.len(), count, "a guest is there twice");
    for list in LISTS {
        let mut ids: Vec<&str> = rows(state, list).iter().map(|row| row["id"].as_str().unwrap()).collect();
        ids.sort_unstable();
        let twice = ids.windows(2).find(|pair| pair[0] == pair[1]);
        assert_eq!(twice, None, "in {list}");
    }
}

impl Checks {
    /// Everything that the state shows now.
    pub fn compare(&mut self, state: &Value, look: &Look<'_>) {
        table::check_fields(state);
        self.sources(state, look);
        nothing_twice(state);
        for row in rows(state, "nodes") {
            self.node(row, look);
        }
        for list in ["vms", "containers"] {
            for row in rows(state, list) {
                self.guest(list, row, look);
            }
        }
        self.storages(state, look);
        self.beside(state, look);
        self.backups(state, look);
        self.backup_server(state, look);
        self.mail_gateway(state, look);
        Self::completeness(state, look);
        let wrong = std::mem::take(&mut self.wrong);
        let count = wrong.len();
        assert!(
            wrong.is_empty(),
            "{count} figures are wrong at {}: {wrong:#?}\n{}",
            look.now,
            (look.sources)()
        );
    }

    pub fn of<'a>(&'a mut self, list: &'static str, row: &'a Value) -> Row<'a> {
        Row { list, row, checks: self }
    }

    fn sources(&mut self, state: &Value, look: &Look<'_>) {
        let health = &state["connectionHealth"];
        assert_eq!(health.as_object().unwrap().len(), 3, "{health}");
        if look.is_clean {
            assert_eq!(
                *health,
                json!({ "lab": true, "pbs-vault": true, "pmg-mx": true }),
                "{}",
                (look.sources)()
            );
        }
        assert!(state["lastUpdate"].as_i64().unwrap() <= look.millis());
        self.compared.extend(["connectionHealth.{}", "lastUpdate"].map(str::to_owned));
        // The same backups stand in two places.
        assert_eq!(state["backups"]["pve"], state["pveBackups"]);
        assert_eq!(state["backups"]["pbs"], state["pbsBackups"]);
        assert_eq!(state["backups"]["pmg"], state["pmgBackups"]);
        self.compared.insert("backups".to_owned());
    }

    fn node(&mut self, row: &Value, look: &Look<'_>) {
        let lab = look.lab;
        let moment = look.past.now();
        let mut row = self.of("nodes", row);
        let name = row.get("name").as_str().unwrap().to_owned();
        // A node that got another name stays for a minute of grace under the old one, and until a poll tells the new one.
        let named = look.past.last(look.since_renamed(), |then| then.node(&name).is_some());
        let truth: &NodeTruth = named.expect("a node that is not there").node(&name).unwrap();
        let is_named_so = moment.node(&name).is_some();
        for field in ["node", "displayName"] {
            row.same(field, name.as_str());
        }
        row.same("name", name.as_str());
        row.same("id", format!("sim-{name}"));
        row.same("instance", "lab");
        row.same("type", "node");
        row.same("isClusterMember", true);
        row.same("clusterName", "sim");
        let seen = row.get("lastSeen").as_i64().unwrap();
        row.holds("lastSeen", seen <= look.millis() && (!look.is_clean || look.millis() - seen <= 300_000));
        let status = row.get("status").as_str().unwrap().to_owned();
        // A minute of grace, two polls, and the wait after a refused login.
        let is_recent = look.millis() - seen <= 660_000;
        row.holds("status", status == "offline" || (status == "online" && is_recent));
        let health = row.get("connectionHealth").as_str().unwrap().to_owned();
        let is_word = matches!(health.as_str(), "healthy" | "degraded" | "error");
        row.holds("connectionHealth", is_word && (!look.is_clean || health == "healthy"));
        if look.is_clean {
            row.same("status", "online");
            row.holds("problems", row.row.get("problems").is_none());
            row.holds("missing", row.row.get("missing").is_none());
            let endpoint = lab.cluster.endpoints().into_iter().find(|one| one.node == name).unwrap();
            row.same("host", endpoint.url);
            row.same("pveVersion", lab.cluster.options().version.full());
            row.same("cpuInfo.cores", truth.cpus / 2 / if truth.cpus > 64 { 2 } else { 1 });
            row.same("cpuInfo.sockets", if truth.cpus > 64 { 2 } else { 1 });
        }
        if row.row.get("pendingUpdates").is_some() {
            row.same("pendingUpdates", lab.cluster.hardware(began_as(&name)).unwrap().1);
        }
        if !(look.is_prompt && seen == look.millis() && status == "online") {
            return;
        }
        assert!(is_named_so, "{name} has another name");
        assert!(truth.is_online, "{name} is away");
        if !row.is_missing("cpu") {
            row.near("cpu", truth.cpu, 0.000_051);
        }
        if !row.is_missing("memory") {
            row.amount("memory", truth.memory_total, truth.memory_used);
            row.same("mem", truth.memory_used);
            row.same("maxmem", truth.memory_total);
            if row.row["memory"].get("swapTotal").is_some() {
                row.same("memory.swapTotal", truth.swap_total);
                row.same("memory.swapUsed", truth.swap_used);
            }
        }
        if !row.is_missing("disk") {
            row.amount("disk", truth.root_total, truth.root_used);
            row.same("maxdisk", truth.root_total);
        }
        if !row.is_missing("uptime") {
            row.same("uptime", truth.uptime);
        }
        let load = row.get("loadAverage").as_array().unwrap().clone();
        let is_true = load.iter().zip(truth.load).all(|(a, b)| (a.as_f64().unwrap() - b).abs() < 0.006);
        row.holds("loadAverage[]", is_true && (load.len() == 3 || (load.is_empty() && !look.is_clean)));
    }

    fn guest(&mut self, list: &'static str, row: &Value, look: &Look<'_>) {
        let vmid = row["vmid"].as_u64().and_then(|vmid| u32::try_from(vmid).ok()).unwrap();
        let moment = look.past.now();
        let shown_on = row["node"].as_str().unwrap();
        let truth: &GuestTruth = moment.guest_on(vmid, shown_on).expect("a guest that is not there");
        let plan = &truth.plan;
        let mut row = self.of(list, row);
        row.same("vmid", vmid);
        row.same("instance", "lab");
        row.same("template", false);
        let node = row.get("node").as_str().unwrap().to_owned();
        row.same("id", format!("lab:{node}:{vmid}"));
        let seen = row.get("lastSeen").as_i64().unwrap();
        row.holds("lastSeen", seen <= look.millis() && (!look.is_clean || look.millis() - seen <= 300_000));
        let was_there = |node: &str| look.past.lately(STORM_SECONDS, |then| then.has_guest_on(vmid, node));
        row.holds("node", was_there(&node));
        // A guest on a node that was dead when the server began has no name yet.
        if seen > 0 && row.get("name") != &json!(format!("VM {vmid}")) {
            row.same("name", plan.name.as_str());
        }
        if row.row.get("tags").is_some() {
            row.same("tags", plan.tags.join(","));
        }
        if row.row.get("pool").is_some() {
            row.same("pool", plan.pool.unwrap_or_default());
        }
        if list == "containers" {
            let is_oci = row.get("type") == "oci";
            row.holds("type", if is_oci { plan.is_oci } else { row.get("type") == "lxc" });
            row.holds("isOci", row.row.get("isOci").is_some() == is_oci);
            assert!(!look.is_calm || !truth.is_running() || is_oci == plan.is_oci, "{}", row.row);
        } else {
            row.same("type", "qemu");
        }
        guests::slow(&mut row, truth, look);
        if look.is_prompt && seen == look.millis() {
            guests::fresh(&mut row, truth, look);
        }
    }
}
