//! What handlers take from a request: the right to be called, JSON with a good error, the caller.

mod allowed;
mod body;

pub use allowed::{
    Admin, Allowed, AuditAdminRead, AuditAdminWrite, AuditRead, Authenticated, Caller, DockerManage,
    DockerReport, HostAgentConfigRead, HostAgentManage, HostAgentReport, KubernetesManage, KubernetesReport,
    ManageRoles, MonitoringRead, MonitoringReadAdmin, MonitoringWrite, MonitoringWriteAdmin, Needs,
    NotificationsRead, ProfilesRead, ProfilesWrite, ReadRoles, ReportsRead, RunAgentCommands, SettingsRead,
    SettingsReadAdmin, SettingsWrite, SettingsWriteAdmin, TokensRead, TokensWrite,
};
pub use body::{JsonError, read_json};
