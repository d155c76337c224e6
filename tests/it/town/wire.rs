//! Telephones and messages as toys: they remember what was asked of them, and do what the test says.
//!
//! They outlive the service: what rings when it dies goes on ringing.

use super::people::name_of;
use super::{Does, Reports};
use lianfang::switchboard::Carriers;
use lianfang_domain::alarm::{CancelReason, ResidentNotice};
use lianfang_domain::digits::Key;
use lianfang_domain::directory::LineRef;
use lianfang_domain::dispatch::Route;
use lianfang_domain::id::{AlarmId, LegId};
use lianfang_domain::leg::{Channel, LegOrder, LegOutcome, LegReport, Message, RouteName};
use lianfang_domain::plan::Plan;
use lianfang_domain::words::{self, Told};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

pub(crate) const LINES: &str = "lines";
pub(crate) const TRUNK_1: &str = "trunk-1";
pub(crate) const TRUNK_2: &str = "trunk-2";
pub(crate) const SMS_1: &str = "sms-1";
pub(crate) const SMS_2: &str = "sms-2";

/// Two trunks and two providers with so many channels each.
pub(crate) fn routes(channels: u32) -> Vec<Route> {
    let route = |name: &str, channel, preference| Route {
        name: name.into(),
        channel,
        per_second: 1000,
        channels,
        callee_budgets: Vec::new(),
        preference,
    };
    vec![
        route(LINES, Channel::Voice, 0),
        route(TRUNK_1, Channel::Voice, 1),
        route(TRUNK_2, Channel::Voice, 2),
        route(SMS_1, Channel::Sms, 1),
        route(SMS_2, Channel::Sms, 2),
    ]
}

#[derive(Default)]
pub(crate) struct Wire(Mutex<State>);

#[derive(Default)]
struct State {
    reports: Option<Reports>,
    /// Every leg that was placed, in order.
    legs: Vec<Leg>,
    cancelled: Vec<(String, CancelReason)>,
    orphans: Vec<String>,
    told: Vec<ResidentNotice>,
    /// The same in words.
    heard: Vec<String>,
    /// Announcements of drills: to whom, and the text.
    announced: Vec<(String, String)>,
    /// People to whom no announcement is sent, how it ends, and how often that was so.
    not_announced: BTreeMap<String, (LegOutcome, usize)>,
    /// Legs that were asked into the talk.
    talking: Vec<LegId>,
    refused_talk: Vec<LegId>,
    broken: BTreeSet<String>,
    registered: BTreeSet<u32>,
    is_deaf: bool,
    ignores_cancels: bool,
    /// The providers promise receipts, and the test gives them.
    has_receipts: bool,
}

struct Leg {
    id: LegId,
    who: String,
    channel: Channel,
    message: Message,
    /// As it is now: the words may have changed while it rang.
    order: LegOrder,
    route: RouteName,
    is_answered: bool,
    has_key: bool,
    is_live: bool,
}

impl State {
    fn report(&self, leg: LegId, report: LegReport) {
        if let Some(reports) = self.reports.as_ref().filter(|_| !self.is_deaf) {
            // A switchboard that is stopping takes none.
            let _ = reports.try_send((leg, report));
        }
    }

    fn end(&mut self, index: usize, outcome: LegOutcome) {
        self.legs[index].is_live = false;
        self.report(self.legs[index].id, LegReport::Ended { outcome });
    }

    fn voice(&self, who: &str) -> usize {
        let is_meant = |leg: &Leg| leg.who == who && leg.is_live && leg.channel == Channel::Voice;
        self.legs.iter().rposition(is_meant).unwrap_or_else(|| panic!("{who} has no call"))
    }
}

