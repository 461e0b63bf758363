//! What handlers take from a request: the right to be called, JSON with a good error, the caller.

mod allowed;
mod body;

pub use allowed::{
    Admin, Allowed, Authenticated, Caller, DockerReport, HostAgentReport, KubernetesReport, MonitoringRead,
    MonitoringWrite, Needs, SettingsRead, SettingsReadAdmin, SettingsWrite, SettingsWriteAdmin,
};
pub use body::{JsonError, read_json};
