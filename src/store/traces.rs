//! SIP traces: the messages of the calls of alarms, one file for all alarms that were raised in the same minute, beside the
//! databases. In a storm a file for each alarm was the dearest part of an alarm: a new inode each, in the way of every commit.
//!
//! They hold names and numbers, so they stand apart from the log and are erased when the plans are. Bounded for each
//! alarm and in all; what finds no room is left out and counted by the caller. Blocking: called from a thread that may
//! wait. Must not mask: what is written here was masked before.

use crate::store::make_private_folder;
use jiff::Timestamp;
use lianfang_domain::id::AlarmId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use utoipa::ToSchema;

/// Bytes of one alarm, since the start of the process.
pub const ALARM_MAX: u64 = 256 * 1024;
/// Bytes of all alarms: some 20,000 with ten calls each.
pub const TOTAL_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Alarms whose bytes are counted, the latest.
const COUNTED_MAX: usize = 10_000;

/// A message of a call, as it passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TraceMessage {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// We sent it; otherwise it came in.
    pub is_sent: bool,
    /// The other side, such as `udp 192.0.2.7:5060`.
    pub remote: String,
    /// The message; secrets and keyed digits are masked.
    pub text: String,
}

/// The folder of the traces. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Traces {
    folder: Arc<Path>,
    total: Arc<AtomicU64>,
    /// Bytes of alarms.
    written: Arc<Mutex<BTreeMap<AlarmId, u64>>>,
}

impl Traces {
    /// The traces in this folder, which is made with the first one.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        let total = files(folder).map(|file| file.1.len()).sum();
        Self {
            folder: folder.into(),
            total: Arc::new(AtomicU64::new(total)),
            written: Arc::default(),
        }
    }

    /// The file of all alarms of a minute.
    fn path(&self, minute: u64) -> PathBuf {
        self.folder.join(format!("{minute}.jsonl"))
    }

    /// Appends messages. Returns how many found no room.
    ///
    /// # Errors
    /// When a file cannot be written; the messages of other minutes are.
    pub fn append(
        &self,
        messages: impl IntoIterator<Item = (AlarmId, TraceMessage)>,
    ) -> io::Result<usize> {
        make_private_folder(&self.folder)?;
        let mut texts: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        let mut left_out = 0;
        for (alarm, message) in messages {
            let mut line = key_of(alarm);
            serde_json::to_writer(&mut line, &message)?;
            line.push(b'\n');
            if self.takes(alarm, line.len() as u64) {
                texts.entry(minute_of(alarm)).or_default().extend(line);
            } else {
                left_out += 1;
            }
        }
        let mut failed = Ok(());
        for (minute, text) in texts {
            let mut options = OpenOptions::new();
            let file = options.append(true).create(true).mode(0o600).open(self.path(minute));
            if let Err(error) = file.and_then(|mut file| file.write_all(&text)) {
                // What no disk took takes no room.
                self.total.fetch_sub(text.len() as u64, Ordering::Relaxed);
                failed = Err(error);
            }
        }
        failed.map(|()| left_out)
    }

    /// Counts a line in, if there is room for it.
    fn takes(&self, alarm: AlarmId, bytes: u64) -> bool {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let of_alarm = written.entry(alarm).or_default();
        let fits = *of_alarm + bytes <= ALARM_MAX
            && self.total.load(Ordering::Relaxed) + bytes <= TOTAL_MAX;
        if fits {
            *of_alarm += bytes;
            self.total.fetch_add(bytes, Ordering::Relaxed);
        }
        if COUNTED_MAX < written.len() {
            written.pop_first();
        }
        fits
    }

    /// The messages of an alarm in their order; empty when there are none or they were erased. A line that cannot be
    /// read, such as one that a power failure tore, is passed over.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn read(&self, alarm: AlarmId) -> io::Result<Vec<TraceMessage>> {
        let file = match File::open(self.path(minute_of(alarm))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            file => file?,
        };
        let key = key_of(alarm);
        let mut messages = Vec::new();
        for line in BufReader::new(file).split(b'\n') {
            let line = line?;
            let message = line.strip_prefix(key.as_slice());
            messages.extend(message.and_then(|text| serde_json::from_slice(text).ok()));
        }
        // Two shards write, each in its own order.
        messages.sort_by_key(|message: &TraceMessage| message.at);
        Ok(messages)
    }

    /// Erases the traces to which nothing was added since `limit`. Returns how many.
    ///
    /// # Errors
    /// When one of them cannot be removed; the others are gone.
    pub fn erase_before(&self, limit: Timestamp) -> io::Result<u64> {
        let limit = SystemTime::from(limit);
        let mut erased = 0;
        let mut failed = Ok(());
        for (path, file) in files(&self.folder) {
            if !file.modified().is_ok_and(|modified| modified < limit) {
                continue;
            }
            match fs::remove_file(&path) {
                Ok(()) => {
                    erased += 1;
                    self.total.fetch_sub(
                        file.len().min(self.total.load(Ordering::Relaxed)),
                        Ordering::Relaxed,
                    );
                }
                Err(error) => failed = Err(error),
            }
        }
        failed.map(|()| erased)
    }
}

