//! Text messages through a provider that behaves as told: real HTTP on the loopback, every pause made short.

mod callbacks;
mod provider;
mod replies;
mod sending;

use jiff::Timestamp;
use lianfang::clock::Clock;
use lianfang::config::{Secret, SmsRouteConfig};
use lianfang::sms::{Needs, Pauses, SmsCarrier, Text};
use lianfang::tasks::Tasks;
use lianfang_domain::id::{AlarmId, LegId};
use lianfang_domain::leg::{LegOutcome, LegReport};
use provider::Provider;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// 2026-11-22T00:00:00Z.
const NOW_S: i64 = 1_795_305_600;
const ROUTE: &str = "sms";
const TOKEN: &str = "the token";
const NEXT_TOKEN: &str = "the next token";
const BASE_URL: &str = "https://alarm.example";
/// Longer than any test takes that goes well.
const PATIENCE: Duration = Duration::from_secs(20);

/// A carrier with one route to a provider, and what it reports.
struct Sender {
    carrier: SmsCarrier,
    configs: Vec<SmsRouteConfig>,
    reports: mpsc::Receiver<(LegId, LegReport)>,
}

/// The route that most tests use.
fn route(provider: &Provider) -> SmsRouteConfig {
    SmsRouteConfig {
        name: ROUTE.to_owned(),
        base_url: provider.base_url(),
        account_sid: provider::ACCOUNT.to_owned(),
        auth_token: Secret::new(TOKEN.to_owned()),
        auth_token_next: Some(Secret::new(NEXT_TOKEN.to_owned())),
        from: "+8659212349".to_owned(),
        messages_per_second: 100,
        in_flight: 4,
        timeout: Duration::from_secs(5),
        wants_status_callbacks: false,
        has_links: false,
        callee_budgets: Vec::new(),
    }
}

fn pauses() -> Pauses {
    let short = Duration::from_millis(1);
    Pauses { first: short, max: short, receipt: Duration::ZERO, ..Pauses::default() }
}

impl Sender {
    fn new(config: SmsRouteConfig) -> Self {
        Self::with_pauses(config, pauses())
    }

    fn with_pauses(config: SmsRouteConfig, pauses: Pauses) -> Self {
        let (sender, reports) = mpsc::channel(64);
        let needs = Needs {
            clock: Clock::simulated(Timestamp::from_second(NOW_S).expect("a time")),
            tasks: Tasks::new(Handle::current(), CancellationToken::new()),
            reports: sender,
            pauses,
        };
        let configs = vec![config];
        let carrier = SmsCarrier::new(&configs, Some(BASE_URL), needs).expect("a carrier");
        Self { carrier, configs, reports }
    }

    fn place(&self, number: u32) {
        self.carrier.place(&ROUTE.into(), text(number));
    }

    async fn report(&mut self) -> (LegId, LegReport) {
        let report = tokio::time::timeout(PATIENCE, self.reports.recv()).await;
        report.expect("a report in time").expect("a report")
    }

    /// Every report of one leg until its end.
    async fn until_end(&mut self) -> Vec<LegReport> {
        let mut reports = Vec::new();
        loop {
            let (_, report) = self.report().await;
            reports.push(report);
            if let Some(LegReport::Ended { .. }) = reports.last() {
                return reports;
            }
        }
    }

    /// Sends one message; how it ended.
    async fn send(&mut self) -> LegOutcome {
        self.place(1);
        let reports = self.until_end().await;
        assert_eq!(reports.first(), Some(&placed()), "{reports:?}");
        match reports.last() {
            Some(LegReport::Ended { outcome }) => *outcome,
            other => panic!("no end: {other:?}"),
        }
    }
}

fn leg(number: u32) -> LegId {
    LegId { alarm: AlarmId(7), number }
}

fn text(number: u32) -> Text {
    Text {
        leg: leg(number),
        to: "+8613800000001".to_owned(),
        body: "[平安联防] 1-2-502".to_owned(),
    }
}

fn placed() -> LegReport {
    LegReport::Placed { route: ROUTE.into() }
}

fn ended(outcome: LegOutcome) -> LegReport {
    LegReport::Ended { outcome }
}
