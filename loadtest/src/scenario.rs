//! Scenarios: what a run does, as a TOML file.

use crate::behaviour::{Behaviour, Behaviours, Kind};
use crate::directory::ACCESS_NUMBER;
use crate::provider::{Faults, Receipts};
use crate::world::{Form, InfoFormat};
use serde::Deserialize;

/// What a run does.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name in the report.
    pub name: String,
    /// Alarms a second, whether the service keeps up or not.
    pub rate: f64,
    /// How many alarms in all, warm-up included. Each has a group of its own.
    pub alarms: u32,
    /// The first so many are checked, but not measured.
    #[serde(default)]
    pub warm_up: u32,
    /// How presses are spread in time.
    #[serde(default)]
    pub arrivals: Arrivals,
    /// How phones press.
    #[serde(default)]
    pub form: Press,
    /// How long the resident stays in the call.
    #[serde(default = "four_seconds_ms")]
    pub hold_ms: u64,
    /// Lines that register before the first press and stay so.
    #[serde(default)]
    pub lines: u32,
    /// How long the run goes on after the last press, at most; it ends before when every call is over.
    #[serde(default = "ten_seconds")]
    pub drain_s: u64,
    /// Calls alone: the service has no SMS provider.
    #[serde(default)]
    pub is_voice_only: bool,
    /// Seed of everything that is left to chance.
    #[serde(default)]
    pub seed: u64,
    /// How called phones behave, by weight.
    #[serde(default)]
    pub callee: Vec<Callee>,
    /// What goes wrong at the SMS provider.
    #[serde(default)]
    pub faults: Faults,
    /// How the SMS provider reports deliveries.
    #[serde(default = "no_receipts")]
    pub receipts: Receipts,
}

/// A kind of called phones.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Callee {
    /// Its share among all.
    pub weight: u32,
    /// What it does.
    pub does: Kind,
}

/// How presses are spread in time.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// The same pause between all.
    #[default]
    Even,
    /// By chance, as from many independent people.
    Poisson,
}

/// How phones press.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Press {
    /// Dials `%239`.
    #[default]
    Dial,
    /// Dials a raw `#9`.
    Raw,
    /// Dials `*9`.
    Star,
    /// Calls the access number and keys by RFC 4733.
    Keys,
    /// Calls the access number and keys by SIP INFO, `application/dtmf-relay`.
    Info,
    /// The same with `application/dtmf`.
    InfoPlain,
}

fn four_seconds_ms() -> u64 {
    4_000
}

fn ten_seconds() -> u64 {
    10
}

fn no_receipts() -> Receipts {
    Receipts::None
}

/// Why a scenario cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// It is no TOML, or has the wrong keys.
    #[error("cannot read the scenario")]
    Read(#[from] toml::de::Error),
    /// The rate is no rate.
    #[error("`rate` has to be above 0 and at most 10000")]
    Rate,
    /// There are not enough numbers.
    #[error(
        "`alarms` has to be 1 to 10000, and `warm_up` below it: each alarm has a group of its own"
    )]
    Alarms,
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// [`ScenarioError`]
    pub fn read(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Checks what a reader or a command line changed.
    ///
    /// # Errors
    /// [`ScenarioError`]
    pub fn check(&self) -> Result<(), ScenarioError> {
        if !(0.0 < self.rate && self.rate <= 10_000.0) {
            return Err(ScenarioError::Rate);
        }
        if self.alarms == 0 || 10_000 < self.alarms || self.alarms <= self.warm_up {
            return Err(ScenarioError::Alarms);
        }
        Ok(())
    }

    /// How called phones behave.
    #[must_use]
    pub fn behaviours(&self) -> Behaviours {
        if self.callee.is_empty() {
            return Behaviours::all(Behaviour::never_answers());
        }
        let weigh = |callee: &Callee| (callee.weight, callee.does.behaviour());
        Behaviours::by_weight(self.callee.iter().map(weigh).collect())
    }

    /// When the presses are due, in seconds since the first.
    #[must_use]
    pub fn due(&self) -> Vec<f64> {
        let mut random = fastrand::Rng::with_seed(self.seed);
        let mut at = 0.0;
        (0..self.alarms)
            .map(|_| {
                let due = at;
                at += match self.arrivals {
                    Arrivals::Even => 1.0 / self.rate,
                    Arrivals::Poisson => -(1.0 - random.f64()).ln() / self.rate,
                };
                due
            })
            .collect()
    }
}

impl Press {
    /// The form of a call.
    #[must_use]
    pub fn form(self) -> Form {
        let (access, code) = (ACCESS_NUMBER.to_owned(), "#9".to_owned());
        match self {
            Self::Dial => Form::Dial("%239".to_owned()),
            Self::Raw => Form::Dial("#9".to_owned()),
            Self::Star => Form::Dial("*9".to_owned()),
            Self::Keys => Form::Keys { access, code },
            Self::Info => Form::Info { access, code, format: InfoFormat::Relay },
            Self::InfoPlain => Form::Info { access, code, format: InfoFormat::Plain },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_scenarios_can_be_read() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).expect("is there") {
            let path = entry.expect("is an entry").path();
            let text = std::fs::read_to_string(&path).expect("can be read");
            let scenario =
                Scenario::read(&text).unwrap_or_else(|error| panic!("{path:?}: {error:?}"));
            names.push(scenario.name);
        }
        assert!(4 <= names.len(), "{names:?}");
    }

    #[test]
    fn chance_keeps_the_rate() {
        let text = "name = \"a\"\nrate = 50.0\nalarms = 5000\narrivals = \"poisson\"\nseed = 3";
        let due = Scenario::read(text).expect("is a scenario").due();
        let last = due.last().copied().unwrap_or_default();
        assert!((90.0..110.0).contains(&last), "{last}");
        assert!(due.windows(2).all(|pair| pair[0] <= pair[1]));
    }

    #[test]
    fn nonsense_is_refused() {
        for (rate, alarms) in [("0.0", 10), ("-1.0", 10), ("nan", 10), ("1.0", 0), ("1.0", 10_001)]
        {
            let text = format!("name = \"a\"\nrate = {rate}\nalarms = {alarms}");
            assert!(Scenario::read(&text).is_err(), "{text}");
        }
        assert!(Scenario::read("name = \"a\"\nrate = 1.0\nalarms = 1\nsurprise = 1").is_err());
    }
}
