//! One worker that has a chain nearby and the machine to itself.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::time::sleep;

use super::chain::{Chain, Seen};
use super::support::process::Memory;
use super::table::Score;
use super::worker::{Addresses, Client, Pythons, Worker};
use super::{Plan, delays, start_one, watch};

/// Windows after which the worker knows what gas is really used.
const GAS_IS_KNOWN: usize = 2;

/// What was seen of it.
#[derive(Debug)]
pub struct Alone {
    /// Opening to mempool.
    pub delays: Vec<Duration>,
    /// Start of its process to its first readiness.
    pub ready: Vec<Duration>,
    /// CPU time that its processes took for that.
    pub cpu_until_ready: Vec<Duration>,
    /// The same for a minute after that.
    pub cpu_a_minute: Duration,
    /// Of all its processes.
    pub memory: Memory,
    /// What it paid, as a multiple of the price of the gas that was used: the mean.
    pub overpaid: f64,
    /// Windows that it answered.
    pub score: Score,
}

impl Alone {
    /// Starts this worker several times, and watches it for some windows and a minute.
    pub async fn measure(plan: &Plan, chain: &Chain, pythons: &Pythons, client: Client) -> Result<Self> {
        let addresses = Addresses::of(chain);
        // The first start registers, which is not counted.
        let mut worker = start_one(client, chain, &addresses, pythons).await?;
        let (mut ready, mut cpu_until_ready) = (vec![], vec![]);
        for _ in 0..plan.starts {
            worker = worker.restarted(chain, &addresses, pythons)?;
            ready.push(worker.until_ready().await?);
            cpu_until_ready.push(worker.cpu()?);
        }
        let (nonces, seen) = watch(chain, client, plan.windows, "near").await?;
        let memory = worker.memory()?;
        let cpu_a_minute = a_minute(&worker, plan.watched).await?;
        let overpaid = overpaid(chain, &seen).await?;
        let mut score = Score::default();
        for nonce in nonces {
            score.add(chain.outcomes(nonce).await?[client.column()]);
        }
        Ok(Self { delays: delays(&seen), ready, cpu_until_ready, cpu_a_minute, memory, overpaid, score })
    }
}

/// CPU time of a minute, judged by this time.
async fn a_minute(worker: &Worker, watched: Duration) -> Result<Duration> {
    let (before, from) = (worker.cpu()?, Instant::now());
    sleep(watched).await;
    let minutes = from.elapsed().as_secs_f64() / 60.0;
    Ok((worker.cpu()? - before).div_f64(minutes))
}

/// What transactions paid, as a multiple of the price of the gas that they used: the mean.
async fn overpaid(chain: &Chain, seen: &[Seen]) -> Result<f64> {
    let known = seen.get(GAS_IS_KNOWN..).unwrap_or_default();
    ensure!(!known.is_empty(), "too few answers for a fee");
    let (mut sum, price) = (0.0, chain.gas_price().await?);
    for seen in known {
        sum += chain.overpaid(seen, price).await?;
    }
    Ok(sum / known.len() as f64)
}
