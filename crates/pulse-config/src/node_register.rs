//! An instance that registers itself: found again by its address or by its name and token, else new.

use pulse_core::{ids::InstanceName, model::InstanceKind};

use crate::{AnyInstance, NodeConfig, NodeError, PbsInstance, PveInstance, Secret, host};

/// What an instance says of itself.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Its product; a mail gateway cannot register itself, because it has no tokens.
    pub kind: InstanceKind,
    /// Its address, as sent.
    pub host: String,
    /// Its name; the address stands in where it has none.
    pub name: Option<String>,
    /// Full name of its token.
    pub token_name: String,
    /// Value of its token.
    pub token_value: Secret,
    /// Fingerprint of the certificate it showed, where nobody else vouches for it.
    pub fingerprint: Option<String>,
    /// `agent` or `script`.
    pub source: Option<String>,
}

/// What became of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// It is new, at this place.
    Added {
        /// Its name.
        name: InstanceName,
    },
    /// It was there already and has the new token now.
    Updated {
        /// Its name.
        name: InstanceName,
    },
}

impl Registered {
    /// The name under which it is kept.
    pub fn name(&self) -> &InstanceName {
        match self {
            Self::Added { name } | Self::Updated { name } => name,
        }
    }
}

impl Registration {
    /// The address as it is kept.
    pub fn normalised_host(&self) -> Result<String, NodeError> {
        Ok(host::normalise(&self.host, self.kind)?)
    }

    /// The instance as a new one: everything that its rights let it show is switched on.
    pub fn instance(&self) -> Result<AnyInstance, NodeError> {
        let host = self.normalised_host()?;
        let name = self.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        let name = InstanceName::from(name.unwrap_or_else(|| host_part(&host)));
        Ok(match self.kind {
            InstanceKind::Pve => AnyInstance::Pve(Box::new(PveInstance {
                token_name: Some(self.token_name.clone()),
                token_value: Some(self.token_value.clone()),
                fingerprint: self.fingerprint.clone(),
                verify_ssl: true,
                source: self.source.clone(),
                ..PveInstance::new(name, host)
            })),
            InstanceKind::Pbs | InstanceKind::Pmg => AnyInstance::Pbs(Box::new(PbsInstance {
                token_name: Some(self.token_name.clone()),
                token_value: Some(self.token_value.clone()),
                fingerprint: self.fingerprint.clone(),
                verify_ssl: true,
                monitor_datastores: true,
                monitor_sync_jobs: true,
                monitor_verify_jobs: true,
                monitor_prune_jobs: true,
                monitor_garbage_jobs: true,
                source: self.source.clone(),
                ..PbsInstance::new(name, host)
            })),
        })
    }
}

impl NodeConfig {
    /// Takes a registration: the instance with that address, or with that name and token, gets the new token if the caller
    /// may replace credentials; else it is added.
    pub fn register(
        &mut self,
        registration: &Registration,
        may_replace: bool,
    ) -> Result<Registered, NodeError> {
        let host = registration.normalised_host()?;
        let (kind, wanted) = (registration.kind, registration);
        let is_it = |known_host: &str, name: &InstanceName, token: Option<&String>| {
            let is_named = wanted
                .name
                .as_deref()
                .is_some_and(|text| text.trim().to_lowercase() == name.as_str().to_lowercase());
            known_host == host || (is_named && token == Some(&wanted.token_name))
        };
        macro_rules! take {
            ($list:expr) => {
                if let Some(known) =
                    $list.iter_mut().find(|it| is_it(&it.host, &it.name, it.token_name.as_ref()))
                {
                    let is_same = known.host == host
                        && known.token_name.as_ref() == Some(&wanted.token_name)
                        && known.token_value.as_ref() == Some(&wanted.token_value);
                    // Pulse v5: whoever may report for one host replaces the credentials of any other.
                    if !is_same && !may_replace {
                        return Err(NodeError::CredentialsKept(known.name.clone()));
                    }
                    (known.user, known.password) = (None, None);
                    known.token_name = Some(wanted.token_name.clone());
                    known.token_value = Some(wanted.token_value.clone());
                    if known.host != host {
                        // Another address shows another certificate.
                        known.fingerprint.clone_from(&wanted.fingerprint);
                        known.host = host;
                    }
                    if wanted.source.is_some() {
                        known.source.clone_from(&wanted.source);
                    }
                    return Ok(Registered::Updated { name: known.name.clone() });
                }
            };
        }
        match kind {
            InstanceKind::Pve => take!(self.pve),
            InstanceKind::Pbs | InstanceKind::Pmg => take!(self.pbs),
        }
        let instance = registration.instance()?;
        let kind = instance.kind();
        let place = self.add(instance)?;
        let name = self.get(kind, place).map(|it| it.name().clone()).ok_or(NodeError::NotFound)?;
        Ok(Registered::Added { name })
    }
}

