//! The calls and messages of an alarm as the API tells them: to whom, how, over which route, when each step was, and
//! where each stands in plain words. Read from the events, never from words.

use super::timeline::{ended, pick};
use super::words::in_language;
use crate::store::alarm_log::StoredAlarm;
use jiff::Timestamp;
use lianfang_domain::alarm::LegWhy;
use lianfang_domain::delivery::{self, Delivery, DeliveryAnswer, DeliveryState};
use lianfang_domain::directory::Language;
use lianfang_domain::leg::{Channel, LegOutcome, Message};
use lianfang_domain::plan::PartyId;
use serde::Serialize;
use utoipa::ToSchema;

/// A call or message. Times are milliseconds since the alarm was raised.
#[derive(Serialize, ToSchema)]
pub(super) struct DeliveryView {
    /// Its number within the alarm.
    pub(super) leg: u32,
    /// Whom it was for.
    #[schema(value_type = u16)]
    pub(super) party: PartyId,
    /// How they are called; null when it was erased.
    pub(super) name: Option<String>,
    /// The number, masked; null when it was erased.
    number: Option<String>,
    /// `voice` or `sms`.
    #[schema(value_type = String)]
    pub(super) channel: Channel,
    /// What it says, such as `alarm`, `stand_down` or `cancelled`.
    #[schema(value_type = String)]
    message: Message,
    /// Why it was ordered.
    #[schema(value_type = String)]
    pub(super) why: LegWhy,
    /// In which wave, counted from 1.
    wave: u16,
    /// The step of escalation that ordered it.
    step: Option<u8>,
    /// Which try to tell this number this in this way, counted from 1.
    attempt: u16,
    /// Over which route it left.
    pub(super) route: Option<String>,
    /// Where it stands, as a word that never changes: `queued`, `sent`, `ringing`, `answered_without_key`, `keyed` (only
    /// a key that answers nothing), `coming`, `cannot`, `arrived`, `police_called`, `mistake`, `close`,
    /// `accepted_unconfirmed`, `late`, `confirmed`, `undelivered`, `not_reached` or `withdrawn`.
    state: &'static str,
    /// Why it is `undelivered` or `not_reached`.
    #[schema(value_type = Option<String>)]
    reason: Option<LegOutcome>,
    /// Where it stands, in words.
    pub(super) words: String,
    /// Ordered.
    pub(super) ordered_ms: i64,
    /// On the wire.
    pub(super) placed_ms: Option<i64>,
    /// The telephone rings.
    pub(super) ringing_ms: Option<i64>,
    /// Somebody or something picked up.
    pub(super) answered_ms: Option<i64>,
    /// The provider took the message.
    accepted_ms: Option<i64>,
    /// The receipt of the message was late. It may have come after that.
    late_ms: Option<i64>,
    /// The call that was made since the message did not arrive, or nobody knew whether.
    called_instead: Option<u32>,
    /// What was answered by key or SMS, in order.
    pub(super) keys: Vec<KeyView>,
    /// Over.
    pub(super) ended_ms: Option<i64>,
    /// How it ended; null while it has not.
    #[schema(value_type = Option<String>)]
    pub(super) outcome: Option<LegOutcome>,
}

impl DeliveryView {
    /// When it was answered or taken: what a list has one column for.
    pub(super) fn taken_ms(&self) -> &Option<i64> {
        match self.channel {
            Channel::Voice => &self.answered_ms,
            Channel::Sms => &self.accepted_ms,
        }
    }
}

/// An answer by key or SMS.
#[derive(Serialize, ToSchema)]
pub(super) struct KeyView {
    /// When, in milliseconds since the alarm was raised.
    pub(super) at_ms: i64,
    /// `coming`, `cannot`, `arrived`, `police_called`, `mistake`, `close` or `unclear`.
    #[schema(value_type = String)]
    pub(super) answer: DeliveryAnswer,
}

/// Every call and message of an alarm, by number.
pub(super) fn deliveries(stored: &StoredAlarm, language: Language) -> Vec<DeliveryView> {
    let events = stored.events.iter().map(|stored| (stored.at, &stored.event));
    let read = delivery::read(events);
    read.iter().map(|delivery| view(delivery, stored, language)).collect()
}

