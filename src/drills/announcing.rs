//! Tells those who will be called of a drill before it, and writes down who is told.

use super::Needs;
use crate::store::StoreError;
use crate::store::drills::notices::{self, NoticeRow, Whose};
use crate::switchboard::{Notice, NoticeEnd, NoticeWords};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lianfang_domain::directory::{Community, Directory, Language};
use lianfang_domain::drill::notices::{Notices, Person};
use lianfang_domain::drill::{self, HomeState, Run};
use lianfang_domain::id::DrillId;
use lianfang_domain::leg::Channel;
use lianfang_domain::phone::PhoneNumber;
use lianfang_domain::plan::{self, Plan, PlanFor, Policy, Role};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::mpsc;

/// SMS handed over at once.
const TEXTS_AT_ONCE: usize = 50;
/// Calls of one drill that are under way at once: the telephones and channels that a real alarm waits for, at most.
const CALLS_AT_ONCE: usize = 20;
/// Ends of announcements that wait to be heard: what finds no room is taken for lost.
const ENDS_MAX: usize = 4_096;
/// Rows that are written in one transaction, so that no alarm waits long for it.
const ROWS_AT_ONCE: usize = 500;

/// Those who are told of a drill.
pub(super) struct Announcing {
    people: Notices,
    /// By place.
    listed: Vec<Listed>,
    /// What the community is called, and its clocks.
    community: (Arc<str>, TimeZone),
    starts_at: Timestamp,
    told: mpsc::Sender<NoticeEnd>,
    ended: mpsc::Receiver<NoticeEnd>,
    /// Rows as they were written last; shorter than `listed` until each was.
    written: Vec<NoticeRow>,
}

/// A number that is told.
struct Listed {
    whose: Whose,
    number: PhoneNumber,
    language: Language,
    plan: Arc<Plan>,
}

impl Announcing {
    /// Everybody who will be called, each number once; who was told before stays told. `None` where nobody is left to be
    /// told.
    pub(super) async fn begin(
        needs: &Needs,
        (id, run): (DrillId, &Run),
    ) -> Result<Option<Self>, StoreError> {
        let known = notices::all(needs.store.alarms(), id).await?;
        let directory = needs.directory.current();
        let community = directory.community(run.drill().community);
        let was_told_before_rows = known.is_empty() && run.is_announced();
        let Some(community) = community.filter(|_| !was_told_before_rows) else { return Ok(None) };
        Ok(Some(Self::list(run, (&directory, community), &needs.policy, &known)))
    }

    fn list(
        run: &Run,
        (directory, community): (&Directory, &Community),
        defaults: &Policy,
        known: &[NoticeRow],
    ) -> Self {
        let drill = run.drill();
        let wanted = PlanFor { kind: drill.kind, is_drill: true, now: drill.starts_at, defaults };
        let known: BTreeMap<Whose, &NoticeRow> = known.iter().map(|row| (row.whose, row)).collect();
        let mut seen: BTreeSet<PhoneNumber> = BTreeSet::new();
        let (mut listed, mut people) = (Vec::new(), Vec::new());
        // Doors that began were announced too: what was written of their people stays.
        let is_meant = |state| matches!(state, HomeState::Waiting | HomeState::Started { .. });
        for home in run.homes().iter().filter(|home| is_meant(home.state)) {
            let Some(plan) = plan::build(directory, home.line, &wanted) else { continue };
            let plan: Arc<Plan> = Arc::new(plan);
            for party in plan.parties.iter().filter(|party| party.role != Role::Loudspeaker) {
                for (number_index, number) in (0..=u8::MAX).zip(&party.numbers) {
                    if !seen.insert(number.number.clone()) {
                        continue;
                    }
                    let whose = Whose {
                        household: party.household,
                        contact: number.contact,
                        worker: party.worker,
                        responder: party.responder,
                        number_index,
                    };
                    let person = Person::new(number.has_voice, number.has_sms);
                    people.push(known.get(&whose).map_or(person, |row| row.resume(person)));
                    listed.push(Listed {
                        whose,
                        number: number.number.clone(),
                        language: number.language,
                        plan: Arc::clone(&plan),
                    });
                }
            }
        }
        let zone = community.roster.zone().clone();
        let (told, ended) = mpsc::channel(ENDS_MAX);
        Self {
            people: Notices::new(people, zone.clone()),
            listed,
            community: (Arc::clone(&community.name), zone),
            starts_at: drill.starts_at,
            told,
            ended,
            written: Vec::new(),
        }
    }

