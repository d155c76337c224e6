//! The program. Everything is in the library; see `lianfang::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    match lianfang::cli::run() {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
