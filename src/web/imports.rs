//! Import and export of the directory over the API: what would change first, then that and nothing else.
//!
//! What was sent is kept in memory until it is applied or thrown away, a few imports for a while. Reading it takes long: it
//! is done aside, one import at a time, and whoever asks sees how far it is. `view` is what they see.

mod view;

use super::Web;
use super::caller::{Admin, Caller};
use super::extract::{Parameters, PathId, Reason, wrong};
use super::guard::language_of;
use super::nouns::take_up;
use super::problem::{ApiError, Must};
use crate::import::{
    self, Difference, ImportError, ImportOptions, ImportReport, Problems, Progress, SentFile,
    UPLOAD_MAX, UploadError, Within,
};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Extension, FromRequest, Multipart, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
pub(super) use view::unreadable;
use view::{ImportView, Page};

/// Imports that are kept; the oldest that is not being written makes way.
const KEPT_MAX: usize = 4;
/// How long they are kept.
const KEEP: SignedDuration = SignedDuration::from_mins(30);
/// Files of one import.
const FILES_MAX: usize = 20;
/// How long whoever asks waits for the end, before they are told how far it is.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// Rows of a page.
const LIMIT: u32 = 100;
const LIMIT_MAX: u32 = 500;

pub(super) fn routes() -> OpenApiRouter<Web> {
    let uploads =
        OpenApiRouter::default().routes(routes!(begin)).layer(DefaultBodyLimit::max(UPLOAD_MAX));
    OpenApiRouter::default().routes(routes!(show, discard)).routes(routes!(apply)).merge(uploads)
}

/// Answers with a ZIP, which `want_json` would refuse.
pub(super) fn archives() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(export))
}

/// The imports that are under way.
#[derive(Clone)]
pub(super) struct Imports {
    kept: Arc<Mutex<VecDeque<Arc<Job>>>>,
    /// One is read, written, taken back or exported at a time.
    place: Arc<Semaphore>,
}

impl Default for Imports {
    fn default() -> Self {
        Self { kept: Arc::default(), place: Arc::new(Semaphore::new(1)) }
    }
}

/// An import.
struct Job {
    id: String,
    /// Whose it is: nobody else sees it.
    who: String,
    within: Within,
    replace: bool,
    /// SHA-256 of what was sent.
    fingerprint: String,
    files: Vec<SentFile>,
    at: Timestamp,
    progress: Progress,
    state: Mutex<JobState>,
}

/// How an import stands.
#[derive(Clone)]
enum JobState {
    /// It is being read.
    Comparing,
    /// It can be applied; the flag says that the directory was edited since it was last shown.
    Ready(Arc<Difference>, bool),
    /// Nothing in it can be read.
    Unreadable(UploadError),
    /// Something in it is wrong.
    Faulty(Arc<Problems>),
    /// It is being written.
    Applying(Arc<Difference>),
    /// It was written: what changed, and the change in the history.
    Applied(ImportReport, Option<i64>),
    /// It was ended before it was written.
    Cancelled,
    /// The service or its database failed; nothing was changed.
    Failed,
}

impl Job {
    fn state(&self) -> MutexGuard<'_, JobState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_being_written(&self) -> bool {
        matches!(&*self.state(), JobState::Applying(_))
    }

    /// Ends it, unless it is being written; once it ends, it is not written any more.
    fn gives_way(&self) -> bool {
        let state = self.state();
        let gives_way = !matches!(&*state, JobState::Applying(_));
        if gives_way {
            self.progress.cancel();
        }
        gives_way
    }

    fn options(&self, web: &Web, dry_run: bool) -> ImportOptions {
        ImportOptions { replace: self.replace, dry_run, realm: web.realm.to_string() }
    }
}

impl Imports {
    fn kept(&self) -> MutexGuard<'_, VecDeque<Arc<Job>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an import. The oldest makes way, but none that is being written: whoever waits for it must hear how it ends.
    fn put(&self, job: Arc<Job>) -> Result<(), ApiError> {
        let mut kept = self.kept();
        if KEPT_MAX <= kept.len() {
            let oldest = kept.iter().position(|job| job.gives_way()).ok_or(ApiError::Busy)?;
            kept.remove(oldest);
        }
        kept.push_back(job);
        Ok(())
    }

