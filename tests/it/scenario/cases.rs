//! The case: who owns it, what is late, who is reminded, and how it is closed.

use super::ALL;
use crate::town::{Does, Power, Setup, Town};
use lianfang::store::alarm_log::FollowUpKind;
use lianfang::switchboard::Action;
use lianfang_domain::alarm::{Alarm, CaseStep, CloseOutcome, Event, Stage};
use lianfang_domain::id::AlarmId;
use lianfang_domain::leg::{LegOutcome, Message};

fn owner(alarm: &Alarm) -> Option<String> {
    let owner = alarm.owner().and_then(|party| alarm.plan().party(party))?;
    Some(owner.name.to_string())
}

fn late(town: &Town, alarm: &Alarm) -> Vec<CaseStep> {
    let steps = alarm.steps(town.clock.now());
    steps.into_iter().filter(|step| step.is_late).map(|step| step.step).collect()
}

#[tokio::test]
async fn the_first_who_comes_owns_the_case_until_a_duty_worker_takes_it() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    assert_eq!(owner(&town.alarm(alarm).await), None);
    town.press_and_hang_up(&["103"], '1').await;
    assert_eq!(owner(&town.alarm(alarm).await).as_deref(), Some("103 103家"));
    town.press_and_hang_up(&["duty"], '1').await;
    assert_eq!(owner(&town.alarm(alarm).await).as_deref(), Some("李强"));
}

#[tokio::test]
async fn an_owner_who_turns_back_leaves_the_case_to_the_next() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.press_and_hang_up(&["103", "107"], '1').await;
    town.replies("103", '2').await;
    assert_eq!(owner(&town.alarm(alarm).await).as_deref(), Some("107 107家"));
}

#[tokio::test]
async fn the_duty_worker_closes_by_phone_and_says_what_it_was() {
    for (digit, outcome) in [
        ('1', CloseOutcome::Genuine),
        ('2', CloseOutcome::FalseAlarm),
        ('3', CloseOutcome::Unknown),
    ] {
        let mut town = Town::new().await;
        let alarm = town.dials("#9").await.alarm;
        town.press_and_hang_up(&["103"], '3').await;
        town.closes_by_phone("duty", digit).await;
        town.expect_silence();
        let alarm = town.alarm(alarm).await;
        let closing = alarm.closing().expect("is closed");
        assert_eq!(closing.outcome, outcome);
        let by = closing.by.and_then(|party| alarm.plan().party(party));
        assert_eq!(by.map(|party| &*party.name), Some("李强"));
        assert_eq!(closing.follow_up_at.is_some(), outcome != CloseOutcome::FalseAlarm);
    }
}

#[tokio::test]
async fn before_anybody_is_there_six_closes_nothing_and_one_means_coming() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.closes_by_phone("duty", '1').await;
    let alarm = town.alarm(alarm).await;
    assert_eq!(alarm.stage(), Stage::Open);
    assert_eq!(owner(&alarm).as_deref(), Some("李强"));
}

#[tokio::test]
async fn six_and_then_nothing_for_ten_seconds_closes_nothing() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.press_and_hang_up(&["103"], '3').await;
    town.phone("duty", Does::Press('6')).await;
    town.pass(11).await;
    town.phone("duty", Does::Press('2')).await;
    assert_eq!(town.alarm(alarm).await.stage(), Stage::Open);
}

#[tokio::test]
async fn a_neighbour_cannot_close_by_phone() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.phone("103", Does::Press('3')).await;
    town.closes_by_phone("103", '2').await;
    assert_eq!(town.alarm(alarm).await.stage(), Stage::Open);
}

#[tokio::test]
async fn who_called_back_may_close_as_the_duty_worker_whatever_the_power_does() {
    for power in Power::BOTH {
        let mut town = Town::new().await;
        let alarm = town.dials("#9").await.alarm;
        town.press_and_hang_up(&["103"], '3').await;
        town.press_and_hang_up(&["duty"], '1').await;
        town.pass(300).await;
        town.power(power).await;
        town.calls_back("duty").await;
        town.closes_by_phone("duty", '1').await;
        town.power(power).await;
        assert!(matches!(town.alarm(alarm).await.stage(), Stage::Closed { .. }), "{power:?}");
        town.leap(7200).await;
        town.expect_silence();
    }
}

#[tokio::test]
async fn a_case_that_waits_for_its_end_reminds_its_owner_every_hour_and_ten_times_at_most() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.press_and_hang_up(&["103", "duty"], '1').await;
    town.replies("103", '3').await;
    town.everybody(Does::NoAnswer).await;
    town.expect_silence();
    let reminders = |town: &Town| {
        let of = |message: &&Message| **message == Message::CloseReminder;
        town.texts_to("duty").iter().filter(of).count()
    };
    for hour in 0..14_usize {
        assert_eq!(reminders(&town), hour.min(10));
        town.leap(3600).await;
    }
    assert!(town.wire.read_by("duty").contains("尚未结案"));
    let is_one = |event: &&Event| matches!(event, Event::Reminded { .. });
    assert_eq!(town.events(alarm).await.iter().filter(is_one).count(), 10);
}

#[tokio::test]
async fn a_cancelled_case_waits_for_its_end_as_well() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.press_and_hang_up(&["duty"], '1').await;
    town.acts(alarm, Action::Cancel).await.expect("is open");
    town.leap(3600).await;
    assert_eq!(town.texts_to("duty").last(), Some(&Message::CloseReminder));
    town.acts(alarm, Action::Close(CloseOutcome::FalseAlarm, None)).await.expect("is open");
    let texts = town.texts_to("duty").len();
    town.leap(7200).await;
    assert_eq!(town.texts_to("duty").len(), texts);
}

