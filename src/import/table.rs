//! The files of an import and the tables behind them.

/// What a file is about. In this order they are read: parents first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Noun {
    /// `streets.csv`
    Street,
    /// `communities.csv`
    Community,
    /// `grids.csv`
    Grid,
    /// `groups.csv`
    Group,
    /// `households.csv`
    Household,
    /// `lines.csv`
    Line,
    /// `contacts.csv`
    Contact,
    /// `workers.csv`
    Worker,
    /// `posts.csv`
    Post,
    /// `responders.csv`
    Responder,
}

/// A column: its English and its Chinese header.
pub(super) type Column = (&'static str, &'static str);

/// The columns that lead to a household; less deep nouns use the beginning of it.
const PATH: [Column; 5] = [
    ("street", "街道"),
    ("community", "社区"),
    ("grid", "网格"),
    ("group", "联防组"),
    ("household", "联防户"),
];

/// The table of a noun. A row is found by its parent and its key, a name or an account.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) noun: Noun,
    pub(super) name: &'static str,
    /// How many columns of the path stand before the key.
    depth: usize,
    pub(super) key: Column,
    key_sql: &'static str,
    parent_sql: Option<&'static str>,
    /// The other columns of the file.
    own: &'static [Column],
    /// The other columns of the table.
    fields_sql: &'static [&'static str],
}

const NAME: Column = ("name", "名称");
const PERSON: Column = ("name", "姓名");
const LANGUAGE: Column = ("language", "语言");
const NUMBERS: Column = ("numbers", "号码");
/// The grid that a row is for: no part of the path to it.
const GRID: Column = ("grid", "网格");

static TABLES: [Table; 10] = [
    Table {
        noun: Noun::Street,
        name: "street",
        depth: 0,
        key: NAME,
        key_sql: "name",
        parent_sql: None,
        own: &[],
        fields_sql: &[],
    },
    Table {
        noun: Noun::Community,
        name: "community",
        depth: 1,
        key: NAME,
        key_sql: "name",
        parent_sql: Some("street_id"),
        own: &[
            ("area_code", "区号"),
            LANGUAGE,
            ("time_zone", "时区"),
            ("alarm_codes", "报警码"),
            ("access_numbers", "接入号"),
            ("silent_codes", "静默报警码"),
            ("arrival_code", "到场码"),
        ],
        fields_sql: &[
            "area_code",
            "language",
            "time_zone",
            "alarm_codes",
            "access_numbers",
            "silent_codes",
            "arrival_code",
        ],
    },
    Table {
        noun: Noun::Grid,
        name: "grid",
        depth: 2,
        key: NAME,
        key_sql: "name",
        parent_sql: Some("community_id"),
        own: &[],
        fields_sql: &[],
    },
    Table {
        noun: Noun::Group,
        name: "household_group",
        depth: 3,
        key: NAME,
        key_sql: "name",
        parent_sql: Some("grid_id"),
        own: &[("acknowledgements_wanted", "应到户数")],
        fields_sql: &["acknowledgements_wanted"],
    },
    Table {
        noun: Noun::Household,
        name: "household",
        depth: 4,
        key: NAME,
        key_sql: "name",
        parent_sql: Some("group_id"),
        own: &[
            ("place", "小区"),
            ("building", "楼栋"),
            ("unit", "单元"),
            ("floor", "楼层"),
            ("door", "门牌"),
            ("pronunciation", "读音"),
            ("position", "顺序"),
            LANGUAGE,
            ("visit_class", "走访类别"),
        ],
        fields_sql: &[
            "place",
            "building",
            "unit",
            "floor",
            "door",
            "pronunciation",
            "position",
            "language",
            "visit_class",
        ],
    },
    Table {
        noun: Noun::Line,
        name: "line",
        depth: 5,
        key: ("account", "账号"),
        key_sql: "account",
        parent_sql: None,
        own: &[
            ("number", "号码"),
            ("hotline_grace_s", "摘机报警秒数"),
            ("silent", "静默"),
            ("realm", "认证域"),
            ("ha1_md5", "MD5密文"),
            ("ha1_sha256", "SHA256密文"),
            ("password", "密码"),
        ],
        fields_sql: &[
            "household_id",
            "number_key",
            "number_written",
            "number_to_confirm",
            "hotline_grace_s",
            "is_silent",
        ],
    },
    Table {
        noun: Noun::Contact,
        name: "contact",
        depth: 5,
        key: PERSON,
        key_sql: "name",
        parent_sql: Some("household_id"),
        own: &[("rank", "次序"), LANGUAGE, NUMBERS],
        fields_sql: &["rank", "language", "numbers"],
    },
    Table {
        noun: Noun::Worker,
        name: "worker",
        depth: 2,
        key: PERSON,
        key_sql: "name",
        parent_sql: Some("community_id"),
        own: &[("on_duty", "值班"), LANGUAGE, NUMBERS],
        fields_sql: &["is_on_duty", "language", "numbers"],
    },
    Table {
        noun: Noun::Post,
        name: "duty_post",
        depth: 2,
        key: NAME,
        key_sql: "name",
        parent_sql: Some("community_id"),
        own: &[("code", "代号"), GRID, ("cover", "值守"), ("workers", "值守人")],
        fields_sql: &["code", "grid_id", "cover"],
    },
    Table {
        noun: Noun::Responder,
        name: "responder",
        depth: 2,
        key: NAME,
        key_sql: "name",
        parent_sql: Some("community_id"),
        own: &[
            ("kind", "类别"),
            ("skills", "技能"),
            ("building", "楼栋"),
            GRID,
            ("helps_grid", "帮扶网格"),
            ("helps_group", "帮扶组"),
            ("helps_household", "帮扶户"),
            LANGUAGE,
            NUMBERS,
        ],
        fields_sql: &[
            "kind",
            "skills",
            "building",
            "grid_id",
            "household_id",
            "language",
            "numbers",
        ],
    },
];

