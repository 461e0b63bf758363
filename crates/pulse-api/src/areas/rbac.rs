//! `/api/admin/roles`, `/api/admin/users` (contract A-05): the gates of the routes that will manage roles. Roles
//! themselves are in `pulse_auth::rbac` and are enforced; the four built-in ones can be given by an OIDC provider.

use axum::routing::get;
use http::StatusCode;

use crate::{
    error::{ApiError, ErrorBody},
    extract::{Allowed, ManageRoles},
    routing::{ApiRouter, routes},
};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(list_roles, create_role))
        .routes(routes!(get_role, update_role, delete_role))
        // Pulse v5 takes the path with a slash at its end as well, and gives a user under any path below the name.
        .route("/api/admin/roles/", get(list_roles).post(create_role))
        .routes(routes!(list_users))
        .routes(routes!(get_user))
        .routes(routes!(get_user_permissions))
        .routes(routes!(set_user_roles, set_user_roles_by_post, get_user_roles))
        .routes(routes!(take_user_role))
}

/// The contract's answer of a server that has no manager of roles.
fn unavailable() -> ApiError {
    let text = "Roles cannot be managed on this server yet; the built-in ones can be mapped from OIDC groups";
    ApiError::envelope(StatusCode::NOT_IMPLEMENTED, "rbac_unavailable", text)
}

/// List roles.
#[utoipa::path(
    get, path = "/api/admin/roles", tag = "rbac",
    responses((status = 402, description = "Needs the feature rbac"), (status = 501, body = ErrorBody))
)]
async fn list_roles(_: Allowed<ManageRoles>) -> ApiError {
    unavailable()
}

/// Create a role.
#[utoipa::path(
    post, path = "/api/admin/roles", tag = "rbac",
    responses((status = 402, description = "Needs the feature rbac"), (status = 501, body = ErrorBody))
)]
async fn create_role(_: Allowed<ManageRoles>) -> ApiError {
    unavailable()
}

/// One role.
#[utoipa::path(
    get, path = "/api/admin/roles/{id}", tag = "rbac", params(("id" = String, Path, description = "Id of the role")),
    responses((status = 402, description = "Needs the feature rbac"), (status = 501, body = ErrorBody))
)]
async fn get_role(_: Allowed<ManageRoles>) -> ApiError {
    unavailable()
}

/// Change a role.
#[utoipa::path(
    put, path = "/api/admin/roles/{id}", tag = "rbac", params(("id" = String, Path, description = "Id of the role")),
    responses((status = 402, description = "Needs the feature rbac"), (status = 501, body = ErrorBody))
)]
async fn update_role(_: Allowed<ManageRoles>) -> ApiError {
    unavailable()
}

/// Delete a role.
#[utoipa::path(
    delete, path = "/api/admin/roles/{id}", tag = "rbac", params(("id" = String, Path, description = "Id of the role")),
    responses((status = 402, description = "Needs the feature rbac"), (status = 501, body = ErrorBody))
)]
async fn delete_role(_: Allowed<ManageRoles>) -> ApiError {
    unavailable()
}

/// List users with roles.
#[utoipa::path(
    get, path = "/api/admin/users", tag = "rbac",
    responses((status = 402, description = "Needs the feature rbac"), (status = 501, body = ErrorBody))
)]
async fn list_users(_: Allowed<ManageRoles>) -> ApiError {
    unavailable()
}

/// One user and the roles they have.
#[utoipa::path(
    get, path = "/api/admin/users/{username}", tag = "rbac", params(("username" = String, Path, description = "Who")),
    responses((status = 402, description = "Needs the feature rbac"), (status = 501, body = ErrorBody))
)]
async fn get_user(_: Allowed<ManageRoles>) -> ApiError {
    unavailable()
}

/// What a user may do.
#[utoipa::path(
    get, path = "/api/admin/users/{username}/permissions", tag = "rbac",
    params(("username" = String, Path, description = "Who")),
    responses((status = 402, description = "Needs the feature rbac"), (status = 501, body = ErrorBody))
)]
async fn get_user_permissions(_: Allowed<ManageRoles>) -> ApiError {
    unavailable()
}

/// Give a user roles.
#[utoipa::path(
    put, path = "/api/admin/users/{username}/roles", tag = "rbac",
    params(("username" = String, Path, description = "Who")),
    responses((status = 402, description = "Needs the feature rbac"), (status = 501, body = ErrorBody))
)]
async fn set_user_roles(_: Allowed<ManageRoles>) -> ApiError {
    unavailable()
}

/// Give a user roles. The same as PUT, as the reference of Pulse v5 has it.
#[utoipa::path(
    post, path = "/api/admin/users/{username}/roles", tag = "rbac",
    params(("username" = String, Path, description = "Who")),
    responses((status = 402, description = "Needs the feature rbac"), (status = 501, body = ErrorBody))
)]
async fn set_user_roles_by_post(_: Allowed<ManageRoles>) -> ApiError {
    unavailable()
}

/// The roles of a user.
#[utoipa::path(
    get, path = "/api/admin/users/{username}/roles", tag = "rbac",
    params(("username" = String, Path, description = "Who")),
    responses((status = 402, description = "Needs the feature rbac"), (status = 501, body = ErrorBody))
)]
async fn get_user_roles(_: Allowed<ManageRoles>) -> ApiError {
    unavailable()
}

/// Take a role from a user.
#[utoipa::path(
    delete, path = "/api/admin/users/{username}/roles/{role_id}", tag = "rbac",
    params(("username" = String, Path, description = "Who"), ("role_id" = String, Path, description = "Id of the role")),
    responses((status = 402, description = "Needs the feature rbac"), (status = 501, body = ErrorBody))
)]
async fn take_user_role(_: Allowed<ManageRoles>) -> ApiError {
    unavailable()
}
