//! Hand-overs of duty in the database: who was asked to take over, and who is kept on duty meanwhile.
//!
//! Only what [`lianfang_domain::handover`] decides, or a worker says over the API, is written here. Must not be waited
//! for by an alarm.

use super::audit::{Action, Edit, Editor};
use super::snapshot::count_edit;
use super::{Database, StoreError};
use jiff::Timestamp;
use lianfang_domain::handover::{Answer, Asked};
use lianfang_domain::id::{CommunityId, PostId, WorkerId};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// Rows of one community that are read at a time.
const KNOWN_MAX: u32 = 1_000;
const KNOWN: &str = "SELECT h.* FROM duty_hand_over AS h JOIN duty_post AS p ON p.id = h.post_id
    WHERE p.community_id = ?1 AND (h.answer = 'open' OR ?2 <= h.changed_us)
    ORDER BY h.changed_us, h.post_id, h.worker_id LIMIT ?3";
const RECORD: &str =
    "INSERT INTO duty_hand_over (post_id, changed_us, worker_id, calls, called_us, answer)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6
    WHERE EXISTS (SELECT 1 FROM duty_post WHERE id = ?1) AND EXISTS (SELECT 1 FROM worker WHERE id = ?3)
    ON CONFLICT (post_id, changed_us, worker_id) DO UPDATE
    SET calls = excluded.calls, called_us = excluded.called_us, answer = excluded.answer
    WHERE answer = 'open' OR excluded.answer = 'cannot'";
const KEEP: &str = "INSERT INTO duty_kept (post_id, worker_id, from_us) SELECT ?1, ?2, ?3
    WHERE EXISTS (SELECT 1 FROM duty_post WHERE id = ?1) AND EXISTS (SELECT 1 FROM worker WHERE id = ?2)
    ON CONFLICT DO NOTHING";
const RELEASE: &str = "UPDATE duty_kept SET until_us = max(?2, from_us) WHERE post_id = ?1
    AND until_us IS NULL";
const TAKEN: &str = "UPDATE duty_hand_over SET answer = CASE worker_id WHEN ?2 THEN 'taken_over'
    ELSE 'none' END WHERE post_id = ?1 AND answer = 'open'";
const EDITED: &str = "UPDATE duty_post SET version = version + 1 WHERE id = ? RETURNING version";
/// Whoever was asked in vain at the newest change and takes over later has taken over.
const NOTE: &str =
    "UPDATE duty_hand_over SET answer = 'taken_over' WHERE post_id = ?1 AND worker_id = ?2
    AND changed_us = (SELECT max(changed_us) FROM duty_hand_over WHERE post_id = ?1)";

/// What a restart goes on with and people look up: all that is open, and what changed since.
///
/// # Errors
/// When the database fails.
pub async fn known(
    database: &Database,
    community: CommunityId,
    since: Timestamp,
) -> Result<Vec<Asked>, StoreError> {
    let query = sqlx::query(KNOWN).bind(community.0).bind(since.as_microsecond()).bind(KNOWN_MAX);
    let rows = query.fetch_all(database.reader()).await.map_err(StoreError::Read)?;
    rows.iter().map(asked).collect::<Result<_, _>>().map_err(StoreError::Read)
}

fn asked(row: &SqliteRow) -> Result<Asked, sqlx::Error> {
    let moment =
        |us| Timestamp::from_microsecond(us).map_err(|error| sqlx::Error::Decode(error.into()));
    let answer: String = row.try_get("answer")?;
    Ok(Asked {
        post: PostId(row.try_get("post_id")?),
        changed_at: moment(row.try_get("changed_us")?)?,
        worker: WorkerId(row.try_get("worker_id")?),
        calls: row.try_get("calls")?,
        called_at: row.try_get::<Option<i64>, _>("called_us")?.map(moment).transpose()?,
        answer: match answer.as_str() {
            "open" => Answer::Open,
            "taken_over" => Answer::TakenOver,
            "cannot" => Answer::Cannot,
            _ => Answer::None,
        },
    })
}

