//! Login by an OIDC provider: the one place that keeps the discovered provider and the logins under way.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, PoisonError},
};

use arc_swap::ArcSwapOption;
use jiff::{SignedDuration, Timestamp};
use pulse_auth::session::MAX_SESSIONS;
use pulse_config::{OidcConfig, Secret, store::oidc::OidcStore};
use pulse_oidc::{Begun, HttpClient, OidcError, Pending, PendingLogin, Person, Provider, claims};
use tokio::sync::Mutex;

use crate::state::Access;

/// What a provider said of itself counts this long.
const DISCOVERY_LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// Everything of the login by a provider.
#[derive(Debug)]
pub struct Oidc {
    /// The configuration.
    pub store: Arc<OidcStore>,
    pending: Pending,
    provider: ArcSwapOption<Discovered>,
    discovering: Mutex<()>,
    /// Refresh tokens by session, in memory only: a restart ends asking, not the session.
    refreshes: std::sync::Mutex<HashMap<String, Refresh>>,
}

#[derive(Debug, Clone)]
struct Refresh {
    token: Secret,
    /// Whom the provider vouched for.
    subject: String,
    due_at: Timestamp,
}

/// What came of asking for new tokens.
struct Renewed {
    /// The person anew, where the provider told.
    person: Option<Person>,
    token: Option<Secret>,
    ends_at: Option<Timestamp>,
}

fn subject_of(claims: &serde_json::Map<String, serde_json::Value>) -> String {
    claims.get("sub").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

/// New tokens are asked for this long before the old ones end.
const REFRESH_BEFORE: SignedDuration = SignedDuration::from_mins(5);

#[derive(Debug)]
struct Discovered {
    of: Arc<OidcConfig>,
    at: Timestamp,
    provider: Provider,
}

/// Why a login did not come to its end; the code is in the address the browser is sent back to.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The provider could not be used.
    #[error(transparent)]
    Provider(#[from] OidcError),
    /// The person is not let in.
    #[error(transparent)]
    Denied(#[from] claims::Denied),
}

impl LoginError {
    /// The contract's code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied(denied) => denied.code(),
            Self::Provider(OidcError::NoIdToken) => "missing_id_token",
            // To whoever began the login, it is one that nobody began.
            Self::Provider(OidcError::OtherProvider { .. }) => "invalid_state",
            Self::Provider(OidcError::Token(pulse_oidc::TokenError::Algorithm(_))) => "invalid_signature_alg",
            Self::Provider(OidcError::Token(_)) => "invalid_id_token",
            Self::Provider(OidcError::Ask { what: "asking for tokens", .. }) => "exchange_failed",
            Self::Provider(_) => "oidc_init_failed",
        }
    }
}

/// Somebody who has just logged in.
#[derive(Debug)]
pub struct LoggedIn {
    /// Who.
    pub person: Person,
    /// The provider's id of them.
    pub subject: String,
    /// With which new tokens can be asked for.
    pub refresh_token: Option<Secret>,
    /// When the provider wants to be asked again.
    pub access_expires_at: Option<Timestamp>,
}

impl Oidc {
    /// Over a configuration.
    pub fn new(store: Arc<OidcStore>) -> Self {
        Self {
            store,
            pending: Pending::default(),
            provider: ArcSwapOption::empty(),
            discovering: Mutex::default(),
            refreshes: std::sync::Mutex::default(),
        }
    }

    /// Whether people may log in by a provider.
    pub fn is_enabled(&self) -> bool {
        let config = self.store.current();
        config.enabled && config.check().is_ok()
    }

    /// Begins a login: where the browser goes, and what it keeps.
    pub async fn begin(
        &self,
        redirect_uri: String,
        return_to: String,
        now: Timestamp,
    ) -> Result<Option<(String, Begun)>, OidcError> {
        let discovered = self.discovered(now).await?;
        let issuer = discovered.provider.issuer();
        let Some(begun) = self.pending.begin(issuer, redirect_uri, return_to, now) else { return Ok(None) };
        let url = discovered.provider.authorization_url(&begun.state, &begun.login);
        Ok(Some((url, begun)))
    }

    /// The login that a state belongs to, used up by asking.
    pub fn take(&self, state: &str, browser: Option<&str>, now: Timestamp) -> Option<PendingLogin> {
        self.pending.finish(state, browser, now)
    }

