//! Reads requests: bodies, ids, queries, versions. Every refusal is an [`ApiError`] that says where.

use super::problem::{ApiError, Must};
use crate::store::history::WHY_MAX;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use std::fmt::Write;

/// A body of JSON.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::MediaType);
        }
        let bytes = Bytes::from_request(request, state).await.map_err(of_body)?;
        parse(&bytes).map(Self)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

pub(super) fn of_body(rejection: BytesRejection) -> ApiError {
    let status = rejection.into_response().status();
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::TooLarge;
    }
    // The connection broke within the body; whoever still reads the answer learns that it ended early.
    ApiError::Syntax { line: 0, column: 0 }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer_of(error.path());
        of_json(error.inner(), pointer)
    })?;
    reader.end().map_err(|error| of_json(&error, String::new()))?;
    // A list of values in the order of the fields would be read too, and break with the next field.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        let cause = "invalid type: sequence, expected an object".to_owned();
        return Err(ApiError::Form { pointer: String::new(), cause });
    }
    Ok(value)
}

/// Reads a part of a body that was read as any JSON.
pub(super) fn read_value<T: DeserializeOwned>(value: &serde_json::Value) -> Result<T, ApiError> {
    if value.is_array() {
        let cause = "invalid type: sequence, expected an object".to_owned();
        return Err(ApiError::Form { pointer: String::new(), cause });
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let pointer = pointer_of(error.path());
        of_json(error.inner(), pointer)
    })
}

fn of_json(error: &serde_json::Error, pointer: String) -> ApiError {
    if !error.is_data() {
        return ApiError::Syntax { line: error.line(), column: error.column() };
    }
    let text = error.to_string();
    let cause = text.rsplit_once(" at line ").map_or(text.as_str(), |(cause, _)| cause);
    ApiError::Form { pointer, cause: cause.to_owned() }
}

/// The JSON pointer (RFC 6901) of a path.
fn pointer_of(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        let written = match segment {
            Segment::Seq { index } => write!(pointer, "/{index}"),
            Segment::Map { key } => {
                write!(pointer, "/{}", key.replace('~', "~0").replace('/', "~1"))
            }
            Segment::Enum { .. } | Segment::Unknown => Ok(()),
        };
        debug_assert!(written.is_ok(), "a String takes everything");
    }
    pointer
}

/// The id in the path. An id that cannot be is an id that nothing has.
pub(super) struct PathId<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathId<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let id = Path::<T>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Self(id)).map_err(|_| ApiError::NotFound)
    }
}

/// The parameters of the query, each at most once.
pub(super) struct Parameters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(pairs) = Query::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|_| wrong("query", Must::Text))?;
        for (index, (name, _)) in pairs.iter().enumerate() {
            if pairs.iter().take(index).any(|(before, _)| before == name) {
                return Err(wrong(name, Must::Once));
            }
        }
        Ok(Self(pairs))
    }
}

impl Parameters {
    /// Takes one out.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let index = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.swap_remove(index).1)
    }

    /// Takes out one that is a number.
    pub(super) fn take_number(
        &mut self,
        name: &str,
        range: std::ops::RangeInclusive<u32>,
    ) -> Result<Option<u32>, ApiError> {
        let Some(text) = self.take(name) else { return Ok(None) };
        let (min, max) = (*range.start(), *range.end());
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| wrong(name, Must::Number { min, max }))
    }

    /// Takes out one that is a moment with its offset (RFC 3339).
    pub(super) fn take_moment(&mut self, name: &str) -> Result<Option<Timestamp>, ApiError> {
        let moment = self.take(name).map(|text| text.parse()).transpose();
        moment.map_err(|_| wrong(name, Must::Moment))
    }

    /// Takes out one that is a word which never changes.
    pub(super) fn take_named<T: DeserializeOwned>(
        &mut self,
        name: &str,
        must: Must,
    ) -> Result<Option<T>, ApiError> {
        let named = self.take(name).map(|word| serde_json::from_value(word.into())).transpose();
        named.map_err(|_| wrong(name, must))
    }

    /// Takes out one that is one of two words: true for the first.
    pub(super) fn take_either(
        &mut self,
        name: &str,
        (yes, no): (&str, &str),
        must: Must,
    ) -> Result<Option<bool>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(word) if word == yes => Ok(Some(true)),
            Some(word) if word == no => Ok(Some(false)),
            Some(_) => Err(wrong(name, must)),
        }
    }

    /// Refuses what is left.
    pub(super) fn finish(self) -> Result<(), ApiError> {
        match self.0.first() {
            Some((name, _)) => Err(wrong(name, Must::Known)),
            None => Ok(()),
        }
    }
}

