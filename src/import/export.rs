//! Writes the directory as the files that an import reads.

use super::file::{NONE, is_guarded};
use super::holders::is_round_the_clock;
use super::table::Noun;
use super::{ImportError, Within};
use crate::store::number::StoredNumber;
use crate::store::{Store, StoreError, make_private_folder};
use serde_json::Value;
use std::path::Path;

/// Excel takes a file without this mark for GBK.
const MARK: &[u8] = b"\xef\xbb\xbf";

const COMMUNITIES: &str = "SELECT c.id FROM community AS c JOIN street AS s ON s.id = c.street_id
    WHERE (?1 IS NULL OR s.id = ?1) AND (?2 IS NULL OR c.id = ?2) ORDER BY s.name, c.name";

const POSTS: &str = concat!(
                "SELECT json_group_array(json_array(street, community, name, code, grid, cover, workers)) FROM (
                SELECT s.name AS street, c.name AS community, p.name AS name, p.code, g.name AS grid, p.cover, (
                    SELECT json_group_array(name) FROM (
                        SELECT w.name FROM duty_shift AS d, json_each(d.worker_ids) AS e JOIN worker AS w ON w.id = e.value
                        WHERE d.post_id = p.id AND ",
                is_round_the_clock!(),
                " AND (SELECT count(*) FROM duty_shift WHERE post_id = p.id) = 1 ORDER BY e.key)) AS workers
                FROM community AS c JOIN street AS s ON s.id = c.street_id JOIN duty_post AS p ON p.community_id = c.id
                LEFT JOIN grid AS g ON g.id = p.grid_id
                WHERE c.id = ?1 ORDER BY p.name)"
            );
const RESPONDERS: &str = "SELECT json_group_array(json_array(street, community, name, kind, skills, building, grid, helps_grid,
                helps_group, helps_household, language, numbers)) FROM (
                SELECT s.name AS street, c.name AS community, r.name AS name, r.kind, r.skills, r.building,
                    a.name AS grid, g.name AS helps_grid, j.name AS helps_group, h.name AS helps_household,
                    r.language, r.numbers
                FROM community AS c JOIN street AS s ON s.id = c.street_id JOIN responder AS r ON r.community_id = c.id
                LEFT JOIN grid AS a ON a.id = r.grid_id LEFT JOIN household AS h ON h.id = r.household_id
                LEFT JOIN household_group AS j ON j.id = h.group_id LEFT JOIN grid AS g ON g.id = j.grid_id
                WHERE c.id = ?1 AND (?3 IS NULL OR g.id IS NULL OR g.id = ?3) ORDER BY r.name)";

