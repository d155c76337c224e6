//! What somebody at a desk has done besides: everybody called again, somebody called besides, taken in hand.

use super::{ALL, all_but};
use crate::town::{Power, Town};
use lianfang::switchboard::{ActError, Action};
use lianfang_domain::alarm::CloseOutcome;
use lianfang_domain::id::{ContactId, HouseholdId, WorkerId};
use lianfang_domain::plan::{AddError, Added};

/// The worker who is not on duty.
const DEPUTY: Action = Action::AddParty(Added::Worker(WorkerId(2)));

#[tokio::test]
async fn somebody_is_called_besides_and_everybody_again_whatever_the_power_does() {
    for power in [Power::Stays, Power::Fails] {
        let mut town = Town::new().await;
        let alarm = town.dials("#9").await.alarm;
        town.press_and_hang_up(&["duty", "103", "104"], '1').await;
        town.expect_silence();

        town.acts(alarm, DEPUTY).await.expect("is called");
        town.expect_ringing(&["deputy"]);
        town.power(power).await;
        town.expect_ringing(&["deputy"]);
        town.press_and_hang_up(&["deputy"], '1').await;
        let deputy = town.alarm(alarm).await;
        let deputy = deputy.parties().find(|(_, party, _)| party.worker == Some(WorkerId(2)));
        assert!(deputy.is_some_and(|(_, _, state)| state.coming.is_some()));

        town.acts(alarm, Action::CallAgain).await.expect("rings");
        town.expect_ringing(&all_but(&["duty", "103", "104"]));
        town.press_and_hang_up(&["105"], '1').await;
        town.expect_silence();
    }
}

#[tokio::test]
async fn an_alarm_in_hand_rings_on_and_walls_know_who_has_it_after_a_restart() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.acts(alarm, Action::TakeInHand).await.expect("noted");
    assert_eq!(town.acts(alarm, Action::TakeInHand).await, Err(ActError::NothingChanged));
    town.restarts().await;
    town.expect_ringing(&ALL);
    assert!(town.alarm(alarm).await.in_hand().is_some());
    town.dials("#9").await;
    assert!(town.alarm(alarm).await.in_hand().is_none(), "the walls sound again");
}

#[tokio::test]
async fn who_cannot_be_called_is_refused_and_nobody_after_the_end() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    let refused = Err(ActError::CannotAdd(AddError::Unknown));
    let nobody = Action::AddParty(Added::Worker(WorkerId(99)));
    assert_eq!(town.acts(alarm, nobody).await, refused);
    let own = Added::Contact(HouseholdId(100), ContactId(1));
    let refused = Err(ActError::CannotAdd(AddError::InTrouble));
    assert_eq!(town.acts(alarm, Action::AddParty(own)).await, refused);
    town.expect_ringing(&ALL);
    town.acts(alarm, Action::Close(CloseOutcome::FalseAlarm, None)).await.expect("closes");
    for action in [DEPUTY, Action::CallAgain] {
        assert_eq!(town.acts(alarm, action).await, Err(ActError::NotOpen));
    }
    town.expect_silence();
}
