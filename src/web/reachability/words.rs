//! Why a number is worth what it is, in Chinese and English.

use crate::web::words::in_language;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lianfang_domain::directory::Language;
use lianfang_domain::reachability::{Evidence, Score, Why};

/// The judgement of a number in words; days are those of the community.
pub(super) fn why(score: &Score, zone: &TimeZone, language: Language) -> String {
    let day = |at: Timestamp| zone.to_datetime(at).date().to_string();
    let since = day(score.due_at);
    let (how, last) = match score.confirmed {
        Some(seen) => (confirmation(seen.what, language), day(seen.at)),
        None => Default::default(),
    };
    match score.why {
        Why::NoSuchNumber => in_language!(
            language,
            "空号或已停用（{since}）：请上门核对号码",
            "There is no such number (since {since}): ask for the right one"
        ),
        Why::Silent { misses } => in_language!(
            language,
            "连续 {misses} 次电话、短信都没有回音：请上门核对号码",
            "Calls and messages were missed {misses} times without any sign of life: ask for the right number"
        ),
        Why::Missed { misses } => in_language!(
            language,
            "最近 {misses} 次都没有联系到本人：请核实",
            "Missed {misses} times since a person last answered: ask"
        ),
        Why::LongAgo => in_language!(
            language,
            "上次确认已过期（{last}，{how}）：请再次核实",
            "Confirmed too long ago ({last}, {how}): ask again"
        ),
        Why::NotYet => {
            in_language!(language, "从未有人确认", "No person has confirmed it yet")
        }
        Why::Answered(_) => in_language!(language, "{last} {how}", "Confirmed on {last}: {how}"),
    }
}

fn confirmation(what: Evidence, language: Language) -> String {
    match what {
        Evidence::Key => in_language!(language, "按键应答", "pressed a key"),
        Evidence::Reply => in_language!(language, "回复短信", "replied to an SMS"),
        Evidence::CallBack => in_language!(language, "回拨", "called back"),
        Evidence::Page => in_language!(language, "网页应答", "answered on the page"),
        Evidence::Visit => in_language!(language, "当面核实", "was asked in person"),
        Evidence::Loudspeaker => {
            in_language!(language, "喇叭接通", "the loudspeaker took the call")
        }
        // These confirm nothing.
        Evidence::Delivered
        | Evidence::PickedUp
        | Evidence::NoAnswer
        | Evidence::Busy
        | Evidence::Rejected
        | Evidence::Undelivered
        | Evidence::SmsRefused
        | Evidence::NoSuchNumber => String::new(),
    }
}
