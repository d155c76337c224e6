//! The transactions of an agent, found by branch and method (RFC 3261 17.1.3, 17.2.3).

use super::api::{Bytes, CallHandle, Flow};
use super::timers::{Armed, Timers, Wake};
use crate::message::{MessageExt as _, Method, Request, Response, Via};
use crate::transaction::Transaction;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Names a transaction: side, method and branch; for servers the sender too.
pub(super) type Key = Arc<str>;

/// 2xx from different phones that one INVITE may get; further ones are not acknowledged any more.
const FORKS_MAX: usize = 16;

/// Whom the outcome of a transaction concerns.
#[derive(Debug)]
pub(super) enum Owner {
    /// Nobody.
    Nobody,
    /// An INVITE of ours.
    Invite(Box<InviteOwner>),
    /// An INVITE or UPDATE of theirs, whose answer the layer above decides.
    Asked(CallHandle),
    /// The CANCEL of a call.
    Cancel(CallHandle),
    /// The BYE of a call.
    Bye(CallHandle),
    /// A probe.
    Probe(u64),
}

/// What an INVITE of ours remembers beyond the life of its call.
#[derive(Debug)]
pub(super) struct InviteOwner {
    pub(super) call: CallHandle,
    /// The ACK of each 2xx by its To tag, sent again when the 2xx is.
    acks: Vec<(Box<str>, Bytes)>,
}

impl InviteOwner {
    pub(super) fn new(call: CallHandle) -> Box<Self> {
        Box::new(Self { call, acks: Vec::new() })
    }

    /// The ACK of a 2xx that was seen before.
    pub(super) fn ack_of(&self, tag: &str) -> Option<Bytes> {
        self.acks.iter().find(|(seen, _)| **seen == *tag).map(|(_, ack)| ack.clone())
    }

    /// How many 2xx of different phones came.
    pub(super) fn forks(&self) -> usize {
        self.acks.len()
    }

    /// Remembers the ACK of a 2xx. Returns whether there was room.
    pub(super) fn remember(&mut self, tag: &str, ack: Bytes) -> bool {
        let has_room = self.acks.len() < FORKS_MAX;
        if has_room {
            self.acks.push((tag.into(), ack));
        }
        has_room
    }
}

/// One transaction.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) machine: Transaction,
    /// Where its messages go.
    pub(super) flow: Flow,
    pub(super) owner: Owner,
    armed: Armed,
    merge: Option<Arc<str>>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Table {
    entries: HashMap<Key, Entry>,
    /// INVITEs that are under way by what stays the same on all their ways (RFC 3261 8.2.2.2).
    merging: HashSet<Arc<str>>,
}

impl Table {
    /// Bytes that the entries and what hangs on them take, the text of machines left out.
    #[cfg(test)]
    pub(super) fn weigh(&self) -> usize {
        let entry = |(key, entry): (&Key, &Entry)| {
            let owner = match &entry.owner {
                Owner::Invite(owner) => {
                    let acks = owner.acks.capacity() * size_of::<(Box<str>, Bytes)>();
                    let texts: usize =
                        owner.acks.iter().map(|(tag, ack)| tag.len() + ack.len() + 16).sum();
                    size_of::<InviteOwner>() + acks + texts
                }
                Owner::Nobody
                | Owner::Asked(_)
                | Owner::Cancel(_)
                | Owner::Bye(_)
                | Owner::Probe(_) => 0,
            };
            key.len() + 16 + size_of::<(Key, Entry)>() + owner
        };
        let mut weight = 0;
        for pair in &self.entries {
            weight += entry(pair);
        }
        weight
    }

    #[cfg(test)]
    pub(super) fn has_no_merging(&self) -> bool {
        self.merging.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Entry> {
        self.entries.get_mut(key)
    }

    pub(super) fn insert(&mut self, key: Key, machine: Transaction, flow: Flow, owner: Owner) {
        self.entries
            .insert(key, Entry { machine, flow, owner, armed: Armed::default(), merge: None });
    }

    /// Forgets a transaction, whatever its state.
    pub(super) fn remove(&mut self, key: &str) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        if let Some(merge) = &entry.merge {
            self.merging.remove(merge);
        }
        Some(entry)
    }

    /// Whether an INVITE of the same sender is under way by another way.
    pub(super) fn is_merged(&self, merge: &str) -> bool {
        self.merging.contains(merge)
    }

    /// Remembers an INVITE for [`Table::is_merged`], as long as its transaction lasts.
    pub(super) fn note_merge(&mut self, key: &str, merge: Arc<str>) {
        if let Some(entry) = self.entries.get_mut(key) {
            self.merging.insert(merge.clone());
            entry.merge = Some(merge);
        }
    }

    /// After any input to a transaction: forgets it if it is over, else sets its timer.
    pub(super) fn settle(&mut self, key: &Key, timers: &mut Timers) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        if entry.machine.is_over() {
            self.remove(key);
            return;
        }
        let deadline = entry.machine.poll_timeout().map(|(at, _)| at);
        timers.arm(&mut entry.armed, deadline, || Wake::Transaction(key.clone()));
    }

    /// The transaction of a timer that came due, unless it was set again meanwhile.
    pub(super) fn due(&mut self, key: &str, at: jiff::Timestamp) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(key)?;
        entry.armed.take(at).then_some(entry)
    }
}

/// The key of a request that came in. An ACK has the key of the INVITE it belongs to.
///
/// A branch without the cookie is from before RFC 3261: Call-ID, From tag and CSeq stand in for it (17.2.3).
pub(super) fn server_key(request: &Request, via: &Via, method: Method) -> Key {
    let method = if method == Method::Ack { Method::Invite } else { method };
    let port = via.port.unwrap_or_else(|| via.transport.default_port());
    let host = &via.host;
    match via.unique_branch() {
        Some(branch) => format!("s {method} {host}:{port} {branch}").into(),
        None => {
            let call_id = request.call_id().unwrap_or_default();
            let tag = request.from_tag().unwrap_or_default();
            let number = request.cseq().map_or(0, |(number, _)| number);
            format!("s {method} {host}:{port} {number} {tag} {call_id}").into()
        }
    }
}

/// The key of a request of ours.
pub(super) fn client_key(method: &str, branch: &str) -> Key {
    format!("c {method} {branch}").into()
}

/// The key of the request that a response answers.
pub(super) fn response_key(response: &Response) -> Option<Key> {
    let (_, method) = response.cseq()?;
    let branch = response.via()?.branch?;
    Some(client_key(&method.to_string(), &branch))
}
