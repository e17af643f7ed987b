//! The envelope: JSON-RPC 2.0 as CometBFT writes it.

use serde_json::{Value, json};

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
    /// Reads one request object.
    pub fn from_json(value: Value) -> Result<Self, RpcError> {
        let malformed = |why: &str| RpcError::Parse(format!("error unmarshaling request: {why}"));
        let Value::Object(mut fields) = value else { return Err(malformed("expected an object")) };
        let id = match fields.remove("id") {
            None | Some(Value::Null) => return Ok(Self::Notification),
            Some(Value::String(text)) => Id::Text(text),
            Some(Value::Number(number)) => {
                Id::Number(number.as_i64().ok_or_else(|| malformed("id is not an integer"))?)
            }
            Some(_) => return Err(malformed("id must be a text or a number")),
        };
        let method = match fields.remove("method") {
            Some(Value::String(method)) => method,
            None => String::new(),
            Some(_) => return Err(malformed("method must be a text")),
        };
        Ok(Self::Call(Request { id, method, params: fields.remove("params").unwrap_or(Value::Null) }))
    }
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
