//! What-if: whom a line would call, and when, as the API tells it. Nobody is called.

use super::Town;
use crate::api::Failure;
use crate::directory::finding::{Hit, found};
use crate::form::Form;
use crate::lang::Lang;
use crate::roster::local::Local;
use crate::visit::Signed;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// Legs that are listed: the first wave and what follows it.
const LEGS_MAX: usize = 100;
/// Messages and announcements that are written out.
const TEXTS_MAX: usize = 4;
/// Doors that a search finds.
const FOUND_MAX: usize = 12;

/// Which line is asked for, and what was found.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// What was searched for.
    pub(super) q: String,
    pub(super) lines: Vec<LineFound>,
    /// The one that is chosen.
    pub(super) line: Option<u64>,
    pub(super) kind: String,
    /// The moment that it is asked for, as it was typed; empty for now.
    pub(super) when: String,
    at: Option<Timestamp>,
    /// Why that is no moment.
    pub(super) error: Option<&'static str>,
    pub(super) is_drill: bool,
    /// As if no other alarm were on the routes.
    pub(super) is_alone: bool,
    /// Something was searched for and not found.
    pub(super) is_none: bool,
}

/// A line that a search found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LineFound {
    pub(super) id: u64,
    pub(super) words: String,
}

#[derive(Deserialize)]
struct Lines {
    items: Vec<LineRow>,
}

#[derive(Deserialize)]
struct LineRow {
    id: u64,
    account: String,
}

impl Asked {
    /// What is asked for in the fields `q`, `line`, `kind` and those that begin with `try-`; a usual kind if none is. The
    /// only line that is found is chosen. The moment is by the clocks of the community.
    pub(super) async fn of(
        signed: &Signed,
        form: &Form,
        (town, usual): (&Town, &str),
    ) -> Result<Self, Failure> {
        let q = form.get("q").to_owned();
        let chosen: Option<u64> = form.get("line").parse().ok();
        let mut lines = Vec::new();
        let is_wanted = |hit: &Hit| {
            let has_lines =
                hit.household_id.is_some() || matches!(&*hit.noun, "lines" | "households");
            hit.community == town.name && has_lines
        };
        for hit in found(signed, &q, FOUND_MAX, is_wanted).await? {
            if FOUND_MAX <= lines.len() {
                break;
            }
            add_lines(signed, &hit, &mut lines).await?;
        }
        if let Some(id) = chosen.filter(|id| lines.iter().all(|line| line.id != *id)) {
            let row: LineRow = signed.api().get(&format!("/lines/{id}")).await?;
            lines.insert(0, LineFound { id, words: row.account });
        }
        let is_one = chosen.is_none() && lines.len() == 1;
        let line = chosen.or_else(|| lines.first().filter(|_| is_one).map(|line| line.id));
        let is_none = !q.is_empty() && lines.is_empty();
        let kind = if form.get("kind").is_empty() { usual } else { form.get("kind") };
        let when = form.get("try-at").to_owned();
        let read = Local::of(&town.time_zone).read(&when);
        let error = read.err().filter(|_| !when.is_empty()).map(|why| why.words(signed.lang()));
        let (is_drill, is_alone) = (form.has("try-drill", "yes"), form.has("try-alone", "yes"));
        let (kind, at) = (kind.to_owned(), read.ok());
        Ok(Self { q, lines, line, kind, when, at, error, is_drill, is_alone, is_none })
    }

    /// What is asked of the API besides the line.
    pub(super) fn query(&self) -> String {
        let kind = super::document::KINDS.into_iter().find(|kind| *kind == self.kind);
        let at = self.at.map(|at| ("at", at.to_string()));
        let is_drill = self.is_drill.then(|| ("drill", "true".to_owned()));
        let is_alone = self.is_alone.then(|| ("load", "false".to_owned()));
        let pairs = [Some(("kind", kind.unwrap_or("unknown").to_owned())), at, is_drill, is_alone];
        let pairs = pairs.into_iter().flatten();
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }

    /// The line that is tried; none while the moment cannot be read.
    fn tried(&self) -> Option<u64> {
        self.line.filter(|_| self.error.is_none())
    }

    pub(super) fn is_line(&self, id: &u64) -> bool {
        self.line == Some(*id)
    }
}

