//! The clips of a community, of all communities, or of a household, in one language; and what is tried where one is
//! missing.

use super::{Clip, Clips, PARTS, Shelf, crumbs, language_of, language_words, name_of};
use crate::api::Failure;
use crate::directory::{Crumb, LANGUAGES};
use crate::form::{Form, Sent};
use crate::frame::{Frame, failed, go, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

/// Languages that may be tried one after the other.
const ORDER_MAX: usize = 8;
/// Fields that are offered at least.
const ORDER_FIELDS: usize = 3;

#[derive(Template)]
#[template(path = "prompts/shelf.html")]
struct ShelfPage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    title: String,
    /// Where the pages of its clips are.
    path: String,
    /// Adds what a page of a clip has to know besides.
    suffix: String,
    language: String,
    /// The part that is shown; empty for a household, which has one only.
    part: &'static str,
    only_missing: bool,
    missing: usize,
    total: usize,
    clips: Vec<Clip>,
    numbers: Vec<String>,
    /// The fields of the order of languages; empty for who may not change it.
    order: Vec<String>,
    /// The order as it is, in words.
    order_words: String,
    is_household: bool,
    form: Form,
}

impl ShelfPage {
    fn languages(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let l = self.l;
        LANGUAGES.iter().map(move |&(tag, (chinese, english))| (tag, l.t(chinese, english)))
    }

    fn parts(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let l = self.l;
        PARTS.iter().map(move |&(name, (chinese, english), _)| (name, l.t(chinese, english)))
    }
}

#[derive(Deserialize)]
struct Household {
    name: String,
}

fn asked(signed: &Signed) -> Form {
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    Form::parse(query.as_bytes())
}

/// Reads the clips in the language that is asked for, or in that of the shelf.
async fn read(signed: &Signed, path: &str, asked: &Form) -> Result<Clips, Failure> {
    let path = match asked.get("language") {
        "" => path.to_owned(),
        tag => format!("{path}?language={}", language_of(tag)?),
    };
    signed.api().get(&path).await
}

pub(super) async fn of_community(
    signed: Signed,
    Path(shelf): Path<String>,
) -> Result<Response, Response> {
    let shelf = Shelf::of(&shelf).map_err(signed.fails())?;
    page(&signed, &shelf, Form::default(), StatusCode::OK).await.map_err(signed.fails())
}

async fn page(
    signed: &Signed,
    shelf: &Shelf,
    form: Form,
    status: StatusCode,
) -> Result<Response, Failure> {
    let (l, asked) = (signed.lang(), asked(signed));
    let clips = read(signed, &shelf.api(), &asked).await?;
    let name = name_of(signed, shelf).await?;
    let part = PARTS.iter().find(|(name, ..)| *name == asked.get("part"));
    let part = part.map_or("phrases", |(name, ..)| name);
    let only_missing = asked.has("missing", "yes");
    let missing = clips.items.iter().filter(|clip| clip.is_missing()).count();
    let total = clips.items.len();
    let is_shown = |clip: &Clip| {
        if only_missing { clip.is_missing() } else { clip.part() == part }
    };
    let may_edit = signed.me.is_admin();
    let mut fields: Vec<String> = if form.is_wrong() {
        form.all("order").map(ToOwned::to_owned).collect()
    } else {
        clips.order.clone()
    };
    let width = (fields.len() + 1).clamp(ORDER_FIELDS, ORDER_MAX);
    fields.resize(width, String::new());
    let words: Vec<String> = clips.order.iter().map(|tag| language_words(tag, l)).collect();
    let title = name.clone();
    let page = ShelfPage {
        frame: Frame::signed(signed, format!("{} · {title}", l.t("语音", "Prompts"))).await,
        l,
        crumbs: crumbs(shelf, &name, l).into_iter().take(1).collect(),
        title,
        path: shelf.path(),
        suffix: String::new(),
        language: clips.language,
        part: if only_missing { "" } else { part },
        only_missing,
        missing,
        total,
        clips: clips.items.into_iter().filter(is_shown).collect(),
        numbers: clips.numbers,
        order: if may_edit && !shelf.is_all() { fields } else { Vec::new() },
        order_words: words.join(l.t("、", ", ")),
        is_household: false,
        form,
    };
    Ok(show(status, &page))
}

/// The name and the place of a household.
pub(super) async fn of_household(
    signed: Signed,
    Path(id): Path<u64>,
) -> Result<Response, Response> {
    household(&signed, id).await.map_err(signed.fails())
}

async fn household(signed: &Signed, id: u64) -> Result<Response, Failure> {
    let (l, asked) = (signed.lang(), asked(signed));
    let clips = read(signed, &format!("/households/{id}/recordings"), &asked).await?;
    let known: Household = signed.api().get(&format!("/households/{id}")).await?;
    let shelf = Shelf(clips.community_id.map_or_else(|| "all".to_owned(), |id| id.to_string()));
    let community = name_of(signed, &shelf).await?;
    let missing = clips.items.iter().filter(|clip| clip.is_missing()).count();
    let mut crumbs = crumbs(&shelf, &community, l);
    crumbs.push((format!("/directory/households/{id}"), known.name.clone()));
    let title = format!("{} · {}", l.t("姓名读音", "Name"), known.name);
    let page = ShelfPage {
        frame: Frame::signed(signed, title.clone()).await,
        l,
        crumbs,
        title,
        path: shelf.path(),
        suffix: format!("?household={id}"),
        language: clips.language,
        part: "",
        only_missing: false,
        missing,
        total: clips.items.len(),
        clips: clips.items,
        numbers: clips.numbers,
        order: Vec::new(),
        order_words: String::new(),
        is_household: true,
        form: Form::default(),
    };
    Ok(show(StatusCode::OK, &page))
}

/// Keeps the order of languages; the same language twice counts once.
pub(super) async fn set_order(
    signed: Signed,
    Path(shelf): Path<String>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let shelf = Shelf::of(&shelf).map_err(signed.fails())?;
    let mut languages: Vec<String> = Vec::new();
    for tag in form.all("order").filter(|tag| !tag.is_empty()) {
        if !languages.iter().any(|known| known == tag) {
            languages.push(tag.to_owned());
        }
    }
    let path = format!("{}/order", shelf.api());
    match signed.api().put::<Value>(&path, None, &json!({"languages": languages})).await {
        Ok(_) => Ok(go(&format!("{}#order", shelf.path()), "saved")),
        Err(Failure::Problem(problem)) if matches!(problem.status, 400 | 422) => {
            form.take(&problem, |pointer| {
                pointer.trim_start_matches('/').starts_with("languages").then(|| "order".to_owned())
            });
            let page = page(&signed, &shelf, form, StatusCode::UNPROCESSABLE_ENTITY).await;
            page.map_err(signed.fails())
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}
