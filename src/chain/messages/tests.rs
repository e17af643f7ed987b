//! Golden vectors of queries: the request's and the response's bytes, and the fields in them.

/// Bytes in the vectors' form, `{"hex": "..."}`.
pub mod hexed {
    use serde::{Serialize as _, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::json!({ "hex": hex::encode(bytes) }).serialize(serializer)
    }
}
