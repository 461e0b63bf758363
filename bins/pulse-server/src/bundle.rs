//! What an export holds: the same list for the running server and for the command line, so that neither forgets a part.

use std::{path::Path, sync::Arc};

use anyhow::Result;
use pulse_config::{
    Metadata, NodeStore, NotifyStore, OidcStore, SealKey, SystemSettingsStore, TokenStore, Vars,
    transfer::{
        GuestNotesSection, NodesSection, NotifySection, OidcSection, Section, SystemSection, TokensSection,
        Transfer,
    },
};
use pulse_monitor::alerting::{self, AlertConfigStore, AlertsSection};

/// The stores that a bundle takes from and puts into.
pub struct Stores {
    pub oidc: Arc<OidcStore>,
    pub nodes: Arc<NodeStore>,
    pub system: Arc<SystemSettingsStore>,
    pub alerts: Arc<AlertConfigStore>,
    pub destinations: Arc<NotifyStore>,
    pub metadata: Arc<Metadata>,
}

impl Stores {
    /// Those of a data directory. Blocks for the disk.
    pub fn open(directory: &Path, vars: &impl Vars) -> Result<Self> {
        Ok(Self {
            oidc: Arc::new(OidcStore::open(directory, SealKey::open(directory)?, vars)?),
            nodes: Arc::new(NodeStore::open(directory, SealKey::open(directory)?)?),
            system: Arc::new(SystemSettingsStore::open(directory, vars)?),
            alerts: Arc::new(alerting::open_config(directory)?),
            destinations: Arc::new(NotifyStore::open(directory, SealKey::open(directory)?)?),
            metadata: Arc::new(Metadata::open(directory)?),
        })
    }

    /// Everything that goes into a bundle, the tokens as well.
    pub fn transfer<T: AsRef<TokenStore> + Send + Sync + 'static>(&self, tokens: T) -> Transfer {
        let mut sections: Vec<Box<dyn Section>> = vec![
            Box::new(OidcSection(self.oidc.clone())),
            Box::new(NodesSection(self.nodes.clone())),
            Box::new(SystemSection(self.system.clone())),
            Box::new(TokensSection(tokens)),
            Box::new(AlertsSection(self.alerts.clone())),
            Box::new(GuestNotesSection(self.metadata.clone())),
        ];
        sections.extend(NotifySection::all(&self.destinations));
        Transfer::new(sections)
    }
}
