//! What is kept in files of the data directory, each kind with one owner: read once, then from memory.

pub mod bootstrap;
pub mod credentials;
pub mod document;
pub mod license;
pub mod metadata;
pub mod nodes;
pub mod notify;
pub mod oidc;
pub mod sessions;
pub mod system;
pub mod tokens;
