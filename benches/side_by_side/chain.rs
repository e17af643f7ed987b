//! The chain under both workers: a local one, or that of the environment, and what a node shows of it.

use std::env;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bootstrap::chain::messages::feemarket::GasPriceRequest;
use bootstrap::chain::messages::query::GetTopicRequest;
use bootstrap::chain::messages::{EmissionsVersion, Query, Topic};
use bootstrap::chain::tx::{DENOM, TxHash};
use bootstrap::wallet::Wallet;
use cosmrs::proto::cosmos::tx::v1beta1::Tx;
use prost::Message as _;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::sleep;

use super::payload::Payload;
use super::support::devnet::Devnet;
use super::support::openings::{Opening, Openings};
use super::table::Score;
use super::worker::Client;

/// An answer that has not come by then is none.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// Blocks after a window in which a payload for it may still cost something.
const LATE: u64 = 3;

/// No block takes longer.
const LONG_BLOCK: Duration = Duration::from_secs(10);

/// How long a height or an answer of the node is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// A chain and two accounts on it.
#[derive(Debug)]
pub struct Chain {
    /// Its name.
    pub chain_id: String,
    /// URL of JSON-RPC.
    pub rpc: String,
    /// `host:port` of gRPC.
    pub grpc: String,
    /// Which windows are answered.
    pub topic_id: u64,
    /// One for each worker.
    pub mnemonics: [String; 2],
    addresses: [String; 2],
    topic: Topic,
    http: reqwest::Client,
    /// What stands behind it when nobody named a node.
    devnet: Option<Devnet>,
}

/// How a node ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// SIGTERM: it tells its subscribers.
    InOrder,
    /// SIGKILL.
    Killed,
}

/// What the chain has of a worker for a nonce.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outcome {
    /// Its inference was taken.
    pub answered: bool,
    /// Payloads for which a fee was taken, whatever came of them.
    pub paid: usize,
}

/// A transaction that was in the mempool.
#[derive(Debug)]
pub struct Seen {
    /// From the frame that told of the opening.
    pub after: Duration,
    tx: Vec<u8>,
}

impl Chain {
    /// The node that `REALCHAIN_RPC` names, or a local chain with blocks of a second and this epoch and window.
    pub async fn start(epoch: &str, window: &str) -> Result<Self> {
        let Ok(rpc) = env::var("REALCHAIN_RPC") else {
            let devnet = Devnet::start(&["--epoch", epoch, "--window", window]).await?;
            let [ours, theirs, ..] = devnet.facts.accounts.as_slice() else { bail!("no two accounts") };
            let mnemonics = [ours.mnemonic.clone(), theirs.mnemonic.clone()];
            let grpc = devnet.facts.grpc.as_deref().and_then(|url| url.strip_prefix("grpc+http://"));
            let grpc = grpc.context("no address of gRPC")?.to_owned();
            return Self::at(devnet.facts.rpc.clone(), grpc, 1, mnemonics, Some(devnet)).await;
        };
        let rpc = rpc.split(',').next().unwrap_or_default().trim_end_matches('/').to_owned();
        let host = rpc.trim_start_matches("http://").split(':').next().unwrap_or_default();
        let grpc = env::var("REALCHAIN_GRPC").unwrap_or_else(|_| format!("{host}:9090"));
        let topic_id = env::var("REALCHAIN_TOPIC").context("REALCHAIN_TOPIC")?.parse()?;
        let mnemonics = env::var("REALCHAIN_MNEMONICS").context("REALCHAIN_MNEMONICS")?;
        let mut mnemonics = mnemonics
            .split([';', ',', '\n'])
            .map(|words| words.trim().to_owned())
            .filter(|words| !words.is_empty());
        let two = mnemonics.next().zip(mnemonics.next()).context("REALCHAIN_MNEMONICS: two are needed")?;
        Self::at(rpc, grpc, topic_id, two.into(), None).await
    }

    async fn at(
        rpc: String,
        grpc: String,
        topic_id: u64,
        mnemonics: [String; 2],
        devnet: Option<Devnet>,
    ) -> Result<Self> {
        let address = |words: &str| anyhow::Ok(Wallet::from_mnemonic(words)?.address().to_string());
        let addresses = [address(&mnemonics[0])?, address(&mnemonics[1])?];
        let http = reqwest::Client::new();
        let (chain_id, topic) = (String::new(), Topic::default());
        let mut chain = Self { chain_id, rpc, grpc, topic_id, mnemonics, addresses, topic, http, devnet };
        let status = chain.call("status", json!({})).await?;
        chain.chain_id = status["node_info"]["network"].as_str().context("no chain id")?.to_owned();
        chain.topic = chain.topic().await?;
        Ok(chain)
    }