/// The host in a normalised address.
fn host_part(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.rsplit_once(':').map_or(rest, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration(kind: InstanceKind, host: &str, name: &str, token: &str) -> Registration {
        Registration {
            kind,
            host: host.into(),
            name: (!name.is_empty()).then(|| name.into()),
            token_name: token.into(),
            token_value: Secret::new("new"),
            fingerprint: Some("AA".into()),
            source: Some("script".into()),
        }
    }

    #[test]
    fn the_same_address_keeps_its_place_and_gets_the_new_token() {
        let mut config = NodeConfig::default();
        let first = registration(InstanceKind::Pve, "192.0.2.4", "lab", "m@pam!a");
        assert_eq!(config.register(&first, true), Ok(Registered::Added { name: "lab".into() }));
        config.pve[0].fingerprint = Some("BB".into());
        config.pve[0].monitor_vms = false;
        let again = registration(InstanceKind::Pve, "https://192.0.2.4:8006/", "other", "m@pam!b");
        assert_eq!(config.register(&again, true), Ok(Registered::Updated { name: "lab".into() }));
        let pve = &config.pve[0];
        assert_eq!((pve.token_name.as_deref(), pve.fingerprint.as_deref()), (Some("m@pam!b"), Some("BB")));
        assert!(!pve.monitor_vms && config.pve.len() == 1);
    }

    #[test]
    fn a_name_counts_only_together_with_its_token() {
        let mut config = NodeConfig::default();
        config.register(&registration(InstanceKind::Pbs, "192.0.2.5", "vault", "m@pbs!a"), true).unwrap();
        let moved = registration(InstanceKind::Pbs, "192.0.2.6", "Vault", "m@pbs!a");
        assert_eq!(config.register(&moved, true), Ok(Registered::Updated { name: "vault".into() }));
        assert_eq!(config.pbs[0].host, "https://192.0.2.6:8007");
        // Somebody else of that name is somebody else.
        let other = registration(InstanceKind::Pbs, "192.0.2.7", "vault", "m@pbs!b");
        assert_eq!(config.register(&other, true), Ok(Registered::Added { name: "vault (192.0.2.7)".into() }));
        assert_eq!(config.pbs.len(), 2);
        assert!(config.pbs[1].monitor_datastores && config.pbs[1].verify_ssl);
    }

    #[test]
    fn who_may_not_replace_credentials_adds_new_hosts_and_changes_none() {
        let mut config = NodeConfig::default();
        let first = registration(InstanceKind::Pve, "192.0.2.4", "lab", "m@pam!a");
        config.register(&first, false).unwrap();
        let before = config.clone();
        // The same once more is no change.
        assert_eq!(config.register(&first, false), Ok(Registered::Updated { name: "lab".into() }));
        let other = registration(InstanceKind::Pve, "192.0.2.4", "lab", "m@pam!b");
        assert_eq!(config.register(&other, false), Err(NodeError::CredentialsKept("lab".into())));
        // Nor to another address under its name.
        let moved = registration(InstanceKind::Pve, "203.0.113.9", "lab", "m@pam!a");
        assert_eq!(config.register(&moved, false), Err(NodeError::CredentialsKept("lab".into())));
        assert_eq!(config, before);
        assert_eq!(config.register(&other, true), Ok(Registered::Updated { name: "lab".into() }));
    }

    #[test]
    fn without_a_name_the_address_stands_in() {
        let mut config = NodeConfig::default();
        let nameless = registration(InstanceKind::Pve, "pve1.lan", "", "m@pam!a");
        assert_eq!(config.register(&nameless, true).unwrap().name().as_str(), "pve1.lan");
        let bad = registration(InstanceKind::Pve, "1.2", "x", "m@pam!a");
        assert!(matches!(config.register(&bad, true), Err(NodeError::Host(_))));
    }
}
