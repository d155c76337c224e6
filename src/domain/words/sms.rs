//! Text messages: who and where first, and never longer than one segment.

use super::{Told, en, zh_cn};
use crate::directory::{Address, Language, Written};
use crate::kind::AlarmKind;
use crate::leg::Message;
use crate::plan::Scene;

/// Longest text, in UTF-16 units: one segment, as soon as one character is Chinese. Segments of longer texts arrive
/// late, out of order, or not at all.
pub const SMS_UNITS_MAX: usize = 70;

/// How much is written around who and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Everything.
    Full,
    /// Only one of the answers is named.
    Short,
    /// Only that 110 is for danger.
    Least,
    /// The same beside a link, under which the answers are.
    Brief,
    /// Nothing beside a link.
    Bare,
}

/// Where it is; empty parts are left out.
pub(super) struct Place<'a> {
    pub(super) estate: &'a str,
    pub(super) building: &'a str,
    pub(super) unit: &'a str,
    pub(super) floor: &'a str,
    pub(super) door: &'a str,
}

/// How long the parts may be, in UTF-16 units; 0 leaves a part out.
#[derive(Clone, Copy)]
struct Cut {
    shape: Shape,
    has_number: bool,
    has_floor: bool,
    estate_max: usize,
    name_max: usize,
    part_max: usize,
    /// Doors of other alarms, and people who come, that are named.
    names_max: usize,
}

/// From all to least. The first that fits is sent. Building, unit and door are never left out; only when each of
/// them is longer than any real one, their ends are.
const CUTS: [Cut; 8] = {
    let all = Cut {
        shape: Shape::Full,
        has_number: true,
        has_floor: true,
        estate_max: 20,
        name_max: 16,
        part_max: 12,
        names_max: 2,
    };
    let least = Cut { shape: Shape::Least, has_number: false, has_floor: false, ..all };
    [
        all,
        Cut { has_floor: false, ..all },
        Cut { shape: Shape::Short, has_floor: false, ..all },
        Cut { has_number: false, has_floor: false, ..all },
        Cut { shape: Shape::Short, has_number: false, has_floor: false, ..all },
        least,
        Cut { estate_max: 8, name_max: 6, part_max: 8, names_max: 1, ..least },
        Cut { estate_max: 0, name_max: 4, part_max: 6, names_max: 0, ..least },
    ]
};

/// Cuts that name who and where whole: a link that takes more room is left out.
const CUTS_WHOLE: usize = 6;

/// What a callee reads: at most [`SMS_UNITS_MAX`] UTF-16 units in either language, the signature included. A link takes
/// the place of what to reply, and of the advice where it needs that room too, never of who and where.
#[must_use]
pub fn sms(told: &Told<'_>, language: Language) -> String {
    if let Some(notice) = told.hand_over {
        return super::hand_over::sms(notice, language);
    }
    let link = told.link.filter(|_| told.message.calls_for_help());
    link.and_then(|link| with_link(told, link, language)).unwrap_or_else(|| plain(told, language))
}

fn with_link(told: &Told<'_>, link: &str, language: Language) -> Option<String> {
    let whole = || CUTS.into_iter().take(CUTS_WHOLE);
    let least = whole().filter(|cut| cut.shape == Shape::Least);
    // Without the advice before without the link: the page gives it, too.
    let shapes = [Shape::Brief, Shape::Bare].into_iter().flat_map(|shape| {
        whole()
            .filter(|cut| cut.shape == Shape::Full)
            .chain(least.clone())
            .map(move |cut| Cut { shape, ..cut })
    });
    let mut texts = shapes.map(|cut| format!("{} {link}", text(told, language, cut)));
    texts.find(|text| text.encode_utf16().count() <= SMS_UNITS_MAX)
}

fn plain(told: &Told<'_>, language: Language) -> String {
    fitting(CUTS.into_iter().map(|cut| text(told, language, cut)))
}

/// A text that is to be written.
pub(super) struct Draft<'a> {
    pub(super) message: Message,
    pub(super) shape: Shape,
    pub(super) kind: AlarmKind,
    pub(super) is_drill: bool,
    /// Nobody goes in alone.
    pub(super) is_together: bool,
    pub(super) who_where: &'a str,
    /// The names of those who come, and how many do.
    pub(super) coming: &'a str,
    /// Doors of the other alarms of the building.
    pub(super) along: &'a str,
    /// How many homes of the building need help.
    pub(super) homes: usize,
}

