//! The prompts inside the binary, so that it speaks from any directory. Files of the same names in the data directory
//! take their place.

use super::wav::{self, PromptError};
use crate::media::Recording;
use lianfang_domain::directory::Written;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// A prompt in each language: stem of its file, Chinese, English.
type Shipped = (&'static str, &'static [u8], &'static [u8]);

macro_rules! shipped {
    ($($stem:literal)*) => {
        &[$((
            $stem,
            include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/prompts/zh-CN/", $stem, ".wav")),
            include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/prompts/en/", $stem, ".wav")),
        )),*]
    };
}

/// Every prompt. A test compares the list with the clips that exist.
pub(super) const SHIPPED: &[Shipped] = shipped! {
    "tone" "alarm" "still-in-danger" "unproven" "or-same-device" "go-now" "keys" "home"
    "own-household" "stand-down" "cancelled" "said-mistake" "calling" "neighbours" "help-called"
    "duty-worker" "is-coming" "for-help-press" "hotline-grace" "noted" "unit-building" "unit-block"
    "unit-dong" "unit-zhuang" "unit-unit" "unit-stairs" "unit-gate" "unit-floor" "unit-storey"
    "unit-door" "unit-room" "unit-house" "unit-household" "unit-lane" "unit-alley" "unit-court"
    "unit-row" "unit-zone" "unit-phase" "unit-basement" "unit-part" "sign-0" "sign-1" "sign-2"
    "sign-3" "sign-4" "sign-5" "sign-6" "sign-7" "sign-8" "sign-9" "sign-a" "sign-b" "sign-c"
    "sign-d" "sign-e" "sign-f" "sign-g" "sign-h" "sign-i" "sign-j" "sign-k" "sign-l" "sign-m"
    "sign-n" "sign-o" "sign-p" "sign-q" "sign-r" "sign-s" "sign-t" "sign-u" "sign-v" "sign-w"
    "sign-x" "sign-y" "sign-z" "sign-star" "sign-hash" "sign-dash" "count-1" "count-2" "count-3"
    "count-4" "count-5" "count-6" "count-7" "count-8" "count-9" "count-10" "count-11" "count-12"
    "count-13" "count-14" "count-15" "count-16" "count-17" "count-18" "count-19" "count-20"
    "number-1" "number-2" "number-3" "number-4" "number-5" "number-6" "number-7" "number-8"
    "number-9" "number-10" "number-11" "number-12" "number-13" "number-14" "number-15" "number-16"
    "number-17" "number-18" "number-19" "number-20" "number-30" "number-40" "number-50" "number-60"
    "number-70" "number-80" "number-90" "drill" "kind-fire" "kind-intruder" "kind-illness"
    "kind-flood" "kind-other" "go-fire" "go-illness" "never-alone" "go-together" "wait-for-another"
    "kind-update" "are-you-there" "arrival-keys" "duress" "please-close" "drill-over" "also-at"
    "in-all" "homes-in-need" "neighbours-and-duty" "they-know" "withdrawn" "wrong-pin"
    "enter-worker" "enter-pin" "not-right" "too-many-tries" "enter-clip" "no-such-clip" "speak-now"
    "you-said" "keep-keys" "kept" "too-quiet" "too-loud" "too-short" "too-long" "not-usable"
    "not-kept" "key-pin" "arrival-noted" "no-open-alarm" "welcome" "nobody-needs-you" "still-calling"
    "which-outcome" "talk-full" "closed-genuine" "closed-false" "closed-test" "closed"
    "take-over" "open-now" "open-cases" "nothing-open" "take-over-keys"
    "drill-ahead" "drill-what-to-do" "today" "tomorrow" "days-ahead" "o-clock" "minutes"
};

/// Prompts that were encoded: languages that are written alike share them, and so does everything in the process.
static ENCODED: Mutex<BTreeMap<(&'static str, Written), Recording>> = Mutex::new(BTreeMap::new());

/// The prompt of this stem, as it is sent.
///
/// # Errors
/// There is none, or the file that was built in is not what a telephone can carry.
pub(super) fn recording(stem: &str, written: Written) -> Result<Recording, PromptError> {
    let path = |tag: &str| PathBuf::from(format!("(shipped) {tag}/{stem}.wav"));
    let Some((stem, chinese, english)) = SHIPPED.iter().find(|(shipped, ..)| *shipped == stem)
    else {
        return Err(PromptError::Open { path: path("*"), source: io::ErrorKind::NotFound.into() });
    };
    let mut encoded = ENCODED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = encoded.get(&(*stem, written)) {
        return Ok(known.clone());
    }
    let (tag, bytes) = match written {
        Written::Chinese => ("zh-CN", chinese),
        Written::English => ("en", english),
    };
    let recording = Recording::encode(&wav::read(*bytes, &path(tag))?);
    encoded.insert((*stem, written), recording.clone());
    Ok(recording)
}
