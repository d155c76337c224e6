//! What happened to an alarm, in words and in milliseconds since it was raised.
//!
//! Names come from the plan of that moment; where it was erased, parties are told apart by number. "Answered" is never
//! written as "reached": only a key is a person.

use super::words::in_language;
use crate::store::alarm_log::{StoredAlarm, StoredEvent};
use jiff::Timestamp;
use lianfang_domain::alarm::{
    AnswerMeans, CloseOutcome, Event, LegStart, LegWhy, NamedBy, PlanWhy, Proof, Trigger,
    TriggerSource, WithdrawMeans,
};
use lianfang_domain::directory::{Language, Written};
use lianfang_domain::id::AlarmId;
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::leg::{Channel, LegOutcome};
use lianfang_domain::plan::{PartyId, Plan};
use serde::Serialize;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Moment {
    /// Counts the events of the alarm.
    sequence: u32,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub(super) at: Timestamp,
    /// The same in milliseconds since the alarm was raised.
    pub(super) since_raised_ms: i64,
    /// What happened, in words.
    pub(super) text: String,
    /// What happened, as it is stored: `kind` says what, the rest depends on it.
    #[schema(value_type = Object)]
    event: serde_json::Value,
}

/// Everything that happened, in order, with these names of accounts.
pub(super) fn timeline(
    alarm: &StoredAlarm,
    names: &BTreeMap<String, String>,
    language: Language,
) -> Vec<Moment> {
    let mut story = Story::new(alarm, names, language);
    let raised = alarm.row.raised;
    let mut moments = Vec::with_capacity(alarm.events.len());
    for StoredEvent { sequence, at, event } in &alarm.events {
        moments.push(Moment {
            sequence: *sequence,
            at: *at,
            since_raised_ms: clamped_ms(at.duration_since(raised).as_millis()),
            text: story.tell(event),
            event: serde_json::to_value(event).unwrap_or_default(),
        });
    }
    moments
}

/// The accounts that the story of an alarm names.
pub(super) fn accounts_in(alarm: &StoredAlarm) -> BTreeSet<String> {
    let names = BTreeMap::new();
    let mut story = Story::new(alarm, &names, Language::default());
    for StoredEvent { event, .. } in &alarm.events {
        story.tell(event);
    }
    story.accounts.into_inner()
}

fn clamped_ms(ms: i128) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// What was known when an event happened.
struct Story<'a> {
    alarm: &'a StoredAlarm,
    plan: Option<&'a Plan>,
    legs: BTreeMap<u32, &'a LegStart>,
    language: Language,
    names: &'a BTreeMap<String, String>,
    /// The accounts that were named.
    accounts: RefCell<BTreeSet<String>>,
}

impl<'a> Story<'a> {
    fn new(
        alarm: &'a StoredAlarm,
        names: &'a BTreeMap<String, String>,
        language: Language,
    ) -> Self {
        let (legs, accounts) = (BTreeMap::new(), RefCell::default());
        Self { alarm, plan: None, legs, language, names, accounts }
    }

    /// Somebody at a desk or a program, as people call them. No token is named like an account.
    fn who(&self, actor: &str) -> String {
        let Some(id) = actor.strip_prefix("account:") else { return actor.to_owned() };
        self.accounts.borrow_mut().insert(actor.to_owned());
        let gone = || in_language!(self.language, "账号 {id}", "account {id}");
        self.names.get(actor).cloned().unwrap_or_else(gone)
    }

