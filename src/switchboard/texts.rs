//! Texts that people write back: which alarm they answer, and what becomes of those that answer none.
//!
//! Must not read words: `domain::answer` has done that.

use super::driver::Driver;
use lianfang_domain::alarm::Alarm;
use lianfang_domain::answer::Said;
use lianfang_domain::bundle;
use lianfang_domain::digits::Key;
use lianfang_domain::id::LegId;
use lianfang_domain::leg::LegReport;
use lianfang_domain::phone::PhoneNumber;

/// What becomes of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFate {
    /// It answers an alarm.
    Taken,
    /// It says nothing that is understood: recorded, and asked for an answer once.
    Unclear,
    /// No more SMS goes to the number in these alarms.
    OptedOut,
    /// The alarm that it answers is over.
    Over,
    /// No alarm has written to the number.
    Stranger,
}

impl TextFate {
    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Unclear => "unclear",
            Self::OptedOut => "opted_out",
            Self::Over => "over",
            Self::Stranger => "stranger",
        }
    }
}

/// An alarm that has written to the number.
struct Texted {
    /// The newest message.
    leg: LegId,
    has_answered: bool,
    is_over: bool,
}

impl Driver {
    /// A text answers the newest alarm that its number has not answered, or else the newest. What is said of a building
    /// is said of every alarm in it.
    pub(super) fn on_text(&mut self, from: &PhoneNumber, said: Said) -> TextFate {
        let alarms = self.numbers.of(from).filter_map(|id| self.alarms.get(&id));
        let texted: Vec<Texted> = alarms.filter_map(|live| texted_by(&live.alarm, from)).collect();
        let open = || texted.iter().filter(|texted| !texted.is_over).rev();
        let newest = open().find(|texted| !texted.has_answered).or_else(|| open().next());
        let Some(newest) = newest else {
            return if texted.is_empty() { TextFate::Stranger } else { TextFate::Over };
        };
        let (legs, report, fate): (Vec<LegId>, _, _) = match said {
            Said::Key(key) => {
                let meant = open().filter(|texted| self.is_meant(key, newest, texted));
                let report = LegReport::Key { key };
                (meant.map(|texted| texted.leg).collect(), report, TextFate::Taken)
            }
            Said::OptOut => {
                let all = texted.iter().map(|texted| texted.leg).collect();
                (all, LegReport::OptedOut, TextFate::OptedOut)
            }
            Said::Unclear => (vec![newest.leg], LegReport::Unclear, TextFate::Unclear),
        };
        for leg in legs {
            self.feed_leg(leg, report.clone());
        }
        fate
    }

    /// Who is coming comes to the building. Who says anything else says it of what they have not answered yet.
    fn is_meant(&self, key: Key, newest: &Texted, other: &Texted) -> bool {
        let building = |texted: &Texted| self.building_of.get(&texted.leg.alarm);
        let is_same_building = building(newest).is_some_and(|known| Some(known) == building(other));
        let is_open_question = key.as_char() == '1' || !other.has_answered;
        newest.leg == other.leg || bundle::is_for_all(key) && is_same_building && is_open_question
    }
}

fn texted_by(alarm: &Alarm, number: &PhoneNumber) -> Option<Texted> {
    let leg = alarm.last_sms_to(number)?;
    Some(Texted {
        leg: LegId { alarm: alarm.id(), number: leg.number },
        has_answered: alarm.has_answered(leg.party, leg.number_index),
        is_over: alarm.is_over(),
    })
}
