//! Tokens of the API, for programs: listed, made, revoked. They reach everything, so only who does may keep them.

use super::Web;
use super::caller::{Admin, Caller, Right};
use super::extract::{Body, Parameters, PathId, wrong};
use super::problem::{ApiError, Must};
use super::source::Guarded;
use crate::store::nouns::{Fault, FieldError};
use crate::store::reach::Reach;
use crate::store::tokens::{self, NewToken, Scope, Token, TokenError};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest page, and the length of one where the client names none: few have more tokens, and they came all together before.
const LIMIT_MAX: u32 = 200;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(list, create)).routes(routes!(revoke))
}

/// A token as it is shown.
#[derive(Serialize, ToSchema)]
struct TokenView {
    /// Its id.
    id: u32,
    /// Its name, as it stands in the log of alarms.
    name: String,
    /// What it may do.
    #[schema(schema_with = scopes)]
    scope: &'static str,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it stops working; never if null.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
}

impl From<Token> for TokenView {
    fn from(token: Token) -> Self {
        Self {
            id: token.id,
            name: token.name,
            scope: token.scope.name(),
            created_at: token.created,
            expires_at: token.expires,
            revoked_at: token.revoked,
        }
    }
}

/// A page of tokens, by id.
#[derive(Serialize, ToSchema)]
struct TokenList {
    /// The tokens.
    items: Vec<TokenView>,
    /// `after` of the next page; null on the last one.
    next: Option<u32>,
}

/// A token that is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenDraft {
    /// Its name, unique for ever: it stands in the log of alarms.
    #[schema(min_length = 1, max_length = 60)]
    name: String,
    /// What it may do.
    #[schema(schema_with = scopes)]
    scope: String,
    /// When it stops working; never if null.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// A token that was made.
#[derive(Serialize, ToSchema)]
struct MadeToken {
    /// Its name.
    name: String,
    /// The secret, shown once: send it as `Authorization: Bearer`.
    secret: String,
}

fn scopes() -> Schema {
    let names = Scope::ALL.map(Scope::name);
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).into()
}

fn need_everything(caller: &Caller<Admin>) -> Result<(), ApiError> {
    if caller.reach() == Reach::Everything {
        return Ok(());
    }
    Err(ApiError::Forbidden { needed: Right::Admin })
}

/// List tokens, also those that work no more.
#[utoipa::path(
    get, path = "/tokens", tag = "tokens", operation_id = "list_tokens",
    params(
        ("scope" = Option<String>, Query, description = "Only those that may do this",
            pattern = "^(admin|operator|auditor|trigger|metrics)$"),
        ("works" = Option<String>, Query, description = "`true`: only those that work now; `false`: only the others",
            pattern = "^(true|false)$"),
        ("after" = Option<u32>, Query, description = "Only tokens after this id: `next` of the page before",
            minimum = 0, maximum = 4_294_967_295_u32),
        ("limit" = Option<u32>, Query, description = "Length of the page; 200 if not given", minimum = 1, maximum = 200),
    ),
    responses((status = 200, description = "A page", body = TokenList)),
)]
async fn list(
    caller: Caller<Admin>,
    State(web): State<Web>,
    mut parameters: Parameters,
) -> Result<Json<TokenList>, ApiError> {
    let scope = parameters.take("scope").map(|name| name.parse::<Scope>()).transpose();
    let scope = scope.map_err(|_| wrong("scope", Must::Scope))?;
    let works = parameters.take_either("works", ("true", "false"), Must::Flag)?;
    let after = parameters.take_number("after", 0..=u32::MAX)?.unwrap_or(0);
    let limit = parameters.take_number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT_MAX) as usize;
    parameters.finish()?;
    need_everything(&caller)?;
    let now = web.clock.now();
    let is_meant = |token: &Token| {
        let is_good = token.revoked.is_none() && token.expires.is_none_or(|end| now < end);
        after < token.id
            && scope.is_none_or(|scope| scope == token.scope)
            && works.is_none_or(|works| works == is_good)
    };
    // Programs are few, and so are their tokens.
    let all = tokens::list(web.store.directory()).await?;
    let mut meant = all.into_iter().filter(is_meant).peekable();
    let items: Vec<TokenView> = meant.by_ref().take(limit).map(TokenView::from).collect();
    let next = meant.peek().and_then(|_| items.last().map(|token| token.id));
    Ok(Json(TokenList { items, next }))
}

/// Make a token.
#[utoipa::path(
    post, path = "/tokens", tag = "tokens", operation_id = "create_token", request_body = TokenDraft,
    responses((status = 201, description = "Made", body = MadeToken)),
)]
async fn create(
    _: Guarded,
    caller: Caller<Admin>,
    State(web): State<Web>,
    Body(draft): Body<TokenDraft>,
) -> Result<Response, ApiError> {
    need_everything(&caller)?;
    let scope = draft.scope.parse().map_err(|_| ApiError::Form {
        pointer: "/scope".to_owned(),
        cause: "one of admin, operator, auditor, trigger, metrics".to_owned(),
    })?;
    let new = NewToken { name: draft.name.trim().to_owned(), scope, expires: draft.expires_at };
    let who = caller.who();
    let secret = tokens::create(&web.edited_by(&who), &new).await?;
    let made = MadeToken { name: new.name, secret: secret.reveal().to_owned() };
    let location = [(header::LOCATION, "/api/v1/tokens")];
    Ok((StatusCode::CREATED, location, Json(made)).into_response())
}

/// Revoke a token at once and for good.
#[utoipa::path(
    delete, path = "/tokens/{id}", tag = "tokens", operation_id = "revoke_token",
    params(("id" = u32, Path, description = "Id of the token")),
    responses((status = 204, description = "Revoked")),
)]
async fn revoke(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(id): PathId<u32>,
) -> Result<StatusCode, ApiError> {
    need_everything(&caller)?;
    let known = tokens::list(web.store.directory()).await?;
    let token = known.into_iter().find(|token| token.id == id).ok_or(ApiError::NotFound)?;
    let who = caller.who();
    // Revoking twice is no error.
    tokens::revoke(&web.edited_by(&who), &token.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        let fault = match error {
            TokenError::NameTaken => Fault::Taken,
            TokenError::Name => Fault::TokenName,
            TokenError::Store(error) => return error.into(),
            error @ TokenError::Random(_) => return Self::Internal(error.into()),
        };
        Self::Faulty(vec![FieldError { pointer: "/name".to_owned(), fault }])
    }
}
