//! What is theirs, for somebody who responds: the open alarms that call them, each with the page on which they answer.

use crate::frame::{Frame, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "own.html")]
struct OwnPage {
    frame: Frame,
    l: Lang,
    alarms: Vec<OwnAlarm>,
}

#[derive(Deserialize)]
struct OwnAlarms {
    items: Vec<OwnAlarm>,
}

#[derive(Deserialize)]
struct OwnAlarm {
    id: String,
    raised_at: Timestamp,
    is_drill: bool,
    /// Where they answer; none where there are no such pages.
    page: Option<String>,
}

/// The open alarms that call who is signed in.
pub(crate) async fn page(signed: &Signed) -> Result<Response, Response> {
    let own: OwnAlarms = signed.api().get("/session/alarms").await.map_err(signed.fails())?;
    let l = signed.lang();
    let frame = Frame::signed(signed, l.t("我的警情", "My alarms")).await;
    Ok(show(StatusCode::OK, &OwnPage { frame, l, alarms: own.items }))
}

#[cfg(test)]
mod tests {
    use crate::fake::Fake;
    use serde_json::json;

    #[tokio::test]
    async fn who_responds_sees_the_alarms_that_call_them() {
        let fake = Fake::new("responder");
        fake.answers("GET /session/alarms", 200, json!({"items": []}));
        fake.get("/").await.shows(&["My alarms", "No open alarm calls you."]);
        let alarm = |id: &str, page: Option<&str>| {
            json!({"id": id, "raised_at": "2026-11-22T03:00:00Z", "is_drill": page.is_none(),
                "party": 3, "page": page})
        };
        let own = json!({"items": [alarm("0ABCDEFGHJKMN", Some("/r/abc")), alarm("0BBCDEFGHJKMN", None)]});
        fake.answers("GET /session/alarms", 200, own);
        let page = fake.get("/").await;
        page.shows(&["href=\"/r/abc\"", "22 Nov 2026, 11:00", "0BBCDEFGHJKMN", "Drill"]);
        fake.get_chinese("/").await.shows(&["我的警情", "打开并答复"]);
    }
}
