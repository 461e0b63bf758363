//! The login of the one local user: from the environment, or kept in the `.env` file of the data directory.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;

use crate::{
    ConfigError, Secret, atomic_file, dotenv,
    dotenv::{DotEnv, PASS, USER},
    settings::Vars,
};

/// A user name and the hash of the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user name.
    pub user: String,
    /// The hash of the password, argon2id or bcrypt.
    pub password_hash: String,
    /// Whether it comes from the environment of the process, where it cannot be changed from here.
    pub is_from_environment: bool,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .field("is_from_environment", &self.is_from_environment)
            .finish_non_exhaustive()
    }
}

/// The login: readers take an `Arc`, a change is there at once.
#[derive(Debug)]
pub struct Credentials {
    path: PathBuf,
    current: ArcSwapOption<Login>,
    writing: Mutex<()>,
}

impl Credentials {
    /// Reads the login: a variable of the environment wins over the same one in the file. `hash` is given a value
    /// of `PULSE_AUTH_PASS` and returns it as a hash; it must leave a hash as it is.
    pub fn open<E: fmt::Display>(
        data_dir: &Path,
        environment: &impl Vars,
        hash: impl FnOnce(&Secret) -> Result<String, E>,
    ) -> Result<Self, ConfigError> {
        let path = data_dir.join(".env");
        let file = DotEnv::read(&path)?;
        let get = |key: &str| {
            let from_environment = environment.get(key).filter(|value| !value.is_empty());
            let is_from_environment = from_environment.is_some();
            from_environment
                .or_else(|| file.get(key).filter(|value| !value.is_empty()))
                .map(|value| (value, is_from_environment))
        };
        let login = match (get(USER), get(PASS)) {
            (Some((user, env_user)), Some((password, env_password))) => match hash(&Secret::new(password)) {
                Ok(password_hash) => Some(Arc::new(Login {
                    user,
                    password_hash,
                    is_from_environment: env_user || env_password,
                })),
                Err(error) => {
                    tracing::error!(%error, "PULSE_AUTH_PASS cannot be used, nobody can log in with a password");
                    None
                }
            },
            (None, None) => None,
            (user, _) => {
                let (set, missing) = if user.is_some() { (USER, PASS) } else { (PASS, USER) };
                tracing::warn!("{set} is set but {missing} is not: there is no login with a password");
                None
            }
        };
        Ok(Self { path, current: ArcSwapOption::new(login), writing: Mutex::new(()) })
    }

    /// The login, where one is set. Never waits.
    pub fn current(&self) -> Option<Arc<Login>> {
        self.current.load_full()
    }

