//! Arguments of a call: by name, by position, or from a URI.

use std::collections::HashMap;

use base64::Engine;
use serde_json::Value;

use super::{go_json, jsonrpc::RpcError};

/// How an argument is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::devnet::node) enum Kind {
    /// Text.
    Text,
    /// Bytes, in hex without `0x`.
    Hex,
    /// A hash, in base64.
    Base64,
    /// A transaction, in base64.
    Tx,
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
            Value::Array(values) if values.len() == params.len() => {
                params.iter().copied().zip(values).collect()
            }
            Value::Array(values) => {
                let names: Vec<&str> = params.iter().map(|(name, _)| *name).collect();
                // Go shows the bytes of each.
                let given: Vec<String> =
                    values.iter().map(|value| as_go_shows(value.to_string().as_bytes())).collect();
                return Err(wrong_json(format!(
                    "expected {} parameters ([{}]), got {} ([{}])",
                    params.len(),
                    names.join(" "),
                    values.len(),
                    given.join(" "),
                )));
            }
            other => {
                let why = go_json::mismatch(other, "[]json.RawMessage");
                return Err(wrong_json(format!(
                    "unknown type for JSON params: {why}. Expected map or array"
                )));
            }
        };
        let mut args = HashMap::new();
        for ((name, kind), value) in named {
            if !value.is_null() {
                args.insert(name, kind.parse(&value.to_string()).map_err(wrong_json)?);
            }
        }
        Ok(Self(args))
    }

    /// From the query part of a URI: `?path="/a/b"&data=0x01&height=5`, percent-encoded.
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
    /// What Go calls it.
    fn go_type(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Hex => "bytes.HexBytes",
            Self::Base64 => "[]uint8",
            Self::Tx => "types.Tx",
            Self::Integer => "int64",
            Self::Bool => "bool",
            Self::Json => "interface {}",
        }
    }

    /// From its JSON.
    fn parse(self, json: &str) -> Result<Arg, String> {
        let in_quotes = || json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        match self {
            Self::Hex => {
                let hex = in_quotes().ok_or_else(|| format!("invalid hex string: {}", shorten(json)))?;
                decode_hex(hex).map(Arg::Bytes)
            }
            Self::Integer => {
                let number = in_quotes().ok_or_else(|| {
                    format!("invalid 64-bit integer encoding {:?}, expected string", shorten(json))
                })?;
                parse_integer(number)
            }
            Self::Text | Self::Base64 | Self::Tx | Self::Bool | Self::Json => {
                match (self, go_json::parse(json.as_bytes())?) {
                    (Self::Text, Value::String(text)) => Ok(Arg::Text(text)),
                    (Self::Base64 | Self::Tx, Value::String(text)) => decode_base64(&text).map(Arg::Bytes),
                    (Self::Bool, Value::Bool(value)) => Ok(Arg::Bool(value)),
                    (Self::Json, value) => Ok(Arg::Json(value)),
                    (_, other) => Err(go_json::mismatch(&other, self.go_type())),
                }
            }
        }
    }

    /// From a URI: numbers need no quotes, bytes are hex with `0x` or the bytes themselves in quotes, and all else is
    /// as in JSON.
    fn parse_uri(self, text: &str) -> Result<Arg, String> {
        let hex = text.get(..2).filter(|start| start.eq_ignore_ascii_case("0x")).and(text.get(2..));
        let is_number = text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit());
        match (self, hex) {
            (Self::Text, Some(hex)) => Ok(Arg::Text(String::from_utf8_lossy(&decode_hex(hex)?).into_owned())),
            (Self::Hex | Self::Base64 | Self::Tx, Some(hex)) => decode_hex(hex).map(Arg::Bytes),
            (Self::Integer | Self::Bool, Some(_)) => {
                Err(format!("got a hex string arg, but expected '{}'", self.go_type()))
            }
            (Self::Integer, None) if is_number => parse_integer(text),
            (Self::Hex | Self::Base64 | Self::Tx, None) if text.starts_with('"') && text.ends_with('"') => {
                match go_json::parse(text.as_bytes())? {
                    Value::String(text) => Ok(Arg::Bytes(text.into_bytes())),
                    other => Err(go_json::mismatch(&other, "string")),
                }
            }
            _ => self.parse(text),
        }
    }
}

/// A number as Go reads it, once its quotes are gone.
fn parse_integer(text: &str) -> Result<Arg, String> {
    let value = go_json::parse(text.as_bytes())?;
    value.as_i64().map(Arg::Integer).ok_or_else(|| go_json::mismatch(&value, "int64"))
}

/// Bytes as Go prints a list of them.
fn as_go_shows(bytes: &[u8]) -> String {
    let numbers: Vec<String> = bytes.iter().map(ToString::to_string).collect();
    format!("[{}]", numbers.join(" "))
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
        ("tx", Kind::Tx),
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
        for given in [json!(null), json!({}), json!({"height": null})] {
            assert_eq!(Args::from_json(PARAMS, &given).unwrap(), Args::default());
        }
        assert_eq!(Args::from_json(&[], &json!([])).unwrap(), Args::default());
    }

    #[test]
    fn wrong_arguments_are_named() {
        for (given, text) in [
            (json!({"data": "0x01"}), "encoding/hex: invalid byte: U+0078 'x'"),
            (json!({"data": "zz"}), "encoding/hex: invalid byte: U+007A 'z'"),
            (json!({"data": "123"}), "encoding/hex: odd length hex string"),
            (json!({"tx": "!!!notbase64"}), "illegal base64 data at input byte 0"),
            (json!({"height": 5}), "invalid 64-bit integer encoding \"5\", expected string"),
            (json!({"height": "x"}), "invalid character 'x' looking for beginning of value"),
            (json!({"height": ""}), "unexpected end of JSON input"),
            (json!({"height": "1.5"}), "json: cannot unmarshal number 1.5 into Go value of type int64"),
            (json!(["/a"]), "expected 5 parameters ([path data tx height prove]), got 1 ([[34 47 97 34]])"),
            (json!([]), "expected 5 parameters ([path data tx height prove]), got 0 ([])"),
            (
                json!("x"),
                "unknown type for JSON params: json: cannot unmarshal string into Go value of type \
                 []json.RawMessage. Expected map or array",
            ),
            (json!({"prove": "yes"}), "json: cannot unmarshal string into Go value of type bool"),
            (json!({"path": 5}), "json: cannot unmarshal number into Go value of type string"),
            (json!({"tx": [1]}), "json: cannot unmarshal array into Go value of type types.Tx"),
            (json!({"data": 5}), "invalid hex string: 5"),
        ] {
            let error = Args::from_json(PARAMS, &given).unwrap_err().to_string();
            assert_eq!(error, format!("error converting json params to arguments: {text}"), "{given}");
        }
    }

    #[test]
    fn wrong_arguments_of_a_uri_are_named() {
        for (query, text) in [
            ("path=/a/b", "invalid character '/' looking for beginning of value"),
            ("data=0801", "invalid hex string: 0801"),
            ("data=0xzz", "encoding/hex: invalid byte: U+007A 'z'"),
            ("tx=AQID", "invalid character 'A' looking for beginning of value"),
            ("height=x", "invalid 64-bit integer encoding \"x\", expected string"),
            ("height=0x1", "got a hex string arg, but expected 'int64'"),
            ("prove=1", "json: cannot unmarshal number into Go value of type bool"),
        ] {
            let error = Args::from_uri(PARAMS, query).unwrap_err().to_string();
            assert_eq!(error, format!("error converting http params to arguments: {text}"), "{query}");
        }
    }
}
