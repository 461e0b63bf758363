//! What the operator asked for: settings, Proxmox instances with sealed credentials, tokens, the login.
//!
//! * [`Settings`]: the environment, read once; a bad value names its key.
//! * [`DataDir`]: the directory, held by one server at a time.
//! * [`NodeConfig`] and [`NodeEdit`]: the Proxmox instances and the rules of changing them.
//! * [`transfer`]: export and import of all of it. [`takeover`]: the data directory of Pulse v5.
//! * [`SystemSettingsStore`]: what an administrator changes while the server runs.
//! * [`NodeStore`], [`TokenStore`], [`Credentials`], [`SessionFile`], [`BootstrapToken`]: its files, one owner each.
//!
//! Invariant: files are read at start and written atomically on change; a request never parses a file, it reads
//! an `Arc` of the last whole configuration. Whatever writes blocks for the disk and says so.

pub mod atomic_file;
pub mod authority;
pub mod cidr;
pub mod data_dir;
pub mod dotenv;
pub mod duration;
pub mod error;
pub mod history;
pub mod host;
mod members;
pub mod mock;
mod node_auth;
pub mod node_edit;
pub mod node_register;
pub mod schema;
pub mod seal;
pub mod secret;
pub mod settings;
pub mod store;
pub mod takeover;
pub mod transfer;
mod variables;

pub use authority::AuthorityError;
pub use cidr::Cidr;
pub use data_dir::DataDir;
pub use dotenv::DotEnv;
pub use error::{ConfigError, UpdateError};
pub use history::{HistorySettings, RemoteHistory};
pub use host::HostError;
pub use mock::{MockConfig, MockError};
pub use node_edit::{AnyInstance, NodeEdit, NodeError};
pub use node_register::{Registered, Registration, Replacing};
pub use schema::{
    instances::{ClusterEndpointConfig, NodeConfig, PbsInstance, PmgInstance, PveInstance},
    oidc::OidcConfig,
    system::{DiscoveryConfig, MetricsRetention, SettingError, SystemSettings, Theme, UpdateChannel},
};
pub use seal::SealKey;
pub use secret::Secret;
pub use settings::{
    AgentCommandSettings, BadSetting, Layered, LogFileSettings, LogFormat, LogLevel, ProcessEnv, ProxyAuth,
    Settings, TlsFiles, Vars,
};
pub use store::{
    audit_hooks::AuditHookStore,
    audit_key::AuditKey,
    bootstrap::BootstrapToken,
    credentials::{Credentials, Login},
    document::DocumentStore,
    metadata::Metadata,
    nodes::NodeStore,
    notify::NotifyStore,
    oidc::OidcStore,
    profiles::ProfileStore,
    recovery::{LeftToken, RecoveryFile},
    roles::RoleStore,
    sessions::SessionFile,
    signing_key::SigningKey,
    system::{SystemSettingsStore, Updated},
    tokens::{MAX_TOKENS, Token, TokenStore, Tokens, TooManyTokens},
};
pub use variables::VARIABLES;
