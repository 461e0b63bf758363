//! An instance that registers itself: found again by its address or by its name and token, else new.

use pulse_core::{ids::InstanceName, model::InstanceKind};

use crate::{AnyInstance, NodeConfig, NodeError, PbsInstance, PveInstance, Secret, host};

/// Whose credentials a registration may replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replacing {
    /// Nobody's: it may only add.
    Nothing,
    /// Those of this instance, which itself accepted the new token ([`Registration::on`]).
    Proven {
        /// Its name.
        name: InstanceName,
        /// Its address when it was asked.
        host: String,
    },
    /// Anybody's.
    Anything,
}

impl Replacing {
    fn allows(&self, known: &InstanceName, known_host: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Proven { name, host } => name == known && host == known_host,
            Self::Anything => true,
        }
    }
}

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

    /// Whether it speaks of the instance with that address, name and token: by its address, or by name and token
    /// together.
    fn is_of(&self, host: &str, known_host: &str, name: &InstanceName, token: Option<&String>) -> bool {
        let is_named = self
            .name
            .as_deref()
            .is_some_and(|text| text.trim().to_lowercase() == name.as_str().to_lowercase());
        known_host == host || (is_named && token == Some(&self.token_name))
    }

    /// A configured instance as it would be with this token: its own address and its own rule for certificates, so that
    /// whether it accepts the token is said by that very instance and by nobody who only claims to be it.
    ///
    /// `None` where the token is not one of the user with which the instance is asked now: every user of a Proxmox host
    /// can make tokens, and most of them see less than this one.
    pub fn on(&self, known: &AnyInstance) -> Option<AnyInstance> {
        let (user, _) = self.token_name.split_once('!')?;
        (known.user() == Some(user)).then(|| self.on_as_anyone(known))
    }

    /// The same, whoever's token it is.
    pub fn on_as_anyone(&self, known: &AnyInstance) -> AnyInstance {
        let mut changed = known.clone();
        changed.set_token(&self.token_name, &self.token_value);
        changed
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
    /// The configured instance whose credentials a registration would replace; `None` where it is new, or known with
    /// just these credentials.
    pub fn replaced_by(&self, wanted: &Registration) -> Result<Option<AnyInstance>, NodeError> {
        let host = wanted.normalised_host()?;
        let kind = wanted.kind;
        let is_same = |known: &AnyInstance| {
            known.host() == host && known.token() == Some((&wanted.token_name, &wanted.token_value))
        };
        let known = (0..self.count(kind)).filter_map(|place| self.get(kind, place)).find(|known| {
            wanted.is_of(&host, known.host(), known.name(), known.token().map(|(name, _)| name))
        });
        Ok(known.filter(|known| !is_same(known)))
    }

    /// Takes a registration: the instance with that address, or with that name and token, gets the new token where that
    /// may be replaced; else it is added.
    pub fn register(
        &mut self,
        registration: &Registration,
        replacing: &Replacing,
    ) -> Result<Registered, NodeError> {
        let host = registration.normalised_host()?;
        let (kind, wanted) = (registration.kind, registration);
        macro_rules! take {
            ($list:expr) => {
                if let Some(known) = $list
                    .iter_mut()
                    .find(|it| wanted.is_of(&host, &it.host, &it.name, it.token_name.as_ref()))
                {
                    let is_same = known.host == host
                        && known.token_name.as_ref() == Some(&wanted.token_name)
                        && known.token_value.as_ref() == Some(&wanted.token_value);
                    // Pulse v5: whoever may report for one host replaces the credentials of any other.
                    if !is_same && !replacing.allows(&known.name, &known.host) {
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
        assert_eq!(
            config.register(&first, &Replacing::Anything),
            Ok(Registered::Added { name: "lab".into() })
        );
        config.pve[0].fingerprint = Some("BB".into());
        config.pve[0].monitor_vms = false;
        let again = registration(InstanceKind::Pve, "https://192.0.2.4:8006/", "other", "m@pam!b");
        assert_eq!(
            config.register(&again, &Replacing::Anything),
            Ok(Registered::Updated { name: "lab".into() })
        );
        let pve = &config.pve[0];
        assert_eq!((pve.token_name.as_deref(), pve.fingerprint.as_deref()), (Some("m@pam!b"), Some("BB")));
        assert!(!pve.monitor_vms && config.pve.len() == 1);
    }

    #[test]
    fn a_name_counts_only_together_with_its_token() {
        let mut config = NodeConfig::default();
        config
            .register(&registration(InstanceKind::Pbs, "192.0.2.5", "vault", "m@pbs!a"), &Replacing::Anything)
            .unwrap();
        let moved = registration(InstanceKind::Pbs, "192.0.2.6", "Vault", "m@pbs!a");
        assert_eq!(
            config.register(&moved, &Replacing::Anything),
            Ok(Registered::Updated { name: "vault".into() })
        );
        assert_eq!(config.pbs[0].host, "https://192.0.2.6:8007");
        // Somebody else of that name is somebody else.
        let other = registration(InstanceKind::Pbs, "192.0.2.7", "vault", "m@pbs!b");
        assert_eq!(
            config.register(&other, &Replacing::Anything),
            Ok(Registered::Added { name: "vault (192.0.2.7)".into() })
        );
        assert_eq!(config.pbs.len(), 2);
        assert!(config.pbs[1].monitor_datastores && config.pbs[1].verify_ssl);
    }

    #[test]
    fn who_may_not_replace_credentials_adds_new_hosts_and_changes_none() {
        let mut config = NodeConfig::default();
        let first = registration(InstanceKind::Pve, "192.0.2.4", "lab", "m@pam!a");
        config.register(&first, &Replacing::Nothing).unwrap();
        let before = config.clone();
        // The same once more is no change.
        assert_eq!(
            config.register(&first, &Replacing::Nothing),
            Ok(Registered::Updated { name: "lab".into() })
        );
        let other = registration(InstanceKind::Pve, "192.0.2.4", "lab", "m@pam!b");
        assert_eq!(
            config.register(&other, &Replacing::Nothing),
            Err(NodeError::CredentialsKept("lab".into()))
        );
        // Nor to another address under its name.
        let moved = registration(InstanceKind::Pve, "203.0.113.9", "lab", "m@pam!a");
        assert_eq!(
            config.register(&moved, &Replacing::Nothing),
            Err(NodeError::CredentialsKept("lab".into()))
        );
        assert_eq!(config, before);
        assert_eq!(
            config.register(&other, &Replacing::Anything),
            Ok(Registered::Updated { name: "lab".into() })
        );
    }

    #[test]
    fn without_a_name_the_address_stands_in() {
        let mut config = NodeConfig::default();
        let nameless = registration(InstanceKind::Pve, "pve1.lan", "", "m@pam!a");
        assert_eq!(config.register(&nameless, &Replacing::Anything).unwrap().name().as_str(), "pve1.lan");
        let bad = registration(InstanceKind::Pve, "1.2", "x", "m@pam!a");
        assert!(matches!(config.register(&bad, &Replacing::Anything), Err(NodeError::Host(_))));
    }

    #[test]
    fn a_new_token_of_the_same_user_may_take_the_place_of_the_old_one_where_the_instance_says_so() {
        let mut config = NodeConfig::default();
        config
            .register(&registration(InstanceKind::Pve, "192.0.2.4", "lab", "m@pam!a"), &Replacing::Nothing)
            .unwrap();
        config.pve[0].fingerprint = Some("BB".into());
        config.pve[0].monitor_vms = false;
        let again = registration(InstanceKind::Pve, "192.0.2.4", "lab", "m@pam!b");
        let known = config.replaced_by(&again).unwrap().unwrap();
        // What is asked is the configured instance in everything but the token.
        let AnyInstance::Pve(asked) = again.on(&known).unwrap() else { panic!() };
        assert_eq!(
            (asked.token_name.as_deref(), asked.fingerprint.as_deref()),
            (Some("m@pam!b"), Some("BB"))
        );
        assert_eq!(asked.host, config.pve[0].host);
        let proven = |name: &str, host: &str| Replacing::Proven { name: name.into(), host: host.into() };
        for wrong in [proven("other", known.host()), proven("lab", "https://192.0.2.5:8006")] {
            assert_eq!(config.register(&again, &wrong), Err(NodeError::CredentialsKept("lab".into())));
        }
        let right = proven("lab", "https://192.0.2.4:8006");
        assert_eq!(config.register(&again, &right), Ok(Registered::Updated { name: "lab".into() }));
        assert!(!config.pve[0].monitor_vms && config.pve.len() == 1);
        assert_eq!(config.replaced_by(&again), Ok(None), "it is the same now");
        assert_eq!(
            config.replaced_by(&registration(InstanceKind::Pbs, "192.0.2.4", "lab", "m@pbs!b")),
            Ok(None)
        );
        // A token of somebody else, or none that has a user.
        for token in ["root@pam!b", "m@pve!b", "m@pam"] {
            assert_eq!(
                registration(InstanceKind::Pve, "192.0.2.4", "lab", token).on(&known),
                None,
                "{token}"
            );
        }
        // A password of that user makes way for its token.
        (config.pve[0].token_name, config.pve[0].token_value) = (None, None);
        (config.pve[0].user, config.pve[0].password) = (Some("m@pam".into()), Some(Secret::new("p")));
        let known = config.replaced_by(&again).unwrap().unwrap();
        let AnyInstance::Pve(asked) = again.on(&known).unwrap() else { panic!() };
        assert_eq!((asked.user, asked.password), (None, None));
    }
}
