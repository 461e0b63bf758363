//! What changed between two snapshots, as the page wants it: per collection the changed fields of changed entities
//! and the ids that went. Times that only advance (`uptime`, `lastSeen`) are left out; the page counts them on.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    sync::Arc,
};

use pulse_core::{
    Snapshot,
    model::{DockerHost, InstanceView},
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{instance_lists::InstanceLists, parts};
use crate::wire::{
    alert::AlertShape,
    docker::DockerHostShape,
    docker_command::RemovedDockerHostShape,
    guest::GuestShape,
    host::HostShape,
    kubernetes::ClusterShape,
    node::NodeShape,
    pbs::PbsShape,
    state::connection_health,
    storage::{CephShape, PhysicalDiskShape, StorageShape},
    time::whole_second_millis,
};

/// Fields that the page counts on by itself while they only advance.
const ADVANCING: [&str; 3] = ["uptime", "uptimeSeconds", "lastSeen"];

/// Counters that the page shows as rates, which are fields of their own.
const LEFT_OUT: [&str; 2] = ["diskIO", "tokenLastUsedAt"];

/// Fields with cumulative counters inside: they are told when something else in them changed.
const COUNTING: [&str; 1] = ["networkInterfaces"];

/// Cumulative counters.
pub(super) const COUNTERS: [&str; 4] = ["rxBytes", "txBytes", "readBytes", "writeBytes"];

/// The `data` of a `delta` message that leads from `old` to `new`; `None` when nothing changed that is shown.
pub fn difference(old: &Snapshot, new: &Snapshot) -> Option<Value> {
    let mut collections = Map::new();
    let mut put = |name: &str, changes: Changes| {
        if let Some(value) = changes.into_value() {
            collections.insert(name.to_owned(), value);
        }
    };
    let mut nodes = Changes::default();
    let mut vms = Changes::default();
    let mut containers = Changes::default();
    let mut storage = Changes::default();
    let mut pbs = Changes::default();
    let mut lists = InstanceLists::default();
    let keys =
        old.instances.keys().chain(new.instances.keys().filter(|key| !old.instances.contains_key(*key)));
    for key in keys {
        let (before, after) = (old.instances.get(key), new.instances.get(key));
        if let (Some(before), Some(after)) = (before, after)
            && Arc::ptr_eq(before, after)
        {
            continue;
        }
        lists.add(before.map(|view| &**view), after.map(|view| &**view));
        instance(before, after, &mut nodes, &mut vms, &mut containers, &mut storage, &mut pbs);
    }
    put("nodes", nodes);
    put("vms", vms);
    put("containers", containers);
    put("storage", storage);
    put("pbs", pbs);
    for (name, changes) in lists.into_named() {
        put(name, changes);
    }
    put("hosts", by_arc(&old.hosts, &new.hosts, |host| to_object(&HostShape::from(host)), plain));
    put("dockerHosts", by_arc(&old.docker_hosts, &new.docker_hosts, docker_object, docker_fields));
    put(
        "kubernetesClusters",
        by_arc(
            &old.kubernetes_clusters,
            &new.kubernetes_clusters,
            |cluster| to_object(&ClusterShape::from(cluster)),
            plain,
        ),
    );
    let mut alerts = Changes::default();
    if !Arc::ptr_eq(&old.active_alerts, &new.active_alerts) {
        let id = |alert: &pulse_core::model::Alert| alert.id.clone();
        let object = |alert: &pulse_core::model::Alert| to_object(&AlertShape::from(alert));
        let (before, after) = (old.active_alerts.iter(), new.active_alerts.iter());
        alerts.list(before.map(|alert| &**alert), after.map(|alert| &**alert), id, object);
    }
    put("activeAlerts", alerts);

    let mut fields = whole_fields(old, new);
    if collections.is_empty() && fields.is_empty() {
        return None;
    }
    fields.insert("lastUpdate".into(), whole_second_millis(new.changed_at).into());
    Some(json!({
        "version": new.version, "base": old.version, "collections": collections, "fields": fields,
    }))
}

/// Lists that change rarely are sent whole when they do.
fn whole_fields(old: &Snapshot, new: &Snapshot) -> Map<String, Value> {
    let mut fields = Map::new();
    let (before, after) = (connection_health(old), connection_health(new));
    if before != after {
        fields.insert("connectionHealth".into(), json!(after));
    }
    if old.removed_docker_hosts != new.removed_docker_hosts {
        let list: Vec<_> = new
            .removed_docker_hosts
            .values()
            .map(|host| json!(RemovedDockerHostShape::from(&**host)))
            .collect();
        fields.insert("removedDockerHosts".into(), list.into());
    }
    let changed = |of: fn(&InstanceView) -> *const ()| {
        let list = |world: &Snapshot| world.instances.values().map(|view| of(view)).collect::<Vec<_>>();
        list(old) != list(new)
    };
    if changed(|view| Arc::as_ptr(&view.physical_disks).cast()) {
        let disks = new.instances.values().flat_map(|view| view.physical_disks.iter());
        fields
            .insert("physicalDisks".into(), disks.map(|disk| json!(PhysicalDiskShape::from(disk))).collect());
    }
    if changed(|view| Arc::as_ptr(&view.ceph).cast()) {
        let clusters = new.instances.values().flat_map(|view| view.ceph.iter());
        fields.insert("cephClusters".into(), clusters.map(|ceph| json!(CephShape::from(ceph))).collect());
    }
    fields
}

fn instance(
    before: Option<&Arc<InstanceView>>,
    after: Option<&Arc<InstanceView>>,
    nodes: &mut Changes,
    vms: &mut Changes,
    containers: &mut Changes,
    storage: &mut Changes,
    pbs: &mut Changes,
) {
    let (before, after) = (before.cloned(), after.cloned());
    let node_objects = |view: &Option<Arc<InstanceView>>| {
        view.iter()
            .flat_map(|view| {
                view.nodes.iter().map(|node| (node.id.to_string(), to_object(&NodeShape::of(node, view))))
            })
            .collect::<Vec<_>>()
    };
    // A node's shape also shows the instance's problems, so nodes are compared whenever the instance changed.
    nodes.objects(node_objects(&before), node_objects(&after));
    let lists =
        |view: &Option<Arc<InstanceView>>| view.as_ref().map(|view| view.guests.clone()).unwrap_or_default();
    let (old_guests, new_guests) = (lists(&before), lists(&after));
    if !Arc::ptr_eq(&old_guests, &new_guests) {
        for (is_vm, changes) in [(true, vms), (false, containers)] {
            let is_shown =
                |guest: &&pulse_core::model::Guest| guest.kind.is_vm() == is_vm && !guest.is_template;
            changes.list(
                old_guests.iter().filter(is_shown),
                new_guests.iter().filter(is_shown),
                |guest| guest.id.to_string(),
                |guest| to_object(&GuestShape::from(guest)),
            );
        }
    }
    let lists = |view: &Option<Arc<InstanceView>>| {
        view.as_ref().map(|view| view.storages.clone()).unwrap_or_default()
    };
    let (old_storages, new_storages) = (lists(&before), lists(&after));
    if !Arc::ptr_eq(&old_storages, &new_storages) {
        storage.list(
            old_storages.iter(),
            new_storages.iter(),
            |storage| storage.id.to_string(),
            |storage| to_object(&StorageShape::from(storage)),
        );
    }
    let server = |view: &Option<Arc<InstanceView>>| {
        view.iter()
            .filter_map(|view| view.pbs.as_deref())
            .map(|pbs| (pbs.id.clone(), to_object(&PbsShape::from(pbs))))
            .collect::<Vec<_>>()
    };
    pbs.objects(server(&before), server(&after));
}

/// Changes of one collection.
#[derive(Debug, Default)]
pub(super) struct Changes {
    set: Map<String, Value>,
    remove: Vec<Value>,
}

impl Changes {
    pub(super) fn into_value(self) -> Option<Value> {
        let mut out = Map::new();
        if !self.set.is_empty() {
            out.insert("set".into(), self.set.into());
        }
        if !self.remove.is_empty() {
            out.insert("remove".into(), self.remove.into());
        }
        (!out.is_empty()).then_some(out.into())
    }

    /// Compares two lists of entities; those that are equal are never turned into JSON.
    pub(super) fn list<'a, T: PartialEq + 'a>(
        &mut self,
        old: impl Iterator<Item = &'a T>,
        new: impl Iterator<Item = &'a T>,
        id: impl Fn(&T) -> String,
        object: impl Fn(&T) -> Map<String, Value>,
    ) {
        let mut before: HashMap<String, &T> = old.map(|item| (id(item), item)).collect();
        for item in new {
            let key = id(item);
            match before.remove(&key) {
                Some(was) if was == item => {}
                Some(was) => self.fields(key, plain(&object(was), object(item))),
                None => {
                    self.set.insert(key, object(item).into());
                }
            }
        }
        self.remove.extend(before.into_keys().map(Value::from));
    }

    pub(super) fn objects(
        &mut self,
        old: Vec<(String, Map<String, Value>)>,
        new: Vec<(String, Map<String, Value>)>,
    ) {
        let mut before: HashMap<_, _> = old.into_iter().collect();
        for (key, object) in new {
            match before.remove(&key) {
                Some(was) => self.fields(key, plain(&was, object)),
                None => {
                    self.set.insert(key, object.into());
                }
            }
        }
        self.remove.extend(before.into_keys().map(Value::from));
    }

    /// Gives ids the shorter keys that `short` has for them.
    fn shorten(&mut self, short: impl Fn(&str) -> Option<String>) {
        let set = std::mem::take(&mut self.set);
        self.set = set.into_iter().map(|(id, fields)| (short(&id).unwrap_or(id), fields)).collect();
        for id in &mut self.remove {
            if let Some(key) = id.as_str().and_then(&short) {
                *id = key.into();
            }
        }
    }

    fn fields(&mut self, key: String, fields: Map<String, Value>) {
        if !fields.is_empty() {
            self.set.insert(key, fields.into());
        }
    }
}

/// Compares two maps of shared entities; what is the same `Arc` is not even looked at.
fn by_arc<K: Ord + Eq + Hash + ToString, T>(
    old: &std::collections::BTreeMap<K, Arc<T>>,
    new: &std::collections::BTreeMap<K, Arc<T>>,
    object: impl Fn(&T) -> Map<String, Value>,
    compare: impl Fn(&Map<String, Value>, Map<String, Value>) -> Map<String, Value>,
) -> Changes {
    let mut changes = Changes::default();
    for (key, item) in new {
        match old.get(key) {
            Some(was) if Arc::ptr_eq(was, item) => {}
            Some(was) => changes.fields(key.to_string(), compare(&object(was), object(item))),
            None => {
                changes.set.insert(key.to_string(), object(item).into());
            }
        }
    }
    changes
        .remove
        .extend(old.keys().filter(|key| !new.contains_key(*key)).map(|key| Value::from(key.to_string())));
    changes
}

pub(super) fn to_object(shape: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(shape) {
        Ok(Value::Object(object)) => object,
        Ok(_) | Err(_) => Map::new(),
    }
}

/// The fields that differ; a field that went is `null`.
fn plain(old: &Map<String, Value>, new: Map<String, Value>) -> Map<String, Value> {
    let mut out: Map<String, Value> = old
        .keys()
        .filter(|key| !new.contains_key(*key) && !LEFT_OUT.contains(&key.as_str()))
        .map(|key| (key.clone(), Value::Null))
        .collect();
    let mem = new.get("mem").cloned();
    for (key, value) in new {
        if LEFT_OUT.contains(&key.as_str()) {
            continue;
        }
        let told_in_parts = old.get(&key).and_then(|was| parts::change(&key, was, &value));
        match old.get(&key) {
            Some(was) if *was == value => {}
            Some(_) if told_in_parts.is_some() => {
                if let Some(told) = told_in_parts.filter(|told| !told.is_empty()) {
                    out.insert(key, told.into());
                }
            }
            Some(was) if COUNTING.contains(&key.as_str()) && is_same_but_counters(was, &value) => {}
            Some(was) if ADVANCING.contains(&key.as_str()) && advances(was, &value) => {}
            _ => {
                out.insert(key, value);
            }
        }
    }
    parts::leave_out_repetition(&mut out, old, mem.as_ref());
    out
}

/// Whether two values differ in nothing but cumulative counters.
fn is_same_but_counters(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Array(old), Value::Array(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| is_same_but_counters(old, new))
        }
        (Value::Object(old), Value::Object(new)) => {
            let rest = |object: &Map<String, Value>| -> Vec<(String, Value)> {
                let pairs = object.iter().filter(|(key, _)| !COUNTERS.contains(&key.as_str()));
                pairs.map(|(key, value)| (key.clone(), value.clone())).collect()
            };
            rest(old) == rest(new)
        }
        (old, new) => old == new,
    }
}

