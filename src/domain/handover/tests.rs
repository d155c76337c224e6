use super::*;
use crate::id::ShiftId;
use crate::roster::{Days, HeldBy, Shift};
use crate::roster::{Kept, Parts, Post, Roster};
use jiff::civil::{Time, time};
use jiff::tz::TimeZone;
use proptest::prelude::*;

const A: PostId = PostId(1);
const LEADER: PostId = PostId(2);

fn at(text: &str) -> Timestamp {
    let wall: jiff::civil::DateTime = text.replace(' ', "T").parse().expect("a civil time");
    wall.to_zoned(TimeZone::get("Asia/Shanghai").expect("a zone")).expect("a moment").timestamp()
}

fn post(id: PostId, code: &str, cover: Cover) -> Post {
    Post { id, code: code.into(), name: code.into(), grid: None, cover }
}

fn shift(
    id: u32,
    post: PostId,
    (start, end, days_later): (Time, Time, u8),
    workers: &[u32],
) -> Shift {
    Shift {
        id: ShiftId(id),
        post,
        days: Days::EVERY,
        start,
        end,
        days_later,
        first_day: None,
        last_day: None,
        held_by: HeldBy::Workers(workers.iter().copied().map(WorkerId).collect()),
    }
}

/// A community with post A, and the world around the machine: what it decides to keep is in its roster at once.
struct Story {
    machine: HandOvers,
    parts: Parts,
    is_on: bool,
    now: Timestamp,
    asked: BTreeMap<(PostId, Timestamp, WorkerId), Asked>,
    /// What was done, such as `call 2` and `tell 1 StayOn`.
    done: Vec<String>,
}

impl Story {
    /// Worker 1 by day, the others by night; 7 leads.
    fn new(night: &[u32]) -> Self {
        let posts = vec![post(A, "A", Cover::Always), post(LEADER, CODE_LEADER, Cover::Always)];
        let shifts = vec![
            shift(1, A, (time(8, 0, 0, 0), time(20, 0, 0, 0), 0), &[1]),
            shift(2, A, (time(20, 0, 0, 0), time(8, 0, 0, 0), 1), night),
            shift(3, LEADER, (time(0, 0, 0, 0), time(0, 0, 0, 0), 1), &[7]),
        ];
        Self::of(Parts { posts, shifts, ..Parts::default() }, at("2026-11-23 19:59"))
    }

    fn of(parts: Parts, now: Timestamp) -> Self {
        let machine = HandOvers::resume(&roster(&parts), &[], now);
        Self { machine, parts, is_on: true, now, asked: BTreeMap::new(), done: Vec::new() }
    }

    fn roster(&self) -> Roster {
        roster(&self.parts)
    }

    fn settle(&mut self) {
        loop {
            let roster = self.roster();
            self.machine.on_time(&roster, self.is_on, self.now);
            let mut is_done = true;
            while let Some(decision) = self.machine.poll_decision() {
                is_done = false;
                self.carry_out(decision);
            }
            if is_done {
                return;
            }
        }
    }

    fn carry_out(&mut self, decision: Decision) {
        match decision {
            Decision::Keep { post, worker, from } => {
                let until_handed_over = None;
                self.parts.kept.push(Kept { post, worker, from, until_handed_over });
            }
            Decision::Release { post, worker } => {
                for kept in self.parts.kept.iter_mut().filter(|kept| kept.post == post) {
                    kept.until_handed_over.get_or_insert(self.now);
                }
                let of_post = self.asked.values_mut().filter(|asked| asked.post == post);
                if let Some(newest) = of_post.filter(|asked| asked.worker == worker).last() {
                    newest.answer = Answer::TakenOver;
                }
                self.done.push("release".to_owned());
            }
            Decision::Record(asked) => {
                self.asked.insert((asked.post, asked.changed_at, asked.worker), asked);
            }
            Decision::Call { worker, .. } => self.done.push(format!("call {worker}")),
            Decision::Tell { worker, word, about, .. } => {
                self.done.push(format!("tell {worker} {word:?} {about}"));
            }
        }
    }

    fn until(&mut self, text: &str) {
        self.pass_to(at(text));
    }

    fn pass_to(&mut self, to: Timestamp) {
        while self.now < to {
            let due = self.machine.poll_timeout().filter(|due| self.now < *due);
            let change = self.roster().next_change(self.now);
            self.now = [due, change, Some(to)].into_iter().flatten().min().unwrap_or(to).min(to);
            self.settle();
        }
    }

