//! The proof that no window is lost and none is paid for twice, whatever happens: a real `bootstrap run` works
//! against a real local chain, while a script that is drawn from a seed lets everything go wrong that can be made to
//! go wrong here, combined. Then the worker's journal is held against the chain.
//!
//! | word | means |
//! |---|---|
//! | lost | at least one endpoint was reachable and honest for the last two blocks of a window, the model answered, and the chain has no inference of ours |
//! | paid twice | more than one fee was taken for one nonce, unless the earlier transaction had failed in its block for a reason that the script made. A refused duplicate always counts |
//! | journal disagrees | state, transaction, value, height or fee of a finished round is not what the chain says. A height may be missing, where no node could tell it |
//!
//! **When a window can be asked for.** Everything is drawn in blocks, and blocks are made by hand: faster than the
//! worker can follow while nothing depends on it, so that it meets windows that are half over. The last two blocks of
//! a window whose answer is missing last ten seconds together, as on the public networks, or until the answer is in
//! the mempool. So the verdict does not depend on how busy the machine is. Whatever went wrong before the last two
//! blocks is no excuse: not a wallet without money, a registration or a place on the whitelist that was gone, nor a
//! fee cap below the price of gas. What excuses a window is that
//!
//! | for its last two blocks | why |
//! |---|---|
//! | no endpoint was honest, or one lied upwards about its height and no other could say so, at any time | nobody could be asked |
//! | the chain did not let the worker in, or gas cost more than it may | no answer could be taken |
//! | nothing could be written | nothing may leave that is not on disk |
//! | in the last one, no process ran | there was no worker |
//! | in the last one, the script made a waiting transaction invalid | no block was left for another |
//! | the model never answers, the limit of a day was near, or two fees were lost to what the script did | it is so by design |
//! | the worker left it to another machine, for at most three windows after that one's answer | so is that |
//!
//! Of those it is still asked that nothing is paid twice and that the journal agrees. The limit of a day is never
//! exceeded.
//!
//! **Another machine.** A window that another machine with the same key has answered is answered. What that machine
//! paid is not ours, what our worker pays for it is: its refused duplicate counts as paid twice, always. No excuse is
//! needed for two that crossed: all nodes here share one mempool, so of two transactions in one block the later one
//! had the earlier one's sequence before it, and its sender was told.
//!
//! **A journal that is lost or torn.** The life before counts as another machine in what the journal says, and as
//! ourselves in what is paid: two lives must not pay for one window either. How much the earlier life paid is not
//! asked of the later journal. Of a torn one that holds for the rounds only whose end is torn off.
//!
//! **What is drawn**, and combined:
//!
//! | promise | drawn |
//! |---|---|
//! | sequence | another program's transaction, a sequence used by nobody knows what, codes of CheckTx, lagging nodes, full mempools, transactions that leave the mempool again by a restart or a price |
//! | the same bytes again | requests and replies lost, half-open connections, look-ups that fail, nodes without an index |
//! | endpoints | one to three, and one under two names: refused, reset, HTML, garbage, 429, 5xx, late, behind, ahead, syncing, of another chain, without gRPC |
//! | events | websockets that are refused, silent, late, garbled, dropped, flooding, subscriptions that are refused |
//! | crashes | the worker killed, stopped, held still; a full disk; a journal lost and torn; two processes; another machine. The node restarted, killed, and killed in a block that it replays |
//! | fees | prices that jump, caps of a transaction and of a day, simulations that fail, a drained account |
//! | the chain | registered and whitelisted late, a topic inactive for a while, windows of 2 to 24 blocks, blocks of some milliseconds up to ten seconds, halts, an upgrade of emissions v9 to v10 |
//!
//! Not drawn, since tests of their own have them: every single failpoint, the capture of each answer, gas
//! that runs out in a block, the faucet, foreign and older journals, a halt of a minute.
//!
//! **Seeds.** A script depends on its seed alone, and a failure says the command that plays it again. A seed that
//! failed is kept in [`SEEDS`]. What is drawn otherwise since then is so for higher seeds only, so a seed keeps what
//! it had. Of the windows of fresh seeds about three in five are asked for, and the tally says what excuses the
//! others. A third of the windows at least is of fresh seeds, which are printed. `SIMULATION_WINDOWS` and
//! `SIMULATION_KILLS` say how many windows are drawn.
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
mod endpoints;
mod model;
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
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use script::{FRESH, Plot, Script, WINDOWS};
use tally::Tally;

