use crate::fake::Fake;
use axum::http::StatusCode;
use serde_json::{Value, json};

const ID: &str = "0a1b2c3d";

fn fake() -> Fake {
    let fake = Fake::new("admin");
    let change = json!({"id": 7, "kind": "import", "at": "2026-11-22T03:12:00Z", "who": "account:2", "who_name": "王敏", "why": "年度核对",
        "added": 2, "changed": 1, "removed": 0, "undone_by": null});
    let mut undone = change.clone();
    undone["id"] = json!(6);
    undone["undone_by"] = json!(7);
    fake.answers(
        "GET /history/changes?limit=20",
        200,
        json!({"items": [change, undone], "next": 6}),
    );
    fake
}

fn found(state: &str) -> Value {
    let file = json!({"file": "contacts.csv", "label": "contacts", "added": 1, "changed": 0, "removed": 2, "unchanged": 7});
    let other = json!({"file": "posts.csv", "label": "posts", "added": 0, "changed": 0, "removed": 0, "unchanged": 4});
    let cell = json!({"column": "numbers", "label": "numbers", "before": "139****0000/both", "after": "138****1234/both"});
    let row = json!({"file": "contacts.csv", "label": "contacts", "action": "added", "name": "小陈", "above": "陈阿姨", "changes": [cell]});
    json!({"id": ID, "state": state, "fingerprint": "f", "replace": true, "is_anew": false, "done": 30, "of": 100,
        "files": [file, other], "secrets": 3, "posts_held": 0, "rows": [row], "problems": [], "problems_total": 0,
        "detail": null, "next": 40, "change_id": null})
}

/// Lets the API tell of the import, from its first row.
fn stands(fake: &Fake, found: Value) {
    fake.answers(&format!("GET /imports/{ID}?after=0&limit=40"), 200, found);
}

#[tokio::test]
async fn files_are_sent_on_and_what_is_wrong_stands_beside_the_field() {
    let fake = fake();
    let page = fake.get_chinese("/directory/import").await;
    page.shows(&[
        "上传并查看差异",
        "/directory/export",
        "整体撤销",
        "已撤销",
        "2026年11月22日 11:12",
    ]);
    page.shows(&["/directory/changes/7/undo", "/directory/import?before=6#changes"]);
    let earlier = json!({"items": [], "next": null});
    fake.answers("GET /history/changes?limit=20&after=6", 200, earlier);
    let page_two = fake.get("/directory/import?before=6").await;
    assert!(!page_two.html.contains("/directory/changes/7/undo"), "that is on the first page");
    assert_eq!(page_two.status, StatusCode::OK);
    assert!(!page.html.contains("/directory/changes/6/undo"));
    let csrf = crate::visit::csrf_of("s");
    fake.answers("POST /imports?replace=false", 201, json!({"id": ID}));
    let page = fake.post_file("/directory/import", "PK", &csrf).await;
    assert_eq!(page.location(), format!("/directory/import/{ID}"));
    let refused = fake.post_file("/directory/import", "PK", "guessed").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let empty = fake.post_file("/directory/import", "", &csrf).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    empty.shows(&["Please choose a file.", "aria-describedby=\"file-error\""]);
    let problem = json!({"type": "urn:lianfang:problem:no-import", "title": "x", "status": 422, "detail": "It is damaged."});
    fake.answers("POST /imports?replace=false", 422, problem);
    fake.post_file("/directory/import", "PK", &csrf).await.shows(&["It is damaged."]);
}

