//! Anything that a browser or a stranger may send to any page: it is answered, and never by a failure of ours.

use crate::fake::Fake;
use axum::http::{StatusCode, header};
use proptest::prelude::*;
use serde_json::json;

/// Every page; `ID` stands for what may be anything.
pub(crate) const PAGES: &[&str] = &[
    "/",
    "/accounts",
    "/accounts/ID",
    "/accounts/ID/password",
    "/accounts/ID/remove",
    "/accounts/ID/second-factor",
    "/accounts/ID/sessions",
    "/accounts/new",
    "/accounts/tokens",
    "/accounts/tokens/ID/revoke",
    "/alarms",
    "/alarms/due",
    "/alarms/ID",
    "/alarms/ID/dossier",
    "/alarms/ID/close",
    "/audit",
    "/audit/sheet.csv",
    "/audit/verification",
    "/audit/verification/cancel",
    "/bar",
    "/directory",
    "/directory/changes/ID/undo",
    "/directory/export",
    "/directory/import",
    "/directory/import/ID",
    "/directory/import/ID/apply",
    "/directory/import/ID/discard",
    "/directory/communities/ID/checks",
    "/directory/communities/ID/groups",
    "/directory/groups/ID/order",
    "/directory/groups/ID/several",
    "/directory/numbers",
    "/directory/search",
    "/directory/reachability",
    "/directory/contacts/ID/visits",
    "/directory/households/ID/pins",
    "/directory/households/ID/pins/remove",
    "/directory/households/add",
    "/directory/households/history",
    "/directory/households/undo/ID",
    "/directory/households/ID",
    "/directory/households/ID/raise",
    "/directory/lines/ID/raise",
    "/directory/ID/1",
    "/directory/lines/ID/edit",
    "/directory/contacts/ID/numbers",
    "/directory/households/ID/remove",
    "/directory/households/ID/move",
    "/directory/households/ID/history",
    "/drills",
    "/drills/plan",
    "/drills/ID",
    "/drills/ID/report",
    "/drills/ID/stop",
    "/health-page",
    "/lines",
    "/login",
    "/logout",
    "/map",
    "/map/ID",
    "/map/ID/building",
    "/map/ID/picture",
    "/map/ID/plan",
    "/map/ID/plan/part",
    "/map/ID/plan/remove",
    "/map/ID/plan/spots",
    "/public",
    "/public/ID",
    "/reports",
    "/reports/csv/ID",
    "/reports/lines",
    "/look",
    "/paper",
    "/paper/print",
    "/password",
    "/prompts",
    "/prompts/ID",
    "/prompts/ID/order",
    "/prompts/ID/pins",
    "/prompts/all/nan/ID",
    "/prompts/7/ID/alarm",
    "/prompts/7/nan/ID/withdraw",
    "/prompts/7/nan/alarm/ID/restore",
    "/prompts/7/nan/alarm/ID/erase",
    "/prompts/7/nan/ID/sound.wav",
    "/prompts/7/nan/alarm/ID/sound.wav",
    "/prompts/households/ID",
    "/prompts/preview",
    "/prompts/preview.wav",
    "/policies",
    "/policies/add",
    "/policies/history",
    "/policies/undo/ID",
    "/policies/ID",
    "/policies/ID/edit",
    "/policies/ID/remove",
    "/policies/ID/versions",
    "/policies/ID/versions/ID/restore",
    "/roster",
    "/roster/ID",
    "/roster/ID/changes",
    "/roster/ID/history",
    "/roster/ID/undo/ID",
    "/roster/ID/posts/add",
    "/roster/ID/rules",
    "/roster/ID/swaps/ID/agree",
    "/roster/ID/swaps/ID/withdraw",
    "/roster/ID/duty/ID/take-over",
    "/roster/ID/roster.ics",
    "/roster/ID/workers/ID/roster.ics",
    "/roster/ID/shifts/ID/edit",
    "/roster/ID/ID/ID/remove",
    "/roster/calendars/ID",
    "/second-factor",
    "/settings",
    "/settings/language",
    "/settings/second-factor",
    "/settings/sessions",
    "/settings/webhooks",
    "/settings/webhooks/ID",
    "/settings/webhooks/ID/pause",
    "/settings/webhooks/ID/again",
    "/settings/webhooks/ID/discard",
    "/settings/webhooks/ID/ping",
    "/settings/webhooks/ID/remove",
    "/settings/webhooks/ID/secret",
    "/settings/webhooks/ID/messages/ID",
    "/settings/webhooks/new",
    "/setup",
];

/// What a part of an address may be, percent-encoded.
fn any_part() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 1..12)
            .prop_map(|bytes| bytes.iter().map(|byte| format!("%{byte:02X}")).collect()),
        "[0-9a-z]{1,13}",
        Just("%2E%2E%2Fsession".to_owned()),
        Just("1%3Flimit=9%23".to_owned()),
        Just("4294967296".to_owned()),
    ]
}

