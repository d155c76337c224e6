//! The SIP trace: copies of the messages of an alarm's calls, on their way to a file.
//!
//! Beside the path of an alarm: a shard hands a copy over without waiting, and what finds no room is dropped and
//! counted. A leg's Call-ID names its alarm. The messages of a call that came in wait here until its alarm is known: the one
//! that it raised, or those that it was told of.
//! Masking and writing are done by a task of its own.

use super::routing::{find_call_id, leg_of_call_id};
use crate::clock::Seldom;
use crate::store::traces::{TraceMessage, Traces};
use crate::tasks::Tasks;
use jiff::Timestamp;
use lianfang_domain::id::AlarmId;
use lianfang_sip::agent::api::Flow;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::sync::mpsc;

/// Messages that wait to be written; with [`MESSAGE_MAX`] 32 MiB at most.
const QUEUE_MAX: usize = 4096;
/// Bytes of one message; what is longer is cut.
const MESSAGE_MAX: usize = 8 * 1024;
/// Calls of residents that are remembered, for the alarm that they may raise or raised.
const CALLS_MAX: usize = 512;
/// Messages of one call that wait for its alarm, and are kept for the next one that it is told of.
const WAITING_MAX: usize = 16;
/// Alarms of one call.
const ALARMS_MAX: usize = 16;
/// Messages that are written at once.
const BATCH_MAX: usize = 1024;
/// Messages come in bursts: what follows the first one for so long is written with it.
const LINGER: Duration = Duration::from_millis(100);

/// A message on its way.
#[derive(Clone, Debug)]
struct Traced {
    at: Timestamp,
    is_sent: bool,
    flow: Flow,
    bytes: Vec<u8>,
}

/// A call of which nobody knows yet whether it has to do with an alarm, or that has.
#[derive(Debug, Default)]
struct Call {
    alarms: Vec<AlarmId>,
    /// How it began.
    first: Vec<Traced>,
}

/// Where a shard hands its messages over. Each shard has its own.
#[derive(Debug)]
pub(super) struct Tap {
    queue: Option<mpsc::Sender<(AlarmId, Traced)>>,
    calls: BTreeMap<Box<[u8]>, Call>,
    /// Their Call-IDs, the oldest first.
    order: VecDeque<Box<[u8]>>,
}

/// Hands out taps. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Tracer(Option<mpsc::Sender<(AlarmId, Traced)>>);

impl Tracer {
    /// Starts the task that writes.
    #[must_use]
    pub fn start(traces: Traces, tasks: &Tasks) -> Self {
        let (queue, mut inbox) = mpsc::channel(QUEUE_MAX);
        tasks.start("sip_trace", move |stop| async move {
            let mut batch = Vec::new();
            loop {
                let taken = tokio::select! {
                    taken = inbox.recv_many(&mut batch, BATCH_MAX) => taken,
                    () = stop.cancelled() => return,
                };
                if taken == 0 {
                    return;
                }
                if taken < BATCH_MAX {
                    tokio::time::sleep(LINGER).await;
                    while batch.len() < BATCH_MAX
                        && let Ok(more) = inbox.try_recv()
                    {
                        batch.push(more);
                    }
                }
                let (traces, batch) = (traces.clone(), std::mem::take(&mut batch));
                // A write that panicked is like one that failed: counted there, and the next one goes on.
                let _ = tokio::task::spawn_blocking(move || write(&traces, batch)).await;
            }
        });
        Self(Some(queue))
    }

    pub(super) fn tap(&self) -> Tap {
        Tap { queue: self.0.clone(), calls: BTreeMap::new(), order: VecDeque::new() }
    }
}

impl Tap {
    /// Looks at a message that came in or went out.
    pub(super) fn note(&mut self, flow: Flow, bytes: &[u8], is_sent: bool, now: Timestamp) {
        if self.queue.is_none() || !is_of_call(bytes) {
            return;
        }
        let Some(call_id) = find_call_id(bytes) else { return };
        let bytes = || bytes.get(..MESSAGE_MAX).unwrap_or(bytes).to_vec();
        let traced = || Traced { at: now, is_sent, flow, bytes: bytes() };
        if let Some(leg) = leg_of_call_id(call_id) {
            return self.hand_over(leg.alarm, traced());
        }
        if !self.calls.contains_key(call_id) {
            self.remember(call_id);
        }
        let Some(call) = self.calls.get_mut(call_id) else { return };
        let has_room = call.first.len() < WAITING_MAX;
        if has_room {
            call.first.push(traced());
        } else if call.alarms.is_empty() {
            count_dropped("waiting", 1);
        }
        for alarm in call.alarms.clone() {
            self.hand_over(alarm, traced());
        }
    }

    /// A call that came in raised this alarm, belongs to it, or is told of it: how it began is of the alarm, and what
    /// follows.
    pub(super) fn link(&mut self, call_id: &str, alarm: AlarmId) {
        let Some(call) = self.calls.get_mut(call_id.as_bytes()) else { return };
        if call.alarms.contains(&alarm) || ALARMS_MAX <= call.alarms.len() {
            return;
        }
        call.alarms.push(alarm);
        for traced in call.first.clone() {
            self.hand_over(alarm, traced);
        }
    }

