//! Bindings by account, with their indexes by expiry and by connection kept true.

use super::Binding;
use crate::agent::api::{Flow, Transport};
use jiff::Timestamp;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// All bindings. Its bounds are the registrar's affair.
#[derive(Debug, Default)]
pub(super) struct Store {
    accounts: HashMap<Arc<str>, Vec<Binding>>,
    /// The first expiry of each account.
    expiries: BTreeSet<(Timestamp, Arc<str>)>,
    /// Accounts on streams.
    connections: BTreeSet<(u64, Arc<str>)>,
    len: usize,
}

impl Store {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, account: &str) -> &[Binding] {
        self.accounts.get(account).map_or(&[], Vec::as_slice)
    }

    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.expiries.first().map(|(at, _)| *at)
    }

    /// An account of which something expired.
    pub(super) fn due(&self, now: Timestamp) -> Option<Arc<str>> {
        self.expiries.first().filter(|(at, _)| *at <= now).map(|(_, account)| account.clone())
    }

    pub(super) fn accounts_on(&self, connection: u64) -> Vec<Arc<str>> {
        let first: Arc<str> = Arc::from("");
        let on = self.connections.range((connection, first)..);
        on.take_while(|(at, _)| *at == connection).map(|(_, account)| account.clone()).collect()
    }

    /// Puts a binding in the place of all that match, at the end. Returns where the first of them was.
    pub(super) fn replace(
        &mut self,
        account: &Arc<str>,
        binding: Binding,
        is_replaced: impl FnMut(&Binding) -> bool,
    ) -> Option<Flow> {
        let replaced = self.remove_where(account, is_replaced);
        let mut bindings = self.take(account);
        bindings.reserve_exact(1);
        bindings.push(binding);
        self.put(account, bindings);
        replaced.first().map(|binding| binding.flow)
    }

    /// Takes out all that match.
    pub(super) fn remove_where(
        &mut self,
        account: &Arc<str>,
        mut is_gone: impl FnMut(&Binding) -> bool,
    ) -> Vec<Binding> {
        let mut kept = Vec::new();
        let mut gone = Vec::new();
        for binding in self.take(account) {
            if is_gone(&binding) { gone.push(binding) } else { kept.push(binding) }
        }
        kept.shrink_to_fit();
        self.put(account, kept);
        gone
    }

    /// Takes an account out of everything.
    fn take(&mut self, account: &Arc<str>) -> Vec<Binding> {
        let Some(bindings) = self.accounts.remove(account) else {
            return Vec::new();
        };
        self.len = self.len.saturating_sub(bindings.len());
        if let Some(first) = first_expiry(&bindings) {
            self.expiries.remove(&(first, account.clone()));
        }
        for connection in streams(&bindings) {
            self.connections.remove(&(connection, account.clone()));
        }
        bindings
    }

    /// Puts an account back that was taken out.
    fn put(&mut self, account: &Arc<str>, bindings: Vec<Binding>) {
        let Some(first) = first_expiry(&bindings) else {
            return;
        };
        self.len = self.len.saturating_add(bindings.len());
        self.expiries.insert((first, account.clone()));
        for connection in streams(&bindings) {
            self.connections.insert((connection, account.clone()));
        }
        self.accounts.insert(account.clone(), bindings);
    }
}

fn first_expiry(bindings: &[Binding]) -> Option<Timestamp> {
    bindings.iter().map(|binding| binding.expires_at).min()
}

fn streams(bindings: &[Binding]) -> impl Iterator<Item = u64> {
    let flows = bindings.iter().map(|binding| binding.flow);
    flows.filter(|flow| flow.transport != Transport::Udp).map(|flow| flow.connection)
}
