//! What is heard of a clip now, and who recorded it.

use super::super::Web;
use super::super::caller::{Caller, Operator};
use super::super::extract::PathId;
use super::super::problem::ApiError;
use super::super::reach::To;
use super::super::sounds::SoundFault;
use super::{RecordingView, Shelf};
use crate::prompts::wav_of;
use crate::store::accounts;
use crate::store::nouns::{self, Worker};
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use lianfang_domain::directory::Language;
use lianfang_domain::id::{AccountId, WorkerId};
use lianfang_domain::words::Clip;
use std::collections::BTreeMap;

/// Listen to a clip as it is said now, whoever recorded it; another language where nobody did.
#[utoipa::path(
    get, path = "/communities/{id}/recordings/{language}/{clip}/sound", tag = "recordings", operation_id = "hear_clip",
    params(
        ("id" = String, Path, description = "Id of a community, or `all`", pattern = "^([1-9][0-9]{0,9}|all)$"),
        ("language" = String, Path, description = "Tag of the language"),
        ("clip" = String, Path, description = "The clip; names are heard by their versions"),
    ),
    responses((status = 200, description = "8 kHz, mono, 16 bit", body = Vec<u8>, content_type = "audio/wav")),
)]
pub(super) async fn listen(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId((shelf, language, stem)): PathId<(Shelf, Language, String)>,
) -> Result<impl IntoResponse, ApiError> {
    caller.reaches_community(&web, To::See, shelf.0).await?;
    let unknown = ApiError::Sound(SoundFault::UnknownClip);
    let clip = Clip::of_stem(&stem).filter(|clip| *clip != Clip::Tone).ok_or(unknown)?;
    let voice = web.recordings.library().voice(shelf.0, language);
    let wav = wav_of(&voice.speak(&[clip])).map_err(|error| ApiError::Internal(error.into()))?;
    Ok(([(header::CONTENT_TYPE, "audio/wav")], wav))
}

/// Says the name of the account or worker where there is one; each is looked up once.
pub(super) async fn say_who(web: &Web, views: impl Iterator<Item = &mut RecordingView>) {
    let mut known: BTreeMap<String, Option<String>> = BTreeMap::new();
    for view in views {
        if !known.contains_key(&view.made_by) {
            known.insert(view.made_by.clone(), name_of(web, &view.made_by).await);
        }
        view.made_by_name = known.get(&view.made_by).cloned().flatten();
    }
}

async fn name_of(web: &Web, who: &str) -> Option<String> {
    let database = web.store.directory();
    let id = |start: &str| who.strip_prefix(start)?.parse().ok();
    if let Some(id) = id("account:") {
        return Some(accounts::get(database, AccountId(id)).await.ok()?.display_name);
    }
    let worker = nouns::get::<Worker>(database, WorkerId(id("worker ")?)).await.ok()?;
    Some(worker.name)
}
