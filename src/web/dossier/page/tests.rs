use super::*;
use crate::store::alarm_log::{AlarmRow, StoredAlarm, StoredEvent};
use crate::store::audit::EntryView;
use crate::store::traces::TraceMessage;
use crate::web::alarms::{AlarmView, BeginningView, SceneView};
use crate::web::audit::NamedEntry;
use crate::web::deliveries::deliveries;
use crate::web::timeline::timeline;
use jiff::SignedDuration;
use lianfang_domain::alarm::{AnswerMeans, Event, LegStart};
use lianfang_domain::id::{AlarmId, LineId};
use lianfang_domain::leg::{Channel, LegOutcome, Message};
use lianfang_domain::plan::PartyId;
use std::collections::BTreeMap;

fn after(ms: i64) -> Timestamp {
    let raised: Timestamp = "2026-11-22T00:00:00Z".parse().expect("a time");
    raised + SignedDuration::from_millis(ms)
}

/// So many calls to so many parties: each is ordered, leaves, rings, is answered by a key and ends.
fn stored(calls: u32) -> StoredAlarm {
    let start = |leg: u32| LegStart {
        leg,
        party: PartyId(u16::try_from(leg % 1000).expect("few")),
        number_index: 0,
        channel: Channel::Voice,
        message: Message::Alarm,
    };
    let mut events = vec![Event::WaveStarted { wave: 0, legs: (0..calls).map(start).collect() }];
    for leg in 0..calls {
        let party = start(leg).party;
        events.extend([
            Event::LegPlaced { leg, route: "trunk".into() },
            Event::LegRinging { leg },
            Event::LegAnswered { leg },
            Event::Acknowledged { party, means: AnswerMeans::Key { leg } },
            Event::LegEnded { leg, outcome: LegOutcome::Answered },
        ]);
    }
    let at = |sequence: usize| after(i64::try_from(sequence).expect("few"));
    let events = events.into_iter().enumerate().map(|(sequence, event)| StoredEvent {
        sequence: u32::try_from(sequence).expect("few"),
        at: at(sequence),
        event,
    });
    let row = AlarmRow {
        id: AlarmId(1 << 40),
        line: LineId(1),
        raised: after(0),
        closed: None,
        idempotency_key: "call".into(),
        is_drill: false,
    };
    StoredAlarm { row, events: events.collect(), plans: Vec::new() }
}

fn entry(sequence: u64) -> EntryView {
    EntryView {
        chain: "alarms",
        sequence,
        at: after(5),
        actor: "account:12345".into(),
        action: "append".into(),
        noun: "alarm_event".into(),
        id: Some(AlarmId(1 << 40).to_string()),
        number: 7,
        count: 2,
        content: None,
        previous_hash: "ab".repeat(32),
        hash: format!("{sequence:064x}"),
    }
}

/// The text of a message; every character is escaped, as the longest is.
fn text(index: i64, chars: usize) -> String {
    format!("INVITE sip:{index}@x {}#{index}#", "<\"".repeat(chars / 2))
}

/// A dossier of so many calls, reads and messages of so many characters.
fn made_up(calls: u32, reads: u64, (messages, chars): (i64, usize)) -> Dossier {
    let stored = stored(calls);
    let long = || "名".repeat(200);
    let mut dossier = Dossier {
        alarm: AlarmView::from(&stored.row),
        beginning: BeginningView { heard_ms: Some(-3), committed_ms: Some(1) },
        written_at: after(1_000),
        time_zone: "Asia/Shanghai".to_owned(),
        is_erased: false,
        scene: Some(SceneView {
            community: long(),
            household: long(),
            place: long(),
            building: long(),
            unit: long(),
            floor: long(),
            door: long(),
            number: "139****2222".to_owned(),
        }),
        parties: Vec::new(),
        timeline: timeline(&stored, &BTreeMap::new(), Language::Chinese),
        legs: deliveries(&stored, Language::Chinese),
        plans: Vec::new(),
        reads: (0..reads)
            .map(|at| NamedEntry { entry: entry(at), actor_name: Some("监察".repeat(20)) })
            .collect(),
        audit: (0..reads).map(|at| entry(1_000_000 + at)).collect(),
        trace: (0..messages)
            .map(|index| TraceMessage {
                at: after(index),
                is_sent: index % 2 == 0,
                remote: "udp 192.0.2.7:5060".to_owned(),
                text: text(index, chars),
            })
            .collect(),
    };
    for (index, moment) in dossier.timeline.iter_mut().enumerate() {
        moment.text.push_str(&format!(" «{index}»"));
    }
    dossier
}

fn wanted(language: Language, part: usize) -> Wanted {
    Wanted { language, is_language_named: false, part }
}

fn parts(dossier: &Dossier, language: Language) -> Vec<String> {
    let part = |part| write(dossier, &wanted(language, part)).expect("is written");
    (1..).map_while(part).collect()
}

