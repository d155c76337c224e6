//! Drills as the people of the town live through them: told before, marked from end to end, and out of the way at once.

use super::ALL;
use crate::town::{Does, PATIENCE, Setup, Town};
use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use lianfang::store::drills;
use lianfang::store::drills::notices::{self, NoticeState};
use lianfang::switchboard::Action;
use lianfang_domain::alarm::{CancelReason, CloseOutcome, Event, Stage, TriggerSource};
use lianfang_domain::directory::Language;
use lianfang_domain::drill::report::{Count, Reached, summary};
use lianfang_domain::drill::{self, Drill, Ending, HomeState};
use lianfang_domain::id::{AlarmId, CommunityId, DrillId};
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::leg::{Channel, LegOutcome, LegReport, Message};
use std::sync::Mutex;

/// The household behind door 102 has a line, too.
const SECOND_LINE: &str = "INSERT INTO line (household_id, number_key, number_written, account)
    SELECT id, '+865925559102', '5559102', 'line-1b' FROM household WHERE door = '102' AND group_id = 1";

/// A town that holds drills. It is Sunday, eight in the morning.
async fn town(groups: u32, sql: &'static str) -> Town {
    Town::with(Setup { groups, sql, holds_drills: true, ..Setup::default() }).await
}

/// This Sunday, by the clocks of the town.
fn at(hour: i8, minute: i8) -> Timestamp {
    let zone = TimeZone::get("Asia/Shanghai").expect("a zone");
    zone.to_timestamp(date(2026, 11, 22).at(hour, minute, 0, 0)).expect("a moment")
}

pub(super) fn at_ten() -> Drill {
    Drill {
        community: CommunityId(1),
        groups: Vec::new(),
        per_group: None,
        seed: 1,
        kind: AlarmKind::Unknown,
        starts_at: at(10, 0),
        ends_at: at(11, 0),
        announce_before_s: 3600,
        hours: Vec::new(),
        on_holidays: false,
        per_minute: 1,
    }
}

impl Town {
    async fn plans(&self, drill: &Drill) -> DrillId {
        let directory = self.directory();
        let community = directory.community(drill.community).expect("is there");
        let now = self.clock.now();
        let (homes, _) = drill::check(drill, community, now).expect("can be held");
        let database = self.store().alarms();
        drills::create(database, drill, &homes, ("root", now)).await.expect("is stored")
    }

    async fn until_it_is(&self, hour: i8, minute: i8) {
        let left = at(hour, minute).duration_since(self.clock.now());
        self.leap(left.as_secs().try_into().expect("later")).await;
    }

    /// The alarms of the drill, once so many doors began.
    pub(super) async fn doors(&self, drill: DrillId, begun: usize) -> Vec<AlarmId> {
        let alarms = || async {
            let stored = drills::get(self.store().alarms(), drill).await;
            let homes = stored.expect("reads").expect("is there").homes;
            let began = homes.iter().filter_map(|home| match home.state {
                HomeState::Started { alarm, .. } => Some(alarm),
                HomeState::Waiting | HomeState::Skipped(_) => None,
            });
            began.collect::<Vec<_>>()
        };
        let reached = async {
            let mut tick = tokio::time::interval(std::time::Duration::from_millis(2));
            loop {
                let found = alarms().await;
                if begun <= found.len() {
                    break found;
                }
                tick.tick().await;
            }
        };
        let patience = std::time::Duration::from_secs(20);
        let found = tokio::time::timeout(patience, reached).await.expect("they begin");
        self.settle().await;
        assert_eq!(found.len(), begun);
        found
    }

    /// The drill is announced.
    async fn until_announced(&self, people: usize) {
        let reached = async {
            let mut tick = tokio::time::interval(std::time::Duration::from_millis(2));
            while self.wire.announced().len() < people {
                tick.tick().await;
            }
        };
        let patience = std::time::Duration::from_secs(20);
        tokio::time::timeout(patience, reached).await.expect("they are told");
    }

    /// Announced at nine, and ten o'clock.
    pub(super) async fn drills_at_ten(&self, drill: &Drill) -> DrillId {
        let id = self.plans(drill).await;
        self.until_it_is(9, 0).await;
        self.until_announced(11).await;
        self.not_told(id, &[]).await;
        self.until_it_is(9, 59).await;
        self.until_it_is(10, 0).await;
        id
    }

    async fn yielded_to(&self, drill: AlarmId) -> Option<AlarmId> {
        let events = self.events(drill).await;
        let mut yielded = events.iter().filter_map(|event| {
            let Event::Yielded { to } = event else { return None };
            Some(*to)
        });
        yielded.next()
    }
}

