//! Adding, changing and removing configured instances: the rules, apart from any wire and any file.

use pulse_core::{ids::InstanceName, model::InstanceKind};

use crate::{
    ClusterEndpointConfig, NodeConfig, PbsInstance, PmgInstance, PveInstance, Secret,
    authority::{self, AuthorityError},
    host::{self, HostError},
    node_auth::{Auth, given},
};

/// How many instances of a product there may be.
pub const MAX_INSTANCES: usize = 1_000;
/// The longest name, in characters.
const MAX_NAME: usize = 128;

/// What a person wants an instance to be; what is absent was not said.
#[derive(Debug, Clone, Default)]
pub struct NodeEdit {
    /// The product.
    pub kind: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its address, as typed.
    pub host: Option<String>,
    /// Link for people.
    pub guest_url: Option<String>,
    /// User.
    pub user: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Token name.
    pub token_name: Option<String>,
    /// Token value.
    pub token_value: Option<Secret>,
    /// Fingerprint of the certificate.
    pub fingerprint: Option<String>,
    /// Whether the certificate is checked against the known authorities.
    pub verify_ssl: Option<bool>,
    /// Certificates in PEM form of the authorities that alone may have signed its certificate; blank for none.
    pub ca_certificate: Option<String>,
    /// PVE: VMs.
    pub monitor_vms: Option<bool>,
    /// PVE: containers.
    pub monitor_containers: Option<bool>,
    /// PVE: storages.
    pub monitor_storage: Option<bool>,
    /// PVE and PBS: backups.
    pub monitor_backups: Option<bool>,
    /// PVE: physical disks.
    pub monitor_physical_disks: Option<bool>,
    /// PVE: minutes between polls of disks.
    pub physical_disk_polling_minutes: Option<u32>,
    /// Temperatures.
    pub temperature_monitoring_enabled: Option<bool>,
    /// PBS: datastores.
    pub monitor_datastores: Option<bool>,
    /// PBS: sync jobs.
    pub monitor_sync_jobs: Option<bool>,
    /// PBS: verification jobs.
    pub monitor_verify_jobs: Option<bool>,
    /// PBS: prune jobs.
    pub monitor_prune_jobs: Option<bool>,
    /// PBS: garbage collection.
    pub monitor_garbage_jobs: Option<bool>,
    /// PBS: datastores to leave out.
    pub exclude_datastores: Option<Vec<String>>,
    /// PMG: mail statistics.
    pub monitor_mail_stats: Option<bool>,
    /// PMG: queues.
    pub monitor_queues: Option<bool>,
    /// PMG: quarantine.
    pub monitor_quarantine: Option<bool>,
    /// PMG: statistics per domain.
    pub monitor_domain_stats: Option<bool>,
}

/// Why an instance is not added, changed or removed. The texts are the contract's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// No name.
    #[error("Name is required")]
    NameMissing,
    /// The name is no name.
    #[error("Name is too long")]
    NameTooLong,
    /// No product.
    #[error("Type is required")]
    KindMissing,
    /// No such product.
    #[error("Invalid node type")]
    KindUnknown,
    /// The address.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The certificate authority.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Neither user and password nor token name and value.
    #[error("Authentication credentials required")]
    CredentialsMissing,
    /// The same host is there already.
    #[error("A node with this host URL already exists")]
    Duplicate,
    /// A host registers itself that is configured with other credentials, and may not replace them.
    #[error(
        "{0} is configured with other credentials; only a setup token, or an API token with settings:write, replaces them"
    )]
    CredentialsKept(InstanceName),
    /// There is no end to it.
    #[error("Too many nodes of this type")]
    TooMany,
    /// No such instance.
    #[error("Node not found")]
    NotFound,
    /// Another instance has moved to that place.
    #[error("{found} is at this place now, not {expected}; load the list of nodes again")]
    Moved {
        /// What is there.
        found: InstanceName,
        /// What was meant.
        expected: String,
    },
}

/// An instance of any product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnyInstance {
    /// Proxmox VE.
    Pve(Box<PveInstance>),
    /// Proxmox Backup Server.
    Pbs(Box<PbsInstance>),
    /// Proxmox Mail Gateway.
    Pmg(Box<PmgInstance>),
}

