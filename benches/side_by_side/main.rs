//! This worker and that of `allora-sdk` for Python, on the same chain in the same windows:
//! `cargo bench --bench side_by_side [-- --quick]`.
//!
//! `ALLORA_SDK_PYTHON` names an interpreter that has `allora-sdk` 1.3.0, `ALLORA_PYTHON` that of the model. The chain
//! is a local one with blocks of a second, or a node: `REALCHAIN_RPC`, `REALCHAIN_TOPIC`, `REALCHAIN_MNEMONICS` (two
//! funded accounts, separated by a semicolon), `REALCHAIN_GRPC` (port 9090 of the same host by default), and
//! `REALCHAIN_STOP` and `REALCHAIN_START`, commands, for the rows with a restart: the first finds `TERM` or `KILL` in
//! `REALCHAIN_SIGNAL`, the second may be the node itself. Prints a table in Markdown.
//! Takes some 25 minutes with epochs of six blocks of a second, or 6 with `--quick`, whose figures are good for nothing but
//! to see that it works.
#![allow(clippy::print_stdout, clippy::print_stderr)] // the result, and how far it is

mod alone;
mod chain;
#[path = "../../tests/support/payload.rs"]
mod payload;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod worker;

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;
use tokio::time::sleep;

use alone::Alone;
use chain::{Chain, Ending, Seen};
use support::figures::percentile;
use support::process::{self, Memory};
use support::proxy::{Proxy, Traffic};
use table::{Goal, Score, Table};
use worker::{Addresses, Client, Pythons, Worker};

/// A round trip to a node far away.
const FAR: Duration = Duration::from_millis(100);

/// Of so many windows, the model hangs in one.
const HANGS_IN: usize = 10;

/// By then a model has been asked for the window.
const ASKED: Duration = Duration::from_millis(500);

/// When the node restarts: blocks from the opening.
const RESTARTS: [(i64, &str); 3] =
    [(-1, "one block before the opening"), (0, "just after it"), (3, "three blocks after")];

/// How much is measured.
struct Plan {
    windows: usize,
    far: usize,
    counted: usize,
    hanging: usize,
    dead: usize,
    restarts: usize,
    starts: usize,
    /// While the CPU is watched.
    watched: Duration,
}

impl Plan {
    const FULL: Self = Self {
        windows: 40,
        far: 20,
        counted: 10,
        hanging: 2 * HANGS_IN,
        dead: 10,
        restarts: 2,
        starts: 5,
        watched: Duration::from_secs(60),
    };
    const QUICK: Self = Self {
        windows: 4,
        far: 2,
        counted: 2,
        hanging: 2,
        dead: 2,
        restarts: 1,
        starts: 1,
        watched: Duration::from_secs(10),
    };
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // Cargo passes `--bench`.
    let plan = if std::env::args().any(|argument| argument == "--quick") { Plan::QUICK } else { Plan::FULL };
    let sdk = std::env::var_os("ALLORA_SDK_PYTHON").context("ALLORA_SDK_PYTHON names no interpreter")?;
    let pythons = Pythons { model: process::python()?, sdk: sdk.into() };
    let mut table = Table::default();
    let measured = measure(&plan, &pythons, &mut table).await;
    // What was measured before something failed is worth its time.
    println!("{table}");
    measured
}

async fn measure(plan: &Plan, pythons: &Pythons, table: &mut Table) -> Result<()> {
    let chain = Chain::start("6", "5").await?;
    let delays = near(plan, &chain, pythons, table).await?;
    far(plan, &chain, pythons, &delays, table).await?;
    counted(plan, &chain, pythons, table).await?;
    one_is_dead(plan, &chain, pythons, table).await?;
    hanging(plan, &chain, pythons, table).await?;
    drop(chain);
    let chain = Chain::start("12", "8").await?;
    restarted(plan, &chain, pythons, table).await
}

/// One worker, ready.
async fn start_one(
    client: Client,
    chain: &Chain,
    addresses: &Addresses,
    pythons: &Pythons,
) -> Result<Worker> {
    let worker = Worker::start(client, chain, addresses, pythons)?;
    worker.until_ready().await?;
    Ok(worker)
}

/// Both workers, ready.
async fn start_both(chain: &Chain, pythons: &Pythons) -> Result<[Worker; 2]> {
    let start = |client| Worker::start(client, chain, &Addresses::of(chain), pythons);
    let workers = [start(Client::Bootstrap)?, start(Client::Sdk)?];
    for worker in &workers {
        worker.until_ready().await?;
    }
    Ok(workers)
}

/// Measures one worker after the other, so that each has chain and machine to itself.
async fn in_turn<T>(measure: impl AsyncFn(Client) -> Result<T>) -> Result<[T; 2]> {
    Ok([measure(Client::Bootstrap).await?, measure(Client::Sdk).await?])
}

