//! The system-call filter: what neither Landlock nor the worker's own settings keep the model from.
//!
//! `prlimit` sets the limits of every process of the same user, and no limit of processor time is
//! survived: it is a signal by another name.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

/// The bit by which a program for x86-64 calls with pointers of 32 bits.
#[cfg(target_arch = "x86_64")]
const X32: i64 = 0x4000_0000;

/// No limits of other processes, for this thread and what it starts. A process changes its own limits
/// under the number 0, as the C library and Python's `setrlimit` do. False where this kernel has no
/// filters.
pub fn forbid_foreign_limits() -> bool {
    filter().is_ok_and(|program| seccompiler::apply_filter(&program).is_ok())
}

fn filter() -> Result<BpfProgram, seccompiler::BackendError> {
    // prlimit64(pid, resource, new limit, old limit): reading stays allowed.
    let of_another = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, 0)?;
    let to_be_set = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)?;
    let rules = vec![SeccompRule::new(vec![of_another, to_be_set])?];
    let calls = [
        libc::SYS_prlimit64,
        #[cfg(target_arch = "x86_64")]
        (X32 | libc::SYS_prlimit64),
    ];
    let refusal = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    let rules: BTreeMap<_, _> = calls.into_iter().map(|call| (call, rules.clone())).collect();
    SeccompFilter::new(rules, SeccompAction::Allow, refusal, architecture)?.try_into()
}