    #[expect(clippy::too_many_lines, reason = "an arm an event, and nothing else")]
    fn tell(&mut self, event: &'a Event) -> String {
        let language = self.language;
        match event {
            Event::Raised { trigger, follows } => raised(trigger, *follows, language),
            Event::Planned { revision, why } => {
                self.plan = self.alarm.plans.iter().find(|plan| plan.revision == *revision);
                let why = why.map_or("", |why| plan_why(why, language));
                in_language!(
                    language,
                    "方案第 {revision} 版{why}",
                    "Plan, revision {revision}{why}"
                )
            }
            Event::WaveStarted { wave, legs } => {
                let (wave, count) = (u32::from(*wave) + 1, self.learn(legs));
                in_language!(language, "第 {wave} 批：{count}", "Wave {wave}: {count}")
            }
            Event::LegsOrdered { why, legs } => {
                let (why, count) = (why_words(*why, language), self.learn(legs));
                in_language!(language, "{why}：{count}", "{why}: {count}")
            }
            Event::LegPlaced { leg, route } => {
                self.leg(*leg, &in_language!(language, "已由 {route} 发出", "sent over {route}"))
            }
            Event::LegRinging { leg } => self.leg(*leg, pick(language, "振铃", "ringing")),
            Event::LegAnswered { leg } => {
                self.leg(*leg, pick(language, "已接通，尚未按键", "answered, no key yet"))
            }
            Event::SmsAccepted { leg, .. } => {
                self.leg(*leg, pick(language, "运营商已受理", "taken by the provider"))
            }
            Event::LegEnded { leg, outcome } => self.leg(*leg, ended(*outcome, language)),
            Event::Acknowledged { party, means } => {
                self.answer(*party, means, pick(language, "正赶来", "is coming"))
            }
            Event::Declined { party, means } => {
                self.answer(*party, means, pick(language, "来不了", "cannot come"))
            }
            Event::Arrived { party, means } => {
                self.answer(*party, means, pick(language, "已到场", "is at the door"))
            }
            Event::PoliceCalled { party, means } => {
                self.answer(*party, means, pick(language, "已拨打 110", "has called the police"))
            }
            Event::SaidMistake { party, means } => {
                self.answer(*party, means, pick(language, "说是误报", "says that it is a mistake"))
            }
            Event::EnoughComing => pick(language, "赶来的人已够", "Enough are coming").to_owned(),
            Event::StillInDanger { trigger } => {
                let heard = heard(trigger, language);
                in_language!(language, "仍有危险（{heard}）", "Still in danger ({heard})")
            }
            Event::Cancelled { actor, means } => {
                let by = means.as_ref().map_or_else(|| self.who(actor), |means| self.by(means));
                in_language!(language, "由 {by} 撤销", "Cancelled by {by}")
            }
            Event::Closed { actor, outcome, matter, by } => {
                let outcome = closed_as(*outcome, language);
                let by = by.map_or_else(|| self.who(actor), |party| self.party(party));
                let matter = matter.map_or("", |matter| kind_words(matter, language));
                in_language!(
                    language,
                    "由 {by} 结案：{outcome}{matter}",
                    "Closed by {by}: {outcome} {matter}"
                )
                .trim_end()
                .to_owned()
            }
            Event::KindNamed { matter, by } => {
                let matter = kind_words(*matter, language);
                let by = match by {
                    NamedBy::Resident => pick(language, "报警人", "the resident").to_owned(),
                    NamedBy::Api { actor } => self.who(actor),
                };
                in_language!(language, "{by}说明：{matter}", "{by} says: {matter}")
            }
            Event::Escalated { step } => {
                in_language!(language, "升级：第 {step} 步", "Escalated: step {step}")
            }
            Event::ReceiptLate { leg } => {
                self.leg(*leg, pick(language, "回执超时", "no receipt in time"))
            }
            Event::CalledBack { leg } => {
                self.learn(std::slice::from_ref(leg));
                let name = self.party(leg.party);
                in_language!(language, "{name}回拨", "{name} called back")
            }
            Event::AcknowledgementLapsed { party } => {
                let name = self.party(*party);
                in_language!(
                    language,
                    "{name}答应前往，但一直未到",
                    "{name} said to come and is not there"
                )
            }
            Event::DoorReached => {
                pick(language, "有人已到门口", "Somebody is at the door").to_owned()
            }
            Event::PinRefused { means } => {
                let by = self.by(means);
                in_language!(language, "密码不对（{by}）", "Wrong PIN ({by})")
            }
            Event::Duress { means } => {
                let by = self.by(means);
                in_language!(language, "受胁迫（{by}）", "Under duress ({by})")
            }
            Event::OwnerChanged { party, actor } => {
                let actor = self.who(actor);
                let name = self.party(*party);
                in_language!(language, "由 {actor} 转交{name}", "Handed to {name} by {actor}")
            }
            Event::Reminded { times } => {
                in_language!(language, "第 {times} 次催办", "Reminder {times}")
            }
            Event::NoteAdded { note, actor } => {
                let actor = self.who(actor);
                in_language!(language, "{actor} 记录第 {note} 条备注", "Note {note} by {actor}")
            }
            Event::TalkJoined { leg } => {
                self.leg(*leg, pick(language, "加入通话", "joined the talk"))
            }
            Event::TalkLeft { leg } => self.leg(*leg, pick(language, "离开通话", "left the talk")),
            Event::CloseAsked { party, means } => {
                self.answer(*party, means, pick(language, "要求结案", "wants to close it"))
            }
            Event::ReplyUnclear { leg } => {
                self.leg(*leg, pick(language, "回复看不懂，不作数", "a reply that is no answer"))
            }
            Event::SmsRefused { leg } => {
                self.leg(*leg, pick(language, "退订短信，不再发送", "wants no more SMS, gets none"))
            }
            Event::Silenced => {
                pick(language, "报警电话要求静音", "the line asked for silence").to_owned()
            }
            Event::CalledAgain { actor } => {
                let actor = self.who(actor);
                in_language!(language, "{actor} 要求再次呼叫", "{actor} has everybody called again")
            }
            Event::PartyAdded { party, actor } => {
                let actor = self.who(actor);
                let party = self.party(*party);
                in_language!(language, "{actor} 加叫{party}", "{actor} has {party} called too")
            }
            Event::TakenInHand { actor } => {
                let actor = self.who(actor);
                in_language!(language, "{actor} 接手处理", "{actor} takes it in hand")
            }
            Event::Yielded { to } => {
                in_language!(language, "演练让位于警情 {to}", "The drill gave way to alarm {to}")
            }
        }
    }

