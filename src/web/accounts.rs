//! Accounts of people: listed, made, replaced, deleted; passwords and second factors reset; sessions ended.
//!
//! Whoever keeps accounts gives nobody more than they have: an account is seen and edited only within one's own reach,
//! and only if the person whom it stands for is theirs to edit.

use super::Web;
use super::caller::{Admin, Caller};
use super::extract::{Body, IfMatch, Parameters, PathId, wrong};
use super::problem::{ApiError, Must};
use super::session::hashing::Hashing;
use super::source::Guarded;
use crate::store::accounts::password;
use crate::store::accounts::sessions::{self, SessionView};
use crate::store::accounts::{self, Account, AccountDraft, AccountFilter, Role};
use crate::store::nouns::{Fault, FieldError, Kind};
use crate::store::reach::{Reach, place_of};
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use lianfang_domain::id::{AccountId, ResponderId, WorkerId};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest page.
const LIMIT_MAX: u32 = 200;
/// Length of a page where the client names none.
const LIMIT: u32 = 50;
/// How often a page's worth of accounts is looked through for one page.
const CHUNKS_MAX: usize = 20;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(list, create))
        .routes(routes!(read, replace, delete))
        .routes(routes!(reset_password))
        .routes(routes!(reset_second_factor))
        .routes(routes!(list_sessions, end_sessions))
        .routes(routes!(end_session))
}

/// A page of accounts, by id.
#[derive(Serialize, ToSchema)]
struct AccountPage {
    /// The accounts.
    items: Vec<Account>,
    /// `after` of the next page; null on the last one. A page is shorter than asked and not the last only where thousands
    /// of accounts between are the caller's not to keep.
    #[schema(value_type = Option<u32>)]
    next: Option<AccountId>,
}

/// An account that was made.
#[derive(Serialize, ToSchema)]
struct Made {
    /// The account.
    #[serde(flatten)]
    account: Account,
    /// The password for the first sign-in, shown once; null if one was given.
    one_time_password: Option<String>,
}

/// A password that has to be changed at the next sign-in.
#[derive(Serialize, ToSchema)]
struct OneTime {
    /// The password, shown once.
    #[schema(examples("k7mq-x2dn-5hvr-wb8t"))]
    one_time_password: String,
}

/// Sessions of an account.
#[derive(Serialize, ToSchema)]
struct Sessions {
    /// Those that last, the oldest first; at most 20.
    items: Vec<SessionView>,
}

/// Whether an account is the caller's to keep.
pub(super) async fn keeps<N>(
    web: &Web,
    caller: &Caller<N>,
    account: &Account,
) -> Result<bool, ApiError> {
    let people = (account.worker_id, account.responder_id);
    Ok(is_within(web, caller, account.reach).await? && beyond(web, caller, people).await?.is_none())
}

/// The field that names a person whom the caller may not edit: who keeps their account could become them.
async fn beyond<N>(
    web: &Web,
    caller: &Caller<N>,
    (worker, responder): (Option<WorkerId>, Option<ResponderId>),
) -> Result<Option<&'static str>, ApiError> {
    let worker = worker.map(|id| ("/worker_id", Kind::Worker, id.0));
    let responder = responder.map(|id| ("/responder_id", Kind::Responder, id.0));
    if caller.reach() != Reach::Everything {
        for (pointer, kind, id) in [worker, responder].into_iter().flatten() {
            // Who is not there any more stands for nobody.
            let place = place_of(web.store.directory(), kind, id).await?;
            if place.is_some_and(|place| !caller.reach().covers(place)) {
                return Ok(Some(pointer));
            }
        }
    }
    Ok(None)
}

/// Whether accounts that reach so far are the caller's to keep.
async fn is_within<N>(web: &Web, caller: &Caller<N>, reach: Reach) -> Result<bool, ApiError> {
    match (caller.reach(), reach) {
        (Reach::Everything, _) => Ok(true),
        (Reach::Street(_) | Reach::Community(_) | Reach::Grid(_), Reach::Everything) => Ok(false),
        (own @ (Reach::Street(_) | Reach::Community(_) | Reach::Grid(_)), reach) => {
            let place = reach.place(web.store.directory()).await?;
            Ok(place.is_some_and(|place| own.covers(place)))
        }
    }
}

/// The account, if it is the caller's to keep.
async fn within(web: &Web, caller: &Caller<Admin>, id: AccountId) -> Result<Account, ApiError> {
    let account = accounts::get(web.store.directory(), id).await?;
    if keeps(web, caller, &account).await? { Ok(account) } else { Err(ApiError::NotFound) }
}

