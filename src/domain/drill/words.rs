//! What people read and hear before a drill.

use crate::directory::{Language, Written};
use crate::leg::Moment;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// The SMS that announces a drill, to somebody who will be called. It says when, who calls, and that #9 stays real.
#[must_use]
pub fn announcement(
    community: &str,
    starts_at: Timestamp,
    (zone, now): (&TimeZone, Timestamp),
    language: Language,
) -> String {
    let start = starts_at.to_zoned(zone.clone());
    let today = now.to_zoned(zone.clone());
    let minute = match start.minute() {
        0 => String::new(),
        minute => format!("{minute:02}分"),
    };
    let days = today.date().until(start.date()).map_or(i32::MAX, |span| span.get_days());
    match language.written() {
        Written::Chinese => {
            let day = match days {
                0 => "今天".to_owned(),
                1 => "明天".to_owned(),
                2 => "后天".to_owned(),
                _ => format!("{}月{}日", start.month(), start.day()),
            };
            let part = if start.hour() < 12 { "上午" } else { "下午" };
            let hour = if 12 < start.hour() { start.hour() - 12 } else { start.hour() };
            format!(
                "(演练预告){community}{day}{part}{hour}点{minute}起举行联防演练，届时您会接到演练电话和短信，\
                 请接听并按键应答，不必出门。演练中遇真实险情照常拨#9。"
            )
        }
        Written::English => format!(
            "(DRILL NOTICE) {community} holds a mutual-aid drill from {} on. You will get a drill call and SMS: \
             please answer and press a key, you need not go out. #9 stays a real alarm at any time.",
            moment_written(&start, days),
        ),
    }
}

/// When a drill begins, for a call that announces it.
#[must_use]
pub fn moment(starts_at: Timestamp, (zone, now): (&TimeZone, Timestamp)) -> Moment {
    let start = starts_at.to_zoned(zone.clone());
    let today = now.to_zoned(zone.clone());
    let days = today.date().until(start.date()).map_or(0, |span| span.get_days());
    let part = |number: i8| u8::try_from(number).unwrap_or_default();
    Moment {
        days: u8::try_from(days).unwrap_or_default(),
        hour: part(start.hour()),
        minute: part(start.minute()),
    }
}

fn moment_written(start: &Zoned, days: i32) -> String {
    let day = match days {
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        _ => start.date().to_string(),
    };
    format!("{:02}:{:02} {day}", start.hour(), start.minute())
}
