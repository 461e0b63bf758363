//! `GET /api/security/tokens`.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::TokenView;
use crate::{
    error::MissingScopeBody,
    extract::{Allowed, TokensRead},
    state::Access,
};

/// All tokens.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiTokens)]
pub(super) struct TokenList {
    /// Newest first.
    tokens: Vec<TokenView>,
}

/// List API tokens, newest first. Their values are not among what is shown: they are not kept.
#[utoipa::path(
    get, path = "/api/security/tokens", tag = "tokens",
    responses((status = 200, body = TokenList), (status = 403, body = MissingScopeBody))
)]
pub(super) async fn list_tokens(
    _: Allowed<TokensRead>,
    State(access): State<Arc<Access>>,
) -> Json<TokenList> {
    let tokens = access.tokens.current();
    Json(TokenList { tokens: tokens.newest_first().into_iter().map(|token| TokenView::new(token)).collect() })
}
