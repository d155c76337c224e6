//! An alarm as the board of the API tells it, and its words, colour and shape: the same on the wall, the page of the alarm
//! and the list.

use crate::directory::who_words;
use crate::lang::Lang;
use jiff::Timestamp;
use serde::Deserialize;
use std::borrow::Cow;

/// Every open alarm, the most urgent first.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Board {
    pub(crate) now: Timestamp,
    pub(crate) items: Vec<Row>,
    pub(crate) is_cut: bool,
}

/// An alarm: see `BoardRow` of the API.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) raised_at: Timestamp,
    pub(crate) age_s: i64,
    pub(crate) closed_at: Option<Timestamp>,
    pub(crate) outcome: Option<String>,
    pub(crate) is_drill: bool,
    pub(crate) is_weak: bool,
    pub(crate) is_duress: bool,
    pub(crate) kind: String,
    pub(crate) place: Option<Place>,
    pub(crate) state: String,
    pub(crate) is_answered: bool,
    pub(crate) in_hand: Option<InHand>,
    pub(crate) presses_again: u16,
    pub(crate) counts: Counts,
    pub(crate) people: Vec<Person>,
    pub(crate) others: Vec<Other>,
    pub(crate) next: Option<Next>,
    pub(crate) late: Vec<Late>,
    pub(crate) owner: Option<Other>,
    pub(crate) rings_if_called_again: usize,
}

/// How many alarms the bar tells one by one.
const SAID_MAX: usize = 3;

/// How alarms stand, the most urgent first, for whoever does not see the page: which door, and who is coming.
pub(crate) fn said<'a>(rows: impl IntoIterator<Item = &'a Row>, l: Lang) -> String {
    let real = rows.into_iter().filter(|row| !row.is_drill).take(SAID_MAX);
    let said: Vec<String> = real.map(|row| row.said(&l)).collect();
    said.join(l.t("；", "; "))
}

/// Where it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Place {
    pub(crate) community_id: u32,
    pub(crate) community: String,
    /// That of the community.
    pub(crate) time_zone: Option<String>,
    pub(crate) place: String,
    pub(crate) building: String,
    pub(crate) unit: String,
    pub(crate) floor: String,
    pub(crate) door: String,
    pub(crate) household: String,
}

/// Who took it in hand.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct InHand {
    pub(crate) by: String,
    pub(crate) since: Timestamp,
}

impl InHand {
    /// Who took it in hand; an account that is gone has no name any more.
    pub(crate) fn who(&self, l: &Lang) -> String {
        who_words(&self.by, None, *l)
    }
}

/// What became of calls and messages.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Counts {
    households: u16,
    duty_workers: u16,
    calling: u16,
    ringing: u16,
    answered_without_key: u16,
    busy: u16,
    no_answer: u16,
    failed: u16,
    cannot: u16,
    coming: u16,
    arrived: u16,
    sms_submitted: u16,
    sms_confirmed: u16,
    sms_late: u16,
    sms_failed: u16,
}

/// Somebody who is coming or there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Person {
    pub(crate) party: u16,
    pub(crate) role: String,
    pub(crate) name: String,
    pub(crate) since: Option<Timestamp>,
    pub(crate) arrived_at: Option<Timestamp>,
}

/// A party.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Other {
    pub(crate) party: u16,
    pub(crate) role: String,
    pub(crate) name: String,
}

/// When telephones ring next.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Next {
    pub(crate) at: Timestamp,
    pub(crate) what: String,
    pub(crate) names: Vec<String>,
    pub(crate) count: usize,
}

/// Something late.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Late {
    pub(crate) what: String,
    pub(crate) since: Timestamp,
    pub(crate) count: u16,
}

impl Row {
    /// The time zone of the place; empty where nobody knows it.
    pub(crate) fn zone(&self) -> &str {
        self.place.as_ref().and_then(|place| place.time_zone.as_deref()).unwrap_or_default()
    }

