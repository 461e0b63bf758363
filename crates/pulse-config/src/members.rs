//! Members of a cluster, as what is configured and what the cluster says of itself come together.

use crate::{ClusterEndpointConfig, PveInstance};

/// No cluster has more members; Proxmox supports about 32.
const MOST_MEMBERS: usize = 256;
/// The longest name or address that is kept. Both come from the network.
const LONGEST: usize = 512;

impl PveInstance {
    /// Takes over the members of a cluster as found, keeping what is already known of them, and gives back how many
    /// are new.
    pub fn merge_endpoints(&mut self, found: Vec<ClusterEndpointConfig>) -> usize {
        let mut added = 0;
        for endpoint in found {
            let known = self.cluster_endpoints.iter_mut().find(|known| known.node_name == endpoint.node_name);
            if let Some(known) = known {
                let fingerprint = endpoint.fingerprint.clone().or_else(|| known.fingerprint.take());
                *known = ClusterEndpointConfig { fingerprint, ..endpoint };
            } else {
                added += 1;
                self.cluster_endpoints.push(endpoint);
            }
        }
        added
    }

    /// Takes over the members that the cluster named of itself: new ones are added, what it no longer has goes, and of
    /// the others stays what is known and still holds. An address that a person corrected is kept for as long as the
    /// member itself has not moved.
    ///
    /// To be called with what was heard from the instance itself only: whoever is a member is sent its credentials.
    pub fn take_members(&mut self, cluster_name: &str, mut found: Vec<ClusterEndpointConfig>) {
        found.retain(|member| {
            let is_sane = |text: &str| text.len() <= LONGEST;
            !member.node_name.is_empty()
                && [&member.node_name, &member.node_id, &member.host, &member.ip]
                    .iter()
                    .all(|text| is_sane(text))
        });
        found.truncate(MOST_MEMBERS);
        if found.is_empty() {
            return;
        }
        for member in &mut found {
            let known = self.cluster_endpoints.iter().find(|known| known.node_name == member.node_name);
            let Some(known) = known else { continue };
            if known.ip == member.ip && !known.host.is_empty() {
                member.host.clone_from(&known.host);
            }
            if member.fingerprint.is_none() {
                member.fingerprint.clone_from(&known.fingerprint);
            }
        }
        found.sort_by(|a, b| a.node_name.cmp(&b.node_name));
        found.dedup_by(|a, b| a.node_name == b.node_name);
        self.cluster_endpoints = found;
        self.cluster_name = Some(cluster_name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, ip: &str, host: &str) -> ClusterEndpointConfig {
        ClusterEndpointConfig {
            node_id: format!("node/{name}"),
            node_name: name.into(),
            host: host.into(),
            ip: ip.into(),
            fingerprint: Some("AA".into()),
        }
    }

    #[test]
    fn what_is_known_stays_what_moved_is_followed_and_what_left_goes() {
        let mut pve = PveInstance::new("lab".into(), "https://pve.lan:8006".into());
        pve.cluster_endpoints = vec![
            member("a", "192.0.2.1", "https://pve.lan:8006"),
            member("b", "192.0.2.2", "https://192.0.2.2:8006"),
            member("gone", "192.0.2.9", ""),
        ];
        let mut nameless = member("a", "192.0.2.1", "https://192.0.2.1:8006");
        nameless.fingerprint = None;
        let found = vec![
            member("c", "192.0.2.3", "https://192.0.2.3:8006"),
            member("b", "192.0.2.7", "https://192.0.2.7:8006"),
            nameless,
        ];
        pve.take_members("prod", found.clone());
        let hosts: Vec<_> = pve.cluster_endpoints.iter().map(|it| (&*it.node_name, &*it.host)).collect();
        assert_eq!(
            hosts,
            [("a", "https://pve.lan:8006"), ("b", "https://192.0.2.7:8006"), ("c", "https://192.0.2.3:8006")]
        );
        assert_eq!(pve.cluster_endpoints[0].fingerprint.as_deref(), Some("AA"));
        assert_eq!(pve.cluster_name.as_deref(), Some("prod"));
        let before = pve.clone();
        pve.take_members("prod", found);
        assert_eq!(pve, before, "the same again changes nothing");
        pve.take_members("prod", Vec::new());
        assert_eq!(pve, before, "a cluster without members was not read");
    }

    #[test]
    fn they_are_bounded() {
        let mut pve = PveInstance::new("lab".into(), "https://pve.lan:8006".into());
        let mut found: Vec<_> = (0..1_000).map(|number| member(&format!("n{number}"), "", "")).collect();
        found.push(member(&"x".repeat(10_000), "", ""));
        pve.take_members("prod", found);
        assert_eq!(pve.cluster_endpoints.len(), MOST_MEMBERS);
    }
}
