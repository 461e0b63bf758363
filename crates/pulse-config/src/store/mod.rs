//! What is kept in files of the data directory, each kind with one owner: read once, then from memory.

pub mod audit_hooks;
pub mod audit_key;
pub mod bootstrap;
pub mod credentials;
pub mod document;
pub mod fleet;
pub mod license;
pub mod metadata;
pub mod nodes;
pub mod notify;
pub mod oidc;
pub mod profiles;
pub mod recovery;
pub mod roles;
pub mod sessions;
pub mod signing_key;
pub mod system;
pub mod tokens;