impl Wire {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic")
    }

    pub(super) fn connect(&self, reports: Reports) {
        self.state().reports = Some(reports);
    }

    pub(super) fn disconnect(&self) {
        self.state().reports = None;
    }

    pub(crate) fn phone(&self, who: &str, does: Does) {
        let mut state = self.state();
        let index = state.voice(who);
        let leg = &mut state.legs[index];
        let (id, was_answered, had_key) = (leg.id, leg.is_answered, leg.has_key);
        match does {
            Does::Ring => state.report(id, LegReport::Ringing),
            Does::Answer | Does::Press(_) => {
                leg.is_answered = true;
                leg.has_key |= does != Does::Answer;
                if !was_answered {
                    state.report(id, LegReport::Answered);
                }
                if let Does::Press(key) = does {
                    let key = Key::of_char(key).expect("a key");
                    state.report(id, LegReport::Key { key });
                }
            }
            Does::HangUp if had_key => state.end(index, LegOutcome::Answered),
            Does::HangUp => state.end(index, LegOutcome::AnsweredNoKey),
            Does::Busy => state.end(index, LegOutcome::Busy),
            Does::NoAnswer => state.end(index, LegOutcome::NoAnswer),
            Does::Decline => state.end(index, LegOutcome::Declined),
            Does::BadNumber => state.end(index, LegOutcome::BadNumber),
        }
    }

    /// Everybody whose phone rings presses a key, before the service hears of the first.
    pub(crate) fn all_press(&self, key: char) {
        let state = self.state();
        let key = Key::of_char(key).expect("a key");
        for leg in state.legs.iter().filter(|leg| leg.is_live && leg.channel == Channel::Voice) {
            state.report(leg.id, LegReport::Answered);
            state.report(leg.id, LegReport::Key { key });
        }
    }

    pub(super) fn provider(&self, who: &str, says: LegReport) {
        let state = self.state();
        let is_meant = |leg: &&Leg| leg.who == who && leg.channel == Channel::Sms;
        let leg = state.legs.iter().rev().find(is_meant);
        let leg = leg.unwrap_or_else(|| panic!("{who} has no message")).id;
        state.report(leg, says);
    }

    /// Every leg over this route fails at once.
    pub(crate) fn breaks(&self, route: &str) {
        self.state().broken.insert(route.to_owned());
    }

    /// A line is registered here.
    pub(crate) fn registers(&self, line: LineRef) {
        self.state().registered.insert(line.line.0);
    }

    /// Reports get lost from now on, or no longer.
    pub(crate) fn loses_reports(&self, does: bool) {
        self.state().is_deaf = does;
    }

    /// The providers take messages and promise to tell when they arrive.
    pub(crate) fn promises_receipts(&self) {
        self.state().has_receipts = true;
    }

    /// A call that somebody made to us: answered from the start.
    pub(super) fn takes_up(&self, order: LegOrder) {
        self.state().legs.push(Leg {
            id: order.leg,
            who: name_of(order.number.key()),
            channel: order.channel,
            message: order.message,
            order,
            route: LINES.into(),
            is_answered: true,
            has_key: false,
            is_live: true,
        });
    }

    /// The call that somebody is in with us.
    pub(super) fn call_of(&self, who: &str) -> LegId {
        let state = self.state();
        state.legs[state.voice(who)].id
    }

    /// Who was asked into the talk with the resident, in order.
    pub(crate) fn talking(&self) -> Vec<String> {
        let state = self.state();
        let known = |leg: &LegId| state.legs.iter().find(|known| known.id == *leg);
        state.talking.iter().filter_map(known).map(|leg| leg.who.clone()).collect()
    }

    /// Who was told that there is no room in the talk, in order.
    pub(crate) fn refused_talk(&self) -> Vec<String> {
        let state = self.state();
        let known = |leg: &LegId| state.legs.iter().find(|known| known.id == *leg);
        state.refused_talk.iter().filter_map(known).map(|leg| leg.who.clone()).collect()
    }

    /// What is to be silent rings on, as if the service had died before it said so.
    pub(crate) fn ignores_cancels(&self, does: bool) {
        self.state().ignores_cancels = does;
    }

    pub(crate) fn ringing(&self) -> Vec<String> {
        let state = self.state();
        let live = state.legs.iter().filter(|leg| leg.is_live && leg.channel == Channel::Voice);
        let mut who: Vec<String> = live.map(|leg| leg.who.clone()).collect();
        who.sort_unstable();
        who
    }

    fn sent_to(&self, who: &str, channel: Channel) -> Vec<Message> {
        let state = self.state();
        let legs = state.legs.iter().filter(|leg| leg.who == who && leg.channel == channel);
        legs.map(|leg| leg.message).collect()
    }

    pub(crate) fn voice_to(&self, who: &str) -> Vec<Message> {
        self.sent_to(who, Channel::Voice)
    }

    pub(super) fn sms_to(&self, who: &str) -> Vec<Message> {
        self.sent_to(who, Channel::Sms)
    }

    /// Every call that was made, in order: alarm, person, route.
    pub(crate) fn calls(&self) -> Vec<(AlarmId, String, RouteName)> {
        let state = self.state();
        let calls = state.legs.iter().filter(|leg| leg.channel == Channel::Voice);
        calls.map(|leg| (leg.id.alarm, leg.who.clone(), RouteName::clone(&leg.route))).collect()
    }

    pub(crate) fn texts(&self) -> usize {
        self.state().legs.iter().filter(|leg| leg.channel == Channel::Sms).count()
    }

    /// Routes of the messages to a person.
    pub(crate) fn sms_routes(&self, who: &str) -> Vec<RouteName> {
        let state = self.state();
        let is_meant = |leg: &&Leg| leg.who == who && leg.channel == Channel::Sms;
        state.legs.iter().filter(is_meant).map(|leg| RouteName::clone(&leg.route)).collect()
    }

    /// Phones that were told to be silent, with the reason.
    pub(crate) fn cancelled(&self) -> Vec<(String, CancelReason)> {
        let mut cancelled = self.state().cancelled.clone();
        cancelled.sort_by(|(one, _), (other, _)| one.cmp(other));
        cancelled
    }

    /// Phones of the process before, ended by the process after.
    pub(crate) fn orphans(&self) -> Vec<String> {
        let mut orphans = self.state().orphans.clone();
        orphans.sort_unstable();
        orphans
    }

    /// What somebody hears, or heard last, on the telephone.
    pub(crate) fn heard_by(&self, who: &str) -> String {
        let state = self.state();
        let is_meant = |leg: &&Leg| leg.who == who && leg.channel == Channel::Voice;
        let leg = state.legs.iter().rev().find(is_meant);
        let order = &leg.unwrap_or_else(|| panic!("{who} was never called")).order;
        let clips = words::spoken(&Told::from(order), order.language);
        clips.iter().map(|clip| clip.text(order.language)).collect()
    }

    /// What somebody read last.
    pub(crate) fn read_by(&self, who: &str) -> String {
        let state = self.state();
        let is_meant = |leg: &&Leg| leg.who == who && leg.channel == Channel::Sms;
        let leg = state.legs.iter().rev().find(is_meant);
        let order = &leg.unwrap_or_else(|| panic!("{who} got no message")).order;
        words::sms(&Told::from(order), order.language)
    }

    /// The words that the resident heard last.
    pub(crate) fn heard_by_resident(&self) -> String {
        self.state().heard.last().cloned().unwrap_or_default()
    }

    /// A route that was broken works again.
    pub(crate) fn mends(&self, route: &str) {
        self.state().broken.remove(route);
    }

    /// Announcements of drills, by person.
    pub(crate) fn announced(&self) -> Vec<(String, String)> {
        let mut announced = self.state().announced.clone();
        announced.sort();
        announced
    }

    /// No announcement is sent to a person: it ends like this.
    pub(crate) fn refuses_announcements(&self, who: &str, outcome: LegOutcome) {
        self.state().not_announced.insert(who.to_owned(), (outcome, 0));
    }

    /// Announcements reach a person again.
    pub(crate) fn accepts_announcements(&self, who: &str) {
        self.state().not_announced.remove(who);
    }

    /// How often that was so.
    pub(crate) fn announcements_refused(&self, who: &str) -> usize {
        self.state().not_announced.get(who).map_or(0, |(_, times)| *times)
    }

    /// What the resident heard.
    pub(crate) fn told(&self) -> Vec<ResidentNotice> {
        self.state().told.clone()
    }
}

