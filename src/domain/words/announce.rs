//! What an announcement is put together of, message by message: what it is, who and where, what to do, which keys.

use super::address::Limits;
use super::{Clip, Detail, Language, NAME_MAX, Phrase, Sign, Told, name_clip};
use crate::directory::Address;
use crate::kind::AlarmKind;
use crate::leg::{Message, Moment};
use crate::plan::{PartyId, Plan};

/// The phrase for what is the matter; `None` while nobody has said.
pub(super) fn kind(kind: AlarmKind) -> Option<Phrase> {
    match kind {
        AlarmKind::Unknown => None,
        AlarmKind::Fire => Some(Phrase::KindFire),
        AlarmKind::Intruder => Some(Phrase::KindIntruder),
        AlarmKind::Illness => Some(Phrase::KindIllness),
        AlarmKind::Flood => Some(Phrase::KindFlood),
        AlarmKind::Other => Some(Phrase::KindOther),
    }
}

/// What to do, by what is the matter. Nobody goes in alone where the policy says so.
fn advice(plan: &Plan) -> Phrase {
    if 1 < plan.policy.together {
        return Phrase::NeverAlone;
    }
    match plan.kind {
        AlarmKind::Fire => Phrase::GoFire,
        AlarmKind::Illness => Phrase::GoIllness,
        AlarmKind::Unknown | AlarmKind::Intruder | AlarmKind::Flood | AlarmKind::Other => {
            Phrase::GoNow
        }
    }
}

/// The announcement. A drill says so first and last.
pub(super) fn clips(
    told: &Told<'_>,
    who_where: Vec<Clip>,
    detail: Detail,
    language: Language,
) -> Vec<Clip> {
    let phrase = |phrase| Some(Clip::Phrase(phrase));
    let plan = told.plan;
    if told.message == Message::DrillNotice {
        return drill_notice(told.moment);
    }
    let drill = plan.is_drill.then_some(Clip::Phrase(Phrase::Drill));
    let matter = kind(plan.kind).map(Clip::Phrase);
    let go = Clip::Phrase(advice(plan));
    let go = (detail.has_advice || go == Clip::Phrase(Phrase::NeverAlone)).then_some(go);
    let who_where = who_where.into_iter();
    let mut clips = vec![Clip::Tone];
    clips.extend(drill.clone());
    match told.message {
        Message::Alarm | Message::WeakAlarm | Message::StillInDanger => {
            let is_weak = told.message == Message::WeakAlarm;
            let is_again = told.message == Message::StillInDanger;
            let before = if is_again { Phrase::StillInDanger } else { Phrase::Alarm };
            let before = if is_weak { Phrase::Unproven } else { before };
            // Whose telephone it is goes before what they said.
            let matter = matter.filter(|_| detail.has_advice || !is_weak);
            let after = is_weak.then_some(Clip::Phrase(Phrase::OrSameDevice));
            clips.extend(phrase(before).into_iter().chain(matter).chain(who_where).chain(after));
            clips.extend(along(told, detail, language));
            clips.extend(go.into_iter().chain(phrase(Phrase::Keys)));
        }
        // Only written; whoever has it read to them hears what to press.
        Message::PleaseReply => {
            clips.extend(phrase(Phrase::Alarm).into_iter().chain(who_where));
            clips.extend(phrase(Phrase::Keys));
        }
        Message::KindNamed => {
            clips.extend(phrase(Phrase::KindUpdate).into_iter().chain(matter).chain(who_where));
            clips.extend(go);
        }
        Message::GoTogether => {
            clips.extend(who_where.chain(phrase(Phrase::GoTogether)));
            clips.extend(coming(plan, told.coming, detail.names_max));
        }
        Message::AreYouThere => {
            clips.extend(phrase(Phrase::AreYouThere).into_iter().chain(who_where));
            clips.extend(phrase(Phrase::ArrivalKeys));
        }
        Message::OwnHousehold => clips.extend(phrase(Phrase::OwnHousehold)),
        Message::StandDown => clips.extend(who_where.chain(phrase(Phrase::StandDown))),
        Message::Cancelled => clips.extend(who_where.chain(phrase(Phrase::Cancelled))),
        Message::SaidMistake => clips.extend(who_where.chain(phrase(Phrase::SaidMistake))),
        Message::Duress => clips.extend(who_where.chain(phrase(Phrase::Duress))),
        Message::CloseReminder => clips.extend(who_where.chain(phrase(Phrase::PleaseClose))),
        // Its words come with its notice.
        Message::HandOver => {}
        Message::DrillOver => clips.extend(who_where.chain(phrase(Phrase::DrillOver))),
        // Of no door: above.
        Message::DrillNotice => {}
    }
    clips.extend(drill);
    clips
}

/// That a drill is announced comes first, so that nobody takes it for an alarm.
fn drill_notice(moment: Option<Moment>) -> Vec<Clip> {
    let before = [Clip::Tone, Clip::Phrase(Phrase::DrillAhead)];
    let when = moment.into_iter().flat_map(when);
    before.into_iter().chain(when).chain([Clip::Phrase(Phrase::DrillWhatToDo)]).collect()
}

/// Today at fifteen thirty, tomorrow at nine, in three days at ten.
fn when(moment: Moment) -> Vec<Clip> {
    let mut clips = match moment.days {
        0 => vec![Clip::Phrase(Phrase::Today)],
        1 => vec![Clip::Phrase(Phrase::Tomorrow)],
        days => vec![Clip::Count(days.min(Clip::COUNT_MAX)), Clip::Phrase(Phrase::DaysAhead)],
    };
    clips.extend(counted(moment.hour, Phrase::OClock));
    if 0 < moment.minute {
        clips.extend(counted(moment.minute, Phrase::Minutes));
    }
    clips
}

/// Midnight is the hour zero.
fn counted(number: u8, what: Phrase) -> Vec<Clip> {
    let mut clips = match number {
        0 => Sign::of_char('0').map(Clip::Sign).into_iter().collect(),
        _ => Clip::number(number),
    };
    clips.push(Clip::Phrase(what));
    clips
}

fn coming(plan: &Plan, coming: &[PartyId], names_max: usize) -> Vec<Clip> {
    let names = coming.iter().filter_map(|party| name_clip(&plan.party(*party)?.name, NAME_MAX));
    names.take(names_max.max(1)).collect()
}

/// The doors of the other alarms of the building, and how many there are in all when not every one is named.
fn along(told: &Told<'_>, detail: Detail, language: Language) -> Vec<Clip> {
    if told.along.is_empty() {
        return Vec::new();
    }
    let mut clips = Vec::new();
    if 0 < detail.names_max {
        clips.push(Clip::Phrase(Phrase::AlsoAt));
    }
    for other in told.along.iter().take(detail.names_max) {
        clips.extend(door(&other.plan.scene.address, detail, language));
    }
    if detail.names_max < told.along.len() {
        let all = u8::try_from(told.along.len().saturating_add(1)).unwrap_or(u8::MAX);
        clips.push(Clip::Phrase(Phrase::InAll));
        clips.push(Clip::Count(all.min(Clip::COUNT_MAX)));
        clips.push(Clip::Phrase(Phrase::HomesInNeed));
    }
    clips
}

/// Only what tells the door from the others of the building.
fn door(address: &Address, detail: Detail, language: Language) -> Vec<Clip> {
    let place =
        Address { unit: address.unit.clone(), door: address.door.clone(), ..Address::default() };
    let limits =
        Limits { has_floor: false, signs_max: detail.part_max, spots_max: detail.spots_max };
    super::address::clips(&place, limits, language)
}