fn word(answer: Answer) -> &'static str {
    match answer {
        Answer::Open => "open",
        Answer::TakenOver => "taken_over",
        Answer::Cannot => "cannot",
        Answer::None => "none",
    }
}

/// Writes down how far asking somebody is. What was answered before stays; posts and workers that are gone are left out.
///
/// # Errors
/// When the database fails.
pub async fn record(database: &Database, asked: &Asked) -> Result<(), StoreError> {
    let mut change = database.write().await?;
    let query = sqlx::query(RECORD)
        .bind(asked.post.0)
        .bind(asked.changed_at.as_microsecond())
        .bind(asked.worker.0)
        .bind(asked.calls)
        .bind(asked.called_at.map(Timestamp::as_microsecond))
        .bind(word(asked.answer));
    query.execute(&mut *change).await.map_err(StoreError::Write)?;
    change.commit().await.map_err(StoreError::Write)
}

/// Keeps an old holder of a post on duty. Doing so twice is no error.
///
/// # Errors
/// When the database fails.
pub async fn keep(
    database: &Database,
    community: CommunityId,
    (post, worker): (PostId, WorkerId),
    from: Timestamp,
) -> Result<(), StoreError> {
    let mut change = database.write().await?;
    let query = sqlx::query(KEEP).bind(post.0).bind(worker.0).bind(from.as_microsecond());
    let done = query.execute(&mut *change).await.map_err(StoreError::Write)?;
    if 0 < done.rows_affected() {
        count_edit(&mut change, &[community]).await?;
    }
    change.commit().await.map_err(StoreError::Write)
}

/// A worker took over by voice: nobody is asked any more, and those who were kept on the post go. Doing so twice is no
/// error.
///
/// # Errors
/// When the database fails.
pub async fn release(
    database: &Database,
    community: CommunityId,
    (post, worker): (PostId, WorkerId),
    at: Timestamp,
) -> Result<(), StoreError> {
    let mut change = database.write().await?;
    for sql in [TAKEN, NOTE] {
        let query = sqlx::query(sql).bind(post.0).bind(worker.0);
        query.execute(&mut *change).await.map_err(StoreError::Write)?;
    }
    let query = sqlx::query(RELEASE).bind(post.0).bind(at.as_microsecond());
    let done = query.execute(&mut *change).await.map_err(StoreError::Write)?;
    if 0 < done.rows_affected() {
        count_edit(&mut change, &[community]).await?;
    }
    change.commit().await.map_err(StoreError::Write)
}

/// A worker says that they take over: nobody is asked any more, and those who were kept may go. Stands in the trail as an
/// edit of the post.
///
/// # Errors
/// When the database fails.
pub async fn take_over(
    editor: &Editor<'_>,
    community: CommunityId,
    (post, worker): (PostId, WorkerId),
) -> Result<(), StoreError> {
    let mut change = editor.write().await?;
    for sql in [TAKEN, NOTE] {
        let query = sqlx::query(sql).bind(post.0).bind(worker.0);
        query.execute(&mut *change).await.map_err(StoreError::Write)?;
    }
    let query = sqlx::query(RELEASE).bind(post.0).bind(editor.at.as_microsecond());
    query.execute(&mut *change).await.map_err(StoreError::Write)?;
    let query = sqlx::query_scalar(EDITED).bind(post.0);
    let version = query.fetch_one(&mut *change).await.map_err(StoreError::Write)?;
    let directory_version = count_edit(&mut change, &[community]).await?;
    let edit = Edit {
        action: Action::Replace,
        table: "duty_post",
        row_id: post.0.into(),
        version,
        directory_version,
    };
    editor.enter(&mut change, &edit).await?;
    change.commit().await.map_err(StoreError::Write)
}