    fn answer(&self, party: PartyId, means: &AnswerMeans, what: &str) -> String {
        let language = self.language;
        let name = self.party(party);
        let means = match means {
            AnswerMeans::Key { .. } => pick(language, "按键", "by key").to_owned(),
            AnswerMeans::Reply { .. } => pick(language, "短信回复", "by SMS reply").to_owned(),
            AnswerMeans::Api { actor } => {
                let actor = self.who(actor);
                in_language!(language, "由 {actor} 代记", "noted by {actor}")
            }
            AnswerMeans::Page { .. } => pick(language, "网页", "by page").to_owned(),
            AnswerMeans::Line => {
                pick(language, "报警人电话", "from the resident's telephone").to_owned()
            }
        };
        in_language!(language, "{name}{what}（{means}）", "{name} {what} ({means})")
    }

    fn by(&self, means: &WithdrawMeans) -> String {
        match means {
            WithdrawMeans::Resident => {
                pick(self.language, "报警电话", "the resident's telephone").to_owned()
            }
            WithdrawMeans::CallBack { .. } => pick(self.language, "回拨", "a call back").to_owned(),
            WithdrawMeans::Api { actor } => self.who(actor),
        }
    }

    /// Remembers whom legs go to, and counts them by channel.
    fn learn(&mut self, legs: &'a [LegStart]) -> String {
        let voice = legs.iter().filter(|leg| leg.channel == Channel::Voice).count();
        let sms = legs.len() - voice;
        self.legs.extend(legs.iter().map(|leg| (leg.leg, leg)));
        in_language!(self.language, "{voice} 个电话，{sms} 条短信", "{voice} calls, {sms} SMS")
    }

    fn leg(&self, number: u32, what: &str) -> String {
        let language = self.language;
        let Some(leg) = self.legs.get(&number) else {
            return in_language!(language, "第 {number} 路：{what}", "Leg {number}: {what}");
        };
        let name = self.party(leg.party);
        match leg.channel {
            Channel::Voice => {
                in_language!(language, "致电{name}：{what}", "Call to {name}: {what}")
            }
            Channel::Sms => in_language!(language, "短信致{name}：{what}", "SMS to {name}: {what}"),
        }
    }

    fn party(&self, id: PartyId) -> String {
        let number = id.0;
        // Somebody who was just added stands in the plan that follows.
        let newest = || self.alarm.plans.last().and_then(|plan| plan.party(id));
        match self.plan.and_then(|plan| plan.party(id)).or_else(newest) {
            Some(party) => party.name.to_string(),
            None => in_language!(self.language, "第 {number} 方", "party {number}"),
        }
    }
}

fn heard(trigger: &Trigger, language: Language) -> String {
    let code = &trigger.code;
    let source = match trigger.source {
        TriggerSource::Dialled => in_language!(language, "拨号 {code}", "dialled {code}"),
        TriggerSource::Keyed => in_language!(language, "按键 {code}", "keyed {code}"),
        TriggerSource::Hotline => in_language!(language, "热线摘机", "hotline off-hook"),
        TriggerSource::Http => {
            in_language!(language, "交换机上报 {code}", "reported by a PBX {code}")
        }
        TriggerSource::Drill => pick(language, "演练", "drill").to_owned(),
    };
    match trigger.proof {
        Proof::Weak => in_language!(language, "{source}，线路未证实", "{source}, line not proven"),
        Proof::Digest | Proof::Trunk | Proof::Token => source.trim_end().to_owned(),
    }
}

fn raised(trigger: &Trigger, follows: Option<AlarmId>, language: Language) -> String {
    let heard = heard(trigger, language);
    match follows {
        Some(before) => in_language!(
            language,
            "报警（{heard}），接续警情 {before}",
            "Raised ({heard}), follows alarm {before}"
        ),
        None => in_language!(language, "报警（{heard}）", "Raised ({heard})"),
    }
}

