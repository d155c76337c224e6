//! Signing in and out, one's own password and second factor.
//!
//! A sign-in has places of its own and hashes two at a time (`hashing`), and whoever guesses is slowed down (`throttle`).
//! Unknown names, disabled accounts and wrong passwords are the same answer in the same time.

mod alarms;
pub(super) mod hashing;
mod own;
mod throttle;

pub(super) use own::USUAL_ZONE;

use super::Web;
use super::caller::{Caller, SignedIn, secret};
use super::extract::Body;
use super::problem::ApiError;
use super::source::{Guarded, Source};
use crate::store::accounts::password::{self, PasswordFault};
use crate::store::accounts::sessions::{self, SessionView};
use crate::store::accounts::{self, Account, Proofs};
use crate::store::nouns::{Fault, FieldError};
use axum::extract::{Extension, FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::{Json, http::header};
use hashing::Hashing;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use throttle::Who;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) use throttle::Throttle;

/// Characters of a name that are looked at.
const NAME_MAX: usize = 60;

/// What concerns oneself.
pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(alarms::list))
        .routes(routes!(own::list_sessions, own::end_others))
        .routes(routes!(own::end_session))
        .routes(routes!(own::set_language))
}

/// Signing in, which has places of its own.
pub(super) fn sign_ins() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(change_password))
        .routes(routes!(begin_totp, keep_totp, remove_totp))
        .routes(routes!(sign_in, read, sign_out))
}

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignIn {
    /// Name of the account, in upper or lower case.
    #[schema(max_length = 60, examples("wangmin"))]
    name: String,
    /// The password.
    #[schema(max_length = 128)]
    password: String,
    /// Six digits of the authenticator, or a recovery code; only with a second factor.
    #[serde(default)]
    #[schema(max_length = 64)]
    code: Option<String>,
    /// What the session is called in lists, such as the browser; what the client calls itself if not given.
    #[serde(default)]
    #[schema(max_length = 120)]
    client: Option<String>,
}

/// A session that has just begun.
#[derive(Serialize, ToSchema)]
struct Begun {
    /// The secret, shown once: send it as `Authorization: Bearer`.
    #[schema(examples("lfs_2J8mYxq0Tn5RkV7wZc3HdLpB9sGfA1eUiQoN6tKyMrE"))]
    secret: String,
    /// When the session ends at the latest.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// The account.
    account: Account,
    /// A second factor has to be set up before anything else.
    needs_second_factor: bool,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
struct Current {
    /// The account.
    account: Account,
    /// The session.
    session: SessionView,
    /// A second factor has to be set up before anything else.
    needs_second_factor: bool,
    /// The time zone of the first community that the account reaches.
    #[schema(examples("Asia/Shanghai"))]
    time_zone: String,
}

/// What a request says of itself besides its body.
struct Client {
    /// The secret of the session that it had before.
    secret: Option<String>,
    name: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let name = parts.headers.get(header::USER_AGENT).and_then(|name| name.to_str().ok());
        Ok(Self {
            secret: secret(parts).map(str::to_owned),
            name: name.unwrap_or_default().to_owned(),
        })
    }
}

