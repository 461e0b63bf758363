//! `/api/security/tokens`: API tokens (contract A-02 §4). A value is shown once, when it is made; after that there are
//! only its ends and what it may do.

mod create;
mod delete;
mod edit;
mod list;

use jiff::Timestamp;
use pulse_config::Token;
use serde::Serialize;
use utoipa::ToSchema;

use crate::routing::{ApiRouter, routes};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(list::list_tokens, create::create_token))
        .routes(routes!(delete::delete_token, edit::edit_token))
}

/// A token as it is shown.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApiToken)]
struct TokenView {
    /// Its id.
    id: String,
    /// What a person called it.
    name: String,
    /// The first characters of its value.
    prefix: String,
    /// The last characters of its value.
    suffix: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last used; absent for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    /// When it ends; absent for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// What it may do, sorted.
    scopes: Vec<String>,
}

impl TokenView {
    fn new(token: &Token) -> Self {
        let record = token.record();
        Self {
            id: record.id.to_string(),
            name: record.name.clone(),
            prefix: record.prefix.clone(),
            suffix: record.suffix.clone(),
            created_at: record.created_at,
            last_used_at: token.last_used_at(),
            expires_at: record.expires_at,
            scopes: record.scopes.names().into_iter().map(str::to_owned).collect(),
        }
    }
}
