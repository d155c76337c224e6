//! The command line: reads arguments, calls what they ask for, prints what it says.
#![expect(clippy::print_stdout, reason = "a command line prints")]

mod account;
mod audit;
mod health;

use crate::clock::Clock;
use crate::config::Config;
use crate::import::{self, ImportOptions};
use crate::store::audit::Editor;
use crate::store::pins::{self, NewPins, PinKey};
use crate::store::secrets::Hashes;
use crate::store::tokens::{self, NewToken, Scope};
use crate::store::{Store, secrets};
use crate::telemetry::{self, LogFormat};
use crate::{app, prompts};
use account::AccountCommand;
use anyhow::Context;
use audit::AuditCommand;
use clap::{Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;
use lianfang_domain::id::HouseholdId;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// 电话平安联防: a neighbour presses #9, the neighbours come.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    /// The configuration file (TOML). Without one, every default holds.
    #[arg(long, global = true, env = "LIANFANG_CONFIG")]
    config: Option<PathBuf>,
    /// What is logged, such as `info,lianfang=debug`.
    #[arg(long, global = true, env = "LIANFANG_LOG", default_value = "info")]
    log: String,
    /// How it is logged.
    #[arg(long, global = true, env = "LIANFANG_LOG_FORMAT", value_enum, default_value_t = Format::Text)]
    log_format: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the service.
    Serve,
    /// Reports every mistake of the configuration, and what is probably not meant.
    CheckConfig,
    /// Asks the service on this machine whether it answers: for containers and monitors.
    Health,
    /// Reads a directory of CSV files: all or nothing.
    Import {
        /// The folder with streets.csv, communities.csv, ... (docs/import.md).
        folder: PathBuf,
        /// Checks and counts, changes nothing.
        #[arg(long)]
        dry_run: bool,
        /// Removes what is not in the files.
        #[arg(long)]
        replace: bool,
    },
    /// Writes the directory as CSV files that `import` reads.
    Export {
        /// The folder.
        folder: PathBuf,
    },
    /// Telephone lines.
    #[command(subcommand)]
    Line(LineCommand),
    /// Households.
    #[command(subcommand)]
    Household(HouseholdCommand),
    /// Tokens of the API.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Accounts of people.
    #[command(subcommand)]
    Account(AccountCommand),
    /// The audit trail: who did what, when, and the proof that nobody changed it.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Prompts.
    #[command(subcommand)]
    Prompts(PromptsCommand),
}

#[derive(Debug, Subcommand)]
enum LineCommand {
    /// Makes a new password for a line and prints it once; the old one no longer works.
    Secret {
        /// The account under which the line registers.
        account: String,
        /// Keeps the MD5 hash alone: for phones that answer no challenge in which SHA-256 is offered.
        #[arg(long)]
        md5_only: bool,
    },
}

#[derive(Debug, Subcommand)]
enum HouseholdCommand {
    /// Sets the PINs with which a household withdraws an alarm. Reads them from the standard input, one a line, so that
    /// they stand in no list of processes: first the PIN, then, if there is one, the duress PIN.
    Pin {
        /// The id of the household.
        id: u32,
        /// Takes the PINs away; reads nothing.
        #[arg(long)]
        remove: bool,
    },
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Makes a token and prints it once.
    Create {
        /// Its name, as it stands in the log of alarms.
        name: String,
        /// admin, operator, auditor, trigger or metrics.
        #[arg(long)]
        scope: Scope,
        /// Days until it expires; never without.
        #[arg(long)]
        days: Option<u16>,
    },
    /// Lists every token that there is or was.
    List,
    /// Revokes a token at once.
    Revoke {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
enum PromptsCommand {
    /// Lists every recording that a language must have: language, file, text, script; with tabs between.
    List,
}

/// Does what the arguments ask for, or says why it cannot and what to do.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let format = match cli.log_format {
        Format::Text => LogFormat::Text,
        Format::Json => LogFormat::Json,
    };
    // What waits to be logged is written before the program ends.
    let _written = match telemetry::start_logging(&cli.log, format) {
        Ok(guard) => guard,
        Err(error) => {
            let error = anyhow::Error::from(error);
            // Who cannot be told is not told.
            let _ = writeln!(std::io::stderr(), "{error:#}");
            return ExitCode::FAILURE;
        }
    };
    done(cli).unwrap_or_else(|error| {
        tracing::error!("{error:#}");
        ExitCode::FAILURE
    })
}

