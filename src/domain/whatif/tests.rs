//! What-if against the real thing.

use super::*;
use crate::alarm::{Proof, TriggerSource};
use crate::directory::{
    Address, Community, Contact, ContactNumber, Directory, Grid, Group, Household, Language, Line,
    LineUse, Pins, Responder, ResponderKind, Worker,
};
use crate::id::{
    CommunityId, ContactId, GridId, GroupId, HouseholdId, LineId, ResponderId, StreetId, WorkerId,
};
use crate::leg::Class;
use crate::phone::PhoneNumber;
use crate::plan::{self, PlanFor, Policy};
use proptest::prelude::*;

const LINES: &str = "lines";

fn number(key: u8, has_sms: bool) -> ContactNumber {
    let key = format!("+86138000000{key:02}");
    ContactNumber { number: PhoneNumber::from_parts(&key, &key), has_voice: true, has_sms }
}

fn household(id: u32, keys: &[(u8, bool)]) -> Arc<Household> {
    let line = Line {
        id: LineId(id),
        number: PhoneNumber::from_parts(&format!("line{id}"), ""),
        account: format!("line{id}").into(),
        line_use: LineUse::Code,
        is_silent: false,
        secrets: Vec::new(),
    };
    let contact = Contact {
        id: ContactId(id),
        name: "c".into(),
        language: Language::Chinese,
        numbers: keys.iter().map(|(key, has_sms)| number(*key, *has_sms)).collect(),
    };
    Arc::new(Household {
        id: HouseholdId(id),
        group: GroupId(1),
        name: format!("home {id}").into(),
        address: Address::default(),
        pronunciation: None,
        position: u16::try_from(id).unwrap_or_default(),
        language: Language::Chinese,
        lines: vec![line],
        contacts: vec![contact],
        pins: Pins::default(),
    })
}

fn directory(homes: &[Vec<(u8, bool)>], workers: &[(u8, bool)], street: u8) -> Directory {
    let homes: Vec<_> = (1..).zip(homes).map(|(id, keys)| household(id, keys)).collect();
    let worker = |(index, (key, is_on_duty)): (u32, &(u8, bool))| Worker {
        id: WorkerId(index),
        name: "w".into(),
        language: Language::Chinese,
        is_on_duty: *is_on_duty,
        numbers: vec![number(*key, true)],
    };
    let responder = Responder {
        id: ResponderId(1),
        kind: ResponderKind::Street,
        name: "street".into(),
        language: Language::Chinese,
        skills: Vec::new(),
        household: None,
        grid: None,
        building: None,
        numbers: vec![number(street, false)],
    };
    let group = Group {
        id: GroupId(1),
        grid: GridId(1),
        name: "g".into(),
        acknowledgements_wanted: 2,
        households: homes.iter().map(|home| home.id).collect(),
    };
    let community = Community {
        id: CommunityId(1),
        street: StreetId(1),
        name: "c".into(),
        area_code: "0592".into(),
        language: Language::Chinese,
        time_zone: "Asia/Shanghai".into(),
        alarm_codes: Vec::new(),
        silent_codes: Vec::new(),
        arrival_code: "".into(),
        access_numbers: Vec::new(),
        grids: vec![Grid { id: GridId(1), name: "g".into() }],
        groups: vec![group],
        households: homes,
        workers: (1..).zip(workers).map(worker).collect(),
        roster: Arc::default(),
        has_hand_over_calls: false,
        responders: vec![responder],
        policies: Vec::new(),
    };
    Directory::new(1, Vec::new(), vec![community])
}

fn routes(per_second: u32, channels: u32) -> Vec<Route> {
    let route = |name: &str, channel, preference| Route {
        name: name.into(),
        channel,
        per_second,
        channels,
        callee_budgets: Vec::new(),
        preference,
    };
    vec![
        route(LINES, Channel::Voice, 0),
        route("trunk", Channel::Voice, 1),
        route("sms", Channel::Sms, 1),
    ]
}

fn seen(directory: &Directory, routes: Vec<Route>) -> (Arc<Plan>, Trigger, WhatIf) {
    seen_beside(directory, routes, None)
}

