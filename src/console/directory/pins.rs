//! PINs of a household, for admins: the one that withdraws an alarm, and the one that only pretends to. Set and taken away,
//! never shown: they cannot be read back.

use super::{Crumb, Noun, crumbs, noun_of, title_of};
use crate::Shared;
use crate::api::Failure;
use crate::form::{Form, Sent};
use crate::frame::{Frame, failed, go, show};
use crate::lang::Lang;
use crate::question::{self, Question};
use crate::visit::Signed;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/directory/households/{id}/pins", get(ask).post(set))
        .route("/directory/households/{id}/pins/remove", get(ask_remove).post(remove))
}

#[derive(Template)]
#[template(path = "directory/pins.html")]
struct PinsPage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    name: String,
    /// The page of the household.
    path: String,
    form: Form,
}

/// A household: its noun, its name and the rows above it with itself as the last.
struct Home {
    noun: &'static Noun,
    name: String,
    crumbs: Vec<Crumb>,
}

impl Home {
    /// Only admins set PINs.
    async fn read(signed: &Signed, id: u64) -> Result<Self, Failure> {
        signed.must_be_admin()?;
        let noun = noun_of("households")?;
        let row: Value = signed.api().get(&format!("/households/{id}")).await?;
        let name = title_of(noun, &row);
        let mut crumbs = crumbs(signed, noun, &row).await?;
        crumbs.push((noun.path(id), name.clone()));
        Ok(Self { noun, name, crumbs })
    }
}

async fn ask(signed: Signed, Path(id): Path<u64>) -> Result<Response, Response> {
    page(&signed, id, Form::default(), StatusCode::OK).await.map_err(signed.fails())
}

async fn page(
    signed: &Signed,
    id: u64,
    form: Form,
    status: StatusCode,
) -> Result<Response, Failure> {
    let l = signed.lang();
    let Home { noun, name, crumbs } = Home::read(signed, id).await?;
    let frame = Frame::signed(signed, l.t("PIN 与胁迫", "PINs and duress")).await;
    Ok(show(status, &PinsPage { frame, l, crumbs, name, path: noun.path(id), form }))
}

