//! Bringing the directory in from a workbook or CSV files: what would change first, then that and nothing else; and taking
//! an import back as a whole.

use super::{Crumb, who_words};
use crate::Shared;
use crate::api::{Failure, Versioned};
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
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

/// Largest file with what the form adds, in bytes; the API takes 16 MiB.
const UPLOAD_MAX: usize = 17 * 1024 * 1024;
/// Files of one import.
const FILES_MAX: usize = 20;
/// Rows of a page; each may have fifteen values before and after.
const ROWS: u32 = 40;
/// Stands between the parts of what is sent on; no file of an import has it.
const EDGE: &str = "lianfang-7d0c1f6e2b9a4853";

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/directory/import", get(ask).post(begin))
        .route("/directory/import/{id}", get(look))
        .route("/directory/import/{id}/apply", post(apply))
        .route("/directory/import/{id}/discard", post(discard))
        .route("/directory/changes/{id}/undo", post(undo))
        .route("/directory/export", get(export))
        .layer(DefaultBodyLimit::max(UPLOAD_MAX))
}

#[derive(Template)]
#[template(path = "directory/import.html")]
struct AskPage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    form: Form,
    changes: Vec<Change>,
    more: Option<String>,
}

#[derive(Template)]
#[template(path = "directory/import_found.html")]
struct FoundPage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    form: Form,
    etag: String,
    found: Found,
}

/// What an import would change, has changed, or what is wrong with it.
#[derive(Deserialize)]
struct Found {
    id: String,
    state: String,
    #[serde(default)]
    is_anew: bool,
    #[serde(default)]
    done: u64,
    #[serde(default)]
    of: u64,
    files: Vec<File>,
    #[serde(default)]
    secrets: u64,
    #[serde(default)]
    posts_held: u64,
    rows: Vec<Row>,
    problems: Vec<Problem>,
    problems_total: u64,
    #[serde(default)]
    next: Option<u64>,
}

#[derive(Deserialize)]
struct File {
    label: String,
    added: u64,
    changed: u64,
    removed: u64,
    unchanged: u64,
}

#[derive(Deserialize)]
struct Row {
    label: String,
    action: String,
    name: String,
    above: Option<String>,
    changes: Vec<Cell>,
}

#[derive(Deserialize)]
struct Cell {
    label: String,
    before: Option<String>,
    after: Option<String>,
}

#[derive(Deserialize)]
struct Problem {
    label: String,
    row: u64,
    column_label: Option<String>,
    detail: String,
}

/// Edits that were made together.
#[derive(Deserialize)]
struct Change {
    id: u64,
    kind: String,
    at: Timestamp,
    who: String,
    #[serde(default)]
    who_name: Option<String>,
    why: Option<String>,
    added: u64,
    changed: u64,
    removed: u64,
    undone_by: Option<u64>,
}

#[derive(Deserialize)]
struct Changes {
    items: Vec<Change>,
    next: Option<u64>,
}

impl Found {
    /// Whether anything would change.
    fn is_change(&self) -> bool {
        self.changed().next().is_some() || 0 < self.secrets + self.posts_held
    }

    /// The sheets in which something changes.
    fn changed(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| 0 < file.added + file.changed + file.removed)
    }

    /// Whether it changes by itself.
    fn is_busy(&self) -> bool {
        matches!(self.state.as_str(), "comparing" | "applying")
    }

    /// Its page.
    fn path(&self) -> String {
        format!("/directory/import/{}", self.id)
    }

    /// Rows that go, in all.
    fn removed(&self) -> u64 {
        self.files.iter().map(|file| file.removed).sum()
    }
}

impl Row {
    fn action(&self, l: &Lang) -> &str {
        match self.action.as_str() {
            "added" => l.t("添加", "added"),
            "changed" => l.t("修改", "changed"),
            "removed" => l.t("删除", "removed"),
            other => other,
        }
    }
}

impl Change {
    fn who(&self, l: &Lang) -> String {
        who_words(&self.who, self.who_name.as_deref(), *l)
    }

    fn kind(&self, l: &Lang) -> &str {
        match self.kind.as_str() {
            "import" => l.t("导入", "Import"),
            "undo" => l.t("撤销", "Undone"),
            other => other,
        }
    }
}

