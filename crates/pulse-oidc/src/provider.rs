//! A provider: what it says of itself, its keys, and the tokens it gives.

use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use pulse_config::{OidcConfig, Secret};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    ClientError, HttpClient, PendingLogin, TokenError,
    encoding::form,
    http::AskError,
    jwt::{self, Expected, KeySet},
};

/// Keys are asked for again at most this often, whatever tokens name.
const KEY_PAUSE: SignedDuration = SignedDuration::from_secs(60);

/// What goes wrong with a provider.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// No client could be made for it.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It could not be asked.
    #[error("{what} at {url} failed: {detail}")]
    Ask {
        /// What was asked.
        what: &'static str,
        /// Where.
        url: String,
        /// What came of it.
        detail: String,
        /// Whether it answered that it will not: asking again changes nothing.
        is_refusal: bool,
    },
    /// It calls itself something else.
    #[error(
        "the issuer is configured as {configured:?}, but the provider calls itself {found:?}; configure exactly that"
    )]
    IssuerMismatch {
        /// What is configured.
        configured: String,
        /// What it says.
        found: String,
    },
    /// Something is missing or not right in what it says of itself.
    #[error("{0}")]
    Unsuitable(String),
    /// Its ID token is not believed.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The browser comes back from another provider than the login was begun with.
    #[error("the answer is of {found:?}, and the login was begun with {expected:?}; begin it anew")]
    OtherProvider {
        /// Who answers.
        found: String,
        /// Who was asked.
        expected: String,
    },
    /// There was no ID token.
    #[error("the provider gave no ID token; the scope openid is missing")]
    NoIdToken,
}

/// What the provider says of itself.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) issuer: String,
    pub(crate) authorization_endpoint: String,
    pub(crate) token_endpoint: String,
    pub(crate) jwks_uri: String,
    #[serde(default)]
    pub(crate) token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) id_token_signing_alg_values_supported: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) scopes_supported: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) end_session_endpoint: Option<String>,
    #[serde(default)]
    pub(crate) authorization_response_iss_parameter_supported: bool,
}

/// A provider that was discovered.
#[derive(Debug)]
pub struct Provider {
    http: HttpClient,
    pub(crate) metadata: Metadata,
    client_id: String,
    client_secret: Option<Secret>,
    scopes: Vec<String>,
    keys: Mutex<(KeySet, Timestamp)>,
}

/// What the provider gave.
#[derive(Debug)]
pub struct Tokens {
    /// The claims of the verified ID token.
    pub claims: Map<String, Value>,
    /// With which new tokens can be asked for.
    pub refresh_token: Option<Secret>,
    /// When the access token ends.
    pub access_expires_at: Option<Timestamp>,
}

impl Provider {
    /// Asks a provider what it is, and for its keys.
    pub async fn discover(config: &OidcConfig, http: HttpClient, now: Timestamp) -> Result<Self, OidcError> {
        let issuer = config.issuer_url.trim();
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let document = http.get_json(&url).await.map_err(|error| failed("discovery", &url, &error))?;
        let metadata: Metadata = serde_json::from_value(document).map_err(|error| {
            OidcError::Unsuitable(format!("{url} does not describe an OpenID Connect provider: {error}"))
        })?;
        if metadata.issuer != issuer {
            return Err(OidcError::IssuerMismatch { configured: issuer.to_owned(), found: metadata.issuer });
        }
        // A provider that is asked over HTTPS must not lead to where everybody can listen.
        let needs_https = issuer.starts_with("https://");
        for endpoint in [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri] {
            let is_right =
                endpoint.starts_with("https://") || (!needs_https && endpoint.starts_with("http://"));
            if !is_right {
                return Err(OidcError::Unsuitable(format!(
                    "the provider names the endpoint {endpoint}, which is not HTTPS"
                )));
            }
        }
        let keys = fetch_keys(&http, &metadata.jwks_uri).await?;
        Ok(Self {
            http,
            client_id: config.client_id.trim().to_owned(),
            client_secret: Some(config.client_secret.clone()).filter(|secret| !secret.is_empty()),
            scopes: config.scope_list(),
            keys: Mutex::new((keys, now)),
            metadata,
        })
    }

    /// Its name for itself.
    pub fn issuer(&self) -> &str {
        &self.metadata.issuer
    }

    /// Whether an answer to a login is this provider's: the login was begun with it, and where the answer names its
    /// sender (RFC 9207), it names this one. A provider that always does so may not leave it out.
    ///
    /// Without this, one of two providers could have the code of the other sent to itself (the mix-up attack).
    pub fn check_sender(&self, login: &PendingLogin, named: Option<&str>) -> Result<(), OidcError> {
        let other = |found: &str, expected: &str| {
            let found = found.chars().take(256).collect();
            Err(OidcError::OtherProvider { found, expected: expected.to_owned() })
        };
        let own = self.issuer();
        match named {
            _ if login.issuer != own => other(own, &login.issuer),
            Some(named) if named != own => other(named, own),
            None if self.metadata.authorization_response_iss_parameter_supported => other("", own),
            _ => Ok(()),
        }
    }