/// What the products have in common.
struct Common<'a> {
    name: &'a mut InstanceName,
    host: &'a mut String,
    guest_url: &'a mut Option<String>,
    user: &'a mut Option<String>,
    password: &'a mut Option<Secret>,
    token_name: &'a mut Option<String>,
    token_value: &'a mut Option<Secret>,
    fingerprint: &'a mut Option<String>,
    verify_ssl: &'a mut bool,
    ca_certificate: &'a mut Option<String>,
    temperature_monitoring_enabled: &'a mut Option<bool>,
}

macro_rules! common {
    ($instance:expr) => {
        Common {
            name: &mut $instance.name,
            host: &mut $instance.host,
            guest_url: &mut $instance.guest_url,
            user: &mut $instance.user,
            password: &mut $instance.password,
            token_name: &mut $instance.token_name,
            token_value: &mut $instance.token_value,
            fingerprint: &mut $instance.fingerprint,
            verify_ssl: &mut $instance.verify_ssl,
            ca_certificate: &mut $instance.ca_certificate,
            temperature_monitoring_enabled: &mut $instance.temperature_monitoring_enabled,
        }
    };
}

impl AnyInstance {
    /// The instance a person describes, on its own: whether it fits beside the others is asked when it is added.
    pub fn new(edit: &NodeEdit) -> Result<Self, NodeError> {
        let name = given(edit.name.as_ref()).ok_or(NodeError::NameMissing)?;
        Self::named(edit, name)
    }

    /// The same for a mere test of the connection, which needs no name.
    pub fn for_test(edit: &NodeEdit) -> Result<Self, NodeError> {
        Self::named(edit, given(edit.name.as_ref()).unwrap_or("test"))
    }

    fn named(edit: &NodeEdit, name: &str) -> Result<Self, NodeError> {
        let kind = given(edit.kind.as_ref()).ok_or(NodeError::KindMissing)?;
        let typed = given(edit.host.as_ref()).ok_or(HostError::Missing)?;
        let kind = InstanceKind::from_name(kind).ok_or(NodeError::KindUnknown)?;
        let (name, host) = (checked_name(name)?, host::normalise(typed, kind)?);
        let mut instance = match kind {
            InstanceKind::Pve => Self::Pve(Box::new(PveInstance::new(name, host))),
            InstanceKind::Pbs => Self::Pbs(Box::new(PbsInstance::new(name, host))),
            InstanceKind::Pmg => Self::Pmg(Box::new(PmgInstance::new(name, host))),
        };
        instance.set_auth(Auth::new(edit, kind).ok_or(NodeError::CredentialsMissing)?);
        instance.set_authority(edit)?;
        instance.apply_options(edit);
        Ok(instance)
    }

    /// Which product it is.
    pub fn kind(&self) -> InstanceKind {
        match self {
            Self::Pve(_) => InstanceKind::Pve,
            Self::Pbs(_) => InstanceKind::Pbs,
            Self::Pmg(_) => InstanceKind::Pmg,
        }
    }

    /// Its name.
    pub fn name(&self) -> &InstanceName {
        match self {
            Self::Pve(pve) => &pve.name,
            Self::Pbs(pbs) => &pbs.name,
            Self::Pmg(pmg) => &pmg.name,
        }
    }

    /// Its address.
    pub fn host(&self) -> &str {
        match self {
            Self::Pve(pve) => &pve.host,
            Self::Pbs(pbs) => &pbs.host,
            Self::Pmg(pmg) => &pmg.host,
        }
    }

