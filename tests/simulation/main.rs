//! The proof that no window is lost and none is paid for twice, whatever happens: a real `bootstrap run` works against a
//! real local chain, while a script that is drawn from a seed lets everything go wrong that can be made to go wrong
//! here, combined. Then the worker's journal is held against the chain.
//!
//! | word | means |
//! |---|---|
//! | lost | at least one endpoint was reachable and honest for the last two blocks of a window, the model answered, and the chain has no inference of ours |
//! | paid twice | more than one fee was taken for one nonce, unless the earlier transaction had failed in its block for a reason that the script made. A refused duplicate always counts |
//! | journal disagrees | state, transaction, value, height or fee of a finished round is not what the chain says. A height may be missing, where no node could tell it |
//!
//! **When a window can be asked for.** Everything is drawn in blocks, and blocks are made by hand: faster than the worker
//! can follow while nothing depends on it, so that it meets windows that are half over. The last two blocks of a window
//! whose answer is missing last ten seconds together, as on the public networks, or until the answer is in the mempool.
//! So the verdict does not depend on how busy the machine is. A window is not asked for where the chain did not let the
//! worker in (no funds, not registered, not on the whitelist) at any time while it was open, where no process of the worker
//! ran in its last block, where the model never answers, and where the script itself made a waiting transaction invalid
//! within the last two blocks. Nor where the fee cap was below the price of gas at any time while it was open, or where the
//! worker left it to another machine, for at most three windows after that one's answer, nor where nothing could be
//! written within the last two blocks, nor where another transaction might have exceeded the day's limit. That limit is
//! never exceeded. Of those it is still asked that nothing is paid twice and that the journal agrees.
//!
//! **Another machine.** A window that another machine with the same key has answered is answered. What that machine paid is
//! not ours, what our worker pays for it is: its refused duplicate counts as paid twice, always. No excuse is needed for
//! two that crossed: all nodes here share one mempool, so of two transactions in one block the later one had the earlier
//! one's sequence before it, and its sender was told.
//!
//! **A lost journal.** The life before counts as another machine in what the journal says, and as ourselves in what is
//! paid: two lives must not pay for one window either. How much the earlier life paid is not asked of the later journal.
//!
//! **Seeds.** A script depends on its seed alone: `SIMULATION_SEED=N cargo test --test simulation` plays it again. A seed
//! that failed is kept in [`SEEDS`]. Kinds of trouble that are added are drawn after all older ones, so an old seed keeps
//! what it had, and gets something on top. `SIMULATION_WINDOWS` and `SIMULATION_KILLS` say how many windows are drawn.
//!
//! **That it can fail** was seen by breaking the client on purpose, and reading the tally of the windows given:
//!
//! | broken | seen |
//! |---|---|
//! | after an unknown broadcast another transaction is signed at once, with the next sequence, and the journal lets it | of 175 windows 2 paid twice, 1 lost, 2 without an end |
//! | a round ends at the first refusal that another try would mend | of 111 windows 1 lost |
//! | the journal notes the fee that was offered, not what the chain took | of 66 windows the journal disagrees in 59 |
//! | after a restart the journal's live transactions are forgotten | of 65 windows with a kill 21 without an end |
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do
#![allow(clippy::print_stderr)] // the tally, for who asks for it

#[path = "../support/bench.rs"]
mod bench;
#[path = "../support/payload.rs"]
mod payload;
mod play;
mod record;
mod script;
mod stage;
mod tally;
mod trouble;
mod verdict;

use std::iter;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use script::{Plot, Script, WINDOWS};
use tally::Tally;

/// Seeds that found a fault once.
const SEEDS: &[(u64, &str)] = &[
    (
        93_955_581,
        "one of three nodes was catching up, and its old sequence was believed all through the window",
    ),
    (791_402_304, "a node that said nothing of an old transaction kept the worker from the next window"),
    (454_494_958, "the chain was upgraded while a transaction with the old messages was on its way"),
    (696_279_834, "no node could say that another machine had answered, and its window was paid for again"),
    (46_011_250, "a transaction waited for one that was never taken, and died with it"),
    (89_286_191, "a node whose every answer was an internal error was asked again and again, and no other"),
    (10_895_408, "a node some quick blocks behind a halted chain was taken for a fresh one"),
    (794_996_171, "that another program had used a sequence was proven a block later than it could be"),
    (
        323_304_968,
        "a node that was some quick blocks behind hid a window of two blocks from a worker that was started in it",
    ),
    (1_000_000_008, "nothing: it reaches the limit of a day"),
    (
        417_002_818,
        "bytes that had failed in a block for nothing came into another one, and were taken for somebody else's",
    ),
    (
        416_966_752,
        "a node forgot the answer in a window's last block, and the others were not given it again",
    ),
];

/// Workers and chains at a time: they wait more than they compute.
const LANES_PER_CORE: usize = 3;
/// No more of them on any machine: each has about 20 threads and processes.
const MOST_LANES: usize = 12;

/// A number of the environment.
fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// The scripts of one test: those of `fixed` seeds, and as many fresh ones as make `windows`.
fn scripts(plot: Plot, fixed: &[(u64, &str)], windows: u64) -> Vec<Script> {
    if let Some(seed) = variable("SIMULATION_SEED") {
        return vec![Script::draw(plot, seed)];
    }
    let runs = windows.div_ceil(WINDOWS.unsigned_abs());
    let fresh = iter::repeat_with(|| fastrand::u64(0..2_000_000_000));
    let seeds = fixed.iter().map(|(seed, _)| *seed).chain(fresh);
    seeds.take(runs.try_into().unwrap()).map(|seed| Script::draw(plot, seed)).collect()
}

/// Plays every script, some at a time, and fails with all that is to be said of those that went wrong. Gives what they
/// came to.
fn play(scripts: &[Script]) -> Tally {
    // Each test has the machine for itself.
    static STAGE: Mutex<()> = Mutex::new(());
    let _alone = STAGE.lock().unwrap_or_else(PoisonError::into_inner);

    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, results) = (AtomicUsize::new(0), Mutex::new((Tally::default(), String::new())));
    std::thread::scope(|scope| {
        for _ in 0..(cores * LANES_PER_CORE).min(MOST_LANES).min(scripts.len()) {
            scope.spawn(|| {
                while let Some(script) = scripts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = verdict::judge(script, play::play(script));
                    let mut results = results.lock().unwrap();
                    results.0.add(script, &verdict);
                    if !verdict.findings.is_empty() {
                        results.1 += &verdict.report(script);
                    }
                }
            });
        }
    });
    let (tally, wrong) = results.into_inner().unwrap();
    eprintln!("{tally}");
    assert!(wrong.is_empty(), "{wrong}\n{tally}");
    tally
}

#[test]
fn no_window_is_lost_and_none_is_paid_for_twice() {
    let tally = play(&scripts(Plot::Troubles, SEEDS, variable("SIMULATION_WINDOWS").unwrap_or(240)));
    assert!(
        tally.limited > 0 || variable("SIMULATION_SEED").is_some(),
        "no script reached its limit: {tally}"
    );
}

#[test]
fn killed_at_any_instant_the_same_window_is_answered_and_paid_for_once() {
    play(&scripts(Plot::Kills, &[], variable("SIMULATION_KILLS").unwrap_or(20)));
}
