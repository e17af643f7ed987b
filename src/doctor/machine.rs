//! What the worker keeps on this machine: key, state folder, heartbeat, and the walls around the model.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::check::{Check, Subject, in_full};
use super::{Case, MORE_THREADS};
use crate::bundle::Network;
use crate::health::alerts::{self, AlertLogError};
use crate::health::{self, Heartbeat, HeartbeatError, HeartbeatFile, Instant, Probe};
use crate::journal::{self, OpenError, Reader};
use crate::model::{Sandbox, StartError};
use crate::settings::KeySource;
use crate::wallet::{Address, OpenedWallet};

/// What [`look`] looks at.
pub const SUBJECTS: [Subject; 3] = [Subject::StateDir, Subject::Heartbeat, Subject::Isolation];

/// The key, and the address that it gives.
pub fn key(case: &Case) -> (Check, Option<Address>) {
    let subject = Subject::Key;
    let settings = &case.settings;
    let Some(key) = &settings.key else {
        return if case.lacks_network() {
            // One that needs no key, perhaps.
            (subject.awaits(Subject::Bundle), None)
        } else if settings.network == Network::Devnet {
            (
                subject.ok("none is set, and none is needed: `run` takes a funded account of its own chain"),
                None,
            )
        } else {
            let fix = "put the mnemonic into a file of its own, and name it in ALLORA_MNEMONIC_FILE";
            (subject.failed("no key is set", fix), None)
        };
    };
    let opened = match OpenedWallet::open(key, settings.wallet_address_expected.as_deref()) {
        Ok(opened) => opened,
        Err(error) => return (subject.failed(in_full(&error), error.hint()), None),
    };
    let address = opened.wallet.address().clone();
    let file = match key {
        KeySource::MnemonicFile(path) | KeySource::PrivateKeyFile(path) => std::slice::from_ref(path),
        KeySource::Mnemonic(_) | KeySource::PrivateKey(_) => &[],
    };
    let check = match (exposure(case, file, &[]), opened.notice) {
        (Some(exposed), _) => subject.failed(&exposed, exposed.hint().unwrap_or_default()),
        (None, Some(notice)) => {
            let (found, fix) = notice.split_once(": ").unwrap_or((&notice, ""));
            subject.warning(format_args!("{address}; {found}"), fix)
        }
        (None, None) => subject.ok(format_args!("{address}, by {}", key.setting().row().env)),
    };
    (check, Some(address))
}

/// The worker that runs on the state folder, where one does.
pub fn worker(case: &Case) -> Option<Heartbeat> {
    let journals = journal::files(&case.settings.state_dir).ok()?;
    live(case).ok().filter(|worker| has_one_of(worker, &journals))
}

/// The worker that writes the heartbeat; otherwise why none does.
fn live(case: &Case) -> Result<Heartbeat, String> {
    let heartbeat = health::read(&case.settings.heartbeat_file).map_err(|unread| unread.to_string())?;
    match Probe::Live.judge(&heartbeat, &Instant::now()).why() {
        Some(why) => Err(why.to_owned()),
        None => Ok(heartbeat),
    }
}

fn has_one_of(worker: &Heartbeat, journals: &[PathBuf]) -> bool {
    worker.journal.as_ref().is_some_and(|path| journals.contains(path))
}

/// State folder, heartbeat, walls.
pub fn look(case: &Case) -> Vec<Check> {
    let worker = live(case);
    vec![state_dir(case, worker.as_ref().ok()), heartbeat(case, worker.as_ref()), isolation(case)]
}

fn state_dir(case: &Case, worker: Option<&Heartbeat>) -> Check {
    let subject = Subject::StateDir;
    let folder = &case.settings.state_dir;
    if let Some(exposed) = exposure(case, std::slice::from_ref(folder), &[]) {
        return subject.failed(&exposed, exposed.hint().unwrap_or_default());
    }
    let unusable = |error: OpenError| subject.failed(in_full(&error), error.hint());
    let journals = match writable(folder).and_then(|()| journal::files(folder)) {
        Ok(journals) => journals,
        Err(source) => return unusable(OpenError::Folder { path: folder.clone(), source }),
    };
    for path in &journals {
        if let Err(source) = fs::OpenOptions::new().write(true).open(path) {
            return unusable(OpenError::Folder { path: path.clone(), source });
        }
        if let Err(source) = Reader::open(path) {
            return unusable(OpenError::Unusable { path: path.clone(), source });
        }
    }
    // With a log file it is beside that one.
    if case.settings.log.file.is_none()
        && let Err(error) = alerts::check_file(&case.settings.alert_log())
    {
        return subject.failed(in_full(&error), AlertLogError::HINT);
    }
    let shown = folder.display();
    match (worker.filter(|worker| has_one_of(worker, &journals)), journals.len()) {
        (Some(worker), _) => {
            subject.ok(format_args!("{shown}, in use by the worker, process {}", worker.pid))
        }
        (None, 0) if !folder.exists() => subject.ok(format_args!("{shown}, which the first `run` makes")),
        (None, 0) => subject.ok(format_args!("{shown}, no journal yet")),
        (None, 1) => subject.ok(format_args!("{shown}, 1 journal")),
        (None, many) => subject.ok(format_args!("{shown}, {many} journals")),
    }
}

/// Whether files can be made in a folder, or in the one in which it would be made.
pub fn writable(folder: &Path) -> io::Result<()> {
    let folder = std::path::absolute(folder)?;
    let there = folder.ancestors().find(|folder| folder.symlink_metadata().is_ok()).unwrap_or(&folder);
    tempfile::tempfile_in(there).map(drop)
}

fn heartbeat(case: &Case, worker: Result<&Heartbeat, &String>) -> Check {
    let subject = Subject::Heartbeat;
    let path = &case.settings.heartbeat_file;
    if let Some(exposed) = exposure(case, &[], std::slice::from_ref(path)) {
        return subject.failed(&exposed, exposed.hint().unwrap_or_default());
    }
    if let Err(error) = HeartbeatFile::new(path).check_writable() {
        return subject.failed(in_full(&error), HeartbeatError::HINT);
    }
    let shown = path.display();
    match worker {
        Ok(worker) => {
            let (pid, phase) = (worker.pid, worker.phase.as_str());
            subject.ok(format_args!("{shown}, of the worker, process {pid}, in phase {phase}"))
        }
        Err(why) => subject.ok(format_args!("{shown} can be written; {why}")),
    }
}

fn isolation(case: &Case) -> Check {
    let subject = Subject::Isolation;
    let fix = "run it on Linux 6.12 or later, in a container that lets Landlock and seccomp through: \
               docs/isolation.md has what each wall needs";
    match Sandbox::default().protecting(&case.settings.private_paths()).try_out() {
        Ok(walls) if walls.missing().is_empty() => subject.ok("every wall around the model stands"),
        Ok(walls) => {
            let missing = walls.missing().join(", ");
            subject.warning(format_args!("this system does not keep the model apart by: {missing}"), fix)
        }
        Err(error) => subject.failed(in_full(&error), MORE_THREADS),
    }
}

/// Why the worker would not start: what it keeps from the model lies within the model's reach.
pub fn exposure(case: &Case, protected: &[PathBuf], read_only: &[PathBuf]) -> Option<StartError> {
    let manifest = case.manifest.as_ref()?;
    Sandbox::check_places(manifest, protected, read_only).err()
}
