//! The migrations, compiled in: a program carries what its databases need.
//!
//! They are named here one by one, because the macro that finds them by itself builds SQLite and the whole driver a
//! second time, for the compiler.

use super::audit::Chain;
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Names and texts of the files of a folder. The first has the number 1.
macro_rules! files {
    ($folder:literal: $($file:literal)+) => {
        &[$(($file, include_str!(concat!("../../migrations/sqlite/", $folder, "/", $file, ".sql")))),+]
    };
}

const ALARMS: &[(&str, &str)] = files!("alarms":
    "0001_alarms" "0002_audit" "0003_case" "0004_drill" "0005_drill_notice" "0006_follow_up_reminder"
    "0007_beginning");
const DIRECTORY: &[(&str, &str)] = files!("directory":
    "0001_directory" "0002_tokens" "0003_roster" "0004_audit" "0005_recordings" "0006_policy" "0007_codes"
    "0008_visits" "0009_handover" "0010_accounts" "0011_webhooks" "0012_plans" "0013_history" "0014_history_by_noun"
    "0015_policy_editors");

const fn files_of(chain: Chain) -> &'static [(&'static str, &'static str)] {
    match chain {
        Chain::Alarms => ALARMS,
        Chain::Directory => DIRECTORY,
    }
}

/// What brings the database of this chain up to date.
pub(super) fn of(chain: Chain) -> Migrator {
    let migrations = (1..).zip(files_of(chain)).map(|(number, (file, sql))| {
        let (_, about) = file.split_once('_').unwrap_or(("", file));
        let about = about.replace('_', " ").into();
        Migration::new(number, about, MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_file_is_named_and_in_its_place() {
        for (chain, folder) in [(Chain::Alarms, "alarms"), (Chain::Directory, "directory")] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite").join(folder);
            let files =
                path.read_dir().expect("is there").map(|entry| entry.expect("reads").file_name());
            let mut files: Vec<String> =
                files.map(|name| name.into_string().expect("is ASCII")).collect();
            files.sort();
            let named = (1..).zip(files_of(chain));
            let named: Vec<String> = named
                .map(|(number, (file, _))| {
                    assert!(
                        file.starts_with(&format!("{number:04}_")),
                        "{file} has the place {number}"
                    );
                    format!("{file}.sql")
                })
                .collect();
            assert_eq!(named, files, "{folder}");
        }
    }

    /// What databases in the field were migrated by, as the macro of sqlx would have it.
    #[tokio::test]
    async fn a_file_is_the_migration_that_it_always_was() {
        for (chain, folder) in [(Chain::Alarms, "alarms"), (Chain::Directory, "directory")] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite").join(folder);
            let found = Migrator::new(path.as_path()).await.expect("reads");
            let ours = of(chain);
            let told = |migrator: &Migrator| -> Vec<_> {
                let all = migrator.iter();
                all.map(|m| (m.version, m.description.to_string(), m.checksum.to_vec())).collect()
            };
            assert_eq!(told(&ours), told(&found), "{folder}");
        }
    }

    /// Versions that were saved before they kept who did it learn it from the history, so far as it still knows.
    #[tokio::test]
    async fn versions_of_policies_learn_who_saved_them() {
        const SAVED: &str = r#"INSERT INTO policy_version (policy_id, version, community_id, document)
                VALUES (7, 1, 1, '{}'), (7, 2, 1, '{}');
            INSERT INTO history (at_us, who, why, noun, row_id, before, after)
                VALUES (9, 'account:2', 'x', 'policy', 7, '{"version":1}', '{"version":2}')"#;
        type Saved = (u32, Option<i64>, Option<String>, Option<String>);
        let one = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1);
        let pool = one.connect("sqlite::memory:").await.expect("opens");
        let earlier = of(Chain::Directory).iter().filter(|one| one.version < 15).cloned().collect();
        Migrator::with_migrations(earlier).run(&pool).await.expect("runs");
        sqlx::raw_sql(SAVED).execute(&pool).await.expect("is good SQL");
        of(Chain::Directory).run(&pool).await.expect("runs");
        let saved: Vec<Saved> =
            sqlx::query_as("SELECT version, at_us, who, why FROM policy_version ORDER BY version")
                .fetch_all(&pool)
                .await
                .expect("reads");
        let known = Some("account:2".to_owned());
        assert_eq!(saved, [(1, None, None, None), (2, Some(9), known, Some("x".to_owned()))]);
    }
}
