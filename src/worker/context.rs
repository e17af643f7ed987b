//! What every task of the worker shares once the chain is known.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::clock::{self, Clock};
use super::consensus::Consensus;
use super::funds::Funds;
use super::prediction::Arity;
use super::repeats::Repeats;
use super::validate::Rules;
use crate::bundle::FeeTier;
use crate::chain::delivered::DeliveredTx;
use crate::chain::fees::FeeCaps;
use crate::chain::gas_price::GasPrice;
use crate::chain::query::{Client, QueryError, Window};
use crate::chain::sequence::Sequence;
use crate::health::metrics::Metrics;
use crate::journal::{Begin, JournalError, JournalHandle, RoundKey};
use crate::wallet::{Address, Wallet};

/// One query in the background, all endpoints together.
pub const QUERY_LIMIT: Duration = Duration::from_secs(10);

/// Transactions of ours that may wait for a round that is busy elsewhere.
const DELIVERED_QUEUE: usize = 64;

/// Whether transactions leave this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broadcasting {
    /// They do.
    On,
    /// Everything but the broadcast, simulation included.
    DryRun,
}

/// What the user asked for, as far as rounds need it.
#[derive(Debug)]
pub struct Options {
    /// The topic.
    pub topic_id: u64,
    /// Name of the network, for the model's context.
    pub network: String,
    /// Deadline of one prediction.
    pub max_seconds: Duration,
    /// What a prediction must satisfy.
    pub rules: Rules,
    /// Factor on the price of gas.
    pub fee_tier: FeeTier,
    /// Hard limits of what may be spent.
    pub fee_caps: FeeCaps,
    /// The price that is assumed while the feemarket cannot be asked.
    pub fallback_price: GasPrice,
    /// Whether transactions leave this process.
    pub broadcasting: Broadcasting,
}

/// Shared by the worker's loop and its rounds.
pub struct Context {
    /// What the user asked for.
    pub options: Options,
    /// Signs, and cannot be read.
    pub wallet: Wallet,
    /// The chain's id.
    pub chain_id: String,
    /// Heights and times.
    pub clock: Clock,
    /// The account's sequence. Held from choosing a sequence until a node took the transaction.
    pub sequence: tokio::sync::Mutex<Sequence>,
    /// What was promised.
    pub journal: JournalHandle,
    /// What is counted.
    pub metrics: Metrics,
    /// Our transactions as they are delivered.
    pub delivered: broadcast::Sender<Arc<DeliveredTx>>,
    /// Cancelled when the worker is asked to stop: nothing new is begun.
    pub stopping: CancellationToken,
    /// Cancelled when what was begun has had its time.
    pub leaving: CancellationToken,
    client: RwLock<Client>,
    arity: Mutex<Option<Arity>>,
    price: Mutex<Option<GasPrice>>,
    funds: Mutex<Funds>,
    repeats: Mutex<Repeats>,
    consensus: Mutex<Option<Arc<Consensus>>>,
    /// The last that was shown: a model that fails with each call says the same each time.
    traceback: Mutex<String>,
}

impl Context {
    /// A context for an account of which nothing is known yet.
    #[must_use]
    #[allow(clippy::too_many_arguments)] // each of them once, all of them needed
    pub fn new(
        options: Options,
        wallet: Wallet,
        chain_id: String,
        client: Client,
        clock: Clock,
        journal: JournalHandle,
        metrics: Metrics,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            options,
            wallet,
            chain_id,
            clock,
            sequence: tokio::sync::Mutex::default(),
            journal,
            metrics,
            delivered: broadcast::Sender::new(DELIVERED_QUEUE),
            stopping,
            leaving: CancellationToken::new(),
            client: RwLock::new(client),
            arity: Mutex::new(None),
            price: Mutex::new(None),
            funds: Mutex::default(),
            repeats: Mutex::default(),
            consensus: Mutex::default(),
            traceback: Mutex::default(),
        }
    }

    /// The address of the wallet.
    #[must_use]
    pub fn address(&self) -> &Address {
        self.wallet.address()
    }

    /// Queries of the chain.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many values an inference of the topic holds; `None` until the chain was asked.
    #[must_use]
    pub fn arity(&self) -> Option<Arity> {
        *self.arity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The topic was read, or has to be read again.
    pub fn set_arity(&self, arity: Option<Arity>) {
        *self.arity.lock().unwrap_or_else(PoisonError::into_inner) = arity;
    }

    /// The chain runs another emissions version now.
    pub fn replace_client(&self, client: Client) {
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = client;
    }

    /// Asks beforehand for what a transaction will need: the price of gas, and the account where it is not
    /// known.
    ///
    /// # Errors
    /// See [`QueryError`]; what was known stays.
    pub async fn prepare_ahead(&self, limit: Duration) -> Result<(), QueryError> {
        let client = self.client().within(limit);
        let price = client.gas_price().await?;
        *self.price.lock().unwrap_or_else(PoisonError::into_inner) = Some(price);
        // Not held while the chain is asked: a round may need it meanwhile.
        let is_unknown = self.sequence.lock().await.next().is_none();
        if is_unknown && let Some(account) = client.account(self.address()).await? {
            self.sequence.lock().await.committed(account);
        }
        Ok(())
    }

    /// The price of gas to offer: the last that the chain named, otherwise the network's own minimum. Too
    /// low a one costs nothing: CheckTx names the right fee.
    #[must_use]
    pub fn price(&self) -> GasPrice {
        self.price.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or(self.options.fallback_price)
    }

    /// What the wallet has.
    pub fn funds(&self) -> MutexGuard<'_, Funds> {
        self.funds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Values that were submitted, in a row.
    pub fn repeats(&self) -> MutexGuard<'_, Repeats> {
        self.repeats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What other inferers said last; `None` while that is not known.
    #[must_use]
    pub fn consensus(&self) -> Option<Arc<Consensus>> {
        self.consensus.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks what other inferers said last, for the predictions to come. Where nobody answers it is not known: what
    /// was said long ago is no measure.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn read_consensus(&self, limit: Duration) -> Result<(), QueryError> {
        let latest = self.client().within(limit).latest_inferences(self.options.topic_id).await;
        let (consensus, answered) = match latest {
            Ok(latest) => (Some(Arc::new(Consensus::new(&latest, &self.address().to_string()))), Ok(())),
            Err(error) => (None, Err(error)),
        };
        *self.consensus.lock().unwrap_or_else(PoisonError::into_inner) = consensus;
        answered
    }

    /// Whether the model failed otherwise the last time. Then its traceback is worth showing.
    pub fn is_new_traceback(&self, text: &str) -> bool {
        let mut last = self.traceback.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = *last != text;
        text.clone_into(&mut last);
        is_new
    }

    /// Takes a window up in the journal.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn begin(&self, key: RoundKey, window: Window) -> Result<Begin, JournalError> {
        let end = u64::try_from(window.end).unwrap_or(0);
        let opened = clock::wall(self.clock.head().made(window.nonce));
        self.journal.call(move |journal| journal.begin_round(key, opened, end)).await
    }
}
