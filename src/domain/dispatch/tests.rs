use super::*;
use crate::directory::Language;
use crate::id::AlarmId;
use crate::leg::Message;
use crate::plan::{PartyId, Plan, Role};
use proptest::prelude::*;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

fn plan() -> Arc<Plan> {
    Arc::new(crate::alarm::tests::plan(&[]))
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
}

fn order(plan: &Arc<Plan>, alarm: u64, number: u32, class: Class) -> LegOrder {
    let key = format!("{alarm}-{number}");
    LegOrder {
        leg: LegId { alarm: AlarmId(alarm), number },
        channel: Channel::Voice,
        party: PartyId(0),
        role: Role::Neighbour,
        number_index: 0,
        number: PhoneNumber::from_parts(&key, &key),
        language: Language::Chinese,
        message: Message::Alarm,
        along: Vec::new(),
        link: None,
        moment: None,
        coming: Vec::new(),
        class,
        ring_timeout_s: 40,
        routes_failed: Vec::new(),
        plan: Arc::clone(plan),
        raised_at: at(0),
        hand_over: None,
    }
}

fn route(name: &str, per_second: u32, channels: u32) -> Route {
    Route {
        name: name.into(),
        channel: Channel::Voice,
        per_second,
        channels,
        callee_budgets: Vec::new(),
        preference: 1,
    }
}

fn dispatch(routes: Vec<Route>) -> Dispatch {
    Dispatch::new(routes, 1000).unwrap()
}

/// Everything that leaves now, as alarm and leg.
fn leaving(dispatch: &mut Dispatch, now: Timestamp) -> Vec<(u64, u32)> {
    let legs = std::iter::from_fn(|| dispatch.poll(now));
    legs.map(|(order, _)| (order.leg.alarm.0, order.leg.number)).collect()
}

#[test]
fn two_alarms_share_three_channels() {
    let (plan, mut dispatch) = (plan(), dispatch(vec![route("a", 100, 3)]));
    for alarm in [1, 2] {
        for number in 1..=3 {
            dispatch.push(order(&plan, alarm, number, Class::First), at(0));
        }
    }
    assert_eq!(leaving(&mut dispatch, at(0)), [(1, 1), (2, 1), (1, 2)], "the older one in a tie");
    dispatch.on_ended(LegId { alarm: AlarmId(1), number: 1 });
    assert_eq!(leaving(&mut dispatch, at(0)), [(2, 2)], "one each: the one with fewer calls");
    dispatch.on_ended(LegId { alarm: AlarmId(1), number: 2 });
    assert_eq!(leaving(&mut dispatch, at(0)), [(1, 3)]);
}

#[test]
fn an_alarm_without_any_call_goes_before_the_second_call_of_an_older_one() {
    let (plan, mut dispatch) = (plan(), dispatch(vec![route("a", 100, 1)]));
    for alarm in 1..=3 {
        for number in 1..=2 {
            dispatch.push(order(&plan, alarm, number, Class::First), at(0));
        }
    }
    let mut left = Vec::new();
    while let [(alarm, number)] = leaving(&mut dispatch, at(0))[..] {
        left.push((alarm, number));
        dispatch.on_ended(LegId { alarm: AlarmId(alarm), number });
    }
    assert_eq!(left, [(1, 1), (2, 1), (3, 1), (1, 2), (2, 2), (3, 2)]);
}

#[test]
fn a_new_alarm_does_not_wait_for_a_hundred_old_legs() {
    let (plan, mut dispatch) = (plan(), dispatch(vec![route("a", 1, 1000)]));
    for number in 0..100 {
        dispatch.push(order(&plan, 1, number, Class::First), at(0));
    }
    assert_eq!(leaving(&mut dispatch, at(0)), [(1, 0)]);
    dispatch.push(order(&plan, 2, 1, Class::First), at(10));
    assert_eq!(leaving(&mut dispatch, at(10)), []);
    assert_eq!(dispatch.poll_timeout(), Some(at(1000)));
    assert_eq!(leaving(&mut dispatch, at(1000)), [(2, 1)]);
}

