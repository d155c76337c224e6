//! What a telephone number is understood as while it is typed: one sentence for the place beside the field.
//!
//! The API reads it as it would when the row is saved. Without script nobody asks, and the same is said after saving.

use super::number::is_masked;
use crate::api::Failure;
use crate::form::Form;
use crate::lang::Lang;
use crate::visit::Signed;
use axum::http::StatusCode;
use serde::Deserialize;

/// A number as the API understood it.
#[derive(Deserialize)]
struct Understood {
    sort: String,
    shown: String,
    area_code: Option<String>,
    is_local: bool,
    extension: Option<String>,
    to_confirm: bool,
}

impl Understood {
    fn words(&self, l: Lang) -> String {
        let shown = &self.shown;
        let area = self.area_code.as_deref().unwrap_or_default();
        let words = match (self.sort.as_str(), self.is_local) {
            ("mobile", _) => format!("{} {shown}", l.t("手机", "mobile")),
            ("landline", true) => format!("{} {shown}", l.t("本市固话", "landline of this city")),
            ("landline", false) => {
                format!("{} {shown}", l.t("外地固话", "landline of another city"))
            }
            ("service", _) => match l {
                Lang::Chinese => format!("{area} 的短号 {shown}"),
                Lang::English => format!("short number {shown} of {area}"),
            },
            ("extension", _) => format!("{} {shown}", l.t("内线分机", "extension")),
            ("abroad", _) => format!("{} {shown}", l.t("境外号码", "number abroad,")),
            _ => format!("{} {shown}", l.t("全国号码", "number of no city,")),
        };
        let extension = self.extension.as_deref().unwrap_or_default();
        let behind = match l {
            _ if extension.is_empty() => String::new(),
            Lang::Chinese => format!("，接通后拨 {extension}"),
            Lang::English => format!(", then {extension}"),
        };
        let doubt = if self.to_confirm {
            l.t(
                "。看起来不像电话号码，请核对",
                ". It looks like no telephone number: please check it",
            )
        } else {
            ""
        };
        format!("{words}{behind}{doubt}")
    }
}

/// Says what a number is understood as, or with 422 what is wrong with it.
pub(super) async fn check(signed: Signed) -> (StatusCode, String) {
    let l = signed.lang();
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let asked = Form::parse(query.as_bytes());
    let text = asked.get("text");
    if text.is_empty() {
        return (StatusCode::OK, String::new());
    }
    if is_masked(text) {
        return (StatusCode::OK, l.t("不变", "stays as it is").to_owned());
    }
    let Ok(community) = asked.get("community").parse::<u32>() else {
        return (StatusCode::NOT_FOUND, String::new());
    };
    let written: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let path = format!("/numbers?community_id={community}&text={written}");
    match signed.api().get::<Understood>(&path).await {
        Ok(understood) => (StatusCode::OK, understood.words(l)),
        Err(Failure::Problem(problem)) => {
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::NOT_FOUND);
            let words = problem.errors.first().map(|mistake| mistake.detail.clone());
            (status, words.unwrap_or_default())
        }
        Err(Failure::Unreadable(error)) => {
            tracing::error!(%error, "An answer of the API on a number cannot be read");
            (StatusCode::INTERNAL_SERVER_ERROR, String::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::fake::Fake;
    use axum::http::StatusCode;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn a_number_that_is_typed_says_what_it_is() {
        let number = |sort: &str, shown: &str, more: Value| {
            let mut number = json!({"key": "k", "sort": sort, "shown": shown, "area_code": null, "is_local": false,
                "extension": null, "sms": false, "to_confirm": false});
            for (name, value) in more.as_object().unwrap() {
                number[name] = value.clone();
            }
            number
        };
        for (number, english, chinese) in [
            (
                number("mobile", "138 0000 1234", json!({})),
                "mobile 138 0000 1234",
                "手机 138 0000 1234",
            ),
            (
                number("landline", "0592-5551502", json!({"is_local": true, "area_code": "0592"})),
                "landline of this city 0592-5551502",
                "本市固话 0592-5551502",
            ),
            (
                number("landline", "010-88886666", json!({"area_code": "010", "extension": "801"})),
                "landline of another city 010-88886666, then 801",
                "外地固话 010-88886666，接通后拨 801",
            ),
            (
                number("service", "12349", json!({"area_code": "0592"})),
                "short number 12349 of 0592",
                "0592 的短号 12349",
            ),
            (number("extension", "801", json!({})), "extension 801", "内线分机 801"),
            (
                number("abroad", "+4930123", json!({})),
                "number abroad, +4930123",
                "境外号码 +4930123",
            ),
            (
                number("national", "128000", json!({"to_confirm": true})),
                "number of no city, 128000. It looks like no telephone number: please check it",
                "全国号码 128000。看起来不像电话号码，请核对",
            ),
        ] {
            let fake = Fake::new("operator");
            fake.answers("GET /numbers?community_id=7&text=0592+%2F1", 200, number);
            let path = "/directory/numbers?community=7&text=0592%20%2F1";
            assert_eq!(fake.get(path).await.html, english);
            assert_eq!(fake.get_chinese(path).await.html, chinese);
        }
    }

    #[tokio::test]
    async fn what_is_wrong_is_said_and_a_masked_number_is_not_asked_for() {
        let fake = Fake::new("operator");
        let wrong = json!({"type": "t", "title": "t", "status": 422,
            "errors": [{"pointer": "/text", "detail": "Needs digits."}]});
        fake.answers("GET /numbers?community_id=7&text=abc", 422, wrong);
        let page = fake.get("/directory/numbers?community=7&text=abc").await;
        assert_eq!(
            (page.status, page.html.as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, "Needs digits.")
        );
        fake.asked();
        for (query, status, words) in [
            ("community=7&text=138****1234", StatusCode::OK, "stays as it is"),
            ("community=7&text=+", StatusCode::OK, ""),
            ("community=x&text=1", StatusCode::NOT_FOUND, ""),
        ] {
            let page = fake.get(&format!("/directory/numbers?{query}")).await;
            assert_eq!((page.status, page.html.as_str()), (status, words), "{query}");
        }
        assert_eq!(fake.asked(), []);
    }
}