/// Nonces of the next windows, and what this worker sent in them.
async fn watch(chain: &Chain, client: Client, windows: usize, what: &str) -> Result<(Vec<u64>, Vec<Seen>)> {
    let mut openings = chain.openings().await?;
    let (mut nonces, mut all) = (vec![], vec![]);
    for window in 1..=windows {
        let opening = openings.next().await?;
        nonces.push(opening.nonce);
        all.extend(chain.answer_to(opening, client).await?);
        eprintln!("{client:?}, {what}: window {window} of {windows}");
    }
    Ok((nonces, all))
}

/// At most so much.
fn most(most: f64) -> Goal {
    Goal { most: Some(most), times: None }
}

/// The SDK's is so many times more.
fn times(times: f64) -> Goal {
    Goal { most: None, times: Some(times) }
}

/// How late transactions were.
fn delays(seen: &[Seen]) -> Vec<Duration> {
    seen.iter().map(|seen| seen.after).collect()
}

/// The node is near: times, memory, CPU, fees. Gives how late both were.
async fn near(
    plan: &Plan,
    chain: &Chain,
    pythons: &Pythons,
    table: &mut Table,
) -> Result<[Vec<Duration>; 2]> {
    let alone = in_turn(async |client| Alone::measure(plan, chain, pythons, client).await).await?;
    let delays = alone.each_ref().map(|alone| alone.delays.clone());
    let near = Goal { most: Some(6.0), times: Some(6.0) };
    table.times("opening to mempool", near, delays.clone());
    let ready = alone.each_ref().map(|alone| alone.ready.clone());
    table.times("process start to first readiness", times(40.0), ready);
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let memory = |bytes: fn(&Memory) -> u64| alone.each_ref().map(|alone| mebibytes(bytes(&alone.memory)));
    table.figures("memory of all processes, PSS", "MiB", times(7.0), memory(|memory| memory.pss));
    table.figures("the same, RSS", "MiB", Goal::default(), memory(|memory| memory.rss));
    let cpu_until_ready = alone.each_ref().map(|alone| alone.cpu_until_ready.clone());
    table.times("CPU until ready", times(30.0), cpu_until_ready);
    let a_minute = alone.each_ref().map(|alone| alone.cpu_a_minute.as_secs_f64() * 1e3);
    let often = format!("CPU a minute, a window every {} blocks", chain.epoch_length());
    table.figures(often, "ms", times(5.0), a_minute);
    let overpaid = alone.each_ref().map(|alone| alone.overpaid);
    table.figures("fee paid, of the price of the gas used", "x", most(1.15), overpaid);
    table.scores("plain", alone.map(|alone| Some(alone.score)));
    Ok(delays)
}

/// Proxies before both doors of the node.
struct Proxies {
    rpc: Proxy,
    grpc: Proxy,
}

impl Proxies {
    async fn start(chain: &Chain, round_trip: Duration) -> Result<Self> {
        Ok(Self {
            rpc: Proxy::start(chain.address()?, round_trip).await?,
            grpc: Proxy::start(&chain.grpc, round_trip).await?,
        })
    }

    fn addresses(&self) -> Addresses {
        Addresses { rpc: vec![self.rpc.url()], grpc: self.grpc.address().to_string() }
    }

    fn traffic(&self) -> Traffic {
        self.rpc.traffic() + self.grpc.traffic()
    }
}

/// The node is far away. The time that this adds tells how many round trips follow on each other.
async fn far(
    plan: &Plan,
    chain: &Chain,
    pythons: &Pythons,
    near: &[Vec<Duration>; 2],
    table: &mut Table,
) -> Result<()> {
    let far = in_turn(async |client| {
        let proxies = Proxies::start(chain, FAR).await?;
        let _worker = start_one(client, chain, &proxies.addresses(), pythons).await?;
        let (_, seen) = watch(chain, client, plan.far, "far").await?;
        Ok(delays(&seen))
    });
    let far = far.await?;
    let median = |column: usize, times: &[Vec<Duration>; 2]| percentile(&times[column], 50.0).as_secs_f64();
    let added = Client::BOTH.map(Client::column).map(|column| median(column, &far) - median(column, near));
    // Half of one brings the news, and half of one the transaction.
    let trips = added.map(|seconds| (seconds / FAR.as_secs_f64()).round() - 1.0);
    // Two round trips, and 15 ms.
    table.times("the same with 100 ms on each round trip", most(215.0), far);
    table.figures("round trips one after the other before the broadcast", "", most(1.0), trips);
    Ok(())
}

