//! The nouns of the directory as pages know them: their words, what hangs below them, and the fields of their forms.
//!
//! One table instead of nine forms: what differs between nouns stands here and nowhere else. Must not ask the API.

use crate::lang::Lang;
use crate::visit::Me;
use serde_json::Value;

/// A noun.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Noun {
    /// Its plural in paths, of the API and of pages.
    pub(crate) plural: &'static str,
    words: Words,
    /// What it hangs below: the plural, and the field of its rows that says which one.
    pub(crate) parent: Option<(&'static str, &'static str)>,
    /// What hangs below it, in the order of its page.
    pub(crate) children: &'static [&'static str],
    /// What is written of it.
    pub(crate) fields: &'static [Field],
}

/// Chinese and English.
pub(crate) type Words = (&'static str, &'static str);

/// A field of a form and of a row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its name in the API.
    pub(crate) name: &'static str,
    label: Words,
    hint: Words,
    /// What is written in it.
    pub(crate) kind: Kind,
}

/// What is written in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text; empty where there is none.
    Text,
    /// A text that is null where it is empty.
    Optional,
    /// A whole number; the default of the API where it is empty.
    Count,
    /// A whole number or null, such as seconds.
    OptionalCount,
    /// A grid of the community, or null.
    Grid,
    /// A household of the community that is looked for, or null.
    Household,
    /// Yes or no.
    Flag,
    /// The tag of a language.
    Language,
    /// The tag of a language, or null.
    OptionalLanguage,
    /// What a responder is.
    Responder,
    /// How often people are asked in person, or null.
    Visits,
    /// Words with blanks between them.
    List,
    /// The number of a line.
    Number,
    /// Numbers of a person.
    Numbers,
}

const fn field(name: &'static str, label: Words, hint: Words, kind: Kind) -> Field {
    Field { name, label, hint, kind }
}

const NONE: Words = ("", "");
const NAME: Field = field("name", ("名称", "Name"), NONE, Kind::Text);
const PERSON: Field =
    field("name", ("称呼", "Name"), ("邻居怎么称呼", "How neighbours call them"), Kind::Text);
const LANGUAGE: Field = field(
    "language",
    ("语言", "Language"),
    ("不选则随上一级", "As above it if none is chosen"),
    Kind::OptionalLanguage,
);
const NUMBERS: Field = field(
    "numbers",
    ("电话号码", "Telephone numbers"),
    (
        "按拨打次序填写，怎么写都可以。打码的号码不改就保持原样。",
        "In the order of calling, written as you like. Masked numbers stay as they are unless you write over them.",
    ),
    Kind::Numbers,
);

