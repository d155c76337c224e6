//! What people recorded, as it is played: an immutable snapshot, swapped whole when a recording comes or goes.
//!
//! A call takes the snapshot once, with [`Library::voice`](super::Library::voice), and keeps it to its end. Knows no
//! database; `recordings` fills it.

use super::names::{NameId, Names, said_key};
use super::{GAP_AFTER_PHRASE_MS, GAP_MS, LEAD_SILENCE_MS, ShippedClips};
use crate::media::{Piece, Playlist, Recording};
use lianfang_domain::directory::Language;
use lianfang_domain::id::CommunityId;
use lianfang_domain::words::{self, Clip};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Octets of recorded clips in memory: some 400 whole sets of a language. What does not fit is not played, and said so.
pub const RECORDED_MAX: usize = 256 << 20;

/// The recordings that are played.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorded {
    /// Fixed clips, by community (`None`: for all), language and clip.
    clips: BTreeMap<(Option<CommunityId>, Language, Clip), Recording>,
    /// Files of names and places, by the stem of the clip.
    names: BTreeMap<(Option<CommunityId>, Language, String), Arc<Path>>,
    /// What a community tries after the language that was asked for.
    orders: BTreeMap<CommunityId, Vec<Language>>,
    size: usize,
}

impl Recorded {
    /// Plays a recording of a fixed clip, or none. False when there is no room for it.
    pub(super) fn put_clip(
        &mut self,
        (community, language): (Option<CommunityId>, Language),
        clip: Clip,
        recording: Option<Recording>,
    ) -> bool {
        let key = (community, language, clip);
        let old = self.clips.remove(&key).map_or(0, |old| old.size());
        self.size = self.size.saturating_sub(old);
        let Some(recording) = recording else { return true };
        if RECORDED_MAX < self.size.saturating_add(recording.size()) {
            return false;
        }
        self.size += recording.size();
        self.clips.insert(key, recording);
        true
    }

    /// Whether another clip of so many samples can be played.
    pub(super) fn has_room(&self, samples: usize) -> bool {
        self.size.saturating_add(samples) <= RECORDED_MAX
    }

    /// Plays a file for a name, or none.
    pub(super) fn put_name(
        &mut self,
        (community, language): (Option<CommunityId>, Language),
        stem: &str,
        file: Option<Arc<Path>>,
    ) {
        let key = (community, language, stem.to_owned());
        match file {
            Some(file) => self.names.insert(key, file),
            None => self.names.remove(&key),
        };
    }

    pub(super) fn put_order(&mut self, community: CommunityId, languages: Vec<Language>) {
        self.orders.insert(community, languages);
    }

    pub(super) fn order(&self, community: CommunityId) -> &[Language] {
        self.orders.get(&community).map_or(&[], Vec::as_slice)
    }

    fn clip(
        &self,
        community: Option<CommunityId>,
        language: Language,
        clip: &Clip,
    ) -> Option<(&Recording, ClipSource)> {
        let own = community.and_then(|id| self.clips.get(&(Some(id), language, clip.clone())));
        let common = || self.clips.get(&(None, language, clip.clone()));
        own.map(|recording| (recording, ClipSource::Community))
            .or_else(|| common().map(|recording| (recording, ClipSource::Everybody)))
    }
}

/// Where a clip comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClipSource {
    /// The community's own recording.
    Community,
    /// The recording for all communities.
    Everybody,
    /// A file beside the shipped ones, in the directory of prompts.
    File,
    /// The program itself.
    Shipped,
    /// A name that was synthesised, or put into the directory of prompts.
    Name,
    /// Nowhere: it is left out.
    Missing,
}

impl ClipSource {
    /// Its name in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Community => "community",
            Self::Everybody => "all",
            Self::File => "file",
            Self::Shipped => "shipped",
            Self::Name => "name",
            Self::Missing => "missing",
        }
    }
}

