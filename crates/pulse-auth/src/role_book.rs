//! The roles of a server, the built-in ones and its own, and who has which: what may be kept, and what follows from it.
//!
//! Pure: records come in, decisions go out. A role that builds on another has that one's permissions too; what is denied
//! wins over what is allowed, across all roles of a user; whatever cannot be understood or decided grants nothing.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use jiff::Timestamp;
use pulse_core::roles::{PermissionRecord, RoleRecord, UserRoles};

use crate::rbac::{Action, BUILT_IN, Grants, Permission, Resource, Rights};

/// Roles of a server's own.
pub const MOST_ROLES: usize = 200;
/// Permissions of one role.
pub const MOST_PERMISSIONS: usize = 100;
/// Users who have roles.
pub const MOST_USERS: usize = 10_000;
/// Roles of one user.
pub const MOST_ROLES_OF_USER: usize = 50;
/// The longest name and description, in bytes.
const LONGEST_TEXT: usize = 1_024;
/// So many roles build on each other at most.
const DEEPEST: usize = 16;

/// Why a role or an assignment is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoleError {
    /// Not an id.
    #[error("a role id has 1 to 64 letters, digits, _ or -")]
    BadId,
    /// Not a name of a user.
    #[error("a user name has 1 to 128 letters, digits or . _ @ + -")]
    BadUser,
    /// Every server has it as it is.
    #[error("{0} is built in and cannot be changed or deleted; make a role of your own that builds on it")]
    BuiltIn(String),
    /// There is no such role.
    #[error("there is no role {0}")]
    Unknown(String),
    /// Roles that build on each other in a circle, or too many.
    #[error("roles must not build on each other in a circle, and at most {DEEPEST} on each other")]
    Circle,
    /// Another role builds on it.
    #[error("the role {0} builds on it; change or delete that one first")]
    InUse(String),
    /// Nothing could ever ask for it.
    #[error("{0}")]
    BadPermission(String),
    /// Longer than anybody reads.
    #[error("names and descriptions have at most {LONGEST_TEXT} bytes")]
    TooLong,
    /// There are too many.
    #[error("there are too many {0} already")]
    TooMany(&'static str),
}

/// Whether it can be an id of a role.
pub fn is_role_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// Whether it can be the name of a user who is given roles.
pub fn is_user_name(name: &str) -> bool {
    let is_fit = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'@' | b'+' | b'-');
    (1..=128).contains(&name.len()) && name.bytes().all(is_fit)
}

/// All roles and assignments at one moment.
#[derive(Debug, Clone)]
pub struct RoleBook {
    roles: BTreeMap<String, RoleRecord>,
    /// By the name in lower case: whoever writes their own name differently is still the same.
    users: HashMap<String, UserRoles>,
}

impl Default for RoleBook {
    fn default() -> Self {
        Self::new(&[], &[], Timestamp::UNIX_EPOCH)
    }
}

impl RoleBook {
    /// The built-in roles, which are as old as `started`, with a server's own. One that has a built-in one's id does not
    /// count.
    pub fn new(own: &[RoleRecord], users: &[UserRoles], started: Timestamp) -> Self {
        let mut roles: BTreeMap<String, RoleRecord> = own
            .iter()
            .filter(|role| is_role_id(&role.id))
            .map(|role| (role.id.clone(), RoleRecord { is_built_in: false, ..role.clone() }))
            .collect();
        roles.extend(BUILT_IN.iter().map(|role| (role.id.to_owned(), built_in(role, started))));
        let users = users.iter().map(|user| (user.username.to_ascii_lowercase(), user.clone())).collect();
        Self { roles, users }
    }

    /// All roles: the built-in ones first, then by name.
    pub fn roles(&self) -> Vec<&RoleRecord> {
        let place = |role: &RoleRecord| BUILT_IN.iter().position(|known| known.id == role.id);
        let mut all: Vec<&RoleRecord> = self.roles.values().collect();
        all.sort_by(|a, b| {
            let order = |role: &RoleRecord| place(role).unwrap_or(BUILT_IN.len());
            order(a).cmp(&order(b)).then_with(|| a.name.cmp(&b.name)).then_with(|| a.id.cmp(&b.id))
        });
        all
    }