/// Every noun of the tree.
pub(crate) static NOUNS: [Noun; 9] = [
    Noun {
        plural: "streets",
        words: ("街道", "street"),
        parent: None,
        children: &["communities"],
        fields: &[NAME],
    },
    Noun {
        plural: "communities",
        words: ("社区", "community"),
        parent: Some(("streets", "street_id")),
        children: &["grids", "workers", "responders"],
        fields: &[
            NAME,
            field(
                "area_code",
                ("区号", "Area code"),
                ("带零，如 0592", "With its zero, such as 0592"),
                Kind::Text,
            ),
            field("language", ("语言", "Language"), NONE, Kind::Language),
            field(
                "time_zone",
                ("时区", "Time zone"),
                ("如 Asia/Shanghai", "Such as Asia/Shanghai"),
                Kind::Text,
            ),
            field(
                "alarm_codes",
                ("报警码", "Alarm codes"),
                ("用空格分开，如 #9 *9", "With blanks between them, such as #9 *9"),
                Kind::List,
            ),
            field(
                "silent_codes",
                ("静默报警码", "Silent alarm codes"),
                ("话机上什么也听不到", "The telephone hears nothing"),
                Kind::List,
            ),
            field(
                "access_numbers",
                ("接入号", "Access numbers"),
                ("先拨它，再按报警码", "Dialled before the code is keyed"),
                Kind::List,
            ),
            field(
                "arrival_code",
                ("到场码", "Arrival code"),
                (
                    "到门口的人在住户话机上按",
                    "Keyed on the resident's telephone by who is at the door",
                ),
                Kind::Text,
            ),
            field(
                "hand_over_calls",
                ("换班时呼叫接班人", "Call who takes over at a change of shift"),
                NONE,
                Kind::Flag,
            ),
        ],
    },
    Noun {
        plural: "grids",
        words: ("网格", "grid"),
        parent: Some(("communities", "community_id")),
        children: &["groups"],
        fields: &[NAME],
    },
    Noun {
        plural: "groups",
        words: ("联防组", "group"),
        parent: Some(("grids", "grid_id")),
        children: &["households"],
        fields: &[
            NAME,
            field(
                "acknowledgements_wanted",
                ("应到户数", "Households wanted"),
                (
                    "有几户表示前往后，其余各户不必再去",
                    "So many households coming, and the others may stay",
                ),
                Kind::Count,
            ),
        ],
    },
    Noun {
        plural: "households",
        words: ("联防户", "household"),
        parent: Some(("groups", "group_id")),
        children: &["lines", "contacts"],
        fields: &[
            PERSON,
            field("place", ("小区或路名", "Estate or road"), NONE, Kind::Text),
            field("building", ("楼栋", "Building"), NONE, Kind::Text),
            field("unit", ("单元", "Unit"), NONE, Kind::Text),
            field("floor", ("楼层", "Floor"), NONE, Kind::Text),
            field("door", ("门牌", "Door"), NONE, Kind::Text),
            field(
                "pronunciation",
                ("读音", "Pronunciation"),
                ("会读错时填写", "Where it would be read wrongly"),
                Kind::Optional,
            ),
            field(
                "position",
                ("顺序", "Order"),
                ("数字最近的是最近的邻居", "The nearest number is the nearest neighbour"),
                Kind::Count,
            ),
            LANGUAGE,
            field(
                "visit_class",
                ("走访", "Visits"),
                ("隔多久当面确认一次号码", "How often the numbers are confirmed in person"),
                Kind::Visits,
            ),
        ],
    },
    Noun {
        plural: "lines",
        words: ("线路", "line"),
        parent: Some(("households", "household_id")),
        children: &[],
        fields: &[
            field(
                "number",
                ("号码", "Number"),
                ("怎么写都可以", "Written as you like"),
                Kind::Number,
            ),
            field(
                "account",
                ("注册账号", "SIP account"),
                ("话机或终端用它注册", "The telephone registers with it"),
                Kind::Text,
            ),
            field(
                "hotline_grace_s",
                ("摘机报警秒数", "Hotline grace in seconds"),
                ("空着：拨报警码", "Empty: it dials a code"),
                Kind::OptionalCount,
            ),
            field(
                "is_silent",
                ("静默：话机上什么也听不到", "Silent: the telephone hears nothing"),
                NONE,
                Kind::Flag,
            ),
        ],
    },
    Noun {
        plural: "contacts",
        words: ("联系人", "contact"),
        parent: Some(("households", "household_id")),
        children: &[],
        fields: &[
            PERSON,
            field(
                "rank",
                ("次序", "Order"),
                ("数字小的先呼叫", "The lowest is called first"),
                Kind::Count,
            ),
            LANGUAGE,
            NUMBERS,
        ],
    },
    Noun {
        plural: "workers",
        words: ("社区工作者", "community worker"),
        parent: Some(("communities", "community_id")),
        children: &[],
        fields: &[
            field("name", ("姓名", "Name"), NONE, Kind::Text),
            field(
                "is_on_duty",
                ("现在值班（没有值班表时）", "On duty now (where there is no roster)"),
                NONE,
                Kind::Flag,
            ),
            LANGUAGE,
            NUMBERS,
        ],
    },
    Noun {
        plural: "responders",
        words: ("响应人", "responder"),
        parent: Some(("communities", "community_id")),
        children: &[],
        fields: &[
            field("name", ("名称", "Name"), NONE, Kind::Text),
            field("kind", ("身份", "What they are"), NONE, Kind::Responder),
            field(
                "skills",
                ("技能", "Skills"),
                ("用空格分开，如 first_aid", "With blanks between them, such as first_aid"),
                Kind::List,
            ),
            field(
                "building",
                ("负责的楼栋", "Building"),
                ("空着：所有楼栋", "Empty: every building"),
                Kind::Optional,
            ),
            field("grid_id", ("负责的网格", "Grid"), NONE, Kind::Grid),
            field(
                "household_id",
                ("帮扶的住户", "Household that they help"),
                ("只有帮扶人填写", "Personal helpers only"),
                Kind::Household,
            ),
            LANGUAGE,
            NUMBERS,
        ],
    },
];