/// What one call is spoken to with: the recordings of the moment when it began, for one community and language.
///
/// Of a sentence all fixed clips are in one language: the one that was asked for, or the first of the community's order
/// in which all of them are there, or the shipped one. Names are names in every language: each is said as well as it
/// can be, in that language or in Mandarin.
#[derive(Clone, Debug)]
pub struct Voice {
    pub(super) recorded: Arc<Recorded>,
    pub(super) shipped: ShippedClips,
    pub(super) names: Names,
    pub(super) community: Option<CommunityId>,
    pub(super) language: Language,
}

impl Voice {
    /// Puts clips together. Waits for nothing; names that are not in memory are left out, so [`Voice::fetch`] them
    /// when the alarm is raised: phones ring longer than that takes. The playlist has the id 0 and is played once; its
    /// clones share everything, so make one for all who hear the same.
    #[must_use]
    pub fn speak(&self, clips: &[Clip]) -> Playlist {
        let language = self.language_of(clips);
        let mut pieces = Vec::with_capacity(clips.len().saturating_mul(2));
        for clip in clips {
            let Some(Found { recording, before, .. }) = self.find(clip, language) else {
                metrics::counter!("lianfang_prompts_left_out_total").increment(1);
                continue;
            };
            for sign in before.iter().filter_map(|sign| self.find(sign, language)) {
                pieces.extend([Piece::Recording(sign.recording), Piece::Silence(GAP_MS)]);
            }
            let gap_ms = match clip {
                Clip::Tone | Clip::Phrase(_) => GAP_AFTER_PHRASE_MS,
                Clip::Unit(_)
                | Clip::Sign(_)
                | Clip::Count(_)
                | Clip::Number(_)
                | Clip::Name(_)
                | Clip::Text(_) => GAP_MS,
            };
            pieces.extend([Piece::Recording(recording), Piece::Silence(gap_ms)]);
        }
        Playlist::once(0, pieces)
    }

    /// The same as the first words of a call, behind [`LEAD_SILENCE_MS`].
    #[must_use]
    pub fn announce(&self, clips: &[Clip]) -> Playlist {
        let words = self.speak(clips);
        let lead = std::iter::once(Piece::Silence(LEAD_SILENCE_MS));
        Playlist::once(0, lead.chain(words.pieces.iter().cloned()))
    }

    /// The language in which a sentence is said.
    #[must_use]
    pub fn language_of(&self, clips: &[Clip]) -> Language {
        let shipped = self.language.shipped();
        let has_all = |language: &Language| {
            let mut fixed = clips.iter().filter(|clip| clip.is_fixed() && **clip != Clip::Tone);
            *language == shipped
                || fixed.all(|clip| self.recorded.clip(self.community, *language, clip).is_some())
        };
        self.languages().into_iter().find(has_all).unwrap_or(shipped)
    }

    /// Where each clip of a sentence comes from.
    #[must_use]
    pub fn sources(&self, clips: &[Clip]) -> Vec<ClipSource> {
        let language = self.language_of(clips);
        let source =
            |clip| self.find(clip, language).map_or(ClipSource::Missing, |found| found.source);
        clips.iter().map(source).collect()
    }

    /// Where a clip comes from that is said in this language and no other.
    #[must_use]
    pub fn source(&self, clip: &Clip) -> ClipSource {
        let is_recorded = self.recorded.clip(self.community, self.language, clip).is_some();
        let has_fallback = self.language == self.language.shipped() || !clip.is_fixed();
        let found = (is_recorded || has_fallback).then(|| self.find(clip, self.language));
        found.flatten().map_or(ClipSource::Missing, |found| found.source)
    }

    /// Brings the names among the clips into memory. Off the thread and at most 250 ms each; returns how many are not to
    /// be had. Never synthesises.
    pub async fn fetch(&self, clips: &[Clip]) -> usize {
        let mut missing = 0;
        let languages = self.languages();
        for clip in clips.iter().filter(|clip| !clip.is_fixed()) {
            let mut is_there = false;
            // Which of them the sentence will be said in, nobody knows before its clips are.
            for language in &languages {
                let ids = self.name_ids(clip, *language);
                is_there |= self.names.fetch(ids.into_iter().map(|one| one.id)).await;
            }
            missing += usize::from(!is_there);
        }
        missing
    }

