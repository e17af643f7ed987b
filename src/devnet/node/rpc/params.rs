//! Arguments of a call: by name, by position, or from a URI.

use std::collections::HashMap;

use base64::Engine;
use serde_json::Value;

use super::jsonrpc::RpcError;

/// How an argument is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::devnet::node) enum Kind {
    /// Text.
    Text,
    /// Bytes, in hex without `0x`.
    Hex,
    /// Bytes, in base64.
    Base64,
    /// A 64-bit number, which is text in CometBFT's JSON.
    Integer,
    /// `true` or `false`.
    Bool,
    /// Any JSON; the method looks at it. Only the chain's own control methods use it.
    Json,
}

/// A parameter of a method.
pub(in crate::devnet::node) type Param = (&'static str, Kind);

#[derive(Debug, Clone, PartialEq)]
enum Arg {
    Text(String),
    Bytes(Vec<u8>),
    Integer(i64),
    Bool(bool),
    Json(Value),
}

/// The arguments that a call gave. A text or bytes that are absent count as empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::devnet::node) struct Args(HashMap<&'static str, Arg>);

impl Args {
    /// From `params` of a JSON-RPC request.
    pub fn from_json(params: &[Param], given: &Value) -> Result<Self, RpcError> {
        let named: Vec<(Param, &Value)> = match given {
            Value::Null => vec![],
            Value::Object(fields) => {
                params.iter().filter_map(|param| Some((*param, fields.get(param.0)?))).collect()
            }
            Value::Array(values) if values.is_empty() => vec![],
            Value::Array(values) if values.len() == params.len() => {
                params.iter().copied().zip(values).collect()
            }
            Value::Array(values) => {
                return Err(wrong_json(format!(
                    "expected {} parameters, got {}",
                    params.len(),
                    values.len()
                )));
            }
            _ => return Err(wrong_json("unknown type for JSON params. Expected map or array".into())),
        };
        let mut args = HashMap::new();
        for ((name, kind), value) in named {
            if !value.is_null() {
                args.insert(name, kind.parse_json(value).map_err(wrong_json)?);
            }
        }
        Ok(Self(args))
    }

    /// From the query part of a URI: `?path="/a/b"&data=0x01&height=5`, percent-encoded. The HTTP
    /// library refuses quotes that are not.
    pub fn from_uri(params: &[Param], query: &str) -> Result<Self, RpcError> {
        let mut args = HashMap::new();
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if let Some((name, kind)) = params.iter().find(|(name, _)| *name == key)
                && !value.is_empty()
            {
                let arg = kind.parse_uri(&value).map_err(|why| {
                    RpcError::InvalidParams(format!("error converting http params to arguments: {why}"))
                })?;
                args.insert(*name, arg);
            }
        }
        Ok(Self(args))
    }

    /// A text; empty when absent.
    pub fn text(&self, name: &str) -> &str {
        match self.0.get(name) {
            Some(Arg::Text(text)) => text,
            _ => "",
        }
    }

    /// Bytes; none when absent.
    pub fn bytes(&self, name: &str) -> &[u8] {
        match self.0.get(name) {
            Some(Arg::Bytes(bytes)) => bytes,
            _ => &[],
        }
    }

    /// A number, when given.
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.0.get(name) {
            Some(Arg::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    /// A flag, when given.
    pub fn bool(&self, name: &str) -> Option<bool> {
        match self.0.get(name) {
            Some(Arg::Bool(value)) => Some(*value),
            _ => None,
        }
    }

    /// Any JSON; null when absent.
    pub fn json(&self, name: &str) -> &Value {
        match self.0.get(name) {
            Some(Arg::Json(value)) => value,
            _ => &Value::Null,
        }
    }
}

fn wrong_json(why: String) -> RpcError {
    RpcError::InvalidParams(format!("error converting json params to arguments: {why}"))
}

impl Kind {
    fn parse_json(self, value: &Value) -> Result<Arg, String> {
        match (self, value) {
            (Self::Text, Value::String(text)) => Ok(Arg::Text(text.clone())),
            (Self::Hex, Value::String(text)) => decode_hex(text).map(Arg::Bytes),
            (Self::Base64, Value::String(text)) => decode_base64(text).map(Arg::Bytes),
            (Self::Integer, Value::String(text)) => text
                .parse()
                .map(Arg::Integer)
                .map_err(|_| format!("invalid character in 64-bit integer {:?}", shorten(text))),
            (Self::Integer, other) => Err(format!(
                "invalid 64-bit integer encoding {:?}, expected string",
                shorten(&other.to_string())
            )),
            (Self::Bool, Value::Bool(value)) => Ok(Arg::Bool(*value)),
            (Self::Json, value) => Ok(Arg::Json(value.clone())),
            (_, other) => {
                Err(format!("json: cannot unmarshal {} into {self:?}", shorten(&other.to_string())))
            }
        }
    }

    /// Texts stand in quotes, bytes are hex with `0x` or the bytes themselves in quotes.
    fn parse_uri(self, text: &str) -> Result<Arg, String> {
        let quoted =
            || serde_json::from_str::<String>(text).map_err(|_| format!("invalid text {}", shorten(text)));
        let hex = text.strip_prefix("0x");
        match self {
            Self::Text => match hex {
                Some(hex) => Ok(Arg::Text(String::from_utf8_lossy(&decode_hex(hex)?).into_owned())),
                None => quoted().map(Arg::Text),
            },
            Self::Hex | Self::Base64 => match hex {
                Some(hex) => decode_hex(hex).map(Arg::Bytes),
                None => quoted().map(|text| Arg::Bytes(text.into_bytes())),
            },
            Self::Integer => text
                .trim_matches('"')
                .parse()
                .map(Arg::Integer)
                .map_err(|_| format!("invalid 64-bit integer {:?}", shorten(text))),
            Self::Bool => {
                text.parse().map(Arg::Bool).map_err(|_| format!("invalid bool {:?}", shorten(text)))
            }
            Self::Json => serde_json::from_str(text).map(Arg::Json).map_err(|error| error.to_string()),
        }
    }
}

/// Go's text for a byte that is no hex digit.
fn decode_hex(text: &str) -> Result<Vec<u8>, String> {
    if let Some(wrong) = text.bytes().find(|byte| !byte.is_ascii_hexdigit()) {
        return Err(format!("encoding/hex: invalid byte: U+{wrong:04X} {:?}", char::from(wrong)));
    }
    hex::decode(text).map_err(|_| "encoding/hex: odd length hex string".into())
}

/// Go's text for a byte that is no base64.
fn decode_base64(text: &str) -> Result<Vec<u8>, String> {
    base64::engine::general_purpose::STANDARD.decode(text).map_err(|error| match error {
        base64::DecodeError::InvalidByte(at, _) => format!("illegal base64 data at input byte {at}"),
        _ => format!("illegal base64 data at input byte {}", text.len()),
    })
}

fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PARAMS: &[Param] = &[
        ("path", Kind::Text),
        ("data", Kind::Hex),
        ("tx", Kind::Base64),
        ("height", Kind::Integer),
        ("prove", Kind::Bool),
    ];

    #[test]
    fn by_name_by_position_and_by_uri_are_the_same() {
        let by_name =
            json!({"path": "/a/b", "data": "0801", "tx": "AQID", "height": "5", "prove": true, "more": 1});
        let by_position = json!(["/a/b", "0801", "AQID", "5", true]);
        let by_uri = "path=%22/a/b%22&data=0x0801&tx=0x010203&height=5&prove=true&more=1";
        let args = Args::from_json(PARAMS, &by_name).unwrap();
        assert_eq!(args, Args::from_json(PARAMS, &by_position).unwrap());
        assert_eq!(args, Args::from_uri(PARAMS, by_uri).unwrap());
        assert_eq!(
            (args.text("path"), args.bytes("data"), args.integer("height")),
            ("/a/b", &[8, 1][..], Some(5))
        );
        assert_eq!(args.bool("prove"), Some(true));
        assert_eq!(args.bytes("tx"), [1, 2, 3]);
    }

    #[test]
    fn what_is_absent_is_empty() {
        for given in [json!(null), json!({}), json!([]), json!({"height": null})] {
            assert_eq!(Args::from_json(PARAMS, &given).unwrap(), Args::default());
        }
    }

    #[test]
    fn wrong_arguments_are_named() {
        for (given, text) in [
            (json!({"data": "0x01"}), "encoding/hex: invalid byte: U+0078 'x'"),
            (json!({"data": "zz"}), "encoding/hex: invalid byte: U+007A 'z'"),
            (json!({"data": "123"}), "encoding/hex: odd length hex string"),
            (json!({"tx": "!!!notbase64"}), "illegal base64 data at input byte 0"),
            (json!({"height": 5}), "invalid 64-bit integer encoding \"5\", expected string"),
            (json!({"height": "x"}), "invalid character in 64-bit integer \"x\""),
            (json!(["/a"]), "expected 5 parameters, got 1"),
            (json!("x"), "unknown type for JSON params"),
            (json!({"prove": "yes"}), "cannot unmarshal"),
        ] {
            let error = Args::from_json(PARAMS, &given).unwrap_err().to_string();
            assert!(error.contains(text), "{given}: {error}");
        }
    }
}
