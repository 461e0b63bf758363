//! Which paths exist in which release, and which parameters they take.

use serde_json::{Map, Value};

use super::{Context, agent, cluster, guest, kept, node, reply::Outcome, rrd, storage};
use crate::{PveVersion, estate::GuestKind};

pub(super) const UNKNOWN_PARAMETER: &str =
    "property is not defined in schema and the schema does not allow additional properties";
pub(super) const MISSING_PARAMETER: &str = "property is missing and it is not optional";

/// The calls that are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Version,
    Permissions,
    TicketInfo,
    ClusterStatus,
    ClusterResources,
    ClusterReplication,
    HaResources,
    HaStatus,
    CephStatus,
    Nodes,
    NodeStatus,
    NodeVersion,
    NodeNetwork,
    NodeRrd,
    NodeReplication,
    NodeTasks,
    NodeSubscription,
    DisksZfs,
    DisksZfsPool,
    NodeUpdates,
    CephPools,
    DisksList,
    Storages,
    NodeStorages,
    NodeStorageStatus,
    NodeStorageContent,
    QemuList,
    QemuStatus,
    QemuConfig,
    QemuSnapshots,
    QemuRrd,
    AgentFsInfo,
    AgentNetwork,
    AgentOs,
    AgentInfo,
    AgentFile,
    LxcList,
    LxcStatus,
    LxcConfig,
    LxcSnapshots,
    LxcInterfaces,
    LxcRrd,
}

/// A path that was found, with the names in it.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) call: Call,
    pub(super) parts: Vec<(&'static str, String)>,
}

const TABLE: [(&str, Call); 42] = [
    ("/version", Call::Version),
    ("/access/permissions", Call::Permissions),
    ("/access/ticket", Call::TicketInfo),
    ("/cluster/status", Call::ClusterStatus),
    ("/cluster/resources", Call::ClusterResources),
    ("/cluster/replication", Call::ClusterReplication),
    ("/cluster/ha/resources", Call::HaResources),
    ("/cluster/ha/status/current", Call::HaStatus),
    ("/cluster/ceph/status", Call::CephStatus),
    ("/nodes", Call::Nodes),
    ("/nodes/{node}/status", Call::NodeStatus),
    ("/nodes/{node}/version", Call::NodeVersion),
    ("/nodes/{node}/network", Call::NodeNetwork),
    ("/nodes/{node}/rrddata", Call::NodeRrd),
    ("/nodes/{node}/replication", Call::NodeReplication),
    ("/nodes/{node}/tasks", Call::NodeTasks),
    ("/nodes/{node}/subscription", Call::NodeSubscription),
    ("/nodes/{node}/disks/zfs", Call::DisksZfs),
    ("/nodes/{node}/disks/zfs/{pool}", Call::DisksZfsPool),
    ("/nodes/{node}/apt/update", Call::NodeUpdates),
    ("/nodes/{node}/ceph/pool", Call::CephPools),
    ("/nodes/{node}/disks/list", Call::DisksList),
    ("/storage", Call::Storages),
    ("/nodes/{node}/storage", Call::NodeStorages),
    ("/nodes/{node}/storage/{storage}/status", Call::NodeStorageStatus),
    ("/nodes/{node}/storage/{storage}/content", Call::NodeStorageContent),
    ("/nodes/{node}/qemu", Call::QemuList),
    ("/nodes/{node}/qemu/{vmid}/status/current", Call::QemuStatus),
    ("/nodes/{node}/qemu/{vmid}/config", Call::QemuConfig),
    ("/nodes/{node}/qemu/{vmid}/snapshot", Call::QemuSnapshots),
    ("/nodes/{node}/qemu/{vmid}/rrddata", Call::QemuRrd),
    ("/nodes/{node}/qemu/{vmid}/agent/get-fsinfo", Call::AgentFsInfo),
    ("/nodes/{node}/qemu/{vmid}/agent/network-get-interfaces", Call::AgentNetwork),
    ("/nodes/{node}/qemu/{vmid}/agent/get-osinfo", Call::AgentOs),
    ("/nodes/{node}/qemu/{vmid}/agent/info", Call::AgentInfo),
    ("/nodes/{node}/qemu/{vmid}/agent/file-read", Call::AgentFile),
    ("/nodes/{node}/lxc", Call::LxcList),
    ("/nodes/{node}/lxc/{vmid}/status/current", Call::LxcStatus),
    ("/nodes/{node}/lxc/{vmid}/config", Call::LxcConfig),
    ("/nodes/{node}/lxc/{vmid}/snapshot", Call::LxcSnapshots),
    ("/nodes/{node}/lxc/{vmid}/interfaces", Call::LxcInterfaces),
    ("/nodes/{node}/lxc/{vmid}/rrddata", Call::LxcRrd),
];

/// Finds the call for a path, if this release has it.
pub(super) fn find(path: &str, version: PveVersion) -> Option<Route> {
    TABLE.iter().find_map(|&(pattern, call)| {
        let parts = fit(pattern, path)?;
        (call != Call::LxcInterfaces || version > PveVersion::V7_4).then_some(Route { call, parts })
    })
}