    /// Nobody is left to be told.
    pub(super) fn is_over(&self) -> bool {
        self.people.is_over()
    }

    /// Tells those who are to be told now, and writes down how far they are. Whether every SMS left that can.
    pub(super) async fn tell(
        &mut self,
        needs: &Needs,
        id: DrillId,
        is_too_late: bool,
    ) -> Result<bool, StoreError> {
        let now = needs.clock.now();
        while let Ok((place, channel, outcome)) = self.ended.try_recv() {
            self.people.on_ended(place, (channel, outcome), now);
        }
        self.people.on_time(is_too_late, now);
        // Who is told before they are written down would be told again after a restart.
        self.write(needs, id).await?;
        if !is_too_late {
            while self.hand_over((Channel::Sms, TEXTS_AT_ONCE), needs, now).await {}
            let calls = CALLS_AT_ONCE.saturating_sub(self.people.calls());
            self.hand_over((Channel::Voice, calls), needs, now).await;
        }
        Ok(self.people.is_begun(now))
    }

    /// Whether some were handed over.
    async fn hand_over(
        &mut self,
        (channel, at_most): (Channel, usize),
        needs: &Needs,
        now: Timestamp,
    ) -> bool {
        let places = self.people.due(channel, at_most, now);
        let some: Vec<Notice> =
            places.iter().filter_map(|place| self.notice(*place, channel, now)).collect();
        if some.is_empty() || !needs.switchboard.announce(some, self.told.clone()).await {
            return false;
        }
        self.people.on_sent(&places, now);
        true
    }

    /// The words are those of the moment: what was tomorrow may be today.
    fn notice(&self, place: usize, channel: Channel, now: Timestamp) -> Option<Notice> {
        let Listed { number, language, plan, .. } = self.listed.get(place)?;
        let (name, zone) = &self.community;
        let when = self.starts_at.max(now);
        let words = match channel {
            Channel::Sms => {
                NoticeWords::Written(drill::announcement(name, when, (zone, now), *language).into())
            }
            Channel::Voice => NoticeWords::Spoken(drill::moment(when, (zone, now))),
        };
        let (number, plan) = (number.clone(), Arc::clone(plan));
        Some(Notice { place, number, language: *language, words, plan })
    }

    /// Writes down what changed.
    async fn write(&mut self, needs: &Needs, id: DrillId) -> Result<(), StoreError> {
        let people = self.listed.iter().zip(self.people.people());
        let rows = (0..=u32::MAX).zip(people);
        let rows: Vec<NoticeRow> = rows
            .map(|(place, (listed, person))| NoticeRow::of(place, listed.whose, person))
            .collect();
        let old = self.written.iter().map(Some).chain(std::iter::repeat(None));
        let changed = rows.iter().zip(old).filter(|(row, old)| *old != Some(*row));
        let changed: Vec<NoticeRow> = changed.map(|(row, _)| *row).collect();
        if self.written.is_empty() {
            // The directory may have changed since they were listed before.
            notices::shorten(needs.store.alarms(), id, rows.len()).await?;
        }
        for some in changed.chunks(ROWS_AT_ONCE) {
            notices::set(needs.store.alarms(), id, some).await?;
        }
        self.written = rows;
        Ok(())
    }
}
