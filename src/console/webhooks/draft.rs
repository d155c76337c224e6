//! A webhook as a form, and a form as the API takes it. Must not ask the API.

use super::Webhook;
use crate::form::Form;
use serde_json::{Value, json};

/// What there is to be told: its name in the API, and its words.
pub(super) const EVENTS: [(&str, (&str, &str)); 11] = [
    ("alarm.raised", ("有人报警", "an alarm began")),
    ("alarm.acknowledged", ("有人表示前往", "somebody is coming")),
    ("alarm.arrived", ("有人已到场", "somebody is at the door")),
    ("alarm.cancelled", ("报警已撤销", "an alarm was cancelled")),
    ("alarm.closed", ("警情已结案", "an alarm was closed")),
    ("drill.started", ("演练开始", "a drill began")),
    ("drill.ended", ("演练结束", "a drill is over")),
    ("route.down", ("中继中断", "a trunk does not answer")),
    ("route.up", ("中继恢复", "a trunk answers again")),
    ("line.down", ("线路中断", "a line is down")),
    ("line.up", ("线路恢复", "a line is back")),
];

/// The page of a webhook.
pub(super) fn path(id: u64) -> String {
    format!("/settings/webhooks/{id}")
}

/// The form of a webhook as it is.
pub(super) fn form_of(webhook: &Webhook) -> Form {
    let community = webhook.community_id.map(|id| id.to_string()).unwrap_or_default();
    let flag = |is: bool| if is { "yes" } else { "" };
    let mut form = Form::of([
        ("url", webhook.url.as_str()),
        ("description", &webhook.description),
        ("community_id", &community),
        ("with_drills", flag(webhook.with_drills)),
        ("is_enabled", flag(webhook.is_enabled)),
    ]);
    form.set_all("event", webhook.events.clone());
    form
}

/// What the API takes of a form.
pub(super) fn draft_of(form: &Form) -> Value {
    // What is no number stays a text, so that the API says that it is none.
    let community = match form.get("community_id") {
        "" => Value::Null,
        text => text.parse::<u32>().map_or_else(|_| json!(text), |id| json!(id)),
    };
    json!({
        "url": form.get("url"),
        "description": form.get("description"),
        "events": form.all("event").collect::<Vec<_>>(),
        "community_id": community,
        "with_drills": form.has("with_drills", "yes"),
        "is_enabled": form.has("is_enabled", "yes"),
    })
}

/// The field of a mistake.
pub(super) fn field_of(pointer: &str) -> Option<String> {
    let field = pointer.trim_start_matches('/').split('/').next()?;
    ["url", "description", "events", "community_id"].contains(&field).then(|| field.to_owned())
}
