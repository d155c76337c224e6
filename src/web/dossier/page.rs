//! The dossier as one page to print: HTML without script, images or fonts of others, so that it can be kept as a file.

use super::super::timeline::{ended, pick, why_words};
use super::Dossier;
use super::legs::LegView;
use askama::Template;
use lianfang_domain::directory::Language;
use lianfang_domain::leg::Channel;

#[derive(Template)]
#[template(path = "dossier.html")]
struct Page<'a> {
    dossier: &'a Dossier,
    language: Language,
}

/// Writes the page.
pub(super) fn write(dossier: &Dossier, language: Language) -> Result<String, askama::Error> {
    Page { dossier, language }.render()
}

impl Page<'_> {
    fn t(&self, chinese: &'static str, english: &'static str) -> &'static str {
        pick(self.language, chinese, english)
    }

    fn tag(&self) -> &'static str {
        self.t("zh-CN", "en")
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

    fn channel(&self, leg: &LegView) -> &'static str {
        match leg.channel {
            Channel::Voice => self.t("电话", "call"),
            Channel::Sms => self.t("短信", "SMS"),
        }
    }

    fn why(&self, leg: &LegView) -> &'static str {
        leg.why.map_or("", |why| why_words(why, self.language))
    }

    fn outcome(&self, leg: &LegView) -> &'static str {
        let open = self.t("未结束", "not over");
        leg.outcome.map_or(open, |outcome| ended(outcome, self.language))
    }

    fn answer(&self, answer: &str) -> &'static str {
        match answer {
            "coming" => self.t("正赶来", "coming"),
            "cannot" => self.t("来不了", "cannot come"),
            "arrived" => self.t("已到场", "at the door"),
            "police_called" => self.t("已拨打 110", "has called the police"),
            "mistake" => self.t("说是误报", "says it is a mistake"),
            _ => self.t("要求结案", "wants to close"),
        }
    }

    /// The first line, for the ladder.
    fn first_line<'a>(&self, text: &'a str) -> &'a str {
        text.lines().next().unwrap_or_default()
    }
}

/// Milliseconds as people read them beside each other.
fn seconds(ms: i64) -> String {
    format!("{}.{:03} s", ms / 1000, (ms % 1000).abs())
}