#[tokio::test]
async fn the_difference_is_shown_and_can_be_applied_or_thrown_away() {
    let fake = fake();
    stands(&fake, found("ready"));
    let path = format!("/directory/import/{ID}");
    let page = fake.get(&path).await;
    page.shows(&["小陈", "陈阿姨", "<del>139****0000/both</del>", "<ins>138****1234/both</ins>"]);
    page.shows(&["3 lines get new secrets", "This removes", "Import this", "Throw it away"]);
    page.shows(&[&format!("{path}?after=40"), "name=\"etag\" value=\"&#34;1&#34;\""]);
    assert!(page.html.len() < 100 * 1024);
    assert!(!page.html.contains(">posts<"), "a sheet that stays as it is takes no room");
    fake.get_chinese(&path).await.shows(&["将要改动", "导入这些改动", "不导入"]);

    fake.answers(&format!("POST /imports/{ID}/apply"), 200, found("applied"));
    let form = [("etag", "\"1\""), ("reason", "年度核对")];
    assert_eq!(fake.post(&format!("{path}/apply"), &form).await.location(), path);
    stands(&fake, found("applied"));
    fake.get(&path).await.shows(&["Imported", "undo all of it"]);

    stands(&fake, found("ready"));
    let changed =
        json!({"type": "urn:lianfang:problem:import-changed", "title": "x", "status": 412});
    fake.answers(&format!("POST /imports/{ID}/apply"), 412, changed);
    let page = fake.post(&format!("{path}/apply"), &form).await;
    assert_eq!(page.status, StatusCode::PRECONDITION_FAILED);
    page.shows(&["as they are now", "value=\"年度核对\"", "Import this"]);
    fake.answers(&format!("DELETE /imports/{ID}"), 204, Value::Null);
    let page = fake.post(&format!("{path}/discard"), &[("state", "ready")]).await;
    assert_eq!(page.location(), "/directory/import?did=discarded");
}

#[tokio::test]
async fn long_work_says_how_far_it_is_and_can_be_ended() {
    let fake = fake();
    let path = format!("/directory/import/{ID}");
    stands(&fake, found("comparing"));
    let page = fake.get(&path).await;
    page.shows(&["<progress max=\"100\" value=\"30\"", "30 / 100", "data-soon", "Cancel"]);
    assert!(!page.html.contains("Import this"));
    stands(&fake, found("applying"));
    fake.get_chinese(&path).await.shows(&["正在导入", "看看进度", "取消"]);
    fake.answers(&format!("DELETE /imports/{ID}"), 204, Value::Null);
    let page = fake.post(&format!("{path}/discard"), &[("state", "applying")]).await;
    assert_eq!(page.location(), path, "whether it was in time is said there");
    stands(&fake, found("cancelled"));
    fake.get(&path).await.shows(&["Cancelled; nothing was changed."]);
    stands(&fake, found("failed"));
    fake.get(&path).await.shows(&["ask an administrator"]);
}

#[tokio::test]
async fn every_mistake_is_listed() {
    let fake = fake();
    let mut wrong = found("faulty");
    wrong["problems"] = json!([{"file": "lines.csv", "label": "线路", "row": 3, "column": "number", "column_label": "号码", "detail": "没有数字"}]);
    wrong["problems_total"] = json!(1200);
    stands(&fake, wrong);
    let page = fake.get_chinese(&format!("/directory/import/{ID}")).await;
    page.shows(&["什么也没有改", "1200", "线路", "号码", "没有数字", "更多"]);
    assert!(!page.html.contains("导入这些改动"));
}

#[tokio::test]
async fn what_is_not_kept_any_more_is_sent_again() {
    let fake = fake();
    let page = fake.get("/directory/import/0a1b").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    page.shows(&["not kept any more", "Send and look"]);
    fake.get("/directory/import/..%2Fsession").await.shows(&["not kept any more"]);
}

#[tokio::test]
async fn an_import_is_taken_back_as_a_whole() {
    let fake = fake();
    fake.answers("POST /history/changes/7/undo", 204, Value::Null);
    let page = fake.post("/directory/changes/7/undo", &[]).await;
    assert_eq!(page.location(), "/directory/import?did=undone#changes");
    let problem = json!({"type": "urn:lianfang:problem:edited-since", "title": "x", "status": 409, "detail": "Edited since."});
    fake.answers("POST /history/changes/7/undo", 409, problem);
    let page = fake.post("/directory/changes/7/undo", &[]).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    page.shows(&["Edited since."]);
}

#[tokio::test]
async fn names_of_files_cannot_break_the_form_that_is_sent_on() {
    let file = ("a\"\r\nx: y.csv".to_owned(), axum::body::Bytes::from_static(b"name\n"));
    let body = super::parts(&[file]);
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(text.contains("filename=\"ax: y.csv\"\r\n\r\nname\n\r\n--"), "{text}");
}
