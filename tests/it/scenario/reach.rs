//! Whose number reaches them: what alarms, drills and visits show, and when somebody has to ask in person.

use super::drills::at_ten;
use crate::town::{Does, Hears, Power, Setup, Town};
use jiff::SignedDuration;
use lianfang::store::{audit, evidence};
use lianfang_domain::id::{ContactId, HouseholdId};
use lianfang_domain::leg::{LegOutcome, LegReport, Message};
use lianfang_domain::reachability::{Evidence, Known, Score, State, VisitClass, Who, Why, judge};
use std::collections::BTreeSet;

/// The contact behind door 102.
const NEIGHBOUR: Who = Who::Contact(ContactId(2));

/// A town in which what is seen of numbers is kept.
async fn town() -> Town {
    Town::with(Setup { keeps_evidence: true, ..Setup::default() }).await
}

fn key_of(who: &str) -> String {
    match who {
        "duty" => "+8613900010001".to_owned(),
        door => format!("+861380001{door:0>4}"),
    }
}

impl Town {
    async fn known(&self, who: &str) -> Option<Known> {
        let key = key_of(who);
        let keys = BTreeSet::from([key.as_str()]);
        let mut known = evidence::of(self.store().directory(), &keys).await.expect("reads");
        known.remove(&key)
    }

    /// Once what is known of a number is as it should be; ten seconds are enough.
    async fn until_known(
        &self,
        who: &str,
        level: impl Fn(Option<&Known>) -> bool,
    ) -> Option<Known> {
        self.pass(10).await;
        let reached = async {
            let mut tick = tokio::time::interval(std::time::Duration::from_millis(2));
            loop {
                let known = self.known(who).await;
                if level(known.as_ref()) {
                    break known;
                }
                tick.tick().await;
            }
        };
        let patience = std::time::Duration::from_secs(20);
        tokio::time::timeout(patience, reached).await.expect("is known")
    }

    /// What a number is worth, once this was seen of it.
    async fn worth(&self, who: &str, seen: Evidence) -> Score {
        let is_seen = |known: Option<&Known>| {
            known.is_some_and(|known| known.seen.iter().any(|one| one.what == seen))
        };
        let known = self.until_known(who, is_seen).await.expect("is there");
        judge(&known, VisitClass::HalfYear, self.clock.now())
    }

    async fn visits(&self, who: Who, door: &str) {
        let directory = self.store().directory();
        let editor = directory.edited_by("token:走访员", self.clock.now());
        evidence::visited(&editor, who, &[&key_of(door)]).await.expect("is noted");
    }
}

#[tokio::test]
async fn a_key_in_an_alarm_confirms_the_number_whatever_the_power_does() {
    for power in Power::BOTH {
        let mut town = town().await;
        let alarm = town.dials("#9").await.alarm;
        let pressed_at = town.clock.now();
        town.press_and_hang_up(&["102"], '1').await;
        town.power(power).await;
        let score = town.worth("102", Evidence::Key).await;
        assert_eq!((score.state, score.why), (State::Confirmed, Why::Answered(Evidence::Key)));
        let confirmed = score.confirmed.expect("by a person");
        assert_eq!((confirmed.alarm, confirmed.at), (Some(alarm), pressed_at));
        assert_eq!(score.due_at, pressed_at + VisitClass::HalfYear.period());
        let other = town.known("103").await.expect("is in the directory");
        let other = judge(&other, VisitClass::HalfYear, town.clock.now());
        assert_eq!(other.state, State::NeverConfirmed);
    }
}

#[tokio::test]
async fn a_key_in_a_drill_confirms_as_well() {
    let setup = Setup { keeps_evidence: true, holds_drills: true, ..Setup::default() };
    let town = Town::with(setup).await;
    let drill = town.drills_at_ten(&at_ten()).await;
    let alarm = town.doors(drill, 1).await[0];
    town.press_and_hang_up(&["104"], '1').await;
    let score = town.worth("104", Evidence::Key).await;
    assert_eq!(score.state, State::Confirmed);
    assert_eq!(score.confirmed.expect("by a person").alarm, Some(alarm));
}

#[tokio::test]
async fn a_reply_and_a_call_back_confirm_too() {
    let mut town = town().await;
    let alarm = town.dials("#9").await.alarm;
    town.texts("103", "1").await;
    assert_eq!(town.calls_back("105").await, Hears::Call(alarm, Message::Alarm));
    for (who, how) in [("103", Evidence::Reply), ("105", Evidence::CallBack)] {
        let score = town.worth(who, how).await;
        assert_eq!((score.state, score.why), (State::Confirmed, Why::Answered(how)), "{who}");
    }
}

#[tokio::test]
async fn voicemail_confirms_nothing() {
    let mut town = town().await;
    town.dials("#9").await;
    town.phone("103", Does::Answer).await;
    town.phone("103", Does::HangUp).await;
    let score = town.worth("103", Evidence::PickedUp).await;
    assert_eq!((score.state, score.confirmed), (State::NeverConfirmed, None));
}

#[tokio::test]
async fn a_message_that_did_not_arrive_and_a_call_that_nobody_took_make_doubt() {
    let mut town = town().await;
    town.visits(NEIGHBOUR, "102").await;
    town.wire.promises_receipts();
    town.dials("#9").await;
    town.provider("102", LegReport::Delivered).await;
    town.phone("102", Does::NoAnswer).await;
    let score = town.worth("102", Evidence::NoAnswer).await;
    assert_eq!(score.state, State::Confirmed, "they may be out for once");

    let undelivered = LegReport::Ended { outcome: LegOutcome::Undelivered };
    town.provider("105", undelivered).await;
    town.phone("105", Does::NoAnswer).await;
    town.worth("105", Evidence::NoAnswer).await;
    let score = town.worth("105", Evidence::Undelivered).await;
    assert_eq!((score.state, score.why), (State::Doubtful, Why::Missed { misses: 2 }));
    assert!(score.is_due(town.clock.now()), "somebody has to ask");
}

