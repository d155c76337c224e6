//! Text messages: who and where first, and never longer than one segment.

use super::{en, zh_cn};
use crate::directory::{Address, Language, Written};
use crate::leg::Message;
use crate::plan::{Plan, Scene};

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
    };
    let least = Cut { shape: Shape::Least, has_number: false, has_floor: false, ..all };
    [
        all,
        Cut { has_floor: false, ..all },
        Cut { shape: Shape::Short, has_floor: false, ..all },
        Cut { has_number: false, has_floor: false, ..all },
        Cut { shape: Shape::Short, has_number: false, has_floor: false, ..all },
        least,
        Cut { estate_max: 8, name_max: 6, part_max: 8, ..least },
        Cut { estate_max: 0, name_max: 4, part_max: 6, ..least },
    ]
};

/// What a callee reads: at most [`SMS_UNITS_MAX`] UTF-16 units in either language, the signature included.
#[must_use]
pub fn sms(plan: &Plan, message: Message, language: Language) -> String {
    let mut texts = CUTS.into_iter().map(|cut| text(&plan.scene, message, language, cut));
    let least = texts.next_back().unwrap_or_default();
    let fitting = texts.find(|text| text.encode_utf16().count() <= SMS_UNITS_MAX);
    shorten(&fitting.unwrap_or(least), SMS_UNITS_MAX)
}

fn text(scene: &Scene, message: Message, language: Language, cut: Cut) -> String {
    let address = &scene.address;
    let estate = shorten(estate_of(scene), cut.estate_max);
    let building = shorten(&address.building, cut.part_max);
    let unit = shorten(&address.unit, cut.part_max);
    let floor = shorten(if cut.has_floor { floor_of(address) } else { "" }, cut.part_max);
    let door = shorten(&address.door, cut.part_max);
    let name = shorten(&scene.household_name, cut.name_max);
    let place =
        Place { estate: &estate, building: &building, unit: &unit, floor: &floor, door: &door };
    let number = if cut.has_number && message != Message::OwnHousehold {
        format!("({})", shorten(scene.number.written(), 24))
    } else {
        String::new()
    };
    match language.written() {
        Written::Chinese => {
            let who_where = format!("{}{name}{number}", zh_cn::place_written(&place));
            zh_cn::sms(message, &who_where, cut.shape)
        }
        Written::English => {
            let who_where = format!("{} {name}{number}", en::place_written(&place));
            en::sms(message, who_where.trim(), cut.shape)
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
