//! `/api/admin/roles`, `/api/admin/users` (contract A-05): roles, and who has which. They are enforced: see
//! `pulse_auth::rbac`.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    routing::get,
};
use http::StatusCode;
use pulse_auth::{Identity, RoleError, role_book};
use pulse_config::UpdateError;
use pulse_core::{
    Clock,
    roles::{PermissionRecord, RoleRecord, UserRoles},
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    areas::object::read_object,
    auditing::Auditor,
    error::{ApiError, ErrorBody},
    extract::{Allowed, ManageRoles, ReadRoles},
    roles::Roles,
    routing::{ApiRouter, routes},
};

const LIMIT_BYTES: usize = 64 * 1024;

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(list_roles, create_role))
        .routes(routes!(get_role, update_role, delete_role))
        // Pulse v5 takes the path with a slash at its end as well, and gives a user under any path below the name.
        .route("/api/admin/roles/", get(list_roles).post(create_role))
        .routes(routes!(list_users))
        .routes(routes!(get_user, forget_user))
        .routes(routes!(get_user_permissions))
        .routes(routes!(set_user_roles, set_user_roles_by_post, get_user_roles))
        .routes(routes!(take_user_role))
}

/// The roles that a user is to have.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RolesWish {
    /// All of them: what is not named is taken away.
    role_ids: Option<Vec<String>>,
    /// One more, as the reference of Pulse v5 has it. It counts where `roleIds` is absent.
    #[serde(rename = "role_id")]
    role_id: Option<String>,
}

fn refuse(status: StatusCode, code: &'static str, text: impl Into<String>) -> ApiError {
    ApiError::envelope(status, code, text)
}

/// What a refusal of the book is on the wire; `code` where there is none of its own.
fn refused(error: UpdateError<RoleError>, code: &'static str) -> ApiError {
    let error = match error {
        UpdateError::Refused(error) => error,
        UpdateError::Config(error) => return ApiError::internal("keep the roles", error),
    };
    let (status, code) = match &error {
        RoleError::BadId => (StatusCode::BAD_REQUEST, "invalid_role_id"),
        RoleError::BadUser => (StatusCode::BAD_REQUEST, "invalid_username"),
        RoleError::BadPermission(_) => (StatusCode::BAD_REQUEST, "invalid_permission"),
        // Pulse v5: 500, as if the server were at fault.
        RoleError::BuiltIn(_) | RoleError::InUse(_) => (StatusCode::CONFLICT, code),
        RoleError::Unknown(_) | RoleError::Circle | RoleError::TooLong | RoleError::TooMany(_) => {
            (StatusCode::BAD_REQUEST, code)
        }
    };
    refuse(status, code, error.to_string())
}

async fn object<T: serde::de::DeserializeOwned>(body: Body) -> Result<T, ApiError> {
    let read = read_object(body, LIMIT_BYTES).await;
    read.map_err(|error| refuse(StatusCode::BAD_REQUEST, "invalid_json", error.to_string()))
}

/// Runs a change off the async threads.
async fn change<T: Send + 'static>(
    roles: &Arc<Roles>,
    act: impl FnOnce(&Roles) -> Result<T, UpdateError<RoleError>> + Send + 'static,
    code: &'static str,
) -> Result<T, ApiError> {
    let roles = Arc::clone(roles);
    let done = tokio::task::spawn_blocking(move || act(&roles)).await;
    done.map_err(|error| ApiError::internal("keep the roles", error))?.map_err(|error| refused(error, code))
}

fn check_user_name(username: &str) -> Result<(), ApiError> {
    if role_book::is_user_name(username) {
        return Ok(());
    }
    Err(refuse(StatusCode::BAD_REQUEST, "invalid_username", RoleError::BadUser.to_string()))
}

/// List roles: the built-in ones first, then by name.
#[utoipa::path(
    get, path = "/api/admin/roles", tag = "rbac",
    responses((status = 200, body = [RoleRecord]), (status = 402, description = "Needs the feature rbac"))
)]
async fn list_roles(_: Allowed<ReadRoles>, State(roles): State<Arc<Roles>>) -> Json<Vec<RoleRecord>> {
    Json(roles.book().roles().into_iter().cloned().collect())
}

