//! Somebody may listen: the line hears nothing, and help comes all the same.

use super::ALL;
use crate::town::{Power, Town};
use lianfang_domain::alarm::{PinVerdict, ResidentNotice};

#[tokio::test]
async fn a_line_that_asks_for_silence_hears_nothing_more_and_everybody_rings_on() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    assert_eq!(town.wire.told(), [ResidentNotice::HelpCalled { households: 9 }]);
    town.resident_asks_for_silence(alarm).await;
    town.expect_ringing(&ALL);

    town.press_and_hang_up(&["103", "duty"], '1').await;
    town.resident_keys(alarm, '2').await;

    assert_eq!(town.wire.told().len(), 1);
    assert!(town.wire.heard_by("104").contains("有人闯入"), "the neighbours hear it");
}

#[tokio::test]
async fn each_neighbour_who_comes_is_told_by_name_to_a_line_that_may_hear_it() {
    let mut town = Town::new().await;
    town.dials("#9").await;
    assert!(town.wire.heard_by_resident().contains("九户邻居和值班人员"));
    town.press_and_hang_up(&["103"], '1').await;
    let heard = town.wire.heard_by_resident();
    assert!(heard.contains("103家") && heard.contains("正在赶来"), "{heard}");
    town.press_and_hang_up(&["duty"], '1').await;
    let heard = town.wire.heard_by_resident();
    assert!(heard.contains("社区值班人员李强"), "{heard}");
}

#[tokio::test]
async fn a_silent_line_stays_silent_whatever_happens_and_whatever_the_power_does() {
    for power in Power::BOTH {
        let mut town = Town::where_also("UPDATE line SET is_silent = 1").await;
        let alarm = town.dials("#9").await.alarm;
        town.power(power).await;
        town.press_and_hang_up(&["103", "107", "duty"], '1').await;
        town.resident_keys(alarm, '1').await;
        town.resident_keys_pin(alarm, PinVerdict::Wrong).await;
        town.resident_keys_pin(alarm, PinVerdict::Right).await;
        assert_eq!(town.wire.told(), Vec::<ResidentNotice>::new(), "{power:?}");
        assert!(town.alarm(alarm).await.is_over());
    }
}

#[tokio::test]
async fn silence_that_was_asked_for_outlives_the_power() {
    for power in Power::BOTH {
        let mut town = Town::new().await;
        let alarm = town.dials("#9").await.alarm;
        town.resident_asks_for_silence(alarm).await;
        town.power(power).await;
        let told = town.wire.told().len();
        town.press_and_hang_up(&["103", "duty"], '1').await;
        town.resident_keys_pin(alarm, PinVerdict::Wrong).await;
        assert_eq!(town.wire.told().len(), told, "{power:?}");
        assert!(town.alarm(alarm).await.is_silent());
    }
}