    fn get(&self, id: &str, who: &str, now: Timestamp) -> Result<Arc<Job>, ApiError> {
        let mut kept = self.kept();
        kept.retain(|job| now.duration_since(job.at) < KEEP || job.is_being_written());
        let found = kept.iter().find(|job| job.id == id && job.who == who);
        found.cloned().ok_or(ApiError::NotFound)
    }

    fn drop(&self, id: &str) {
        self.kept().retain(|job| job.id != id);
    }

    /// Does aside what takes the processor for seconds, one at a time: others get their turn, and at most one connection is
    /// held for it. A fault in it ends nothing but itself.
    pub(super) async fn aside<F>(&self, work: F) -> Result<F::Output, ApiError>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let place = Arc::clone(&self.place).acquire_owned().await.map_err(|_| ApiError::Busy)?;
        let handle = Handle::current();
        let work = tokio::task::spawn_blocking(move || {
            // Whoever asked may have gone: the work goes on, and holds its place.
            let _place = place;
            handle.block_on(work)
        });
        work.await.map_err(|error| ApiError::Internal(error.into()))
    }

    /// Does a part of an import aside. What is given back ends with it.
    fn start<F>(&self, web: &Web, job: &Arc<Job>, work: F) -> oneshot::Receiver<()>
    where
        F: Future<Output = JobState> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let (imports, job) = (self.clone(), Arc::clone(job));
        web.tasks.start("import", |stop| async move {
            let mut work = std::pin::pin!(imports.aside(work));
            let done = tokio::select! {
                done = &mut work => done,
                () = stop.cancelled() => {
                    job.progress.cancel();
                    work.await
                }
            };
            let state = done.unwrap_or_else(|error| {
                tracing::error!(?error, "An import failed");
                JobState::Failed
            });
            *job.state() = state;
            // Whoever asked may have gone.
            let _gone = tell.send(());
        });
        told
    }
}

/// Begin an import: a ZIP of the CSV files or an XLSX workbook with a sheet for each, at most 16 MiB, or several files as
/// `file` of `multipart/form-data`. Changes nothing: it is read, and shown until it is applied or thrown away, for half an
/// hour.
#[utoipa::path(
    post, path = "/imports", tag = "import", operation_id = "begin_import",
    params(("replace" = Option<bool>, Query, description = "Rows that are not in a file go, if that file is there")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, description = "What would change, what is wrong, or how far it is", body = ImportView)),
)]
async fn begin(
    caller: Caller<Admin>,
    State(web): State<Web>,
    Extension(imports): Extension<Imports>,
    mut parameters: Parameters,
    request: Request,
) -> Result<Response, ApiError> {
    let replace = match parameters.take("replace").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(wrong("replace", Must::Flag)),
    };
    parameters.finish()?;
    let within = within(&caller, &web).await?;
    let headers = request.headers().clone();
    let files = files(&web, request).await?;
    let mut hash = Sha256::new();
    files.iter().for_each(|(_, bytes)| hash.update(bytes));
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| ApiError::Internal(error.into()))?;
    let job = Arc::new(Job {
        id: hex(&id),
        who: caller.who(),
        within,
        replace,
        fingerprint: hex(&hash.finalize()),
        files,
        at: web.clock.now(),
        progress: Progress::default(),
        state: Mutex::new(JobState::Comparing),
    });
    imports.put(Arc::clone(&job))?;
    let told = imports.start(&web, &job, compare(Arc::clone(&web), Arc::clone(&job), false));
    drop(tokio::time::timeout(WAIT_MAX, told).await);
    let state = job.state().clone();
    if let JobState::Unreadable(error) = state {
        imports.drop(&job.id);
        return Err(ApiError::NoImport(error));
    }
    let location = [(header::LOCATION, format!("/api/v1/imports/{}", job.id))];
    Ok((StatusCode::CREATED, location, written(&job, &headers, Page::first())).into_response())
}

/// Reads an import and says what it would change.
async fn compare(web: Web, job: Arc<Job>, is_anew: bool) -> JobState {
    let files = match import::unpack(&job.files) {
        Ok(files) => files,
        Err(error) => return JobState::Unreadable(error),
    };
    let options = job.options(&web, true);
    let how = (&options, job.within, &job.progress);
    match import::difference(web.store.directory(), &files, how).await {
        Ok(difference) => JobState::Ready(Arc::new(difference), is_anew),
        Err(error) => failed(error),
    }
}

