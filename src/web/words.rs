//! What problems say, in Chinese and English.

mod broken;
mod must;

pub(super) use broken::broken;

use super::plans::PictureFault;
use super::problem::ApiError;
use crate::store::accounts::password::PasswordFault;
use crate::store::nouns::Fault;
use crate::store::pins::PinFault;
use lianfang_domain::directory::{Language, Written};
use lianfang_domain::plan::AddError;
use lianfang_domain::roster::SwapError;

/// The text of a language; both stand side by side, so that neither is forgotten.
macro_rules! in_language {
    ($language:expr, $chinese:literal, $english:literal) => {
        match $language.written() {
            ::lianfang_domain::directory::Written::Chinese => format!($chinese),
            ::lianfang_domain::directory::Written::English => format!($english),
        }
    };
}
pub(super) use in_language;

/// The last part of the type of a problem, and its title.
pub(super) fn title(error: &ApiError, language: Language) -> (&'static str, &'static str) {
    let (slug, chinese, english) = match error {
        ApiError::NoPath => ("no-path", "没有这个路径", "No such path"),
        ApiError::Method => ("method", "方法不适用", "Method not allowed"),
        ApiError::NotFound => ("not-found", "未找到", "Not found"),
        ApiError::NotAcceptable => ("not-acceptable", "无法提供所要的格式", "Not acceptable"),
        ApiError::MediaType => ("media-type", "只接受 JSON", "Unsupported media type"),
        ApiError::TooLarge => ("too-large", "内容过大", "Body too large"),
        ApiError::Syntax { .. } => ("syntax", "JSON 有误", "Malformed JSON"),
        ApiError::Parameter { .. } => ("parameter", "参数有误", "Wrong parameter"),
        ApiError::Form { .. } | ApiError::Faulty(_) => {
            ("invalid", "内容不符合要求", "Invalid values")
        }
        ApiError::Bulk(_) => {
            ("bulk-refused", "批量修改有误，均未执行", "None of the edits is done")
        }
        ApiError::UnknownCode => ("unknown-code", "不是报警码", "Unknown alarm code"),
        ApiError::WhichLine => ("which-line", "未指明线路", "Which line?"),
        ApiError::UnknownLine => ("unknown-line", "没有这条线路", "Unknown line"),
        ApiError::UnknownParty => ("unknown-party", "方案中没有此方", "Unknown party"),
        ApiError::CannotAdd(_) => ("cannot-add", "不能加叫", "Cannot be called"),
        ApiError::NoIfMatch => ("if-match-required", "缺少 If-Match", "If-Match required"),
        ApiError::Changed { .. } => ("changed", "已被他人修改", "Changed in the meantime"),
        ApiError::NoImport(_) => ("no-import", "不是导入文件", "No import"),
        ApiError::NoPicture(_) => ("no-picture", "不能作平面图", "No picture for a plan"),
        ApiError::ImportChanged => ("import-changed", "目录已变", "Changed in the meantime"),
        ApiError::EditedSince => ("edited-since", "之后又改过", "Edited since"),
        ApiError::HasChildren => ("has-children", "仍有下级", "Still in use"),
        ApiError::Swap(_) => ("swap", "换班不能这样处理", "Not so with a swap"),
        ApiError::KeyInUse => ("key-in-use", "同一请求仍在处理", "Still being done"),
        ApiError::KeyReused => {
            ("key-reused", "幂等键已用于其他请求", "Key used for another request")
        }
        ApiError::StillWaiting => ("still-waiting", "仍在发送", "Still being sent"),
        ApiError::AlarmClosed => ("alarm-closed", "警情已结案", "Alarm closed"),
        ApiError::NoToken => ("no-token", "需要有效令牌", "Token required"),
        ApiError::Forbidden { .. } => ("forbidden", "权限不足", "Forbidden"),
        ApiError::OutOfReach => ("out-of-reach", "不在管辖范围", "Out of reach"),
        ApiError::WrongCredentials => {
            ("wrong-credentials", "账号或密码不对", "Wrong name or password")
        }
        ApiError::CodeNeeded => ("code-needed", "还需验证码", "Code needed"),
        ApiError::WrongCode => ("wrong-code", "验证码不对", "Wrong code"),
        ApiError::TooManyAttempts { .. } => {
            ("too-many-attempts", "尝试次数过多", "Too many attempts")
        }
        ApiError::MustChangePassword => {
            ("must-change-password", "须先修改密码", "Change your password first")
        }
        ApiError::NeedsSecondFactor => {
            ("second-factor-needed", "须先设置动态验证码", "Set up a second factor first")
        }
        ApiError::HttpsNeeded => ("https-needed", "需要 HTTPS", "HTTPS needed"),
        ApiError::NoEnrolment => ("no-enrolment", "没有待确认的动态验证码", "Nothing to confirm"),
        ApiError::LastAdmin => ("last-admin", "最后一位管理员", "The last admin"),
        ApiError::Sound(fault) => fault.title(),
        ApiError::Busy => ("busy", "系统繁忙", "Busy"),
        ApiError::Counting => ("counting", "正在统计", "Counting"),
        ApiError::TimedOut => ("timed-out", "处理超时", "Timed out"),
        ApiError::Internal(_) => ("internal", "内部错误", "Internal error"),
    };
    match language.written() {
        Written::Chinese => (slug, chinese),
        Written::English => (slug, english),
    }
}

