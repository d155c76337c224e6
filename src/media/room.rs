//! Rooms: at most eight sessions that hear each other. Here is who sits where; what they hear is made in [`mixer`].
//!
//! A place is taken at once, in the call of whoever asks, so that a full room is refused there and then. It is kept
//! like a port: whoever holds the [`Seat`] has it, and dropping the seat frees it. The room is there as long as
//! somebody sits in it.
//!
//! Sessions of one room may live on different threads: the mixer is shared by them under a lock. It is taken by media
//! threads alone, for a packet or at most six ticks; with one thread it is always free.

mod floor;
mod jitter;
mod mixer;
mod voice;

pub use mixer::{CLIPS_MAX, MEMBERS_MAX};

use super::MediaError;
use super::playlist::{Codec, Playlist};
use super::session::{Audio, SAMPLES_MAX};
use jiff::Timestamp;
use mixer::{Chair, Mixer, Place};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A room. Chosen by the caller, for instance the number of the alarm: there is a room for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomId(pub u64);

/// How a member of a room talks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Talk {
    /// A telephone: hears and is heard all the time.
    Full,
    /// A loudspeaker whose microphone hears what it plays: it is heard while nobody else talks and no clip plays, and
    /// while no other loudspeaker has the floor. It always plays what the others say.
    HalfDuplexSpeaker,
    /// A telephone on a silent line: is heard all the time and hears nothing.
    Unhearing,
}

/// All rooms: who sits where. No more rooms than sessions, and commands that wait.
#[derive(Clone, Debug, Default)]
pub(super) struct Rooms(Arc<Mutex<Register>>);

#[derive(Debug, Default)]
struct Register {
    rooms: BTreeMap<RoomId, Entry>,
    /// The last ticket that was given out.
    ticket: u64,
}

#[derive(Debug)]
struct Entry {
    room: Room,
    /// Session and ticket of whoever has the place.
    taken: [Option<(u64, u64)>; MEMBERS_MAX],
}

/// What the members of one room share.
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<Mutex<Mixer>>);

/// A place in a room for as long as it is held.
#[derive(Debug)]
pub(super) struct Seat {
    rooms: Rooms,
    id: RoomId,
    room: Room,
    chair: Chair,
    /// Until it is sat on.
    place: Option<Box<Place>>,
}

impl Rooms {
    /// Takes a place. A session that has one in this room already takes it over, so that it can come back at once
    /// and change how it talks.
    pub(super) fn reserve(&self, session: u64, id: RoomId, talk: Talk) -> Result<Seat, MediaError> {
        let mut register = self.lock();
        register.ticket += 1;
        let ticket = register.ticket;
        let new = || Entry { room: Room::new(), taken: [None; MEMBERS_MAX] };
        let entry = register.rooms.entry(id).or_insert_with(new);
        let has = |taken: &Option<(u64, u64)>| taken.is_some_and(|(whose, _)| whose == session);
        let own = entry.taken.iter().position(has);
        let index = own.or_else(|| entry.taken.iter().position(Option::is_none));
        let index = index.ok_or(MediaError::RoomFull)?;
        entry.taken.iter_mut().skip(index).take(1).for_each(|it| *it = Some((session, ticket)));
        let room = entry.room.clone();
        drop(register);
        let place = Some(Box::new(Place::new(ticket, talk)));
        Ok(Seat { rooms: self.clone(), id, room, chair: Chair { index, ticket }, place })
    }

    /// The room, if somebody has a place in it.
    pub(super) fn get(&self, id: RoomId) -> Option<Room> {
        self.lock().rooms.get(&id).map(|entry| entry.room.clone())
    }

    /// How many rooms there are.
    pub(super) fn len(&self) -> usize {
        self.lock().rooms.len()
    }

    /// Frees a place, unless its session has taken it anew.
    fn free(&self, id: RoomId, chair: Chair) {
        let mut register = self.lock();
        let Some(entry) = register.rooms.get_mut(&id) else { return };
        let is_it = |taken: &Option<(u64, u64)>| taken.is_some_and(|it| it.1 == chair.ticket);
        entry.taken.iter_mut().filter(|taken| is_it(taken)).for_each(|taken| *taken = None);
        if entry.taken.iter().all(Option::is_none) {
            register.rooms.remove(&id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Register> {
        // Each change is complete before anything could panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Mixer::new())))
    }

    /// Plays a clip to all members, after those that wait.
    pub(super) fn play(&self, playlist: Playlist) {
        self.lock().play(playlist);
    }

    /// Plays nothing to all members.
    pub(super) fn stop(&self) {
        self.lock().stop();
    }

    fn lock(&self) -> MutexGuard<'_, Mixer> {
        // A tick that panicked has spoilt some samples and nothing else.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Sits down: from now on the member hears and is heard.
    pub(super) fn sit(&mut self) {
        if let Some(place) = self.place.take() {
            self.room.lock().sit(self.chair.index, place);
        }
    }

    /// The member says something.
    pub(super) fn hear(&self, audio: &Audio<'_>) {
        self.room.lock().hear(self.chair, audio);
    }

    /// Makes of `frame`, which holds a clip of the member's own if `has_clip`, what the member hears.
    pub(super) fn mix(&self, codec: Codec, has_clip: bool, frame: &mut [u8], now: Timestamp) {
        let mut samples = [0; SAMPLES_MAX];
        let Some(samples) = samples.get_mut(..frame.len()) else { return };
        self.room.lock().mix(self.chair, has_clip, samples, now);
        for (octet, sample) in frame.iter_mut().zip(samples) {
            let heard = if has_clip {
                mixer::lay_over(i32::from(*sample), codec.decode(*octet))
            } else {
                *sample
            };
            *octet = codec.encode(heard);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // In this order: whoever gets the place finds it empty.
        self.room.lock().rise(self.chair);
        self.rooms.free(self.id, self.chair);
    }
}

#[cfg(test)]
mod tests;
