//! Who asks: an API token, or a user with a password and the ticket that a login gives.
//!
//! A ticket is good for two hours on the server. It is renewed after 90 minutes, or when a call is refused in spite
//! of it, by one caller while the others wait. Where more than `GET` is sent, the login's token against forged requests
//! goes with it.

use std::time::Duration;

use http::{HeaderName, HeaderValue, header};
use pulse_config::{PbsInstance, PmgInstance, PveInstance, Secret};
use pulse_core::model::{FailureClass, InstanceKind};
use serde::Deserialize;
use tokio::{sync::Mutex, time::Instant};

use crate::{
    envelope::object,
    error::PollError,
    http::{HttpClient, Payload},
    lenient::{Flag, Text},
};

const RENEW_AFTER: Duration = Duration::from_mins(90);
/// After a refused login the others that wait get the same refusal: every try costs 3 s and may lock the account.
const REFUSED_FOR: Duration = Duration::from_secs(5);
const LOGIN: &str = "/access/ticket";

const CSRF: HeaderName = HeaderName::from_static("csrfpreventiontoken");

/// What the products do differently.
#[derive(Debug, Clone, Copy)]
struct Dialect {
    /// In front of a token, with the character before its secret; `None` where there are no tokens.
    token: Option<(&'static str, char)>,
    /// The cookie a ticket goes into.
    cookie: &'static str,
    /// A ticket that only asks for a second factor begins like this.
    challenge: &'static str,
    /// The realm of a user without one.
    realm: &'static str,
}

fn dialect(kind: InstanceKind) -> Dialect {
    match kind {
        InstanceKind::Pve => Dialect {
            token: Some(("PVEAPIToken=", '=')),
            cookie: "PVEAuthCookie",
            challenge: "PVE:!tfa!",
            realm: "pam",
        },
        InstanceKind::Pbs => Dialect {
            token: Some(("PBSAPIToken=", ':')),
            cookie: "PBSAuthCookie",
            challenge: "PBS:!tfa!",
            realm: "pbs",
        },
        InstanceKind::Pmg => {
            Dialect { token: None, cookie: "PMGAuthCookie", challenge: "PMG:!tfa!", realm: "pmg" }
        }
    }
}

/// Credentials as an instance has them in the configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Configured<'a> {
    kind: InstanceKind,
    host: &'a str,
    user: Option<&'a String>,
    password: Option<&'a Secret>,
    token_name: Option<&'a String>,
    token_value: Option<&'a Secret>,
}

macro_rules! configured {
    ($instance:ty, $kind:expr) => {
        impl<'a> From<&'a $instance> for Configured<'a> {
            fn from(it: &'a $instance) -> Self {
                Self {
                    kind: $kind,
                    host: &it.host,
                    user: it.user.as_ref(),
                    password: it.password.as_ref(),
                    token_name: it.token_name.as_ref(),
                    token_value: it.token_value.as_ref(),
                }
            }
        }
    };
}

configured!(PveInstance, InstanceKind::Pve);
configured!(PbsInstance, InstanceKind::Pbs);
configured!(PmgInstance, InstanceKind::Pmg);

/// The credentials of an instance, and the ticket where they need one.
pub(crate) struct Session {
    dialect: Dialect,
    credentials: Credentials,
    login: Mutex<Login>,
}

enum Credentials {
    Token { header: HeaderValue, id: String },
    Password { user: String, password: Secret },
}

#[derive(Default)]
struct Login {
    ticket: Option<Ticket>,
    /// Counts logins, so that a caller can tell whether somebody else renewed the ticket it was refused with.
    generation: u64,
    refused: Option<(Instant, PollError)>,
}

struct Ticket {
    header: HeaderValue,
    /// Needed for everything but `GET`.
    csrf: Option<HeaderValue>,
    obtained: Instant,
}

/// What goes into a request, and which login it is from.
pub(crate) struct Pass {
    name: HeaderName,
    value: HeaderValue,
    csrf: Option<HeaderValue>,
    generation: u64,
}

impl Pass {
    /// The headers of a `GET`.
    pub(crate) fn to_read(&self) -> Vec<(HeaderName, HeaderValue)> {
        vec![(self.name.clone(), self.value.clone())]
    }

    /// The headers of anything else.
    pub(crate) fn to_write(&self) -> Vec<(HeaderName, HeaderValue)> {
        let csrf = self.csrf.clone().map(|value| (CSRF, value));
        std::iter::once((self.name.clone(), self.value.clone())).chain(csrf).collect()
    }
}

