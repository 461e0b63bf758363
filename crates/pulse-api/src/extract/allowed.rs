//! Authorization as a type: a handler that takes an [`Allowed`] cannot be called by somebody who may not.

use std::marker::PhantomData;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use pulse_auth::{Action, Feature, Identity, Permission, Requirement, Resource, authorize};
use pulse_core::scope::Scope;

use crate::{auth, error::ApiError};

/// What a route requires, as a type.
pub trait Needs: Send + Sync + 'static {
    /// The requirement.
    const REQUIREMENT: Requirement;
}

/// Proof that the caller meets a requirement; only the extractor makes one.
#[derive(Debug)]
pub struct Allowed<N> {
    /// Who calls.
    pub identity: Identity,
    needs: PhantomData<N>,
}

impl<S: Send + Sync, N: Needs> FromRequestParts<S> for Allowed<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let identity = auth::caller(&parts.extensions);
        authorize(&identity, N::REQUIREMENT, auth::features(&parts.extensions))?;
        Ok(Self { identity, needs: PhantomData })
    }
}

/// The caller of a public route, known or not.
#[derive(Debug)]
pub struct Caller(pub Identity);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(auth::caller(&parts.extensions)))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Self::Rejection> {
        <Self as FromRequestParts<S>>::from_request_parts(parts, state).await.map(Some)
    }
}

macro_rules! needs {
    ($($(#[$doc:meta])* $name:ident = $requirement:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl Needs for $name {
            const REQUIREMENT: Requirement = $requirement;
        }
    )+};
}

needs! {
    /// Any credential.
    Authenticated = Requirement::AUTHENTICATED;
    /// An administrator.
    Admin = Requirement::ADMIN;
    /// To read state and history.
    MonitoringRead = Requirement::scope(&[Scope::MonitoringRead]);
    /// To change alerts, notifications and metadata.
    MonitoringWrite = Requirement::scope(&[Scope::MonitoringWrite]);
    /// To read settings.
    SettingsRead = Requirement::scope(&[Scope::SettingsRead]);
    /// To change settings.
    SettingsWrite = Requirement::scope(&[Scope::SettingsWrite]);
    /// To read settings as an administrator.
    SettingsReadAdmin = Requirement::admin(&[Scope::SettingsRead]);
    /// To change settings as an administrator.
    SettingsWriteAdmin = Requirement::admin(&[Scope::SettingsWrite]);
    /// To list the tokens of all.
    TokensRead = Requirement::admin(&[Scope::SettingsRead])
        .with_permission(Permission::new(Action::Admin, Resource::Users));
    /// To make, change and delete the tokens of all.
    TokensWrite = Requirement::admin(&[Scope::SettingsWrite])
        .with_permission(Permission::new(Action::Admin, Resource::Users));
    /// To read roles and who has them. Pulse v5 asks no scope here.
    ReadRoles = Requirement::admin(&[Scope::SettingsRead])
        .with_permission(Permission::new(Action::Admin, Resource::Users))
        .with_feature(Feature::Rbac);
    /// To change roles and who has them. Whoever may do that can give every right to somebody, so a token needs them all.
    /// Pulse v5 asks no scope here, so that any token could.
    ManageRoles = Requirement::admin(&[Scope::All])
        .with_permission(Permission::new(Action::Admin, Resource::Users))
        .with_feature(Feature::Rbac);
    /// To read profiles of agents. Pulse v5 asks no scope here.
    ProfilesRead = Requirement::admin(&[Scope::SettingsRead]).with_feature(Feature::AgentProfiles);
    /// To change profiles of agents. Pulse v5 asks no scope here, so that any token could.
    ProfilesWrite = Requirement::admin(&[Scope::SettingsWrite]).with_feature(Feature::AgentProfiles);
    /// To read the audit log.
    AuditRead = Requirement::scope(&[Scope::SettingsRead])
        .with_permission(Permission::new(Action::Read, Resource::AuditLogs))
        .with_feature(Feature::AuditLogging);
    /// To have reports made of history.
    ReportsRead = Requirement::scope(&[Scope::SettingsRead])
        .with_permission(Permission::new(Action::Read, Resource::Nodes))
        .with_feature(Feature::AdvancedReporting);
    /// To read where audit events are sent.
    AuditAdminRead = Requirement::scope(&[Scope::SettingsRead])
        .with_permission(Permission::new(Action::Admin, Resource::AuditLogs))
        .with_feature(Feature::AuditLogging);
    /// To set where audit events are sent.
    AuditAdminWrite = Requirement::scope(&[Scope::SettingsWrite])
        .with_permission(Permission::new(Action::Admin, Resource::AuditLogs))
        .with_feature(Feature::AuditLogging);
    /// To read notification settings: whoever may change settings may read these.
    NotificationsRead = Requirement::admin(&[Scope::SettingsRead, Scope::SettingsWrite]);
    /// To read the notification queue.
    MonitoringReadAdmin = Requirement::admin(&[Scope::MonitoringRead]);
    /// To change the notification queue.
    MonitoringWriteAdmin = Requirement::admin(&[Scope::MonitoringWrite]);
    /// To send host reports.
    HostAgentReport = Requirement::scope(&[Scope::HostAgentReport]);
    /// To act on hosts with an agent.
    HostAgentManage = Requirement::admin(&[Scope::HostAgentManage]);
    /// To fetch an agent's configuration.
    HostAgentConfigRead =
        Requirement::scope(&[Scope::HostAgentConfigRead, Scope::HostAgentManage, Scope::SettingsWrite]);
    /// To have commands run by agents. Not `host-agent:manage`: tokens that agents are installed with may have that, and none
    /// of them must command another machine. Pulse v5 asks no scope here.
    RunAgentCommands = Requirement::admin(&[Scope::SettingsWrite]).with_feature(Feature::AiAutofix);
    /// To act on Docker hosts.
    DockerManage = Requirement::admin(&[Scope::DockerManage]);
    /// To act on Kubernetes clusters.
    KubernetesManage = Requirement::admin(&[Scope::KubernetesManage]);
    /// To send Docker reports.
    DockerReport = Requirement::scope(&[Scope::DockerReport]);
    /// To send Kubernetes reports.
    KubernetesReport = Requirement::scope(&[Scope::KubernetesReport]);
}
