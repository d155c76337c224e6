//! Follows what happens and enters what webhooks want to know of it.
//!
//! Alarms come from the log in the order of its trail, drills from their rows, routes and lines from a look now and then.
//! Each message has a name that it would get again, and is entered together with how far was read.

use super::{Needs, Outside, Webhooks};
use crate::clock::Seldom;
use crate::store::StoreError;
use crate::store::alarm_log::AlarmRow;
use crate::store::webhooks::deliveries::NewDelivery;
use crate::store::webhooks::news::{self, Told, Turn, Watched};
use crate::store::webhooks::{self, WEBHOOKS_MAX, Webhook, WebhookEvent};
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::alarm::Event;
use lianfang_domain::id::{AlarmId, CommunityId, LineId};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Longest pause between two looks. A change of the log ends it.
const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(5);
/// How long the log is left alone while there is nobody to tell: what is written meanwhile is soon read, should somebody come.
const IDLE: SignedDuration = SignedDuration::from_secs(60);
/// Rest between two pieces of work: a part of one core in the worst of storms.
const REST: Duration = Duration::from_millis(100);
/// How long after the start nothing is said of routes and lines: they are only being found.
const SETTLING: SignedDuration = SignedDuration::from_secs(60);
/// How long a line is away before it is told: telephones that are restarted are back by then.
const LINE_AWAY: SignedDuration = SignedDuration::from_secs(60);
/// Lines that are told of in one look, each way; the rest comes with the next.
const LINES_MAX: usize = 500;
/// How long after its end a drill is looked at: longer than any restart takes.
const DRILLS_SINCE: SignedDuration = SignedDuration::from_hours(24);

/// See the module.
pub(super) struct Follower {
    needs: Needs,
    webhooks: Webhooks,
    settled_at: Timestamp,
    /// Until when nobody looks while there is nobody to tell.
    idle_until: Timestamp,
    /// When lines are looked at next, however much happens until then.
    lines_at: Timestamp,
}

/// Something that may be told.
struct Thing<'a> {
    /// Names it for ever, within the service.
    name: String,
    event: WebhookEvent,
    at: Timestamp,
    community: Option<CommunityId>,
    is_drill: bool,
    data: &'a Value,
}

impl Follower {
    pub(super) fn new(needs: Needs, webhooks: Webhooks) -> Self {
        let settled_at = needs.clock.now().saturating_add(SETTLING).unwrap_or(Timestamp::MAX);
        Self { needs, webhooks, settled_at, idle_until: Timestamp::MIN, lines_at: Timestamp::MIN }
    }

