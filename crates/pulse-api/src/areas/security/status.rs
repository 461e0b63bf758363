//! `GET /api/security/status`: how the server is protected, and what of it concerns this caller.

use std::{net::IpAddr, sync::Arc};

use axum::{Json, extract::State};
use http::{Extensions, HeaderMap, header};
use jiff::Timestamp;
use pulse_auth::{AuthMethod, Identity};
use pulse_config::{Settings, SystemSettings, SystemSettingsStore};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    auth::{Oidc, client_address, is_secure},
    extract::Caller,
    middleware::request_address,
    state::Access,
};

/// How the server is protected.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SecurityStatus {
    /// Whether there is an API token.
    api_token_configured: bool,
    /// The ends of the newest one, for callers we know.
    api_token_hint: String,
    /// Whether the first run is over. Before it only public routes and the setup answer.
    requires_auth: bool,
    /// The same, or half of a login in the environment.
    has_authentication: bool,
    /// Whether exports need credentials: always.
    export_protected: bool,
    /// Whether they do not: never.
    unprotected_export_allowed: bool,
    /// Whether a login waits for a restart: never.
    configured_but_pending_restart: bool,
    /// Whether there is an audit log.
    has_audit_logging: bool,
    /// Whether credentials of nodes are sealed: always.
    credentials_encrypted: bool,
    /// Whether the browser speaks HTTPS.
    #[serde(rename = "hasHTTPS")]
    has_https: bool,
    /// Where the request comes from.
    #[serde(rename = "clientIP")]
    client_ip: String,
    /// Whether that is a private address.
    is_private_network: bool,
    /// Whether it is in a trusted network.
    is_trusted_network: bool,
    /// Whether it is a public address.
    public_access: bool,
    /// Whether a reverse proxy may vouch for users.
    has_proxy_auth: bool,
    /// Where to log out there.
    #[serde(rename = "proxyAuthLogoutURL")]
    proxy_auth_logout_url: String,
    /// For whom it vouches in this request.
    proxy_auth_username: String,
    /// Whether that is an administrator.
    proxy_auth_is_admin: bool,
    /// The user of the login, for callers we know.
    auth_username: String,
    /// When the login was last changed, for callers we know.
    auth_last_modified: String,
    /// The user of an OIDC session.
    oidc_username: String,
    /// Whether the page hides the login form.
    hide_local_login: bool,
    /// The address agents are told.
    agent_url: String,
    /// What the caller's token may do.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_scopes: Option<Vec<String>>,
    /// Whether OIDC is on.
    oidc_enabled: bool,
    /// Its issuer.
    oidc_issuer: String,
    /// Our id there.
    oidc_client_id: String,
    /// Where to log out there.
    #[serde(rename = "oidcLogoutURL")]
    oidc_logout_url: String,
    #[serde(flatten)]
    first_run: Option<FirstRun>,
    /// Whether `DISABLE_AUTH` is set, which has no effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    deprecated_disable_auth: Option<bool>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

/// How to do the first run.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct FirstRun {
    /// The file that holds the bootstrap token.
    bootstrap_token_path: String,
    /// Whether the server runs in our Docker image.
    is_docker: bool,
    /// Whether it runs in a container.
    in_container: bool,
}