fn view(delivery: &Delivery, stored: &StoredAlarm, language: Language) -> DeliveryView {
    let raised = stored.row.raised;
    let ms =
        |at: Timestamp| i64::try_from(at.duration_since(raised).as_millis()).unwrap_or(i64::MAX);
    let plan = stored.plans.iter().find(|plan| plan.revision == delivery.revision);
    let party = plan.and_then(|plan| plan.party(delivery.party));
    let number = party.and_then(|party| party.numbers.get(usize::from(delivery.number_index)));
    let state = delivery.state();
    let key =
        |(at, answer): &(Timestamp, DeliveryAnswer)| KeyView { at_ms: ms(*at), answer: *answer };
    DeliveryView {
        leg: delivery.leg,
        party: delivery.party,
        name: party.map(|party| party.name.to_string()),
        number: number.map(|number| number.number.to_string()),
        channel: delivery.channel,
        message: delivery.message,
        why: delivery.why,
        wave: delivery.wave,
        step: delivery.step,
        attempt: delivery.attempt,
        route: delivery.route.as_ref().map(ToString::to_string),
        state: state.name(),
        reason: state.reason(),
        words: words(delivery, state, language),
        ordered_ms: ms(delivery.ordered_at),
        placed_ms: delivery.placed_at.map(ms),
        ringing_ms: delivery.ringing_at.map(ms),
        answered_ms: delivery.answered_at.map(ms),
        accepted_ms: delivery.accepted_at.map(ms),
        late_ms: delivery.late_at.map(ms),
        called_instead: delivery.called_instead,
        keys: delivery.answers.iter().map(key).collect(),
        ended_ms: delivery.ended.map(|(at, _)| ms(at)),
        outcome: delivery.ended.map(|(_, outcome)| outcome),
    }
}

fn words(delivery: &Delivery, state: DeliveryState, language: Language) -> String {
    let told = in_words(delivery.channel, state, language);
    match delivery.called_instead {
        Some(call) => in_language!(
            language,
            "{told}，已改打电话（第 {call} 路）",
            "{told}; called instead (leg {call})"
        ),
        None => told.to_owned(),
    }
}

fn in_words(channel: Channel, state: DeliveryState, language: Language) -> &'static str {
    let (chinese, english) = match (state, channel) {
        (DeliveryState::Queued, _) => ("排队等待线路", "waits for a free route"),
        (DeliveryState::Sent, Channel::Voice) => ("已拨出", "dialled"),
        (DeliveryState::Sent, Channel::Sms) => {
            ("已交给运营商，尚未受理", "handed over, not taken yet")
        }
        (DeliveryState::Ringing, _) => ("振铃", "ringing"),
        (DeliveryState::AnsweredWithoutKey, _) => ("接通但未按键", "answered without a key"),
        (DeliveryState::Keyed, _) => ("已按键，未作答复", "a key was pressed, but no answer"),
        (DeliveryState::Told(answer), _) => return answer_words(answer, language),
        (DeliveryState::AcceptedUnconfirmed, _) => {
            ("运营商已受理，送达未确认", "taken by the provider, arrival not confirmed")
        }
        (DeliveryState::Late, _) => {
            ("回执超时，送达未确认", "no receipt in time, arrival not confirmed")
        }
        (DeliveryState::Confirmed, _) => ("已确认送达手机", "confirmed at the handset"),
        (DeliveryState::Undelivered(reason) | DeliveryState::NotReached(reason), _) => {
            return ended(reason, language);
        }
        (DeliveryState::Withdrawn, _) => ("不再需要，已取消", "no longer needed"),
    };
    pick(language, chinese, english)
}

/// An answer in words.
pub(super) fn answer_words(answer: DeliveryAnswer, language: Language) -> &'static str {
    let (chinese, english) = match answer {
        DeliveryAnswer::Coming => ("正赶来", "coming"),
        DeliveryAnswer::Cannot => ("来不了", "cannot come"),
        DeliveryAnswer::Arrived => ("已到场", "at the door"),
        DeliveryAnswer::PoliceCalled => ("已拨打 110", "has called the police"),
        DeliveryAnswer::Mistake => ("说是误报", "says it is a mistake"),
        DeliveryAnswer::Close => ("要求结案", "wants to close"),
        DeliveryAnswer::Unclear => ("回复看不懂", "a reply that is no answer"),
    };
    pick(language, chinese, english)
}
