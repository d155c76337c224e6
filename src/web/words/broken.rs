//! What is broken in the audit trail, in words.

use super::in_language;
use crate::store::audit::Fault;
use lianfang_domain::directory::Language;

/// What is broken, and where.
#[expect(clippy::too_many_lines, reason = "an arm a fault, and nothing else")]
pub(in crate::web) fn broken(fault: &Fault, language: Language) -> String {
    match fault {
        Fault::NoBeginning => in_language!(language, "链没有开头", "the chain has no beginning"),
        Fault::Gap { first, last } => in_language!(
            language,
            "缺少第 {first} 到 {last} 条",
            "entries {first} to {last} are missing"
        ),
        Fault::EntryChanged { sequence } => in_language!(
            language,
            "第 {sequence} 条被改动：哈希与内容不符",
            "entry {sequence} was changed: its hash is not that of what it says"
        ),
        Fault::NotLinked { sequence } => in_language!(
            language,
            "第 {sequence} 条接不上前一条：其中一条是插入或改写的",
            "entry {sequence} does not follow the entry before it: one of them was put in or rewritten"
        ),
        Fault::CutOff { last, noted } => in_language!(
            language,
            "链到第 {last} 条为止，而别处抄录了第 {noted} 条：末尾被截去",
            "the chain ends with entry {last}, but entry {noted} was noted elsewhere: its end was cut off"
        ),
        Fault::Rewritten { sequence } => in_language!(
            language,
            "第 {sequence} 条与别处抄录的不同：此前的链被改写",
            "entry {sequence} is not the one that was noted elsewhere: the chain up to it was rewritten"
        ),
        Fault::HeadUnknown { sequence } => in_language!(
            language,
            "两条链都没有别处抄录的链头 {sequence}：被截去或改写",
            "no chain has the head {sequence} that was noted elsewhere: it was cut off or rewritten"
        ),
        Fault::EventsChanged { alarm, first, last, entry } => in_language!(
            language,
            "警情 {alarm}：第 {first} 到 {last} 个事件与第 {entry} 条不符",
            "alarm {alarm}: events {first} to {last} are not those of entry {entry}"
        ),
        Fault::EventsMissing { alarm, first, last, entry } => in_language!(
            language,
            "警情 {alarm}：第 {entry} 条所记的第 {first} 到 {last} 个事件缺失",
            "alarm {alarm}: of events {first} to {last}, entered as {entry}, some or all are missing"
        ),
        Fault::EventUnknown { alarm, sequence } => in_language!(
            language,
            "警情 {alarm}：第 {sequence} 个事件从未记入",
            "alarm {alarm}: event {sequence} was never entered"
        ),
        Fault::AlarmChanged { alarm } => in_language!(
            language,
            "警情 {alarm}：线路、时间或按键与所记不符",
            "alarm {alarm}: its line, time or press is not what was entered"
        ),
        Fault::EndChanged { alarm } => in_language!(
            language,
            "警情 {alarm}：结束与所记不符",
            "alarm {alarm}: its end is not what was entered"
        ),
        Fault::AlarmMissing { alarm, entry } => in_language!(
            language,
            "警情 {alarm} 缺失，第 {entry} 条记有它",
            "alarm {alarm} is missing, entered as {entry}"
        ),
        Fault::AlarmUnknown { alarm } => {
            in_language!(language, "警情 {alarm} 从未记入", "alarm {alarm} was never entered")
        }
        Fault::PlanChanged { alarm, revision } => in_language!(
            language,
            "警情 {alarm}：方案 {revision} 与所记不符",
            "alarm {alarm}: plan {revision} is not what was entered"
        ),
        Fault::PlanMissing { alarm, revision } => in_language!(
            language,
            "警情 {alarm}：方案 {revision} 缺失，而删除从未记入",
            "alarm {alarm}: plan {revision} is missing, and its erasure was never entered"
        ),
        Fault::PlanUnknown { alarm, revision } => in_language!(
            language,
            "警情 {alarm}：方案 {revision} 从未记入",
            "alarm {alarm}: plan {revision} was never entered"
        ),
        Fault::PlanBack { alarm, revision } => in_language!(
            language,
            "警情 {alarm}：方案 {revision} 已删除，却还在",
            "alarm {alarm}: plan {revision} was erased, but one stands there"
        ),
        Fault::RowChanged { noun, row_id, entry } => in_language!(
            language,
            "{noun} {row_id} 与最后一次修改（第 {entry} 条）不符",
            "{noun} {row_id} is not what its last edit made of it, entry {entry}"
        ),
        Fault::RowMissing { noun, row_id } => in_language!(
            language,
            "{noun} {row_id} 缺失，而删除从未记入",
            "{noun} {row_id} is missing, and its deletion was never entered"
        ),
        Fault::RowBack { noun, row_id } => in_language!(
            language,
            "{noun} {row_id} 已删除，却还在",
            "{noun} {row_id} was deleted, but one stands there"
        ),
        Fault::RowsUnknown { expected, found } => in_language!(
            language,
            "审计开始前有 {expected} 行，现有 {found} 行未记入",
            "{expected} rows are older than the trail, {found} are there that it does not know or knows as older"
        ),
        Fault::EditsUnknown { from, to } => in_language!(
            language,
            "目录从版本 {from} 到 {to} 的修改从未记入",
            "the directory went from version {from} to {to} with edits that were never entered"
        ),
    }
}