/// Adds the lines of what was found: itself, or those of its household.
async fn add_lines(signed: &Signed, hit: &Hit, lines: &mut Vec<LineFound>) -> Result<(), Failure> {
    let words = |account: &str| format!("{} {} {account}", hit.name, hit.place).trim().to_owned();
    let mut add = |id: u64, words: String| {
        if lines.iter().all(|line| line.id != id) {
            lines.push(LineFound { id, words });
        }
    };
    let household = match hit.noun.as_str() {
        "lines" => {
            add(hit.id, words(""));
            return Ok(());
        }
        "households" => Some(hit.id),
        _ => hit.household_id,
    };
    let Some(household) = household else { return Ok(()) };
    let path = format!("/lines?after=0&limit=10&household_id={household}");
    let rows: Lines = signed.api().get(&path).await?;
    rows.items.into_iter().for_each(|row| add(row.id, words(&row.account)));
    Ok(())
}

/// What an alarm would do.
#[derive(Debug, Deserialize)]
pub(super) struct WhatIf {
    at: Timestamp,
    #[serde(default)]
    is_drill: bool,
    load: Option<Load>,
    policy_id: Option<u64>,
    #[serde(default)]
    is_draft: bool,
    acknowledgements_wanted: u32,
    together: u32,
    last_leg_of_first_wave_ms: Option<i64>,
    cost: Cost,
    legs: Vec<Leg>,
    left_out: Vec<LeftOut>,
}

/// What other alarms have on the routes.
#[derive(Debug, Deserialize)]
struct Load {
    legs_waiting: u64,
    legs_under_way: u64,
}

#[derive(Debug, Deserialize)]
struct Cost {
    first_wave: Vec<Sum>,
    all: Vec<Sum>,
    unknown_legs: u64,
    assumes: String,
}

#[derive(Debug, Deserialize)]
struct Sum {
    currency: String,
    minor: u64,
}

#[derive(Debug, Deserialize)]
struct Leg {
    at_ms: i64,
    why: String,
    step: u32,
    name: String,
    number: String,
    channel: String,
    route: String,
    words: String,
    cost: Option<LegCost>,
}

#[derive(Debug, Deserialize)]
struct LegCost {
    currency: Option<String>,
    minor: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct LeftOut {
    pub(super) name: String,
    pub(super) number: Option<String>,
    pub(super) words: String,
}

/// What an alarm would do, ready to be written.
#[derive(Debug)]
pub(super) struct Shown {
    /// Another policy holds at this door for this kind; none where the built-in one does.
    pub(super) other: Option<Option<u64>>,
    /// For which moment, whether as a drill, and beside what else.
    pub(super) when: String,
    pub(super) wanted: String,
    pub(super) last: String,
    pub(super) is_late: bool,
    pub(super) legs: Vec<ShownLeg>,
    pub(super) more: usize,
    pub(super) texts: Vec<String>,
    pub(super) cost: String,
    pub(super) assumes: String,
    pub(super) left_out: Vec<LeftOut>,
}

/// A leg, ready to be written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ShownLeg {
    pub(super) at: String,
    pub(super) who: String,
    pub(super) number: String,
    pub(super) channel: &'static str,
    pub(super) why: String,
    pub(super) route: String,
    pub(super) cost: String,
}

impl WhatIf {
    /// In words. `policy` is the stored policy whose page it is on; none for one that is not saved.
    pub(super) fn shown(self, policy: Option<u64>, town: &Town, l: Lang) -> Shown {
        let is_this = self.is_draft || (self.policy_id.is_some() && self.policy_id == policy);
        let mut texts: Vec<String> = Vec::new();
        for leg in &self.legs {
            if texts.len() < TEXTS_MAX && !texts.contains(&leg.words) {
                texts.push(leg.words.clone());
            }
        }
        let last = self.last_leg_of_first_wave_ms;
        let (wanted, together) = (self.acknowledgements_wanted, self.together);
        Shown {
            other: (!is_this).then_some(self.policy_id),
            when: self.when(town, l),
            wanted: match l {
                Lang::Chinese => format!("应到 {wanted} 户，至少 {together} 人才进门"),
                Lang::English => {
                    format!("{wanted} households wanted, at least {together} go in together")
                }
            },
            last: last.map_or_else(|| l.t("没有", "none").to_owned(), |ms| seconds(ms, l)),
            is_late: last.is_none_or(|ms| super::LATE_MS < ms),
            more: self.legs.len().saturating_sub(LEGS_MAX),
            legs: self.legs.iter().take(LEGS_MAX).map(|leg| leg.shown(l)).collect(),
            texts,
            cost: self.cost.words(l),
            assumes: self.cost.assumes,
            left_out: self.left_out,
        }
    }
}