pub(super) fn why_words(why: LegWhy, language: Language) -> &'static str {
    let (chinese, english) = match why {
        LegWhy::Wave => ("批次", "Wave"),
        LegWhy::NextNumber => ("改打下一个号码", "Next number"),
        LegWhy::BusyRetry => ("占线后重拨", "Again after busy"),
        LegWhy::NoAnswerRetry => ("无人接听后重拨", "Again after no answer"),
        LegWhy::OtherRoute => ("换线路重拨", "Over another route"),
        LegWhy::StillInDanger => ("因再次报警", "Because of the new press"),
        LegWhy::Restart => ("重启后续拨", "Again after a restart"),
        LegWhy::Notice => ("告知", "Notice"),
        LegWhy::Step => ("升级", "Escalation"),
        LegWhy::ReceiptLate => ("短信无回执，改打电话", "Call instead of an SMS without receipt"),
        LegWhy::ArrivalCheck => ("询问是否到场", "Asked whether they are there"),
        LegWhy::CallBack => ("回拨", "Call back"),
        LegWhy::HandOver => ("交接班", "Change of duty"),
        LegWhy::Added => ("加叫", "Called too"),
    };
    pick(language, chinese, english)
}

pub(super) fn ended(outcome: LegOutcome, language: Language) -> &'static str {
    let (chinese, english) = match outcome {
        LegOutcome::Answered => ("已按键应答", "answered by key"),
        LegOutcome::AnsweredNoKey => ("接通但未按键", "answered, no key"),
        LegOutcome::Busy => ("占线", "busy"),
        LegOutcome::NoAnswer => ("无人接听", "no answer"),
        LegOutcome::Declined => ("被拒接", "refused"),
        LegOutcome::BadNumber => ("号码有误", "wrong number"),
        LegOutcome::CarrierFailed => ("线路故障", "the carrier failed"),
        LegOutcome::Cancelled => ("不再需要，已取消", "no longer needed"),
        LegOutcome::Delivered => ("已送达手机", "arrived at the handset"),
        LegOutcome::Sent => ("已发出，送达未知", "sent, nothing more is known"),
        LegOutcome::Undelivered => ("未送达", "did not arrive"),
        LegOutcome::OptedOut => ("对方拒收短信", "refuses messages"),
        LegOutcome::PutOff => (
            "线路暂不能再呼此号码，改呼其他号码",
            "no line takes another call now, the next number is called",
        ),
        LegOutcome::NoSms => ("号码不能收短信", "takes no messages"),
        LegOutcome::Lost => ("重启时中断", "lost in a restart"),
    };
    pick(language, chinese, english)
}

fn closed_as(outcome: CloseOutcome, language: Language) -> &'static str {
    let (chinese, english) = match outcome {
        CloseOutcome::Genuine => ("属实", "genuine"),
        CloseOutcome::FalseAlarm => ("误报", "false alarm"),
        CloseOutcome::Drill => ("演练", "drill"),
        CloseOutcome::Test => ("测试", "test"),
        CloseOutcome::Unknown => ("不明", "unknown"),
    };
    pick(language, chinese, english)
}

pub(super) fn plan_why(why: PlanWhy, language: Language) -> &'static str {
    let (chinese, english) = match why {
        PlanWhy::StillInDanger => ("（再次报警）", ": pressed again"),
        PlanWhy::NobodyToRing => ("（无人可呼）", ": nobody was left to ring"),
        PlanWhy::KindNamed => ("（说明了警情）", ": the kind was named"),
        PlanWhy::HandOver => ("（交接班）", ": change of duty"),
        PlanWhy::PartyAdded => ("（加叫）", ": somebody was added"),
    };
    pick(language, chinese, english)
}

fn kind_words(kind: AlarmKind, language: Language) -> &'static str {
    let (chinese, english) = match kind {
        AlarmKind::Unknown => ("未说明", "not said"),
        AlarmKind::Fire => ("火情", "fire"),
        AlarmKind::Intruder => ("有人闯入", "intruder"),
        AlarmKind::Illness => ("急病或受伤", "illness or injury"),
        AlarmKind::Flood => ("水患", "flood"),
        AlarmKind::Other => ("其他", "something else"),
    };
    pick(language, chinese, english)
}

pub(super) fn pick(
    language: Language,
    chinese: &'static str,
    english: &'static str,
) -> &'static str {
    match language.written() {
        Written::Chinese => chinese,
        Written::English => english,
    }
}