    /// Sets the login; it counts from now on and after a restart. Other lines of the file stay. Blocks for the disk.
    pub fn set(&self, user: &str, password_hash: &str) -> Result<(), ConfigError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.current.load().as_ref().is_some_and(|login| login.is_from_environment) {
            // Written to the file it would be gone with the next restart.
            return Err(ConfigError::ManagedByEnvironment);
        }
        self.write(user, password_hash)
    }

    /// Puts another hash in the place of the one that was just verified. Where the login was changed meanwhile, or
    /// comes from the environment, nothing happens. Gives back whether it was done. Blocks for the disk.
    pub fn replace_hash(&self, verified: &Login, password_hash: &str) -> Result<bool, ConfigError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if verified.is_from_environment || self.current.load().as_deref() != Some(verified) {
            return Ok(false);
        }
        self.write(&verified.user, password_hash)?;
        Ok(true)
    }

    fn write(&self, user: &str, password_hash: &str) -> Result<(), ConfigError> {
        let bytes = atomic_file::read(&self.path)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let text = dotenv::with_variables(&text, &[(USER, user), (PASS, password_hash)])?;
        atomic_file::write(&self.path, text.as_bytes())?;
        self.current.store(Some(Arc::new(Login {
            user: user.to_owned(),
            password_hash: password_hash.to_owned(),
            is_from_environment: false,
        })));
        Ok(())
    }

    /// The `.env` file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// When the `.env` file was last changed. Asks the disk.
    pub fn modified(&self) -> Option<Timestamp> {
        fs::metadata(&self.path).and_then(|data| data.modified()).ok()?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, convert::Infallible, os::unix::fs::PermissionsExt};

    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "it stands for a hash function, and those can fail")]
    fn as_it_is(password: &Secret) -> Result<String, Infallible> {
        Ok(format!("H({})", password.expose()))
    }

    fn open(dir: &Path, environment: &[(&str, &str)]) -> Credentials {
        let vars: HashMap<String, String> =
            environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Credentials::open(dir, &vars, as_it_is).unwrap()
    }

    fn login(credentials: &Credentials) -> Option<(String, String)> {
        credentials.current().map(|login| (login.user.clone(), login.password_hash.clone()))
    }

    #[test]
    fn a_new_login_counts_at_once_and_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".env"), "LOG_LEVEL=debug\n").unwrap();
        let credentials = open(dir.path(), &[]);
        assert_eq!(credentials.current(), None);
        credentials.set("admin", "$argon2id$v=19$m=1,t=1,p=1$a$b").unwrap();
        assert_eq!(login(&credentials).unwrap().1, "$argon2id$v=19$m=1,t=1,p=1$a$b");
        let text = fs::read_to_string(dir.path().join(".env")).unwrap();
        assert_eq!(
            text,
            "LOG_LEVEL=debug\nPULSE_AUTH_USER='admin'\nPULSE_AUTH_PASS='$argon2id$v=19$m=1,t=1,p=1$a$b'\n"
        );
        let mode = fs::metadata(credentials.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(credentials.modified().is_some());
        assert_eq!(login(&open(dir.path(), &[])).unwrap().0, "admin");
    }

    #[test]
    fn the_environment_wins_and_cannot_be_changed_from_here() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".env"), "PULSE_AUTH_USER='file'\nPULSE_AUTH_PASS='f'\n").unwrap();
        let credentials = open(dir.path(), &[(USER, "env"), (PASS, "e")]);
        assert_eq!(login(&credentials), Some(("env".into(), "H(e)".into())));
        assert!(matches!(credentials.set("x", "y"), Err(ConfigError::ManagedByEnvironment)));
        // An empty variable is no variable.
        assert_eq!(login(&open(dir.path(), &[(USER, ""), (PASS, "")])), Some(("file".into(), "H(f)".into())));
    }

    #[test]
    fn a_hash_is_replaced_only_where_it_is_still_the_one() {
        let dir = tempfile::tempdir().unwrap();
        let credentials = open(dir.path(), &[]);
        credentials.set("admin", "old").unwrap();
        let verified = credentials.current().unwrap();
        assert!(credentials.replace_hash(&verified, "better").unwrap());
        assert_eq!(login(&credentials).unwrap().1, "better");
        assert!(!credentials.replace_hash(&verified, "stale").unwrap());
        assert_eq!(login(&credentials).unwrap().1, "better");
        let fixed = open(dir.path(), &[(PASS, "e")]);
        assert!(!fixed.replace_hash(&fixed.current().unwrap(), "x").unwrap());
    }

    #[test]
    fn half_a_login_is_none() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(login(&open(dir.path(), &[(USER, "a")])), None);
        assert_eq!(login(&open(dir.path(), &[(PASS, "a")])), None);
    }

    #[test]
    fn a_name_that_would_break_the_file_is_refused_and_nothing_changes() {
        let dir = tempfile::tempdir().unwrap();
        let credentials = open(dir.path(), &[]);
        assert!(matches!(credentials.set("a'b", "h"), Err(ConfigError::Unquotable { key: USER })));
        assert_eq!(credentials.current(), None);
        assert!(!credentials.path().exists());
    }
}