    /// The languages that a sentence may be said in, in the order in which they are tried. The last one has every clip.
    fn languages(&self) -> Vec<Language> {
        let shipped = self.language.shipped();
        let order = self.community.map_or(&[][..], |community| self.recorded.order(community));
        let mut languages = vec![self.language];
        for language in order.iter().copied().chain([shipped]) {
            let has_same_words = language.written() == shipped.written();
            if has_same_words && !languages.contains(&language) && !languages.contains(&shipped) {
                languages.push(language);
            }
        }
        languages
    }

    fn find(&self, clip: &Clip, language: Language) -> Option<Found> {
        let whole = |(recording, source)| Found { recording, source, before: Vec::new() };
        if clip.is_fixed() {
            let recorded = self.recorded.clip(self.community, language, clip);
            return recorded
                .map(|(recording, source)| (recording.clone(), source))
                .or_else(|| self.shipped.get(&(language.shipped(), clip.clone())).cloned())
                .map(whole);
        }
        let mut ids = self.name_ids(clip, language).into_iter();
        ids.find_map(|NameSaid { id, source, before }| {
            Some(Found { recording: self.names.get(&id)?, source, before })
        })
    }

    /// What may say a name, the best first: recorded before synthesised, in the language before Mandarin. The name of a
    /// neighbour is recorded without the door; the door is said before it then.
    fn name_ids(&self, clip: &Clip, language: Language) -> Vec<NameSaid> {
        let mut said = Vec::new();
        let own = clip.spoken_in(language);
        let shipped = (own != own.shipped()).then(|| own.shipped());
        let neighbour = match clip {
            Clip::Name(called) => words::door_and_name(called, language).map(|(door, name)| {
                // A sentence is in one language: better without the door than in two.
                let is_said = language == language.shipped()
                    || door
                        .iter()
                        .all(|sign| self.recorded.clip(self.community, language, sign).is_some());
                (if is_said { door } else { Vec::new() }, name)
            }),
            Clip::Tone
            | Clip::Phrase(_)
            | Clip::Unit(_)
            | Clip::Sign(_)
            | Clip::Count(_)
            | Clip::Number(_)
            | Clip::Text(_) => None,
        };
        for language in std::iter::once(own).chain(shipped) {
            said.extend(self.recorded_name(clip, language, &[]));
            if let Some((door, name)) = &neighbour {
                said.extend(self.recorded_name(name, language, door));
            }
            let id = NameId::File(said_key(clip, language));
            said.push(NameSaid { id, source: ClipSource::Name, before: Vec::new() });
        }
        said
    }

    /// Recordings of a name in one language, with what is said before it.
    fn recorded_name(&self, name: &Clip, language: Language, before: &[Clip]) -> Vec<NameSaid> {
        let stem = name.file_stem();
        let at = |community| self.recorded.names.get(&(community, language, stem.clone()));
        let recorded = [
            (self.community.and_then(|id| at(Some(id))), ClipSource::Community),
            (at(None), ClipSource::Everybody),
        ];
        let said = |(file, source): (Option<&Arc<Path>>, ClipSource)| {
            let id = NameId::Recorded(Arc::clone(file?));
            Some(NameSaid { id, source, before: before.to_vec() })
        };
        recorded.into_iter().filter_map(said).collect()
    }
}

/// A recording of a clip, and the fixed clips that are said before it.
struct Found {
    recording: Recording,
    source: ClipSource,
    before: Vec<Clip>,
}

/// What may say a name, and the fixed clips that are said before it.
struct NameSaid {
    id: NameId,
    source: ClipSource,
    before: Vec<Clip>,
}