/// The seed of a script that reaches the limit of a day.
const LIMITED: u64 = 1_000_000_008;

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
    (LIMITED, "nothing: it reaches the limit of a day"),
    (
        417_002_818,
        "bytes that had failed in a block for nothing came into another one, and were taken for somebody else's",
    ),
    (
        416_966_752,
        "a node forgot the answer in a window's last block, and the others were not given it again",
    ),
    (
        2_964_169_475,
        "off the whitelist for some blocks, a fee was lost in one of them, and the round ended for good",
    ),
    (
        2_420_105_332,
        "a height that was too high, and was contradicted a little later, was believed for ten seconds more",
    ),
    (
        2_349_322_051,
        "a window that opened before such a height was contradicted was taken for one that was over",
    ),
    (
        2_406_541_420,
        "a worker that was started asked only the one node that was behind whether the chain is its own",
    ),
    (2_039_888_274, "a node that was wrong about its height had two names, and so two votes"),
    (
        2_992_450_351,
        "a height that was too high outlived its cause, since the node's own events had contradicted it in vain",
    ),
    (
        2_921_976_177,
        "a worker that was started while the first node was wrong about its height was never ready",
    ),
    (
        2_415_616_736,
        "a node that was wrong about its height, and alone, had a transaction taken for dead that landed",
    ),
    (
        4_687_219_187,
        "a window was given up beside a node that was wrong about its height, when the other had just come back",
    ),
    (
        4_562_669_573,
        "a sequence was used in the last block but one of a long window, and who had used it was told a block later",
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

/// The scripts of one test, which make so many `windows`: of `fixed` seeds as many as two thirds of them take,
/// whichever these are, and fresh ones.
fn scripts(plot: Plot, fixed: &[(u64, &str)], windows: u64) -> Vec<Script> {
    if let Some(seed) = variable("SIMULATION_SEED") {
        return vec![Script::draw(plot, seed)];
    }
    let runs = usize::try_from(windows.div_ceil(WINDOWS.unsigned_abs())).unwrap();
    let fixed: Vec<u64> = fixed.iter().map(|(seed, _)| *seed).collect();
    let mut seeds = fastrand::choose_multiple(fixed, runs * 2 / 3);
    let fresh: Vec<u64> = iter::repeat_with(|| fastrand::u64(FRESH)).take(runs - seeds.len()).collect();
    eprintln!("fixed seeds: {seeds:?}\nfresh seeds: {fresh:?}");
    seeds.extend(fresh);
    seeds.into_iter().map(|seed| Script::draw(plot, seed)).collect()
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
                    let played = catch_unwind(|| verdict::judge(script, play::play(script)));
                    let mut results = results.lock().unwrap();
                    let Ok(verdict) = played else {
                        results.1 += &format!("{script}\n=== a panic, see above\n");
                        continue;
                    };
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
    let scripts = scripts(Plot::Troubles, SEEDS, variable("SIMULATION_WINDOWS").unwrap_or(120));
    let tally = play(&scripts);
    let is_limited = scripts.iter().any(|script| script.seed == LIMITED);
    assert!(tally.limited > 0 || !is_limited, "no script reached its limit: {tally}");
}

#[test]
fn killed_at_any_instant_the_same_window_is_answered_and_paid_for_once() {
    play(&scripts(Plot::Kills, &[], variable("SIMULATION_KILLS").unwrap_or(20)));
}
