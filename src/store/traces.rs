//! SIP traces: the messages of an alarm's calls, one file an alarm, beside the databases.
//!
//! They hold names and numbers, so they stand apart from the log and are erased when the plans are. Bounded for each
//! alarm and in all; what finds no room is left out and counted by the caller. Blocking: called from a thread that may
//! wait. Must not mask: what is written here was masked before.

use crate::store::make_private_folder;
use jiff::Timestamp;
use lianfang_domain::id::AlarmId;
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;
use utoipa::ToSchema;

/// Bytes of one alarm.
pub const ALARM_MAX: u64 = 256 * 1024;
/// Bytes of all alarms: some 20,000 with ten calls each.
pub const TOTAL_MAX: u64 = 2 * 1024 * 1024 * 1024;

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
}

impl Traces {
    /// The traces in this folder, which is made with the first one.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        let total = files(folder).map(|file| file.1.len()).sum();
        Self { folder: folder.into(), total: Arc::new(AtomicU64::new(total)) }
    }

    fn path(&self, alarm: AlarmId) -> PathBuf {
        self.folder.join(format!("{alarm}.jsonl"))
    }

    /// Appends messages of one alarm. Returns how many found no room.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn append(&self, alarm: AlarmId, messages: &[TraceMessage]) -> io::Result<usize> {
        make_private_folder(&self.folder)?;
        let path = self.path(alarm);
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        let mut room = ALARM_MAX
            .saturating_sub(file.metadata()?.len())
            .min(TOTAL_MAX.saturating_sub(self.total.load(Ordering::Relaxed)));
        let mut text = Vec::new();
        let mut left_out = 0;
        for message in messages {
            let mut line = serde_json::to_vec(message)?;
            line.push(b'\n');
            match room.checked_sub(line.len() as u64) {
                Some(rest) => {
                    room = rest;
                    text.extend(line);
                }
                None => left_out += 1,
            }
        }
        file.write_all(&text)?;
        self.total.fetch_add(text.len() as u64, Ordering::Relaxed);
        Ok(left_out)
    }

    /// The messages of an alarm in their order; empty when there are none or they were erased. A line that cannot be
    /// read, such as one that a power failure tore, is passed over.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn read(&self, alarm: AlarmId) -> io::Result<Vec<TraceMessage>> {
        let text = match fs::read(self.path(alarm)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            text => text?,
        };
        let lines = text.split(|&byte| byte == b'\n');
        let mut messages: Vec<TraceMessage> =
            lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
        // Two shards write, each in its own order.
        messages.sort_by_key(|message| message.at);
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

    #[test]
    fn a_trace_reads_back_in_order_and_is_bounded() {
        let folder = tempfile::tempdir().expect("a folder");
        let traces = Traces::in_folder(&folder.path().join("traces"));
        assert_eq!(traces.read(AlarmId(1)).expect("reads"), []);
        let (first, second) = (message(1, "INVITE\r\n陈"), message(2, "200"));
        assert_eq!(traces.append(AlarmId(1), &[second.clone(), first.clone()]).unwrap(), 0);
        assert_eq!(traces.read(AlarmId(1)).unwrap(), [first, second]);
        let long = message(3, &"x".repeat(100_000));
        assert_eq!(traces.append(AlarmId(2), &[long.clone(), long.clone(), long]).unwrap(), 1);
        let small = message(4, "BYE");
        assert_eq!(traces.append(AlarmId(2), &[small]).unwrap(), 0, "what is small still fits");
        assert_eq!(traces.read(AlarmId(2)).unwrap().len(), 3);
    }

    #[test]
    fn old_traces_are_erased_and_make_room() {
        let folder = tempfile::tempdir().expect("a folder");
        let traces = Traces::in_folder(folder.path());
        traces.append(AlarmId(1), &[message(1, "a")]).expect("writes");
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
        fs::write(folder.path().join(format!("{}.jsonl", AlarmId(1))), "{\"at\":\n")
            .expect("writes");
        traces.append(AlarmId(1), &[message(1, "a")]).expect("writes");
        assert_eq!(traces.read(AlarmId(1)).unwrap(), [message(1, "a")]);
    }
}
