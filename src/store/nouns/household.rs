//! Households (联防户).

use super::fault::Checks;
use super::{FieldError, Home, Kind, Noun, Statements, Value, language_of, second, statements};
use lianfang_domain::directory::Language;
use lianfang_domain::id::{GroupId, HouseholdId};
use lianfang_domain::reachability::VisitClass;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

/// A household (联防户).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Household {
    /// Its id.
    #[schema(value_type = u32)]
    pub id: HouseholdId,
    /// The group that protects it.
    #[schema(value_type = u32)]
    pub group_id: GroupId,
    /// How neighbours call it.
    pub name: String,
    /// Estate or road.
    pub place: String,
    /// Building.
    pub building: String,
    /// Unit (staircase).
    pub unit: String,
    /// Floor.
    pub floor: String,
    /// Door.
    pub door: String,
    /// How name and address are spoken, where the plain text would be read wrongly.
    pub pronunciation: Option<String>,
    /// Place among the doors of the group; the nearest position is the nearest neighbour.
    pub position: u16,
    /// The language of the household; that of the community if it has none.
    #[schema(schema_with = super::fault::language_or_null)]
    pub language: Option<Language>,
    /// How often its people are asked in person whether their numbers are right; half-yearly if nothing is said, monthly
    /// if it has a personal helper.
    #[schema(schema_with = super::fault::visit_class_or_null)]
    pub visit_class: Option<VisitClass>,
    /// Counts its edits; its ETag.
    pub version: u32,
}

/// What is written of a household.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HouseholdDraft {
    /// The group that protects it; may change within the community.
    #[schema(value_type = u32)]
    pub group_id: GroupId,
    /// How neighbours call it, such as `陈阿姨`.
    #[schema(min_length = 1, max_length = 60)]
    pub name: String,
    /// Estate or road; empty where the community's name says it.
    #[serde(default)]
    #[schema(max_length = 60)]
    pub place: String,
    /// Building, such as `3` or `A座`.
    #[serde(default)]
    #[schema(max_length = 60)]
    pub building: String,
    /// Unit (staircase), such as `2`.
    #[serde(default)]
    #[schema(max_length = 60)]
    pub unit: String,
    /// Floor, such as `5`.
    #[serde(default)]
    #[schema(max_length = 60)]
    pub floor: String,
    /// Door, such as `502`.
    #[serde(default)]
    #[schema(max_length = 60)]
    pub door: String,
    /// How name and address are spoken, where the plain text would be read wrongly: pinyin with tone numbers or plain
    /// words.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 200)]
    pub pronunciation: Option<String>,
    /// Place among the doors of the group; the nearest position is the nearest neighbour.
    #[serde(default)]
    #[schema(maximum = 65535)]
    pub position: u16,
    /// The language of the household; that of the community if it has none.
    #[serde(default)]
    #[schema(schema_with = super::fault::language_or_null)]
    pub language: Option<Language>,
    /// How often its people are asked in person whether their numbers are right; half-yearly if nothing is said, monthly
    /// if it has a personal helper.
    #[serde(default)]
    #[schema(schema_with = super::fault::visit_class_or_null)]
    pub visit_class: Option<VisitClass>,
}

impl Noun for Household {
    type Id = HouseholdId;
    type Draft = HouseholdDraft;

    const KIND: Kind = Kind::Household;
    const PARENT: Option<(Kind, &'static str)> = Some((Kind::Group, "group_id"));
    const SQL: Statements = statements!(
        "household",
        "group_id",
        [
            "group_id",
            "name",
            "place",
            "building",
            "unit",
            "floor",
            "door",
            "pronunciation",
            "position",
            "language",
            "visit_class"
        ]
    );

    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: HouseholdId(row.try_get("id")?),
            group_id: GroupId(row.try_get("group_id")?),
            name: row.try_get("name")?,
            place: row.try_get("place")?,
            building: row.try_get("building")?,
            unit: row.try_get("unit")?,
            floor: row.try_get("floor")?,
            door: row.try_get("door")?,
            pronunciation: row.try_get("pronunciation")?,
            position: row.try_get("position")?,
            language: language_of(row)?,
            visit_class: row
                .try_get::<Option<&str>, _>("visit_class")?
                .and_then(VisitClass::of_name),
            version: row.try_get("version")?,
        })
    }

    fn id(&self) -> HouseholdId {
        self.id
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn parent(&self) -> u32 {
        self.group_id.into()
    }

    fn parent_of(draft: &HouseholdDraft) -> u32 {
        draft.group_id.into()
    }

    fn values(draft: &HouseholdDraft, _home: Option<&Home>) -> Result<Vec<Value>, Vec<FieldError>> {
        let mut checks = Checks::default();
        let values = vec![
            Value::Integer(draft.group_id.0.into()),
            checks.name("/name", &draft.name, 60),
            checks.text("/place", &draft.place, 60),
            checks.text("/building", &draft.building, 60),
            checks.text("/unit", &draft.unit, 60),
            checks.text("/floor", &draft.floor, 60),
            checks.text("/door", &draft.door, 60),
            match &draft.pronunciation {
                Some(spoken) => checks.name("/pronunciation", spoken, 200),
                None => Value::Null,
            },
            Value::Integer(draft.position.into()),
            Value::tag(draft.language),
            draft.visit_class.map_or(Value::Null, |class| Value::Text(class.name().to_owned())),
        ];
        checks.finish(values)
    }
}