#[test]
fn a_quarter_is_for_alarms_that_nobody_answered() {
    let (plan, mut dispatch) = (plan(), dispatch(vec![route("a", 1000, 1000)]));
    for number in 0..30 {
        dispatch.push(order(&plan, 1, number, Class::First), at(0));
        dispatch.push(order(&plan, 2, number, Class::UnansweredRetry), at(0));
        dispatch.push(order(&plan, 3, number, Class::Retry), at(0));
    }
    let alarms: Vec<u64> = leaving(&mut dispatch, at(0)).iter().map(|(alarm, _)| *alarm).collect();
    for (index, four) in alarms[..40].chunks(4).enumerate() {
        assert_eq!(four, [1, 1, 1, 2], "slots {index}");
    }
    assert_eq!(alarms[60..], [3; 30], "other retries last");
}

#[test]
fn only_legs_without_a_slot_lack_one() {
    let (plan, mut dispatch) = (plan(), dispatch(vec![route("a", 100, 2)]));
    let duty = PhoneNumber::from_parts("duty", "duty");
    let to_duty = |alarm| LegOrder { number: duty.clone(), ..order(&plan, alarm, 1, Class::First) };
    for alarm in [1, 2] {
        dispatch.push(to_duty(alarm), at(0));
    }
    assert_eq!(leaving(&mut dispatch, at(0)), [(1, 1)]);
    assert!(!dispatch.lacks_slot(Channel::Voice), "it waits behind another call");
    assert!(dispatch.is_busy(&duty) && dispatch.is_awaited(&duty));
    for number in [2, 3] {
        dispatch.push(order(&plan, 3, number, Class::Retry), at(0));
    }
    assert_eq!(leaving(&mut dispatch, at(0)), [(3, 2)]);
    assert!(dispatch.lacks_slot(Channel::Voice) && !dispatch.lacks_slot(Channel::Sms));
    dispatch.on_ended(LegId { alarm: AlarmId(3), number: 2 });
    assert_eq!(leaving(&mut dispatch, at(0)), [(3, 3)]);
    dispatch.on_ended(LegId { alarm: AlarmId(3), number: 3 });
    dispatch.on_ended(LegId { alarm: AlarmId(1), number: 1 });
    assert_eq!(leaving(&mut dispatch, at(0)), [(2, 1)]);
    assert!(!dispatch.is_awaited(&duty));
}

/// A leg that can wait takes a slot only where a first wave that comes next finds all of its own.
#[test]
fn what_can_wait_leaves_a_first_wave_its_slots() {
    let plan = plan();
    let budgets = |budgets: &[(u32, u32)]| -> Vec<CalleeBudget> {
        budgets.iter().map(|(calls, per_s)| CalleeBudget { calls: *calls, per_s: *per_s }).collect()
    };
    // Calls a second, channels, budgets of a callee; calls that leave; how many more to a callee may.
    for (per_second, channels, callee, before, expected) in [
        (100, 100, budgets(&[]), 0, 90),
        (100, 100, budgets(&[]), 89, 1),
        (100, 100, budgets(&[]), 90, 0),
        (100, 4, budgets(&[]), 0, 1),
        (100, 4, budgets(&[]), 1, 0),
        (100, 1, budgets(&[]), 0, 1),
        (1, 100, budgets(&[]), 0, 1),
        (20, 100, budgets(&[]), 5, 5),
        (0, 100, budgets(&[]), 0, 0),
        (100, 100, budgets(&[(5, 3600)]), 0, 2),
        (100, 100, budgets(&[(1, 60), (5, 3600)]), 0, 0),
    ] {
        let case = format!("{per_second} {channels} {callee:?} {before}");
        let limited = Route { callee_budgets: callee, ..route("a", per_second, channels) };
        let mut dispatch = dispatch(vec![limited]);
        for number in 0..before {
            dispatch.push(order(&plan, 1, number, Class::First), at(0));
        }
        assert_eq!(leaving(&mut dispatch, at(0)).len(), usize::try_from(before).unwrap());
        let worker = PhoneNumber::from_parts("worker", "worker");
        let mut left = 0_u64;
        while left < 100 {
            let mut waits =
                LegOrder { number: worker.clone(), ..order(&plan, left + 10, 1, Class::Drill) };
            if !dispatch.keep_to_spare_routes(&mut waits, at(0)) {
                break;
            }
            // Another call to the same callee would wait behind this one.
            dispatch.routes[0].leaves(&worker, at(0));
            left += 1;
        }
        assert_eq!(left, expected, "{case}");
    }
}

