//! Answers in the shape of PVE: the envelope, its headers and its errors.

use std::time::Duration;

use bytes::Bytes;
use http::header;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::net::Reply;

const JSON: &str = "application/json;charset=UTF-8";
const DAEMON: &str = "pve-api-daemon/3.0";
/// The real daemon holds every 401 back this long.
const UNAUTHORIZED_DELAY: Duration = Duration::from_secs(3);

/// An answer that ends a call early.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) Box<Reply>);

impl From<Reply> for Refusal {
    fn from(reply: Reply) -> Self {
        Self(Box::new(reply))
    }
}

/// What a call gives: data, or a finished error.
pub(super) type Outcome = Result<Value, Refusal>;

/// 200 with data.
pub(super) fn data(value: &impl Serialize) -> Reply {
    #[derive(Serialize)]
    struct Envelope<'a, T> {
        data: &'a T,
    }
    match serde_json::to_vec(&Envelope { data: value }) {
        Ok(body) => bytes(body.into()),
        Err(error) => error_reply(500, &format!("{error}\n")),
    }
}

/// 200 with an envelope that is written already.
pub(super) fn bytes(body: Bytes) -> Reply {
    head(Reply::new(200, body)).with(header::CONTENT_TYPE, JSON)
}

/// An error with the message both in the body and in the reason phrase.
pub(super) fn error_reply(status: u16, message: &str) -> Reply {
    with_body(status, message, &json!({ "data": null, "message": message }))
}

/// 500 with a message that ends in a line feed, as nearly all of them do.
pub(super) fn failed(message: &str) -> Reply {
    error_reply(500, &format!("{message}\n"))
}

/// 403 that names the right that is missing.
pub(super) fn denied(path: &str, privilege: &str) -> Reply {
    error_reply(403, &format!("Permission check failed ({path}, {privilege})\n"))
}

/// 401 without a word but the reason phrase.
pub(super) fn unauthorized(reason: &str) -> Reply {
    Reply { delay: UNAUTHORIZED_DELAY, ..silent(401, reason) }
}

/// 401 of a login.
pub(super) fn wrong_password() -> Reply {
    Reply { delay: UNAUTHORIZED_DELAY, ..error_reply(401, "authentication failure\n") }
}

/// An error with an empty body, as 401, 595 and 596 have.
pub(super) fn silent(status: u16, reason: &str) -> Reply {
    Reply { reason: Some(reason.to_owned()), closes: true, ..head(Reply::new(status, Bytes::new())) }
}

/// 501 as for every path that does not exist.
pub(super) fn not_implemented(method: &str, path: &str) -> Reply {
    error_reply(501, &format!("Method '{method} {path}' not implemented"))
}

/// 400 with what is wrong with each parameter.
pub(super) fn bad_parameters(errors: Map<String, Value>) -> Reply {
    let message = "Parameter verification failed.\n";
    with_body(400, message, &json!({ "data": null, "errors": errors, "message": message }))
}

fn with_body(status: u16, message: &str, body: &Value) -> Reply {
    let reply = Reply {
        reason: Some(message.to_owned()),
        closes: true,
        ..Reply::new(status, body.to_string().into())
    };
    head(reply).with(header::CONTENT_TYPE, JSON)
}

fn head(reply: Reply) -> Reply {
    reply
        .with(header::SERVER, DAEMON)
        .with(header::CACHE_CONTROL, "max-age=0")
        .with(header::PRAGMA, "no-cache")
}
