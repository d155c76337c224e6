//! The dossier as one page to print: HTML without script, images or fonts of others, so that it can be kept as a file.

use super::super::audit::NamedEntry;
use super::super::deliveries::{DeliveryView, answer_words};
use super::super::timeline::{pick, why_words};
use super::Dossier;
use crate::store::audit::EntryView;
use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lianfang_domain::delivery::DeliveryAnswer;
use lianfang_domain::directory::Language;
use lianfang_domain::leg::Channel;

#[derive(Template)]
#[template(path = "dossier.html")]
struct Page<'a> {
    dossier: &'a Dossier,
    language: Language,
    zone: TimeZone,
}

/// Writes the page.
pub(super) fn write(dossier: &Dossier, language: Language) -> Result<String, askama::Error> {
    let zone = TimeZone::get(&dossier.time_zone).unwrap_or(TimeZone::UTC);
    Page { dossier, language, zone }.render()
}

impl Page<'_> {
    fn t(&self, chinese: &'static str, english: &'static str) -> &'static str {
        pick(self.language, chinese, english)
    }

    fn tag(&self) -> &'static str {
        self.t("zh-CN", "en")
    }

    /// The moment where it happened, to the millisecond.
    fn local(&self, at: &Timestamp) -> String {
        self.zone.to_datetime(*at).strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
    }

    /// The time zone that the page is written in.
    fn zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// What was erased is shown as erased, not left out.
    fn or_erased<'a>(&self, text: Option<&'a str>) -> &'a str {
        text.unwrap_or_else(|| self.t("（已删除）", "(erased)"))
    }

    fn or_none(&self, ms: &Option<i64>) -> String {
        ms.map_or_else(|| "–".to_owned(), seconds)
    }

    fn seconds(&self, ms: &i64) -> String {
        seconds(*ms)
    }

    fn channel(&self, leg: &DeliveryView) -> &'static str {
        match leg.channel {
            Channel::Voice => self.t("电话", "call"),
            Channel::Sms => self.t("短信", "SMS"),
        }
    }

    fn why(&self, leg: &DeliveryView) -> &'static str {
        why_words(leg.why, self.language)
    }

    fn answer(&self, answer: &DeliveryAnswer) -> &'static str {
        answer_words(*answer, self.language)
    }

    /// Who saw it, as people call them.
    fn reader<'a>(&self, entry: &'a NamedEntry) -> &'a str {
        entry.actor_name.as_deref().unwrap_or(&entry.entry.actor)
    }

    /// What an entry of the trail proves; its codes stand beside it.
    fn proved(&self, entry: &EntryView) -> &'static str {
        match (&*entry.action, &*entry.noun) {
            ("open", "alarm") => self.t("报警", "raised"),
            ("append", "alarm_event") => self.t("经过", "what happened"),
            ("freeze", "alarm_plan") => self.t("方案", "the plan"),
            ("close", "alarm") => self.t("结束", "over"),
            ("erase", "alarm_plan") => self.t("方案已删除", "the plan was erased"),
            _ => "",
        }
    }

    /// The first line, for the ladder.
    fn first_line<'a>(&self, text: &'a str) -> &'a str {
        text.lines().next().unwrap_or_default()
    }
}

/// Milliseconds as people read them beside each other.
fn seconds(ms: i64) -> String {
    let (sign, ms) = (if ms < 0 { "−" } else { "" }, ms.unsigned_abs());
    format!("{sign}{}.{:03} s", ms / 1000, ms % 1000)
}
