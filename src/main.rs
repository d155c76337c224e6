//! The program. Everything is in the library; see `lianfang::cli`.

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// An alarm is many small pieces that one thread makes and another frees, which this allocator is quick at
/// (`docs/performance.md`).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match lianfang::cli::run() {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
