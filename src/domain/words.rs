//! What people read and hear, in Chinese and English. Pure: no file, no voice, no clock.
//!
//! [`sms`] writes a text message, [`spoken`] and [`resident`] put announcements together from [`Clip`]s. Words of a
//! language stand in one file each, `words/zh_cn.rs` and `words/en.rs`; the cutting to length is here and in `words/sms.rs`.
//! Who and where come first, since a message may be cut and a listener may hang up.

mod address;
mod announce;
mod clip;
mod en;
mod hand_over;
mod phrase;
mod sms;
mod surname;
mod zh_cn;

pub use clip::{Clip, SCRIPT_WORDS_PER_MINUTE, Sign, Unit};
pub use phrase::Phrase;
pub use sms::{SMS_UNITS_MAX, follow_up, sms};

use crate::alarm::{CloseOutcome, ResidentNotice};
use crate::directory::{Address, Language, Written};
use crate::handover::Notice;
use crate::leg::{AlongLeg, LegOrder, Message, Moment};
use crate::plan::{Party, PartyId, Plan, Role, Scene};
use sms::{estate_of, shorten};

/// Longest announcement after the tone, by [`Clip::estimate_ms`]: who listens longer has not yet left the house.
pub const SPOKEN_MS_MAX: u32 = 12_000;
/// The same where there is more to tell: a drill says so twice, nobody is to go in alone, or a call tells of several alarms.
pub const SPOKEN_MORE_MS_MAX: u32 = 16_000;

/// How much of the scene is said, from all to least. The first that fits in [`SPOKEN_MS_MAX`] is taken.
#[derive(Clone, Copy)]
struct Detail {
    has_floor: bool,
    /// Longest estate, in UTF-16 units; 0 leaves it out.
    estate_max: usize,
    /// Longest name, in UTF-16 units; 0 leaves it out.
    name_max: usize,
    /// Longest building, unit or door, in UTF-16 units; the ends of longer ones are left out.
    part_max: usize,
    /// Most places in one field of the address, such as unit and door in `2单元502`.
    spots_max: usize,
    /// Tells people to go and look, and whom to call in danger.
    has_advice: bool,
    /// Doors of other alarms, and people who come, that are named.
    names_max: usize,
}

const DETAILS: [Detail; 5] = {
    let all = Detail {
        has_floor: true,
        estate_max: 16,
        name_max: 12,
        part_max: 16,
        spots_max: 4,
        has_advice: true,
        names_max: 2,
    };
    let less = Detail { has_floor: false, estate_max: 10, part_max: 12, ..all };
    [
        all,
        less,
        Detail { estate_max: 6, name_max: 6, part_max: 8, names_max: 1, ..less },
        Detail { name_max: 8, part_max: 8, has_advice: false, names_max: 1, ..less },
        Detail {
            estate_max: 0,
            name_max: 0,
            part_max: 4,
            spots_max: 1,
            has_advice: false,
            names_max: 0,
            ..less
        },
    ]
};

/// What a call or a message tells.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Who is in trouble, and where.
    pub plan: &'a Plan,
    /// What is told.
    pub message: Message,
    /// Who is coming, for messages that name them.
    pub coming: &'a [PartyId],
    /// Alarms of the same building that are told with it.
    pub along: &'a [AlongLeg],
    /// Where the reader can see and answer by a page.
    pub link: Option<&'a str>,
    /// What a hand-over of duty says; it goes before everything else.
    pub hand_over: Option<&'a Notice>,
    /// When the drill begins that is announced.
    pub moment: Option<Moment>,
}

impl<'a> Told<'a> {
    /// A message of one alarm that names nobody.
    #[must_use]
    pub fn new(plan: &'a Plan, message: Message) -> Self {
        Self { plan, message, coming: &[], along: &[], link: None, moment: None, hand_over: None }
    }
}

impl<'a> From<&'a LegOrder> for Told<'a> {
    fn from(order: &'a LegOrder) -> Self {
        let LegOrder { plan, message, coming, along, link, moment, hand_over, .. } = order;
        let (link, hand_over) = (link.as_deref(), hand_over.as_deref());
        Self { plan, message: *message, coming, along, link, moment: *moment, hand_over }
    }
}

/// How long the announcement may take.
fn longest_ms(told: &Told<'_>) -> u32 {
    let plan = told.plan;
    let has_more = plan.is_drill || 1 < plan.policy.together || !told.along.is_empty();
    if has_more { SPOKEN_MORE_MS_MAX } else { SPOKEN_MS_MAX }
}