fn fit(pattern: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let mut parts = Vec::new();
    let mut given = path.split('/');
    for wanted in pattern.split('/') {
        let text = given.next()?;
        match wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some("vmid") if !text.bytes().all(|byte| byte.is_ascii_digit()) => return None,
            Some(name) if !text.is_empty() => parts.push((name, text.to_owned())),
            None if wanted == text => {}
            Some(_) | None => return None,
        }
    }
    given.next().is_none().then_some(parts)
}

/// Runs a call. `ClusterResources` is answered from a cache before it comes here.
pub(super) fn run(call: Call, context: &Context<'_>) -> Outcome {
    match call {
        Call::Version | Call::NodeVersion => Ok(cluster::version(context.version)),
        Call::Permissions => Ok(cluster::permissions(context.version, context.rights())),
        Call::TicketInfo => Ok(Value::Null),
        Call::ClusterStatus => Ok(cluster::status(context)),
        Call::ClusterResources => {
            Ok(serde_json::json!(cluster::resources(context, &context.doubles(), context.parameter("type"))))
        }
        Call::ClusterReplication => Ok(kept::replication_config(context)),
        Call::NodeReplication => kept::replication(context),
        Call::NodeTasks => kept::tasks(context),
        Call::NodeUpdates => kept::updates(context),
        Call::CephPools => kept::ceph_pools(context),
        Call::HaResources => Ok(cluster::ha_resources(context)),
        Call::HaStatus => Ok(cluster::ha_status(context)),
        Call::CephStatus => cluster::ceph_status(context),
        Call::Nodes => Ok(cluster::nodes(context)),
        Call::NodeStatus => node::status(context),
        Call::NodeNetwork => node::network(context),
        Call::NodeRrd => rrd::node(context),
        Call::NodeSubscription => Ok(node::subscription()),
        Call::DisksZfs => kept::pools(context),
        Call::DisksZfsPool => kept::pool(context),
        Call::DisksList => kept::disks(context),
        Call::Storages => Ok(storage::config(context)),
        Call::NodeStorages => storage::list(context),
        Call::NodeStorageStatus => storage::status(context),
        Call::NodeStorageContent => kept::content(context),
        Call::QemuList => guest::list(context, GuestKind::Qemu),
        Call::QemuStatus => guest::status(context, GuestKind::Qemu),
        Call::QemuConfig => guest::qemu_config(context),
        Call::QemuSnapshots => kept::snapshots(context, GuestKind::Qemu),
        Call::QemuRrd => rrd::guest(context, GuestKind::Qemu),
        Call::AgentFsInfo => agent::filesystems(context),
        Call::AgentNetwork => agent::interfaces(context),
        Call::AgentOs => agent::os(context),
        Call::AgentInfo => agent::info(context),
        Call::AgentFile => agent::file(context),
        Call::LxcList => guest::list(context, GuestKind::Lxc),
        Call::LxcStatus => guest::status(context, GuestKind::Lxc),
        Call::LxcConfig => guest::lxc_config(context),
        Call::LxcSnapshots => kept::snapshots(context, GuestKind::Lxc),
        Call::LxcInterfaces => guest::lxc_interfaces(context),
        Call::LxcRrd => rrd::guest(context, GuestKind::Lxc),
    }
}

/// What a parameter may be.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Flag,
    Number,
    OneOf(&'static [&'static str]),
}

struct Parameter {
    name: &'static str,
    kind: Kind,
    is_required: bool,
}

const fn optional(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind, is_required: false }
}

const RESOURCES: [Parameter; 1] = [optional("type", Kind::OneOf(&["vm", "storage", "node", "sdn"]))];
const RRD: [Parameter; 2] = [
    Parameter {
        name: "timeframe",
        kind: Kind::OneOf(&["hour", "day", "week", "month", "year"]),
        is_required: true,
    },
    optional("cf", Kind::OneOf(&["AVERAGE", "MAX"])),
];
const STORAGES: [Parameter; 1] = [optional("type", Kind::Text)];
const NODE_STORAGES: [Parameter; 5] = [
    optional("content", Kind::Text),
    optional("enabled", Kind::Flag),
    optional("format", Kind::Flag),
    optional("storage", Kind::Text),
    optional("target", Kind::Text),
];
const CONTENT: [Parameter; 2] = [optional("content", Kind::Text), optional("vmid", Kind::Number)];
const TASKS: [Parameter; 10] = [
    optional("errors", Kind::Flag),
    optional("limit", Kind::Number),
    optional("since", Kind::Number),
    optional("source", Kind::OneOf(&["archive", "active", "all"])),
    optional("start", Kind::Number),
    optional("statusfilter", Kind::Text),
    optional("typefilter", Kind::Text),
    optional("until", Kind::Number),
    optional("userfilter", Kind::Text),
    optional("vmid", Kind::Number),
];
const NETWORK: [Parameter; 1] = [optional("type", Kind::Text)];
const QEMU_LIST: [Parameter; 1] = [optional("full", Kind::Flag)];
const CONFIG: [Parameter; 2] = [optional("current", Kind::Flag), optional("snapshot", Kind::Text)];
const LXC_CONFIG: [Parameter; 1] = [optional("snapshot", Kind::Text)];
const DISKS: [Parameter; 3] = [
    optional("include-partitions", Kind::Flag),
    optional("skipsmart", Kind::Flag),
    optional("type", Kind::OneOf(&["unused", "journal_disks"])),
];
const PERMISSIONS: [Parameter; 2] = [optional("path", Kind::Text), optional("userid", Kind::Text)];
const FILE: [Parameter; 1] = [Parameter { name: "file", kind: Kind::Text, is_required: true }];
const HA: [Parameter; 1] = [optional("type", Kind::OneOf(&["ct", "vm"]))];
const GUEST: [Parameter; 1] = [optional("guest", Kind::Number)];