/// Sign in. The session of the device before it, sent as `Authorization: Bearer`, ends; it lets the device pass when
/// others guess at the account.
#[utoipa::path(
    post, path = "/session", tag = "session", operation_id = "sign_in", security(()),
    request_body = SignIn,
    responses(
        (status = 200, description = "Signed in", body = Begun),
        (status = 401, description = "`wrong-credentials`, `code-needed` or `wrong-code`",
            body = super::problem::Problem, content_type = "application/problem+json"),
        (status = 403, description = "`https-needed`: others may read along",
            body = super::problem::Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-attempts`, with `retry_after` and Retry-After in seconds",
            body = super::problem::Problem, content_type = "application/problem+json"),
    ),
)]
async fn sign_in(
    _: Guarded,
    State(web): State<Web>,
    Extension(throttle): Extension<Throttle>,
    Extension(hashing): Extension<Hashing>,
    (source, client): (Source, Client),
    Body(form): Body<SignIn>,
) -> Result<Json<Begun>, ApiError> {
    let (database, now) = (web.store.directory(), web.clock.now());
    let name: String = form.name.trim().to_lowercase().chars().take(NAME_MAX).collect();
    let proofs = accounts::by_name(database, &form.name).await?;
    let device = match (&client.secret, &proofs) {
        (Some(secret), Some(proofs)) => {
            sessions::was_of(database, secret, (proofs.account.id, now)).await?
        }
        (None, _) | (_, None) => None,
    };
    let who = Who { name, source: source.0, device };
    let look = Look { web: &web, throttle: &throttle, who: &who, now };
    let proofs = look.at_password(&hashing, form.password, proofs).await?;
    look.at_code(&proofs, form.code.as_deref()).await?;
    throttle.forgive(&who);
    let account = proofs.account;
    let label = form.client.unwrap_or(client.name);
    let begun = sessions::begin(database, &account, &label, now).await;
    let begun = begun.map_err(|error| {
        let error = ApiError::from(error);
        // It was changed or disabled while we looked.
        if matches!(error, ApiError::NotFound) { ApiError::WrongCredentials } else { error }
    })?;
    if let Some(device) = device {
        sessions::sign_out(database, device, now).await?;
    }
    let source = look.source();
    tracing::info!(account.id = account.id.0, session.id = begun.id, source, "Signed in");
    metrics::counter!("lianfang_sign_ins_total", "outcome" => "right").increment(1);
    let needs_second_factor = account.needs_second_factor();
    let (secret, expires_at) = (begun.secret, begun.expires);
    Ok(Json(Begun { secret, expires_at, account, needs_second_factor }))
}

/// A sign-in that is looked at.
struct Look<'a> {
    web: &'a Web,
    throttle: &'a Throttle,
    who: &'a Who,
    now: Timestamp,
}

impl Look<'_> {
    async fn at_password(
        &self,
        hashing: &Hashing,
        password: String,
        proofs: Option<Proofs>,
    ) -> Result<Proofs, ApiError> {
        self.throttle.admit(self.who, self.now).map_err(|until| self.wait(until))?;
        let stored = proofs.as_ref().map(|proofs| proofs.password.clone());
        let looked = hashing.verify(password, stored).await;
        let is_right = looked.inspect_err(|_| self.throttle.take_back(self.who))?;
        let proofs = proofs.filter(|proofs| !proofs.account.is_disabled || !is_right);
        let account = proofs.as_ref().map(|proofs| proofs.account.id.0);
        if let Some(proofs) = proofs
            && is_right
        {
            return Ok(proofs);
        }
        tracing::warn!(account.id = account, source = self.source(), "A sign-in was refused");
        metrics::counter!("lianfang_sign_ins_total", "outcome" => "wrong").increment(1);
        Err(ApiError::WrongCredentials)
    }

    async fn at_code(&self, proofs: &Proofs, code: Option<&str>) -> Result<(), ApiError> {
        let Some(salt) = &proofs.totp_salt else { return Ok(()) };
        let code = code.map(str::trim).filter(|code| !code.is_empty());
        let Some(code) = code else {
            self.throttle.take_back(self.who);
            return Err(ApiError::CodeNeeded);
        };
        self.throttle.admit_code(self.who, self.now).map_err(|until| self.wait(until))?;
        let (id, database) = (proofs.account.id, self.web.store.directory());
        let step = self.web.totp.of(id, salt).step_of(code, proofs.totp_last_step, self.now);
        let is_right = match step {
            Some(step) => accounts::use_totp(database, id, step).await?,
            None => accounts::use_recovery_code(database, id, code).await?,
        };
        if !is_right {
            let source = self.source();
            tracing::warn!(
                account.id = id.0,
                source,
                "A wrong code was given with the right password"
            );
            metrics::counter!("lianfang_sign_ins_total", "outcome" => "wrong_code").increment(1);
            return Err(ApiError::WrongCode);
        }
        self.throttle.forgive_code(self.who);
        Ok(())
    }

    /// Where it comes from, for the log.
    fn source(&self) -> Option<String> {
        self.who.source.map(|source| source.to_string())
    }

    fn wait(&self, until: Timestamp) -> ApiError {
        metrics::counter!("lianfang_sign_ins_total", "outcome" => "too_many").increment(1);
        let wait = until.duration_since(self.now).as_millis();
        let wait_s = u32::try_from(wait.div_euclid(1000)).unwrap_or_default().saturating_add(1);
        ApiError::TooManyAttempts { wait_s }
    }
}

/// Who is signed in, and what is still to be done.
#[utoipa::path(
    get, path = "/session", tag = "session", operation_id = "read_session",
    responses((status = 200, description = "Who is signed in", body = Current)),
)]
async fn read(caller: Caller<SignedIn>, State(web): State<Web>) -> Result<Json<Current>, ApiError> {
    let session = caller.session().ok_or(ApiError::NoToken)?.clone();
    let (account, session) = (session.account, session.view);
    let needs_second_factor = account.needs_second_factor();
    let time_zone = own::time_zone(&web, &caller).await?;
    Ok(Json(Current { account, session, needs_second_factor, time_zone }))
}

/// Sign out.
#[utoipa::path(
    delete, path = "/session", tag = "session", operation_id = "sign_out",
    responses((status = 204, description = "Signed out")),
)]
async fn sign_out(
    caller: Caller<SignedIn>,
    State(web): State<Web>,
) -> Result<StatusCode, ApiError> {
    let session = caller.session().ok_or(ApiError::NoToken)?;
    sessions::sign_out(web.store.directory(), session.view.id, web.clock.now()).await?;
    tracing::info!(account.id = session.account.id.0, session.id = session.view.id, "Signed out");
    Ok(StatusCode::NO_CONTENT)
}

/// A password and the one that takes its place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    /// The password until now.
    #[schema(max_length = 128)]
    old: String,
    /// The new one: 12 to 128 characters, without rules on which.
    #[schema(min_length = 12, max_length = 128)]
    new: String,
}

/// Change one's own password. Every other session ends.
#[utoipa::path(
    put, path = "/session/password", tag = "session", operation_id = "change_password",
    request_body = PasswordChange,
    responses((status = 204, description = "Changed")),
)]
async fn change_password(
    _: Guarded,
    caller: Caller<SignedIn>,
    State(web): State<Web>,
    Extension(throttle): Extension<Throttle>,
    Extension(hashing): Extension<Hashing>,
    Body(form): Body<PasswordChange>,
) -> Result<StatusCode, ApiError> {
    let session = caller.session().ok_or(ApiError::NoToken)?;
    let is_same = form.old == form.new;
    confirm(&web, &throttle, &hashing, (&caller, "/old", form.old)).await?;
    let fault = password::fault(&form.new, &session.account.name);
    let fault = fault.or(is_same.then_some(PasswordFault::Same));
    if let Some(fault) = fault {
        return Err(faulty("/new", Fault::Password(fault)));
    }
    let phc = hashing.hash(form.new).await?;
    let who = caller.who();
    let editor = web.edited_by(&who);
    let kept = Some(session.view.id);
    accounts::set_password(&editor, session.account.id, (&phc, false), kept).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Somebody who is signed in proves once more that it is them.
async fn confirm(
    web: &Web,
    throttle: &Throttle,
    hashing: &Hashing,
    (caller, pointer, password): (&Caller<SignedIn>, &str, String),
) -> Result<(), ApiError> {
    let session = caller.session().ok_or(ApiError::NoToken)?;
    let name = session.account.name.to_lowercase();
    let who = Who { name, source: None, device: Some(session.view.id) };
    let proofs = accounts::proofs(web.store.directory(), session.account.id).await?;
    let look = Look { web, throttle, who: &who, now: web.clock.now() };
    let looked = look.at_password(hashing, password, Some(proofs)).await;
    looked.map_err(|error| {
        let is_wrong = matches!(error, ApiError::WrongCredentials);
        if is_wrong { faulty(pointer, Fault::WrongPassword) } else { error }
    })?;
    throttle.forgive(&who);
    Ok(())
}

fn faulty(pointer: &str, fault: Fault) -> ApiError {
    ApiError::Faulty(vec![FieldError { pointer: pointer.to_owned(), fault }])
}

/// The password, once more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Confirmation {
    /// The password.
    #[schema(max_length = 128)]
    password: String,
}

/// What an authenticator needs.
#[derive(Serialize, ToSchema)]
struct Enrolment {
    /// The key in base 32, to be typed.
    #[schema(examples("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"))]
    secret: String,
    /// The same for a QR code.
    #[schema(examples(
        "otpauth://totp/Lianfang:wangmin?secret=…&issuer=Lianfang&algorithm=SHA1&digits=6&period=30"
    ))]
    uri: String,
}

/// Begin a second factor (TOTP, RFC 6238). It counts once `PUT` had a right code; until then the one before does.
#[utoipa::path(
    post, path = "/session/totp", tag = "session", operation_id = "begin_second_factor",
    request_body = Confirmation,
    responses((status = 200, description = "What the authenticator needs, shown once", body = Enrolment)),
)]
async fn begin_totp(
    _: Guarded,
    caller: Caller<SignedIn>,
    State(web): State<Web>,
    Extension(throttle): Extension<Throttle>,
    Extension(hashing): Extension<Hashing>,
    Body(form): Body<Confirmation>,
) -> Result<Json<Enrolment>, ApiError> {
    confirm(&web, &throttle, &hashing, (&caller, "/password", form.password)).await?;
    let account = caller.account().ok_or(ApiError::NoToken)?;
    let who = caller.who();
    let salt = accounts::begin_totp(&web.edited_by(&who), account.id).await?;
    let totp = web.totp.of(account.id, &salt);
    Ok(Json(Enrolment { secret: totp.base32(), uri: totp.uri(&account.name) }))
}

/// The first code of a second factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FirstCode {
    /// Six digits of the authenticator.
    #[schema(max_length = 64)]
    code: String,
}

/// Codes for the day the telephone is lost.
#[derive(Serialize, ToSchema)]
struct RecoveryCodes {
    /// Each is good once in place of a code.
    recovery_codes: Vec<String>,
}

/// Keep the second factor that was begun, by its first code. Every other session ends.
#[utoipa::path(
    put, path = "/session/totp", tag = "session", operation_id = "keep_second_factor",
    request_body = FirstCode,
    responses((status = 200, description = "Recovery codes, shown once", body = RecoveryCodes)),
)]
async fn keep_totp(
    caller: Caller<SignedIn>,
    State(web): State<Web>,
    Extension(throttle): Extension<Throttle>,
    Body(form): Body<FirstCode>,
) -> Result<Json<RecoveryCodes>, ApiError> {
    let session = caller.session().ok_or(ApiError::NoToken)?;
    let (id, now) = (session.account.id, web.clock.now());
    let name = session.account.name.to_lowercase();
    let who = Who { name, source: None, device: Some(session.view.id) };
    let look = Look { web: &web, throttle: &throttle, who: &who, now };
    let proofs = accounts::proofs(web.store.directory(), id).await?;
    let salt = proofs.totp_pending.ok_or(ApiError::NoEnrolment)?;
    throttle.admit_code(&who, now).map_err(|until| look.wait(until))?;
    let step = web.totp.of(id, &salt).step_of(&form.code, None, now).ok_or(ApiError::WrongCode);
    let step = step.map_err(|_| faulty("/code", Fault::WrongCode))?;
    throttle.forgive_code(&who);
    let editor_name = caller.who();
    let editor = web.edited_by(&editor_name);
    let kept = accounts::keep_totp(&editor, id, (&salt, step), session.view.id).await?;
    let recovery_codes = kept.ok_or(ApiError::NoEnrolment)?;
    Ok(Json(RecoveryCodes { recovery_codes }))
}

/// Take one's own second factor away. Every other session ends; an admin has to set up another one before anything else.
#[utoipa::path(
    delete, path = "/session/totp", tag = "session", operation_id = "remove_second_factor",
    request_body = Confirmation,
    responses((status = 204, description = "It is gone")),
)]
async fn remove_totp(
    _: Guarded,
    caller: Caller<SignedIn>,
    State(web): State<Web>,
    Extension(throttle): Extension<Throttle>,
    Extension(hashing): Extension<Hashing>,
    Body(form): Body<Confirmation>,
) -> Result<StatusCode, ApiError> {
    confirm(&web, &throttle, &hashing, (&caller, "/password", form.password)).await?;
    let session = caller.session().ok_or(ApiError::NoToken)?;
    let who = caller.who();
    let editor = web.edited_by(&who);
    accounts::remove_totp(&editor, session.account.id, Some(session.view.id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
