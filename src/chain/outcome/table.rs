//! Rows of refusals, in the order in which they are looked at.
//!
//! Names and numbers are those of chain v0.17 (Cosmos SDK 0.50, CometBFT 0.38). Where a row has
//! several codes, older and newer chains number the same error differently, or the errors are alike
//! in what to do about them.

use super::Verdict;
use crate::chain::fees::required_fee;

/// One kind of refusal.
pub struct Row {
    /// Empty for JSON-RPC errors.
    codespace: &'static str,
    codes: &'static [i64],
    /// Parts of the texts that identify it, any of which will do.
    words: &'static [&'static str],
    decides: Decides,
    verdict: fn(&str) -> Verdict,
}

/// What identifies a row outside of simulations, where only words can.
enum Decides {
    /// The code alone.
    Code,
    /// The code is shared with other errors, the words tell.
    Words,
}

impl Row {
    pub fn has_code(&self, codespace: &str, code: i64) -> bool {
        self.codespace == codespace && self.codes.contains(&code)
    }

    pub fn code_decides(&self) -> bool {
        matches!(self.decides, Decides::Code)
    }

    pub fn says(&self, text: &str) -> bool {
        self.words.iter().any(|words| text.contains(words))
    }

    pub fn verdict(&self, text: &str) -> Verdict {
        (self.verdict)(text)
    }
}

macro_rules! rows {
    ($($codespace:literal [$($code:literal),*] $decides:ident [$($words:literal),*] => $verdict:expr;)*) => {
        &[$(Row {
            codespace: $codespace,
            codes: &[$($code),*],
            words: &[$($words),*],
            decides: Decides::$decides,
            verdict: $verdict,
        }),*]
    };
}

/// Refusals of transactions, in CheckTx, in a block or in a simulation. Those that quote the user's
/// labels come first, so that a label cannot pass for another error.
pub const TRANSACTION: &[Row] = rows! {
    "emissions" [95, 96, 97, 98, 99, 100] Code [
        "invalid label name",
        "label is not in the topic's label whitelist",
        "too many labels in one submission"
    ] => |_| Verdict::BadValue;
    "sdk" [18] Words [
        "single-arity label must be",
        "requires at least one non-default label value",
        "requires labeled values",
        "require_unity violated"
    ] => |_| Verdict::BadValue;
    "sdk" [2] Words [
        "value is out of range: tx parse error", "value must be finite", "parse mantissa:"
    ] => |_| Verdict::BadValue;

    "sdk" [4] Words ["please verify account number (0)"] => |_| Verdict::NodeRestarted;
    "emissions" [67, 68] Words ["current block 0,"] => |_| Verdict::NodeRestarted;
    "sdk" [6] Words ["unknown query path"] => |_| Verdict::UnknownPath;
    "sdk" [6] Words ["no message handler found for *emissionsv"] => |_| Verdict::WrongEmissionsVersion;

    "undefined" [1] Words ["already submitted"] => |_| Verdict::AlreadySubmitted;
    "emissions" [78] Code ["cannot update EMA more than once per window"] => |_| Verdict::AlreadySubmitted;
    "emissions" [44, 67, 75] Code [
        "unfulfilled nonce not found", "worker nonce window not available"
    ] => |_| Verdict::WindowClosed;
    "emissions" [45, 68] Code [
        "nonce still unfulfilled", "reputer nonce window not available"
    ] => |_| Verdict::WindowNotOpenYet;

    "emissions" [9, 13] Code ["address not registered"] => |_| Verdict::NotRegistered;
    "emissions" [7, 8, 10] Code [
        "address already registered in a topic", "address is not registered in this topic"
    ] => |_| Verdict::AlreadyDone;
    "emissions" [28, 30, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91] Code [
        "not permitted to "
    ] => |_| Verdict::NotPermitted;
    "emissions" [6, 23] Code ["invalid topic ID", "topic does not exist"] => |_| Verdict::UnknownTopic;
    "emissions" [11, 46, 48, 73] Code [] => |_| Verdict::InsufficientFunds;

    "sdk" [5] Code ["insufficient funds"] => |_| Verdict::InsufficientFunds;
    "sdk" [9] Code ["unknown address"] => |_| Verdict::UnknownAccount;
    "sdk" [3, 32] Code ["account sequence mismatch"] => |text| Verdict::SequenceMismatch {
        expected: number_after(text, "expected "),
    };
    "sdk" [13] Code ["insufficient fee"] => |text| Verdict::InsufficientFee { required: required_fee(text) };
    "sdk" [11] Code ["out of gas"] => |_| Verdict::OutOfGas;
    "sdk" [30] Code ["tx timeout height"] => |_| Verdict::TimeoutHeight;

    "emissions" [15, 16, 24, 47, 51, 52, 53, 54, 55, 71, 72, 77] Code [] => |_| Verdict::Rejected;
    "sdk" [2, 4, 6, 7, 8, 10, 12, 18, 21, 28, 29, 35, 37, 38] Code [
        "signature verification failed",
        "does not match pubkey",
        "does not match worker address",
        ": invalid request [",
        ": invalid type [",
        ": invalid address [",
        "tx parse error",
        "invalid pubkey",
        "memo too large"
    ] => |_| Verdict::Rejected;
    "feemarket" [1, 2, 3] Code [] => |_| Verdict::Rejected;
    "undefined" [1] Words ["error resolving denom"] => |_| Verdict::Rejected;
};

/// Refusals of queries.
pub const QUERY: &[Row] = rows! {
    "sdk" [6] Words ["unknown query path"] => |_| Verdict::UnknownPath;
    "sdk" [6] Words ["topic does not exist"] => |_| Verdict::UnknownTopic;
    "sdk" [6, 18] Words ["collections: not found"] => |_| Verdict::NotFound;
    "sdk" [22] Code [] => |_| Verdict::NotFound;
    "sdk" [26] Code [] => |_| Verdict::NotYet;
    "sdk" [18] Code [] => |_| Verdict::Rejected;
};

/// Errors of the JSON-RPC layer.
pub const RPC: &[Row] = rows! {
    "" [-32603] Words ["tx already exists in cache"] => |_| Verdict::InCache;
    "" [-32603] Words ["mempool is full"] => |_| Verdict::MempoolFull;
    "" [-32603] Words ["transaction indexing is disabled"] => |_| Verdict::NoTxIndex;
    "" [-32603] Words [") not found"] => |_| Verdict::NotFound;
    "" [-32603] Words [
        "must be less than or equal to the current blockchain height", "could not find results for height"
    ] => |_| Verdict::NotYet;
    "" [-32603] Words ["max_subscriptions_per_client"] => |_| Verdict::TooManySubscriptions;
    "" [-32603] Words ["Tx too large"] => |_| Verdict::Rejected;
    "" [-32000] Words ["subscription was canceled"] => |_| Verdict::SubscriptionEnded;
    "" [-32600, -32602] Code [] => |_| Verdict::Rejected;
    "" [-32601] Code [] => |_| Verdict::NotCometBft;
};

fn number_after(text: &str, words: &str) -> Option<u64> {
    let (_, rest) = text.split_once(words)?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).map_or(rest, |end| &rest[..end]);
    digits.parse().ok()
}
