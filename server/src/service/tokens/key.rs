//! The key that tokens are signed with: a file of the data directory.

use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};

const KEY_LENGTH: usize = 32;

/// Reads the key, or makes one that only this account can read.
pub(super) fn signing_key(path: &Path) -> anyhow::Result<Vec<u8>> {
    let shown = path.display();
    if !path.exists() {
        let mut fresh = [0; KEY_LENGTH];
        SystemRandom::new()
            .fill(&mut fresh)
            .map_err(|_| anyhow::anyhow!("no randomness from the system"))?;
        // Written aside and linked, so that another process never reads half a key nor overwrites one.
        let aside = path.with_extension(format!("{}.new", std::process::id()));
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&aside)
            .with_context(|| format!("cannot write the signing key {shown}"))?;
        file.write_all(&fresh)?;
        file.sync_all()?;
        match std::fs::hard_link(&aside, path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(error).with_context(|| format!("cannot write the signing key {shown}"));
            }
            _ => std::fs::remove_file(&aside)?,
        }
    }
    let mut key = Vec::new();
    std::fs::File::open(path)
        .and_then(|mut file| file.read_to_end(&mut key))
        .with_context(|| format!("cannot read the signing key {shown}"))?;
    anyhow::ensure!(
        key.len() == KEY_LENGTH,
        "the signing key {shown} is not {KEY_LENGTH} bytes long"
    );
    Ok(key)
}
