//! Roles that people made and who has which, in two files as Pulse v5 has them: `rbac_roles.json` and
//! `rbac_assignments.json`. What may be in them is pulse-auth's business.

use std::{path::Path, sync::Arc};

use pulse_core::roles::{RoleRecord, UserRoles};
use serde::de::DeserializeOwned;

use crate::{ConfigError, atomic_file, store::document::DocumentStore};

/// The file of roles.
pub const ROLES_FILE: &str = "rbac_roles.json";
/// The file of who has which.
pub const ASSIGNMENTS_FILE: &str = "rbac_assignments.json";

/// Keeps both. Changes block for the disk; reading never does.
#[derive(Debug)]
pub struct RoleStore {
    roles: DocumentStore<Vec<RoleRecord>>,
    users: DocumentStore<Vec<UserRoles>>,
}

impl RoleStore {
    /// Reads the files of a data directory. A damaged one is an error and stays where it is: without it somebody could
    /// have more rights than before. Blocks for the disk.
    pub fn open(data_dir: &Path) -> Result<Self, ConfigError> {
        must_be_whole::<Vec<RoleRecord>>(data_dir, ROLES_FILE)?;
        must_be_whole::<Vec<UserRoles>>(data_dir, ASSIGNMENTS_FILE)?;
        Ok(Self {
            roles: DocumentStore::open(data_dir, ROLES_FILE, "the roles", own_only)?,
            users: DocumentStore::open(data_dir, ASSIGNMENTS_FILE, "who has which role", |all| all)?,
        })
    }

    /// Roles that people made.
    pub fn roles(&self) -> Arc<Vec<RoleRecord>> {
        self.roles.current()
    }

    /// Who has which.
    pub fn users(&self) -> Arc<Vec<UserRoles>> {
        self.users.current()
    }

    /// Puts a role in the place of the one with its id, or adds it.
    pub fn put_role(&self, role: &RoleRecord) -> Result<(), ConfigError> {
        self.roles.update(|all| put(all, role, |each| each.id == role.id)).map(drop)
    }

    /// Takes a role out, first from everybody who has it: one that is made anew under its id must not be theirs.
    pub fn remove_role(&self, id: &str) -> Result<(), ConfigError> {
        self.users.update(|all| {
            let without = |user: &UserRoles| {
                let role_ids = user.role_ids.iter().filter(|each| *each != id).cloned().collect();
                UserRoles { role_ids, ..user.clone() }
            };
            all.iter().map(without).collect()
        })?;
        self.roles.update(|all| all.iter().filter(|role| role.id != id).cloned().collect()).map(drop)
    }

    /// Says which roles a user has.
    pub fn put_user(&self, user: &UserRoles) -> Result<(), ConfigError> {
        let is_same = |each: &UserRoles| each.username.eq_ignore_ascii_case(&user.username);
        self.users.update(|all| put(all, user, is_same)).map(drop)
    }

    /// Forgets what was decided about a user.
    pub fn remove_user(&self, name: &str) -> Result<(), ConfigError> {
        let rest = |all: &Vec<UserRoles>| {
            all.iter().filter(|user| !user.username.eq_ignore_ascii_case(name)).cloned().collect()
        };
        self.users.update(rest).map(drop)
    }
}

fn put<T: Clone>(all: &[T], new: &T, is_same: impl Fn(&T) -> bool) -> Vec<T> {
    let mut all = all.to_vec();
    match all.iter_mut().find(|each| is_same(each)) {
        Some(old) => *old = new.clone(),
        None => all.push(new.clone()),
    }
    all
}

/// Pulse v5 keeps the built-in roles with the others, and does not read them again.
fn own_only(all: Vec<RoleRecord>) -> Vec<RoleRecord> {
    all.into_iter().filter(|role| !role.is_built_in).collect()
}

fn must_be_whole<T: DeserializeOwned>(data_dir: &Path, file: &str) -> Result<(), ConfigError> {
    let path = data_dir.join(file);
    let Some(bytes) = atomic_file::read(&path)? else { return Ok(()) };
    match atomic_file::decode_json::<T>(&bytes) {
        Ok(_) => Ok(()),
        Err(problem) => Err(ConfigError::Damaged { path, problem }),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn role(id: &str) -> RoleRecord {
        serde_json::from_value(serde_json::json!({"id": id, "name": id})).unwrap()
    }

    fn user(name: &str, roles: &[&str]) -> UserRoles {
        let role_ids = roles.iter().map(|id| (*id).to_owned()).collect();
        UserRoles { username: name.into(), role_ids, updated_at: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn roles_outlive_a_restart_and_one_that_is_deleted_is_nobodys() {
        let dir = tempfile::tempdir().unwrap();
        let store = RoleStore::open(dir.path()).unwrap();
        store.put_role(&role("a")).unwrap();
        store.put_role(&role("b")).unwrap();
        store.put_user(&user("Kim", &["a", "b"])).unwrap();
        store.put_user(&user("kim", &["b", "a"])).unwrap();
        store.remove_role("a").unwrap();
        let again = RoleStore::open(dir.path()).unwrap();
        assert_eq!(again.roles().iter().map(|role| role.id.as_str()).collect::<Vec<_>>(), ["b"]);
        assert_eq!(*again.users(), [user("kim", &["b"])]);
        again.remove_user("KIM").unwrap();
        assert!(again.users().is_empty());
    }

    #[test]
    fn a_damaged_file_neither_opens_anything_nor_is_lost() {
        for file in [ROLES_FILE, ASSIGNMENTS_FILE] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(file);
            std::fs::write(&path, r#"[{"username": "kim", "roleIds": ["#).unwrap();
            let error = RoleStore::open(dir.path()).unwrap_err().to_string();
            assert!(error.contains(file) && !error.contains("kim"), "{error}");
            assert!(path.exists());
        }
    }

    #[test]
    fn built_in_roles_in_a_file_do_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let text = r#"[{"id":"admin","name":"Administrator","isBuiltIn":true},{"id":"own","name":"Own"}]"#;
        std::fs::write(dir.path().join(ROLES_FILE), text).unwrap();
        let store = RoleStore::open(dir.path()).unwrap();
        assert_eq!(store.roles().len(), 1);
    }
}
