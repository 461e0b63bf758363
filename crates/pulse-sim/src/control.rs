//! The control API: faults, guests, truth and the request log over plain HTTP on a loopback port of its own.
//!
//! | Call | What it does |
//! |---|---|
//! | `GET /access` | address, token, password and fingerprints, as `pulse-sim serve` prints them |
//! | `GET /authority` | certificate of the authority that signed those of its nodes, in PEM form |
//! | `GET /truth` | what is true now for every node, guest and storage |
//! | `GET /faults` | the faults that are switched on, with their numbers |
//! | `POST /faults` | adds a [`Fault`]: `{"node":"pve1","path":"/nodes/*","times":3,"effect":{"kind":"hang"}}` → 201 `{"id":1}` |
//! | `POST /presets/{name}` | plays a bad day by its name, such as `rolling-reboot`, until `DELETE /faults` or another one |
//! | `DELETE /faults`, `DELETE /faults/{id}` | removes all, or one |
//! | `POST /guests/{vmid}/start`, `…/stop`, `…/migrate` | steers a guest; `migrate` takes `{"node":"pve2"}` |
//! | `POST /guests/{vmid}/pause`, `…/resume` | halts a guest, lets it go on |
//! | `POST /guests/{vmid}/lock`, `…/unlock` | locks a guest as a backup does, unlocks it |
//! | `POST /nodes/{node}/tasks` | begins a task: `{"kind":"vzdump","vmid":100}`, without `vmid` one over several guests → 201 `{"id":1}` |
//! | `DELETE /tasks/{id}` | ends it |
//! | `POST /nodes/{node}/restart` | restarts it: uptime and the counters of its guests begin at 0 |
//! | `POST /nodes/{node}/degrade`, `…/mend` | takes a disk of its ZFS pool away, gives it back |
//! | `GET /violations` | guest agents that were asked while a lock or a task forbade it |
//! | `POST /nodes/{node}/rotate-certificate` | gives a node a new certificate, which `/nodes` publishes |
//! | `GET /requests`, `DELETE /requests` | the latest requests; forgets them |
//! | `GET /clock`, `POST /clock` | what the clock shows; `{"step_seconds":3600,"speed":0}` lets it leap and stand still. Where the simulation has a clock of its own: `serve --scenario` |
//! | `GET /counters` | calls per path, and the most that a node had at once |
//!
//! Changes hold when the answer arrives. Errors are `{"error":"…"}`.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Fault, Preset, SimClock, SimError, Steering, cluster::Inner, options::check_loopback};

