//! Contacts (联系人): the people of a household.

use super::fault::Checks;
use super::{
    FieldError, Home, Kind, Noun, NumberDraft, Statements, StoredNumber, Value, json_of,
    language_of, number, second, statements,
};
use lianfang_domain::directory::Language;
use lianfang_domain::id::{ContactId, HouseholdId};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

/// A person of a household (联系人).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Contact {
    /// Their id.
    #[schema(value_type = u32)]
    pub id: ContactId,
    /// Their household.
    #[schema(value_type = u32)]
    pub household_id: HouseholdId,
    /// How neighbours call them.
    pub name: String,
    /// Order in the household: the lowest is called first.
    pub rank: u8,
    /// The language that they are spoken to in; that of the household if they have none.
    #[schema(schema_with = super::fault::language_or_null)]
    pub language: Option<Language>,
    /// Their numbers, in the order of calling.
    pub numbers: Vec<StoredNumber>,
    /// Counts their edits; their ETag.
    pub version: u32,
}

/// What is written of a contact.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactDraft {
    /// Their household; may change within the community.
    #[schema(value_type = u32)]
    pub household_id: HouseholdId,
    /// How neighbours call them.
    #[schema(min_length = 1, max_length = 60)]
    pub name: String,
    /// Order in the household: the lowest is called first.
    #[serde(default)]
    #[schema(maximum = 255)]
    pub rank: u8,
    /// The language that they are spoken to in; that of the household if they have none.
    #[serde(default)]
    #[schema(schema_with = super::fault::language_or_null)]
    pub language: Option<Language>,
    /// Their numbers, in the order of calling.
    #[serde(default)]
    #[schema(max_items = 8)]
    pub numbers: Vec<NumberDraft>,
}

impl Noun for Contact {
    type Id = ContactId;
    type Draft = ContactDraft;

    const KIND: Kind = Kind::Contact;
    const PARENT: Option<(Kind, &'static str)> = Some((Kind::Household, "household_id"));
    const SQL: Statements = statements!(
        "contact",
        "household_id",
        ["household_id", "name", "rank", "language", "numbers"]
    );

    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: ContactId(row.try_get("id")?),
            household_id: HouseholdId(row.try_get("household_id")?),
            name: row.try_get("name")?,
            rank: row.try_get("rank")?,
            language: language_of(row)?,
            numbers: json_of(row, "numbers")?,
            version: row.try_get("version")?,
        })
    }

    fn id(&self) -> ContactId {
        self.id
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn parent(&self) -> u32 {
        self.household_id.into()
    }

    fn parent_of(draft: &ContactDraft) -> u32 {
        draft.household_id.into()
    }

    fn values(draft: &ContactDraft, home: Option<&Home>) -> Result<Vec<Value>, Vec<FieldError>> {
        let mut checks = Checks::default();
        let values = vec![
            Value::Integer(draft.household_id.0.into()),
            checks.name("/name", &draft.name, 60),
            Value::Integer(draft.rank.into()),
            Value::tag(draft.language),
            number::list(&draft.numbers, home, &mut checks),
        ];
        checks.finish(values)
    }
}
