//! What happens in a followed alarm, in the words of the stories.

use super::*;

pub(super) const BOB: PartyId = PartyId(1);
pub(super) const EVE: PartyId = PartyId(2);
pub(super) const JOE: PartyId = PartyId(3);
/// The household in trouble, in a group of three neighbours.
pub(super) const OWN: PartyId = PartyId(4);

impl Story {
    pub(super) fn withdraws(&mut self, verdict: PinVerdict) -> Vec<Event> {
        self.input(&Input::Withdraw { means: WithdrawMeans::Resident, verdict })
    }

    pub(super) fn calls_back(&mut self, party: PartyId, number_index: u8) -> Vec<Event> {
        self.input(&Input::CalledBack { party, number_index })
    }

    pub(super) fn answers(&mut self, party: PartyId, key: char, means: AnswerMeans) -> Vec<Event> {
        let key = Key::of_char(key).unwrap();
        self.input(&Input::Answered { party, key, means })
    }

    pub(super) fn by_page(&mut self, party: PartyId, key: char) -> Vec<Event> {
        self.answers(party, key, AnswerMeans::Page { number_index: 0 })
    }

    pub(super) fn by_operator(&mut self, party: PartyId, key: char) -> Vec<Event> {
        self.answers(party, key, AnswerMeans::Api { actor: "op".into() })
    }

    pub(super) fn cancels(&mut self) -> Vec<Event> {
        self.input(&Input::Cancel { actor: "op".into() })
    }

    pub(super) fn closes(&mut self, outcome: CloseOutcome) -> Vec<Event> {
        self.input(&Input::Close { actor: "op".into(), outcome, matter: None })
    }

    pub(super) fn at_the_door(&mut self) -> Vec<Event> {
        self.input(&Input::DoorReached)
    }

    pub(super) fn talk(&mut self, leg: u32, is_in: bool) -> Vec<Event> {
        self.input(&Input::Talk { leg, is_in })
    }

    /// Somebody picks up, presses, and hangs up.
    pub(super) fn says(&mut self, key: &str, pressed: char) {
        let leg = self.voice(key);
        self.tell(leg, LegReport::Answered);
        self.presses(leg, pressed);
        self.ends(leg, LegOutcome::Answered);
    }

    /// Every SMS that is on its way arrives.
    pub(super) fn sms_arrive(&mut self) {
        let is_sms = |leg: &&Leg| leg.is_live() && leg.channel == Channel::Sms;
        let legs: Vec<u32> =
            self.alarm.legs().iter().filter(is_sms).map(|leg| leg.number).collect();
        for leg in legs {
            self.tell(leg, LegReport::Placed { route: "sms".into() });
            self.ends(leg, LegOutcome::Delivered);
        }
    }

    /// Bob, Eve and the duty worker are coming; everybody has read their SMS, and no phone rings.
    pub(super) fn all_set() -> Self {
        let mut story = Self::small();
        for key in ["bob", "eve", "duty"] {
            story.says(key, '1');
        }
        let joe = story.voice("joe");
        story.ends(joe, LegOutcome::Cancelled);
        story.sms_arrive();
        story.fresh();
        story.told.clear();
        story.cancels.clear();
        story
    }

    pub(super) fn is_coming(&self, party: PartyId) -> bool {
        self.alarm.party(party).unwrap().coming.is_some()
    }

    pub(super) fn has(&self, is_meant: impl Fn(&Event) -> bool) -> bool {
        self.log.iter().any(|(_, event)| is_meant(event))
    }

    pub(super) fn lapses(&self) -> Vec<(i64, PartyId)> {
        let lapses = self.log.iter().filter_map(|(when, event)| {
            let Event::AcknowledgementLapsed { party } = event else { return None };
            Some((when.duration_since(at(0)).as_secs(), *party))
        });
        lapses.collect()
    }
}
