//! The histograms of the promise, fed with what happens to one alarm.

use super::driver::Driver;
use super::{Inboxes, Load};
use crate::store::alarm_log::Beginning;
use crate::telemetry;
use jiff::Timestamp;
use lianfang_domain::alarm::{Alarm, Event};
use lianfang_domain::leg::{Channel, LegOutcome, RouteName};
use std::collections::BTreeSet;

impl Driver {
    /// Tells its figures to those who asked, at the end of a turn.
    pub(super) fn answer_load(&mut self, inboxes: &Inboxes) {
        if self.load_asked.is_empty() {
            return;
        }
        let load = Load {
            open_alarms: self.alarms.values().filter(|live| !live.alarm.is_over()).count(),
            legs_waiting: self.dispatch.waiting_in_all(),
            inputs_waiting: inboxes.presses.len() + inboxes.reports.len() + inboxes.duty.len(),
            commits_waiting: self.waiting.len(),
            routes: self.dispatch.loads(self.ports.clock.now()),
        };
        for reply in self.load_asked.drain(..) {
            // Whoever asked may have given up.
            let _ = reply.send(load.clone());
        }
    }
}

/// What one alarm was measured for, and what is still to come.
#[derive(Debug)]
pub(super) struct Measure {
    heard_at: Timestamp,
    /// Drills are measured by the same figures, beside those of real alarms.
    is_drill: bool,
    /// Voice legs of the first wave that are not on the wire yet.
    first_wave: BTreeSet<u32>,
    has_first_wave: bool,
    has_rung: bool,
    is_acknowledged: bool,
    has_arrived: bool,
    /// How it began, until the log has it.
    beginning: Option<Beginning>,
}

impl Measure {
    pub(super) fn new(heard_at: Timestamp, is_drill: bool) -> Self {
        Self {
            heard_at,
            is_drill,
            first_wave: BTreeSet::new(),
            has_first_wave: false,
            has_rung: false,
            is_acknowledged: false,
            has_arrived: false,
            beginning: None,
        }
    }

    /// An alarm of the process before this one: what it measured is not measured again.
    pub(super) fn of_recovered(alarm: &Alarm) -> Self {
        let has_arrived = alarm.parties().any(|(_, _, state)| state.arrived_at.is_some());
        Self {
            has_first_wave: true,
            has_rung: alarm.legs().iter().any(|leg| leg.ringing_at.is_some()),
            is_acknowledged: alarm.has_anybody(),
            has_arrived,
            ..Self::new(alarm.raised_at(), alarm.plan().is_drill)
        }
    }

    pub(super) fn heard_at(&self) -> Timestamp {
        self.heard_at
    }

    pub(super) fn on_committed(&mut self, now: Timestamp) {
        self.record(telemetry::HEARD_TO_COMMITTED, now);
        self.beginning = Some(Beginning { heard: self.heard_at, committed: Some(now) });
    }

    /// It goes on before its beginning is durable.
    pub(super) fn on_uncommitted(&mut self) {
        self.beginning = Some(Beginning { heard: self.heard_at, committed: None });
    }

    /// How it began, once.
    pub(super) fn take_beginning(&mut self) -> Option<Beginning> {
        self.beginning.take()
    }

