//! The OIDC provider of `oidc.enc`, in the shape of Pulse v5.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Secret,
    settings::{BadSetting, Vars},
};

/// What the operator says of the provider.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OidcConfig {
    /// Whether people may log in by it.
    pub enabled: bool,
    /// Its name for itself, an absolute URL.
    pub issuer_url: String,
    /// Our name at it.
    pub client_id: String,
    /// Our secret at it; empty for a public client.
    pub client_secret: Secret,
    /// Where it sends the browser back to; empty: public address + `/api/oidc/callback`.
    #[serde(rename = "redirectUrl")]
    pub redirect_url: String,
    /// Where the page goes to log out there.
    #[serde(rename = "logoutUrl")]
    pub logout_url: String,
    /// What is asked for; empty: openid, profile, email.
    pub scopes: Vec<String>,
    /// The claim of the user name; empty: `preferred_username`.
    pub username_claim: String,
    /// The claim of the address; empty: `email`.
    pub email_claim: String,
    /// The claim of the groups; empty for none.
    pub groups_claim: String,
    /// Who is let in by group; empty: everybody.
    pub allowed_groups: Vec<String>,
    /// Who is let in by the domain of their address; empty: everybody.
    pub allowed_domains: Vec<String>,
    /// Who is let in by address; empty: everybody.
    pub allowed_emails: Vec<String>,
    /// Which group has which role; empty: everybody administers.
    pub group_role_mappings: BTreeMap<String, String>,
    /// Path of a PEM file with the authorities of its certificate; empty: those of the machine.
    pub ca_bundle: String,
}

impl OidcConfig {
    /// The claim of the user name.
    pub fn username_claim(&self) -> &str {
        if self.username_claim.is_empty() { "preferred_username" } else { &self.username_claim }
    }

    /// The claim of the address.
    pub fn email_claim(&self) -> &str {
        if self.email_claim.is_empty() { "email" } else { &self.email_claim }
    }

    /// What is asked for.
    pub fn scope_list(&self) -> Vec<String> {
        if self.scopes.is_empty() {
            return ["openid", "profile", "email"].map(str::to_owned).to_vec();
        }
        self.scopes.clone()
    }

    /// Trims what people type and drops doubles.
    #[must_use]
    pub fn tidied(mut self) -> Self {
        for text in [
            &mut self.issuer_url,
            &mut self.client_id,
            &mut self.redirect_url,
            &mut self.logout_url,
            &mut self.username_claim,
            &mut self.email_claim,
            &mut self.groups_claim,
            &mut self.ca_bundle,
        ] {
            *text = text.trim().to_owned();
        }
        for list in
            [&mut self.scopes, &mut self.allowed_groups, &mut self.allowed_domains, &mut self.allowed_emails]
        {
            let mut seen = std::collections::HashSet::new();
            let tidy = std::mem::take(list).into_iter().map(|entry| entry.trim().to_owned());
            *list =
                tidy.filter(|entry| !entry.is_empty() && seen.insert(entry.to_ascii_lowercase())).collect();
        }
        self
    }

    /// Whether a provider could be asked with it; the text says what is missing.
    pub fn check(&self) -> Result<(), String> {
        let is_url = |text: &str| {
            text.split_once("://").is_some_and(|(scheme, rest)| {
                matches!(scheme, "http" | "https") && !rest.is_empty() && !rest.starts_with('/')
            }) && !text.contains(char::is_whitespace)
        };
        if self.issuer_url.is_empty() {
            return Err("oidc issuer url is required when OIDC is enabled".to_owned());
        }
        if !is_url(&self.issuer_url) {
            return Err(
                "oidc issuer url must be an absolute address such as https://id.example.org".to_owned()
            );
        }
        if self.client_id.is_empty() {
            return Err("oidc client id is required when OIDC is enabled".to_owned());
        }
        for (name, url) in [("redirect", &self.redirect_url), ("logout", &self.logout_url)] {
            if !url.is_empty() && !is_url(url) {
                return Err(format!("oidc {name} url must be an absolute address"));
            }
        }
        Ok(())
    }
}

/// What the environment says of the provider.
#[derive(Debug, Clone, Default)]
pub struct OidcOverrides {
    set: BTreeMap<&'static str, String>,
}

/// Variables and the names under which they are reported.
const VARIABLES: [(&str, &str); 15] = [
    ("OIDC_ENABLED", "enabled"),
    ("OIDC_ISSUER_URL", "issuerUrl"),
    ("OIDC_CLIENT_ID", "clientId"),
    ("OIDC_CLIENT_SECRET", "clientSecret"),
    ("OIDC_REDIRECT_URL", "redirectUrl"),
    ("OIDC_LOGOUT_URL", "logoutUrl"),
    ("OIDC_SCOPES", "scopes"),
    ("OIDC_USERNAME_CLAIM", "usernameClaim"),
    ("OIDC_EMAIL_CLAIM", "emailClaim"),
    ("OIDC_GROUPS_CLAIM", "groupsClaim"),
    ("OIDC_ALLOWED_GROUPS", "allowedGroups"),
    ("OIDC_ALLOWED_DOMAINS", "allowedDomains"),
    ("OIDC_ALLOWED_EMAILS", "allowedEmails"),
    ("OIDC_CA_BUNDLE", "caBundle"),
    ("OIDC_GROUP_ROLE_MAPPINGS", "groupRoleMappings"),
];

impl OidcOverrides {
    /// Reads the variables. A provider that they switch on must be complete.
    pub fn load(vars: &impl Vars) -> Result<Self, BadSetting> {
        let mut set = BTreeMap::new();
        for (variable, name) in VARIABLES {
            if let Some(value) =
                vars.get(variable).map(|value| value.trim().to_owned()).filter(|v| !v.is_empty())
            {
                set.insert(name, value);
            }
        }
        let overrides = Self { set };
        let alone = overrides.over(&OidcConfig::default());
        if alone.enabled
            && let Err(problem) = alone.check()
        {
            return Err(BadSetting { key: "OIDC_ENABLED", value: "true".to_owned(), problem });
        }
        Ok(overrides)
    }

    /// Names of what the environment holds.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.set.keys().copied()
    }

    /// Whether it holds anything.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// The configuration as it counts.
    pub fn over(&self, kept: &OidcConfig) -> OidcConfig {
        let mut config = kept.clone();
        let list = |text: &str| {
            text.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        for (name, value) in &self.set {
            match *name {
                "enabled" => config.enabled = value == "1" || value.eq_ignore_ascii_case("true"),
                "issuerUrl" => config.issuer_url.clone_from(value),
                "clientId" => config.client_id.clone_from(value),
                "clientSecret" => config.client_secret = Secret::new(value.clone()),
                "redirectUrl" => config.redirect_url.clone_from(value),
                "logoutUrl" => config.logout_url.clone_from(value),
                "scopes" => config.scopes = list(value),
                "usernameClaim" => config.username_claim.clone_from(value),
                "emailClaim" => config.email_claim.clone_from(value),
                "groupsClaim" => config.groups_claim.clone_from(value),
                "allowedGroups" => config.allowed_groups = list(value),
                "allowedDomains" => config.allowed_domains = list(value),
                "allowedEmails" => config.allowed_emails = list(value),
                "caBundle" => config.ca_bundle.clone_from(value),
                // Pulse v5 documents this variable and never reads it.
                _ => {
                    config.group_role_mappings = value
                        .split(',')
                        .filter_map(|pair| pair.split_once('='))
                        .map(|(group, role)| (group.trim().to_owned(), role.trim().to_owned()))
                        .collect();
                }
            }
        }
        config.tidied()
    }
}