/// What a line of this alarm begins with.
fn key_of(alarm: AlarmId) -> Vec<u8> {
    format!("{alarm} ").into_bytes()
}

/// The minute in which an alarm was raised.
fn minute_of(alarm: AlarmId) -> u64 {
    alarm.unix_ms() / 60_000
}

fn files(folder: &Path) -> impl Iterator<Item = (PathBuf, fs::Metadata)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let path = entry.path();
        let is_ours = path.extension().is_some_and(|extension| extension == "jsonl");
        let file = entry.metadata().ok().filter(|file| is_ours && file.is_file())?;
        Some((path, file))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(second: i64, text: &str) -> TraceMessage {
        TraceMessage {
            at: Timestamp::from_second(second).expect("a time"),
            is_sent: second % 2 == 0,
            remote: "udp 192.0.2.7:5060".to_owned(),
            text: text.to_owned(),
        }
    }

    fn append<const N: usize>(traces: &Traces, alarm: u64, messages: [TraceMessage; N]) -> usize {
        traces.append(messages.map(|message| (AlarmId(alarm), message))).expect("writes")
    }

    #[test]
    fn alarms_of_one_minute_share_a_file_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let traces = Traces::in_folder(folder.path());
        let at = |ms: u64, counter| AlarmId::from_parts(1_800_000_000_000 + ms, 1, counter);
        let alarms = [at(0, 1), at(0, 2), at(59_999, 3), at(60_000, 4)];
        let texts = ["a", "b", "c", "d"].map(|text| message(1, text));
        let both =
            alarms.into_iter().zip(texts.clone()).chain(alarms.into_iter().zip(texts.clone()));
        assert_eq!(traces.append(both).expect("writes"), 0);
        assert_eq!(files(folder.path()).count(), 2);
        for (alarm, text) in alarms.into_iter().zip(texts) {
            assert_eq!(traces.read(alarm).expect("reads"), [text.clone(), text]);
        }
        assert_eq!(traces.read(at(5, 5)).expect("reads"), []);
    }

    #[test]
    fn a_trace_reads_back_in_order_and_is_bounded() {
        let folder = tempfile::tempdir().expect("a folder");
        let traces = Traces::in_folder(&folder.path().join("traces"));
        assert_eq!(traces.read(AlarmId(1)).expect("reads"), []);
        let (first, second) = (message(1, "INVITE\r\n陈"), message(2, "200"));
        assert_eq!(append(&traces, 1, [second.clone(), first.clone()]), 0);
        assert_eq!(traces.read(AlarmId(1)).unwrap(), [first, second]);
        let long = message(3, &"x".repeat(100_000));
        assert_eq!(append(&traces, 2, [long.clone(), long.clone(), long]), 1);
        let small = message(4, "BYE");
        assert_eq!(append(&traces, 2, [small]), 0, "what is small still fits");
        assert_eq!(traces.read(AlarmId(2)).unwrap().len(), 3);
    }

    #[test]
    fn what_the_disk_does_not_take_takes_no_room_and_hides_no_other_minute() {
        let folder = tempfile::tempdir().expect("a folder");
        let traces = Traces::in_folder(folder.path());
        let (bad, good) = (AlarmId(1), AlarmId::from_parts(1_800_000_000_000, 1, 1));
        fs::create_dir(traces.path(minute_of(bad))).expect("stands in the way");
        let both = [(bad, message(1, "a")), (good, message(2, "b"))];
        traces.append(both).expect_err("a folder is no file");
        assert_eq!(traces.read(good).expect("reads"), [message(2, "b")]);
        let kept = fs::metadata(traces.path(minute_of(good))).expect("is there").len();
        assert_eq!(traces.total.load(Ordering::Relaxed), kept);
    }

    #[test]
    fn old_traces_are_erased_and_make_room() {
        let folder = tempfile::tempdir().expect("a folder");
        let traces = Traces::in_folder(folder.path());
        append(&traces, 1, [message(1, "a")]);
        fs::write(folder.path().join("other.txt"), "stays").expect("writes");
        assert_eq!(traces.erase_before(Timestamp::UNIX_EPOCH).unwrap(), 0);
        assert_eq!(traces.erase_before(Timestamp::MAX).unwrap(), 1);
        assert_eq!(traces.read(AlarmId(1)).unwrap(), []);
        assert_eq!(traces.total.load(Ordering::Relaxed), 0);
        assert!(folder.path().join("other.txt").exists());
    }

    #[test]
    fn a_torn_line_hides_nothing_but_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let traces = Traces::in_folder(folder.path());
        let torn = format!("{} {{\"at\":\n", AlarmId(1));
        fs::write(traces.path(minute_of(AlarmId(1))), torn).expect("writes");
        append(&traces, 1, [message(1, "a")]);
        assert_eq!(traces.read(AlarmId(1)).unwrap(), [message(1, "a")]);
    }
}
