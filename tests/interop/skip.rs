//! Foreign programs that may be missing: then a case says so, or fails where they are required.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Whether the named thing is there. Where it is not, says so; with `LIANFANG_INTEROP=require` fails.
pub(crate) fn needs(what: &str) -> Option<()> {
    let is_there = match what {
        "raw sockets" => has_raw_sockets(),
        program => is_installed(program),
    };
    if is_there {
        return Some(());
    }
    let is_required = std::env::var("LIANFANG_INTEROP").is_ok_and(|value| value == "require");
    assert!(!is_required, "{what} is missing, and LIANFANG_INTEROP=require");
    // Written past the capture of the test, so that a skipped case is seen.
    let _ = writeln!(std::io::stderr(), "skipped: {what} is missing");
    None
}

fn is_installed(program: &str) -> bool {
    let mut command = Command::new("sh");
    command.args(["-c", "command -v \"$0\"", program]).stdout(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// CAP_NET_RAW, which SIPp needs to play captures.
fn has_raw_sockets() -> bool {
    const CAP_NET_RAW: u32 = 13;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let mask = line.and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << CAP_NET_RAW) != 0)
        && Path::new("/usr/share/sip-tester/dtmf_2833_9.pcap").exists()
}
