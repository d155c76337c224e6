//! The node's key: 32 random bytes in the data directory. Tags of legs and what is kept of PINs are made from it, so it
//! outlives a restart.

use anyhow::{Context, bail};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const FILE: &str = "node.key";

/// Reads the key, or makes it at the first start.
pub(crate) fn load(data_dir: &Path) -> anyhow::Result<[u8; 32]> {
    let path = data_dir.join(FILE);
    match fs::read(&path) {
        Ok(bytes) => match <[u8; 32]>::try_from(bytes.as_slice()) {
            Ok(key) => Ok(key),
            Err(_) => bail!(
                "{} is damaged: it must have 32 bytes; remove it to get a new one",
                path.display()
            ),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => make(&path),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn make(path: &Path) -> anyhow::Result<[u8; 32]> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).context("cannot get random numbers")?;
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).and_then(
        |mut file| {
            file.write_all(&key)?;
            file.sync_all()
        },
    );
    written.with_context(|| format!("cannot write {}", path.display()))?;
    Ok(key)
}