/// Create a role, or change one of the server's own under the same id.
#[utoipa::path(
    post, path = "/api/admin/roles", tag = "rbac", request_body = RoleRecord,
    responses(
        (status = 200, body = RoleRecord), (status = 400, body = ErrorBody),
        (status = 402, description = "Needs the feature rbac"),
        (status = 409, description = "Built in", body = ErrorBody),
    )
)]
async fn create_role(
    allowed: Allowed<ManageRoles>,
    State(roles): State<Arc<Roles>>,
    State(clock): State<Arc<dyn Clock>>,
    auditor: Auditor,
    body: Body,
) -> Result<Json<RoleRecord>, ApiError> {
    keep(&allowed.identity, &roles, &*clock, &auditor, object(body).await?).await
}

/// One role.
#[utoipa::path(
    get, path = "/api/admin/roles/{id}", tag = "rbac", params(("id" = String, Path, description = "Id of the role")),
    responses(
        (status = 200, body = RoleRecord), (status = 402, description = "Needs the feature rbac"),
        (status = 404, body = ErrorBody),
    )
)]
async fn get_role(
    _: Allowed<ReadRoles>,
    State(roles): State<Arc<Roles>>,
    Path(id): Path<String>,
) -> Result<Json<RoleRecord>, ApiError> {
    let role = roles.book().role(&id).cloned();
    role.map(Json).ok_or_else(|| refuse(StatusCode::NOT_FOUND, "not_found", "Role not found"))
}

/// Change a role, or create it under this id.
#[utoipa::path(
    put, path = "/api/admin/roles/{id}", tag = "rbac", params(("id" = String, Path, description = "Id of the role")),
    request_body = RoleRecord,
    responses(
        (status = 200, body = RoleRecord), (status = 400, body = ErrorBody),
        (status = 402, description = "Needs the feature rbac"),
        (status = 409, description = "Built in", body = ErrorBody),
    )
)]
async fn update_role(
    allowed: Allowed<ManageRoles>,
    State(roles): State<Arc<Roles>>,
    State(clock): State<Arc<dyn Clock>>,
    auditor: Auditor,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<RoleRecord>, ApiError> {
    let mut fields: serde_json::Map<String, serde_json::Value> = object(body).await?;
    // The path says which one; a body need not.
    fields.insert("id".to_owned(), id.into());
    let role = serde_json::from_value(fields.into())
        .map_err(|error| refuse(StatusCode::BAD_REQUEST, "invalid_json", error.to_string()))?;
    keep(&allowed.identity, &roles, &*clock, &auditor, role).await
}

async fn keep(
    identity: &Identity,
    roles: &Arc<Roles>,
    clock: &dyn Clock,
    auditor: &Auditor,
    role: RoleRecord,
) -> Result<Json<RoleRecord>, ApiError> {
    let (now, id) = (clock.now(), role.id.clone());
    let is_known = roles.book().role(&id).is_some();
    let event = if is_known { "role_updated" } else { "role_created" };
    let kept = change(roles, move |roles| roles.put_role(role, now), "save_failed").await;
    match kept {
        Ok((role, _)) => {
            tracing::info!(by = %identity, role = id, "a role was kept");
            auditor.record(event, true, format!("role {id}")).await;
            Ok(Json(role))
        }
        Err(error) => {
            let event = if is_known { "role_update_failed" } else { "role_create_failed" };
            auditor.record(event, false, format!("role {id}")).await;
            Err(error)
        }
    }
}

/// Delete a role. It is taken from everybody who has it; one that is not there is no error.
#[utoipa::path(
    delete, path = "/api/admin/roles/{id}", tag = "rbac", params(("id" = String, Path, description = "Id of the role")),
    responses(
        (status = 204, description = "Done"), (status = 402, description = "Needs the feature rbac"),
        (status = 409, description = "Built in, or another role builds on it", body = ErrorBody),
    )
)]
async fn delete_role(
    allowed: Allowed<ManageRoles>,
    State(roles): State<Arc<Roles>>,
    auditor: Auditor,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let of = id.clone();
    let removed = change(&roles, move |roles| roles.remove_role(&of), "delete_failed").await;
    match &removed {
        Ok(true) => {
            tracing::info!(by = %allowed.identity, role = id, "a role was deleted");
            auditor.record("role_deleted", true, format!("role {id}")).await;
        }
        Ok(false) => {}
        Err(_) => auditor.record("role_delete_failed", false, format!("role {id}")).await,
    }
    removed.map(|_| StatusCode::NO_CONTENT)
}