impl Carriers for Wire {
    fn place(&self, order: LegOrder, route: &RouteName) {
        let mut state = self.state();
        assert!(state.legs.iter().all(|leg| leg.id != order.leg), "{} is placed twice", order.leg);
        let leg = Leg {
            id: order.leg,
            who: name_of(order.number.key()),
            channel: order.channel,
            message: order.message,
            order: order.clone(),
            route: RouteName::clone(route),
            is_answered: false,
            has_key: false,
            is_live: true,
        };
        state.legs.push(leg);
        let index = state.legs.len() - 1;
        state.report(order.leg, LegReport::Placed { route: RouteName::clone(route) });
        if state.broken.contains(&**route) {
            return state.end(index, LegOutcome::CarrierFailed);
        }
        if order.channel == Channel::Sms {
            let reference = format!("SM{}", order.leg).into();
            let has_receipts = state.has_receipts;
            state.report(order.leg, LegReport::Accepted { reference, has_receipts });
            if !has_receipts {
                state.end(index, LegOutcome::Sent);
            }
        }
    }

    fn announce(&self, order: LegOrder, text: &str, route: &RouteName) {
        let mut state = self.state();
        let who = name_of(order.number.key());
        state.report(order.leg, LegReport::Placed { route: RouteName::clone(route) });
        if let Some((outcome, times)) = state.not_announced.get_mut(&who) {
            *times += 1;
            let outcome = *outcome;
            return state.report(order.leg, LegReport::Ended { outcome });
        }
        state.announced.push((who, text.to_owned()));
        let reference = format!("SM{}", order.leg).into();
        state.report(order.leg, LegReport::Accepted { reference, has_receipts: false });
    }

