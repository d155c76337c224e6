//! What people do beyond one key, above all in calls that they make: the resident who keys on, who calls the alarm number,
//! who stands at the door. And what the power does.

use super::people::number_of;
use super::{Does, PATIENCE, Town};
use lianfang::switchboard::{CallWord, CallerId, Tell, TextFate, Wanted};
use lianfang_domain::alarm::{CloseOutcome, PinVerdict, WithdrawMeans};
use lianfang_domain::directory::Language;
use lianfang_domain::id::AlarmId;
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::leg::Message;
use std::time::Duration;
use tokio::sync::oneshot;

/// What somebody hears who calls the alarm number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hears {
    /// What a called person hears of this alarm.
    Call(AlarmId, Message),
    /// How it stands with the alarm of their own household, and who is coming.
    OwnAlarm(AlarmId, Vec<String>),
    /// How these alarms ended, and in which language.
    Over(Vec<(AlarmId, CloseOutcome)>, Language),
    /// That nobody wants them.
    Nothing,
}

/// A story that is told with either has the same end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    Stays,
    /// It fails and comes back.
    Fails,
}

impl Power {
    pub(crate) const BOTH: [Self; 2] = [Self::Stays, Self::Fails];
}

impl Town {
    /// Somebody answers by SMS with a digit.
    pub(crate) async fn replies(&self, who: &str, key: char) {
        assert_eq!(self.texts(who, &key.to_string()).await, TextFate::Taken, "{who}");
    }

    /// Several press the same key and hang up.
    pub(crate) async fn press_and_hang_up(&self, who: &[&str], key: char) {
        for who in who {
            self.phone(who, Does::Press(key)).await;
            self.phone(who, Does::HangUp).await;
        }
    }

    /// Everybody whose phone rings does the same.
    pub(crate) async fn everybody(&self, does: Does) {
        for who in self.wire.ringing() {
            self.phone(&who, does).await;
        }
    }

    /// The resident keys a digit after the code: what is the matter.
    pub(crate) async fn resident_keys(&self, alarm: AlarmId, digit: char) {
        let matter = AlarmKind::of_digit(digit).expect("names a kind");
        self.says(CallWord::Kind { alarm, matter }).await;
    }

    /// The resident keys 0 and a PIN in the call of the alarm; tells what they hear of it.
    pub(crate) async fn resident_keys_pin(&self, alarm: AlarmId, pin: PinVerdict) -> PinVerdict {
        self.keys_pin(alarm, WithdrawMeans::Resident, pin).await
    }

    /// The same in a call from a mobile of the household.
    pub(crate) async fn mobile_keys_pin(&self, alarm: AlarmId, pin: PinVerdict) -> PinVerdict {
        self.keys_pin(alarm, WithdrawMeans::CallBack { number_index: 0 }, pin).await
    }

    async fn keys_pin(&self, alarm: AlarmId, means: WithdrawMeans, pin: PinVerdict) -> PinVerdict {
        self.asks(|tell| CallWord::Withdraw { alarm, means, verdict: pin, tell }).await
    }

    /// The rest of a silent code is keyed while the alarm runs.
    pub(crate) async fn resident_asks_for_silence(&self, alarm: AlarmId) {
        self.says(CallWord::Silence { alarm }).await;
    }

    /// Somebody at the door dials the arrival code on the telephone of the household in trouble.
    pub(crate) async fn arrival_code_is_dialled(&self, group: u32) -> Option<AlarmId> {
        let line = self.line(group).line;
        self.asks(|tell| CallWord::DoorReached { line, tell }).await
    }

    /// Somebody calls the alarm number, from the telephone by which we know them.
    pub(crate) async fn calls_back(&self, who: &str) -> Hears {
        self.calls_back_after(who, &[]).await
    }

    /// The same, until they hear what is expected: what was over before a start is read aside.
    pub(crate) async fn until_calls_back(&self, who: &str, expected: &Hears) {
        let reached = async {
            let mut tick = tokio::time::interval(Duration::from_millis(1));
            while self.calls_back(who).await != *expected {
                tick.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("is told");
    }

    /// The same call goes on after they were told of some alarms.
    pub(crate) async fn calls_back_after(&self, who: &str, heard: &[AlarmId]) -> Hears {
        let number = Some(number_of(who));
        self.calls_in(CallerId { number, line: None }, heard).await
    }

    /// A call to the alarm number from wherever.
    pub(crate) async fn calls_in(&self, caller: CallerId, heard: &[AlarmId]) -> Hears {
        let heard = heard.to_vec();
        match self.asks(|tell| CallWord::Wanted { caller, heard, tell }).await {
            Wanted::Nobody => Hears::Nothing,
            Wanted::Over(over) => {
                let language = over.first().expect("something is over").language;
                let ends = over.iter().map(|over| (over.alarm, over.outcome)).collect();
                Hears::Over(ends, language)
            }
            Wanted::Household(call) => {
                let names = call.coming.iter().filter_map(|party| call.plan.party(*party));
                Hears::OwnAlarm(call.alarm, names.map(|party| party.name.to_string()).collect())
            }
            Wanted::Leg(order) => {
                let hears = Hears::Call(order.leg.alarm, order.message);
                self.wire.takes_up(*order);
                self.settle().await;
                hears
            }
        }
    }

    /// Somebody who is in a call with us enters the talk with the resident, or leaves it.
    pub(crate) async fn talks(&self, who: &str, is_in: bool) {
        let leg = self.wire.call_of(who);
        self.says(CallWord::Talk { leg, is_in }).await;
    }

    /// Somebody who is in a call with us keys 6 and what it was.
    pub(crate) async fn closes_by_phone(&self, who: &str, outcome: char) {
        self.phone(who, Does::Press('6')).await;
        self.phone(who, Does::Press(outcome)).await;
    }

    async fn says(&self, word: CallWord) {
        assert!(self.process.switchboard.say(word).is_ok(), "the switchboard takes it");
        self.settle().await;
    }

    async fn asks<T: Send + 'static>(&self, word: impl FnOnce(Tell<T>) -> CallWord) -> T {
        let (reply, told) = oneshot::channel();
        let tell = Box::new(move |answer| {
            // The test may have given up.
            let _ = reply.send(answer);
        });
        self.says(word(tell)).await;
        let told = tokio::time::timeout(PATIENCE, told).await.expect("is told in time");
        told.expect("is told")
    }
}
