//! Errors of the API as problem details (RFC 9457), in Chinese and English.
//!
//! Handlers return [`ApiError`]; the guard writes it in the language that the client asks for. What went wrong inside
//! is logged once, here, and shown to nobody.

mod must;
mod of_others;

pub(super) use must::Must;

use super::caller::Right;
use super::plans::PictureFault;
use super::sounds::SoundFault;
use super::words;
use crate::import::UploadError;
use crate::store::nouns::FieldError;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use lianfang_domain::directory::Language;
use lianfang_domain::plan::AddError;
use lianfang_domain::roster::SwapError;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// How long a client waits that was told to come again, in seconds.
const RETRY_AFTER_S: u16 = 1;

/// What a request may end with instead of an answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    /// No such path.
    #[error("no such path")]
    NoPath,
    /// The path takes other methods.
    #[error("the path takes other methods")]
    Method,
    /// No row or alarm has this id.
    #[error("nothing has this id")]
    NotFound,
    /// The client wants what we do not write.
    #[error("only JSON is written here")]
    NotAcceptable,
    /// The body is not JSON.
    #[error("only JSON is read here")]
    MediaType,
    /// The body is too large.
    #[error("the body is too large")]
    TooLarge,
    /// The body cannot be parsed.
    #[error("the body is no JSON")]
    Syntax {
        /// Line of the body, from 1.
        line: usize,
        /// Column of the line, from 1.
        column: usize,
    },
    /// A value of the body has the wrong form.
    #[error("a value has the wrong form")]
    Form {
        /// JSON pointer to it.
        pointer: String,
        /// What the parser says.
        cause: String,
    },
    /// A parameter of the query or path has the wrong form.
    #[error("a parameter has the wrong form")]
    Parameter {
        /// Its name.
        name: String,
        /// What it has to be.
        must: Must,
    },
    /// The draft has mistakes.
    #[error("the draft has mistakes")]
    Faulty(Vec<FieldError>),
    /// Of many edits that are done together, some are refused.
    #[error("some of the edits are refused")]
    Bulk(Vec<Refused>),
    /// The code is none of the community's.
    #[error("the code is unknown")]
    UnknownCode,
    /// The line is not named, or by account and number both.
    #[error("the line is named by account or by number")]
    WhichLine,
    /// No line has this account or number.
    #[error("no such line")]
    UnknownLine,
    /// The plan has no such party.
    #[error("no such party")]
    UnknownParty,
    /// Whom an operator wants to have called cannot be.
    #[error(transparent)]
    CannotAdd(AddError),
    /// Nothing says which version the change is made from.
    #[error("If-Match is missing")]
    NoIfMatch,
    /// Somebody else changed it.
    #[error("it is at version {current} now")]
    Changed {
        /// The version now.
        current: u32,
    },
    /// Others belong to it.
    #[error("others belong to it")]
    HasChildren,
    /// What was sent is no import.
    #[error(transparent)]
    NoImport(UploadError),
    /// What was sent is no picture.
    #[error(transparent)]
    NoPicture(PictureFault),
    /// The directory is not what it was when the import was looked at.
    #[error("the import would change something else now")]
    ImportChanged,
    /// The row was edited since the edit that shall be undone.
    #[error("the row was edited since")]
    EditedSince,
    /// The first request with this key is not answered yet.
    #[error("the first request with this key is not answered yet")]
    KeyInUse,
    /// The key was used for another request.
    #[error("the key was used for another request")]
    KeyReused,
    /// The message is tried already.
    #[error("the message waits to be sent")]
    StillWaiting,
    /// The alarm is over.
    #[error("the alarm is over")]
    AlarmClosed,
    /// The rules of swaps are against it.
    #[error(transparent)]
    Swap(SwapError),
    /// No token, or none that is good.
    #[error("no good token")]
    NoToken,
    /// The token is not good for this.
    #[error("the token is not good for this")]
    Forbidden {
        /// What it would have to be good for.
        needed: Right,
    },
    /// The caller may see it and not change it.
    #[error("it is out of reach")]
    OutOfReach,
    /// Name and password do not fit, or the account is disabled; which of them is told to nobody.
    #[error("name and password do not fit")]
    WrongCredentials,
    /// The password is right; the code of the second factor is missing.
    #[error("the code of the second factor is missing")]
    CodeNeeded,
    /// The password is right; the code is wrong or was used.
    #[error("the code of the second factor is wrong")]
    WrongCode,
    /// Too many wrong tries.
    #[error("too many tries; the next one in {wait_s} s")]
    TooManyAttempts {
        /// Seconds until the next try is looked at.
        wait_s: u32,
    },
    /// The password has to be changed before anything else.
    #[error("the password has to be changed first")]
    MustChangePassword,
    /// A second factor has to be set up before anything else.
    #[error("a second factor has to be set up first")]
    NeedsSecondFactor,
    /// Passwords and other secrets are not taken where others may read along.
    #[error("secrets are taken over HTTPS alone")]
    HttpsNeeded,
    /// No second factor waits for its first code.
    #[error("no second factor waits for its first code")]
    NoEnrolment,
    /// Nobody could make accounts any more.
    #[error("it is the last admin who reaches everything")]
    LastAdmin,
    /// A recording was not taken or cannot be given.
    #[error("a recording cannot be used")]
    Sound(SoundFault),
    /// Too much at once, or the service stops.
    #[error("too much at once")]
    Busy,
    /// There is more to count than can be counted at once; the next try goes on.
    #[error("it is still being counted")]
    Counting,
    /// It took too long.
    #[error("it took too long")]
    TimedOut,
    /// Ours to fix: logged in full, told to nobody.
    #[error("cannot answer the request")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// An edit among many that is refused.