/// Fields with names that pages know, and bytes that need not be a form.
fn any_form() -> impl Strategy<Value = String> {
    let field = (
        prop::sample::select(vec![
            "name",
            "etag",
            "csrf",
            "code",
            "look",
            "back",
            "next",
            "reason",
            "chain",
            "noun",
            "id",
            "who",
            "after",
            "message",
            "from",
            "to",
            "kind",
            "outcome",
            "q",
            "state",
            "grids",
            "groups",
            "household",
            "person",
            "person_q",
            "group_q",
            "heads",
            "household_id.q",
            "do",
            "scope",
            "reach",
            "with",
            "community",
            "version.5",
            "key",
            "cancel",
            "duress",
            "due",
            "number",
            "unsaved",
            "try-at",
            "try-drill",
            "try-alone",
            "line",
        ]),
        any_part(),
    );
    let fields = prop::collection::vec(field, 0..6).prop_map(|fields| {
        let fields = fields.into_iter().map(|(name, value)| format!("{name}={value}"));
        fields.collect::<Vec<_>>().join("&")
    });
    prop_oneof![fields, ".{0,60}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_is_sent_is_answered(
        page in prop::sample::select(PAGES),
        id in any_part(),
        query in any_form(),
        form in any_form(),
        is_ours in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let fake = Fake::new("admin");
        fake.answers("GET /alarms/board", 200, json!({"items": []}));
        let path = format!("{}?{query}", page.replace("ID", &id));
        // Anything else does not come past the reader of HTTP.
        prop_assume!(path.parse::<axum::http::Uri>().is_ok() && !path.contains('#'));
        runtime.block_on(async {
            let got = fake.get(&path).await;
            assert!(got.status.as_u16() < 500, "{path}: {}", got.status);
            let csrf = crate::visit::csrf_of("s");
            let form = if is_ours { format!("{form}&csrf={csrf}") } else { form };
            let sent = fake.post_raw(&path, &form).await;
            assert!(sent.status.as_u16() < 500, "{path} {form}: {}", sent.status);
        });
        // What stands in an address stays a part of it: it never leads to another place of the API.
        for (method, asked, _) in fake.asked() {
            let path = asked.split('?').next().unwrap_or_default();
            let is_plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte));
            prop_assert!(is_plain && !path.contains(".."), "{method} {asked}");
        }
    }
}

/// Whether a page of the list is one of this route.
fn is_of(route: &str, page: &str) -> bool {
    let (route, page) = (route.split('/'), page.split('/'));
    let is_same = |(one, other): (&str, &str)| one.starts_with('{') || one == other;
    route.clone().count() == page.clone().count() && route.zip(page).all(is_same)
}

#[test]
fn no_page_is_left_out() {
    // Files of the binary, and a feed that does not end.
    const OTHERS: [&str; 5] = [
        "/assets/console.css",
        "/assets/console.js",
        "/assets/icon.svg",
        "/assets/plan.js",
        "/live",
    ];
    let mut seen = 0;
    let own = |route: &String| route.starts_with('/') && !OTHERS.contains(&route.as_str());
    for route in routes().into_iter().map(|(route, _)| route).filter(own) {
        assert!(PAGES.iter().any(|page| is_of(&route, page)), "{route}");
        seen += 1;
    }
    assert!(100 < seen, "{seen}");
}

/// Every route of the console with what it answers, as the sources have it: `get(…)`, `post(…)`.
fn routes() -> Vec<(String, String)> {
    let mut folders = vec![std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"))];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("is there") {
            let path = entry.expect("is there").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).expect("is text");
                for rest in text.split(".route(").skip(1) {
                    let named = rest.trim_start().strip_prefix('"');
                    let Some((route, answers)) = named.and_then(|rest| rest.split_once('"')) else {
                        continue;
                    };
                    let answers = answers.trim_start_matches(',').trim_start();
                    found.push((route.to_owned(), answers.to_owned()));
                }
            }
        }
    }
    found
}

#[tokio::test]
async fn an_address_that_only_takes_forms_leads_to_the_page_above() {
    let fake = Fake::new("admin");
    let routes: Vec<_> = routes().into_iter().filter(|(route, _)| route.starts_with('/')).collect();
    let is_form = |page: &str| {
        let mut of_page = routes.iter().filter(|(route, _)| is_of(route, page)).peekable();
        of_page.peek().is_some() && of_page.all(|(_, answers)| answers.starts_with("post("))
    };
    let forms: Vec<_> = PAGES.iter().filter(|page| is_form(page)).collect();
    assert!(20 < forms.len(), "{forms:?}");
    for page in forms {
        let path = page.replace("ID", "7");
        let shown = fake.get(&format!("{path}?lang=zh")).await;
        assert_eq!(shown.status, StatusCode::SEE_OTHER, "{path}");
        let above = shown.location().to_owned();
        assert!(path.starts_with(&above) && above != path, "{path} {above}");
        // The language that was asked for is kept.
        assert!(shown.headers.contains_key(header::SET_COOKIE), "{path}");
        let above = fake.get(&above).await.status;
        assert!(
            above != StatusCode::SEE_OTHER && above != StatusCode::METHOD_NOT_ALLOWED,
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_page_above_is_the_nearest_one_that_is_there() {
    let fake = Fake::new("operator");
    fake.answers("GET /households/5", 200, json!({"id": 5, "name": "x"}));
    for list in ["lines", "contacts"] {
        let rows = json!({"items": [], "next": null});
        fake.answers(&format!("GET /{list}?after=0&limit=50&household_id=5"), 200, rows);
    }
    fake.answers("GET /streets?after=0&limit=50", 200, json!({"items": [], "next": null}));
    let page = fake.get("/directory/households/5/numbers").await;
    assert_eq!(page.location(), "/directory/households/5");
    // One that is gone is passed over, and so is a name that no page has.
    let page = fake.get("/directory/households/6/numbers").await;
    assert_eq!(page.location(), "/directory");
    assert_eq!(fake.get("/directory/changes/5/undo").await.location(), "/directory");
    assert_eq!(fake.get("/logout").await.location(), "/");
}
