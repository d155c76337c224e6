//! What is asked before somebody's password or second factor is taken from them.

use super::{Account, crumbs, read};
use crate::question::{self, Question};
use crate::visit::Signed;
use axum::extract::Path;
use axum::response::Response;

/// What differs between the questions: the last part of the path, and the words.
struct Words {
    part: &'static str,
    heading: &'static str,
    words: &'static str,
    button: &'static str,
}

/// Asks whether somebody shall get a one-time password.
pub(super) async fn password(signed: Signed, Path(id): Path<u64>) -> Result<Response, Response> {
    let l = signed.lang();
    let words = Words {
        part: "password",
        heading: l.t("换成一次性密码", "Give a one-time password"),
        words: l.t(
            "原来的密码立即作废，所有登录随即结束：正在值班的会被退出。一次性密码只显示一次，须当面或打电话告诉本人。",
            "Their password is void at once and all of their sessions end: who is on duty is signed out. The one-time password \
             is shown once, to be told in person or by telephone.",
        ),
        button: l.t("换成一次性密码", "Give it"),
    };
    page(&signed, id, words).await
}

/// Asks whether somebody shall lose their second factor.
pub(super) async fn second_factor(
    signed: Signed,
    Path(id): Path<u64>,
) -> Result<Response, Response> {
    let l = signed.lang();
    let words = Words {
        part: "second-factor",
        heading: l.t("取消两步验证", "Take the second factor away"),
        words: l.t(
            "无法恢复：手机里的验证码和备用码都作废，所有登录随即结束。在重新设置之前，凭密码就能登录；管理员下次登录时须重新设置。",
            "It cannot be taken back: the codes of their telephone and their recovery codes are void, and all of their sessions \
             end. Until it is set up anew, the password alone lets them in; an admin has to set it up at the next sign-in.",
        ),
        button: l.t("取消两步验证", "Take it away"),
    };
    page(&signed, id, words).await
}

async fn page(signed: &Signed, id: u64, words: Words) -> Result<Response, Response> {
    let Account { display_name, .. } = read(signed, id).await?.row;
    let back = format!("/accounts/{id}");
    let mut crumbs = crumbs(signed.lang());
    crumbs.push((back.clone(), display_name.clone()));
    let question = Question {
        crumbs,
        heading: format!("{} · {display_name}", words.heading),
        words: words.words,
        action: format!("{back}/{}", words.part),
        etag: String::new(),
        asks_why: false,
        button: words.button,
        back,
    };
    Ok(question::page(signed, question).await)
}
