//! Making a user that may only read, with a token, on a backup server.

use pulse_config::Secret;

use super::{PbsConnection, wire};
use crate::{MadeToken, PollError, envelope, http::Payload, link::encoded, session::form};

/// The user that is made.
const USER: &str = "pulse-monitor@pbs";
/// All rights it gets, on everything.
const ROLE: &str = "Audit";

impl PbsConnection {
    /// Makes the user unless it is there, a token of that name, and gives both the right to read: the rights of a
    /// token on a backup server are what it and its user have in common.
    pub(super) async fn make(&self, token_name: &str) -> Result<MadeToken, PollError> {
        let user = form(&[("userid", USER), ("comment", "Monitoring by Pulse")]);
        match self.link.change("/access/users", Payload::Form(&user)).await {
            // It is there already, from an earlier time.
            Ok(_) | Err(PollError::Status { status: 400 | 500, .. }) => {}
            Err(error) => return Err(error),
        }
        let path = format!("/access/users/{}/token/{}", encoded(USER), encoded(token_name));
        let body = self.link.change(&path, Payload::Form("")).await?;
        let unreadable = |detail: String| self.link.unreadable(&path, detail);
        let made: wire::Token<'_> = envelope::object(&body).map_err(unreadable)?;
        let (Some(id), Some(value)) = (made.tokenid.to_owned(), made.value.to_owned()) else {
            return Err(unreadable("it has no token".into()));
        };
        for who in [USER, id.as_str()] {
            let right = form(&[("path", "/"), ("role", ROLE), ("auth-id", who)]);
            self.link.change("/access/acl", Payload::Put(&right)).await?;
        }
        Ok(MadeToken { id, value: Secret::new(value) })
    }
}
