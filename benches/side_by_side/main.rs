//! This worker and that of `allora-sdk` for Python, on the same chain in the same windows:
//! `cargo bench --bench side_by_side [-- --quick]`.
//!
//! `ALLORA_SDK_PYTHON` names an interpreter that has `allora-sdk` 1.3.0, `ALLORA_PYTHON` that of the model. The chain
//! is a local one with blocks of a second, or a node: `REALCHAIN_RPC`, `REALCHAIN_TOPIC`, `REALCHAIN_MNEMONICS` (two
//! funded accounts, separated by a semicolon), `REALCHAIN_GRPC` (port 9090 of the same host by default), and
//! `REALCHAIN_STOP` and `REALCHAIN_START`, commands, for the rows with a restart. Prints a table in Markdown. Takes
//! some 20 minutes, or 4 with `--quick`, whose figures are good for nothing but to see that it works.
#![allow(clippy::print_stdout, clippy::print_stderr)] // the result, and how far it is

mod chain;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod worker;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;
use tokio::time::sleep;

use chain::{Chain, Seen};
use support::figures::percentile;
use support::process;
use support::proxy::Proxy;
use table::{Score, Table};
use worker::{Addresses, Client, Pythons, Worker};

/// A round trip to a node far away.
const FAR: Duration = Duration::from_millis(100);

/// Price of gas, in uallo: that of a local chain and of a localnet.
const PRICE: f64 = 1.0;

/// Windows after which the worker knows what gas is really used.
const GAS_IS_KNOWN: usize = 2;

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
        windows: 50,
        counted: 10,
        hanging: 2 * HANGS_IN,
        dead: 10,
        restarts: 2,
        starts: 5,
        watched: Duration::from_secs(60),
    };
    const QUICK: Self = Self {
        windows: 3,
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
    let chain = Chain::start("6", "5").await?;
    near(&plan, &chain, &pythons, &mut table).await?;
    far(&plan, &chain, &pythons, &mut table).await?;
    counted(&plan, &chain, &pythons, &mut table).await?;
    one_is_dead(&plan, &chain, &pythons, &mut table).await?;
    hanging(&plan, &chain, &pythons, &mut table).await?;
    drop(chain);
    let chain = Chain::start("12", "8").await?;
    restarted(&plan, &chain, &pythons, &mut table).await?;
    println!("{table}");
    Ok(())
}

/// Both workers, ready.
async fn start(chain: &Chain, addresses: &[Addresses; 2], pythons: &Pythons) -> Result<[Worker; 2]> {
    let start = |index: usize| Worker::start(Client::BOTH[index], chain, &addresses[index], pythons);
    let workers = [start(0)?, start(1)?];
    for worker in &workers {
        worker.until_ready().await?;
    }
    Ok(workers)
}

/// Some windows, and what both sent in them.
struct Watched {
    nonces: Vec<u64>,
    seen: [Vec<Seen>; 2],
}

/// What both send in the next windows.
async fn watch(chain: &Chain, windows: usize, what: &str) -> Result<Watched> {
    let mut openings = chain.openings().await?;
    let (mut nonces, mut all) = (vec![], [vec![], vec![]]);
    for window in 1..=windows {
        let opening = openings.next().await?;
        nonces.push(opening.nonce);
        for (all, seen) in all.iter_mut().zip(chain.answers_to(opening).await?) {
            all.extend(seen);
        }
        eprintln!("{what}: window {window} of {windows}");
    }
    Ok(Watched { nonces, seen: all })
}

/// How late the transactions of both were.
fn lateness(table: &mut Table, name: &str, seen: &[Vec<Seen>; 2]) -> [Duration; 2] {
    let delays = seen.each_ref().map(|seen| seen.iter().map(|seen| seen.after).collect::<Vec<_>>());
    let at = |percent: f64| delays.each_ref().map(|delays| percentile(delays, percent));
    table.times(format!("{name}, p50"), at(50.0));
    table.times(format!("{name}, p99"), at(99.0));
    at(50.0)
}