/// List accounts.
#[utoipa::path(
    get, path = "/accounts", tag = "accounts", operation_id = "list_accounts",
    params(
        ("role" = Option<String>, Query, description = "Only those of this role", pattern = "^(admin|operator|auditor|responder)$"),
        ("disabled" = Option<String>, Query, description = "`true`: only those that cannot sign in; `false`: only the others", pattern = "^(true|false)$"),
        ("after" = Option<u32>, Query, description = "Only accounts after this id: `next` of the page before", minimum = 0, maximum = 4_294_967_295_u32),
        ("limit" = Option<u32>, Query, description = "Length of the page; 50 if not given", minimum = 1, maximum = 200),
    ),
    responses((status = 200, description = "A page", body = AccountPage)),
)]
async fn list(
    caller: Caller<Admin>,
    State(web): State<Web>,
    mut parameters: Parameters,
) -> Result<Json<AccountPage>, ApiError> {
    let after = parameters.take_number("after", 0..=u32::MAX)?.unwrap_or(0);
    let limit = parameters.take_number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT);
    let role = parameters.take("role").map(|name| name.parse::<Role>()).transpose();
    let role = role.map_err(|_| wrong("role", Must::Role))?;
    let is_disabled = parameters.take_either("disabled", ("true", "false"), Must::Flag)?;
    parameters.finish()?;
    let page = page(&web, &caller, AccountFilter { role, is_disabled }, (after, limit)).await?;
    Ok(Json(page))
}

/// A page of those that are meant and the caller's to keep.
async fn page(
    web: &Web,
    caller: &Caller<Admin>,
    filter: AccountFilter,
    (mut after, limit): (u32, u32),
) -> Result<AccountPage, ApiError> {
    let mut items: Vec<Account> = Vec::new();
    for _ in 0..CHUNKS_MAX {
        // One more than asked tells whether there is another page.
        let chunk = limit + 1;
        let found = accounts::list(web.store.directory(), filter, after, chunk).await?;
        let is_last = found.len() < chunk as usize;
        for account in found {
            after = account.id.0;
            if !keeps(web, caller, &account).await? {
                continue;
            }
            if items.len() == limit as usize {
                let next = items.last().map(|account| account.id);
                return Ok(AccountPage { items, next });
            }
            items.push(account);
        }
        if is_last {
            return Ok(AccountPage { items, next: None });
        }
    }
    Ok(AccountPage { items, next: Some(AccountId(after)) })
}

/// Read an account.
#[utoipa::path(
    get, path = "/accounts/{id}", tag = "accounts", operation_id = "read_account",
    params(("id" = u32, Path, description = "Id of the account")),
    responses((status = 200, description = "The account", body = Account,
        headers(("ETag" = String, description = "Version of the account")))),
)]
async fn read(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(id): PathId<AccountId>,
) -> Result<Response, ApiError> {
    let account = within(&web, &caller, id).await?;
    Ok((tag(&account), Json(account)).into_response())
}

/// Make an account. The first one, made with the token of the first start, keeps its password; every other has to change
/// it at the first sign-in.
#[utoipa::path(
    post, path = "/accounts", tag = "accounts", operation_id = "create_account",
    request_body = AccountDraft,
    responses((status = 201, description = "Made", body = Made, headers(
        ("ETag" = String, description = "Version of the account"),
        ("Location" = String, description = "Its path"),
    ))),
)]
async fn create(
    _: Guarded,
    caller: Caller<Admin>,
    State(web): State<Web>,
    Extension(hashing): Extension<Hashing>,
    Body(mut draft): Body<AccountDraft>,
) -> Result<Response, ApiError> {
    within_reach(&web, &caller, &draft).await?;
    let is_first = !accounts::any(web.store.directory()).await?;
    let given = draft.password.take();
    let (password, one_time_password) = match given {
        Some(password) => {
            if let Some(fault) = password::fault(&password, &draft.name) {
                return Err(faulty("/password", Fault::Password(fault)));
            }
            (password, None)
        }
        None => {
            let password = one_time()?;
            (password.clone(), Some(password))
        }
    };
    let must_change = one_time_password.is_some() || !is_first;
    let phc = hashing.hash(password).await?;
    let who = caller.who();
    let account = accounts::create(&web.edited_by(&who), &draft, (&phc, must_change)).await?;
    let location = (header::LOCATION, format!("/api/v1/accounts/{}", account.id));
    let [etag] = tag(&account);
    let made = Json(Made { account, one_time_password });
    Ok((StatusCode::CREATED, [location, etag], made).into_response())
}

/// Replace what is written of an account. Its sessions end when its rights change or it is disabled.
#[utoipa::path(
    put, path = "/accounts/{id}", tag = "accounts", operation_id = "replace_account",
    params(
        ("id" = u32, Path, description = "Id of the account"),
        ("If-Match" = String, Header, description = "The `ETag` of the account that is changed", pattern = "^\"[0-9]{1,9}\"$"),
    ),
    request_body = AccountDraft,
    responses((status = 200, description = "Replaced", body = Account,
        headers(("ETag" = String, description = "Version of the account")))),
)]
async fn replace(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(id): PathId<AccountId>,
    IfMatch(version): IfMatch,
    Body(draft): Body<AccountDraft>,
) -> Result<Response, ApiError> {
    within(&web, &caller, id).await?;
    within_reach(&web, &caller, &draft).await?;
    if draft.password.is_some() {
        return Err(faulty("/password", Fault::OnlyNew));
    }
    let who = caller.who();
    let account = accounts::replace(&web.edited_by(&who), (id, version), &draft).await?;
    Ok((tag(&account), Json(account)).into_response())
}

