//! Links to the pages of those who are called: a token is the right to see one alarm and to answer it for one number.
//!
//! Tokens derive from the node's key, so that a restart needs no storage: an index in memory holds those that were sent.
//! They end a day after the close. Must not limit rates: `web` does, and guessing one of 2^72 is hopeless anyhow.

use super::driver::Driver;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::alarm::{Alarm, AnswerMeans, Input};
use lianfang_domain::bundle;
use lianfang_domain::digits::Key;
use lianfang_domain::id::AlarmId;
use lianfang_domain::leg::{Channel, LegOrder, RouteName};
use lianfang_domain::phone::PhoneNumber;
use lianfang_domain::plan::{PartyId, Plan};
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// What the node's key is used for here.
const DOMAIN: &[u8] = b"lianfang responder page 1";
/// Bytes of a token: 72 bits.
const TOKEN_BYTES: usize = 9;
/// Characters of a token.
const TOKEN_CHARS: usize = 15;
const BASE32: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// How long a link goes on showing what it was after the close.
pub(super) const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// Tokens that are kept, some hundred bytes each; beyond it those of the oldest alarm are forgotten.
const TOKENS_MAX: usize = 1_000_000;

type Token = [u8; TOKEN_BYTES];

/// Who has a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Guest {
    /// The alarm.
    pub alarm: AlarmId,
    /// Whom the link was sent to.
    pub party: PartyId,
    /// To which of their numbers.
    pub number_index: u8,
}

/// What a guest sees.
#[derive(Clone, Debug)]
pub struct PageSeen {
    /// The alarm as it is now.
    pub alarm: Alarm,
    /// Plans of the other open alarms of the building.
    pub others: Vec<Arc<Plan>>,
}

/// See the module. Held for a moment at a time, never across a wait.
pub struct Pages {
    key: [u8; 32],
    base_url: String,
    routes: BTreeSet<RouteName>,
    index: Mutex<Index>,
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pages").field("routes", &self.routes).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Index {
    guests: BTreeMap<Token, Guest>,
    by_alarm: BTreeMap<AlarmId, BTreeSet<Token>>,
    closed_at: BTreeMap<AlarmId, Timestamp>,
}

impl Index {
    fn forget(&mut self, alarm: AlarmId) {
        self.closed_at.remove(&alarm);
        for token in self.by_alarm.remove(&alarm).unwrap_or_default() {
            self.guests.remove(&token);
        }
    }

    fn clear_away(&mut self, now: Timestamp) {
        let is_over = |at: &Timestamp| KEPT <= now.duration_since(*at);
        let over: Vec<AlarmId> =
            self.closed_at.iter().filter(|(_, at)| is_over(at)).map(|(id, _)| *id).collect();
        for alarm in over {
            self.forget(alarm);
        }
        while TOKENS_MAX < self.guests.len()
            && let Some(oldest) = self.by_alarm.first_key_value().map(|(id, _)| *id)
        {
            self.forget(oldest);
        }
    }
}

impl Pages {
    /// Pages under a public address, to which messages over these routes link.
    #[must_use]
    pub fn new(node_key: &[u8; 32], base_url: &str, routes: Vec<RouteName>) -> Self {
        let base_url = base_url.trim_end_matches('/').to_owned();
        let (routes, index) = (routes.into_iter().collect(), Mutex::default());
        Self { key: *node_key, base_url, routes, index }
    }

    /// The link for a message over this route; `None` where the route allows none, or there is nothing to answer.
    pub(super) fn link(&self, order: &LegOrder, route: &RouteName) -> Option<Arc<str>> {
        if !self.routes.contains(route) || !order.message.calls_for_help() {
            return None;
        }
        let LegOrder { party, number_index, .. } = *order;
        let token = self.remember(Guest { alarm: order.leg.alarm, party, number_index });
        Some(format!("{}/r/{}", self.base_url, written(token)).into())
    }

    /// The path of the page of a party, for somebody who proved otherwise who they are: as if it were sent to their first
    /// number.
    #[must_use]
    pub fn path(&self, alarm: AlarmId, party: PartyId) -> String {
        format!("/r/{}", written(self.remember(Guest { alarm, party, number_index: 0 })))
    }

    /// Takes up the links of an alarm of the process before this one.
    pub(super) fn recover(&self, alarm: &Alarm) {
        let has_link = |route: &Option<RouteName>| {
            route.as_ref().is_some_and(|route| self.routes.contains(route))
        };
        for leg in alarm.legs().iter().filter(|leg| leg.channel == Channel::Sms) {
            if has_link(&leg.route) && leg.message.calls_for_help() {
                let (party, number_index) = (leg.party, leg.number_index);
                self.remember(Guest { alarm: alarm.id(), party, number_index });
            }
        }
    }

    /// An alarm was closed: its links show it for a day.
    pub(super) fn closed(&self, alarm: AlarmId, at: Timestamp) {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        if index.by_alarm.contains_key(&alarm) {
            index.closed_at.insert(alarm, at);
        }
        index.clear_away(at);
    }

    /// Who has this token, if it is good.
    #[must_use]
    pub fn guest(&self, token: &str, now: Timestamp) -> Option<Guest> {
        let token = read(token)?;
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let guest = *index.guests.get(&token)?;
        let closed_at = index.closed_at.get(&guest.alarm).copied();
        if closed_at.is_some_and(|at| KEPT <= now.duration_since(at)) {
            index.forget(guest.alarm);
            return None;
        }
        Some(guest)
    }

    fn remember(&self, guest: Guest) -> Token {
        let token = self.token(guest);
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        index.guests.insert(token, guest);
        index.by_alarm.entry(guest.alarm).or_default().insert(token);
        token
    }

