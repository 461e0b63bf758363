//! `Cookie` headers, and cookies of sessions.

use std::sync::LazyLock;

use jiff::Timestamp;
use pulse_auth::{Csrf, NewSession, Sessions, presented, session::DURATION};

static SESSIONS: LazyLock<(Sessions, String)> = LazyLock::new(|| {
    let sessions = Sessions::default();
    let new =
        NewSession { username: "admin".into(), user_agent: None, ip: None, duration: DURATION, oidc: None };
    let (cookie, _) = sessions.create(new, Timestamp::UNIX_EPOCH).expect("random numbers");
    (sessions, cookie.to_string())
});
static CSRF: LazyLock<Csrf> = LazyLock::new(Csrf::default);

/// Whatever the header is: no made-up cookie is a session.
pub fn run(bytes: &[u8]) {
    let Ok(header) = std::str::from_utf8(bytes) else { return };
    for name in ["pulse_session", "pulse_csrf", "pulse_org_id", ""] {
        let Some(value) = presented::cookie(header, name) else { continue };
        assert!(!value.contains(';') && !value.is_empty() && header.contains(value));
        let (sessions, right) = &*SESSIONS;
        let session = sessions.touch(value, Timestamp::UNIX_EPOCH);
        assert!(session.is_none() || value == right, "a made-up cookie is a session");
        assert!(!CSRF.verify("key", value, Timestamp::UNIX_EPOCH));
    }
}
