//! The OpenAPI document of everything that is served.
//!
//! A debug build makes it from the code: that is what `cargo xtask openapi` writes to `docs/openapi.json`, and what
//! `cargo xtask test` compares it with. A release build hands out that file, compressed by the build script, and
//! leaves the code that describes out of the program.

#[cfg(debug_assertions)]
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};

#[cfg(debug_assertions)]
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Pulse",
        description = "Watches Proxmox, hosts, Docker and Kubernetes. Tokens go into `X-API-Token` or \
                       `Authorization: Bearer`; sessions of the page use cookies and a CSRF header.",
        license(name = "MIT")
    ),
    modifiers(&Credentials),
    security(("api_token" = []), ("bearer" = []), ("session" = []))
)]
struct Document;

#[cfg(debug_assertions)]
struct Credentials;

#[cfg(debug_assertions)]
impl Modify for Credentials {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let schemes = [
            ("api_token", SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Token")))),
            ("bearer", SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build())),
            ("session", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("pulse_session")))),
        ];
        for (name, scheme) in schemes {
            components.add_security_scheme(name, scheme);
        }
    }
}

/// The document as indented JSON; empty only if it cannot be written, which a test rules out.
#[cfg(debug_assertions)]
pub fn document_json() -> String {
    let mut document = Document::openapi();
    env!("CARGO_PKG_VERSION").clone_into(&mut document.info.version);
    crate::areas::router().describe(&mut document);
    document.to_pretty_json().unwrap_or_default()
}

/// The document as indented JSON; empty only if it cannot be unpacked, which a test rules out.
#[cfg(not(debug_assertions))]
pub fn document_json() -> String {
    use std::io::Read as _;

    const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json.gz"));
    let mut text = String::new();
    match flate2::read::GzDecoder::new(PACKED).read_to_string(&mut text) {
        Ok(_) => text,
        Err(_) => String::new(),
    }
}