    fn key(&mut self, worker: u32, key: char) {
        let key = Key::of_char(key).expect("a key");
        self.machine.on_answer(&self.roster(), (A, WorkerId(worker)), key, self.now);
        self.ends(worker);
    }

    fn ends(&mut self, worker: u32) {
        self.machine.on_call_ended(A, WorkerId(worker));
        self.settle();
    }

    /// What is written over the API, by somebody whose shift it is.
    fn says_elsewhere(&mut self, worker: u32) {
        let worker = WorkerId(worker);
        if !self.roster().scheduled(self.now).contains(&(A, worker)) {
            return;
        }
        let before = self.roster();
        for kept in self.parts.kept.iter_mut().filter(|kept| kept.post == A) {
            kept.until_handed_over.get_or_insert(self.now);
        }
        let mut of_worker =
            self.asked.values().filter(|asked| (asked.post, asked.worker) == (A, worker));
        if let Some(newest) = of_worker.next_back().copied() {
            let taken = Asked { answer: Answer::TakenOver, ..newest };
            self.carry_out(Decision::Record(taken));
            self.machine.taken_over(&taken, &before, self.now);
        }
        self.settle();
    }

    fn restarts(&mut self) {
        let known: Vec<Asked> = self.asked.values().copied().collect();
        let since = self.now.saturating_sub(LOOK_BACK).expect("a time");
        self.machine = HandOvers::resume(&self.roster(), &known, since);
        self.settle();
    }

    fn on_duty(&self) -> Vec<u32> {
        self.roster().holders("A", None, self.now).into_iter().map(u32::from).collect()
    }

    fn done(&mut self) -> Vec<String> {
        std::mem::take(&mut self.done)
    }

    fn answers(&self) -> Vec<(u32, u8, Answer)> {
        self.asked.values().map(|asked| (asked.worker.0, asked.calls, asked.answer)).collect()
    }
}

fn roster(parts: &Parts) -> Roster {
    let zone = TimeZone::get("Asia/Shanghai").expect("a zone");
    let (roster, faults) = Roster::build(zone, parts.clone(), |_| true);
    assert_eq!(faults, []);
    roster
}

#[test]
fn one_takes_over_and_the_old_shift_goes() {
    let mut story = Story::new(&[2]);
    story.until("2026-11-23 20:00");
    assert_eq!(story.done(), ["call 2"]);
    assert_eq!(story.on_duty(), [2, 1], "the old shift stays until then");
    story.key(2, '9');
    assert_eq!(story.on_duty(), [2, 1], "9 says nothing");
    story.key(2, '1');
    assert_eq!(story.done(), ["release", "tell 1 TakenOver 2"]);
    assert_eq!(story.on_duty(), [2]);
    story.until("2026-11-24 07:59");
    assert_eq!(story.done(), Vec::<String>::new(), "nobody is asked twice");
}

#[test]
fn no_answer_in_five_calls_keeps_the_old_shift_besides_the_new() {
    let mut story = Story::new(&[2]);
    story.until("2026-11-23 20:00");
    for _ in 0..CALLS_MAX {
        story.ends(2);
        let next = later(story.now, CALL_EVERY);
        story.pass_to(next);
    }
    let calls = vec!["call 2"; CALLS_MAX.into()];
    let told = ["tell 2 NotTaken 1", "tell 1 StayOn 2"];
    assert_eq!(story.done(), [calls.as_slice(), &told].concat());
    story.until("2026-11-24 03:00");
    assert_eq!(story.on_duty(), [2, 1]);
    assert_eq!(story.answers(), [(2, CALLS_MAX, Answer::None)]);
    story.key(2, '1');
    assert_eq!(story.done(), ["release", "tell 1 TakenOver 2"]);
    assert_eq!(story.on_duty(), [2], "1 later ends it");
}

#[test]
fn calls_are_65_seconds_apart() {
    let mut story = Story::new(&[2]);
    story.until("2026-11-23 20:00");
    story.ends(2);
    story.until("2026-11-23 20:01:04");
    assert_eq!(story.done(), ["call 2"]);
    story.until("2026-11-23 20:01:05");
    assert_eq!(story.done(), ["call 2"]);
}

#[test]
fn a_call_that_tells_no_end_holds_nothing_up_for_ever() {
    let mut story = Story::new(&[2]);
    story.until("2026-11-23 20:09:59");
    assert_eq!(story.done(), ["call 2"]);
    story.until("2026-11-23 20:10:00");
    assert_eq!(story.done(), ["call 2"]);
}

