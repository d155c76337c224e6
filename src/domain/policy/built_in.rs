//! The policy that holds where nobody wrote one: the answers of practice.

use super::{DrillRules, Pace, PolicyDocument, PolicyScope, PolicyStep, Target, Within};
use crate::directory::ResponderKind;
use crate::plan::StepWhen;
use std::sync::{Arc, LazyLock};

/// Pause between the steps: the second ring of those before has been heard by then.
const WAIT_S: u16 = 60;
/// Pause before those outside of the community.
const OUTSIDE_WAIT_S: u16 = 120;

static BUILT_IN: LazyLock<Arc<PolicyDocument>> = LazyLock::new(|| Arc::new(document()));

impl PolicyDocument {
    /// The built-in one: post A, personal helpers and the group at once; then post B; then leader and grid; then building
    /// head, patrol and volunteers, street, hotline. Steps for which a community has nobody are left out, with their waits.
    #[must_use]
    pub fn built_in() -> Arc<Self> {
        Arc::clone(&BUILT_IN)
    }
}

fn document() -> PolicyDocument {
    let post = |code: &str| Target::Post { code: code.into() };
    let of = |kind, within| Target::Responders { kind, skill: None, within };
    let step = |wait_s, when, targets| PolicyStep { targets, wait_s, when };
    let (no_duty, not_enough) = (StepWhen::NoDutyWorker, StepWhen::NotEnough);
    PolicyDocument {
        name: "built-in".into(),
        scope: PolicyScope::Community,
        kinds: Vec::new(),
        steps: vec![
            step(0, StepWhen::Always, vec![post("A"), Target::Helpers, Target::Group]),
            step(WAIT_S, no_duty, vec![post("B")]),
            step(WAIT_S, no_duty, vec![post("leader"), post("grid")]),
            step(0, not_enough, vec![of(ResponderKind::BuildingHead, Within::Building)]),
            step(
                WAIT_S,
                not_enough,
                vec![
                    of(ResponderKind::Patrol, Within::Grid),
                    of(ResponderKind::Volunteer, Within::Grid),
                ],
            ),
            step(
                OUTSIDE_WAIT_S,
                StepWhen::NobodyComing,
                vec![of(ResponderKind::Street, Within::Community)],
            ),
            step(
                OUTSIDE_WAIT_S,
                StepWhen::NobodyComing,
                vec![of(ResponderKind::Hotline, Within::Community)],
            ),
        ],
        acknowledgements_wanted: None,
        together: None,
        helpers_first_s: 0,
        pace: Pace::default(),
        drill: DrillRules::default(),
    }
}
