//! How fast help came and what alarms were.

use super::count::{Counted, count};
use super::sheet::{self, Sheet};
use super::view::{AlarmReport, FiguresView, OfCommunity, OfKind, OfMonth};
use super::{Asked, By, Ledger};
use crate::web::Web;
use crate::web::caller::{Caller, Reports};
use crate::web::extract::Parameters;
use crate::web::guard::language_of;
use crate::web::problem::ApiError;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use lianfang_domain::directory::Language;
use lianfang_domain::id::CommunityId;
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::report::{Month, Tally};
use std::collections::BTreeMap;

/// Communities in one report.
const COMMUNITIES_MAX: usize = 2000;

/// How fast help came and what alarms were, by month, community and kind; as JSON, or as CSV for those who accept it.
/// A long period may have to be asked for again: 503 `counting` says so, and nothing is counted twice.
#[utoipa::path(
    get, path = "/reports/alarms", tag = "reports", operation_id = "report_alarms",
    params(
        ("from" = Option<String>, Query, description = "The first month; eleven before the last if not given",
            pattern = "^[0-9]{4}-[0-9]{2}$"),
        ("until" = Option<String>, Query, description = "The last month; this one if not given; a report has 36 at most",
            pattern = "^[0-9]{4}-[0-9]{2}$"),
        ("community_id" = Option<u32>, Query, description = "Only this community"),
        ("by" = Option<String>, Query, description = "What the rows of the CSV are; `community_month` if not given",
            pattern = "^(community_month|month|community|kind)$"),
    ),
    responses((status = 200, description = "The report", content(
        (AlarmReport = "application/json"),
        (String = "text/csv"),
    ))),
)]
pub(super) async fn alarms(
    caller: Caller<Reports>,
    State(web): State<Web>,
    Extension(ledger): Extension<Ledger>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let wants_sheet = sheet::is_wanted(&headers)?;
    let asked = Asked::read(&web, &caller, parameters).await?;
    if wants_sheet {
        return in_sheet(&web, &ledger, asked, language_of(&headers)).await;
    }
    let asked = Asked { by: By::Month, ..asked };
    let counted = count(&web, &ledger, &asked).await?;
    Ok(Json(view(&web, &asked, counted)).into_response())
}

/// The same as CSV, whatever the client says that it accepts. Names of columns are in Chinese or English, as
/// `Accept-Language` says.
#[utoipa::path(
    get, path = "/reports/alarms.csv", tag = "reports", operation_id = "report_alarms_csv",
    params(
        ("from" = Option<String>, Query, description = "The first month; eleven before the last if not given",
            pattern = "^[0-9]{4}-[0-9]{2}$"),
        ("until" = Option<String>, Query, description = "The last month; this one if not given; a report has 36 at most",
            pattern = "^[0-9]{4}-[0-9]{2}$"),
        ("community_id" = Option<u32>, Query, description = "Only this community"),
        ("by" = Option<String>, Query, description = "What the rows are; `community_month` if not given",
            pattern = "^(community_month|month|community|kind)$"),
    ),
    responses((status = 200, description = "The report", body = String, content_type = "text/csv")),
)]
pub(super) async fn alarms_csv(
    caller: Caller<Reports>,
    State(web): State<Web>,
    Extension(ledger): Extension<Ledger>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let asked = Asked::read(&web, &caller, parameters).await?;
    in_sheet(&web, &ledger, asked, language_of(&headers)).await
}

fn view(web: &Web, asked: &Asked, counted: Counted) -> AlarmReport {
    let directory = web.directory.current();
    let figures = |tally: Tally| FiguresView::from(tally.figures());
    let name = |id: Option<CommunityId>| {
        let community = id.and_then(|id| directory.community(id));
        community.map(|community| community.name.to_string()).unwrap_or_default()
    };
    let left_out = counted.communities.len().saturating_sub(COMMUNITIES_MAX);
    let communities = counted.communities.into_iter().take(COMMUNITIES_MAX);
    let communities = communities.map(|(id, tally)| OfCommunity {
        community_id: id,
        community: name(id),
        figures: figures(tally),
    });
    let months = counted.months.into_iter();
    let months =
        months.map(|(month, tally)| OfMonth { month: month.to_string(), figures: figures(tally) });
    let kinds = counted.kinds.into_iter();
    AlarmReport {
        from: asked.period.from().to_string(),
        until: asked.period.until().to_string(),
        community_id: asked.community,
        counted_at: web.clock.now(),
        total: figures(counted.total),
        months: months.collect(),
        communities: communities.collect(),
        communities_left_out: left_out,
        kinds: kinds.map(|(kind, tally)| OfKind { kind, figures: figures(tally) }).collect(),
    }
}

async fn in_sheet(
    web: &Web,
    ledger: &Ledger,
    asked: Asked,
    language: Language,
) -> Result<Response, ApiError> {
    let counted = count(web, ledger, &asked).await?;
    let directory = web.directory.current();
    let community = |id: Option<CommunityId>| {
        let town = id.and_then(|id| directory.community(id));
        [sheet::number(id), sheet::text(town.map_or("", |town| &town.name))]
    };
    let word = |chinese, english| sheet::word((chinese, english), language);
    let (id, name) = (word("社区编号", "community_id"), word("社区", "community"));
    let (month, kind) = (word("月份", "month"), word("类别", "kind"));
    let of_month = |month: Month| vec![month.to_string()];
    let file = format!("lianfang-{}-{}", asked.period.from(), asked.period.until());
    let sheet = match asked.by {
        By::CommunityMonth => {
            let before = |(id, month): (Option<CommunityId>, Month)| {
                community(id).into_iter().chain(of_month(month)).collect()
            };
            rows(&[id, name, month], language, counted.cells, before)?
        }
        By::Month => rows(&[month], language, counted.months, of_month)?,
        By::Community => {
            rows(&[id, name], language, counted.communities, |id| community(id).into())?
        }
        By::Kind => {
            let before = |kind: AlarmKind| vec![kind_word(kind, language).to_owned()];
            rows(&[kind], language, counted.kinds, before)?
        }
    };
    sheet.answer(&file)
}

/// A sheet of figures with what stands before them in each row.
fn rows<K>(
    names: &[&str],
    language: Language,
    counted: BTreeMap<K, Tally>,
    before: impl Fn(K) -> Vec<String>,
) -> Result<Sheet, ApiError> {
    let figures = sheet::names(language);
    let names = names.iter().copied().chain(figures.iter().map(String::as_str));
    let mut sheet = Sheet::new(names)?;
    for (key, tally) in counted {
        sheet.row(before(key).into_iter().chain(sheet::cells(&tally.figures())))?;
    }
    Ok(sheet)
}

fn kind_word(kind: AlarmKind, language: Language) -> &'static str {
    let words = match kind {
        AlarmKind::Unknown => ("不明", "unknown"),
        AlarmKind::Fire => ("火警", "fire"),
        AlarmKind::Intruder => ("入侵", "intruder"),
        AlarmKind::Illness => ("急病", "illness"),
        AlarmKind::Flood => ("水患", "flood"),
        AlarmKind::Other => ("其他", "other"),
    };
    sheet::word(words, language)
}