#[test]
fn what_can_wait_takes_the_route_with_room() {
    let small = Route { preference: 0, ..route("small", 100, 2) };
    let (plan, mut dispatch) = (plan(), dispatch(vec![small, route("large", 100, 100)]));
    dispatch.push(order(&plan, 1, 1, Class::First), at(0));
    assert_eq!(leaving(&mut dispatch, at(0)), [(1, 1)]);
    let mut waits = order(&plan, 2, 1, Class::Drill);
    assert!(dispatch.keep_to_spare_routes(&mut waits, at(0)));
    dispatch.push(waits, at(0));
    let (_, name) = dispatch.poll(at(0)).unwrap();
    assert_eq!(&*name, "large");
}

#[test]
fn one_call_per_number_at_a_time() {
    let (plan, mut dispatch) = (plan(), dispatch(vec![route("a", 100, 100)]));
    let duty = PhoneNumber::from_parts("duty", "duty");
    for alarm in 1..=4 {
        let order = LegOrder { number: duty.clone(), ..order(&plan, alarm, 1, Class::First) };
        dispatch.push(order, at(0));
    }
    let id = |alarm| LegId { alarm: AlarmId(alarm), number: 1 };
    assert_eq!(leaving(&mut dispatch, at(0)), [(1, 1)]);
    assert!(dispatch.withdraw(id(2)).is_some(), "while it waits behind the first");
    dispatch.on_ended(id(1));
    assert!(dispatch.withdraw(id(3)).is_some(), "while it was its turn");
    assert_eq!(leaving(&mut dispatch, at(0)), [(4, 1)]);
    dispatch.on_ended(id(4));
    assert_eq!((dispatch.callees.len(), dispatch.waiting_in_all()), (0, 0));
}

#[test]
fn a_leg_prefers_a_route_that_has_not_failed_it() {
    let (plan, mut dispatch) = (plan(), dispatch(vec![route("a", 9, 1), route("b", 9, 1)]));
    dispatch.set_route_up("b", false);
    let failed = LegOrder { routes_failed: vec!["a".into()], ..order(&plan, 1, 1, Class::First) };
    let again = LegOrder { leg: LegId { alarm: AlarmId(1), number: 2 }, ..failed.clone() };
    dispatch.push(failed, at(0));
    let (_, name) = dispatch.poll(at(0)).unwrap();
    assert_eq!(&*name, "a", "better the failed one than none");
    dispatch.on_ended(LegId { alarm: AlarmId(1), number: 1 });
    dispatch.set_route_up("b", true);
    dispatch.push(again, at(0));
    assert_eq!(&*dispatch.poll(at(0)).unwrap().1, "b");
}

#[test]
fn a_provider_that_takes_one_call_a_minute_per_callee() {
    let budget = CalleeBudget { calls: 1, per_s: 60 };
    let narrow = Route { callee_budgets: vec![budget], ..route("a", 9, 9) };
    let (plan, mut dispatch) = (plan(), dispatch(vec![narrow]));
    let first = order(&plan, 1, 1, Class::First);
    let second = LegOrder { leg: LegId { alarm: AlarmId(1), number: 2 }, ..first.clone() };
    dispatch.push(first, at(0));
    dispatch.push(second, at(0));
    assert_eq!(leaving(&mut dispatch, at(0)), [(1, 1)]);
    dispatch.on_ended(LegId { alarm: AlarmId(1), number: 1 });
    assert_eq!(leaving(&mut dispatch, at(1000)), []);
    assert_eq!(dispatch.poll_timeout(), Some(at(60_000)));
    assert_eq!(leaving(&mut dispatch, at(60_000)), [(1, 2)]);
}

