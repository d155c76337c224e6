//! An INVITE outside of dialogs: who calls, may they, and is there room.
//!
//! Refusals and challenges keep no transaction. A challenge is remembered only where its failing may raise an alarm:
//! when it went to the very address that a line of ours is registered at.

use super::api::{Bytes, CallHandle, Caller, Dialled, Event, Flow, IncomingCall, Unproven};
use super::calls::{Call, Challenge, Offered, Question, Stage, dialog_key};
use super::table::Owner;
use super::timers::{Armed, Wake};
use super::wire::Asked;
use super::{Scene, UserAgent};
use crate::dialog::Dialog;
use crate::digest::{ChallengeReason, Credentials, SignedRequest, Verdict};
use crate::identity::{self, Identity, Source};
use crate::message::{MessageExt as _, Request, RequestExt as _};
use crate::transaction::after;
use std::net::IpAddr;
use std::sync::Arc;

/// Challenges that wait for their answer; further ones are sent but not remembered. Only lines at their own binding
/// take a place, so it takes as many registered lines to fill it.
const CHALLENGES_MAX: usize = 16_384;

/// What an INVITE says, apart from who sent it.
struct Invited {
    dialled: Dialled,
    offer: Option<Bytes>,
    idempotency_key: String,
}

impl Invited {
    fn of(request: &Request, is_trusted: bool) -> Self {
        let user = request.target().and_then(|target| target.user);
        let dialled = Dialled {
            user: user.as_ref().map(|user| user.name().to_owned()).unwrap_or_default(),
            user_params: user
                .map(|user| user.params().to_string().trim_start_matches(';').to_owned())
                .unwrap_or_default(),
            uri: request.target_text(),
            alarm_code: request
                .header("X-Alarm-Code")
                .filter(|_| is_trusted)
                .map(|code| code.trim().to_owned()),
        };
        let call_id = request.call_id().unwrap_or_default();
        let from_tag = request.from_tag().unwrap_or_default();
        Self {
            dialled,
            offer: (!request.body.is_empty()).then(|| request.body.as_slice().into()),
            idempotency_key: format!("{call_id};{from_tag}"),
        }
    }

    fn unproven(&self, account: &str, is_bound: bool, flow: Flow) -> Unproven {
        Unproven {
            account: account.into(),
            dialled: self.dialled.clone(),
            source_is_live_binding: is_bound,
            call: None,
            offer: self.offer.clone(),
            idempotency_key: self.idempotency_key.clone(),
            flow,
        }
    }
}
impl UserAgent {
    pub(super) fn on_invite(&mut self, request: &Request, asked: &Asked, scene: Scene<'_>) {
        let merge = merge_id(request);
        if self.transactions.is_merged(&merge) {
            return self.answer((request, asked), 482, &[], scene.now);
        }
        match scene.lines.trunk(&scene.flow) {
            Some(trunk) => {
                let invited = Invited::of(request, true);
                self.offer((request, asked), invited, Source::Trunk(&trunk), scene);
            }
            None => self.prove((request, asked), scene),
        }
    }

    /// Asks a line for its proof, or judges it.
    fn prove(&mut self, (request, asked): (&Request, &Asked), scene: Scene<'_>) {
        let invited = Invited::of(request, false);
        let claimed = request.from_header();
        let claimed = claimed.as_ref().map(|from| from.uri.user_name()).unwrap_or_default();
        let values: Vec<&str> = request.header_lines("Authorization").collect();
        let credentials = match Credentials::find(values, &self.config.realm) {
            Ok(Some(credentials)) => credentials,
            Ok(None) => {
                let reason = ChallengeReason::Unproven;
                self.challenge_call((request, asked), (&invited, claimed), reason, scene);
                return;
            }
            Err(_) => return self.distrust((request, asked), (&invited, claimed), scene),
        };
        let account = credentials.username().to_owned();
        let secrets = scene.lines.secrets(&account);
        let uri = request.target_text();
        let signed = SignedRequest { method: "INVITE", uri: &uri, body: &request.body };
        let covered = (&signed, &scene.flow);
        match self.digest.verify(&credentials, secrets.as_ref(), covered, scene.now) {
            Verdict::Proven(_) => {
                self.challenges.remove(invited.idempotency_key.as_str());
                let account: Arc<str> = account.into();
                self.offer((request, asked), invited, Source::Line(&account), scene);
            }
            Verdict::Stale => {
                let reason = ChallengeReason::Stale;
                self.challenge_call((request, asked), (&invited, &account), reason, scene);
            }
            Verdict::Wrong | Verdict::Malformed | Verdict::UnknownAccount => {
                self.distrust((request, asked), (&invited, &account), scene);
            }
        }
    }

