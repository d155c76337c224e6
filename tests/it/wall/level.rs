//! What a wall has to show, made of what the API says, and in words of its own.

use jiff::Timestamp;
use serde_json::{Value, json};

/// The words of one language.
pub(super) struct Words {
    pub(super) title: &'static str,
    nobody_comes: &'static str,
    is_open: &'static str,
    no_alarm: &'static str,
    under_way: &'static str,
    /// Unattended, coming, arrived, cancelled.
    states: [&'static str; 4],
    drill: &'static str,
    duress: &'static str,
    again: &'static str,
    coming: &'static str,
    here: &'static str,
    in_hand: &'static str,
    owner: &'static str,
    place: fn(&str, &str, &str) -> String,
    called: fn(u64, u64) -> String,
    kinds: [(&'static str, &'static str); 2],
    pub(super) lost: &'static str,
}

pub(super) const CHINESE: Words = Words {
    title: "警情墙 · 联防",
    nobody_comes: "报警无人接警",
    is_open: "警情处理中",
    no_alarm: "无警情",
    under_way: "演练中",
    states: ["无人接警", "有人前往", "已到场", "已撤销"],
    drill: "演练",
    duress: "受胁迫撤销",
    again: "再次按下",
    coming: "前往",
    here: "已到场",
    in_hand: "处理人",
    owner: "负责人",
    place: |building, door, who| format!("{building}号楼 {door} {who}"),
    called: |households, workers| match (households, workers) {
        (0, 0) => "尚未呼叫".to_owned(),
        (households, 0) => format!("已呼叫 {households} 户"),
        (0, workers) => format!("已呼叫值班 {workers} 人"),
        (households, workers) => format!("已呼叫 {households} 户 + 值班 {workers} 人"),
    },
    kinds: [("fire", "火情"), ("illness", "急病或受伤")],
    lost: "连接中断",
};

pub(super) const ENGLISH: Words = Words {
    title: "Alarms · Lianfang",
    nobody_comes: "with nobody coming",
    is_open: "open",
    no_alarm: "No alarm",
    under_way: "drill under way",
    states: ["Nobody is coming yet", "Coming", "Here", "Cancelled"],
    drill: "Drill",
    duress: "Withdrawn under duress",
    again: "Pressed again",
    coming: "Coming",
    here: "Here",
    in_hand: "In hand:",
    owner: "Owner:",
    place: |building, door, who| format!("Building {building}, door {door} {who}"),
    called: |households, workers| match (households, workers) {
        (0, 0) => "Nobody was called yet".to_owned(),
        (households, 0) => format!("{households} households called"),
        (0, workers) => format!("{workers} on duty called"),
        (households, workers) => format!("{households} households + {workers} on duty called"),
    },
    kinds: [("fire", "Fire"), ("illness", "Illness or injury")],
    lost: "The connection is lost",
};

impl Words {
    /// The whole wall for this board and this state.
    pub(super) fn wall(&self, board: &Value, state: &Value) -> Value {
        let now = board["now"].as_str().and_then(|now| now.parse().ok()).expect("a time");
        let items = board["items"].as_array().expect("items");
        let cards = |is_drill: bool| -> Vec<Value> {
            let meant = items.iter().filter(|row| row["is_drill"] == is_drill);
            meant.map(|row| self.card(row, now)).collect()
        };
        let sounding = items.iter().filter(|row| is_sounding(row)).count();
        let title = match sounding {
            0 => self.title.to_owned(),
            count => format!("● ({count}) {}", self.title),
        };
        json!({
            "title": title, "state": self.standing(state), "calm": items.is_empty(), "lost": false,
            "alarms": cards(false), "drills": cards(true),
        })
    }

    fn standing(&self, state: &Value) -> String {
        let first = match (&state["unattended"], &state["open"]) {
            (none, open) if none == 0 && open == 0 => self.no_alarm.to_owned(),
            (none, open) if none == 0 => format!("{open} {}", self.is_open),
            (count, _) => format!("{count} {}", self.nobody_comes),
        };
        if state["drills"] == 0 { first } else { format!("{first} {}", self.under_way) }
    }

    fn card(&self, row: &Value, now: Timestamp) -> Value {
        let index = ["unattended", "coming", "arrived", "cancelled"];
        let index = index.iter().position(|state| row["state"] == *state).expect("is open");
        let late = row["late"].as_array().expect("a list");
        let is_late =
            late.iter().any(|late| late["what"] != "accepted" && late["what"] != "receipt");
        let colour = match index {
            _ if row["is_drill"] == true => "grey",
            0 => "red",
            1 | 2 if is_late => "amber",
            1 => "blue",
            2 => "green",
            _ => "grey",
        };
        let again = &row["presses_again"];
        let tags = [
            (row["is_drill"] == true).then(|| self.drill.to_owned()),
            (row["is_duress"] == true).then(|| self.duress.to_owned()),
            (*again != 0).then(|| format!("{} ×{again}", self.again)),
        ];
        let people = row["people"].as_array().expect("a list").iter().map(|person| {
            let is_here = !person["arrived_at"].is_null();
            json!([person["name"], if is_here { self.here } else { self.coming }])
        });
        let kind = self.kinds.iter().find(|(kind, _)| row["kind"] == *kind);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let place = &row["place"];
        let number = |name: &str| row["counts"][name].as_u64().expect("a number");
        let hand = match (&row["in_hand"], &row["owner"]) {
            (Value::Null, Value::Null) => Value::Null,
            (Value::Null, owner) => json!(format!("{} {}", self.owner, text(&owner["name"]))),
            (hand, _) => json!(format!("{} {}", self.in_hand, text(&hand["by"]))),
        };
        json!({
            "id": format!("a-{}", text(&row["id"])),
            "sound": if is_sounding(row) { "unanswered" } else { "answered" },
            "edge": format!("{colour}-edge"),
            "state": self.states[index],
            "age": age(row["age_s"].as_u64().expect("seconds")),
            "tags": tags.into_iter().flatten().collect::<Vec<_>>(),
            "kind": kind.map(|(_, words)| *words),
            "place": (self.place)(&text(&place["building"]), &text(&place["door"]), &text(&place["household"])),
            "called": (self.called)(number("households"), number("duty_workers")),
            "people": people.collect::<Vec<_>>(),
            "left": left(&row["next"]["at"], now),
            "late": late.len(),
            "hand": hand,
        })
    }
}

fn is_sounding(row: &Value) -> bool {
    row["is_answered"] == false && row["is_drill"] == false
}

fn age(seconds: u64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Whole seconds until a moment, as they are counted down.
fn left(at: &Value, now: Timestamp) -> Value {
    let Some(at) = at.as_str().and_then(|at| at.parse::<Timestamp>().ok()) else {
        return Value::Null;
    };
    let ms = at.duration_since(now).as_millis().max(0);
    json!(ms.unsigned_abs().div_ceil(1_000).to_string())
}
