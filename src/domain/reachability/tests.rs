//! What numbers are worth, and the laws of it.

use super::*;
use crate::alarm::tests::plan;
use crate::alarm::{AnswerMeans, Event, LegStart, LegWhy, WithdrawMeans};
use crate::directory::{
    Address, Community, Contact, ContactNumber, Household, Language, Pins, Responder,
    ResponderKind, Worker,
};
use crate::id::{CommunityId, ContactId, GroupId, HouseholdId, ResponderId, WorkerId};
use crate::leg::{LegOutcome, Message};
use crate::phone::PhoneNumber;
use crate::plan::{PartyId, Plan, Role};
use crate::roster::Reach;
use Evidence::{
    Busy, CallBack, Delivered, Key, Loudspeaker, NoAnswer, NoSuchNumber, Page, PickedUp, Rejected,
    Reply, SmsRefused, Undelivered, Visit,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn day(day: i32) -> Timestamp {
    Timestamp::from_second(1_795_305_600).unwrap() + DAY * day
}

fn seen((at, what, alarm): (i32, Evidence, u64)) -> Seen {
    Seen { at: day(at), what, alarm: (what != Visit).then_some(AlarmId(alarm)) }
}

fn known(all: &[(i32, Evidence, u64)]) -> Known {
    Known { since: day(0), seen: all.iter().copied().map(seen).collect() }
}

/// The state of a number in a household that is asked each month, and on which day it is due.
#[track_caller]
fn check(all: &[(i32, Evidence, u64)], now: i32, expected: (State, Why, i32)) {
    let score = judge(&known(all), VisitClass::Month, day(now));
    assert_eq!((score.state, score.why, score.due_at), (expected.0, expected.1, day(expected.2)));
}

#[test]
fn a_number_is_worth_what_was_seen_of_it() {
    use State::{Confirmed, Doubtful, NeverConfirmed, Unreachable};
    check(&[], 0, (NeverConfirmed, Why::NotYet, 30));
    check(&[], 31, (NeverConfirmed, Why::NotYet, 30));
    for what in [Key, Reply, CallBack, Page, Visit, Loudspeaker] {
        check(&[(5, what, 1)], 34, (Confirmed, Why::Answered(what), 35));
        check(&[(5, what, 1)], 35, (Doubtful, Why::LongAgo, 35));
    }
    for what in [Delivered, PickedUp, NoAnswer, Busy, Rejected, Undelivered, SmsRefused] {
        check(&[(5, what, 1)], 6, (NeverConfirmed, Why::NotYet, 30));
        check(&[(4, Key, 1), (5, what, 2)], 6, (Confirmed, Why::Answered(Key), 34));
    }
    check(&[(4, Key, 1), (5, NoSuchNumber, 2)], 6, (Unreachable, Why::NoSuchNumber, 5));
    check(&[(5, NoSuchNumber, 2), (6, Visit, 0)], 7, (Confirmed, Why::Answered(Visit), 36));
    check(&[(5, NoSuchNumber, 2), (6, Delivered, 2)], 7, (NeverConfirmed, Why::NotYet, 30));
}

#[test]
fn two_misses_make_doubt_and_six_without_a_sign_of_life_more() {
    use State::{Doubtful, Unreachable};
    let missed = |misses| (Doubtful, Why::Missed { misses });
    let (state, why) = missed(2);
    let confirmed = (0, Key, 1);
    check(&[confirmed, (5, NoAnswer, 2), (5, Undelivered, 2)], 6, (state, why, 5));
    check(&[confirmed, (5, NoAnswer, 2), (9, PickedUp, 3)], 10, (state, why, 9));
    let thrice: Vec<_> = (2..5_u64)
        .flat_map(|alarm| {
            let at = i32::try_from(alarm).unwrap();
            [(at, NoAnswer, alarm), (at, Undelivered, alarm)]
        })
        .collect();
    check(&thrice, 10, (Unreachable, Why::Silent { misses: 6 }, 4));
    let voicemail: Vec<_> =
        (2..8_i32).map(|at| (at, PickedUp, at.cast_unsigned().into())).collect();
    let (state, why) = missed(6);
    check(&voicemail, 10, (state, why, 7));
}

#[test]
fn in_an_alarm_in_which_its_person_answered_nothing_counts_against_a_number() {
    let later = [(4, Key, 1), (5, NoAnswer, 1), (5, Undelivered, 1), (5, NoSuchNumber, 1)];
    check(&later, 6, (State::Confirmed, Why::Answered(Key), 34));
}

#[test]
fn a_message_that_arrived_refutes_those_before_it() {
    let arrived = [(1, Undelivered, 1), (2, Undelivered, 2), (3, Delivered, 3)];
    check(&arrived, 4, (State::NeverConfirmed, Why::NotYet, 30));
    check(&arrived[..2], 4, (State::Doubtful, Why::Missed { misses: 2 }, 2));
}

#[test]
fn each_class_has_its_period() {
    for (class, days) in
        [(VisitClass::Week, 7), (VisitClass::Month, 30), (VisitClass::HalfYear, 182)]
    {
        for all in [known(&[]), known(&[(0, Visit, 0)])] {
            let score = judge(&all, class, day(0));
            assert_eq!(score.due_at, day(days));
            assert!(!score.is_due(day(days) - SignedDuration::from_secs(1)));
            assert!(score.is_due(day(days)));
        }
        assert_eq!(VisitClass::of_name(class.name()), Some(class));
    }
    for kind in Evidence::ALL {
        assert_eq!(Evidence::of_name(kind.name()), Some(kind));
    }
    for state in State::ALL {
        assert_eq!(State::of_name(state.name()), Some(state));
    }
}

fn any_known() -> impl Strategy<Value = Known> {
    let one = (0..400_i32, prop::sample::select(Evidence::ALL.to_vec()), 1..30_u64);
    prop::collection::vec(one, 0..24).prop_map(|all| known(&all))
}

fn any_class() -> impl Strategy<Value = VisitClass> {
    prop::sample::select(VisitClass::ALL.to_vec())
}

proptest! {
    #[test]
    fn the_order_of_what_was_seen_is_nothing(known in any_known(), class in any_class(), turn in 0..24_usize) {
        let score = judge(&known, class, day(400));
        let mut other = known.clone();
        let turn = turn.min(other.seen.len());
        other.seen.rotate_left(turn);
        prop_assert_eq!(judge(&other, class, day(400)), score);
        other.seen.reverse();
        other.seen.extend(known.seen);
        prop_assert_eq!(judge(&other, class, day(400)), score, "told twice it counts once");
    }

    #[test]
    fn points_follow_the_state(known in any_known(), class in any_class(), now in 0..800_i32) {
        let now = day(now);
        let score = judge(&known, class, now);
        prop_assert_eq!(score.state == State::Confirmed, 75 <= score.points);
        prop_assert_eq!(score.state == State::Unreachable, score.points < 10);
        prop_assert!(score.points <= 100);
        prop_assert!(score.state != State::Confirmed || !score.is_due(now));
        prop_assert_eq!(score.state == State::NeverConfirmed, score.why == Why::NotYet);
    }

    #[test]
    fn it_is_due_a_period_after_the_confirmation_at_the_latest(known in any_known(), class in any_class()) {
        let score = judge(&known, class, day(400));
        let begins = score.confirmed.map_or(known.since, |seen| seen.at);
        prop_assert!(score.due_at <= begins + class.period());
        let wider = judge(&known, VisitClass::HalfYear, day(400));
        prop_assert!(score.due_at <= wider.due_at);
    }

    /// What is newest counts most.
    #[test]
    fn a_person_who_answers_now_confirms_and_a_failure_after_that_condemns(
        mut known in any_known(),
        class in any_class(),
    ) {
        known.seen.push(seen((401, Key, 100)));
        let score = judge(&known, class, day(401));
        prop_assert_eq!((score.state, score.points), (State::Confirmed, 100));
        known.seen.push(seen((402, NoSuchNumber, 101)));
        let score = judge(&known, class, day(402));
        prop_assert_eq!((score.state, score.points, score.due_at), (State::Unreachable, 0, day(402)));
        known.seen.push(seen((403, Visit, 0)));
        prop_assert_eq!(judge(&known, class, day(403)).state, State::Confirmed);
    }

    /// What was seen before a person answered says nothing any more.
    #[test]
    fn what_is_older_than_the_confirmation_changes_nothing(
        known in any_known(),
        class in any_class(),
        older in (0..400_i32, prop::sample::select(Evidence::ALL.to_vec())),
    ) {
        let score = judge(&known, class, day(400));
        let added = seen((older.0, older.1, 100));
        prop_assume!(score.confirmed.is_some_and(|person| added.at < person.at));
        let mut more = known;
        more.seen.push(added);
        prop_assert_eq!(judge(&more, class, day(400)), score);
    }

    #[test]
    fn a_confirmation_fades(class in any_class(), sooner in 0..182_i32, later in 0..182_i32) {
        let all = known(&[(0, Key, 1)]);
        let (sooner, later) = (sooner.min(later), sooner.max(later));
        let points = |at| judge(&all, class, day(at)).points;
        prop_assert!(points(later) <= points(sooner));
    }
}

const NEIGHBOUR: PartyId = PartyId(1);
const OWN: PartyId = PartyId(2);

fn start(leg: u32, (party, channel, message): (PartyId, Channel, Message)) -> LegStart {
    LegStart { leg, party, number_index: 0, channel, message }
}

fn ordered(leg: u32, channel: Channel) -> Event {
    let legs = vec![start(leg, (NEIGHBOUR, channel, Message::Alarm))];
    Event::LegsOrdered { why: LegWhy::Wave, legs }
}

fn ended(leg: u32, outcome: LegOutcome) -> Event {
    Event::LegEnded { leg, outcome }
}

/// What a log shows: number and evidence; the n-th event is of day n.
fn shown(plan: &Plan, events: &[Event]) -> Vec<(String, Evidence, Timestamp)> {
    let events = (0..).map(day).zip(events);
    let sighted = witness(AlarmId(7), plan, events).into_iter();
    let sighted = sighted.map(|Sighting { number, seen }| {
        assert_eq!(seen.alarm, Some(AlarmId(7)));
        (number.key().to_owned(), seen.what, seen.at)
    });
    sighted.collect()
}

#[track_caller]
fn check_shown(events: &[Event], expected: &[(&str, Evidence, i32)]) {
    let expected: Vec<_> =
        expected.iter().map(|(key, what, at)| ((*key).to_owned(), *what, day(*at))).collect();
    assert_eq!(shown(&plan(&[&["bob"]]), events), expected, "{events:?}");
}

#[test]
fn a_call_shows_how_it_ended() {
    for (outcome, what) in [
        (LegOutcome::Answered, Some(Key)),
        (LegOutcome::AnsweredNoKey, Some(PickedUp)),
        (LegOutcome::Busy, Some(Busy)),
        (LegOutcome::NoAnswer, Some(NoAnswer)),
        (LegOutcome::Declined, Some(Rejected)),
        (LegOutcome::BadNumber, Some(NoSuchNumber)),
        (LegOutcome::CarrierFailed, None),
        (LegOutcome::Cancelled, None),
        (LegOutcome::Lost, None),
    ] {
        let expected: Vec<_> = what.into_iter().map(|what| ("bob", what, 1)).collect();
        check_shown(&[ordered(1, Channel::Voice), ended(1, outcome)], &expected);
    }
}

#[test]
fn a_message_shows_its_last_receipt() {
    for (outcome, what) in [
        (LegOutcome::Delivered, Some(Delivered)),
        (LegOutcome::Undelivered, Some(Undelivered)),
        (LegOutcome::OptedOut, Some(SmsRefused)),
        (LegOutcome::BadNumber, Some(NoSuchNumber)),
        (LegOutcome::Sent, None),
        (LegOutcome::NoSms, None),
    ] {
        let expected: Vec<_> = what.into_iter().map(|what| ("bob", what, 1)).collect();
        check_shown(&[ordered(1, Channel::Sms), ended(1, outcome)], &expected);
    }
    let late = [ordered(1, Channel::Sms), Event::ReceiptLate { leg: 1 }];
    check_shown(&late, &[("bob", Undelivered, 1)]);
    let [order, late] = late;
    check_shown(&[order, late, ended(1, LegOutcome::Delivered)], &[("bob", Delivered, 2)]);
}

#[test]
fn answers_are_of_the_number_they_came_from() {
    let acknowledged = |means| Event::Acknowledged { party: NEIGHBOUR, means };
    let key = acknowledged(AnswerMeans::Key { leg: 1 });
    check_shown(&[ordered(1, Channel::Voice), key.clone()], &[("bob", Key, 1)]);
    let reply = Event::Declined { party: NEIGHBOUR, means: AnswerMeans::Reply { leg: 1 } };
    check_shown(&[ordered(1, Channel::Sms), reply], &[("bob", Reply, 1)]);
    let page = acknowledged(AnswerMeans::Page { number_index: 0 });
    check_shown(&[page.clone(), page], &[("bob", Page, 1)]);
    let operator = acknowledged(AnswerMeans::Api { actor: "desk".into() });
    check_shown(&[operator, acknowledged(AnswerMeans::Line)], &[]);
    let called = start(1, (NEIGHBOUR, Channel::Voice, Message::Alarm));
    let called = Event::CalledBack { leg: called };
    check_shown(&[called, key, ended(1, LegOutcome::Answered)], &[("bob", CallBack, 2)]);
    let pin = Event::PinRefused { means: WithdrawMeans::CallBack { number_index: 0 } };
    check_shown(&[pin], &[("son", CallBack, 0)]);
    let words = Event::ReplyUnclear { leg: 1 };
    check_shown(&[ordered(1, Channel::Sms), words], &[("bob", Delivered, 1)]);
}

#[test]
fn who_is_only_told_something_need_not_press_a_key() {
    let told = |outcome| {
        let legs = vec![start(1, (NEIGHBOUR, Channel::Voice, Message::Cancelled))];
        [Event::LegsOrdered { why: LegWhy::Notice, legs }, ended(1, outcome)]
    };
    check_shown(&told(LegOutcome::AnsweredNoKey), &[]);
    check_shown(&told(LegOutcome::NoAnswer), &[]);
    check_shown(&told(LegOutcome::BadNumber), &[("bob", NoSuchNumber, 1)]);
}

#[test]
fn a_loudspeaker_need_not_press_a_key_either() {
    let mut plan = plan(&[&["horn"]]);
    plan.parties[usize::from(NEIGHBOUR.0)].role = Role::Loudspeaker;
    let events = [ordered(1, Channel::Voice), ended(1, LegOutcome::AnsweredNoKey)];
    assert_eq!(shown(&plan, &events), [("horn".to_owned(), Loudspeaker, day(1))]);
}

#[test]
fn what_names_no_leg_and_no_number_of_the_plan_shows_nothing() {
    let nobody = AnswerMeans::Page { number_index: 9 };
    check_shown(
        &[
            ended(9, LegOutcome::Answered),
            Event::TalkJoined { leg: 9 },
            Event::Arrived { party: OWN, means: AnswerMeans::Key { leg: 9 } },
            Event::Arrived { party: PartyId(99), means: nobody },
        ],
        &[],
    );
}

fn numbers(keys: &[&str]) -> Vec<ContactNumber> {
    let number = |key: &&str| ContactNumber {
        number: PhoneNumber::from_parts(key, key),
        has_voice: !key.starts_with("sms"),
        has_sms: true,
    };
    keys.iter().map(number).collect()
}

fn household(id: u32, people: &[&[&str]]) -> Arc<Household> {
    let contact = |(index, keys): (u32, &&[&str])| Contact {
        id: ContactId(id * 10 + index),
        name: "x".into(),
        language: Language::Chinese,
        numbers: numbers(keys),
    };
    Arc::new(Household {
        id: HouseholdId(id),
        group: GroupId(1),
        name: "x".into(),
        address: Address::default(),
        pronunciation: None,
        position: 0,
        language: Language::Chinese,
        lines: Vec::new(),
        contacts: (0..).zip(people).map(contact).collect(),
        pins: Pins::default(),
    })
}

fn community() -> Community {
    let worker = |id, keys: &[&str]| Worker {
        id: WorkerId(id),
        name: "x".into(),
        language: Language::Chinese,
        is_on_duty: true,
        numbers: numbers(keys),
    };
    let responder = |id, kind, household| Responder {
        id: ResponderId(id),
        kind,
        name: "x".into(),
        language: Language::Chinese,
        skills: Vec::new(),
        household,
        grid: None,
        building: None,
        numbers: numbers(&[&format!("r{id}")]),
    };
    Community {
        id: CommunityId(3),
        street: crate::id::StreetId(1),
        name: "x".into(),
        area_code: "0592".into(),
        language: Language::Chinese,
        time_zone: "Asia/Shanghai".into(),
        alarm_codes: Vec::new(),
        silent_codes: Vec::new(),
        arrival_code: "".into(),
        access_numbers: Vec::new(),
        grids: Vec::new(),
        groups: Vec::new(),
        households: vec![household(1, &[&["a", "b"], &["c"]]), household(2, &[&["d"]])],
        workers: vec![worker(1, &["w"]), worker(2, &["sms only"]), worker(3, &["v"])],
        roster: Arc::default(),
        has_hand_over_calls: false,
        responders: vec![
            responder(1, ResponderKind::Patrol, None),
            responder(2, ResponderKind::Helper, Some(HouseholdId(2))),
        ],
        policies: Vec::new(),
    }
}

#[test]
fn who_has_a_helper_and_the_helper_are_asked_each_month() {
    let community = community();
    let classes: Vec<_> = holders(&community)
        .map(|holder| (holder.number.number.key().to_owned(), holder.class == VisitClass::Month))
        .collect();
    let expected = [
        ("a", false),
        ("b", false),
        ("c", false),
        ("d", true),
        ("w", false),
        ("sms only", false),
        ("v", false),
        ("r1", false),
        ("r2", true),
    ];
    assert_eq!(classes, expected.map(|(key, monthly)| (key.to_owned(), monthly)));
    let helper = holders_of(&community, Who::Responder(ResponderId(2))).next().unwrap();
    assert_eq!(helper.household.unwrap().id, HouseholdId(2));
}

#[test]
fn places_are_in_order_and_read_back() {
    let community = community();
    let places: Vec<Place> = holders(&community).map(|holder| holder.place).collect();
    assert!(places.is_sorted_by(|one, next| one < next), "{places:?}");
    for place in places {
        assert_eq!(place.to_string().parse(), Ok(place));
    }
    for wrong in ["", "1", "1.2.3", "1.2.3.4.5", "1.256.3.4", "1.2.3.-4", "1.2.3.4294967296"] {
        assert_eq!(wrong.parse::<Place>(), Err(PlaceError), "{wrong}");
    }
}

#[test]
fn a_worker_can_be_called_if_a_number_that_takes_calls_is_confirmed() {
    let of = |all: &[(&str, Known)]| {
        let all: BTreeMap<String, Known> =
            all.iter().map(|(key, known)| ((*key).to_owned(), known.clone())).collect();
        on_duty(&community(), &all, day(10)).into_values().collect::<Vec<_>>()
    };
    use Reach::{Confirmed, NoNumber, Unconfirmed};
    assert_eq!(of(&[]), [Unconfirmed, NoNumber, Unconfirmed]);
    let (good, bad) = (known(&[(9, Key, 1)]), known(&[(8, Key, 1), (9, NoSuchNumber, 2)]));
    assert_eq!(of(&[("w", good), ("v", bad)]), [Confirmed, NoNumber, Unconfirmed]);
}
