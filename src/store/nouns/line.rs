//! Lines (线路). Their digest secrets are made elsewhere and never read here.

use super::fault::Checks;
use super::{
    FieldError, Home, Kind, LineNumber, Noun, Statements, Value, number, second, statements,
};
use lianfang_domain::id::{HouseholdId, LineId};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

/// Longest grace of a hotline, in seconds.
const HOTLINE_GRACE_S_MAX: u32 = 60;

/// A landline (线路) of a household.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Line {
    /// Its id.
    #[schema(value_type = u32)]
    pub id: LineId,
    /// The household that it stands in.
    #[schema(value_type = u32)]
    pub household_id: HouseholdId,
    /// Its number.
    pub number: LineNumber,
    /// The SIP account under which it registers.
    pub account: String,
    /// Going off-hook is the alarm after this grace in seconds; null for a line that dials or keys a code.
    pub hotline_grace_s: Option<u8>,
    /// Nothing is said to the caller.
    pub is_silent: bool,
    /// Counts its edits; its ETag.
    pub version: u32,
}

/// What is written of a line.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineDraft {
    /// The household that it stands in; may change within the community.
    #[schema(value_type = u32)]
    pub household_id: HouseholdId,
    /// Its number as people write it; no other line has it.
    #[schema(min_length = 1, max_length = 64, examples("0592-5551234"))]
    pub number: String,
    /// The SIP account under which it registers, of letters, digits and `-_.+~*`; no other line has it.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.+~*-]+$")]
    pub account: String,
    /// Going off-hook is the alarm after this grace in seconds; null for a line that dials or keys a code.
    #[serde(default)]
    #[schema(maximum = 60)]
    pub hotline_grace_s: Option<u8>,
    /// Nothing is said to the caller: the line may stand where an intruder listens.
    #[serde(default)]
    pub is_silent: bool,
}

impl Noun for Line {
    type Id = LineId;
    type Draft = LineDraft;

    const KIND: Kind = Kind::Line;
    const PARENT: Option<(Kind, &'static str)> = Some((Kind::Household, "household_id"));
    const SQL: Statements = statements!(
        "line",
        "household_id",
        [
            "household_id",
            "number_key",
            "number_written",
            "number_to_confirm",
            "account",
            "hotline_grace_s",
            "is_silent"
        ]
    );

    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: LineId(row.try_get("id")?),
            household_id: HouseholdId(row.try_get("household_id")?),
            number: LineNumber {
                key: row.try_get("number_key")?,
                written: row.try_get("number_written")?,
                to_confirm: row.try_get("number_to_confirm")?,
            },
            account: row.try_get("account")?,
            hotline_grace_s: row.try_get("hotline_grace_s")?,
            is_silent: row.try_get("is_silent")?,
            version: row.try_get("version")?,
        })
    }

    fn id(&self) -> LineId {
        self.id
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn parent(&self) -> u32 {
        self.household_id.into()
    }

    fn parent_of(draft: &LineDraft) -> u32 {
        draft.household_id.into()
    }

    fn values(draft: &LineDraft, home: Option<&Home>) -> Result<Vec<Value>, Vec<FieldError>> {
        let mut checks = Checks::default();
        let number = number::read("/number", &draft.number, home, &mut checks);
        let [key, written, to_confirm] = match number {
            Some(number) => [
                Value::Text(number.key),
                Value::Text(number.written),
                Value::Integer(number.to_confirm.into()),
            ],
            None => [Value::Null, Value::Null, Value::Null],
        };
        let values = vec![
            Value::Integer(draft.household_id.0.into()),
            key,
            written,
            to_confirm,
            checks.account("/account", &draft.account),
            match draft.hotline_grace_s {
                Some(grace_s) => {
                    checks.range("/hotline_grace_s", grace_s.into(), 0..=HOTLINE_GRACE_S_MAX)
                }
                None => Value::Null,
            },
            Value::Integer(draft.is_silent.into()),
        ];
        checks.finish(values)
    }
}
