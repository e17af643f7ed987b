//! The envelope: JSON-RPC 2.0 as CometBFT writes it.

use serde_json::{Value, json};

use super::go_json;

/// The type into which a node reads a request.
const GO_REQUEST: &str = r#"struct { JSONRPC string "json:\"jsonrpc\""; ID interface {} "json:\"id,omitempty\""; Method string "json:\"method\""; Params json.RawMessage "json:\"params\"" }"#;

/// What a request and its answer are known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::devnet) enum Id {
    /// `"1"`, or a UUID.
    Text(String),
    /// `1`.
    Number(i64),
}

impl Id {
    /// The id of answers to the URI form, which has none.
    pub const URI: Self = Self::Number(-1);

    /// As JSON.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Number(number) => (*number).into(),
        }
    }
}

/// A call.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::devnet) struct Request {
    pub id: Id,
    pub method: String,
    /// An object, an array, or null when there are none.
    pub params: Value,
}

/// What a request can be besides a call.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::devnet) enum Incoming {
    /// To be answered.
    Call(Request),
    /// Without an id: not to be answered, and so not to be run.
    Notification,
}

impl Incoming {
    /// Reads one request object. What is wrong with it is said in Go's words.
    pub fn from_json(value: Value) -> Result<Self, RpcError> {
        let malformed = |why: String| RpcError::Parse(format!("error unmarshaling request: {why}"));
        let Value::Object(mut fields) = value else {
            return Err(malformed(go_json::mismatch(&value, GO_REQUEST)));
        };
        let id = match fields.remove("id") {
            None | Some(Value::Null) => return Ok(Self::Notification),
            Some(Value::String(text)) => Id::Text(text),
            Some(Value::Number(number)) => Id::Number(whole(&number)),
            Some(other) => {
                let kind = if other.is_boolean() {
                    "bool"
                } else if other.is_array() {
                    "[]interface {}"
                } else {
                    "map[string]interface {}"
                };
                return Err(malformed(format!("json-rpc ID ({other}) is of unknown type ({kind})")));
            }
        };
        let method = match fields.remove("method") {
            Some(Value::String(method)) => method,
            None | Some(Value::Null) => String::new(),
            Some(other) => {
                let words = go_json::mismatch(&other, "string");
                return Err(malformed(words.replace("Go value", "Go struct field .method")));
            }
        };
        Ok(Self::Call(Request { id, method, params: fields.remove("params").unwrap_or(Value::Null) }))
    }
}

/// An id without what stands after its point, as a node takes it.
fn whole(number: &serde_json::Number) -> i64 {
    let text = number.to_string();
    let digits = text.split_once('.').map_or(text.as_str(), |(digits, _)| digits);
    digits.parse().unwrap_or(i64::MAX)
}

/// Why a call has no result. The variants are JSON-RPC's codes, the texts are `error.data`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::devnet) enum RpcError {
    /// The text is no JSON, or no request.
    #[error("{0}")]
    Parse(String),
    /// It could not be read.
    #[error("{0}")]
    InvalidRequest(String),
    /// No method of this name.
    #[error("Method not found")]
    MethodNotFound,
    /// Arguments of the wrong type or number.
    #[error("{0}")]
    InvalidParams(String),
    /// Everything else.
    #[error("{0}")]
    Internal(String),
    /// The node stops.
    #[error("{0}")]
    Server(String),
}

impl RpcError {
    /// An error that the node itself reports.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }

    /// The `error` object.
    pub fn to_json(&self) -> Value {
        let (code, message, data) = match self {
            Self::Parse(data) => (-32700, "Parse error. Invalid JSON", data),
            Self::InvalidRequest(data) => (-32600, "Invalid Request", data),
            Self::MethodNotFound => return json!({"code": -32601, "message": "Method not found"}),
            Self::InvalidParams(data) => (-32602, "Invalid params", data),
            Self::Internal(data) => (-32603, "Internal error", data),
            Self::Server(data) => (-32000, "Server error", data),
        };
        json!({"code": code, "message": message, "data": data})
    }
}

/// What a call comes to.
pub(in crate::devnet) type Outcome = Result<Value, RpcError>;

/// The whole answer; without `id` when the request could not be read.
pub(in crate::devnet) fn response(id: Option<&Id>, outcome: Outcome) -> Value {
    let mut response = json!({"jsonrpc": "2.0"});
    if let Some(id) = id {
        response["id"] = id.to_json();
    }
    match outcome {
        Ok(result) => response["result"] = result,
        Err(error) => response["error"] = error.to_json(),
    }
    response
}
