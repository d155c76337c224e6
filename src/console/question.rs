//! The question before something that cannot be taken back: what will come of it, a button that does it, and a way back.
//!
//! Only the button acts, by POST; opening the question changes nothing.

use crate::directory::Crumb;
use crate::frame::{Frame, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

/// What is asked.
pub(crate) struct Question {
    pub(crate) crumbs: Vec<Crumb>,
    /// What would be done, to what.
    pub(crate) heading: String,
    /// What comes of it.
    pub(crate) words: &'static str,
    /// Where the button sends its form.
    pub(crate) action: String,
    /// The version that was seen; empty for what has none.
    pub(crate) etag: String,
    /// Why is asked; it may be left empty.
    pub(crate) asks_why: bool,
    /// The words of the button.
    pub(crate) button: &'static str,
    pub(crate) back: String,
}

#[derive(Template)]
#[template(path = "question.html")]
struct QuestionPage {
    frame: Frame,
    l: Lang,
    question: Question,
}

/// The page of a question.
pub(crate) async fn page(signed: &Signed, question: Question) -> Response {
    let frame = Frame::signed(signed, question.heading.clone()).await;
    show(StatusCode::OK, &QuestionPage { frame, l: signed.lang(), question })
}
