//! Hand-over of duty by voice (交接班): at a change of shift the new holder of a post is called, and 1 takes over.
//!
//! Until then the old holder stays on duty besides the new one ([`Kept`](crate::roster::Kept)): that is decided before
//! anybody is called, so neither a crash nor an answer that never comes takes anybody off duty. Whoever answers 2 cannot;
//! the next of the new holders is asked, and who is in charge is told. Silence after [`CALLS_MAX`] calls leaves both on
//! duty and tells both.
//!
//! One machine for each community: events, its roster and the time go in, [`Decision`]s come out. Must not know a
//! database, a telephone or who is in trouble; alarms never wait for it.

mod notice;
#[cfg(test)]
mod tests;

pub use notice::{DOORS_MAX, Notice, Word};

use crate::digits::Key;
use crate::id::{PostId, WorkerId};
use crate::roster::{CODE_LEADER, Cover, Roster};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Calls to one new holder.
pub const CALLS_MAX: u8 = 5;
/// From the start of one call to a worker until the next.
pub const CALL_EVERY: SignedDuration = SignedDuration::from_secs(65);
/// A call that tells no end is given up after this: longer than any answered call lasts.
pub const CALL_LOST_AFTER: SignedDuration = SignedDuration::from_secs(600);
/// After a start, changes that are older than this are not asked about any more, unless asking had begun.
pub const LOOK_BACK: SignedDuration = SignedDuration::from_hours(1);
/// Old holders of one post that stay on at a time: where nobody ever answers, the next to go goes.
pub const KEPT_ON_POST_MAX: usize = 3;
/// Changes that are looked at in one go; the rest follow at the next.
const CHANGES_AT_ONCE: usize = 64;

/// How a new holder answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Is still asked.
    Open,
    /// Took over.
    TakenOver,
    /// Cannot.
    Cannot,
    /// Did not answer, or was asked no longer: somebody else took over, or the next change came.
    None,
}

/// How far asking one new holder of a post is. What is kept over a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The post.
    pub post: PostId,
    /// When it changed hands.
    pub changed_at: Timestamp,
    /// Who is to take over.
    pub worker: WorkerId,
    /// Calls so far.
    pub calls: u8,
    /// When the last of them began.
    pub called_at: Option<Timestamp>,
    /// The answer.
    pub answer: Answer,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// An old holder stays on duty from this moment until somebody takes over.
    Keep {
        /// The post.
        post: PostId,
        /// Who stays.
        worker: WorkerId,
        /// From when.
        from: Timestamp,
    },
    /// Somebody took over: those who were kept on the post may go.
    Release {
        /// The post.
        post: PostId,
        /// Who took over.
        worker: WorkerId,
    },
    /// This is to be known after a restart.
    Record(Asked),
    /// A worker is called and asked to take over.
    Call {
        /// The post.
        post: PostId,
        /// Whom.
        worker: WorkerId,
        /// Counts the calls to them, from 1.
        call: u8,
    },
    /// A worker is sent an SMS.
    Tell {
        /// The post.
        post: PostId,
        /// Whom.
        worker: WorkerId,
        /// What.
        word: Word,
        /// The other whom it is about.
        about: WorkerId,
    },
}

/// A hand-over under way.
#[derive(Clone, Debug)]
struct Running {
    leavers: Vec<WorkerId>,
    asked: Vec<Asked>,
    /// Who is called now, and when that call is given up.
    calling: Option<(WorkerId, Timestamp)>,
}

impl Running {
    fn open(&self) -> impl Iterator<Item = &Asked> {
        self.asked.iter().filter(|asked| asked.answer == Answer::Open)
    }

    /// Who is asked next, and when. `None` when nobody is left to ask.
    fn next(&self) -> Option<(WorkerId, Timestamp)> {
        let left = self.open().filter(|asked| asked.calls < CALLS_MAX);
        left.map(|asked| (due(asked), asked.calls, asked.worker))
            .min()
            .map(|(due, _, worker)| (worker, due))
    }

    fn due(&self) -> Timestamp {
        match (self.calling, self.next()) {
            (Some((_, until)), _) => until,
            (None, Some((_, at))) => at,
            (None, None) => Timestamp::MIN,
        }
    }
}

