//! One clip in one language: its words, its versions, uploading a new one, and how to record it by telephone.

use super::{Clip, Clips, Recording, Shelf, crumbs, language_of, language_words, name_of, nothing};
use crate::Shared;
use crate::api::{Failure, Problem};
use crate::directory::Crumb;
use crate::form::{Form, Sent};
use crate::frame::{Frame, failed, go, show};
use crate::lang::Lang;
use crate::visit::{Signed, is_csrf};
use askama::Template;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Multipart, Path};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

/// Largest file with what the form adds, in bytes; the API takes 12 MiB.
const UPLOAD_MAX: usize = 13 * 1024 * 1024;
/// Longest stem of a clip.
const STEM_MAX: usize = 60;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/prompts/{shelf}/{language}/{clip}", get(ask).post(upload))
        .layer(DefaultBodyLimit::max(UPLOAD_MAX))
        .route("/prompts/{shelf}/{language}/{clip}/withdraw", post(withdraw))
        .route("/prompts/{shelf}/{language}/{clip}/sound.wav", get(sound))
        .route("/prompts/{shelf}/{language}/{clip}/{version}/sound.wav", get(sound_of))
        .route("/prompts/{shelf}/{language}/{clip}/{version}/restore", post(restore))
        .route("/prompts/{shelf}/{language}/{clip}/{version}/erase", get(ask_erase).post(erase))
}

/// Which clip, in which language, for whom.
struct At {
    shelf: Shelf,
    language: &'static str,
    stem: String,
}

type Parts = (String, String, String);

impl At {
    fn of((shelf, language, stem): Parts) -> Result<Self, Failure> {
        let is_plain =
            |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '-';
        let is_stem = !stem.is_empty() && stem.len() <= STEM_MAX && stem.chars().all(is_plain);
        if !is_stem {
            return Err(nothing());
        }
        Ok(Self { shelf: Shelf::of(&shelf)?, language: language_of(&language)?, stem })
    }

    /// Its page.
    fn path(&self) -> String {
        format!("{}/{}/{}", self.shelf.path(), self.language, self.stem)
    }

    /// It in the API.
    fn api(&self) -> String {
        format!("{}/{}/{}", self.shelf.api(), self.language, self.stem)
    }
}

#[derive(Template)]
#[template(path = "prompts/clip.html")]
struct ClipPage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    path: String,
    /// Brings the household along, whose name it is.
    suffix: String,
    /// The tag of the language that it is said in, and its words.
    tag: &'static str,
    language: String,
    clip: Clip,
    versions: Vec<Recording>,
    numbers: Vec<String>,
    /// Recording by telephone is for one community.
    is_all: bool,
    /// Where PINs are set.
    pins: String,
    may_edit: bool,
    form: Form,
}

#[derive(Template)]
#[template(path = "prompts/erase.html")]
struct ErasePage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    path: String,
    back: String,
    version: u32,
}

/// `?household=7`, where it is the name of one.
fn suffix(signed: &Signed) -> String {
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let id = Form::parse(query.as_bytes()).get("household").parse::<u64>();
    id.map_or_else(|_| String::new(), |id| format!("?household={id}"))
}

async fn ask(signed: Signed, Path(parts): Path<Parts>) -> Result<Response, Response> {
    let at = At::of(parts).map_err(signed.fails())?;
    page(&signed, &at, Form::default(), StatusCode::OK).await.map_err(signed.fails())
}

async fn page(
    signed: &Signed,
    at: &At,
    form: Form,
    status: StatusCode,
) -> Result<Response, Failure> {
    let (l, suffix) = (signed.lang(), suffix(signed));
    let list = match suffix.strip_prefix("?household=") {
        Some(id) => format!("/households/{id}/recordings?language={}", at.language),
        None => format!("{}?language={}", at.shelf.api(), at.language),
    };
    let clips: Clips = signed.api().get(&list).await?;
    let versions: Vec<Recording> = signed.api().get(&at.api()).await?;
    let known = clips.items.into_iter().find(|clip| clip.clip == at.stem);
    // A name that is played no more is in no list; its versions are there all the same.
    let old = || Clip {
        clip: at.stem.clone(),
        keys: None,
        text: String::new(),
        source: "missing".to_owned(),
        recording: None,
    };
    let clip = known.or_else(|| (!versions.is_empty()).then(old)).ok_or_else(nothing)?;
    let name = name_of(signed, &at.shelf).await?;
    let mut crumbs = crumbs(&at.shelf, &name, l);
    let language = language_words(at.language, l);
    let of_language = format!("{}?language={}&part={}", at.shelf.path(), at.language, clip.part());
    crumbs.push((of_language, language.clone()));
    // A title cannot say which language it is in.
    let title = if at.language == l.tag() {
        clip.words().to_owned()
    } else {
        format!("{} {}", l.t("语音", "Prompt"), at.stem)
    };
    let page = ClipPage {
        frame: Frame::signed(signed, title).await,
        l,
        crumbs,
        path: at.path(),
        suffix,
        tag: at.language,
        language,
        clip,
        versions,
        numbers: clips.numbers,
        is_all: at.shelf.is_all(),
        pins: format!("{}/pins", at.shelf.path()),
        may_edit: signed.me.is_admin(),
        form,
    };
    Ok(show(status, &page))
}

/// What was sent in the form with the file.
#[derive(Default)]
struct Upload {
    csrf: String,
    file: Bytes,
}