    /// Red nobody, amber late, blue under way, green somebody is there, grey a drill or over.
    pub(crate) fn colour(&self) -> &'static str {
        match self.state.as_str() {
            _ if self.is_drill => "grey",
            "unattended" => "red",
            "coming" | "arrived" if self.is_late() => "amber",
            "coming" => "blue",
            "arrived" => "green",
            _ => "grey",
        }
    }

    /// Where it stands.
    pub(crate) fn state_words(&self, l: &Lang) -> &'static str {
        match self.state.as_str() {
            "unattended" => l.t("无人接警", "Nobody is coming yet"),
            "coming" => l.t("有人前往", "Coming"),
            "arrived" => l.t("已到场", "Here"),
            "cancelled" => l.t("已撤销", "Cancelled"),
            "closed" => l.t("已结案", "Closed"),
            _ => l.t("不明", "Not known"),
        }
    }

    /// Which door, how it stands, and who is coming or there.
    fn said(&self, l: &Lang) -> String {
        let names: Vec<&str> = self.people.iter().map(|person| person.name.as_str()).collect();
        let names = if names.is_empty() {
            String::new()
        } else {
            format!("{}{}", l.t("，", ", "), names.join(l.t("、", ", ")))
        };
        let (at, whose) = (self.where_words(l), self.household(l));
        let how = l.t("：", ": ");
        format!("{at} {whose}{how}{}{names}", self.state_words(l))
    }

    /// When it was read.
    pub(crate) fn now(&self) -> Timestamp {
        let age = jiff::SignedDuration::from_secs(self.age_s);
        self.raised_at.saturating_add(age).unwrap_or(self.raised_at)
    }

    /// What it was, once it is closed.
    pub(crate) fn outcome_words(&self, l: &Lang) -> &'static str {
        self.outcome.as_deref().map_or("", |was| outcome(was, *l))
    }

    /// What the sound of a wall depends on.
    pub(crate) fn sound(&self) -> &'static str {
        if self.is_answered || self.is_drill { "answered" } else { "unanswered" }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }

    /// People are still called for it.
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.state.as_str(), "unattended" | "coming" | "arrived")
    }

    fn is_late(&self) -> bool {
        self.late.iter().any(|late| matches!(late.what.as_str(), "arrived" | "closed"))
    }

    /// The door, as it is said.
    pub(crate) fn where_words(&self, l: &Lang) -> String {
        match &self.place {
            Some(place) => place.words(*l),
            None => l.t("地点已删除", "The place was erased").to_owned(),
        }
    }

    /// Whose door.
    pub(crate) fn household(&self, l: &Lang) -> String {
        let name = self.place.as_ref().map_or("", |place| place.household.as_str());
        match l {
            Lang::Chinese if !name.is_empty() && !name.ends_with(['家', '店', '室', '站']) => {
                format!("{name}家")
            }
            Lang::Chinese | Lang::English => name.to_owned(),
        }
    }

    /// What is the matter; empty when nobody has said.
    pub(crate) fn kind_words(&self, l: &Lang) -> &'static str {
        if self.kind == "unknown" || self.kind.is_empty() { "" } else { kind(&self.kind, *l) }
    }

    /// Who was called.
    pub(crate) fn called(&self, l: &Lang) -> String {
        let Counts { households, duty_workers, .. } = self.counts;
        match (l, households, duty_workers) {
            (Lang::Chinese, 0, 0) => "尚未呼叫".to_owned(),
            (Lang::English, 0, 0) => "Nobody was called yet".to_owned(),
            (Lang::Chinese, households, 0) => format!("已呼叫 {households} 户"),
            (Lang::Chinese, 0, workers) => format!("已呼叫值班 {workers} 人"),
            (Lang::Chinese, households, workers) => {
                format!("已呼叫 {households} 户 + 值班 {workers} 人")
            }
            (Lang::English, households, 0) => format!("{households} households called"),
            (Lang::English, 0, workers) => format!("{workers} on duty called"),
            (Lang::English, households, workers) => {
                format!("{households} households + {workers} on duty called")
            }
        }
    }

    /// What became of the calls and messages, only what there is.
    pub(crate) fn became(&self, l: &Lang) -> String {
        let counts = &self.counts;
        let mut parts: Vec<String> = [
            (counts.calling, "正在呼叫", "calling"),
            (counts.ringing, "响铃", "ringing"),
            (counts.answered_without_key, "已接听，未按键", "answered, no key"),
            (counts.busy, "忙", "busy"),
            (counts.no_answer, "未接", "no answer"),
            (counts.failed, "未接通", "not reached"),
            (counts.cannot, "来不了", "cannot come"),
            (counts.coming, "前往", "coming"),
            (counts.arrived, "已到场", "here"),
            (counts.sms_submitted, "短信已提交", "SMS accepted by the carrier"),
        ]
        .into_iter()
        .filter(|(count, _, _)| 0 < *count)
        .map(|(count, chinese, english)| format!("{} {count}", l.t(chinese, english)))
        .collect();
        let details: Vec<String> = [
            (counts.sms_confirmed, "送达已确认", "confirmed"),
            (counts.sms_late, "回执超时", "no receipt in time"),
        ]
        .into_iter()
        .filter(|(count, _, _)| 0 < *count)
        .map(|(count, chinese, english)| format!("{} {count}", l.t(chinese, english)))
        .collect();
        if !details.is_empty()
            && let Some(last) = parts.last_mut()
        {
            *last = format!(
                "{last}{}{}{}",
                l.t("（", " ("),
                details.join(l.t("、", ", ")),
                l.t("）", ")")
            );
        }
        if 0 < counts.sms_failed {
            parts.push(format!("{} {}", l.t("短信未送出", "SMS not taken"), counts.sms_failed));
        }
        parts.join(" · ")
    }
}