fn parameters(call: Call) -> &'static [Parameter] {
    match call {
        Call::ClusterResources => &RESOURCES,
        Call::NodeRrd | Call::QemuRrd | Call::LxcRrd => &RRD,
        Call::Storages => &STORAGES,
        Call::NodeStorages => &NODE_STORAGES,
        Call::NodeStorageContent => &CONTENT,
        Call::NodeTasks => &TASKS,
        Call::NodeNetwork => &NETWORK,
        Call::QemuList => &QEMU_LIST,
        Call::QemuConfig => &CONFIG,
        Call::LxcConfig => &LXC_CONFIG,
        Call::DisksList => &DISKS,
        Call::Permissions => &PERMISSIONS,
        Call::AgentFile => &FILE,
        Call::HaResources => &HA,
        Call::NodeReplication => &GUEST,
        Call::Version
        | Call::TicketInfo
        | Call::ClusterStatus
        | Call::ClusterReplication
        | Call::HaStatus
        | Call::CephStatus
        | Call::Nodes
        | Call::NodeStatus
        | Call::NodeVersion
        | Call::NodeSubscription
        | Call::DisksZfs
        | Call::DisksZfsPool
        | Call::NodeUpdates
        | Call::CephPools
        | Call::NodeStorageStatus
        | Call::QemuStatus
        | Call::QemuSnapshots
        | Call::AgentFsInfo
        | Call::AgentNetwork
        | Call::AgentOs
        | Call::AgentInfo
        | Call::LxcList
        | Call::LxcStatus
        | Call::LxcSnapshots
        | Call::LxcInterfaces => &[],
    }
}

/// Says what is wrong with the parameters, one text per name.
pub(super) fn check_parameters(
    call: Call,
    version: PveVersion,
    query: &[(String, String)],
) -> Map<String, Value> {
    let known = parameters(call);
    let mut errors = Map::new();
    for (name, value) in query {
        let problem = match known.iter().find(|parameter| parameter.name == name) {
            None => Some(UNKNOWN_PARAMETER.to_owned()),
            Some(parameter) => problem(parameter.kind, value, version),
        };
        if let Some(problem) = problem {
            errors.insert(name.clone(), problem.into());
        }
    }
    for parameter in known.iter().filter(|parameter| parameter.is_required) {
        if !query.iter().any(|(name, _)| name == parameter.name) {
            errors.insert(parameter.name.into(), MISSING_PARAMETER.into());
        }
    }
    errors
}

fn problem(kind: Kind, value: &str, version: PveVersion) -> Option<String> {
    match kind {
        Kind::Text => None,
        Kind::Flag => {
            let is_flag = ["0", "1", "on", "off", "yes", "no", "true", "false"].contains(&value);
            (!is_flag).then(|| "type check ('boolean') failed - got '".to_owned() + value + "'")
        }
        Kind::Number => value
            .parse::<i64>()
            .is_err()
            .then(|| "type check ('integer') failed - got '".to_owned() + value + "'"),
        Kind::OneOf(words) => {
            // Release 9 keeps ten years.
            let is_decade = version >= PveVersion::V9_1 && value == "decade" && words.contains(&"year");
            (!words.contains(&value) && !is_decade).then(|| {
                format!("value '{value}' does not have a value in the enumeration '{}'", words.join(", "))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_with_their_names() {
        let route = find("/nodes/pve1/qemu/100/status/current", PveVersion::V9_1).unwrap();
        assert_eq!(route.call, Call::QemuStatus);
        assert_eq!(route.parts, [("node", "pve1".to_owned()), ("vmid", "100".to_owned())]);
        for path in [
            "/nope",
            "/nodes/",
            "/nodes/pve1",
            "/nodes/pve1/qemu/x/config",
            "/cluster/ceph/df",
            "/nodes/pve1/disks/zfs/",
            "/nodes//status",
        ] {
            assert!(find(path, PveVersion::V9_1).is_none(), "{path}");
        }
    }

    #[test]
    fn release_7_has_no_container_interfaces() {
        let path = "/nodes/pve1/lxc/100/interfaces";
        assert!(find(path, PveVersion::V7_4).is_none());
        assert!(find(path, PveVersion::V8_4).is_some());
    }

    #[test]
    fn the_table_names_every_path_once() {
        let mut paths: Vec<_> = TABLE.iter().map(|(path, _)| path).collect();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), TABLE.len());
    }
}
