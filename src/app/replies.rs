//! Texts that people write back: from the provider to the switchboard.

use crate::sms::{Received, Replies};
use crate::switchboard::Switchboard;
use lianfang_domain::answer;
use lianfang_domain::id::CommunityId;
use lianfang_domain::phone::{Home, PhoneNumber};
use std::pin::Pin;

/// Longest number that is looked at, in bytes.
const NUMBER_MAX: usize = 64;

/// See the module.
pub(super) struct ToSwitchboard(pub(super) Switchboard);

impl Replies for ToSwitchboard {
    fn take(&self, received: Received) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(async move {
            let fate = match number_of(&received.from) {
                None => "no_number",
                Some(from) => match self.0.text(from, answer::read(&received.body)).await {
                    Ok(fate) => fate.name(),
                    Err(_) => return false,
                },
            };
            metrics::counter!("lianfang_sms_replies_total", "fate" => fate).increment(1);
            tracing::debug!(fate, "A text came back");
            true
        })
    }
}

/// Texts come from mobiles, which have no area code.
fn number_of(written: &str) -> Option<PhoneNumber> {
    let home = Home { area_code: "".into(), community: CommunityId(0) };
    let is_short = written.len() <= NUMBER_MAX;
    is_short.then(|| PhoneNumber::of_caller(written, &home).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_however_a_provider_writes_them() {
        for written in ["+8613800010102", "8613800010102", "13800010102", " +86 138-0001-0102"] {
            let key = number_of(written).map(|number| number.key().to_owned());
            assert_eq!(key.as_deref(), Some("+8613800010102"), "{written}");
        }
        for wrong in ["", "anonymous", &"1".repeat(65)] {
            assert_eq!(number_of(wrong), None, "{wrong}");
        }
    }
}
