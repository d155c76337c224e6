use crate::fake::Fake;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

fn recording(version: u32, state: &str) -> Value {
    json!({"version": version, "state": state, "made_at": "2026-11-21T03:12:00Z", "made_by": "worker 3",
        "made_by_name": "王敏", "length_ms": 2310, "level_db": -20.1})
}

fn clips(items: &Value) -> Value {
    json!({"community_id": 7, "language": "nan", "order": ["nan"], "numbers": ["05925550008"], "items": items})
}

/// A community with one clip that is recorded, one that is not, and one of another part.
fn known(role: &str) -> Fake {
    let fake = Fake::new(role);
    let items = json!([
        {"clip": "alarm", "code": "101", "keys": "3*101", "text": "家里有人按了报警", "source": "community",
            "recording": recording(2, "current")},
        {"clip": "keys", "code": "106", "keys": "3*106", "text": "我去请按一", "source": "missing", "recording": null},
        {"clip": "unit-building", "code": "201", "keys": "3*201", "text": "号楼", "source": "missing",
            "recording": null},
    ]);
    for path in ["/communities/7/recordings", "/communities/7/recordings?language=nan"] {
        fake.answers(&format!("GET {path}"), 200, clips(&items));
    }
    let community = json!({"id": 7, "name": "康乐", "language": "nan"});
    fake.answers("GET /communities/7", 200, community.clone());
    fake.answers(
        "GET /communities?after=0&limit=50",
        200,
        json!({"items": [community], "next": null}),
    );
    let versions = json!([recording(2, "current"), recording(1, "kept")]);
    fake.answers("GET /communities/7/recordings/nan/alarm", 200, versions);
    fake
}

#[tokio::test]
async fn the_list_says_what_is_recorded_by_whom_and_what_is_missing() {
    let fake = known("operator");
    fake.get("/prompts").await.shows(&["/prompts/7\"", "康乐", "Minnan", "/prompts/all\""]);
    let page = fake.get("/prompts/7").await;
    page.shows(&["家里有人按了报警", "3*101#", "recorded here", "王敏", "2.3 s · -20 dB"]);
    page.shows(&["/prompts/7/nan/alarm/2/sound.wav", "not recorded", "<strong>2</strong> / 3"]);
    page.shows(&["21 Nov 2026, 11:12", "05925550008", "aria-current=\"page\">Sentences"]);
    assert!(!page.html.contains("号楼"), "another part");
    assert!(!page.html.contains("/prompts/7/order"), "an operator only looks");
    let missing = fake.get("/prompts/7?language=nan&missing=yes").await;
    missing.shows(&["号楼", "我去请按一"]);
    assert!(!missing.html.contains("家里有人按了报警"));
    let chinese = fake.get_chinese("/prompts/7?language=nan&part=words").await;
    chinese.shows(&["号楼", "没有录音", "地址用字", "要念的话"]);
    fake.get_chinese("/prompts").await.shows(&["各社区通用", "闽南语"]);
}

