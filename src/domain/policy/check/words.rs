//! What is wrong with a policy, or should be known of it, in words.

use super::{Warning, Why};
use crate::directory::{Language, Written};
use crate::leg::Channel;

impl Why {
    /// What people read.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        match language.written() {
            Written::Chinese => self.chinese(),
            Written::English => self.english(),
        }
    }

    fn chinese(&self) -> String {
        match self {
            Self::Name => "须为 1 到 60 个字符，不含控制字符".into(),
            Self::Bounds { value, min, max } => {
                format!("{value} 超出范围：须在 {min} 到 {max} 之间，否则警情可能无人响应")
            }
            Self::Length { max } => format!("须为 1 到 {max} 项"),
            Self::FirstWaits => "第一级须立即呼叫，不能等待或附带条件".into(),
            Self::Twice => "前面已有相同的一项：此处不会呼叫任何新的人".into(),
            Self::Hours => "演练时段无效：结束须晚于开始，且不超过 24 点".into(),
            Self::UnknownScope => "社区中没有这个网格或联防组".into(),
            Self::OtherPolicy { name } => format!("方案“{name}”已适用于同一范围和警情种类"),
            Self::NobodyAtOnce { door } => {
                format!("“{door}”家报警时，第一级没有任何能接通语音的人")
            }
            Self::NobodyOnDuty { door, at } => {
                format!("“{door}”家报警时，自 {at} 起第一级的岗位无人值守，也没有其他人可呼叫")
            }
            Self::DeadStep => "这一级在任何时候、任何一户都呼叫不到人".into(),
            Self::Together { door, reachable } => {
                format!("要求结伴进入的人数多于“{door}”家能联系到的人数（{reachable}）")
            }
            Self::NeverCalled { name } => format!("“{name}”的号码是紧急或服务号码，本系统从不呼叫"),
        }
    }

    fn english(&self) -> String {
        match self {
            Self::Name => "must be 1 to 60 characters without control characters".into(),
            Self::Bounds { value, min, max } => {
                format!("{value} is out of bounds: {min} to {max}, or an alarm could fall silent")
            }
            Self::Length { max } => format!("must be 1 to {max} items"),
            Self::FirstWaits => "the first step is taken at once: no wait, no condition".into(),
            Self::Twice => "the same stands before: nobody new is called here".into(),
            Self::Hours => "drills must end after they begin, at 24 at the latest".into(),
            Self::UnknownScope => "the community has no such grid or group".into(),
            Self::OtherPolicy { name } => {
                format!("policy \"{name}\" holds for the same doors and kind")
            }
            Self::NobodyAtOnce { door } => {
                format!("when {door} raises an alarm, nobody of the first step can be rung")
            }
            Self::NobodyOnDuty { door, at } => format!(
                "when {door} raises an alarm from {at} on, nobody holds the posts of the first step, and nobody else is called"
            ),
            Self::DeadStep => "this step reaches nobody, at no door and at no time".into(),
            Self::Together { door, reachable } => {
                format!("more are to go in together than can be reached at {door}: {reachable}")
            }
            Self::NeverCalled { name } => {
                format!("{name} has an emergency or service number, which is never called")
            }
        }
    }
}

impl Warning {
    /// What people read.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        match language.written() {
            Written::Chinese => self.chinese(),
            Written::English => self.english(),
        }
    }

    fn chinese(&self) -> String {
        match self {
            Self::LeavesLate { after_ms } => {
                format!("最后一路呼叫在 {} 秒后才发出", seconds(*after_ms))
            }
            Self::NoRoute { channel: Channel::Voice } => "没有可用的语音线路".into(),
            Self::NoRoute { channel: Channel::Sms } => "没有可用的短信通道".into(),
            Self::NoDutyAtOnce => "第一级没有呼叫任何值班岗位".into(),
            Self::EmptyStep { step, doors, door } => {
                format!("第 {step} 级在 {doors} 户呼叫不到人，例如“{door}”")
            }
            Self::PostWithoutHolder { code, at } => {
                format!("岗位 {code} 自 {at} 起有时无人值守或号码不能通话")
            }
            Self::FewerThanWanted { doors, door } => {
                format!("有 {doors} 户能联系到的人数少于应到人数，例如“{door}”")
            }
        }
    }

    fn english(&self) -> String {
        match self {
            Self::LeavesLate { after_ms } => {
                format!("the last leg leaves after {} s", seconds(*after_ms))
            }
            Self::NoRoute { channel: Channel::Voice } => "no route takes calls".into(),
            Self::NoRoute { channel: Channel::Sms } => "no route takes messages".into(),
            Self::NoDutyAtOnce => "the first step calls no duty post".into(),
            Self::EmptyStep { step, doors, door } => {
                format!("step {step} calls nobody at {doors} doors, such as that of {door}")
            }
            Self::PostWithoutHolder { code, at } => {
                format!("from {at} on, nobody who can be rung holds post {code} at times")
            }
            Self::FewerThanWanted { doors, door } => {
                format!(
                    "at {doors} doors fewer can be reached than are wanted, such as that of {door}"
                )
            }
        }
    }
}

/// Seconds with one digit after the point.
fn seconds(ms: u64) -> String {
    format!("{}.{}", ms / 1000, ms % 1000 / 100)
}
