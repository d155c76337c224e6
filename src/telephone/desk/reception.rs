//! Takes calls up: who calls, what they dialled, what becomes of it.

use super::{Call, Desk, WEAK_MAX, call_id_in};
use crate::switchboard::{CallerId, Raised};
use crate::telephone::deadlines::Armed;
use crate::telephone::pad::Codes;
use crate::telephone::resident_call::{Kind, ResidentCall};
use crate::telephone::shard::ShardInput;
use crate::telephone::speaker::{Heard, Speaker};
use jiff::Timestamp;
use lianfang_domain::alarm::{Proof, TriggerSource, WithdrawMeans};
use lianfang_domain::digits::merge::PressMerge;
use lianfang_domain::directory::{Directory, LineRef};
use lianfang_domain::id::CommunityId;
use lianfang_domain::phone::PhoneNumber;
use lianfang_domain::trigger::{self, CallerKind, Dialled, HeardCode, Verdict};
use lianfang_sip::agent::api::{CallHandle, Caller, Command, IncomingCall, Rejection, Unproven};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// A call that waits for its answer.
struct Asked {
    call: CallHandle,
    idempotency_key: String,
    offer: Option<Arc<[u8]>>,
    signalled_from: IpAddr,
}

impl Desk {
    /// A call from a proven line or over a trunk.
    pub(in crate::telephone) fn on_call(&mut self, incoming: IncomingCall, now: Timestamp) {
        let home = self.parts.lines.home_of(&incoming.caller);
        let caller = match &incoming.caller {
            Caller::Line { account } => CallerKind::Proven { account },
            Caller::Trunk { trunk, identity } => CallerKind::Trusted {
                identity: identity.as_deref(),
                home: &home,
                has_trusted_code: self.parts.lines.trusts_alarm_code(trunk),
            },
        };
        let heard = Dialled {
            user: &incoming.dialled.user,
            alarm_code: incoming.dialled.alarm_code.as_deref(),
            is_diverted: incoming.diverted,
        };
        let verdict =
            trigger::hear(&heard, caller, &self.parts.directory.current(), &self.parts.rules);
        let asked = Asked {
            call: incoming.call,
            idempotency_key: self.proven_key(incoming.idempotency_key),
            offer: incoming.offer,
            signalled_from: incoming.flow.remote.ip(),
        };
        self.obey(verdict, asked, now);
    }

    /// A call in the name of a line that did not prove itself: a weak alarm, or nothing.
    pub(in crate::telephone) fn on_unproven(&mut self, unproven: Unproven, now: Timestamp) {
        let caller = CallerKind::Unproven {
            account: &unproven.account,
            source_is_live_binding: unproven.source_is_live_binding,
        };
        let heard = Dialled { user: &unproven.dialled.user, alarm_code: None, is_diverted: false };
        let verdict =
            trigger::hear(&heard, caller, &self.parts.directory.current(), &self.parts.rules);
        let idempotency_key = unproven.idempotency_key;
        match (verdict, unproven.call) {
            (verdict, Some(call)) => {
                let asked = Asked {
                    call,
                    idempotency_key,
                    offer: unproven.offer,
                    signalled_from: unproven.flow.remote.ip(),
                };
                self.obey(verdict, asked, now);
            }
            (Verdict::Alarm { line, heard, proof }, None) => {
                let source = TriggerSource::Dialled;
                self.raise_unheard(
                    (line, proof),
                    Heard { heard, source, idempotency_key, at: now },
                );
            }
            // Without a call there is nobody to wait for in the grace.
            (Verdict::Hotline { line, proof, .. }, None) => {
                let (heard, source) = (HeardCode::plain("".into()), TriggerSource::Hotline);
                self.raise_unheard(
                    (line, proof),
                    Heard { heard, source, idempotency_key, at: now },
                );
            }
            (
                Verdict::Access { .. }
                | Verdict::Arrival { .. }
                | Verdict::CallBack { .. }
                | Verdict::Recording { .. }
                | Verdict::Incomplete
                | Verdict::Redirect { .. }
                | Verdict::NotFound
                | Verdict::Forbidden,
                None,
            ) => {}
        }
    }

    /// A weak alarm of a phone that we cannot talk to.
    fn raise_unheard(&mut self, (line, proof): (LineRef, Proof), heard: Heard) {
        let directory = self.parts.directory.current();
        let Some(speaker) = Speaker::find(&directory, line, proof) else { return };
        if self.weak.len() == WEAK_MAX {
            self.weak.pop_front();
        }
        self.weak.push_back(heard.idempotency_key.clone());
        let call_id: Box<str> = call_id_in(&heard.idempotency_key).into();
        let Some(mut press) = speaker.press(&directory, heard) else { return };
        let inbox = self.inbox.clone();
        press.reply = Box::new(move |raised: Raised| {
            // A full inbox loses only the trace of the call.
            let _ = inbox.try_send(ShardInput::Linked { call_id, alarm: raised.alarm });
        });
        if self.parts.switchboard.press(press).is_err() {
            self.parts.tell_refused();
        }
    }

    /// Raises a weak alarm again once its call is proven after all, so that the neighbours are called as well: as
    /// another press, since the same one would be known already.
    fn proven_key(&self, key: String) -> String {
        if self.weak.contains(&key) { format!("{key};proven") } else { key }
    }

