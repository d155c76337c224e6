//! Policies (升级规则): who is called for what, and how often. Every save is a new version; the old ones stay readable.

use super::fault::{Checks, at_field};
use super::{
    Fault, FieldError, Home, Kind, Noun, NounError, Statements, Value, json_of, second, statements,
};
use crate::store::audit::Editor;
use crate::store::{Database, StoreError};
use jiff::Timestamp;
use lianfang_domain::id::{CommunityId, PolicyId};
use lianfang_domain::policy::{PolicyDocument, PolicyScope, check};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

/// A policy of a community.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Policy {
    /// Its id.
    #[schema(value_type = u32)]
    pub id: PolicyId,
    /// Its community.
    #[schema(value_type = u32)]
    pub community_id: CommunityId,
    /// What it says.
    #[schema(schema_with = document)]
    pub document: PolicyDocument,
    /// Counts its versions; its ETag. Plans name it.
    pub version: u32,
}

/// What is written of a policy.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyDraft {
    /// Its community; it never changes.
    #[schema(value_type = u32)]
    pub community_id: CommunityId,
    /// What it says; see docs/api.md.
    #[schema(schema_with = document)]
    pub document: PolicyDocument,
}

fn document() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(
            "Name, scope (`\"community\"`, `{\"grid\": 1}` or `{\"group\": 1}`), kinds, steps with targets, pace and \
             drill rules: docs/api.md tells each field",
        ))
        .property("name", ObjectBuilder::new().schema_type(Type::String))
        .required("name")
        .property("steps", ObjectBuilder::new().schema_type(Type::Array))
        .required("steps")
        .into()
}

impl Noun for Policy {
    type Id = PolicyId;
    type Draft = PolicyDraft;

    const KIND: Kind = Kind::Policy;
    const PARENT: Option<(Kind, &'static str)> = Some((Kind::Community, "community_id"));
    const SQL: Statements =
        statements!("policy", "community_id", ["community_id", "name", "document"]);

    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: PolicyId(row.try_get("id")?),
            community_id: CommunityId(row.try_get("community_id")?),
            document: json_of(row, "document")?,
            version: row.try_get("version")?,
        })
    }

    fn id(&self) -> PolicyId {
        self.id
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn parent(&self) -> u32 {
        self.community_id.into()
    }

    fn parent_of(draft: &PolicyDraft) -> u32 {
        draft.community_id.into()
    }

    fn values(draft: &PolicyDraft, _home: Option<&Home>) -> Result<Vec<Value>, Vec<FieldError>> {
        let faults: Vec<FieldError> = check::form(&draft.document)
            .into_iter()
            .map(|problem| FieldError {
                pointer: format!("/document{}", problem.pointer),
                fault: Fault::Policy(problem.why),
            })
            .collect();
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut checks = Checks::default();
        let values = vec![
            Value::Integer(draft.community_id.0.into()),
            checks.name("/document/name", &draft.document.name, 60),
            Value::Text(serde_json::to_string(&draft.document).unwrap_or_default()),
        ];
        checks.finish(values)
    }

    async fn check_draft(
        draft: &PolicyDraft,
        change: &mut SqliteConnection,
    ) -> Result<Vec<FieldError>, StoreError> {
        let pointer = "/document/scope";
        let (kind, id) = match draft.document.scope {
            PolicyScope::Community => return Ok(Vec::new()),
            PolicyScope::Grid(id) => (Kind::Grid, id.0),
            PolicyScope::Group(id) => (Kind::Group, id.0),
        };
        let fault = at_field(pointer, kind, id, draft.community_id, change).await?;
        Ok(fault.into_iter().collect())
    }

    async fn written(
        &self,
        editor: &Editor<'_>,
        change: &mut SqliteConnection,
    ) -> Result<(), StoreError> {
        const KEEP: &str = "INSERT INTO policy_version
            (policy_id, version, community_id, document, at_us, who, why)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let document = serde_json::to_string(&self.document).unwrap_or_default();
        let keep = sqlx::query(KEEP).bind(self.id.0).bind(self.version);
        let keep = keep.bind(self.community_id.0).bind(document);
        let keep = keep.bind(editor.at.as_microsecond()).bind(editor.who).bind(editor.why);
        keep.execute(change).await.map_err(StoreError::Write)?;
        Ok(())
    }
}

/// A version of a policy, and who saved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyVersion {
    /// The policy as it was saved.
    pub policy: Policy,
    /// When; `None` for what is older than the record of it.
    pub at: Option<Timestamp>,
    /// Who, as in the audit trail.
    pub who: Option<String>,
    /// Why, in their words.
    pub why: Option<String>,
}

impl PolicyVersion {
    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let at_us: Option<i64> = row.try_get("at_us")?;
        Ok(Self {
            policy: Policy::read(row)?,
            at: at_us.and_then(|us| Timestamp::from_microsecond(us).ok()),
            who: row.try_get("who")?,
            why: row.try_get("why")?,
        })
    }
}

/// A version of a policy as it was saved, also when the policy is gone.
///
/// # Errors
/// When there is none or the database fails.
pub async fn policy_version(
    database: &Database,
    id: PolicyId,
    version: u32,
) -> Result<PolicyVersion, NounError> {
    const GET: &str = "SELECT policy_id AS id, community_id, document, version, at_us, who, why
        FROM policy_version WHERE policy_id = ?1 AND version = ?2";
    let query = sqlx::query(GET).bind(id.0).bind(version);
    let row = query.fetch_optional(database.reader()).await.map_err(StoreError::Read)?;
    Ok(PolicyVersion::read(&row.ok_or(NounError::NotFound)?).map_err(StoreError::Read)?)
}

/// The newest versions of a policy, newest first, at most so many.
///
/// # Errors
/// When the database fails.
pub async fn policy_versions(
    database: &Database,
    id: PolicyId,
    limit: u32,
) -> Result<Vec<PolicyVersion>, NounError> {
    const LIST: &str = "SELECT policy_id AS id, community_id, document, version, at_us, who, why
        FROM policy_version WHERE policy_id = ?1 ORDER BY version DESC LIMIT ?2";
    let query = sqlx::query(LIST).bind(id.0).bind(limit);
    let rows = query.fetch_all(database.reader()).await.map_err(StoreError::Read)?;
    let rows: Result<Vec<PolicyVersion>, _> = rows.iter().map(PolicyVersion::read).collect();
    Ok(rows.map_err(StoreError::Read)?)
}
