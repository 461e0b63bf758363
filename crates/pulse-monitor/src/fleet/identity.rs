//! Which machine a report is of. Two machines that claim one id stay two, one machine that changes its name, its network
//! card or its agent stays one, and a token speaks only for the machines that report with it.
//!
//! What is known of each machine is an [`Identity`]; a report makes a [`Claim`]. The id of the first machine that claims
//! one is the claim itself, every other gets something behind it. Pulse v5 keeps this in memory, so that after a restart
//! machines change places.

use std::{fmt, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use pulse_config::store::fleet::{AgentKind, FleetSection, Identity};
use pulse_core::model::Liveness;

use super::text::clean;
use crate::{
    intake::{IntakeError, MOST_KNOWN, Reporter},
    world::World,
};

/// Network addresses kept of one machine.
const MOST_ADDRESSES: usize = 16;

/// Two sets of network hardware that alternate within this time are two machines, not one with a new card.
const FLIP: SignedDuration = SignedDuration::from_mins(10);

/// Interfaces that software makes; their addresses say nothing about the machine.
const VIRTUAL_INTERFACES: &[&str] = &[
    "lo", "docker", "br-", "veth", "virbr", "cni", "flannel", "cali", "vmbr", "fwbr", "fwpr", "fwln", "tap",
    "tun",
];

/// Whether a token still exists; a machine whose token was deleted may report with another one.
#[derive(Clone)]
pub struct KnownTokens(pub Arc<dyn Fn(&str) -> bool + Send + Sync>);

impl Default for KnownTokens {
    fn default() -> Self {
        Self(Arc::new(|_| true))
    }
}

impl fmt::Debug for KnownTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnownTokens")
    }
}

/// Who a report says it is of.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) kind: AgentKind,
    /// The id it asks for, harmless already.
    pub(crate) id: String,
    pub(crate) hostname: String,
    pub(crate) machine_id: Option<String>,
    /// Addresses of network hardware, sorted.
    pub(crate) mac_addresses: Vec<String>,
}

/// The addresses of a machine's network hardware, from what it says of its interfaces.
pub(crate) fn hardware<'a>(interfaces: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> Vec<String> {
    let mut addresses: Vec<String> = interfaces
        .filter(|(name, _)| !VIRTUAL_INTERFACES.iter().any(|prefix| name.starts_with(prefix)))
        .filter_map(|(_, mac)| Some(mac?.trim().to_ascii_lowercase()))
        .filter(|mac| mac.len() == 17 && mac.chars().any(|c| c != '0' && c != ':' && c != '-'))
        .filter(|mac| mac.chars().all(|c| c.is_ascii_hexdigit() || c == ':' || c == '-'))
        .collect();
    addresses.sort();
    addresses.dedup();
    addresses.truncate(MOST_ADDRESSES);
    addresses
}

/// How alike a known machine and a claim are; more is more alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Resemblance {
    /// Another id, but the same name and hardware: installed anew.
    Reinstalled,
    /// The same id and name, other hardware: a new card, or a second machine made from one image.
    OtherHardware,
    /// The same id and hardware under another name.
    Renamed,
    /// The same id and name; one of them names no hardware.
    Same,
    /// The same in everything.
    Proven,
}

fn resemblance(known: &Identity, claim: &Claim, is_online: impl FnOnce() -> bool) -> Option<Resemblance> {
    let is_same_claim = known.claim == claim.id;
    let is_same_name = known.hostname == claim.hostname;
    if !is_same_claim && !is_same_name {
        return None;
    }
    let has_hardware = !known.mac_addresses.is_empty() && !claim.mac_addresses.is_empty();
    let shares_hardware = shares(&known.mac_addresses, &claim.mac_addresses);
    match (is_same_claim, is_same_name) {
        (true, true) if shares_hardware => Some(Resemblance::Proven),
        (true, true) if !has_hardware => Some(Resemblance::Same),
        (true, true) => Some(Resemblance::OtherHardware),
        (true, false) => shares_hardware.then_some(Resemblance::Renamed),
        (false, _) => {
            let is_same_machine = known.machine_id.is_some() && known.machine_id == claim.machine_id;
            // An agent of its own id beside another one is meant; one whose id was only its name is an older agent.
            let is_successor = || known.claim == known.hostname || !is_online();
            let is_reinstalled = match claim.kind {
                AgentKind::Docker => is_same_machine || (shares_hardware && is_successor()),
                AgentKind::Host => (is_same_machine || shares_hardware) && is_successor(),
                AgentKind::Kubernetes => false,
            };
            is_reinstalled.then_some(Resemblance::Reinstalled)
        }
    }
}