fn failed(error: ImportError) -> JobState {
    match error {
        ImportError::Problems(problems) => JobState::Faulty(Arc::new(problems)),
        ImportError::Cancelled => JobState::Cancelled,
        error @ (ImportError::Changed
        | ImportError::Store(_)
        | ImportError::ReadFile { .. }
        | ImportError::NoFiles { .. }
        | ImportError::WriteFile { .. }
        | ImportError::Archive(_)
        | ImportError::Decode { .. }) => {
            tracing::error!(?error, "An import failed");
            JobState::Failed
        }
    }
}

/// What the caller imports to and exports from; nothing where what they reached is gone.
async fn within(caller: &Caller<Admin>, web: &Web) -> Result<Within, ApiError> {
    let area = caller.area(web).await?;
    Within::of(area.reach, area.own).ok_or(ApiError::NotFound)
}

/// The files of a request.
async fn files(web: &Web, request: Request) -> Result<Vec<SentFile>, ApiError> {
    let is_form = request.headers().get(header::CONTENT_TYPE);
    let is_form = is_form.is_some_and(|value| value.as_bytes().starts_with(b"multipart/form-data"));
    if !is_form {
        let bytes = Bytes::from_request(request, web).await;
        let bytes = bytes.map_err(|error| of_body(error.into_response().status()))?;
        return Ok(vec![(String::new(), bytes.to_vec())]);
    }
    let form = Multipart::from_request(request, web).await;
    let mut form = form.map_err(|error| of_body(error.status()))?;
    let mut files = Vec::new();
    while let Some(field) = form.next_field().await.map_err(|error| of_body(error.status()))? {
        let name = field.file_name().unwrap_or_default().to_owned();
        let is_file = field.name() == Some("file");
        let bytes = field.bytes().await.map_err(|error| of_body(error.status()))?;
        if is_file && files.len() < FILES_MAX {
            files.push((name, bytes.to_vec()));
        }
    }
    Ok(files)
}

fn of_body(status: StatusCode) -> ApiError {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::NoImport(UploadError::TooLarge),
        _ => ApiError::NoImport(UploadError::Damaged),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How an import stands: how far it is, what it would change (the rows paged), what is wrong, or what it changed.
#[utoipa::path(
    get, path = "/imports/{id}", tag = "import", operation_id = "show_import",
    params(
        ("id" = String, Path, description = "Id of the import", pattern = "^[0-9a-f]{32}$"),
        ("after" = Option<u32>, Query, description = "Rows or mistakes to leave out: `next` of the page before",
            minimum = 0, maximum = 4_294_967_295_u32),
        ("limit" = Option<u32>, Query, description = "Length of the page; 100 if not given", minimum = 1, maximum = 500),
    ),
    responses((status = 200, description = "The import; its ETag is what is applied", body = ImportView)),
)]
async fn show(
    caller: Caller<Admin>,
    State(web): State<Web>,
    Extension(imports): Extension<Imports>,
    PathId(id): PathId<String>,
    mut parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let after = parameters.take_number("after", 0..=u32::MAX)?.unwrap_or(0);
    let limit = parameters.take_number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT);
    parameters.finish()?;
    let job = imports.get(&id, &caller.who(), web.clock.now())?;
    Ok(written(&job, &headers, Page::of(after, limit)).into_response())
}

