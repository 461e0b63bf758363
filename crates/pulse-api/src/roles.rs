//! The roles of this server as everybody reads them and few change them: the files, and the book that follows from them.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use pulse_auth::{RoleBook, RoleError};
use pulse_config::{ConfigError, RoleStore, UpdateError};
use pulse_core::roles::{RoleRecord, UserRoles};

type Update<T> = Result<T, UpdateError<RoleError>>;

/// Roles, and who has which. Changes block for the disk; reading never does.
#[derive(Debug)]
pub struct Roles {
    store: RoleStore,
    book: ArcSwap<RoleBook>,
    started: Timestamp,
    /// One change at a time: what is checked must still hold when it is written.
    changing: Mutex<()>,
}

impl Roles {
    /// Over the files of a data directory.
    pub fn new(store: RoleStore, started: Timestamp) -> Self {
        let book = RoleBook::new(&store.roles(), &store.users(), started);
        Self { store, book: ArcSwap::from_pointee(book), started, changing: Mutex::default() }
    }

    /// As it is now.
    pub fn book(&self) -> Arc<RoleBook> {
        self.book.load_full()
    }

    /// Keeps a role under its id; tells what is kept, and whether there was none before.
    pub fn put_role(&self, role: RoleRecord, now: Timestamp) -> Update<(RoleRecord, bool)> {
        self.change(|book| {
            book.check_role(&role)?;
            let known = book.role(&role.id);
            let kept = RoleRecord {
                name: if role.name.trim().is_empty() { role.id.clone() } else { role.name.clone() },
                is_built_in: false,
                created_at: known.map_or(now, |known| known.created_at),
                updated_at: now,
                ..role
            };
            let is_new = known.is_none();
            Ok((move |store: &RoleStore| store.put_role(&kept).map(|()| kept), is_new))
        })
    }

    /// Deletes a role and takes it from everybody. One that is not there is no error; tells whether it was.
    pub fn remove_role(&self, id: &str) -> Update<bool> {
        let ((), was_there) = self.change(|book| {
            book.check_removal(id)?;
            Ok((|store: &RoleStore| store.remove_role(id), book.role(id).is_some()))
        })?;
        Ok(was_there)
    }

    /// Says which roles a user has: `choose` gets those of now.
    pub fn put_user(
        &self,
        username: &str,
        now: Timestamp,
        choose: impl FnOnce(Vec<String>) -> Vec<String>,
    ) -> Update<()> {
        let done = self.change(|book| {
            let known = book.user(username);
            let mut role_ids = choose(known.map(|user| user.role_ids.clone()).unwrap_or_default());
            role_ids.sort();
            role_ids.dedup();
            book.check_assignment(username, &role_ids)?;
            let username = known.map_or(username, |known| &known.username).to_owned();
            let user = UserRoles { username, role_ids, updated_at: now };
            Ok((move |store: &RoleStore| store.put_user(&user), ()))
        });
        done.map(drop)
    }

    /// Forgets what was decided about a user; tells whether anything was.
    pub fn remove_user(&self, username: &str) -> Update<bool> {
        let ((), was_there) = self.change(|book| {
            let was_there = book.user(username).is_some();
            Ok((|store: &RoleStore| store.remove_user(username), was_there))
        })?;
        Ok(was_there)
    }

    /// What `decide` makes of the book is written, and then everybody reads it.
    fn change<T, U, W: FnOnce(&RoleStore) -> Result<T, ConfigError>>(
        &self,
        decide: impl FnOnce(&RoleBook) -> Result<(W, U), RoleError>,
    ) -> Update<(T, U)> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let (write, more) = decide(&self.book()).map_err(UpdateError::Refused)?;
        let written = write(&self.store);
        // Also where the second of two files could not be written: the first counts.
        let book = RoleBook::new(&self.store.roles(), &self.store.users(), self.started);
        self.book.store(Arc::new(book));
        Ok((written?, more))
    }
}
