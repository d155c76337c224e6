//! What is keyed in a call of a line: codes, what is the matter, a PIN, that somebody is at the door. Pure.
//!
//! The alarm code counts with its last key, whatever may follow. Only where the call has an alarm already is it held for
//! [`HOLD`], since there it may begin the arrival code; nobody waits for the phones of an alarm that ring already.
//! Must not show a digit of a PIN to anything that writes.

use jiff::{SignedDuration, Timestamp};
use lianfang_domain::digits::Key;
use lianfang_domain::digits::matcher::{CodeMatcher, KEY_GAP_MAX};
use lianfang_domain::directory::Community;
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::trigger::HeardCode;
use std::fmt;
use std::sync::Arc;

/// How long the code waits for the last key of the arrival code.
const HOLD: SignedDuration = SignedDuration::from_secs(2);
/// The pause that ends a PIN.
const PIN_PAUSE: SignedDuration = SignedDuration::from_secs(4);
/// Digits of a PIN.
const PIN_LEN: std::ops::RangeInclusive<usize> = 4..=8;
/// Wrong PINs of one call.
const PIN_TRIES_MAX: u8 = 3;
/// How often one call says what is the matter: each time everybody is told anew.
const KINDS_MAX: u8 = 5;

/// The codes of a community.
#[derive(Clone, Debug, Default)]
pub(super) struct Codes {
    /// Those that raise an alarm.
    pub(super) alarm: Vec<Arc<str>>,
    /// Those that raise a silent one.
    pub(super) silent: Vec<Arc<str>>,
    /// The one of somebody at the door; empty where there is none.
    pub(super) arrival: Arc<str>,
}

impl Codes {
    pub(super) fn of(community: &Community) -> Self {
        Self {
            alarm: community.alarm_codes.clone(),
            silent: community.silent_codes.clone(),
            arrival: Arc::clone(&community.arrival_code),
        }
    }
}

/// A PIN as it was keyed. Shows itself to nobody by accident.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pin(String);

