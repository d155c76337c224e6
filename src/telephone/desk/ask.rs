//! What is said to the switchboard in a call, and what comes back.

use super::{Call, Desk, EARLY_MAX, call_id_in};
use crate::switchboard::{CallWord, HouseholdCall, Over, Raised, Wanted};
use crate::telephone::pad::Pin;
use crate::telephone::resident_call::{Happening, Step};
use crate::telephone::shard::ShardInput;
use crate::telephone::speaker::Heard;
use jiff::Timestamp;
use lianfang_domain::alarm::{PinVerdict, TriggerSource, WithdrawMeans};
use lianfang_domain::leg::{LegOrder, LegOutcome, LegReport};
use lianfang_domain::plan::Role;
use lianfang_domain::trigger::HeardCode;
use lianfang_domain::words;
use lianfang_sip::agent::api::{CallHandle, Command, Rejection};

/// What an edge is told when the switchboard takes no more: another node may.
const RETRY_AFTER_S: &str = "2";

impl Desk {
    pub(super) fn raise(
        &mut self,
        call: CallHandle,
        heard: HeardCode,
        source: TriggerSource,
        now: Timestamp,
    ) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        // Each press within a call is one of its own; the first is the call's.
        let idempotency_key = match known.presses {
            0 => known.idempotency_key.clone(),
            again => format!("{};{again}", known.idempotency_key),
        };
        known.presses += 1;
        let call_id: Box<str> = call_id_in(&idempotency_key).into();
        known.is_silenced |= heard.is_silent;
        let heard = Heard { heard, source, idempotency_key, at: known.heard_at };
        let directory = self.parts.directory.current();
        let Some(mut press) = known.speaker.press(&directory, heard) else { return };
        press.is_silent |= known.is_silenced;
        let inbox = self.inbox.clone();
        press.reply = Box::new(move |raised: Raised| {
            // A full inbox loses only the early answer: the call is answered by its own deadline.
            let _ = inbox.try_send(ShardInput::Raised { call, call_id, alarm: raised.alarm });
        });
        if self.parts.switchboard.press(press).is_err() {
            self.parts.tell_refused();
            let headers = vec![("Retry-After".into(), RETRY_AFTER_S.into())];
            let rejection = Rejection { status: 503, contact: None, headers };
            // One of them means something: the call is answered or not. Either way the line hears that it failed.
            self.commands.push_back(Command::Reject { call, rejection });
            self.commands.push_back(Command::Hangup { call });
            self.on(call, Happening::HungUp, now);
        }
    }

    /// Tells the alarm of the call what was keyed; later, while the switchboard has not said which it is.
    pub(super) fn tell_alarm(&mut self, call: CallHandle, step: Step, now: Timestamp) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        if step == Step::Silence {
            known.is_silenced = true;
            // A full queue leaves a word of it: the rest is kept back all the same.
            let _ = self.parts.media.stop(call.0);
        }
        let Some(alarm) = known.alarm else {
            if known.early.len() < EARLY_MAX {
                known.early.push_back(step);
            }
            return;
        };
        match step {
            Step::NameKind(matter) => self.parts.say(CallWord::Kind { alarm, matter }),
            Step::Silence => self.parts.say(CallWord::Silence { alarm }),
            Step::TryPin(pin) => self.try_pin(call, &pin, now),
            Step::Raise { .. }
            | Step::DoorReached
            | Step::AskWanted
            | Step::Record
            | Step::Accept
            | Step::Say(_)
            | Step::HangUp
            | Step::Forget => {}
        }
    }

    fn try_pin(&mut self, call: CallHandle, pin: &Pin, now: Timestamp) {
        let Some(known) = self.calls.get(&call) else { return };
        let Some(alarm) = known.alarm else { return };
        let directory = self.parts.directory.current();
        let household = known.household.and_then(|(community, household)| {
            directory.community(community)?.household(household)
        });
        let verdict = household
            .map_or(PinVerdict::Wrong, |household| (self.parts.pins.0)(household, pin.digits()));
        let inbox = self.inbox.clone();
        let tell = Box::new(move |verdict| {
            // Without the answer the caller hears nothing, and keys it again.
            let _ = inbox.try_send(ShardInput::PinTold { call, verdict });
        });
        let word = CallWord::Withdraw { alarm, means: known.means.clone(), verdict, tell };
        if self.parts.switchboard.say(word).is_err() {
            self.on_pin_told(call, PinVerdict::Wrong, now);
        }
    }

    /// What became of a PIN. On the line of the alarm itself the alarm says so.
    pub(in crate::telephone) fn on_pin_told(
        &mut self,
        call: CallHandle,
        verdict: PinVerdict,
        now: Timestamp,
    ) {
        if verdict == PinVerdict::Wrong {
            self.on(call, Happening::PinWrong, now);
        }
        let is_elsewhere = self.calls.get(&call).is_some_and(Call::is_elsewhere);
        if is_elsewhere {
            let clips = match verdict {
                PinVerdict::Right | PinVerdict::Duress => words::withdrawn(),
                PinVerdict::Wrong => words::pin_refused(),
            };
            self.say(call, &clips);
        }
    }

    pub(super) fn door_reached(&mut self, call: CallHandle, now: Timestamp) {
        let Some(line) = self.calls.get(&call).and_then(|known| known.caller.line) else { return };
        let inbox = self.inbox.clone();
        let tell = Box::new(move |open: Option<_>| {
            // Without the answer the call ends by its own deadline.
            let _ = inbox.try_send(ShardInput::Door { call, is_open: open.is_some() });
        });
        if self.parts.switchboard.say(CallWord::DoorReached { line, tell }).is_err()
            && let Some(known) = self.calls.get_mut(&call)
        {
            known.machine.on(Happening::Door { is_open: false }, now);
        }
    }

    pub(in crate::telephone) fn on_door(
        &mut self,
        call: CallHandle,
        is_open: bool,
        now: Timestamp,
    ) {
        self.on(call, Happening::Door { is_open }, now);
    }

    pub(super) fn ask_wanted(&mut self, call: CallHandle, now: Timestamp) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        let (caller, heard) = (known.caller.clone(), known.told.clone());
        let inbox = self.inbox.clone();
        let tell = Box::new(move |wanted| {
            // Without the answer the call goes on by its own deadline; the leg is given up by its alarm.
            let _ = inbox.try_send(ShardInput::Wanted { call, wanted });
        });
        if self.parts.switchboard.say(CallWord::Wanted { caller, heard, tell }).is_err() {
            known.machine.on(Happening::NotWanted, now);
        }
    }

    pub(in crate::telephone) fn on_wanted(
        &mut self,
        call: CallHandle,
        wanted: Wanted,
        now: Timestamp,
    ) {
        match wanted {
            Wanted::Nobody => self.on(call, Happening::NotWanted, now),
            Wanted::Household(household) => self.on_household(call, &household, now),
            Wanted::Over(over) => self.on_over(call, &over, now),
            Wanted::Leg(order) => self.lend(call, *order, now),
        }
    }

    fn lend(&mut self, call: CallHandle, order: LegOrder, now: Timestamp) {
        let known = self.calls.get_mut(&call);
        let is_lent = known.is_some_and(|known| {
            let was_lent = known.machine.is_lent();
            known.machine.on(Happening::Lent, now);
            !was_lent && known.machine.is_lent()
        });
        if is_lent {
            self.lent.push_back((call, order));
            self.run(call, now);
            return;
        }
        // Nobody is there any more to hear it.
        let outcome = LegOutcome::AnsweredNoKey;
        self.parts.report(order.leg, LegReport::Ended { outcome });
    }

    /// How it ended, in the caller's language. The words are said once, then the call is over.
    fn on_over(&mut self, call: CallHandle, over: &[Over], now: Timestamp) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        if let Some(newest) = over.first() {
            known.speaker.language = newest.language;
            known.speaker.community = Some(newest.plan.scene.community);
        }
        let language = known.speaker.language;
        let ended = over.iter().map(|over| (&*over.plan, over.outcome));
        let clips = words::over(ended, language);
        known.told.extend(over.iter().map(|over| over.alarm));
        self.say(call, &clips);
        self.on(call, Happening::Over, now);
    }

    fn on_household(&mut self, call: CallHandle, household: &HouseholdCall, now: Timestamp) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        let plan = &household.plan;
        known.means = household.means.clone();
        known.household = Some((plan.scene.community, plan.scene.household));
        known.speaker.community = Some(plan.scene.community);
        if let WithdrawMeans::CallBack { number_index } = household.means {
            let own = plan.parties.iter().find(|party| party.role == Role::OwnHousehold);
            let number = own.and_then(|own| own.numbers.get(usize::from(number_index)));
            known.speaker.language = number.map_or(plan.scene.language, |number| number.language);
        }
        let language = known.speaker.language;
        known.told.push(household.alarm);
        self.link(call, household.alarm);
        self.say(call, &words::household(plan, &household.coming, language));
        self.on(call, Happening::Household, now);
    }
}
