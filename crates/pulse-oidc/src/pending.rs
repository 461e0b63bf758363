//! Logins that have begun: each is remembered for ten minutes, counts once, and only in the browser that began it.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;

use crate::encoding::random_text;

/// How long somebody may take at the provider.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// How many logins may be under way; a new one ends the oldest.
const MAX_PENDING: usize = 1_000;

/// A login under way.
#[derive(Clone)]
pub struct PendingLogin {
    /// The provider that is asked.
    pub issuer: String,
    /// What shows that the code came to us: the secret of PKCE.
    pub verifier: String,
    /// What the ID token must say.
    pub nonce: String,
    /// Where the provider sends the browser back to.
    pub redirect_uri: String,
    /// Where the browser goes after the login: a path of this server.
    pub return_to: String,
    browser: String,
    expires_at: Timestamp,
}

impl PendingLogin {
    /// The challenge of PKCE, for the provider.
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.verifier.as_bytes()))
    }
}

/// A login that has just begun.
#[derive(Clone)]
pub struct Begun {
    /// What the provider sends back.
    pub state: String,
    /// What the browser keeps in a cookie. A state that somebody else's browser brings does not count: nobody can be
    /// logged in as another person by a link.
    pub browser: String,
    /// The rest.
    pub login: PendingLogin,
}

/// All logins under way.
#[derive(Default)]
pub struct Pending(Mutex<HashMap<String, PendingLogin>>);

impl fmt::Debug for Pending {
    /// How many there are: each of them is made of secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pending").field(&self.0.lock().unwrap_or_else(PoisonError::into_inner).len()).finish()
    }
}

impl Pending {
    /// Begins a login; `None` where the system has no random numbers.
    pub fn begin(
        &self,
        issuer: &str,
        redirect_uri: String,
        return_to: String,
        now: Timestamp,
    ) -> Option<Begun> {
        let login = PendingLogin {
            issuer: issuer.to_owned(),
            verifier: random_text()?,
            nonce: random_text()?,
            redirect_uri,
            return_to,
            browser: random_text()?,
            expires_at: now.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX),
        };
        let state = random_text()?;
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.len() >= MAX_PENDING {
            pending.retain(|_, login| login.expires_at > now);
            if pending.len() >= MAX_PENDING {
                let oldest =
                    pending.iter().min_by_key(|(_, login)| login.expires_at).map(|(state, _)| state.clone());
                if let Some(state) = oldest {
                    pending.remove(&state);
                }
            }
        }
        pending.insert(state.clone(), login.clone());
        Some(Begun { state, browser: login.browser.clone(), login })
    }

    /// The login of a state, used up by asking; `None` where there is none, it has taken too long, or another browser
    /// began it.
    pub fn finish(&self, state: &str, browser: Option<&str>, now: Timestamp) -> Option<PendingLogin> {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = {
            let login = pending.get(state)?;
            bool::from(login.browser.as_bytes().ct_eq(browser.unwrap_or_default().as_bytes()))
        };
        // One that another browser brings stays: that one must not be able to end it.
        if !is_same {
            return None;
        }
        pending.remove(state).filter(|login| login.expires_at > now)
    }
}

/// The path a login may lead back to: on this server, never elsewhere.
pub fn return_path(wanted: Option<&str>) -> String {
    let is_own = |path: &str| {
        path.starts_with('/')
            && !path.starts_with("//")
            && path.len() <= 2_048
            && !path.contains(['\\', '\r', '\n', '\t'])
            && path.is_ascii()
    };
    wanted.filter(|path| is_own(path)).unwrap_or("/").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn begin(pending: &Pending) -> Begun {
        pending.begin("https://id.example", "https://p/api/oidc/callback".into(), "/".into(), at(0)).unwrap()
    }

    #[test]
    fn a_login_counts_once_and_for_ten_minutes() {
        let pending = Pending::default();
        let one = begin(&pending);
        assert!(pending.finish(&one.state, Some(&one.browser), at(599)).is_some());
        assert!(pending.finish(&one.state, Some(&one.browser), at(599)).is_none(), "replayed");
        let two = begin(&pending);
        assert!(pending.finish(&two.state, Some(&two.browser), at(600)).is_none(), "too late");
    }

    #[test]
    fn another_browser_can_neither_use_nor_end_it() {
        let pending = Pending::default();
        let one = begin(&pending);
        for browser in [None, Some(""), Some("x"), Some(begin(&pending).browser.as_str())] {
            assert!(pending.finish(&one.state, browser, at(1)).is_none());
        }
        assert!(pending.finish(&one.state, Some(&one.browser), at(1)).is_some());
    }

    #[test]
    fn how_many_there_are_is_bounded() {
        let pending = Pending::default();
        for _ in 0..MAX_PENDING + 50 {
            begin(&pending);
        }
        assert_eq!(pending.0.lock().unwrap().len(), MAX_PENDING);
    }

    #[test]
    fn what_is_printed_of_them_holds_no_secret() {
        let pending = Pending::default();
        begin(&pending);
        assert_eq!(format!("{pending:?}"), "Pending(1)");
    }

    #[test]
    fn a_login_never_leads_elsewhere() {
        for path in
            ["//evil.example", "https://evil.example", "/\\evil.example", "", "javascript:x", "/a\r\nb"]
        {
            assert_eq!(return_path(Some(path)), "/", "{path}");
        }
        assert_eq!(return_path(Some("/docker?tab=1")), "/docker?tab=1");
        assert_eq!(return_path(None), "/");
    }
}
