//! CPU and memory of a process, as Linux tells.

use serde::Serialize;

/// Ticks of CPU time a second, as `/proc` counts them on every Linux.
const TICKS_PER_S: f64 = 100.0;

/// What a process has used.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Usage {
    /// CPU time since it began, in seconds.
    pub cpu_s: f64,
    /// Memory in RAM, in KiB.
    pub rss_kib: u64,
    /// The most that it ever was, in KiB.
    pub rss_max_kib: u64,
}

impl Usage {
    /// What a process has used; `None` when it is not there or this is no Linux.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        // The name before the bracket may hold blanks.
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok());
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        Some(Self {
            cpu_s: (ticks(11)? + ticks(12)?) / TICKS_PER_S,
            rss_kib: kib("VmRSS:")?,
            rss_max_kib: kib("VmHWM:")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_about_this_process() {
        let usage = Usage::of(std::process::id()).expect("this process is there");
        assert!(1_000 < usage.rss_kib && usage.rss_kib <= usage.rss_max_kib, "{usage:?}");
        assert!(Usage::of(u32::MAX).is_none());
    }
}
