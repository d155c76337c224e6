//! What happened in the town: alarms that were heard, answered and closed, and how fast they are while others ask.

use super::town::{HOUSEHOLDS, Town};
use crate::api::Api;
use crate::behaviour::{Behaviour, Behaviours};
use crate::board::{Board, Figures};
use crate::clock::now;
use crate::world::{Form, PhoneConfig, World};
use anyhow::ensure;
use serde_json::json;
use std::io;
use std::ops::Range;
use std::time::Duration;

/// How long somebody in trouble stays in the call.
const HOLD: Duration = Duration::from_secs(3);
/// Longest wait for the calls of the last press to be over.
const DRAIN: Duration = Duration::from_secs(40);
/// Outcomes, as often as they stand here.
const OUTCOMES: [&str; 5] = ["genuine", "false_alarm", "genuine", "test", "unknown"];

/// Some come, some do not take the call, some are busy.
pub(super) fn behaviours() -> Behaviours {
    let ms = Duration::from_millis;
    Behaviours::by_weight(vec![
        (4, Behaviour::presses('1', ms(100), ms(500))),
        (2, Behaviour::presses('2', ms(200), ms(500))),
        (3, Behaviour::never_answers()),
        (1, Behaviour::refuses(486, ms(50))),
    ])
}

/// Does something aside, and lets the world go on meanwhile.
pub(super) fn beside<T: Send>(world: &mut World, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let working = scope.spawn(work);
        while !working.is_finished() {
            world.run_until(Duration::from_millis(20), |_| working.is_finished())?;
        }
        working.join().map_err(|_| io::Error::other("what was done aside has panicked"))
    })
}

/// Somebody presses #9 in each of these groups, so many a second. How fast their neighbours were called.
pub(super) fn press(world: &mut World, groups: Range<u32>, rate: f64) -> anyhow::Result<Figures> {
    *world.board_mut() = Board::default();
    let mut phones = Vec::new();
    for group in groups {
        let caller = Town::line(group, 0);
        let callees = (1..HOUSEHOLDS).map(|place| Town::mobile(group, place));
        world.board_mut().add_group(&caller, callees);
        let config = PhoneConfig { account: caller, credentials: None, registers: false, ip: None };
        phones.push(world.add_phone(config, Duration::ZERO, now())?);
    }
    let start = now();
    for (at, phone) in phones.into_iter().enumerate() {
        let due = start + Duration::from_secs_f64(f64::from(u32::try_from(at)?) / rate);
        while now() < due {
            let wait = due.saturating_duration_since(now());
            world.run_until(wait, |_| due <= now())?;
        }
        world.press(phone, Form::Dial("%239".to_owned()), HOLD, now());
    }
    world.run_until(DRAIN, |world| world.board().is_complete() && world.is_quiet())?;
    Ok(world.board().figures())
}

/// Closes all open alarms but the latest so many.
pub(super) fn close(api: &Api, kept: usize) -> anyhow::Result<()> {
    loop {
        let open = api.get_json("/api/v1/alarms?state=open&limit=200")?;
        let open = open["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        if open.len() <= kept {
            return Ok(());
        }
        for (alarm, outcome) in open.iter().skip(kept).zip(OUTCOMES.iter().cycle()) {
            let path = format!("/api/v1/alarms/{}/close", alarm["id"].as_str().unwrap_or_default());
            let (status, text) = api.post(&path, &json!({"outcome": outcome}))?;
            ensure!(status == 204, "{path} was answered with {status}: {text}");
        }
    }
}
