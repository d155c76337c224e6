//! Asks a trunk by OPTIONS whether it lives. Any answer is told; what it means is not decided here.

use super::UserAgent;
use super::api::Flow;
use super::compose::Compose;
use super::table::{Owner, client_key};
use crate::transaction::{ClientNonInvite, Transaction};
use jiff::Timestamp;

impl UserAgent {
    pub(super) fn probe(&mut self, (probe, uri): (u64, &str), flow: Flow, now: Timestamp) {
        let id = format!("{:016x}", self.fresh());
        let branch = format!("z9hG4bK{id}");
        let own = self.advertised(&flow);
        let bytes = Compose::request("OPTIONS", uri)
            .header("Via", &self.own_via(&flow, &branch))
            .header("Max-Forwards", "70")
            .header("From", &format!("<sip:{}@{own}>;tag={id}", self.config.contact_user))
            .header("To", &format!("<{uri}>"))
            .header("Call-ID", &format!("{id}@{own}"))
            .header("CSeq", "1 OPTIONS")
            .header("Contact", &self.contact(&flow))
            .header("User-Agent", &self.config.product)
            .finish(None);
        let is_reliable = flow.transport.is_reliable();
        let mut machine =
            ClientNonInvite::new(bytes.clone(), is_reliable, &self.config.timers, now);
        machine.give_up_after(self.config.probe_wait, now);
        let key = client_key("OPTIONS", &branch);
        let machine = Transaction::ClientNonInvite(machine);
        self.transactions.insert(key.clone(), machine, flow, Owner::Probe(probe));
        self.transactions.settle(&key, &mut self.timers);
        self.transmit(flow, bytes);
    }
}
