//! Where a command is to run: on a host, or by its host in one of its guests. Nothing is guessed: a name that two hosts
//! have names none.

use std::{fmt, sync::Arc};

use pulse_core::{
    Snapshot,
    model::{Guest, Host},
};

/// Where on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecTarget {
    /// On itself.
    Host,
    /// In a container, by its VMID.
    Container(u32),
    /// In a virtual machine, by its VMID.
    Vm(u32),
}

impl ExecTarget {
    /// Its kind and id on the wire.
    pub fn wire(&self) -> (&'static str, String) {
        match self {
            Self::Host => ("host", String::new()),
            Self::Container(vmid) => ("container", vmid.to_string()),
            Self::Vm(vmid) => ("vm", vmid.to_string()),
        }
    }
}

impl fmt::Display for ExecTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("host"),
            Self::Container(vmid) => write!(f, "container {vmid}"),
            Self::Vm(vmid) => write!(f, "vm {vmid}"),
        }
    }
}

/// What somebody says of where a command is to run.
#[derive(Debug, Clone, Copy, Default)]
pub struct WantedTarget<'a> {
    /// `host`, `container` or `vm`; empty is `host`.
    pub kind: &'a str,
    /// Id or name of the host; id or VMID of the guest.
    pub id: &'a str,
    /// Whether it is to run on the guest's host instead of in the guest.
    pub is_on_host: bool,
    /// VMID of the guest, where its id is another one.
    pub vmid: &'a str,
    /// Id or name of the host whose agent is to run it.
    pub host: &'a str,
}

/// Why that is no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No such kind.
    #[error("target_type must be host, container or vm")]
    Kind,
    /// It is not said where.
    #[error("target_id or target_host must name a host")]
    Missing,
    /// No host of that name.
    #[error("no host {0:?} has an agent")]
    UnknownHost(String),
    /// Several hosts have it.
    #[error("several hosts are named {0:?}; name one by its id")]
    AmbiguousHost(String),
    /// A guest needs a number.
    #[error("a guest is named by its id or, together with target_host, by its VMID")]
    Guest,
    /// A guest whose node has no agent.
    #[error("no agent reports the node {0} of this guest: install one there, or link its host to the node")]
    NoAgentOnNode(String),
    /// A guest that is elsewhere.
    #[error("the guest is on the node {node}, which is not the host {host:?}")]
    OtherNode {
        /// The host that was named.
        host: String,
        /// Where the guest is.
        node: String,
    },
}

/// The host whose agent is to run it, and where on it.
pub fn resolve<'a>(
    snapshot: &'a Snapshot,
    wanted: &WantedTarget<'_>,
) -> Result<(&'a Arc<Host>, ExecTarget), TargetError> {
    let kind: fn(u32) -> ExecTarget = match wanted.kind {
        "" | "host" | "node" => {
            let name = if wanted.host.is_empty() { wanted.id } else { wanted.host };
            return Ok((host(snapshot, name)?, ExecTarget::Host));
        }
        "container" | "lxc" => ExecTarget::Container,
        "vm" | "qemu" => ExecTarget::Vm,
        _ => return Err(TargetError::Kind),
    };
    let guest = guest(snapshot, wanted.id);
    let of = match (wanted.host, guest) {
        ("", Some(guest)) => host_of_guest(snapshot, guest)?,
        ("", None) => return Err(TargetError::Guest),
        (name, None) => host(snapshot, name)?,
        (name, Some(guest)) => {
            // On another node the same VMID may be another guest.
            let named = host(snapshot, name)?;
            if named.id != host_of_guest(snapshot, guest)?.id {
                return Err(TargetError::OtherNode { host: name.to_owned(), node: guest.node.clone() });
            }
            named
        }
    };
    if wanted.is_on_host {
        return Ok((of, ExecTarget::Host));
    }
    let vmid = if wanted.vmid.is_empty() { wanted.id } else { wanted.vmid };
    let vmid = match (guest, vmid.parse::<u32>()) {
        (Some(guest), _) => guest.vmid,
        (None, Ok(vmid)) => vmid,
        (None, Err(_)) => return Err(TargetError::Guest),
    };
    let target = match guest {
        // What it really is counts, not what somebody takes it for.
        Some(guest) if guest.kind.is_vm() => ExecTarget::Vm(vmid),
        Some(_) => ExecTarget::Container(vmid),
        None => kind(vmid),
    };
    Ok((of, target))
}

fn host<'a>(snapshot: &'a Snapshot, name: &str) -> Result<&'a Arc<Host>, TargetError> {
    let name = name.trim();
    if name.is_empty() {
        return Err(TargetError::Missing);
    }
    if let Some(host) = snapshot.hosts.get(name) {
        return Ok(host);
    }
    let is_it = |host: &&Arc<Host>| {
        host.info.hostname.eq_ignore_ascii_case(name)
            || host.linked_node.as_ref().is_some_and(|node| node.as_str() == name)
    };
    let mut found = snapshot.hosts.values().filter(is_it);
    match (found.next(), found.next()) {
        (Some(host), None) => Ok(host),
        (None, _) => Err(TargetError::UnknownHost(name.to_owned())),
        (Some(_), Some(_)) => Err(TargetError::AmbiguousHost(name.to_owned())),
    }
}