    /// The role of that id.
    pub fn role(&self, id: &str) -> Option<&RoleRecord> {
        self.roles.get(id)
    }

    /// Who has roles, by name.
    pub fn users(&self) -> Vec<&UserRoles> {
        let mut all: Vec<&UserRoles> = self.users.values().collect();
        all.sort_by(|a, b| a.username.cmp(&b.username));
        all
    }

    /// The roles of a user, where somebody decided about them.
    pub fn user(&self, name: &str) -> Option<&UserRoles> {
        self.users.get(&name.to_ascii_lowercase())
    }

    /// What the roles of these ids grant together. An id that is no role grants nothing.
    pub fn grants<S: AsRef<str>>(&self, ids: &[S]) -> Grants {
        let mut rights = Rights::default();
        let roles = ids.iter().flat_map(|id| self.with_parents(id.as_ref()));
        for record in roles.flat_map(|role| &role.permissions) {
            let parsed = Action::from_name(&record.action).zip(Resource::from_name(&record.resource));
            let permission = parsed.map(|(action, resource)| Permission::new(action, resource));
            match (record.effect.as_str(), permission) {
                ("" | "allow", Some(permission)) if record.conditions.is_empty() => {
                    rights.allowed.push(permission);
                }
                ("" | "allow", _) => {}
                // What cannot be understood may have been meant to deny anything.
                (_, None) => rights.denied.push(Permission::new(Action::Admin, Resource::Any)),
                (_, Some(permission)) => rights.denied.push(permission),
            }
        }
        Grants::Only(Arc::new(rights))
    }

    /// The permissions of these roles and of those they build on, each once, in an order that does not change.
    pub fn permissions_of<S: AsRef<str>>(&self, ids: &[S]) -> Vec<PermissionRecord> {
        let mut all = BTreeSet::new();
        for id in ids {
            for role in self.with_parents(id.as_ref()) {
                all.extend(role.permissions.iter().cloned());
            }
        }
        all.into_iter().collect()
    }

    /// A role and those it builds on; bounded, also where a file holds a circle.
    fn with_parents(&self, id: &str) -> Vec<&RoleRecord> {
        let next = |role: &&RoleRecord| self.roles.get(&role.parent_id);
        std::iter::successors(self.roles.get(id), next).take(DEEPEST).collect()
    }

    /// Whether a role may be kept as it is, in place of one of its id or as a new one.
    pub fn check_role(&self, role: &RoleRecord) -> Result<(), RoleError> {
        if !is_role_id(&role.id) {
            return Err(RoleError::BadId);
        }
        let known = self.roles.get(&role.id);
        if known.is_some_and(|known| known.is_built_in) {
            return Err(RoleError::BuiltIn(role.id.clone()));
        }
        if known.is_none() && self.roles.len() >= MOST_ROLES + BUILT_IN.len() {
            return Err(RoleError::TooMany("roles"));
        }
        if role.name.len() > LONGEST_TEXT || role.description.len() > LONGEST_TEXT {
            return Err(RoleError::TooLong);
        }
        if role.permissions.len() > MOST_PERMISSIONS {
            return Err(RoleError::TooMany("permissions in the role"));
        }
        role.permissions.iter().try_for_each(check_permission)?;
        if role.parent_id.is_empty() {
            return Ok(());
        }
        if !self.roles.contains_key(&role.parent_id) {
            return Err(RoleError::Unknown(role.parent_id.clone()));
        }
        let above = self.with_parents(&role.parent_id);
        let is_circle = above.iter().any(|each| each.id == role.id) || above.len() >= DEEPEST - 1;
        if is_circle { Err(RoleError::Circle) } else { Ok(()) }
    }

    /// Whether a role may go.
    pub fn check_removal(&self, id: &str) -> Result<(), RoleError> {
        if self.roles.get(id).is_some_and(|role| role.is_built_in) {
            return Err(RoleError::BuiltIn(id.to_owned()));
        }
        match self.roles.values().find(|role| role.parent_id == id) {
            Some(child) => Err(RoleError::InUse(child.id.clone())),
            None => Ok(()),
        }
    }

