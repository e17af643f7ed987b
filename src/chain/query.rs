//! Typed queries, all through `abci_query`: a node needs neither gRPC nor REST for them, but for
//! [`Client::simulate`].

use std::sync::Arc;
use std::time::Duration;

use cosmrs::proto::cosmos::auth::v1beta1::QueryAccountInfoRequest;
use cosmrs::proto::cosmos::bank::v1beta1::QueryBalanceRequest;
use futures::future::join_all;
use prost::Message;

use super::fees::Charges;
use super::gas_price::GasPrice;
use super::messages::feemarket::GasPriceRequest;
use super::messages::query::{
    GetInferencesAtBlockRequest, GetOpenWorkerSubmissionWindowsRequest, GetParamsRequest, GetTopicRequest,
    GetWorkerLatestInputInferenceByTopicIdRequest, GetWorkerSubmissionWindowStatusRequest,
    IsTopicActiveRequest, v9,
};
use super::messages::{EmissionsVersion, Query, Topic};
use super::outcome::{Refusal, Stage, Verdict};
use super::pool::{Pool, PoolError};
use super::rpc::{AbciAnswer, Endpoint};
use super::tx::DENOM;
use crate::wallet::Address;

/// Why a query brought no value.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueryError {
    /// No endpoint answered.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The application refused the query.
    #[error("the chain refused `{path}`: {log} ({codespace} {code})")]
    Refused {
        /// Query path.
        path: String,
        /// Code.
        code: u32,
        /// Codespace.
        codespace: String,
        /// The error's text.
        log: String,
        /// What the table of the chain's answers says to it.
        verdict: Verdict,
    },
    /// The answer is not the protobuf message that it should be.
    #[error("the answer to `{path}` cannot be decoded: {source}")]
    Decode {
        /// Query path.
        path: String,
        /// What the decoder said.
        source: prost::DecodeError,
    },
    /// A value in the answer is not what it should be.
    #[error("the answer to `{path}` holds `{value}`, which is not {expected}")]
    Value {
        /// Query path.
        path: String,
        /// The text.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
}

impl QueryError {
    /// What the table of the chain's answers says; `None` for faults of endpoints and of answers.
    #[must_use]
    pub const fn verdict(&self) -> Option<Verdict> {
        match self {
            Self::Refused { verdict, .. } => Some(*verdict),
            Self::Pool(PoolError::Refused(refused)) => refused.verdict(),
            _ => None,
        }
    }

    /// Whether the chain has no topic of the number that was asked for.
    #[must_use]
    pub const fn is_unknown_topic(&self) -> bool {
        matches!(self.verdict(), Some(Verdict::UnknownTopic | Verdict::NotFound))
    }

    /// `unknown query path`: the chain runs no such module or version.
    #[must_use]
    pub fn is_unknown_path(&self) -> bool {
        self.verdict() == Some(Verdict::UnknownPath)
    }

    /// Whether the fault lies with the endpoints and not with what was asked.
    #[must_use]
    pub const fn is_endpoint_fault(&self) -> bool {
        matches!(self, Self::Pool(PoolError::Unusable(_) | PoolError::WrongChain { .. }))
    }
}

/// A topic that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("topic {0} does not exist on this chain")]
pub struct NoTopic(pub u64);

impl NoTopic {
    /// What the user can do about it.
    pub const HINT: &str = "correct --topic-id, ALLORA_TOPIC_ID or allora.topic_id";
}

/// `GetWorkerSubmissionWindowStatus`: everything about windows that a worker wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowStatus {
    /// The height whose state was read.
    pub height: u64,
    /// The window that is open.
    pub open: Option<Window>,
    /// First block of the next window; `None` when the topic is not active.
    pub next_start: Option<i64>,
    /// The worker is registered in the topic.
    pub is_registered: bool,
    /// The worker may submit.
    pub is_whitelisted: bool,
    /// The topic is active.
    pub is_topic_active: bool,
}

