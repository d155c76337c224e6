//! Two texts for each community, one of its people, telephones and doors and a small one of its places, and the search in
//! them.

use crate::web::ports::Ports;
use lianfang_domain::directory::{Community, ContactNumber, Directory, Household};
use lianfang_domain::id::{
    AccountId, CommunityId, ContactId, GridId, GroupId, HouseholdId, LineId, ResponderId, StreetId,
    WorkerId,
};
use memchr::memmem::Finder;
use pinyin::{ToPinyin, ToPinyinMulti};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Hits of one search; nobody reads further.
pub(super) const HITS_MAX: u32 = 1000;
/// Longest words, in characters.
const WORDS_MAX: usize = 64;
/// Digits that are looked for at least: fewer are in every number.
const DIGITS_MIN: usize = 3;
/// Lines of a directory whose texts are made before anybody searches; about 300 bytes for each.
const MADE_MAX: usize = 200_000;
/// How often texts of communities that were edited are made.
const MADE_EVERY: Duration = Duration::from_secs(10);
/// Rest after each: a part of one core.
const REST: Duration = Duration::from_millis(5);
/// Stands before each part of a row, so that what begins a part is found first.
const PART: char = '\u{1}';

/// The texts of the communities. Each holds its community for as long as it is the one that was edited last.
#[derive(Clone, Default)]
pub(in crate::web) struct Index(Arc<Mutex<BTreeMap<CommunityId, Arc<Indexed>>>>);

struct Indexed {
    community: Arc<Community>,
    /// The community itself, its grids and groups.
    places: Text,
    /// Its people, telephones and doors.
    rows: Text,
}

/// A text that is searched from its beginning to its end.
#[derive(Default)]
pub(super) struct Text {
    /// Rows of parts, each part behind [`PART`], each row behind a line break.
    text: String,
    /// Where each row begins in the text, and what it is.
    rows: Vec<(usize, Of)>,
}

/// A row that is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Household(HouseholdId),
    Line(HouseholdId, LineId),
    Contact(HouseholdId, ContactId),
    Worker(WorkerId),
    Responder(ResponderId),
    Street(StreetId),
    Community,
    Grid(GridId),
    Group(GroupId),
    Account(AccountId),
}

/// A row that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    /// None for what is in no community.
    pub(super) community: Option<CommunityId>,
    pub(super) of: Of,
}

/// What was found: where the words begin a part, and the others.
#[derive(Default)]
pub(super) struct Found {
    pub(super) first: Vec<Hit>,
    pub(super) others: Vec<Hit>,
}

impl Found {
    fn is_full(&self) -> bool {
        HITS_MAX as usize <= self.first.len()
    }
}

/// Words to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query(String);

impl Query {
    /// Words as they stand in the texts; `None` if they are too few.
    pub(super) fn read(words: &str) -> Option<Self> {
        let words: String = words.trim().chars().take(WORDS_MAX).collect();
        let is_number =
            words.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '+' | '(' | ')'));
        let words = if is_number {
            words.chars().filter(char::is_ascii_digit).collect()
        } else {
            folded(&words)
        };
        let least = if is_number { DIGITS_MIN } else { 1 };
        (least <= words.chars().count()).then_some(Self(words))
    }
}

/// Finds the words of a query, made once for all texts.
pub(super) struct Finders {
    words: Finder<'static>,
    /// The words where a part begins.
    at_begin: Finder<'static>,
}

impl Finders {
    pub(super) fn new(Query(words): &Query) -> Self {
        let owned = |text: &str| Finder::new(text).into_owned();
        Self { words: owned(words), at_begin: owned(&format!("{PART}{words}")) }
    }
}

/// Small letters without blanks, and doors with one kind of line between their parts.
fn folded(text: &str) -> String {
    let text = text.replace("号楼", "-").replace("单元", "-").replace(['栋', '幢'], "-");
    let text = text.trim_end_matches(['室', '号', '户']).to_lowercase();
    text.chars().filter(|c| !c.is_whitespace() && *c != PART).collect()
}

impl Index {
    /// An index whose texts are made aside, now and after edits, so that nobody waits for them. In a directory with more
    /// than [`MADE_MAX`] lines they take memory only once somebody searches.
    pub(in crate::web) fn start(ports: &Ports) -> Self {
        let index = Self::default();
        let (made, directory) = (index.clone(), ports.directory.clone());
        ports.tasks.start("search index", |stop| async move {
            let making = async {
                loop {
                    let current = directory.current();
                    if current.lines_len() <= MADE_MAX {
                        for community in current.communities() {
                            made.of(community);
                            tokio::time::sleep(REST).await;
                        }
                        made.forget(&current);
                    }
                    drop(current);
                    tokio::time::sleep(MADE_EVERY).await;
                }
            };
            stop.run_until_cancelled(making).await;
        });
        index
    }

    /// What is found: places whose names begin with the words, then whatever else begins with them, then the rest. Makes
    /// the texts of communities that were edited. `above` is what is in no community.
    pub(super) async fn find(
        &self,
        directory: &Directory,
        query: &Query,
        above: Found,
        is_wanted: impl Fn(&Community) -> bool,
    ) -> Vec<Hit> {
        let (mut places, mut found) = (above, Found::default());
        let finders = Finders::new(query);
        for community in directory.communities().filter(|community| is_wanted(community)) {
            let indexed = self.of(community);
            indexed.places.find(&finders, Some(community.id), &mut places);
            if !found.is_full() {
                indexed.rows.find(&finders, Some(community.id), &mut found);
            }
            // A town takes some milliseconds: others come in between.
            tokio::task::yield_now().await;
        }
        self.forget(directory);
        let mut hits = places.first;
        for more in [found.first, places.others, found.others] {
            hits.extend(more);
        }
        hits.truncate(HITS_MAX as usize);
        hits
    }

