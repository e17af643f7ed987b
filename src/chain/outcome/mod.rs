//! The chain's answers, and what each means.
//!
//! A refusal is a codespace, a code and a text. The code decides wherever the chain has one; a
//! simulation has none of its own (every failure is sdk 6), and a few errors are not registered, so
//! there the words of the text decide. All of that is in one [`table`].

mod table;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Answers that the table did not have.
static UNKNOWN: AtomicU64 = AtomicU64::new(0);
/// The last of them. A node that gives it with every block is told of once.
static LAST_UNKNOWN: Mutex<String> = Mutex::new(String::new());

/// How often this process was given an answer that the table does not have. Each of them is logged, and what ends a
/// window is in the journal as the chain gave it.
#[must_use]
pub fn unknown_answers() -> u64 {
    UNKNOWN.load(Ordering::Relaxed)
}

/// Where a refusal came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// CheckTx, at a broadcast: the bytes are not in the mempool and nothing was paid.
    Check {
        /// The number of the account that signed; tells a wrong signature from a node that has just
        /// started and takes every account's number for 0.
        account_number: u64,
    },
    /// Execution in a block: the whole fee is spent, but for [`Verdict::TimeoutHeight`].
    Block,
    /// A simulation: costs nothing.
    Simulate,
    /// A query that is no simulation.
    Query,
    /// The JSON-RPC layer: the `code` of its error, and its `data`.
    Rpc,
}

/// What a simulation's log says to people, without the status around it, the place in the node's code and the gas:
/// `rpc error: code = Unknown desc = … [cosmos/cosmos-sdk@v0.50.14/baseapp/baseapp.go:1023] with gas used: '…': …`.
#[must_use]
pub fn plain(log: &str) -> &str {
    let text = match log.strip_prefix("rpc error: ") {
        Some(status) => status.split_once(" desc = ").map_or(status, |(_, text)| text),
        None => log,
    };
    let text = text.strip_prefix("failed to execute message; message index: 0: ").unwrap_or(text);
    text.split_once(" [cosmos/").map_or(text, |(text, _)| text)
}

/// A refusal as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// Where it came from.
    pub stage: Stage,
    /// `sdk`, `emissions`, `feemarket`, `undefined`; empty for [`Stage::Rpc`].
    pub codespace: &'a str,
    /// Not 0.
    pub code: i64,
    /// The log, or the JSON-RPC error's data.
    pub text: &'a str,
}

/// What a refusal means for who sent the transaction or query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The node has just started and made no block yet: the same bytes after its next one, or to
    /// another node.
    NodeRestarted,
    /// The node has these bytes in its mempool or had them in a block: look for the hash.
    InCache,
    /// The node takes no more transactions: later, or another node.
    MempoolFull,
    /// For this nonce the address has had its turn, whatever came of it: stop.
    AlreadySubmitted,
    /// The nonce is not open: no longer, or not before the next block. Stop, unless the chain's own
    /// list of open nonces says otherwise.
    WindowClosed,
    /// A reputer's window opens later: again then.
    WindowNotOpenYet,
    /// Register, then again.
    NotRegistered,
    /// The state is already as it was asked for: a success.
    AlreadyDone,
    /// A whitelist does not have the address: tell the user, ask the chain from time to time.
    NotPermitted,
    /// Too little money or stake: tell the user, or ask the faucet.
    InsufficientFunds,
    /// There is no such account until it is funded; or the node is far behind.
    UnknownAccount,
    /// Build it again with the sequence that is expected, if every transaction of ours is accounted
    /// for. A far lower one: the node is behind.
    SequenceMismatch {
        /// As the chain names it.
        expected: Option<u64>,
    },
    /// Pay what the chain asks for, if it is allowed.
    InsufficientFee {
        /// uallo, as the chain names it.
        required: Option<u128>,
    },
    /// Raise the gas limit.
    OutOfGas,
    /// Its last block has passed: build it again if the window is open. Even in a block it cost
    /// nothing and used no sequence.
    TimeoutHeight,
    /// The chain runs another version of the emissions API: use that.
    WrongEmissionsVersion,
    /// The chain takes no such value or label: final for this value, a matter of the user's model.
    BadValue,
    /// The topic does not exist: final, a wrong setting.
    UnknownTopic,
    /// Encoding, signature or a setting is wrong, the text says what. Final by simulation, or once it cost a fee. A CheckTx may
    /// be of a node that is wrong itself, and has cost nothing: again while the window is open.
    Rejected,
    /// The node does not know the query. An emissions query: the chain runs another version. One of
    /// Cosmos' services: this node has gRPC and REST turned off, or has just started.
    UnknownPath,
    /// There is no such record; a transaction: not in a block yet.
    NotFound,
    /// The node keeps no index of transactions: another one, or the blocks themselves.
    NoTxIndex,
    /// The node has not got that far: again in a moment, or another node.
    NotYet,
    /// The endpoint does not speak CometBFT's RPC.
    NotCometBft,
    /// The node ended a subscription: connect and subscribe again, then query what was missed.
    SubscriptionEnded,
    /// Fewer subscriptions on one connection.
    TooManySubscriptions,
    /// Not in the table. Nothing is certain but that it was refused here and now. Final once it cost a fee; by CheckTx or
    /// simulation it has cost nothing: again while the window is open.
    Unknown,
}