    /// Whether a user may be given these roles.
    pub fn check_assignment(&self, user: &str, ids: &[String]) -> Result<(), RoleError> {
        if !is_user_name(user) {
            return Err(RoleError::BadUser);
        }
        if ids.len() > MOST_ROLES_OF_USER {
            return Err(RoleError::TooMany("roles for one user"));
        }
        if self.user(user).is_none() && self.users.len() >= MOST_USERS {
            return Err(RoleError::TooMany("users"));
        }
        for id in ids {
            if !is_role_id(id) {
                return Err(RoleError::BadId);
            }
            if !self.roles.contains_key(id) {
                return Err(RoleError::Unknown(id.clone()));
            }
        }
        Ok(())
    }
}

fn built_in(role: &crate::rbac::Role, started: Timestamp) -> RoleRecord {
    let permissions = role.permissions.iter().map(|permission| PermissionRecord {
        action: permission.action.name().to_owned(),
        resource: permission.resource.name().to_owned(),
        effect: String::new(),
        conditions: BTreeMap::new(),
    });
    RoleRecord {
        id: role.id.to_owned(),
        name: role.name.to_owned(),
        description: String::new(),
        parent_id: String::new(),
        permissions: permissions.collect(),
        is_built_in: true,
        priority: 0,
        created_at: started,
        updated_at: started,
    }
}

