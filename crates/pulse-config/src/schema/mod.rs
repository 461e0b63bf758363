//! What the configuration files hold.

pub mod instances;
pub mod notify;
pub mod oidc;
pub mod system;