/// What a window costs the node.
async fn counted(plan: &Plan, chain: &Chain, pythons: &Pythons, table: &mut Table) -> Result<()> {
    let counted = in_turn(async |client| {
        let proxies = Proxies::start(chain, Duration::ZERO).await?;
        let _worker = start_one(client, chain, &proxies.addresses(), pythons).await?;
        // From one opening to another, after a first window with all that is new in it.
        let mut openings = chain.openings().await?;
        openings.next().await?;
        openings.next().await?;
        let before = proxies.traffic();
        for window in 1..=plan.counted {
            openings.next().await?;
            eprintln!("{client:?}, counted: window {window} of {}", plan.counted);
        }
        Ok(proxies.traffic() - before)
    });
    let counted = counted.await?;
    let a_window = |count: fn(&Traffic) -> u64| {
        counted.each_ref().map(|traffic| count(traffic) as f64 / plan.counted as f64)
    };
    let kilobytes = |bytes: f64| bytes / 1e3;
    table.figures("requests a window", "", most(4.0), a_window(|traffic| traffic.requests));
    let bytes = a_window(|traffic| traffic.bytes).map(kilobytes);
    table.figures("bytes a window, both ways", "kB", Goal::default(), bytes);
    let events = a_window(|traffic| traffic.events).map(kilobytes);
    table.figures("of these, events", "kB", Goal::default(), events);
    Ok(())
}

/// The first of three addresses is dead. The SDK's worker has one address only.
async fn one_is_dead(plan: &Plan, chain: &Chain, pythons: &Pythons, table: &mut Table) -> Result<()> {
    // Bound and not listening any more: connections are refused.
    let dead = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let others = [Proxies::start(chain, Duration::ZERO).await?, Proxies::start(chain, Duration::ZERO).await?];
    let rpc = vec![format!("http://{dead}"), others[0].rpc.url(), others[1].rpc.url()];
    let addresses = Addresses { rpc, grpc: chain.grpc.clone() };
    let _worker = start_one(Client::Bootstrap, chain, &addresses, pythons).await?;
    let [score, _] = score(chain, plan.dead, "one of three endpoints dead", async |_, _| Ok(())).await?;
    table.scores("one of three endpoints dead", [Some(score), None]);
    Ok(())
}

/// The model hangs in one window of ten.
async fn hanging(plan: &Plan, chain: &Chain, pythons: &Pythons, table: &mut Table) -> Result<()> {
    let workers = start_both(chain, pythons).await?;
    let scores = score(chain, plan.hanging, "a model that hangs", async |window, nonce| {
        // The second of each ten, so that a short run has one too.
        if window % HANGS_IN != 1 {
            return Ok(());
        }
        workers.iter().try_for_each(|worker| worker.set_hanging(true))?;
        chain.until_height(nonce).await?;
        sleep(ASKED).await;
        // Who asks again is answered.
        workers.iter().try_for_each(|worker| worker.set_hanging(false))
    });
    let scores = scores.await?;
    table.scores("a model that hangs once in ten", scores.map(Some));
    Ok(())
}

/// The windows that both answer, of the next ones. `before` is called before each, with its index and nonce.
async fn score(
    chain: &Chain,
    windows: usize,
    what: &str,
    before: impl AsyncFn(usize, u64) -> Result<()>,
) -> Result<[Score; 2]> {
    let mut scores = [Score::default(); 2];
    for window in 0..windows {
        let nonce = chain.next_opening(1).await?;
        before(window, nonce).await?;
        chain.count(nonce, &mut scores).await?;
        eprintln!("{what}: window {} of {windows}", window + 1);
    }
    Ok(scores)
}

/// The node restarts about an opening.
async fn restarted(plan: &Plan, chain: &Chain, pythons: &Pythons, table: &mut Table) -> Result<()> {
    if !chain.can_restart() {
        eprintln!("no rows with a restart: no REALCHAIN_STOP and REALCHAIN_START");
        return Ok(());
    }
    let _workers = start_both(chain, pythons).await?;
    let endings = [(Ending::InOrder, "stopped in order"), (Ending::Killed, "killed")];
    let cases = endings.into_iter().flat_map(|ending| RESTARTS.map(|(offset, when)| (ending, offset, when)));
    for ((ending, how), offset, when) in cases {
        let mut scores = [Score::default(); 2];
        for _ in 0..plan.restarts {
            let nonce = chain.next_opening(3).await?;
            chain.until_height(nonce.saturating_add_signed(offset)).await?;
            chain.restart(ending).await?;
            chain.count(nonce, &mut scores).await?;
        }
        eprintln!("the node {how} {when}: {scores:?}");
        table.scores(format!("the node {how} {when}"), scores.map(Some));
    }
    Ok(())
}
