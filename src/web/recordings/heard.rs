//! What is heard of a clip now, and who recorded it.

use super::super::Web;
use super::super::caller::{Caller, Operator};
use super::super::extract::PathId;
use super::super::problem::ApiError;
use super::super::reach::To;
use super::super::sounds::SoundFault;
use super::super::who::names_of;
use super::{RecordingView, Shelf};
use crate::prompts::wav_of;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use lianfang_domain::directory::Language;
use lianfang_domain::words::Clip;

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

/// Says the name of the account or worker where there is one.
pub(super) async fn say_who(web: &Web, views: impl Iterator<Item = &mut RecordingView>) {
    let views: Vec<&mut RecordingView> = views.collect();
    let names = names_of(web, views.iter().map(|view| view.made_by.clone()).collect()).await;
    for view in views {
        view.made_by_name = names.get(&view.made_by).cloned();
    }
}
