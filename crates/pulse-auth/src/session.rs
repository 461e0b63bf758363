//! Login sessions: who holds the cookie is logged in, and every use prolongs it. Only hashes of cookies are held.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use pulse_core::credential::SessionRecord;
use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

use crate::{NoRandom, hex, random};

/// How many sessions there may be at most; a new one ends the one that would end first.
pub const MAX_SESSIONS: usize = 10_000;
/// How long a session lasts after its last use.
pub const DURATION: SignedDuration = SignedDuration::from_hours(24);
/// The same for one that is to be remembered.
pub const REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The longest user agent that is kept, in characters.
const MAX_USER_AGENT: usize = 256;

/// What a new session is made of.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Who logs in.
    pub username: String,
    /// The browser, as it names itself.
    pub user_agent: Option<String>,
    /// Where the login comes from.
    pub ip: Option<String>,
    /// How long it lasts after its last use.
    pub duration: SignedDuration,
    /// The provider that vouched for them, where one did.
    pub oidc: Option<OidcSession>,
}

/// What a provider said at a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcSession {
    /// Its name.
    pub issuer: String,
    /// Our name at it.
    pub client_id: String,
    /// Roles of the user, where groups are mapped to roles.
    pub roles: Option<Vec<String>>,
}

/// A session that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The hash of the cookie.
    pub key: String,
    /// Who is logged in.
    pub username: Option<String>,
    /// When it ends unless it is used before.
    pub expires_at: Timestamp,
    /// The provider that vouched for them, where one did.
    pub oidc: Option<OidcSession>,
}

/// All sessions.
#[derive(Debug)]
pub struct Sessions {
    capacity: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    by_key: HashMap<String, SessionRecord>,
    /// Grows with every change, so that a writer knows whether there is something to write.
    version: u64,
}

impl Default for Sessions {
    fn default() -> Self {
        Self::with_capacity(MAX_SESSIONS)
    }
}

impl Sessions {
    /// No sessions yet, and never more than `capacity`.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), inner: Mutex::default() }
    }

    /// Takes over sessions that were kept; those that have ended stay behind.
    pub fn restore(&self, records: Vec<SessionRecord>, now: Timestamp) {
        let mut inner = self.lock();
        for record in records {
            if record.expires_at > now {
                inner.by_key.insert(record.key.clone(), record);
                inner.make_room(self.capacity, now);
            }
        }
    }

    /// Begins a session and gives back the cookie's value (64 hexadecimal digits) with it.
    pub fn create(&self, new: NewSession, now: Timestamp) -> Result<(Zeroizing<String>, Session), NoRandom> {
        let cookie = Zeroizing::new(hex(&random::<32>()?));
        let record = SessionRecord {
            key: session_key(&cookie),
            username: Some(new.username),
            expires_at: later(now, new.duration),
            created_at: now,
            user_agent: new.user_agent.map(|text| text.chars().take(MAX_USER_AGENT).collect()),
            ip: new.ip,
            original_duration: new.duration.as_nanos().try_into().unwrap_or(i64::MAX),
            oidc_issuer: new.oidc.as_ref().map(|oidc| oidc.issuer.clone()),
            oidc_client_id: new.oidc.as_ref().map(|oidc| oidc.client_id.clone()),
            roles: new.oidc.and_then(|oidc| oidc.roles),
        };
        let session = session_of(&record);
        let mut inner = self.lock();
        inner.by_key.insert(record.key.clone(), record);
        inner.make_room(self.capacity, now);
        inner.version += 1;
        Ok((cookie, session))
    }

    /// The session of a cookie, prolonged by this use; `None` where there is none or it has ended.
    pub fn touch(&self, cookie: &str, now: Timestamp) -> Option<Session> {
        if !is_cookie(cookie) {
            return None;
        }
        let key = session_key(cookie);
        let mut inner = self.lock();
        let record = inner.by_key.get_mut(&key)?;
        if record.expires_at <= now {
            inner.by_key.remove(&key);
            inner.version += 1;
            return None;
        }
        if record.original_duration > 0 {
            let end = later(now, SignedDuration::from_nanos(record.original_duration));
            // Time does not run backwards for a session.
            record.expires_at = record.expires_at.max(end);
        }
        Some(session_of(record))
    }

    /// Whether the session of that key still counts; asking does not prolong it.
    pub fn contains(&self, key: &str, now: Timestamp) -> bool {
        self.lock().by_key.get(key).is_some_and(|record| record.expires_at > now)
    }

    /// Changes the roles of a session that a provider vouches for, where there still is one.
    pub fn set_roles(&self, key: &str, roles: Option<Vec<String>>) {
        let mut inner = self.lock();
        let Some(record) = inner.by_key.get_mut(key).filter(|record| record.roles != roles) else { return };
        record.roles = roles;
        inner.version += 1;
    }

    /// Ends the session of that key. Gives back whether there was one.
    pub fn remove(&self, key: &str) -> bool {
        let mut inner = self.lock();
        let was_there = inner.by_key.remove(key).is_some();
        inner.version += u64::from(was_there);
        was_there
    }

    /// Ends all sessions of a user and gives back their keys.
    pub fn remove_user(&self, username: &str) -> Vec<String> {
        let mut inner = self.lock();
        let keys: Vec<String> = inner
            .by_key
            .values()
            .filter(|record| record.username.as_deref() == Some(username))
            .map(|record| record.key.clone())
            .collect();
        for key in &keys {
            inner.by_key.remove(key);
        }
        inner.version += u64::from(!keys.is_empty());
        keys
    }

    /// Ends all sessions and gives back their keys.
    pub fn remove_all(&self) -> Vec<String> {
        let mut inner = self.lock();
        let keys: Vec<String> = inner.by_key.drain().map(|(key, _)| key).collect();
        inner.version += u64::from(!keys.is_empty());
        keys
    }

    /// All sessions that count, for keeping, and the version they are of.
    pub fn export(&self, now: Timestamp) -> (u64, Vec<SessionRecord>) {
        let mut inner = self.lock();
        inner.by_key.retain(|_, record| record.expires_at > now);
        let mut records: Vec<_> = inner.by_key.values().cloned().collect();
        records.sort_by(|a, b| (a.created_at, &a.key).cmp(&(b.created_at, &b.key)));
        (inner.version, records)
    }

    /// Grows whenever a session begins or is ended; a mere prolongation does not count.
    pub fn version(&self) -> u64 {
        self.lock().version
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lock().by_key.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn make_room(&mut self, capacity: usize, now: Timestamp) {
        if self.by_key.len() <= capacity {
            return;
        }
        self.by_key.retain(|_, record| record.expires_at > now);
        while self.by_key.len() > capacity {
            let first =
                self.by_key.values().min_by_key(|record| record.expires_at).map(|record| record.key.clone());
            let Some(key) = first else { return };
            self.by_key.remove(&key);
        }
    }
}