impl WhatIf {
    fn when(&self, town: &Town, l: Lang) -> String {
        let at = Local::of(&town.time_zone).moment(self.at, l);
        let drill = if self.is_drill { l.t("，演练", ", as a drill") } else { "" };
        let beside = match (&self.load, l) {
            (None, _) => {
                l.t("当作没有别的警情。", "as if no other alarm were going on.").to_owned()
            }
            (Some(load), Lang::Chinese) => {
                let Load { legs_waiting, legs_under_way } = load;
                format!(
                    "别的警情此刻有 {legs_under_way} 路在呼叫，{legs_waiting} 路在等，已算在内。"
                )
            }
            (Some(load), Lang::English) => {
                let Load { legs_waiting, legs_under_way } = load;
                format!(
                    "beside {legs_under_way} calls and messages of other alarms under way now, and {legs_waiting} that wait."
                )
            }
        };
        format!("{at}{drill}{}{beside}", l.t("；", "; "))
    }
}

impl Leg {
    fn shown(&self, l: Lang) -> ShownLeg {
        let channel =
            if self.channel == "sms" { l.t("短信", "SMS") } else { l.t("电话", "call") };
        let cost = self.cost.as_ref().map(|cost| match &cost.currency {
            Some(currency) => money(cost.minor, currency),
            None => l.t("免费", "free").to_owned(),
        });
        ShownLeg {
            at: seconds(self.at_ms, l),
            who: self.name.clone(),
            number: self.number.clone(),
            channel,
            why: why(&self.why, self.step, l),
            route: self.route.clone(),
            cost: cost.unwrap_or_else(|| l.t("不详", "not known").to_owned()),
        }
    }
}

/// Why a leg leaves.
fn why(why: &str, step: u32, l: Lang) -> String {
    let words = match why {
        "wave" => l.t("呼叫", "called"),
        "next_number" => l.t("换下一个号码", "the next number"),
        "busy_retry" => l.t("占线后再呼", "again after busy"),
        "no_answer_retry" => l.t("无人接听后再呼", "again after no answer"),
        "other_route" => l.t("换线路", "another route"),
        "still_in_danger" => l.t("再次报警", "still in danger"),
        "restart" => l.t("重启后补呼", "made up after a restart"),
        "notice" => l.t("告知", "told"),
        "step" => l.t("轮到这一级", "its step is due"),
        "receipt_late" => l.t("短信没有回执，改打电话", "instead of an SMS without a receipt"),
        "arrival_check" => l.t("询问是否到场", "asked whether they are there"),
        "call_back" => l.t("回拨", "called back"),
        "hand_over" => l.t("交接", "hand-over"),
        "added" => l.t("加叫", "called besides"),
        other => other,
    };
    match l {
        Lang::Chinese => format!("第 {} 级，{words}", step + 1),
        Lang::English => format!("step {}, {words}", step + 1),
    }
}

/// Such as `0.09 秒` or `2:05`.
pub(super) fn seconds(ms: i64, l: Lang) -> String {
    if ms < 60_000 {
        let (whole, rest) = (ms / 1000, ms % 1000 / 10);
        return match l {
            Lang::Chinese => format!("{whole}.{rest:02} 秒"),
            Lang::English => format!("{whole}.{rest:02} s"),
        };
    }
    format!("{}:{:02}", ms / 60_000, ms / 1000 % 60)
}

/// An amount; currencies have hundredths.
fn money(minor: u64, currency: &str) -> String {
    format!("{}.{:02} {currency}", minor / 100, minor % 100)
}

impl Cost {
    fn words(&self, l: Lang) -> String {
        let sums = |sums: &[Sum]| {
            let sums: Vec<String> =
                sums.iter().map(|sum| money(sum.minor, &sum.currency)).collect();
            if sums.is_empty() { "0".to_owned() } else { sums.join(" + ") }
        };
        let (first, all, unknown) = (sums(&self.first_wave), sums(&self.all), self.unknown_legs);
        match l {
            Lang::Chinese => format!("第一批 {first}，全部 {all}，另有 {unknown} 路费用不详"),
            Lang::English => {
                format!("the first wave {first}, all {all}, and {unknown} of unknown cost")
            }
        }
    }
}

/// What a line would do today by the stored policies.
pub(super) async fn stored(signed: &Signed, asked: &Asked) -> Result<Option<WhatIf>, Failure> {
    let Some(line) = asked.tried() else { return Ok(None) };
    signed.api().get(&format!("/lines/{line}/what-if?{}", asked.query())).await.map(Some)
}

/// What a line would do with a policy that is not saved, in the place of a stored one.
pub(super) async fn drafted(
    signed: &Signed,
    asked: &Asked,
    (draft, replaced): (&Value, Option<u64>),
) -> Result<Option<WhatIf>, Failure> {
    let Some(line) = asked.tried() else { return Ok(None) };
    let replaced = replaced.map(|id| format!("&policy_id={id}")).unwrap_or_default();
    let path = format!("/lines/{line}/what-if?{}{replaced}", asked.query());
    signed.api().post(&path, draft).await.map(Some)
}