impl Pin {
    /// Its digits, for whoever compares them.
    pub(super) fn digits(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What the keys made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Keyed {
    /// An alarm code.
    Code(HeardCode),
    /// What is the matter.
    Kind(AlarmKind),
    /// The rest of a silent code, after the alarm code that it begins with.
    Silence,
    /// The arrival code.
    Arrival,
    /// 0: a PIN follows.
    PinBegins,
    /// A PIN.
    Pin(Pin),
    /// Too short for a PIN.
    NoPin,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Pad {
    codes: Codes,
    matcher: CodeMatcher,
    /// Keys name the kind and withdraw only in a call that has an alarm.
    has_alarm: bool,
    /// A code and what was keyed after it.
    tail: Option<Tail>,
    pin: Option<Entry>,
    tries: u8,
    kinds: u8,
    last_kind: Option<AlarmKind>,
}

#[derive(Debug)]
struct Tail {
    text: String,
    due: Timestamp,
    /// The code was not given out yet.
    held: Option<Arc<str>>,
}

#[derive(Debug)]
struct Entry {
    pin: Pin,
    due: Timestamp,
}

impl Pad {
    pub(super) fn new(codes: Codes) -> Self {
        // A silent code that goes on where an alarm code ends is heard by its rest.
        let matcher = CodeMatcher::new(
            codes.alarm.iter().chain(&codes.silent).chain(std::iter::once(&codes.arrival)),
        );
        Self {
            codes,
            matcher,
            has_alarm: false,
            tail: None,
            pin: None,
            tries: 0,
            kinds: 0,
            last_kind: None,
        }
    }

    /// The call has an alarm from now on.
    pub(super) fn has_alarm(&mut self) {
        self.has_alarm = true;
    }

    /// The PIN was wrong.
    pub(super) fn on_wrong(&mut self) {
        self.tries = self.tries.saturating_add(1);
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        let held = self.tail.as_ref().filter(|tail| tail.held.is_some()).map(|tail| tail.due);
        held.into_iter().chain(self.pin.as_ref().map(|entry| entry.due)).min()
    }

    pub(super) fn on_timeout(&mut self, now: Timestamp) -> Vec<Keyed> {
        let mut keyed = Vec::new();
        if self.pin.as_ref().is_some_and(|entry| entry.due <= now) {
            keyed.extend(self.end_pin());
        }
        if self.tail.as_ref().is_some_and(|tail| tail.due <= now) {
            keyed.extend(self.end_tail());
        }
        keyed
    }

    /// A key, one press heard once.
    pub(super) fn on_key(&mut self, key: Key, now: Timestamp) -> Vec<Keyed> {
        let mut keyed = self.on_timeout(now);
        if let Some(entry) = &mut self.pin {
            match key.as_char() {
                digit @ '0'..='9' => {
                    // A digit too many makes no other PIN: it is then longer than any.
                    if entry.pin.0.len() <= *PIN_LEN.end() {
                        entry.pin.0.push(digit);
                    }
                    entry.due = later(now, PIN_PAUSE);
                    return keyed;
                }
                '#' if *PIN_LEN.start() <= entry.pin.0.len() => {
                    keyed.extend(self.end_pin());
                    return keyed;
                }
                // The beginning of a code.
                _ => self.pin = None,
            }
        }
        if self.goes_on(key, now, &mut keyed) {
            return keyed;
        }
        match self.matcher.on_key(key, now) {
            Some(code) => self.on_code(code, now, &mut keyed),
            None if self.has_alarm => keyed.extend(self.on_digit(key, now)),
            None => {}
        }
        keyed
    }

    /// Whether the key belongs to what came before it: the rest of a longer code.
    fn goes_on(&mut self, key: Key, now: Timestamp, keyed: &mut Vec<Keyed>) -> bool {
        let Some(tail) = &mut self.tail else { return false };
        tail.text.push(key.as_char());
        if *tail.text == *self.codes.arrival {
            self.tail = None;
            keyed.push(Keyed::Arrival);
            return true;
        }
        if self.codes.silent.iter().any(|code| **code == *tail.text) {
            keyed.extend(self.end_tail());
            keyed.push(Keyed::Silence);
            return true;
        }
        let mut longer = self.codes.silent.iter().chain(std::iter::once(&self.codes.arrival));
        if longer.any(|code| code.starts_with(tail.text.as_str())) {
            tail.due = later(now, if tail.held.is_some() { HOLD } else { KEY_GAP_MAX });
            return true;
        }
        keyed.extend(self.end_tail());
        false
    }

    fn on_code(&mut self, code: Arc<str>, now: Timestamp, keyed: &mut Vec<Keyed>) {
        if code == self.codes.arrival && !self.codes.alarm.contains(&code) {
            keyed.push(Keyed::Arrival);
            return;
        }
        let is_silent = !self.codes.alarm.contains(&code);
        let may_arrive = self.codes.arrival.starts_with(&*code) && self.codes.arrival != code;
        let text = code.to_string();
        if may_arrive && self.has_alarm && !is_silent {
            let due = later(now, HOLD);
            self.tail = Some(Tail { text, due, held: Some(code) });
        } else {
            keyed.push(Keyed::Code(HeardCode { code, matter: None, is_silent }));
            self.has_alarm = true;
            self.tail = Some(Tail { text, due: later(now, KEY_GAP_MAX), held: None });
        }
    }

    /// Nothing more belongs to the code: it counts, if it did not yet.
    fn end_tail(&mut self) -> Option<Keyed> {
        let code = self.tail.take()?.held?;
        Some(Keyed::Code(HeardCode::plain(code)))
    }

    fn on_digit(&mut self, key: Key, now: Timestamp) -> Option<Keyed> {
        let digit = key.as_char();
        if digit == '0' && self.tries < PIN_TRIES_MAX {
            self.pin = Some(Entry { pin: Pin(String::new()), due: later(now, PIN_PAUSE) });
            return Some(Keyed::PinBegins);
        }
        let matter = AlarmKind::of_digit(digit).filter(|_| self.kinds < KINDS_MAX)?;
        if self.last_kind.replace(matter) == Some(matter) {
            return None;
        }
        self.kinds += 1;
        Some(Keyed::Kind(matter))
    }

    fn end_pin(&mut self) -> Option<Keyed> {
        let Entry { pin, .. } = self.pin.take()?;
        match pin.0.len() {
            // Who pressed 0 and thought better of it.
            0 => None,
            len if PIN_LEN.contains(&len) => Some(Keyed::Pin(pin)),
            _ => Some(Keyed::NoPin),
        }
    }
}

fn later(at: Timestamp, duration: SignedDuration) -> Timestamp {
    at.saturating_add(duration).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn codes() -> Codes {
        Codes {
            alarm: ["#9", "*9", "995"].map(Arc::from).into(),
            silent: ["#9*", "#8"].map(Arc::from).into(),
            arrival: "#97".into(),
        }
    }

    fn pad(has_alarm: bool) -> Pad {
        let mut pad = Pad::new(codes());
        pad.has_alarm = has_alarm;
        pad
    }

    /// Keys the text, a key each half second and a pause of five seconds for each space. What came of it, in short.
    fn keyed(has_alarm: bool, text: &str) -> String {
        let (mut pad, mut now) = (pad(has_alarm), Timestamp::UNIX_EPOCH);
        let mut heard = Vec::new();
        for character in text.chars().chain([' ']) {
            for _ in 0..if character == ' ' { 50 } else { 5 } {
                now += SignedDuration::from_millis(100);
                heard.extend(pad.on_timeout(now));
            }
            heard.extend(
                Key::of_char(character).map(|key| pad.on_key(key, now)).unwrap_or_default(),
            );
        }
        let words = heard.into_iter().map(|keyed| match keyed {
            Keyed::Code(heard) if heard.is_silent => format!("silent {}", heard.code),
            Keyed::Code(heard) => heard.code.to_string(),
            Keyed::Kind(matter) => format!("{matter:?}"),
            Keyed::Pin(pin) => format!("pin {}", pin.digits()),
            other @ (Keyed::Silence | Keyed::Arrival | Keyed::PinBegins | Keyed::NoPin) => {
                format!("{other:?}")
            }
        });
        words.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn keys_are_read() {
        for (has_alarm, text, expected) in [
            (false, "#9", "#9"),
            (false, "#9 1", "#9, Fire"),
            (false, "#91", "#9, Fire"),
            (false, "#9*", "#9, Silence"),
            (false, "#9*2", "#9, Silence, Intruder"),
            (false, "#8", "silent #8"),
            (false, "12345", ""),
            (false, "01234#", ""),
            (false, "#97", "#9, Arrival"),
            (false, "#9 7", "#9"),
            (true, "#9", "#9"),
            (true, "#97", "Arrival"),
            (true, "#9 7", "#9"),
            (true, "#91", "#9, Fire"),
            (true, "#9*", "#9, Silence"),
            (true, "#9#9", "#9, #9"),
            (true, "3", "Illness"),
            (true, "33", "Illness"),
            (true, "34", "Illness, Other"),
            (true, "12121212", "Fire, Intruder, Fire, Intruder, Fire"),
            (true, "678*", ""),
            (true, "0", "PinBegins"),
            (true, "01234#", "PinBegins, pin 1234"),
            (true, "01234 5", "PinBegins, pin 1234, Flood"),
            (true, "00000#", "PinBegins, pin 0000"),
            (true, "012345678", "PinBegins, pin 12345678"),
            (true, "0123456789012#", "PinBegins, NoPin"),
            (true, "0123 ", "PinBegins, NoPin"),
            (true, "09951#", "PinBegins, pin 9951"),
            (true, "0#9", "PinBegins, #9"),
            (true, "012#9", "PinBegins, #9"),
            (true, "01234#9", "PinBegins, pin 1234"),
        ] {
            assert_eq!(keyed(has_alarm, text), expected, "{has_alarm} {text}");
        }
    }

    /// The alarm is there with the last key of its code, though longer codes begin so.
    #[test]
    fn the_first_alarm_of_a_call_waits_for_nothing() {
        let (mut pad, now) = (pad(false), Timestamp::UNIX_EPOCH);
        assert_eq!(pad.on_key(Key::of_char('#').unwrap(), now), []);
        let heard = pad.on_key(Key::of_char('9').unwrap(), now);
        assert_eq!(heard, [Keyed::Code(HeardCode::plain("#9".into()))]);
    }

    #[test]
    fn a_call_has_three_tries() {
        let mut pad = pad(true);
        for tried in 0..5 {
            let pins = "01234#"
                .chars()
                .flat_map(|c| pad.on_key(Key::of_char(c).unwrap(), Timestamp::UNIX_EPOCH));
            let pins = pins.filter(|keyed| matches!(keyed, Keyed::Pin(_))).count();
            assert_eq!(pins, usize::from(tried < PIN_TRIES_MAX));
            pad.on_wrong();
        }
    }

    #[test]
    fn a_pin_is_shown_nowhere() {
        let mut pad = pad(true);
        for character in "0135724".chars() {
            pad.on_key(Key::of_char(character).unwrap(), Timestamp::UNIX_EPOCH);
        }
        let step = Keyed::Pin(Pin("135724".into()));
        for shown in [format!("{pad:?}"), format!("{step:?}")] {
            assert!(!shown.contains("1357") && shown.contains("***"), "{shown}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_keyed_costs_little(text in "[0-9*#A-D ]{0,10000}") {
            let (mut pad, mut now) = (pad(true), Timestamp::UNIX_EPOCH);
            let (mut kinds, mut alarms) = (0, 0);
            for character in text.chars() {
                now += SignedDuration::from_millis(if character == ' ' { 5000 } else { 100 });
                let Some(key) = Key::of_char(character) else { continue };
                for keyed in pad.on_key(key, now) {
                    kinds += u8::from(matches!(keyed, Keyed::Kind(_)));
                    alarms += u32::from(matches!(keyed, Keyed::Code(_)));
                }
                let kept = pad.tail.as_ref().map_or(0, |tail| tail.text.len());
                prop_assert!(kept <= 8 && pad.pin.as_ref().is_none_or(|entry| entry.pin.0.len() <= 9));
            }
            prop_assert!(kinds <= KINDS_MAX);
            prop_assert!(alarms <= u32::try_from(text.len()).unwrap());
        }

        /// Somebody in panic who keys the code is always heard.
        #[test]
        fn the_code_after_anything_is_heard(noise in "[0-9*#A-D]{0,40}") {
            let heard = keyed(true, &format!("{noise} #9"));
            prop_assert!(heard.ends_with("#9"), "{heard}");
        }
    }
}
