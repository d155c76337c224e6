//! Dialogs of both sides (RFC 3261 12): tags, route set, remote target, CSeq, and the heading of requests inside.
//!
//! Knows neither transactions nor sessions. Kept small, as there is one per answered call.

use crate::message::{CSEQ_MAX, MessageExt as _, NameAddr, Request, Response, SipUri};
use std::sync::Arc;

/// The other side's number of requests that we take (RFC 3261 12.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sequence {
    /// In order.
    Next,
    /// Not above one that we took already.
    Old,
}

/// Whether a final response confirmed the dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not answered yet.
    Early,
    /// Answered by 2xx.
    Confirmed,
}

/// One dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    /// Early or confirmed.
    pub phase: Phase,
    call_id: Arc<str>,
    /// Our address with our tag, as From of our requests says it.
    local: Arc<str>,
    /// Their address with their tag, as To of our requests says it.
    remote: Arc<str>,
    local_tag: Arc<str>,
    remote_tag: Arc<str>,
    target: Arc<str>,
    /// Values of Route in the order in which we send them.
    routes: Box<[Arc<str>]>,
    cseq_local: u32,
    cseq_remote: Option<u32>,
}

/// Where a request inside a dialog goes, by RFC 3261 12.2.1.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// The Request-URI.
    pub uri: Arc<str>,
    /// The values of Route.
    pub routes: Vec<Arc<str>>,
}

impl Dialog {
    /// The dialog of an INVITE that came in, with the tag that we give it (RFC 3261 12.1.1).
    ///
    /// Without a Contact, which is wrong but no reason to lose a call, the address in From is the remote target.
    #[must_use]
    pub fn of_request(request: &Request, local_tag: &str) -> Option<Self> {
        let from = request.header("From")?;
        let target = match request.contact() {
            Some(contact) => contact.uri,
            None => NameAddr::parse(from)?.uri,
        };
        Some(Self {
            phase: Phase::Early,
            call_id: request.call_id()?.into(),
            local: format!("{};tag={local_tag}", request.header("To")?).into(),
            remote: from.into(),
            local_tag: local_tag.into(),
            remote_tag: request.from_tag().unwrap_or_default().into(),
            target: target.to_string().into(),
            routes: request.record_routes().into_iter().map(Arc::from).collect(),
            cseq_local: 0,
            cseq_remote: request.cseq().map(|(number, _)| number),
        })
    }

    /// The dialog that a 2xx to an INVITE of ours makes (RFC 3261 12.1.2). Without a Contact the address in To is the
    /// remote target.
    #[must_use]
    pub fn of_response(response: &Response) -> Option<Self> {
        let to = response.header("To")?;
        let target = match response.contact() {
            Some(contact) => contact.uri,
            None => NameAddr::parse(to)?.uri,
        };
        Some(Self {
            phase: Phase::Confirmed,
            call_id: response.call_id()?.into(),
            local: response.header("From")?.into(),
            remote: to.into(),
            local_tag: response.from_tag()?.into(),
            remote_tag: response.to_tag().unwrap_or_default().into(),
            target: target.to_string().into(),
            routes: response.record_routes().into_iter().rev().map(Arc::from).collect(),
            cseq_local: response.cseq()?.0,
            cseq_remote: None,
        })
    }

    /// Bytes of all texts.
    #[cfg(test)]
    pub(crate) fn weigh(&self) -> usize {
        let texts = [
            &self.call_id,
            &self.local,
            &self.remote,
            &self.local_tag,
            &self.remote_tag,
            &self.target,
        ];
        let routes = self.routes.iter().map(|route| route.len() + 32);
        texts.into_iter().map(|text| text.len() + 16).chain(routes).sum()
    }

    /// The Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &Arc<str> {
        &self.call_id
    }

    /// Our tag.
    #[must_use]
    pub fn local_tag(&self) -> &Arc<str> {
        &self.local_tag
    }

    /// Their tag; empty from RFC 2543 peers.
    #[must_use]
    pub fn remote_tag(&self) -> &str {
        &self.remote_tag
    }

    /// From of our requests.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// To of our requests.
    #[must_use]
    pub fn remote(&self) -> &str {
        &self.remote
    }

    /// The CSeq number of our last request.
    #[must_use]
    pub fn cseq_local(&self) -> u32 {
        self.cseq_local
    }

    /// The CSeq number of a new request of ours.
    pub fn next_cseq(&mut self) -> u32 {
        self.cseq_local = self.cseq_local.saturating_add(1).min(CSEQ_MAX);
        self.cseq_local
    }

    /// Takes the CSeq number of a request of theirs other than ACK and CANCEL.
    pub fn take_cseq(&mut self, number: u32) -> Sequence {
        if self.cseq_remote.is_some_and(|last| number <= last) {
            return Sequence::Old;
        }
        self.cseq_remote = Some(number);
        Sequence::Next
    }

    /// Takes the Contact of a target refresh: INVITE or UPDATE inside the dialog, or its 2xx.
    pub fn refresh_target(&mut self, contact: Option<&NameAddr>) {
        if let Some(contact) = contact {
            self.target = contact.uri.to_string().into();
        }
    }

    /// Where our next request goes. A first route without `lr` is a strict router: it becomes the Request-URI and the
    /// remote target the last route.
    #[must_use]
    pub fn heading(&self) -> Heading {
        let all = || self.routes.to_vec();
        let loose = Heading { uri: self.target.clone(), routes: all() };
        let Some((first, rest)) = self.routes.split_first() else { return loose };
        let Some(router) = NameAddr::parse(first).map(|route| route.uri) else { return loose };
        if is_loose(&router) {
            return loose;
        }
        let last = Arc::from(format!("<{}>", self.target));
        let routes = rest.iter().cloned().chain([last]).collect();
        Heading { uri: router.to_string().into(), routes }
    }
}

fn is_loose(router: &SipUri) -> bool {
    router.params.has("lr")
}
