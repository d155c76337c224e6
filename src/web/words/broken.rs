//! What is broken in the audit trail, in words.

use crate::store::audit::Fault;
use lianfang_domain::directory::Language;

/// What is broken, and where.
pub(in crate::web) fn broken(fault: &Fault, language: Language) -> String {
    match language {
        Language::Chinese | Language::Dialect(_) => in_chinese(fault),
        Language::English => fault.to_string(),
    }
}

fn in_chinese(fault: &Fault) -> String {
    match fault {
        Fault::NoBeginning => "链没有开头".to_owned(),
        Fault::Gap { first, last } => format!("缺少第 {first} 到 {last} 条"),
        Fault::EntryChanged { sequence } => format!("第 {sequence} 条被改动：哈希与内容不符"),
        Fault::NotLinked { sequence } => {
            format!("第 {sequence} 条接不上前一条：其中一条是插入或改写的")
        }
        Fault::CutOff { last, noted } => {
            format!("链到第 {last} 条为止，而别处抄录了第 {noted} 条：末尾被截去")
        }
        Fault::Rewritten { sequence } => {
            format!("第 {sequence} 条与别处抄录的不同：此前的链被改写")
        }
        Fault::HeadUnknown { sequence } => {
            format!("两条链都没有别处抄录的链头 {sequence}：被截去或改写")
        }
        Fault::EventsChanged { alarm, first, last, entry } => {
            format!("警情 {alarm}：第 {first} 到 {last} 个事件与第 {entry} 条不符")
        }
        Fault::EventsMissing { alarm, first, last, entry } => {
            format!("警情 {alarm}：第 {entry} 条所记的第 {first} 到 {last} 个事件缺失")
        }
        Fault::EventUnknown { alarm, sequence } => {
            format!("警情 {alarm}：第 {sequence} 个事件从未记入")
        }
        Fault::AlarmChanged { alarm } => format!("警情 {alarm}：线路、时间或按键与所记不符"),
        Fault::EndChanged { alarm } => format!("警情 {alarm}：结束与所记不符"),
        Fault::AlarmMissing { alarm, entry } => format!("警情 {alarm} 缺失，第 {entry} 条记有它"),
        Fault::AlarmUnknown { alarm } => {
            format!("警情 {alarm} 从未记入")
        }
        Fault::PlanChanged { alarm, revision } => {
            format!("警情 {alarm}：方案 {revision} 与所记不符")
        }
        Fault::PlanMissing { alarm, revision } => {
            format!("警情 {alarm}：方案 {revision} 缺失，而删除从未记入")
        }
        Fault::PlanUnknown { alarm, revision } => format!("警情 {alarm}：方案 {revision} 从未记入"),
        Fault::PlanBack { alarm, revision } => {
            format!("警情 {alarm}：方案 {revision} 已删除，却还在")
        }
        Fault::RowChanged { noun, row_id, entry } => {
            format!("{noun} {row_id} 与最后一次修改（第 {entry} 条）不符")
        }
        Fault::RowMissing { noun, row_id } => format!("{noun} {row_id} 缺失，而删除从未记入"),
        Fault::RowBack { noun, row_id } => format!("{noun} {row_id} 已删除，却还在"),
        Fault::RowsUnknown { expected, found } => {
            format!("审计开始前有 {expected} 行，现有 {found} 行未记入")
        }
        Fault::EditsUnknown { from, to } => format!("目录从版本 {from} 到 {to} 的修改从未记入"),
    }
}
