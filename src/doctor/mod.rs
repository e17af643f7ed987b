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
//! | `outlets` | where the worker tells of itself: log file, alerts, metrics |
//! | `nodes` | endpoints, chain, clock |
//! | `account` | what the chain says of the wallet and the topic |

mod account;
mod bundle;
mod check;
mod machine;
mod nodes;
mod outlets;
mod packages;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

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

/// What helps where the system gives no thread.
const MORE_THREADS: &str = "let this user start more threads: `ulimit -u`";

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
        let wrong =
            problems.0.iter().map(|problem| Subject::Settings.failed(&problem.message, &*problem.fix));
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
            let of_account = account::look(&case, &remote, address, nodes.client).await;
            checks.extend(of_account.checks);
            if let Some(state_dir) = of_account.state_dir {
                // What the folder itself is like is known before, and comes first.
                let is_usable = |check: &Check| check.name == Subject::StateDir && check.status == Status::Ok;
                checks
                    .iter_mut()
                    .filter(|check| is_usable(check))
                    .for_each(|check| *check = state_dir.clone());
            }
        }
        Err(skipped) => checks.extend(skipped),
    }
    Diagnosis::of(checks)
}

/// What can be looked at without a chain, and the wallet's address.
async fn local(case: &Arc<Case>) -> (Vec<Check>, Option<Address>) {
    let (bundle, key, machine, outlets) = tokio::join!(
        limited(case, bundle::look),
        limited(case, machine::key),
        limited(case, machine::look),
        limited(case, outlets::look)
    );
    let unlooked = |subjects: &[Subject], why: &Unlooked| -> Vec<Check> {
        subjects.iter().map(|subject| subject.failed(why, why.hint())).collect()
    };
    let mut checks = bundle.unwrap_or_else(|why| unlooked(&bundle::SUBJECTS, &why));
    checks.extend(machine.unwrap_or_else(|why| unlooked(&machine::SUBJECTS, &why)));
    checks.extend(outlets.unwrap_or_else(|why| unlooked(&outlets::subjects(&case.settings), &why)));
    let (check, address) = key.unwrap_or_else(|why| (Subject::Key.failed(&why, why.hint()), None));
    checks.push(check);
    (checks, address)
}

/// Why something on this machine could not be looked at.
#[derive(Debug, thiserror::Error)]
enum Unlooked {
    #[error("it could not be looked at within {} s", LOCAL_LIMIT.as_secs())]
    Hangs,
    #[error("the system gives no thread to look at it: {0}")]
    NoThread(io::Error),
}

impl Unlooked {
    const fn hint(&self) -> &'static str {
        match self {
            Self::Hangs => {
                "look at the disks that hold bundle, key, state folder, heartbeat, log and metrics"
            }
            Self::NoThread(_) => MORE_THREADS,
        }
    }
}

/// What `look` finds, in a thread that may hang.
async fn limited<T: Send + 'static>(
    case: &Arc<Case>,
    look: impl FnOnce(&Case) -> T + Send + 'static,
) -> Result<T, Unlooked> {
    let case = Arc::clone(case);
    let (found, finding) = oneshot::channel();
    // Not of the runtime's threads: it panics where the system gives none.
    let work = move || drop(found.send(look(&case)));
    let thread = std::thread::Builder::new().name("look".into()).spawn(work).map_err(Unlooked::NoThread)?;
    match tokio::time::timeout(LOCAL_LIMIT, finding).await {
        Ok(Ok(found)) => Ok(found),
        // A panic is no verdict on this machine.
        Ok(Err(_)) => {
            thread.join().map_or_else(|panic| std::panic::resume_unwind(panic), |()| Err(Unlooked::Hangs))
        }
        Err(_) => Err(Unlooked::Hangs),
    }
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
