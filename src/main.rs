//! The program. Everything is in the library; see `lianfang::cli`.

use std::process::ExitCode;

/// A storm makes and frees a million small things a second on several threads; the allocator of the C library spends a
/// tenth of the processor on it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match lianfang::cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