/// Reads the form; `None` when it broke off or is too large.
async fn read(mut multipart: Multipart) -> Option<Upload> {
    let mut upload = Upload::default();
    while let Some(field) = multipart.next_field().await.ok()? {
        match field.name().unwrap_or_default() {
            "csrf" => upload.csrf = field.text().await.ok()?,
            "file" => upload.file = field.bytes().await.ok()?,
            _ => {}
        }
    }
    Some(upload)
}

async fn upload(
    signed: Signed,
    Path(parts): Path<Parts>,
    multipart: Multipart,
) -> Result<Response, Response> {
    let at = At::of(parts).map_err(signed.fails())?;
    let l = signed.lang();
    let again = async |words: &str, status: StatusCode| {
        let mut form = Form::default();
        form.blame("file", words);
        page(&signed, &at, form, status).await.map_err(signed.fails())
    };
    let Some(upload) = read(multipart).await else {
        let words = l.t("文件最大 12 MiB。", "A file has at most 12 MiB.");
        return again(words, StatusCode::PAYLOAD_TOO_LARGE).await;
    };
    if !is_csrf(signed.visitor.secret.as_deref().unwrap_or_default(), &upload.csrf) {
        return Err(StatusCode::FORBIDDEN.into_response());
    }
    if upload.file.is_empty() {
        let words = l.t("请选择一个录音文件。", "Choose a recording.");
        return again(words, StatusCode::UNPROCESSABLE_ENTITY).await;
    }
    let path = at.api();
    let sent = (Method::PUT, path.as_str());
    // What browsers call a sound depends on its name; the API looks at what is in it.
    match signed.api().send_as::<Value>(sent, "application/octet-stream", None, upload.file).await {
        Ok(_) => Ok(go(&format!("{}{}", at.path(), suffix(&signed)), "added")),
        Err(Failure::Problem(problem)) if matches!(problem.status, 413 | 415 | 422 | 503 | 507) => {
            again(&said(&problem, l), StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}

/// What is wrong with a file, and what to do.
fn said(problem: &Problem, l: Lang) -> String {
    match problem.status {
        413 => l.t("文件最大 12 MiB。", "A file has at most 12 MiB.").to_owned(),
        _ if problem.detail.is_empty() => problem.title.clone(),
        _ => problem.detail.clone(),
    }
}

async fn withdraw(
    signed: Signed,
    Path(parts): Path<Parts>,
    Sent(_): Sent,
) -> Result<Response, Response> {
    let at = At::of(parts).map_err(signed.fails())?;
    signed.api().delete(&at.api(), None).await.map_err(signed.fails())?;
    Ok(go(&format!("{}{}", at.path(), suffix(&signed)), "done"))
}

async fn restore(
    signed: Signed,
    Path((shelf, language, stem, version)): Path<(String, String, String, u32)>,
    Sent(_): Sent,
) -> Result<Response, Response> {
    let at = At::of((shelf, language, stem)).map_err(signed.fails())?;
    let path = format!("{}/versions/{version}/restore", at.api());
    signed.api().post::<Value>(&path, &json!({})).await.map_err(signed.fails())?;
    Ok(go(&format!("{}{}", at.path(), suffix(&signed)), "undone"))
}

async fn ask_erase(
    signed: Signed,
    Path((shelf, language, stem, version)): Path<(String, String, String, u32)>,
) -> Result<Response, Response> {
    let at = At::of((shelf, language, stem)).map_err(signed.fails())?;
    let l = signed.lang();
    let versions: Vec<Recording> = signed.api().get(&at.api()).await.map_err(signed.fails())?;
    if !versions.iter().any(|known| known.version == version) {
        return Err(failed(&signed.visitor, &nothing()));
    }
    let name = name_of(&signed, &at.shelf).await.map_err(signed.fails())?;
    let page = ErasePage {
        frame: Frame::signed(&signed, l.t("永久删除", "Forget for good")).await,
        l,
        crumbs: crumbs(&at.shelf, &name, l),
        path: at.path(),
        back: format!("{}{}", at.path(), suffix(&signed)),
        version,
    };
    Ok(show(StatusCode::OK, &page))
}

async fn erase(
    signed: Signed,
    Path((shelf, language, stem, version)): Path<(String, String, String, u32)>,
    Sent(_): Sent,
) -> Result<Response, Response> {
    let at = At::of((shelf, language, stem)).map_err(signed.fails())?;
    let path = format!("{}/versions/{version}", at.api());
    signed.api().delete(&path, None).await.map_err(signed.fails())?;
    Ok(go(&at.shelf.path(), "removed"))
}

async fn sound(signed: Signed, Path(parts): Path<Parts>) -> Result<Response, Response> {
    let at = At::of(parts).map_err(signed.fails())?;
    Ok(wav(&signed, &format!("{}/sound", at.api())).await)
}

async fn sound_of(
    signed: Signed,
    Path((shelf, language, stem, version)): Path<(String, String, String, u32)>,
) -> Result<Response, Response> {
    let at = At::of((shelf, language, stem)).map_err(signed.fails())?;
    Ok(wav(&signed, &format!("{}/versions/{version}", at.api())).await)
}

/// A sound of the API, as it is.
pub(super) async fn wav(signed: &Signed, path: &str) -> Response {
    signed.api().raw(Method::GET, path, "audio/wav", Body::empty()).await
}