    fn common(&mut self) -> Common<'_> {
        match self {
            Self::Pve(pve) => common!(pve),
            Self::Pbs(pbs) => common!(pbs),
            Self::Pmg(pmg) => common!(pmg),
        }
    }

    fn take_auth(&mut self) -> Auth {
        let common = self.common();
        Auth {
            user: common.user.take(),
            password: common.password.take(),
            token_name: common.token_name.take(),
            token_value: common.token_value.take(),
        }
    }

    fn set_auth(&mut self, auth: Auth) {
        let common = self.common();
        *common.user = auth.user;
        *common.password = auth.password;
        *common.token_name = auth.token_name;
        *common.token_value = auth.token_value;
    }

    /// An authority that was not spoken of stays: clients of Pulse v5 do not know the field and must not clear it.
    fn set_authority(&mut self, edit: &NodeEdit) -> Result<(), AuthorityError> {
        let Some(pem) = &edit.ca_certificate else { return Ok(()) };
        let pem = pem.trim();
        if !pem.is_empty() {
            authority::read_authorities(pem)?;
        }
        *self.common().ca_certificate = Some(pem).filter(|pem| !pem.is_empty()).map(|pem| format!("{pem}\n"));
        Ok(())
    }

    /// Everything but name, host, credentials and authority. Link and fingerprint are always taken: absent means none.
    fn apply_options(&mut self, edit: &NodeEdit) {
        let common = self.common();
        *common.guest_url = given(edit.guest_url.as_ref()).map(str::to_owned);
        *common.fingerprint = given(edit.fingerprint.as_ref()).map(str::to_owned);
        set(common.verify_ssl, edit.verify_ssl);
        set(common.temperature_monitoring_enabled, edit.temperature_monitoring_enabled.map(Some));
        match self {
            Self::Pve(pve) => {
                set(&mut pve.monitor_vms, edit.monitor_vms);
                set(&mut pve.monitor_containers, edit.monitor_containers);
                set(&mut pve.monitor_storage, edit.monitor_storage);
                set(&mut pve.monitor_backups, edit.monitor_backups);
                set(&mut pve.monitor_physical_disks, edit.monitor_physical_disks.map(Some));
                set(&mut pve.physical_disk_polling_minutes, edit.physical_disk_polling_minutes);
            }
            Self::Pbs(pbs) => {
                // Absent means yes here, on a change as well (contract A-08).
                pbs.monitor_backups = edit.monitor_backups.unwrap_or(true);
                set(&mut pbs.monitor_datastores, edit.monitor_datastores);
                set(&mut pbs.monitor_sync_jobs, edit.monitor_sync_jobs);
                set(&mut pbs.monitor_verify_jobs, edit.monitor_verify_jobs);
                set(&mut pbs.monitor_prune_jobs, edit.monitor_prune_jobs);
                set(&mut pbs.monitor_garbage_jobs, edit.monitor_garbage_jobs);
                set(&mut pbs.exclude_datastores, edit.exclude_datastores.clone());
            }
            Self::Pmg(pmg) => {
                let others = [edit.monitor_queues, edit.monitor_quarantine, edit.monitor_domain_stats];
                pmg.monitor_mail_stats = edit.monitor_mail_stats.unwrap_or(!others.contains(&Some(true)));
                set(&mut pmg.monitor_queues, edit.monitor_queues);
                set(&mut pmg.monitor_quarantine, edit.monitor_quarantine);
                set(&mut pmg.monitor_domain_stats, edit.monitor_domain_stats);
            }
        }
    }
}

impl NodeConfig {
    /// Adds an instance and gives its place among those of its product. A name that another one has gets the host
    /// behind it.
    pub fn add(&mut self, mut instance: AnyInstance) -> Result<usize, NodeError> {
        let kind = instance.kind();
        if self.count(kind) >= MAX_INSTANCES {
            return Err(NodeError::TooMany);
        }
        self.check_host(kind, instance.host(), None)?;
        *instance.common().name = self.free_name(kind, instance.name(), instance.host(), None);
        match instance {
            AnyInstance::Pve(pve) => self.pve.push(*pve),
            AnyInstance::Pbs(pbs) => self.pbs.push(*pbs),
            AnyInstance::Pmg(pmg) => self.pmg.push(*pmg),
        }
        Ok(self.count(kind) - 1)
    }

    /// Fails where an instance of that product has that host.
    pub fn check_host(&self, kind: InstanceKind, host: &str, except: Option<usize>) -> Result<(), NodeError> {
        let others = self.all(kind);
        let is_taken =
            others.iter().enumerate().any(|(place, (_, other))| *other == host && Some(place) != except);
        if is_taken { Err(NodeError::Duplicate) } else { Ok(()) }
    }

    /// The instance at a place.
    pub fn get(&self, kind: InstanceKind, place: usize) -> Option<AnyInstance> {
        match kind {
            InstanceKind::Pve => self.pve.get(place).cloned().map(Box::new).map(AnyInstance::Pve),
            InstanceKind::Pbs => self.pbs.get(place).cloned().map(Box::new).map(AnyInstance::Pbs),
            InstanceKind::Pmg => self.pmg.get(place).cloned().map(Box::new).map(AnyInstance::Pmg),
        }
    }

