//! What a roster is made of, as forms know it: posts, rotations, shifts, overrides, swaps and absences, with the fields of
//! each. One table instead of six forms. Must not ask the API.

use crate::lang::Lang;
use crate::visit::Me;

/// A part of a roster.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Its plural in paths, of the API and of pages.
    pub(super) plural: &'static str,
    words: Words,
    hint: Words,
    /// Admins alone change it: the rules. The others are what a duty worker changes from day to day.
    is_rule: bool,
    pub(super) fields: &'static [Field],
}

/// Chinese and English.
type Words = (&'static str, &'static str);

/// A field of a form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Its name in the API, with a dot between an object and its field.
    pub(super) name: &'static str,
    label: Words,
    hint: Words,
    pub(super) kind: Kind,
}

/// What is written in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// A whole number.
    Count,
    /// A day.
    Date,
    /// A day, or none.
    OptionalDate,
    /// A time of day.
    Time,
    /// A moment on the clock of the community.
    Moment,
    /// A moment, or none.
    OptionalMoment,
    Post,
    OptionalPost,
    Worker,
    OptionalWorker,
    OptionalRotation,
    OptionalGrid,
    /// Workers in their order.
    Workers,
    /// Some of the words that may be chosen.
    Some(&'static [(&'static str, Words)]),
    /// One of the words.
    One(&'static [(&'static str, Words)]),
}

const NONE: Words = ("", "");

const fn field(name: &'static str, label: Words, hint: Words, kind: Kind) -> Field {
    Field { name, label, hint, kind }
}

pub(super) const WEEKDAYS: &[(&str, Words)] = &[
    ("monday", ("周一", "Mon")),
    ("tuesday", ("周二", "Tue")),
    ("wednesday", ("周三", "Wed")),
    ("thursday", ("周四", "Thu")),
    ("friday", ("周五", "Fri")),
    ("saturday", ("周六", "Sat")),
    ("sunday", ("周日", "Sun")),
];
pub(super) const DAY_KINDS: &[(&str, Words)] = &[
    ("workday", ("工作日（含调休上班）", "workdays, make-up days among them")),
    ("rest_day", ("休息日（周末、调休）", "weekends and days off")),
    ("holiday", ("法定节假日", "public holidays")),
];
pub(super) const UNITS: &[(&str, Words)] =
    &[("days", ("天", "days")), ("weeks", ("周", "weeks")), ("shifts", ("班", "shifts"))];
pub(super) const COVERS: &[(&str, Words)] = &[
    ("always", ("全天，没有人就是空岗", "round the clock: without anybody it is a gap")),
    ("shifts", ("只在有班次时", "only while it has a shift")),
];
const FROM: Words = ("从", "From");
const TO: Words = ("到", "To");
const MOMENT_HINT: Words = ("社区当地时间", "By the clock of the community");