    fn challenge_call(
        &mut self,
        (request, asked): (&Request, &Asked),
        (invited, account): (&Invited, &str),
        reason: ChallengeReason,
        scene: Scene<'_>,
    ) {
        self.challenge((request, asked), account, reason, scene);
        let key: Arc<str> = invited.idempotency_key.as_str().into();
        let has_room = self.challenges.len() < CHALLENGES_MAX;
        if !has_room || self.challenges.contains_key(&key) || !self.is_bound(account, scene) {
            return;
        }
        let mut armed = Armed::default();
        let deadline = after(scene.now, self.config.challenge_wait);
        self.timers.arm(&mut armed, Some(deadline), || Wake::Challenge(key.clone()));
        let unproven = invited.unproven(account, true, scene.flow);
        self.challenges.insert(key, Challenge { unproven, armed });
    }

    /// Sends 401; keeps nothing.
    pub(super) fn challenge(
        &mut self,
        (request, asked): (&Request, &Asked),
        account: &str,
        reason: ChallengeReason,
        scene: Scene<'_>,
    ) {
        self.counters.challenged = self.counters.challenged.saturating_add(1);
        let offer = scene.lines.challenge_offer(account);
        let mut response = self.reply(request, asked, 401);
        for value in self.digest.challenge(offer, &scene.flow, reason, scene.now) {
            response.push_header("WWW-Authenticate", value);
        }
        self.answer_stateless(asked, &response);
    }

    /// A line exists and the request came along its own binding.
    fn is_bound(&self, account: &str, scene: Scene<'_>) -> bool {
        scene.lines.secrets(account).is_some()
            && (self.has_binding(account, &scene.flow, scene.now)
                || scene.lines.has_binding_elsewhere(account, &scene.flow))
    }

    /// The proof was wrong. From the line's own binding the call stays answerable; anybody else is refused.
    fn distrust(
        &mut self,
        (request, asked): (&Request, &Asked),
        (invited, account): (&Invited, &str),
        scene: Scene<'_>,
    ) {
        self.counters.proofs_wrong = self.counters.proofs_wrong.saturating_add(1);
        self.challenges.remove(invited.idempotency_key.as_str());
        let is_bound = self.is_bound(account, scene);
        let mut unproven = invited.unproven(account, is_bound, scene.flow);
        if is_bound {
            unproven.call = self.admit((request, asked), (invited, Some(account)), scene);
        } else {
            self.answer((request, asked), 403, &[], scene.now);
        }
        if is_bound || scene.lines.secrets(account).is_some() {
            self.tell(Event::ChallengeFailed(Box::new(unproven)));
        }
    }

    /// A challenge was not answered in time.
    pub(super) fn wake_challenge(&mut self, key: &str, at: jiff::Timestamp) {
        let is_due = self.challenges.get_mut(key).is_some_and(|waiting| waiting.armed.take(at));
        if !is_due {
            return;
        }
        if let Some(Challenge { unproven, .. }) = self.challenges.remove(key) {
            self.tell(Event::ChallengeUnanswered(Box::new(unproven)));
        }
    }