#[tokio::test]
async fn a_number_that_does_not_exist_is_unreachable_until_somebody_asked() {
    let mut town = town().await;
    town.dials("#9").await;
    town.phone("102", Does::BadNumber).await;
    let score = town.worth("102", Evidence::NoSuchNumber).await;
    assert_eq!((score.state, score.points), (State::Unreachable, 0));
    assert!(score.is_due(town.clock.now()));
    town.visits(NEIGHBOUR, "102").await;
    let score = town.worth("102", Evidence::Visit).await;
    assert_eq!((score.state, score.points), (State::Confirmed, 100));
}

#[tokio::test]
async fn what_was_never_confirmed_comes_due_by_the_cadence_of_the_household() {
    let town = town().await;
    let noticed_at = town.clock.now();
    town.edit("UPDATE household SET visit_class = 'week' WHERE id = 101").await;
    let homes = BTreeSet::from([HouseholdId(101), HouseholdId(102)]);
    let classes = evidence::visit_classes(town.store().directory(), &homes).await.expect("reads");
    assert_eq!(classes.into_iter().collect::<Vec<_>>(), [(HouseholdId(101), VisitClass::Week)]);
    let known = town.until_known("102", |known| known.is_some()).await.expect("is there");
    assert_eq!((known.since, known.seen.len()), (noticed_at, 0));
    let week = SignedDuration::from_hours(7 * 24);
    let score = judge(&known, VisitClass::Week, noticed_at);
    assert_eq!((score.state, score.due_at), (State::NeverConfirmed, noticed_at + week));
    assert!(!score.is_due(noticed_at + week - SignedDuration::from_secs(1)));
    town.leap(week.as_secs().unsigned_abs()).await;
    assert!(score.is_due(town.clock.now()));
    town.visits(NEIGHBOUR, "102").await;
    let known = town.known("102").await.expect("is there");
    let score = judge(&known, VisitClass::Week, town.clock.now());
    assert_eq!((score.state, score.due_at), (State::Confirmed, town.clock.now() + week));
}

#[tokio::test]
async fn who_leaves_the_directory_leaves_nothing_and_does_not_come_back() {
    let mut town = town().await;
    let alarm = town.dials("#9").await.alarm;
    town.press_and_hang_up(&["102"], '1').await;
    town.worth("102", Evidence::Key).await;
    town.edit("DELETE FROM contact WHERE household_id = 101").await;
    town.until_known("102", |known| known.is_none()).await;

    // The alarm goes on, and its plan still knows the number.
    town.press_and_hang_up(&["103"], '1').await;
    town.worth("103", Evidence::Key).await;
    assert_eq!(town.alarm(alarm).await.households_coming(), 2);
    assert_eq!(town.known("102").await, None);
    let sql = "SELECT count(*) FROM number_evidence WHERE number_key = '+8613800010102'";
    let left: i64 =
        sqlx::query_scalar(sql).fetch_one(town.store().directory().reader()).await.expect("reads");
    assert_eq!(left, 0);
}

#[tokio::test]
async fn reading_the_log_anew_comes_to_the_same() {
    let mut town = town().await;
    town.dials("#9").await;
    town.press_and_hang_up(&["102"], '1').await;
    town.phone("103", Does::NoAnswer).await;
    town.visits(NEIGHBOUR, "102").await;
    town.worth("102", Evidence::Key).await;
    town.phone("104", Does::Decline).await;
    town.worth("104", Evidence::Rejected).await;
    let all = async |town: &Town| {
        let mut all = Vec::new();
        for who in ["102", "103", "104", "105", "duty"] {
            let mut known = town.known(who).await.expect("is there");
            known.seen.sort();
            all.push(known);
        }
        all
    };
    let before = all(&town).await;
    evidence::begin_anew(town.store().directory()).await.expect("forgets");
    assert_ne!(all(&town).await, before);
    town.worth("104", Evidence::Rejected).await;
    assert_eq!(all(&town).await, before, "visits too");
}

#[tokio::test]
async fn a_restored_log_is_read_from_its_beginning() {
    let mut town = town().await;
    town.dials("#9").await;
    town.press_and_hang_up(&["102"], '1').await;
    town.worth("102", Evidence::Key).await;
    let store = town.store();
    let longer = async {
        loop {
            let head = audit::head(store.alarms()).await.expect("reads").expect("is there");
            let done = evidence::advance(store.directory(), head.sequence, 1_000_000).await;
            if done.expect("is written") {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    let patience = std::time::Duration::from_secs(20);
    tokio::time::timeout(patience, longer).await.expect("all is read");
    town.press_and_hang_up(&["103"], '1').await;
    town.worth("103", Evidence::Key).await;
    assert_eq!(town.known("102").await.expect("is there").seen.len(), 1);
}

#[tokio::test]
async fn while_nothing_can_be_kept_the_phones_ring_all_the_same() {
    let mut town = town().await;
    town.until_known("102", |known| known.is_some()).await;
    let held = town.store().directory().write().await.expect("begins");
    town.dials("#9").await;
    town.expect_ringing(&super::ALL);
    town.press_and_hang_up(&["102"], '1').await;
    town.pass(30).await;
    assert_eq!(town.known("102").await.expect("is there").seen, []);
    drop(held);
    assert_eq!(town.worth("102", Evidence::Key).await.state, State::Confirmed);
}