    /// Where the browser goes to log in.
    pub fn authorization_url(&self, state: &str, login: &PendingLogin) -> String {
        let challenge = login.challenge();
        let query = form(&[
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", &login.redirect_uri),
            ("scope", &self.scopes.join(" ")),
            ("state", state),
            ("nonce", &login.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        let endpoint = &self.metadata.authorization_endpoint;
        let separator = if endpoint.contains('?') { '&' } else { '?' };
        format!("{endpoint}{separator}{query}")
    }

    /// Exchanges the code of a login for tokens and verifies them.
    pub async fn exchange(
        &self,
        code: &str,
        login: &PendingLogin,
        now: Timestamp,
    ) -> Result<Tokens, OidcError> {
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", login.redirect_uri.as_str()),
            ("code_verifier", login.verifier.as_str()),
        ];
        let answer = self.ask_for_tokens(&pairs).await?;
        let id_token = answer.id_token.as_deref().ok_or(OidcError::NoIdToken)?;
        let claims = self.verify(id_token, Some(&login.nonce), None, now).await?;
        Ok(answer.into_tokens(claims, now))
    }

    /// Asks for new tokens of `subject`: an ID token about anybody else is not believed. What the provider refuses is
    /// [`OidcError::Ask`] with its status.
    pub async fn refresh(
        &self,
        refresh_token: &Secret,
        subject: &str,
        now: Timestamp,
    ) -> Result<Tokens, OidcError> {
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())];
        let answer = self.ask_for_tokens(&pairs).await?;
        let claims = match &answer.id_token {
            Some(token) => self.verify(token, None, Some(subject), now).await?,
            None => Map::new(),
        };
        Ok(answer.into_tokens(claims, now))
    }

    /// Where a session at the provider is ended, where it says so.
    pub fn end_session_url(&self) -> Option<&str> {
        self.metadata.end_session_endpoint.as_deref()
    }

    async fn ask_for_tokens(&self, pairs: &[(&str, &str)]) -> Result<TokenAnswer, OidcError> {
        let url = &self.metadata.token_endpoint;
        let methods = self.metadata.token_endpoint_auth_methods_supported.as_deref();
        // Without a list the standard says Basic.
        let takes_basic = methods.is_none_or(|methods| methods.iter().any(|m| m == "client_secret_basic"));
        let mut pairs = pairs.to_vec();
        let secret = self.client_secret.as_ref().map(Secret::expose);
        let basic = match secret {
            Some(secret) if takes_basic => {
                Some((crate::encoding::percent(&self.client_id), crate::encoding::percent(secret)))
            }
            Some(secret) => {
                pairs.extend([("client_id", self.client_id.as_str()), ("client_secret", secret)]);
                None
            }
            None => {
                pairs.push(("client_id", self.client_id.as_str()));
                None
            }
        };
        let basic = basic.as_ref().map(|(user, password)| (user.as_str(), password.as_str()));
        let answer = self
            .http
            .post_form(url, form(&pairs), basic)
            .await
            .map_err(|error| failed("asking for tokens", url, &error))?;
        serde_json::from_value(answer)
            .map_err(|_| OidcError::Unsuitable("the provider's answer holds no tokens".to_owned()))
    }

    async fn verify(
        &self,
        token: &str,
        nonce: Option<&str>,
        subject: Option<&str>,
        now: Timestamp,
    ) -> Result<Map<String, Value>, OidcError> {
        let expected = Expected { issuer: self.issuer(), client_id: &self.client_id, nonce, subject };
        let (mut keys, fetched_at) =
            self.keys.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let is_due = now.duration_since(fetched_at) >= KEY_PAUSE;
        if jwt::needs_newer_keys(token, &keys) && is_due {
            keys = fetch_keys(&self.http, &self.metadata.jwks_uri).await?;
            *self.keys.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = (keys.clone(), now);
        }
        Ok(jwt::verify(token, &keys, expected, now)?)
    }
}

fn failed(what: &'static str, url: &str, error: &AskError) -> OidcError {
    let is_refusal = matches!(error, AskError::Status { status: 400..=499, .. });
    OidcError::Ask { what, url: url.to_owned(), detail: error.to_string(), is_refusal }
}

async fn fetch_keys(http: &HttpClient, url: &str) -> Result<KeySet, OidcError> {
    let set = http.get_json(url).await.map_err(|error| failed("asking for keys", url, &error))?;
    let keys = KeySet::parse(&set).unwrap_or_default();
    if keys.is_empty() {
        return Err(OidcError::Unsuitable(format!(
            "{url} holds no key that signatures can be checked with (RSA, P-256, P-384 or Ed25519)"
        )));
    }
    Ok(keys)
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    id_token: Option<String>,
    #[serde(default)]
    refresh_token: Option<Secret>,
    #[serde(default)]
    expires_in: Option<i64>,
}

impl TokenAnswer {
    fn into_tokens(self, claims: Map<String, Value>, now: Timestamp) -> Tokens {
        let access_expires_at = self
            .expires_in
            .map(|seconds| now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX));
        Tokens {
            claims,
            refresh_token: self.refresh_token.filter(|token| !token.is_empty()),
            access_expires_at,
        }
    }
}