    #[expect(
        clippy::too_many_lines,
        reason = "most events are measured by nothing, and named all the same"
    )]
    pub(super) fn on_event(&mut self, event: &Event, now: Timestamp) {
        match event {
            Event::WaveStarted { wave: 0, legs } if !self.has_first_wave => {
                self.has_first_wave = true;
                let voice = legs.iter().filter(|leg| leg.channel == Channel::Voice);
                self.first_wave = voice.map(|leg| leg.leg).collect();
            }
            Event::LegPlaced { leg, .. } if self.first_wave.remove(leg) => {
                if self.first_wave.is_empty() {
                    self.record(telemetry::HEARD_TO_LAST_LEG, now);
                }
            }
            Event::LegRinging { .. } if !self.has_rung => {
                self.has_rung = true;
                self.record(telemetry::HEARD_TO_RINGING, now);
            }
            Event::Acknowledged { .. } if !self.is_acknowledged => {
                self.is_acknowledged = true;
                self.record(telemetry::HEARD_TO_ACKNOWLEDGED, now);
            }
            Event::Arrived { .. } if !self.has_arrived => {
                self.has_arrived = true;
                self.record(telemetry::HEARD_TO_ARRIVED, now);
            }
            Event::LegEnded { leg, outcome } => {
                self.first_wave.remove(leg);
                let outcome = format!("{outcome:?}");
                if self.is_drill {
                    metrics::counter!("lianfang_legs_ended_total", "outcome" => outcome, "drill" => "true")
                } else {
                    metrics::counter!("lianfang_legs_ended_total", "outcome" => outcome)
                }
                .increment(1);
            }
            Event::Raised { .. }
            | Event::Planned { .. }
            | Event::WaveStarted { .. }
            | Event::LegsOrdered { .. }
            | Event::LegPlaced { .. }
            | Event::LegRinging { .. }
            | Event::LegAnswered { .. }
            | Event::SmsAccepted { .. }
            | Event::Acknowledged { .. }
            | Event::Declined { .. }
            | Event::Arrived { .. }
            | Event::PoliceCalled { .. }
            | Event::SaidMistake { .. }
            | Event::EnoughComing
            | Event::StillInDanger { .. }
            | Event::Cancelled { .. }
            | Event::KindNamed { .. }
            | Event::Escalated { .. }
            | Event::ReceiptLate { .. }
            | Event::CalledBack { .. }
            | Event::AcknowledgementLapsed { .. }
            | Event::DoorReached
            | Event::PinRefused { .. }
            | Event::Duress { .. }
            | Event::OwnerChanged { .. }
            | Event::Reminded { .. }
            | Event::NoteAdded { .. }
            | Event::TalkJoined { .. }
            | Event::TalkLeft { .. }
            | Event::CloseAsked { .. }
            | Event::ReplyUnclear { .. }
            | Event::SmsRefused { .. }
            | Event::Silenced
            | Event::CalledAgain { .. }
            | Event::PartyAdded { .. }
            | Event::TakenInHand { .. }
            | Event::Yielded { .. }
            | Event::Closed { .. } => {}
        }
    }

    /// Counts what left over a route, and what the route failed: nobody's line that is busy or silent.
    pub(super) fn on_route(event: &Event, route_of: impl Fn(u32) -> Option<RouteName>) {
        if let Event::LegPlaced { route, .. } = event {
            metrics::counter!("lianfang_route_legs_total", "route" => route.to_string())
                .increment(1);
        }
        let Event::LegEnded { leg, outcome } = event else { return };
        let is_failure = match outcome {
            LegOutcome::CarrierFailed | LegOutcome::Undelivered | LegOutcome::Lost => true,
            LegOutcome::Answered
            | LegOutcome::AnsweredNoKey
            | LegOutcome::Busy
            | LegOutcome::NoAnswer
            | LegOutcome::Declined
            | LegOutcome::BadNumber
            | LegOutcome::PutOff
            | LegOutcome::Cancelled
            | LegOutcome::Delivered
            | LegOutcome::Sent
            | LegOutcome::OptedOut
            | LegOutcome::NoSms => false,
        };
        if let Some(route) = route_of(*leg).filter(|_| is_failure) {
            metrics::counter!("lianfang_route_failures_total", "route" => route.to_string())
                .increment(1);
        }
    }

    fn record(&self, histogram: &'static str, now: Timestamp) {
        let took_s = now.duration_since(self.heard_at).as_secs_f64();
        if self.is_drill {
            metrics::histogram!(histogram, "drill" => "true").record(took_s);
        } else {
            metrics::histogram!(histogram).record(took_s);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lianfang_domain::alarm::AnswerMeans;
    use lianfang_domain::plan::PartyId;
    use metrics_exporter_prometheus::PrometheusBuilder;

    /// How often each histogram of the promise was fed.
    fn counts(label: &str, feed: impl FnOnce()) -> Vec<(&'static str, u32)> {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, feed);
        let text = recorder.handle().render();
        let count = |name: &str| {
            let line =
                text.lines().find_map(|line| line.strip_prefix(&format!("{name}_count{label} ")));
            line.map_or(0, |count| count.parse().expect("a count"))
        };
        [
            telemetry::HEARD_TO_COMMITTED,
            telemetry::HEARD_TO_LAST_LEG,
            telemetry::HEARD_TO_RINGING,
            telemetry::HEARD_TO_ACKNOWLEDGED,
            telemetry::HEARD_TO_ARRIVED,
        ]
        .map(|name| (name, count(name)))
        .to_vec()
    }

    fn wave(wave: u16, legs: std::ops::Range<u32>) -> Event {
        let start = |leg| lianfang_domain::alarm::LegStart {
            leg,
            party: PartyId(0),
            number_index: 0,
            channel: Channel::Voice,
            message: lianfang_domain::leg::Message::Alarm,
        };
        Event::WaveStarted { wave, legs: legs.map(start).collect() }
    }

    #[test]
    fn each_part_of_the_promise_is_measured_once() {
        let at = Timestamp::UNIX_EPOCH;
        let means = AnswerMeans::Key { leg: 1 };
        let story = [
            wave(0, 1..4),
            Event::LegPlaced { leg: 1, route: "a".into() },
            Event::LegEnded { leg: 2, outcome: LegOutcome::CarrierFailed },
            Event::LegPlaced { leg: 3, route: "a".into() },
            Event::LegRinging { leg: 1 },
            Event::LegRinging { leg: 3 },
            Event::Acknowledged { party: PartyId(0), means: means.clone() },
            Event::Acknowledged { party: PartyId(1), means: means.clone() },
            Event::Arrived { party: PartyId(0), means: means.clone() },
            Event::Arrived { party: PartyId(1), means },
            wave(1, 4..6),
            Event::LegPlaced { leg: 4, route: "a".into() },
            Event::LegPlaced { leg: 5, route: "a".into() },
        ];
        for (is_drill, of_real, of_drills) in [(false, 1, 0), (true, 0, 1)] {
            let feed = || {
                let mut measure = Measure::new(at, is_drill);
                measure.on_committed(at);
                story.iter().for_each(|event| measure.on_event(event, at));
            };
            let real = counts("", feed);
            assert!(real.iter().all(|(_, count)| *count == of_real), "{real:?}");
            let drilled = counts("{drill=\"true\"}", feed);
            assert!(drilled.iter().all(|(_, count)| *count == of_drills), "{drilled:?}");
        }
    }

    #[test]
    fn what_a_route_fails_is_counted_and_what_a_callee_does_is_not() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let route_of = |leg| (leg != 9).then(|| RouteName::from("a"));
        let ended = |leg, outcome| Event::LegEnded { leg, outcome };
        metrics::with_local_recorder(&recorder, || {
            for event in [
                Event::LegPlaced { leg: 1, route: "a".into() },
                Event::LegPlaced { leg: 2, route: "a".into() },
                ended(1, LegOutcome::CarrierFailed),
                ended(2, LegOutcome::Busy),
                ended(3, LegOutcome::Undelivered),
                ended(9, LegOutcome::Lost),
            ] {
                Measure::on_route(&event, route_of);
            }
        });
        let text = recorder.handle().render();
        for name in ["lianfang_route_legs_total", "lianfang_route_failures_total"] {
            let line = format!("{name}{{route=\"a\"}} 2");
            assert!(text.lines().any(|known| known == line), "no `{line}` in {text}");
        }
    }
}
