//! Calls and the media path: what is agreed, what is said, who talks.

use super::{Call, Desk};
use crate::clock::Seldom;
use crate::media::room::Talk;
use crate::media::{EarlyMedia, MediaPlan, OpenSession, Playlist};
use crate::telephone::legs::room_of;
use crate::telephone::session::{self, Session};
use jiff::Timestamp;
use lianfang_domain::alarm::{ResidentNotice, WithdrawMeans};
use lianfang_domain::id::AlarmId;
use lianfang_domain::plan::Plan;
use lianfang_domain::words::{self, Clip};
use lianfang_sip::agent::api::{CallHandle, Command};
use lianfang_sip::sdp::SdpError;
use std::error::Error;
use std::sync::Arc;

impl Call {
    /// Nothing is said in it.
    fn is_silent(&self) -> bool {
        self.speaker.is_silent || self.is_silenced
    }

    /// It is not the line of the alarm, but another telephone of the household.
    pub(super) fn is_elsewhere(&self) -> bool {
        matches!(self.means, WithdrawMeans::CallBack { .. })
    }
}

impl Desk {
    /// The caller's answer to an offer of ours.
    pub(in crate::telephone) fn on_confirmed(&mut self, call: CallHandle, answer: Option<&[u8]>) {
        let session = self.calls.get_mut(&call).and_then(|known| known.session.as_mut());
        if let (Some(session), Some(answer)) = (session, answer)
            && let Ok(plan) = session.read_answer(answer)
        {
            self.start_media(call, plan);
        }
    }

    pub(in crate::telephone) fn on_session_change(
        &mut self,
        call: CallHandle,
        offer: Option<&[u8]>,
    ) {
        let session = self.calls.get_mut(&call).and_then(|known| known.session.as_mut());
        let Some(session) = session else {
            self.commands.push_back(Command::AnswerSession { call, sdp: None });
            return;
        };
        let (answer, plan) = session.renegotiate(offer);
        if let Some(plan) = plan {
            self.start_media(call, plan);
        }
        self.commands.push_back(Command::AnswerSession { call, sdp: answer });
    }

    /// Says something to whoever raised this alarm, or is of their household, and still listens.
    pub(in crate::telephone) fn tell(
        &mut self,
        alarm: AlarmId,
        notice: &ResidentNotice,
        plan: &Arc<Plan>,
    ) {
        for call in self.by_alarm.get(&alarm).cloned().unwrap_or_default() {
            let Some(known) = self.calls.get(&call) else { continue };
            let is_answer = match notice {
                ResidentNotice::Cancelled | ResidentNotice::PinRefused => true,
                ResidentNotice::HelpCalled { .. }
                | ResidentNotice::Coming { .. }
                | ResidentNotice::KindHeard { .. } => false,
            };
            // Other telephones hear what became of their own PIN at once.
            if !(is_answer && known.is_elsewhere()) {
                self.say(call, &words::resident(plan, notice, known.speaker.language));
            }
        }
    }

    /// Answers. A call whose media cannot be agreed on is refused, with the status that is returned; its alarm stands.
    /// Without a free port it is answered without sound: a refusal would tell the caller that the alarm failed.
    pub(super) fn accept(&mut self, call: CallHandle) -> Option<u16> {
        let known = self.calls.get_mut(&call)?;
        let opened = self.parts.media.open(OpenSession {
            id: call.0,
            events: self.events.clone(),
            early: EarlyMedia::Heard,
        });
        let offer = known.offer.take();
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => {
                tell_trouble(&error, "has no sound", self.parts.clock.now());
                let address = self.parts.media_address;
                return match session::without_sound(address, call.0, offer.as_deref()) {
                    Ok(sdp) => {
                        self.commands.push_back(Command::Accept { call, sdp });
                        None
                    }
                    Err(_) => Some(SdpError::STATUS),
                };
            }
        };
        let mut session =
            Session::new(self.parts.media_address, opened.local_port, call.0, known.signalled_from);
        let (answer, plan) = match offer {
            None => (session.offer(), None),
            Some(offer) => match session.answer(&offer) {
                Ok((answer, plan)) => (answer, Some(plan)),
                Err(error) => {
                    tell_trouble(&error, "offers no media that we know", self.parts.clock.now());
                    return Some(SdpError::STATUS);
                }
            },
        };
        known.session = Some(session);
        if let Some(plan) = plan {
            self.start_media(call, plan);
        }
        self.commands.push_back(Command::Accept { call, sdp: answer });
        None
    }

    /// Somebody who was called entered or left the talk: with the first the resident joins, with the last they leave.
    pub(in crate::telephone) fn on_talk(&mut self, alarm: AlarmId, is_in: bool) {
        let talking = self.talks.entry(alarm).or_default();
        *talking = if is_in { talking.saturating_add(1) } else { talking.saturating_sub(1) };
        let (is_first, is_over) = (is_in && *talking == 1, *talking == 0);
        if is_over {
            self.talks.remove(&alarm);
        }
        for call in self.by_alarm.get(&alarm).cloned().unwrap_or_default() {
            if is_first {
                self.join(call, alarm);
            } else if is_over {
                // Closing the session leaves the room as well, should this not be taken.
                let _ = self.parts.media.leave(call.0);
            }
        }
    }

    /// A silent line is heard, and hears nothing.
    pub(super) fn join(&mut self, call: CallHandle, alarm: AlarmId) {
        let Some(known) = self.calls.get(&call).filter(|known| known.session.is_some()) else {
            return;
        };
        let talk = if known.is_silent() { Talk::Unhearing } else { Talk::Full };
        if let Err(error) = self.parts.media.join(call.0, room_of(alarm), talk) {
            tracing::warn!(alarm.id = %alarm, %error, "The resident cannot join the talk");
        }
    }

    fn start_media(&self, call: CallHandle, plan: MediaPlan) {
        if let Err(error) = self.parts.media.start(call.0, plan) {
            tracing::error!(%error, "A resident's media cannot be started");
        }
    }

    pub(super) fn say(&mut self, call: CallHandle, clips: &[Clip]) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        if known.is_silent() || clips.is_empty() || known.session.is_none() {
            return;
        }
        known.playlist += 1;
        let words = known.speaker.voice(&self.parts.prompts).speak(clips);
        let playlist = Playlist { id: known.playlist, ..words };
        if let Err(error) = self.parts.media.play(call.0, playlist) {
            tracing::error!(%error, "A resident's announcement cannot be played");
        }
    }
}

fn tell_trouble(error: &dyn Error, why: &str, now: Timestamp) {
    static TOLD: Seldom = Seldom::new();
    if let Some(times) = TOLD.tell(now) {
        tracing::error!(%error, times, "A resident's call {why}");
    }
}