/// What is wrong here, and what to do.
pub(super) fn detail(error: &ApiError, language: Language) -> String {
    match error {
        ApiError::Syntax { line, column } => in_language!(
            language,
            "第 {line} 行第 {column} 列无法解析。",
            "The body cannot be parsed at line {line}, column {column}."
        ),
        ApiError::Parameter { name, must } => {
            let must = must::must(*must, language);
            in_language!(language, "“{name}”{must}。", "`{name}` {must}.")
        }
        ApiError::Changed { current } => in_language!(
            language,
            "现为版本 {current}。请重新读取，再修改。",
            "It is at version {current} now. Read it again, then change it."
        ),
        ApiError::Forbidden { needed } => {
            let needed = needed.words();
            in_language!(
                language,
                "此操作需要 {needed} 权限。",
                "This needs the right of {needed}."
            )
        }
        ApiError::TooManyAttempts { wait_s } => {
            in_language!(language, "请在 {wait_s} 秒后再试。", "Try again in {wait_s} s.")
        }
        ApiError::Sound(fault) => fault.detail(language),
        ApiError::NoImport(error) => super::imports::unreadable(*error, language),
        ApiError::NoPicture(fault) => picture(*fault, language).to_owned(),
        ApiError::Swap(error) => swap(*error, language),
        ApiError::CannotAdd(error) => cannot_add(*error, language).to_owned(),
        ApiError::NoPath
        | ApiError::Method
        | ApiError::NotFound
        | ApiError::NotAcceptable
        | ApiError::MediaType
        | ApiError::TooLarge
        | ApiError::Form { .. }
        | ApiError::Faulty(_)
        | ApiError::Bulk(_)
        | ApiError::UnknownCode
        | ApiError::UnknownLine
        | ApiError::WhichLine
        | ApiError::UnknownParty
        | ApiError::NoIfMatch
        | ApiError::HasChildren
        | ApiError::EditedSince
        | ApiError::KeyInUse
        | ApiError::KeyReused
        | ApiError::StillWaiting
        | ApiError::ImportChanged
        | ApiError::AlarmClosed
        | ApiError::NoToken
        | ApiError::OutOfReach
        | ApiError::WrongCredentials
        | ApiError::CodeNeeded
        | ApiError::WrongCode
        | ApiError::MustChangePassword
        | ApiError::NeedsSecondFactor
        | ApiError::HttpsNeeded
        | ApiError::NoEnrolment
        | ApiError::LastAdmin
        | ApiError::Busy
        | ApiError::Counting
        | ApiError::TimedOut
        | ApiError::Internal(_) => fixed_detail(error, language).to_owned(),
    }
}

