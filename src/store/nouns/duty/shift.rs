//! Shifts of posts (班次).

use super::{date_or_null, date_or_null_of, id_of, id_or_null, id_or_null_of, word_of, workers};
use crate::store::nouns::fault::{Checks, Fault};
use crate::store::nouns::{
    FieldError, Home, Kind, Noun, Statements, Value, json_of, second, statements,
};
use jiff::civil::{self, Date, Time};
use lianfang_domain::id::{CommunityId, PostId, RotationId, ShiftId, WorkerId};
use lianfang_domain::roster::DayKind;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

/// A weekday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "weekdays")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// A shift (班次): a stretch of wall-clock time on each of its days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Shift {
    /// Its id.
    #[schema(value_type = u32)]
    pub id: ShiftId,
    /// The community; it never changes.
    #[schema(value_type = u32)]
    pub community_id: CommunityId,
    /// The post.
    #[schema(value_type = u32)]
    pub post_id: PostId,
    /// The rotation that holds it; otherwise `worker_ids` do.
    #[schema(value_type = Option<u32>)]
    pub rotation_id: Option<RotationId>,
    /// Who hold it together, each time; empty with a rotation.
    #[schema(value_type = Vec<u32>)]
    pub worker_ids: Vec<WorkerId>,
    /// On which weekdays it begins; all if not given.
    pub weekdays: Vec<Weekday>,
    /// On which kinds of days it begins: `workday` (make-up days among them), `rest_day`, `holiday`; all if not given.
    #[schema(value_type = Vec<String>)]
    pub day_kinds: Vec<DayKind>,
    /// When it begins by the clock on the wall, such as `08:00`.
    #[schema(value_type = String)]
    pub starts: Time,
    /// When it ends by the clock on the wall.
    #[schema(value_type = String)]
    pub ends: Time,
    /// How many days later it ends: 0 on the same day, 1 over midnight or after a whole day.
    pub days_later: u8,
    /// The first day on which it may begin.
    #[schema(value_type = Option<String>)]
    pub first_day: Option<Date>,
    /// The last day on which it may begin.
    #[schema(value_type = Option<String>)]
    pub last_day: Option<Date>,
    /// Counts its edits; its ETag.
    pub version: u32,
}

/// What is written of a shift.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShiftDraft {
    /// The community; it never changes.
    #[schema(value_type = u32)]
    pub community_id: CommunityId,
    /// The post.
    #[schema(value_type = u32)]
    pub post_id: PostId,
    /// The rotation that holds it; otherwise `worker_ids` do.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    pub rotation_id: Option<RotationId>,
    /// Who hold it together, each time; empty with a rotation.
    #[serde(default)]
    #[schema(value_type = Vec<u32>, max_items = 64)]
    pub worker_ids: Vec<WorkerId>,
    /// On which weekdays it begins; all if not given.
    #[serde(default = "weekdays")]
    #[schema(min_items = 1, max_items = 7)]
    pub weekdays: Vec<Weekday>,
    /// On which kinds of days it begins: `workday` (make-up days among them), `rest_day`, `holiday`; all if not given.
    #[serde(default = "day_kinds")]
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 3)]
    pub day_kinds: Vec<DayKind>,
    /// When it begins by the clock on the wall, such as `08:00`.
    #[schema(value_type = String)]
    pub starts: Time,
    /// When it ends by the clock on the wall.
    #[schema(value_type = String)]
    pub ends: Time,
    /// How many days later it ends: 0 on the same day, 1 over midnight or after a whole day.
    #[serde(default)]
    #[schema(maximum = 7)]
    pub days_later: u8,
    /// The first day on which it may begin.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub first_day: Option<Date>,
    /// The last day on which it may begin.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub last_day: Option<Date>,
}

fn weekdays() -> Vec<Weekday> {
    use Weekday::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
    vec![Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday]
}

fn day_kinds() -> Vec<DayKind> {
    vec![DayKind::Workday, DayKind::RestDay, DayKind::Holiday]
}

impl From<Weekday> for civil::Weekday {
    fn from(day: Weekday) -> Self {
        match day {
            Weekday::Monday => Self::Monday,
            Weekday::Tuesday => Self::Tuesday,
            Weekday::Wednesday => Self::Wednesday,
            Weekday::Thursday => Self::Thursday,
            Weekday::Friday => Self::Friday,
            Weekday::Saturday => Self::Saturday,
            Weekday::Sunday => Self::Sunday,
        }
    }
}

impl Noun for Shift {
    type Id = ShiftId;
    type Draft = ShiftDraft;

    const KIND: Kind = Kind::Shift;
    const PARENT: Option<(Kind, &'static str)> = Some((Kind::Community, "community_id"));
    const SQL: Statements = statements!(
        "duty_shift",
        "community_id",
        [
            "community_id",
            "post_id",
            "rotation_id",
            "worker_ids",
            "weekdays",
            "day_kinds",
            "starts",
            "ends",
            "days_later",
            "first_day",
            "last_day"
        ]
    );

    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: id_of(row, "id")?,
            community_id: id_of(row, "community_id")?,
            post_id: id_of(row, "post_id")?,
            rotation_id: id_or_null_of(row, "rotation_id")?,
            worker_ids: json_of(row, "worker_ids")?,
            weekdays: json_of(row, "weekdays")?,
            day_kinds: json_of(row, "day_kinds")?,
            starts: word_of(row, "starts")?,
            ends: word_of(row, "ends")?,
            days_later: row.try_get("days_later")?,
            first_day: date_or_null_of(row, "first_day")?,
            last_day: date_or_null_of(row, "last_day")?,
            version: row.try_get("version")?,
        })
    }

    fn id(&self) -> ShiftId {
        self.id
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn parent(&self) -> u32 {
        self.community_id.into()
    }

    fn parent_of(draft: &ShiftDraft) -> u32 {
        draft.community_id.into()
    }

    fn values(draft: &ShiftDraft, _home: Option<&Home>) -> Result<Vec<Value>, Vec<FieldError>> {
        let mut checks = Checks::default();
        if draft.rotation_id.is_some() && !draft.worker_ids.is_empty() {
            checks.add("/worker_ids", Fault::RotationOrWorkers);
        }
        if 7 < draft.weekdays.len() {
            checks.add("/weekdays", Fault::TooMany { max: 7 });
        }
        if 3 < draft.day_kinds.len() {
            checks.add("/day_kinds", Fault::TooMany { max: 3 });
        }
        let values = vec![
            Value::Integer(draft.community_id.0.into()),
            Value::Integer(draft.post_id.0.into()),
            id_or_null(draft.rotation_id),
            workers("/worker_ids", &draft.worker_ids, &mut checks),
            Value::Text(serde_json::json!(draft.weekdays).to_string()),
            Value::Text(serde_json::json!(draft.day_kinds).to_string()),
            Value::Text(draft.starts.to_string()),
            Value::Text(draft.ends.to_string()),
            checks.range("/days_later", draft.days_later.into(), 0..=7),
            date_or_null(draft.first_day),
            date_or_null(draft.last_day),
        ];
        checks.finish(values)
    }
}