fn guest<'a>(snapshot: &'a Snapshot, id: &str) -> Option<&'a Guest> {
    let mut guests = snapshot.instances.values().flat_map(|instance| instance.guests.iter());
    guests.find(|guest| guest.id.as_str() == id)
}

/// The host that is the guest's node: what its link says, which a name alone makes where that is certain.
fn host_of_guest<'a>(snapshot: &'a Snapshot, guest: &Guest) -> Result<&'a Arc<Host>, TargetError> {
    let nodes = snapshot.instances.values().flat_map(|instance| instance.nodes.iter());
    let node = nodes.into_iter().find(|node| node.instance == guest.instance && node.name == guest.node);
    let linked = node
        .and_then(|node| snapshot.hosts.values().find(|host| host.linked_node.as_ref() == Some(&node.id)));
    linked.ok_or_else(|| TargetError::NoAgentOnNode(guest.node.clone()))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use pulse_core::{
        ids::InstanceName,
        model::{GuestKind, GuestStatus, InstanceKey, InstanceKind, InstanceView, NodeStatus},
        report::host::{HostInfo, HostReport},
    };

    use super::*;
    use crate::{
        Reporter,
        merge::{
            self,
            pve::tests::{guest, node},
        },
        world::World,
    };

    fn world() -> World {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let mut world = World::new(now);
        let key = InstanceKey { kind: InstanceKind::Pve, name: InstanceName::from("lab") };
        let mut view = InstanceView::unknown(key);
        let on = |name: &str| node(name, NodeStatus::Online, now);
        view.nodes = Arc::new(vec![on("pve1"), on("pve2")]);
        let container =
            Guest { kind: GuestKind::Container, ..guest(101, "pve1", GuestStatus::Running, 0, now) };
        view.guests = Arc::new(vec![container, guest(102, "pve2", GuestStatus::Running, 0, now)]);
        world.set_instance(view);
        for (id, hostname) in [("a", "pve1"), ("b", "nas"), ("c", "nas"), ("d", "other")] {
            let host = HostInfo { id: Some(id.into()), hostname: hostname.into(), ..HostInfo::default() };
            let report = HostReport { host, ..HostReport::default() };
            merge::host::merge(&mut world, report, &Reporter::Local, now).unwrap();
        }
        world
    }

    fn ask(wanted: WantedTarget<'_>) -> Result<(String, ExecTarget), TargetError> {
        let world = world();
        resolve(world.snapshot(), &wanted).map(|(host, target)| (host.id.to_string(), target))
    }

    #[test]
    fn a_host_is_named_by_its_id_its_node_or_a_name_that_no_other_has() {
        for (id, expect) in [("b", "b"), ("PVE1", "a"), ("lab-pve1", "a"), ("other", "d")] {
            let wanted = WantedTarget { kind: "host", id, ..WantedTarget::default() };
            assert_eq!(ask(wanted), Ok((expect.to_owned(), ExecTarget::Host)), "{id}");
        }
        let named = |id| ask(WantedTarget { id, ..WantedTarget::default() });
        assert_eq!(named("nas"), Err(TargetError::AmbiguousHost("nas".into())));
        assert_eq!(named("nowhere"), Err(TargetError::UnknownHost("nowhere".into())));
        assert_eq!(named(""), Err(TargetError::Missing));
        let odd = WantedTarget { kind: "disk", id: "b", ..WantedTarget::default() };
        assert_eq!(ask(odd), Err(TargetError::Kind));
    }

    #[test]
    fn a_guest_is_reached_through_the_node_it_is_on_and_through_no_other() {
        let guest = WantedTarget { kind: "container", id: "lab:pve1:101", ..WantedTarget::default() };
        assert_eq!(ask(guest), Ok(("a".into(), ExecTarget::Container(101))));
        assert_eq!(ask(WantedTarget { kind: "vm", ..guest }), Ok(("a".into(), ExecTarget::Container(101))));
        assert_eq!(ask(WantedTarget { is_on_host: true, ..guest }), Ok(("a".into(), ExecTarget::Host)));
        assert_eq!(ask(WantedTarget { host: "pve1", ..guest }), Ok(("a".into(), ExecTarget::Container(101))));
        let elsewhere = TargetError::OtherNode { host: "other".into(), node: "pve1".into() };
        assert_eq!(ask(WantedTarget { host: "other", ..guest }), Err(elsewhere));
        let bare = WantedTarget { id: "lab:pve2:102", kind: "vm", ..guest };
        assert_eq!(ask(bare), Err(TargetError::NoAgentOnNode("pve2".into())));
        let by_number = WantedTarget { id: "105", host: "other", kind: "vm", ..guest };
        assert_eq!(ask(by_number), Ok(("d".into(), ExecTarget::Vm(105))));
        for (id, vmid, host) in [("105", "", ""), ("", "", "other"), ("x", "1;reboot", "other")] {
            let wanted = WantedTarget { id, vmid, host, ..guest };
            assert_eq!(ask(wanted), Err(TargetError::Guest), "{id} {vmid} {host}");
        }
    }
}
