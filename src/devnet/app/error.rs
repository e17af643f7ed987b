//! Errors as the application reports them: codespace, code, text.

use super::address::InvalidAddress;
use crate::devnet::abci::ExecTxResult;

/// A code that a module has registered, with the text that ends its errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    codespace: &'static str,
    number: u32,
    text: &'static str,
}

/// An error on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbciError {
    /// `sdk`, `emissions`, `feemarket`, or `undefined` when no module registered it.
    pub codespace: &'static str,
    /// Never 0.
    pub code: u32,
    /// Contexts first, the registered text last.
    pub log: String,
}

impl Code {
    /// The registered text alone.
    pub fn bare(self) -> AbciError {
        AbciError { codespace: self.codespace, code: self.number, log: self.text.into() }
    }

    /// `text` in front of the registered one.
    pub fn wrap(self, text: impl std::fmt::Display) -> AbciError {
        self.bare().context(text)
    }
}

impl AbciError {
    /// An error that no module has registered.
    pub fn unregistered(text: impl Into<String>) -> Self {
        Self { codespace: "undefined", code: 1, log: text.into() }
    }

    /// Puts a context in front.
    #[must_use]
    pub fn context(self, text: impl std::fmt::Display) -> Self {
        Self { log: format!("{text}: {}", self.log), ..self }
    }

    /// The result of a transaction that ended with this error.
    pub fn into_result(self, gas_wanted: u64, gas_used: u64) -> ExecTxResult {
        ExecTxResult {
            code: self.code,
            codespace: self.codespace.into(),
            log: self.log,
            gas_wanted,
            gas_used,
            ..ExecTxResult::default()
        }
    }
}

impl From<InvalidAddress> for AbciError {
    /// What a message says of an address, unless a module has wrapped it.
    fn from(error: InvalidAddress) -> Self {
        Self::unregistered(error.to_string())
    }
}

/// Declares the codes of a codespace.
macro_rules! codes {
    ($codespace:literal: $($name:ident = $number:literal $text:literal;)*) => {
        $(pub const $name: super::Code = super::Code { codespace: $codespace, number: $number, text: $text };)*
    };
}

/// Codes of the Cosmos SDK.
pub mod sdk {
    #![allow(missing_docs)] // the names and texts are the SDK's
    codes! { "sdk":
        TX_DECODE = 2 "tx parse error";
        UNAUTHORIZED = 4 "unauthorized";
        INSUFFICIENT_FUNDS = 5 "insufficient funds";
        UNKNOWN_REQUEST = 6 "unknown request";
        INVALID_ADDRESS = 7 "invalid address";
        INVALID_PUBKEY = 8 "invalid pubkey";
        UNKNOWN_ADDRESS = 9 "unknown address";
        INVALID_COINS = 10 "invalid coins";
        OUT_OF_GAS = 11 "out of gas";
        MEMO_TOO_LARGE = 12 "memo too large";
        INSUFFICIENT_FEE = 13 "insufficient fee";
        NO_SIGNATURES = 15 "no signatures supplied";
        INVALID_REQUEST = 18 "invalid request";
        KEY_NOT_FOUND = 22 "key not found";
        INVALID_HEIGHT = 26 "invalid height";
        INVALID_TYPE = 29 "invalid type";
        TX_TIMEOUT_HEIGHT = 30 "tx timeout height";
        WRONG_SEQUENCE = 32 "incorrect account sequence";
    }
}

/// Codes of the emissions module.
pub mod emissions {
    #![allow(missing_docs)] // the names and texts are the module's
    codes! { "emissions":
        INVALID_TOPIC_ID = 6 "invalid topic ID";
        ALREADY_REGISTERED = 8 "address already registered in a topic";
        NOT_REGISTERED_IN_TOPIC = 10 "address is not registered in this topic";
        INSUFFICIENT_STAKE = 11 "insufficient stake";
        NOT_REGISTERED = 13 "address not registered";
        TOPIC_DOES_NOT_EXIST = 23 "topic does not exist";
        NONCE_STILL_UNFULFILLED = 45 "nonce still unfulfilled";
        ZERO_AMOUNT = 51 "received zero amount";
        MESSAGE_TOO_LARGE = 53 "query too large";
        CANT_SELF_DELEGATE = 57 "can't self-delegate";
        WORKER_WINDOW = 67 "worker nonce window not available";
        REPUTER_WINDOW = 68 "reputer nonce window not available";
        UNFULFILLED_NONCE = 75 "unfulfilled nonce not found";
        EMA_ONCE_PER_WINDOW = 78 "cannot update EMA more than once per window";
        WORKER_NOT_PERMITTED = 83 "not permitted to submit worker payload";
        WORKER_WHITELIST_NOT_PERMITTED = 88 "not permitted to update topic worker whitelist";
        INVALID_LABEL = 95 "invalid label name";
        LABEL_NOT_WHITELISTED = 96 "label is not in the topic's label whitelist";
        TOO_MANY_LABELS = 97 "too many labels in one submission (exceeds per-topic cap)";
    }
}

/// Codes of feemarket.
pub mod feemarket {
    #![allow(missing_docs)] // the names and texts are the module's
    codes! { "feemarket":
        NO_FEE_COIN = 1 "no fee coin provided. Must provide one.";
        TOO_MANY_FEE_COINS = 2 "too many fee coins provided. Only one fee coin may be provided";
    }
}
