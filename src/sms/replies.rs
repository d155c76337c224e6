//! Texts that people write back, as a provider hands them over.
//!
//! Must not know what a text means, nor whom a number belongs to: [`Replies`] does.

use std::collections::{BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

/// Texts that are remembered so that a repeated one counts once: minutes of a storm.
const SEEN_MAX: usize = 4_096;
/// Longest id of a text that is looked at; nobody makes longer ones.
const SID_CHARS_MAX: usize = 64;

/// A text that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The sender's number, as the provider writes it.
    pub from: String,
    /// What it says.
    pub body: String,
}

/// Who takes texts.
pub trait Replies: Send + Sync + 'static {
    /// Takes a text. `false` when there is no room for it now and it is to be repeated; what nobody understands is
    /// taken, too.
    fn take(&self, received: Received) -> Pin<Box<dyn Future<Output = bool> + Send + '_>>;
}

/// Texts that came before, the latest ones.
#[derive(Debug, Default)]
pub(super) struct SeenTexts(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    known: BTreeSet<String>,
    order: VecDeque<String>,
}

impl SeenTexts {
    /// Whether it comes for the first time; remembered from now on.
    pub(super) fn is_new(&self, sid: &str) -> bool {
        let sid: String = sid.chars().take(SID_CHARS_MAX).collect();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.known.insert(sid.clone()) {
            return false;
        }
        seen.order.push_back(sid);
        if SEEN_MAX < seen.order.len()
            && let Some(oldest) = seen.order.pop_front()
        {
            seen.known.remove(&oldest);
        }
        true
    }

    /// It was not taken.
    pub(super) fn forget(&self, sid: &str) {
        let sid: String = sid.chars().take(SID_CHARS_MAX).collect();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.known.remove(&sid);
        seen.order.retain(|known| *known != sid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_new_once_and_memory_is_bounded() {
        let seen = SeenTexts::default();
        assert!(seen.is_new("SM1"));
        assert!(!seen.is_new("SM1"));
        seen.forget("SM1");
        assert!(seen.is_new("SM1"));
        for number in 0..SEEN_MAX {
            assert!(seen.is_new(&format!("more {number}")));
        }
        assert!(seen.is_new("SM1"), "long ago");
        assert!(seen.0.lock().unwrap().order.len() <= SEEN_MAX);
    }
}
