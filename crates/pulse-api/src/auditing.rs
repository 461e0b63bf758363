//! What handlers write into the audit log, and how its events are signed.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::{Extensions, HeaderMap, request::Parts};
use pulse_auth::Identity;
use pulse_config::{AuditKey, Settings};
use pulse_core::Clock;
use pulse_notify::AuditHooks;
use pulse_store::{
    AuditLog, LedgerError,
    audit::{AuditEvent, AuditQuery, FoundEvents},
};

use crate::{
    auth::{caller, client_address},
    state::AppState,
};

/// The audit log with the key of its signatures.
pub struct Audit {
    log: AuditLog,
    key: AuditKey,
    /// Where events are sent besides.
    pub hooks: AuditHooks,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audit").field("log", &self.log).finish_non_exhaustive()
    }
}

impl Audit {
    /// Over a log.
    pub fn new(log: AuditLog, key: AuditKey, hooks: AuditHooks, clock: Arc<dyn Clock>) -> Self {
        Self { log, key, hooks, clock }
    }

    /// The events that a query finds.
    pub async fn find(&self, query: AuditQuery) -> Result<FoundEvents, LedgerError> {
        self.log.find(query).await
    }

    /// Whether an event is as it was written; `None` where there is no such event.
    pub async fn verify(&self, id: String) -> Result<Option<bool>, LedgerError> {
        let event = self.log.get(id).await?;
        Ok(event.map(|event| with_fields(&event, |fields| self.key.verify(fields, &event.signature))))
    }

    /// Signs an event and writes it down. One that cannot be written is in the log of the server, and stops nobody: a full
    /// disk must not lock people out.
    async fn record(&self, event: &'static str, who: &Auditor, success: bool, details: String) {
        let mut event = AuditEvent {
            id: uuid::Uuid::new_v4().to_string(),
            at: self.clock.now(),
            event: event.to_owned(),
            user: who.user.clone(),
            ip: who.ip.clone(),
            path: who.path.clone(),
            success,
            details,
            signature: String::new(),
        }
        .bounded();
        event.signature = with_fields(&event, |fields| self.key.sign(fields));
        let (what, user) = (event.event.clone(), event.user.clone());
        self.hooks.tell(event.clone());
        if let Err(error) = self.log.append(event).await {
            tracing::error!(%error, event = what, ?user, success, "an event of the audit log could not be written down");
        }
    }
}

fn with_fields<T>(event: &AuditEvent, look: impl FnOnce(&[&str]) -> T) -> T {
    let at_ms = event.at.as_millisecond().to_string();
    let success = if event.success { "1" } else { "0" };
    look(&[&event.id, &at_ms, &event.event, &event.user, &event.ip, &event.path, success, &event.details])
}

/// Who does something, from where and by which path: all that an event needs besides what it is.
#[derive(Debug, Clone)]
pub struct Auditor {
    audit: Arc<Audit>,
    user: String,
    ip: String,
    path: String,
}

impl Auditor {
    /// Of a request whose caller is known.
    pub fn new(
        audit: Arc<Audit>,
        settings: &Settings,
        (headers, extensions): (&HeaderMap, &Extensions),
        path: &str,
        identity: &Identity,
    ) -> Self {
        let user = if identity.is_authenticated() { identity.to_string() } else { String::new() };
        let ip = client_address(extensions, headers, settings).to_string();
        Self { audit, user, ip, path: path.to_owned() }
    }

    /// The same for somebody whom the request names only in its body.
    #[must_use]
    pub fn of(mut self, user: &str) -> Self {
        user.clone_into(&mut self.user);
        self
    }

    /// Writes down what was done, or tried in vain.
    pub async fn record(&self, event: &'static str, success: bool, details: impl Into<String>) {
        self.audit.record(event, self, success, details.into()).await;
    }
}

impl FromRequestParts<AppState> for Auditor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Self::Rejection> {
        let identity = caller(&parts.extensions);
        let audit = Arc::clone(&state.audit);
        let of = (&parts.headers, &parts.extensions);
        Ok(Self::new(audit, &state.settings, of, parts.uri.path(), &identity))
    }
}