/// A worker submission window. Both ends are inclusive; a transaction in block `nonce` itself still fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The nonce, which is the height of the opening block.
    pub nonce: i64,
    /// The last block that may hold the payload.
    pub end: i64,
}

/// The account as of the last committed block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Account number.
    pub number: u64,
    /// Next sequence, without those of transactions in the mempool.
    pub sequence: u64,
}

/// Queries of one chain.
#[derive(Debug, Clone)]
pub struct Client {
    pool: Arc<Pool>,
    version: EmissionsVersion,
    charges: Charges,
    limit: Duration,
    /// The height whose state is read; the newest that a node has where there is none.
    height: Option<u64>,
}

impl Client {
    /// Finds out which emissions version the chain speaks, by asking for its parameters, and what it charges.
    ///
    /// # Errors
    /// When the chain cannot be asked, or speaks no version that is known.
    pub async fn probe(pool: Arc<Pool>, limit: Duration) -> Result<Self, QueryError> {
        let mut refused = None;
        for version in EmissionsVersion::ALL {
            let (pool, charges) = (Arc::clone(&pool), Charges::default());
            let client = Self { pool, version, charges, limit, height: None };
            match client.ask(&GetParamsRequest {}).await {
                Ok((_, answer)) => {
                    let charges = answer.params.as_ref().map(Charges::from).unwrap_or_default();
                    return Ok(Self { charges, ..client });
                }
                Err(error) if error.is_unknown_path() => refused = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(refused.unwrap_or_else(|| QueryError::Pool(PoolError::Unusable(Vec::new()))))
    }

    /// The emissions version of the chain.
    #[must_use]
    pub const fn version(&self) -> EmissionsVersion {
        self.version
    }

    /// What the chain took for its messages when it was last probed.
    #[must_use]
    pub const fn charges(&self) -> Charges {
        self.charges
    }

    /// The endpoints.
    #[must_use]
    pub const fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// The limit of each query, all endpoints together.
    #[must_use]
    pub const fn limit(&self) -> Duration {
        self.limit
    }

    /// The same client with another limit for each query, all endpoints together.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        Self { limit, ..self.clone() }
    }

    /// The same client for queries of the state after block `height`. A node that has not come so far refuses them.
    #[must_use]
    pub fn at(&self, height: u64) -> Self {
        Self { height: Some(height), ..self.clone() }
    }

    /// The window of `topic_id` as `worker` sees it.
    ///
    /// # Errors
    /// See [`QueryError`]; a missing topic is refused with sdk 6 `topic does not exist`.
    pub async fn window_status(&self, topic_id: u64, worker: &Address) -> Result<WindowStatus, QueryError> {
        let request = GetWorkerSubmissionWindowStatusRequest { topic_id, address: worker.to_string() };
        let (height, answer) = self.ask(&request).await?;
        Ok(WindowStatus {
            height,
            open: answer
                .is_open
                .then_some(Window { nonce: answer.current_nonce_block_height, end: answer.window_end_block }),
            next_start: (answer.next_window_start_block > 0).then_some(answer.next_window_start_block),
            is_registered: answer.is_registered,
            is_whitelisted: answer.is_whitelisted,
            is_topic_active: answer.is_topic_active,
        })
    }

    /// Nonces whose window is open, and the height whose state was read.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn open_nonces(&self, topic_id: u64) -> Result<(u64, Vec<i64>), QueryError> {
        let (height, answer) = self.ask(&GetOpenWorkerSubmissionWindowsRequest { topic_id }).await?;
        let nonces = answer.nonces.unwrap_or_default().nonces;
        Ok((height, nonces.into_iter().map(|nonce| nonce.block_height).collect()))
    }

