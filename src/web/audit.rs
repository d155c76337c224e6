//! The audit trail: its entries page by page, and its newest hashes.

mod verification;

use super::Web;
use super::accounts::keeps;
use super::caller::{Auditor, Caller};
use super::extract::{Parameters, wrong};
use super::problem::{ApiError, Must};
use super::who::names_of;
use crate::store::Database;
use crate::store::accounts::{self, AccountFilter, Role};
use crate::store::audit::{self, Chain, Entry, EntryFilter, EntryView, HeadView};
use crate::store::reach::Reach;
use crate::store::tokens;
use axum::Json;
use axum::extract::State;
use lianfang_domain::id::AlarmId;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
pub(super) use verification::Verifications;

/// Longest page.
const LIMIT_MAX: u32 = 500;
/// Length of a page where the client names none.
const LIMIT: u32 = 100;
/// Of those who may have acted, so many are offered; words find the others.
const ACTORS: usize = 50;
/// Accounts that are looked through; towns have some hundred.
const ACCOUNTS_MAX: u32 = 5_000;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(heads))
        .routes(routes!(list_actors))
        .routes(routes!(verification::begin, verification::show, verification::cancel))
}

/// A page of entries, the oldest first.
#[derive(Serialize, ToSchema)]
struct EntryPage {
    /// The entries.
    items: Vec<NamedEntry>,
    /// `after` of the next page; null on the last one. A page may be shorter than asked and not the last.
    next: Option<u64>,
}

/// An entry, and the name of who did it.
#[derive(Serialize, ToSchema)]
pub(super) struct NamedEntry {
    /// The entry.
    #[serde(flatten)]
    pub(super) entry: EntryView,
    /// The name of who did it, which is no part of the trail; null for programs, the command line and accounts that are gone.
    pub(super) actor_name: Option<String>,
}

impl NamedEntry {
    /// An entry, with these names of accounts.
    pub(super) fn new(chain: Chain, entry: Entry, names: &BTreeMap<String, String>) -> Self {
        let entry = EntryView::new(chain, entry);
        Self { actor_name: names.get(&*entry.actor).cloned(), entry }
    }
}

/// Somebody who may have acted.
#[derive(Serialize, ToSchema)]
struct ActorView {
    /// What `/audit` takes as `who`.
    #[schema(examples("account:7"))]
    who: String,
    /// The name of the person or the token.
    name: String,
    /// What the account may do; null for tokens.
    role: Option<Role>,
}

/// Those who may have acted.
#[derive(Serialize, ToSchema)]
struct Actors {
    /// Accounts, then tokens.
    items: Vec<ActorView>,
    /// There are more of them: words find fewer.
    is_cut: bool,
}

/// The newest entries.
#[derive(Serialize, ToSchema)]
struct Heads {
    /// One for each chain.
    items: Vec<HeadView>,
}

/// List the entries of a chain, the oldest first.
#[utoipa::path(
    get, path = "/audit", tag = "audit", operation_id = "list_audit",
    params(
        ("chain" = Option<String>, Query,
            description = "`alarms` (what happened) or `directory` (who edited what); `alarms` if not given",
            pattern = "^(alarms|directory)$"),
        ("noun" = Option<String>, Query, description = "Only entries about this table, such as `household` or `alarm_event`", max_length = 64),
        ("id" = Option<String>, Query, description = "Only entries about this row: a number, or the id of an alarm", max_length = 20),
        ("who" = Option<String>, Query, description = "Only what this one did, such as `account:7` or `token:pbx`", max_length = 128),
        ("from" = Option<String>, Query, description = "Only entries of this moment or later, such as `2026-11-23T08:00:00+08:00`"),
        ("to" = Option<String>, Query, description = "Only entries before this moment"),
        ("after" = Option<u32>, Query, description = "Only entries after this sequence: `next` of the page before",
            minimum = 0, maximum = 4_294_967_295_u32),
        ("limit" = Option<u32>, Query, description = "Length of the page; 100 if not given", minimum = 1, maximum = 500),
    ),
    responses((status = 200, description = "A page", body = EntryPage)),
)]
async fn list(
    caller: Caller<Auditor>,
    State(web): State<Web>,
    mut parameters: Parameters,
) -> Result<Json<EntryPage>, ApiError> {
    let chain = match parameters.take("chain") {
        None => Chain::Alarms,
        Some(name) => Chain::of_name(&name).ok_or_else(|| wrong("chain", Must::Chain))?,
    };
    let after = parameters.take_number("after", 0..=u32::MAX)?.unwrap_or(0);
    let limit = parameters.take_number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT);
    let (noun, who) = (parameters.take("noun"), parameters.take("who"));
    let id =
        parameters.take("id").map(|text| row_id(&text).ok_or_else(|| wrong("id", Must::RowId)));
    let id = id.transpose()?;
    let (from, to) = (parameters.take_moment("from")?, parameters.take_moment("to")?);
    parameters.finish()?;
    let filter = EntryFilter { noun: noun.as_deref(), row_id: id, actor: who.as_deref(), from, to };
    // One more than asked tells whether there is another page.
    let mut entries =
        audit::entries_of(database(&web, chain), &filter, after.into(), limit + 1).await?;
    let is_last = entries.len() <= limit as usize;
    entries.truncate(limit as usize);
    let next = if is_last { None } else { entries.last().map(|entry| entry.sequence) };
    let entries = caller.area(&web).await?.keep_entries(&web, chain, entries).await?;
    let names = names_of(&web, entries.iter().map(|entry| entry.actor.to_string()).collect()).await;
    let named = |entry| NamedEntry::new(chain, entry, &names);
    let items = entries.into_iter().map(named).collect();
    Ok(Json(EntryPage { items, next }))
}