fn shares(a: &[String], b: &[String]) -> bool {
    a.iter().any(|mac| b.contains(mac))
}

/// The id under which a report is kept, and what is known of its machine afterwards.
pub(crate) fn identify(
    world: &mut World,
    claim: Claim,
    reporter: &Reporter,
    now: Timestamp,
) -> Result<String, IntakeError> {
    let kind = claim.kind;
    let section = world.fleet.section(kind);
    // Nearly always the first machine that claims its id.
    let direct = section.identities.get(&claim.id).is_some_and(|known| {
        resemblance(known, &claim, || false).is_some_and(|alike| alike >= Resemblance::Same)
            && is_bound_to(known, reporter)
    });
    if direct {
        let id = claim.id.clone();
        renew(world, &id, claim, reporter, now);
        return Ok(id);
    }
    let mut alike: Vec<(Resemblance, bool, String)> = section
        .identities
        .iter()
        .filter(|(_, known)| speaks_for(world, known, reporter))
        .filter_map(|(id, known)| {
            let alike = resemblance(known, &claim, || is_online(world, kind, id))?;
            Some((alike, *id == claim.id, id.clone()))
        })
        .collect();
    alike.sort();
    let Some((resemblance, _, id)) = alike.pop() else {
        return newcomer(world, claim, reporter, now);
    };
    if resemblance == Resemblance::OtherHardware
        && let Some(id) = split(world, &id, &claim, reporter, now)?
    {
        return Ok(id);
    }
    if resemblance == Resemblance::Proven || resemblance == Resemblance::Same {
        // It had to go by another id while its own belonged to a token that is gone now.
        for (_, _, other) in alike.into_iter().filter(|(other, ..)| *other == resemblance) {
            world.forget(kind, &other);
        }
    }
    renew(world, &id, claim, reporter, now);
    Ok(id)
}

fn is_bound_to(known: &Identity, reporter: &Reporter) -> bool {
    match reporter {
        Reporter::Local | Reporter::Anonymous => true,
        Reporter::Token(link) => known.token_id.as_deref() == Some(link.token_id.as_str()),
    }
}

/// Whether `reporter` may report as this machine: it always did, nobody does, or who did has lost its token.
pub(crate) fn speaks_for(world: &World, known: &Identity, reporter: &Reporter) -> bool {
    is_bound_to(known, reporter)
        || known.token_id.as_deref().is_none_or(|token| !(world.known_tokens.0)(token))
}

fn is_online(world: &World, kind: AgentKind, id: &str) -> bool {
    let liveness = match kind {
        AgentKind::Host => world.snapshot.hosts.get(id).map(|host| host.liveness),
        AgentKind::Docker => world.snapshot.docker_hosts.get(id).map(|host| host.liveness),
        AgentKind::Kubernetes => world.snapshot.kubernetes_clusters.get(id).map(|cluster| cluster.liveness),
    };
    liveness == Some(Liveness::Online)
}