/// One a minute and five an hour, failures counting, as large providers have it. The first rings end after 40 s, the second
/// one is due 65 s later: it must be inside 61 to 170 s of the first.
#[test]
fn a_second_ring_that_a_budget_forbids_goes_elsewhere_or_waits_inside_the_window() {
    let budgets =
        vec![CalleeBudget { calls: 1, per_s: 60 }, CalleeBudget { calls: 5, per_s: 3600 }];
    let narrow = |name| Route { callee_budgets: budgets.clone(), ..route(name, 9, 9) };
    let (plan, number) = (plan(), PhoneNumber::from_parts("bob", "bob"));
    let ring = |dispatch: &mut Dispatch, leg: u32, ms: i64| {
        let order = LegOrder { number: number.clone(), ..order(&plan, 1, leg, Class::First) };
        let id = order.leg;
        dispatch.push(order, at(ms));
        let mut now = at(ms);
        let left = loop {
            if let Some((_, route)) = dispatch.poll(now) {
                break (now.duration_since(at(0)).as_secs(), route.to_string());
            }
            now = dispatch.poll_timeout().unwrap().max(now);
        };
        dispatch.on_ended(id);
        left
    };
    // One route: a busy retry after 15 s waits for its minute, the second ring is free to go.
    let mut one = dispatch(vec![narrow("a")]);
    assert_eq!(ring(&mut one, 1, 0), (0, "a".into()));
    assert_eq!(ring(&mut one, 2, 15_000), (60, "a".into()), "waits, and no longer than it must");
    assert_eq!(ring(&mut one, 3, 165_000), (165, "a".into()), "the second ring");
    // Five in the hour are used up: the sixth waits for the first to be an hour old.
    assert_eq!(ring(&mut one, 4, 230_000).0, 230);
    assert_eq!(ring(&mut one, 5, 300_000).0, 300);
    assert_eq!(ring(&mut one, 6, 400_000).0, 3600);
    // Two routes: what one forbids, the other carries at once.
    let mut two = dispatch(vec![narrow("a"), narrow("b")]);
    let (_, first) = ring(&mut two, 1, 0);
    let (when, second) = ring(&mut two, 2, 15_000);
    assert_eq!(when, 15);
    assert_ne!(first, second);
    for (leg, ms) in [(3, 105_000), (4, 200_000), (5, 300_000), (6, 400_000), (7, 500_000)] {
        assert_eq!(ring(&mut two, leg, ms).0, ms / 1000, "ten an hour over both");
    }
}

#[test]
fn old_retries_make_room_and_first_waves_never_go() {
    let (plan, mut dispatch) = (plan(), Dispatch::new(vec![route("a", 1, 0)], 3).unwrap());
    let shed = |pushed| match pushed {
        Pushed::Shed(order) => Some((order.class, order.leg.number)),
        Pushed::Waits => None,
        Pushed::Known => panic!("new legs only"),
    };
    let mut push = |number, class| shed(dispatch.push(order(&plan, 1, number, class), at(0)));
    assert_eq!(push(1, Class::Retry), None);
    assert_eq!(push(2, Class::UnansweredRetry), None);
    assert_eq!(push(3, Class::Retry), None);
    assert_eq!(push(4, Class::First), Some((Class::Retry, 1)));
    assert_eq!(push(5, Class::First), Some((Class::Retry, 3)));
    assert_eq!(push(6, Class::First), Some((Class::UnansweredRetry, 2)));
    assert_eq!(push(7, Class::First), None, "above the bound rather than lost");
    assert_eq!(push(8, Class::Retry), Some((Class::Retry, 8)));
    assert_eq!(dispatch.waiting(Class::First), 4);
    assert_eq!((dispatch.shed(Class::Retry), dispatch.shed(Class::First)), (3, 0));
    assert_eq!(dispatch.oldest_wait(at(5000)), Some(SignedDuration::from_secs(5)));
    assert!(matches!(dispatch.push(order(&plan, 1, 4, Class::First), at(0)), Pushed::Known));
}