    fn obey(&mut self, verdict: Verdict, asked: Asked, now: Timestamp) {
        let (line, proof, kind) = match verdict {
            Verdict::Alarm { line, heard, proof } => (line, proof, Kind::Alarm(heard)),
            Verdict::Hotline { line, grace_s, proof } => {
                let grace = Duration::from_secs(u64::from(grace_s));
                (line, proof, Kind::Hotline { grace })
            }
            Verdict::Access { line, proof } => (line, proof, Kind::Access),
            Verdict::Arrival { line, proof } => (line, proof, Kind::Arrival),
            Verdict::CallBack { caller, community } => {
                return self.take_call_back(asked, caller, community, now);
            }
            Verdict::Recording { line, caller } => {
                return self.take_recording(asked, line, caller, now);
            }
            Verdict::Incomplete => return self.reject(asked.call, 484, None),
            Verdict::Redirect { to } => return self.reject(asked.call, 302, Some(to)),
            Verdict::NotFound => return self.reject(asked.call, 404, None),
            Verdict::Forbidden => return self.reject(asked.call, 403, None),
        };
        let directory = self.parts.directory.current();
        let found = Speaker::find(&directory, line, proof)
            .and_then(|speaker| Some((speaker, directory.resolve(line)?)));
        let Some((mut speaker, (_, _, entry))) = found else {
            return self.reject(asked.call, 404, None);
        };
        if let Kind::Alarm(HeardCode { is_silent: true, .. }) = &kind {
            speaker.is_silent = true;
        }
        let caller = CallerId { number: Some(entry.number.clone()), line: Some(line.line) };
        let household = Some((line.community, line.household));
        let community = Some(line.community);
        let place = Place { caller, household, community, is_counted: false };
        self.take(asked, (kind, speaker, place), now);
    }

    /// Somebody who is no line of ours calls: only as long as there is room for those in trouble.
    fn take_call_back(
        &mut self,
        asked: Asked,
        number: Option<PhoneNumber>,
        community: Option<CommunityId>,
        now: Timestamp,
    ) {
        let media = self.parts.media.stats();
        let has_room = media.sessions < media.sessions_max / 2;
        if !has_room || !self.callers.admit(number.as_ref(), now) {
            metrics::counter!("lianfang_call_backs_refused_total").increment(1);
            return self.reject(asked.call, 486, None);
        }
        let directory = self.parts.directory.current();
        let community = community.or_else(|| only_community(&directory));
        let speaker = Speaker::of_stranger(
            community.and_then(|id| directory.community(id)).map(|community| &**community),
        );
        let caller = CallerId { number, line: None };
        let place = Place { caller, household: None, community, is_counted: true };
        self.take(asked, (Kind::CallBack, speaker, place), now);
    }

    /// A worker wants to record: only as long as there is room for those in trouble.
    fn take_recording(
        &mut self,
        asked: Asked,
        line: Option<(LineRef, Proof)>,
        number: Option<PhoneNumber>,
        now: Timestamp,
    ) {
        let is_admitted = self.recordings.has_room()
            && (line.is_some() || self.callers.admit(number.as_ref(), now));
        if !is_admitted {
            metrics::counter!("lianfang_recording_calls_refused_total").increment(1);
            return self.reject(asked.call, 486, None);
        }
        let directory = self.parts.directory.current();
        let known = line.and_then(|(line, proof)| {
            let (_, _, entry) = directory.resolve(line)?;
            Some((line, entry.number.clone(), Speaker::find(&directory, line, proof)?))
        });
        let (speaker, place) = match known {
            Some((line, number, speaker)) => {
                let caller = CallerId { number: Some(number), line: Some(line.line) };
                let household = Some((line.community, line.household));
                let community = Some(line.community);
                (speaker, Place { caller, household, community, is_counted: false })
            }
            None => {
                let community = only_community(&directory);
                let known = community.and_then(|id| directory.community(id));
                let speaker = Speaker::of_stranger(known.map(|community| &**community));
                let caller = CallerId { number, line: None };
                let is_counted = line.is_none();
                (speaker, Place { caller, household: None, community, is_counted })
            }
        };
        self.take(asked, (Kind::Recording, speaker, place), now);
    }

    fn take(
        &mut self,
        asked: Asked,
        (kind, speaker, place): (Kind, Speaker, Place),
        now: Timestamp,
    ) {
        let codes =
            if place.household.is_some() { speaker.codes.clone() } else { Codes::default() };
        let known = Call {
            machine: ResidentCall::new(kind, codes, self.limits, now),
            speaker,
            is_silenced: false,
            caller: place.caller,
            idempotency_key: asked.idempotency_key,
            offer: asked.offer,
            session: None,
            signalled_from: asked.signalled_from,
            keys: PressMerge::default(),
            presses: 0,
            playlist: 0,
            heard_at: now,
            alarm: None,
            household: place.household,
            means: WithdrawMeans::Resident,
            early: VecDeque::new(),
            told: Vec::new(),
            community: place.community,
            is_counted: place.is_counted,
            armed: Armed::default(),
        };
        self.calls.insert(asked.call, known);
        self.run(asked.call, now);
    }

    fn reject(&mut self, call: CallHandle, status: u16, contact: Option<Arc<str>>) {
        let rejection = Rejection { status, contact, headers: Vec::new() };
        self.commands.push_back(Command::Reject { call, rejection });
    }
}

/// Who calls, and for whom they may speak.
struct Place {
    caller: CallerId,
    household: Option<(CommunityId, lianfang_domain::id::HouseholdId)>,
    community: Option<CommunityId>,
    is_counted: bool,
}

/// The community, where there is one alone: its name is then told to those who call the number of the service.
fn only_community(directory: &Directory) -> Option<CommunityId> {
    let mut communities = directory.communities();
    let first = communities.next()?;
    communities.next().is_none().then_some(first.id)
}
