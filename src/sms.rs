//! Text messages over Twilio-compatible providers.
//!
//! One task per message, bounded by the route's `in_flight`; whoever finds no room gets a failed leg at once, so that
//! the alarm can choose another route. A slow provider holds up nothing but its own messages.
//! Must not know alarms: an order comes in with its words, reports go out on one channel.

mod client;
mod outcome;
mod signature;
mod webhook;

pub use client::{ProviderClient, SendError, Sent};
pub use outcome::{outcome_of_error, report_of_status};
pub use signature::{SignatureCheck, is_signed};
pub use webhook::router;

use crate::config::SmsRouteConfig;
use crate::tasks::Tasks;
use lianfang_domain::id::LegId;
use lianfang_domain::leg::{LegOutcome, LegReport, RouteName};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};

/// A message to send.
#[derive(Clone, Debug)]
pub struct Text {
    /// The leg that it belongs to.
    pub leg: LegId,
    /// The number, in the form that the provider wants: E.164, or as written when it has none.
    pub to: String,
    /// The words.
    pub body: String,
}

/// Where reports of legs go.
pub type Reports = mpsc::Sender<(LegId, LegReport)>;

/// Sends over every configured route.
#[derive(Clone, Debug)]
pub struct SmsCarrier {
    routes: Arc<BTreeMap<RouteName, Arc<Route>>>,
    reports: Reports,
    tasks: Tasks,
}

#[derive(Debug)]
struct Route {
    name: RouteName,
    client: ProviderClient,
    room: Arc<Semaphore>,
    has_receipts: bool,
}

/// A report that finds no room for so long is dropped; the sweep of the switchboard then ends the leg.
const REPORT_MAX: Duration = Duration::from_secs(5);
/// Longest wait for a delivery receipt; then all we know is that the provider took it.
const RECEIPT_MAX: Duration = Duration::from_secs(120);

impl SmsCarrier {
    /// Builds the clients of the routes.
    ///
    /// # Errors
    /// When a client cannot be built.
    pub fn new(
        configs: &[SmsRouteConfig],
        public_base_url: Option<&str>,
        reports: Reports,
        tasks: Tasks,
    ) -> Result<Self, SendError> {
        let mut routes = BTreeMap::new();
        for config in configs {
            let name: RouteName = config.name.as_str().into();
            let route = Route {
                name: Arc::clone(&name),
                client: ProviderClient::new(config, public_base_url)?,
                room: Arc::new(Semaphore::new(usize::try_from(config.in_flight).unwrap_or(1))),
                has_receipts: config.wants_status_callbacks,
            };
            routes.insert(name, Arc::new(route));
        }
        Ok(Self { routes: Arc::new(routes), reports, tasks })
    }

    /// Starts to send a message. Returns at once; a route that is full or unknown reports a failed leg.
    pub fn place(&self, route: &RouteName, text: Text) {
        let reports = self.reports.clone();
        let leg = text.leg;
        let Some(route) = self.routes.get(route).cloned() else {
            self.tasks.start("sms_refused", move |_| async move {
                report(&reports, leg, LegReport::Ended { outcome: LegOutcome::CarrierFailed })
                    .await;
            });
            return;
        };
        self.tasks.start("sms", move |_| async move { send(&route, text, &reports).await });
    }

    /// Opens a connection to every provider, so that the first alarm does not pay for it.
    pub async fn warm_up(&self) {
        for route in self.routes.values() {
            route.client.warm_up().await;
        }
    }
}

async fn send(route: &Route, text: Text, reports: &Reports) {
    let leg = text.leg;
    let Ok(_room) = route.room.try_acquire() else {
        metrics::counter!("lianfang_sms_refused_total", "route" => route.name.to_string())
            .increment(1);
        report(reports, leg, LegReport::Ended { outcome: LegOutcome::CarrierFailed }).await;
        return;
    };
    report(reports, leg, LegReport::Placed { route: Arc::clone(&route.name) }).await;
    match route.client.send(&text).await {
        Ok(sent) => {
            metrics::counter!("lianfang_sms_accepted_total", "route" => route.name.to_string())
                .increment(1);
            report(reports, leg, LegReport::Accepted { reference: sent.sid.as_str().into() }).await;
            if let Some(final_report) = report_of_status(&sent.status, sent.error_code) {
                report(reports, leg, final_report).await;
            } else {
                end_without_receipt(route.has_receipts, leg, reports).await;
            }
        }
        Err(error) => {
            let outcome = error.outcome();
            tracing::warn!(leg.id = %leg, carrier = %route.name, leg.outcome = ?outcome, error = %chain(&error), "The SMS was not taken");
            report(reports, leg, LegReport::Ended { outcome }).await;
        }
    }
}

/// A receipt that comes earlier ends the leg first, and this report is then a late one that the alarm ignores.
async fn end_without_receipt(has_receipts: bool, leg: LegId, reports: &Reports) {
    if has_receipts {
        tokio::time::sleep(RECEIPT_MAX).await;
    }
    report(reports, leg, LegReport::Ended { outcome: LegOutcome::Sent }).await;
}

async fn report(reports: &Reports, leg: LegId, report: LegReport) {
    if tokio::time::timeout(REPORT_MAX, reports.send((leg, report))).await.is_err() {
        metrics::counter!("lianfang_reports_dropped_total").increment(1);
        tracing::error!(leg.id = %leg, "The switchboard takes no reports");
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