    /// The topic.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn topic(&self, topic_id: u64) -> Result<Topic, QueryError> {
        let (_, answer) = self.ask(&GetTopicRequest { topic_id }).await?;
        Ok(answer.topic.unwrap_or_default())
    }

    /// Whether the topic opens windows.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn is_topic_active(&self, topic_id: u64) -> Result<bool, QueryError> {
        let (_, answer) = self.ask(&IsTopicActiveRequest { topic_id }).await?;
        Ok(answer.is_active)
    }

    /// Whether the chain has an inference of `worker` for a window that is over. `None` while the node that answers has
    /// none, and has not come to the window's last block. That there is none, is asked again of the state that it claims to
    /// have answered from: a node that is wrong about its height lacks it.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn has_inference(
        &self,
        topic_id: u64,
        worker: &Address,
        window: Window,
    ) -> Result<Option<bool>, QueryError> {
        let (height, has_it) = self.lists_inference(topic_id, worker, window.nonce).await?;
        let is_over = i64::try_from(height).is_ok_and(|height| height >= window.end);
        if has_it || !is_over {
            return Ok(has_it.then_some(true));
        }
        let (_, has_it) = self.at(height).lists_inference(topic_id, worker, window.nonce).await?;
        Ok(Some(has_it))
    }

    /// The height whose state was read, and whether it lists an inference of `worker` for this nonce.
    async fn lists_inference(
        &self,
        topic_id: u64,
        worker: &Address,
        nonce: i64,
    ) -> Result<(u64, bool), QueryError> {
        // The inferer has the same field in both versions.
        let (height, answer) =
            self.ask(&GetInferencesAtBlockRequest { topic_id, block_height: nonce }).await?;
        let worker = worker.to_string();
        let inferences = answer.inferences.unwrap_or_default().inferences;
        Ok((height, inferences.iter().any(|inference| inference.inferer == worker)))
    }

    /// The nonce of the open window in which `worker` was admitted; `None` where it was not, or was evicted.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn admitted_nonce(&self, topic_id: u64, worker: &Address) -> Result<Option<i64>, QueryError> {
        let worker_address = worker.to_string();
        let nonce = match self.version {
            EmissionsVersion::V9 => {
                let request = v9::GetWorkerLatestInferenceByTopicIdRequest { topic_id, worker_address };
                let answer = self.ask(&request).await;
                answer.map(|(_, answer)| answer.latest_inference.map(|latest| latest.block_height))
            }
            EmissionsVersion::V10 => {
                let request = GetWorkerLatestInputInferenceByTopicIdRequest { topic_id, worker_address };
                let answer = self.ask(&request).await;
                answer.map(|(_, answer)| answer.latest_input_inference.map(|latest| latest.block_height))
            }
        };
        match nonce {
            Err(error) if error.verdict() == Some(Verdict::NotFound) => Ok(None),
            nonce => nonce,
        }
    }

    /// The account; `None` when the chain has never seen the address.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn account(&self, address: &Address) -> Result<Option<Account>, QueryError> {
        Ok(self.account_with_height(address).await?.map(|(_, account)| account))
    }

    /// The height whose state was read, and the account; `None` when the chain has never seen the address.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn account_with_height(&self, address: &Address) -> Result<Option<(u64, Account)>, QueryError> {
        let request = QueryAccountInfoRequest { address: address.to_string() };
        match self.ask(&request).await {
            Ok((height, answer)) => {
                let info = answer.info.unwrap_or_default();
                Ok(Some((height, Account { number: info.account_number, sequence: info.sequence })))
            }
            Err(error) if error.verdict() == Some(Verdict::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Balance, in uallo.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn balance(&self, address: &Address) -> Result<u128, QueryError> {
        let request = QueryBalanceRequest { address: address.to_string(), denom: DENOM.to_owned() };
        let (_, answer) = self.ask(&request).await?;
        let amount = answer.balance.unwrap_or_default().amount;
        if amount.is_empty() {
            return Ok(0);
        }
        amount.parse().map_err(|_| self.bad_value(&request, amount, "an amount"))
    }

    /// The feemarket's price of gas.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn gas_price(&self) -> Result<GasPrice, QueryError> {
        let request = GasPriceRequest { denom: DENOM.to_owned() };
        let (_, answer) = self.ask(&request).await?;
        let amount = answer.price.unwrap_or_default().amount;
        let price = amount.parse().map_err(|_| self.bad_value(&request, amount, "a gas price"))?;
        Ok(GasPrice::from_scaled(price))
    }

    pub(super) fn bad_value<Q: Query>(&self, _: &Q, value: String, expected: &'static str) -> QueryError {
        QueryError::Value { path: Q::path(self.version), value, expected }
    }

    pub(super) async fn ask<Q: Query + Message>(
        &self,
        request: &Q,
    ) -> Result<(u64, Q::Response), QueryError> {
        self.ask_at(Stage::Query, request).await
    }

    /// `stage` is what a refusal is one of.
    pub(super) async fn ask_at<Q: Query + Message>(
        &self,
        stage: Stage,
        request: &Q,
    ) -> Result<(u64, Q::Response), QueryError> {
        let (path, data) = (Q::path(self.version), request.encode_to_vec());
        let call = async |endpoint: Endpoint, limit| {
            endpoint.abci_query(&path, data.clone(), self.height, limit).await
        };
        let is_sound = |answer: &AbciAnswer| !answer.is_of_its_node::<Q>(stage);
        let answer = self.pool.first_sound(self.limit, is_sound, call).await?;
        Ok((answer.height, answer.message::<Q>(self.version, stage)?))
    }

    /// The same of every endpoint whose height the others do not contradict, at once: the height whose state each read,
    /// and what it said. Those that give no answer are left out.
    pub(super) async fn ask_all<Q: Query + Message>(
        &self,
        stage: Stage,
        request: &Q,
    ) -> Vec<(u64, Result<Q::Response, QueryError>)> {
        let (path, data) = (Q::path(self.version), request.encode_to_vec());
        let asked = self.pool.agreeing().into_iter().map(async |endpoint| {
            let answer = endpoint.abci_query(&path, data.clone(), self.height, self.limit).await.ok()?;
            Some((answer.height, answer.message::<Q>(self.version, stage)))
        });
        join_all(asked).await.into_iter().flatten().collect()
    }
}

