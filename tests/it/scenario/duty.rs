//! Who is on duty, by the roster: it is the day shift's until 20:00, and Sunday, 22 November 2026, when nobody says otherwise.

use super::{NEIGHBOURS, all_but};
use crate::town::{Does, Power, Town};
use lianfang_domain::leg::Message;

const EVERY_DAY: &str = r#"
    INSERT INTO duty_post (id, community_id, code, name) VALUES (1, 1, 'A', 'A岗');
    INSERT INTO duty_shift (id, community_id, post_id, worker_ids, weekdays, day_kinds, starts, ends, days_later)
    VALUES
        (1, 1, 1, '[2]', '["monday","tuesday","wednesday","thursday","friday","saturday","sunday"]',
            '["workday","rest_day","holiday"]', '08:00:00', '20:00:00', 0),
        (2, 1, 1, '[1]', '["monday","tuesday","wednesday","thursday","friday","saturday","sunday"]',
            '["workday","rest_day","holiday"]', '20:00:00', '08:00:00', 1);"#;
const THIRD_WORKER: &str = r#"INSERT INTO worker (id, community_id, name, numbers) VALUES (3, 1, '赵主任',
    '[{"key":"+8613900010003","written":"13900010003","voice":true,"sms":true}]');"#;
/// Until an hour from now, in microseconds.
const FROM_NOW: &str = "1795305600000000, 1795309200000000";

/// Day shift: the deputy, 王芳. Night shift: 李强.
async fn shifts(more: &'static str) -> Town {
    Town::with_also(&[THIRD_WORKER, EVERY_DAY, more]).await
}

async fn rings_on_duty(town: &mut Town, who: &[&str]) {
    town.dials("#9").await;
    town.expect_ringing(&[&NEIGHBOURS[..], who].concat());
}

#[tokio::test]
async fn by_day_the_day_shift_rings_and_by_night_the_night_shift() {
    let mut town = shifts("").await;
    rings_on_duty(&mut town, &["deputy"]).await;
    let mut town = shifts("").await;
    town.leap(12 * 3600).await;
    rings_on_duty(&mut town, &["duty"]).await;
    let mut town = shifts("").await;
    town.leap(24 * 3600 - 1).await;
    rings_on_duty(&mut town, &["duty"]).await;
}

#[tokio::test]
async fn a_change_of_shift_rings_the_new_one_and_nine_again_leaves_the_old_in_peace() {
    let mut town = shifts("").await;
    town.leap(12 * 3600 - 60).await;
    let alarm = town.dials("#9").await.alarm;
    town.everybody(Does::NoAnswer).await;
    town.leap(60).await;
    town.until(|town| town.calls_to("duty") == [Message::Alarm]).await;

    town.dials("#9").await;

    assert_eq!(town.calls_to("duty"), [Message::Alarm], "it rings already");
    assert_eq!(town.calls_to("deputy").len(), 1);
    assert_eq!(town.alarm(alarm).await.plan().revision, 3, "the change of shift and the new press");
}

#[tokio::test]
async fn a_stand_in_rings_for_who_is_away() {
    let town = &mut shifts(
        "INSERT INTO duty_absence (community_id, worker_id, stand_in_id, from_us, to_us)
        VALUES (1, 2, 3, 1795305600000000, 1795309200000000)",
    )
    .await;
    rings_on_duty(town, &["leader"]).await;
}

#[tokio::test]
async fn who_is_away_without_a_stand_in_still_rings_since_the_post_would_be_nobodys() {
    let town = &mut shifts(
        "INSERT INTO duty_absence (community_id, worker_id, from_us, to_us)
        VALUES (1, 2, 1795305600000000, 1795309200000000)",
    )
    .await;
    rings_on_duty(town, &["deputy"]).await;
}

#[tokio::test]
async fn a_swap_counts_only_once_the_other_agreed() {
    for (state, who) in [("proposed", "deputy"), ("agreed", "duty"), ("withdrawn", "deputy")] {
        let town = &mut shifts(
            "INSERT INTO duty_swap (community_id, proposer_id, other_id, gives_post_id, gives_from_us, gives_to_us)
            VALUES (1, 2, 1, 1, 1795305600000000, 1795309200000000)",
        )
        .await;
        let to = match state {
            "agreed" => "UPDATE duty_swap SET state = 'agreed'",
            "withdrawn" => "UPDATE duty_swap SET state = 'withdrawn'",
            _ => "",
        };
        town.edit(to).await;
        rings_on_duty(town, &[who]).await;
    }
}