/// The newest entry of each chain. Noted elsewhere, it proves later that nothing before it was changed or cut off.
#[utoipa::path(
    get, path = "/audit/head", tag = "audit", operation_id = "read_audit_head",
    responses((status = 200, description = "The newest entries", body = Heads)),
)]
async fn heads(_caller: Caller<Auditor>, State(web): State<Web>) -> Result<Json<Heads>, ApiError> {
    let mut items = Vec::new();
    for chain in Chain::ALL {
        let head = audit::head(database(&web, chain)).await?;
        items.extend(head.map(|head| HeadView::new(chain, head)));
    }
    Ok(Json(Heads { items }))
}

/// List those who may have acted, to choose from by name: accounts within the caller's reach and, for who reaches
/// everything, tokens that were ever made. Who is gone is not among them, and stands in entries all the same.
#[utoipa::path(
    get, path = "/audit/actors", tag = "audit", operation_id = "list_audit_actors",
    params(
        ("q" = Option<String>, Query, description = "Only those whose name contains this", max_length = 60),
    ),
    responses((status = 200, description = "At most 50 of them", body = Actors)),
)]
async fn list_actors(
    caller: Caller<Auditor>,
    State(web): State<Web>,
    mut parameters: Parameters,
) -> Result<Json<Actors>, ApiError> {
    let words = parameters.take("q").unwrap_or_default().trim().to_lowercase();
    parameters.finish()?;
    let is_called = |name: &str| name.to_lowercase().contains(&words);
    let directory = web.store.directory();
    let mut items = Vec::new();
    for account in accounts::list(directory, AccountFilter::default(), 0, ACCOUNTS_MAX).await? {
        let is_meant = is_called(&account.display_name) || is_called(&account.name);
        if items.len() <= ACTORS && is_meant && keeps(&web, &caller, &account).await? {
            let who = format!("account:{}", account.id);
            items.push(ActorView { who, name: account.display_name, role: Some(account.role) });
        }
    }
    if caller.reach() == Reach::Everything && items.len() <= ACTORS {
        let tokens = tokens::list(directory).await?.into_iter().filter(|one| is_called(&one.name));
        let actor = |name: String| ActorView { who: format!("token:{name}"), name, role: None };
        items.extend(tokens.map(|token| actor(token.name)));
    }
    let is_cut = ACTORS < items.len();
    items.truncate(ACTORS);
    Ok(Json(Actors { items, is_cut }))
}

/// An id of a row as people write it: a number, or the id of an alarm, which has 13 characters.
fn row_id(text: &str) -> Option<i64> {
    let alarm = text.parse::<AlarmId>().ok().map(|id| id.0.cast_signed());
    alarm.or_else(|| text.parse::<u32>().ok().map(i64::from))
}

fn database(web: &Web, chain: Chain) -> &Database {
    match chain {
        Chain::Alarms => web.store.alarms(),
        Chain::Directory => web.store.directory(),
    }
}