/// The hardware of a machine changed. Where it changes back soon there are two: the one that was there first keeps its
/// id, the other one gets its own.
fn split(
    world: &mut World,
    id: &str,
    claim: &Claim,
    reporter: &Reporter,
    now: Timestamp,
) -> Result<Option<String>, IntakeError> {
    let key = (claim.kind, id.to_owned());
    let Some(known) = world.fleet.section(claim.kind).identities.get(id).cloned() else { return Ok(None) };
    let is_flip = world.flips.get(&key).is_some_and(|(before, at)| {
        shares(before, &claim.mac_addresses) && now.duration_since(*at).abs() < FLIP
    });
    if !is_flip {
        if world.flips.len() >= MOST_KNOWN {
            world.flips.clear();
        }
        world.flips.insert(key, (known.mac_addresses, now));
        return Ok(None);
    }
    world.flips.remove(&key);
    let second = Claim { mac_addresses: known.mac_addresses, ..claim.clone() };
    newcomer(world, second, reporter, now)?;
    renew(world, id, claim.clone(), reporter, now);
    Ok(Some(id.to_owned()))
}

/// Notes what a machine says of itself now.
fn renew(world: &mut World, id: &str, claim: Claim, reporter: &Reporter, now: Timestamp) {
    let section = world.fleet.section(claim.kind);
    let Some(known) = section.identities.get(id) else { return };
    if reporter == &Reporter::Local && known.token_id.is_some() {
        // An agent reports this machine, and may call it otherwise: the two must not take turns.
        return;
    }
    let token_id = match reporter {
        // What was removed belongs to nobody until it is enrolled again.
        Reporter::Token(_) if section.removed.contains_key(id) => known.token_id.clone(),
        Reporter::Token(link) => Some(link.token_id.to_string()),
        Reporter::Local | Reporter::Anonymous => known.token_id.clone(),
    };
    let is_fresh = now.duration_since(known.seen_at).abs() < SignedDuration::from_hours(24);
    let next = Identity {
        claim: claim.id,
        hostname: claim.hostname,
        machine_id: claim.machine_id.or_else(|| known.machine_id.clone()),
        mac_addresses: if claim.mac_addresses.is_empty() {
            known.mac_addresses.clone()
        } else {
            claim.mac_addresses
        },
        token_id,
        seen_at: if is_fresh { known.seen_at } else { now },
    };
    if next != *known {
        world.decide().section_mut(claim.kind).identities.insert(id.to_owned(), next);
    }
}

/// A machine that was never heard of.
fn newcomer(
    world: &mut World,
    claim: Claim,
    reporter: &Reporter,
    now: Timestamp,
) -> Result<String, IntakeError> {
    make_room(world, claim.kind)?;
    let section = world.fleet.section(claim.kind);
    let token = reporter.link().map(|link| link.token_id.to_string());
    let id = if section.identities.contains_key(&claim.id) {
        let id = another_id(section, &claim, token.as_deref().unwrap_or_default())
            .ok_or(IntakeError::TooMany { what: claim.kind.name(), limit: MOST_KNOWN })?;
        tracing::warn!(
            claimed = claim.id,
            given = id,
            hostname = claim.hostname,
            "a {} claims an id that another one has, or that another token reports: it is kept as one of its own",
            claim.kind.name()
        );
        id
    } else {
        claim.id.clone()
    };
    let kind = claim.kind;
    let identity = Identity {
        claim: claim.id,
        hostname: claim.hostname,
        machine_id: claim.machine_id,
        mac_addresses: claim.mac_addresses,
        token_id: token,
        seen_at: now,
    };
    world.decide().section_mut(kind).identities.insert(id.clone(), identity);
    Ok(id)
}

/// An id beside the claimed one that nobody has.
fn another_id(section: &FleetSection, claim: &Claim, token: &str) -> Option<String> {
    let is_free = |id: &String| !section.identities.contains_key(id);
    if claim.kind == AgentKind::Docker {
        let named = format!("{}::{}", claim.id, claim.hostname);
        if is_free(&named) {
            return Some(named);
        }
    }
    let hardware = claim.mac_addresses.first().map_or("", String::as_str);
    (0..16_u8).find_map(|attempt| {
        let attempt = if attempt == 0 { String::new() } else { attempt.to_string() };
        let parts: &[&str] = if attempt.is_empty() && claim.kind != AgentKind::Docker {
            &[&claim.hostname, token]
        } else {
            &[&claim.hostname, token, hardware, &attempt]
        };
        let hash = fingerprint(parts) & 0xffff_ffff;
        let short: String = claim.id.chars().take(40).collect();
        let separator = if claim.kind == AgentKind::Docker { "::" } else { "-" };
        Some(format!("{short}{separator}{hash:08x}")).filter(is_free)
    })
}

