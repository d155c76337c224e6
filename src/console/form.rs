//! What was sent in a form, and the form again with what is wrong beside each field.

use crate::Shared;
use crate::api::{Failure, Mistake, Problem};
use crate::frame;
use crate::visit::{self, Visitor, cookie_of};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// Largest form, in bytes; files are sent to pages that say so.
const FORM_MAX: usize = 256 * 1024;

/// The fields of a form, with what is wrong with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Form {
    fields: Vec<(String, String)>,
    /// By field.
    errors: Vec<(String, String)>,
    /// What is wrong with the whole.
    pub(crate) problem: Option<String>,
}

impl Form {
    /// A form that is shown for the first time, with these values.
    pub(crate) fn of<const N: usize>(fields: [(&str, &str); N]) -> Self {
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { fields: fields.into(), ..Self::default() }
    }

    /// A form that was sent.
    pub(crate) fn parse(body: &[u8]) -> Self {
        let fields = form_urlencoded::parse(body).into_owned().collect();
        Self { fields, ..Self::default() }
    }

    /// The value of a field without blanks around it; empty when it is not there.
    pub(crate) fn get(&self, name: &str) -> &str {
        let field = self.fields.iter().find(|(field, _)| field == name);
        field.map_or("", |(_, value)| value.trim())
    }

    /// All values of a field that may come more than once.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_field = self.fields.iter().filter(move |(field, _)| field == name);
        of_field.map(|(_, value)| value.trim())
    }

    /// Every field with its value, as it was sent.
    pub(crate) fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// Whether a box is ticked or a field has this value.
    pub(crate) fn has(&self, name: &str, value: &str) -> bool {
        self.all(name).any(|known| known == value)
    }

    /// Gives a field a value: what is shown the next time.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.fields.retain(|(field, _)| field != name);
        self.fields.push((name.to_owned(), value.into()));
    }

    /// Gives a field several values, as boxes that are ticked have.
    pub(crate) fn set_all(&mut self, name: &str, values: impl IntoIterator<Item = String>) {
        self.fields.retain(|(field, _)| field != name);
        self.fields.extend(values.into_iter().map(|value| (name.to_owned(), value)));
    }

    /// What is wrong with a field; empty when nothing is.
    pub(crate) fn error(&self, name: &str) -> &str {
        let error = self.errors.iter().find(|(field, _)| field == name);
        error.map_or("", |(_, error)| error)
    }

    /// All that is wrong, with the name of the field.
    pub(crate) fn errors(&self) -> &[(String, String)] {
        &self.errors
    }

    /// Whether anything is wrong.
    pub(crate) fn is_wrong(&self) -> bool {
        self.problem.is_some() || !self.errors.is_empty()
    }

    /// Says what is wrong with a field.
    pub(crate) fn blame(&mut self, name: &str, error: impl Into<String>) {
        self.errors.push((name.to_owned(), error.into()));
    }

    /// Takes over what the API found wrong. `field_of` gives the field of a JSON pointer; mistakes without one stand
    /// above the form.
    pub(crate) fn take(&mut self, problem: &Problem, field_of: impl Fn(&str) -> Option<String>) {
        let mut rest = Vec::new();
        for Mistake { pointer, detail } in &problem.errors {
            match field_of(pointer) {
                Some(field) => self.blame(&field, detail.clone()),
                None if pointer.is_empty() => rest.push(detail.clone()),
                None => rest.push(format!("{pointer}: {detail}")),
            }
        }
        if problem.errors.is_empty() {
            rest.push(
                if problem.detail.is_empty() { &problem.title } else { &problem.detail }.clone(),
            );
        }
        if !rest.is_empty() {
            self.problem = Some(rest.join(" "));
        }
    }
}

/// A form that was sent by a page of ours in this session; anything else is refused.
pub(crate) struct Sent(pub(crate) Form);

impl FromRequest<Shared> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let is_https = (shared.settings.is_https)(&parts.extensions);
        let secret = cookie_of(&parts.headers, &[visit::session_cookie(is_https)]);
        let body = axum::body::to_bytes(body, FORM_MAX).await;
        let body = body.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE.into_response())?;
        let form = Form::parse(&body);
        // Without a session there is nothing that could be done in its name; `guard` has looked at the origin.
        let is_ours = secret.is_none_or(|secret| visit::is_csrf(&secret, form.get("csrf")));
        if !is_ours {
            let Ok(visitor) = Visitor::from_request_parts(&mut parts, shared).await;
            return Err(of_another_session(&visitor));
        }
        Ok(Self(form))
    }
}

/// The page instead of what a form of another session wanted, such as one that was open while somebody signed in anew.
fn of_another_session(visitor: &Visitor) -> Response {
    let detail = visitor.lang.t(
        "这张表单是重新登录以前打开的，没有保存。请返回那一页，刷新后再填一次。",
        "This form was opened before somebody signed in anew, and was not saved. Go back, reload its page and fill it in again.",
    );
    let problem = Problem { status: 403, detail: detail.to_owned(), ..Problem::default() };
    frame::failed(visitor, &Failure::Problem(Box::new(problem)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_api_finds_wrong_stands_beside_its_field() {
        let mut form = Form::parse("name=+%E9%99%88+&door=5&day=1&day=2".as_bytes());
        assert_eq!((form.get("name"), form.get("nothing")), ("陈", ""));
        assert!(form.has("day", "2") && !form.has("day", "3"));
        let mistake = |pointer: &str| Mistake { pointer: pointer.into(), detail: "no".into() };
        let problem =
            Problem { errors: vec![mistake("/door"), mistake("/line")], ..Problem::default() };
        form.take(&problem, |pointer| (pointer == "/door").then(|| "door".into()));
        assert_eq!((form.error("door"), form.error("name")), ("no", ""));
        assert_eq!(form.problem.as_deref(), Some("/line: no"));
        form.set("door", "6");
        assert_eq!(form.get("door"), "6");
    }
}