#[test]
fn who_cannot_is_followed_by_the_next_and_the_leader_is_told() {
    let mut story = Story::new(&[2, 3]);
    story.until("2026-11-23 20:00");
    story.key(2, '2');
    assert_eq!(story.done(), ["call 2", "tell 7 Cannot 2", "call 3"]);
    assert_eq!(story.on_duty(), [2, 3, 1]);
    story.key(3, '2');
    assert_eq!(story.done(), ["tell 7 Cannot 3", "tell 1 StayOn 2"]);
    assert_eq!(story.on_duty(), [2, 3, 1]);
    story.key(2, '1');
    assert_eq!(story.done(), ["release", "tell 1 TakenOver 2"], "and they may think better of it");
}

#[test]
fn whoever_corrects_a_1_to_2_has_not_taken_over() {
    let mut story = Story::new(&[2]);
    story.until("2026-11-23 20:00");
    story.key(2, '1');
    story.key(2, '2');
    let told = ["tell 1 TakenOver 2", "tell 1 StayOn 2", "tell 7 Cannot 2"];
    assert_eq!(story.done(), [&["call 2", "release"][..], &told].concat());
    assert_eq!((story.on_duty(), story.answers()), (vec![2, 1], vec![(2, 1, Answer::Cannot)]));
    story.key(2, '1');
    assert_eq!(story.on_duty(), [2]);
}

#[test]
fn only_whose_shift_it_is_takes_over() {
    let mut story = Story::new(&[2]);
    story.until("2026-11-24 08:00");
    story.done();
    assert_eq!(story.on_duty(), [1, 2], "nobody pressed 1 yesterday, and 2 follows nobody");
    story.key(2, '1');
    assert_eq!(story.done(), Vec::<String>::new(), "a call of the shift before");
    assert_eq!(story.on_duty(), [1, 2]);
    story.key(1, '1');
    assert_eq!(story.on_duty(), [1]);
}

#[test]
fn who_was_asked_in_vain_is_awaited_until_the_post_is_taken_over() {
    let mut story = Story::new(&[2, 3]);
    assert_eq!(awaited(&story.roster(), story.now), []);
    story.until("2026-11-23 21:00");
    assert_eq!(awaited(&story.roster(), story.now), [(A, WorkerId(2)), (A, WorkerId(3))]);
    story.key(3, '1');
    assert_eq!((awaited(&story.roster(), story.now), story.on_duty()), (Vec::new(), vec![2, 3]));
}

#[test]
fn taking_over_elsewhere_lets_the_old_shift_go_and_tells_it_once() {
    for hours in [0, 1] {
        let mut story = Story::new(&[2]);
        story.until("2026-11-23 20:00");
        let to = later(story.now, SignedDuration::from_hours(hours));
        story.pass_to(to);
        story.done();
        story.says_elsewhere(2);
        story.says_elsewhere(2);
        let told = story.done();
        assert_eq!(told.last().map(String::as_str), Some("tell 1 TakenOver 2"), "{hours}");
        assert_eq!(told.iter().filter(|done| done.starts_with("tell")).count(), 1, "{hours}");
        assert_eq!(story.on_duty(), [2]);
    }
}

#[test]
fn who_is_taken_off_the_post_is_asked_no_more() {
    let mut story = Story::new(&[2]);
    story.until("2026-11-23 20:00");
    story.ends(2);
    story.done();
    story.parts.shifts[1].held_by = HeldBy::Workers(vec![WorkerId(3)]);
    story.until("2026-11-23 20:02");
    assert!(!story.done().contains(&"call 2".to_owned()));
    assert_eq!(story.on_duty(), [3, 1]);
}

#[test]
fn nothing_is_said_where_calls_are_off() {
    let mut story = Story::new(&[2]);
    story.is_on = false;
    story.until("2026-11-23 20:00");
    assert_eq!((story.done(), story.on_duty()), (Vec::new(), vec![2]));
    story.is_on = true;
    story.until("2026-11-24 07:00");
    assert_eq!(story.done(), Vec::<String>::new(), "the change is past");
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let mut story = Story::new(&[2]);
    story.until("2026-11-23 20:00");
    story.ends(2);
    story.until("2026-11-23 20:01:10");
    assert_eq!(story.done(), ["call 2", "call 2"]);
    story.restarts();
    assert_eq!(story.done(), Vec::<String>::new(), "not before its time");
    story.until("2026-11-23 20:02:10");
    assert_eq!(story.done(), ["call 2"]);
    story.key(2, '1');
    assert_eq!(story.done(), ["release", "tell 1 TakenOver 2"]);
    story.restarts();
    assert_eq!((story.done(), story.on_duty()), (Vec::new(), vec![2]));
}

