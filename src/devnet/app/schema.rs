//! Which fields a transaction may hold: the chain refuses those that it does not know.

use super::error::{AbciError, sdk};

/// A message type and its fields.
#[derive(Debug)]
pub struct Schema {
    /// Name of the Go type, as errors show it.
    pub name: &'static str,
    /// Number and content of each field.
    pub fields: &'static [(u64, Content)],
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub enum Content {
    /// A number, text or bytes.
    Scalar,
    /// A message, or several.
    Message(&'static Schema),
}

/// Whether numbers with bit 11 set may be unknown, as they may in a transaction's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// None may.
    Refused,
    /// Those may.
    NonCritical,
}

/// Messages within messages deeper than this are refused.
const MAX_DEPTH: u32 = 16;

/// Bit of a field number that says that an unknown field may be passed over.
const NON_CRITICAL: u64 = 1 << 10;

/// Refuses fields that the schema does not know; unpacks nothing.
pub fn reject_unknown_fields(bytes: &[u8], schema: &Schema, unknown: Unknown) -> Result<(), AbciError> {
    walk(bytes, schema, unknown, 0).map_err(|text| sdk::TX_DECODE.wrap(text))
}

fn walk(mut bytes: &[u8], schema: &Schema, unknown: Unknown, depth: u32) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err("recursion limit exceeded".into());
    }
    while !bytes.is_empty() {
        let key = varint(&mut bytes).ok_or("invalid length; proto: invalid field number")?;
        let (number, wire_type) = (key >> 3, key & 7);
        if number == 0 || number > 0x1fff_ffff {
            return Err("invalid length; proto: invalid field number".into());
        }
        let payload = skip(&mut bytes, wire_type).ok_or("invalid length; unexpected EOF")?;
        match schema.fields.iter().find(|(known, _)| *known == number) {
            Some((_, Content::Message(inner))) if wire_type == 2 => walk(payload, inner, unknown, depth + 1)?,
            Some(_) => {}
            None if unknown == Unknown::NonCritical && number & NON_CRITICAL != 0 => {}
            None => {
                let (name, wire_type) = (schema.name, wire_type_name(wire_type));
                return Err(format!(
                    "errUnknownField \"{name}\": {{TagNum: {number}, WireType:\"{wire_type}\"}}"
                ));
            }
        }
    }
    Ok(())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    prost::encoding::decode_varint(bytes).ok()
}

/// Steps over one field and returns its payload, empty for numbers. Groups are not supported.
fn skip<'a>(bytes: &mut &'a [u8], wire_type: u64) -> Option<&'a [u8]> {
    let length = match wire_type {
        0 => return varint(bytes).map(|_| &[][..]),
        1 => 8,
        2 => usize::try_from(varint(bytes)?).ok()?,
        5 => 4,
        _ => return None,
    };
    let (payload, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(payload)
}

fn wire_type_name(wire_type: u64) -> &'static str {
    match wire_type {
        0 => "varint",
        1 => "fixed64",
        2 => "bytes",
        3 => "start_group",
        4 => "end_group",
        _ => "fixed32",
    }
}

use Content::{Message, Scalar};

macro_rules! schemas {
    ($($schema:ident = $name:literal { $($number:literal $content:expr),* $(,)? })*) => { $(
        #[doc = concat!("`", $name, "`.")]
        pub static $schema: Schema = Schema { name: $name, fields: &[$(($number, $content)),*] };
    )* };
}