impl AbciAnswer {
    /// Whether it says something of its node and nothing of what was asked: an error that none of our questions brings about,
    /// as of a state that cannot be read, or bytes that are no answer. What a simulation is refused with is judged by
    /// who simulates.
    fn is_of_its_node<Q: Query>(&self, stage: Stage) -> bool {
        if self.code == 0 {
            return Q::Response::decode(self.value.as_slice()).is_err();
        }
        let verdict = self.refusal(stage).verdict_again();
        stage == Stage::Query && matches!(verdict, Verdict::NotYet | Verdict::Rejected | Verdict::Unknown)
    }

    fn refusal(&self, stage: Stage) -> Refusal<'_> {
        Refusal { stage, codespace: &self.codespace, code: self.code.into(), text: &self.log }
    }

    /// The message in the answer to a query; `stage` is what a refusal is one of.
    ///
    /// # Errors
    /// [`QueryError::Refused`] and [`QueryError::Decode`].
    pub fn message<Q: Query>(
        self,
        version: EmissionsVersion,
        stage: Stage,
    ) -> Result<Q::Response, QueryError> {
        let path = Q::path(version);
        if self.code != 0 {
            let verdict = self.refusal(stage).verdict();
            let Self { code, codespace, log, .. } = self;
            return Err(QueryError::Refused { path, code, codespace, log, verdict });
        }
        // An empty value is a message of defaults, not an error.
        Q::Response::decode(self.value.as_slice()).map_err(|source| QueryError::Decode { path, source })
    }
}