#[tokio::test]
async fn a_reminder_goes_out_once_whatever_the_power_does() {
    for power in Power::BOTH {
        let mut town = Town::new().await;
        town.dials("#9").await;
        town.press_and_hang_up(&["103", "duty"], '1').await;
        town.replies("103", '3').await;
        town.leap(3600).await;
        town.power(power).await;
        town.pass(60).await;
        let reminders = town.texts_to("duty").into_iter();
        assert_eq!(reminders.filter(|it| *it == Message::CloseReminder).count(), 1, "{power:?}");
    }
}

#[tokio::test]
async fn each_step_of_a_case_is_late_at_its_time() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    assert_eq!(late(&town, &town.alarm(alarm).await), []);
    town.pass(125).await;
    assert_eq!(late(&town, &town.alarm(alarm).await), [CaseStep::Accepted]);

    town.press_and_hang_up(&["103"], '1').await;
    town.pass(605).await;
    let alarm = town.alarm(alarm).await;
    assert_eq!(late(&town, &alarm), [CaseStep::Accepted, CaseStep::Arrived]);
}

#[tokio::test]
async fn a_genuine_alarm_is_followed_up_next_day_and_a_test_is_not() {
    for (outcome, is_needed) in [
        (CloseOutcome::Genuine, true),
        (CloseOutcome::Unknown, true),
        (CloseOutcome::FalseAlarm, false),
        (CloseOutcome::Test, false),
    ] {
        let mut town = Town::new().await;
        let alarm = town.dials("#9").await.alarm;
        town.expect_ringing(&ALL);
        town.acts(alarm, Action::Close(outcome, None)).await.expect("is open");
        let closing = town.alarm(alarm).await.closing().expect("is closed");
        let in_s = closing.follow_up_at.map(|at| at.duration_since(closing.at).as_secs());
        assert_eq!(in_s, is_needed.then_some(24 * 3600), "{outcome:?}");
    }
}

async fn reminding_town() -> Town {
    Town::with(Setup { reminds: true, ..Setup::default() }).await
}

/// An alarm that comes and is closed.
async fn closed(town: &mut Town, outcome: CloseOutcome) -> AlarmId {
    let alarm = town.dials("#9").await.alarm;
    town.press_and_hang_up(&["103", "duty"], '1').await;
    town.everybody(Does::NoAnswer).await;
    town.acts(alarm, Action::Close(outcome, None)).await.expect("is open");
    town.expect_silence();
    alarm
}

async fn reminders(town: &Town, alarm: AlarmId) -> u8 {
    town.log().follow_up_reminders(alarm).await.expect("reads").times
}

/// Time passes, at most nine days of it, until something is seen: the task beside the alarms may miss some of them.
async fn days_pass(town: &Town, level: impl Fn(&Town) -> bool) {
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(5));
    for _ in 0..9 * 24 * 6 {
        if level(town) {
            return;
        }
        town.leap(600).await;
        tick.tick().await;
    }
    panic!("nothing was seen in nine days");
}

#[tokio::test]
async fn who_owned_the_case_is_reminded_that_nobody_has_looked_after_the_household() {
    let mut town = reminding_town().await;
    let alarm = closed(&mut town, CloseOutcome::Genuine).await;
    for times in 1..=3 {
        days_pass(&town, |town| town.wire.announced().len() == times).await;
    }
    let later = closed(&mut town, CloseOutcome::Unknown).await;
    days_pass(&town, |town| town.wire.announced().len() == 4).await;
    assert_eq!((reminders(&town, alarm).await, reminders(&town, later).await), (3, 1));
    let told = town.wire.announced();
    let is_meant = |(who, text): &(String, String)| who == "duty" && text.contains("请回访社区1");
    assert!(told.iter().all(is_meant), "{told:?}");
}

#[tokio::test]
async fn nobody_is_reminded_of_a_household_that_was_looked_after_or_need_not_be() {
    let mut town = reminding_town().await;
    let mistaken = closed(&mut town, CloseOutcome::FalseAlarm).await;
    let visited = closed(&mut town, CloseOutcome::Genuine).await;
    let visit = town.log().follow_up(visited, FollowUpKind::Visit, ("王芳", ""));
    visit.await.expect("is written");
    // Those of whom nobody has to be reminded come first, and would be told of in the same look.
    let waiting = closed(&mut town, CloseOutcome::Genuine).await;
    days_pass(&town, |town| town.wire.announced().len() == 1).await;
    for (alarm, times) in [(mistaken, 0), (visited, 0), (waiting, 1)] {
        assert_eq!(reminders(&town, alarm).await, times, "{alarm}");
    }
}

#[tokio::test]
async fn a_reminder_that_was_not_sent_is_sent_later_and_once_whatever_the_power_does() {
    for power in Power::BOTH {
        let mut town = reminding_town().await;
        let alarm = closed(&mut town, CloseOutcome::Unknown).await;
        town.wire.refuses_announcements("duty", LegOutcome::Undelivered);
        days_pass(&town, |town| 2 < town.wire.announcements_refused("duty")).await;
        town.wire.accepts_announcements("duty");
        days_pass(&town, |town| town.wire.announced().len() == 1).await;
        let first = town.clock.now();
        town.power(power).await;
        days_pass(&town, |town| town.wire.announced().len() == 2).await;
        let hours = town.clock.now().duration_since(first).as_hours();
        assert!(19 <= hours, "{power:?}: again after {hours} hours");
        assert_eq!(reminders(&town, alarm).await, 2, "{power:?}");
    }
}