/// A parameter or header that is not what it has to be.
pub(super) fn wrong(name: &str, must: Must) -> ApiError {
    ApiError::Parameter { name: name.chars().take(64).collect(), must }
}

/// Why something is changed, from `X-Reason`: percent-encoded UTF-8 (RFC 3986), so that it may be in any language.
pub(super) struct Reason(Option<String>);

impl Reason {
    /// The reason, if one is given.
    pub(super) fn words(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Reason {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let Some(value) = parts.headers.get("x-reason") else { return Ok(Self(None)) };
        let text = value.to_str().map_err(|_| wrong("X-Reason", Must::Text))?;
        // A form of one field without a name: `+` and `%XX` are read as in forms.
        let words = form_urlencoded::parse(text.replace(['&', '='], " ").as_bytes())
            .map(|(words, _)| words.trim().to_owned())
            .next()
            .unwrap_or_default();
        if words.chars().any(char::is_control) || WHY_MAX < words.chars().count() {
            return Err(wrong("X-Reason", Must::Reason));
        }
        Ok(Self((!words.is_empty()).then_some(words)))
    }
}

/// The version that a change is made from (RFC 9110 13.1.1): one strong entity tag.
pub(super) struct IfMatch(pub(super) u32);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let value = parts.headers.get(header::IF_MATCH).ok_or(ApiError::NoIfMatch)?;
        let tag = value.to_str().ok().map(str::trim);
        let version = tag.and_then(|tag| tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok());
        version.map(Self).ok_or_else(|| wrong("If-Match", Must::EntityTag))
    }
}

/// A version for what may not be there yet.
impl<S: Send + Sync> axum::extract::OptionalFromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, ApiError> {
        if !parts.headers.contains_key(header::IF_MATCH) {
            return Ok(None);
        }
        <Self as FromRequestParts<S>>::from_request_parts(parts, state).await.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read from JSON")]
    struct Sample {
        list: Vec<Item>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read from JSON")]
    struct Item {
        #[serde(rename = "a/b~c")]
        value: u8,
    }

    #[test]
    fn a_wrong_value_is_found_by_its_pointer() {
        let check = |json: &str, wanted: &str| match parse::<Sample>(json.as_bytes()) {
            Err(ApiError::Form { pointer, cause }) => {
                assert_eq!(pointer, wanted, "{json}");
                assert!(!cause.contains("line"), "{cause}");
            }
            other => panic!("{json}: {other:?}"),
        };
        check(r#"{"list":[{"a/b~c":1},{"a/b~c":300}]}"#, "/list/1/a~1b~0c");
        check(r#"{"list":[{"a/b~c":"x"}]}"#, "/list/0/a~1b~0c");
        check(r#"{"list":[{"a/b~c":1,"more":2}]}"#, "/list/0/more");
        check(r#"{"list":7}"#, "/list");
        check(r"{}", "");
        check("[]", "");
    }

    #[test]
    fn what_is_no_json_is_told_by_line_and_column() {
        for json in ["", "{", "{\"list\":[}", "{\"list\":[]} x", "\u{0}", "{\"list\":[{\"a/b~c\":1"]
        {
            let found = parse::<Sample>(json.as_bytes());
            assert!(matches!(found, Err(ApiError::Syntax { .. })), "{json}: {found:?}");
        }
        let deep = "[".repeat(100_000);
        assert!(matches!(
            parse::<serde_json::Value>(deep.as_bytes()),
            Err(ApiError::Syntax { .. })
        ));
    }
}
