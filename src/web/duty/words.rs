//! What the API says of rosters, in Chinese and English.

use crate::web::words::in_language;
use lianfang_domain::directory::{Community, Language};
use lianfang_domain::id::{PostId, WorkerId};
use lianfang_domain::roster::{FindingKind, Part, RosterError};

/// What is impossible in a roster, and what to do.
pub(in crate::web) fn fault(error: &RosterError, language: Language) -> String {
    if language == Language::English {
        return error.to_string();
    }
    match error {
        RosterError::UnknownZone { name } => {
            format!("不认识时区“{name}”：请为社区选用 IANA 时区，如 Asia/Shanghai")
        }
        RosterError::EndBeforeStart { part } => {
            format!("{}的结束早于开始：请改晚结束时间，或设为若干天后结束", of(*part))
        }
        RosterError::TooLong { part } => {
            format!("{}超过 7 天：请分成几个班次，或按周轮班", of(*part))
        }
        RosterError::NoDay { part } => {
            format!("{}没有任何一天：请选星期和日子种类，末日不得早于首日", of(*part))
        }
        RosterError::UnknownPost { part, post } => {
            format!("{}所属的岗位 {post} 不存在：请选本社区的岗位", of(*part))
        }
        RosterError::UnknownWorker { part, worker } => {
            format!("{}中的工作者 {worker} 不存在：请选本社区的工作者", of(*part))
        }
        RosterError::UnknownRotation { part, rotation } => {
            format!("{}所用的轮班 {rotation} 不存在：请选本社区的轮班", of(*part))
        }
        RosterError::Nobody { part } => format!("{}没有人：请至少指定一名工作者", of(*part)),
        RosterError::NoTurn { part } => {
            format!("{}每 0 天、周或班轮换：请设为 1 或以上", of(*part))
        }
        RosterError::Overlap { part, with } => {
            format!("{}与{}时间重叠：请先结束其一", of(*part), of(*with))
        }
        RosterError::Themselves { part, worker } => {
            format!("{}的双方都是工作者 {worker}：请另选一人", of(*part))
        }
        RosterError::TooMany { part, max } => format!("{}超出上限：最多 {max} 个", of(*part)),
    }
}

fn of(part: Part) -> String {
    match part {
        Part::Post(id) => format!("岗位 {id}"),
        Part::Shift(id) => format!("班次 {id}"),
        Part::Rotation(id) => format!("轮班 {id}"),
        Part::Override(id) => format!("替班 {id}"),
        Part::Swap(id) => format!("换班 {id}"),
        Part::Absence(id) => format!("请假 {id}"),
        Part::Kept(post) => format!("岗位 {post} 留守的上一班"),
        Part::Calendar => "日历".to_owned(),
    }
}

/// The kind of a finding as programs know it.
pub(super) fn kind(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Nobody => "nobody",
        FindingKind::Gap { .. } => "gap",
        FindingKind::Away { .. } => "away",
        FindingKind::SameForBoth { .. } => "same_for_both",
        FindingKind::DoubleDuty { .. } => "double_duty",
        FindingKind::NoNumber { .. } => "no_number",
        FindingKind::Unconfirmed { .. } => "unconfirmed",
        FindingKind::SwapOpen { .. } => "swap_open",
        FindingKind::NotTakenOver { .. } => "not_taken_over",
        FindingKind::CalendarUnknown { .. } => "calendar_unknown",
    }
}

/// What a finding says to people.
pub(super) fn finding(kind: FindingKind, community: &Community, language: Language) -> String {
    let post = |id| post_name(community, id);
    let worker = |id| worker_name(community, id);
    match kind {
        FindingKind::Nobody => in_language!(language, "社区无人值班", "Nobody is on duty at all"),
        FindingKind::Gap { post: id } => {
            let post = post(id);
            in_language!(language, "{post}无人值班", "Nobody holds {post}")
        }
        FindingKind::Away { post: id, worker: who } => {
            let (post, worker) = (post(id), worker(who));
            in_language!(
                language,
                "{post}的{worker}请假，无人代理",
                "{worker} at {post} is away, and nobody stands in"
            )
        }
        FindingKind::SameForBoth { worker: who, a, b } => {
            let (worker, a, b) = (worker(who), post(a), post(b));
            in_language!(
                language,
                "{a}与{b}是同一人：{worker}",
                "{a} and {b} are the same person: {worker}"
            )
        }
        FindingKind::DoubleDuty { worker: who, first, second } => {
            let (worker, first, second) = (worker(who), post(first), post(second));
            in_language!(
                language,
                "{worker}同时在{first}与{second}",
                "{worker} is at {first} and {second} at once"
            )
        }
        FindingKind::NoNumber { worker: who } => {
            let worker = worker(who);
            in_language!(
                language,
                "值班的{worker}没有可呼叫的号码",
                "{worker} is on duty without a number that can be called"
            )
        }
        FindingKind::Unconfirmed { worker: who } => {
            let worker = worker(who);
            in_language!(
                language,
                "值班的{worker}没有已确认的号码",
                "{worker} is on duty without a confirmed number"
            )
        }
        FindingKind::SwapOpen { swap } => {
            in_language!(language, "换班 {swap} 对方尚未同意", "Swap {swap} is not agreed yet")
        }
        FindingKind::NotTakenOver { post: id, worker: who } => {
            let (post, worker) = (post(id), worker(who));
            in_language!(
                language,
                "{worker}尚未确认接{post}，上一班仍在值班",
                "{worker} has not taken over {post}: the old shift stays on duty"
            )
        }
        FindingKind::CalendarUnknown { year } => in_language!(
            language,
            "尚无 {year} 年的节假日安排，请导入",
            "The public holidays of {year} are not known: import them"
        ),
    }
}

/// How a post is called.
pub(super) fn post_name(community: &Community, id: PostId) -> String {
    community.roster.post(id).map_or_else(|| id.to_string(), |post| post.name.to_string())
}

/// How a worker is called.
pub(super) fn worker_name(community: &Community, id: WorkerId) -> String {
    community.worker(id).map_or_else(|| id.to_string(), |worker| worker.name.to_string())
}