/// Apply an import that was shown. 412 when the directory was edited since: what would change now is shown anew, and
/// nothing was changed. An import that takes longer goes on; `GET` says how far it is.
#[utoipa::path(
    post, path = "/imports/{id}/apply", tag = "import", operation_id = "apply_import",
    params(
        ("id" = String, Path, description = "Id of the import", pattern = "^[0-9a-f]{32}$"),
        ("If-Match" = String, Header, description = "The ETag of what was shown"),
    ),
    responses((status = 200, description = "What was changed, or how far it is", body = ImportView)),
)]
async fn apply(
    caller: Caller<Admin>,
    State(web): State<Web>,
    Extension(imports): Extension<Imports>,
    PathId(id): PathId<String>,
    reason: Reason,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let job = imports.get(&id, &caller.who(), web.clock.now())?;
    let wanted = headers.get(header::IF_MATCH).ok_or(ApiError::NoIfMatch)?;
    let wanted = wanted.to_str().unwrap_or_default().trim().trim_matches('"');
    // An admin who reaches less than when it was shown must not apply it.
    if within(&caller, &web).await? != job.within {
        imports.drop(&job.id);
        return Err(ApiError::NotFound);
    }
    // From here on nothing ends before the work is started: an import never stays at being written.
    {
        let mut state = job.state();
        match &*state {
            JobState::Ready(difference, _) if difference.digest == wanted => {
                *state = JobState::Applying(Arc::clone(difference));
            }
            JobState::Ready(..)
            | JobState::Comparing
            | JobState::Unreadable(_)
            | JobState::Faulty(_)
            | JobState::Applying(_)
            | JobState::Applied(..)
            | JobState::Cancelled
            | JobState::Failed => return Err(ApiError::ImportChanged),
        }
    }
    let (who, why) = (caller.who(), reason.words().map(str::to_owned));
    let told = imports.start(&web, &job, write(Arc::clone(&web), Arc::clone(&job), (who, why)));
    drop(tokio::time::timeout(WAIT_MAX, told).await);
    if matches!(&*job.state(), JobState::Ready(_, true) | JobState::Faulty(_)) {
        return Err(ApiError::ImportChanged);
    }
    Ok(written(&job, &headers, Page::first()).into_response())
}

/// Applies an import, if it would still change what was shown.
async fn write(web: Web, job: Arc<Job>, (who, why): (String, Option<String>)) -> JobState {
    let JobState::Applying(shown) = job.state().clone() else { return JobState::Failed };
    let Ok(files) = import::unpack(&job.files) else { return JobState::Failed };
    let options = job.options(&web, false);
    let how = (&options, job.within, &job.progress);
    let editor = web.edited_by(&who).because(why.as_deref());
    match import::import_files(&editor, &files, how, Some(&shown.digest)).await {
        Ok((report, change)) => {
            take_up(&web).await;
            JobState::Applied(report, change)
        }
        Err(ImportError::Changed) => compare(web, job, true).await,
        Err(error) => failed(error),
    }
}

/// Throw an import away, or end it while it is read or written. What is written is written as a whole or not at all; one
/// that is ended while it is written says so.
#[utoipa::path(
    delete, path = "/imports/{id}", tag = "import", operation_id = "discard_import",
    params(("id" = String, Path, description = "Id of the import", pattern = "^[0-9a-f]{32}$")),
    responses((status = 204, description = "It is gone, or ends")),
)]
async fn discard(
    caller: Caller<Admin>,
    State(web): State<Web>,
    Extension(imports): Extension<Imports>,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let job = imports.get(&id, &caller.who(), web.clock.now())?;
    job.progress.cancel();
    if !matches!(&*job.state(), JobState::Applying(_)) {
        imports.drop(&job.id);
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The directory, as far as the caller reaches, as a ZIP of the CSV files that an import reads, with the secrets of lines.
#[utoipa::path(
    get, path = "/export", tag = "import", operation_id = "export_directory",
    responses((status = 200, description = "A ZIP", content_type = "application/zip", body = Vec<u8>)),
)]
async fn export(
    caller: Caller<Admin>,
    State(web): State<Web>,
    Extension(imports): Extension<Imports>,
) -> Result<impl IntoResponse, ApiError> {
    let within = within(&caller, &web).await?;
    // Everybody's numbers: entered before they are given.
    web.edited_by(&caller.who()).enter_read_of(("directory", 0)).await?;
    let work = async move { import::export_zip(&web.store, &web.realm, within).await };
    let archive = imports.aside(work).await?.map_err(|error| {
        if let ImportError::Store(error) = error {
            return error.into();
        }
        ApiError::Internal(error.into())
    })?;
    let headers = [
        (header::CONTENT_TYPE, "application/zip"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"directory.zip\""),
    ];
    Ok((headers, archive))
}

/// An import as it is seen, with the tag of what would be applied.
fn written(job: &Job, headers: &HeaderMap, page: Page) -> Response {
    let view = ImportView::of(job, language_of(headers), page);
    let mut response = axum::Json(view).into_response();
    if let JobState::Ready(difference, _) = &*job.state()
        && let Ok(tag) = format!("\"{}\"", difference.digest).try_into()
    {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

#[cfg(test)]
mod tests;
