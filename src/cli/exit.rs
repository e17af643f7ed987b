//! Exit codes: part of the contract with scripts, probes and schedulers.

use std::process::ExitCode;

/// How a command ended. The numbers follow `sysexits.h` where it has a fitting one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or asked to stop and stopped in order.
    Done = 0,
    /// The answer is no: a probe, a check, a doctor, a model that fails in `predict`.
    No = 1,
    /// The command line is wrong.
    Usage = 64,
    /// The bundle is wrong, or no interpreter fits it.
    BadBundle = 65,
    /// The bundle is not there.
    NoBundle = 66,
    /// No usable chain endpoint (`run --once`, `doctor`).
    NoEndpoint = 69,
    /// A fault of this program.
    Internal = 70,
    /// `run --once`: nothing was submitted this time; trying later makes sense.
    TryLater = 75,
    /// `run --once`: the chain does not let this wallet submit.
    NotPermitted = 77,
    /// Settings or key are wrong, or the wallet is in use by another process.
    Config = 78,
    /// Stopped by force: a second SIGINT.
    Interrupted = 130,
    /// Stopped by force: a second SIGTERM.
    Terminated = 143,
}

impl Exit {
    /// Every code, in order, with the sentence that the reference page prints.
    pub const ALL: [(Self, &'static str); 12] = [
        (Self::Done, "done, or asked to stop and stopped in order"),
        (
            Self::No,
            "the answer is no: `probe`, `check`, `doctor`, a model that fails in `predict`, a failed `install` or `image build`",
        ),
        (Self::Usage, "the command line is wrong"),
        (Self::BadBundle, "the bundle is wrong, or no interpreter fits it"),
        (Self::NoBundle, "the bundle is not there"),
        (Self::NoEndpoint, "no usable chain endpoint (`run --once`, `doctor`)"),
        (Self::Internal, "a fault of this program"),
        (Self::TryLater, "`run --once`: nothing submitted this time, trying later makes sense"),
        (Self::NotPermitted, "`run --once`: the chain does not let this wallet submit"),
        (Self::Config, "settings or key wrong, or the wallet is in use"),
        (Self::Interrupted, "stopped by force, by a second SIGINT"),
        (Self::Terminated, "stopped by force, by a second SIGTERM"),
    ];

    /// The number that the process ends with.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
