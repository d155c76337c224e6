//! The registrar (RFC 3261 10.3): which phones are where, proven by digest, and which fell silent.
//!
//! Bindings are kept with the flow that they came over, so that a phone behind NAT is rung where its REGISTER
//! came from. The account *is* the line: nobody registers for another. Knows no socket and no alarm; what changes
//! is told by [`Registrar::poll_output`].

mod binding;
mod request;
mod store;
#[cfg(test)]
mod tests;

pub use binding::{Binding, is_same_source};

use crate::agent::api::Flow;
use crate::digest::{
    ChallengeOffer, ChallengeReason, Credentials, DigestServer, Proof, Secrets, SignedRequest,
    Verdict,
};
use crate::message::{MessageExt, Request, RequestExt, reason_phrase};
use jiff::Timestamp;
use request::{Registration, Wish};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use store::Store;

/// Bindings that one timeout takes away at most; the rest stay due, so that a mass expiry holds up no alarm.
const EXPIRED_PER_TIMEOUT_MAX: usize = 256;
/// Outputs that wait at most. They are drained after every input; a caller that does not loses the newest.
const OUTPUTS_MAX: usize = 100_000;

/// Limits of the registrar.
#[derive(Clone, Debug)]
pub struct RegistrarConfig {
    /// Shorter wishes are refused with 423.
    pub expires_min: Duration,
    /// Longer wishes are cut to this.
    pub expires_max: Duration,
    /// For phones that wish nothing (RFC 3261 10.2: their choice is ours).
    pub expires_default: Duration,
    /// Contacts of one account. A proven phone displaces the binding that expires first: what is left behind by
    /// restarts and NAT must not lock the living phone out.
    pub bindings_per_account_max: usize,
    /// Bindings in all; above it new ones get 503, and known ones are still refreshed.
    pub bindings_max: usize,
    /// What the Retry-After of that 503 says.
    pub retry_after: Duration,
}

impl Default for RegistrarConfig {
    fn default() -> Self {
        Self {
            expires_min: Duration::from_secs(60),
            expires_max: Duration::from_secs(3600),
            expires_default: Duration::from_secs(3600),
            bindings_per_account_max: 8,
            bindings_max: 200_000,
            retry_after: Duration::from_secs(30),
        }
    }
}

/// The accounts that may register, answered from memory.
pub trait Accounts {
    /// The secrets of an account; `None` if there is none of that name.
    fn secrets(&self, account: &str) -> Option<Secrets>;

    /// What its phone is challenged with.
    fn challenge_offer(&self, account: &str) -> ChallengeOffer;
}

/// The answer to a REGISTER, to be wrapped into a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterAnswer {
    /// The status code.
    pub status: u16,
    /// Its words.
    pub reason: &'static str,
    /// Headers beyond those that every response copies, in order.
    pub headers: Vec<(&'static str, String)>,
}

impl RegisterAnswer {
    fn plain(status: u16) -> Self {
        Self { status, reason: reason_phrase(status), headers: Vec::new() }
    }
}

/// Why a binding is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossCause {
    /// The phone fell silent: it did not refresh in time.
    Expired,
    /// Its connection was closed.
    ConnectionClosed,
    /// The phone took it back.
    Unregistered,
    /// Newer phones of the same account took its place.
    Displaced,
}

/// What whoever watches over the lines wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Supervision {
    /// A phone is there that was not before.
    Registered {
        /// Its account.
        account: Arc<str>,
        /// Where it is.
        flow: Flow,
    },
    /// It is still there.
    Refreshed {
        /// Its account.
        account: Arc<str>,
    },
    /// It is still there, at another address or on another connection.
    Moved {
        /// Its account.
        account: Arc<str>,
        /// Where it was.
        from: Flow,
        /// Where it is.
        to: Flow,
    },
    /// A binding is gone.
    Lost {
        /// Its account.
        account: Arc<str>,
        /// Where it was.
        flow: Flow,
        /// Why.
        cause: LossCause,
        /// Bindings that the account has left; none means that the line cannot be rung nor trusted to be alive.
        left: usize,
    },
}

/// What [`Registrar::poll_timeout`] waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// The next binding expires.
    BindingExpires,
}