#[test]
fn sms_and_calls_do_not_wait_for_each_other() {
    let sms = Route { channel: Channel::Sms, ..route("sms", 10, 10) };
    let (plan, mut dispatch) = (plan(), dispatch(vec![route("a", 1, 1), sms]));
    let number = PhoneNumber::from_parts("bob", "bob");
    for (index, channel) in [Channel::Voice, Channel::Sms, Channel::Sms].into_iter().enumerate() {
        let order = order(&plan, 1, index as u32, Class::First);
        dispatch.push(LegOrder { channel, number: number.clone(), ..order }, at(0));
    }
    assert_eq!(leaving(&mut dispatch, at(0)), [(1, 0), (1, 1), (1, 2)]);
}

#[test]
fn the_forecast_of_an_idle_and_of_a_busy_trunk() {
    let (plan, mut dispatch) = (plan(), dispatch(vec![route("a", 2, 10)]));
    assert_eq!(dispatch.forecast(Channel::Voice, 10, at(0)), Some(at(4500)));
    assert_eq!(dispatch.forecast(Channel::Sms, 10, at(0)), None);
    for number in 0..100 {
        dispatch.push(order(&plan, 1, number, Class::First), at(0));
    }
    assert_eq!(dispatch.forecast(Channel::Voice, 10, at(0)), Some(at(45_000)), "ten more channels");
    assert_eq!(Dispatch::new(vec![route("a", 1, 1); 65], 1).err(), Some(TooManyRoutes));
}

/// What the world may do to the dispatcher.
#[derive(Clone, Debug)]
enum Step {
    Push { alarm: u64, callee: u8, class: Class, failed: Option<usize>, is_sms: bool },
    End(usize),
    Withdraw(usize),
    Up(usize, bool),
    Pass(i64),
}

const NAMES: [&str; 3] = ["a", "b", "sms"];

fn step() -> impl Strategy<Value = Step> {
    let class = prop_oneof![Just(Class::First), Just(Class::UnansweredRetry), Just(Class::Retry)];
    prop_oneof![
        6 => (0..5_u64, 0..12_u8, class, proptest::option::of(0..2_usize), any::<bool>()).prop_map(
            |(alarm, callee, class, failed, is_sms)| Step::Push { alarm, callee, class, failed, is_sms }
        ),
        4 => (0..64_usize).prop_map(Step::End),
        1 => (0..64_usize).prop_map(Step::Withdraw),
        1 => (0..3_usize, any::<bool>()).prop_map(|(route, up)| Step::Up(route, up)),
        3 => (0..1500_i64).prop_map(Step::Pass),
    ]
}

/// Carries steps out and checks every law at every departure.
struct World {
    plan: Arc<Plan>,
    dispatch: Dispatch,
    now: i64,
    next: u32,
    under_way: Vec<(LegOrder, RouteName)>,
    departures: Vec<(RouteName, i64)>,
    waiting: BTreeSet<LegId>,
    recent: VecDeque<LegId>,
}

impl World {
    const LIMITS: [(u32, u32); 3] = [(2, 3), (3, 2), (4, 4)];

    fn new() -> Self {
        let [a, b, sms] = Self::LIMITS;
        let routes = vec![
            route("a", a.0, a.1),
            Route {
                callee_budgets: vec![CalleeBudget { calls: 2, per_s: 5 }],
                ..route("b", b.0, b.1)
            },
            Route { channel: Channel::Sms, ..route("sms", sms.0, sms.1) },
        ];
        Self {
            plan: plan(),
            dispatch: Dispatch::new(routes, 40).unwrap(),
            now: 0,
            next: 0,
            under_way: Vec::new(),
            departures: Vec::new(),
            waiting: BTreeSet::new(),
            recent: VecDeque::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Push { alarm, callee, class, failed, is_sms } => {
                self.next += 1;
                let key = format!("n{callee}");
                let routes_failed = failed.into_iter().map(|index| NAMES[index].into()).collect();
                let order = LegOrder {
                    number: PhoneNumber::from_parts(&key, &key),
                    channel: if is_sms { Channel::Sms } else { Channel::Voice },
                    routes_failed,
                    ..order(&self.plan, alarm, self.next, class)
                };
                self.waiting.insert(order.leg);
                self.recent.push_front(order.leg);
                self.recent.truncate(64);
                if let Pushed::Shed(shed) = self.dispatch.push(order, at(self.now)) {
                    assert_ne!(shed.class, Class::First, "a first wave was dropped");
                    assert!(self.waiting.remove(&shed.leg));
                }
            }
            Step::End(index) if index < self.under_way.len() => {
                let (order, _) = self.under_way.remove(index);
                self.dispatch.on_ended(order.leg);
            }
            Step::End(_) => self.dispatch.on_ended(LegId { alarm: AlarmId(77), number: 1 }),
            Step::Withdraw(index) => {
                if let Some(leg) = self.recent.get(index) {
                    let is_taken = self.dispatch.withdraw(*leg).is_some();
                    assert_eq!(is_taken, self.waiting.remove(leg));
                }
            }
            Step::Up(route, is_up) => self.dispatch.set_route_up(NAMES[route], is_up),
            Step::Pass(ms) => self.now += ms,
        }
        self.drain();
    }