#[tokio::test]
async fn a_group_is_told_drilled_and_reported() {
    let town = town(1, "").await;
    let id = town.plans(&at_ten()).await;
    town.until_it_is(8, 59).await;
    assert_eq!(town.wire.announced(), [], "nobody is told too early");
    town.until_it_is(9, 0).await;
    town.until_announced(11).await;
    let announced = town.wire.announced();
    let mut who: Vec<&str> = announced.iter().map(|(who, _)| who.as_str()).collect();
    who.sort_unstable();
    let mut all = ALL.to_vec();
    all.insert(0, "101");
    assert_eq!(who, all, "everybody who will be called, and the household itself");
    for (_, text) in &announced {
        assert!(text.contains("演练") && text.contains("今天上午10点"), "{text}");
    }
    town.until_it_is(9, 59).await;
    town.expect_silence();
    town.until_it_is(10, 0).await;
    let door = town.doors(id, 1).await[0];
    town.expect_ringing(&ALL);
    let heard = town.wire.heard_by("102");
    assert!(
        heard.starts_with("这是演练") && heard.trim_end_matches('。').ends_with("这是演练"),
        "{heard}"
    );
    assert!(town.wire.read_by("102").contains("演练"), "{}", town.wire.read_by("102"));
    assert_eq!(town.alarm(door).await.trigger().source, TriggerSource::Drill);
    town.phone("102", Does::Ring).await;
    town.clock.advance(std::time::Duration::from_secs(7));
    town.phone("102", Does::Press('1')).await;
    town.phone("102", Does::HangUp).await;
    town.phone("103", Does::Answer).await;
    town.phone("103", Does::HangUp).await;
    town.phone("104", Does::BadNumber).await;
    town.provider("105", LegReport::Delivered).await;
    town.phone("duty", Does::Press('1')).await;
    town.pass(700).await;
    town.expect_silence();
    let alarm = town.alarm(door).await;
    assert!(matches!(alarm.stage(), Stage::Closed { outcome: CloseOutcome::Drill, .. }));
    let mut count = Count::default();
    count.add(&alarm, false);
    let figures = count.figures();
    assert!(!figures.may_grow);
    assert_eq!((figures.homes, figures.phones, figures.answered), (1, 10, 2), "{figures:?}");
    assert_eq!(figures.first_key_ms, [7000]);
    assert_eq!(figures.last_leg_ms, [0], "the clock stands still while legs leave");
    assert_eq!((&figures.first_ring_ms, &figures.coming_ms), (&vec![0], &vec![7000]));
    assert_eq!(figures.arrived_ms, [0_u64; 0], "nobody says so in a drill");
    let missed = |why| figures.not_reached.iter().filter(|missed| missed.why == why).count();
    assert_eq!((missed(Reached::NoKey), missed(Reached::BadNumber)), (1, 1));
    let summary = summary("社区1", &figures, Language::Chinese);
    assert!(summary.contains("1户发起，呼叫电话10部") && !summary.contains("李强"), "{summary}");
    let stored = drills::get(town.store().alarms(), id).await.unwrap().unwrap();
    assert_eq!(stored.ended.map(|(_, ending)| ending), Some(Ending::Over));
}

/// Behind door 103 there is a telephone on the wall.
const LANDLINE: &str =
    "UPDATE contact SET numbers = json_replace(numbers, '$[0].sms', json('false'))
    WHERE household_id = 102";

impl Town {
    /// Time passes until it is so, but not until the drill begins.
    async fn soon(&self, is_so: impl Fn(&Self) -> bool) {
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(2));
        while !is_so(self) {
            assert!(self.clock.now() < at(9, 55), "it is never so");
            self.pass(5).await;
            tick.tick().await;
        }
    }

    fn rung(&self, who: &str) -> usize {
        self.wire.calls().iter().filter(|(_, called, _)| called == who).count()
    }

    /// Those who are not told, once it is written down that all others are: how the last try ended.
    async fn not_told(&self, id: DrillId, wanted: &[(NoticeState, Channel, Option<LegOutcome>)]) {
        let found = Mutex::new(Vec::new());
        let comes = async {
            let mut tick = tokio::time::interval(std::time::Duration::from_millis(2));
            for second in 0.. {
                let rows = notices::all(self.store().alarms(), id).await.expect("reads");
                assert_eq!(rows.len(), 11, "everybody");
                let missed = rows.iter().filter(|row| row.state != NoticeState::Told);
                let missed: Vec<_> =
                    missed.map(|row| (row.state, row.channel, row.outcome)).collect();
                if missed == wanted {
                    return;
                }
                *found.lock().expect("is whole") = missed;
                if second < 100 {
                    self.pass(1).await;
                }
                tick.tick().await;
            }
        };
        if tokio::time::timeout(PATIENCE, comes).await.is_err() {
            panic!("{:?}", found.lock().expect("is whole"));
        }
    }
}