    /// Whether the instance at a place is still the one that is meant; without a name whatever is there is meant.
    ///
    /// Pulse v5 takes the place alone: who edits a list from which somebody else removed a node hits another one.
    pub fn check_place(
        &self,
        kind: InstanceKind,
        place: usize,
        expected: Option<&str>,
    ) -> Result<(), NodeError> {
        let instance = self.get(kind, place).ok_or(NodeError::NotFound)?;
        match expected {
            Some(name) if instance.name().as_str() != name => {
                Err(NodeError::Moved { found: instance.name().clone(), expected: name.to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// Changes the instance at a place. Nothing is changed where anything is wrong.
    pub fn change(&mut self, kind: InstanceKind, place: usize, edit: &NodeEdit) -> Result<(), NodeError> {
        let mut instance = self.get(kind, place).ok_or(NodeError::NotFound)?;
        let name = match given(edit.name.as_ref()) {
            Some(name) => checked_name(name)?,
            None => instance.name().clone(),
        };
        let host = match given(edit.host.as_ref()) {
            Some(typed) => host::normalise(typed, kind)?,
            None => instance.host().to_owned(),
        };
        self.check_host(kind, &host, Some(place))?;
        let auth = instance.take_auth().changed(edit, kind).ok_or(NodeError::CredentialsMissing)?;
        instance.set_auth(auth);
        instance.set_authority(edit)?;
        instance.apply_options(edit);
        match &mut instance {
            // What was found out at the old address says nothing about the new one.
            AnyInstance::Pve(pve) if pve.host != host => {
                (pve.cluster_name, pve.cluster_endpoints) = (None, Vec::new());
            }
            AnyInstance::Pve(_) | AnyInstance::Pbs(_) | AnyInstance::Pmg(_) => {}
        }
        *instance.common().name = self.free_name(kind, &name, &host, Some(place));
        *instance.common().host = host;
        match instance {
            AnyInstance::Pve(pve) => self.pve[place] = *pve,
            AnyInstance::Pbs(pbs) => self.pbs[place] = *pbs,
            AnyInstance::Pmg(pmg) => self.pmg[place] = *pmg,
        }
        Ok(())
    }

    /// Removes the instance at a place; those behind it move up.
    pub fn remove(&mut self, kind: InstanceKind, place: usize) -> Result<AnyInstance, NodeError> {
        let instance = self.get(kind, place).ok_or(NodeError::NotFound)?;
        match kind {
            InstanceKind::Pve => _ = self.pve.remove(place),
            InstanceKind::Pbs => _ = self.pbs.remove(place),
            InstanceKind::Pmg => _ = self.pmg.remove(place),
        }
        Ok(instance)
    }

    /// The PVE instance that is the cluster with that name and one of those members. The name alone is not enough:
    /// two clusters may both be called `lab`.
    pub fn same_cluster(&self, name: &str, members: &[ClusterEndpointConfig]) -> Option<usize> {
        self.pve.iter().position(|pve| {
            pve.cluster_name.as_deref() == Some(name)
                && pve
                    .cluster_endpoints
                    .iter()
                    .any(|known| members.iter().any(|member| is_same(known, member)))
        })
    }

    /// Names and hosts of a product's instances, in their order.
    fn all(&self, kind: InstanceKind) -> Vec<(&str, &str)> {
        match kind {
            InstanceKind::Pve => self.pve.iter().map(|pve| (pve.name.as_str(), pve.host.as_str())).collect(),
            InstanceKind::Pbs => self.pbs.iter().map(|pbs| (pbs.name.as_str(), pbs.host.as_str())).collect(),
            InstanceKind::Pmg => self.pmg.iter().map(|pmg| (pmg.name.as_str(), pmg.host.as_str())).collect(),
        }
    }

    /// The name itself, or with the host behind it where another one has it: everything in memory is named by it.
    fn free_name(
        &self,
        kind: InstanceKind,
        name: &InstanceName,
        host: &str,
        except: Option<usize>,
    ) -> InstanceName {
        let others = self.all(kind);
        let is_taken = |wanted: &str| {
            let lower = wanted.to_lowercase();
            others
                .iter()
                .enumerate()
                .any(|(place, (other, _))| other.to_lowercase() == lower && Some(place) != except)
        };
        if !is_taken(name.as_str()) {
            return name.clone();
        }
        let with_host = format!("{name} ({})", host::bare(host));
        if !is_taken(&with_host) {
            return InstanceName::from(with_host);
        }
        // Hosts are unique with scheme and port, so this one is free unless somebody typed just that.
        let whole = format!("{name} ({host})");
        let mut free = whole.clone();
        let mut number = 2;
        while is_taken(&free) {
            free = format!("{whole} {number}");
            number += 1;
        }
        InstanceName::from(free)
    }
}

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
}

/// Members are the same machine by their address; where one has none, by their name.
fn is_same(a: &ClusterEndpointConfig, b: &ClusterEndpointConfig) -> bool {
    let name = a.node_name == b.node_name;
    if a.ip.is_empty() || b.ip.is_empty() { name } else { name && a.ip == b.ip }
}

fn checked_name(name: &str) -> Result<InstanceName, NodeError> {
    if name.chars().count() > MAX_NAME { Err(NodeError::NameTooLong) } else { Ok(InstanceName::from(name)) }
}

fn set<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "every field of an edit is optional")]
    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[expect(clippy::unnecessary_wraps, reason = "every field of an edit is optional")]
    fn secret(text: &str) -> Option<Secret> {
        Some(Secret::new(text))
    }

    fn with_token(kind: &str, name: &str, host: &str) -> NodeEdit {
        NodeEdit {
            kind: text(kind),
            name: text(name),
            host: text(host),
            token_name: text("m@pve!t"),
            token_value: secret("v"),
            ..NodeEdit::default()
        }
    }

    fn with_password(kind: &str, name: &str, host: &str) -> NodeEdit {
        NodeEdit {
            user: text("root"),
            password: secret("p"),
            token_name: None,
            token_value: None,
            ..with_token(kind, name, host)
        }
    }

    fn config(edits: &[NodeEdit]) -> NodeConfig {
        let mut config = NodeConfig::default();
        for edit in edits {
            config.add(AnyInstance::new(edit).unwrap()).unwrap();
        }
        config
    }

    /// Credentials of the first instance: user, password, token name, token value.
    fn auth(config: &NodeConfig, kind: InstanceKind) -> [Option<String>; 4] {
        let auth = config.get(kind, 0).unwrap().take_auth();
        let show = |secret: Option<Secret>| secret.map(|secret| secret.expose().to_owned());
        [auth.user, show(auth.password), auth.token_name, show(auth.token_value)]
    }

    #[test]
    fn what_is_missing_is_said_in_the_contracts_words_and_order() {
        let whole = with_token("pve", "a", "h");
        let check = |edit: NodeEdit, expect: &str| {
            assert_eq!(AnyInstance::new(&edit).unwrap_err().to_string(), expect);
        };
        check(NodeEdit::default(), "Name is required");
        check(NodeEdit { name: text("  "), ..whole.clone() }, "Name is required");
        check(NodeEdit { kind: None, ..whole.clone() }, "Type is required");
        check(NodeEdit { host: None, ..whole.clone() }, "Host is required");
        check(NodeEdit { kind: text("esx"), ..whole.clone() }, "Invalid node type");
        check(NodeEdit { host: text("h:0"), ..whole.clone() }, "Invalid port number");
        check(NodeEdit { token_value: None, ..whole.clone() }, "Authentication credentials required");
        check(
            NodeEdit { token_value: secret(""), user: text("u"), ..whole.clone() },
            "Authentication credentials required",
        );
        check(NodeEdit { name: text(&"x".repeat(129)), ..whole.clone() }, "Name is too long");
        assert!(AnyInstance::for_test(&NodeEdit { name: None, ..whole }).is_ok());
    }

    #[test]
    fn defaults_are_the_contracts() {
        let config =
            config(&[with_token("pve", "a", "h"), with_token("pbs", "a", "h"), with_token("pmg", "a", "h")]);
        let (pve, pbs, pmg) = (&config.pve[0], &config.pbs[0], &config.pmg[0]);
        assert!(pve.monitor_vms && pve.monitor_containers && pve.monitor_storage && pve.monitor_backups);
        assert_eq!((pve.verify_ssl, pve.monitor_physical_disks), (false, None));
        assert!(pbs.monitor_backups && !pbs.monitor_datastores && !pbs.monitor_garbage_jobs);
        assert!(pmg.monitor_mail_stats && !pmg.monitor_queues);
        assert_eq!([&pve.host, &pbs.host, &pmg.host], ["https://h:8006", "https://h:8007", "https://h:8006"]);
        let queues = NodeEdit { monitor_queues: Some(true), ..with_token("pmg", "b", "i") };
        let AnyInstance::Pmg(pmg) = AnyInstance::new(&queues).unwrap() else { panic!() };
        assert!(pmg.monitor_queues && !pmg.monitor_mail_stats);
    }

    #[test]
    fn the_same_host_is_refused_and_the_same_name_told_apart() {
        let mut config = config(&[with_token("pve", "lab", "h1"), with_token("pve", "LAB", "h2")]);
        assert_eq!(config.pve[1].name.as_str(), "LAB (h2)");
        let again = AnyInstance::new(&with_token("pve", "x", "https://H1/")).unwrap();
        assert_eq!(config.add(again), Err(NodeError::Duplicate));
        for (host, name) in [("h2:1", "lab (https://h2:1)"), ("h3", "lab (h3)")] {
            config.add(AnyInstance::new(&with_token("pve", "lab", host)).unwrap()).unwrap();
            assert_eq!(config.pve.last().unwrap().name.as_str(), name);
        }
        assert!(
            config.add(AnyInstance::new(&with_token("pbs", "lab", "h1")).unwrap()).is_ok(),
            "per product"
        );
    }

    #[test]
    fn a_password_login_gets_its_realm() {
        for (kind, of, user) in [
            ("pve", InstanceKind::Pve, "root@pam"),
            ("pbs", InstanceKind::Pbs, "root@pbs"),
            ("pmg", InstanceKind::Pmg, "root@pmg"),
        ] {
            let config = config(&[with_password(kind, "a", "h")]);
            assert_eq!(auth(&config, of), [text(user), text("p"), None, None]);
        }
        let own = NodeEdit { user: text("root@ldap"), ..with_password("pve", "a", "h") };
        assert_eq!(auth(&config(&[own]), InstanceKind::Pve)[0], text("root@ldap"));
        let both = NodeEdit { user: text("u"), ..with_token("pbs", "a", "h") };
        assert_eq!(auth(&config(&[both]), InstanceKind::Pbs), [None, None, text("m@pve!t"), text("v")]);
    }

    #[test]
    fn credentials_change_as_the_table_says() {
        use InstanceKind::{Pbs, Pmg, Pve};
        let check = |kind: InstanceKind,
                     first: fn(&str, &str, &str) -> NodeEdit,
                     edit: NodeEdit,
                     expect: [&str; 4]| {
            let mut config = config(&[first(kind.name(), "a", "h")]);
            config.change(kind, 0, &edit).unwrap();
            let expect = expect.map(|part| Some(part.to_owned()).filter(|part| !part.is_empty()));
            assert_eq!(auth(&config, kind), expect, "{kind} {edit:?}");
        };
        let none = NodeEdit::default;
        let token = || NodeEdit { token_name: text("n"), token_value: secret("w"), ..none() };
        let name = || NodeEdit { token_name: text("n"), ..none() };
        let value = || NodeEdit { token_value: secret("w"), ..none() };
        let password = || NodeEdit { password: secret("q"), ..none() };
        let login = || NodeEdit { user: text("u"), password: secret("q"), ..none() };
        let user = || NodeEdit { user: text("u"), ..none() };
        for kind in [Pve, Pbs, Pmg] {
            check(kind, with_token, none(), ["", "", "m@pve!t", "v"]);
            check(kind, with_token, token(), ["", "", "n", "w"]);
            check(kind, with_token, name(), ["", "", "n", "v"]);
            check(kind, with_token, value(), ["", "", "m@pve!t", "w"]);
        }
        check(Pve, with_password, none(), ["root@pam", "p", "", ""]);
        check(Pve, with_password, token(), ["root@pam", "", "n", "w"]);
        check(Pbs, with_password, token(), ["", "", "n", "w"]);
        check(Pve, with_token, login(), ["u@pam", "q", "", ""]);
        check(Pbs, with_token, login(), ["u@pbs", "q", "", ""]);
        check(Pve, with_password, password(), ["root@pam", "q", "", ""]);
        check(Pmg, with_password, user(), ["u@pmg", "p", "", ""]);
        check(Pbs, with_token, user(), ["", "", "m@pve!t", "v"]);
        check(Pve, with_token, user(), ["u@pam", "", "m@pve!t", "v"]);
    }

    #[test]
    fn half_a_pair_is_refused_and_nothing_changes() {
        let mut config = config(&[with_password("pve", "a", "h"), with_token("pbs", "b", "h")]);
        let before = config.clone();
        let name = NodeEdit { name: text("new"), token_name: text("n"), ..NodeEdit::default() };
        assert_eq!(config.change(InstanceKind::Pve, 0, &name), Err(NodeError::CredentialsMissing));
        let password = NodeEdit { password: secret("q"), ..NodeEdit::default() };
        assert_eq!(config.change(InstanceKind::Pbs, 0, &password), Err(NodeError::CredentialsMissing));
        let host = NodeEdit { name: text("new"), host: text("1.2"), ..NodeEdit::default() };
        assert_eq!(config.change(InstanceKind::Pve, 0, &host), Err(NodeError::Host(HostError::Ipv4)));
        assert_eq!(config.change(InstanceKind::Pmg, 0, &name), Err(NodeError::NotFound));
        assert_eq!(config, before);
    }

    #[test]
    fn a_change_is_partial_but_for_link_and_fingerprint() {
        let first = NodeEdit {
            guest_url: text("https://g"),
            fingerprint: text("AA"),
            verify_ssl: Some(true),
            monitor_vms: Some(false),
            ..with_token("pve", "a", "h")
        };
        let mut config = config(&[first, with_token("pve", "b", "i")]);
        config.pve[0].cluster_name = text("c");
        config
            .change(InstanceKind::Pve, 0, &NodeEdit { monitor_backups: Some(false), ..NodeEdit::default() })
            .unwrap();
        let pve = &config.pve[0];
        assert!(pve.verify_ssl && !pve.monitor_vms && !pve.monitor_backups && pve.monitor_storage);
        assert_eq!(
            (pve.guest_url.clone(), pve.fingerprint.clone(), pve.cluster_name.clone()),
            (None, None, text("c"))
        );
        let moved = NodeEdit { host: text("j"), name: text("b"), ..NodeEdit::default() };
        config.change(InstanceKind::Pve, 0, &moved).unwrap();
        assert_eq!((config.pve[0].host.as_str(), config.pve[0].name.as_str()), ("https://j:8006", "b (j)"));
        assert_eq!(config.pve[0].cluster_name, None);
        let onto = NodeEdit { host: text("i"), ..NodeEdit::default() };
        assert_eq!(config.change(InstanceKind::Pve, 0, &onto), Err(NodeError::Duplicate));
    }

    #[test]
    fn removing_moves_the_others_up() {
        let mut config = config(&[with_token("pve", "a", "h"), with_token("pve", "b", "i")]);
        assert_eq!(config.remove(InstanceKind::Pve, 0).unwrap().name().as_str(), "a");
        assert_eq!(config.pve[0].name.as_str(), "b");
        assert_eq!(config.remove(InstanceKind::Pve, 1), Err(NodeError::NotFound));
    }

    #[test]
    fn members_of_a_cluster_are_merged_by_name() {
        let member = |name: &str, ip: &str, fingerprint: Option<&str>| ClusterEndpointConfig {
            node_name: name.to_owned(),
            ip: ip.to_owned(),
            fingerprint: fingerprint.map(str::to_owned),
            ..ClusterEndpointConfig::default()
        };
        let mut pve = PveInstance::new(InstanceName::from("a"), "https://h:8006".to_owned());
        assert_eq!(pve.merge_endpoints(vec![member("n1", "1", Some("AA")), member("n2", "2", None)]), 2);
        assert_eq!(pve.merge_endpoints(vec![member("n1", "9", None), member("n3", "3", None)]), 1);
        assert_eq!(pve.cluster_endpoints.len(), 3);
        assert_eq!(pve.cluster_endpoints[0], member("n1", "9", Some("AA")));
        pve.cluster_name = text("lab");
        let config = NodeConfig { pve: vec![pve], ..NodeConfig::default() };
        assert_eq!(config.same_cluster("lab", &[member("n0", "0", None), member("n1", "9", None)]), Some(0));
        assert_eq!(
            config.same_cluster("lab", &[member("n1", "8", None)]),
            None,
            "another cluster of that name"
        );
        assert_eq!(config.same_cluster("lab", &[member("n1", "", None)]), Some(0));
        assert_eq!(config.same_cluster("other", &[member("n1", "9", None)]), None);
    }
}