// Pulse v5: takes any text, conditions too, and enforces none of it.
fn check_permission(permission: &PermissionRecord) -> Result<(), RoleError> {
    let bad = |text: &str| Err(RoleError::BadPermission(text.to_owned()));
    if Action::from_name(&permission.action).is_none() {
        return bad("an action is read, write, delete or admin");
    }
    if Resource::from_name(&permission.resource).is_none() {
        return bad(
            "a resource is nodes, vms, containers, alerts, settings, users, audit_logs, compliance or *",
        );
    }
    if !matches!(permission.effect.as_str(), "" | "allow" | "deny") {
        return bad("an effect is allow or deny");
    }
    if !permission.conditions.is_empty() {
        return bad("conditions cannot be enforced by this server; leave them out");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pulse_core::scope::Scope;

    use super::*;

    fn permission(text: &str) -> PermissionRecord {
        let mut parts = text.split(' ').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        PermissionRecord { action: next(), resource: next(), effect: next(), conditions: BTreeMap::new() }
    }

    fn role(id: &str, parent: &str, permissions: &[&str]) -> RoleRecord {
        RoleRecord {
            id: id.into(),
            name: id.to_uppercase(),
            description: String::new(),
            parent_id: parent.into(),
            permissions: permissions.iter().map(|text| permission(text)).collect(),
            is_built_in: false,
            priority: 0,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn book(roles: &[RoleRecord]) -> RoleBook {
        RoleBook::new(roles, &[], Timestamp::UNIX_EPOCH)
    }

    fn may(grants: &Grants, action: Action, resource: Resource) -> bool {
        grants.allows(Permission::new(action, resource))
    }

    #[test]
    fn a_role_has_what_it_builds_on_and_denying_wins() {
        let book =
            book(&[role("ops", "viewer", &["write alerts"]), role("less", "ops", &["read settings deny"])]);
        let ops = book.grants(&["ops"]);
        assert!(may(&ops, Action::Read, Resource::Settings) && may(&ops, Action::Write, Resource::Alerts));
        let less = book.grants(&["less", "ops"]);
        assert!(!may(&less, Action::Read, Resource::Settings) && may(&less, Action::Read, Resource::Nodes));
        assert!(!less.scopes().allows(Scope::SettingsRead));
        // Whoever is denied a part is not in charge of the whole.
        let admin = book.grants(&["admin", "less"]);
        assert!(!admin.is_admin() && may(&admin, Action::Write, Resource::Settings));
        assert!(!may(&admin, Action::Admin, Resource::Settings));
    }

    #[test]
    fn what_cannot_be_decided_grants_nothing() {
        let mut conditional = role("c", "", &["read nodes"]);
        conditional.permissions[0].conditions.insert("tag".into(), "prod".into());
        let odd = role("odd", "", &["fly nodes", "read moon", "read nodes perhaps"]);
        let book = book(&[conditional, odd.clone(), role("a", "b", &["read nodes"]), role("b", "a", &[])]);
        assert!(!may(&book.grants(&["c"]), Action::Read, Resource::Nodes));
        assert!(!may(&book.grants(&["odd", "viewer"]), Action::Read, Resource::Nodes));
        // A circle in a file ends.
        assert!(may(&book.grants(&["b"]), Action::Read, Resource::Nodes));
        assert!(!may(&book.grants(&["gone"]), Action::Read, Resource::Nodes));
        assert!(matches!(book.check_role(&odd), Err(RoleError::BadPermission(_))));
    }

    #[test]
    fn what_may_be_kept() {
        let book = book(&[role("ops", "viewer", &[]), role("more", "ops", &[])]);
        let check = |role: &RoleRecord| book.check_role(role);
        assert_eq!(check(&role("new", "more", &["admin *", "delete vms deny"])), Ok(()));
        assert_eq!(check(&role("admin", "", &[])), Err(RoleError::BuiltIn("admin".into())));
        assert_eq!(check(&role("", "", &[])), Err(RoleError::BadId));
        assert_eq!(check(&role("<b>", "", &[])), Err(RoleError::BadId));
        assert_eq!(check(&role("ops", "more", &[])), Err(RoleError::Circle));
        assert_eq!(check(&role("ops", "ops", &[])), Err(RoleError::Circle));
        assert_eq!(check(&role("x", "gone", &[])), Err(RoleError::Unknown("gone".into())));
        let long = RoleRecord { name: "x".repeat(10_000), ..role("x", "", &[]) };
        assert_eq!(check(&long), Err(RoleError::TooLong));
        assert_eq!(
            check(&role("x", "", &["read nodes"; 101])),
            Err(RoleError::TooMany("permissions in the role"))
        );
        assert_eq!(book.check_removal("ops"), Err(RoleError::InUse("more".into())));
        assert_eq!(book.check_removal("viewer"), Err(RoleError::BuiltIn("viewer".into())));
        assert_eq!(book.check_removal("never-was"), Ok(()));
        let assign = |user: &str, id: &str| book.check_assignment(user, &[id.to_owned()]);
        assert_eq!(assign("kim@example.org", "ops"), Ok(()));
        assert_eq!(assign("kim", "gone"), Err(RoleError::Unknown("gone".into())));
        assert_eq!(assign("kim\u{202e}", "ops"), Err(RoleError::BadUser));
    }

    #[test]
    fn a_file_cannot_replace_a_built_in_role() {
        let mine = RoleRecord { is_built_in: true, ..role("viewer", "", &["admin *"]) };
        let book = book(&[mine, role("zed", "", &[])]);
        assert!(!book.grants(&["viewer"]).is_admin());
        let ids: Vec<&str> = book.roles().into_iter().map(|role| role.id.as_str()).collect();
        assert_eq!(ids, ["admin", "operator", "viewer", "auditor", "zed"]);
    }

    proptest! {
        /// A deny never adds a right, and a role more never takes an allowed one away.
        #[test]
        fn denying_only_takes_and_allowing_only_adds(
            allowed in proptest::collection::vec((0_usize..4, 0_usize..9), 0..6),
            denied in (0_usize..4, 0_usize..9),
            wanted in (0_usize..4, 0_usize..9),
        ) {
            const ACTIONS: [&str; 4] = ["read", "write", "delete", "admin"];
            let name = |(action, resource): (usize, usize)| {
                format!("{} {}", ACTIONS[action], Resource::EVERY[resource].name())
            };
            let texts: Vec<String> = allowed.into_iter().map(name).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let deny = format!("{} deny", name(denied));
            let book = book(&[role("some", "", &texts), role("none", "", &[&deny]), role("any", "", &["admin *"])]);
            let (action, resource) = wanted;
            let wanted = Permission::new(Action::from_name(ACTIONS[action]).unwrap(), Resource::EVERY[resource]);
            let some = book.grants(&["some"]).allows(wanted);
            prop_assert!(some || !book.grants(&["some", "none"]).allows(wanted));
            prop_assert!(!some || book.grants(&["some", "viewer"]).allows(wanted));
            prop_assert!(!book.grants(&["any", "none"]).is_admin());
        }
    }
}
