//! The world of the tests: two agents, a network that loses, doubles and reorders, and a clock.

use crate::agent::UserAgent;
use crate::agent::api::{
    AgentConfig, Bytes, CallHandle, Command, Dialled, Event, Flow, Leg, LegKey, OutboundInvite,
    Output, Rejection, Transport,
};
use crate::agent::lines::{Lines, Trunk};
use crate::digest::{ChallengeOffer, Secrets};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(super) const SERVICE: &str = "10.0.0.1:5060";
pub(super) const TRUNK: &str = "10.0.0.2:5060";
pub(super) const PHONE: &str = "10.0.9.9:40000";
pub(super) const PASSWORD: &str = "melon";

pub(super) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(super) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
}

/// The flow at `local` towards `remote`.
pub(super) fn udp(local: &str, remote: &str) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: address(local),
        remote: address(remote),
        connection: 0,
    }
}

/// One line `8001`; the two agents are trunks of each other; `#9` is the alarm.
#[derive(Debug)]
pub(super) struct Town {
    pub(super) offer: ChallengeOffer,
    /// Whether the two agents trust each other's address.
    pub(super) has_trunks: bool,
}

impl Lines for Town {
    fn secrets(&self, account: &str) -> Option<Secrets> {
        (account == "8001").then(|| Secrets::from_password(account, "lianfang", PASSWORD))
    }

    fn challenge_offer(&self, _account: &str) -> ChallengeOffer {
        self.offer
    }

    fn trunk(&self, flow: &Flow) -> Option<Trunk> {
        let is_trunk = flow.remote == address(TRUNK) || flow.remote == address(SERVICE);
        (is_trunk && self.has_trunks).then(|| Trunk { name: "town".into(), trusts_from: true })
    }

    fn is_alarm(&self, dialled: &Dialled, _account: Option<&str>) -> bool {
        dialled.user == "#9" || dialled.alarm_code.is_some()
    }

    fn has_binding_elsewhere(&self, _account: &str, _flow: &Flow) -> bool {
        false
    }
}

pub(super) const TOWN: Town = Town { offer: ChallengeOffer::Sha256ThenMd5, has_trunks: true };

pub(super) fn agent(config: AgentConfig, seed: u8) -> UserAgent {
    UserAgent::new(config, &[seed; 32], at(0))
}

/// SplitMix64: a seed is a whole story.
#[derive(Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    pub(super) fn millis(&mut self, bound: u64) -> i64 {
        i64::try_from(self.below(bound)).unwrap()
    }
}

/// Who is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// The service, at [`SERVICE`].
    Ours,
    /// The trunk, at [`TRUNK`].
    Theirs,
}

/// What somebody does with a call that comes in, this many milliseconds after it came.
#[derive(Clone, Debug, Default)]
pub(super) struct Habit {
    pub(super) ring: Option<i64>,
    pub(super) accept: Option<i64>,
    pub(super) reject: Option<(i64, u16)>,
    pub(super) hang_up: Option<i64>,
}

type Fate = Box<dyn FnMut(Side, &str) -> u32>;

/// Two agents and what is between them.
pub(super) struct World {
    pub(super) ours: UserAgent,
    pub(super) theirs: UserAgent,
    pub(super) now_ms: i64,
    pub(super) events: Vec<(i64, Side, Event)>,
    /// First lines of what was sent, by whom.
    pub(super) wire: Vec<(i64, Side, String)>,
    /// The messages themselves.
    pub(super) raw: Vec<Bytes>,
    pub(super) habit: Habit,
    pub(super) rejected: BTreeSet<CallHandle>,
    flying: BTreeMap<(i64, u64), (Side, Bytes)>,
    plans: BTreeMap<(i64, u64), (Side, Command)>,
    number: u64,
    random: Random,
    /// Copies of a message that arrive: by sender and first line.
    fate: Fate,
    delay_max_ms: u64,
    pub(super) town: Town,
    pub(super) transport: Transport,
}

impl World {
    /// A perfect network with one millisecond each way.
    pub(super) fn new(habit: Habit) -> Self {
        Self::with_fate(habit, Box::new(|_, _| 1))
    }

    pub(super) fn with_fate(habit: Habit, fate: Fate) -> Self {
        Self {
            ours: agent(AgentConfig::default(), 1),
            theirs: agent(AgentConfig::default(), 2),
            now_ms: 0,
            events: Vec::new(),
            wire: Vec::new(),
            raw: Vec::new(),
            habit,
            rejected: BTreeSet::new(),
            flying: BTreeMap::new(),
            plans: BTreeMap::new(),
            number: 0,
            random: Random(1),
            fate,
            delay_max_ms: 1,
            town: TOWN,
            transport: Transport::Udp,
        }
    }