/// What a callee hears: at most [`SPOKEN_MS_MAX`], or [`SPOKEN_MORE_MS_MAX`]. Building and door are always said.
#[must_use]
pub fn spoken(told: &Told<'_>, language: Language) -> Vec<Clip> {
    if let Some(notice) = told.hand_over {
        return hand_over::clips(notice, language);
    }
    let scene = &told.plan.scene;
    let fits = |clips: &Vec<Clip>| {
        clips.iter().map(|clip| clip.estimate_ms(language)).sum::<u32>() <= longest_ms(told)
    };
    let pronounced = scene
        .pronunciation
        .as_ref()
        .filter(|text| scene.language.shipped() == language.shipped() && !text.trim().is_empty())
        .map(|text| announce::clips(told, vec![Clip::Text(text.clone())], DETAILS[0], language));
    if let Some(clips) = pronounced.filter(fits) {
        return clips;
    }
    let mut announcements = DETAILS
        .into_iter()
        .map(|detail| announce::clips(told, who_where(scene, detail, language), detail, language));
    let least = announcements.next_back().unwrap_or_default();
    announcements.find(fits).unwrap_or(least)
}

/// What the resident hears, if the handset is still up. Nothing on a silent line.
#[must_use]
pub fn resident(plan: &Plan, told: &ResidentNotice, language: Language) -> Vec<Clip> {
    if plan.scene.is_silent { Vec::new() } else { notice(plan, told, language) }
}

fn notice(plan: &Plan, notice: &ResidentNotice, _language: Language) -> Vec<Clip> {
    let help_called = || vec![Clip::Phrase(Phrase::HelpCalled)];
    match notice {
        ResidentNotice::HelpCalled { households } => match u8::try_from(*households) {
            Ok(count @ 1..=Clip::COUNT_MAX) => {
                let is_called = |party: &Party| {
                    party.role == Role::DutyWorker && party.step == 0 && party.has_voice()
                };
                let whom = match plan.parties.iter().any(is_called) {
                    true => Phrase::NeighboursAndDuty,
                    false => Phrase::Neighbours,
                };
                vec![Clip::Phrase(Phrase::Calling), Clip::Count(count), Clip::Phrase(whom)]
            }
            Ok(_) | Err(_) => help_called(),
        },
        ResidentNotice::Coming { party } => {
            let Some(party) = plan.party(*party) else { return help_called() };
            let mut clips = Vec::with_capacity(3);
            if party.role == Role::DutyWorker {
                clips.push(Clip::Phrase(Phrase::DutyWorker));
            }
            clips.extend(name_clip(&party.name, NAME_MAX));
            clips.push(Clip::Phrase(Phrase::IsComing));
            clips
        }
        ResidentNotice::KindHeard { matter } => match announce::kind(*matter) {
            Some(kind) => vec![Clip::Phrase(Phrase::TheyKnow), Clip::Phrase(kind)],
            None => help_called(),
        },
        ResidentNotice::Cancelled => vec![Clip::Phrase(Phrase::Withdrawn)],
        ResidentNotice::PinRefused => vec![Clip::Phrase(Phrase::WrongPin)],
    }
}

/// What a caller of an access number hears: for help press, and the code sign by sign.
#[must_use]
pub fn access(code: &str) -> Vec<Clip> {
    let signs = code.chars().filter_map(Sign::of_char).map(Clip::Sign);
    std::iter::once(Clip::Phrase(Phrase::ForHelpPress)).chain(signs).collect()
}

/// What a hotline hears in its grace.
#[must_use]
pub fn hotline_grace() -> Vec<Clip> {
    vec![Clip::Phrase(Phrase::HotlineGrace)]
}

/// What a callee hears whose key was taken.
#[must_use]
pub fn noted() -> Vec<Clip> {
    vec![Clip::Phrase(Phrase::Noted)]
}

/// What a caller hears whose 0 was taken: the PIN is awaited.
#[must_use]
pub fn key_pin() -> Vec<Clip> {
    vec![Clip::Phrase(Phrase::KeyPin)]
}

/// What a caller hears whose PIN is wrong.
#[must_use]
pub fn pin_refused() -> Vec<Clip> {
    vec![Clip::Phrase(Phrase::WrongPin)]
}

/// What a caller hears whose PIN was taken.
#[must_use]
pub fn withdrawn() -> Vec<Clip> {
    vec![Clip::Phrase(Phrase::Withdrawn)]
}

/// What somebody at the door hears on the resident's telephone.
#[must_use]
pub fn arrival_noted() -> Vec<Clip> {
    vec![Clip::Phrase(Phrase::ArrivalNoted)]
}

/// The same where no alarm is open.
#[must_use]
pub fn no_open_alarm() -> Vec<Clip> {
    vec![Clip::Phrase(Phrase::NoOpenAlarm)]
}

