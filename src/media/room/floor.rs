//! Whose microphone is open: the half-duplex rule of loudspeakers, which keeps a room from howling.
//!
//! What a loudspeaker plays comes back into its microphone. So its microphone is closed while anybody else talks, and
//! for as long after as that sound needs to come back. Where there are several, each is open only while somebody
//! talks into it, and all others are closed meanwhile and as long after: two never feed each other. Telephones are
//! always open: nobody silences them, however loud.

use super::Talk;
use super::mixer::MEMBERS_MAX;

/// How long a microphone stays closed after others talked: 600 ms. In this time what the loudspeaker plays has to
/// fade away: over the network there and back, two jitter buffers, the echo of the place.
const HANGOVER_TICKS: u16 = 30;
/// How long the floor is kept in the pauses of a talk: 300 ms.
const HOLD_TICKS: u16 = 15;

/// What is known of a member in one tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sound {
    pub(super) talk: Talk,
    pub(super) is_talking: bool,
}

/// Which loudspeaker's microphone is open, and how long each has been left in peace.
#[derive(Debug)]
pub(super) struct Floor {
    holder: Option<usize>,
    /// Ticks since somebody talked into the open one.
    talked_ago: u16,
    /// For each place, ticks since anybody else was heard there or a clip was played to it.
    others_ago: [u16; MEMBERS_MAX],
}

impl Floor {
    pub(super) fn new() -> Self {
        Self { holder: None, talked_ago: 0, others_ago: [HANGOVER_TICKS; MEMBERS_MAX] }
    }

    /// Forgets what was known of a place.
    pub(super) fn on_new_member(&mut self, index: usize) {
        self.others_ago.iter_mut().skip(index).take(1).for_each(|ago| *ago = HANGOVER_TICKS);
    }

    /// A clip is played to this member alone.
    pub(super) fn on_clip(&mut self, index: usize) {
        self.others_ago.iter_mut().skip(index).take(1).for_each(|ago| *ago = 0);
    }

    /// Whose microphone is open in this tick. `has_clip`: a clip is played to all.
    pub(super) fn on_tick(
        &mut self,
        sounds: &[Option<Sound>; MEMBERS_MAX],
        has_clip: bool,
    ) -> [bool; MEMBERS_MAX] {
        let sound = |index: usize| sounds.get(index).copied().flatten();
        let is_speaker =
            |index: usize| sound(index).is_some_and(|it| it.talk == Talk::HalfDuplexSpeaker);
        let is_talking = |index: usize| sound(index).is_some_and(|it| it.is_talking);
        let is_alone = (0..MEMBERS_MAX).filter(|index| is_speaker(*index)).count() == 1;
        let talker = (0..MEMBERS_MAX).find(|index| is_talking(*index) && !is_speaker(*index));
        let is_loud = has_clip || talker.is_some();
        for ago in &mut self.others_ago {
            *ago = if is_loud { 0 } else { ago.saturating_add(1) };
        }
        let may_talk = |index: usize| {
            let ago = self.others_ago.get(index);
            is_speaker(index) && ago.is_some_and(|ago| HANGOVER_TICKS <= *ago)
        };
        let talks = |index: &usize| may_talk(*index) && (is_alone || is_talking(*index));
        self.talked_ago = self.talked_ago.saturating_add(1);
        let holder = self.holder.filter(|index| may_talk(*index));
        let keeps = holder.filter(|index| talks(index) || self.talked_ago < HOLD_TICKS);
        self.holder = keeps.or_else(|| (0..MEMBERS_MAX).find(talks));
        let Some(holder) = self.holder else { return sounds.map(|it| it.is_some_and(is_full)) };
        if is_talking(holder) {
            self.talked_ago = 0;
        }
        for (index, ago) in self.others_ago.iter_mut().enumerate() {
            *ago = if index == holder { *ago } else { 0 };
        }
        std::array::from_fn(|index| index == holder || sound(index).is_some_and(is_full))
    }
}

fn is_full(sound: Sound) -> bool {
    match sound.talk {
        Talk::Full | Talk::Unhearing => true,
        Talk::HalfDuplexSpeaker => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK_MS: u32 = 20;

    /// Plays a scene with these members: `f` is a telephone, `a` and `b` are loudspeakers. A part of it is who talks
    /// (`.` nobody, `c` a clip), for how many ms, and who is open in the end.
    fn check(members: &str, scene: &[(char, u32, &str)]) {
        let mut floor = Floor::new();
        for (number, (who, ms, open)) in scene.iter().enumerate() {
            let sound = |name: char, talk| {
                members.contains(name).then_some(Sound { talk, is_talking: *who == name })
            };
            let mut sounds = [None; MEMBERS_MAX];
            sounds[0] = sound('f', Talk::Full);
            sounds[3] = sound('a', Talk::HalfDuplexSpeaker);
            sounds[5] = sound('b', Talk::HalfDuplexSpeaker);
            let mut last = [false; MEMBERS_MAX];
            for _ in 0..ms / TICK_MS {
                last = floor.on_tick(&sounds, *who == 'c');
            }
            let names = [(0, 'f'), (3, 'a'), (5, 'b')];
            let opened: String =
                names.iter().filter(|(index, _)| last[*index]).map(|(_, name)| name).collect();
            assert_eq!(opened, *open, "{members}, after part {number}");
        }
    }

    #[test]
    fn a_loudspeaker_is_closed_while_others_talk_and_a_while_after() {
        check("fa", &[('.', 20, "fa"), ('f', 20, "f"), ('.', 580, "f"), ('.', 20, "fa")]);
        check("fa", &[('f', 2000, "f"), ('a', 500, "f"), ('a', 100, "fa")]);
        check("fab", &[('f', 2000, "f"), ('a', 500, "f"), ('a', 100, "fa")]);
    }

    #[test]
    fn of_several_loudspeakers_one_is_open_while_it_is_talked_into() {
        check("fab", &[('.', 1000, "f"), ('b', 20, "fb"), ('b', 5000, "fb"), ('.', 280, "fb")]);
        check("fab", &[('b', 1000, "fb"), ('.', 300, "f"), ('a', 500, "f"), ('a', 100, "fa")]);
        // What another one hears meanwhile and for a while after is taken for an echo.
        check("fab", &[('a', 1000, "fa"), ('b', 280, "fa"), ('b', 500, "f"), ('b', 200, "fb")]);
        check("ab", &[('.', 20, ""), ('a', 20, "a"), ('.', 300, ""), ('b', 600, "b")]);
    }

    #[test]
    fn a_clip_closes_every_loudspeaker() {
        check("fa", &[('c', 20, "f"), ('.', 580, "f"), ('.', 20, "fa")]);
    }

    #[test]
    fn a_clip_of_its_own_closes_a_loudspeaker() {
        let mut floor = Floor::new();
        let mut sounds = [None; MEMBERS_MAX];
        sounds[2] = Some(Sound { talk: Talk::HalfDuplexSpeaker, is_talking: true });
        assert!(floor.on_tick(&sounds, false)[2]);
        floor.on_clip(2);
        assert!(!floor.on_tick(&sounds, false)[2]);
        floor.on_new_member(2);
        assert!(floor.on_tick(&sounds, false)[2]);
    }
}