    /// Loses, doubles and reorders a fifth each.
    pub(super) fn chaotic(seed: u64, habit: Habit) -> Self {
        let mut random = Random(seed ^ 0x5eed);
        let fate = move |_: Side, _: &str| match random.below(10) {
            0 | 1 => 0,
            2 | 3 => 2,
            _ => 1,
        };
        let mut world = Self::with_fate(habit, Box::new(fate));
        world.random = Random(seed);
        world.delay_max_ms = 600;
        world
    }

    pub(super) fn plan(&mut self, ms: i64, side: Side, command: Command) {
        self.number += 1;
        self.plans.insert((ms, self.number), (side, command));
    }

    /// Runs to this time.
    pub(super) fn run_to(&mut self, end_ms: i64) {
        for _ in 0..1_000_000 {
            let due = [&self.ours, &self.theirs]
                .into_iter()
                .filter_map(|agent| agent.poll_timeout())
                .map(|(when, _)| when.as_millisecond() - 1_800_000_000_000)
                .map(|ms| ms.max(self.now_ms))
                .min();
            let arrival = self.flying.first_key_value().map(|((ms, _), _)| *ms);
            let plan = self.plans.first_key_value().map(|((ms, _), _)| *ms);
            let next = [due, arrival, plan].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end_ms) else {
                self.now_ms = end_ms;
                return;
            };
            self.now_ms = next;
            self.step(arrival == Some(next), plan == Some(next));
        }
        panic!("the world does not come to rest");
    }

    /// A packet from nowhere.
    pub(super) fn inject(&mut self, side: Side, bytes: &[u8]) {
        self.number += 1;
        self.flying.insert((self.now_ms, self.number), (side, bytes.into()));
    }

    fn step(&mut self, arrives: bool, is_planned: bool) {
        let now = at(self.now_ms);
        if is_planned {
            let (_, (side, command)) = self.plans.pop_first().unwrap();
            if let Command::Reject { call, .. } | Command::Hangup { call } = &command
                && self.agent(side).is_offered(*call)
            {
                self.rejected.insert(*call);
            }
            self.agent(side).command(command, now);
        } else if arrives {
            let (_, (side, bytes)) = self.flying.pop_first().unwrap();
            let flow = match side {
                Side::Ours => udp(SERVICE, TRUNK),
                Side::Theirs => udp(TRUNK, SERVICE),
            };
            let flow = Flow { transport: self.transport, ..flow };
            let agent = match side {
                Side::Ours => &mut self.ours,
                Side::Theirs => &mut self.theirs,
            };
            agent.on_packet(flow, &bytes, &self.town, now);
        } else {
            self.ours.on_timeout(now);
            self.theirs.on_timeout(now);
        }
        self.drain(Side::Ours);
        self.drain(Side::Theirs);
    }

    pub(super) fn agent(&mut self, side: Side) -> &mut UserAgent {
        match side {
            Side::Ours => &mut self.ours,
            Side::Theirs => &mut self.theirs,
        }
    }

    fn drain(&mut self, side: Side) {
        while let Some(output) = self.agent(side).poll_output() {
            match output {
                Output::Transmit { bytes, .. } => self.send(side, &bytes),
                Output::Event(event) => {
                    self.react(side, &event);
                    self.events.push((self.now_ms, side, event));
                }
            }
        }
    }

    fn send(&mut self, from: Side, bytes: &Bytes) {
        let text = String::from_utf8_lossy(bytes);
        let first = text.lines().next().unwrap_or_default().to_owned();
        let cseq = text.lines().find(|line| line.starts_with("CSeq")).unwrap_or_default();
        let line = format!("{first} [{cseq}]");
        let to = match from {
            Side::Ours => Side::Theirs,
            Side::Theirs => Side::Ours,
        };
        for _ in 0..(self.fate)(from, &line) {
            self.number += 1;
            let delay = 1 + self.random.millis(self.delay_max_ms);
            self.flying.insert((self.now_ms + delay, self.number), (to, bytes.clone()));
        }
        self.wire.push((self.now_ms, from, line));
        self.raw.push(bytes.clone());
    }

    fn react(&mut self, side: Side, event: &Event) {
        let now = self.now_ms;
        if let Event::IncomingCall(incoming) = event {
            let call = incoming.call;
            let habit = self.habit.clone();
            if let Some(wait) = habit.ring {
                self.plan(now + wait, side, Command::Ringing { call });
            }
            if let Some(wait) = habit.accept {
                self.plan(now + wait, side, Command::Accept { call, sdp: sdp("answer") });
            }
            if let Some((wait, status)) = habit.reject {
                let rejection = Rejection { status, contact: None, headers: Vec::new() };
                self.plan(now + wait, side, Command::Reject { call, rejection });
            }
            if let Some(wait) = habit.hang_up {
                self.plan(now + wait, side, Command::Hangup { call });
            }
        }
    }

    /// What was told on a side, as words.
    pub(super) fn told(&self, side: Side) -> Vec<String> {
        let events = self.events.iter().filter(|(_, whose, _)| *whose == side);
        events.map(|(_, _, event)| word(event)).collect()
    }

    /// How often a side sent a message whose first line begins so.
    pub(super) fn sent(&self, side: Side, start: &str) -> usize {
        self.wire
            .iter()
            .filter(|(_, whose, line)| *whose == side && line.starts_with(start))
            .count()
    }

    /// The other side's tag in our only dialog.
    pub(super) fn remote_tag(&self) -> String {
        self.ours.only_remote_tag().unwrap()
    }

    /// Both agents have forgotten everything.
    pub(super) fn assert_at_rest(&self, story: &str) {
        for (side, agent) in [("ours", &self.ours), ("theirs", &self.theirs)] {
            let load = agent.load();
            let held = (load.calls, load.transactions, load.timers, load.challenges);
            assert_eq!(held, (0, 0, 0, 0), "{story}: {side} still holds something");
            agent.assert_empty(story);
        }
    }
}

