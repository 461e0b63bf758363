//! Which host an agent is that connects to be given commands: one that reports with the same token under the same id and
//! name, and says itself that it runs commands. Whoever holds a token gets no further than the hosts it reports.

use pulse_config::store::fleet::AgentKind;
use pulse_core::{
    Snapshot,
    ids::{HostId, TokenId},
};

use super::identity::sanitise;
use crate::world::World;

/// Why an agent is given no commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// Nothing reports with this token under this name and id; perhaps not yet.
    #[error(
        "no host of this name and id reports with this token; a host must have reported before it takes commands"
    )]
    Unknown,
    /// Several do.
    #[error(
        "several hosts of this name and id report with this token; give each an id of its own (--agent-id)"
    )]
    Ambiguous,
    /// It must not.
    #[error("commands are switched off for this host, by its owner or on this server")]
    SwitchedOff,
}

impl World {
    /// The host that an agent with a token says to be.
    pub fn command_host(&self, agent_id: &str, hostname: &str, token: &TokenId) -> Result<HostId, BindError> {
        let claim = sanitise(agent_id);
        let is_it = |id: &str, known: &pulse_config::store::fleet::Identity| {
            let is_same_id = id == claim
                || known.claim == claim
                || known.machine_id.as_deref().is_some_and(|machine| sanitise(machine) == claim);
            is_same_id
                && known.hostname.eq_ignore_ascii_case(hostname.trim())
                && known.token_id.as_deref() == Some(token.as_str())
                && self.is_known(AgentKind::Host, id)
        };
        let mut found = self.fleet.hosts.identities.iter().filter(|(id, known)| is_it(id, known));
        let (id, _) = found.next().ok_or(BindError::Unknown)?;
        if found.next().is_some() {
            return Err(BindError::Ambiguous);
        }
        let host = HostId::from(id.as_str());
        if !may_run_commands(&self.snapshot, &host, token) {
            return Err(BindError::SwitchedOff);
        }
        Ok(host)
    }
}

/// Whether a host still reports with a token, and neither its owner nor anybody here switched its commands off.
pub fn may_run_commands(snapshot: &Snapshot, host: &HostId, token: &TokenId) -> bool {
    snapshot.hosts.get(host).is_some_and(|host| {
        // What a person switches on here does not count: the owner of the machine has the last word.
        let is_on = host.commands_enabled && host.agent.commands_enabled;
        is_on && host.link.as_ref().is_some_and(|link| link.token_id == *token)
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use jiff::Timestamp;
    use pulse_config::store::metadata::HostMetadata;
    use pulse_core::{
        model::AgentLink,
        report::{AgentInfo, host::HostInfo, host::HostNetwork, host::HostReport},
    };

    use super::*;
    use crate::{Reporter, merge};

    fn token(id: &str) -> Reporter {
        Reporter::Token(AgentLink {
            token_id: TokenId::from(id),
            token_name: id.into(),
            token_hint: String::new(),
            last_used_at: None,
        })
    }

    fn report(id: &str, hostname: &str, mac: &str, commands_enabled: bool) -> HostReport {
        HostReport {
            agent: AgentInfo { commands_enabled, ..AgentInfo::default() },
            host: HostInfo { id: Some(id.into()), hostname: hostname.into(), ..HostInfo::default() },
            network: vec![HostNetwork {
                name: "eth0".into(),
                mac: Some(mac.into()),
                ..HostNetwork::default()
            }],
            ..HostReport::default()
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    const A: &str = "bc:24:11:00:00:0a";
    const B: &str = "bc:24:11:00:00:0b";

    #[test]
    fn an_agent_is_a_host_only_with_its_id_its_name_and_its_token() {
        let mut world = World::new(at(0));
        merge::host::merge(&mut world, report("m1", "nas", A, true), &token("t"), at(0)).unwrap();
        merge::host::merge(&mut world, report("m2", "router", B, false), &token("t"), at(0)).unwrap();
        let ask = |id: &str, name: &str, with: &str| world.command_host(id, name, &TokenId::from(with));
        assert_eq!(ask("m1", "NAS", "t"), Ok(HostId::from("m1")));
        assert_eq!(ask("m1", "nas", "other"), Err(BindError::Unknown), "the token of another host");
        assert_eq!(ask("m1", "router", "t"), Err(BindError::Unknown));
        assert_eq!(ask("m3", "nas", "t"), Err(BindError::Unknown));
        assert_eq!(ask("m2", "router", "t"), Err(BindError::SwitchedOff), "its owner does not allow that");
    }

    #[test]
    fn two_machines_of_one_image_are_told_apart_or_not_served() {
        let mut world = World::new(at(0));
        merge::host::merge(&mut world, report("m", "nas1", A, true), &token("t"), at(0)).unwrap();
        merge::host::merge(&mut world, report("m", "nas2", B, true), &token("t"), at(1)).unwrap();
        let first = world.command_host("m", "nas1", &TokenId::from("t")).unwrap();
        let second = world.command_host("m", "nas2", &TokenId::from("t")).unwrap();
        assert_ne!(first, second);
        // A third one with the name of the first: nobody can tell which of them connects.
        let mut world = World::new(at(0));
        for second in 0..4 {
            let mac = if second % 2 == 0 { A } else { B };
            merge::host::merge(&mut world, report("m", "nas", mac, true), &token("t"), at(second)).unwrap();
        }
        assert_eq!(world.snapshot().hosts.len(), 2);
        assert_eq!(world.command_host("m", "nas", &TokenId::from("t")), Err(BindError::Ambiguous));
    }

    #[test]
    fn what_is_switched_off_anywhere_is_off_and_the_server_switches_nothing_on() {
        let mut world = World::new(at(0));
        for (owner, server, expect) in [
            (true, None, true),
            (true, Some(true), true),
            (true, Some(false), false),
            (false, None, false),
            (false, Some(true), false),
        ] {
            merge::host::merge(&mut world, report("m", "nas", A, owner), &token("t"), at(0)).unwrap();
            let notes = HostMetadata { commands_enabled: server, ..HostMetadata::default() };
            world.set_notes(Arc::new(BTreeMap::from([("m".to_owned(), notes)])), Arc::default());
            let (host, with) = (HostId::from("m"), TokenId::from("t"));
            assert_eq!(may_run_commands(world.snapshot(), &host, &with), expect, "{owner} {server:?}");
            assert!(!may_run_commands(world.snapshot(), &host, &TokenId::from("u")));
        }
    }
}
