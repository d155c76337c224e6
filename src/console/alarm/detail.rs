//! An alarm as the API tells it in full, and who is concerned, made of it.

use crate::board::{self, Row};
use crate::directory::who_words;
use crate::lang::Lang;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// See `AlarmDetail` of the API.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Detail {
    pub(crate) board: Row,
    /// When it was heard and written down, where that was measured; in milliseconds since it was raised.
    pub(crate) heard_ms: Option<i64>,
    pub(crate) committed_ms: Option<i64>,
    pub(crate) parties: Vec<Party>,
    pub(crate) case: Option<Case>,
    pub(crate) notes: Vec<Note>,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) timeline: Vec<Moment>,
    /// Telephones that ring at once if it is cancelled, and if it is closed.
    pub(crate) rings_if_cancelled: usize,
    pub(crate) rings_if_closed: usize,
}

/// Whom the plan reaches.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Party {
    pub(crate) party: u16,
    pub(crate) role: String,
    pub(crate) name: String,
    pub(crate) numbers: Vec<String>,
}

/// The case.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Case {
    pub(crate) owner: Option<u16>,
    pub(crate) steps: Vec<CaseStep>,
    pub(crate) follow_up_due_at: Option<Timestamp>,
    pub(crate) follow_up: Option<FollowUp>,
    pub(crate) is_overdue: bool,
}

/// A step of the case.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CaseStep {
    pub(crate) step: String,
    pub(crate) due_at: Timestamp,
    pub(crate) done_at: Option<Timestamp>,
    pub(crate) is_late: bool,
}

/// How the household was looked after.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FollowUp {
    pub(crate) kind: String,
    pub(crate) done_at: Timestamp,
    author: String,
    author_name: Option<String>,
    pub(crate) text: String,
}

/// A note.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Note {
    pub(crate) note: u32,
    pub(crate) at: Timestamp,
    author: String,
    author_name: Option<String>,
    pub(crate) text: String,
}

impl FollowUp {
    /// Who did it, as people call them.
    pub(crate) fn who(&self, l: &Lang) -> String {
        who_words(&self.author, self.author_name.as_deref(), *l)
    }
}

impl Note {
    /// Who wrote it, as people call them.
    pub(crate) fn who(&self, l: &Lang) -> String {
        who_words(&self.author, self.author_name.as_deref(), *l)
    }
}

/// A call or message. Times are milliseconds since the alarm was raised.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Delivery {
    pub(crate) leg: u64,
    pub(crate) party: u16,
    pub(crate) name: Option<String>,
    pub(crate) number: Option<String>,
    pub(crate) channel: String,
    pub(crate) state: String,
    pub(crate) words: String,
    pub(crate) attempt: u16,
    pub(crate) ordered_ms: i64,
    pub(crate) placed_ms: Option<i64>,
    pub(crate) ringing_ms: Option<i64>,
    pub(crate) answered_ms: Option<i64>,
    pub(crate) accepted_ms: Option<i64>,
    pub(crate) keys: Vec<Key>,
    pub(crate) ended_ms: Option<i64>,
}

/// An answer by key or SMS.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Key {
    pub(crate) at_ms: i64,
    pub(crate) answer: String,
}

/// Something that happened.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Moment {
    pub(crate) sequence: u32,
    pub(crate) at: Timestamp,
    pub(crate) since_raised_ms: i64,
    pub(crate) text: String,
    event: Value,
}

/// What the dossier has besides.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Dossier {
    pub(crate) trace: Vec<Trace>,
}

/// A SIP message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Trace {
    pub(crate) at: Timestamp,
    pub(crate) is_sent: bool,
    pub(crate) remote: String,
    pub(crate) text: String,
}

/// Who could be called besides.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Candidates {
    pub(crate) items: Vec<Candidate>,
}

/// Somebody who could be called besides.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Candidate {
    pub(crate) kind: String,
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) door: String,
}

/// Somebody whom the alarm concerns, as the page shows them.
pub(crate) struct Human {
    pub(crate) party: u16,
    pub(crate) name: String,
    pub(crate) role: &'static str,
    pub(crate) numbers: String,
    /// Their colour where they are coming or there.
    pub(crate) colour: &'static str,
    pub(crate) state: String,
    /// The last call and the last message to each number, in words.
    pub(crate) tries: Vec<String>,
    pub(crate) is_there: bool,
    pub(crate) may_come: bool,
}

/// A step of the case in words.
pub(crate) struct Step {
    pub(crate) words: &'static str,
    pub(crate) due_at: Timestamp,
    pub(crate) done_at: Option<Timestamp>,
    pub(crate) is_late: bool,
}

/// A step of a case in words.
pub(super) fn step_words(step: &str, l: Lang) -> &'static str {
    match step {
        "accepted" => l.t("有人接警", "Somebody is coming"),
        "arrived" => l.t("有人到场", "Somebody is there"),
        _ => l.t("结案", "Closed"),
    }
}

impl Detail {
    /// Who is concerned, in the order of the plan.
    pub(crate) fn humans(&self, row: &Row, l: Lang) -> Vec<Human> {
        self.parties.iter().map(|party| self.human(party, row, l)).collect()
    }