#[expect(clippy::too_many_lines, reason = "an arm an error, and nothing else")]
fn fixed_detail(error: &ApiError, language: Language) -> &'static str {
    let (chinese, english) = match error {
        ApiError::NoPath => ("接口列表见 /api/docs。", "See /api/docs for all paths."),
        ApiError::Method => {
            ("允许的方法见 Allow 头。", "The Allow header names the methods of this path.")
        }
        ApiError::NotFound => ("没有此编号的记录。", "Nothing has this id."),
        ApiError::NotAcceptable => {
            ("此处只提供 application/json。", "Only application/json is written here.")
        }
        ApiError::MediaType => (
            "请以 Content-Type: application/json 发送。",
            "Send it with Content-Type: application/json.",
        ),
        ApiError::TooLarge => {
            ("内容不得超过 1 MiB（批量修改 4 MiB）。", "At most 1 MiB is read, 4 MiB of a bulk.")
        }
        ApiError::Form { .. } | ApiError::Faulty(_) => {
            ("有误之处见 errors。", "The mistakes are listed in `errors`.")
        }
        ApiError::Bulk(_) => (
            "有误的操作见 errors；改好后整批重发。",
            "The wrong ones are listed in `errors`; mend them and send all of them again.",
        ),
        ApiError::UnknownCode => {
            ("这不是该社区的报警码。", "This is no alarm code of the line's community.")
        }
        ApiError::WhichLine => {
            ("请给出 account 或 number 之一。", "Give either `account` or `number`.")
        }
        ApiError::UnknownLine => {
            ("没有此账号或号码的线路。", "No line has this account or number.")
        }
        ApiError::UnknownParty => {
            ("该警情的方案中没有此方。", "The plan of this alarm has no such party.")
        }
        ApiError::NoIfMatch => {
            ("请在 If-Match 中给出读取时的 ETag。", "Send the ETag that you read in If-Match.")
        }
        ApiError::ImportChanged => (
            "这期间目录有改动，还没有导入。请重新核对差异。",
            "The directory was edited meanwhile; nothing was imported. Look at the differences again.",
        ),
        ApiError::EditedSince => (
            "这一行之后又改过；请先撤销后面的修改。",
            "The row was edited since; undo the later edits first.",
        ),
        ApiError::KeyInUse => (
            "带同一 Idempotency-Key 的请求尚未完成，请稍后再发。",
            "The first request with this Idempotency-Key is not answered yet; send it again in a moment.",
        ),
        ApiError::KeyReused => (
            "此 Idempotency-Key 已用于内容不同的请求；新请求请换新键。",
            "This Idempotency-Key was used for another request; use a new one for each.",
        ),
        ApiError::StillWaiting => (
            "此消息仍在按期重试；送达或放弃之后才能再发。",
            "The message is still tried; it can be sent again once it was delivered or given up.",
        ),
        ApiError::HasChildren => {
            ("请先删除或移走其下级。", "Delete or move what belongs to it first.")
        }
        ApiError::AlarmClosed => {
            ("已结案的警情不能再处理。", "Nothing can be done to it any more.")
        }
        ApiError::NoToken => (
            "请在 Authorization: Bearer 中给出未过期、未吊销的令牌。",
            "Send a token that is neither expired nor revoked as Authorization: Bearer.",
        ),
        ApiError::OutOfReach => (
            "可以查看，但只有管辖该处的账号才能修改。",
            "You may see it; only an account that reaches it may change it.",
        ),
        ApiError::WrongCredentials => (
            "请核对账号与密码，注意大小写。",
            "Check name and password; upper and lower case of the password count.",
        ),
        ApiError::CodeNeeded => (
            "请连同动态验证码或一个恢复码再发一次。",
            "Send it again with the code of your authenticator, or a recovery code.",
        ),
        ApiError::WrongCode => (
            "请输入最新的动态验证码；每个只能用一次。手机时间须准确。",
            "Send the newest code; each is good once. The clock of the telephone has to be right.",
        ),
        ApiError::MustChangePassword => (
            "请先以 PUT /api/v1/session/password 修改。",
            "Do so with PUT /api/v1/session/password.",
        ),
        ApiError::NeedsSecondFactor => (
            "管理员须有动态验证码：POST /api/v1/session/totp。",
            "Admins need one: POST /api/v1/session/totp.",
        ),
        ApiError::HttpsNeeded => (
            "连接未加密，密码不在此接收。请用 https://；管理员可配置 [http.tls]，或把前面的代理写进 http.trusted_proxies，网络受保护时写 http.insecure = true。",
            "The connection is not encrypted, and secrets are not taken here. Use https://; configure [http.tls], or name the proxy in front in http.trusted_proxies, or write http.insecure = true where the network is protected.",
        ),
        ApiError::NoEnrolment => {
            ("请先以 POST /api/v1/session/totp 开始。", "Begin with POST /api/v1/session/totp.")
        }
        ApiError::LastAdmin => (
            "须留有一位管辖全部的管理员，否则无人能再管理账号。",
            "One admin who reaches everything has to stay, or nobody could manage accounts.",
        ),
        ApiError::Busy => ("请稍后重试。", "Try again in a moment."),
        ApiError::Counting => (
            "记录较多，请几秒后再试：已统计的部分会保留。",
            "There is much to count. Try again in a few seconds; what was counted is kept.",
        ),
        ApiError::TimedOut => {
            ("请求未能及时完成，请稍后重试。", "The request was not done in time; try again.")
        }
        ApiError::Internal(_) => {
            ("请求未能完成，详情已记入日志。", "The request failed; the log says why.")
        }
        ApiError::Syntax { .. }
        | ApiError::Parameter { .. }
        | ApiError::Changed { .. }
        | ApiError::Sound(_)
        | ApiError::NoImport(_)
        | ApiError::NoPicture(_)
        | ApiError::Swap(_)
        | ApiError::TooManyAttempts { .. }
        | ApiError::CannotAdd(_)
        | ApiError::Forbidden { .. } => ("", ""),
    };
    match language.written() {
        Written::Chinese => chinese,
        Written::English => english,
    }
}