fn due(asked: &Asked) -> Timestamp {
    asked.called_at.map_or(Timestamp::MIN, |at| later(at, CALL_EVERY))
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// The hand-overs of one community. At most one for each post.
#[derive(Debug)]
pub struct HandOvers {
    /// Changes up to this moment were looked at.
    seen: Timestamp,
    running: BTreeMap<PostId, Running>,
    /// Hand-overs that somebody ended, until the next of the post.
    over: BTreeMap<PostId, Over>,
    decisions: VecDeque<Decision>,
}

/// A post that somebody took over.
#[derive(Debug)]
struct Over {
    by: WorkerId,
    leavers: Vec<WorkerId>,
    asked: Vec<Asked>,
}

/// Posts whose old holders are still kept, each with somebody who is to take it over and has not said so.
#[must_use]
pub fn awaited(roster: &Roster, at: Timestamp) -> Vec<(PostId, WorkerId)> {
    let is_kept = |post| roster.kept(post).any(|kept| kept.has(at));
    if !roster.posts().any(|post| is_kept(post.id)) {
        return Vec::new();
    }
    roster.scheduled(at).into_iter().filter(|(post, _)| is_kept(*post)).collect()
}

impl HandOvers {
    /// Goes on with what is known from before. Changes after `since`, and after those that are known, are asked about.
    #[must_use]
    pub fn resume(roster: &Roster, known: &[Asked], since: Timestamp) -> Self {
        let mut running: BTreeMap<PostId, Running> = BTreeMap::new();
        for asked in known.iter().filter(|asked| asked.answer == Answer::Open) {
            let leavers = kept_on(roster, asked.post, asked.changed_at);
            let of_post = running.entry(asked.post).or_insert_with(|| Running {
                leavers,
                asked: Vec::new(),
                calling: None,
            });
            of_post.asked.push(*asked);
        }
        let seen = known.iter().map(|asked| asked.changed_at).fold(since, Timestamp::max);
        Self { seen, running, over: BTreeMap::new(), decisions: VecDeque::new() }
    }

    /// Looks at the roster of the moment. `is_on`: the community wants to be called at changes.
    pub fn on_time(&mut self, roster: &Roster, is_on: bool, now: Timestamp) {
        self.look_for_changes(roster, is_on, now);
        let due: Vec<PostId> = self
            .running
            .iter()
            .filter(|(_, running)| running.due() <= now)
            .map(|(post, _)| *post)
            .collect();
        for post in due {
            self.go_on(roster, post, now);
        }
    }

    /// A worker answered by a key, in a call of ours or in one of their own. Keys other than 1 and 2 say nothing, nor does
    /// somebody whose shift it is not.
    pub fn on_answer(
        &mut self,
        roster: &Roster,
        (post, worker): (PostId, WorkerId),
        key: Key,
        now: Timestamp,
    ) {
        match key.as_char() {
            '1' if roster.scheduled(now).contains(&(post, worker)) => {
                self.take_over(roster, (post, worker), now);
            }
            '2' => self.cannot(roster, (post, worker), now),
            _ => {}
        }
    }

    /// A worker takes over, by whatever means, also after all calls are over.
    fn take_over(&mut self, roster: &Roster, (post, worker): (PostId, WorkerId), now: Timestamp) {
        self.decisions.push_back(Decision::Release { post, worker });
        let (leavers, mut asked) = match self.running.remove(&post) {
            Some(running) => (running.leavers, running.asked),
            None => (kept_on(roster, post, now), Vec::new()),
        };
        for asked in asked.iter_mut().filter(|asked| asked.answer != Answer::Cannot) {
            asked.answer = if asked.worker == worker { Answer::TakenOver } else { Answer::None };
            self.decisions.push_back(Decision::Record(*asked));
        }
        for leaver in leavers.iter().filter(|leaver| **leaver != worker) {
            self.tell(post, *leaver, Word::TakenOver, worker);
        }
        self.over.insert(post, Over { by: worker, leavers, asked });
    }

    /// It was written elsewhere that a worker took over; nothing happens if that is known. `before` is the roster from
    /// before it was written.
    pub fn taken_over(&mut self, known: &Asked, before: &Roster, now: Timestamp) {
        let is_news = match self.running.get(&known.post) {
            Some(running) => running.asked.iter().any(|asked| {
                asked.changed_at == known.changed_at && asked.answer != Answer::TakenOver
            }),
            None => {
                !self.over.contains_key(&known.post) && !kept_on(before, known.post, now).is_empty()
            }
        };
        if is_news {
            self.take_over(before, (known.post, known.worker), now);
        }
    }

    /// A call is over, however it ended.
    pub fn on_call_ended(&mut self, post: PostId, worker: WorkerId) {
        if let Some(running) = self.running.get_mut(&post)
            && running.calling.is_some_and(|(called, _)| called == worker)
        {
            running.calling = None;
        }
    }

    /// When it wants to hear of the time again. Changes to come are found by [`Roster::next_change`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.running.values().map(Running::due).min()
    }

    /// What is to be done next, in order.
    pub fn poll_decision(&mut self) -> Option<Decision> {
        self.decisions.pop_front()
    }

    fn look_for_changes(&mut self, roster: &Roster, is_on: bool, now: Timestamp) {
        for _ in 0..CHANGES_AT_ONCE {
            let next = roster.next_change(self.seen).filter(|change| *change <= now);
            let Some(change) = next else {
                self.seen = self.seen.max(now);
                return;
            };
            let before = by_post(roster.scheduled(self.seen));
            self.seen = change;
            if !is_on {
                continue;
            }
            let after = by_post(roster.scheduled(change));
            for post in roster.posts() {
                let [before, after] = [&before, &after].map(|duty| of(duty, post.id));
                let leavers = without(before, after);
                let joiners = without(after, before);
                let is_gap = after.is_empty() && post.cover == Cover::Always;
                let is_relief = !leavers.is_empty() || !kept_on(roster, post.id, change).is_empty();
                let has_end = is_gap && !leavers.is_empty();
                if has_end || (is_relief && !joiners.is_empty()) {
                    self.change(roster, post.id, change, (leavers, joiners));
                }
            }
        }
    }

    fn change(
        &mut self,
        roster: &Roster,
        post: PostId,
        changed_at: Timestamp,
        (leavers, joiners): (Vec<WorkerId>, Vec<WorkerId>),
    ) {
        if let Some(old) = self.running.remove(&post) {
            for asked in old.open() {
                self.decisions
                    .push_back(Decision::Record(Asked { answer: Answer::None, ..*asked }));
            }
        }
        self.over.remove(&post);
        let mut kept = kept_on(roster, post, changed_at);
        let room = KEPT_ON_POST_MAX.saturating_sub(kept.len());
        let staying = without(&leavers, &kept).into_iter().take(room);
        let staying: Vec<WorkerId> = staying.collect();
        for worker in &staying {
            self.decisions.push_back(Decision::Keep { post, worker: *worker, from: changed_at });
        }
        kept.extend(staying);
        let asked: Vec<Asked> = joiners
            .into_iter()
            .map(|worker| Asked {
                post,
                changed_at,
                worker,
                calls: 0,
                called_at: None,
                answer: Answer::Open,
            })
            .collect();
        self.decisions.extend(asked.iter().map(|asked| Decision::Record(*asked)));
        self.running.insert(post, Running { leavers: kept, asked, calling: None });
    }

    /// The next call, or the end of asking.
    fn go_on(&mut self, roster: &Roster, post: PostId, now: Timestamp) {
        let Some(running) = self.running.get_mut(&post) else { return };
        running.calling = None;
        // Whom an edit took off the post meanwhile is not asked any more.
        let scheduled = roster.scheduled(now);
        let gone = |asked: &&mut Asked| {
            asked.answer == Answer::Open && !scheduled.contains(&(post, asked.worker))
        };
        for asked in running.asked.iter_mut().filter(gone) {
            asked.answer = Answer::None;
            self.decisions.push_back(Decision::Record(*asked));
        }
        match running.next() {
            Some((_, at)) if now < at => {}
            Some((worker, _)) => {
                running.calling = Some((worker, later(now, CALL_LOST_AFTER)));
                let asked = running.asked.iter_mut().find(|asked| asked.worker == worker);
                if let Some(asked) = asked {
                    asked.calls = asked.calls.saturating_add(1);
                    asked.called_at = Some(now);
                    let call = asked.calls;
                    self.decisions.push_back(Decision::Record(*asked));
                    self.decisions.push_back(Decision::Call { post, worker, call });
                }
            }
            None => self.give_up(roster, post),
        }
    }

    /// Everybody stays on duty, and is told so.
    fn give_up(&mut self, roster: &Roster, post: PostId) {
        let Some(running) = self.running.remove(&post) else { return };
        let somebody = running.asked.first().map(|asked| asked.worker);
        for asked in running.open() {
            self.decisions.push_back(Decision::Record(Asked { answer: Answer::None, ..*asked }));
            if let Some(leaver) = running.leavers.first() {
                self.tell(post, asked.worker, Word::NotTaken, *leaver);
            }
        }
        for leaver in &running.leavers {
            let word = if somebody.is_some() { Word::StayOn } else { Word::Nobody };
            self.tell(post, *leaver, word, somebody.unwrap_or(*leaver));
        }
        if somebody.is_none()
            && let Some(leaver) = running.leavers.first()
        {
            self.tell_charge(roster, post, *leaver, Word::Nobody);
        }
    }

    fn cannot(&mut self, roster: &Roster, (post, worker): (PostId, WorkerId), now: Timestamp) {
        if let Some(over) = self.over.remove(&post) {
            if over.by == worker {
                return self.think_better(roster, post, over, now);
            }
            self.over.insert(post, over);
        }
        let Some(running) = self.running.get_mut(&post) else { return };
        let open = running.asked.iter_mut().filter(|asked| asked.answer == Answer::Open);
        let Some(asked) = open.into_iter().find(|asked| asked.worker == worker) else { return };
        asked.answer = Answer::Cannot;
        self.decisions.push_back(Decision::Record(*asked));
        self.tell_charge(roster, post, worker, Word::Cannot);
    }

    /// Who pressed 2 after 1 cannot after all: those who were let go stay.
    fn think_better(&mut self, roster: &Roster, post: PostId, over: Over, now: Timestamp) {
        let Over { by, leavers, asked } = over;
        for worker in leavers.iter().copied().filter(|leaver| *leaver != by) {
            self.decisions.push_back(Decision::Keep { post, worker, from: now });
            self.tell(post, worker, Word::StayOn, by);
        }
        for asked in asked.into_iter().filter(|asked| asked.worker == by) {
            let answer = Answer::Cannot;
            self.decisions.push_back(Decision::Record(Asked { answer, ..asked }));
        }
        self.tell_charge(roster, post, by, Word::Cannot);
    }

    /// Who is in charge; where nobody is, everybody else who is on duty.
    fn tell_charge(&mut self, roster: &Roster, post: PostId, about: WorkerId, word: Word) {
        let mut told = roster.holders(CODE_LEADER, None, self.seen);
        told.retain(|worker| *worker != about);
        if told.is_empty() {
            told = roster.on_duty(self.seen).into_iter().map(|(_, worker)| worker).collect();
            told.sort_unstable();
            told.dedup();
            told.retain(|worker| *worker != about);
        }
        for worker in told {
            self.tell(post, worker, word, about);
        }
    }

    fn tell(&mut self, post: PostId, worker: WorkerId, word: Word, about: WorkerId) {
        self.decisions.push_back(Decision::Tell { post, worker, word, about });
    }
}

fn by_post(held: Vec<(PostId, WorkerId)>) -> BTreeMap<PostId, Vec<WorkerId>> {
    let mut duty: BTreeMap<PostId, Vec<WorkerId>> = BTreeMap::new();
    for (post, worker) in held {
        duty.entry(post).or_default().push(worker);
    }
    duty
}

fn of(duty: &BTreeMap<PostId, Vec<WorkerId>>, post: PostId) -> &[WorkerId] {
    duty.get(&post).map_or(&[], Vec::as_slice)
}

fn without(these: &[WorkerId], those: &[WorkerId]) -> Vec<WorkerId> {
    these.iter().copied().filter(|worker| !those.contains(worker)).collect()
}

/// Who is kept on a post without an end.
fn kept_on(roster: &Roster, post: PostId, at: Timestamp) -> Vec<WorkerId> {
    let open = roster.kept(post).filter(|kept| kept.from <= at && kept.until_handed_over.is_none());
    let mut kept: Vec<WorkerId> = open.map(|kept| kept.worker).collect();
    kept.sort_unstable();
    kept.dedup();
    kept
}