/// What stands between these, in order.
fn between<'a>(all: &'a str, (before, behind): (&str, &str)) -> Vec<&'a str> {
    all.split(before).skip(1).filter_map(|rest| rest.split(behind).next()).collect()
}

#[test]
fn no_part_is_larger_than_a_page_and_no_row_is_lost_or_doubled() {
    let dossier = made_up(600, 1_000, (15, 8_000));
    for language in [Language::Chinese, Language::English] {
        let pages = parts(&dossier, language);
        assert!(10 < pages.len(), "{}", pages.len());
        for (index, page) in pages.iter().enumerate() {
            assert!(page.len() <= PAGE_MAX, "part {}: {} bytes", index + 1, page.len());
            assert!(page.ends_with("</html>"), "part {}", index + 1);
            assert_eq!(page.matches("<h1>").count(), 1);
        }
        // Nearly full, all of them: a part is not begun for nothing.
        let rows: usize = pages.iter().map(String::len).sum();
        assert!(pages.len() <= rows / (PAGE_MAX / 2) + 1, "{} of {rows} bytes", pages.len());
        let all = pages.concat();
        let numbers = |from: u32, to: u32| (from..to).map(|number| number.to_string());
        let moments: Vec<String> = numbers(0, 3_001).collect();
        assert_eq!(between(&all, ("«", "»")), moments);
        let first = between(&all, ("<tr><td class=\"n\">", "</td>"));
        let first: Vec<&str> =
            first.into_iter().filter(|text| text.parse::<u32>().is_ok()).collect();
        let legs_and_entries = numbers(0, 600).chain(numbers(1_000_000, 1_001_000));
        assert_eq!(first, legs_and_entries.collect::<Vec<_>>());
        let hashes = between(&all, ("<td><code>", "</code>"));
        let hashes: Vec<&str> = hashes.into_iter().filter(|text| text.len() == 64).collect();
        let wanted = (0..1_000).chain(1_000_000..1_001_000).map(|at: u64| format!("{at:064x}"));
        assert_eq!(hashes, wanted.collect::<Vec<_>>());
        // Each message is whole, put together again from its pieces.
        let pieces = between(&all, ("<pre>", "</pre>")).concat();
        let read = pieces.replace("&#60;", "<").replace("&#34;", "\"");
        let texts: String = (0..15).map(|index| text(index, 8_000)).collect();
        assert!(read == texts, "{} of {} bytes", read.len(), texts.len());
    }
}

#[test]
fn a_small_dossier_is_one_page_without_contents() {
    let pages = parts(&made_up(20, 10, (10, 100)), Language::English);
    assert_eq!(pages.len(), 1);
    for other in ["<nav", "id=\"contents\"", "Part 1", "as_of="] {
        assert!(!pages[0].contains(other), "{other}");
    }
    let empty = Dossier { legs: Vec::new(), ..made_up(0, 0, (0, 0)) };
    let pages = parts(&Dossier { timeline: Vec::new(), ..empty }, Language::Chinese);
    assert_eq!(pages.len(), 1);
    assert_eq!(pages[0].matches("<p>无</p>").count(), 6, "{}", pages[0]);
}

#[test]
fn parts_lead_to_each_other_and_are_of_one_moment() {
    let mut dossier = made_up(200, 200, (30, 4_000));
    // Somebody read it after it was written, as far as clocks tell: one of them was put back.
    dossier.reads[0].entry.at = after(1_001);
    let link = |part: usize| format!("href=\"?part={part}&#38;as_of=2026-11-22T00:00:01.001Z");
    let pages = parts(&dossier, Language::English);
    let count = pages.len();
    assert!(2 < count);
    for (index, page) in pages.iter().enumerate() {
        let part = index + 1;
        assert!(page.contains(&format!("<p class=\"part\">Part {part} of {count}</p>")));
        let leads =
            |rel: &str, part| page.matches(&format!("{}\" rel=\"{rel}\"", link(part))).count();
        assert_eq!(leads("next", part + 1), if part < count { 2 } else { 0 }, "{part}");
        assert_eq!(leads("prev", part.wrapping_sub(1)), if 1 < part { 2 } else { 0 }, "{part}");
        assert_eq!(page.contains("id=\"contents\""), part == 1, "{part}");
    }
    assert!(pages[0].contains("Timeline</a>: 1001 rows, part"), "{}", pages[0]);
    let messages = "#messages\">SIP messages in full</a>: 30 rows, parts ";
    assert!(pages[0].contains(messages), "{}", pages[0]);
    let named = Wanted { is_language_named: true, ..wanted(Language::Chinese, 2) };
    let page = write(&dossier, &named).expect("is written").expect("is there");
    assert!(
        page.contains("href=\"?lang=zh&#38;part=1&#38;as_of=") && page.contains("第 2 部分，共")
    );
}

#[test]
fn there_is_no_part_behind_the_last_nor_before_the_first() {
    let dossier = made_up(1, 1, (1, 10));
    for part in [0, 2, usize::MAX] {
        assert!(write(&dossier, &wanted(Language::English, part)).expect("is written").is_none());
    }
}
