//! Communities (社区).

use super::fault::Checks;
use super::{
    Fault, FieldError, Home, Kind, Noun, Statements, StoreError, Value, json_of, language_of,
    second, statements,
};
use lianfang_domain::directory::Language;
use lianfang_domain::id::{CommunityId, StreetId};
use lianfang_domain::kind::AlarmKind;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use utoipa::ToSchema;

/// Most codes and access numbers of one community; each is compared with every dialled number.
const CODES_MAX: usize = 16;

/// A community (社区).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Community {
    /// Its id.
    #[schema(value_type = u32)]
    pub id: CommunityId,
    /// The street that it belongs to.
    #[schema(value_type = u32)]
    pub street_id: StreetId,
    /// Its name, as it is read to people; no other community of the street has it.
    pub name: String,
    /// Home area code with its leading zero.
    pub area_code: String,
    /// The language of those who have none of their own.
    #[schema(schema_with = super::fault::language)]
    pub language: Language,
    /// IANA time zone.
    pub time_zone: String,
    /// Codes that raise an alarm when dialled or keyed.
    pub alarm_codes: Vec<String>,
    /// Numbers that a line calls to key the code.
    pub access_numbers: Vec<String>,
    /// Codes that raise an alarm of which the line hears nothing.
    pub silent_codes: Vec<String>,
    /// What somebody at the door dials or keys on the resident's own telephone; empty where there is none.
    pub arrival_code: String,
    /// New holders of a duty post are called at a change of shift, and old ones stay on duty until they took over.
    pub hand_over_calls: bool,
    /// Counts its edits; its ETag.
    pub version: u32,
}

/// What is written of a community.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommunityDraft {
    /// The street that it belongs to.
    #[schema(value_type = u32)]
    pub street_id: StreetId,
    /// Its name, as it is read to people; no other community of the street has it.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// Home area code with its leading zero, such as `0592`. It does not change while the community has grids or
    /// workers, because their numbers were read with it.
    #[schema(pattern = "^0[1-9][0-9]{1,3}$")]
    pub area_code: String,
    /// The language of those who have none of their own; `zh-CN` if not given.
    #[serde(default)]
    #[schema(schema_with = super::fault::language)]
    pub language: Language,
    /// IANA time zone; `Asia/Shanghai` if not given.
    #[serde(default = "time_zone")]
    #[schema(max_length = 64, default = "Asia/Shanghai")]
    pub time_zone: String,
    /// Codes that raise an alarm when dialled or keyed; `#9` and `*9` if not given.
    #[serde(default = "alarm_codes")]
    #[schema(min_items = 1, max_items = 16, default = json!(["#9", "*9"]))]
    pub alarm_codes: Vec<String>,
    /// Numbers that a line calls to key the code, such as `9000`.
    #[serde(default)]
    #[schema(max_items = 16)]
    pub access_numbers: Vec<String>,
    /// Codes that raise an alarm of which the line hears nothing; `#9*` if not given.
    #[serde(default = "silent_codes")]
    #[schema(max_items = 16, default = json!(["#9*"]))]
    pub silent_codes: Vec<String>,
    /// What somebody at the door dials or keys on the resident's own telephone; `#97` if not given, empty for none.
    #[serde(default = "arrival_code")]
    #[schema(max_length = 8, default = "#97")]
    pub arrival_code: String,
    /// New holders of a duty post are called at a change of shift, and old ones stay on duty until they took over; not if
    /// not given.
    #[serde(default)]
    #[schema(default = false)]
    pub hand_over_calls: bool,
}

fn time_zone() -> String {
    "Asia/Shanghai".to_owned()
}

fn alarm_codes() -> Vec<String> {
    ["#9", "*9"].map(str::to_owned).into()
}

fn silent_codes() -> Vec<String> {
    vec!["#9*".to_owned()]
}

fn arrival_code() -> String {
    "#97".to_owned()
}

impl Noun for Community {
    type Id = CommunityId;
    type Draft = CommunityDraft;

