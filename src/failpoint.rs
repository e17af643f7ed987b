//! Points at which a test lets the process die, as by SIGKILL, hang, as on a disk that does not answer, or panic. A release
//! build has none of this.

use std::fmt;

/// What the process is about to do, is doing, or has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The journal takes up a window.
    Begin,
    /// The journal notes a failure of the model.
    Failed,
    /// The journal notes a prediction.
    Predicted,
    /// The journal takes signed bytes.
    Prepare,
    /// The journal notes that bytes are about to leave.
    Broadcasting,
    /// The journal notes that a transaction is in a block.
    Included,
    /// The journal notes that the nodes refused a transaction.
    Rejected,
    /// The journal gives a transaction up.
    Dead,
    /// The journal ends a round.
    Finish,
    /// A transaction is simulated.
    Simulate,
    /// Bytes are sent to the endpoints.
    Broadcast,
    /// A transaction is looked for in the blocks.
    Locate,
    /// A small file that others read is replaced: heartbeat or metrics.
    Replace,
}

/// When in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Nothing is done yet.
    Before,
    /// Everything is written, and nothing is committed. Only the journal's steps have it.
    Uncommitted,
    /// All is done, and nobody was told.
    After,
}

impl Step {
    /// The journal's, which have a moment more than the others.
    pub const OF_JOURNAL: [Self; 9] = [
        Self::Begin,
        Self::Failed,
        Self::Predicted,
        Self::Prepare,
        Self::Broadcasting,
        Self::Included,
        Self::Rejected,
        Self::Dead,
        Self::Finish,
    ];
    /// The others.
    pub const OTHERS: [Self; 4] = [Self::Simulate, Self::Broadcast, Self::Locate, Self::Replace];
}

/// A moment of a step: `Prepare.Uncommitted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failpoint(pub Step, pub Moment);

impl Failpoint {
    /// The environment variable that names the one at which the process dies.
    pub const VARIABLE: &str = "BOOTSTRAP_FAILPOINT";
    /// The one that names points at which the thread that comes to one hangs, separated by blanks: at the first of
    /// them, and once that was reached, at the others too.
    pub const HANGS: &str = "BOOTSTRAP_HANGPOINT";

    /// The one that names the point at which the thread that comes to it panics.
    pub const PANICS: &str = "BOOTSTRAP_PANICPOINT";

    /// Every one that there is.
    pub fn all() -> impl Iterator<Item = Self> {
        let at =
            |step, moments: &[Moment]| moments.iter().map(|moment| Self(step, *moment)).collect::<Vec<_>>();
        let journal =
            Step::OF_JOURNAL.map(|step| at(step, &[Moment::Before, Moment::Uncommitted, Moment::After]));
        let others = Step::OTHERS.map(|step| at(step, &[Moment::Before, Moment::After]));
        journal.into_iter().chain(others).flatten()
    }
}

impl fmt::Display for Failpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}.{:?}", self.0, self.1)
    }
}

/// The process has come to this point, and dies or hangs here when a test wants it to.
#[cfg(debug_assertions)]
pub fn reach(step: Step, moment: Moment) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering};

    use nix::sys::signal::{Signal, raise};

    static WANTED: OnceLock<[Vec<String>; 3]> = OnceLock::new();
    static IS_HUNG: AtomicBool = AtomicBool::new(false);
    let points = |name| std::env::var(name).unwrap_or_default().split(' ').map(str::to_owned).collect();
    let names = [Failpoint::VARIABLE, Failpoint::HANGS, Failpoint::PANICS];
    let [dies, hangs, panics] = WANTED.get_or_init(|| names.map(points));
    let here = Failpoint(step, moment).to_string();
    if dies.contains(&here) {
        // Nothing can be done about a signal that cannot be raised.
        let _ = raise(Signal::SIGKILL);
    }
    assert!(!panics.contains(&here), "a test wants a panic at {here}");
    if hangs.first() == Some(&here) {
        IS_HUNG.store(true, Ordering::Relaxed);
    }
    while IS_HUNG.load(Ordering::Relaxed) && hangs.contains(&here) {
        std::thread::park();
    }
}

/// Does nothing.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub const fn reach(_: Step, _: Moment) {}