    fn cancel(&self, leg: LegId, reason: CancelReason) {
        let mut state = self.state();
        let known = state.legs.iter().position(|known| known.id == leg && known.is_live);
        let Some(index) = known.filter(|_| !state.ignores_cancels) else { return };
        let who = state.legs[index].who.clone();
        state.cancelled.push((who, reason));
        state.end(index, LegOutcome::Cancelled);
    }

    fn cancel_orphan(&self, order: LegOrder, route: &RouteName) {
        let mut state = self.state();
        let (who, is_deaf) = (name_of(order.number.key()), state.ignores_cancels);
        let is_meant = |leg: &&mut Leg| leg.id == order.leg && leg.route == *route && !is_deaf;
        // Who never had the call answers that there is none.
        let Some(orphan) = state.legs.iter_mut().find(is_meant) else { return };
        let was_live = std::mem::take(&mut orphan.is_live);
        if was_live && order.channel == Channel::Voice {
            state.orphans.push(who);
        }
    }

    fn tell_resident(&self, _: AlarmId, notice: ResidentNotice, plan: Arc<Plan>) {
        let language = plan.scene.language;
        let clips = words::resident(&plan, &notice, language);
        let mut state = self.state();
        state.heard.push(clips.iter().map(|clip| clip.text(language)).collect());
        state.told.push(notice);
    }

    fn reword(&self, order: LegOrder) {
        let mut state = self.state();
        let leg = state.legs.iter_mut().find(|leg| leg.id == order.leg && !leg.is_answered);
        if let Some(leg) = leg {
            leg.message = order.message;
            leg.order = order;
        }
    }

    fn join_talk(&self, leg: LegId) {
        self.state().talking.push(leg);
    }

    fn refuse_talk(&self, leg: LegId) {
        self.state().refused_talk.push(leg);
    }

    fn prepare(&self, _: &Arc<Plan>) {}

    fn is_registered(&self, line: LineRef) -> bool {
        self.state().registered.contains(&line.line.0)
    }
}
