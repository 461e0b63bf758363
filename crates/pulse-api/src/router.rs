//! All areas as one router.

use axum::{
    Router,
    middleware::{from_fn, from_fn_with_state},
    response::Response,
};
use http::StatusCode;

use crate::{areas, auth::gate, error::plain, middleware, state::AppState};

/// All routes. `page` answers whatever is no path of the API.
pub fn router(state: AppState, page: Router) -> Router {
    let page = page.with_state::<()>(());
    let settings = state.settings.clone();
    let inner = areas::router()
        .into_router()
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