/// Every part, rules first.
pub(super) static PARTS: [Part; 6] = [
    Part {
        plural: "posts",
        words: ("岗位", "post"),
        hint: (
            "要有人值守的位置。A 岗先响铃，B 岗跟上；其他代号供预案使用。",
            "Something that somebody is to be on duty for. Post A rings first, B follows; other codes are for policies.",
        ),
        is_rule: true,
        fields: &[
            field("name", ("名称", "Name"), ("如 A岗", "Such as Post A"), Kind::Text),
            field(
                "code",
                ("代号", "Code"),
                (
                    "A、B、leader（带班领导）、grid（网格岗），或自定一个词",
                    "A, B, leader (in charge), grid, or a word of your own",
                ),
                Kind::Text,
            ),
            field(
                "grid_id",
                ("网格", "Grid"),
                ("只管一个网格时选择", "If it is for one grid alone"),
                Kind::OptionalGrid,
            ),
            field(
                "cover",
                ("何时必须有人", "When somebody must be there"),
                NONE,
                Kind::One(COVERS),
            ),
        ],
    },
    Part {
        plural: "rotations",
        words: ("轮班", "rotation"),
        hint: ("几个人轮流。", "People who take turns."),
        is_rule: true,
        fields: &[
            field("name", ("名称", "Name"), ("如 三班倒", "Such as Three shifts"), Kind::Text),
            field(
                "worker_ids",
                ("轮到的人，按顺序", "Who, in the order of their turns"),
                NONE,
                Kind::Workers,
            ),
            field("at_once", ("同时几人", "How many at once"), NONE, Kind::Count),
            field("every", ("每隔", "A turn lasts"), NONE, Kind::Count),
            field("unit", ("单位", "counted in"), NONE, Kind::One(UNITS)),
            field(
                "anchor",
                ("第一人从哪天开始", "The first one's turn begins on"),
                NONE,
                Kind::Date,
            ),
        ],
    },
    Part {
        plural: "shifts",
        words: ("班次", "shift"),
        hint: (
            "岗位在哪些日子的几点到几点有人。",
            "On which days, from when to when, a post has somebody.",
        ),
        is_rule: true,
        fields: &[
            field("post_id", ("岗位", "Post"), NONE, Kind::Post),
            field("starts", ("开始", "Starts"), ("如 08:00", "Such as 08:00"), Kind::Time),
            field("ends", ("结束", "Ends"), NONE, Kind::Time),
            field(
                "days_later",
                ("几天后结束", "Ends so many days later"),
                (
                    "0 当天；1 次日（夜班、24 小时班）",
                    "0 the same day; 1 over midnight, or after a whole day",
                ),
                Kind::Count,
            ),
            field(
                "rotation_id",
                ("由谁轮班", "Held by a rotation"),
                ("选了轮班，就不要再选人", "With a rotation, choose no people below"),
                Kind::OptionalRotation,
            ),
            field(
                "worker_ids",
                ("或由这些人一起", "Or by these people together"),
                NONE,
                Kind::Workers,
            ),
            field("weekdays", ("星期", "Weekdays"), NONE, Kind::Some(WEEKDAYS)),
            field("day_kinds", ("日子", "Days"), NONE, Kind::Some(DAY_KINDS)),
            field(
                "first_day",
                ("最早一天", "First day"),
                ("可不填", "May be left empty"),
                Kind::OptionalDate,
            ),
            field(
                "last_day",
                ("最晚一天", "Last day"),
                ("可不填", "May be left empty"),
                Kind::OptionalDate,
            ),
        ],
    },
    Part {
        plural: "overrides",
        words: ("替班", "override"),
        hint: (
            "这段时间由此人值守，不论班次怎么排。",
            "This person holds the post for a while, whatever its shifts say.",
        ),
        is_rule: false,
        fields: &[
            field("post_id", ("岗位", "Post"), NONE, Kind::Post),
            field("worker_id", ("谁来", "Who comes"), NONE, Kind::Worker),
            field(
                "instead_of_id",
                ("代替谁", "Instead of"),
                ("不选：代替此时岗上所有人", "If nobody is chosen: of everybody on the post"),
                Kind::OptionalWorker,
            ),
            field("from", FROM, MOMENT_HINT, Kind::Moment),
            field("to", TO, MOMENT_HINT, Kind::Moment),
        ],
    },
    Part {
        plural: "swaps",
        words: ("换班", "swap"),
        hint: (
            "对方同意后才生效；在此之前原来的人照常值班。",
            "It holds once the other agrees; until then nothing changes.",
        ),
        is_rule: false,
        fields: &[
            field("proposer_id", ("谁提出", "Who asks"), NONE, Kind::Worker),
            field("other_id", ("和谁换", "With whom"), NONE, Kind::Worker),
            field("gives.post_id", ("交出的岗位", "The post given away"), NONE, Kind::Post),
            field("gives.from", ("交出：从", "Given away from"), MOMENT_HINT, Kind::Moment),
            field("gives.to", ("交出：到", "Given away until"), MOMENT_HINT, Kind::Moment),
            field(
                "takes.post_id",
                ("换来的岗位", "The post taken in return"),
                ("不换回，就不选", "None if nothing is taken in return"),
                Kind::OptionalPost,
            ),
            field("takes.from", ("换来：从", "Taken from"), MOMENT_HINT, Kind::OptionalMoment),
            field("takes.to", ("换来：到", "Taken until"), MOMENT_HINT, Kind::OptionalMoment),
        ],
    },
    Part {
        plural: "absences",
        words: ("请假", "absence"),
        hint: (
            "没有代理人、岗上又没有别人时，此人的电话照样响铃，值班表会显示红色。",
            "Without a stand-in, and where nobody else holds the post, their telephone rings all the same and the roster shows red.",
        ),
        is_rule: false,
        fields: &[
            field("worker_id", ("谁请假", "Who is away"), NONE, Kind::Worker),
            field(
                "stand_in_id",
                ("全程代理人", "Who stands in, on every post"),
                NONE,
                Kind::OptionalWorker,
            ),
            field("from", FROM, MOMENT_HINT, Kind::Moment),
            field("to", TO, MOMENT_HINT, Kind::Moment),
        ],
    },
];

impl Part {
    /// The part of a path.
    pub(super) fn of(plural: &str) -> Option<&'static Self> {
        PARTS.iter().find(|part| part.plural == plural)
    }

    /// What it is.
    pub(super) fn words(&self, l: Lang) -> &'static str {
        l.t(self.words.0, self.words.1)
    }

    pub(super) fn hint(&self, l: Lang) -> &'static str {
        l.t(self.hint.0, self.hint.1)
    }

    /// Whether it is one of the rules, and not a change laid over them.
    pub(super) fn is_rule(&self) -> bool {
        self.is_rule
    }

    /// Where its list stands.
    pub(super) fn list(&self, id: u64) -> String {
        let page = if self.is_rule { "rules" } else { "changes" };
        format!("/roster/{id}/{page}#{}", self.plural)
    }

    /// Whether somebody may add, change and remove it.
    pub(super) fn may_edit(&self, me: &Me) -> bool {
        if self.is_rule { me.is_admin() } else { me.may_act() }
    }
}

impl Field {
    pub(super) fn label(&self, l: Lang) -> &'static str {
        l.t(self.label.0, self.label.1)
    }

    pub(super) fn hint(&self, l: Lang) -> &'static str {
        l.t(self.hint.0, self.hint.1)
    }
}

/// The words of a choice.
pub(super) fn chosen(
    choices: &'static [(&'static str, Words)],
    value: &str,
    l: Lang,
) -> &'static str {
    let choice = choices.iter().find(|(known, _)| *known == value);
    choice.map_or("", |(_, (chinese, english))| l.t(chinese, english))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_words_and_fields_of_its_own() {
        for part in &PARTS {
            assert_eq!(Part::of(part.plural), Some(part));
            for l in [Lang::Chinese, Lang::English] {
                assert!(!part.words(l).is_empty() && !part.hint(l).is_empty(), "{}", part.plural);
                assert!(part.fields.iter().all(|field| !field.label(l).is_empty()));
            }
            let mut names: Vec<&str> = part.fields.iter().map(|field| field.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), part.fields.len(), "{}", part.plural);
        }
        assert_eq!(Part::of("workers"), None);
        assert_eq!(chosen(UNITS, "weeks", Lang::English), "weeks");
    }
}
