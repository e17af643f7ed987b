//! Answers of gRPC methods: their form, and the statuses that all modules give.

use prost::Message;

use super::error::{AbciError, sdk};

/// An encoded response, or the error as ABCI has it.
pub type Answer = Result<Vec<u8>, AbciError>;

/// What a method answers.
pub trait Response {
    /// Its protobuf.
    fn encode(&self) -> Vec<u8>;
}

impl<M: Message> Response for M {
    fn encode(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
}

/// Decodes the request, asks `method`, encodes the response.
pub fn answer<Q: Message + Default, R: Response>(
    data: &[u8],
    method: impl FnOnce(Q) -> Result<R, AbciError>,
) -> Answer {
    let request = Q::decode(data).map_err(|_| sdk::INVALID_REQUEST.wrap("unexpected EOF"))?;
    method(request).map(|response| response.encode())
}

/// No module has this method.
pub fn unknown_path() -> Answer {
    Err(sdk::UNKNOWN_REQUEST.wrap("unknown query path"))
}

/// A gRPC status `NotFound`.
pub fn not_found(text: impl std::fmt::Display) -> AbciError {
    sdk::KEY_NOT_FOUND.wrap(format!("rpc error: code = NotFound desc = {text}"))
}

/// A gRPC status `Internal`.
pub fn internal(text: impl std::fmt::Display) -> AbciError {
    sdk::UNKNOWN_REQUEST.wrap(format!("rpc error: code = Internal desc = {text}"))
}

/// A gRPC status `InvalidArgument`.
pub fn invalid_argument(text: impl std::fmt::Display) -> AbciError {
    sdk::INVALID_REQUEST.wrap(format!("rpc error: code = InvalidArgument desc = {text}"))
}

/// A gRPC status `Unknown`.
pub fn unknown(text: impl std::fmt::Display) -> AbciError {
    sdk::UNKNOWN_REQUEST.wrap(format!("rpc error: code = Unknown desc = {text}"))
}