/// Opens the control API.
pub(crate) async fn open(
    inner: Arc<Inner>,
    clock: Option<Arc<SimClock>>,
    address: SocketAddr,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> Result<SocketAddr, SimError> {
    check_loopback(address)?;
    let failed = |source| SimError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let played = Played { inner: Arc::clone(&inner), tasks: tasks.clone(), stop: stop.clone() };
    let presets = Router::new().route("/presets/{name}", post(play)).with_state(played);
    let mut router = router(Arc::clone(&inner)).merge(presets);
    if let Some(clock) = clock {
        let dial = Dial { inner, clock };
        router = router.merge(Router::new().route("/clock", get(clock_face).post(steer)).with_state(dial));
    }
    let service = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
    tasks.spawn(async move {
        if let Err(error) = service.await {
            tracing::warn!(%error, "the control API ended");
        }
    });
    Ok(bound)
}

fn router(inner: Arc<Inner>) -> Router {
    Router::new()
        .route("/access", get(async |State(inner): State<Arc<Inner>>| Json(inner.access())))
        .route("/authority", get(async |State(inner): State<Arc<Inner>>| inner.authority.pem().to_owned()))
        .route("/truth", get(async |State(inner): State<Arc<Inner>>| Json(inner.truth())))
        .route("/faults", get(list_faults).post(add_fault).delete(clear_faults))
        .route("/faults/{id}", delete(remove_fault))
        .route("/requests", get(requests).delete(forget_requests))
        .route("/counters", get(counters))
        .route("/guests/{vmid}/start", post(start_guest))
        .route("/guests/{vmid}/stop", post(stop_guest))
        .route("/guests/{vmid}/migrate", post(migrate_guest))
        .route("/guests/{vmid}/pause", post(pause_guest))
        .route("/guests/{vmid}/resume", post(resume_guest))
        .route("/guests/{vmid}/lock", post(lock_guest))
        .route("/guests/{vmid}/unlock", post(unlock_guest))
        .route("/nodes/{node}/tasks", post(begin_task))
        .route("/tasks/{id}", delete(end_task))
        .route("/nodes/{node}/restart", post(restart_node))
        .route("/nodes/{node}/degrade", post(degrade_pool))
        .route("/nodes/{node}/mend", post(mend_pool))
        .route("/violations", get(async |State(inner): State<Arc<Inner>>| Json(inner.estate.violations())))
        .route("/nodes/{node}/rotate-certificate", post(rotate_certificate))
        .with_state(inner)
}

type Shared = State<Arc<Inner>>;

/// What playing a bad day needs.
#[derive(Clone)]
struct Played {
    inner: Arc<Inner>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

async fn play(State(played): State<Played>, Path(name): Path<String>) -> Response {
    match name.parse::<Preset>() {
        Ok(preset) => {
            played.inner.perform(preset, &played.tasks, &played.stop);
            played.inner.settled().await;
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => problem(StatusCode::NOT_FOUND, &error),
    }
}

/// What steering the clock needs.
#[derive(Clone)]
struct Dial {
    inner: Arc<Inner>,
    clock: Arc<SimClock>,
}

async fn clock_face(State(dial): State<Dial>) -> Response {
    Json(dial.clock.face()).into_response()
}

async fn steer(State(dial): State<Dial>, Json(steering): Json<Steering>) -> Response {
    match dial.clock.steer(steering) {
        Ok(face) => {
            dial.inner.look();
            dial.inner.settled().await;
            Json(face).into_response()
        }
        Err(error) => done(Err(error)),
    }
}

async fn list_faults(State(inner): Shared) -> Response {
    Json(inner.faults()).into_response()
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
    if inner.remove_fault(id) {
        inner.settled().await;
        StatusCode::NO_CONTENT.into_response()
    } else {
        problem(StatusCode::NOT_FOUND, "there is no such fault")
    }
}

async fn clear_faults(State(inner): Shared) -> StatusCode {
    inner.clear_faults();
    inner.settled().await;
    StatusCode::NO_CONTENT
}

async fn requests(State(inner): Shared) -> Response {
    Json(inner.journal().records()).into_response()
}

async fn forget_requests(State(inner): Shared) -> StatusCode {
    inner.journal().clear();
    StatusCode::NO_CONTENT
}

async fn counters(State(inner): Shared) -> Response {
    let journal = inner.journal();
    Json(json!({ "paths": journal.counts(), "mostInFlight": journal.most_in_flight() })).into_response()
}

async fn start_guest(State(inner): Shared, Path(vmid): Path<u32>) -> Response {
    done(inner.estate.start_guest(vmid))
}

async fn stop_guest(State(inner): Shared, Path(vmid): Path<u32>) -> Response {
    done(inner.estate.stop_guest(vmid))
}

/// Where to move a guest.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Migration {
    node: String,
}

async fn migrate_guest(
    State(inner): Shared,
    Path(vmid): Path<u32>,
    Json(Migration { node }): Json<Migration>,
) -> Response {
    done(inner.estate.migrate_guest(vmid, &node))
}

async fn pause_guest(State(inner): Shared, Path(vmid): Path<u32>) -> Response {
    done(inner.estate.pause_guest(vmid, true))
}

async fn resume_guest(State(inner): Shared, Path(vmid): Path<u32>) -> Response {
    done(inner.estate.pause_guest(vmid, false))
}

async fn lock_guest(State(inner): Shared, Path(vmid): Path<u32>) -> Response {
    done(inner.estate.lock_guest(vmid, Some("backup")))
}

async fn unlock_guest(State(inner): Shared, Path(vmid): Path<u32>) -> Response {
    done(inner.estate.lock_guest(vmid, None))
}

/// What is begun.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTask {
    kind: String,
    #[serde(default)]
    vmid: Option<u32>,
}

async fn begin_task(State(inner): Shared, Path(node): Path<String>, Json(task): Json<NewTask>) -> Response {
    match inner.estate.begin_task(&task.kind, task.vmid, &node) {
        Ok(id) => (StatusCode::CREATED, Json(json!({ "id": id }))).into_response(),
        Err(error) => done(Err(error)),
    }
}

async fn end_task(State(inner): Shared, Path(id): Path<u64>) -> Response {
    if inner.estate.end_task(id, "OK") {
        StatusCode::NO_CONTENT.into_response()
    } else {
        problem(StatusCode::NOT_FOUND, "there is no such task")
    }
}

async fn restart_node(State(inner): Shared, Path(node): Path<String>) -> Response {
    done(inner.estate.restart_node(&node))
}

async fn degrade_pool(State(inner): Shared, Path(node): Path<String>) -> Response {
    done(inner.estate.degrade_pool(&node, true))
}

async fn mend_pool(State(inner): Shared, Path(node): Path<String>) -> Response {
    done(inner.estate.degrade_pool(&node, false))
}

async fn rotate_certificate(State(inner): Shared, Path(node): Path<String>) -> Response {
    let result = inner.rotate_certificate(&node);
    if result.is_ok() {
        inner.settled().await;
    }
    done(result)
}

fn done(result: Result<(), SimError>) -> Response {
    match result {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => problem(status(&error), &error.to_string()),
    }
}

fn status(error: &SimError) -> StatusCode {
    match error {
        SimError::NoGuest(_) | SimError::NoNode(_) => StatusCode::NOT_FOUND,
        SimError::GuestState { .. } => StatusCode::CONFLICT,
        SimError::NotLoopback(_) | SimError::Options(_) => StatusCode::BAD_REQUEST,
        SimError::Listen { .. } | SimError::Certificate { .. } | SimError::Tls { .. } => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

fn problem(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "error": text }))).into_response()
}
