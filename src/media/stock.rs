//! Sockets that are bound before the calls that are about to be made ask for them: ten in a row hold up the last of ten calls.

use super::ports::PortLease;
use mio::net::UdpSocket;
use std::sync::{Mutex, PoisonError};

/// Sockets kept at most, used or not.
const STOCK_MAX: usize = 64;
/// Packets that strangers may have sent to a socket before anybody had it. One that has more is given up.
const STRAYS_MAX: usize = 16;

/// A socket and its port. The socket goes first, so that the port is free when it is said to be.
pub(super) type Bound = (UdpSocket, PortLease);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Stock(Mutex<Vec<Bound>>);

impl Stock {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether one more may be added.
    pub(super) fn has_room(&self) -> bool {
        self.len() < STOCK_MAX
    }

    /// Adds one.
    pub(super) fn add(&self, bound: Bound) {
        self.lock().push(bound);
    }

    /// Takes one to which nobody has sent anything that is not read yet.
    pub(super) fn take(&self) -> Option<Bound> {
        loop {
            let bound = self.lock().pop()?;
            if is_drained(&bound.0) {
                return Some(bound);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Bound>> {
        // Each change is complete before anything could panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads what strangers sent: the call hears none of it.
fn is_drained(socket: &UdpSocket) -> bool {
    let mut byte = [0];
    (0..STRAYS_MAX).any(|_| {
        matches!(socket.recv_from(&mut byte), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    })
}
