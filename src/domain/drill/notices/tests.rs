use super::*;
use proptest::prelude::*;

const SMS: Channel = Channel::Sms;
const VOICE: Channel = Channel::Voice;

fn zone() -> TimeZone {
    TimeZone::get("Asia/Shanghai").expect("a zone")
}

/// The 23rd of November, by the clocks of the community.
fn at(hour: i8, minute: i8) -> Timestamp {
    let day = jiff::civil::date(2026, 11, 23);
    zone().to_timestamp(day.at(hour, minute, 0, 0)).expect("a moment")
}

fn one(has_voice: bool, has_sms: bool) -> Notices {
    Notices::new(vec![Person::new(has_voice, has_sms)], zone())
}

/// Every try ends like this; by what and when somebody is tried, in minutes after nine, and how it comes out.
#[track_caller]
fn check(
    (has_voice, has_sms): (bool, bool),
    ends: &[LegOutcome],
    tried: &[(Channel, i64)],
    telling: Telling,
) {
    let mut notices = one(has_voice, has_sms);
    let mut ends = ends.iter();
    let mut seen = Vec::new();
    for minute in 0..120 {
        let now = at(9, 0).saturating_add(SignedDuration::from_mins(minute)).expect("a time");
        notices.on_time(false, now);
        // What failed by SMS is spoken in the same moment.
        for _ in 0..2 {
            for channel in [SMS, VOICE] {
                for place in notices.due(channel, 9, now) {
                    notices.on_sent(&[place], now);
                    seen.push((channel, minute));
                    if let Some(end) = ends.next() {
                        notices.on_ended(place, (channel, *end), now);
                    }
                }
            }
        }
    }
    assert_eq!((&seen[..], notices.people()[0].telling), (tried, telling));
}

#[test]
fn each_is_told_by_what_they_can_take() {
    use LegOutcome::{
        Answered, AnsweredNoKey, BadNumber, Busy, CarrierFailed, Delivered, NoAnswer, NoSms,
        OptedOut, Sent, Undelivered,
    };
    let (both, landline, pager) = ((true, true), (true, false), (false, true));
    check(both, &[Sent], &[(SMS, 0)], Telling::Told);
    check(both, &[Delivered], &[(SMS, 0)], Telling::Told);
    check(landline, &[Answered], &[(VOICE, 0)], Telling::Told);
    check(landline, &[AnsweredNoKey], &[(VOICE, 0)], Telling::Told);
    check(both, &[CarrierFailed, Sent], &[(SMS, 0), (SMS, 1)], Telling::Told);
    let spoken = [(SMS, 0), (SMS, 1), (SMS, 2), (VOICE, 2)];
    check(both, &[CarrierFailed, Undelivered, CarrierFailed, Answered], &spoken, Telling::Told);
    check(pager, &[CarrierFailed; 3], &spoken[..3], Telling::Failed);
    for refused in [OptedOut, NoSms, BadNumber] {
        check(both, &[refused, Answered], &[(SMS, 0), (VOICE, 0)], Telling::Told);
        check(pager, &[refused], &[(SMS, 0)], Telling::Failed);
    }
    check(landline, &[BadNumber], &[(VOICE, 0)], Telling::Failed);
    let missed = [(VOICE, 0), (VOICE, 10), (VOICE, 20)];
    check(landline, &[NoAnswer, Busy, NoAnswer], &missed, Telling::Failed);
    check((false, false), &[], &[], Telling::Failed);
}

#[test]
fn what_something_real_ended_was_no_try() {
    let given_way = [LegOutcome::Cancelled; 5];
    let tries: Vec<(Channel, i64)> = (0..6).map(|minute| (VOICE, minute)).collect();
    let ends: Vec<LegOutcome> = given_way.into_iter().chain([LegOutcome::Answered]).collect();
    check((true, false), &ends, &tries, Telling::Told);
}

#[test]
fn of_a_message_without_a_word_it_is_spoken_and_a_late_receipt_counts() {
    let mut notices = one(true, true);
    let person = |notices: &Notices| notices.people()[0];
    notices.on_sent(&[0], at(9, 0));
    notices.on_time(false, at(9, 9));
    assert!(notices.due(VOICE, 9, at(9, 9)).is_empty(), "it may still arrive");
    notices.on_time(false, at(9, 10));
    assert_eq!(notices.due(VOICE, 9, at(9, 10)), [0]);
    notices.on_sent(&[0], at(9, 10));
    notices.on_ended(0, (SMS, LegOutcome::Undelivered), at(9, 11));
    assert_eq!(notices.calls(), 1, "the end of the message is not that of the call");
    notices.on_ended(0, (SMS, LegOutcome::Delivered), at(9, 11));
    assert_eq!(person(&notices).telling, Telling::Told);
    notices.on_ended(0, (VOICE, LegOutcome::NoAnswer), at(9, 12));
    assert_eq!(person(&notices).telling, Telling::Told);
    notices.on_ended(7, (SMS, LegOutcome::Sent), at(9, 12));
}