fn top(l: Lang) -> Vec<Crumb> {
    vec![("/directory".to_owned(), l.t("群组", "Directory").to_owned())]
}

async fn ask_page(signed: &Signed, (form, status): (Form, StatusCode)) -> Response {
    let l = signed.lang();
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let before = Form::parse(query.as_bytes()).get("before").parse::<u64>().ok();
    let before = before.map(|before| format!("&after={before}")).unwrap_or_default();
    let list = format!("/history/changes?limit=20{before}");
    let changes: Changes = match signed.api().get(&list).await {
        Ok(changes) => changes,
        Err(failure) => return failed(&signed.visitor, &failure),
    };
    let page = AskPage {
        frame: Frame::signed(signed, l.t("导入和导出", "Import and export")).await,
        l,
        crumbs: top(l),
        form,
        changes: changes.items,
        more: changes.next.map(|next| format!("/directory/import?before={next}#changes")),
    };
    show(status, &page)
}

async fn ask(signed: Signed) -> Response {
    ask_page(&signed, (Form::default(), StatusCode::OK)).await
}

/// What was sent in the form with the files.
#[derive(Default)]
struct Upload {
    csrf: String,
    replace: bool,
    files: Vec<(String, Bytes)>,
}

/// Reads the form; `None` when it broke off or is too large.
async fn upload(mut multipart: Multipart) -> Option<Upload> {
    let mut upload = Upload::default();
    while let Some(field) = multipart.next_field().await.ok()? {
        match field.name().unwrap_or_default() {
            "csrf" => upload.csrf = field.text().await.ok()?,
            "replace" => upload.replace = field.text().await.ok()? == "yes",
            "file" => {
                let name = field.file_name().unwrap_or_default().to_owned();
                let bytes = field.bytes().await.ok()?;
                // Where no file is chosen, browsers send an empty one.
                if !bytes.is_empty() && upload.files.len() < FILES_MAX {
                    upload.files.push((name, bytes));
                }
            }
            _ => {}
        }
    }
    Some(upload)
}

/// The files as the API takes several of them.
fn parts(files: &[(String, Bytes)]) -> Bytes {
    let mut body = Vec::new();
    for (name, bytes) in files {
        let name: String =
            name.chars().filter(|one| !one.is_control() && !matches!(one, '"' | '\\')).collect();
        let head = format!(
            "--{EDGE}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{EDGE}--\r\n").as_bytes());
    body.into()
}

/// Sends files to be looked at.
async fn begin(signed: Signed, multipart: Multipart) -> Response {
    let l = signed.lang();
    let mut form = Form::default();
    let Some(upload) = upload(multipart).await else {
        form.blame("file", l.t("文件最大 16 MiB。", "A file has at most 16 MiB."));
        return ask_page(&signed, (form, StatusCode::PAYLOAD_TOO_LARGE)).await;
    };
    let secret = signed.visitor.secret.as_deref().unwrap_or_default();
    if !is_csrf(secret, &upload.csrf) {
        return StatusCode::FORBIDDEN.into_response();
    }
    if upload.replace {
        form.set("replace", "yes");
    }
    if upload.files.is_empty() {
        form.blame("file", l.t("请选择文件。", "Please choose a file."));
        return ask_page(&signed, (form, StatusCode::UNPROCESSABLE_ENTITY)).await;
    }
    let path = format!("/imports?replace={}", upload.replace);
    let (sent, content_type) =
        ((Method::POST, path.as_str()), format!("multipart/form-data; boundary={EDGE}"));
    let body = parts(&upload.files);
    match signed.api().send_as::<Value>(sent, &content_type, None, body).await {
        Ok(found) => {
            let id = found.get("id").and_then(Value::as_str).unwrap_or_default();
            axum::response::Redirect::to(&format!("/directory/import/{id}")).into_response()
        }
        Err(Failure::Problem(problem)) if matches!(problem.status, 413 | 422) => {
            let detail = if problem.detail.is_empty() { &problem.title } else { &problem.detail };
            form.blame("file", detail.clone());
            ask_page(&signed, (form, StatusCode::UNPROCESSABLE_ENTITY)).await
        }
        Err(failure) => failed(&signed.visitor, &failure),
    }
}

/// The path of an import in the API; none for what is no id.
fn path_of(id: &str) -> String {
    let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    format!("/imports/{}", if is_id { id } else { "none" })
}