fn seen_beside(
    directory: &Directory,
    routes: Vec<Route>,
    load: Option<&Dispatch>,
) -> (Arc<Plan>, Trigger, WhatIf) {
    let now = Timestamp::UNIX_EPOCH;
    let line = directory.line_by_account("line1").expect("is there");
    let plan = plan::build(directory, line, &PlanFor::unknown(&Policy::default(), now));
    let plan = Arc::new(plan.expect("a plan"));
    let trigger = Trigger {
        line: line.line,
        household: line.household,
        group: GroupId(1),
        code: "#9".into(),
        source: TriggerSource::Dialled,
        proof: Proof::Digest,
        idempotency_key: "k".into(),
    };
    let ways = Ways { routes, load, lines_route: LINES.into(), is_here: &|_| false };
    let shown = show(trigger.clone(), Arc::clone(&plan), &ways, now).expect("few routes");
    (plan, trigger, shown)
}

#[test]
fn the_first_half_hour_has_second_rings_waves_and_steps_in_time() {
    let homes = [vec![], vec![(1, true)], vec![(2, false), (3, true)]];
    let (plan, _, shown) = seen(&directory(&homes, &[(9, true)], 8), routes(100, 100));
    let at = |departure: &Departure| departure.at.as_second();
    let first: Vec<(i64, &str, Channel)> = shown
        .departures
        .iter()
        .take_while(|departure| at(departure) == 0)
        .map(|departure| (at(departure), departure.order.number.key(), departure.order.channel))
        .collect();
    assert_eq!(first.len(), 6, "three calls, three messages: {first:?}");
    let of_street = shown.departures.iter().find(|one| one.order.number.key().ends_with("08"));
    let street = of_street.expect("is called");
    assert_eq!((street.why, at(street)), (LegWhy::Step, i64::from(plan.due_s(1))));
    assert!(shown.departures.iter().any(|one| one.why == LegWhy::NoAnswerRetry));
    assert!(shown.departures.iter().all(|one| *one.route != *LINES));
    assert!(1700 < at(shown.departures.last().expect("many")) && !shown.is_cut);
    let last = shown.departures.windows(2).map(|pair| at(&pair[1]) - at(&pair[0])).max();
    assert!(last.is_some_and(|pause| pause <= 600), "no silence");
}

#[test]
fn scarce_routes_show_when_the_last_leg_leaves() {
    let homes: Vec<_> = (0..10).map(|key| vec![(key, false)]).collect();
    let (_, _, shown) = seen(&directory(&homes, &[(50, true)], 60), routes(2, 100));
    let calls = shown.departures.iter().filter(|one| one.wave == 0);
    let calls: Vec<i64> = calls
        .filter(|one| one.order.channel == Channel::Voice)
        .map(|one| one.at.as_second())
        .collect();
    assert_eq!(calls, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4], "two a second");
}

/// What another alarm asks for: which alarm, whom, how, how urgently, and whether it has left.
type Busy = (u8, u8, bool, bool, bool);

/// Routes with legs of other alarms, to people of their own.
fn busy(routes: &[Route], plan: &Arc<Plan>, legs: &[Busy]) -> Dispatch {
    let now = Timestamp::UNIX_EPOCH;
    let mut dispatch = Dispatch::new(routes.to_vec(), LEGS_MAX).expect("few routes");
    for (index, (alarm, callee, is_sms, is_first, has_left)) in (1..).zip(legs) {
        let key = format!("+86139000001{callee:02}");
        dispatch.push(
            LegOrder {
                leg: LegId { alarm: AlarmId(u64::from(*alarm)), number: index },
                channel: if *is_sms { Channel::Sms } else { Channel::Voice },
                party: plan::PartyId(0),
                role: plan::Role::Neighbour,
                number_index: 0,
                number: PhoneNumber::from_parts(&key, &key),
                language: Language::Chinese,
                message: crate::leg::Message::Alarm,
                along: Vec::new(),
                hand_over: None,
                coming: Vec::new(),
                link: None,
                moment: None,
                class: if *is_first { Class::First } else { Class::Retry },
                ring_timeout_s: 40,
                routes_failed: vec![LINES.into()],
                plan: Arc::clone(plan),
                raised_at: now,
            },
            now,
        );
        if *has_left {
            dispatch.poll(now);
        }
    }
    dispatch
}

fn told(shown: &WhatIf) -> Vec<(Timestamp, u16, String, u32)> {
    let told = shown.departures.iter();
    told.map(|one| (one.at, one.wave, one.route.to_string(), one.order.leg.number)).collect()
}