#[tokio::test]
async fn who_takes_no_sms_is_called_before_the_drill_and_told_that_it_is_one() {
    let mut town = town(1, LANDLINE).await;
    let id = town.plans(&at_ten()).await;
    town.until_it_is(8, 59).await;
    assert_eq!(town.wire.calls(), []);
    town.until_it_is(9, 0).await;
    town.until_announced(10).await;
    town.soon(|town| town.rung("103") == 1).await;
    town.expect_ringing(&["103"]);
    let heard = town.wire.heard_by("103");
    assert!(heard.starts_with("演练预告，不是警情") && heard.contains("今天十点"), "{heard}");
    assert_eq!(town.wire.voice_to("103"), [Message::DrillNotice]);
    town.phone("103", Does::NoAnswer).await;
    town.soon(|town| town.rung("103") == 2).await;
    town.phone("103", Does::Answer).await;
    town.phone("103", Does::HangUp).await;
    town.not_told(id, &[]).await;
    town.restarts().await;
    town.until_it_is(9, 59).await;
    assert_eq!((town.rung("103"), town.wire.announced().len()), (2, 10), "each is told once");
    town.until_it_is(10, 0).await;
    town.doors(id, 1).await;
    town.expect_ringing(&ALL);
    assert!(town.wire.heard_by("103").starts_with("这是演练"));
}

#[tokio::test]
async fn an_announcement_that_is_not_sent_is_sent_again_and_then_spoken() {
    let town = town(1, "").await;
    let id = town.plans(&at_ten()).await;
    town.wire.refuses_announcements("104", LegOutcome::CarrierFailed);
    town.wire.refuses_announcements("105", LegOutcome::OptedOut);
    town.until_it_is(9, 0).await;
    town.until_announced(9).await;
    town.soon(|town| town.rung("105") == 1).await;
    assert_eq!(town.wire.announcements_refused("105"), 1, "who wants none gets no other");
    assert_eq!(town.rung("104"), 0, "there are tries left");
    town.phone("105", Does::Press('1')).await;
    town.phone("105", Does::HangUp).await;
    town.soon(|town| town.rung("104") == 1).await;
    assert_eq!(town.wire.announcements_refused("104"), 3);
    for call in 1..=3 {
        town.soon(|town| town.rung("104") == call).await;
        town.phone("104", Does::NoAnswer).await;
    }
    let missed = (NoticeState::Failed, Channel::Voice, Some(LegOutcome::NoAnswer));
    town.not_told(id, &[missed]).await;
    town.until_it_is(9, 59).await;
    assert_eq!((town.rung("104"), town.wire.announcements_refused("104")), (3, 3));
    town.until_it_is(10, 0).await;
    town.pass(15).await;
    town.doors(id, 1).await;
}

#[tokio::test]
async fn a_real_alarm_takes_the_telephone_from_who_is_told_of_a_drill() {
    let mut town = town(1, LANDLINE).await;
    let id = town.plans(&at_ten()).await;
    town.until_it_is(9, 0).await;
    town.until_announced(10).await;
    town.soon(|town| town.rung("103") == 1).await;
    town.phone("103", Does::Answer).await;
    let real = town.dials("#9").await.alarm;
    assert_eq!(town.wire.cancelled(), [("103".to_owned(), CancelReason::AlarmOver)]);
    town.expect_ringing(&ALL);
    assert!(!town.wire.heard_by("103").contains("演练"));
    town.pass(60).await;
    assert!(!town.wire.ringing().is_empty(), "the real one goes on");
    let notices = |town: &Town| {
        let told = town.wire.voice_to("103");
        told.iter().filter(|message| **message == Message::DrillNotice).count()
    };
    assert_eq!(notices(&town), 1, "no call of a drill while it is open");
    town.acts(real, Action::Close(CloseOutcome::Genuine, None)).await.expect("is closed");
    town.soon(|town| notices(town) == 2).await;
    town.phone("103", Does::Press('1')).await;
    town.phone("103", Does::HangUp).await;
    town.not_told(id, &[]).await;
}

