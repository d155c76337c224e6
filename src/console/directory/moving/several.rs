//! Moving several households of a group at once: all of them or none, by one request to the API.

use super::super::group::below_group;
use super::{Chooser, SurePage, changes, id_of, levels, moved_draft, title_of};
use crate::api::{Failure, Problem};
use crate::directory::Noun;
use crate::directory::noun_of;
use crate::form::{Form, Sent};
use crate::frame::{Frame, failed, go, show};
use crate::lang::Lang;
use crate::visit::Signed;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};

/// Households of a group that are moved, and the group.
struct Subject {
    noun: &'static Noun,
    group: Value,
    community: u64,
    /// Those that are chosen, as they are.
    rows: Vec<Value>,
}

impl Subject {
    /// The households that a query or form names, if they are still in the group.
    async fn read(signed: &Signed, id: u64, asked: &Form) -> Result<Self, Failure> {
        signed.must_be_admin()?;
        let noun = noun_of("households")?;
        let group: Value = signed.api().get(&format!("/groups/{id}")).await?;
        let grid = group.get("grid_id").and_then(Value::as_u64).unwrap_or_default();
        let grid: Value = signed.api().get(&format!("/grids/{grid}")).await?;
        let community = grid.get("community_id").and_then(Value::as_u64).unwrap_or_default();
        let mut rows: Vec<Value> =
            signed.api().get_all(&format!("/households?limit=200&group_id={id}")).await?;
        rows.retain(|row| asked.has("household", &id_of(row).to_string()));
        Ok(Self { noun, group, community, rows })
    }

    fn ids(&self) -> Vec<u64> {
        self.rows.iter().map(id_of).collect()
    }

    fn path(&self) -> String {
        format!("/directory/groups/{}", id_of(&self.group))
    }

    /// What the choice brings along.
    fn kept(&self) -> Vec<(String, String)> {
        self.ids().iter().map(|id| ("household".to_owned(), id.to_string())).collect()
    }

    fn title(&self, l: Lang) -> String {
        let names: Vec<String> = self.rows.iter().map(|row| title_of(self.noun, row)).collect();
        names.join(l.t("、", ", "))
    }
}

pub(super) async fn ask(signed: Signed, Path(id): Path<u64>) -> Result<Response, Response> {
    let l = signed.lang();
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let asked = Form::parse(query.as_bytes());
    let subject = Subject::read(&signed, id, &asked).await.map_err(signed.fails())?;
    if subject.rows.is_empty() {
        return Ok(Redirect::to(&format!("{}#several", subject.path())).into_response());
    }
    if let Ok(to) = asked.get("to").parse::<u64>() {
        let page = sure(&signed, &subject, to, (Form::default(), StatusCode::OK)).await;
        return page.map_err(signed.fails());
    }
    let chooser = Chooser {
        title: match l {
            Lang::Chinese => format!("移动{}", subject.title(l)),
            Lang::English => format!("Move {}", subject.title(l)),
        },
        crumbs: below_group(&signed, &subject.group).await.map_err(signed.fails())?,
        path: format!("{}/several", subject.path()),
        kept: subject.kept(),
        levels: levels("households"),
        community: Some(subject.community),
        now: id,
        back: subject.path(),
    };
    chooser.page(&signed, &asked).await.map_err(signed.fails())
}

async fn sure(
    signed: &Signed,
    subject: &Subject,
    to: u64,
    (form, status): (Form, StatusCode),
) -> Result<Response, Failure> {
    let l = signed.lang();
    let groups = noun_of("groups")?;
    let target: Value = signed.api().get(&format!("/groups/{to}")).await?;
    let title = subject.title(l);
    let (was, is) = (title_of(groups, &subject.group), title_of(groups, &target));
    let moved =
        changes::Moved { title: &title, from: &subject.group, to: &target, was: &was, is: &is };
    let mut kept = subject.kept();
    let version = |row: &Value| {
        let version = row.get("version").and_then(Value::as_u64).unwrap_or_default();
        (format!("version.{}", id_of(row)), version.to_string())
    };
    kept.extend(subject.rows.iter().map(version));
    let page = SurePage {
        frame: Frame::signed(signed, title.clone()).await,
        l,
        crumbs: below_group(signed, &subject.group).await?,
        heading: changes::heading(&moved, l),
        changes: changes::of_households(signed, &subject.ids(), &moved).await?,
        action: format!("{}/several", subject.path()),
        etag: String::new(),
        to,
        kept,
        choose: format!("{}#several", subject.path()),
        back: subject.path(),
        form,
    };
    Ok(show(status, &page))
}

/// Moves households that were seen at these versions: all of them or none.
pub(super) async fn save(
    signed: Signed,
    Path(id): Path<u64>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let l = signed.lang();
    let subject = Subject::read(&signed, id, &form).await.map_err(signed.fails())?;
    let asked = form.all("household").count();
    let to = form.get("to").parse::<u64>().ok().filter(|_| asked == subject.rows.len());
    let (Some(to), false) = (to, subject.rows.is_empty()) else {
        let detail = l.t(
            "有的住户已经不在这个组里了，什么也没有移动。请回到这个组重新选择。",
            "Some of the households are no longer in this group; nothing was moved. Go back to the group and choose anew.",
        );
        let problem = Problem { status: 409, detail: detail.to_owned(), ..Problem::default() };
        return Err(failed(&signed.visitor, &Failure::Problem(Box::new(problem))));
    };
    let operation = |row: &Value| {
        let id = id_of(row);
        let seen: u32 = form.get(&format!("version.{id}")).parse().unwrap_or_default();
        json!({"op": "replace", "noun": "households", "id": id, "version": seen,
            "value": moved_draft(subject.noun, row, to, l)})
    };
    let operations: Vec<Value> = subject.rows.iter().map(operation).collect();
    let api = signed.api().because(form.get("reason"));
    match api.post::<Value>("/bulk", &json!({"operations": operations})).await {
        Ok(_) => Ok(go(&format!("/directory/groups/{to}"), "moved")),
        Err(Failure::Problem(problem)) if matches!(problem.status, 400 | 409 | 412 | 422) => {
            take(&mut form, &problem, &subject);
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::CONFLICT);
            sure(&signed, &subject, to, (form, status)).await.map_err(signed.fails())
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}

/// What was wrong, by the names of the households.
fn take(form: &mut Form, problem: &Problem, subject: &Subject) {
    let said: Vec<String> = problem
        .errors
        .iter()
        .map(|mistake| {
            let at = mistake.pointer.split('/').nth(2).and_then(|at| at.parse::<usize>().ok());
            let row = at.and_then(|at| subject.rows.get(at));
            let name = row.map(|row| title_of(subject.noun, row)).unwrap_or_default();
            format!("{name} {}", mistake.detail).trim().to_owned()
        })
        .collect();
    let whole = if problem.detail.is_empty() { &problem.title } else { &problem.detail };
    form.problem = Some(if said.is_empty() { whole.clone() } else { said.join(" ") });
}
