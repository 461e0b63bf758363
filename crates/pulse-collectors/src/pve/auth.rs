//! Who asks: an API token, or a user with a password and the ticket that a login gives.
//!
//! A ticket is good for two hours on the server. It is renewed after 90 minutes, or when a call is refused in spite
//! of it, by one caller while the others wait. Nothing but `GET` is sent with it, so no CSRF token is needed.

use std::time::Duration;

use http::{HeaderName, HeaderValue, header};
use pulse_config::{PveInstance, Secret};
use tokio::{sync::Mutex, time::Instant};

use super::wire;
use crate::{
    error::PollError,
    http::{HttpClient, Payload},
};

const RENEW_AFTER: Duration = Duration::from_mins(90);
/// After a refused login the others that wait get the same refusal: every try costs 3 s and may lock the account.
const REFUSED_FOR: Duration = Duration::from_secs(5);
const LOGIN: &str = "/access/ticket";

/// The credentials of an instance, and the ticket where they need one.
pub(crate) struct Session {
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
    obtained: Instant,
}

/// What goes into a request, and which login it is from.
pub(crate) struct Pass {
    pub(crate) name: HeaderName,
    pub(crate) value: HeaderValue,
    generation: u64,
}

impl Session {
    /// The credentials of the configuration; a complete token goes before a password.
    pub(crate) fn new(instance: &PveInstance) -> Result<Self, PollError> {
        let missing = || PollError::NoCredentials { host: instance.host.clone() };
        let filled = |text: &Option<String>| {
            text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let set = |secret: &Option<Secret>| secret.as_ref().filter(|secret| !secret.is_empty()).cloned();
        let user = filled(&instance.user).map(with_realm);
        let credentials = match (filled(&instance.token_name), set(&instance.token_value)) {
            (Some(name), Some(value)) => {
                let id = token_id(&name, user.as_deref()).ok_or_else(missing)?;
                let mut header =
                    HeaderValue::from_str(&format!("PVEAPIToken={id}={}", value.expose().trim()))
                        .map_err(|_| missing())?;
                header.set_sensitive(true);
                Credentials::Token { header, id }
            }
            _ => match (user, set(&instance.password)) {
                (Some(user), Some(password)) => Credentials::Password { user, password },
                _ => return Err(missing()),
            },
        };
        Ok(Self { credentials, login: Mutex::default() })
    }

    /// What to send with a call; logs in first where that is needed.
    pub(crate) async fn pass(&self, http: &HttpClient) -> Result<Pass, PollError> {
        let (user, password) = match &self.credentials {
            Credentials::Token { header, .. } => {
                return Ok(Pass { name: header::AUTHORIZATION, value: header.clone(), generation: 0 });
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
                generation: login.generation,
            });
        }
        if let Some((at, error)) = &login.refused
            && at.elapsed() < REFUSED_FOR
        {
            return Err(error.clone());
        }
        // The lock is an async one and is held on purpose: one caller logs in, the others wait for its ticket.
        match log_in(http, user, password).await {
            Ok(value) => {
                login.generation += 1;
                login.refused = None;
                login.ticket = Some(Ticket { header: value.clone(), obtained: Instant::now() });
                Ok(Pass { name: header::COOKIE, value, generation: login.generation })
            }
            Err(error) => {
                login.ticket = None;
                login.refused = error
                    .class()
                    .eq(&pulse_core::model::FailureClass::Authentication)
                    .then(|| (Instant::now(), error.clone()));
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

async fn log_in(http: &HttpClient, user: &str, password: &Secret) -> Result<HeaderValue, PollError> {
    let form = form(&[("username", user), ("password", password.expose())]);
    let body = http.send(LOGIN, Payload::Form(&form), None).await.map_err(|error| match error {
        PollError::Authentication { host, detail, .. } => PollError::Authentication {
            host,
            credentials: format!("the password of {user}"),
            detail: format!("{detail}; check user, realm and password"),
        },
        other => other,
    })?;
    let unreadable =
        |detail: String| PollError::Decode { host: http.name().to_owned(), call: LOGIN.to_owned(), detail };
    let answer: wire::Ticket<'_> = wire::object(&body).map_err(unreadable)?;
    let ticket = answer.ticket.as_str().unwrap_or_default();
    if answer.need_tfa.is_set() || ticket.starts_with("PVE:!tfa!") {
        return Err(PollError::SecondFactor { host: http.name().to_owned(), user: user.to_owned() });
    }
    if ticket.is_empty() {
        return Err(unreadable("it has no ticket".into()));
    }
    let mut value = HeaderValue::from_str(&format!("PVEAuthCookie={ticket}"))
        .map_err(|_| unreadable("its ticket is not printable".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A user without realm is one of the machine's own.
fn with_realm(user: String) -> String {
    if user.contains('@') { user } else { format!("{user}@pam") }
}

/// `user@realm!name`, from a token name that is all of it or only its last part.
fn token_id(name: &str, user: Option<&str>) -> Option<String> {
    match name.rsplit_once('!') {
        Some((owner, name)) if !owner.is_empty() && !name.is_empty() => {
            Some(format!("{}!{name}", with_realm(owner.to_owned())))
        }
        Some(_) => None,
        None => user.map(|user| format!("{user}!{name}")),
    }
}

/// `application/x-www-form-urlencoded`.
fn form(fields: &[(&str, &str)]) -> String {
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
            assert_eq!(token_id(name, user).as_deref(), expect, "{name} {user:?}");
        }
    }

    #[test]
    fn a_form_survives_every_character() {
        assert_eq!(form(&[("a", "x y&z=ü+%"), ("b", "")]), "a=x+y%26z%3D%C3%BC%2B%25&b=");
    }
}