    fn token(&self, guest: Guest) -> Token {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.key)
            .expect("HMAC takes keys of any length");
        mac.update(DOMAIN);
        mac.update(&guest.alarm.0.to_be_bytes());
        mac.update(&guest.party.0.to_be_bytes());
        mac.update(&[guest.number_index]);
        let mut token = Token::default();
        for (byte, of_mac) in token.iter_mut().zip(mac.finalize().into_bytes()) {
            *byte = of_mac;
        }
        token
    }
}

/// Nine bytes are fourteen characters and two bits; the last character holds these.
fn written(token: Token) -> String {
    let bits = token.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte)) << 3;
    let sign = |place: usize| {
        let digit = usize::try_from((bits >> (5 * place)) & 31).unwrap_or_default();
        BASE32.get(digit).map_or('0', |sign| char::from(*sign))
    };
    (0..TOKEN_CHARS).rev().map(sign).collect()
}

fn read(text: &str) -> Option<Token> {
    if text.len() != TOKEN_CHARS {
        return None;
    }
    let mut bits = 0_u128;
    for byte in text.bytes() {
        let digit = BASE32.iter().position(|known| *known == byte.to_ascii_lowercase())?;
        bits = bits << 5 | u128::try_from(digit).ok()?;
    }
    let bytes = (bits >> 3).to_be_bytes();
    let token = bytes.get(bytes.len().checked_sub(TOKEN_BYTES)?..)?.try_into().ok()?;
    (bits & 7 == 0).then_some(token)
}

impl Driver {
    /// Answers, if a key is given, and tells how it stands then. Who is coming comes to the building.
    pub(super) fn on_page(&mut self, guest: Guest, key: Option<Key>) -> Option<PageSeen> {
        let Guest { alarm: id, party, number_index } = guest;
        let plan = Arc::clone(self.alarms.get(&id)?.alarm.plan());
        let number = plan.party(party)?.numbers.get(usize::from(number_index))?.number.clone();
        let building = self.building_of.get(&id).and_then(|known| self.by_building.get(known));
        let others: Vec<AlarmId> =
            building.into_iter().flatten().copied().filter(|other| *other != id).collect();
        if let Some(key) = key {
            let means = AnswerMeans::Page { number_index };
            self.feed(id, &Input::Answered { party, key, means });
            for other in others.iter().filter(|_| bundle::is_for_all(key)) {
                self.answer_along(*other, &number, key);
            }
        }
        let alarm = self.alarms.get(&id)?.alarm.clone();
        let open = others.iter().filter_map(|id| self.alarms.get(id));
        let open = open.filter(|live| !live.alarm.is_over());
        let others = open.map(|live| Arc::clone(live.alarm.plan())).collect();
        Some(PageSeen { alarm, others })
    }

    /// The same answer for another alarm of the building, where the number is called for it and has not answered.
    fn answer_along(&mut self, id: AlarmId, number: &PhoneNumber, key: Key) {
        let Some(live) = self.alarms.get(&id) else { return };
        let parties = live.alarm.plan().parties();
        let found = parties.into_iter().find_map(|(party, known)| {
            let index = known.numbers.iter().position(|known| known.number == *number)?;
            Some((party, u8::try_from(index).ok()?))
        });
        let Some((party, number_index)) = found else { return };
        if key.as_char() == '1' || !live.alarm.has_answered(party, number_index) {
            let means = AnswerMeans::Page { number_index };
            self.feed(id, &Input::Answered { party, key, means });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages() -> Pages {
        Pages::new(&[7; 32], "https://al.example/", vec!["sms".into()])
    }

    fn guest(alarm: u64, party: u16, number_index: u8) -> Guest {
        Guest { alarm: AlarmId(alarm), party: PartyId(party), number_index }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_305_600 + seconds).unwrap()
    }

    #[test]
    fn a_token_is_read_back_and_differs_for_everybody() {
        let pages = pages();
        let mut tokens = BTreeSet::new();
        for guest in [guest(1, 0, 0), guest(1, 0, 1), guest(1, 1, 0), guest(2, 0, 0)] {
            let token = written(pages.remember(guest));
            assert_eq!(token.len(), TOKEN_CHARS);
            assert_eq!(pages.guest(&token, at(0)), Some(guest));
            assert_eq!(pages.guest(&token.to_uppercase(), at(0)), Some(guest));
            tokens.insert(token);
        }
        assert_eq!(tokens.len(), 4);
        let other = Pages::new(&[8; 32], "https://al.example", Vec::new());
        assert!(!tokens.contains(&written(other.token(guest(1, 0, 0)))), "another node");
    }

    #[test]
    fn what_is_no_token_is_nobody() {
        let pages = pages();
        let token = written(pages.remember(guest(1, 0, 0)));
        let mut near = token.clone();
        near.replace_range(0..1, if token.starts_with('0') { "1" } else { "0" });
        for wrong in [
            "",
            "0",
            &near,
            &format!("{token}0"),
            "漢漢漢漢漢",
            "uuuuuuuuuuuuuuu",
            "../../etc/passwd",
        ] {
            assert_eq!(pages.guest(wrong, at(0)), None, "{wrong}");
        }
    }

    #[test]
    fn a_link_ends_a_day_after_the_close() {
        let pages = pages();
        let token = written(pages.remember(guest(1, 0, 0)));
        pages.closed(AlarmId(1), at(0));
        assert!(pages.guest(&token, at(86_399)).is_some());
        assert_eq!(pages.guest(&token, at(86_400)), None);
        let next = written(pages.remember(guest(2, 0, 0)));
        pages.closed(AlarmId(2), at(0));
        pages.closed(AlarmId(3), at(90_000));
        assert!(pages.index.lock().unwrap().guests.is_empty(), "{next} is cleared away");
    }
}
