//! Whose call it is and what it may raise: looked up once, when the call comes in.

use super::pad::Codes;
use crate::prompts::{Library, Voice};
use crate::switchboard::Press;
use jiff::Timestamp;
use lianfang_domain::alarm::{Proof, Trigger, TriggerSource};
use lianfang_domain::directory::{Community, Directory, Language, LineRef};
use lianfang_domain::id::CommunityId;
use lianfang_domain::trigger::HeardCode;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Speaker {
    /// Without a line, nothing that is keyed raises an alarm.
    line: Option<LineRef>,
    pub(super) language: Language,
    pub(super) is_silent: bool,
    /// The codes of the community.
    pub(super) codes: Codes,
    proof: Proof,
    /// Whose recordings are played.
    pub(super) community: Option<CommunityId>,
    /// Taken with the first words of the call.
    voice: Option<Voice>,
}

/// What was heard of a press.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) heard: HeardCode,
    pub(super) source: TriggerSource,
    pub(super) idempotency_key: String,
    pub(super) at: Timestamp,
}

impl Speaker {
    /// `None` when the line is not in the directory any more.
    pub(super) fn find(directory: &Directory, line: LineRef, proof: Proof) -> Option<Self> {
        let (community, household, entry) = directory.resolve(line)?;
        Some(Self {
            line: Some(line),
            language: household.language,
            is_silent: entry.is_silent,
            codes: Codes::of(community),
            proof,
            community: Some(community.id),
            voice: None,
        })
    }

    /// Somebody who is no line of ours.
    pub(super) fn of_stranger(community: Option<&Community>) -> Self {
        Self {
            line: None,
            language: community.map_or_else(Language::default, |community| community.language),
            is_silent: false,
            codes: Codes::default(),
            proof: Proof::Trunk,
            community: community.map(|community| community.id),
            voice: None,
        }
    }

    /// What the call is spoken to with, the same to its end.
    pub(super) fn voice(&mut self, prompts: &Library) -> &Voice {
        let community = self.community;
        self.voice.get_or_insert_with(|| prompts.voice(community, self.language))
    }

    /// The press, as the switchboard takes it.
    pub(super) fn press(&self, directory: &Directory, heard: Heard) -> Option<Press> {
        let line = self.line?;
        let (_, household, _) = directory.resolve(line)?;
        let HeardCode { code, matter, is_silent } = heard.heard;
        let trigger = Trigger {
            line: line.line,
            household: line.household,
            group: household.group,
            code,
            source: heard.source,
            proof: self.proof,
            // Two gateways that make up the same Call-ID must not swallow each other's alarm.
            idempotency_key: format!("{};{}", line.line, heard.idempotency_key).into(),
        };
        let (heard_at, kind) = (heard.at, matter.unwrap_or_default());
        Some(Press { trigger, line, heard_at, kind, is_silent, reply: Box::new(|_| ()) })
    }
}