/// The rows of a file, one JSON array per community (?1), in an order that does not depend on ids: with the secrets of a
/// realm (?2), of one grid alone (?3), of one street alone (?4).
fn select(noun: Noun) -> &'static str {
    match noun {
        Noun::Street => {
            "SELECT json_group_array(json_array(name)) FROM (SELECT name FROM street WHERE ?4 IS NULL OR id = ?4 ORDER BY name) WHERE ?1 IS NULL"
        }
        Noun::Community => {
            "SELECT json_group_array(json_array(s.name, c.name, c.area_code, c.language, c.time_zone,
                c.alarm_codes, c.access_numbers, c.silent_codes, c.arrival_code))
            FROM community AS c JOIN street AS s ON s.id = c.street_id WHERE c.id = ?1"
        }
        Noun::Grid => {
            "SELECT json_group_array(json_array(street, community, name)) FROM (
                SELECT s.name AS street, c.name AS community, g.name AS name
                FROM community AS c JOIN street AS s ON s.id = c.street_id JOIN grid AS g ON g.community_id = c.id
                WHERE c.id = ?1 AND (?3 IS NULL OR g.id = ?3) ORDER BY g.name)"
        }
        Noun::Group => {
            "SELECT json_group_array(json_array(street, community, grid, name, wanted)) FROM (
                SELECT s.name AS street, c.name AS community, g.name AS grid, j.name AS name,
                    j.acknowledgements_wanted AS wanted
                FROM community AS c JOIN street AS s ON s.id = c.street_id JOIN grid AS g ON g.community_id = c.id
                JOIN household_group AS j ON j.grid_id = g.id
                WHERE c.id = ?1 AND (?3 IS NULL OR g.id = ?3) ORDER BY g.name, j.name)"
        }
        Noun::Household => {
            "SELECT json_group_array(json_array(street, community, grid, grp, name, place, building, unit, floor, door,
                pronunciation, position, language, visit_class)) FROM (
                SELECT s.name AS street, c.name AS community, g.name AS grid, j.name AS grp, h.name AS name,
                    h.place, h.building, h.unit, h.floor, h.door, h.pronunciation, h.position, h.language,
                    h.visit_class
                FROM community AS c JOIN street AS s ON s.id = c.street_id JOIN grid AS g ON g.community_id = c.id
                JOIN household_group AS j ON j.grid_id = g.id JOIN household AS h ON h.group_id = j.id
                WHERE c.id = ?1 AND (?3 IS NULL OR g.id = ?3) ORDER BY g.name, j.name, h.position, h.name)"
        }
        Noun::Line => {
            "SELECT json_group_array(json_array(street, community, grid, grp, household, account, number, grace, silent,
                iif(md5 IS NULL AND sha IS NULL, NULL, ?2), md5, sha, NULL)) FROM (
                SELECT s.name AS street, c.name AS community, g.name AS grid, j.name AS grp, h.name AS household,
                    l.account, l.number_written AS number, l.hotline_grace_s AS grace, l.is_silent AS silent,
                    (SELECT ha1 FROM line_secret WHERE line_id = l.id AND realm = ?2 AND algorithm = 'MD5') AS md5,
                    (SELECT ha1 FROM line_secret WHERE line_id = l.id AND realm = ?2 AND algorithm = 'SHA-256') AS sha
                FROM community AS c JOIN street AS s ON s.id = c.street_id JOIN grid AS g ON g.community_id = c.id
                JOIN household_group AS j ON j.grid_id = g.id JOIN household AS h ON h.group_id = j.id
                JOIN line AS l ON l.household_id = h.id
                WHERE c.id = ?1 AND (?3 IS NULL OR g.id = ?3) ORDER BY g.name, j.name, h.position, h.name, l.account)"
        }
        Noun::Contact => {
            "SELECT json_group_array(json_array(street, community, grid, grp, household, name, rank, language, numbers))
            FROM (
                SELECT s.name AS street, c.name AS community, g.name AS grid, j.name AS grp, h.name AS household,
                    p.name AS name, p.rank, p.language, p.numbers
                FROM community AS c JOIN street AS s ON s.id = c.street_id JOIN grid AS g ON g.community_id = c.id
                JOIN household_group AS j ON j.grid_id = g.id JOIN household AS h ON h.group_id = j.id
                JOIN contact AS p ON p.household_id = h.id
                WHERE c.id = ?1 AND (?3 IS NULL OR g.id = ?3) ORDER BY g.name, j.name, h.position, h.name, p.rank, p.name)"
        }
        Noun::Worker => {
            "SELECT json_group_array(json_array(street, community, name, is_on_duty, language, numbers)) FROM (
                SELECT s.name AS street, c.name AS community, w.name AS name, w.is_on_duty, w.language, w.numbers
                FROM community AS c JOIN street AS s ON s.id = c.street_id JOIN worker AS w ON w.community_id = c.id
                WHERE c.id = ?1 ORDER BY w.name)"
        }
        Noun::Post => POSTS,
        Noun::Responder => RESPONDERS,
    }
}

/// Writes all files of an import into a folder, which is made if it is not there. Secrets are those of one realm.
///
/// # Errors
/// When the database or the folder fails.
pub async fn export(store: &Store, folder: &Path, realm: &str) -> Result<(), ImportError> {
    make_private_folder(folder)
        .map_err(|source| ImportError::WriteFile { path: folder.to_owned(), source })?;
    for (noun, text) in files(store, realm, Within::EVERYTHING).await? {
        let path = folder.join(noun.file());
        std::fs::write(&path, text).map_err(|source| ImportError::WriteFile { path, source })?;
    }
    Ok(())
}

