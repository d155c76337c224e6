//! Reads what changed, once for all subscribers, and writes it as server-sent events (WHATWG HTML 9.2).

use super::AlarmView;
use crate::clock::{Clock, Seldom};
use crate::store::StoreError;
use crate::store::alarm_log::{AlarmLog, AlarmRow, Place, Progress};
use axum::body::Bytes;
use lianfang_domain::id::AlarmId;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;

/// Least time between two batches: in a storm many changes of one alarm are told once.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a database that fails is left alone.
const RETRY: Duration = Duration::from_secs(1);
/// How long reading a batch may take; it takes milliseconds.
const READ_MAX: Duration = Duration::from_secs(5);
/// Alarms in a batch: some 40 KiB of text.
const BATCH_MAX: usize = 200;

/// What subscribers are told.
#[derive(Clone)]
pub(super) enum News {
    /// Alarms as they are now.
    Changed(Arc<Batch>),
    /// Whether what can be read is older than what has happened.
    Behind(bool),
    /// More has happened than is remembered: whoever follows has to read all again.
    Lost,
}

/// Alarms as they are now.
pub(super) struct Batch {
    /// The id that goes with the last of them.
    id: Option<String>,
    /// Where each is, and its JSON.
    items: Vec<(Option<Place>, String)>,
    /// All of them as events: what most subscribers get.
    pub(super) whole: Bytes,
}

impl Batch {
    /// Reads these alarms. `number` is that of the newest change among them, if no more of them are to come.
    pub(super) async fn read(
        log: &AlarmLog,
        alarms: &[AlarmId],
        number: Option<u64>,
    ) -> Result<Self, StoreError> {
        let rows = log.rows(alarms).await?;
        let places = log.places(alarms).await?;
        let item = |row: &AlarmRow| {
            let json = serde_json::to_string(&AlarmView::from(row)).unwrap_or_default();
            (places.get(&row.id).copied(), json)
        };
        let id = number.map(|number| id(log.changes().epoch(), number));
        let mut batch = Self { id, items: rows.iter().map(item).collect(), whole: Bytes::new() };
        batch.whole = batch.text(|_| true).into();
        Ok(batch)
    }

    /// Those whose place is within sight, as events. Without any, the id alone, which no reader takes for an event.
    pub(super) fn text(&self, is_seen: impl Fn(Option<&Place>) -> bool) -> String {
        let mut text = String::new();
        let mut seen = self.items.iter().filter(|(place, _)| is_seen(place.as_ref())).peekable();
        if let (None, Some(id)) = (seen.peek(), &self.id) {
            text = format!("id: {id}\n\n");
        }
        while let Some((_, data)) = seen.next() {
            let id = self.id.as_deref().filter(|_| seen.peek().is_none());
            text.push_str(&Event { name: "changed", id, data }.text());
        }
        text
    }
}

/// One event.
pub(super) struct Event<'a> {
    pub(super) name: &'static str,
    pub(super) id: Option<&'a str>,
    /// JSON, which has no line breaks.
    pub(super) data: &'a str,
}

impl Event<'_> {
    pub(super) fn text(&self) -> String {
        let Self { name, id, data } = self;
        let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
        format!("event: {name}\n{id}data: {data}\n\n")
    }

    /// The event that tells whether what can be read is older than what has happened.
    pub(super) fn behind(is_behind: bool) -> String {
        let data = format!("{{\"is_behind\":{is_behind}}}");
        Event { name: "behind", id: None, data: &data }.text()
    }
}

/// The id of the events up to the change of this number.
pub(super) fn id(epoch: i64, number: u64) -> String {
    format!("{epoch:x}-{number}")
}

/// The number in an id of this process; nothing else is understood.
pub(super) fn number(id: &str, epoch: i64) -> Option<u64> {
    let (of, number) = id.split_once('-')?;
    (i64::from_str_radix(of, 16) == Ok(epoch)).then(|| number.parse().ok()).flatten()
}

