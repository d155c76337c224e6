//! The codes of the audit trail in words. The code of an entry stays beside them: it is what is hashed.

use crate::directory::who_words;
use crate::lang::Lang;

/// What was done, with its words.
const ACTIONS: [(&str, &str, &str); 15] = [
    ("begin", "开始记录", "the trail began"),
    ("open", "报警", "raised"),
    ("append", "记下经过", "what happened was written down"),
    ("freeze", "定下方案", "the plan was settled"),
    ("close", "结束", "over"),
    ("erase", "清除", "erased"),
    ("read", "查看", "looked at"),
    ("create", "添加", "added"),
    ("replace", "修改", "changed"),
    ("delete", "删除", "removed"),
    ("import", "导入", "imported"),
    ("secret", "生成密钥或密码", "a new secret"),
    ("revoke", "作废", "revoked"),
    ("refuse", "密码不对，被拒", "refused: wrong secret"),
    ("confirm", "当面核实号码", "numbers confirmed in person"),
];

/// What it was done to, with its words: the tables that the trail is about.
pub(super) const NOUNS: [(&str, &str, &str); 33] = [
    ("account", "账号", "account"),
    ("alarm", "警情", "alarm"),
    ("alarm_event", "警情经过", "events of an alarm"),
    ("alarm_plan", "警情的呼叫方案", "plan of an alarm"),
    ("api_token", "令牌", "token"),
    ("audit", "审计记录", "audit trail"),
    ("calendar_day", "节假日", "holidays"),
    ("community", "社区", "community"),
    ("community_plan", "平面图", "plan of a community"),
    ("contact", "联系人", "contact"),
    ("drill", "演练", "drill"),
    ("duty_absence", "请假", "absence"),
    ("duty_hand_over", "交接班", "change of duty"),
    ("duty_override", "替班", "override"),
    ("duty_post", "岗位", "post"),
    ("duty_rotation", "轮班", "rotation"),
    ("duty_shift", "班次", "shift"),
    ("duty_swap", "换班", "swap"),
    ("grid", "网格", "grid"),
    ("household", "联防户", "household"),
    ("household_group", "联防组", "group"),
    ("household_pin", "住户的密码", "PINs of a household"),
    ("line", "线路", "line"),
    ("line_secret", "线路的密钥", "secret of a line"),
    ("policy", "预案", "policy"),
    ("policy_version", "预案的版本", "version of a policy"),
    ("recording", "录音", "recording"),
    ("recording_order", "录音的先后", "order of recordings"),
    ("responder", "响应人", "responder"),
    ("street", "街道", "street"),
    ("webhook", "推送", "webhook"),
    ("worker", "社区工作者", "community worker"),
    ("worker_pin", "工作者的录音密码", "PIN of a worker"),
];

fn words(
    table: &[(&str, &'static str, &'static str)],
    code: &str,
    l: Lang,
) -> Option<&'static str> {
    let (_, chinese, english) = table.iter().find(|(known, ..)| *known == code)?;
    Some(l.t(chinese, english))
}

/// What was done; the code itself where a later release wrote it.
pub(super) fn action(code: &str, l: Lang) -> &str {
    words(&ACTIONS, code, l).unwrap_or(code)
}

/// What it was done to; the code itself where a later release wrote it.
pub(super) fn noun(code: &str, l: Lang) -> &str {
    words(&NOUNS, code, l).unwrap_or(code)
}

/// Who did it.
pub(super) fn actor(code: &str, name: Option<&str>, l: Lang) -> String {
    match code.split_once(':') {
        Some(("line", id)) => format!("{} {id}", l.t("线路", "line")),
        None if code == "service" => l.t("本系统", "this service").to_owned(),
        None if code == "caller" => l.t("来电者", "a caller").to_owned(),
        None if name.is_none() && code.starts_with("worker ") => {
            l.t("已删除的社区工作者", "a community worker who is gone").to_owned()
        }
        _ => who_words(code, name, l),
    }
}

/// The name of a chain.
pub(super) fn chain(code: &str, l: Lang) -> &str {
    match code {
        "alarms" => l.t("警情", "Alarms"),
        "directory" => l.t("目录", "Directory"),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tables that no entry is about: what is derived, kept beside a row, or written of an alarm and erased with it.
    const SILENT: [&str; 21] = [
        "account_recovery",
        "account_session",
        "alarm_beginning",
        "alarm_note",
        "api_token_new",
        "audit_salt",
        "community_plan_picture",
        "directory_version",
        "drill_home",
        "drill_notice",
        "duty_kept",
        "evidence_cursor",
        "follow_up",
        "follow_up_reminder",
        "history",
        "history_change",
        "known_number",
        "number_evidence",
        "webhook_cursor",
        "webhook_delivery",
        "webhook_down",
    ];

    #[test]
    fn every_table_has_its_words() {
        let folder =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/sqlite");
        for chain in ["alarms", "directory"] {
            for file in folder.join(chain).read_dir().unwrap() {
                let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
                for table in text.split("CREATE TABLE ").skip(1) {
                    let table = table.split([' ', '(']).next().unwrap();
                    let is_known = words(&NOUNS, table, Lang::Chinese).is_some();
                    assert_ne!(is_known, SILENT.contains(&table), "{table}");
                }
            }
        }
    }

    #[test]
    fn who_did_it_is_told_in_words() {
        let check = |code: &str, name: Option<&str>, wanted: &str| {
            assert_eq!(actor(code, name, Lang::English), wanted);
        };
        check("account:7", Some("王敏"), "王敏");
        check("account:7", None, "an account that is gone");
        check("token:pbx", None, "program pbx");
        check("line:5", None, "line 5");
        check("service", None, "this service");
        check("worker 3", Some("赵丽"), "赵丽");
        check("worker 3", None, "a community worker who is gone");
        check("later", None, "later");
        assert_eq!(action("later", Lang::English), "later");
    }
}
