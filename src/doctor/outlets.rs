//! Where the worker tells of itself beside its heartbeat: log file, alerts, metrics.

use std::path::Path;

use super::Case;
use super::check::{Check, Subject, in_full};
use super::machine;
use crate::health::Heartbeat;
use crate::health::alerts::{self, AlertLogError};
use crate::health::metrics::{BindError, Server, Textfile, TextfileError};
use crate::logs::{LogFile, LogFileError};
use crate::settings::Settings;

/// What [`look`] looks at: what the settings ask for.
pub fn subjects(settings: &Settings) -> Vec<Subject> {
    let log_file = settings.log.file.as_ref().map(|_| Subject::LogFile);
    let address = settings.metrics_addr.as_ref().map(|_| Subject::MetricsAddr);
    let file = settings.metrics_file.as_ref().map(|_| Subject::MetricsFile);
    log_file.into_iter().chain(address).chain(file).collect()
}

/// Log file with the alerts beside it, address and file of metrics.
pub fn look(case: &Case) -> Vec<Check> {
    let settings = &case.settings;
    let worker = machine::worker(case);
    let log_file = settings.log.file.as_ref().map(|path| log_file(case, path, worker.as_ref()));
    let address = settings.metrics_addr.as_ref().map(|address| metrics_addr(address, worker.as_ref()));
    let file = settings.metrics_file.as_ref().map(|path| metrics_file(path));
    log_file.into_iter().chain(address).chain(file).collect()
}

fn log_file(case: &Case, path: &Path, worker: Option<&Heartbeat>) -> Check {
    let subject = Subject::LogFile;
    let alerts = case.settings.alert_log();
    if let Some(exposed) = machine::exposure(case, &[path.to_owned(), alerts.clone()], &[]) {
        return subject.failed(&exposed, exposed.hint().unwrap_or_default());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unusable = |source| LogFileError::Write { path: path.to_owned(), source };
    let is_usable = machine::writable(folder).map_err(unusable).and_then(|()| LogFile::check(path));
    match (is_usable, worker) {
        (Err(LogFileError::InUse(_)), Some(worker)) => in_use(subject, &path.display().to_string(), worker),
        (Err(error), _) => subject.failed(in_full(&error), error.hint()),
        (Ok(()), _) => match alerts::check_file(&alerts) {
            Ok(()) => subject.ok(format_args!("{} can be written", path.display())),
            Err(error) => subject.failed(in_full(&error), AlertLogError::HINT),
        },
    }
}

fn metrics_addr(address: &str, worker: Option<&Heartbeat>) -> Check {
    let subject = Subject::MetricsAddr;
    match (Server::check(address), worker) {
        (Ok(()), _) => subject.ok(format_args!("{address} is free")),
        (Err(error), Some(worker)) if error.is_in_use() => in_use(subject, address, worker),
        (Err(error), _) => subject.failed(in_full(&error), BindError::HINT),
    }
}

fn metrics_file(path: &Path) -> Check {
    let subject = Subject::MetricsFile;
    match Textfile::check(path) {
        Ok(()) => subject.ok(format_args!("{} can be written", path.display())),
        Err(error) => subject.failed(in_full(&error), TextfileError::HINT),
    }
}

fn in_use(subject: Subject, what: &str, worker: &Heartbeat) -> Check {
    subject.ok(format_args!("{what}, in use by the worker, process {}", worker.pid))
}