#[tokio::test]
async fn an_override_puts_another_on_the_post_for_an_hour() {
    let sql = "INSERT INTO duty_override (community_id, post_id, worker_id, from_us, to_us)
        VALUES (1, 1, 3, 1795305600000000, 1795309200000000)";
    assert!(sql.contains(FROM_NOW));
    rings_on_duty(&mut shifts(sql).await, &["leader"]).await;
    let mut later = shifts(sql).await;
    later.leap(3600).await;
    rings_on_duty(&mut later, &["deputy"]).await;
}

#[tokio::test]
async fn an_old_shift_that_nobody_took_over_from_rings_beside_the_new_one() {
    let town = &mut shifts(
        "INSERT INTO duty_kept (post_id, worker_id, from_us) VALUES (1, 1, 1795305600000000)",
    )
    .await;
    rings_on_duty(town, &["deputy", "duty"]).await;
}

#[tokio::test]
async fn when_the_roster_has_a_gap_who_is_marked_as_on_duty_rings() {
    let mut town = shifts("DELETE FROM duty_shift WHERE id = 1").await;
    rings_on_duty(&mut town, &["duty"]).await;
}

#[tokio::test]
async fn when_nobody_at_all_is_on_duty_every_worker_rings() {
    let town =
        &mut shifts("DELETE FROM duty_shift WHERE id = 1; UPDATE worker SET is_on_duty = 0").await;
    rings_on_duty(town, &["deputy", "duty", "leader"]).await;
}

#[tokio::test]
async fn on_duty_without_a_telephone_is_as_good_as_nobody() {
    let town = &mut shifts("UPDATE worker SET numbers = '[]' WHERE id = 2").await;
    rings_on_duty(town, &["duty"]).await;
}

#[tokio::test]
async fn a_public_holiday_and_a_make_up_workday_have_shifts_of_their_own() {
    // Workdays are 王芳's, all other days 赵主任's.
    let by_kind = r#"UPDATE duty_shift SET day_kinds = '["workday"]' WHERE id = 1;
        INSERT INTO duty_shift (community_id, post_id, worker_ids, weekdays, day_kinds, starts, ends)
        SELECT 1, 1, '[3]', weekdays, '["rest_day","holiday"]', starts, ends FROM duty_shift WHERE id = 1;"#;
    rings_on_duty(&mut shifts(by_kind).await, &["leader"]).await;

    let mut make_up = shifts(by_kind).await;
    make_up.edit("INSERT INTO calendar_day (day, kind) VALUES ('2026-11-22', 'workday')").await;
    rings_on_duty(&mut make_up, &["deputy"]).await;

    let mut holiday = shifts(by_kind).await;
    holiday.edit("INSERT INTO calendar_day (day, kind) VALUES ('2026-11-23', 'holiday')").await;
    holiday.leap(24 * 3600).await;
    rings_on_duty(&mut holiday, &["leader"]).await;
}

#[tokio::test]
async fn a_rotation_gives_each_day_to_the_next() {
    let rotation = "DELETE FROM duty_shift;
        INSERT INTO duty_rotation (id, community_id, name, worker_ids, unit, every, anchor)
        VALUES (1, 1, '轮值', '[1,2,3]', 'days', 1, '2026-11-22');
        INSERT INTO duty_shift (community_id, post_id, rotation_id, weekdays, day_kinds, starts, ends, days_later)
        VALUES (1, 1, 1, '[\"monday\",\"tuesday\",\"wednesday\",\"thursday\",\"friday\",\"saturday\",\"sunday\"]',
            '[\"workday\",\"rest_day\",\"holiday\"]', '00:00:00', '00:00:00', 1)";
    for (day, who) in [(0, "duty"), (1, "deputy"), (2, "leader"), (3, "duty")] {
        let mut town = shifts(rotation).await;
        town.leap(day * 24 * 3600).await;
        rings_on_duty(&mut town, &[who]).await;
    }
}

#[tokio::test]
async fn a_roster_that_is_changed_in_the_middle_rings_who_is_on_duty_now_and_ends_nobodys_ringing()
{
    for power in Power::BOTH {
        let mut town = shifts("").await;
        rings_on_duty(&mut town, &["deputy"]).await;
        town.edit("UPDATE duty_shift SET worker_ids = '[3]'").await;
        town.power(power).await;
        // Rosters are looked at each second; nothing that rings by now ends in half a minute.
        for _ in 0..30 {
            town.leap(1).await;
            if !town.calls_to("leader").is_empty() {
                break;
            }
        }
        town.until(|town| town.calls_to("leader") == [Message::Alarm]).await;
        assert!(town.wire.ringing().contains(&"deputy".to_owned()), "{power:?}");
        assert!(!all_but(&["duty"]).is_empty());
    }
}