/// The node is near: times, memory, CPU, fees.
async fn near(plan: &Plan, chain: &Chain, pythons: &Pythons, table: &mut Table) -> Result<()> {
    let addresses = [Addresses::of(chain), Addresses::of(chain)];
    // The first start registers, which is not counted.
    let mut workers = start(chain, &addresses, pythons).await?;
    let (mut ready, mut begun) = ([vec![], vec![]], [vec![], vec![]]);
    for _ in 0..plan.starts {
        let mut again = vec![];
        for (index, worker) in workers.into_iter().enumerate() {
            let worker = worker.restarted(chain, &addresses[index], pythons)?;
            ready[index].push(worker.until_ready().await?);
            begun[index].push(worker.cpu()?);
            again.push(worker);
        }
        workers = again.try_into().map_err(|_| anyhow::anyhow!("two workers"))?;
    }
    let Watched { nonces, seen } = watch(chain, plan.windows, "near").await?;
    lateness(table, "opening to mempool", &seen);
    table.times("process start to first readiness, p50", ready.each_ref().map(|all| percentile(all, 50.0)));
    let memory = [workers[0].memory()?, workers[1].memory()?];
    table.figures("resident, all processes", "MiB", memory.map(|bytes| bytes as f64 / f64::from(1 << 20)));
    table.times("CPU until ready, p50", begun.each_ref().map(|all| percentile(all, 50.0)));

    let (before, from) = ([workers[0].cpu()?, workers[1].cpu()?], Instant::now());
    sleep(plan.watched).await;
    let minutes = from.elapsed().as_secs_f64() / 60.0;
    let used = [workers[0].cpu()? - before[0], workers[1].cpu()? - before[1]];
    table.times("CPU a minute, a window every six blocks", used.map(|used| used.div_f64(minutes)));

    let mut overpaid = [0.0; 2];
    for (overpaid, seen) in overpaid.iter_mut().zip(&seen) {
        let last = seen.get(GAS_IS_KNOWN..).and_then(<[_]>::last).context("too few answers for a fee")?;
        *overpaid = chain.overpaid(last, PRICE).await?;
    }
    table.figures("fee paid, of the price of the gas used", "x", overpaid);
    let mut scores = [Score::default(); 2];
    for nonce in nonces {
        chain.count(nonce, &mut scores).await?;
    }
    table.scores("plain", scores.map(Some));
    Ok(())
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

    fn requests(&self) -> u64 {
        self.rpc.traffic().requests + self.grpc.traffic().requests
    }

    fn bytes(&self) -> u64 {
        self.rpc.traffic().bytes + self.grpc.traffic().bytes
    }
}

/// The node is far away. The time that this adds tells how many round trips follow on each other.
async fn far(plan: &Plan, chain: &Chain, pythons: &Pythons, table: &mut Table) -> Result<()> {
    let proxies = Proxies::start(chain, FAR).await?;
    let _workers = start(chain, &[proxies.addresses(), proxies.addresses()], pythons).await?;
    let Watched { seen, .. } = watch(chain, plan.windows, "far").await?;
    let p50 = lateness(table, "the same with 100 ms on each round trip", &seen);
    // Half of one brings the news, and half of one the transaction.
    let trips = p50.map(|time| (time.as_secs_f64() / FAR.as_secs_f64()).floor() - 1.0);
    table.figures("round trips one after the other before the broadcast", "", trips);
    Ok(())
}

/// What a window costs the node.
async fn counted(plan: &Plan, chain: &Chain, pythons: &Pythons, table: &mut Table) -> Result<()> {
    let proxies =
        [Proxies::start(chain, Duration::ZERO).await?, Proxies::start(chain, Duration::ZERO).await?];
    let _workers = start(chain, &proxies.each_ref().map(Proxies::addresses), pythons).await?;
    // From one opening to another, after a first window with all that is new in it.
    let mut openings = chain.openings().await?;
    openings.next().await?;
    openings.next().await?;
    let before = proxies.each_ref().map(|proxies| (proxies.requests(), proxies.bytes()));
    for window in 1..=plan.counted {
        openings.next().await?;
        eprintln!("counted: window {window} of {}", plan.counted);
    }
    let after = proxies.each_ref().map(|proxies| (proxies.requests(), proxies.bytes()));
    let a_window = |total: u64| total as f64 / plan.counted as f64;
    let requests = [after[0].0 - before[0].0, after[1].0 - before[1].0];
    let bytes = [after[0].1 - before[0].1, after[1].1 - before[1].1];
    table.figures("requests a window", "", requests.map(a_window));
    table.figures("bytes a window, both ways", "kB", bytes.map(|bytes| a_window(bytes) / 1e3));
    Ok(())
}

/// The first of three addresses is dead. The SDK's worker has one address only.
async fn one_is_dead(plan: &Plan, chain: &Chain, pythons: &Pythons, table: &mut Table) -> Result<()> {
    // Bound and not listening any more: connections are refused.
    let dead = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let others = [Proxies::start(chain, Duration::ZERO).await?, Proxies::start(chain, Duration::ZERO).await?];
    let rpc = vec![format!("http://{dead}"), others[0].rpc.url(), others[1].rpc.url()];
    let addresses = Addresses { rpc, grpc: chain.grpc.clone() };
    let worker = Worker::start(Client::Bootstrap, chain, &addresses, pythons)?;
    worker.until_ready().await?;
    let [score, _] = score(chain, plan.dead, "one of three endpoints dead", async |_, _| Ok(())).await?;
    table.scores("one of three endpoints dead", [Some(score), None]);
    Ok(())
}

/// The model hangs in one window of ten.
async fn hanging(plan: &Plan, chain: &Chain, pythons: &Pythons, table: &mut Table) -> Result<()> {
    let workers = start(chain, &[Addresses::of(chain), Addresses::of(chain)], pythons).await?;
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
    let _workers = start(chain, &[Addresses::of(chain), Addresses::of(chain)], pythons).await?;
    let cases = chain.restarts().iter().flat_map(|kind| RESTARTS.map(|(offset, when)| (*kind, offset, when)));
    for (kind, offset, when) in cases {
        let mut scores = [Score::default(); 2];
        for _ in 0..plan.restarts {
            let nonce = chain.next_opening(3).await?;
            chain.until_height(nonce.saturating_add_signed(offset)).await?;
            chain.restart(kind).await?;
            chain.count(nonce, &mut scores).await?;
        }
        eprintln!("{kind} {when}: {scores:?}");
        table.scores(format!("{kind} of the node {when}"), scores.map(Some));
    }
    Ok(())
}
