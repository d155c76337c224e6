//! SMS without a receipt are answered by voice.

use super::super::event::{Event, LegWhy};
use super::Draft;

impl Draft<'_> {
    pub(in crate::alarm) fn receipts_late(&mut self) {
        let now = self.now;
        let late: Vec<u32> = self
            .alarm
            .awaited_receipts()
            .filter(|(at, _)| *at <= now)
            .map(|(_, leg)| leg)
            .collect();
        for leg in late {
            self.emit(Event::ReceiptLate { leg });
            self.call_instead(leg);
        }
    }

    /// One call at a time for each party: the order makes the next SMS of the same party find its phone ringing.
    pub(in crate::alarm) fn call_instead(&mut self, sms: u32) {
        let leg = self.alarm.leg(sms);
        let call = leg.and_then(|leg| self.alarm.call_instead(leg, self.now));
        self.order(LegWhy::ReceiptLate, call.into_iter().collect());
    }
}
