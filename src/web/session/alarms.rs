//! The open alarms that call whoever is signed in, with the page on which they answer.

use crate::store::accounts::Account;
use crate::store::alarm_log::{AlarmFilter, StoredAlarm};
use crate::web::Web;
use crate::web::caller::{Called, Caller};
use crate::web::problem::ApiError;
use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use lianfang_domain::id::AlarmId;
use lianfang_domain::plan::PartyId;
use serde::Serialize;
use utoipa::ToSchema;

/// Open alarms that are looked through: more are open at once in no town.
const OPEN_MAX: u32 = 1000;
/// Alarms that are read at a time.
const CHUNK: usize = 100;

/// An open alarm that calls the caller.
#[derive(Serialize, ToSchema)]
pub(super) struct OwnAlarm {
    /// Its id.
    #[schema(value_type = String)]
    id: AlarmId,
    /// When it was raised.
    #[schema(value_type = String, format = DateTime)]
    raised_at: Timestamp,
    /// It is a drill.
    is_drill: bool,
    /// What the caller is called in it.
    #[schema(value_type = u16)]
    party: PartyId,
    /// Path of the page on which they see what they may and answer; null where there are no pages.
    page: Option<String>,
}

/// Open alarms, the latest first.
#[derive(Serialize, ToSchema)]
pub(super) struct OwnAlarms {
    /// The alarms.
    items: Vec<OwnAlarm>,
}

/// List the open alarms that call oneself, as the worker or responder that the account is.
#[utoipa::path(
    get, path = "/session/alarms", tag = "session", operation_id = "list_own_alarms",
    responses((status = 200, description = "The alarms", body = OwnAlarms)),
)]
pub(super) async fn list(
    caller: Caller<Called>,
    State(web): State<Web>,
) -> Result<Json<OwnAlarms>, ApiError> {
    let mut items = Vec::new();
    let is_somebody =
        |account: &&Account| account.worker_id.is_some() || account.responder_id.is_some();
    let Some(account) = caller.account().filter(is_somebody) else {
        return Ok(Json(OwnAlarms { items }));
    };
    let filter = AlarmFilter { is_open: Some(true), ..AlarmFilter::default() };
    let open = web.alarm_log.list(&filter, OPEN_MAX).await?;
    let ids: Vec<AlarmId> = open.iter().map(|row| row.id).collect();
    for ids in ids.chunks(CHUNK) {
        for stored in web.alarm_log.alarms(ids).await? {
            let Some(party) = party_of(&stored, account) else { continue };
            items.push(OwnAlarm {
                id: stored.row.id,
                raised_at: stored.row.raised,
                is_drill: stored.row.is_drill,
                party,
                page: web.responders.path(stored.row.id, party),
            });
        }
    }
    items.sort_by_key(|alarm| std::cmp::Reverse(alarm.id));
    Ok(Json(OwnAlarms { items }))
}

/// What the account is called in the latest plan of an alarm.
fn party_of(stored: &StoredAlarm, account: &Account) -> Option<PartyId> {
    let parties = stored.plans.last()?.parties();
    let mut own = parties.into_iter().filter(|(_, party)| {
        let is_worker = party.worker.is_some() && party.worker == account.worker_id;
        is_worker || party.responder.is_some() && party.responder == account.responder_id
    });
    own.next().map(|(id, _)| id)
}
