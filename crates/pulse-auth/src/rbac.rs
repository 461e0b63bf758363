//! Roles: which actions on which kinds of things somebody may do (contract A-05).
//!
//! Pulse v5 stores and shows roles and then lets everybody do everything. Here a caller whose rights come from roles
//! has just those: [`Grants`] decides routes that ask for a [`Permission`], and [`Grants::scopes`] turns roles into
//! the scopes that all other routes ask for.

use std::sync::Arc;

use pulse_core::{credential::ScopeSet, scope::Scope};

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Looking.
    Read,
    /// Changing.
    Write,
    /// Removing.
    Delete,
    /// Everything, also deciding about others.
    Admin,
}

impl Action {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Admin => "admin",
        }
    }

    /// The action of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Read, Self::Write, Self::Delete, Self::Admin].into_iter().find(|action| action.name() == name)
    }

    /// Who may do this may do `other` as well.
    fn includes(self, other: Self) -> bool {
        self == Self::Admin || self == other
    }
}

/// What it is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Everything.
    Any,
    /// Machines.
    Nodes,
    /// Virtual machines.
    Vms,
    /// Containers.
    Containers,
    /// Alerts.
    Alerts,
    /// Settings.
    Settings,
    /// Users, their roles and tokens.
    Users,
    /// The audit log.
    AuditLogs,
    /// Compliance reports.
    Compliance,
}

impl Resource {
    /// All of them.
    pub const EVERY: [Self; 9] = [
        Self::Any,
        Self::Nodes,
        Self::Vms,
        Self::Containers,
        Self::Alerts,
        Self::Settings,
        Self::Users,
        Self::AuditLogs,
        Self::Compliance,
    ];

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|resource| resource.name() == name)
    }

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "*",
            Self::Nodes => "nodes",
            Self::Vms => "vms",
            Self::Containers => "containers",
            Self::Alerts => "alerts",
            Self::Settings => "settings",
            Self::Users => "users",
            Self::AuditLogs => "audit_logs",
            Self::Compliance => "compliance",
        }
    }
}

/// An action on a kind of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Permission {
    /// What is done.
    pub action: Action,
    /// To what.
    pub resource: Resource,
}

impl Permission {
    /// An action on a kind of things.
    pub const fn new(action: Action, resource: Resource) -> Self {
        Self { action, resource }
    }

    fn covers(self, wanted: Self) -> bool {
        self.action.includes(wanted.action)
            && (self.resource == Resource::Any || self.resource == wanted.resource)
    }

    /// Whether denying this denies `wanted`: also where `wanted` is more than this, and this a part of it.
    fn takes_from(self, wanted: Self) -> bool {
        let is_same_action = self.action.includes(wanted.action) || wanted.action.includes(self.action);
        let any = Resource::Any;
        let is_same_resource =
            self.resource == any || wanted.resource == any || self.resource == wanted.resource;
        is_same_action && is_same_resource
    }
}

/// A role of this server's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// Its id.
    pub id: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// What it may do.
    pub permissions: &'static [Permission],
}

const ADMIN: &[Permission] = &[Permission::new(Action::Admin, Resource::Any)];
const OPERATOR: &[Permission] = &[
    Permission::new(Action::Read, Resource::Any),
    Permission::new(Action::Write, Resource::Nodes),
    Permission::new(Action::Write, Resource::Vms),
    Permission::new(Action::Write, Resource::Containers),
    Permission::new(Action::Write, Resource::Alerts),
];
const VIEWER: &[Permission] = &[Permission::new(Action::Read, Resource::Any)];
const AUDITOR: &[Permission] = &[
    Permission::new(Action::Read, Resource::AuditLogs),
    Permission::new(Action::Read, Resource::Nodes),
    Permission::new(Action::Read, Resource::Alerts),
    Permission::new(Action::Read, Resource::Compliance),
];

/// The roles that every server has.
pub const BUILT_IN: [Role; 4] = [
    Role { id: "admin", name: "Administrator", permissions: ADMIN },
    Role { id: "operator", name: "Operator", permissions: OPERATOR },
    Role { id: "viewer", name: "Viewer", permissions: VIEWER },
    Role { id: "auditor", name: "Auditor", permissions: AUDITOR },
];

/// What somebody may do by their roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grants {
    /// Everything: who owns the server, or a token, which its scopes bind.
    Everything,
    /// What these rights cover and nothing else.
    Only(Arc<Rights>),
}

