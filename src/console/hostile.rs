//! Anything that a browser or a stranger may send to any page: it is answered, and never by a failure of ours.

use crate::fake::Fake;
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
    "/alarms/ID",
    "/alarms/ID/dossier",
    "/alarms/ID/close",
    "/audit",
    "/directory",
    "/directory/communities/ID/checks",
    "/directory/communities/ID/groups",
    "/directory/groups/ID/order",
    "/directory/numbers",
    "/directory/search",
    "/directory/households/add",
    "/directory/households/history",
    "/directory/households/undo/ID",
    "/directory/households/ID",
    "/directory/ID/1",
    "/directory/lines/ID/edit",
    "/directory/contacts/ID/numbers",
    "/directory/households/ID/remove",
    "/drills",
    "/drills/plan",
    "/drills/ID",
    "/drills/ID/report",
    "/drills/ID/stop",
    "/health-page",
    "/lines",
    "/login",
    "/logout",
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
    "/policies/ID",
    "/policies/ID/edit",
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
            "name", "etag", "csrf", "code", "look", "back", "next", "reason",
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