    fn of(&self, community: &Arc<Community>) -> Arc<Indexed> {
        let known = self.lock().get(&community.id).cloned();
        if let Some(known) = known.filter(|known| Arc::ptr_eq(&known.community, community)) {
            return known;
        }
        let made = Arc::new(Indexed::make(community));
        self.lock().insert(community.id, Arc::clone(&made));
        made
    }

    /// Lets go of communities that are gone.
    fn forget(&self, directory: &Directory) {
        self.lock().retain(|id, _| directory.community(*id).is_some());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<CommunityId, Arc<Indexed>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Indexed {
    fn make(community: &Arc<Community>) -> Self {
        let mut places = Text::default();
        places.named(Of::Community, &community.name);
        for grid in &community.grids {
            places.named(Of::Grid(grid.id), &grid.name);
        }
        for group in &community.groups {
            places.named(Of::Group(group.id), &group.name);
        }
        let mut made = Text::default();
        for household in &community.households {
            made.named(Of::Household(household.id), &household.name);
            made.place(household);
            for line in &household.lines {
                made.row(Of::Line(household.id, line.id));
                made.part(&line.account);
                made.digits(line.number.key());
            }
            for contact in &household.contacts {
                made.named(Of::Contact(household.id, contact.id), &contact.name);
                made.numbers(&contact.numbers);
            }
        }
        for worker in &community.workers {
            made.named(Of::Worker(worker.id), &worker.name);
            made.numbers(&worker.numbers);
        }
        for responder in &community.responders {
            made.named(Of::Responder(responder.id), &responder.name);
            made.numbers(&responder.numbers);
        }
        made.text.shrink_to_fit();
        Self { community: Arc::clone(community), places, rows: made }
    }
}

impl Text {
    /// A row that has a name.
    pub(super) fn named(&mut self, of: Of, name: &str) {
        self.row(of);
        self.name(name);
    }

    fn row(&mut self, of: Of) {
        self.text.push('\n');
        self.rows.push((self.text.len(), of));
    }

    fn part(&mut self, part: &str) {
        if !part.is_empty() {
            self.text.push(PART);
            self.text.push_str(&folded(part));
        }
    }

    /// A name, its pinyin, their initials, and the initials where the first character is read in another way, as
    /// those of family names may be.
    pub(super) fn name(&mut self, name: &str) {
        self.part(name);
        let (mut whole, mut initials) = (String::new(), String::new());
        for (character, reading) in name.chars().zip(name.to_pinyin()) {
            match reading {
                Some(reading) => {
                    whole.push_str(reading.plain());
                    initials.push_str(reading.first_letter());
                }
                None => {
                    whole.push(character);
                    initials.push(character);
                }
            }
        }
        if whole == name {
            return;
        }
        self.part(&whole);
        self.part(&initials);
        let readings = name.chars().next().and_then(|first| first.to_pinyin_multi());
        let mut rest = initials.chars();
        let known = rest.next();
        let rest: String = rest.collect();
        let mut told: Vec<&str> = Vec::new();
        for letter in
            readings.iter().flat_map(|readings| readings.into_iter()).map(|r| r.first_letter())
        {
            if letter.chars().next() != known && !told.contains(&letter) {
                self.part(&format!("{letter}{rest}"));
                told.push(letter);
            }
        }
    }

    fn numbers(&mut self, numbers: &[ContactNumber]) {
        for number in numbers {
            self.digits(number.number.key());
        }
    }

    /// The digits of a number as one dials them at home, and with its country.
    fn digits(&mut self, key: &str) {
        let number = key.strip_prefix("short:").or_else(|| key.strip_prefix("ext:")).unwrap_or(key);
        let number = number.split('@').next().unwrap_or_default();
        self.part(number.strip_prefix("+86").unwrap_or(number));
        if let Some(digits) = number.strip_prefix("+86") {
            self.part(&format!("86{digits}"));
            self.part(&format!("0{digits}"));
        }
    }

    /// A door as people write it: `3-2-502`, `3-502`, `502`.
    fn place(&mut self, household: &Household) {
        let address = &household.address;
        let joined = |parts: &[&str]| {
            let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
            parts.join("-")
        };
        self.part(&joined(&[&address.building, &address.unit, &address.door]));
        if !address.unit.is_empty() {
            self.part(&joined(&[&address.building, &address.door]));
        }
        if !address.building.is_empty() {
            self.part(&address.door);
        }
        self.part(&address.place);
    }

    /// Adds what is found here, each row once.
    pub(super) fn find(
        &self,
        finders: &Finders,
        community: Option<CommunityId>,
        found: &mut Found,
    ) {
        let text = self.text.as_bytes();
        let mut from = 0;
        while let Some(at) = text.get(from..).and_then(|text| finders.words.find(text)) {
            let at = from + at;
            let index = self.rows.partition_point(|(begin, _)| *begin <= at).saturating_sub(1);
            let Some(&(begin, of)) = self.rows.get(index) else { return };
            let end = self.rows.get(index + 1).map_or(text.len(), |(next, _)| *next);
            let row = text.get(begin..end).unwrap_or_default();
            let is_first = finders.at_begin.find(row).is_some();
            let hits = if is_first { &mut found.first } else { &mut found.others };
            if hits.len() < HITS_MAX as usize {
                hits.push(Hit { community, of });
            } else if is_first || found.is_full() {
                return;
            }
            from = end;
        }
    }
}

#[cfg(test)]
mod tests;