/// The same files in a ZIP, as far as somebody reaches.
///
/// # Errors
/// When the database fails.
pub async fn export_zip(
    store: &Store,
    realm: &str,
    within: Within,
) -> Result<Vec<u8>, ImportError> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    let failed = |error: zip::result::ZipError| ImportError::Archive(error.into());
    for (noun, text) in files(store, realm, within).await? {
        archive.start_file(noun.file(), options).map_err(failed)?;
        let written = std::io::Write::write_all(&mut archive, &text);
        written.map_err(|error| ImportError::Archive(error.into()))?;
    }
    Ok(archive.finish().map_err(failed)?.into_inner())
}

/// The files of an import, as they are now.
async fn files(
    store: &Store,
    realm: &str,
    within: Within,
) -> Result<Vec<(Noun, Vec<u8>)>, ImportError> {
    let mut files = Vec::new();
    let read = store.directory().reader().begin().await;
    let mut read = read.map_err(StoreError::Read)?;
    let own = within.own;
    let query = sqlx::query_scalar(COMMUNITIES);
    let query = query.bind(own.street.map(|id| id.0)).bind(own.community.map(|id| id.0));
    let communities: Vec<u32> = query.fetch_all(&mut *read).await.map_err(StoreError::Read)?;
    for noun in Noun::ALL {
        let mut writer = csv::Writer::from_writer(MARK.to_vec());
        let write_failed = |error: csv::Error| ImportError::Archive(error.into());
        let headers = noun.table().columns().map(|column| column.0);
        writer.write_record(headers).map_err(write_failed)?;
        let parts: Vec<Option<u32>> = match noun {
            Noun::Street => vec![None],
            Noun::Community
            | Noun::Grid
            | Noun::Group
            | Noun::Household
            | Noun::Line
            | Noun::Contact
            | Noun::Worker
            | Noun::Post
            | Noun::Responder => communities.iter().copied().map(Some).collect(),
        };
        for part in parts {
            let query = sqlx::query_scalar(select(noun)).bind(part).bind(realm);
            let query = query.bind(own.grid.map(|id| id.0)).bind(own.street.map(|id| id.0));
            let text: String = query.fetch_one(&mut *read).await.map_err(StoreError::Read)?;
            let rows: Vec<Vec<Value>> = serde_json::from_str(&text).map_err(|error| {
                ImportError::Decode { table: noun.table().name, source: error.into() }
            })?;
            for row in rows {
                let names = noun.table().columns().map(|column| column.0);
                let cells = names.zip(row).map(|(name, value)| cell(name, value));
                writer.write_record(cells).map_err(write_failed)?;
            }
        }
        let text =
            writer.into_inner().map_err(|error| ImportError::Archive(error.to_string().into()))?;
        files.push((noun, text));
    }
    Ok(files)
}

/// A value as an import reads it.
fn cell(column: &str, value: Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text,
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    let cell = match column {
        "alarm_codes" | "access_numbers" => words_of(&text).join(" "),
        "silent_codes" | "arrival_code" if matches!(&*text, "" | "[]") => NONE.to_owned(),
        "silent_codes" => words_of(&text).join(" "),
        "skills" | "workers" => list(words_of(&text)),
        "numbers" => {
            let numbers: Vec<StoredNumber> = serde_json::from_str(&text).unwrap_or_default();
            let numbers: Vec<String> = numbers.iter().map(number).collect();
            numbers.join(";")
        }
        _ => text,
    };
    if is_guarded(column, &cell) { format!("'{cell}") } else { cell }
}

/// A list that is stored as JSON.
fn words_of(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_default()
}

/// Words with `;` between them, or as JSON where one of them would not come back so.
fn list(words: Vec<String>) -> String {
    let cell = words.join(";");
    if super::file::list(&cell) == words { cell } else { serde_json::json!(words).to_string() }
}

fn number(number: &StoredNumber) -> String {
    format!("{}/{}", number.written, channels(number))
}

/// What a number can be used for, as it stands behind the slash.
pub(super) fn channels(number: &StoredNumber) -> &'static str {
    match (number.voice, number.sms) {
        (true, true) => "both",
        (true, false) => "voice",
        (false, true) => "sms",
        (false, false) => "none",
    }
}