/// Permissions of roles, taken together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// What is allowed.
    pub allowed: Vec<Permission>,
    /// What is not, whatever is allowed.
    pub denied: Vec<Permission>,
}

impl Grants {
    /// Nothing.
    pub fn nothing() -> Self {
        Self::Only(Arc::default())
    }

    /// What the built-in roles of these ids grant together. An id that is none grants nothing.
    pub fn of_roles<S: AsRef<str>>(ids: &[S]) -> Self {
        let roles = ids.iter().filter_map(|id| BUILT_IN.iter().find(|role| role.id == id.as_ref()));
        let allowed = roles.flat_map(|role| role.permissions.iter().copied()).collect();
        Self::Only(Arc::new(Rights { allowed, denied: Vec::new() }))
    }

    /// Whether it is among them.
    pub fn allows(&self, wanted: Permission) -> bool {
        match self {
            Self::Everything => true,
            Self::Only(rights) => {
                rights.allowed.iter().any(|allowed| allowed.covers(wanted))
                    && !rights.denied.iter().any(|denied| denied.takes_from(wanted))
            }
        }
    }

    /// Whether these are all rights there are.
    pub fn is_admin(&self) -> bool {
        self.allows(Permission::new(Action::Admin, Resource::Any))
    }

    /// The scopes that routes ask for, as far as the roles reach.
    pub fn scopes(&self) -> ScopeSet {
        let may = |action, resource| self.allows(Permission::new(action, resource));
        if self.is_admin() {
            return ScopeSet::all();
        }
        let rules = [
            (Scope::MonitoringRead, may(Action::Read, Resource::Nodes)),
            (Scope::MonitoringWrite, may(Action::Write, Resource::Alerts)),
            (Scope::SettingsRead, may(Action::Read, Resource::Settings)),
            (Scope::SettingsWrite, may(Action::Write, Resource::Settings)),
            (Scope::DockerManage, may(Action::Write, Resource::Containers)),
            (Scope::KubernetesManage, may(Action::Write, Resource::Containers)),
            (Scope::HostAgentManage, may(Action::Write, Resource::Nodes)),
        ];
        let granted: Vec<Scope> = rules.into_iter().filter(|(_, is)| *is).map(|(scope, _)| scope).collect();
        if granted.is_empty() { ScopeSet::none() } else { granted.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(role: &str, action: Action, resource: Resource, expect: bool) {
        let is = Grants::of_roles(&[role]).allows(Permission::new(action, resource));
        assert_eq!(is, expect, "{role}: {} {}", action.name(), resource.name());
    }

    #[test]
    fn a_role_grants_what_it_says_and_no_more() {
        check("admin", Action::Delete, Resource::Users, true);
        check("operator", Action::Read, Resource::Settings, true);
        check("operator", Action::Write, Resource::Alerts, true);
        check("operator", Action::Write, Resource::Settings, false);
        check("operator", Action::Admin, Resource::Users, false);
        check("viewer", Action::Read, Resource::Vms, true);
        check("viewer", Action::Write, Resource::Vms, false);
        check("auditor", Action::Read, Resource::AuditLogs, true);
        check("auditor", Action::Read, Resource::Settings, false);
        check("auditor", Action::Admin, Resource::AuditLogs, false);
        check("nobody", Action::Read, Resource::Nodes, false);
    }

    #[test]
    fn roles_become_scopes() {
        let names = |ids: &[&str]| Grants::of_roles(ids).scopes().names().join(" ");
        assert_eq!(names(&["admin"]), "*");
        assert_eq!(names(&["viewer"]), "monitoring:read settings:read");
        assert_eq!(
            names(&["operator"]),
            "docker:manage host-agent:manage kubernetes:manage monitoring:read monitoring:write settings:read"
        );
        assert_eq!(names(&["auditor"]), "monitoring:read");
        assert_eq!(names(&[]), "");
        assert!(!Grants::nothing().scopes().allows(Scope::MonitoringRead));
    }

    #[test]
    fn several_roles_add_up() {
        let both = Grants::of_roles(&["auditor", "operator"]);
        assert!(both.allows(Permission::new(Action::Write, Resource::Vms)) && !both.is_admin());
        assert!(Grants::Everything.is_admin());
    }
}
