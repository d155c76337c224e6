//! Sees to it that the names of every household can be spoken before anybody needs them.
//!
//! Walks the directory after the start, and after each edit the communities that changed, at a pace that nobody
//! notices; what has a recording already costs a look at the disk.

use super::carriers::{languages_of, names_of};
use crate::prompts::NameVoice;
use crate::store::snapshot::DirectoryHandle;
use crate::tasks::Tasks;
use lianfang_domain::directory::{Community, Directory, Household, LineRef};
use lianfang_domain::id::CommunityId;
use lianfang_domain::plan::{self, Policy};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// How soon an edit is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Pause after each household: a thousand a second at most.
const PACE: Duration = Duration::from_millis(1);
/// Pause when the voices have enough to do.
const BUSY_PAUSE: Duration = Duration::from_millis(500);

/// Whether the program is there: it is asked for its version.
pub(super) fn is_installed(program: &Path) -> bool {
    let mut command = Command::new(program);
    let asked =
        command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}

/// Starts the walk.
pub(super) fn start(voice: NameVoice, directory: DirectoryHandle, tasks: &Tasks) {
    tasks.start("prepare_names", |stop| async move {
        let walk = async {
            let mut known: BTreeMap<CommunityId, Arc<Community>> = BTreeMap::new();
            let mut version = None;
            loop {
                let current = directory.current();
                if version != Some(current.version) {
                    version = Some(current.version);
                    prepare(&voice, &current, &mut known).await;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        // Whatever is not prepared yet is looked at again after the next start.
        stop.run_until_cancelled(walk).await;
    });
}

async fn prepare(
    voice: &NameVoice,
    directory: &Directory,
    known: &mut BTreeMap<CommunityId, Arc<Community>>,
) {
    for community in directory.communities() {
        let before = known.insert(community.id, Arc::clone(community));
        if before.as_ref().is_some_and(|before| Arc::ptr_eq(before, community)) {
            continue;
        }
        for household in &community.households {
            let old = before.as_ref().and_then(|before| before.household(household.id));
            if old.is_none_or(|old| old != household) {
                prepare_household(voice, directory, community, household).await;
                tokio::time::sleep(PACE).await;
            }
        }
    }
}

async fn prepare_household(
    voice: &NameVoice,
    directory: &Directory,
    community: &Community,
    household: &Household,
) {
    let Some(line) = household.lines.first() else { return };
    let place = LineRef { community: community.id, household: household.id, line: line.id };
    let Some(plan) = plan::build(directory, place, 1, &Policy::default()) else { return };
    for language in languages_of(&plan) {
        for clip in names_of(&plan, language) {
            if !voice.is_prepared(&clip, language).await {
                while voice.prepare(&clip, language).is_err() {
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
            }
        }
    }
}