/// What a caller hears whom no open alarm wants. `community` may be empty.
#[must_use]
pub fn welcome(community: &str) -> Vec<Clip> {
    let name = name_clip(community, NAME_MAX).into_iter();
    let [welcome, nobody] = [Phrase::Welcome, Phrase::NobodyNeedsYou].map(Clip::Phrase);
    std::iter::once(welcome).chain(name).chain([nobody]).collect()
}

/// What somebody hears who was told of alarms and calls when they are over: where each was and how it ended, and that
/// nobody needs the caller now. The newest come first; more than [`ENDED_MAX`] are not remembered.
#[must_use]
pub fn over<'a>(
    ended: impl IntoIterator<Item = (&'a Plan, CloseOutcome)>,
    language: Language,
) -> Vec<Clip> {
    let one = |(plan, outcome): (&Plan, CloseOutcome)| {
        let how = match outcome {
            CloseOutcome::Genuine => Phrase::ClosedGenuine,
            CloseOutcome::FalseAlarm => Phrase::ClosedFalse,
            CloseOutcome::Drill => Phrase::DrillOver,
            CloseOutcome::Test => Phrase::ClosedTest,
            CloseOutcome::Unknown => Phrase::Closed,
        };
        let mut clips = who_where(&plan.scene, ENDED_DETAIL, language);
        clips.push(Clip::Phrase(how));
        clips
    };
    let ended = ended.into_iter().take(ENDED_MAX).flat_map(one);
    ended.chain([Clip::Phrase(Phrase::NobodyNeedsYou)]).collect()
}

/// Alarms that are over and of which somebody hears who calls.
pub const ENDED_MAX: usize = 3;

/// The place as in a call that is answered: whoever calls has heard it before.
const ENDED_DETAIL: Detail =
    Detail { has_floor: false, estate_max: 10, part_max: 12, ..DETAILS[0] };

/// What somebody of the household in trouble hears who calls: who is coming. Also said of a silent line, since it is
/// said elsewhere.
#[must_use]
pub fn household(plan: &Plan, coming: &[PartyId], language: Language) -> Vec<Clip> {
    if coming.is_empty() {
        return vec![Clip::Phrase(Phrase::StillCalling)];
    }
    let said = coming.iter().take(COMING_MAX);
    said.flat_map(|party| notice(plan, &ResidentNotice::Coming { party: *party }, language))
        .collect()
}

/// Names that are told to somebody who calls: more are not remembered.
const COMING_MAX: usize = 5;

/// What a duty worker hears who wants to close an alarm.
#[must_use]
pub fn which_outcome() -> Vec<Clip> {
    vec![Clip::Phrase(Phrase::WhichOutcome)]
}

/// What a callee hears for whom the talk has no place.
#[must_use]
pub fn talk_full() -> Vec<Clip> {
    vec![Clip::Phrase(Phrase::TalkFull)]
}

/// Longest name that is said to a resident, in UTF-16 units.
const NAME_MAX: usize = 16;

fn who_where(scene: &Scene, detail: Detail, language: Language) -> Vec<Clip> {
    let mut clips = Vec::new();
    let estate = shorten(estate_of(scene), detail.estate_max);
    if !estate.is_empty() {
        clips.push(Clip::Text(estate.into()));
    }
    let limits = address::Limits {
        has_floor: detail.has_floor,
        signs_max: detail.part_max,
        spots_max: detail.spots_max,
    };
    clips.extend(address::clips(&scene.address, limits, language));
    let Some(name) = name_clip(&scene.household_name, detail.name_max) else { return clips };
    let home = Clip::Phrase(Phrase::Home);
    match language.written() {
        Written::Chinese if scene.household_name.ends_with('家') => clips.push(name),
        Written::Chinese => clips.extend([name, home]),
        Written::English => clips.extend([home, name]),
    }
    clips
}

/// The two parts of how a plan calls a neighbour, such as `302 李强家`: the clips of the door, and the name, which people may
/// have recorded without it. `None` where no number of a door stands before a name.
#[must_use]
pub fn door_and_name(called: &str, language: Language) -> Option<(Vec<Clip>, Clip)> {
    let (door, name) = called.split_once(' ')?;
    let address = Address { door: door.into(), ..Address::default() };
    let limits = address::Limits { has_floor: false, signs_max: NAME_MAX, spots_max: NAME_MAX };
    let clips = address::clips(&address, limits, language);
    // A given name has no figures; what is no number is said with the name, in one.
    let is_door = door.contains(|sign: char| sign.is_ascii_digit());
    let is_said = is_door && !clips.is_empty() && clips.iter().all(Clip::is_fixed);
    let name = name.trim();
    (is_said && !name.is_empty()).then(|| (clips, Clip::Name(name.into())))
}

fn name_clip(name: &str, units_max: usize) -> Option<Clip> {
    let name = shorten(name, units_max);
    (!name.is_empty()).then(|| Clip::Name(name.into()))
}

#[cfg(test)]
mod tests;