/// Refuses a newcomer where there are too many; machines that were not heard of since the start make room.
fn make_room(world: &mut World, kind: AgentKind) -> Result<(), IntakeError> {
    let section = world.fleet.section(kind);
    if section.identities.len() < MOST_KNOWN {
        return Ok(());
    }
    let oldest = section
        .identities
        .iter()
        .filter(|(id, _)| !world.is_known(kind, id) && !section.removed.contains_key(*id))
        .min_by_key(|(_, known)| known.seen_at)
        .map(|(id, _)| id.clone());
    match oldest {
        Some(id) => {
            world.forget(kind, &id);
            Ok(())
        }
        None => Err(IntakeError::TooMany { what: kind.name(), limit: MOST_KNOWN }),
    }
}

/// A text that may be an id: what could do harm in a path, a log or a page is replaced.
pub(crate) fn sanitise(text: &str) -> String {
    text.trim()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':') { c } else { '-' })
        .take(128)
        .collect::<String>()
        .trim_matches('-')
        .to_owned()
}

/// The first of the texts that can be an id; without any, one made of the host name.
pub(crate) fn first_id<'a>(
    texts: impl IntoIterator<Item = Option<&'a str>>,
    tidy: fn(&str) -> String,
    hostname: &str,
) -> String {
    texts
        .into_iter()
        .flatten()
        .map(tidy)
        .find(|text| !text.is_empty())
        .unwrap_or_else(|| format!("host-{:012x}", fingerprint(&[hostname]) & 0xffff_ffff_ffff))
}

/// An id as Docker and Kubernetes agents may choose it: any text of a decent length.
pub(crate) fn plain(text: &str) -> String {
    clean(text, 256)
}

