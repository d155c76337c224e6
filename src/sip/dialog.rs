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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::SipMessage;
    use crate::reader;

    fn invite(more: &str) -> Request {
        let text = format!(
            "INVITE sip:%239@town.example SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
             From: <sip:8001@town.example>;tag=a\r\nTo: <sip:%239@town.example>\r\nCall-ID: c\r\n\
             CSeq: 7 INVITE\r\n{more}Content-Length: 0\r\n\r\n"
        );
        match reader::read(text.as_bytes()).unwrap() {
            SipMessage::Request(request) => request,
            SipMessage::Response(_) => panic!("not a request"),
        }
    }

    fn ok(more: &str) -> Response {
        let text = format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
             From: <sip:95@town.example>;tag=a\r\nTo: <sip:1@town.example>;tag=b\r\nCall-ID: c\r\n\
             CSeq: 3 INVITE\r\n{more}Content-Length: 0\r\n\r\n"
        );
        match reader::read(text.as_bytes()).unwrap() {
            SipMessage::Response(response) => response,
            SipMessage::Request(_) => panic!("not a response"),
        }
    }

    fn heading(dialog: &Dialog) -> (String, Vec<String>) {
        let Heading { uri, routes } = dialog.heading();
        (uri.to_string(), routes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn routes_are_followed_from_both_sides() {
        // (Record-Route and Contact as they came, the heading as called, the heading as caller)
        type Row = (&'static str, (&'static str, &'static [&'static str]), &'static [&'static str]);
        let rows: &[Row] = &[
            ("Contact: <sip:x@h>\r\n", ("sip:x@h", &[]), &[]),
            (
                "Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\nContact: \"X\" <sip:x@h;transport=tcp>\r\n",
                ("sip:x@h;transport=tcp", &["<sip:p1;lr>", "<sip:p2;lr>"]),
                &["<sip:p2;lr>", "<sip:p1;lr>"],
            ),
        ];
        for (headers, (uri, routes), reversed) in rows {
            let called = Dialog::of_request(&invite(headers), "t").unwrap();
            assert_eq!(
                heading(&called),
                ((*uri).to_owned(), routes.iter().map(ToString::to_string).collect())
            );
            let caller = Dialog::of_response(&ok(headers)).unwrap();
            assert_eq!(
                heading(&caller),
                ((*uri).to_owned(), reversed.iter().map(ToString::to_string).collect())
            );
        }
    }

    #[test]
    fn a_strict_router_gets_the_request_uri() {
        let headers = "Record-Route: <sip:strict.example>, <sip:p2;lr>\r\nContact: <sip:x@h>\r\n";
        let dialog = Dialog::of_request(&invite(headers), "t").unwrap();
        let routes = vec!["<sip:p2;lr>".to_owned(), "<sip:x@h>".to_owned()];
        assert_eq!(heading(&dialog), ("sip:strict.example".to_owned(), routes));
    }

    #[test]
    fn without_contact_the_address_of_the_other_side_is_the_target() {
        let called = Dialog::of_request(&invite(""), "t").unwrap();
        assert_eq!(heading(&called).0, "sip:8001@town.example");
        assert_eq!(heading(&Dialog::of_response(&ok("")).unwrap()).0, "sip:1@town.example");
    }

    #[test]
    fn a_contact_refreshes_the_target() {
        let mut dialog = Dialog::of_request(&invite("Contact: <sip:x@h>\r\n"), "t").unwrap();
        dialog.refresh_target(NameAddr::parse("<sip:y@h2>").as_ref());
        assert_eq!(heading(&dialog).0, "sip:y@h2");
        dialog.refresh_target(None);
        assert_eq!(heading(&dialog).0, "sip:y@h2");
    }

    #[test]
    fn numbers_rise_on_both_sides() {
        let mut dialog = Dialog::of_request(&invite(""), "t").unwrap();
        let taken = [7, 6, 8, 8, 20, 9].map(|number| dialog.take_cseq(number) == Sequence::Next);
        assert_eq!(taken, [false, false, true, false, true, false]);
        assert_eq!([dialog.next_cseq(), dialog.next_cseq()], [1, 2]);
        let mut dialog = Dialog::of_response(&ok("")).unwrap();
        assert_eq!(dialog.take_cseq(0), Sequence::Next, "any number may be the first");
        assert_eq!(dialog.next_cseq(), 4);
    }

    #[test]
    fn the_tags_are_ours_and_theirs() {
        let called = Dialog::of_request(&invite(""), "t").unwrap();
        assert_eq!((&**called.local_tag(), called.remote_tag()), ("t", "a"));
        assert_eq!(called.local(), "<sip:%239@town.example>;tag=t");
        assert_eq!(called.phase, Phase::Early);
        let caller = Dialog::of_response(&ok("")).unwrap();
        assert_eq!((&**caller.local_tag(), caller.remote_tag()), ("a", "b"));
        assert_eq!(caller.phase, Phase::Confirmed);
    }
}
