//! The registrar's place in the agent, and what the layer above may ask of it.

use super::api::{Event, Flow};
use super::lines::Lines;
use super::table::Owner;
use super::timers::Wake;
use super::wire::Asked;
use super::{Scene, UserAgent};
use crate::digest::{ChallengeOffer, Secrets};
use crate::message::{MessageExt as _, Request};
use crate::registrar::{Accounts, Binding, Supervision};
use jiff::Timestamp;

/// The directory as the registrar sees it.
struct AccountsOf<'a>(&'a dyn Lines);

impl Accounts for AccountsOf<'_> {
    fn secrets(&self, account: &str) -> Option<Secrets> {
        self.0.secrets(account)
    }

    fn challenge_offer(&self, account: &str) -> ChallengeOffer {
        self.0.challenge_offer(account)
    }
}

impl UserAgent {
    /// Where the phones of an account are; the one that was heard last comes last.
    #[must_use]
    pub fn bindings(&self, account: &str) -> &[Binding] {
        self.registrar.bindings(account)
    }

    pub(super) fn has_binding(&self, account: &str, flow: &Flow, now: Timestamp) -> bool {
        self.registrar.is_live_binding(account, flow, now)
    }

    /// Refusals keep nothing: the phone repeats its request until it hears one.
    pub(super) fn on_register(&mut self, (request, asked): (&Request, &Asked), scene: Scene<'_>) {
        let answer = self.registrar.on_register(
            (request, &scene.flow),
            &AccountsOf(scene.lines),
            &mut self.digest,
            scene.now,
        );
        let mut response = self.reply(request, asked, answer.status);
        for (name, value) in answer.headers {
            response.push_header(name, value);
        }
        if answer.status < 300 {
            self.open(asked, Owner::Nobody);
            self.respond(&asked.key, &response, scene.now);
        } else {
            self.answer_stateless(asked, &response);
        }
        self.tell_supervision(scene.now);
    }

    /// Passes on what the registrar has to say, marks the sources of lines for the gate, and sets the next deadline.
    pub(super) fn tell_supervision(&mut self, now: Timestamp) {
        while let Some(supervision) = self.registrar.poll_output() {
            match &supervision {
                Supervision::Registered { flow, .. } => {
                    self.gate.protect(flow.remote.ip(), now);
                }
                Supervision::Moved { from, to, .. } => {
                    self.gate.unprotect(from.remote.ip());
                    self.gate.protect(to.remote.ip(), now);
                }
                Supervision::Lost { flow, .. } => self.gate.unprotect(flow.remote.ip()),
                Supervision::Refreshed { .. } => {}
            }
            self.tell(Event::Line(supervision));
        }
        let deadline = self.registrar.poll_timeout().map(|(at, _)| at);
        self.timers.arm(&mut self.registrar_armed, deadline, || Wake::Registrar);
    }

    pub(super) fn wake_registrar(&mut self, at: Timestamp, now: Timestamp) {
        if self.registrar_armed.take(at) {
            self.registrar.on_timeout(now);
            self.tell_supervision(now);
        }
    }
}