#[test]
fn nobody_is_called_while_people_sleep() {
    let notices = one(true, false);
    let is_called = |hour, minute| !notices.due(VOICE, 9, at(hour, minute)).is_empty();
    let hours = [(0, 0), (7, 59), (8, 0), (20, 59), (21, 0), (23, 59)];
    assert_eq!(
        hours.map(|(hour, minute)| is_called(hour, minute)),
        [false, false, true, true, false, false]
    );
    assert_eq!(one(false, true).due(SMS, 9, at(3, 0)), [0], "an SMS wakes nobody");
}

#[test]
fn once_a_door_began_nobody_is_told_any_more() {
    let people = vec![Person::new(true, true), Person::new(true, false), Person::new(true, true)];
    let mut notices = Notices::new(people, zone());
    assert!(!notices.is_begun(at(9, 0)));
    notices.on_sent(&[0], at(9, 0));
    assert!(!notices.is_begun(at(9, 0)), "one SMS waits");
    notices.on_sent(&[2], at(9, 0));
    assert!(notices.is_begun(at(9, 0)), "calls are not waited for");
    notices.on_ended(0, (SMS, LegOutcome::Sent), at(9, 0));
    notices.on_time(true, at(9, 1));
    assert!(!notices.is_over(), "one is under way");
    notices.on_time(true, at(9, 10));
    assert!(notices.is_over());
    let lasts: Vec<_> = notices.people().iter().map(|it| (it.telling, it.last)).collect();
    assert_eq!(
        lasts,
        [
            (Telling::Told, Some(LegOutcome::Sent)),
            (Telling::Failed, None),
            (Telling::Failed, Some(LegOutcome::Lost))
        ]
    );
}

fn outcome() -> impl Strategy<Value = LegOutcome> {
    use LegOutcome as O;
    prop::sample::select(vec![
        O::Answered,
        O::AnsweredNoKey,
        O::Busy,
        O::NoAnswer,
        O::Declined,
        O::BadNumber,
        O::CarrierFailed,
        O::PutOff,
        O::Delivered,
        O::Sent,
        O::Undelivered,
        O::OptedOut,
        O::NoSms,
        O::Lost,
    ])
}

proptest! {
    /// Whatever becomes of the tries: nobody is tried more often than allowed, called at night, or told twice.
    #[test]
    fn any_announcement_keeps_its_bounds(
        people in prop::collection::vec((any::<bool>(), any::<bool>()), 1..5),
        ends in prop::collection::vec((0_usize..6, any::<bool>(), prop::option::of(outcome())), 0..60),
        from in 0_i64..86_400,
    ) {
        let start = at(0, 0).saturating_add(SignedDuration::from_secs(from)).expect("a time");
        let count = people.len();
        let people = people.into_iter().map(|(voice, sms)| Person::new(voice, sms)).collect();
        let mut notices = Notices::new(people, zone());
        let mut tries = vec![0_u8; count];
        let mut now = start;
        for (place, is_sms, outcome) in ends {
            now = now.saturating_add(SignedDuration::from_mins(7)).expect("a time");
            notices.on_time(false, now);
            for channel in [SMS, VOICE] {
                let due = notices.due(channel, 2, now);
                prop_assert!(due.len() <= 2);
                for place in &due {
                    prop_assert!(!notices.people()[*place].is_done());
                    tries[*place] += 1;
                }
                let hour = now.to_zoned(zone()).hour();
                prop_assert!(channel == SMS || due.is_empty() || (8..21).contains(&hour));
                notices.on_sent(&due, now);
            }
            let channel = if is_sms { SMS } else { VOICE };
            if let Some(outcome) = outcome {
                notices.on_ended(place, (channel, outcome), now);
            }
        }
        prop_assert!(tries.iter().all(|tries| *tries <= 2 * TRIES_MAX), "{tries:?}");
        notices.on_time(true, now.saturating_add(TRY_LASTS).expect("a time"));
        prop_assert!(notices.is_over());
    }
}