#[test]
fn calls_of_others_hold_up_the_legs_for_which_there_is_no_channel() {
    let homes = [vec![], vec![(1, false)], vec![(2, false)]];
    let directory = directory(&homes, &[(50, false)], 60);
    let (plan, _, idle) = seen(&directory, routes(10, 3));
    let calls: Vec<Busy> = (0..2).map(|callee| (1, callee, false, true, true)).collect();
    let load = busy(&routes(10, 3), &plan, &calls);
    let (_, _, beside) = seen_beside(&directory, routes(10, 3), Some(&load));
    let first = |shown: &WhatIf| -> Vec<i64> {
        let calls = shown.departures.iter().filter(|one| one.order.channel == Channel::Voice);
        calls.filter(|one| one.wave == 0).take(2).map(|one| one.at.as_second()).collect()
    };
    assert_eq!(first(&idle), [0, 0]);
    assert_eq!(first(&beside), [0, 40], "one channel is left until the first is given up");
    let loads = load.loads(Timestamp::UNIX_EPOCH);
    let trunk = loads.iter().find(|load| &*load.name == "trunk").expect("a route");
    assert_eq!((trunk.under_way, trunk.left_lately, trunk.channels, trunk.is_up), (2, 2, 3, true));
    assert_eq!(load.copy().map(|copy| copy.under_way()), Some(2));
}

#[test]
fn what_is_too_much_to_copy_is_not_copied() {
    let (plan, ..) = seen(&directory(&[vec![]], &[(1, true)], 2), routes(1, 1));
    let many: Vec<Busy> =
        (0..=crate::dispatch::COPY_MAX).map(|_| (1, 1, true, true, false)).collect();
    assert!(busy(&routes(1, 1), &plan, &many).copy().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Routes on which nothing is are idle routes; and whatever others have on them, no leg leaves earlier for it.
    #[test]
    fn load_never_makes_a_leg_earlier(
        homes in prop::collection::vec(prop::collection::vec((0..60_u8, any::<bool>()), 0..3), 1..9),
        workers in prop::collection::vec((0..60_u8, any::<bool>()), 0..3),
        legs in prop::collection::vec((1..4_u8, 0..60_u8, any::<bool>(), any::<bool>(), any::<bool>()), 0..60),
        per_second in 1..30_u32,
        channels in 1..60_u32,
    ) {
        let (directory, routes) = (directory(&homes, &workers, 61), routes(per_second, channels));
        let (plan, _, idle) = seen(&directory, routes.clone());
        let nothing = busy(&routes, &plan, &[]);
        let (_, _, beside_nothing) = seen_beside(&directory, routes.clone(), Some(&nothing));
        prop_assert_eq!(told(&beside_nothing), told(&idle));
        let load = busy(&routes, &plan, &legs);
        let (_, _, loaded) = seen_beside(&directory, routes, Some(&load));
        let first = |shown: &WhatIf| -> BTreeMap<u32, Timestamp> {
            let first = shown.departures.iter().filter(|one| one.wave == 0 && one.why == LegWhy::Wave);
            first.map(|one| (one.order.leg.number, one.at)).collect()
        };
        let idle = first(&idle);
        for (leg, at) in first(&loaded) {
            let idle_at = idle.get(&leg).copied();
            prop_assert!(idle_at.is_none_or(|idle_at| idle_at <= at), "leg {}: {:?} {}", leg, idle_at, at);
        }
    }

    /// The first wave that is shown is, leg by leg, the first wave of a real alarm on the same directory and clock.
    #[test]
    fn the_first_wave_is_that_of_a_real_alarm(
        homes in prop::collection::vec(prop::collection::vec((0..60_u8, any::<bool>()), 0..3), 1..9),
        workers in prop::collection::vec((0..60_u8, any::<bool>()), 0..3),
        street in 0..60_u8,
        per_second in 1..30_u32,
        channels in 20..60_u32,
    ) {
        let directory = directory(&homes, &workers, street);
        let (plan, trigger, shown) = seen(&directory, routes(per_second, channels));
        let now = Timestamp::UNIX_EPOCH;
        let (alarm, events, _) = Alarm::raise(AlarmId(7), trigger, plan, None, now);
        let ordered = events.iter().flat_map(|event| alarm.effects(event)).filter_map(|effect| {
            match effect {
                Effect::Order(order) => Some(order),
                Effect::CancelLeg { .. }
                | Effect::TellResident(_)
                | Effect::Reword(_)
                | Effect::JoinTalk { .. } => None,
            }
        });
        let key = |order: &LegOrder| {
            (order.leg.number, order.number.key().to_owned(), order.channel, order.message)
        };
        let mut real: Vec<_> = ordered.map(|order| key(&order)).collect();
        let first = shown.departures.iter().filter(|one| real.iter().any(|(leg, ..)| *leg == one.order.leg.number));
        let mut seen: Vec<_> = first.map(|one| key(&one.order)).collect();
        real.sort();
        seen.sort();
        prop_assert_eq!(seen, real);
    }
}