    fn drain(&mut self) {
        while let Some((order, name)) = self.dispatch.poll(at(self.now)) {
            assert!(self.waiting.remove(&order.leg), "left twice or never pushed");
            let is_same_callee = |(other, _): &&(LegOrder, RouteName)| {
                other.channel == Channel::Voice && other.number == order.number
            };
            let is_call = order.channel == Channel::Voice;
            assert!(!(is_call && self.under_way.iter().any(|leg| is_same_callee(&leg))));
            self.departures.push((RouteName::clone(&name), self.now));
            self.under_way.push((order, name));
            for (name, (per_second, channels)) in NAMES.iter().zip(Self::LIMITS) {
                let on_route = self.under_way.iter().filter(|(_, route)| **route == **name);
                assert!(on_route.count() <= channels as usize, "channels of {name}");
                let in_window = |(route, when): &&(RouteName, i64)| {
                    **route == **name && self.now - 1000 < *when
                };
                assert!(self.departures.iter().filter(in_window).count() <= per_second as usize);
            }
        }
        assert_eq!(self.dispatch.waiting_in_all(), self.waiting.len());
        assert_eq!(self.dispatch.under_way(), self.under_way.len());
    }

    /// Ends every call at once until nobody waits: nothing may be stuck.
    fn finish(mut self) {
        NAMES.iter().for_each(|name| self.dispatch.set_route_up(name, true));
        for _ in 0..2000 {
            self.drain();
            while let Some((order, _)) = self.under_way.pop() {
                self.dispatch.on_ended(order.leg);
            }
            self.drain();
            if self.under_way.is_empty() {
                let Some(due) = self.dispatch.poll_timeout() else { break };
                self.now = self.now.max(due.duration_since(at(0)).as_millis() as i64);
            }
        }
        assert_eq!(self.waiting, BTreeSet::new(), "stuck");
        assert!(self.dispatch.callees.is_empty() && self.dispatch.waiting.is_empty());
    }
}

proptest! {
    #[test]
    fn every_law_holds_at_every_step(steps in proptest::collection::vec(step(), 1..200)) {
        let mut world = World::new();
        steps.iter().for_each(|step| world.step(step));
        world.finish();
    }
}

/// A storm: thousands of alarms of twenty legs on one trunk. Every alarm has its duty worker rung before any has its
/// last neighbour rung, and no operation looks at all alarms.
#[test]
fn in_a_storm_no_alarm_starves_another() {
    let (plan, mut dispatch) = (plan(), dispatch(vec![route("a", 1000, 100_000)]));
    let alarms = 2000_u64;
    for alarm in 0..alarms {
        for number in 1..=10 {
            dispatch.push(order(&plan, alarm, number, Class::First), at(0));
        }
    }
    let mut rounds = Vec::new();
    for second in 0..20 {
        let now = at(second * 1000);
        rounds.extend(leaving(&mut dispatch, now));
    }
    assert_eq!(rounds.len(), 20_000);
    for (round, legs) in rounds.chunks(alarms as usize).enumerate() {
        assert!(legs.iter().all(|(_, number)| *number as usize == round + 1), "round {round}");
    }
}