fn text(told: &Told<'_>, language: Language, cut: Cut) -> String {
    let comma = match language.written() {
        Written::Chinese => "、",
        Written::English => ", ",
    };
    let names = told.coming.iter().filter_map(|party| told.plan.party(*party));
    let names = names.take(cut.names_max).map(|party| shorten(&party.name, cut.name_max.max(4)));
    let coming = names.collect::<Vec<_>>().join(comma);
    let doors = told.along.iter().take(cut.names_max);
    let doors = doors.map(|other| shorten(&other.plan.scene.address.door, cut.part_max));
    let along = doors.collect::<Vec<_>>().join(comma);
    let has_number = cut.has_number && told.message != Message::OwnHousehold;
    let draft = Draft {
        message: told.message,
        shape: cut.shape,
        kind: told.plan.kind,
        is_drill: told.plan.is_drill,
        is_together: 1 < told.plan.policy.together,
        who_where: &who_where(&told.plan.scene, language, Cut { has_number, ..cut }),
        coming: &coming,
        along: &along,
        homes: told.along.len() + 1,
    };
    match language.written() {
        Written::Chinese => zh_cn::sms(&draft),
        Written::English => en::sms(&draft),
    }
}

/// Whom to look after, since nobody was seen to have asked how they are after an alarm: for the telephone of a duty worker,
/// at most [`SMS_UNITS_MAX`] UTF-16 units in either language.
#[must_use]
pub fn follow_up(scene: &Scene, language: Language) -> String {
    let written = |cut| {
        let who_where = who_where(scene, language, cut);
        match language.written() {
            Written::Chinese => {
                format!("【平安联防】请回访{who_where}：报警后尚无人回访，请去电或上门，并登记。")
            }
            Written::English => format!("Please call or visit {who_where} after the alarm"),
        }
    };
    fitting(CUTS.into_iter().map(written))
}

/// The first text that fits in a segment; else as much of the last as does.
fn fitting(mut texts: impl DoubleEndedIterator<Item = String>) -> String {
    let least = texts.next_back().unwrap_or_default();
    let fitting = texts.find(|text| text.encode_utf16().count() <= SMS_UNITS_MAX);
    shorten(&fitting.unwrap_or(least), SMS_UNITS_MAX)
}

fn who_where(scene: &Scene, language: Language, cut: Cut) -> String {
    let address = &scene.address;
    let estate = shorten(estate_of(scene), cut.estate_max);
    let building = shorten(&address.building, cut.part_max);
    let unit = shorten(&address.unit, cut.part_max);
    let floor = shorten(if cut.has_floor { floor_of(address) } else { "" }, cut.part_max);
    let door = shorten(&address.door, cut.part_max);
    let name = shorten(&scene.household_name, cut.name_max);
    let place =
        Place { estate: &estate, building: &building, unit: &unit, floor: &floor, door: &door };
    let number = if cut.has_number {
        format!("({})", shorten(scene.number.written(), 24))
    } else {
        String::new()
    };
    match language.written() {
        Written::Chinese => format!("{}{name}{number}", zh_cn::place_written(&place)),
        Written::English => {
            format!("{} {name}{number}", en::place_written(&place)).trim().to_owned()
        }
    }
}

/// Estate or road; the community's name where the address has none.
pub(super) fn estate_of(scene: &Scene) -> &str {
    if scene.address.place.is_empty() { &scene.community_name } else { &scene.address.place }
}

/// The floor, unless the door tells it: 502 is on floor 5.
pub(super) fn floor_of(address: &Address) -> &str {
    let floor = &*address.floor;
    let number = floor.trim_end_matches(['层', '楼', 'F', '/']);
    let is_told = address.door.len() > number.len() && address.door.starts_with(number);
    if is_told { "" } else { floor }
}

/// The beginning of a text, at most so many UTF-16 units long, without half characters and control characters.
pub(super) fn shorten(text: &str, units_max: usize) -> String {
    let mut units = 0;
    text.trim()
        .chars()
        .filter(|character| !character.is_control())
        .take_while(|character| {
            units += character.len_utf16();
            units <= units_max
        })
        .collect()
}