    const KIND: Kind = Kind::Community;
    const PARENT: Option<(Kind, &'static str)> = Some((Kind::Street, "street_id"));
    const SQL: Statements = statements!(
        "community",
        "street_id",
        [
            "street_id",
            "name",
            "area_code",
            "language",
            "time_zone",
            "alarm_codes",
            "access_numbers",
            "silent_codes",
            "arrival_code",
            "hand_over_calls"
        ]
    );

    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: CommunityId(row.try_get("id")?),
            street_id: StreetId(row.try_get("street_id")?),
            name: row.try_get("name")?,
            area_code: row.try_get("area_code")?,
            language: language_of(row)?.unwrap_or_default(),
            time_zone: row.try_get("time_zone")?,
            alarm_codes: json_of(row, "alarm_codes")?,
            access_numbers: json_of(row, "access_numbers")?,
            silent_codes: json_of(row, "silent_codes")?,
            arrival_code: row.try_get("arrival_code")?,
            hand_over_calls: row.try_get("hand_over_calls")?,
            version: row.try_get("version")?,
        })
    }

    fn id(&self) -> CommunityId {
        self.id
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn parent(&self) -> u32 {
        self.street_id.into()
    }

    fn parent_of(draft: &CommunityDraft) -> u32 {
        draft.street_id.into()
    }

    fn values(draft: &CommunityDraft, _home: Option<&Home>) -> Result<Vec<Value>, Vec<FieldError>> {
        let mut checks = Checks::default();
        let values = vec![
            Value::Integer(draft.street_id.0.into()),
            checks.name("/name", &draft.name, 100),
            checks.area_code("/area_code", &draft.area_code),
            Value::tag(Some(draft.language)),
            checks.time_zone("/time_zone", &draft.time_zone),
            alarm_codes_of(&draft.alarm_codes, &mut checks),
            access_numbers_of(&draft.access_numbers, &mut checks),
            silent_codes_of(draft, &mut checks),
            arrival_code_of(draft, &mut checks),
            Value::Integer(draft.hand_over_calls.into()),
        ];
        checks.finish(values)
    }

    async fn check_change(
        &self,
        draft: &CommunityDraft,
        change: &mut SqliteConnection,
    ) -> Result<Vec<FieldError>, StoreError> {
        const HAS_NUMBERS: &str = "SELECT EXISTS (SELECT 1 FROM grid WHERE community_id = ?1)
             OR EXISTS (SELECT 1 FROM worker WHERE community_id = ?1)";
        if draft.area_code == self.area_code {
            return Ok(Vec::new());
        }
        let query = sqlx::query_scalar(HAS_NUMBERS).bind(self.id.0);
        let has_numbers: bool = query.fetch_one(change).await.map_err(StoreError::Read)?;
        let fault = FieldError { pointer: "/area_code".to_owned(), fault: Fault::NumbersDepend };
        Ok(has_numbers.then_some(fault).into_iter().collect())
    }
}

fn alarm_codes_of(codes: &[String], checks: &mut Checks) -> Value {
    if codes.is_empty() {
        checks.add("/alarm_codes", Fault::Empty);
    }
    checks.list("/alarm_codes", codes, CODES_MAX, |code| {
        if is_code(code) { None } else { Some(Fault::AlarmCode) }
    })
}

fn is_code(code: &str) -> bool {
    (1..=8).contains(&code.len())
        && code.bytes().all(|key| key.is_ascii_digit() || matches!(key, b'*' | b'#'))
}

fn silent_codes_of(draft: &CommunityDraft, checks: &mut Checks) -> Value {
    checks.list("/silent_codes", &draft.silent_codes, CODES_MAX, |code| {
        if draft.alarm_codes.iter().any(|other| other == code) {
            return Some(Fault::OtherCode);
        }
        if is_code(code) { None } else { Some(Fault::AlarmCode) }
    })
}

/// A code that could be heard as an alarm would be one: see `domain::trigger`.
fn arrival_code_of(draft: &CommunityDraft, checks: &mut Checks) -> Value {
    let code = draft.arrival_code.trim();
    let mut codes = draft.alarm_codes.iter().chain(&draft.silent_codes);
    let is_alarm = |alarm: &String| {
        let rest = code.strip_prefix(alarm.as_str()).map(|rest| rest.trim_end_matches('#'));
        rest.is_some_and(|rest| {
            rest.is_empty() || rest.parse().is_ok_and(|digit| AlarmKind::of_digit(digit).is_some())
        })
    };
    if code.is_empty() {
    } else if !is_code(code) || code.len() < 2 || !code.starts_with(['*', '#']) {
        checks.add("/arrival_code", Fault::ArrivalCode);
    } else if codes.any(is_alarm) {
        checks.add("/arrival_code", Fault::OtherCode);
    }
    Value::Text(code.to_owned())
}

fn access_numbers_of(numbers: &[String], checks: &mut Checks) -> Value {
    checks.list("/access_numbers", numbers, CODES_MAX, |number| {
        let is_number =
            (2..=16).contains(&number.len()) && number.bytes().all(|digit| digit.is_ascii_digit());
        if is_number { None } else { Some(Fault::AccessNumber) }
    })
}