/// An event in one word or two.
pub(super) fn word(event: &Event) -> String {
    match event {
        Event::IncomingCall(call) => format!("incoming {}", call.dialled.user),
        Event::ChallengeFailed(unproven) => {
            format!("failed proof {} {}", unproven.account, unproven.call.is_some())
        }
        Event::ChallengeUnanswered(unproven) => format!("no proof {}", unproven.account),
        Event::Cancelled { .. } => "cancelled".to_owned(),
        Event::Confirmed { answer, .. } => format!("confirmed {}", answer.is_some()),
        Event::Ended { cause, .. } => format!("ended {cause:?}"),
        Event::Info { content_type, .. } => format!("info {content_type}"),
        Event::SessionChange { offer, .. } => format!("change {}", offer.is_some()),
        Event::Trying { .. } => "trying".to_owned(),
        Event::NoTrying { .. } => "no trying".to_owned(),
        Event::Ringing { status, early_media, .. } => {
            format!("ringing {status} {}", early_media.is_some())
        }
        Event::Answered { sdp, .. } => format!("answered {}", sdp.is_some()),
        Event::Failed { failure, .. } => format!("failed {}", failure.status),
        Event::ProbeAnswered { status, .. } => format!("probe {status}"),
        Event::ProbeLost { .. } => "probe lost".to_owned(),
        Event::Line(_) => "line".to_owned(),
    }
}

pub(super) fn sdp(name: &str) -> Bytes {
    Bytes::from(format!("v=0\r\ns={name}\r\n").as_bytes())
}

pub(super) fn leg(number: u64, flow: Flow) -> Leg {
    let key = LegKey {
        call_id: format!("leg-{number}").into(),
        from_tag: format!("f{number}").into(),
        branch: format!("leg{number}.1").into(),
    };
    Leg {
        key,
        uri: "sip:%239@town.example;user=phone".into(),
        flow,
        from: "\"Lianfang\" <sip:95@town.example>".into(),
        to: "<sip:%239@town.example;user=phone>".into(),
        routes: Vec::new(),
    }
}

/// A call from the service to the trunk.
pub(super) fn ring_up(number: u64) -> Command {
    Command::Invite(Box::new(outbound(number)))
}

pub(super) fn outbound(number: u64) -> OutboundInvite {
    OutboundInvite {
        call: CallHandle(number),
        leg: leg(number, udp(SERVICE, TRUNK)),
        headers: vec![(Arc::from("Priority"), Arc::from("emergency"))],
        sdp: sdp("offer"),
        credentials: None,
    }
}

/// All that an agent without a network has to say now.
pub(super) fn drained(agent: &mut UserAgent) -> (Vec<(Flow, String)>, Vec<Event>) {
    let (mut sent, mut events) = (Vec::new(), Vec::new());
    while let Some(output) = agent.poll_output() {
        match output {
            Output::Transmit { flow, bytes } => {
                sent.push((flow, String::from_utf8(bytes.to_vec()).unwrap()));
            }
            Output::Event(event) => events.push(event),
        }
    }
    (sent, events)
}

/// The value of the first header of that name in a text.
pub(super) fn header<'a>(text: &'a str, name: &str) -> &'a str {
    let start = format!("{name}: ");
    text.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_default()
}

/// Lets an agent without a network sleep until it is at rest, at most so long.
pub(super) fn sleep(agent: &mut UserAgent, from_ms: i64, wait: Duration) -> Vec<Event> {
    let end = at(from_ms) + wait;
    let mut told = Vec::new();
    while let Some((when, _)) = agent.poll_timeout().filter(|(when, _)| *when <= end) {
        agent.on_timeout(when);
        told.extend(drained(agent).1);
    }
    told
}