impl Noun {
    /// Every noun, parents first.
    pub const ALL: [Self; 10] = [
        Self::Street,
        Self::Community,
        Self::Grid,
        Self::Group,
        Self::Household,
        Self::Line,
        Self::Contact,
        Self::Worker,
        Self::Post,
        Self::Responder,
    ];

    /// The name of its file.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Street => "streets.csv",
            Self::Community => "communities.csv",
            Self::Grid => "grids.csv",
            Self::Group => "groups.csv",
            Self::Household => "households.csv",
            Self::Line => "lines.csv",
            Self::Contact => "contacts.csv",
            Self::Worker => "workers.csv",
            Self::Post => "posts.csv",
            Self::Responder => "responders.csv",
        }
    }

    /// Its name in Chinese, as sheets of a workbook are called.
    #[must_use]
    pub fn chinese(self) -> &'static str {
        match self {
            Self::Street => "街道",
            Self::Community => "社区",
            Self::Grid => "网格",
            Self::Group => "联防组",
            Self::Household => "联防户",
            Self::Line => "线路",
            Self::Contact => "联系人",
            Self::Worker => "社区工作者",
            Self::Post => "岗位",
            Self::Responder => "响应人",
        }
    }

    /// The Chinese header of one of its columns.
    #[must_use]
    pub fn header_in_chinese(self, column: &str) -> Option<&'static str> {
        self.table().columns().find(|known| known.0 == column).map(|known| known.1)
    }

    pub(super) fn table(self) -> &'static Table {
        &TABLES[self as usize]
    }

    /// The noun that a row of this hangs below.
    pub(super) fn parent(self) -> Option<Self> {
        match self {
            Self::Street => None,
            Self::Community => Some(Self::Street),
            Self::Grid | Self::Worker | Self::Post | Self::Responder => Some(Self::Community),
            Self::Group => Some(Self::Grid),
            Self::Household => Some(Self::Group),
            Self::Line | Self::Contact => Some(Self::Household),
        }
    }
}

