//! The settings that stand on the command line.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use clap::{Arg, ArgMatches, Command};

use super::table::{Flag, Row, Setting, TABLE};

/// Which settings a command takes as flags.
pub trait Scope {
    /// Them, in any order.
    const SETTINGS: &'static [Setting];
}

/// Flags of a command that runs the worker: all there are.
#[derive(Debug, Clone, Copy)]
pub struct Worker;

impl Scope for Worker {
    const SETTINGS: &'static [Setting] = &[
        Setting::BundleRoot,
        Setting::TopicId,
        Setting::Network,
        Setting::FeeTier,
        Setting::MaxFee,
        Setting::MaxFeePerDay,
        Setting::PollingInterval,
        Setting::Python,
        Setting::StateDir,
        Setting::HeartbeatFile,
        Setting::MetricsAddr,
        Setting::MetricsFile,
        Setting::LogFormat,
        Setting::LogLevel,
        Setting::LogFile,
        Setting::LogMaxBytes,
        Setting::LogRotateEvery,
        Setting::LogKeepDays,
    ];
}

/// Flags of a command that runs the model without a chain.
#[derive(Debug, Clone, Copy)]
pub struct Model;

impl Scope for Model {
    const SETTINGS: &'static [Setting] = &[
        Setting::BundleRoot,
        Setting::TopicId,
        Setting::Network,
        Setting::Python,
        Setting::LogFormat,
        Setting::LogLevel,
    ];
}

/// Flags of a command that looks at all that a worker needs, and runs none.
#[derive(Debug, Clone, Copy)]
pub struct Doctor;

impl Scope for Doctor {
    const SETTINGS: &'static [Setting] = &[
        Setting::BundleRoot,
        Setting::TopicId,
        Setting::Network,
        Setting::Python,
        Setting::StateDir,
        Setting::HeartbeatFile,
    ];
}

/// The argument of a command that looks at a bundle alone.
#[derive(Debug, Clone, Copy)]
pub struct Bundle;

impl Scope for Bundle {
    const SETTINGS: &'static [Setting] = &[Setting::BundleRoot];
}

/// Flags of a command that looks at a bundle and tries it.
#[derive(Debug, Clone, Copy)]
pub struct Check;

impl Scope for Check {
    const SETTINGS: &'static [Setting] = &[Setting::BundleRoot, Setting::Python];
}

/// Flags of a command that reads what a worker left on this machine.
#[derive(Debug, Clone, Copy)]
pub struct Local;

impl Scope for Local {
    const SETTINGS: &'static [Setting] = &[Setting::StateDir, Setting::HeartbeatFile];
}

/// Flags of a command that reads journals alone.
#[derive(Debug, Clone, Copy)]
pub struct Journal;

impl Scope for Journal {
    const SETTINGS: &'static [Setting] = &[Setting::StateDir];
}

/// Flags of a command that reads the heartbeat alone.
#[derive(Debug, Clone, Copy)]
pub struct Heartbeat;

impl Scope for Heartbeat {
    const SETTINGS: &'static [Setting] = &[Setting::HeartbeatFile];
}

/// The texts of the flags that were given. For clap: `#[command(flatten)] flags: Flags<Worker>`.
#[derive(Debug, Clone)]
pub struct Flags<S = Worker> {
    given: BTreeMap<Setting, String>,
    scope: PhantomData<S>,
}

impl<S> Flags<S> {
    /// The text of a flag, when it was given.
    pub(super) fn get(&self, setting: Setting) -> Option<&str> {
        self.given.get(&setting).map(String::as_str)
    }
}

impl<S> Default for Flags<S> {
    fn default() -> Self {
        Self { given: BTreeMap::new(), scope: PhantomData }
    }
}

impl<S: Scope> clap::Args for Flags<S> {
    fn augment_args(command: Command) -> Command {
        let rows = TABLE.iter().filter(|row| S::SETTINGS.contains(&row.setting));
        let command = command.args(rows.filter_map(arg));
        if S::SETTINGS.contains(&Setting::BundleRoot) { command } else { command.arg(no_bundle(S::SETTINGS)) }
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<S: Scope> clap::FromArgMatches for Flags<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for &setting in S::SETTINGS {
            if let Some(text) = matches.get_one::<String>(setting.row().env) {
                self.given.insert(setting, text.clone());
            }
        }
        Ok(())
    }
}

/// Values are read with those of the environment, so that all problems are told at once.
fn arg(row: &Row) -> Option<Arg> {
    let arg = Arg::new(row.env).help(help(row));
    match row.flag {
        Flag::None => None,
        Flag::Positional(name) => Some(arg.value_name(name)),
        Flag::Long(name, value) => Some(arg.long(name).value_name(value)),
    }
}

/// What people give to the commands that read what a worker left: refused with what they take instead.
fn no_bundle(settings: &'static [Setting]) -> Arg {
    let flags: Vec<_> = settings.iter().map(|setting| setting.row().flag.to_string()).collect();
    let flags = flags.join(" and ");
    let refusal = format!("no bundle is read here, but what its worker left: name that with {flags}");
    let refuse = move |_: &str| Err::<String, _>(refusal.clone());
    Arg::new("BUNDLE").hide(true).value_parser(refuse)
}

fn help(row: &Row) -> String {
    let mut help = format!("{} [env: {}]", row.doc, row.env);
    if let Some(key) = row.manifest {
        help.push_str(&format!(" [model.yaml: {key}]"));
    }
    if let Some(default) = row.default {
        help.push_str(&format!(" [default: {default}]"));
    }
    help.replace('`', "")
}