impl Verdict {
    /// The word for it, as metrics count it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NodeRestarted => "node_restarted",
            Self::InCache => "in_cache",
            Self::MempoolFull => "mempool_full",
            Self::AlreadySubmitted => "already_submitted",
            Self::WindowClosed => "window_closed",
            Self::WindowNotOpenYet => "window_not_open_yet",
            Self::NotRegistered => "not_registered",
            Self::AlreadyDone => "already_done",
            Self::NotPermitted => "not_permitted",
            Self::InsufficientFunds => "insufficient_funds",
            Self::UnknownAccount => "unknown_account",
            Self::SequenceMismatch { .. } => "sequence_mismatch",
            Self::InsufficientFee { .. } => "insufficient_fee",
            Self::OutOfGas => "out_of_gas",
            Self::TimeoutHeight => "timeout_height",
            Self::WrongEmissionsVersion => "wrong_emissions_version",
            Self::BadValue => "bad_value",
            Self::UnknownTopic => "unknown_topic",
            Self::Rejected => "rejected",
            Self::UnknownPath => "unknown_path",
            Self::NotFound => "not_found",
            Self::NotYet => "not_yet",
            Self::NotCometBft => "not_cometbft",
            Self::SubscriptionEnded => "subscription_ended",
            Self::TooManySubscriptions => "too_many_subscriptions",
            Self::NoTxIndex => "no_tx_index",
            Self::Unknown => "unknown",
        }
    }
}

impl Refusal<'_> {
    fn tell_of_unknown(&self) {
        let Self { stage, codespace, code, text } = self;
        let mut last = LAST_UNKNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if *last == *text {
            tracing::debug!(?stage, codespace, code, text, "an answer that is not known, again");
        } else {
            tracing::warn!(?stage, codespace, code, text, "the chain gave an answer that is not known");
            (*text).clone_into(&mut last);
        }
    }

    /// Looks the refusal up, and counts it when it is not there: once for each answer.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let verdict = self.verdict_again();
        if verdict == Verdict::Unknown {
            UNKNOWN.fetch_add(1, Ordering::Relaxed);
            self.tell_of_unknown();
        }
        verdict
    }

    /// The same for one that was counted when it came.
    #[must_use]
    pub fn verdict_again(&self) -> Verdict {
        let rows = match self.stage {
            Stage::Check { .. } | Stage::Block | Stage::Simulate => table::TRANSACTION,
            Stage::Query => table::QUERY,
            Stage::Rpc => table::RPC,
        };
        let verdict = rows
            .iter()
            .find(|row| match self.stage {
                Stage::Simulate => row.says(self.text),
                _ => row.has_code(self.codespace, self.code) && (row.code_decides() || row.says(self.text)),
            })
            .map_or(Verdict::Unknown, |row| row.verdict(self.text));
        match (verdict, self.stage) {
            // The account's number is 0 indeed, so it is not what is wrong.
            (Verdict::NodeRestarted, Stage::Check { account_number: 0 }) => Verdict::Rejected,
            _ => verdict,
        }
    }
}

#[cfg(test)]
mod tests;
