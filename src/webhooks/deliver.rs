//! Sends what is due, a few at a time to each webhook, each try in a task of its own: a slow target waits for itself.

use super::sender::Sender;
use super::signature::WebhookKey;
use crate::clock::{Clock, Seldom};
use crate::store::webhooks::deliveries::{self, Delivery, DeliveryState};
use crate::store::webhooks::{self, WEBHOOKS_MAX, Webhook};
use crate::store::{Database, StoreError};
use crate::tasks::Tasks;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

/// Tries under way to one webhook.
const OF_ONE_MAX: usize = 4;
/// Tries under way in all: no more than that, whatever 50 targets do.
const ALL_MAX: usize = 32;
/// Longest wait for a wake-up that was missed, or for a clock that was set.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How long to wait where what is due has no room: what is due to others may come meanwhile.
const FULL: Duration = Duration::from_secs(1);
/// How long a database that fails is left alone.
const RETRY: Duration = Duration::from_secs(5);
/// How often what has ended long ago is erased.
const ERASE_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// See the module.
pub(super) struct Deliverer {
    pub(super) database: Database,
    pub(super) sender: Sender,
    pub(super) key: WebhookKey,
    pub(super) clock: Clock,
    pub(super) tasks: Tasks,
}

/// How many tries are under way to each.
type UnderWay = BTreeMap<u32, usize>;

impl Deliverer {
    /// Sends until it is asked to stop. A try that is cut off comes back after the restart.
    pub(super) async fn run(self, wake: Arc<Notify>, stop: CancellationToken) {
        let this = Arc::new(self);
        // Every try tells once, so it never waits.
        let (done, mut ended) = mpsc::channel::<u32>(ALL_MAX);
        let mut under_way = UnderWay::new();
        let mut erase_at = Timestamp::MIN;
        loop {
            let looked = stop.run_until_cancelled(this.begin(&mut under_way, &done)).await;
            let pause = match looked {
                None => return,
                Some(Ok(pause)) => pause,
                Some(Err(error)) => {
                    tell_failure(&error, this.clock.now());
                    RETRY
                }
            };
            if erase_at <= this.clock.now() {
                erase_at = this.clock.now().saturating_add(ERASE_EVERY).unwrap_or(Timestamp::MAX);
                if let Some(Err(error)) = stop.run_until_cancelled(this.erase()).await {
                    tell_failure(&error, this.clock.now());
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
                webhook = ended.recv() => leave(&mut under_way, webhook),
            }
            while let Ok(webhook) = ended.try_recv() {
                leave(&mut under_way, Some(webhook));
            }
        }
    }

    /// Begins what is due, and says how long there is nothing to do.
    async fn begin(
        self: &Arc<Self>,
        under_way: &mut UnderWay,
        done: &mpsc::Sender<u32>,
    ) -> Result<Duration, StoreError> {
        let now = self.clock.now();
        let webhooks = webhooks::list(&self.database, 0, WEBHOOKS_MAX).await?;
        for webhook in webhooks.into_iter().filter(|webhook| webhook.is_enabled) {
            let all: usize = under_way.values().sum();
            let own = under_way.get(&webhook.id).copied().unwrap_or_default();
            let room = OF_ONE_MAX.saturating_sub(own).min(ALL_MAX.saturating_sub(all));
            if room == 0 {
                continue;
            }
            let due = deliveries::take_due(&self.database, webhook.id, room, now).await?;
            let webhook = Arc::new(webhook);
            for delivery in due {
                *under_way.entry(webhook.id).or_default() += 1;
                let (this, webhook, done) = (Arc::clone(self), Arc::clone(&webhook), done.clone());
                self.tasks.start("webhook", |stop| async move {
                    // One that is cut off comes back after its lease.
                    stop.run_until_cancelled(this.deliver(&webhook, delivery)).await;
                    // Nobody listens once the service stops.
                    let _ = done.send(webhook.id).await;
                });
            }
        }
        let next = deliveries::next_due(&self.database).await?;
        let wait = next.map_or(LOOK_EVERY, |next| self.clock.until(next));
        // What is due and has no room waits for a try to end.
        let is_full = !under_way.is_empty() && wait.is_zero();
        Ok(if is_full { FULL } else { wait.clamp(Duration::from_millis(10), LOOK_EVERY) })
    }

    async fn deliver(&self, webhook: &Webhook, delivery: Delivery) {
        let at = self.clock.now();
        let salts = webhook.salts(at);
        let (id, body) = (&delivery.message_id, &delivery.body);
        let headers = [
            ("webhook-id", id.clone()),
            ("webhook-timestamp", at.as_second().to_string()),
            ("webhook-signature", self.key.sign((webhook.id, &salts), (id, at, body))),
        ];
        let tried = self.sender.send(&webhook.url, headers, body.clone()).await;
        // Without random numbers the pause is in the middle.
        let chance = getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX));
        let now = self.clock.now();
        let outcome = tried.error.map_or_else(|| "delivered".to_owned(), |error| error.to_string());
        metrics::counter!("lianfang_webhook_tries_total", "outcome" => outcome).increment(1);
        match deliveries::tried(&self.database, &delivery, tried, (now, chance)).await {
            Ok(DeliveryState::Dead) => tracing::warn!(
                webhook.id = webhook.id,
                delivery.id = delivery.id,
                status = tried.status,
                "A message to a webhook is given up"
            ),
            Ok(DeliveryState::Delivered | DeliveryState::Waiting) => {}
            // It is sent again when its time is over; the target knows it by its id.
            Err(error) => tell_failure(&error, now),
        }
    }

    async fn erase(&self) -> Result<(), StoreError> {
        let webhooks = webhooks::list(&self.database, 0, WEBHOOKS_MAX).await?;
        let ids: Vec<u32> = webhooks.iter().map(|webhook| webhook.id).collect();
        deliveries::erase_old(&self.database, &ids, self.clock.now()).await
    }
}

fn leave(under_way: &mut UnderWay, webhook: Option<u32>) {
    let Some(webhook) = webhook else { return };
    if let Some(count) = under_way.get_mut(&webhook) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            under_way.remove(&webhook);
        }
    }
}

fn tell_failure(error: &StoreError, now: Timestamp) {
    static TOLD: Seldom = Seldom::new();
    if let Some(times) = TOLD.tell(now) {
        tracing::warn!(%error, times, "Cannot read or write the messages of webhooks, trying again");
    }
}