#[tokio::test]
async fn a_real_alarm_ends_the_drill_before_it_rings() {
    let town = town(1, SECOND_LINE).await;
    let drill = Drill { per_group: Some(1), ..at_ten() };
    let id = town.drills_at_ten(&drill).await;
    let door = town.doors(id, 1).await[0];
    let began = town.alarm(door).await.plan().scene.household;
    let account =
        if began == town.line_of_account("line-1").household { "line-1b" } else { "line-1" };
    let line = town.line_of_account(account);
    let real = town.press_on(line, crate::town::trigger("#9", "call-real"));
    let real = crate::town::answer(real).await;
    town.settle().await;
    assert!(real.is_new);
    assert_eq!(town.yielded_to(door).await, Some(real.alarm), "in the same moment");
    let cancelled = town.wire.cancelled();
    assert_eq!(cancelled.len(), 10, "{cancelled:?}");
    assert!(cancelled.iter().all(|(_, why)| *why == CancelReason::AlarmOver), "{cancelled:?}");
    let rung: Vec<AlarmId> = town.wire.calls().iter().map(|(alarm, ..)| *alarm).collect();
    assert_eq!(rung.iter().filter(|alarm| **alarm == real.alarm).count(), 10, "all that it wants");
    assert_eq!(town.wire.ringing().len(), 10);
    let plan = town.alarm(real.alarm).await.plan().clone();
    assert!(!plan.is_drill);
}

#[tokio::test]
async fn nine_on_the_drilled_line_is_real() {
    let mut town = town(1, "").await;
    let id = town.drills_at_ten(&at_ten()).await;
    let door = town.doors(id, 1).await[0];
    let real = town.dials("#9").await;
    assert!(real.is_new && real.alarm != door);
    assert!(!town.alarm(real.alarm).await.plan().is_drill);
    assert_eq!(town.yielded_to(door).await, Some(real.alarm));
    town.expect_ringing(&ALL);
    assert!(!town.wire.heard_by("102").contains("演练"));
}

#[tokio::test]
async fn a_drill_waits_while_something_real_is_open() {
    let mut town = town(1, SECOND_LINE).await;
    let drill = Drill { per_group: Some(2), ..at_ten() };
    let id = town.plans(&drill).await;
    town.until_it_is(9, 0).await;
    town.until_announced(11).await;
    town.until_it_is(9, 59).await;
    let real = town.dials("#9").await.alarm;
    town.until_it_is(10, 0).await;
    town.pass(60).await;
    let calls = town.wire.calls();
    assert!(calls.iter().all(|(alarm, ..)| *alarm == real), "only the real one rings");
    town.acts(real, Action::Close(CloseOutcome::Genuine, None)).await.expect("is closed");
    town.pass(20).await;
    let door = town.doors(id, 1).await[0];
    assert!(town.alarm(door).await.plan().is_drill);
}

#[tokio::test]
async fn a_real_alarm_far_away_leaves_the_drill_alone() {
    let mut town = town(2, "").await;
    let id = town.drills_at_ten(&at_ten()).await;
    let door = town.doors(id, 1).await[0];
    let pressed = town.dials_and_hangs_up(2, "#9");
    crate::town::answer(pressed).await;
    town.settle().await;
    assert_eq!(town.yielded_to(door).await, None);
    assert_eq!(town.wire.ringing().len(), 20);
}

#[tokio::test]
async fn a_restart_goes_on_with_the_next_door() {
    let mut town = town(1, SECOND_LINE).await;
    let drill = Drill { per_group: Some(2), ..at_ten() };
    let id = town.drills_at_ten(&drill).await;
    let first = town.doors(id, 1).await[0];
    for who in town.wire.ringing() {
        town.phone(&who, Does::Press('2')).await;
        town.phone(&who, Does::HangUp).await;
    }
    town.restarts().await;
    town.pass(120).await;
    let doors = town.doors(id, 2).await;
    assert_eq!(doors[0], first, "what began does not begin again");
    let open: std::collections::BTreeSet<AlarmId> =
        town.wire.calls().into_iter().map(|(alarm, ..)| alarm).collect();
    assert_eq!(open.len(), 2, "two doors, two alarms");
    assert_eq!(town.wire.announced().len(), 11, "nobody is told twice");
}

#[tokio::test]
async fn a_drill_that_is_stopped_begins_nothing_more() {
    let town = town(1, SECOND_LINE).await;
    let drill = Drill { per_group: Some(2), ..at_ten() };
    let id = town.drills_at_ten(&drill).await;
    town.doors(id, 1).await;
    let now = town.clock.now();
    let database = town.store().alarms();
    assert!(drills::end(database, id, Ending::Cancelled, now).await.expect("ends"));
    town.pass(300).await;
    town.doors(id, 1).await;
    assert!(
        !drills::end(database, id, Ending::Over, now).await.expect("is over"),
        "it stays cancelled"
    );
}

#[tokio::test]
async fn sms_of_a_drill_go_by_the_same_routes() {
    let town = town(1, "").await;
    let id = town.drills_at_ten(&at_ten()).await;
    let door = town.doors(id, 1).await[0];
    let legs = town.alarm(door).await;
    let texts = legs.legs().iter().filter(|leg| leg.channel == Channel::Sms).count();
    assert_eq!(texts, 11, "ten that are called, and the household itself");
}