/// Sets both PINs anew. Without one to withdraw an alarm nothing is sent: the API would take both away.
async fn set(
    signed: Signed,
    Path(id): Path<u64>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let again = async |form: Form| {
        let page = page(&signed, id, form, StatusCode::UNPROCESSABLE_ENTITY).await;
        page.map_err(signed.fails())
    };
    let (cancel, duress) = (form.get("cancel"), form.get("duress"));
    if cancel.is_empty() {
        form.blame("cancel", signed.lang().t("请填写 4 至 8 位数字。", "Enter 4 to 8 digits."));
        return again(form).await;
    }
    let body = json!({"cancel": cancel, "duress": (!duress.is_empty()).then_some(duress)});
    match signed.api().put::<Value>(&format!("/households/{id}/pins"), None, &body).await {
        Ok(_) => Ok(go(&format!("/directory/households/{id}"), "saved")),
        Err(Failure::Problem(problem)) if matches!(problem.status, 400 | 422) => {
            form.take(&problem, |pointer| match pointer {
                "/cancel" => Some("cancel".to_owned()),
                "/duress" => Some("duress".to_owned()),
                _ => None,
            });
            again(form).await
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}

async fn ask_remove(signed: Signed, Path(id): Path<u64>) -> Result<Response, Response> {
    let l = signed.lang();
    let Home { noun, name, crumbs } = Home::read(&signed, id).await.map_err(signed.fails())?;
    let path = noun.path(id);
    let question = Question {
        crumbs,
        heading: format!("{} · {name}", l.t("取消 PIN", "Take the PINs away")),
        words: l.t(
            "两个 PIN 都会取消：这户不能再用 PIN 撤销警情，胁迫 PIN 也不再示警。谁也读不出原来的，只能重设。",
            "Both PINs go: no PIN of the household withdraws an alarm any more, and the duress PIN warns nobody. Nobody can \
             read what they were; they can only be set anew.",
        ),
        action: format!("{path}/pins/remove"),
        etag: String::new(),
        asks_why: false,
        button: l.t("取消 PIN", "Take them away"),
        back: format!("{path}/pins"),
    };
    Ok(question::page(&signed, question).await)
}

async fn remove(signed: Signed, Path(id): Path<u64>, Sent(_): Sent) -> Result<Response, Response> {
    let body = json!({"cancel": null});
    let removed = signed.api().put::<Value>(&format!("/households/{id}/pins"), None, &body).await;
    removed.map_err(signed.fails())?;
    Ok(go(&format!("/directory/households/{id}"), "removed"))
}

#[cfg(test)]
mod tests {
    use crate::fake::Fake;
    use axum::http::{Method, StatusCode};
    use serde_json::{Value, json};

    const PAGE: &str = "/directory/households/5/pins";

    fn town(role: &str) -> Fake {
        let fake = Fake::new(role);
        let rows = [
            ("streets/1", json!({"id": 1, "name": "湖里街道"})),
            ("communities/2", json!({"id": 2, "street_id": 1, "name": "康乐社区"})),
            ("grids/3", json!({"id": 3, "community_id": 2, "name": "第一网格"})),
            ("groups/4", json!({"id": 4, "grid_id": 3, "name": "3号楼一组"})),
            ("households/5", json!({"id": 5, "group_id": 4, "name": "陈阿姨"})),
        ];
        for (path, row) in rows {
            fake.answers(&format!("GET /{path}"), 200, row);
        }
        for plural in ["lines", "contacts"] {
            let list = format!("GET /{plural}?after=0&limit=50&household_id=5");
            fake.answers(&list, 200, json!({"items": []}));
        }
        fake
    }

    fn sent(fake: &Fake) -> Vec<(String, Value)> {
        let asked = fake.asked().into_iter().filter(|(method, ..)| *method != Method::GET);
        asked.map(|(method, path, body)| (format!("{method} {path}"), body)).collect()
    }

    #[tokio::test]
    async fn an_admin_sets_both_pins_and_never_reads_them_back() {
        let fake = town("admin");
        fake.get("/directory/households/5").await.shows(&["href=\"/directory/households/5/pins\""]);
        let page = fake.get(PAGE).await;
        page.shows(&["PIN to cancel", "Duress PIN", "cannot be read", "陈阿姨", "name=\"cancel\""]);
        fake.get_chinese(PAGE).await.shows(&["撤销 PIN", "胁迫 PIN", "谁也读不出", "取消 PIN"]);
        fake.answers("PUT /households/5/pins", 204, Value::Null);
        for (duress, body) in [
            ("1597", json!({"cancel": "4821", "duress": "1597"})),
            ("", json!({"cancel": "4821", "duress": null})),
        ] {
            let page = fake.post(PAGE, &[("cancel", "4821"), ("duress", duress)]).await;
            assert_eq!(page.location(), "/directory/households/5?did=saved");
            assert_eq!(sent(&fake), [("PUT /households/5/pins".to_owned(), body)]);
        }
        assert!(!fake.get(PAGE).await.html.contains("4821"));
    }

    #[tokio::test]
    async fn what_is_refused_stands_beside_its_field_with_what_was_typed() {
        let fake = town("admin");
        // Nothing at all would take both away.
        for fields in [[("cancel", ""), ("duress", "1597")], [("cancel", " "), ("duress", "")]] {
            let page = fake.post(PAGE, &fields).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
            page.shows(&["id=\"cancel-error\"", "Enter 4 to 8 digits."]);
            assert_eq!(sent(&fake), []);
        }
        let faulty = json!({"type": "urn:lianfang:problem:faulty", "title": "No", "status": 422, "errors": [
            {"pointer": "/cancel", "detail": "Too easy."}, {"pointer": "/duress", "detail": "The same."}]});
        fake.answers("PUT /households/5/pins", 422, faulty);
        let page = fake.post(PAGE, &[("cancel", "1111"), ("duress", "1212")]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        page.shows(&["id=\"cancel-error\">Too easy.", "id=\"duress-error\">The same."]);
        page.shows(&["value=\"1111\"", "value=\"1212\""]);
    }

    #[tokio::test]
    async fn they_are_taken_away_only_when_asked_twice() {
        let fake = town("admin");
        let path = format!("{PAGE}/remove");
        fake.get(PAGE).await.shows(&["href=\"/directory/households/5/pins/remove\""]);
        fake.get(&path)
            .await
            .shows(&["Both PINs go", "action=\"/directory/households/5/pins/remove\""]);
        fake.get_chinese(&path).await.shows(&["两个 PIN 都会取消", "返回"]);
        assert_eq!(sent(&fake), [], "a question does nothing");
        fake.answers("PUT /households/5/pins", 204, Value::Null);
        assert_eq!(fake.post(&path, &[]).await.location(), "/directory/households/5?did=removed");
        assert_eq!(sent(&fake), [("PUT /households/5/pins".to_owned(), json!({"cancel": null}))]);
    }

    #[tokio::test]
    async fn nobody_else_is_offered_them() {
        let fake = town("operator");
        let page = fake.get("/directory/households/5").await;
        assert!(page.status == StatusCode::OK && !page.html.contains("/pins"));
        for path in [PAGE.to_owned(), format!("{PAGE}/remove")] {
            assert_eq!(fake.get(&path).await.status, StatusCode::FORBIDDEN);
        }
        let refused =
            json!({"type": "urn:lianfang:problem:forbidden", "title": "No", "status": 403});
        fake.answers("PUT /households/5/pins", 403, refused);
        for path in [PAGE.to_owned(), format!("{PAGE}/remove")] {
            let page = fake.post(&path, &[("cancel", "4821")]).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN);
        }
    }
}