    /// Follows until it is asked to stop. Work that is cut off is done again at the next start.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut changes = self.needs.log.changes().watch();
        loop {
            changes.mark_unchanged();
            match stop.run_until_cancelled(self.look()).await {
                None => return,
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    static TOLD: Seldom = Seldom::new();
                    if let Some(times) = TOLD.tell(self.needs.clock.now()) {
                        tracing::warn!(%error, times, "Cannot enter what webhooks want to know, trying again");
                    }
                }
            }
            // A log that is gone wakes nobody.
            let changed = async {
                tokio::time::sleep(REST).await;
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY.unsigned_abs()) => {}
                () = changed => {}
            }
        }
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        let webhooks = webhooks::list(self.needs.store.directory(), 0, WEBHOOKS_MAX).await?;
        let now = self.needs.clock.now();
        if webhooks.is_empty() && now < self.idle_until {
            return Ok(());
        }
        self.idle_until = now.saturating_add(IDLE).unwrap_or(Timestamp::MAX);
        while self.look_at_alarms(&webhooks).await? {
            tokio::time::sleep(REST).await;
        }
        if webhooks.is_empty() {
            return Ok(());
        }
        self.look_at_drills(&webhooks).await?;
        if self.settled_at <= self.needs.clock.now() {
            self.look_at_routes(&webhooks).await?;
            let tells_lines = webhooks
                .iter()
                .flat_map(|webhook| &webhook.events)
                .any(|event| matches!(event, WebhookEvent::LineDown | WebhookEvent::LineUp));
            if tells_lines && self.lines_at <= now {
                self.look_at_lines(&webhooks).await?;
                self.lines_at = now.saturating_add(LOOK_EVERY).unwrap_or(Timestamp::MAX);
            }
        }
        Ok(())
    }

    /// Whether there is more.
    async fn look_at_alarms(&self, webhooks: &[Webhook]) -> Result<bool, StoreError> {
        let (alarms, directory) = (self.needs.store.alarms(), self.needs.store.directory());
        let Some(found) = news::news(alarms, directory).await? else { return Ok(false) };
        let new = if webhooks.is_empty() {
            Vec::new()
        } else {
            self.of_alarms(&found.events, webhooks).await?
        };
        news::tell(directory, &new, found.up_to, self.needs.clock.now()).await?;
        self.wake_for(&new);
        Ok(found.has_more)
    }

    async fn of_alarms(
        &self,
        events: &[Told],
        webhooks: &[Webhook],
    ) -> Result<Vec<NewDelivery>, StoreError> {
        let ids: BTreeSet<AlarmId> = events.iter().map(|told| told.alarm).collect();
        let ids: Vec<AlarmId> = ids.into_iter().collect();
        let rows = self.needs.log.rows(&ids).await?;
        let rows: BTreeMap<AlarmId, AlarmRow> = rows.into_iter().map(|row| (row.id, row)).collect();
        let places = self.needs.log.places(&ids).await?;
        let mut new = Vec::new();
        for told in events {
            let Some((event, more)) = event_of(&told.event) else { continue };
            let Some(row) = rows.get(&told.alarm) else { continue };
            let community = places.get(&told.alarm).map(|place| place.community);
            let mut data = json!({"alarm_id": told.alarm, "line_id": row.line,
                "community_id": community, "is_drill": row.is_drill});
            if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
                data.extend(more);
            }
            let name = format!("{}_{}", told.alarm, told.sequence);
            let thing =
                Thing { name, event, at: told.at, community, is_drill: row.is_drill, data: &data };
            thing.tell(webhooks, &mut new);
        }
        Ok(new)
    }

    async fn look_at_drills(&self, webhooks: &[Webhook]) -> Result<(), StoreError> {
        let now = self.needs.clock.now();
        let since = now.saturating_sub(DRILLS_SINCE).unwrap_or(Timestamp::MIN);
        let mut new = Vec::new();
        for drill in news::drills(self.needs.store.alarms(), since).await? {
            let data = json!({"drill_id": drill.drill, "community_id": drill.community});
            let moments = [
                (WebhookEvent::DrillStarted, drill.started.filter(|at| since <= *at)),
                (WebhookEvent::DrillEnded, drill.ended),
            ];
            for (event, at) in moments {
                let Some(at) = at else { continue };
                let name = format!("{}_{}", event.name().replace('.', "_"), drill.drill);
                let community = Some(drill.community);
                let thing = Thing { name, event, at, community, is_drill: true, data: &data };
                thing.tell(webhooks, &mut new);
            }
        }
        // Those that were entered before are left as they are.
        news::turned(self.needs.store.directory(), &[], &new, now).await?;
        self.wake_for(&new);
        Ok(())
    }

    async fn look_at_routes(&self, webhooks: &[Webhook]) -> Result<(), StoreError> {
        let known = news::known_down(self.needs.store.directory(), Watched::Route).await?;
        let down: BTreeSet<String> = self.needs.outside.routes_down().into_iter().collect();
        let went = down.difference(&known).map(|name| (name, true));
        let came = known.difference(&down).map(|name| (name, false));
        let turns = went.chain(came).map(|(name, is_down)| (name.clone(), None, is_down));
        self.tell_turns(Watched::Route, turns.collect(), webhooks).await
    }

    async fn look_at_lines(&self, webhooks: &[Webhook]) -> Result<(), StoreError> {
        let known = news::known_down(self.needs.store.directory(), Watched::Line).await?;
        let outside: &dyn Outside = &*self.needs.outside;
        let limit = self.needs.clock.now().saturating_sub(LINE_AWAY).unwrap_or(Timestamp::MIN);
        let known: BTreeSet<LineId> =
            known.iter().filter_map(|name| name.parse().ok().map(LineId)).collect();
        // As many as are known may be among them.
        let lost = outside.lines_lost(limit, LINES_MAX.saturating_add(known.len()));
        let went = lost.into_iter().filter(|line| !known.contains(line)).take(LINES_MAX);
        let went: Vec<(LineId, bool)> = went.map(|line| (line, true)).collect();
        let came = if known.is_empty() { BTreeSet::new() } else { outside.lines_up(&known) };
        let came = came.into_iter().take(LINES_MAX).map(|line| (line, false));
        let turns: BTreeMap<LineId, bool> = went.into_iter().chain(came).collect();
        if turns.is_empty() {
            return Ok(());
        }
        let places = self.places(&turns);
        let turns = turns
            .into_iter()
            .map(|(line, is_down)| (line.to_string(), places.get(&line).copied(), is_down));
        self.tell_turns(Watched::Line, turns.collect(), webhooks).await
    }

    /// Where these lines are; those that left the directory are nowhere.
    fn places(&self, lines: &BTreeMap<LineId, bool>) -> BTreeMap<LineId, CommunityId> {
        let directory = self.needs.directory.current();
        let places = lines.keys().filter_map(|line| directory.line_by_id(*line));
        places.map(|place| (place.line, place.community)).collect()
    }

    async fn tell_turns(
        &self,
        what: Watched,
        found: Vec<(String, Option<CommunityId>, bool)>,
        webhooks: &[Webhook],
    ) -> Result<(), StoreError> {
        let at = self.needs.clock.now();
        let (mut turns, mut new) = (Vec::new(), Vec::new());
        for (name, community, is_down) in found {
            let (event, data) = match (what, is_down) {
                (Watched::Route, true) => (WebhookEvent::RouteDown, json!({"route": name})),
                (Watched::Route, false) => (WebhookEvent::RouteUp, json!({"route": name})),
                (Watched::Line, is_down) => {
                    let event = if is_down { WebhookEvent::LineDown } else { WebhookEvent::LineUp };
                    let line: Option<u32> = name.parse().ok();
                    (event, json!({"line_id": line, "community_id": community}))
                }
            };
            // Targets part the name from the rest by a full stop.
            let kind = event.name().replace('.', "_");
            // A name of a route may be long; its place among the turns of this moment is as good.
            let message = format!("{kind}_{}_{}", at.as_microsecond(), turns.len());
            let thing = Thing { name: message, event, at, community, is_drill: false, data: &data };
            thing.tell(webhooks, &mut new);
            turns.push(Turn { what, name, is_down });
        }
        news::turned(self.needs.store.directory(), &turns, &new, at).await?;
        self.wake_for(&new);
        Ok(())
    }

    fn wake_for(&self, new: &[NewDelivery]) {
        if !new.is_empty() {
            self.webhooks.wake();
        }
    }
}