/// Languages that are spoken, by tag, with their names in Chinese and English.
pub(crate) const LANGUAGES: [(&str, Words); 14] = [
    ("zh-CN", ("普通话", "Mandarin")),
    ("en", ("英语", "English")),
    ("nan", ("闽南语", "Minnan")),
    ("yue", ("粤语", "Cantonese")),
    ("hak", ("客家话", "Hakka")),
    ("wuu", ("吴语", "Wu")),
    ("cdo", ("闽东语", "Mindong")),
    ("cpx", ("莆仙语", "Puxian")),
    ("mnp", ("闽北语", "Minbei")),
    ("czo", ("闽中语", "Minzhong")),
    ("gan", ("赣语", "Gan")),
    ("hsn", ("湘语", "Xiang")),
    ("cjy", ("晋语", "Jin")),
    ("czh", ("徽语", "Hui")),
];
/// How often people are asked in person.
const VISITS: [(&str, Words); 4] = [
    ("", ("半年一次（默认）", "Each half-year (if nothing is chosen)")),
    ("half_year", ("半年一次", "Each half-year")),
    ("month", ("每月（重点人群）", "Each month: those who need care")),
    ("week", ("每周（流动人口）", "Each week: those who come and go")),
];
/// What responders are.
const RESPONDERS: [(&str, Words); 7] = [
    ("helper", ("帮扶人（一助一）", "Personal helper")),
    ("building_head", ("楼长", "Head of the building")),
    ("patrol", ("巡逻队", "Patrol")),
    ("volunteer", ("志愿者", "Volunteer")),
    ("street", ("街道值班", "Desk of the street")),
    ("hotline", ("热线", "Hotline")),
    ("loudspeaker", ("广播喇叭", "Loudspeaker")),
];

