//! Recordings of people: which there are, upload, versions, withdrawal, and what can be recorded for a household.

mod heard;

use super::Web;
use super::caller::{Admin, Caller, Operator};
use super::extract::{Body, Parameters, PathId, wrong};
use super::problem::{ApiError, Must};
use super::reach::To;
use super::sounds::SoundFault;
use crate::prompts::codes;
use crate::store::nouns::{self, Household, Kind};
use crate::store::recordings::{RecordingPlace, RecordingRow};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::{Json, middleware};
use jiff::Timestamp;
use lianfang_domain::directory::Language;
use lianfang_domain::id::{CommunityId, HouseholdId};
use lianfang_domain::words::Clip;
use serde::{Deserialize, Deserializer, Serialize};
use std::sync::Arc;
use tokio::sync::Semaphore;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Largest file: 30 s of 48 kHz, stereo, 32 bit.
const FILE_MAX: usize = 12 * 1024 * 1024;
/// Files that are read at a time.
const FILES_MAX: usize = 4;
/// Languages in the order of a community.
const ORDER_MAX: usize = 8;

pub(super) fn routes() -> OpenApiRouter<Web> {
    let uploads = OpenApiRouter::default()
        .routes(routes!(upload))
        .layer(DefaultBodyLimit::max(FILE_MAX))
        .layer(middleware::from_fn_with_state(
            Arc::new(Semaphore::new(FILES_MAX)),
            super::guard::limit_number,
        ));
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(of_household))
        .routes(routes!(set_order))
        .routes(routes!(versions))
        .routes(routes!(withdraw))
        .routes(routes!(restore))
        .routes(routes!(erase))
        .merge(uploads)
}

/// What is not JSON.
pub(super) fn sounds() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(download)).routes(routes!(heard::listen))
}

/// Whose recordings: those of a community, or `all`.
struct Shelf(Option<CommunityId>);

impl<'de> Deserialize<'de> for Shelf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "all" {
            return Ok(Self(None));
        }
        let id = text.parse().ok().filter(|id| 0 < *id);
        id.map(|id| Self(Some(CommunityId(id))))
            .ok_or_else(|| serde::de::Error::custom("an id or `all`"))
    }
}

type At = (Shelf, Language, String);

fn place((Shelf(community), language, clip): At) -> RecordingPlace {
    RecordingPlace { community, language, clip }
}

/// A recording, as it is listed.
#[derive(Serialize, ToSchema)]
struct RecordingView {
    /// Counts the versions of a clip from 1.
    version: u32,
    /// `current` is played, `kept` was, `withdrawn` is not to be.
    state: &'static str,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    made_at: Timestamp,
    /// The token or account that brought it, or the worker who made it by telephone.
    made_by: String,
    /// The name of the account or worker, while there is one.
    made_by_name: Option<String>,
    /// How long it plays, in milliseconds.
    length_ms: u32,
    /// Level while somebody speaks, in dBFS.
    level_db: f64,
}

impl From<&RecordingRow> for RecordingView {
    fn from(row: &RecordingRow) -> Self {
        Self {
            version: row.version,
            state: row.state.name(),
            made_at: row.facts.made,
            made_by: row.facts.made_by.clone(),
            made_by_name: None,
            length_ms: row.facts.length_ms,
            level_db: f64::from(row.facts.level_cdb) / 100.0,
        }
    }
}

/// A clip that can be recorded.
#[derive(Serialize, ToSchema)]
struct ClipView {
    /// What paths call it.
    clip: String,
    /// What is keyed on a telephone to record it in the language of the community.
    code: Option<String>,
    /// What is keyed to record it in the language of the list, whatever the community's is.
    keys: Option<String>,
    /// The words to read out.
    text: String,
    /// Where it comes from now: `community`, `all`, `file`, `shipped`, `name`, or `missing`.
    source: &'static str,
    /// The recording that is played.
    recording: Option<RecordingView>,
}

/// The clips of a language, and what is tried where one is missing.
#[derive(Serialize, ToSchema)]
struct ClipList {
    /// The community whose recordings these are; null for those of all.
    #[schema(value_type = Option<u32>)]
    community_id: Option<CommunityId>,
    /// The language.
    language: &'static str,
    /// The numbers that workers call to record.
    #[schema(value_type = Vec<String>)]
    numbers: Vec<Arc<str>>,
    /// Languages that are tried, in order, when a sentence was not recorded in the one that was asked for.
    order: Vec<&'static str>,
    /// The clips.
    items: Vec<ClipView>,
}