impl Table {
    /// The columns of the table that stand in a row behind its key.
    pub(super) fn fields(&self) -> &'static [&'static str] {
        self.fields_sql
    }

    /// The column of the table that a row is found by.
    pub(super) fn key_sql(&self) -> &'static str {
        self.key_sql
    }

    /// The column of the file that a column of the table comes from; none for what people never see.
    pub(super) fn column_of(&self, field: &str) -> Option<Column> {
        let name = match (self.noun, field) {
            (_, "number_key" | "number_to_confirm") => return None,
            (_, "number_written") => "number",
            (_, "is_silent") => "silent",
            (_, "is_on_duty") => "on_duty",
            (_, "grid_id") => "grid",
            (Noun::Line, "household_id") => "household",
            (_, "household_id") => "helps_household",
            (_, name) => name,
        };
        self.columns().find(|column| column.0 == name)
    }

    /// The columns that lead to the parent.
    pub(super) fn path(&self) -> &'static [Column] {
        PATH.get(..self.depth).unwrap_or(&PATH)
    }

    /// The columns without which a row says nothing.
    pub(super) fn needed(&self) -> impl Iterator<Item = &'static str> {
        let own = match self.noun {
            Noun::Line => Some("number"),
            Noun::Post => Some("code"),
            Noun::Responder => Some("kind"),
            Noun::Street
            | Noun::Community
            | Noun::Grid
            | Noun::Group
            | Noun::Household
            | Noun::Contact
            | Noun::Worker => None,
        };
        self.path().iter().chain([&self.key]).map(|column| column.0).chain(own)
    }

    /// All columns of the file, in the order of an export.
    pub(super) fn columns(&self) -> impl Iterator<Item = Column> {
        self.path().iter().copied().chain([self.key]).chain(self.own.iter().copied())
    }

    /// Longest key, in characters.
    pub(super) fn key_len_max(&self) -> usize {
        match self.noun {
            Noun::Street | Noun::Community | Noun::Grid | Noun::Group => 100,
            Noun::Household | Noun::Contact | Noun::Worker | Noun::Post | Noun::Responder => 60,
            Noun::Line => 64,
        }
    }

    /// Rows as JSON: id, parent, key, fields.
    pub(super) fn select(&self) -> String {
        format!(
            "SELECT json_group_array(json_array(id, {}, {}, json_array({}))) FROM {} WHERE ?1 < id AND id <= ?2",
            self.parent_sql.unwrap_or("0"),
            self.key_sql,
            self.fields_sql.join(", "),
            self.name,
        )
    }

    pub(super) fn insert(&self) -> String {
        let mut columns = vec!["id"];
        let mut values = vec!["value ->> 0".to_owned()];
        if let Some(parent) = self.parent_sql {
            columns.push(parent);
            values.push("value ->> 1".to_owned());
        }
        columns.push(self.key_sql);
        values.push("value ->> 2".to_owned());
        for (index, field) in self.fields_sql.iter().enumerate() {
            columns.push(field);
            values.push(format!("value ->> '$[3][{index}]'"));
        }
        format!(
            "INSERT INTO {} ({}) SELECT {} FROM json_each(?1)",
            self.name,
            columns.join(", "),
            values.join(", "),
        )
    }

    pub(super) fn update(&self) -> String {
        let sets = self.fields_sql.iter().enumerate();
        let sets: String =
            sets.map(|(index, field)| format!("{field} = r.value ->> '$[3][{index}]', ")).collect();
        format!(
            "UPDATE {0} SET {sets}version = version + 1 FROM json_each(?1) AS r WHERE {0}.id = r.value ->> 0",
            self.name,
        )
    }

    pub(super) fn delete(&self) -> String {
        format!("DELETE FROM {} WHERE id IN (SELECT value FROM json_each(?1))", self.name)
    }
}