#[derive(Debug)]
pub(super) struct Refused {
    /// Its place.
    pub(super) index: usize,
    /// Why, as if it came alone.
    pub(super) error: ApiError,
}

impl Refused {
    fn errors(&self, language: Language) -> Vec<ProblemField> {
        let Self { index, error } = self;
        let (slug, _) = words::title(error, language);
        let of_value = matches!(error, ApiError::Faulty(_) | ApiError::Form { .. });
        let mut fields = error.errors(language);
        if fields.is_empty() {
            let (pointer, detail) = (String::new(), words::detail(error, language));
            fields.push(ProblemField { kind: None, pointer, detail });
        }
        for field in &mut fields {
            let part = if of_value { "/value" } else { "" };
            field.pointer = format!("/operations/{index}{part}{}", field.pointer);
            field.kind = Some(format!("urn:lianfang:problem:{slug}"));
        }
        fields
    }
}

impl ApiError {
    /// Its HTTP status.
    #[must_use]
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NoPath | Self::NotFound | Self::UnknownLine => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Syntax { .. } | Self::Parameter { .. } => StatusCode::BAD_REQUEST,
            Self::Form { .. }
            | Self::Faulty(_)
            | Self::Bulk(_)
            | Self::UnknownCode
            | Self::UnknownParty
            | Self::CannotAdd(_)
            | Self::KeyReused
            | Self::WhichLine => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoIfMatch => StatusCode::PRECONDITION_REQUIRED,
            Self::Changed { .. } | Self::ImportChanged => StatusCode::PRECONDITION_FAILED,
            Self::HasChildren
            | Self::EditedSince
            | Self::KeyInUse
            | Self::StillWaiting
            | Self::AlarmClosed
            | Self::Swap(_)
            | Self::NoEnrolment
            | Self::LastAdmin => StatusCode::CONFLICT,
            Self::NoToken | Self::WrongCredentials | Self::CodeNeeded | Self::WrongCode => {
                StatusCode::UNAUTHORIZED
            }
            Self::Forbidden { .. }
            | Self::OutOfReach
            | Self::MustChangePassword
            | Self::NeedsSecondFactor
            | Self::HttpsNeeded => StatusCode::FORBIDDEN,
            Self::TooManyAttempts { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Sound(fault) => fault.status(),
            Self::NoImport(UploadError::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoPicture(PictureFault::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoImport(_) | Self::NoPicture(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Busy | Self::Counting | Self::TimedOut => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The error of a response that somebody below us made, such as the router.
    pub(super) fn of_status(status: StatusCode) -> Option<Self> {
        match status {
            StatusCode::NOT_FOUND => Some(Self::NoPath),
            StatusCode::METHOD_NOT_ALLOWED => Some(Self::Method),
            StatusCode::PAYLOAD_TOO_LARGE => Some(Self::TooLarge),
            _ => None,
        }
    }

    fn errors(&self, language: Language) -> Vec<ProblemField> {
        let one = |pointer: &str, detail| {
            vec![ProblemField { kind: None, pointer: pointer.to_owned(), detail }]
        };
        match self {
            Self::Faulty(faults) => {
                let field = |error: &FieldError| ProblemField {
                    kind: None,
                    pointer: error.pointer.clone(),
                    detail: words::fault(&error.fault, language),
                };
                faults.iter().map(field).collect()
            }
            Self::Bulk(refused) => {
                refused.iter().flat_map(|refused| refused.errors(language)).collect()
            }
            Self::Form { pointer, cause } => one(pointer, words::form(cause, language)),
            Self::UnknownCode => one("/code", words::detail(self, language)),
            Self::UnknownParty => one("/party", words::detail(self, language)),
            Self::CannotAdd(_) => one("", words::detail(self, language)),
            Self::NoPath
            | Self::Method
            | Self::NotFound
            | Self::NotAcceptable
            | Self::MediaType
            | Self::TooLarge
            | Self::Syntax { .. }
            | Self::Parameter { .. }
            | Self::UnknownLine
            | Self::WhichLine
            | Self::NoIfMatch
            | Self::Changed { .. }
            | Self::HasChildren
            | Self::EditedSince
            | Self::KeyInUse
            | Self::KeyReused
            | Self::StillWaiting
            | Self::NoImport(_)
            | Self::NoPicture(_)
            | Self::ImportChanged
            | Self::AlarmClosed
            | Self::Swap(_)
            | Self::NoToken
            | Self::Forbidden { .. }
            | Self::OutOfReach
            | Self::WrongCredentials
            | Self::CodeNeeded
            | Self::WrongCode
            | Self::TooManyAttempts { .. }
            | Self::MustChangePassword
            | Self::NeedsSecondFactor
            | Self::HttpsNeeded
            | Self::NoEnrolment
            | Self::LastAdmin
            | Self::Sound(_)
            | Self::Busy
            | Self::Counting
            | Self::TimedOut
            | Self::Internal(_) => Vec::new(),
        }
    }

    /// Seconds until the next try is looked at, where they are known.
    pub(super) fn retry_after(&self) -> Option<u32> {
        if let Self::TooManyAttempts { wait_s } = self { Some(*wait_s) } else { None }
    }

    fn write_headers(&self, headers: &mut HeaderMap) {
        let status = self.status();
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"lianfang\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER_S.into());
        }
        if let Self::TooManyAttempts { wait_s } = self {
            headers.insert(header::RETRY_AFTER, (*wait_s).into());
        }
        if let Self::Changed { current } = self
            && let Ok(tag) = HeaderValue::try_from(format!("\"{current}\""))
        {
            headers.insert(header::ETAG, tag);
        }
    }
}

/// A problem (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// Which kind of problem: a URN that never changes.
    #[serde(rename = "type")]
    #[schema(examples("urn:lianfang:problem:changed"))]
    kind: String,
    /// The kind in words.
    title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong here, and what to do.
    detail: String,
    /// The path of the request.
    instance: String,
    /// Seconds until the next try is looked at; only of `too-many-attempts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
    /// Every mistake in the body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ProblemField>,
}

/// A mistake in the body of a request.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProblemField {
    /// Which kind of problem, where several edits came together.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schema(examples("urn:lianfang:problem:changed"))]
    kind: Option<String>,
    /// JSON pointer (RFC 6901) to the value.
    pointer: String,
    /// What is wrong with it.
    detail: String,
}

/// Writes an error in a language.
pub(super) fn write(error: &ApiError, instance: &str, language: Language) -> Response {
    let (slug, title) = words::title(error, language);
    let problem = Problem {
        kind: format!("urn:lianfang:problem:{slug}"),
        title,
        status: error.status().as_u16(),
        detail: words::detail(error, language),
        instance: instance.to_owned(),
        retry_after: error.retry_after(),
        errors: error.errors(language),
    };
    let headers = [
        (header::CONTENT_TYPE, "application/problem+json"),
        (header::CONTENT_LANGUAGE, language.tag()),
        (header::VARY, "accept-language"),
    ];
    let mut response = (error.status(), headers, axum::Json(problem)).into_response();
    let content_type = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    error.write_headers(response.headers_mut());
    response
}

/// An error on its way to the guard, which writes it.
#[derive(Clone)]
pub(super) struct Unwritten(pub(super) Arc<ApiError>);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Self::Internal(source) = &self {
            tracing::error!(error = %Chain(source.as_ref()), "Cannot answer a request");
        }
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Unwritten(Arc::new(self)));
        response
    }
}

/// An error with its causes.
struct Chain<'a>(&'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