/// Languages in the order in which they are tried.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OrderDraft {
    /// Tags, the first tried first; Mandarin or English come last of themselves.
    #[schema(max_items = 8, value_type = Vec<String>)]
    languages: Vec<Language>,
}

/// Which clips were recorded, which are missing, and where each comes from.
#[utoipa::path(
    get, path = "/communities/{id}/recordings", tag = "recordings", operation_id = "list_recordings",
    params(
        ("id" = String, Path, description = "Id of a community, or `all`", pattern = "^([1-9][0-9]{0,9}|all)$"),
        ("language" = Option<String>, Query, description = "Tag of the language; that of the community if not given"),
    ),
    responses((status = 200, description = "Every fixed clip, then the names that were recorded", body = ClipList)),
)]
async fn list(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(Shelf(community)): PathId<Shelf>,
    mut parameters: Parameters,
) -> Result<Json<ClipList>, ApiError> {
    caller.reaches_community(&web, To::See, community).await?;
    let known = match community {
        Some(id) => {
            let directory = web.directory.current();
            directory.community(id).ok_or(ApiError::NotFound)?.language
        }
        None => Language::default(),
    };
    let language = language_of(&mut parameters)?.unwrap_or(known);
    parameters.finish()?;
    let rows = rows(&web, community, language).await?;
    let mut list = clip_list(&web, community, language);
    let voice = web.recordings.library().voice(community, language);
    list.items = Clip::all_fixed()
        .iter()
        .filter(|clip| **clip != Clip::Tone)
        .map(|clip| clip_view(clip, language, voice.source(clip).name(), &rows))
        .collect();
    let names = rows.iter().filter(|row| Clip::of_stem(&row.place.clip).is_none());
    list.items.extend(names.map(|row| ClipView {
        clip: row.place.clip.clone(),
        code: None,
        keys: None,
        text: String::new(),
        source: if row.place.community.is_some() { "community" } else { "all" },
        recording: Some(row.into()),
    }));
    heard::say_who(&web, list.items.iter_mut().filter_map(|item| item.recording.as_mut())).await;
    Ok(Json(list))
}

/// The names and places of a household, to be recorded so that elders' names are said as people say them.
#[utoipa::path(
    get, path = "/households/{id}/recordings", tag = "recordings", operation_id = "list_household_recordings",
    params(
        ("id" = u32, Path, description = "Id of the household"),
        ("language" = Option<String>, Query, description = "Tag of the language; that of the household if not given"),
    ),
    responses((status = 200, description = "Its clips", body = ClipList)),
)]
async fn of_household(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<HouseholdId>,
    mut parameters: Parameters,
) -> Result<Json<ClipList>, ApiError> {
    caller.reaches(&web, To::See, (Kind::Household, id)).await?;
    nouns::get::<Household>(web.store.directory(), id).await?;
    let directory = web.directory.current();
    let mut communities = directory.communities();
    let found = communities.find_map(|community| Some((community, community.household(id)?)));
    let (community, household) = found.ok_or(ApiError::NotFound)?;
    let language = language_of(&mut parameters)?.unwrap_or(household.language);
    parameters.finish()?;
    let rows = rows(&web, Some(community.id), language).await?;
    let voice = web.recordings.library().voice(Some(community.id), language);
    let clips = codes::of_household(community, household);
    let only: Vec<Clip> = clips.iter().map(|(_, clip)| clip.clone()).collect();
    voice.fetch(&only).await;
    let mut list = clip_list(&web, Some(community.id), language);
    list.items = clips
        .into_iter()
        .map(|(code, clip)| ClipView {
            keys: Some(codes::keys(language, &code)),
            code: Some(code),
            ..clip_view(&clip, language, voice.source(&clip).name(), &rows)
        })
        .collect();
    heard::say_who(&web, list.items.iter_mut().filter_map(|item| item.recording.as_mut())).await;
    Ok(Json(list))
}