impl Noun {
    /// The noun of a path.
    pub(crate) fn of(plural: &str) -> Option<&'static Self> {
        NOUNS.iter().find(|noun| noun.plural == plural)
    }

    /// What it is.
    pub(crate) fn words(&self, l: Lang) -> &'static str {
        l.t(self.words.0, self.words.1)
    }

    /// The page of a row.
    pub(crate) fn path(&self, id: u64) -> String {
        format!("/directory/{}/{id}", self.plural)
    }

    /// The page of what a row hangs below; the whole tree for streets.
    pub(crate) fn parent_path(&self, row: &Value) -> String {
        let above = self
            .parent
            .and_then(|(plural, field)| Some(Self::of(plural)?.path(row.get(field)?.as_u64()?)));
        above.unwrap_or_else(|| "/directory".to_owned())
    }

    /// Whether its rows have telephone numbers.
    pub(crate) fn has_numbers(&self) -> bool {
        self.fields.iter().any(|field| matches!(field.kind, Kind::Number | Kind::Numbers))
    }

    /// Whether somebody may add, change and remove its rows.
    pub(crate) fn may_edit(&self, me: &Me) -> bool {
        me.is_admin() || (self.plural == "contacts" && me.may_act())
    }

    /// How people call a row.
    pub(crate) fn title(&self, row: &Value) -> String {
        let name = row.get("name").or_else(|| row.get("account"));
        name.and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

impl Field {
    pub(crate) fn label(&self, l: Lang) -> &'static str {
        l.t(self.label.0, self.label.1)
    }

    pub(crate) fn hint(&self, l: Lang) -> &'static str {
        l.t(self.hint.0, self.hint.1)
    }

    /// What may be chosen: values and words; empty where one writes.
    pub(crate) fn choices(&self, l: Lang) -> Vec<(&'static str, &'static str)> {
        let words =
            |&(value, (chinese, english)): &(&'static str, Words)| (value, l.t(chinese, english));
        match self.kind {
            Kind::Language => LANGUAGES.iter().map(words).collect(),
            Kind::OptionalLanguage => {
                let none = [("", l.t("随上一级", "As above it"))];
                none.into_iter().chain(LANGUAGES.iter().map(words)).collect()
            }
            Kind::Responder => RESPONDERS.iter().map(words).collect(),
            Kind::Visits => VISITS.iter().map(words).collect(),
            Kind::Text
            | Kind::Optional
            | Kind::Count
            | Kind::OptionalCount
            | Kind::Grid
            | Kind::Household
            | Kind::Flag
            | Kind::List
            | Kind::Number
            | Kind::Numbers => Vec::new(),
        }
    }

    /// The value of a row as a form has it; numbers are written by `draft`.
    pub(crate) fn written(&self, row: &Value) -> String {
        let value = row.get(self.name).unwrap_or(&Value::Null);
        match value {
            Value::Null | Value::Object(_) => String::new(),
            Value::Bool(flag) => if *flag { "yes" } else { "" }.to_owned(),
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.clone(),
            Value::Array(items) => {
                let words: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                words.join(" ")
            }
        }
    }

    /// The value of a row as people read it.
    pub(crate) fn shown(&self, row: &Value, l: Lang) -> String {
        let written = self.written(row);
        match self.kind {
            Kind::Flag if written.is_empty() => l.t("否", "No").to_owned(),
            Kind::Flag => l.t("是", "Yes").to_owned(),
            Kind::Language | Kind::OptionalLanguage | Kind::Responder | Kind::Visits => {
                let choices = self.choices(l);
                let known = choices.iter().find(|(value, _)| *value == written);
                known.map_or(written, |(_, words)| (*words).to_owned())
            }
            Kind::Text
            | Kind::Optional
            | Kind::Count
            | Kind::OptionalCount
            | Kind::Grid
            | Kind::Household
            | Kind::List
            | Kind::Number
            | Kind::Numbers => written,
        }
    }
}

/// Where a household is, as it is said at the door: `3号楼 2单元 502`.
pub(crate) fn place(row: &Value, l: Lang) -> String {
    let part = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
    let with = |text: &str, chinese: &str, english: &str| match (text, l) {
        ("", _) => String::new(),
        (text, Lang::Chinese) if text.ends_with(|last: char| last.is_ascii_digit()) => {
            format!("{text}{chinese}")
        }
        (text, Lang::Chinese) => text.to_owned(),
        (text, Lang::English) => format!("{english} {text}"),
    };
    let parts = [
        part("place").to_owned(),
        with(part("building"), "号楼", "building"),
        with(part("unit"), "单元", "unit"),
        with(part("door"), "", "door"),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_table_holds_together() {
        for noun in &NOUNS {
            for child in noun.children {
                let child = Noun::of(child).expect("is there");
                assert_eq!(child.parent.map(|(plural, _)| plural), Some(noun.plural));
            }
            let named =
                |field: &Field| noun.fields.iter().filter(|other| other.name == field.name).count();
            assert!(noun.fields.iter().all(|field| named(field) == 1), "{}", noun.plural);
        }
        assert_eq!(Noun::of("alarms"), None);
    }

    #[test]
    fn a_place_reads_as_people_say_it() {
        let row = json!({"place": "", "building": "3", "unit": "2", "door": "502"});
        assert_eq!(place(&row, Lang::Chinese), "3号楼 2单元 502");
        assert_eq!(place(&row, Lang::English), "building 3 unit 2 door 502");
        let row = json!({"place": "文园", "building": "A座", "door": "1"});
        assert_eq!(place(&row, Lang::Chinese), "文园 A座 1");
    }
}
