//! Requests and answers as products see them, and how an answer goes onto the wire.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use hyper::{
    body::{Body, Frame, SizeHint},
    ext::ReasonPhrase,
};

/// A request, read completely.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Index of the listener it arrived at.
    pub(crate) host: usize,
    pub(crate) method: Method,
    /// Percent-decoded path.
    pub(crate) path: String,
    /// Percent-decoded parameters in their order.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Reason phrase; the standard one when absent.
    pub(crate) reason: Option<String>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
    /// How long the real daemon would take, before the delay factor.
    pub(crate) delay: Duration,
    /// Whether the connection ends with it.
    pub(crate) closes: bool,
    /// Who asked, for the log; no secret.
    pub(crate) identity: Option<String>,
}

impl Reply {
    pub(crate) fn new(status: u16, body: Bytes) -> Self {
        Self {
            status,
            reason: None,
            headers: Vec::new(),
            body,
            delay: Duration::ZERO,
            closes: false,
            identity: None,
        }
    }

    /// Adds a header.
    pub(crate) fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    /// Writes the answer for hyper.
    pub(crate) fn into_response(self) -> Response<Payload> {
        self.into_response_with(Payload::whole)
    }

    /// Writes the answer, breaking it off after `percent` of the body.
    pub(crate) fn into_cut_response(self, percent: u8, honest_length: bool) -> Response<Payload> {
        let length = self.body.len();
        let cut = length * usize::from(percent.min(99)) / 100;
        if honest_length {
            return self.into_response_with(|body| Payload::whole(body.slice(..cut)));
        }
        let mut response = self.into_response_with(|body| Payload::broken(body.slice(..cut)));
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        response
    }

    /// Writes `percent` of the answer, then nothing more, and breaks the connection after `end`.
    pub(crate) fn into_stalled_response(self, percent: u8, end: Wait) -> Response<Payload> {
        let length = self.body.len();
        let cut = length * usize::from(percent.min(99)) / 100;
        let mut response = self.into_response_with(|body| Payload::stalled(body.slice(..cut), end));
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        response
    }

    /// Writes the answer a few bytes at a time.
    pub(crate) fn into_slow_response(self, bytes_per_second: u64) -> Response<Payload> {
        let length = self.body.len();
        let mut response = self.into_response_with(|body| Payload::slow(body, bytes_per_second));
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        response
    }

    fn into_response_with(self, payload: impl FnOnce(Bytes) -> Payload) -> Response<Payload> {
        let mut response = Response::new(payload(self.body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().extend(self.headers);
        let connection = if self.closes { "close" } else { "Keep-Alive" };
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static(connection));
        if let Some(reason) = self.reason.as_deref().and_then(phrase) {
            response.extensions_mut().insert(reason);
        }
        response
    }
}

/// A reason phrase on one line, as the real daemon cuts it.
fn phrase(text: &str) -> Option<ReasonPhrase> {
    let line = text.lines().next().unwrap_or_default().trim_end();
    ReasonPhrase::try_from(line.as_bytes().to_vec()).ok()
}

/// Something that is waited for.
pub(crate) type Wait = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// A body that is whole, or one that breaks the connection at its end, perhaps after a while.
pub(crate) struct Payload {
    bytes: Option<Bytes>,
    breaks: bool,
    /// What is waited for before the end.
    stall: Option<Wait>,
    /// Whether the part before the break had its chance to be sent.
    is_flushed: bool,
    /// Bytes per second, and the pause under way.
    slow: Option<(u64, Pin<Box<tokio::time::Sleep>>)>,
}

impl Payload {
    fn whole(bytes: Bytes) -> Self {
        Self {
            bytes: Some(bytes).filter(|bytes| !bytes.is_empty()),
            breaks: false,
            stall: None,
            is_flushed: false,
            slow: None,
        }
    }

    fn slow(bytes: Bytes, bytes_per_second: u64) -> Self {
        let pause = Box::pin(tokio::time::sleep(Duration::ZERO));
        Self { slow: Some((bytes_per_second, pause)), ..Self::whole(bytes) }
    }

    fn stalled(bytes: Bytes, end: Wait) -> Self {
        Self { stall: Some(end), ..Self::broken(bytes) }
    }

    fn broken(bytes: Bytes) -> Self {
        Self {
            bytes: Some(bytes).filter(|bytes| !bytes.is_empty()),
            breaks: true,
            stall: None,
            is_flushed: false,
            slow: None,
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some((rate, pause)) = &mut self.slow {
            if pause.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            let rate = (*rate).max(1) as usize;
            pause.as_mut().reset(tokio::time::Instant::now() + Duration::from_secs(1));
            return Poll::Ready(self.bytes.take().map(|mut bytes| {
                let part = bytes.split_to(rate.min(bytes.len()));
                self.bytes = Some(bytes).filter(|bytes| !bytes.is_empty());
                Ok(Frame::data(part))
            }));
        }
        if let Some(bytes) = self.bytes.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if let Some(end) = &mut self.stall {
            if end.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.stall = None;
        }
        if self.breaks {
            if !self.is_flushed {
                self.is_flushed = true;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.breaks = false;
            return Poll::Ready(Some(Err(io::Error::other("broken off on purpose"))));
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && !self.breaks
    }

    fn size_hint(&self) -> SizeHint {
        if self.breaks {
            return SizeHint::default();
        }
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, Bytes::len) as u64)
    }
}

/// Undoes percent-encoding; `+` is a space where `is_form`.
pub(crate) fn percent_decode(text: &str, is_form: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (hex, bytes[at]) {
            (Some(byte), _) => {
                out.push(byte);
                at += 2;
            }
            (None, b'+') if is_form => out.push(b' '),
            (None, byte) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Reads `a=1&b=2`.
pub(crate) fn form_pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (percent_decode(name, true), percent_decode(value, true))
        })
        .collect()
}

/// The error type of a service that always answers.
pub(crate) type Never = Infallible;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_decoded_and_broken_escapes_survive() {
        assert_eq!(
            form_pairs("username=a%40pve&password=x+y%2&z"),
            [
                ("username".into(), "a@pve".into()),
                ("password".into(), "x y%2".into()),
                ("z".into(), String::new())
            ]
        );
        assert_eq!(percent_decode("PVE%3Aa+b", false), "PVE:a+b");
    }

    #[test]
    fn a_reason_is_cut_at_the_line() {
        let reply = Reply { reason: Some("first\nsecond".into()), ..Reply::new(500, Bytes::new()) };
        let response = reply.into_response();
        assert_eq!(response.extensions().get::<ReasonPhrase>().unwrap().as_bytes(), b"first");
    }
}