/// Say which languages a community tries when a sentence was not recorded in the one that was asked for.
#[utoipa::path(
    put, path = "/communities/{id}/recordings/order", tag = "recordings", operation_id = "set_recording_order",
    params(("id" = u32, Path, description = "Id of the community")),
    request_body = OrderDraft,
    responses((status = 204, description = "From the next call on")),
)]
async fn set_order(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(id): PathId<CommunityId>,
    Body(draft): Body<OrderDraft>,
) -> Result<StatusCode, ApiError> {
    if ORDER_MAX < draft.languages.len() {
        return Err(wrong("languages", Must::Number { min: 0, max: 8 }));
    }
    caller.reaches(&web, To::Edit, (Kind::Community, id)).await?;
    web.recordings.set_order(id, draft.languages).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Upload a recording. It is cut, brought to level, checked, and played from the next call on.
#[utoipa::path(
    put, path = "/communities/{id}/recordings/{language}/{clip}", tag = "recordings", operation_id = "upload_recording",
    params(
        ("id" = String, Path, description = "Id of a community, or `all`", pattern = "^([1-9][0-9]{0,9}|all)$"),
        ("language" = String, Path, description = "Tag of the language, such as `nan`"),
        ("clip" = String, Path, description = "The clip, such as `alarm`"),
    ),
    request_body(
        description = "A whole file of WAV, MP3, M4A (AAC-LC, ALAC), AAC, OGG (Vorbis) or FLAC, 12 MiB and 30 s at most. What \
            it is is read from its content; any other `audio/...` is taken as well",
        content(
            (Vec<u8> = "audio/wav"),
            (Vec<u8> = "audio/mpeg"),
            (Vec<u8> = "audio/mp4"),
            (Vec<u8> = "audio/aac"),
            (Vec<u8> = "audio/ogg"),
            (Vec<u8> = "audio/flac"),
            (Vec<u8> = "application/octet-stream"),
        ),
    ),
    responses((status = 201, description = "The new version", body = RecordingView)),
)]
async fn upload(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(at): PathId<At>,
    request: Request,
) -> Result<impl IntoResponse, ApiError> {
    caller.reaches_community(&web, To::Edit, (at.0).0).await?;
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    if !is_sound(kind) {
        return Err(ApiError::Sound(SoundFault::MediaType));
    }
    let bytes = Bytes::from_request(request, &web).await.map_err(super::extract::of_body)?;
    let row = web.recordings.upload(&place(at), bytes.into(), &caller.name()).await?;
    Ok((StatusCode::CREATED, Json(RecordingView::from(&row))))
}

/// Whether a type may be that of a sound. Browsers and telephones call one file by many names, so only its content says
/// what it is.
fn is_sound(kind: &str) -> bool {
    let others = ["application/octet-stream", "application/ogg", "video/mp4", "video/3gpp"];
    kind.get(..6).is_some_and(|begin| begin.eq_ignore_ascii_case("audio/"))
        || others.iter().any(|known| kind.eq_ignore_ascii_case(known))
}

/// The versions of a clip, the newest first.
#[utoipa::path(
    get, path = "/communities/{id}/recordings/{language}/{clip}", tag = "recordings", operation_id = "list_versions",
    params(
        ("id" = String, Path, description = "Id of a community, or `all`", pattern = "^([1-9][0-9]{0,9}|all)$"),
        ("language" = String, Path, description = "Tag of the language"),
        ("clip" = String, Path, description = "The clip"),
    ),
    responses((status = 200, description = "The versions", body = Vec<RecordingView>)),
)]
async fn versions(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(at): PathId<At>,
) -> Result<Json<Vec<RecordingView>>, ApiError> {
    caller.reaches_community(&web, To::See, (at.0).0).await?;
    let rows = web.recordings.versions(&place(at)).await?;
    let mut versions: Vec<RecordingView> = rows.iter().map(RecordingView::from).collect();
    heard::say_who(&web, versions.iter_mut()).await;
    Ok(Json(versions))
}

/// Play a clip no more; the next one in the order is heard in its place. Every version can be taken back.
#[utoipa::path(
    delete, path = "/communities/{id}/recordings/{language}/{clip}", tag = "recordings", operation_id = "withdraw_recording",
    params(
        ("id" = String, Path, description = "Id of a community, or `all`", pattern = "^([1-9][0-9]{0,9}|all)$"),
        ("language" = String, Path, description = "Tag of the language"),
        ("clip" = String, Path, description = "The clip"),
    ),
    responses((status = 204, description = "It is played no more")),
)]
async fn withdraw(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(at): PathId<At>,
) -> Result<StatusCode, ApiError> {
    caller.reaches_community(&web, To::Edit, (at.0).0).await?;
    let is_done = web.recordings.withdraw(&place(at)).await?;
    if is_done { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::NotFound) }
}