/// From a known moment to a later one; the first value and a restart are told.
fn advances(old: &Value, new: &Value) -> bool {
    matches!((old.as_i64(), new.as_i64()), (Some(old), Some(new)) if old > 0 && new >= old)
}

/// How much of a container's id the engine's own tools show.
const SHORT_ID: usize = 12;

/// The beginnings of ids that belong to one of them alone. Half of what changes is said about containers is their ids,
/// which nothing compresses.
fn short_keys<'a>(ids: impl Iterator<Item = &'a str>) -> HashMap<String, String> {
    let mut by_start: HashMap<&str, HashSet<&str>> = HashMap::new();
    for id in ids {
        if let Some(start) = id.get(..SHORT_ID) {
            by_start.entry(start).or_default().insert(id);
        }
    }
    let alone = by_start.into_iter().filter(|(_, ids)| ids.len() == 1);
    alone.flat_map(|(start, ids)| ids.into_iter().map(move |id| (id.to_owned(), start.to_owned()))).collect()
}

/// A Docker host with its containers as a map by id, so that they can be compared one by one.
fn docker_object(host: &DockerHost) -> Map<String, Value> {
    to_object(&DockerHostShape::from(host))
}

fn docker_fields(old: &Map<String, Value>, mut new: Map<String, Value>) -> Map<String, Value> {
    let containers = |object: &Map<String, Value>| -> Vec<(String, Map<String, Value>)> {
        let list = object.get("containers").and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .filter_map(|container| Some((container.get("id")?.as_str()?.to_owned(), container.clone())))
            .collect()
    };
    let mut changes = Changes::default();
    let (before, after) = (containers(old), containers(&new));
    let short = short_keys(before.iter().chain(&after).map(|(id, _)| id.as_str()));
    let stay: HashSet<String> = before.iter().map(|(id, _)| id.clone()).collect();
    changes.objects(before, after);
    changes.shorten(|id| stay.contains(id).then(|| short.get(id).cloned()).flatten());
    new.remove("containers");
    let mut without = old.clone();
    without.remove("containers");
    let mut out = plain(&without, new);
    if let Some(value) = changes.into_value() {
        out.insert("containers".into(), value);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(old: Value, new: Value, expect: Value) {
        let object = |value: Value| value.as_object().cloned().unwrap_or_default();
        assert_eq!(Value::Object(plain(&object(old), object(new))), expect);
    }

    #[test]
    fn only_fields_that_differ_are_told_and_a_field_that_went_is_null() {
        check(
            json!({"a": 1, "b": 2, "c": 3}),
            json!({"a": 1, "b": 4, "d": 5}),
            json!({"b": 4, "c": null, "d": 5}),
        );
    }

    #[test]
    fn times_that_advance_are_left_to_the_page_and_a_restart_is_told() {
        check(json!({"uptime": 10, "lastSeen": 5}), json!({"uptime": 20, "lastSeen": 9}), json!({}));
        check(json!({"uptime": 10}), json!({"uptime": 3}), json!({"uptime": 3}));
        check(json!({"uptime": 0}), json!({"uptime": 3}), json!({"uptime": 3}));
    }

    #[test]
    fn memory_and_disk_are_told_in_parts_and_mem_where_it_is_another_figure() {
        let row = |used: u64, mem: u64| json!({"mem": mem, "memory": {"used": used, "total": 100, "free": 100 - used}});
        check(row(1, 1), row(2, 2), json!({"memory": {"used": 2}}));
        check(row(1, 1), row(2, 1), json!({"mem": 1, "memory": {"used": 2}}));
        check(row(1, 1), row(1, 3), json!({"mem": 3}));
        check(row(1, 1), row(1, 1), json!({}));
        let new = json!({"memory": {"used": 2, "total": 100, "free": 98}, "mem": 2});
        check(json!({"mem": 0}), new.clone(), json!({"memory": new["memory"]}));
        check(json!({}), new.clone(), new);
    }

    #[test]
    fn containers_that_stay_are_named_by_the_beginning_of_their_ids_where_that_is_theirs_alone() {
        let id = |start: &str, end: char| format!("{start}{}", end.to_string().repeat(64 - start.len()));
        let (a, b, c) = (id("aaaaaaaaaaaa", '0'), id("bbbbbbbbbbbb", '1'), id("bbbbbbbbbbbb", '2'));
        let new = id("cccccccccccc", '3');
        let host = |list: &[(&str, f64)]| {
            let list = list.iter().map(|(id, cpu)| json!({"id": id, "cpuPercent": cpu})).collect::<Vec<_>>();
            json!({"containers": list}).as_object().cloned().unwrap_or_default()
        };
        let told = docker_fields(
            &host(&[(&a, 1.0), (&b, 1.0), (&c, 1.0)]),
            host(&[(&a, 2.0), (&b, 2.0), (&new, 1.0)]),
        );
        let expect = json!({
            "set": {"aaaaaaaaaaaa": {"cpuPercent": 2.0}, (b): {"cpuPercent": 2.0}, (new.clone()): {"id": new, "cpuPercent": 1.0}},
            "remove": [c],
        });
        assert_eq!(told["containers"], expect);
    }

    #[test]
    fn counters_alone_are_not_told_and_come_along_with_what_else_changed() {
        let net =
            |rx: u64, address: &str| json!({"networkInterfaces": [{"rxBytes": rx, "addresses": [address]}]});
        check(net(1, "a"), net(2, "a"), json!({}));
        check(net(1, "a"), net(2, "b"), net(2, "b"));
    }
}
