//! Proves a trail: that its chain is whole, and that what it tells of stands in the tables as it was entered.
//!
//! Everything is read page by page within one transaction, so memory stays the same however long the trail is, and a
//! live database is seen as it was at one moment. Nothing is written.

mod alarms;
mod directory;
mod fault;

pub use fault::Fault;

use super::Chain;
use super::chain::entries_on;
use super::entry::{Entry, Hash, Head};
use jiff::Timestamp;
use sqlx::{Connection, SqliteConnection};
use std::fmt;
use std::str::FromStr;

/// Faults that are kept; further ones are counted.
const FAULTS_MAX: usize = 100;
/// Rows that are read at a time.
const PAGE: u32 = 1000;

/// A head that somebody noted elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The chain; `None` where nobody wrote it down: it has to fit one of them.
    pub chain: Option<Chain>,
    /// What was noted.
    pub head: Head,
}

/// The text is no head: `SEQUENCE:HASH`, with `alarms:` or `directory:` before it or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a head is written [alarms:|directory:]SEQUENCE:HASH")]
pub struct AnchorError;

impl FromStr for Anchor {
    type Err = AnchorError;

    fn from_str(text: &str) -> Result<Self, AnchorError> {
        let (rest, hash) = text.rsplit_once(':').ok_or(AnchorError)?;
        let hash: Hash = hash.parse().map_err(|_| AnchorError)?;
        let (chain, sequence) = match rest.split_once(':') {
            Some((name, sequence)) => (Some(Chain::of_name(name).ok_or(AnchorError)?), sequence),
            None => (None, rest),
        };
        let sequence = sequence.parse().map_err(|_| AnchorError)?;
        Ok(Self { chain, head: Head { sequence, hash } })
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The chain.
    pub chain: Chain,
    /// Entries and rows read so far.
    pub rows: u64,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The chain.
    pub chain: Chain,
    /// Entries that it has.
    pub entries: u64,
    /// Its newest entry.
    pub head: Option<Head>,
    /// When the first entry happened, and the newest.
    pub span: Option<(Timestamp, Timestamp)>,
    /// What is broken, and where; the first of them.
    pub faults: Vec<Fault>,
    /// How many are.
    pub faults_total: u64,
    /// Heads without a chain's name that fit here.
    pub met: Vec<Head>,
}

impl Verified {
    /// Whether nothing is broken.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.faults_total == 0
    }

    /// Notes something broken.
    pub fn fault(&mut self, fault: Fault) {
        self.faults_total += 1;
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { chain, entries, head, faults, faults_total, .. } = self;
        for fault in faults {
            writeln!(f, "{chain}: {fault}")?;
        }
        let more = faults_total.saturating_sub(faults.len() as u64);
        if 0 < more {
            writeln!(f, "{chain}: and {more} more")?;
        }
        let verdict = if self.is_whole() { "whole" } else { "BROKEN" };
        write!(f, "{chain}: {verdict}, {entries} entries")?;
        head.map_or(Ok(()), |head| write!(f, ", head {head}"))
    }
}

/// One verification under way.
struct Walk<'a> {
    connection: &'a mut SqliteConnection,
    found: Verified,
    rows: u64,
    progress: &'a mut (dyn FnMut(Progress) + Send),
}

impl Walk<'_> {
    fn advance(&mut self, rows: usize) {
        self.rows += rows as u64;
        (self.progress)(Progress { chain: self.found.chain, rows: self.rows });
    }
}

/// Verifies one chain and its tables. Anchors of the other chain are passed over.
///
/// # Errors
/// When the database cannot be read; that is a fault of its own, and no proof of anything.
pub async fn verify(
    connection: &mut SqliteConnection,
    chain: Chain,
    anchors: &[Anchor],
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Verified, sqlx::Error> {
    let mut reading = connection.begin().await?;
    let found = Verified {
        chain,
        entries: 0,
        head: None,
        span: None,
        faults: Vec::new(),
        faults_total: 0,
        met: Vec::new(),
    };
    let mut walk = Walk { connection: &mut reading, found, rows: 0, progress };
    let counted = walk_chain(&mut walk, anchors).await?;
    match chain {
        Chain::Alarms => alarms::check(&mut walk).await?,
        Chain::Directory => directory::check(&mut walk, counted).await?,
    }
    Ok(walk.found)
}

/// Names heads without a chain's name that none of the chains had.
pub fn miss_heads(all: &mut [Verified], anchors: &[Anchor]) {
    let met: Vec<Head> = all.iter().flat_map(|verified| verified.met.clone()).collect();
    let unmet =
        anchors.iter().filter(|anchor| anchor.chain.is_none() && !met.contains(&anchor.head));
    for anchor in unmet {
        let fault = Fault::HeadUnknown { sequence: anchor.head.sequence };
        all.iter_mut().for_each(|verified| verified.fault(fault.clone()));
    }
}

/// Checks places, links, hashes and anchors. Returns the version of the directory that the last edit counted.
async fn walk_chain(walk: &mut Walk<'_>, anchors: &[Anchor]) -> Result<i64, sqlx::Error> {
    let chain = walk.found.chain;
    let anchors: Vec<Anchor> = anchors
        .iter()
        .copied()
        .filter(|anchor| anchor.chain.is_none_or(|of| of == chain))
        .collect();
    let mut last = Head { sequence: 0, hash: Hash::NONE };
    let mut counted = 0;
    loop {
        let entries = entries_on(walk.connection, last.sequence, PAGE).await?;
        if entries.is_empty() {
            break;
        }
        for entry in &entries {
            check_entry(&mut walk.found, entry, last);
            check_anchors(&mut walk.found, entry, &anchors);
            if chain == Chain::Directory {
                counted = directory::count(&mut walk.found, entry, counted);
            }
            last = Head { sequence: entry.sequence, hash: entry.hash };
            let first = walk.found.span.map_or(entry.at, |(first, _)| first);
            walk.found.span = Some((first, entry.at));
        }
        walk.found.entries += entries.len() as u64;
        walk.advance(entries.len());
    }
    if last.sequence == 0 {
        walk.found.fault(Fault::NoBeginning);
    } else {
        walk.found.head = Some(last);
    }
    for anchor in anchors.iter().filter(|anchor| anchor.chain.is_some()) {
        if last.sequence < anchor.head.sequence {
            walk.found.fault(Fault::CutOff { last: last.sequence, noted: anchor.head.sequence });
        }
    }
    Ok(counted)
}

fn check_entry(found: &mut Verified, entry: &Entry, last: Head) {
    let sequence = entry.sequence;
    let next = last.sequence.saturating_add(1);
    let is_next = sequence == next;
    if !is_next {
        found.fault(Fault::Gap { first: next, last: sequence.saturating_sub(1) });
    }
    if entry.computed_hash(found.chain) != entry.hash {
        found.fault(Fault::EntryChanged { sequence });
    } else if is_next && entry.previous_hash != last.hash {
        found.fault(Fault::NotLinked { sequence });
    }
    if sequence == 1 && &*entry.action != super::Action::Begin.name() {
        found.fault(Fault::NoBeginning);
    }
}

fn check_anchors(found: &mut Verified, entry: &Entry, anchors: &[Anchor]) {
    for anchor in anchors.iter().filter(|anchor| anchor.head.sequence == entry.sequence) {
        match (anchor.chain, anchor.head.hash == entry.hash) {
            (None, true) => found.met.push(anchor.head),
            (Some(_), false) => found.fault(Fault::Rewritten { sequence: entry.sequence }),
            (Some(_), true) | (None, false) => {}
        }
    }
}