    /// `host:port` of JSON-RPC.
    pub fn address(&self) -> Result<&str> {
        self.rpc.strip_prefix("http://").context("the node's URL must begin with http://")
    }

    /// Its websocket, where JSON-RPC is at `rpc`.
    pub fn websocket(rpc: &str) -> String {
        format!("{}/websocket", rpc.replacen("http", "ws", 1))
    }

    /// What a node of this chain says of the topic.
    async fn topic(&self) -> Result<Topic> {
        let response = self.query(&GetTopicRequest { topic_id: self.topic_id }).await?;
        response.topic.context("no topic")
    }

    async fn query<Q: Query>(&self, query: &Q) -> Result<Q::Response> {
        let params =
            json!({"path": Q::path(EmissionsVersion::V10), "data": hex::encode(query.encode_to_vec())});
        let answer = self.call("abci_query", params).await?;
        let value = answer["response"]["value"].as_str().with_context(|| answer.to_string())?;
        Ok(Q::Response::decode(&*STANDARD.decode(value)?)?)
    }

    /// Blocks from one window to the next.
    pub const fn epoch_length(&self) -> i64 {
        self.topic.epoch_length
    }

    /// A subscription to its windows.
    pub async fn openings(&self) -> Result<Openings> {
        let blocks = u32::try_from(self.topic.epoch_length)?;
        Openings::subscribe(&Self::websocket(&self.rpc), self.topic_id, LONG_BLOCK * (blocks + 3)).await
    }

    /// The transaction of this worker in the mempool after this opening. Asks without a pause: what is seen is late
    /// by half a question.
    pub async fn answer_to(&self, opening: Opening, client: Client) -> Result<Option<Seen>> {
        let address = &self.addresses[client.column()];
        while opening.at.elapsed() < ANSWER_WITHIN {
            let waiting = self.call("unconfirmed_txs", json!({})).await?;
            let after = opening.at.elapsed();
            for tx in waiting["txs"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                let tx = STANDARD.decode(tx)?;
                if contains(&tx, address) {
                    return Ok(Some(Seen { after, tx }));
                }
            }
        }
        Ok(None)
    }

    /// What a transaction paid, as a multiple of the price of the gas that it used.
    pub async fn overpaid(&self, seen: &Seen, price: f64) -> Result<f64> {
        let hash = STANDARD.encode(hex::decode(TxHash::of(&seen.tx).to_string())?);
        let found = self.retried("tx", json!({"hash": hash})).await?;
        let gas: f64 = found["tx_result"]["gas_used"].as_str().context("no gas_used")?.parse()?;
        let tx = Tx::decode(seen.tx.as_slice())?;
        let fee = tx.auth_info.and_then(|info| info.fee).context("no fee")?;
        let paid: f64 = fee.amount.first().context("no coin")?.amount.parse()?;
        Ok(paid / (gas * price))
    }

    /// Nonce of the next window that opens in so many blocks or later.
    pub async fn next_opening(&self, after: u64) -> Result<u64> {
        let last = u64::try_from(self.topic().await?.epoch_last_ended)?;
        let (epoch, height) = (u64::try_from(self.topic.epoch_length)?, self.height().await?);
        Ok((1..).map(|n| last + n * epoch).find(|nonce| *nonce >= height + after).unwrap_or(last))
    }

    /// Counts a window for each worker, once it has ended.
    pub async fn count(&self, nonce: u64, scores: &mut [Score; 2]) -> Result<()> {
        for (score, outcome) in scores.iter_mut().zip(self.outcomes(nonce).await?) {
            score.add(outcome);
        }
        Ok(())
    }

