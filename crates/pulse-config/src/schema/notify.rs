//! Where notifications go, in the shape of Pulse v5's sealed `email.enc`, `apprise.enc` and `webhooks.enc`, which is also that
//! of the API; ours are `filter` and `maxPerHour`.

use std::collections::BTreeMap;

use pulse_core::lenient::null_default;
use serde::{Deserialize, Serialize};

use crate::Secret;

/// Whether a switch is off: it need not be written then.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// Which alerts a destination is told of. An empty list means all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DestinationFilter {
    /// Only critical ones.
    #[serde(skip_serializing_if = "is_false")]
    pub critical_only: bool,
    /// Only these types, such as `cpu`.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// Only resources with one of these tags.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Only these resources: ids, names, nodes or instances.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
}

impl DestinationFilter {
    /// Whether it lets everything through.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }
}

/// Mail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EmailConfig {
    /// Whether mails are sent.
    pub enabled: bool,
    /// Name of the provider, for the page.
    #[serde(deserialize_with = "null_default")]
    pub provider: String,
    /// SMTP server.
    #[serde(deserialize_with = "null_default")]
    pub server: String,
    /// Its port.
    pub port: u16,
    /// Login.
    #[serde(deserialize_with = "null_default")]
    pub username: String,
    /// Its password.
    #[serde(deserialize_with = "null_default")]
    pub password: Secret,
    /// Sender.
    #[serde(deserialize_with = "null_default")]
    pub from: String,
    /// Receivers; the sender where there are none.
    #[serde(deserialize_with = "null_default")]
    pub to: Vec<String>,
    /// TLS from the first byte.
    pub tls: bool,
    /// TLS after a greeting.
    #[serde(rename = "startTLS")]
    pub start_tls: bool,
    /// Which alerts.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "DestinationFilter::is_open")]
    pub filter: DestinationFilter,
    /// Mails in an hour; more go into a digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_per_hour: Option<u32>,
}

impl Default for EmailConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            provider: String::new(),
            server: String::new(),
            port: 587,
            username: String::new(),
            password: Secret::default(),
            from: String::new(),
            to: vec![],
            tls: true,
            start_tls: false,
            filter: DestinationFilter::default(),
            max_per_hour: None,
        }
    }
}

/// Apprise, as a program or as a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AppriseConfig {
    /// Whether it is used.
    pub enabled: bool,
    /// `cli` or `http`.
    #[serde(deserialize_with = "null_default")]
    pub mode: String,
    /// Apprise URLs.
    #[serde(deserialize_with = "null_default")]
    pub targets: Vec<String>,
    /// The program.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "String::is_empty")]
    pub cli_path: String,
    /// How long a delivery may take.
    pub timeout_seconds: i64,
    /// The service.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "String::is_empty")]
    pub server_url: String,
    /// Key of a configuration stored there.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "String::is_empty")]
    pub config_key: String,
    /// Its API key.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "Secret::is_empty")]
    pub api_key: Secret,
    /// The header of the API key.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "String::is_empty")]
    pub api_key_header: String,
    /// Whether any certificate will do.
    #[serde(skip_serializing_if = "is_false")]
    pub skip_tls_verify: bool,
    /// Which alerts.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "DestinationFilter::is_open")]
    pub filter: DestinationFilter,
    /// Messages in an hour; more go into a digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_per_hour: Option<u32>,
}

impl Default for AppriseConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            mode: "cli".into(),
            targets: vec![],
            cli_path: "apprise".into(),
            timeout_seconds: 15,
            server_url: String::new(),
            config_key: String::new(),
            api_key: Secret::default(),
            api_key_header: "X-API-KEY".into(),
            skip_tls_verify: false,
            filter: DestinationFilter::default(),
            max_per_hour: None,
        }
    }
}

impl AppriseConfig {
    /// Whether Apprise is reached over HTTP.
    pub fn is_http(&self) -> bool {
        self.mode == "http"
    }

    /// The configuration as it is kept: trimmed, with defaults, and off where nothing could be sent.
    #[must_use]
    pub fn normalised(mut self) -> Self {
        let trim = |text: &str| text.trim().to_owned();
        self.mode = if self.mode.trim().eq_ignore_ascii_case("http") { "http" } else { "cli" }.into();
        self.cli_path = trim(&self.cli_path);
        if self.cli_path.is_empty() {
            self.cli_path = "apprise".into();
        }
        self.server_url = trim(self.server_url.trim().trim_end_matches('/'));
        self.config_key = trim(&self.config_key);
        self.api_key = Secret::new(self.api_key.expose().trim());
        self.api_key_header = trim(&self.api_key_header);
        if self.api_key_header.is_empty() {
            self.api_key_header = "X-API-KEY".into();
        }
        self.timeout_seconds =
            if self.timeout_seconds <= 0 { 15 } else { self.timeout_seconds.clamp(5, 120) };
        let mut seen = std::collections::BTreeSet::new();
        self.targets =
            self.targets.iter().map(|target| trim(target)).filter(|target| !target.is_empty()).collect();
        self.targets.retain(|target| seen.insert(target.to_lowercase()));
        let can_send = if self.is_http() { !self.server_url.is_empty() } else { !self.targets.is_empty() };
        self.enabled &= can_send;
        self
    }
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WebhookConfig {
    /// Id.
    #[serde(deserialize_with = "null_default")]
    pub id: String,
    /// Name.
    #[serde(deserialize_with = "null_default")]
    pub name: String,
    /// Where to; may be a template, and mostly holds a secret.
    #[serde(deserialize_with = "null_default")]
    pub url: Secret,
    /// `POST` unless said otherwise.
    #[serde(deserialize_with = "null_default")]
    pub method: String,
    /// Headers of its own.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Secret>,
    /// Whether it is used.
    pub enabled: bool,
    /// Which service it is; unknown ones are `generic`.
    #[serde(deserialize_with = "null_default")]
    pub service: String,
    /// A template of its own, in Go's syntax.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "String::is_empty")]
    pub template: String,
    /// Fields for templates.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub custom_fields: BTreeMap<String, Secret>,
    /// Whom to mention.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "String::is_empty")]
    pub mention: String,
    /// Which alerts.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "DestinationFilter::is_open")]
    pub filter: DestinationFilter,
    /// Messages in an hour; more go into a digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_per_hour: Option<u32>,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self {
            id: String::new(),
            name: String::new(),
            url: Secret::default(),
            method: "POST".into(),
            headers: BTreeMap::new(),
            enabled: false,
            service: "generic".into(),
            template: String::new(),
            custom_fields: BTreeMap::new(),
            mention: String::new(),
            filter: DestinationFilter::default(),
            max_per_hour: None,
        }
    }
}

/// All destinations.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NotifyConfig {
    /// Mail.
    pub email: EmailConfig,
    /// Apprise.
    pub apprise: AppriseConfig,
    /// Webhooks, in the order in which they were made.
    pub webhooks: Vec<WebhookConfig>,
}