/// FNV-1a: only to tell two machines apart, not a secret.
fn fingerprint(parts: &[&str]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use pulse_core::{ids::TokenId, model::AgentLink};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn claim(id: &str, hostname: &str, mac: &str) -> Claim {
        Claim {
            kind: AgentKind::Host,
            id: id.into(),
            hostname: hostname.into(),
            machine_id: None,
            mac_addresses: hardware([("eth0", Some(mac))].into_iter()),
        }
    }

    fn with(token: &str) -> Reporter {
        Reporter::Token(AgentLink {
            token_id: TokenId::from(token),
            token_name: token.into(),
            token_hint: "ab…yz".into(),
            last_used_at: None,
        })
    }

    const A: &str = "bc:24:11:00:00:0a";
    const B: &str = "bc:24:11:00:00:0b";

    fn id(world: &mut World, claim: Claim, token: &str, second: i64) -> String {
        identify(world, claim, &with(token), at(second)).unwrap()
    }

    #[test]
    fn clones_that_share_id_name_and_token_become_two_by_their_hardware_and_stay_two() {
        let mut world = World::new(at(0));
        let mut last = BTreeSet::new();
        for round in 0..5 {
            let a = id(&mut world, claim("m", "debian", A), "t", round * 10);
            let b = id(&mut world, claim("m", "debian", B), "t", round * 10 + 1);
            last = BTreeSet::from([a, b]);
        }
        assert_eq!(last.len(), 2);
        assert_eq!(id(&mut world, claim("m", "debian", A), "t", 100), "m", "the first one keeps its id");
    }

    #[test]
    fn a_new_network_card_a_new_name_and_a_new_installation_leave_one_machine() {
        let mut world = World::new(at(0));
        assert_eq!(id(&mut world, claim("nas", "nas", A), "t", 0), "nas");
        assert_eq!(id(&mut world, claim("m-1", "nas", A), "t", 10), "nas", "an older agent went by its name");
        assert_eq!(id(&mut world, claim("m-1", "nas2", A), "t", 20), "nas", "renamed");
        assert_eq!(id(&mut world, claim("m-1", "nas2", B), "t", 30), "nas", "another card");
        assert_eq!(id(&mut world, claim("m-1", "nas2", ""), "t", 40), "nas", "no card at all");
        assert_eq!(world.fleet.hosts.identities.len(), 1);
    }

    #[test]
    fn another_name_without_proof_is_another_machine() {
        let mut world = World::new(at(0));
        let first = id(&mut world, claim("m", "a", ""), "t", 0);
        let second = id(&mut world, claim("m", "b", ""), "t", 0);
        assert_eq!(first, "m");
        assert!(second.starts_with("m-") && second.len() == 10, "{second}");
        assert_eq!(id(&mut world, claim("m", "b", ""), "t", 9), second);
    }

    #[test]
    fn a_token_does_not_speak_for_another_ones_machine_until_that_token_is_gone() {
        let mut world = World::new(at(0));
        assert_eq!(id(&mut world, claim("m", "nas", A), "mine", 0), "m");
        let foreign = id(&mut world, claim("m", "nas", A), "theirs", 1);
        assert_ne!(foreign, "m");
        assert_eq!(id(&mut world, claim("m", "nas", A), "mine", 2), "m");
        world.known_tokens = KnownTokens(Arc::new(|token| token != "mine"));
        assert_eq!(id(&mut world, claim("m", "nas", A), "theirs", 3), "m", "its successor");
        assert_eq!(world.fleet.hosts.identities.len(), 1, "and the stand-in is gone");
    }

    #[test]
    fn the_server_itself_and_people_speak_for_every_machine_and_bind_none() {
        let mut world = World::new(at(0));
        for reporter in [Reporter::Local, with("t"), Reporter::Local, Reporter::Anonymous] {
            assert_eq!(identify(&mut world, claim("m", "nas", A), &reporter, at(0)).unwrap(), "m");
        }
        assert_eq!(world.fleet.hosts.identities["m"].token_id.as_deref(), Some("t"));
    }

    #[test]
    fn what_has_not_reported_since_the_start_makes_room_for_newcomers() {
        let mut world = World::new(at(0));
        for n in 0..MOST_KNOWN {
            let known = Identity {
                claim: n.to_string(),
                hostname: n.to_string(),
                machine_id: None,
                mac_addresses: vec![],
                token_id: None,
                seen_at: at(i64::try_from(n).unwrap()),
            };
            world.decide().hosts.identities.insert(n.to_string(), known);
        }
        assert_eq!(id(&mut world, claim("new", "new", ""), "t", 0), "new");
        let identities = &world.fleet.hosts.identities;
        assert!(
            identities.len() == MOST_KNOWN && !identities.contains_key("0") && identities.contains_key("1")
        );
    }

    #[test]
    fn ids_are_made_harmless() {
        assert_eq!(sanitise("  a/b<c>\u{1F600} "), "a-b-c");
        assert_eq!(sanitise(&"x".repeat(500)).len(), 128);
        assert_eq!(sanitise("///"), "");
        assert_eq!(plain(" a\u{7}b\u{202e}c "), "abc");
        assert!(first_id([Some("/"), None], sanitise, "h").starts_with("host-"));
    }

    #[test]
    fn only_hardware_counts() {
        let list = [
            ("eth0", Some("BC:24:11:00:00:01")),
            ("lo", Some("00:00:00:00:00:00")),
            ("docker0", Some("02:42:ac:11:00:02")),
            ("eth1", Some("00:00:00:00:00:00")),
            ("wg0", None),
            ("eth2", Some("hello, I am no addr")),
        ];
        assert_eq!(hardware(list.into_iter()), ["bc:24:11:00:00:01"]);
    }
}