async fn found_page(
    signed: &Signed,
    id: &str,
    (form, status): (Form, StatusCode),
) -> Result<Response, Response> {
    let l = signed.lang();
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let after = Form::parse(query.as_bytes()).get("after").parse::<u64>().unwrap_or(0);
    let path = format!("{}?after={after}&limit={ROWS}", path_of(id));
    let found = signed.api().get_versioned::<Found>(&path).await;
    let Versioned { row: found, etag } = match found {
        Ok(found) => found,
        // It waited too long, or another took its place. One that was being written may be through.
        Err(Failure::Problem(problem)) if problem.status == 404 => {
            let mut form = form;
            let words = l.t(
                "这次上传已不在（只保留半小时）。它有没有导入，请看下面的改动列表；没有的话，请重新上传。",
                "That upload is not kept any more (half an hour). The list of changes below says whether it was applied; if it was not, please send the file again.",
            );
            form.problem = Some(words.to_owned());
            return Ok(ask_page(signed, (form, StatusCode::NOT_FOUND)).await);
        }
        Err(failure) => return Err(failed(&signed.visitor, &failure)),
    };
    let mut crumbs = top(l);
    crumbs
        .push(("/directory/import".to_owned(), l.t("导入和导出", "Import and export").to_owned()));
    let frame = Frame::signed(signed, l.t("导入", "Import")).await;
    Ok(show(status, &FoundPage { frame, l, crumbs, form, etag, found }))
}

async fn look(signed: Signed, Path(id): Path<String>) -> Result<Response, Response> {
    found_page(&signed, &id, (Form::default(), StatusCode::OK)).await
}

/// Applies what was shown.
async fn apply(
    signed: Signed,
    Path(id): Path<String>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let l = signed.lang();
    let api = signed.api().because(form.get("reason"));
    let sent = (Method::POST, format!("{}/apply", path_of(&id)));
    let etag = form.get("etag").to_owned();
    let applied =
        api.send_as::<Value>((sent.0, &sent.1), "application/json", Some(&etag), Bytes::new());
    match applied.await {
        Ok(_) => {
            Ok(axum::response::Redirect::to(&format!("/directory/import/{id}")).into_response())
        }
        Err(Failure::Problem(problem)) if matches!(problem.status, 404 | 412) => {
            let words = l.t(
                "这期间目录有改动，什么也没有导入。下面是现在的差异，请重新核对。",
                "The directory was edited meanwhile; nothing was imported. These are the differences as they are now; please look again.",
            );
            form.problem = Some(words.to_owned());
            found_page(&signed, &id, (form, StatusCode::PRECONDITION_FAILED)).await
        }
        Err(Failure::Problem(problem)) if problem.status == 400 => {
            form.take(&problem, |_| None);
            found_page(&signed, &id, (form, StatusCode::UNPROCESSABLE_ENTITY)).await
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}

/// Throws it away, or ends it. What is being written may be through already: then its page says so.
async fn discard(
    signed: Signed,
    Path(id): Path<String>,
    Sent(form): Sent,
) -> Result<Response, Response> {
    match signed.api().delete(&path_of(&id), None).await {
        Ok(()) if form.has("state", "applying") => {
            Ok(axum::response::Redirect::to(&format!("/directory/import/{id}")).into_response())
        }
        Ok(()) => Ok(go("/directory/import", "discarded")),
        Err(Failure::Problem(problem)) if problem.status == 404 => {
            Ok(go("/directory/import", "discarded"))
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}

/// Takes an import back as a whole.
async fn undo(
    signed: Signed,
    Path(id): Path<u64>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let api = signed.api().because(form.get("reason"));
    match api.post::<Value>(&format!("/history/changes/{id}/undo"), &json!({})).await {
        Ok(_) => Ok(go("/directory/import#changes", "undone")),
        Err(Failure::Problem(problem)) if matches!(problem.status, 403 | 404 | 409) => {
            form.take(&problem, |_| None);
            Ok(ask_page(&signed, (form, StatusCode::CONFLICT)).await)
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}

/// Everything as a ZIP of CSV files. The API records who took it.
async fn export(signed: Signed) -> Response {
    signed.api().raw(Method::GET, "/export", "application/zip", Body::empty()).await
}

#[cfg(test)]
mod tests;
