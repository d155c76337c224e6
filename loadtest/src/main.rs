//! The command line of the load generator.

use clap::{Parser, Subcommand};
use lianfang_loadtest::demo;
use std::path::PathBuf;
use std::process::ExitCode;

/// The world around Lianfang, simulated: phones, neighbours, a carrier, an SMS provider.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One alarm against the real service, told in plain words.
    Demo {
        /// The program of the service.
        #[arg(long)]
        service: PathBuf,
        /// Ends by itself; status 0 only if everything happened.
        #[arg(long)]
        once: bool,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    let is_good = match Cli::parse().command {
        Command::Demo { service, once } => demo::run(&service, once)?,
    };
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