impl Place {
    /// Building, unit, floor and door, as they are said.
    pub(crate) fn words(&self, l: Lang) -> String {
        let counted = |text: &str, chinese: &str, english: &str| match l {
            _ if text.is_empty() => None,
            Lang::Chinese if text.ends_with(|last: char| last.is_ascii_alphanumeric()) => {
                Some(format!("{text}{chinese}"))
            }
            Lang::Chinese => Some(text.to_owned()),
            Lang::English => Some(format!("{english} {text}")),
        };
        let parts = [
            (!self.place.is_empty() && self.place != self.community).then(|| self.place.clone()),
            counted(&self.building, "号楼", "Building"),
            counted(&self.unit, "单元", "unit"),
            counted(&self.floor, "楼", "floor"),
            counted(&self.door, "", "door"),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(l.t(" ", ", "))
    }
}

impl Next {
    /// Who is called next, behind the time.
    pub(crate) fn words(&self, l: &Lang) -> String {
        let names = self.names.join(l.t("、", ", "));
        let more = self.count.saturating_sub(self.names.len());
        let names = match (l, more) {
            (_, 0) => names,
            (Lang::Chinese, _) => format!("{names}等 {} 方", self.count),
            (Lang::English, _) => format!("{names} and {more} more"),
        };
        let what = match self.what.as_str() {
            "wave" => l.t("再次呼叫", "everybody again"),
            "widen" => l.t("呼叫邻居", "the neighbours"),
            "step" => l.t("升级", "more people"),
            "duty" => l.t("值班", "on duty"),
            _ => l.t("重拨", "another try"),
        };
        format!("{what}{}{names}", l.t("：", ": "))
    }
}

impl Late {
    /// What is late.
    pub(crate) fn words(&self, l: &Lang) -> String {
        match self.what.as_str() {
            "accepted" => l.t("逾时无人前往", "Late: nobody is coming").to_owned(),
            "arrived" => l.t("逾时未到场", "Late: nobody is there").to_owned(),
            "closed" => l.t("逾时未结案", "Late: not closed").to_owned(),
            _ => match l {
                Lang::Chinese => format!("{} 条短信回执超时", self.count),
                Lang::English => format!("No receipt in time for {} SMS", self.count),
            },
        }
    }
}

impl Person {
    pub(crate) fn role_words(&self, l: &Lang) -> &'static str {
        role(&self.role, *l)
    }
}

impl Other {
    pub(crate) fn role_words(&self, l: &Lang) -> &'static str {
        role(&self.role, *l)
    }
}

/// The shape of a colour: a path in a square of 16.
pub(crate) fn shape(colour: &str) -> &'static str {
    match colour {
        "red" => "M0 0h16v16H0z",
        "amber" => "M8 0l8 15H0z",
        "blue" => "M8 0l8 8-8 8-8-8z",
        "green" => "M8 0a8 8 0 1 1 0 16A8 8 0 1 1 8 0z",
        _ => "M0 4h16v8H0z",
    }
}

/// What somebody is to an alarm.
pub(crate) fn role(role: &str, l: Lang) -> &'static str {
    match role {
        "duty_worker" => l.t("值班", "on duty"),
        "neighbour" => l.t("邻居", "neighbour"),
        "responder" => l.t("响应人", "responder"),
        "loudspeaker" => l.t("喇叭", "loudspeaker"),
        "own_household" => l.t("报警户", "own household"),
        _ => "",
    }
}

/// What is the matter.
pub(crate) fn kind(kind: &str, l: Lang) -> &'static str {
    match kind {
        "fire" => l.t("火情", "Fire"),
        "intruder" => l.t("有人闯入", "Intruder"),
        "illness" => l.t("急病或受伤", "Illness or injury"),
        "flood" => l.t("水患", "Flood"),
        "other" => l.t("其他", "Something else"),
        _ => l.t("未说明", "Not said"),
    }
}

/// What an alarm was.
pub(crate) fn outcome(outcome: &str, l: Lang) -> &'static str {
    match outcome {
        "genuine" => l.t("属实", "Genuine"),
        "false_alarm" => l.t("误报", "False alarm"),
        "drill" => l.t("演练", "Drill"),
        "test" => l.t("测试", "Test"),
        _ => l.t("不明", "Not known"),
    }
}

/// Hours, minutes and seconds from one moment to another.
pub(crate) fn age(from: &Timestamp, now: &Timestamp) -> String {
    let s = now.duration_since(*from).as_secs().max(0);
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

/// How long ago, as people say it.
pub(crate) fn ago(at: &Timestamp, now: &Timestamp, l: &Lang) -> Cow<'static, str> {
    let s = now.duration_since(*at).as_secs().max(0);
    let (count, chinese, english) = match s {
        0..5 => return l.t("刚刚", "just now").into(),
        5..60 => (s, "秒前", "seconds ago"),
        60..3600 => (s / 60, "分钟前", "min ago"),
        3600..172_800 => (s / 3600, "小时前", "h ago"),
        _ => (s / 86_400, "天前", "days ago"),
    };
    format!("{count} {}", l.t(chinese, english)).into()
}

/// Seconds until a moment.
pub(crate) fn seconds_to(at: &Timestamp, now: &Timestamp) -> i64 {
    at.duration_since(*now).as_secs().max(0)
}
