//! All areas as one router, and the document they make together.

use axum::{
    Router,
    middleware::{from_fn, from_fn_with_state},
    response::Response,
};
use http::StatusCode;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::router::OpenApiRouter;

use crate::{areas, auth::gate, error::plain, middleware, state::AppState};

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

struct Credentials;

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

fn api() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Document::openapi()).merge(areas::router())
}

/// The OpenAPI document of everything that is served.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = api().to_openapi();
    env!("CARGO_PKG_VERSION").clone_into(&mut document.info.version);
    document
}

/// All routes. `page` answers whatever is no path of the API.
pub fn router(state: AppState, page: Router) -> Router {
    let (api, _) = api().split_for_parts();
    let page = page.with_state::<()>(());
    let settings = state.settings.clone();
    let inner = api
        .with_state(state.clone())
        .fallback_service(page)
        .layer(from_fn_with_state(state.clone(), gate))
        .layer(from_fn_with_state(state.clone(), middleware::perimeter))
        .layer(from_fn_with_state(state, middleware::security_headers))
        .layer(from_fn(middleware::request_id));
    // Around the whole: what stands before a path is taken off before a route is chosen.
    Router::new().fallback_service(inner).layer(from_fn_with_state(settings, middleware::base_path))
}

/// The answer to a path of the API that is not served.
pub(crate) fn not_found() -> Response {
    plain(StatusCode::NOT_FOUND, "404 page not found")
}
