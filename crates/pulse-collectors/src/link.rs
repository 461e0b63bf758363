//! A connection to one host that answers for itself: a backup server or a mail gateway.

use std::sync::Arc;

use pulse_core::model::InstanceKind;
use tokio::sync::Semaphore;

use crate::{
    envelope::Unreadable,
    error::PollError,
    http::{Address, CertificateRules, HttpClient, Payload, Timeouts},
    session::{Configured, Session},
};

/// A host, the credentials for it, and a limit of calls at once.
pub(crate) struct Link {
    http: Arc<HttpClient>,
    session: Session,
    gate: Semaphore,
}

impl Link {
    /// A connection; nothing is sent yet.
    pub(crate) fn new<'a>(
        kind: InstanceKind,
        host: &str,
        certificate: &CertificateRules<'_>,
        configured: impl Into<Configured<'a>>,
        timeouts: Timeouts,
        calls_at_once: usize,
    ) -> Result<Self, PollError> {
        let session = Session::new(configured)?;
        let address = Address::parse(host, kind.default_port())?;
        let trust = certificate.trust(host)?;
        let http = Arc::new(HttpClient::new(address, trust, timeouts)?.of(kind));
        Ok(Self { http, session, gate: Semaphore::new(calls_at_once) })
    }

    /// `scheme://host:port`.
    pub(crate) fn origin(&self) -> String {
        self.http.address().origin()
    }

    /// Logs in where a ticket is needed, so that calls sent together do not all find none.
    pub(crate) async fn prepare(&self) -> Result<(), PollError> {
        self.session.pass(&self.http).await.map(|_| ())
    }

    /// The body of a `GET`. A ticket that is refused is renewed once; refused credentials are not tried again.
    pub(crate) async fn get(&self, path: &str) -> Result<String, PollError> {
        // The semaphore is never closed; without a permit the call would merely be one too many.
        let _permit = self.gate.acquire().await.ok();
        let pass = self.session.pass(&self.http).await?;
        let answer = match self.http.send(path, Payload::None, pass.to_read()).await {
            Err(PollError::Authentication { .. }) if self.session.expire(&pass).await => {
                let pass = self.session.pass(&self.http).await?;
                self.http.send(path, Payload::None, pass.to_read()).await
            }
            other => other,
        };
        answer.map_err(|error| self.session.name_in(error))
    }

    /// Changes something over there.
    pub(crate) async fn change(&self, path: &str, payload: Payload<'_>) -> Result<String, PollError> {
        let _permit = self.gate.acquire().await.ok();
        let pass = self.session.pass(&self.http).await?;
        self.http.send(path, payload, pass.to_write()).await.map_err(|error| self.session.name_in(error))
    }

    /// The error for a body that cannot be read.
    pub(crate) fn unreadable(&self, path: &str, detail: Unreadable) -> PollError {
        PollError::Decode { host: self.http.name().to_owned(), call: path.to_owned(), detail }
    }
}

/// Text as a part of a path or a query. Names come from the network.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => out.push(char::from(byte)),
            // A lone dot or two would be a step up in the path.
            b'.' if text.bytes().any(|byte| byte != b'.') => out.push('.'),
            _ => {
                out.push('%');
                for digit in [byte >> 4, byte & 15] {
                    out.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
                }
            }
        }
    }
    out
}

/// Whether a name can stand in a path at all: `.` and `..` cannot, not even encoded.
pub(crate) fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && !name.bytes().all(|byte| byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_one_part_of_a_path() {
        assert_eq!(encoded("site-a/prod"), "site-a%2Fprod");
        assert_eq!(encoded("a?b#c d.é"), "a%3Fb%23c%20d.%C3%A9");
        assert!(!is_plain("..") && !is_plain(".") && !is_plain("") && is_plain("store.1"));
    }
}
