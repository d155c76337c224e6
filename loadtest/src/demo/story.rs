//! What happened, in plain words, Chinese and English side by side, in milliseconds since the press.

use super::town::{self, Person};
use crate::api::Api;
use crate::provider::{Message, Provider};
use crate::say::say;
use crate::world::{Happening, Heard, What, World};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Sound that counts as heard: a second of it.
const SOUND_WANTED: u64 = 50;
/// Acknowledgements of households that the group wants.
const HOUSEHOLDS_WANTED: usize = 2;

/// Tells what happens and remembers what of it has to happen.
pub(super) struct Story {
    start: Instant,
    has_begun: bool,
    called: BTreeSet<String>,
    coming: BTreeSet<String>,
    is_answered: bool,
    resident_heard: Option<Heard>,
    accepted: BTreeSet<String>,
    delivered: BTreeSet<String>,
    alarm: Option<String>,
    bodies: BTreeSet<String>,
    presses: u32,
}

impl Story {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            start,
            has_begun: false,
            called: BTreeSet::new(),
            coming: BTreeSet::new(),
            is_answered: false,
            resident_heard: None,
            accepted: BTreeSet::new(),
            delivered: BTreeSet::new(),
            alarm: None,
            bodies: BTreeSet::new(),
            presses: 0,
        }
    }

    /// The press: from here on time counts.
    pub(super) fn begin(&mut self, start: Instant) {
        self.start = start;
        self.has_begun = true;
    }

    pub(super) fn set_alarm(&mut self, id: &str) {
        self.alarm = Some(id.to_owned());
    }

    /// Tells what is new.
    pub(super) fn tell(&mut self, world: &mut World, provider: &Provider) {
        let mut lines: Vec<(Instant, String)> = Vec::new();
        for happening in world.take_diary() {
            lines.extend(self.happening(&happening).map(|text| (happening.at, text)));
        }
        for message in provider.messages() {
            self.message(&message, &mut lines);
        }
        lines.sort_by_key(|(at, _)| *at);
        for (at, text) in lines {
            self.line(at, &text);
        }
    }

    fn line(&self, at: Instant, text: &str) {
        if self.has_begun {
            say(format!("{:>7} ms  {text}", ms(at.saturating_duration_since(self.start))));
        } else {
            say(format!("            {text}"));
        }
    }

    fn happening(&mut self, happening: &Happening) -> Option<String> {
        match town::who(&happening.who) {
            Some(person) => self.on_person(person, &happening.what),
            None => self.on_resident(&happening.what),
        }
    }

    fn on_resident(&mut self, what: &What) -> Option<String> {
        Some(match what {
            What::Registered => {
                "502 室座机已注册（SHA-256 认证） · the phone of door 502 is registered (digest SHA-256)".to_owned()
            }
            What::NotRegistered(status) => {
                format!("502 室座机注册被拒 {status} · the phone of door 502 was refused: {status}")
            }
            What::PressedAlarm => {
                self.presses += 1;
                if self.presses == 1 {
                    "☎ 502 室按下 #9 · door 502 presses #9".to_owned()
                } else {
                    "☎ 502 室的话机应答认证 · the phone of door 502 answers the challenge".to_owned()
                }
            }
            What::CallAnswered => {
                self.is_answered = true;
                "☎ 502 室听到：正在呼叫邻居 · door 502 is answered: neighbours are being called".to_owned()
            }
            What::CallRefused(status) => {
                format!("☎ 502 室的呼叫被拒 {status} · the call of door 502 was refused: {status}")
            }
            What::CallEnded(heard) => {
                self.resident_heard = Some(*heard);
                let (seconds, bytes) = (seconds(heard), heard.bytes);
                format!("☎ 502 室挂机，共听到 {seconds:.1} 秒声音 · door 502 hangs up after {seconds:.1} s of sound ({bytes} bytes of RTP, {} lost)", heard.missing)
            }
            What::Called
            | What::Ringing
            | What::Answered
            | What::Refused(_)
            | What::Pressed(_)
            | What::Cancelled
            | What::HungUpByService(_)
            | What::HungUp(_) => return None,
        })
    }

    fn on_person(&mut self, person: &Person, what: &What) -> Option<String> {
        let Person { chinese, english, mobile, .. } = person;
        let (zh, en) = match what {
            What::Called => {
                self.called.insert((*mobile).to_owned());
                ("被呼叫".to_owned(), "is called".to_owned())
            }
            What::Ringing => ("振铃".to_owned(), "rings".to_owned()),
            What::Answered => ("接听".to_owned(), "answers".to_owned()),
            What::Refused(486) => ("占线".to_owned(), "is busy".to_owned()),
            What::Refused(603) => ("拒接".to_owned(), "refuses the call".to_owned()),
            What::Refused(status) => (format!("呼叫失败 {status}"), format!("fails with {status}")),
            What::Pressed('1') => {
                self.coming.insert((*mobile).to_owned());
                ("✓ 按 1：我来".to_owned(), "presses 1: I am coming".to_owned())
            }
            What::Pressed('2') => ("按 2：来不了".to_owned(), "presses 2: cannot come".to_owned()),
            What::Pressed(key) => (format!("按 {key}"), format!("presses {key}")),
            What::Cancelled => {
                ("不必再响，人已够".to_owned(), "need not ring on: enough are coming".to_owned())
            }
            What::HungUpByService(heard) => (
                format!("通话结束，听了 {:.1} 秒", seconds(heard)),
                format!("heard {:.1} s, the service ends the call", seconds(heard)),
            ),
            What::HungUp(heard) => (
                format!("自行挂断，听了 {:.1} 秒", seconds(heard)),
                format!("heard {:.1} s, hangs up", seconds(heard)),
            ),
            What::Registered
            | What::NotRegistered(_)
            | What::PressedAlarm
            | What::CallAnswered
            | What::CallRefused(_)
            | What::CallEnded(_) => return None,
        };
        Some(format!("{chinese} {zh} · {english} {en}"))
    }

    fn message(&mut self, message: &Message, lines: &mut Vec<(Instant, String)>) {
        let Some(Person { chinese, english, .. }) = town::who(&message.to) else { return };
        if self.accepted.insert(message.sid.clone()) {
            if self.bodies.insert(message.body.clone()) {
                lines.push((message.at, format!("✉ 「{}」", message.body)));
            }
            let text = format!("✉ 短信发往{chinese}，已受理 · SMS to {english} accepted");
            lines.push((message.at, text));
        }
        if let Some(at) = message.delivered_at
            && self.delivered.insert(message.sid.clone())
        {
            lines.push((at, format!("✉ {chinese}的短信已送达 · SMS to {english} delivered")));
        }
    }

    /// What has to happen and did not yet.
    pub(super) fn missing(&self) -> Vec<String> {
        let all = town::PEOPLE.len();
        let households = self.coming.iter().filter(|mobile| **mobile != town::PEOPLE[0].mobile);
        let households = households.count();
        let mut missing = Vec::new();
        let mut expect = |is_there: bool, what: String| {
            if !is_there {
                missing.push(what);
            }
        };
        let called = self.called.len();
        expect(
            called == all,
            format!("只呼叫了 {called}/{all} 人 · {called} of {all} were called"),
        );
        let accepted = self.accepted.len();
        expect(
            all <= accepted,
            format!("只发出 {accepted}/{all} 条短信 · {accepted} of {all} SMS"),
        );
        let delivered = self.delivered.len();
        expect(
            all <= delivered,
            format!("只送达 {delivered}/{all} 条短信 · {delivered} of {all} SMS delivered"),
        );
        expect(
            HOUSEHOLDS_WANTED <= households,
            format!(
                "只有 {households} 户答应 · {households} households are coming, {HOUSEHOLDS_WANTED} wanted"
            ),
        );
        expect(
            self.coming.contains(town::PEOPLE[0].mobile),
            "值班员没有按 1 · the duty worker did not press 1".to_owned(),
        );
        expect(
            self.is_answered,
            "服务没有接听 · the service did not answer the resident".to_owned(),
        );
        missing
    }

    /// The same when the resident has hung up.
    pub(super) fn missing_at_the_end(&self) -> Vec<String> {
        let mut missing = self.missing();
        let heard = self.resident_heard.unwrap_or_default();
        if heard.loud_packets < SOUND_WANTED {
            let loud = heard.loud_packets;
            missing.push(format!(
                "居民几乎没听到声音 · the resident heard {loud} packets of sound, {SOUND_WANTED} wanted"
            ));
        }
        missing
    }

    pub(super) fn say_closed(&self, id: &str) {
        self.line(
            crate::clock::now(),
            &format!("警情 {id} 经接口结案 · alarm {id} is closed through the API"),
        );
    }

    /// What the service itself wrote down.
    pub(super) fn tell_record(&self, api: &Api) -> anyhow::Result<()> {
        let Some(id) = &self.alarm else { return Ok(()) };
        let (chinese, english) = (api.timeline(id, "zh-CN")?, api.timeline(id, "en")?);
        let count = chinese.len();
        say(format!(
            "\n服务的记录（共 {count} 条）· What the service recorded ({count} entries in all):"
        ));
        for ((kind, since, zh), (_, _, en)) in chinese.iter().zip(&english) {
            let told =
                ["raised", "wave_started", "acknowledged", "declined", "enough_coming", "closed"];
            if told.contains(&kind.as_str()) {
                say(format!("{since:>7} ms  {zh} · {en}"));
            }
        }
        Ok(())
    }
}

fn ms(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64() * 1e3)
}

/// Sound heard: packets of 20 ms.
#[expect(clippy::cast_precision_loss, reason = "a figure to read")]
fn seconds(heard: &Heard) -> f64 {
    heard.packets as f64 * 0.02
}