#[test]
fn a_change_that_was_slept_through_is_made_up_for() {
    let mut story = Story::new(&[2]);
    story.now = at("2026-11-23 20:30");
    story.restarts();
    assert_eq!(story.done(), ["call 2"]);
    let mut late = Story::new(&[2]);
    late.now = at("2026-11-23 21:30");
    late.restarts();
    assert_eq!(late.done(), Vec::<String>::new());
}

#[test]
fn where_nobody_follows_the_old_shift_stays_until_somebody_does() {
    let parts = Parts {
        posts: vec![post(A, "A", Cover::Always)],
        shifts: vec![shift(1, A, (time(8, 0, 0, 0), time(20, 0, 0, 0), 0), &[1])],
        ..Parts::default()
    };
    let mut story = Story::of(parts, at("2026-11-23 19:59"));
    story.until("2026-11-23 21:00");
    assert_eq!((story.done(), story.on_duty()), (vec!["tell 1 Nobody 1".to_owned()], vec![1]));
    story.parts.shifts.push(shift(2, A, (time(22, 0, 0, 0), time(8, 0, 0, 0), 1), &[2]));
    story.until("2026-11-23 22:00");
    story.key(2, '1');
    assert_eq!(story.done(), ["call 2", "release", "tell 1 TakenOver 2"]);
    assert_eq!(story.on_duty(), [2]);
}

#[test]
fn nobody_is_left_to_the_next_change_though_no_one_ever_answers() {
    let mut story = Story::new(&[2]);
    for _ in 0..200 {
        let to = later(story.now, SignedDuration::from_hours(1));
        story.pass_to(to);
        let open = story.parts.kept.iter().filter(|kept| kept.until_handed_over.is_none());
        assert!(open.count() <= KEPT_ON_POST_MAX);
    }
}

/// What people do while time passes.
#[derive(Clone, Copy, Debug)]
enum Move {
    Passes(u32),
    Key(u32, char),
    Ends(u32),
    TakesOver(u32),
    Restarts,
    Switches,
}

fn moves() -> impl Strategy<Value = Move> {
    let worker = 1_u32..5;
    prop_oneof![
        4 => (1_u32..20_000).prop_map(Move::Passes),
        3 => (worker.clone(), prop::sample::select(vec!['1', '2', '9'])).prop_map(|(w, key)| Move::Key(w, key)),
        3 => worker.clone().prop_map(Move::Ends),
        1 => worker.prop_map(Move::TakesOver),
        1 => Just(Move::Restarts),
        1 => Just(Move::Switches),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever people answer, the post is held at every moment, by everybody whom the shifts name; kept holders are
    /// bounded, and nobody is called more often or closer than allowed.
    #[test]
    fn a_covered_post_is_held_at_every_moment(moves in prop::collection::vec(moves(), 1..60)) {
        let mut story = Story::new(&[2, 3]);
        let plain = story.roster();
        for step in moves {
            match step {
                Move::Passes(seconds) => {
                    let to = later(story.now, SignedDuration::from_secs(seconds.into()));
                    story.pass_to(to);
                }
                Move::Key(worker, key) => story.key(worker, key),
                Move::Ends(worker) => story.ends(worker),
                Move::TakesOver(worker) => {
                    story.says_elsewhere(worker);
                }
                Move::Restarts => story.restarts(),
                Move::Switches => story.is_on = !story.is_on,
            }
            let held = story.on_duty();
            for worker in plain.holders("A", None, story.now) {
                prop_assert!(held.contains(&worker.0));
            }
            prop_assert!(!held.is_empty());
            let open = story.parts.kept.iter().filter(|kept| kept.until_handed_over.is_none());
            prop_assert!(open.count() <= KEPT_ON_POST_MAX);
            prop_assert!(story.asked.values().all(|asked| asked.calls <= CALLS_MAX));
        }
        // In the past as in the present: no moment was left to nobody.
        let roster = story.roster();
        let span = crate::roster::Span { from: at("2026-11-23 19:59"), to: story.now };
        for segment in roster.segments(A, span) {
            prop_assert!(!segment.holders.is_empty());
        }
    }
}
