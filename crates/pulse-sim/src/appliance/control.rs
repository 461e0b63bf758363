//! The control API of a machine that stands for itself: the calls of a cluster's control API that make sense here
//! (`/access`, `/truth`, `/faults`, `/requests`, `/counters`), and `POST /rotate-certificate`.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::Inner;
use crate::{Fault, SimError, options::check_loopback};

/// Opens the control API.
pub(super) async fn open(
    inner: Arc<Inner>,
    address: SocketAddr,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> Result<SocketAddr, SimError> {
    check_loopback(address)?;
    let failed = |source| SimError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let service = axum::serve(listener, router(inner)).with_graceful_shutdown(stop.cancelled_owned());
    tasks.spawn(async move {
        if let Err(error) = service.await {
            tracing::warn!(%error, "the control API ended");
        }
    });
    Ok(bound)
}

type Shared = State<Arc<Inner>>;

fn router(inner: Arc<Inner>) -> Router {
    Router::new()
        .route("/access", get(async |State(inner): Shared| Json(inner.access())))
        .route("/truth", get(async |State(inner): Shared| Json((inner.truth)())))
        .route("/faults", get(list_faults).post(add_fault).delete(clear_faults))
        .route("/faults/{id}", delete(remove_fault))
        .route("/requests", get(requests).delete(forget_requests))
        .route("/counters", get(counters))
        .route("/rotate-certificate", post(rotate_certificate))
        .with_state(inner)
}

async fn list_faults(State(inner): Shared) -> Response {
    Json(inner.faults.list()).into_response()
}

async fn add_fault(State(inner): Shared, Json(fault): Json<Fault>) -> Response {
    if let Err(error) = fault.check() {
        return problem(StatusCode::BAD_REQUEST, &error);
    }
    match inner.add_fault(fault) {
        Some(id) => {
            inner.settled().await;
            (StatusCode::CREATED, Json(json!({ "id": id }))).into_response()
        }
        None => {
            problem(StatusCode::TOO_MANY_REQUESTS, "there are too many faults already; remove some first")
        }
    }
}

async fn remove_fault(State(inner): Shared, Path(id): Path<u64>) -> Response {
    if inner.faults.remove(id) {
        inner.settled().await;
        StatusCode::NO_CONTENT.into_response()
    } else {
        problem(StatusCode::NOT_FOUND, "there is no such fault")
    }
}

async fn clear_faults(State(inner): Shared) -> StatusCode {
    inner.faults.clear();
    inner.settled().await;
    StatusCode::NO_CONTENT
}

async fn requests(State(inner): Shared) -> Response {
    Json(inner.site.journal.records()).into_response()
}

async fn forget_requests(State(inner): Shared) -> StatusCode {
    inner.site.journal.clear();
    StatusCode::NO_CONTENT
}

async fn counters(State(inner): Shared) -> Response {
    let journal = &inner.site.journal;
    Json(json!({ "paths": journal.counts(), "mostInFlight": journal.most_in_flight() })).into_response()
}

async fn rotate_certificate(State(inner): Shared) -> Response {
    match inner.rotate_certificate() {
        Ok(()) => {
            inner.settled().await;
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn problem(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "error": text }))).into_response()
}