/// How the server is protected.
#[utoipa::path(
    get, path = "/api/security/status", tag = "security", security(()), responses((status = 200, body = SecurityStatus))
)]
pub(super) async fn get_security_status(
    Caller(caller): Caller,
    State(access): State<Arc<Access>>,
    State(settings): State<Arc<Settings>>,
    State(system): State<Arc<SystemSettingsStore>>,
    State(oidc): State<Arc<Oidc>>,
    headers: HeaderMap,
    extensions: Extensions,
) -> Json<SecurityStatus> {
    let tokens = access.tokens.current();
    let login = access.credentials.current();
    let address = client_address(&extensions, &headers, &settings);
    let is_private = is_private(address);
    let is_known = caller.is_authenticated();
    let proxy = settings.proxy_auth.as_ref();
    let is_protected = access.is_configured() || proxy.is_some() || oidc.is_enabled();
    let is_proxy_user = caller.method == AuthMethod::Proxy;
    let hint = tokens.newest_first().first().filter(|_| is_known).map(|token| {
        let record = token.record();
        format!("{}...{}", record.prefix, record.suffix)
    });
    let system = system.current();
    let provider = oidc.store.current();
    let is_oidc_user = caller.method == AuthMethod::Oidc;
    Json(SecurityStatus {
        api_token_configured: !tokens.is_empty(),
        api_token_hint: hint.unwrap_or_default(),
        requires_auth: is_protected,
        has_authentication: is_protected,
        export_protected: true,
        unprotected_export_allowed: false,
        configured_but_pending_restart: false,
        has_audit_logging: false,
        credentials_encrypted: true,
        has_https: is_secure(&settings, &headers, &extensions),
        client_ip: address.to_string(),
        is_private_network: is_private,
        is_trusted_network: if settings.trusted_networks.is_empty() {
            is_private
        } else {
            settings.trusted_networks.iter().any(|network| network.contains(address))
        },
        public_access: !is_private,
        has_proxy_auth: proxy.is_some(),
        proxy_auth_logout_url: proxy.and_then(|proxy| proxy.logout_url.clone()).unwrap_or_default(),
        proxy_auth_username: caller.user.clone().filter(|_| is_proxy_user).unwrap_or_default(),
        proxy_auth_is_admin: is_proxy_user && caller.is_admin,
        auth_username: login.filter(|_| is_known).map(|login| login.user.clone()).unwrap_or_default(),
        auth_last_modified: if is_known { last_modified(&access).await } else { String::new() },
        oidc_username: if is_oidc_user { caller.user.clone().unwrap_or_default() } else { String::new() },
        hide_local_login: system.hide_local_login,
        agent_url: agent_url(&settings, &system, &headers, &extensions),
        token_scopes: token_scopes(&caller),
        oidc_enabled: oidc.is_enabled(),
        oidc_issuer: provider.issuer_url.clone(),
        oidc_client_id: provider.client_id.clone(),
        oidc_logout_url: provider.logout_url.clone(),
        first_run: access.bootstrap.current().map(|_| FirstRun {
            bootstrap_token_path: access.bootstrap.path().display().to_string(),
            is_docker: settings.is_docker,
            in_container: settings.is_docker,
        }),
        deprecated_disable_auth: settings.has_disable_auth.then_some(true),
        message: settings.has_disable_auth.then_some("DISABLE_AUTH has no effect any more; remove it"),
    })
}

fn token_scopes(caller: &Identity) -> Option<Vec<String>> {
    let is_token = caller.method == AuthMethod::ApiToken;
    is_token.then(|| caller.scopes.names().into_iter().map(str::to_owned).collect())
}

async fn last_modified(access: &Arc<Access>) -> String {
    let access = Arc::clone(access);
    let modified = tokio::task::spawn_blocking(move || access.credentials.modified()).await.ok().flatten();
    modified
        .and_then(|at| Timestamp::from_second(at.as_second()).ok())
        .map(|at| at.to_string())
        .unwrap_or_default()
}

fn agent_url(
    settings: &Settings,
    system: &SystemSettings,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> String {
    if let Some(url) = &settings.agent_connect_url {
        return url.clone();
    }
    if !system.public_url.is_empty() {
        return system.public_url.clone();
    }
    if headers.contains_key(header::HOST) {
        request_address(settings, headers, extensions)
    } else {
        String::new()
    }
}

/// Addresses that never cross the internet.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_told_from_public_ones() {
        for (address, expect) in [
            ("127.0.0.1", true),
            ("10.1.2.3", true),
            ("172.31.0.1", true),
            ("172.32.0.1", false),
            ("192.168.0.1", true),
            ("169.254.0.1", true),
            ("203.0.113.1", false),
            ("::1", true),
            ("fd00::1", true),
            ("fe80::1", true),
            ("2001:db8::1", false),
            ("::ffff:192.168.0.1", true),
        ] {
            assert_eq!(is_private(address.parse().unwrap()), expect, "{address}");
        }
    }
}