/// List users about whose roles somebody decided, by name. Everybody else is as their login makes them.
#[utoipa::path(
    get, path = "/api/admin/users", tag = "rbac",
    responses((status = 200, body = [UserRoles]), (status = 402, description = "Needs the feature rbac"))
)]
async fn list_users(_: Allowed<ReadRoles>, State(roles): State<Arc<Roles>>) -> Json<Vec<UserRoles>> {
    Json(roles.book().users().into_iter().cloned().collect())
}

/// The roles of one user.
#[utoipa::path(
    get, path = "/api/admin/users/{username}", tag = "rbac", params(("username" = String, Path, description = "Who")),
    responses(
        (status = 200, body = UserRoles), (status = 400, body = ErrorBody),
        (status = 402, description = "Needs the feature rbac"), (status = 404, body = ErrorBody),
    )
)]
async fn get_user(
    _: Allowed<ReadRoles>,
    State(roles): State<Arc<Roles>>,
    Path(username): Path<String>,
) -> Result<Json<UserRoles>, ApiError> {
    check_user_name(&username)?;
    let user = roles.book().user(&username).cloned();
    user.map(Json).ok_or_else(|| refuse(StatusCode::NOT_FOUND, "not_found", "User has no roles assigned"))
}

/// Forget what was decided about a user: they are again as their login makes them. Beside the contract, which has no way
/// back.
#[utoipa::path(
    delete, path = "/api/admin/users/{username}", tag = "rbac",
    params(("username" = String, Path, description = "Who")),
    responses(
        (status = 204, description = "Done, or nothing was decided"), (status = 400, body = ErrorBody),
        (status = 402, description = "Needs the feature rbac"),
    )
)]
async fn forget_user(
    allowed: Allowed<ManageRoles>,
    State(roles): State<Arc<Roles>>,
    auditor: Auditor,
    Path(username): Path<String>,
) -> Result<StatusCode, ApiError> {
    check_user_name(&username)?;
    let of = username.clone();
    if change(&roles, move |roles| roles.remove_user(&of), "update_failed").await? {
        tracing::info!(by = %allowed.identity, user = username, "the roles of a user were forgotten");
        auditor.record("user_roles_updated", true, format!("{username}: no decision any more")).await;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// What a user may do by their roles, with what those build on; `null` for one about whom nobody decided.
#[utoipa::path(
    get, path = "/api/admin/users/{username}/permissions", tag = "rbac",
    params(("username" = String, Path, description = "Who")),
    responses(
        (status = 200, body = Option<Vec<PermissionRecord>>), (status = 400, body = ErrorBody),
        (status = 402, description = "Needs the feature rbac"),
    )
)]
async fn get_user_permissions(
    _: Allowed<ReadRoles>,
    State(roles): State<Arc<Roles>>,
    Path(username): Path<String>,
) -> Result<Json<Option<Vec<PermissionRecord>>>, ApiError> {
    check_user_name(&username)?;
    let book = roles.book();
    Ok(Json(book.user(&username).map(|user| book.permissions_of(&user.role_ids))))
}

/// Give a user roles.
#[utoipa::path(
    put, path = "/api/admin/users/{username}/roles", tag = "rbac", request_body = RolesWish,
    params(("username" = String, Path, description = "Who")),
    responses(
        (status = 204, description = "Done"), (status = 400, body = ErrorBody),
        (status = 402, description = "Needs the feature rbac"),
    )
)]
async fn set_user_roles(
    allowed: Allowed<ManageRoles>,
    State(roles): State<Arc<Roles>>,
    State(clock): State<Arc<dyn Clock>>,
    auditor: Auditor,
    Path(username): Path<String>,
    body: Body,
) -> Result<StatusCode, ApiError> {
    give(&allowed.identity, &roles, &*clock, &auditor, username, body).await
}

