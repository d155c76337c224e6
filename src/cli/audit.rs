//! `lianfang audit`: proves the audit trail and writes it out. Reads only, so it works beside a running service, on a
//! copy, and on a disk that may not be written.

use crate::config::Config;
use crate::store::audit::{
    Anchor, AuditFiles, Chain, EntryView, HeadView, Progress, Verified, entries_on, head_on,
    miss_heads, verify,
};
use anyhow::Context;
use clap::Subcommand;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit code when the trail is broken. 1 stands for what could not be read at all, 2 for wrong arguments.
const BROKEN: u8 = 3;
/// Rows between two words about how far it is.
const TOLD_EVERY: u64 = 1_000_000;
/// Entries that are written at a time.
const PAGE: u32 = 1000;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Checks that nothing was changed, left out, added or cut off since it was written.
    ///
    /// Exit codes: 0 the trail is whole; 1 it cannot be read; 2 wrong arguments; 3 it is broken, and what is printed
    /// says where.
    Verify {
        /// A head that was noted elsewhere, such as from the log or `GET /api/v1/audit/head`:
        /// [alarms:|directory:]SEQUENCE:HASH. Without one, entries cut off at the end are not missed.
        #[arg(long = "expect-head", value_name = "HEAD")]
        expect: Vec<Anchor>,
        /// The folder with alarms.db and directory.db; that of the configuration if not given.
        #[arg(long)]
        folder: Option<PathBuf>,
    },
    /// Prints the newest entry of each chain: note it where nobody of this machine can change it.
    Head {
        /// The folder with alarms.db and directory.db; that of the configuration if not given.
        #[arg(long)]
        folder: Option<PathBuf>,
    },
    /// Writes the whole trail as JSON lines.
    Export {
        /// The folder with alarms.db and directory.db; that of the configuration if not given.
        #[arg(long)]
        folder: Option<PathBuf>,
    },
}

/// Does what the arguments ask for, and prints to `out`.
pub(super) async fn run(
    config: &Config,
    command: AuditCommand,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<ExitCode> {
    let files = |folder: Option<PathBuf>| {
        AuditFiles::in_folder(folder.as_deref().unwrap_or(&config.data_dir))
    };
    match command {
        AuditCommand::Verify { expect, folder } => {
            let verified = verify_all(&files(folder), &expect).await?;
            for verified in &verified {
                writeln!(out, "{verified}")?;
            }
            let is_whole = verified.iter().all(Verified::is_whole);
            return Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::from(BROKEN) });
        }
        AuditCommand::Head { folder } => {
            for chain in Chain::ALL {
                let mut database = files(folder.clone()).open(chain).await?;
                if let Some(head) = head_on(&mut database).await.context("cannot read the trail")? {
                    writeln!(out, "{}", HeadView::new(chain, head).note)?;
                }
            }
        }
        AuditCommand::Export { folder } => {
            let files = files(folder);
            for chain in Chain::ALL {
                export(&files, chain, out).await?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn verify_all(files: &AuditFiles, expect: &[Anchor]) -> anyhow::Result<Vec<Verified>> {
    let mut all = Vec::new();
    for chain in Chain::ALL {
        let mut database = files.open(chain).await?;
        let mut told = 0;
        let mut progress = |progress: Progress| {
            if told < progress.rows / TOLD_EVERY {
                told = progress.rows / TOLD_EVERY;
                tracing::info!(chain = progress.chain.name(), rows = progress.rows, "Verifying");
            }
        };
        let verified = verify(&mut database, chain, expect, &mut progress).await;
        all.push(verified.with_context(|| format!("cannot read {}", files.path(chain).display()))?);
    }
    miss_heads(&mut all, expect);
    Ok(all)
}

async fn export(
    files: &AuditFiles,
    chain: Chain,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    let mut database = files.open(chain).await?;
    let mut after = 0;
    loop {
        let entries =
            entries_on(&mut database, after, PAGE).await.context("cannot read the trail")?;
        let Some(last) = entries.last() else { return Ok(()) };
        after = last.sequence;
        for entry in entries {
            writeln!(out, "{}", serde_json::to_string(&EntryView::new(chain, entry))?)?;
        }
    }
}