    fn offer(
        &mut self,
        (request, asked): (&Request, &Asked),
        invited: Invited,
        source: Source<'_>,
        scene: Scene<'_>,
    ) {
        let identity::Caller { identity, is_diverted, is_private } =
            identity::identify(request, source);
        let caller = match identity {
            Identity::Line { account } => Caller::Line { account },
            Identity::Trunk { trunk, asserted } => {
                Caller::Trunk { trunk, identity: asserted.map(|asserted| asserted.identity) }
            }
            // Strangers are challenged and never come here.
            Identity::Stranger => return self.answer((request, asked), 403, &[], scene.now),
        };
        let account = match &caller {
            Caller::Line { account } => Some(account.clone()),
            Caller::Trunk { .. } => None,
        };
        let who = (&invited, account.as_deref());
        let Some(call) = self.admit((request, asked), who, scene) else { return };
        let Invited { dialled, offer, idempotency_key } = invited;
        self.tell(Event::IncomingCall(Box::new(IncomingCall {
            call,
            caller,
            dialled,
            offer,
            idempotency_key,
            diverted: is_diverted,
            is_private,
            flow: scene.flow,
        })));
    }

    /// Makes room for a call, sends 100 and keeps the INVITE; or answers 503.
    fn admit(
        &mut self,
        (request, asked): (&Request, &Asked),
        (invited, account): (&Invited, Option<&str>),
        scene: Scene<'_>,
    ) -> Option<CallHandle> {
        let is_alarm = scene.lines.is_alarm(&invited.dialled, account);
        let source = account.is_some().then(|| scene.flow.remote.ip());
        if !self.has_room(is_alarm, source) {
            self.shed(request, asked);
            return None;
        }
        let Some(dialog) = Dialog::of_request(request, &self.own_tag(asked)) else {
            self.answer((request, asked), 400, &[], scene.now);
            return None;
        };
        self.made = self.made.wrapping_add(1);
        let shard = u64::from(self.config.shard & 0x7f) << 56;
        let handle = CallHandle(CallHandle::INBOUND | shard | (self.made & 0x00ff_ffff_ffff_ffff));
        self.open(asked, Owner::Asked(handle));
        self.transactions.note_merge(&asked.key, merge_id(request));
        let trying = self.reply(request, asked, 100);
        self.respond(&asked.key, &trying, scene.now);
        let question = Question {
            key: asked.key.clone(),
            template: self.reply(request, asked, 200),
            is_invite: true,
            has_offer: invited.offer.is_some(),
            give_up_at: after(scene.now, self.config.decision_wait),
        };
        self.dialogs.insert(dialog_key(dialog.call_id(), dialog.local_tag()), handle);
        let offered = Offered {
            dialog,
            question,
            is_plain_ringing_barred: request.lists("Require", "100rel"),
            had_offer: invited.offer.is_some(),
        };
        let stage = Stage::Offered(Box::new(offered));
        let call = Call { flow: scene.flow, stage, source, armed: Armed::default() };
        self.insert_call(handle, call, scene.now);
        Some(handle)
    }

    /// Alarms may use the whole table, others leave the reserved share free and only so many from one address. A
    /// gateway with a thousand lines has one address too, so alarms from one may fill the reserved share, no more.
    fn has_room(&self, is_alarm: bool, source: Option<IpAddr>) -> bool {
        let config = &self.config;
        let calls_max = if is_alarm {
            config.calls_max
        } else {
            config.calls_max.saturating_sub(config.calls_reserved)
        };
        let from_source = source.and_then(|source| self.sources.get(&source)).copied();
        let transactions_max = if is_alarm { usize::MAX } else { config.transactions_max };
        let per_source_max = if is_alarm {
            config.calls_reserved.max(config.calls_per_source_max)
        } else {
            config.calls_per_source_max
        };
        self.calls.len() < calls_max
            && from_source.unwrap_or(0) < per_source_max
            && self.transactions.len() < transactions_max
    }
}

/// What stays the same when one INVITE arrives by several ways (RFC 3261 8.2.2.2).
fn merge_id(request: &Request) -> Arc<str> {
    let call_id = request.call_id().unwrap_or_default();
    let tag = request.from_tag().unwrap_or_default();
    let number = request.cseq().map_or(0, |(number, _)| number);
    format!("{number} {tag} {call_id}").into()
}
