//! Who may ask: the API token, and tickets as `/access/ticket` gives them out.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, Method, header};
use ring::hmac;

use crate::{
    figures::{derive, derive_text},
    net::tls::uuid,
};

/// Seconds a ticket is good for.
const TICKET_LIFETIME: u64 = 7_200;
/// Seconds a ticket may be ahead of the clock.
const TICKET_AHEAD: u64 = 300;

/// The one account of a cluster, with an API token.
#[derive(Debug)]
pub(crate) struct Accounts {
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) token_name: String,
    pub(crate) token_value: String,
    key: u64,
    /// Part of every signature: raising it voids all tickets.
    generation: AtomicU64,
}

/// Why a call is refused: the reason phrase of the 401.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) &'static str);

const NO_TICKET: Refused = Refused("No ticket");
const BAD_TOKEN: Refused = Refused("Authentication failed!");
const BAD_TICKET: Refused = Refused("permission denied - invalid PVE ticket");
const BAD_CSRF: Refused = Refused("Permission denied - invalid csrf token");

impl Accounts {
    pub(crate) fn new(estate: u64) -> Self {
        let key = derive_text(estate, "accounts");
        Self {
            user: "pulse-monitor@pve".into(),
            password: format!("sim-{:016x}", derive(key, 1)),
            token_name: "pulse-monitor@pve!pulse".into(),
            token_value: uuid(derive(key, 2)),
            key,
            generation: AtomicU64::new(0),
        }
    }

    pub(crate) fn expire_tickets(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// Decides who asks.
    pub(crate) fn identify(
        &self,
        method: &Method,
        headers: &HeaderMap,
        now: u64,
        is_token_revoked: bool,
    ) -> Result<String, Refused> {
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let text = value.to_str().map_err(|_| BAD_TOKEN)?;
            let Some(token) = text.strip_prefix("PVEAPIToken") else { return Err(NO_TICKET) };
            // The real server takes a space instead of the first `=`.
            let token = token.strip_prefix(['=', ' ']).ok_or(BAD_TOKEN)?;
            let (name, secret) = token.split_once('=').ok_or(BAD_TOKEN)?;
            let is_known = name == self.token_name && secret == self.token_value && !is_token_revoked;
            return if is_known { Ok(format!("token:{name}")) } else { Err(BAD_TOKEN) };
        }
        let ticket = cookie(headers).ok_or(NO_TICKET)?;
        let user = self.ticket_user(&ticket, now).ok_or(BAD_TICKET)?;
        if method != Method::GET {
            let csrf =
                headers.get("csrfpreventiontoken").and_then(|value| value.to_str().ok()).ok_or(BAD_CSRF)?;
            let (stamp, _) = csrf.split_once(':').ok_or(BAD_CSRF)?;
            if csrf != self.csrf(stamp) {
                return Err(BAD_CSRF);
            }
        }
        Ok(format!("ticket:{user}"))
    }

    /// Checks a login; a ticket that is still good is taken as the password.
    pub(crate) fn login(&self, user: &str, password: &str, now: u64) -> bool {
        user == self.user && (password == self.password || self.ticket_user(password, now).is_some())
    }

    /// A ticket and the token against forged requests.
    pub(crate) fn ticket(&self, now: u64) -> (String, String) {
        let stamp = format!("{now:08X}");
        let head = format!("PVE:{}:{stamp}", self.user);
        (format!("{head}::{}", self.sign(&head)), self.csrf(&stamp))
    }

    fn ticket_user(&self, ticket: &str, now: u64) -> Option<String> {
        let (head, signature) = ticket.split_once("::")?;
        let mut parts = head.splitn(3, ':');
        let (product, user, stamp) = (parts.next()?, parts.next()?, parts.next()?);
        let since = u64::from_str_radix(stamp, 16).ok()?;
        let is_fresh = since <= now + TICKET_AHEAD && now < since + TICKET_LIFETIME;
        (product == "PVE" && is_fresh && signature == self.sign(head)).then(|| user.to_owned())
    }

    fn csrf(&self, stamp: &str) -> String {
        format!("{stamp}:{}", self.sign(&format!("csrf:{stamp}")))
    }

    fn sign(&self, text: &str) -> String {
        let secret = derive(self.key, 3 + self.generation.load(Ordering::Relaxed));
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret.to_be_bytes());
        STANDARD.encode(hmac::sign(&key, text.as_bytes()))
    }
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|pair| pair.trim().strip_prefix("PVEAuthCookie="))
        .map(|value| crate::net::percent_decode(value, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn tickets_live_two_hours_and_die_with_their_generation() {
        let accounts = Accounts::new(7);
        let (ticket, csrf) = accounts.ticket(1_000_000);
        let ask = |ticket: &str, method: &Method, now| {
            accounts.identify(method, &headers("cookie", &format!("x=1; PVEAuthCookie={ticket}")), now, false)
        };
        assert_eq!(ask(&ticket, &Method::GET, 1_000_001).unwrap(), "ticket:pulse-monitor@pve");
        let encoded = ticket.replace(':', "%3A").replace('=', "%3D").replace('+', "%2B");
        assert!(ask(&encoded, &Method::GET, 1_007_199).is_ok());
        assert_eq!(ask(&ticket, &Method::GET, 1_007_200), Err(BAD_TICKET));
        assert_eq!(ask(&ticket, &Method::POST, 1_000_001), Err(BAD_CSRF));
        let mut both = headers("cookie", &format!("PVEAuthCookie={ticket}"));
        both.insert("csrfpreventiontoken", csrf.parse().unwrap());
        assert!(accounts.identify(&Method::POST, &both, 1_000_001, false).is_ok());
        assert!(accounts.login(&accounts.user, &ticket, 1_000_100));
        accounts.expire_tickets();
        assert_eq!(ask(&ticket, &Method::GET, 1_000_001), Err(BAD_TICKET));
        assert!(!accounts.login(&accounts.user, &ticket, 1_000_100));
    }

    #[test]
    fn a_token_is_taken_in_both_spellings_until_it_is_revoked() {
        let accounts = Accounts::new(7);
        for separator in ["=", " "] {
            let text = format!("PVEAPIToken{separator}{}={}", accounts.token_name, accounts.token_value);
            let headers = headers("authorization", &text);
            assert!(accounts.identify(&Method::GET, &headers, 0, false).is_ok());
            assert_eq!(accounts.identify(&Method::GET, &headers, 0, true), Err(BAD_TOKEN));
        }
        let wrong = headers("authorization", "PVEAPIToken=pulse-monitor@pve!pulse=nope");
        assert_eq!(accounts.identify(&Method::GET, &wrong, 0, false), Err(BAD_TOKEN));
        assert_eq!(accounts.identify(&Method::GET, &HeaderMap::new(), 0, false), Err(NO_TICKET));
    }
}