/// Delete an account. What it did stays in the trail by its id.
#[utoipa::path(
    delete, path = "/accounts/{id}", tag = "accounts", operation_id = "delete_account",
    params(
        ("id" = u32, Path, description = "Id of the account"),
        ("If-Match" = String, Header, description = "The `ETag` of the account that is deleted", pattern = "^\"[0-9]{1,9}\"$"),
    ),
    responses((status = 204, description = "Deleted")),
)]
async fn delete(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(id): PathId<AccountId>,
    IfMatch(version): IfMatch,
) -> Result<StatusCode, ApiError> {
    within(&web, &caller, id).await?;
    let who = caller.who();
    accounts::delete(&web.edited_by(&who), (id, version)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give somebody a one-time password, for the day they forgot theirs. All of their sessions end.
#[utoipa::path(
    post, path = "/accounts/{id}/password-reset", tag = "accounts", operation_id = "reset_password",
    params(("id" = u32, Path, description = "Id of the account")),
    responses((status = 200, description = "The password, which has to be changed at the next sign-in", body = OneTime)),
)]
async fn reset_password(
    _: Guarded,
    caller: Caller<Admin>,
    State(web): State<Web>,
    Extension(hashing): Extension<Hashing>,
    PathId(id): PathId<AccountId>,
) -> Result<Json<OneTime>, ApiError> {
    within(&web, &caller, id).await?;
    let one_time_password = one_time()?;
    let phc = hashing.hash(one_time_password.clone()).await?;
    let who = caller.who();
    accounts::set_password(&web.edited_by(&who), id, (&phc, true), None).await?;
    Ok(Json(OneTime { one_time_password }))
}

/// Take somebody's second factor away, for the day they lost their telephone. All of their sessions end.
#[utoipa::path(
    delete, path = "/accounts/{id}/totp", tag = "accounts", operation_id = "reset_second_factor",
    params(("id" = u32, Path, description = "Id of the account")),
    responses((status = 204, description = "It is gone")),
)]
async fn reset_second_factor(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(id): PathId<AccountId>,
) -> Result<StatusCode, ApiError> {
    within(&web, &caller, id).await?;
    let who = caller.who();
    accounts::remove_totp(&web.edited_by(&who), id, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the sessions of an account.
#[utoipa::path(
    get, path = "/accounts/{id}/sessions", tag = "accounts", operation_id = "list_account_sessions",
    params(("id" = u32, Path, description = "Id of the account")),
    responses((status = 200, description = "Its sessions", body = Sessions)),
)]
async fn list_sessions(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(id): PathId<AccountId>,
) -> Result<Json<Sessions>, ApiError> {
    within(&web, &caller, id).await?;
    let items = sessions::of_account(web.store.directory(), id, web.clock.now()).await?;
    Ok(Json(Sessions { items }))
}

/// End all sessions of an account.
#[utoipa::path(
    delete, path = "/accounts/{id}/sessions", tag = "accounts", operation_id = "end_account_sessions",
    params(("id" = u32, Path, description = "Id of the account")),
    responses((status = 204, description = "Ended")),
)]
async fn end_sessions(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(id): PathId<AccountId>,
) -> Result<StatusCode, ApiError> {
    within(&web, &caller, id).await?;
    sessions::end(web.store.directory(), id, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End one session of an account.
#[utoipa::path(
    delete, path = "/accounts/{id}/sessions/{session}", tag = "accounts", operation_id = "end_account_session",
    params(
        ("id" = u32, Path, description = "Id of the account"),
        ("session" = u32, Path, description = "Id of the session"),
    ),
    responses((status = 204, description = "Ended")),
)]
async fn end_session(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId((id, session)): PathId<(AccountId, u32)>,
) -> Result<StatusCode, ApiError> {
    within(&web, &caller, id).await?;
    let ended = sessions::end(web.store.directory(), id, Some(session)).await?;
    if ended == 0 { Err(ApiError::NotFound) } else { Ok(StatusCode::NO_CONTENT) }
}

async fn within_reach(
    web: &Web,
    caller: &Caller<Admin>,
    draft: &AccountDraft,
) -> Result<(), ApiError> {
    if !is_within(web, caller, draft.reach).await? {
        return Err(faulty("/reach", Fault::BeyondReach));
    }
    match beyond(web, caller, (draft.worker_id, draft.responder_id)).await? {
        Some(pointer) => Err(faulty(pointer, Fault::BeyondReach)),
        None => Ok(()),
    }
}

fn one_time() -> Result<String, ApiError> {
    password::one_time().map_err(|error| ApiError::Internal(error.into()))
}

fn faulty(pointer: &str, fault: Fault) -> ApiError {
    ApiError::Faulty(vec![FieldError { pointer: pointer.to_owned(), fault }])
}

fn tag(account: &Account) -> [(HeaderName, String); 1] {
    [(header::ETAG, format!("\"{}\"", account.version))]
}