/// Tells subscribers what changes, without end.
pub(super) async fn run(log: AlarmLog, news: broadcast::Sender<News>, clock: Clock) {
    let mut watch = log.changes().watch();
    let mut told: Progress = *watch.borrow_and_update();
    while watch.changed().await.is_ok() {
        let progress = *watch.borrow_and_update();
        if progress.is_behind != told.is_behind {
            told.is_behind = progress.is_behind;
            tell(&news, News::Behind(progress.is_behind));
        }
        // Nobody follows: who comes later reads all.
        let is_told = news.receiver_count() == 0
            || tell_changes(&log, &news, (told.number, progress.number), &clock).await;
        if is_told {
            told.number = progress.number;
            tokio::time::sleep(PAUSE).await;
        } else {
            tokio::time::sleep(RETRY).await;
            watch.mark_changed();
        }
    }
}

/// Tells what changed between two numbers; `false` when it cannot be read now.
async fn tell_changes(
    log: &AlarmLog,
    news: &broadcast::Sender<News>,
    (from, to): (u64, u64),
    clock: &Clock,
) -> bool {
    let Some(alarms) = log.changes().since(from) else {
        tell(news, News::Lost);
        return true;
    };
    let alarms: Vec<AlarmId> = alarms.into_iter().collect();
    let mut pieces = alarms.chunks(BATCH_MAX).peekable();
    while let Some(piece) = pieces.next() {
        let number = pieces.peek().is_none().then_some(to);
        match tokio::time::timeout(READ_MAX, Batch::read(log, piece, number)).await {
            Ok(Ok(batch)) => tell(news, News::Changed(Arc::new(batch))),
            failed => {
                static TOLD: Seldom = Seldom::new();
                if let Some(times) = TOLD.tell(clock.now()) {
                    let error = failed.ok().and_then(Result::err);
                    tracing::warn!(
                        ?error,
                        times,
                        "Cannot read what changed, the alarm feed is late"
                    );
                }
                return false;
            }
        }
    }
    true
}

fn tell(news: &broadcast::Sender<News>, what: News) {
    // Without subscribers there is nobody to tell.
    let _ = news.send(what);
}

#[cfg(test)]
mod tests {
    use super::*;
    use lianfang_domain::id::{CommunityId, GridId};

    fn batch(id: Option<&str>, communities: &[u32]) -> Batch {
        let place = |community: u32| Place { community: CommunityId(community), grid: GridId(1) };
        let item = |&community: &u32| {
            let place = (community != 0).then(|| place(community));
            (place, format!("{{\"of\":{community}}}"))
        };
        let items = communities.iter().map(item).collect();
        Batch { id: id.map(str::to_owned), items, whole: Bytes::new() }
    }

    #[test]
    fn the_last_event_that_is_seen_has_the_id() {
        let check = |batch: &Batch, community: u32, wanted: &str| {
            let sees = |place: Option<&Place>| {
                place.is_none_or(|place| place.community == CommunityId(community))
            };
            assert_eq!(batch.text(sees), wanted);
        };
        let both = batch(Some("a-7"), &[1, 2]);
        check(&both, 1, "event: changed\nid: a-7\ndata: {\"of\":1}\n\n");
        check(&both, 2, "event: changed\nid: a-7\ndata: {\"of\":2}\n\n");
        check(&both, 3, "id: a-7\n\n");
        check(&batch(None, &[1, 2]), 3, "");
        let unknown = batch(Some("a-8"), &[0, 3]);
        let first = "event: changed\ndata: {\"of\":0}\n\n";
        check(&unknown, 3, &format!("{first}event: changed\nid: a-8\ndata: {{\"of\":3}}\n\n"));
        check(&unknown, 4, "event: changed\nid: a-8\ndata: {\"of\":0}\n\n");
    }

    #[test]
    fn only_ids_of_this_process_are_understood() {
        assert_eq!(number(&id(0x17, 42), 0x17), Some(42));
        for other in ["", "-", "17", "17-", "17-x", "18-42", "x-42", "17-42-1", "17--1"] {
            assert_eq!(number(other, 0x17), None, "{other}");
        }
    }
}