#[tokio::test]
async fn the_order_of_languages_is_kept_or_shown_again() {
    let fake = known("admin");
    fake.get("/prompts/7").await.shows(&["action=\"/prompts/7/order\"", "Save the order"]);
    fake.answers("PUT /communities/7/recordings/order", 204, json!(null));
    let page = fake.post(
        "/prompts/7/order",
        &[("order", "nan"), ("order", ""), ("order", "nan"), ("order", "en")],
    );
    assert_eq!(page.await.location(), "/prompts/7?did=saved#order");
    let sent = fake.asked().into_iter().find(|(method, ..)| *method == Method::PUT).unwrap();
    assert_eq!(sent.2, json!({"languages": ["nan", "en"]}));
    let wrong = json!({"type": "t", "title": "t", "status": 422,
        "errors": [{"pointer": "/languages/0", "detail": "No such language."}]});
    fake.answers("PUT /communities/7/recordings/order", 422, wrong);
    let page = fake.post("/prompts/7/order", &[("order", "yue")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["No such language.", "<option value=\"yue\" selected>"]);
}

#[tokio::test]
async fn a_clip_has_versions_and_says_how_to_record_it() {
    let fake = known("admin");
    let page = fake.get("/prompts/7/nan/alarm").await;
    page.shows(&["家里有人按了报警", "multipart/form-data", "05925550008", "3*101#"]);
    page.shows(&[
        "/prompts/7/nan/alarm/1/restore",
        "/prompts/7/nan/alarm/withdraw",
        "/prompts/7/nan/alarm/2/erase",
    ]);
    fake.get_chinese("/prompts/7/nan/alarm").await.shows(&["打电话录音", "正在使用", "旧版"]);
    let page = known("operator").get("/prompts/7/nan/alarm").await;
    page.shows(&["Versions"]);
    assert!(!page.html.contains("multipart"), "an operator only looks");
    assert_eq!(fake.get("/prompts/7/nan/nothing").await.status, StatusCode::NOT_FOUND);
    assert_eq!(fake.get("/prompts/7/fr/alarm").await.status, StatusCode::NOT_FOUND);
    assert_eq!(fake.get("/prompts/07/nan/alarm").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_file_is_uploaded_or_refused_beside_its_field() {
    let fake = known("admin");
    let csrf = crate::visit::csrf_of("s");
    let path = "/prompts/7/nan/alarm";
    let refused = json!({"type": "urn:lianfang:problem:sound-refused", "title": "Recording not usable", "status": 422,
        "detail": "It is too loud (-3 dBFS); keep away from the microphone and record again."});
    fake.answers("PUT /communities/7/recordings/nan/alarm", 422, refused);
    let page = fake.post_file(path, "RIFF", &csrf).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["It is too loud (-3 dBFS)", "id=\"file-error\"", "href=\"#file\""]);
    let too_large = json!({"type": "t", "title": "t", "status": 413});
    fake.answers("PUT /communities/7/recordings/nan/alarm", 413, too_large);
    fake.post_file(path, "RIFF", &csrf).await.shows(&["at most 12 MiB"]);
    fake.post_file(path, "", &csrf).await.shows(&["Choose a recording."]);
    fake.answers("PUT /communities/7/recordings/nan/alarm", 201, recording(3, "current"));
    assert_eq!(
        fake.post_file(path, "RIFF", &csrf).await.location(),
        "/prompts/7/nan/alarm?did=added"
    );
    assert_eq!(fake.post_file(path, "RIFF", "wrong").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn versions_come_back_and_are_forgotten_only_when_asked_twice() {
    let fake = known("admin");
    let path = "/communities/7/recordings/nan/alarm";
    fake.answers(&format!("POST {path}/versions/1/restore"), 200, recording(1, "current"));
    fake.answers(&format!("DELETE {path}"), 204, json!(null));
    fake.answers(&format!("DELETE {path}/versions/1"), 204, json!(null));
    let done = fake.post("/prompts/7/nan/alarm/1/restore", &[]).await;
    assert_eq!(done.location(), "/prompts/7/nan/alarm?did=undone");
    let done = fake.post("/prompts/7/nan/alarm/withdraw", &[]).await;
    assert_eq!(done.location(), "/prompts/7/nan/alarm?did=done");
    fake.asked();
    let sure = fake.get("/prompts/7/nan/alarm/1/erase").await;
    sure.shows(&["It cannot be taken back", "class=\"stop\""]);
    assert!(fake.asked().iter().all(|(method, ..)| *method == Method::GET));
    assert_eq!(fake.get("/prompts/7/nan/alarm/9/erase").await.status, StatusCode::NOT_FOUND);
    let done = fake.post("/prompts/7/nan/alarm/1/erase", &[]).await;
    assert_eq!(done.location(), "/prompts/7?did=removed");
}

#[tokio::test]
async fn the_name_of_a_household_is_recorded_too() {
    let fake = known("admin");
    let items = json!([{"clip": "name-00ff", "code": "95", "keys": "3*95", "text": "陈阿姨", "source": "name",
        "recording": null}]);
    for path in ["/households/5/recordings", "/households/5/recordings?language=nan"] {
        fake.answers(&format!("GET {path}"), 200, clips(&items));
    }
    fake.answers("GET /households/5", 200, json!({"id": 5, "name": "陈阿姨"}));
    fake.answers("GET /communities/7/recordings/nan/name-00ff", 200, json!([]));
    let page = fake.get("/prompts/households/5").await;
    page.shows(&["陈阿姨", "3*95#", "/prompts/7/nan/name-00ff?household=5", "synthesised"]);
    let page = fake.get("/prompts/7/nan/name-00ff?household=5").await;
    page.shows(&[
        "陈阿姨",
        "Nobody has recorded it yet.",
        "action=\"/prompts/7/nan/name-00ff?household=5\"",
    ]);
    // Without the household nobody knows whose name it was.
    assert_eq!(fake.get("/prompts/7/nan/name-00ff").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_pin_is_set_and_taken_away() {
    let fake = known("admin");
    let workers = json!({"items": [{"id": 3, "name": "王敏"}], "next": null});
    fake.answers("GET /workers?community_id=7&limit=200", 200, workers);
    fake.get("/prompts/7/pins").await.shows(&["3#", "王敏", "05925550008", "name=\"pin\""]);
    fake.get_chinese("/prompts/7/pins").await.shows(&["工号", "设置密码"]);
    fake.answers("PUT /workers/3/pin", 204, json!(null));
    let done =
        fake.post("/prompts/7/pins", &[("worker", "3"), ("pin", "4821"), ("do", "set")]).await;
    assert_eq!(done.location(), "/prompts/7/pins?did=saved");
    fake.post("/prompts/7/pins", &[("worker", "3"), ("pin", ""), ("do", "remove")]).await;
    let bodies: Vec<Value> = fake.asked().into_iter().map(|(.., body)| body).collect();
    assert!(bodies.contains(&json!({"pin": "4821"})) && bodies.contains(&json!({"pin": null})));
    let wrong = json!({"type": "t", "title": "t", "status": 422,
        "errors": [{"pointer": "/pin", "detail": "4 to 8 digits, please."}]});
    fake.answers("PUT /workers/3/pin", 422, wrong);
    let page = fake.post("/prompts/7/pins", &[("worker", "3"), ("pin", "12"), ("do", "set")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["4 to 8 digits, please.", "value=\"12\"", "<option value=\"3\" selected>"]);
    fake.post("/prompts/7/pins", &[("pin", "4821")]).await.shows(&["Choose somebody."]);
    fake.post("/prompts/7/pins", &[("worker", "3")]).await.shows(&["Enter 4 to 8 digits."]);
}

#[tokio::test]
async fn a_line_is_listened_to_before_anybody_is_called() {
    let fake = known("operator");
    let hits = json!({"items": [
        {"noun": "lines", "id": 8, "name": "l8", "place": "3-502", "household_id": 5},
        {"noun": "households", "id": 5, "name": "陈阿姨", "place": "3-502", "household_id": 5},
        {"noun": "workers", "id": 3, "name": "王敏", "place": "", "household_id": null},
    ]});
    fake.answers("GET /search?q=chen&after=0&limit=100", 200, hits);
    let page = fake.get("/prompts/preview?q=chen").await;
    page.shows(&["/prompts/preview?line=8", "/prompts/preview?household=5"]);
    assert!(!page.html.contains("王敏</a>"), "workers raise no alarm");
    let line = json!({"id": 8, "account": "l8", "household_id": 5});
    fake.answers("GET /lines/8", 200, line.clone());
    fake.answers("GET /lines?household_id=5&limit=50", 200, json!({"items": [line], "next": null}));
    fake.get("/prompts/preview?household=5").await.shows(&["/prompts/preview?line=8"]);
    let heard = json!({"language": "nan", "said_in": "zh-CN", "spoken_ms": 12_300, "sms": "【联防】陈阿姨家报警",
        "clips": [{"clip": "tone", "text": "", "source": "shipped"}, {"clip": "alarm", "text": "家里有人按了报警",
            "source": "shipped"}]});
    fake.answers("GET /lines/8/preview?kind=fire&message=alarm&language=nan", 200, heard.clone());
    let page = fake.get("/prompts/preview?line=8&kind=fire&message=alarm&language=nan").await;
    page.shows(&[
        "家里有人按了报警",
        "12.3 s",
        "【联防】陈阿姨家报警",
        "(a tone)",
        "said in Mandarin",
    ]);
    page.shows(&[
        "src=\"/prompts/preview.wav?line=8&#38;kind=fire&#38;message=alarm&#38;language=nan\"",
    ]);
    fake.answers("GET /lines/8/preview?drill=true", 200, heard.clone());
    // Somebody who is called is chosen; their language is that of the real call.
    let listener = |contact: Value, worker: Value, name: &str, role: &str, called: bool| {
        json!({"contact_id": contact, "worker_id": worker, "responder_id": null, "name": name,
            "party": "302 林阿婆家", "role": role, "language": "nan", "is_called": called})
    };
    let mut with_people = heard;
    with_people["listeners"] = json!([
        listener(json!(12), Value::Null, "小林", "neighbour", true),
        listener(Value::Null, json!(3), "林阿婆", "duty_worker", false)
    ]);
    fake.answers("GET /lines/8/preview?kind=unknown&contact=12", 200, with_people.clone());
    let page =
        fake.get("/prompts/preview?line=8&whom=contact%3A12&message=&kind=unknown&language=").await;
    page.shows(&["<option value=\"contact:12\" selected>302 林阿婆家 小林 · neighbour · Minnan</option>",
        "<option value=\"worker:3\">302 林阿婆家 · duty worker · Minnan · text message only</option>",
        "preview.wav?line=8&#38;kind=unknown&#38;contact=12"]);
    // Who is not called any more is left out.
    fake.answers("GET /lines/8/preview?", 200, with_people);
    let page = fake.get_chinese("/prompts/preview?line=8&whom=contact%3A99").await;
    page.shows(&[
        "谁听",
        "302 林阿婆家 小林 · 邻居 · 闽南语",
        "src=\"/prompts/preview.wav?line=8&#38;\"",
    ]);
    fake.get_chinese("/prompts/preview?line=8&drill=yes&kind=x").await.shows(&["整句改说", "短信"]);
    fake.answers("GET /lines/8/preview.wav?kind=fire", 200, json!(null));
    assert_eq!(fake.get("/prompts/preview.wav?line=8&kind=fire").await.status, StatusCode::OK);
    assert_eq!(fake.get("/prompts/preview.wav?line=x").await.status, StatusCode::NOT_FOUND);
}

/// What is heard is what is shown: the sound is asked for with all that the page was.
#[tokio::test]
async fn whoever_is_chosen_is_listened_to_with_their_own_sound() {
    let fake = known("operator");
    let line = json!({"id": 8, "account": "l8", "household_id": 5});
    fake.answers("GET /lines/8", 200, line);
    let clip = json!({"clip": "alarm", "text": "家里有人按了报警", "source": "shipped"});
    let heard = json!({"language": "nan", "said_in": "nan", "spoken_ms": 1_000, "sms": "短信", "clips": [clip]});
    for whom in ["contact", "worker", "responder"] {
        let asked = format!("kind=fire&message=alarm&{whom}=3&drill=true&language=nan");
        fake.answers(&format!("GET /lines/8/preview?{asked}"), 200, heard.clone());
        let typed = format!("kind=fire&message=alarm&whom={whom}%3A3&drill=yes&language=nan");
        let page = fake.get(&format!("/prompts/preview?line=8&{typed}")).await;
        page.shows(&["家里有人按了报警"]);
        let sound = format!("/prompts/preview.wav?line=8&{asked}");
        page.shows(&[&format!("src=\"{}\"", sound.replace('&', "&#38;"))]);
        fake.answers(&format!("GET /lines/8/preview.wav?{asked}"), 200, json!(null));
        assert_eq!(fake.get(&sound).await.status, StatusCode::OK, "{whom}");
    }
}

#[tokio::test]
async fn sounds_are_those_of_the_api() {
    let fake = known("operator");
    fake.answers("GET /communities/7/recordings/nan/alarm/versions/2", 200, json!(null));
    fake.answers("GET /communities/all/recordings/en/sign-1/sound", 200, json!(null));
    assert_eq!(fake.get("/prompts/7/nan/alarm/2/sound.wav").await.status, StatusCode::OK);
    assert_eq!(fake.get("/prompts/all/en/sign-1/sound.wav").await.status, StatusCode::OK);
    assert_eq!(fake.get("/prompts/all/en/sign-2/sound.wav").await.status, StatusCode::NOT_FOUND);
}
