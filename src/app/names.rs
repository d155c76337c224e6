//! Sees to it that the names of every household can be spoken before anybody needs them.
//!
//! Walks the directory after the start and once a day, and after each edit the communities that changed, at a pace that
//! nobody notices; what has a recording already costs a look at the disk. After a walk over all, what was synthesised for
//! people who left is removed.

use super::carriers::{languages_of, names_of};
use crate::prompts::{self, NameKey, NameVoice};
use crate::store::snapshot::DirectoryHandle;
use crate::tasks::Tasks;
use jiff::Timestamp;
use lianfang_domain::directory::{Community, Directory, Household, Language, LineRef};
use lianfang_domain::id::CommunityId;
use lianfang_domain::plan::{self, PlanFor, Policy};
use lianfang_domain::words::Clip;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// How soon an edit is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// After so many looks everything is walked again: a day.
const LOOKS_PER_DAY: u32 = 43_200;
/// Households whose names are looked for together.
const HOUSEHOLDS_AT_ONCE: usize = 50;
/// Pause for each household: a thousand a second at most.
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
            for look in (0..LOOKS_PER_DAY).cycle() {
                let current = directory.current();
                let is_all = look == 0;
                if is_all {
                    known.clear();
                }
                if is_all || version != Some(current.version) {
                    version = Some(current.version);
                    let names = prepare(&voice, &current, &mut known).await;
                    if is_all {
                        forget_others(&voice, &names).await;
                    }
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        // Whatever is not prepared yet is looked at again after the next start.
        stop.run_until_cancelled(walk).await;
    });
}

async fn forget_others(voice: &NameVoice, names: &BTreeSet<NameKey>) {
    match voice.keep_only(names).await {
        Ok(0) => {}
        Ok(names) => tracing::info!(names, "Removed names that nobody has any more"),
        Err(error) => tracing::error!(%error, "Cannot remove old names; trying again in a day"),
    }
}

/// Returns the names of the households that it looked at.
async fn prepare(
    voice: &NameVoice,
    directory: &Directory,
    known: &mut BTreeMap<CommunityId, Arc<Community>>,
) -> BTreeSet<NameKey> {
    let mut names = BTreeSet::new();
    // A dialect has recordings of its own, and is spoken as Mandarin where it has none.
    let mut looked_for = HashSet::new();
    for community in directory.communities() {
        let before = known.insert(community.id, Arc::clone(community));
        if before.as_ref().is_some_and(|before| Arc::ptr_eq(before, community)) {
            continue;
        }
        // The name of a worker is said to every household.
        let before = before.filter(|before| before.workers == community.workers);
        let everybody = Arc::new(all_on_duty(community));
        let is_new = |household: &&Arc<Household>| {
            let old = before.as_ref().and_then(|before| before.household(household.id));
            old.is_none_or(|old| old != *household)
        };
        let new: Vec<Arc<Household>> =
            community.households.iter().filter(is_new).cloned().collect();
        for some in new.chunks(HOUSEHOLDS_AT_ONCE) {
            let mut told = told_by(&everybody, community, some).await;
            told.retain(|(clip, language)| {
                names.insert(prompts::key(clip, *language));
                looked_for.insert((clip.clone(), *language))
            });
            for (clip, language) in voice.missing(told).await {
                while voice.prepare(&clip, language).is_err() {
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
            }
            tokio::time::sleep(PACE * u32::try_from(some.len()).unwrap_or(1)).await;
        }
    }
    names
}

/// The community alone, with every worker on duty: each of them will be, by the roster or by a click.
fn all_on_duty(community: &Community) -> Directory {
    let mut everybody = community.clone();
    everybody.roster = Arc::default();
    everybody.workers.iter_mut().for_each(|worker| worker.is_on_duty = true);
    Directory::new(0, Vec::new(), vec![everybody])
}

/// Every name that alarms of these households tell, in each language that it is told in. Made aside.
async fn told_by(
    directory: &Arc<Directory>,
    community: &Arc<Community>,
    households: &[Arc<Household>],
) -> Vec<(Clip, Language)> {
    let (directory, community) = (Arc::clone(directory), Arc::clone(community));
    let households = households.to_vec();
    let tell = move || {
        let told = households.iter().flat_map(|household| told(&directory, &community, household));
        told.collect()
    };
    // It fails only when the process stops, and then nothing more is spoken.
    tokio::task::spawn_blocking(tell).await.unwrap_or_default()
}

fn told(
    directory: &Directory,
    community: &Community,
    household: &Household,
) -> Vec<(Clip, Language)> {
    let plan = household.lines.first().and_then(|line| {
        let place = LineRef { community: community.id, household: household.id, line: line.id };
        // Whoever is on duty then, all are in it.
        let now = Timestamp::UNIX_EPOCH;
        let defaults = Policy::default();
        plan::build(directory, place, &PlanFor::unknown(&defaults, now))
    });
    let Some(plan) = plan else { return Vec::new() };
    let in_language = |language| {
        let names = names_of(&plan, language).into_iter();
        names.map(move |clip| (clip, language)).collect::<Vec<_>>()
    };
    languages_of(&plan).into_iter().flat_map(in_language).collect()
}
