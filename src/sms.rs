//! Text messages over Twilio-compatible providers.
//!
//! One task per message until the provider has taken it, bounded by the route's `in_flight`; whoever finds no room
//! gets a failed leg at once, so that the alarm can choose another route. A slow provider holds up nothing but its own
//! messages. Messages whose receipt is awaited stand in one queue, which one task ends in order.
//! Must not know alarms: an order comes in with its words, reports go out on one channel.

mod client;
mod outcome;
mod replies;
mod signature;
mod webhook;

pub use client::{ProviderClient, SendError, Sent};
pub use outcome::{outcome_of_error, report_of_status};
pub use replies::{Received, Replies};
pub use signature::{SignatureCheck, is_signed};
pub use webhook::{replies_router, router};

use crate::clock::{Clock, Seldom};
use crate::config::SmsRouteConfig;
use crate::tasks::Tasks;
use jiff::Timestamp;
use lianfang_domain::id::LegId;
use lianfang_domain::leg::{LegOutcome, LegReport, RouteName};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

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

/// What the carrier works with.
#[derive(Clone, Debug)]
pub struct Needs {
    /// The clock.
    pub clock: Clock,
    /// Tasks of the alarm path.
    pub tasks: Tasks,
    /// Where reports go.
    pub reports: Reports,
    /// How long to wait for what.
    pub pauses: Pauses,
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Pauses {
    /// Before the first try: the calls of the same alarm leave first, as somebody hears a call sooner than they read a text.
    pub calls_first: Duration,
    /// Before the second try; doubles with each.
    pub first: Duration,
    /// The longest pause, also if the provider asks for more.
    pub max: Duration,
    /// No try begins later than this after the first.
    pub give_up: Duration,
    /// For a delivery receipt; then all we know is that the provider took the message.
    pub receipt: Duration,
    /// Between two signs of life that keep connections to the providers open.
    pub keep_warm: Duration,
}

impl Default for Pauses {
    /// Three milliseconds, in which ten calls leave; a quarter of a second and ten seconds, by which time voice has answered;
    /// twenty seconds in all; two minutes for the receipt; a sign of life well within the minute after which servers close
    /// idle connections.
    fn default() -> Self {
        Self {
            calls_first: Duration::from_millis(3),
            first: Duration::from_millis(250),
            max: Duration::from_secs(10),
            give_up: Duration::from_secs(20),
            receipt: Duration::from_secs(120),
            keep_warm: Duration::from_secs(30),
        }
    }
}

/// Sends over every configured route.
#[derive(Clone, Debug)]
pub struct SmsCarrier {
    routes: Arc<BTreeMap<RouteName, Arc<Route>>>,
    needs: Needs,
    /// Messages whose receipt is awaited, with the end of the wait: in order, since all wait equally long.
    unreceipted: mpsc::Sender<(Timestamp, LegId)>,
}

#[derive(Debug)]
struct Route {
    name: RouteName,
    client: ProviderClient,
    room: Arc<Semaphore>,
    in_flight: u32,
    has_receipts: bool,
}

/// A report that finds no room for so long is dropped; the sweep of the switchboard then ends the leg.
const REPORT_MAX: Duration = Duration::from_secs(5);
/// Messages that may wait for their receipts: two minutes of five hundred a second. Others end as sent at once; their
/// receipts still count.
const UNRECEIPTED_MAX: usize = 65_536;
/// Connections that are kept open to a provider: the messages of one alarm.
const WARM_MAX: u32 = 10;

impl SmsCarrier {
    /// Builds the clients of the routes.
    ///
    /// # Errors
    /// When a client cannot be built.
    pub fn new(
        configs: &[SmsRouteConfig],
        public_base_url: Option<&str>,
        needs: Needs,
    ) -> Result<Self, SendError> {
        let mut routes = BTreeMap::new();
        for config in configs {
            let name: RouteName = config.name.as_str().into();
            let (clock, pauses) = (needs.clock.clone(), needs.pauses);
            let route = Route {
                name: Arc::clone(&name),
                client: ProviderClient::new(config, public_base_url, clock, pauses)?,
                room: Arc::new(Semaphore::new(usize::try_from(config.in_flight).unwrap_or(1))),
                in_flight: config.in_flight,
                has_receipts: config.wants_status_callbacks && public_base_url.is_some(),
            };
            routes.insert(name, Arc::new(route));
        }
        let (unreceipted, waiting) = mpsc::channel(UNRECEIPTED_MAX);
        let receipts = needs.clone();
        needs.tasks.start("sms_receipts", move |stop| async move {
            end_unreceipted(waiting, &receipts, &stop).await;
        });
        Ok(Self { routes: Arc::new(routes), needs, unreceipted })
    }