/// Why something is no plan, and what to do.
fn picture(fault: PictureFault, language: Language) -> &'static str {
    let (chinese, english) = match fault {
        PictureFault::Svg => (
            "SVG 文件里可能有脚本，不能上传。请另存为 PNG。",
            "An SVG may hold scripts and is not taken. Save it as PNG.",
        ),
        PictureFault::Unknown => ("只收 PNG 和 JPEG 图片。", "Send a PNG or a JPEG."),
        PictureFault::Damaged => (
            "图片已损坏，或后面附有别的内容。请重新保存后再上传。",
            "The picture is damaged, or something stands behind it. Save it again and send it again.",
        ),
        PictureFault::TooLarge => (
            "图片最大 2 MiB，每边不超过 8192 像素，总共不超过 2400 万像素。",
            "A picture has at most 2 MiB, 8192 pixels a side and 24 million pixels in all.",
        ),
    };
    match language.written() {
        Written::Chinese => chinese,
        Written::English => english,
    }
}

/// Why a swap cannot be agreed or withdrawn, and what to do.
fn swap(error: SwapError, language: Language) -> String {
    if language == Language::English {
        return format!("{error}.");
    }
    match error {
        SwapError::NotAsked { asked } => format!("只有被询问的工作者 {asked} 才能同意。"),
        SwapError::NotTheirs { proposer, other } => {
            format!("只有工作者 {proposer} 与 {other} 才能撤回。")
        }
        SwapError::Agreed => "双方已同意：请提出换回。".to_owned(),
        SwapError::Withdrawn => "已撤回：请另提换班。".to_owned(),
        SwapError::Over => "所换的班都已过去。".to_owned(),
    }
}

/// Why somebody cannot be called besides.
fn cannot_add(error: AddError, language: Language) -> &'static str {
    let (chinese, english) = match error {
        AddError::Unknown => ("本社区没有此人。", "The community has nobody of this id."),
        AddError::InTrouble => (
            "这是报警户的人，不能呼叫。",
            "They belong to the household in trouble, which is not rung.",
        ),
        AddError::NoNumber => (
            "此人没有可呼叫的号码，或号码已在呼叫名单中。",
            "They have no number that can be called, or it is called for somebody else already.",
        ),
        AddError::TooMany => ("加叫的人已达上限。", "No more can be added to this alarm."),
    };
    match language.written() {
        Written::Chinese => chinese,
        Written::English => english,
    }
}

