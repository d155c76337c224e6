//! Accounts on the command line: for the day nobody can sign in.

use crate::store::Store;
use crate::store::accounts::{
    self, Account, AccountDraft, AccountError, AccountFilter, Role, password,
};
use crate::store::audit::Editor;
use crate::store::nouns::NounError;
use crate::store::reach::Reach;
use anyhow::Context;
use clap::Subcommand;
use std::io::Write;

/// Accounts that are read at a time.
const PAGE: u32 = 200;

#[derive(Debug, Subcommand)]
pub(super) enum AccountCommand {
    /// Makes an account and prints its one-time password once; it has to be changed at the first sign-in.
    Add {
        /// What they sign in with.
        name: String,
        /// admin, operator, auditor or responder.
        #[arg(long)]
        role: Role,
        /// What they reach: everything, or street:ID, community:ID or grid:ID.
        #[arg(long, default_value = "everything")]
        reach: Reach,
        /// What they are called; the name if not given.
        #[arg(long)]
        display_name: Option<String>,
    },
    /// Lists every account.
    List,
    /// Makes a new one-time password and prints it once. All of their sessions end.
    ResetPassword {
        /// What they sign in with.
        name: String,
        /// Takes the second factor away, too.
        #[arg(long)]
        second_factor: bool,
    },
    /// Lets somebody sign in no more. All of their sessions end.
    Disable {
        /// What they sign in with.
        name: String,
    },
}

/// Does what is asked for, and writes what there is to say.
pub(super) async fn run(
    store: &Store,
    editor: &Editor<'_>,
    command: AccountCommand,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    match command {
        AccountCommand::Add { name, role, reach, display_name } => {
            let display_name = display_name.unwrap_or_else(|| name.clone());
            let draft = AccountDraft {
                name,
                display_name,
                role,
                reach,
                worker_id: None,
                responder_id: None,
                language: None,
                is_disabled: false,
                password: None,
            };
            let (secret, phc) = one_time()?;
            accounts::create(editor, &draft, (&phc, true)).await.map_err(told)?;
            writeln!(out, "{secret}")?;
        }
        AccountCommand::List => list(store, out).await?,
        AccountCommand::ResetPassword { name, second_factor } => {
            let account = by_name(store, &name).await?;
            let (secret, phc) = one_time()?;
            accounts::set_password(editor, account.id, (&phc, true), None).await?;
            if second_factor {
                accounts::remove_totp(editor, account.id, None).await?;
            }
            writeln!(out, "{secret}")?;
        }
        AccountCommand::Disable { name } => {
            let account = by_name(store, &name).await?;
            let Account { id, version, .. } = account;
            let draft = AccountDraft {
                name: account.name,
                display_name: account.display_name,
                role: account.role,
                reach: account.reach,
                worker_id: account.worker_id,
                responder_id: account.responder_id,
                language: account.language,
                is_disabled: true,
                password: None,
            };
            accounts::replace(editor, (id, version), &draft).await.map_err(told)?;
            writeln!(out, "Disabled.")?;
        }
    }
    Ok(())
}

fn one_time() -> anyhow::Result<(String, String)> {
    let secret = password::one_time()?;
    let phc = password::hash(&secret)?;
    Ok((secret, phc))
}

async fn by_name(store: &Store, name: &str) -> anyhow::Result<Account> {
    let found = accounts::by_name(store.directory(), name).await?;
    Ok(found.context("no account has this name")?.account)
}

/// Names the mistakes instead of counting them.
fn told(error: AccountError) -> anyhow::Error {
    if let AccountError::Row(NounError::Faulty(faults)) = &error {
        let fields = faults.iter().map(|field| format!("{} {}", field.pointer, field.fault));
        return anyhow::anyhow!(fields.collect::<Vec<_>>().join("; "));
    }
    error.into()
}

async fn list(store: &Store, out: &mut impl Write) -> anyhow::Result<()> {
    let mut after = 0;
    loop {
        let page = accounts::list(store.directory(), AccountFilter::default(), after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id.0;
        for account in page {
            let Account { name, role, reach, .. } = &account;
            let role = role.name();
            write!(out, "{name:<24} {role:<9} {reach}")?;
            if account.has_second_factor {
                write!(out, ", second factor")?;
            }
            if account.must_change {
                write!(out, ", password to be changed")?;
            }
            writeln!(out, "{}", if account.is_disabled { ", disabled" } else { "" })?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    async fn ran(store: &Store, command: AccountCommand) -> anyhow::Result<String> {
        let now = Timestamp::from_second(1).expect("a time");
        let editor = store.directory().edited_by("cli:test", now);
        let mut out = Vec::new();
        run(store, &editor, command, &mut out).await?;
        Ok(String::from_utf8(out).expect("text"))
    }

    fn add(name: &str, reach: Reach) -> AccountCommand {
        AccountCommand::Add { name: name.to_owned(), role: Role::Admin, reach, display_name: None }
    }

    #[tokio::test]
    async fn an_account_is_made_listed_reset_and_disabled() {
        let store = Store::open_in_memory().await.expect("opens");
        let first = ran(&store, add("root", Reach::Everything)).await.expect("makes");
        let known = accounts::by_name(store.directory(), "ROOT").await.unwrap().expect("is there");
        assert!(password::verify(first.trim(), Some(&known.password)), "{first}");
        assert!(known.account.must_change);
        let reset = AccountCommand::ResetPassword { name: "root".to_owned(), second_factor: true };
        let second = ran(&store, reset).await.expect("resets");
        let known = accounts::by_name(store.directory(), "root").await.unwrap().expect("is there");
        assert!(password::verify(second.trim(), Some(&known.password)));
        assert!(!password::verify(first.trim(), Some(&known.password)));
        let disable = || AccountCommand::Disable { name: "root".to_owned() };
        let last = ran(&store, disable()).await.expect_err("the last admin stays");
        assert!(last.to_string().contains("last"), "{last}");
        ran(&store, add("second", Reach::Everything)).await.expect("makes");
        ran(&store, disable()).await.expect("disables");
        let list = ran(&store, AccountCommand::List).await.expect("lists");
        assert_eq!(list.lines().count(), 2);
        assert!(list.contains("disabled") && list.contains("everything"), "{list}");
        let wrong = ran(&store, add("a b", Reach::Everything)).await.expect_err("refuses");
        assert!(wrong.to_string().starts_with("/name "), "{wrong}");
        let disable = AccountCommand::Disable { name: "nobody".to_owned() };
        ran(&store, disable).await.expect_err("nobody");
    }
}
