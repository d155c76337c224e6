//! What the commands print.

use std::fmt::Display;
use std::io::Write as _;

/// Prints a line. That nobody reads it is no reason to fail.
pub fn say(line: impl Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}
