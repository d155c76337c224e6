//! The proof of the next two weeks: a strip of days that must be all green, and each finding with what to do about it.

use super::local::{self, Local};
use crate::lang::Lang;
use crate::visit::Me;
use jiff::Timestamp;
use serde::Deserialize;

/// Days of the strip.
pub(super) const DAYS: i32 = 14;
/// Findings that are listed; who mends a hundred looks again.
const SHOWN_MAX: usize = 100;

/// What goes wrong in the next days.
#[derive(Default, Deserialize)]
pub(super) struct Findings {
    pub(super) items: Vec<Finding>,
    #[serde(default)]
    pub(super) faults: Vec<String>,
}

/// Something to mend.
#[derive(Deserialize)]
pub(super) struct Finding {
    kind: String,
    from: Timestamp,
    to: Timestamp,
    leaves_nobody: bool,
    post_ids: Vec<u64>,
    worker_id: Option<u64>,
    swap_id: Option<u64>,
    year: Option<i16>,
    summary: String,
}

/// A day of the strip.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// Its week.
    pub(super) link: String,
    pub(super) words: String,
    /// Findings that leave nobody.
    pub(super) gaps: usize,
}

/// A finding as it is listed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) when: String,
    pub(super) summary: String,
    pub(super) leaves_nobody: bool,
    /// Where it is mended, and the words of the link.
    pub(super) links: Vec<(String, &'static str)>,
}

/// Whose roster it is, on whose clock.
pub(super) struct Place<'a> {
    pub(super) id: u64,
    pub(super) local: &'a Local,
    pub(super) now: Timestamp,
    pub(super) l: Lang,
}

impl Findings {
    /// How many leave nobody.
    pub(super) fn gaps(&self) -> usize {
        self.items.iter().filter(|finding| finding.leaves_nobody).count()
    }

    /// How many are not listed.
    pub(super) fn more(&self) -> usize {
        self.items.len().saturating_sub(SHOWN_MAX)
    }

    /// The strip, from today on.
    pub(super) fn strip(&self, place: &Place<'_>) -> Vec<Cell> {
        let today = place.local.date(place.now);
        let dates = (0..DAYS).map(|later| local::days_later(today, later));
        let cell = |date| {
            let begin = place.local.begin(date)?;
            let end = place.local.begin(local::days_later(date, 1))?;
            let of_day = self.items.iter().filter(|one| one.from < end && begin < one.to);
            Some(Cell {
                link: format!("/roster/{}?view=week&at={date}", place.id),
                words: local::day(date, place.l),
                gaps: of_day.filter(|one| one.leaves_nobody).count(),
            })
        };
        dates.filter_map(cell).collect()
    }

    /// The findings in words, each with where it is mended by somebody who may.
    pub(super) fn shown(&self, place: &Place<'_>, me: &Me) -> Vec<Shown> {
        let shown = |finding: &Finding| Shown {
            when: match finding.year {
                Some(year) => year.to_string(),
                None => place.local.span(finding.from, finding.to, place.l),
            },
            summary: finding.summary.clone(),
            leaves_nobody: finding.leaves_nobody,
            links: if me.may_act() { finding.links(place, me) } else { Vec::new() },
        };
        self.items.iter().take(SHOWN_MAX).map(shown).collect()
    }
}

impl Finding {
    fn links(&self, place: &Place<'_>, me: &Me) -> Vec<(String, &'static str)> {
        let (id, l) = (place.id, place.l);
        let (from, to) = (place.local.typed(self.from), place.local.typed(self.to));
        let post = self.post_ids.first().map(|post| format!("&post_id={post}"));
        let post = post.unwrap_or_default();
        let instead = l.t("安排替班", "Put somebody in");
        let replace = (format!("/roster/{id}/overrides/add?from={from}&to={to}{post}"), instead);
        let shifts = (format!("/roster/{id}/rules#shifts"), l.t("调整班次", "Change the shifts"));
        let worker = self.worker_id.unwrap_or_default();
        match self.kind.as_str() {
            "nobody" | "gap" if me.is_admin() => vec![replace, shifts],
            "nobody" | "gap" => vec![replace],
            "away" => {
                let path = format!("/roster/{id}/changes#absences");
                vec![(path, l.t("指定代理人", "Name a stand-in")), replace]
            }
            "same_for_both" | "double_duty" => vec![replace],
            "no_number" | "unconfirmed" => {
                let words = l.t("核对号码", "See to the numbers");
                vec![(format!("/directory/workers/{worker}#reachability"), words)]
            }
            "swap_open" => {
                let swap = self.swap_id.unwrap_or_default();
                let path = format!("/roster/{id}/changes#swaps-{swap}");
                vec![(path, l.t("请对方答复", "Ask the other"))]
            }
            "not_taken_over" => {
                vec![("#duty".to_owned(), l.t("登记接班", "Note that they took over"))]
            }
            "calendar_unknown" => {
                let year = self.year.unwrap_or_default();
                let words = l.t("填写节假日", "Enter the holidays");
                vec![(format!("/roster/calendars/{year}"), words)]
            }
            _ => Vec::new(),
        }
    }
}