/// All bindings of one realm.
#[derive(Debug)]
pub struct Registrar {
    config: RegistrarConfig,
    store: Store,
    outputs: VecDeque<Supervision>,
}

impl Registrar {
    /// Knows no phone yet.
    #[must_use]
    pub fn new(config: RegistrarConfig) -> Self {
        Self { config, store: Store::default(), outputs: VecDeque::new() }
    }

    /// Takes a REGISTER that came over `flow`: challenges, verifies, changes the bindings and makes the answer.
    ///
    /// Either all of its contacts are taken or none (RFC 3261 10.3 step 7).
    pub fn on_register(
        &mut self,
        (request, flow): (&Request, &Flow),
        accounts: &impl Accounts,
        digest: &mut DigestServer,
        now: Timestamp,
    ) -> RegisterAnswer {
        let Some(aor) = request.to_header() else {
            return RegisterAnswer::plain(400);
        };
        let account = aor.uri.user_name();
        let proof = match prove((request, flow), accounts, digest, now) {
            Ok((username, proof)) if username == account => proof,
            Ok(_) => return RegisterAnswer::plain(403),
            Err(verdict) => {
                let reason = verdict.map_or(ChallengeReason::Unproven, Verdict::challenge_reason);
                return challenge(accounts.challenge_offer(account), flow, digest, (reason, now));
            }
        };
        let registration = match Registration::read(request, &self.config) {
            Ok(registration) => registration,
            Err(answer) => return answer,
        };
        let account: Arc<str> = Arc::from(account);
        if let Err(answer) = self.apply(&account, &registration, flow, now) {
            return answer;
        }
        self.accepted(&account, flow, (digest, proof), now)
    }

    /// Takes the bindings away whose connection is no more; they cannot be rung.
    pub fn on_connection_closed(&mut self, connection: u64) {
        for account in self.store.accounts_on(connection) {
            self.remove_where(&account, LossCause::ConnectionClosed, |binding| {
                binding.flow.connection == connection
            });
        }
    }

    /// Takes away what expired; call it when [`Self::poll_timeout`] says so.
    pub fn on_timeout(&mut self, now: Timestamp) {
        for _ in 0..EXPIRED_PER_TIMEOUT_MAX {
            let Some(account) = self.store.due(now) else {
                return;
            };
            self.remove_where(&account, LossCause::Expired, |binding| binding.expires_at <= now);
        }
    }