    /// Starts to send a message. Returns at once; a route that is full or unknown reports a failed leg.
    pub fn place(&self, route: &RouteName, text: Text) {
        let carrier = self.clone();
        let leg = text.leg;
        let Some(route) = self.routes.get(route).cloned() else {
            self.needs.tasks.start("sms_refused", move |_| async move {
                let outcome = LegOutcome::CarrierFailed;
                report(&carrier.needs, leg, LegReport::Ended { outcome }).await;
            });
            return;
        };
        self.needs.tasks.start("sms", move |_| async move { carrier.send(&route, &text).await });
    }

    /// Opens connections to every provider and keeps them open, so that no alarm pays for it.
    pub fn keep_warm(&self) {
        for route in self.routes.values() {
            for _ in 0..route.in_flight.min(WARM_MAX) {
                let (route, pause) = (Arc::clone(route), self.needs.pauses.keep_warm);
                self.needs.tasks.start("sms_warm", move |stop| async move {
                    let turn = || async {
                        route.client.warm_up().await;
                        tokio::time::sleep(pause).await;
                    };
                    while stop.run_until_cancelled(turn()).await.is_some() {}
                });
            }
        }
    }

    async fn send(&self, route: &Route, text: &Text) {
        let (leg, needs) = (text.leg, &self.needs);
        let Ok(room) = route.room.try_acquire() else {
            metrics::counter!("lianfang_sms_refused_total", "route" => route.name.to_string())
                .increment(1);
            report(needs, leg, LegReport::Ended { outcome: LegOutcome::CarrierFailed }).await;
            return;
        };
        tokio::time::sleep(needs.pauses.calls_first).await;
        // Nobody waits for a word about the message before the message goes out.
        let placed = LegReport::Placed { route: Arc::clone(&route.name) };
        if needs.reports.try_send((leg, placed)).is_err() {
            metrics::counter!("lianfang_reports_dropped_total").increment(1);
        }
        let sent = route.client.send(text).await;
        // The report of the end gives the slot to another message, which must then find room.
        drop(room);
        match sent {
            Ok(sent) => {
                metrics::counter!("lianfang_sms_accepted_total", "route" => route.name.to_string())
                    .increment(1);
                let reference = sent.sid.as_str().into();
                let has_receipts = route.has_receipts;
                report(needs, leg, LegReport::Accepted { reference, has_receipts }).await;
                match report_of_status(&sent.status, sent.error_code) {
                    Some(known) => report(needs, leg, known).await,
                    None => self.end_without_receipt(route, leg).await,
                }
            }
            Err(error) => {
                let outcome = error.outcome();
                tracing::warn!(leg.id = %leg, carrier = %route.name, leg.outcome = ?outcome, error = %chain(&error), "The SMS was not taken");
                report(needs, leg, LegReport::Ended { outcome }).await;
            }
        }
    }

    async fn end_without_receipt(&self, route: &Route, leg: LegId) {
        let due = self.needs.clock.now() + self.needs.pauses.receipt;
        if !route.has_receipts || self.unreceipted.try_send((due, leg)).is_err() {
            let outcome = LegOutcome::Sent;
            report(&self.needs, leg, LegReport::Ended { outcome }).await;
        }
    }
}

/// Ends messages whose receipt does not come. One that came ended the leg first; the alarm ignores what is then said.
async fn end_unreceipted(
    mut waiting: mpsc::Receiver<(Timestamp, LegId)>,
    needs: &Needs,
    stop: &CancellationToken,
) {
    let ending = async {
        while let Some((due, leg)) = waiting.recv().await {
            tokio::time::sleep(needs.clock.until(due)).await;
            report(needs, leg, LegReport::Ended { outcome: LegOutcome::Sent }).await;
        }
    };
    stop.run_until_cancelled(ending).await.unwrap_or_default();
}

async fn report(needs: &Needs, leg: LegId, report: LegReport) {
    if tokio::time::timeout(REPORT_MAX, needs.reports.send((leg, report))).await.is_err() {
        metrics::counter!("lianfang_reports_dropped_total").increment(1);
        static TOLD: Seldom = Seldom::new();
        if let Some(times) = TOLD.tell(needs.clock.now()) {
            tracing::error!(leg.id = %leg, times, "The switchboard takes no reports");
        }
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
