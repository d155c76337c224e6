//! What parameters of a query have to be, in words.

use super::in_language;
use crate::web::problem::Must;
use lianfang_domain::directory::Language;

#[expect(clippy::too_many_lines, reason = "an arm a rule, and nothing else")]
pub(super) fn must(must: Must, language: Language) -> String {
    match must {
        Must::Known => in_language!(language, "不是此处的参数", "is no parameter here"),
        Must::Number { min, max } => in_language!(
            language,
            "须为 {min} 到 {max} 的整数",
            "must be a whole number from {min} to {max}"
        ),
        Must::AlarmId => in_language!(language, "须为警情编号", "must be the id of an alarm"),
        Must::Noun => in_language!(
            language,
            "须为目录中的名词，如 households",
            "must be a noun of the directory, such as households"
        ),
        Must::Reason => {
            in_language!(language, "最多 200 个字", "must have at most 200 characters")
        }
        Must::LineState => {
            in_language!(language, "须为 up、down 或 never", "must be up, down or never")
        }
        Must::DeliveryState => in_language!(
            language,
            "须为 waiting、delivered 或 dead",
            "must be waiting, delivered or dead"
        ),
        Must::Operation => in_language!(
            language,
            "须为 create（含 value）、replace（含 id、version、value）或 delete（含 id、version）",
            "must be create with `value`, replace with `id`, `version` and `value`, or delete with `id` and `version`"
        ),
        Must::Scope => in_language!(
            language,
            "须为 admin、operator、auditor、trigger 或 metrics",
            "must be admin, operator, auditor, trigger or metrics"
        ),
        Must::Role => in_language!(
            language,
            "须为 admin、operator、auditor 或 responder",
            "must be admin, operator, auditor or responder"
        ),
        Must::DrillState => {
            in_language!(language, "须为 running 或 ended", "must be running or ended")
        }
        Must::RowId => {
            in_language!(language, "须为编号", "must be a number, or the id of an alarm")
        }
        Must::State => in_language!(language, "须为 open 或 closed", "must be open or closed"),
        Must::PageLanguage => in_language!(language, "须为 zh 或 en", "must be zh or en"),
        Must::Chain => {
            in_language!(language, "须为 alarms 或 directory", "must be alarms or directory")
        }
        Must::Reachable => in_language!(
            language,
            "须为 confirmed、never_confirmed、doubtful 或 unreachable",
            "must be confirmed, never_confirmed, doubtful or unreachable"
        ),
        Must::Next => {
            in_language!(language, "须为上一页的 next", "must be `next` of the page before")
        }
        Must::WhatIf => in_language!(
            language,
            "无效：kind 为 unknown、fire、intruder、illness、flood 或 other，at 为 RFC 3339 时刻，drill、load 为 true 或 false",
            "is wrong: kind is unknown, fire, intruder, illness, flood or other, at a moment of RFC 3339, drill and load true or false"
        ),
        Must::EntityTag => {
            in_language!(
                language,
                "须为一个 ETag，如 \"3\"",
                "must be one entity tag, such as \"3\""
            )
        }
        Must::Key => in_language!(
            language,
            "须给出，为 1 到 255 个可见字符，每次报警或请求各用一个",
            "must be given: 1 to 255 visible characters, another one for each press or request"
        ),
        Must::Language => in_language!(
            language,
            "须为语言代码，如 zh-CN、en 或 nan",
            "must be the tag of a language, such as zh-CN, en or nan"
        ),
        Must::Message => in_language!(
            language,
            "须为一种消息，如 alarm 或 still_in_danger",
            "must name a message, such as alarm or still_in_danger"
        ),
        Must::Kind => in_language!(
            language,
            "须为一种警情，如 fire 或 illness",
            "must name a kind of alarm, such as fire or illness"
        ),
        Must::Outcome => in_language!(
            language,
            "须为 genuine、false_alarm、drill、test 或 unknown",
            "must be genuine, false_alarm, drill, test or unknown"
        ),
        Must::Flag => in_language!(language, "须为 true 或 false", "must be true or false"),
        Must::Moment => in_language!(
            language,
            "须为带时差的时刻，如 2026-11-23T08:00:00+08:00",
            "must be a moment with its offset, such as 2026-11-23T08:00:00+08:00"
        ),
        Must::Day => {
            in_language!(language, "须为日期，如 2026-11-23", "must be a date, such as 2026-11-23")
        }
        Must::Report => in_language!(
            language,
            "无效：from、until 为月份，如 2026-11，until 不早于 from，最多 36 个月；by 为 community_month、month、community 或 kind",
            "is wrong: from and until are months such as 2026-11, until not before from, 36 at most; by is community_month, month, community or kind"
        ),
        Must::Text => in_language!(language, "须为 UTF-8", "must be UTF-8"),
        Must::Once => in_language!(language, "只能给出一次", "must be given once"),
    }
}
