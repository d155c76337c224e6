//! The program. Everything is in the library; see `lianfang::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lianfang::cli::run()
}
