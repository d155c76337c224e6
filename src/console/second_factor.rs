//! Setting up the second factor: a picture for the authenticator, one right code, and the recovery codes, shown once.

use crate::Shared;
use crate::api::Failure;
use crate::form::{Form, Sent};
use crate::frame::{self, Frame, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use qrcode::QrCode;
use qrcode::render::svg;
use serde::Deserialize;
use serde_json::json;

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/second-factor", get(ask).post(go_on))
}

#[derive(Template)]
#[template(path = "second_factor.html")]
struct SecondFactorPage {
    frame: Frame,
    l: Lang,
    form: Form,
    step: Step,
}

/// How far it is.
enum Step {
    /// The password is asked for.
    Password,
    /// The authenticator has to be told; a code of it is asked for.
    Code {
        /// The key, to be typed, in fours.
        key: String,
        /// The picture, as SVG.
        picture: String,
    },
    /// It is set up.
    Done {
        /// Each good for once.
        codes: Vec<String>,
    },
}

/// What the authenticator needs.
#[derive(Deserialize)]
struct Enrolment {
    secret: String,
    uri: String,
}

#[derive(Deserialize)]
struct Codes {
    recovery_codes: Vec<String>,
}

async fn ask(signed: Signed) -> Response {
    page(&signed, Form::default(), Step::Password, StatusCode::OK).await
}

async fn page(signed: &Signed, form: Form, step: Step, status: StatusCode) -> Response {
    let l = signed.lang();
    let frame = Frame::signed(signed, l.t("两步验证", "Second factor")).await;
    show(status, &SecondFactorPage { frame, l, form, step })
}

/// The password first, then a code; the key is sent along, so that a wrong code does not begin anew.
async fn go_on(signed: Signed, Sent(mut form): Sent) -> Response {
    if form.get("code").is_empty() {
        let body = json!({"password": form.get("password")});
        return match signed.api().post::<Enrolment>("/session/totp", &body).await {
            Ok(enrolment) => {
                form.set("uri", enrolment.uri.clone());
                form.set("key", enrolment.secret.clone());
                let step = told(&enrolment);
                page(&signed, form, step, StatusCode::OK).await
            }
            Err(failure) => refused(&signed, form, Step::Password, failure, "password").await,
        };
    }
    let code: String = form.get("code").chars().filter(char::is_ascii_digit).collect();
    match signed.api().put::<Codes>("/session/totp", None, &json!({"code": code})).await {
        Ok(codes) => {
            let step = Step::Done { codes: codes.recovery_codes };
            page(&signed, Form::default(), step, StatusCode::OK).await
        }
        Err(failure) => {
            let enrolment =
                Enrolment { secret: form.get("key").to_owned(), uri: form.get("uri").to_owned() };
            refused(&signed, form, told(&enrolment), failure, "code").await
        }
    }
}

async fn refused(
    signed: &Signed,
    mut form: Form,
    step: Step,
    failure: Failure,
    field: &str,
) -> Response {
    match failure {
        Failure::Problem(problem) if problem.status < 500 => {
            let words = if problem.detail.is_empty() { &problem.title } else { &problem.detail };
            form.blame(field, words.clone());
            page(signed, form, step, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        failure @ (Failure::Problem(_) | Failure::Unreadable(_)) => {
            frame::failed(&signed.visitor, &failure)
        }
    }
}

fn told(enrolment: &Enrolment) -> Step {
    let letters: Vec<char> = enrolment.secret.chars().collect();
    let key = letters.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>();
    let picture = QrCode::new(&enrolment.uri).map(|code| {
        let colours = (svg::Color("#000"), svg::Color("#fff"));
        let (dark, light) = colours;
        code.render().min_dimensions(200, 200).dark_color(dark).light_color(light).build()
    });
    // Without a picture the key is typed.
    Step::Code { key: key.join(" "), picture: picture.unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use crate::fake::Fake;
    use axum::http::StatusCode;
    use serde_json::json;

    #[tokio::test]
    async fn a_second_factor_is_set_up_in_three_steps() {
        let fake = Fake::new("admin");
        fake.get("/second-factor").await.shows(&["name=\"password\""]);
        let uri = "otpauth://totp/Lianfang:wang?secret=ABCDEFGH&issuer=Lianfang";
        fake.answers("POST /session/totp", 200, json!({"secret": "ABCDEFGH", "uri": uri}));
        let page = fake.post("/second-factor", &[("password", "p")]).await;
        page.shows(&["ABCD EFGH", "<svg", "name=\"code\""]);
        let wrong = json!({"type": "urn:lianfang:problem:wrong-code", "title": "t", "status": 422, "detail": "Not right."});
        fake.answers("PUT /session/totp", 422, wrong);
        let sent = [("code", "123 456"), ("key", "ABCDEFGH"), ("uri", uri)];
        let page = fake.post("/second-factor", &sent).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        page.shows(&["Not right.", "ABCD EFGH"]);
        fake.answers("PUT /session/totp", 200, json!({"recovery_codes": ["aaaa-bbbb"]}));
        fake.post("/second-factor", &sent).await.shows(&["aaaa-bbbb"]);
        let (_, path, body) = fake.asked().pop().unwrap();
        assert_eq!((path.as_str(), body), ("/session/totp", json!({"code": "123456"})));
    }

    #[tokio::test]
    async fn who_needs_a_second_factor_does_nothing_before() {
        let fake = Fake::new("admin");
        let account = json!({"name": "wang", "role": "admin"});
        let session = json!({"account": account, "needs_second_factor": true});
        fake.answers("GET /session", 200, session);
        assert_eq!(fake.get("/").await.location(), "/second-factor");
        fake.get_chinese("/second-factor").await.shows(&["两步验证"]);
    }
}
