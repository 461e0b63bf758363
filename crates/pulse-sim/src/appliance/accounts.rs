//! Who may ask a backup server or a mail gateway: an API token where the product knows them, and tickets.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
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
/// Tokens made while it runs.
const MOST_TOKENS: usize = 100;

/// What the products do differently.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    /// In front of a ticket.
    pub(crate) ticket: &'static str,
    /// Cookies that carry one.
    pub(crate) cookies: &'static [&'static str],
    /// In front of a token; `None` where there are none.
    pub(crate) token: Option<&'static str>,
    /// The realm of its own users.
    pub(crate) realm: &'static str,
}

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Read.
    Auditor,
    /// Everything.
    Administrator,
}

/// The accounts of a machine: one that may read, with a token where there are tokens, and an administrator.
#[derive(Debug)]
pub(crate) struct Accounts {
    dialect: Dialect,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) token_name: String,
    pub(crate) token_value: String,
    pub(crate) administrator: String,
    pub(crate) administrator_password: String,
    key: u64,
    /// Part of every signature: raising it voids all tickets.
    generation: AtomicU64,
    /// Tokens made while it runs, with whether they were given rights.
    made: Mutex<BTreeMap<String, (String, bool)>>,
}

/// Who asks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) identity: String,
    pub(crate) role: Role,
}

/// The call is refused with 401.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) &'static str);

const NO_TICKET: Refused = Refused("No ticket");
const BAD_TOKEN: Refused = Refused("authentication failed");
const BAD_TICKET: Refused = Refused("permission denied - invalid ticket");
const BAD_CSRF: Refused = Refused("Permission denied - invalid csrf token");

impl Accounts {
    pub(crate) fn new(estate: u64, dialect: Dialect) -> Self {
        let key = derive_text(estate, "accounts");
        let user = format!("pulse-monitor@{}", dialect.realm);
        Self {
            token_name: format!("{user}!pulse"),
            user,
            password: format!("sim-{:016x}", derive(key, 1)),
            token_value: uuid(derive(key, 2)),
            administrator: "root@pam".into(),
            administrator_password: format!("sim-{:016x}", derive(key, 9)),
            dialect,
            key,
            generation: AtomicU64::new(0),
            made: Mutex::default(),
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
    ) -> Result<Caller, Refused> {
        if let (Some(value), Some(prefix)) = (headers.get(header::AUTHORIZATION), self.dialect.token) {
            let text = value.to_str().map_err(|_| BAD_TOKEN)?;
            let token = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(['=', ' ']));
            // A colon before the secret, and nothing else.
            let (name, secret) = token.and_then(|token| token.split_once(':')).ok_or(BAD_TOKEN)?;
            let is_own = name == self.token_name && secret == self.token_value && !is_token_revoked;
            let is_made = self.made().get(name).is_some_and(|(value, may_read)| value == secret && *may_read);
            if is_own || is_made {
                return Ok(Caller { identity: format!("token:{name}"), role: Role::Auditor });
            }
            return Err(BAD_TOKEN);
        }
        let ticket = self.cookie(headers).ok_or(NO_TICKET)?;
        let user = self.ticket_user(&ticket, now).ok_or(BAD_TICKET)?;
        if method != Method::GET {
            let csrf =
                headers.get("csrfpreventiontoken").and_then(|value| value.to_str().ok()).ok_or(BAD_CSRF)?;
            let (stamp, _) = csrf.split_once(':').ok_or(BAD_CSRF)?;
            if csrf != self.csrf(stamp) {
                return Err(BAD_CSRF);
            }
        }
        let role = if user == self.administrator { Role::Administrator } else { Role::Auditor };
        Ok(Caller { identity: format!("ticket:{user}"), role })
    }

    /// Checks a login; a ticket that is still good is taken as the password.
    pub(crate) fn login(&self, user: &str, password: &str, now: u64) -> bool {
        let is_right = match user {
            _ if user == self.user => password == self.password,
            _ if user == self.administrator => password == self.administrator_password,
            _ => false,
        };
        is_right || self.ticket_user(password, now).is_some_and(|of| of == user)
    }

    /// A ticket and the token against forged requests.
    pub(crate) fn ticket(&self, user: &str, now: u64) -> (String, String) {
        let stamp = format!("{now:08X}");
        let head = format!("{}:{user}:{stamp}", self.dialect.ticket);
        (format!("{head}::{}", self.sign(&head)), self.csrf(&stamp))
    }

    /// Makes a token that may do nothing yet; `None` where there is one of that name.
    pub(crate) fn make_token(&self, id: &str) -> Option<String> {
        let mut made = self.made();
        if made.contains_key(id) || made.len() >= MOST_TOKENS {
            return None;
        }
        let value = uuid(derive_text(self.key, id));
        made.insert(id.to_owned(), (value.clone(), false));
        Some(value)
    }

    /// Lets a token read; false where there is none of that name.
    pub(crate) fn allow(&self, id: &str) -> bool {
        self.made().get_mut(id).is_some_and(|(_, may_read)| {
            *may_read = true;
            true
        })
    }

    fn made(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (String, bool)>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ticket_user(&self, ticket: &str, now: u64) -> Option<String> {
        let (head, signature) = ticket.split_once("::")?;
        let mut parts = head.splitn(3, ':');
        let (product, user, stamp) = (parts.next()?, parts.next()?, parts.next()?);
        let since = u64::from_str_radix(stamp, 16).ok()?;
        let is_fresh = since <= now + TICKET_AHEAD && now < since + TICKET_LIFETIME;
        (product == self.dialect.ticket && is_fresh && signature == self.sign(head)).then(|| user.to_owned())
    }

    fn csrf(&self, stamp: &str) -> String {
        format!("{stamp}:{}", self.sign(&format!("csrf:{stamp}")))
    }

    fn sign(&self, text: &str) -> String {
        let secret = derive(self.key, 3 + self.generation.load(Ordering::Relaxed));
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret.to_be_bytes());
        STANDARD_NO_PAD.encode(hmac::sign(&key, text.as_bytes()))
    }

    fn cookie(&self, headers: &HeaderMap) -> Option<String> {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|line| line.split(';'))
            .find_map(|pair| {
                let (name, value) = pair.trim().split_once('=')?;
                self.dialect.cookies.contains(&name).then_some(value)
            })
            .map(|value| crate::net::percent_decode(value, false))
    }
}
