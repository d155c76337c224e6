//! The kinds of rows, and how the community of a row is found.

/// The kinds of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// 街道
    Street,
    /// 社区
    Community,
    /// 网格
    Grid,
    /// 联防组
    Group,
    /// 联防户
    Household,
    /// 线路
    Line,
    /// 联系人
    Contact,
    /// 社区工作者
    Worker,
    /// 响应人
    Responder,
    /// 升级规则
    Policy,
    /// 岗位
    Post,
    /// 轮班
    Rotation,
    /// 班次
    Shift,
    /// 替班
    Override,
    /// 换班
    Swap,
    /// 请假
    Absence,
}

impl Kind {
    /// The kind whose rows stand in this table, as the audit trail names it.
    #[must_use]
    pub fn of_table(table: &str) -> Option<Self> {
        Some(match table {
            "street" => Self::Street,
            "community" => Self::Community,
            "grid" => Self::Grid,
            "household_group" => Self::Group,
            "household" => Self::Household,
            "line" => Self::Line,
            "contact" => Self::Contact,
            "worker" | "worker_pin" => Self::Worker,
            "responder" => Self::Responder,
            "policy" => Self::Policy,
            "duty_post" => Self::Post,
            "duty_rotation" => Self::Rotation,
            "duty_shift" => Self::Shift,
            "duty_override" => Self::Override,
            "duty_swap" => Self::Swap,
            "duty_absence" => Self::Absence,
            _ => return None,
        })
    }

    /// Whether such a row says itself to which community it belongs.
    #[must_use]
    pub const fn names_its_community(self) -> bool {
        match self {
            Self::Grid
            | Self::Worker
            | Self::Responder
            | Self::Policy
            | Self::Post
            | Self::Rotation
            | Self::Shift
            | Self::Override
            | Self::Swap
            | Self::Absence => true,
            Self::Street
            | Self::Community
            | Self::Group
            | Self::Household
            | Self::Line
            | Self::Contact => false,
        }
    }

    /// Whether an edit of such a row may make the duty roster of its community impossible.
    #[must_use]
    pub const fn is_of_roster(self) -> bool {
        match self {
            Self::Worker
            | Self::Post
            | Self::Rotation
            | Self::Shift
            | Self::Override
            | Self::Swap
            | Self::Absence => true,
            Self::Street
            | Self::Community
            | Self::Grid
            | Self::Group
            | Self::Household
            | Self::Line
            | Self::Contact
            | Self::Responder
            | Self::Policy => false,
        }
    }

    /// Finds the community, and its area code, of a row of this kind; no row where it is in none.
    pub(super) const fn home_sql(self) -> &'static str {
        match self {
            Self::Street => "SELECT id FROM street WHERE id = ?",
            Self::Community => "SELECT id, area_code FROM community WHERE id = ?",
            Self::Grid => {
                "SELECT c.id, c.area_code FROM community c JOIN grid g ON g.community_id = c.id
                 WHERE g.id = ?"
            }
            Self::Group => {
                "SELECT c.id, c.area_code FROM community c JOIN grid g ON g.community_id = c.id
                 JOIN household_group hg ON hg.grid_id = g.id WHERE hg.id = ?"
            }
            Self::Household
            | Self::Line
            | Self::Contact
            | Self::Worker
            | Self::Responder
            | Self::Policy
            | Self::Post
            | Self::Rotation
            | Self::Shift
            | Self::Override
            | Self::Swap
            | Self::Absence => {
                "SELECT c.id, c.area_code FROM community c JOIN grid g ON g.community_id = c.id
                 JOIN household_group hg ON hg.grid_id = g.id
                 JOIN household h ON h.group_id = hg.id WHERE h.id = ?"
            }
        }
    }
}
