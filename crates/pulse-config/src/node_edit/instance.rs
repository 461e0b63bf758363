//! An instance of any product as a person describes it: what it is made of, and how a change is put on it.

use pulse_core::{ids::InstanceName, model::InstanceKind};

use super::{NodeEdit, NodeError};
use crate::{
    PbsInstance, PmgInstance, PveInstance, Secret,
    authority::{self, AuthorityError},
    host::{self, HostError},
    node_auth::{Auth, given},
};

/// The longest name, in characters.
const MAX_NAME: usize = 128;

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
pub(super) struct Common<'a> {
    pub(super) name: &'a mut InstanceName,
    pub(super) host: &'a mut String,
    pub(super) guest_url: &'a mut Option<String>,
    pub(super) user: &'a mut Option<String>,
    pub(super) password: &'a mut Option<Secret>,
    pub(super) token_name: &'a mut Option<String>,
    pub(super) token_value: &'a mut Option<Secret>,
    pub(super) fingerprint: &'a mut Option<String>,
    pub(super) verify_ssl: &'a mut bool,
    pub(super) ca_certificate: &'a mut Option<String>,
    pub(super) temperature_monitoring_enabled: &'a mut Option<bool>,
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

    /// Name and value of its token, where it has one.
    pub(crate) fn token(&self) -> Option<(&String, &Secret)> {
        let (name, value) = match self {
            Self::Pve(pve) => (&pve.token_name, &pve.token_value),
            Self::Pbs(pbs) => (&pbs.token_name, &pbs.token_value),
            Self::Pmg(pmg) => (&pmg.token_name, &pmg.token_value),
        };
        name.as_ref().zip(value.as_ref())
    }

    /// The user as whom it is asked: its token's, or the one with the password.
    pub(crate) fn user(&self) -> Option<&str> {
        if let Some((name, _)) = self.token() {
            return name.split_once('!').map(|(user, _)| user);
        }
        match self {
            Self::Pve(pve) => pve.user.as_deref(),
            Self::Pbs(pbs) => pbs.user.as_deref(),
            Self::Pmg(pmg) => pmg.user.as_deref(),
        }
    }

    /// Gives it a token instead of whatever credentials it has.
    pub(crate) fn set_token(&mut self, name: &str, value: &Secret) {
        self.set_auth(Auth {
            user: None,
            password: None,
            token_name: Some(name.to_owned()),
            token_value: Some(value.clone()),
        });
    }

    pub(super) fn common(&mut self) -> Common<'_> {
        match self {
            Self::Pve(pve) => common!(pve),
            Self::Pbs(pbs) => common!(pbs),
            Self::Pmg(pmg) => common!(pmg),
        }
    }

    pub(super) fn take_auth(&mut self) -> Auth {
        let common = self.common();
        Auth {
            user: common.user.take(),
            password: common.password.take(),
            token_name: common.token_name.take(),
            token_value: common.token_value.take(),
        }
    }

    pub(super) fn set_auth(&mut self, auth: Auth) {
        let common = self.common();
        *common.user = auth.user;
        *common.password = auth.password;
        *common.token_name = auth.token_name;
        *common.token_value = auth.token_value;
    }

    /// An authority that was not spoken of stays: clients of Pulse v5 do not know the field and must not clear it.
    pub(super) fn set_authority(&mut self, edit: &NodeEdit) -> Result<(), AuthorityError> {
        let Some(pem) = &edit.ca_certificate else { return Ok(()) };
        let pem = pem.trim();
        if !pem.is_empty() {
            authority::read_authorities(pem)?;
        }
        *self.common().ca_certificate = Some(pem).filter(|pem| !pem.is_empty()).map(|pem| format!("{pem}\n"));
        Ok(())
    }

    /// Everything but name, host, credentials and authority. Link and fingerprint are always taken: absent means none.
    pub(super) fn apply_options(&mut self, edit: &NodeEdit) {
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

pub(super) fn checked_name(name: &str) -> Result<InstanceName, NodeError> {
    if name.chars().count() > MAX_NAME { Err(NodeError::NameTooLong) } else { Ok(InstanceName::from(name)) }
}

fn set<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}