fn done(cli: Cli) -> anyhow::Result<ExitCode> {
    let config = Config::load(cli.config.as_deref(), std::env::vars())?;
    match cli.command {
        Command::Serve => {
            config
                .warnings(Clock::system().now())
                .iter()
                .for_each(|warning| tracing::warn!("{warning}"));
            app::serve(config)?;
        }
        Command::CheckConfig => {
            config
                .warnings(Clock::system().now())
                .iter()
                .for_each(|warning| println!("warning: {warning}"));
            println!("The configuration is valid.");
        }
        Command::Health => {
            let runtime = tokio::runtime::Runtime::new().context("cannot start a runtime")?;
            runtime.block_on(health::run(&config.http))?;
            println!("It answers.");
        }
        Command::Prompts(PromptsCommand::List) => {
            print!("{}", prompts::scripts_tsv());
        }
        Command::Audit(command) => {
            let runtime = tokio::runtime::Runtime::new().context("cannot start a runtime")?;
            let mut out = std::io::BufWriter::new(std::io::stdout());
            let code = runtime.block_on(audit::run(&config, command, &mut out))?;
            std::io::Write::flush(&mut out).context("cannot write")?;
            return Ok(code);
        }
        Command::Import { .. }
        | Command::Export { .. }
        | Command::Line(_)
        | Command::Household(_)
        | Command::Account(_)
        | Command::Token(_) => {
            let runtime = tokio::runtime::Runtime::new().context("cannot start a runtime")?;
            runtime.block_on(with_store(&config, cli.command))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Who types, for the audit trail: behind `sudo`, the one who called it.
fn who() -> String {
    let name =
        ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    format!("cli:{}", name.as_deref().unwrap_or("unknown"))
}

async fn with_store(config: &Config, command: Command) -> anyhow::Result<()> {
    let store = Store::open(&config.data_dir).await?;
    let done = on_store(config, &store, command).await;
    store.close().await;
    done
}

async fn on_store(config: &Config, store: &Store, command: Command) -> anyhow::Result<()> {
    let who = who();
    let editor = store.directory().edited_by(&who, Clock::system().now());
    match command {
        Command::Import { folder, dry_run, replace } => {
            let options = ImportOptions { replace, dry_run, realm: config.sip.realm.clone() };
            println!("{}", import::import(&editor, &folder, &options).await?);
        }
        Command::Export { folder } => {
            import::export(store, &folder, &config.sip.realm).await?;
            println!("Exported to {}.", folder.display());
        }
        Command::Line(LineCommand::Secret { account, md5_only }) => {
            let hashes = if md5_only { Hashes::Md5Only } else { Hashes::Both };
            let secret =
                secrets::make_line_secret(&editor, &account, &config.sip.realm, hashes).await?;
            println!("{secret}");
        }
        Command::Household(HouseholdCommand::Pin { id, remove }) => {
            let key = PinKey::new(&app::node_key::load(&config.data_dir)?);
            let wanted = if remove { None } else { Some(read_pins()?) };
            pins::set(&editor, &key, HouseholdId(id), wanted.as_ref()).await?;
            println!("{}", if remove { "The PINs are gone." } else { "The PINs are set." });
        }
        Command::Token(command) => on_tokens(store, &editor, command).await?,
        Command::Account(command) => {
            account::run(store, &editor, command, &mut std::io::stdout()).await?;
        }
        Command::Serve
        | Command::CheckConfig
        | Command::Health
        | Command::Audit(_)
        | Command::Prompts(_) => {}
    }
    Ok(())
}

fn read_pins() -> anyhow::Result<NewPins> {
    let mut lines = std::io::stdin().lines();
    let mut next = || -> anyhow::Result<Option<String>> {
        let line = lines.next().transpose().context("cannot read the PIN")?;
        Ok(line.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()))
    };
    let cancel = next()?.context("the PIN is missing: write it to the standard input")?;
    Ok(NewPins { cancel, duress: next()? })
}

async fn on_tokens(
    store: &Store,
    editor: &Editor<'_>,
    command: TokenCommand,
) -> anyhow::Result<()> {
    let now = Clock::system().now();
    match command {
        TokenCommand::Create { name, scope, days } => {
            let expires = days.map(|days| now + SignedDuration::from_hours(24 * i64::from(days)));
            let secret = tokens::create(editor, &NewToken { name, scope, expires }).await?;
            println!("{}", secret.reveal());
        }
        TokenCommand::List => {
            for token in tokens::list(store.directory()).await? {
                println!("{token}");
            }
        }
        TokenCommand::Revoke { name } => {
            anyhow::ensure!(tokens::revoke(editor, &name).await?, "no working token has this name");
            println!("Revoked.");
        }
    }
    Ok(())
}