    fn remember(&mut self, call_id: &[u8]) {
        if CALLS_MAX <= self.order.len()
            && let Some(oldest) = self.order.pop_front()
        {
            self.calls.remove(&oldest);
        }
        self.order.push_back(call_id.into());
        self.calls.insert(call_id.into(), Call::default());
    }

    fn hand_over(&self, alarm: AlarmId, traced: Traced) {
        let Some(queue) = &self.queue else { return };
        if queue.try_send((alarm, traced)).is_err() {
            count_dropped("queue", 1);
        }
    }
}

/// Registrations, probes and what is no message are of no alarm.
fn is_of_call(bytes: &[u8]) -> bool {
    let others: [&[u8]; 5] = [b"REGISTER", b"OPTIONS", b"SUBSCRIBE", b"NOTIFY", b"PUBLISH"];
    if !bytes.starts_with(b"SIP/2.0") {
        return bytes.first().is_some_and(u8::is_ascii_uppercase)
            && !others.iter().any(|method| bytes.starts_with(method));
    }
    let lines = bytes.split(|&byte| byte == b'\n').take(64);
    let method = lines.filter_map(|line| {
        let (name, value) = line.split_at(line.iter().position(|&byte| byte == b':')?);
        let is_cseq = name.trim_ascii().eq_ignore_ascii_case(b"cseq");
        is_cseq.then(|| value.rsplit(|&byte| byte == b' ').next().unwrap_or_default().trim_ascii())
    });
    method.take(1).any(|method| !others.contains(&method))
}

fn count_dropped(why: &'static str, messages: usize) {
    metrics::counter!("lianfang_trace_dropped_total", "why" => why).increment(messages as u64);
}

fn write(traces: &Traces, batch: Vec<(AlarmId, Traced)>) {
    let last = batch.last().map_or(Timestamp::MIN, |(_, traced)| traced.at);
    let count = batch.len();
    match traces.append(batch.into_iter().map(|(alarm, traced)| (alarm, masked(&traced)))) {
        Ok(0) => {}
        Ok(left_out) => count_dropped("full", left_out),
        Err(error) => {
            count_dropped("disk", count);
            static TOLD: Seldom = Seldom::new();
            if let Some(times) = TOLD.tell(last) {
                tracing::warn!(%error, times, "Cannot write a SIP trace");
            }
        }
    }
}

fn masked(traced: &Traced) -> TraceMessage {
    let Flow { transport, remote, .. } = traced.flow;
    TraceMessage {
        at: traced.at,
        is_sent: traced.is_sent,
        remote: format!("{transport:?} {remote}").to_lowercase(),
        text: mask(&String::from_utf8_lossy(&traced.bytes)),
    }
}

/// Hides what would let somebody in: digest answers, keys of media, and keys that were pressed, which may be a PIN.
fn mask(text: &str) -> String {
    let is_info = text.starts_with("INFO ");
    let mut masked = String::with_capacity(text.len());
    let mut is_body = false;
    let mut is_secret = false;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches(['\r', '\n']);
        let ending = line.get(bare.len()..).unwrap_or_default();
        if is_body {
            let is_hidden = is_info || bare.starts_with("a=crypto") || bare.starts_with("k=");
            masked.push_str(if is_hidden && !bare.is_empty() { "***" } else { bare });
        } else {
            let is_folded = bare.starts_with([' ', '\t']);
            let name = bare.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
            is_secret = if is_folded {
                is_secret
            } else {
                [
                    "authorization",
                    "proxy-authorization",
                    "authentication-info",
                    "proxy-authentication-info",
                ]
                .contains(&name.as_str())
            };
            is_body = bare.is_empty();
            match (is_secret, is_folded, bare.split_once(':')) {
                (false, _, _) => masked.push_str(bare),
                (true, false, Some((name, value))) => {
                    masked.push_str(name);
                    masked.push(':');
                    masked.push_str(&mask_digest(value));
                }
                (true, _, _) => masked.push_str(&mask_digest(bare)),
            }
        }
        masked.push_str(ending);
    }
    masked
}

/// Keeps who answered which challenge, hides the answer.
fn mask_digest(value: &str) -> String {
    const KEPT: [&str; 6] = ["username", "realm", "uri", "algorithm", "qop", "nc"];
    let scheme_end =
        value.trim_start().find(' ').map(|end| end + value.len() - value.trim_start().len());
    let (scheme, parameters) = scheme_end.map_or(("", value), |end| value.split_at(end));
    let (scheme, parameters) =
        if scheme.contains('=') { ("", value) } else { (scheme, parameters) };
    let parameters = parameters.split(',').map(|parameter| {
        let Some((name, _)) = parameter.split_once('=') else {
            return if parameter.trim().is_empty() { parameter } else { "***" }.to_owned();
        };
        let is_kept = KEPT.iter().any(|kept| name.trim().eq_ignore_ascii_case(kept));
        if is_kept { parameter.to_owned() } else { format!("{name}=***") }
    });
    format!("{scheme}{}", parameters.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests;
