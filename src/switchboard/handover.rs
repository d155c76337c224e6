//! Hands duty over at changes of shift: one task beside that of the alarms, which never waits for it.
//!
//! Each community with a roster has a machine of `domain::handover`; what it decides is written to the directory first
//! and said through the switchboard then. What cannot be written is tried again, and until then nobody is told that they
//! may go. At every change of who is on duty, with or without calls, open alarms get the plan of today.
//!
//! Must not decide: see [`lianfang_domain::handover`].

use super::Switchboard;
use super::outside::{DUTY_MAX, DutyCall, DutyReport, DutyRequest};
use crate::clock::Clock;
use crate::store::snapshot::DirectoryHandle;
use crate::store::{Database, Store, StoreError, hand_over};
use crate::tasks::Tasks;
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::directory::Community;
use lianfang_domain::handover::{Answer, Decision, HandOvers, LOOK_BACK, Word};
use lianfang_domain::id::{CommunityId, PostId, WorkerId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::sync::mpsc;

/// How often rosters are looked at: edits are taken up within this time, and what failed is tried again.
const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(1);

/// What is known of one community.
struct Desk {
    machine: HandOvers,
    /// The community that this was worked out from; another one is looked at anew.
    seen: Arc<Community>,
    /// When there is something to do without an edit or a report.
    due: Option<Timestamp>,
    /// Who is on duty, as the open alarms were told.
    told: Vec<(PostId, WorkerId)>,
    /// Decisions that are not carried out yet: the database or the switchboard takes nothing now.
    left: VecDeque<Decision>,
}

/// Looks in a row; the rest follows after the next wait.
const LOOKS_MAX: u8 = 3;

struct HandOverTask {
    database: Database,
    directory: DirectoryHandle,
    clock: Clock,
    requests: mpsc::Sender<DutyRequest>,
    desks: BTreeMap<CommunityId, Desk>,
    /// From when on changes are asked about in communities that are looked at for the first time.
    since: Timestamp,
}

impl Switchboard {
    /// Starts to hand duty over, in a group of tasks that may be slower than the alarms.
    pub fn start_hand_overs(
        &self,
        store: &Store,
        directory: &DirectoryHandle,
        clock: &Clock,
        tasks: &Tasks,
    ) {
        let (reports, reports_in) = mpsc::channel(DUTY_MAX);
        // Nothing was asked of it yet: there is room.
        let _ = self.duty.try_send(DutyRequest::Begin { reports });
        let task = HandOverTask {
            database: store.directory().clone(),
            directory: directory.clone(),
            clock: clock.clone(),
            requests: self.duty.clone(),
            desks: BTreeMap::new(),
            since: clock.now().saturating_sub(LOOK_BACK).unwrap_or(Timestamp::MIN),
        };
        tasks.start("hand_over", |stop| async move {
            // What is cut off here is written, or decided anew at the next start.
            stop.run_until_cancelled(task.run(reports_in)).await;
        });
    }
}

impl HandOverTask {
    async fn run(mut self, mut reports: mpsc::Receiver<DutyReport>) {
        loop {
            // What becomes due while it looks is looked at right after.
            let now = self.clock.now();
            // What was written is in the directory at the next look.
            for _ in 0..LOOKS_MAX {
                if !self.look().await {
                    break;
                }
            }
            let due = self.desks.values().filter_map(|desk| desk.due).min();
            let next = later(now, LOOK_EVERY);
            // What failed is due at once, and must not keep the task busy.
            let next = due.filter(|due| now < *due).map_or(next, |due| due.min(next));
            let report = tokio::select! {
                report = reports.recv() => report,
                () = self.clock.sleep_until(next) => None,
            };
            let more = std::iter::from_fn(|| reports.try_recv().ok());
            for report in report.into_iter().chain(more) {
                self.on_report(report);
            }
        }
    }

    fn on_report(&mut self, report: DutyReport) {
        let DutyReport { community, post, worker, key } = report;
        let Some(desk) = self.desks.get_mut(&community) else { return };
        match key {
            Some(key) => {
                let now = self.clock.now();
                desk.machine.on_answer(&desk.seen.roster, (post, worker), key, now);
            }
            None => desk.machine.on_call_ended(post, worker),
        }
        desk.due = Some(Timestamp::MIN);
    }

    /// Whether there was anything to do.
    async fn look(&mut self) -> bool {
        let mut has_worked = false;
        let directory = self.directory.current();
        self.desks.retain(|id, _| directory.community(*id).is_some());
        let now = self.clock.now();
        for community in directory.communities() {
            let desk = self.desks.get(&community.id);
            let is_idle = match desk {
                None => community.roster.is_empty(),
                Some(desk) => {
                    Arc::ptr_eq(&desk.seen, community)
                        && desk.left.is_empty()
                        && desk.due.is_none_or(|due| now < due)
                }
            };
            has_worked |= !is_idle;
            if !is_idle && let Err(error) = self.decide(community).await {
                tell(community.id, &error);
            }
        }
        // Every new shift is called into open alarms before anything is written for the first.
        let ids = self.desks.iter().filter(|(_, desk)| !desk.left.is_empty());
        for id in ids.map(|(id, _)| *id).collect::<Vec<CommunityId>>() {
            if let Err(error) = self.carry_out(id, now).await {
                tell(id, &error);
            }
        }
        // Rosters that begin later have no past.
        self.since = now;
        has_worked
    }

    async fn decide(&mut self, community: &Arc<Community>) -> Result<(), StoreError> {
        let now = self.clock.now();
        let known = match self.desks.get(&community.id) {
            Some(desk) if Arc::ptr_eq(&desk.seen, community) => Vec::new(),
            Some(_) | None => {
                let since = now.saturating_sub(LOOK_BACK).unwrap_or(Timestamp::MIN);
                hand_over::known(&self.database, community.id, since).await?
            }
        };
        let since = self.since;
        let desk = self.desks.entry(community.id).or_insert_with(|| Desk {
            machine: HandOvers::resume(&community.roster, &known, since),
            seen: Arc::clone(community),
            due: None,
            told: Vec::new(),
            left: VecDeque::new(),
        });
        let before = std::mem::replace(&mut desk.seen, Arc::clone(community));
        for asked in known.iter().filter(|asked| asked.answer == Answer::TakenOver) {
            desk.machine.taken_over(asked, &before.roster, now);
        }
        desk.machine.on_time(&community.roster, community.has_hand_over_calls, now);
        desk.left.extend(std::iter::from_fn(|| desk.machine.poll_decision()));
        self.tell_alarms(community.id, now);
        Ok(())
    }

    /// Tells the open alarms if others are on duty than they know.
    fn tell_alarms(&mut self, id: CommunityId, now: Timestamp) {
        let Some(desk) = self.desks.get_mut(&id) else { return };
        let on_duty = desk.seen.roster.on_duty(now);
        let change = desk.seen.roster.next_change(now);
        desk.due = [change, desk.machine.poll_timeout()].into_iter().flatten().min();
        if on_duty == desk.told {
            return;
        }
        match self.requests.try_send(DutyRequest::Changed(id)) {
            Ok(()) => desk.told = on_duty,
            // The switchboard is busy with alarms.
            Err(_) => desk.due = Some(Timestamp::MIN),
        }
    }

    async fn carry_out(&mut self, id: CommunityId, now: Timestamp) -> Result<(), StoreError> {
        let Some(desk) = self.desks.get_mut(&id) else { return Ok(()) };
        while let Some(decision) = desk.left.front().copied() {
            match decision {
                Decision::Keep { post, worker, from } => {
                    hand_over::keep(&self.database, id, (post, worker), from).await?;
                }
                Decision::Release { post, worker } => {
                    hand_over::release(&self.database, id, (post, worker), now).await?;
                    // A call that goes on asks for nothing any more; whoever is in it may say so.
                    let _ = self.requests.try_send(DutyRequest::Over { community: id, post });
                }
                Decision::Record(asked) => hand_over::record(&self.database, &asked).await?,
                Decision::Call { .. } | Decision::Tell { .. } => {
                    let call = call_of(id, decision);
                    let sent = call.map(|call| self.requests.try_send(DutyRequest::Say(call)));
                    if sent.is_some_and(|sent| sent.is_err()) {
                        // The switchboard is busy with alarms.
                        return Ok(());
                    }
                }
            }
            desk.left.pop_front();
        }
        match self.directory.refresh().await {
            Ok(_) => {}
            // The directory is followed anyway, and says so itself.
            Err(error) => tracing::debug!(?error, "The directory is refreshed later"),
        }
        Ok(())
    }
}

fn tell(id: CommunityId, error: &StoreError) {
    tracing::error!(community.id = %id, ?error, "A hand-over of duty cannot go on, trying again");
}

fn call_of(community: CommunityId, decision: Decision) -> Option<DutyCall> {
    let (post, worker, word, about, call) = match decision {
        Decision::Call { post, worker, call } => (post, worker, Word::TakeOver, None, call),
        Decision::Tell { post, worker, word, about } => (post, worker, word, Some(about), 1),
        Decision::Keep { .. } | Decision::Release { .. } | Decision::Record(_) => return None,
    };
    Some(DutyCall { community, post, worker, word, about, call })
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}