fn password(fault: PasswordFault) -> &'static str {
    match fault {
        PasswordFault::Short => "至少 12 个字符：几个互不相干的词最好记",
        PasswordFault::Long => "不得超过 128 个字符",
        PasswordFault::Common => "太容易猜到：不要用常见的词、年份或连续的按键、数字",
        PasswordFault::HasName => "不得含有账号名",
        PasswordFault::Same => "须与原密码不同",
    }
}

/// What the parser says of a value.
pub(super) fn form(cause: &str, language: Language) -> String {
    in_language!(language, "形式不符：{cause}", "{cause}")
}

/// What is wrong with a value of a draft.
pub(super) fn fault(fault: &Fault, language: Language) -> String {
    if language == Language::English {
        return fault.to_string();
    }
    match fault {
        Fault::TooLong { max } => return format!("不得超过 {max} 个字符"),
        Fault::OutOfRange { min, max } => return format!("须在 {min} 到 {max} 之间"),
        Fault::TooMany { max } => return format!("不得超过 {max} 项"),
        Fault::Policy(why) => return why.words(language),
        Fault::Drill(why) => return why.words(language),
        Fault::Pin(PinFault::Digits) => "须为 4 到 8 位数字",
        Fault::Pin(PinFault::Trivial) => "过于简单：不得为相同、成对重复或连续的数字",
        Fault::Pin(PinFault::Same) => "须不同于撤销密码",
        Fault::Password(why) => return password(*why).to_owned(),
        Fault::WrongCode => "不是最新的验证码：请核对手机时间",
        Fault::TokenName => "须为 1 到 60 个字符，且不以 account: 开头",
        Fault::WrongPassword => "密码不对",
        Fault::LoginName => "须为 2 到 60 个字母、汉字、数字或 -_.@",
        Fault::OnlyNew => "只在新建账号时填写：之后由管理员重置，或由本人修改",
        Fault::OnePerson => "账号已是社区工作者时不填",
        Fault::BeyondReach => "超出您自己的管辖范围",
        Fault::HelperHousehold => "帮扶人须填写所帮扶的联防户，其他人不填",
        Fault::OtherYear { year } => return format!("须在 {year} 年"),
        Fault::Roster(error) => return super::duty::words::fault(error, language),
        Fault::Empty => "不得为空",
        Fault::ControlCharacter => "不得含换行等控制字符",
        Fault::Twice => "重复",
        Fault::AreaCode => "须为带 0 的区号，如 0592",
        Fault::TimeZone => "须为 IANA 时区，如 Asia/Shanghai",
        Fault::AlarmCode => "须为 1 到 8 个按键（0-9、*、#），如 #9",
        Fault::ArrivalCode => "须为 2 到 8 个按键（0-9、*、#），以 * 或 # 开头，如 #97；可留空",
        Fault::OtherCode => "与本社区的其他代码相同，或是其后加一位数字",
        Fault::AccessNumber => "须为 2 到 16 位数字，如 9000",
        Fault::Account => "须为 1 到 64 个字母、数字或 -_.+~*",
        Fault::NoNumber => "须为电话号码",
        Fault::NeverCalled => "是紧急或服务号码，本系统从不呼叫",
        Fault::NoChannel => "语音与短信至少须允许一种",
        Fault::TargetForm => "须为以 https:// 开头的地址，不含用户名、密码和片段",
        Fault::TargetHost => "不在允许之列：主机和端口须列入配置 webhooks.allowed_hosts",
        Fault::TargetAddress => {
            "不在允许之列：不是公网地址，也不在配置 webhooks.allowed_networks 中"
        }
        Fault::Taken => "已被占用",
        Fault::UnknownParent => "不存在",
        Fault::NotOnDuty => "此时不在该岗值班",
        Fault::OtherCommunity => "属于另一个社区",
        Fault::NumbersDepend => "社区已有网格或工作者时不能更改：其号码是按此区号解读的",
        Fault::PostCode => "须为一个词，如 A",
        Fault::RotationOrWorkers => "由轮班担任的班次不得另指定工作者",
        Fault::SwapDecided => "已同意或已撤回：请另提换班",
        Fault::Rule => "违反数据库规则",
    }
    .to_owned()
}
