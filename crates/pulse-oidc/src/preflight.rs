//! Trying a configuration out before anybody depends on it: what was found, and the exact mismatch where there is one.

use std::path::Path;

use jiff::Timestamp;
use pulse_config::OidcConfig;

use crate::{HttpClient, OidcError, Provider};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// Whether it is right.
    pub is_right: bool,
    /// What was found, or what to do.
    pub detail: String,
}

fn right(name: &'static str, detail: impl Into<String>) -> Check {
    Check { name, is_right: true, detail: detail.into() }
}

fn wrong(name: &'static str, detail: impl Into<String>) -> Check {
    Check { name, is_right: false, detail: detail.into() }
}

/// Looks at everything that can be looked at without logging in. `redirect_uri` is what would be sent.
pub async fn run(config: &OidcConfig, redirect_uri: &str, now: Timestamp) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Err(problem) = config.check() {
        checks.push(wrong("settings", problem));
        return checks;
    }
    checks.push(right("settings", "complete"));
    let bundle = config.ca_bundle.trim().to_owned();
    let client = tokio::task::spawn_blocking(move || {
        HttpClient::new(Some(Path::new(&bundle)).filter(|path| !path.as_os_str().is_empty()))
    });
    let http = match client.await {
        Ok(Ok(http)) => http,
        Ok(Err(error)) => {
            checks.push(wrong("certificates", error.to_string()));
            return checks;
        }
        Err(_) => {
            checks.push(wrong("certificates", "the check was interrupted"));
            return checks;
        }
    };
    let provider = match Provider::discover(config, http, now).await {
        Ok(provider) => provider,
        Err(error) => {
            let name = match &error {
                OidcError::IssuerMismatch { .. } => "issuer",
                OidcError::Ask { what: "asking for keys", .. } => "keys",
                _ => "discovery",
            };
            checks.push(wrong(name, error.to_string()));
            return checks;
        }
    };
    checks.push(right("issuer", format!("the provider calls itself {}", provider.metadata.issuer)));
    checks.push(right("keys", "the provider's keys can check signatures"));
    checks.push(algorithms(&provider));
    checks.push(scopes(config, &provider));
    checks.push(redirect(redirect_uri));
    checks
}

fn algorithms(provider: &Provider) -> Check {
    let Some(offered) = &provider.metadata.id_token_signing_alg_values_supported else {
        return right("signature", "the provider does not say how it signs; RS256 is expected");
    };
    if offered.iter().any(|algorithm| algorithm.starts_with(['R', 'P', 'E'])) {
        right("signature", format!("the provider offers {}", offered.join(", ")))
    } else {
        wrong(
            "signature",
            format!("the provider offers only {}, and none of it is accepted", offered.join(", ")),
        )
    }
}

fn scopes(config: &OidcConfig, provider: &Provider) -> Check {
    let wanted = config.scope_list();
    if !wanted.iter().any(|scope| scope == "openid") {
        return wrong("scopes", "the scope openid is missing: without it there is no ID token");
    }
    let Some(offered) = &provider.metadata.scopes_supported else {
        return right("scopes", wanted.join(" "));
    };
    let missing: Vec<&str> =
        wanted.iter().filter(|scope| !offered.contains(scope)).map(String::as_str).collect();
    if missing.is_empty() {
        right("scopes", wanted.join(" "))
    } else {
        wrong("scopes", format!("the provider does not list {}", missing.join(", ")))
    }
}

fn redirect(redirect_uri: &str) -> Check {
    let text = format!("register exactly this at the provider: {redirect_uri}");
    if redirect_uri.starts_with("http://")
        && !redirect_uri.starts_with("http://localhost")
        && !redirect_uri.starts_with("http://127.")
    {
        return right("redirect", format!("{text} (many providers accept HTTPS only)"));
    }
    right("redirect", text)
}
