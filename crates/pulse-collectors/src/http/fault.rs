//! From a failure of the HTTP or TLS library to a sentence. Decided by types, never by searching a text.

use std::{error::Error, io};

use super::{HttpClient, tls::CertificateFault};
use crate::error::PollError;

/// What a failed request means.
pub(super) fn explain(client: &HttpClient, path: &str, error: &reqwest::Error) -> PollError {
    let host = client.name().to_owned();
    if error.is_connect() {
        crate::dns::doubt(client.address().host());
    }
    if let Some(tls) = find::<rustls::Error>(error) {
        return explain_tls(host, tls);
    }
    if error.is_timeout() {
        let limit = if error.is_connect() { client.timeouts.connect } else { client.timeouts.request };
        return client.timed_out(path, limit);
    }
    let port = client.address().port();
    let detail = match find::<io::Error>(error).map(|io| (io.kind(), io)) {
        Some((io::ErrorKind::ConnectionRefused, _)) => {
            format!("connection refused; nothing listens on port {port} there, or a firewall refuses it")
        }
        Some((io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable, _)) => {
            "no route to it; check the address and the network".into()
        }
        Some((io::ErrorKind::TimedOut, _)) => "the network gave up; check the address and firewalls".into(),
        Some((
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof,
            _,
        )) => "it broke off the connection; its API service may be restarting".into(),
        Some((_, io)) => innermost(io),
        None if error.is_connect() => format!("{}; check the address", innermost(error)),
        None if find::<hyper::Error>(error).is_some_and(hyper::Error::is_incomplete_message) => {
            format!("it broke off in the middle of its answer to {path}")
        }
        None if find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse) => {
            return client.not_the_api(path, "something that is not HTTP");
        }
        None => innermost(error),
    };
    PollError::Unreachable { host, detail }
}

fn explain_tls(host: String, error: &rustls::Error) -> PollError {
    if let rustls::Error::Other(other) = error
        && let Some(fault) = other.0.downcast_ref::<CertificateFault>()
    {
        let presented = fault.presented;
        return match fault.expected {
            Some(expected) => PollError::OtherCertificate { host, expected, presented },
            None => PollError::UntrustedCertificate {
                host,
                detail: fault.detail.clone().unwrap_or_default(),
                presented,
            },
        };
    }
    let detail = match error {
        rustls::Error::InvalidMessage(_) => {
            "it does not speak TLS there; wrong port, or plain HTTP instead of HTTPS".into()
        }
        other => format!("the TLS handshake failed: {other}"),
    };
    PollError::Unreachable { host, detail }
}

/// The first error of type `T` in the chain. An `io::Error` hides what it wraps from `source`, hence the look inside.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(current) = next {
        // An `io::Error` that only wraps another error says nothing itself.
        let wrapped = current.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if wrapped.is_none_or(|wrapped| !(wrapped.is::<rustls::Error>() || wrapped.is::<io::Error>()))
            && let Some(found) = current.downcast_ref::<T>()
        {
            return Some(found);
        }
        next = match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
            None => current.source(),
        };
    }
    None
}

/// The text of the last error in the chain, which says what happened.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    super::tidy(&last.to_string())
}
