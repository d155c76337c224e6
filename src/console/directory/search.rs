//! Finding people, telephones, doors, places and accounts; what is found is one link away.

use super::Noun;
use crate::form::Form;
use crate::frame::{Frame, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "directory/search.html")]
struct SearchPage {
    frame: Frame,
    l: Lang,
    words: String,
    found: Vec<Found>,
    is_too_short: bool,
    more: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Found>,
    next: Option<u64>,
    is_too_short: bool,
}

#[derive(Deserialize)]
struct Found {
    noun: String,
    id: u64,
    name: String,
    place: String,
    numbers: Vec<String>,
    household_id: Option<u64>,
    community: String,
}

impl Found {
    /// What it is.
    fn what(&self, l: &Lang) -> &'static str {
        match &*self.noun {
            "accounts" => l.t("账号", "account"),
            noun => Noun::of(noun).map_or("", |noun| noun.words(*l)),
        }
    }

    /// Its page.
    fn path(&self) -> String {
        match &*self.noun {
            "accounts" => format!("/accounts/{}", self.id),
            noun => format!("/directory/{noun}/{}", self.id),
        }
    }

    /// Where an alarm is raised for whoever was found; none where no line belongs to them.
    fn raise(&self) -> Option<String> {
        match (self.noun.as_str(), self.household_id) {
            ("lines" | "households", _) => {
                Some(format!("/directory/{}/{}/raise", self.noun, self.id))
            }
            (_, Some(household)) => Some(format!("/directory/households/{household}/raise")),
            (_, None) => None,
        }
    }
}

pub(super) async fn search(signed: Signed) -> Result<Response, Response> {
    let l = signed.lang();
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let asked = Form::parse(query.as_bytes());
    let words = asked.get("q").to_owned();
    let after: u64 = asked.get("after").parse().unwrap_or_default();
    let q: String = form_urlencoded::byte_serialize(words.as_bytes()).collect();
    let page = if words.is_empty() {
        Page { items: Vec::new(), next: None, is_too_short: true }
    } else {
        let path = format!("/search?q={q}&after={after}&limit=50");
        signed.api().get(&path).await.map_err(signed.fails())?
    };
    let Page { items: found, next, is_too_short } = page;
    let more = next.map(|next| format!("/directory/search?q={q}&after={next}"));
    let frame = Frame::signed(&signed, l.t("搜索", "Search")).await;
    Ok(show(StatusCode::OK, &SearchPage { frame, l, words, found, is_too_short, more }))
}
