//! Triggers by HTTP: a PBX that heard #9 itself tells us.

use super::Web;
use super::caller::{Caller, Trigger as MayTrigger};
use super::extract::{Body, wrong};
use super::idempotency::key_of;
use super::problem::{ApiError, Must};
use crate::store::reach::{Place, Reach};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use lianfang_domain::alarm::{Proof, Trigger, TriggerSource};
use lianfang_domain::directory::{Directory, Line, LineRef, LineUse};
use lianfang_domain::id::AlarmId;
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::phone::{Home, PhoneNumber};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest number that is looked at, in bytes.
const NUMBER_MAX: usize = 64;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(raise))
}

/// An alarm code that was heard on a line, which is named by its account or by its number.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TriggerDraft {
    /// The SIP account of the line.
    #[serde(default)]
    #[schema(max_length = 64)]
    account: Option<String>,
    /// The number of the line, best with its area code: a number that lines of several areas have finds none.
    #[serde(default)]
    #[schema(max_length = 64)]
    number: Option<String>,
    /// The code, such as `#9`. A hotline needs none.
    #[serde(default)]
    #[schema(max_length = 64)]
    code: Option<String>,
    /// What is the matter, where the device knows it, such as a smoke detector.
    #[serde(default)]
    #[schema(schema_with = super::alarms::kinds)]
    kind: AlarmKind,
}

/// The alarm that a trigger belongs to.
#[derive(Serialize, ToSchema)]
struct RaisedAlarm {
    /// Its id.
    #[schema(value_type = String)]
    id: AlarmId,
    /// This trigger raised it.
    is_new: bool,
}

/// Raise an alarm.
///
/// The same `Idempotency-Key` on the same line is the same press, however often it is sent: the answer is the alarm of
/// the first time, with 200. Use another key for each press. A press on a line whose alarm is open belongs to that alarm.
#[utoipa::path(
    post, path = "/triggers", tag = "triggers", operation_id = "raise_alarm",
    params(("Idempotency-Key" = String, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$",
        description = "Names one press: 1 to 255 visible ASCII characters")),
    request_body = TriggerDraft,
    responses(
        (status = 201, description = "The alarm was raised", body = RaisedAlarm,
            headers(("Location" = String, description = "Path of the alarm"))),
        (status = 200, description = "The press was known, or its line's alarm was open", body = RaisedAlarm,
            headers(("Location" = String, description = "Path of the alarm"))),
    ),
)]
async fn raise(
    caller: Caller<MayTrigger>,
    State(web): State<Web>,
    headers: HeaderMap,
    Body(draft): Body<TriggerDraft>,
) -> Result<(StatusCode, [(&'static str, String); 1], Json<RaisedAlarm>), ApiError> {
    let key = key_of(&headers).ok_or_else(|| wrong("Idempotency-Key", Must::Key))?;
    let trigger = trigger_of(&web.directory.current(), (&draft, caller.reach()), |line| {
        // Two PBXs, or two lines of a careless one, may use the same key: neither must swallow the other's alarm.
        format!("http:{}:{}:{key}", caller.name(), line.id).into()
    })?;
    let raised = web.alarms.raise(trigger, draft.kind).await?;
    let status = if raised.is_new { StatusCode::CREATED } else { StatusCode::OK };
    let location = [("location", format!("/api/v1/alarms/{}", raised.alarm))];
    Ok((status, location, Json(RaisedAlarm { id: raised.alarm, is_new: raised.is_new })))
}

fn trigger_of(
    directory: &Directory,
    (draft, reach): (&TriggerDraft, Reach),
    key_on: impl FnOnce(&Line) -> Arc<str>,
) -> Result<Trigger, ApiError> {
    let found = match (&draft.account, &draft.number) {
        (Some(account), None) => directory.line_by_account(account),
        (None, Some(number)) => by_number(directory, number),
        (None, None) | (Some(_), Some(_)) => return Err(ApiError::WhichLine),
    };
    let found = found.and_then(|place| directory.resolve(place));
    let (community, household, line) = found.ok_or(ApiError::UnknownLine)?;
    let place = Place {
        street: Some(community.street),
        community: Some(community.id),
        grid: community.group(household.group).map(|group| group.grid),
    };
    if !reach.covers(place) {
        return Err(ApiError::UnknownLine);
    }
    let code = draft.code.as_deref().unwrap_or_default();
    let is_known = match line.line_use {
        LineUse::Code => community.alarm_codes.iter().any(|known| **known == *code),
        LineUse::Hotline { .. } => {
            code.is_empty() || community.alarm_codes.iter().any(|known| **known == *code)
        }
    };
    if !is_known {
        return Err(ApiError::UnknownCode);
    }
    Ok(Trigger {
        line: line.id,
        household: household.id,
        group: household.group,
        code: code.into(),
        source: TriggerSource::Http,
        proof: Proof::Token,
        idempotency_key: key_on(line),
    })
}

/// Reads the number at home in each area code of the directory. Whose line it is must not be guessed: a number that
/// several lines answer to finds none, and an extension is known by its account only.
fn by_number(directory: &Directory, number: &str) -> Option<LineRef> {
    if NUMBER_MAX < number.len() {
        return None;
    }
    let homes: BTreeMap<_, _> = directory
        .communities()
        .map(|community| (Arc::clone(&community.area_code), community.id))
        .collect();
    let places: BTreeSet<_> = homes
        .into_iter()
        .filter_map(|(area_code, community)| {
            let home = Home { area_code, community };
            let number = PhoneNumber::of_caller(number, &home).ok()?;
            let is_extension = number.key().starts_with("ext:");
            if is_extension { None } else { directory.line_by_number(number.key()) }
        })
        .collect();
    match places.len() {
        1 => places.into_iter().next(),
        _ => None,
    }
}