schemas! {
    TX_RAW = "*tx.TxRaw" { 1 Scalar, 2 Scalar, 3 Scalar }
    TX_BODY = "*tx.TxBody" { 1 Message(&ANY), 2 Scalar, 3 Scalar, 1023 Message(&ANY), 2047 Message(&ANY) }
    ANY = "*anypb.Any" { 1 Scalar, 2 Scalar }
    AUTH_INFO = "*tx.AuthInfo" { 1 Message(&SIGNER_INFO), 2 Message(&FEE), 3 Message(&TIP) }
    SIGNER_INFO = "*tx.SignerInfo" { 1 Message(&ANY), 2 Message(&MODE_INFO), 3 Scalar }
    MODE_INFO = "*tx.ModeInfo" { 1 Message(&MODE_INFO_SINGLE), 2 Message(&MODE_INFO_MULTI) }
    MODE_INFO_SINGLE = "*tx.ModeInfo_Single" { 1 Scalar }
    MODE_INFO_MULTI = "*tx.ModeInfo_Multi" { 1 Message(&COMPACT_BIT_ARRAY), 2 Message(&MODE_INFO) }
    COMPACT_BIT_ARRAY = "*multisigv1beta1.CompactBitArray" { 1 Scalar, 2 Scalar }
    FEE = "*tx.Fee" { 1 Message(&COIN), 2 Scalar, 3 Scalar, 4 Scalar }
    TIP = "*tx.Tip" { 1 Message(&COIN), 2 Scalar }
    COIN = "*basev1beta1.Coin" { 1 Scalar, 2 Scalar }
    MSG_SEND = "*types.MsgSend" { 1 Scalar, 2 Scalar, 3 Message(&COIN) }
    REGISTER = "*types.RegisterRequest" { 1 Scalar, 4 Scalar, 5 Scalar, 6 Scalar }
    REMOVE_REGISTRATION = "*types.RemoveRegistrationRequest" { 1 Scalar, 2 Scalar, 3 Scalar }
    INSERT_WORKER_PAYLOAD = "*types.InsertWorkerPayloadRequest" { 1 Scalar, 2 Message(&WORKER_DATA_BUNDLE) }
    WORKER_DATA_BUNDLE = "*types.InputWorkerDataBundle" {
        1 Scalar, 2 Message(&NONCE), 3 Scalar, 4 Message(&INFERENCE_FORECAST_BUNDLE), 5 Scalar, 6 Scalar,
    }
    NONCE = "*emissionsv3.Nonce" { 1 Scalar }
    INFERENCE_FORECAST_BUNDLE = "*types.InputInferenceForecastBundle" {
        1 Message(&INFERENCE), 2 Message(&FORECAST),
    }
    INFERENCE = "*types.InputInference" {
        1 Scalar, 2 Scalar, 3 Scalar, 4 Scalar, 5 Scalar, 6 Scalar, 7 Message(&LABELED_VALUE),
    }
    INSERT_WORKER_PAYLOAD_V9 = "*types.InsertWorkerPayloadRequest" {
        1 Scalar, 2 Message(&WORKER_DATA_BUNDLE_V9),
    }
    WORKER_DATA_BUNDLE_V9 = "*types.InputWorkerDataBundle" {
        1 Scalar, 2 Message(&NONCE), 3 Scalar, 4 Message(&INFERENCE_FORECAST_BUNDLE_V9), 5 Scalar, 6 Scalar,
    }
    INFERENCE_FORECAST_BUNDLE_V9 = "*types.InputInferenceForecastBundle" {
        1 Message(&INFERENCE_V9), 2 Message(&FORECAST),
    }
    INFERENCE_V9 = "*types.InputInference" { 1 Scalar, 2 Scalar, 3 Scalar, 4 Scalar, 5 Scalar, 6 Scalar }
    LABELED_VALUE = "*types.InputLabeledValue" { 1 Scalar, 2 Scalar }
    FORECAST = "*types.InputForecast" { 1 Scalar, 2 Scalar, 3 Scalar, 4 Message(&FORECAST_ELEMENT), 5 Scalar }
    FORECAST_ELEMENT = "*types.InputForecastElement" { 1 Scalar, 2 Scalar }
    INSERT_REPUTER_PAYLOAD = "*types.InsertReputerPayloadRequest" { 1 Scalar, 2 Message(&REPUTER_VALUE_BUNDLE) }
    REPUTER_VALUE_BUNDLE = "*emissionsv9.InputReputerValueBundle" { 1 Message(&VALUE_BUNDLE), 2 Scalar, 3 Scalar }
    VALUE_BUNDLE = "*emissionsv9.InputValueBundle" {
        1 Scalar, 2 Message(&REPUTER_REQUEST_NONCE), 3 Scalar, 4 Scalar, 5 Scalar, 6 Message(&WORKER_VALUE),
        7 Message(&WORKER_VALUE), 8 Scalar, 9 Message(&WORKER_VALUE), 10 Message(&WORKER_VALUE),
        11 Message(&WORKER_VALUE), 12 Message(&ONE_OUT_INFERER_FORECASTER_VALUES),
    }
    REPUTER_REQUEST_NONCE = "*emissionsv3.ReputerRequestNonce" { 1 Message(&NONCE) }
    WORKER_VALUE = "*emissionsv9.InputWorkerAttributedValue" { 1 Scalar, 2 Scalar }
    ONE_OUT_INFERER_FORECASTER_VALUES = "*emissionsv9.InputOneOutInfererForecasterValues" {
        3 Scalar, 4 Message(&WORKER_VALUE),
    }
    ADD_STAKE = "*types.AddStakeRequest" { 1 Scalar, 2 Scalar, 3 Scalar }
    DELEGATE_STAKE = "*types.DelegateStakeRequest" { 1 Scalar, 2 Scalar, 3 Scalar, 4 Scalar }
    FUND_TOPIC = "*types.FundTopicRequest" { 1 Scalar, 2 Scalar, 3 Scalar }
    ADD_TO_TOPIC_WORKER_WHITELIST = "*types.AddToTopicWorkerWhitelistRequest" { 1 Scalar, 2 Scalar, 3 Scalar }
}
