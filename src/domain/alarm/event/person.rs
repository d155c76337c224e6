//! Which events are done by people, and which happen by themselves.

use super::Event;

impl Event {
    /// Whether a person did it: somebody in trouble, somebody who was called, an operator. Our own calls and messages, what
    /// carriers tell of them, and what falls due are nobody's.
    #[must_use]
    pub(in crate::alarm) fn is_of_person(&self) -> bool {
        match self {
            Self::Raised { .. }
            | Self::Acknowledged { .. }
            | Self::Declined { .. }
            | Self::Arrived { .. }
            | Self::PoliceCalled { .. }
            | Self::SaidMistake { .. }
            | Self::StillInDanger { .. }
            | Self::Cancelled { .. }
            | Self::Closed { .. }
            | Self::KindNamed { .. }
            | Self::CalledBack { .. }
            | Self::DoorReached
            | Self::PinRefused { .. }
            | Self::Duress { .. }
            | Self::OwnerChanged { .. }
            | Self::NoteAdded { .. }
            | Self::TalkJoined { .. }
            | Self::TalkLeft { .. }
            | Self::CloseAsked { .. }
            | Self::ReplyUnclear { .. }
            | Self::SmsRefused { .. }
            | Self::CalledAgain { .. }
            | Self::PartyAdded { .. }
            | Self::TakenInHand { .. }
            | Self::Silenced => true,
            Self::Planned { .. }
            | Self::WaveStarted { .. }
            | Self::LegsOrdered { .. }
            | Self::LegPlaced { .. }
            | Self::LegRinging { .. }
            | Self::LegAnswered { .. }
            | Self::SmsAccepted { .. }
            | Self::LegEnded { .. }
            | Self::EnoughComing
            | Self::Escalated { .. }
            | Self::ReceiptLate { .. }
            | Self::AcknowledgementLapsed { .. }
            | Self::Reminded { .. }
            | Self::Yielded { .. } => false,
        }
    }
}