    /// What the chain has of each worker for this nonce. Waits for the end of the window, and some blocks more, in
    /// which something late would be paid for.
    pub async fn outcomes(&self, nonce: u64) -> Result<[Outcome; 2]> {
        let end = nonce + u64::try_from(self.topic.worker_submission_window)?;
        self.until_height(end + LATE).await?;
        let mut outcomes = [Outcome::default(); 2];
        for height in nonce..end + LATE {
            let height = json!({"height": height.to_string()});
            let block = self.retried("block", height.clone()).await?;
            let results = self.retried("block_results", height).await?;
            let txs = block["block"]["data"]["txs"].as_array().into_iter().flatten();
            let results = results["txs_results"].as_array().into_iter().flatten();
            for (tx, result) in txs.zip(results) {
                let tx = STANDARD.decode(tx.as_str().context("no transaction")?)?;
                let is_payload =
                    Payload::of_tx(&tx) == Some(Payload { topic: self.topic_id, nonce: nonce.cast_signed() });
                for (outcome, address) in outcomes.iter_mut().zip(&self.addresses) {
                    let took_a_fee =
                        || events(result, |kind| kind == "tx").any(|event| event.contains(address));
                    outcome.paid += usize::from(is_payload && took_a_fee());
                    outcome.answered |= events(result, is_admission).any(|event| event.contains(address));
                }
            }
        }
        Ok(outcomes)
    }

    /// Waits until the chain has come so far.
    pub async fn until_height(&self, height: u64) -> Result<()> {
        let (started, from) = (Instant::now(), self.height().await.unwrap_or(height));
        let limit = PATIENCE + LONG_BLOCK * u32::try_from(height.saturating_sub(from))?;
        while self.height().await.unwrap_or(0) < height {
            ensure!(started.elapsed() < limit, "the chain does not come to height {height}");
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// Whether its node can be stopped and started: by the faults of a local chain, or the commands that the
    /// environment names.
    pub fn can_restart(&self) -> bool {
        let is_named = |name| env::var_os(name).is_some();
        self.devnet.is_some() || is_named("REALCHAIN_STOP") && is_named("REALCHAIN_START")
    }

    /// Stops the node and starts it again.
    pub async fn restart(&self, ending: Ending) -> Result<()> {
        if self.devnet.is_some() {
            let kind = if ending == Ending::InOrder { "restart" } else { "crash" };
            self.call("devnet_fault", json!({"kind": kind})).await?;
            return Ok(());
        }
        let command = |name: &str| env::var(name).with_context(|| name.to_owned());
        let (stop, start) = (command("REALCHAIN_STOP")?, command("REALCHAIN_START")?);
        let signal = if ending == Ending::InOrder { "TERM" } else { "KILL" };
        let stopped = shell(&stop).env("REALCHAIN_SIGNAL", signal).status().await?;
        ensure!(stopped.success(), "REALCHAIN_STOP failed: {stop}");
        let stopping = Instant::now();
        while self.height().await.is_ok() {
            ensure!(stopping.elapsed() < PATIENCE, "the node still answers after REALCHAIN_STOP");
            sleep(Duration::from_millis(10)).await;
        }
        // It may be the node itself, so that nobody waits for its end.
        let started = shell(&format!("({start}) &")).status().await?;
        ensure!(started.success(), "REALCHAIN_START failed: {start}");
        Ok(())
    }

    /// Price of a unit of gas now, in uallo.
    pub async fn gas_price(&self) -> Result<f64> {
        let response = self.query(&GasPriceRequest { denom: DENOM.to_owned() }).await?;
        // Decimals have 18 places on the wire.
        Ok(response.price.context("no price of gas")?.amount.parse::<f64>()? / 1e18)
    }

    async fn height(&self) -> Result<u64> {
        let status = self.call("status", json!({})).await?;
        Ok(status["sync_info"]["latest_block_height"].as_str().context("no height")?.parse()?)
    }

    /// A call that the node may not be able to answer at once.
    async fn retried(&self, method: &str, params: Value) -> Result<Value> {
        let started = Instant::now();
        loop {
            match self.call(method, params.clone()).await {
                Err(_) if started.elapsed() < PATIENCE => sleep(Duration::from_millis(50)).await,
                answered => return answered,
            }
        }
    }

    async fn call(&self, method: &str, params: Value) -> Result<Value> {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let mut answer: Value = self.http.post(&self.rpc).json(&request).send().await?.json().await?;
        ensure!(answer.get("error").is_none(), "{method}: {answer}");
        Ok(answer["result"].take())
    }
}

/// Events of these kinds in the result of a transaction, as text.
fn events(result: &Value, is_wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = String> {
    let events = result["events"].as_array().into_iter().flatten();
    events.filter(move |event| event["type"].as_str().is_some_and(&is_wanted)).map(Value::to_string)
}

fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    shell
}

/// Whether an event says that an inference was taken.
fn is_admission(kind: &str) -> bool {
    kind.ends_with(".EventInsertInfererPayload")
}

fn contains(tx: &[u8], address: &str) -> bool {
    tx.windows(address.len()).any(|part| part == address.as_bytes())
}