impl Thing<'_> {
    fn tell(&self, webhooks: &[Webhook], new: &mut Vec<NewDelivery>) {
        let Self { name, event, at, community, is_drill, data } = self;
        let wanting = webhooks.iter().filter(|one| one.wants(*event, *community, (*is_drill, *at)));
        let body = json!({"type": event.name(), "timestamp": at, "data": data}).to_string();
        new.extend(wanting.map(|webhook| NewDelivery {
            webhook_id: webhook.id,
            message_id: format!("msg_{name}"),
            event: Some(*event),
            body: body.clone(),
        }));
    }
}

/// What an event of an alarm is told as, with what is told besides where it is.
fn event_of(event: &Event) -> Option<(WebhookEvent, Value)> {
    Some(match event {
        Event::Raised { .. } => (WebhookEvent::AlarmRaised, json!({})),
        Event::Acknowledged { party, .. } => {
            (WebhookEvent::AlarmAcknowledged, json!({"party": party}))
        }
        Event::Arrived { party, .. } => (WebhookEvent::AlarmArrived, json!({"party": party})),
        Event::DoorReached => (WebhookEvent::AlarmArrived, json!({"party": null})),
        Event::Cancelled { .. } => (WebhookEvent::AlarmCancelled, json!({})),
        Event::Closed { outcome, matter, .. } => {
            (WebhookEvent::AlarmClosed, json!({"outcome": outcome, "matter": matter}))
        }
        Event::Planned { .. }
        | Event::WaveStarted { .. }
        | Event::LegsOrdered { .. }
        | Event::LegPlaced { .. }
        | Event::LegRinging { .. }
        | Event::LegAnswered { .. }
        | Event::SmsAccepted { .. }
        | Event::LegEnded { .. }
        | Event::Declined { .. }
        | Event::PoliceCalled { .. }
        | Event::SaidMistake { .. }
        | Event::EnoughComing
        | Event::StillInDanger { .. }
        | Event::KindNamed { .. }
        | Event::Escalated { .. }
        | Event::ReceiptLate { .. }
        | Event::CalledBack { .. }
        | Event::AcknowledgementLapsed { .. }
        | Event::PinRefused { .. }
        | Event::Duress { .. }
        | Event::OwnerChanged { .. }
        | Event::Reminded { .. }
        | Event::NoteAdded { .. }
        | Event::TalkJoined { .. }
        | Event::TalkLeft { .. }
        | Event::CloseAsked { .. }
        | Event::ReplyUnclear { .. }
        | Event::SmsRefused { .. }
        | Event::Silenced
        | Event::CalledAgain { .. }
        | Event::PartyAdded { .. }
        | Event::TakenInHand { .. }
        | Event::Yielded { .. } => return None,
    })
}
