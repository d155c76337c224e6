//! Whose call it is and what it may raise: looked up once, when the call comes in.

use crate::prompts::{Library, Voice};
use crate::switchboard::Press;
use jiff::Timestamp;
use lianfang_domain::alarm::{Proof, Trigger, TriggerSource};
use lianfang_domain::directory::{Directory, Language, LineRef};
use lianfang_domain::kind::AlarmKind;
use std::sync::Arc;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Speaker {
    /// Without a line, nothing that is keyed raises an alarm.
    pub(super) line: Option<LineRef>,
    pub(super) language: Language,
    pub(super) is_silent: bool,
    /// The alarm codes of the community.
    pub(super) codes: Vec<Arc<str>>,
    proof: Proof,
    /// Taken with the first words of the call.
    voice: Option<Voice>,
}

/// What was heard of a press.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) code: Arc<str>,
    pub(super) source: TriggerSource,
    pub(super) idempotency_key: String,
    pub(super) at: Timestamp,
}

impl Speaker {
    /// `None` when the line is not in the directory any more.
    pub(super) fn find(directory: &Directory, line: Option<LineRef>, proof: Proof) -> Option<Self> {
        let Some(place) = line else {
            return Some(Self {
                line: None,
                language: Language::default(),
                is_silent: false,
                codes: Vec::new(),
                proof,
                voice: None,
            });
        };
        let (community, household, line) = directory.resolve(place)?;
        Some(Self {
            line: Some(place),
            language: household.language,
            is_silent: line.is_silent,
            codes: community.alarm_codes.clone(),
            proof,
            voice: None,
        })
    }

    /// What the call is spoken to with, the same to its end.
    pub(super) fn voice(&mut self, prompts: &Library) -> &Voice {
        let community = self.line.map(|line| line.community);
        self.voice.get_or_insert_with(|| prompts.voice(community, self.language))
    }

    /// The press, as the switchboard takes it.
    pub(super) fn press(&self, directory: &Directory, heard: Heard) -> Option<Press> {
        let line = self.line?;
        let (_, household, _) = directory.resolve(line)?;
        let trigger = Trigger {
            line: line.line,
            household: line.household,
            group: household.group,
            code: heard.code,
            source: heard.source,
            proof: self.proof,
            // Two gateways that make up the same Call-ID must not swallow each other's alarm.
            idempotency_key: format!("{};{}", line.line, heard.idempotency_key).into(),
        };
        Some(Press {
            trigger,
            line,
            kind: AlarmKind::Unknown,
            heard_at: heard.at,
            reply: Box::new(|_| ()),
        })
    }
}
