//! Twilio's statuses and error codes as outcomes of a leg. The numbers end at this border.

use lianfang_domain::leg::{LegOutcome, LegReport};

/// What an error code says about the callee (Twilio error dictionary); a code that we do not know is the carrier's fault.
#[must_use]
pub fn outcome_of_error(code: u32) -> LegOutcome {
    match code {
        // Invalid, unassigned or unknown number.
        21_211 | 21_214 | 21_217 | 13_224 | 30_005 => LegOutcome::BadNumber,
        // The callee replied STOP.
        21_610 => LegOutcome::OptedOut,
        // Landline, or a number that takes no messages.
        21_614 | 21_635 | 30_006 => LegOutcome::NoSms,
        // Unreachable handset, blocked, filtered, unknown: it left the provider and did not arrive.
        30_003 | 30_004 | 30_007 | 30_008 | 30_036 => LegOutcome::Undelivered,
        _ => LegOutcome::CarrierFailed,
    }
}

/// What a message status says; `None` while nothing is final (queued, sending, sent, ...).
#[must_use]
pub fn report_of_status(status: &str, error_code: Option<u32>) -> Option<LegReport> {
    match status {
        "delivered" | "read" => Some(LegReport::Ended { outcome: LegOutcome::Delivered }),
        "undelivered" | "failed" | "canceled" => {
            let outcome = error_code.map_or(LegOutcome::Undelivered, outcome_of_error);
            Some(LegReport::Ended { outcome })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_statuses_become_outcomes() {
        for (code, outcome) in [
            (21_211, LegOutcome::BadNumber),
            (21_610, LegOutcome::OptedOut),
            (21_614, LegOutcome::NoSms),
            (30_003, LegOutcome::Undelivered),
            (20_003, LegOutcome::CarrierFailed),
            (30_001, LegOutcome::CarrierFailed),
        ] {
            assert_eq!(outcome_of_error(code), outcome, "{code}");
        }
        let ended = |outcome| Some(LegReport::Ended { outcome });
        for (status, code, report) in [
            ("queued", None, None),
            ("sent", None, None),
            ("a status of next year", None, None),
            ("delivered", None, ended(LegOutcome::Delivered)),
            ("undelivered", None, ended(LegOutcome::Undelivered)),
            ("undelivered", Some(30_006), ended(LegOutcome::NoSms)),
            ("failed", Some(30_001), ended(LegOutcome::CarrierFailed)),
        ] {
            assert_eq!(report_of_status(status, code), report, "{status}");
        }
    }
}