    fn human(&self, party: &Party, row: &Row, l: Lang) -> Human {
        let person = row.people.iter().find(|person| person.party == party.party);
        let is_there = person.is_some_and(|person| person.arrived_at.is_some());
        let (colour, state) = match person {
            Some(_) if is_there => ("green", l.t("已到场", "Here").to_owned()),
            Some(_) => ("blue", l.t("前往", "Coming").to_owned()),
            None => ("", String::new()),
        };
        let of_party = self.deliveries.iter().filter(|one| one.party == party.party);
        let mut tries: Vec<(&str, &str, String)> = Vec::new();
        for one in of_party {
            let number = one.number.as_deref().unwrap_or_default();
            let channel = match one.channel.as_str() {
                "sms" => l.t("短信", "SMS"),
                _ => l.t("电话", "Call"),
            };
            let times = match (l, one.attempt) {
                (_, 0 | 1) => String::new(),
                (Lang::Chinese, attempt) => format!("（第 {attempt} 次）"),
                (Lang::English, attempt) => format!(" (try {attempt})"),
            };
            let joint = l.t("：", ": ");
            let words = format!("{channel} {number}{joint}{}{times}", one.words);
            tries.retain(|(kind, to, _)| (*kind, *to) != (one.channel.as_str(), number));
            tries.push((&one.channel, number, words));
        }
        Human {
            party: party.party,
            name: party.name.clone(),
            role: board::role(&party.role, l),
            numbers: party.numbers.join(l.t("、", ", ")),
            colour,
            state,
            tries: tries.into_iter().map(|(_, _, words)| words).collect(),
            is_there,
            may_come: person.is_none()
                && matches!(party.role.as_str(), "duty_worker" | "neighbour" | "responder"),
        }
    }

    /// The steps of the case.
    pub(crate) fn steps(&self, l: Lang) -> Vec<Step> {
        let steps = self.case.iter().flat_map(|case| &case.steps);
        steps
            .map(|step| Step {
                words: step_words(&step.step, l),
                due_at: step.due_at,
                done_at: step.done_at,
                is_late: step.is_late,
            })
            .collect()
    }

    /// Whether follow-up is still wanted.
    pub(crate) fn wants_follow_up(&self) -> bool {
        let case = self.case.as_ref();
        case.is_some_and(|case| case.follow_up_due_at.is_some() && case.follow_up.is_none())
    }

    /// Who talks with the resident now: who joined, has not left and has not hung up.
    pub(crate) fn talking(&self) -> Vec<&str> {
        let mut legs = BTreeSet::new();
        for moment in &self.timeline {
            let leg = moment.event.get("leg").and_then(Value::as_u64);
            match (moment.event.get("kind").and_then(Value::as_str), leg) {
                (Some("talk_joined"), Some(leg)) => {
                    legs.insert(leg);
                }
                (Some("talk_left"), Some(leg)) => {
                    legs.remove(&leg);
                }
                _ => {}
            }
        }
        let calls = self.deliveries.iter();
        let calls = calls.filter(|call| legs.contains(&call.leg) && call.ended_ms.is_none());
        calls.map(|call| call.name.as_deref().unwrap_or_default()).collect()
    }

    /// How a party is called.
    pub(crate) fn name_of(&self, party: &u16) -> &str {
        let found = self.parties.iter().find(|one| one.party == *party);
        found.map_or("", |party| party.name.as_str())
    }
}

impl Moment {
    /// Time since the alarm was raised, as people read it.
    pub(crate) fn since(&self) -> String {
        since(self.since_raised_ms)
    }

    /// The colour of what matters most in a story.
    pub(crate) fn colour(&self) -> &'static str {
        match self.event.get("kind").and_then(Value::as_str).unwrap_or_default() {
            "raised" | "still_in_danger" | "duress" => "f-red",
            "acknowledged" | "party_added" | "called_again" | "taken_in_hand" => "f-blue",
            "arrived" | "door_reached" => "f-green",
            "receipt_late" | "acknowledgement_lapsed" | "escalated" | "reminded" => "f-amber",
            _ => "f-soft",
        }
    }
}

impl Candidate {
    /// What the form sends back.
    pub(crate) fn value(&self) -> String {
        format!("{}:{}:{}", self.kind, self.id, self.name)
    }

    /// Who, where and what they are.
    pub(crate) fn words(&self, l: &Lang) -> String {
        let kind = match self.kind.as_str() {
            "worker" => l.t("社区工作者", "worker"),
            "responder" => l.t("响应人", "responder"),
            _ => l.t("居民", "resident"),
        };
        let door = if self.door.is_empty() { String::new() } else { format!(" {}", self.door) };
        format!("{}{door} · {kind}", self.name)
    }
}

impl Trace {
    /// What the message is: its first line.
    pub(crate) fn first_line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }
}

/// Milliseconds as people read them.
pub(crate) fn since(ms: i64) -> String {
    match ms {
        ..0 => format!("−{} ms", ms.unsigned_abs()),
        0..1_000 => format!("+{ms} ms"),
        1_000..60_000 => format!("+{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => format!("+{}:{:02}", ms / 60_000, ms / 1000 % 60),
    }
}