    /// When to call [`Self::on_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Timestamp, Timer)> {
        self.store.next_expiry().map(|at| (at, Timer::BindingExpires))
    }

    /// What changed, in order.
    pub fn poll_output(&mut self) -> Option<Supervision> {
        self.outputs.pop_front()
    }

    /// Where the phones of an account are; the one that was heard last comes last.
    #[must_use]
    pub fn bindings(&self, account: &str) -> &[Binding] {
        self.store.get(account)
    }

    /// Whether `flow` is exactly the source of a live binding of the account.
    #[must_use]
    pub fn is_live_binding(&self, account: &str, flow: &Flow, now: Timestamp) -> bool {
        let mut bindings = self.bindings(account).iter();
        bindings.any(|binding| now < binding.expires_at && is_same_source(&binding.flow, flow))
    }

    /// Bindings in all.
    #[must_use]
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether nobody is registered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes the wishes of a proven phone true, or changes nothing.
    fn apply(
        &mut self,
        account: &Arc<str>,
        registration: &Registration,
        flow: &Flow,
        now: Timestamp,
    ) -> Result<(), RegisterAnswer> {
        let known = self.store.get(account);
        if known.iter().any(|binding| registration.is_out_of_order(binding)) {
            return Err(RegisterAnswer::plain(400));
        }
        let wishes = match &registration.wish {
            Wish::RemoveAll => {
                self.remove_where(account, LossCause::Unregistered, |_| true);
                return Ok(());
            }
            Wish::Contacts(wishes) => wishes,
        };
        let is_new = |wish: &&request::ContactWish| {
            !wish.lifetime.is_zero() && !known.iter().any(|binding| wish.is_for(binding))
        };
        if self.config.bindings_max
            < self.store.len().saturating_add(wishes.iter().filter(is_new).count())
        {
            let mut answer = RegisterAnswer::plain(503);
            answer.headers.push(("Retry-After", self.config.retry_after.as_secs().to_string()));
            return Err(answer);
        }
        for wish in wishes {
            if wish.lifetime.is_zero() {
                self.remove_where(account, LossCause::Unregistered, |binding| wish.is_for(binding));
                continue;
            }
            let binding = wish.binding(registration, flow, now);
            let replaced = self.store.replace(account, binding, |known| wish.is_for(known));
            self.tell(match replaced {
                None => Supervision::Registered { account: account.clone(), flow: *flow },
                Some(from) if is_same_source(&from, flow) => {
                    Supervision::Refreshed { account: account.clone() }
                }
                Some(from) => Supervision::Moved { account: account.clone(), from, to: *flow },
            });
        }
        self.displace(account);
        Ok(())
    }

    /// Brings an account back within its bound.
    fn displace(&mut self, account: &Arc<str>) {
        while self.config.bindings_per_account_max.max(1) < self.store.get(account).len() {
            let oldest = self.store.get(account).iter().map(|binding| binding.expires_at).min();
            let mut is_taken = false;
            self.remove_where(account, LossCause::Displaced, |binding| {
                let takes = !is_taken && Some(binding.expires_at) == oldest;
                is_taken |= takes;
                takes
            });
        }
    }

    fn remove_where(
        &mut self,
        account: &Arc<str>,
        cause: LossCause,
        is_gone: impl FnMut(&Binding) -> bool,
    ) {
        let gone = self.store.remove_where(account, is_gone);
        let left = self.store.get(account).len();
        for binding in gone {
            self.tell(Supervision::Lost {
                account: account.clone(),
                flow: binding.flow,
                cause,
                left,
            });
        }
    }

    fn tell(&mut self, output: Supervision) {
        if self.outputs.len() < OUTPUTS_MAX {
            self.outputs.push_back(output);
        }
    }

    /// The 200: all bindings, the time for phones without a clock, and the nonce for the next request.
    fn accepted(
        &self,
        account: &str,
        flow: &Flow,
        (digest, proof): (&mut DigestServer, Proof),
        now: Timestamp,
    ) -> RegisterAnswer {
        let mut answer = RegisterAnswer::plain(200);
        let bindings = self.bindings(account);
        answer
            .headers
            .extend(bindings.iter().map(|binding| ("Contact", binding.contact_value(now))));
        answer.headers.push(("Date", now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()));
        let until = bindings.iter().map(|binding| binding.expires_at).max().unwrap_or(now);
        digest.keep_nonce(proof.nonce, until);
        let next = digest.authentication_info(account, flow, until, now);
        answer.headers.push(("Authentication-Info", next));
        answer
    }
}

/// Finds out which account sent the request; the verdict where it is not proven, none without credentials.
fn prove(
    (request, flow): (&Request, &Flow),
    accounts: &impl Accounts,
    digest: &mut DigestServer,
    now: Timestamp,
) -> Result<(String, Proof), Option<Verdict>> {
    let credentials = Credentials::find(request.header_lines("Authorization"), digest.realm())
        .map_err(|_| Some(Verdict::Malformed))?
        .ok_or(None)?;
    let uri = request.target_text();
    let signed = SignedRequest { method: "REGISTER", uri: &uri, body: &request.body };
    let secrets = accounts.secrets(credentials.username());
    match digest.verify(&credentials, secrets.as_ref(), (&signed, flow), now) {
        Verdict::Proven(proof) => Ok((credentials.username().to_owned(), proof)),
        verdict @ (Verdict::Stale
        | Verdict::Wrong
        | Verdict::Malformed
        | Verdict::UnknownAccount) => Err(Some(verdict)),
    }
}

fn challenge(
    offer: ChallengeOffer,
    flow: &Flow,
    digest: &mut DigestServer,
    (reason, now): (ChallengeReason, Timestamp),
) -> RegisterAnswer {
    let mut answer = RegisterAnswer::plain(401);
    let values = digest.challenge(offer, flow, reason, now);
    answer.headers.extend(values.into_iter().map(|value| ("WWW-Authenticate", value)));
    answer
}
