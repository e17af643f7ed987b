//! No secret in anything that a worker writes.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use bootstrap::settings::{TABLE, Visibility};
use flate2::read::GzDecoder;

/// Shorter ones, such as the `k` of a test, are in every text.
const SHORTEST: usize = 8;

/// The secrets among the variables of a command: keys, and what an address has before its `@` or behind its `?`.
pub fn of(command: &Command) -> Vec<String> {
    let text = |text: &OsStr| text.to_string_lossy().into_owned();
    let variables = command.get_envs().filter_map(|(name, value)| Some((text(name), text(value?))));
    variables
        .flat_map(|(name, value)| {
            let is_named = |row: &&bootstrap::settings::Row| row.env == name || row.older_env == Some(&name);
            if TABLE.iter().find(is_named).is_some_and(|row| row.visibility == Visibility::Secret) {
                return vec![value];
            }
            let addresses = value.split(',').filter_map(|address| address.split_once("://"));
            addresses.flat_map(|(_, rest)| credentials(rest)).collect()
        })
        .filter(|secret| secret.len() >= SHORTEST)
        .collect()
}

fn credentials(address: &str) -> Vec<String> {
    let user =
        address.split_once('@').map(|(user, _)| user.split_once(':').map_or(user, |(_, password)| password));
    let query = address.split_once('?').map(|(_, query)| query.split_once('=').map_or(query, |(_, key)| key));
    user.into_iter().chain(query).map(str::to_owned).collect()
}

/// Fails where one of these secrets is in the text, in whatever case.
pub fn assert_none(secrets: &[String], place: &str, text: &[u8]) {
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    for secret in secrets {
        let found = text.find(&secret.to_ascii_lowercase());
        // Not the secret: what a test says is kept too.
        assert!(found.is_none(), "a secret of {} characters is in {place}, at {found:?}", secret.len());
    }
}

/// The same for each of these files and folders that is there, compressed files included.
pub fn assert_none_in(secrets: &[String], paths: &[PathBuf]) {
    for path in paths {
        if path.is_dir() {
            let inner: Vec<_> =
                path.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()).collect();
            assert_none_in(secrets, &inner);
        } else if let Some(bytes) = read(path) {
            assert_none(secrets, &path.display().to_string(), &bytes);
        }
    }
}

/// A file that is gone meanwhile, or was not written to its end, holds nothing.
fn read(path: &Path) -> Option<Vec<u8>> {
    let is_compressed = path.extension().is_some_and(|end| end == "gz");
    if !is_compressed {
        return fs::read(path).ok();
    }
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(path).ok()?).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