impl Session {
    /// The credentials of the configuration; a complete token goes before a password.
    pub(crate) fn new<'a>(configured: impl Into<Configured<'a>>) -> Result<Self, PollError> {
        let it = configured.into();
        let dialect = dialect(it.kind);
        let missing = || PollError::NoCredentials { host: it.host.to_owned() };
        let filled = |text: Option<&String>| {
            text.map(|text| text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let set = |secret: Option<&Secret>| secret.filter(|secret| !secret.is_empty()).cloned();
        let user = filled(it.user).map(|user| with_realm(user, dialect.realm));
        let password = user.clone().zip(set(it.password));
        let credentials = match (filled(it.token_name), set(it.token_value), password) {
            (Some(name), Some(value), password) => match (dialect.token, password) {
                (Some((prefix, separator)), _) => {
                    let id = token_id(&name, user.as_deref(), dialect.realm).ok_or_else(missing)?;
                    let mut header =
                        HeaderValue::from_str(&format!("{prefix}{id}{separator}{}", value.expose().trim()))
                            .map_err(|_| missing())?;
                    header.set_sensitive(true);
                    Credentials::Token { header, id }
                }
                (None, Some((user, password))) => Credentials::Password { user, password },
                (None, None) => return Err(PollError::NoTokens { host: it.host.to_owned() }),
            },
            (_, _, Some((user, password))) => Credentials::Password { user, password },
            _ => return Err(missing()),
        };
        Ok(Self { dialect, credentials, login: Mutex::default() })
    }

    /// What to send with a call; logs in first where that is needed.
    pub(crate) async fn pass(&self, http: &HttpClient) -> Result<Pass, PollError> {
        let (user, password) = match &self.credentials {
            Credentials::Token { header, .. } => {
                return Ok(Pass {
                    name: header::AUTHORIZATION,
                    value: header.clone(),
                    csrf: None,
                    generation: 0,
                });
            }
            Credentials::Password { user, password } => (user, password),
        };
        let mut login = self.login.lock().await;
        if let Some(ticket) = &login.ticket
            && ticket.obtained.elapsed() < RENEW_AFTER
        {
            return Ok(Pass {
                name: header::COOKIE,
                value: ticket.header.clone(),
                csrf: ticket.csrf.clone(),
                generation: login.generation,
            });
        }
        if let Some((at, error)) = &login.refused
            && at.elapsed() < REFUSED_FOR
        {
            return Err(error.clone());
        }
        // The lock is an async one and is held on purpose: one caller logs in, the others wait for its ticket.
        match log_in(http, user, password, self.dialect).await {
            Ok(ticket) => {
                login.generation += 1;
                login.refused = None;
                let pass = Pass {
                    name: header::COOKIE,
                    value: ticket.header.clone(),
                    csrf: ticket.csrf.clone(),
                    generation: login.generation,
                };
                login.ticket = Some(ticket);
                Ok(pass)
            }
            Err(error) => {
                login.ticket = None;
                login.refused =
                    error.class().eq(&FailureClass::Authentication).then(|| (Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Forgets the ticket a call was refused with; false when there is none to renew.
    pub(crate) async fn expire(&self, pass: &Pass) -> bool {
        match &self.credentials {
            Credentials::Token { .. } => false,
            Credentials::Password { .. } => {
                let mut login = self.login.lock().await;
                if login.generation == pass.generation {
                    login.ticket = None;
                }
                true
            }
        }
    }

    /// A refusal that names the credentials.
    pub(crate) fn name_in(&self, error: PollError) -> PollError {
        match error {
            PollError::Authentication { host, detail, .. } => {
                let (credentials, detail) = match &self.credentials {
                    Credentials::Token { id, .. } => (
                        format!("the API token {id}"),
                        format!(
                            "{detail}; check its name and secret, and that neither it nor its user has expired"
                        ),
                    ),
                    Credentials::Password { user, .. } => (format!("the session of {user}"), detail),
                };
                PollError::Authentication { host, credentials, detail }
            }
            other => other,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Answer<'a> {
    #[serde(borrow)]
    ticket: Text<'a>,
    #[serde(borrow, rename = "CSRFPreventionToken")]
    csrf: Text<'a>,
    #[serde(rename = "NeedTFA")]
    needs_second_factor: Flag,
}

async fn log_in(
    http: &HttpClient,
    user: &str,
    password: &Secret,
    dialect: Dialect,
) -> Result<Ticket, PollError> {
    let form = form(&[("username", user), ("password", password.expose())]);
    let body = http.send(LOGIN, Payload::Form(&form), Vec::new()).await.map_err(|error| match error {
        PollError::Authentication { host, detail, .. } => PollError::Authentication {
            host,
            credentials: format!("the password of {user}"),
            detail: format!("{detail}; check user, realm and password"),
        },
        other => other,
    })?;
    let unreadable =
        |detail: String| PollError::Decode { host: http.name().to_owned(), call: LOGIN.to_owned(), detail };
    let answer: Answer<'_> = object(&body).map_err(unreadable)?;
    let ticket = answer.ticket.as_str().unwrap_or_default();
    if answer.needs_second_factor.is_set() || ticket.starts_with(dialect.challenge) {
        return Err(PollError::SecondFactor { host: http.name().to_owned(), user: user.to_owned() });
    }
    if ticket.is_empty() {
        return Err(unreadable("it has no ticket".into()));
    }
    let mut header = HeaderValue::from_str(&format!("{}={ticket}", dialect.cookie))
        .map_err(|_| unreadable("its ticket is not printable".into()))?;
    header.set_sensitive(true);
    let csrf = answer.csrf.as_str().and_then(|csrf| HeaderValue::from_str(csrf).ok()).map(|mut csrf| {
        csrf.set_sensitive(true);
        csrf
    });
    Ok(Ticket { header, csrf, obtained: Instant::now() })
}

/// A user without realm is one of the product's own.
fn with_realm(user: String, realm: &str) -> String {
    if user.contains('@') { user } else { format!("{user}@{realm}") }
}

/// `user@realm!name`, from a token name that is all of it or only its last part.
fn token_id(name: &str, user: Option<&str>, realm: &str) -> Option<String> {
    match name.rsplit_once('!') {
        Some((owner, name)) if !owner.is_empty() && !name.is_empty() => {
            Some(format!("{}!{name}", with_realm(owner.to_owned(), realm)))
        }
        Some(_) => None,
        None => user.map(|user| format!("{user}!{name}")),
    }
}

/// `application/x-www-form-urlencoded`.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        for byte in value.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => {
                    text.push(char::from(byte));
                }
                b' ' => text.push('+'),
                _ => {
                    text.push('%');
                    for digit in [byte >> 4, byte & 15] {
                        text.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
                    }
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_names_are_completed() {
        for (name, user, expect) in [
            ("mon@pve!pulse", None, Some("mon@pve!pulse")),
            ("mon@pve!pulse", Some("root@pam"), Some("mon@pve!pulse")),
            ("mon!pulse", None, Some("mon@pam!pulse")),
            ("pulse", Some("mon@pve"), Some("mon@pve!pulse")),
            ("pulse", None, None),
            ("!pulse", Some("mon@pve"), None),
            ("mon@pve!", None, None),
        ] {
            assert_eq!(token_id(name, user, "pam").as_deref(), expect, "{name} {user:?}");
        }
    }

    #[test]
    fn a_backup_servers_token_has_a_colon_and_a_mail_gateway_has_none() {
        let mut pbs = PbsInstance::new("b".into(), "https://b:8007".into());
        (pbs.token_name, pbs.token_value) = (Some("mon!pulse".into()), Some(Secret::new("s3cret")));
        let session = Session::new(&pbs).unwrap();
        let Credentials::Token { header, id } = &session.credentials else { panic!("a token") };
        assert_eq!(
            (header.to_str().unwrap(), id.as_str()),
            ("PBSAPIToken=mon@pbs!pulse:s3cret", "mon@pbs!pulse")
        );

        let mut pmg = PmgInstance::new("m".into(), "https://m:8006".into());
        (pmg.token_name, pmg.token_value) = (Some("mon@pmg!pulse".into()), Some(Secret::new("s3cret")));
        assert!(matches!(Session::new(&pmg), Err(PollError::NoTokens { .. })));
        (pmg.user, pmg.password) = (Some("mon".into()), Some(Secret::new("p")));
        let session = Session::new(&pmg).unwrap();
        assert!(matches!(&session.credentials, Credentials::Password { user, .. } if user == "mon@pmg"));
    }

    #[test]
    fn a_form_survives_every_character() {
        assert_eq!(form(&[("a", "x y&z=ü+%"), ("b", "")]), "a=x+y%26z%3D%C3%BC%2B%25&b=");
    }
}