/// Play an earlier version again.
#[utoipa::path(
    post, path = "/communities/{id}/recordings/{language}/{clip}/versions/{version}/restore", tag = "recordings",
    operation_id = "restore_recording",
    params(
        ("id" = String, Path, description = "Id of a community, or `all`", pattern = "^([1-9][0-9]{0,9}|all)$"),
        ("language" = String, Path, description = "Tag of the language"),
        ("clip" = String, Path, description = "The clip"),
        ("version" = u32, Path, description = "The version"),
    ),
    responses((status = 200, description = "What is played now", body = RecordingView)),
)]
async fn restore(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId((shelf, language, clip, version)): PathId<(Shelf, Language, String, u32)>,
) -> Result<Json<RecordingView>, ApiError> {
    caller.reaches_community(&web, To::Edit, shelf.0).await?;
    let row = web.recordings.restore(&place((shelf, language, clip)), version).await?;
    Ok(Json(RecordingView::from(&row)))
}

/// Forget a version for good, for whoever does not want to be heard any more.
#[utoipa::path(
    delete, path = "/communities/{id}/recordings/{language}/{clip}/versions/{version}", tag = "recordings",
    operation_id = "erase_recording",
    params(
        ("id" = String, Path, description = "Id of a community, or `all`", pattern = "^([1-9][0-9]{0,9}|all)$"),
        ("language" = String, Path, description = "Tag of the language"),
        ("clip" = String, Path, description = "The clip"),
        ("version" = u32, Path, description = "The version"),
    ),
    responses((status = 204, description = "It is gone")),
)]
async fn erase(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId((shelf, language, clip, version)): PathId<(Shelf, Language, String, u32)>,
) -> Result<StatusCode, ApiError> {
    caller.reaches_community(&web, To::Edit, shelf.0).await?;
    web.recordings.erase(&place((shelf, language, clip)), version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Download a version.
#[utoipa::path(
    get, path = "/communities/{id}/recordings/{language}/{clip}/versions/{version}", tag = "recordings",
    operation_id = "download_recording",
    params(
        ("id" = String, Path, description = "Id of a community, or `all`", pattern = "^([1-9][0-9]{0,9}|all)$"),
        ("language" = String, Path, description = "Tag of the language"),
        ("clip" = String, Path, description = "The clip"),
        ("version" = u32, Path, description = "The version"),
    ),
    responses((status = 200, description = "8 kHz, mono, 16 bit", body = Vec<u8>, content_type = "audio/wav")),
)]
async fn download(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId((shelf, language, clip, version)): PathId<(Shelf, Language, String, u32)>,
) -> Result<impl IntoResponse, ApiError> {
    caller.reaches_community(&web, To::See, shelf.0).await?;
    let wav = web.recordings.file(&place((shelf, language, clip)), version).await?;
    Ok(([(header::CONTENT_TYPE, "audio/wav")], wav))
}

fn language_of(parameters: &mut Parameters) -> Result<Option<Language>, ApiError> {
    let tag = parameters.take("language");
    tag.map(|tag| Language::of_tag(&tag).ok_or_else(|| wrong("language", Must::Language)))
        .transpose()
}

/// What is played of a language: the community's own rows before those for all.
async fn rows(
    web: &Web,
    community: Option<CommunityId>,
    language: Language,
) -> Result<Vec<RecordingRow>, ApiError> {
    let mut rows = match community {
        Some(_) => web.recordings.current_in(community, language).await?,
        None => Vec::new(),
    };
    let common = web.recordings.current_in(None, language).await?;
    let is_own = |row: &RecordingRow| rows.iter().any(|own| own.place.clip == row.place.clip);
    let common: Vec<RecordingRow> = common.into_iter().filter(|row| !is_own(row)).collect();
    rows.extend(common);
    Ok(rows)
}

fn clip_list(web: &Web, community: Option<CommunityId>, language: Language) -> ClipList {
    let order = community.map(|community| web.recordings.order(community)).unwrap_or_default();
    ClipList {
        community_id: community,
        language: language.tag(),
        numbers: web.recording_numbers.clone(),
        order: order.into_iter().map(Language::tag).collect(),
        items: Vec::new(),
    }
}

fn clip_view(
    clip: &Clip,
    language: Language,
    source: &'static str,
    rows: &[RecordingRow],
) -> ClipView {
    let (stem, code) = (clip.file_stem(), codes::of_clip(clip));
    ClipView {
        keys: code.as_deref().map(|code| codes::keys(language, code)),
        code,
        text: clip.text(language),
        source,
        recording: rows.iter().find(|row| row.place.clip == stem).map(RecordingView::from),
        clip: stem,
    }
}