/// The key of a cookie: SHA-256, in hexadecimal digits.
pub fn session_key(cookie: &str) -> String {
    hex(digest(&SHA256, cookie.as_bytes()).as_ref())
}

/// Only what could be a cookie of ours is looked up.
fn is_cookie(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn session_of(record: &SessionRecord) -> Session {
    let oidc = record.oidc_issuer.as_ref().map(|issuer| OidcSession {
        issuer: issuer.clone(),
        client_id: record.oidc_client_id.clone().unwrap_or_default(),
        roles: record.roles.clone(),
    });
    Session {
        key: record.key.clone(),
        username: record.username.clone(),
        expires_at: record.expires_at,
        oidc,
    }
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hour * 3600).unwrap()
    }

    fn new(username: &str) -> NewSession {
        NewSession {
            username: username.into(),
            user_agent: Some("x".repeat(999)),
            ip: None,
            duration: DURATION,
            oidc: None,
        }
    }

    #[test]
    fn a_session_slides_and_ends() {
        let sessions = Sessions::default();
        let (cookie, session) = sessions.create(new("admin"), at(0)).unwrap();
        assert_eq!(session.key, session_key(&cookie));
        assert_eq!(sessions.touch(&cookie, at(23)).unwrap().expires_at, at(47));
        assert_eq!(
            sessions.touch(&cookie, at(1)).unwrap().expires_at,
            at(47),
            "an older use does not shorten it"
        );
        assert_eq!(sessions.touch(&cookie, at(46)).unwrap().username.as_deref(), Some("admin"));
        assert_eq!(sessions.touch(&cookie, at(70)), None);
        assert!(sessions.is_empty());
    }

    #[test]
    fn only_the_cookie_opens_it() {
        let sessions = Sessions::default();
        let (cookie, session) = sessions.create(new("admin"), at(0)).unwrap();
        for other in
            [session.key.as_str(), "", &cookie[1..], &cookie.to_uppercase(), &format!("{}g", &cookie[1..])]
        {
            if other != cookie.as_str() {
                assert_eq!(sessions.touch(other, at(1)), None, "{other}");
            }
        }
    }

    #[test]
    fn sessions_survive_a_restart_without_their_cookies() {
        let sessions = Sessions::default();
        let (cookie, _) = sessions.create(new("admin"), at(0)).unwrap();
        let (_, records) = sessions.export(at(1));
        assert_eq!(records[0].user_agent.as_ref().map(String::len), Some(MAX_USER_AGENT));
        assert!(!serde_json::to_string(&records).unwrap().contains(cookie.as_str()));
        let again = Sessions::default();
        again.restore(records.clone(), at(2));
        assert!(again.touch(&cookie, at(2)).is_some());
        let late = Sessions::default();
        late.restore(records, at(25));
        assert!(late.is_empty());
    }

    #[test]
    fn ending_is_at_once_and_counts_as_a_change() {
        let sessions = Sessions::default();
        let (a, session) = sessions.create(new("admin"), at(0)).unwrap();
        let (b, _) = sessions.create(new("admin"), at(0)).unwrap();
        let (c, _) = sessions.create(new("other"), at(0)).unwrap();
        let before = sessions.version();
        assert!(sessions.contains(&session.key, at(23)) && !sessions.contains(&session.key, at(24)));
        assert!(sessions.touch(&a, at(1)).is_some() && sessions.version() == before);
        assert!(sessions.remove(&session.key) && !sessions.remove(&session.key));
        assert_eq!(sessions.version(), before + 1);
        assert_eq!(sessions.remove_user("admin").len(), 1);
        assert!(sessions.touch(&a, at(1)).is_none() && sessions.touch(&b, at(1)).is_none());
        assert!(sessions.touch(&c, at(1)).is_some());
        assert_eq!(sessions.remove_all().len(), 1);
        assert!(sessions.touch(&c, at(1)).is_none() && sessions.version() == before + 3);
    }

    #[test]
    fn there_are_never_more_than_the_bound_and_the_newest_stay() {
        let sessions = Sessions::with_capacity(3);
        let cookies: Vec<_> = (0..9).map(|hour| sessions.create(new("a"), at(hour)).unwrap().0).collect();
        assert_eq!(sessions.len(), 3);
        let alive = cookies.iter().filter(|cookie| sessions.touch(cookie, at(9)).is_some()).count();
        assert_eq!(alive, 3);
        assert!(sessions.touch(&cookies[8], at(9)).is_some() && sessions.touch(&cookies[0], at(9)).is_none());
    }
}