    /// Ends a login: looks who answers, exchanges the code, verifies the token, and decides who is let in.
    pub async fn finish(
        &self,
        login: &PendingLogin,
        code: &str,
        sender: Option<&str>,
        now: Timestamp,
    ) -> Result<LoggedIn, LoginError> {
        let discovered = self.discovered(now).await?;
        discovered.provider.check_sender(login, sender)?;
        let tokens = discovered.provider.exchange(code, login, now).await?;
        let person = claims::person(&tokens.claims, &self.store.current())?;
        Ok(LoggedIn {
            person,
            subject: subject_of(&tokens.claims),
            refresh_token: tokens.refresh_token,
            access_expires_at: tokens.access_expires_at,
        })
    }

    /// Remembers with what new tokens of a session can be asked for.
    pub fn remember_refresh(
        &self,
        session_key: &str,
        token: Secret,
        subject: String,
        ends_at: Option<Timestamp>,
        now: Timestamp,
    ) {
        let Some(ends_at) = ends_at else { return };
        // Not sooner than in a minute, however short-lived the tokens are.
        let soonest = now.saturating_add(SignedDuration::from_mins(1)).unwrap_or(now);
        let due_at = ends_at.saturating_sub(REFRESH_BEFORE).unwrap_or(now).max(soonest);
        let mut refreshes = self.refreshes.lock().unwrap_or_else(PoisonError::into_inner);
        if refreshes.len() < MAX_SESSIONS || refreshes.contains_key(session_key) {
            refreshes.insert(session_key.to_owned(), Refresh { token, subject, due_at });
        }
    }

    /// Asks for new tokens of every session whose old ones end soon. A session that the provider no longer vouches
    /// for ends; one whose provider cannot be reached goes on. Who is in other groups meanwhile has other roles.
    pub async fn refresh_due(&self, access: &Access, now: Timestamp) {
        let due: Vec<(String, Refresh)> = {
            let mut refreshes = self.refreshes.lock().unwrap_or_else(PoisonError::into_inner);
            refreshes.retain(|key, _| access.sessions.contains(key, now));
            let due = refreshes.iter().filter(|(_, refresh)| refresh.due_at <= now);
            due.map(|(key, refresh)| (key.clone(), refresh.clone())).collect()
        };
        for (key, refresh) in due {
            match self.refresh(&refresh, now).await {
                Ok(renewed) => {
                    if let Some(person) = renewed.person {
                        access.sessions.set_roles(&key, person.roles);
                    }
                    let token = renewed.token.unwrap_or(refresh.token);
                    self.remember_refresh(&key, token, refresh.subject, renewed.ends_at, now);
                }
                Err(LoginError::Provider(
                    OidcError::Client(_) | OidcError::Ask { is_refusal: false, .. },
                )) => {}
                Err(error) => {
                    tracing::info!(%error, "a session ends: the OIDC provider no longer vouches for it");
                    access.sessions.remove(&key);
                    access.csrf.forget(&key);
                    self.refreshes.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
                }
            }
        }
    }

    /// Asks for new tokens of a session. Where the claims come again, they are decided upon again.
    async fn refresh(&self, refresh: &Refresh, now: Timestamp) -> Result<Renewed, LoginError> {
        let discovered = self.discovered(now).await?;
        let tokens = discovered.provider.refresh(&refresh.token, &refresh.subject, now).await?;
        let person = if tokens.claims.is_empty() {
            None
        } else {
            Some(claims::person(&tokens.claims, &self.store.current())?)
        };
        Ok(Renewed { person, token: tokens.refresh_token, ends_at: tokens.access_expires_at })
    }

    /// The provider of the configuration that counts now, asked for what it is where that is not known yet.
    async fn discovered(&self, now: Timestamp) -> Result<Arc<Discovered>, OidcError> {
        let config = self.store.current();
        let known = |discovered: &Arc<Discovered>| {
            Arc::ptr_eq(&discovered.of, &config) && now.duration_since(discovered.at) < DISCOVERY_LIFETIME
        };
        if let Some(discovered) = self.provider.load_full().filter(|discovered| known(discovered)) {
            return Ok(discovered);
        }
        // One at a time: a provider that is slow must not be asked by everybody at once.
        let _asking = self.discovering.lock().await;
        if let Some(discovered) = self.provider.load_full().filter(|discovered| known(discovered)) {
            return Ok(discovered);
        }
        let bundle = config.ca_bundle.clone();
        let made = tokio::task::spawn_blocking(move || {
            HttpClient::new(Some(Path::new(&bundle)).filter(|path| !path.as_os_str().is_empty()))
        });
        let http = made
            .await
            .map_err(|error| OidcError::Unsuitable(format!("the client could not be made: {error}")))??;
        let provider = Provider::discover(&config, http, now).await?;
        let discovered = Arc::new(Discovered { of: config, at: now, provider });
        self.provider.store(Some(Arc::clone(&discovered)));
        Ok(discovered)
    }
}
