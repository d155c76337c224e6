//! What still names a row that an import removes, and stands in no file: that has to go first, by the hand of somebody who
//! sees it. Otherwise a post would ring nobody, or policies and recordings would be lost with their community.

use super::compare::TableChanges;
use super::problem::{Problem, Problems, Reason};
use super::table::Noun;
use crate::store::StoreError;
use serde_json::{Value, json};
use sqlx::SqliteConnection;
use std::collections::{BTreeMap, BTreeSet};

/// Makes the reason from what stands there.
type ReasonOf = fn(Box<str>) -> Reason;

/// Workers (of ?1) who have a turn in the roster, leaving out posts that are removed (?2) and shifts that change (?3).
const ON_DUTY: &str = "WITH post AS (SELECT value AS id FROM json_each(?2)),
    named AS (
        SELECT w.value AS id FROM duty_shift AS s, json_each(s.worker_ids) AS w
            WHERE s.post_id NOT IN post AND s.id NOT IN (SELECT value FROM json_each(?3))
        UNION SELECT w.value FROM duty_rotation AS r, json_each(r.worker_ids) AS w
        UNION SELECT w.value FROM duty_override AS o, json_each(json_array(o.worker_id, o.instead_of_id)) AS w
            WHERE o.post_id NOT IN post
        UNION SELECT w.value FROM duty_swap AS s, json_each(json_array(s.proposer_id, s.other_id, s.decided_by_id)) AS w
            WHERE s.gives_post_id NOT IN post AND coalesce(s.takes_post_id, 0) NOT IN post
        UNION SELECT w.value FROM duty_absence AS a, json_each(json_array(a.worker_id, a.stand_in_id)) AS w)
    SELECT value FROM json_each(?1) WHERE value IN named";
/// Communities (of ?1) that have what no file has.
const WITH_MORE: &str = "WITH named AS (
        SELECT community_id AS id FROM policy UNION SELECT community_id FROM duty_rotation
        UNION SELECT community_id FROM calendar_day UNION SELECT community_id FROM recording
        UNION SELECT community_id FROM community_plan)
    SELECT value FROM json_each(?1) WHERE value IN named";

/// Reports the rows that cannot be removed. `shifts` change with the import.
pub(super) async fn refuse(
    change: &mut SqliteConnection,
    tables: &BTreeMap<Noun, TableChanges>,
    (shifts, problems): (&[i64], &mut Problems),
) -> Result<(), StoreError> {
    let removed = |noun: Noun| tables.get(&noun).map_or(&[][..], |changes| &changes.removed);
    let posts = json!(removed(Noun::Post)).to_string();
    let shifts = json!(shifts).to_string();
    let table: [(Noun, &str, ReasonOf); 2] =
        [(Noun::Community, WITH_MORE, Reason::HasMore), (Noun::Worker, ON_DUTY, Reason::OnDuty)];
    for (noun, sql, reason) in table {
        let ids = removed(noun);
        if ids.is_empty() {
            continue;
        }
        let query = sqlx::query_scalar(sql).bind(json!(ids).to_string()).bind(&posts).bind(&shifts);
        let kept: Vec<u32> = query.fetch_all(&mut *change).await.map_err(StoreError::Read)?;
        let kept: BTreeSet<u32> = kept.into_iter().collect();
        for row in tables.get(&noun).into_iter().flat_map(|changes| &changes.gone) {
            let (id, _, name, _): (u32, u32, Box<str>, Vec<Value>) =
                serde_json::from_str(row).unwrap_or_default();
            if kept.contains(&id) {
                let (file, reason) = (noun.file(), reason(name));
                problems.add(Problem { file, line: 1, column: None, reason });
            }
        }
    }
    Ok(())
}