/// Give a user roles. The same as PUT, as the reference of Pulse v5 has it.
#[utoipa::path(
    post, path = "/api/admin/users/{username}/roles", tag = "rbac", request_body = RolesWish,
    params(("username" = String, Path, description = "Who")),
    responses(
        (status = 204, description = "Done"), (status = 400, body = ErrorBody),
        (status = 402, description = "Needs the feature rbac"),
    )
)]
async fn set_user_roles_by_post(
    allowed: Allowed<ManageRoles>,
    State(roles): State<Arc<Roles>>,
    State(clock): State<Arc<dyn Clock>>,
    auditor: Auditor,
    Path(username): Path<String>,
    body: Body,
) -> Result<StatusCode, ApiError> {
    give(&allowed.identity, &roles, &*clock, &auditor, username, body).await
}

async fn give(
    identity: &Identity,
    roles: &Arc<Roles>,
    clock: &dyn Clock,
    auditor: &Auditor,
    username: String,
    body: Body,
) -> Result<StatusCode, ApiError> {
    check_user_name(&username)?;
    let wish: RolesWish = object(body).await?;
    let (named, is_all) = match (wish.role_ids, wish.role_id) {
        (Some(ids), _) => (ids, true),
        (None, Some(id)) => (vec![id], false),
        // Pulse v5: takes this for no roles, and takes them all away.
        (None, None) => return Err(refuse(StatusCode::BAD_REQUEST, "invalid_json", "roleIds is required")),
    };
    let (now, of, given) = (clock.now(), username.clone(), named.clone());
    let choose = move |before: Vec<String>| if is_all { given } else { [before, given].concat() };
    let done = change(roles, move |roles| roles.put_user(&of, now, choose), "update_failed").await;
    let details = format!("{username}: {}{}", if is_all { "" } else { "+ " }, named.join(", "));
    told(identity, auditor, &username, details, done).await
}

async fn told(
    identity: &Identity,
    auditor: &Auditor,
    username: &str,
    details: String,
    done: Result<(), ApiError>,
) -> Result<StatusCode, ApiError> {
    let event = if done.is_ok() { "user_roles_updated" } else { "user_roles_update_failed" };
    if done.is_ok() {
        tracing::info!(by = %identity, user = username, "the roles of a user were changed");
    }
    auditor.record(event, done.is_ok(), details).await;
    done.map(|()| StatusCode::NO_CONTENT)
}

/// The roles of a user.
#[utoipa::path(
    get, path = "/api/admin/users/{username}/roles", tag = "rbac",
    params(("username" = String, Path, description = "Who")),
    responses(
        (status = 200, body = UserRoles), (status = 400, body = ErrorBody),
        (status = 402, description = "Needs the feature rbac"), (status = 404, body = ErrorBody),
    )
)]
async fn get_user_roles(
    allowed: Allowed<ReadRoles>,
    roles: State<Arc<Roles>>,
    username: Path<String>,
) -> Result<Json<UserRoles>, ApiError> {
    get_user(allowed, roles, username).await
}

/// Take a role from a user. One that they do not have is no error.
#[utoipa::path(
    delete, path = "/api/admin/users/{username}/roles/{role_id}", tag = "rbac",
    params(("username" = String, Path, description = "Who"), ("role_id" = String, Path, description = "Id of the role")),
    responses(
        (status = 204, description = "Done"), (status = 400, body = ErrorBody),
        (status = 402, description = "Needs the feature rbac"), (status = 404, body = ErrorBody),
    )
)]
async fn take_user_role(
    allowed: Allowed<ManageRoles>,
    State(roles): State<Arc<Roles>>,
    State(clock): State<Arc<dyn Clock>>,
    auditor: Auditor,
    Path((username, role_id)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    check_user_name(&username)?;
    if roles.book().user(&username).is_none() {
        return Err(refuse(StatusCode::NOT_FOUND, "not_found", "User has no roles assigned"));
    }
    let (now, of, taken) = (clock.now(), username.clone(), role_id.clone());
    let choose = move |before: Vec<String>| before.into_iter().filter(|id| *id != taken).collect();
    let done = change(&roles, move |roles| roles.put_user(&of, now, choose), "update_failed").await;
    told(&allowed.identity, &auditor, &username, format!("{username}: - {role_id}"), done).await
}
