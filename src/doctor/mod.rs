//! Everything that a first window needs, looked at before it opens, with the fix of what is wrong.
//!
//! Looks only: it takes no lock, writes nothing that stays, sends no transaction, and may run beside a worker.
//!
//! | file | noun |
//! |---|---|
//! | `check` | one thing that was looked at, and the verdict |
//! | `bundle` | the bundle and its interpreter |
//! | `packages` | what the bundle's requirements name |
//! | `machine` | what the worker keeps on this machine: key, state folder, heartbeat, walls |
//! | `nodes` | endpoints, chain, clock |
//! | `account` | what the chain says of the wallet and the topic |

mod account;
mod bundle;
mod check;
mod machine;
mod nodes;
mod packages;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::bundle::Manifest;
use crate::chain::networks::Remote;
use crate::settings::{Origin, Problems, Setting, Settings};
use crate::wallet::Address;
pub use check::{Check, Status, Subject};

/// What can be looked at only where the chain is known.
const OF_THE_CHAIN: [Subject; 8] = [
    Subject::Endpoint,
    Subject::ChainId,
    Subject::Synced,
    Subject::Clock,
    Subject::Balance,
    Subject::Registration,
    Subject::Whitelist,
    Subject::Topic,
];

/// How long this machine's files, and the interpreter, may take.
const LOCAL_LIMIT: Duration = Duration::from_secs(20);

/// What is to be looked at.
#[derive(Debug)]
pub struct Case {
    /// Folder of the bundle, as it was given.
    pub bundle_root: PathBuf,
    /// Its manifest, unless it cannot be used.
    pub manifest: Option<Manifest>,
    /// The settings, as a worker would have them.
    pub settings: Settings,
}

impl Case {
    /// Whether only the bundle, which cannot be read, may say which network is meant.
    fn lacks_network(&self) -> bool {
        self.manifest.is_none() && self.settings.origin(Setting::Network) == Origin::Default
    }
}

/// What was found: every subject once, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    checks: Vec<Check>,
}

/// Whether a window can be answered, and what is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing failed.
    Ok,
    /// Nothing failed but the nodes: they do not answer, or from an old state.
    NoEndpoint,
    /// Something failed.
    Failed,
    /// Nothing could be looked at: a setting cannot be read.
    Settings,
}

impl Diagnosis {
    fn of(mut checks: Vec<Check>) -> Self {
        checks.sort_by_key(|check| check.name);
        Self { checks }
    }

    /// Of settings that cannot be read: nothing else can be looked at before.
    #[must_use]
    pub fn of_wrong_settings(problems: &Problems) -> Self {
        const FIX: &str = "`bootstrap run --help` says what it takes";
        let wrong = problems.0.iter().map(|problem| {
            Subject::Settings.failed(&problem.message, problem.fix.clone().unwrap_or_else(|| FIX.to_owned()))
        });
        let others = bundle::SUBJECTS.into_iter().chain([Subject::Key]).chain(machine::SUBJECTS);
        let waiting = others.chain(OF_THE_CHAIN).map(|subject| subject.awaits(Subject::Settings));
        Self::of(wrong.chain(waiting).collect())
    }

    /// Every check, in order.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// Whether a window can be answered.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let mut failed = self.checks.iter().filter(|check| check.status == Status::Failed).peekable();
        if failed.peek().is_none() {
            Verdict::Ok
        } else if self.checks.iter().any(|check| check.name == Subject::Settings) {
            Verdict::Settings
        } else if failed.all(|check| matches!(check.name, Subject::Endpoint | Subject::Synced)) {
            Verdict::NoEndpoint
        } else {
            Verdict::Failed
        }
    }
}

/// Looks at everything, at most for some seconds, whatever hangs. To be called within a runtime.
pub async fn examine(case: Case) -> Diagnosis {
    let case = Arc::new(case);
    let ((mut checks, address), of_the_chain) = tokio::join!(local(&case), async {
        match network(&case) {
            Ok(remote) => Ok((nodes::survey(&remote).await, remote)),
            Err(skipped) => Err(skipped),
        }
    });
    match of_the_chain {
        Ok((nodes, remote)) => {
            checks.extend(nodes.checks);
            checks.extend(account::look(&case, &remote, address, nodes.client).await);
        }
        Err(skipped) => checks.extend(skipped),
    }
    Diagnosis::of(checks)
}

/// What can be looked at without a chain, and the wallet's address.
async fn local(case: &Arc<Case>) -> (Vec<Check>, Option<Address>) {
    let (bundle, key, machine) =
        tokio::join!(limited(case, bundle::look), limited(case, machine::key), limited(case, machine::look));
    let hangs = |subject: &Subject| {
        let seconds = LOCAL_LIMIT.as_secs();
        subject.failed(
            format_args!("it could not be looked at within {seconds} s"),
            "look at the disks that hold bundle, key, state folder and heartbeat",
        )
    };
    let mut checks = bundle.unwrap_or_else(|| bundle::SUBJECTS.iter().map(hangs).collect());
    checks.extend(machine.unwrap_or_else(|| machine::SUBJECTS.iter().map(hangs).collect()));
    let (check, address) = key.unwrap_or_else(|| (hangs(&Subject::Key), None));
    checks.push(check);
    (checks, address)
}

/// What `look` finds, in a thread that may hang; `None` when it does.
async fn limited<T: Send + 'static>(
    case: &Arc<Case>,
    look: impl FnOnce(&Case) -> T + Send + 'static,
) -> Option<T> {
    let case = Arc::clone(case);
    let looked = tokio::task::spawn_blocking(move || look(&case));
    tokio::time::timeout(LOCAL_LIMIT, looked).await.ok()?.ok()
}

/// How the chain is reached; otherwise the checks that cannot be made for want of it.
fn network(case: &Case) -> Result<Remote, Vec<Check>> {
    if case.lacks_network() {
        return Err(OF_THE_CHAIN.map(|subject| subject.awaits(Subject::Bundle)).into());
    }
    Remote::of(&case.settings.network, case.settings.chain_id.as_deref()).ok_or_else(|| {
        let why = "`run` starts this chain inside itself: there is nothing to look at before";
        OF_THE_CHAIN.map(|subject| subject.skipped(why)).into()
    })
}
