//! From the bytes of a transaction to its messages, refusing what the chain's decoder refuses.

use cosmrs::{
    Any,
    proto::cosmos::{
        bank::v1beta1::MsgSend,
        tx::v1beta1::{AuthInfo, TxBody, TxRaw},
    },
};
use prost::Message as _;

use super::{
    address::Address,
    error::{AbciError, sdk},
    schema::{self, Schema, Unknown, reject_unknown_fields},
};
use crate::chain::{
    decimal::{ParseDecimalError, RangeError},
    messages::{
        AddStakeRequest, AddToTopicWorkerWhitelistRequest, DelegateStakeRequest, EmissionsVersion,
        FundTopicRequest, InsertReputerPayloadRequest, InsertWorkerPayloadRequest, Msg, RegisterRequest,
        RemoveRegistrationRequest,
    },
    payload::{Canonical as _, DecError, DecReason},
};

/// A decoded transaction with the bytes that its signature covers.
#[derive(Debug, Clone)]
pub struct Tx {
    /// Messages, memo, timeout.
    pub body: TxBody,
    /// Signers and fee.
    pub auth_info: AuthInfo,
    /// As received.
    pub body_bytes: Vec<u8>,
    /// As received.
    pub auth_info_bytes: Vec<u8>,
    /// One for each signer.
    pub signatures: Vec<Vec<u8>>,
    /// The body's messages.
    pub messages: Vec<Message>,
    /// Who must sign, each once, the fee payer first.
    pub signers: Vec<Address>,
    /// Bytes of the whole transaction.
    pub size: u64,
}

/// A message that the application may run.
#[derive(Debug, Clone)]
pub enum Message {
    /// Bank transfer.
    Send(MsgSend),
    /// Joins a topic.
    Register(RegisterRequest),
    /// Leaves a topic.
    RemoveRegistration(RemoveRegistrationRequest),
    /// A worker's payload.
    InsertWorkerPayload(InsertWorkerPayloadRequest),
    /// A reputer's payload.
    InsertReputerPayload(InsertReputerPayloadRequest),
    /// A reputer's own stake.
    AddStake(AddStakeRequest),
    /// Stake on a reputer.
    DelegateStake(DelegateStakeRequest),
    /// Money for a topic.
    FundTopic(FundTopicRequest),
    /// Lets a worker submit where the whitelist is on.
    AddToTopicWorkerWhitelist(AddToTopicWorkerWhitelistRequest),
    /// A type that the chain knows without running it, by the name of its Go type.
    Unhandled(String),
}

/// Types of earlier emissions packages that the decoder still knows.
const EMISSIONS_MESSAGES: [&str; 14] = [
    "UpdateParamsRequest",
    "CreateNewTopicRequest",
    "RegisterRequest",
    "RemoveRegistrationRequest",
    "AddStakeRequest",
    "RemoveStakeRequest",
    "DelegateStakeRequest",
    "RemoveDelegateStakeRequest",
    "RewardDelegateStakeRequest",
    "FundTopicRequest",
    "InsertWorkerPayloadRequest",
    "InsertReputerPayloadRequest",
    "AddToTopicWorkerWhitelistRequest",
    "RemoveFromTopicWorkerWhitelistRequest",
];

impl Tx {
    /// Decodes a `TxRaw`.
    pub fn decode(bytes: &[u8], version: EmissionsVersion) -> Result<Self, AbciError> {
        reject_unknown_fields(bytes, &schema::TX_RAW, Unknown::Refused)?;
        let raw = TxRaw::decode(bytes).map_err(malformed)?;
        reject_unknown_fields(&raw.body_bytes, &schema::TX_BODY, Unknown::NonCritical)?;
        let body = TxBody::decode(raw.body_bytes.as_slice()).map_err(malformed)?;
        reject_unknown_fields(&raw.auth_info_bytes, &schema::AUTH_INFO, Unknown::Refused)?;
        let auth_info = AuthInfo::decode(raw.auth_info_bytes.as_slice()).map_err(malformed)?;
        let messages =
            body.messages.iter().map(|any| Message::decode(any, version)).collect::<Result<Vec<_>, _>>()?;
        let mut signers = vec![];
        let payer = auth_info.fee.as_ref().map_or("", |fee| fee.payer.as_str());
        for signer in
            [payer].into_iter().filter(|p| !p.is_empty()).chain(messages.iter().filter_map(Message::sender))
        {
            let signer = Address::parse(signer).map_err(|error| sdk::TX_DECODE.wrap(error))?;
            if !signers.contains(&signer) {
                signers.push(signer);
            }
        }
        Ok(Self {
            body,
            auth_info,
            body_bytes: raw.body_bytes,
            auth_info_bytes: raw.auth_info_bytes,
            signatures: raw.signatures,
            messages,
            signers,
            size: bytes.len() as u64,
        })
    }

    /// The gas limit; 0 when there is no fee at all.
    pub fn gas_limit(&self) -> u64 {
        self.auth_info.fee.as_ref().map_or(0, |fee| fee.gas_limit)
    }
}

impl Message {
    fn decode(any: &Any, version: EmissionsVersion) -> Result<Self, AbciError> {
        if any.type_url == "/cosmos.bank.v1beta1.MsgSend" {
            return decode(any, &schema::MSG_SEND).map(Self::Send);
        }
        let unknown = || sdk::TX_DECODE.wrap(format!("unable to resolve type URL {}", any.type_url));
        let (package, name) = any.type_url.trim_start_matches('/').rsplit_once('.').ok_or_else(unknown)?;
        let number = package_number(package).ok_or_else(unknown)?;
        let current = package_number(version.package()).ok_or_else(unknown)?;
        if number > current || !EMISSIONS_MESSAGES.contains(&name) {
            return Err(unknown());
        }
        if number < current {
            return Ok(Self::Unhandled(format!("*emissionsv{number}.{name}")));
        }
        Ok(match name {
            RegisterRequest::NAME => Self::Register(decode(any, &schema::REGISTER)?),
            RemoveRegistrationRequest::NAME => {
                Self::RemoveRegistration(decode(any, &schema::REMOVE_REGISTRATION)?)
            }
            InsertWorkerPayloadRequest::NAME => {
                let schema = match version {
                    EmissionsVersion::V9 => &schema::INSERT_WORKER_PAYLOAD_V9,
                    EmissionsVersion::V10 => &schema::INSERT_WORKER_PAYLOAD,
                };
                let mut request: InsertWorkerPayloadRequest = decode(any, schema)?;
                if let Some(bundle) = request
                    .worker_data_bundle
                    .as_mut()
                    .and_then(|data| data.inference_forecasts_bundle.as_mut())
                {
                    bundle.canonicalize().map_err(bad_dec)?;
                }
                Self::InsertWorkerPayload(request)
            }
            InsertReputerPayloadRequest::NAME => {
                let mut request: InsertReputerPayloadRequest = decode(any, &schema::INSERT_REPUTER_PAYLOAD)?;
                if let Some(losses) =
                    request.reputer_value_bundle.as_mut().and_then(|signed| signed.value_bundle.as_mut())
                {
                    losses.canonicalize().map_err(bad_dec)?;
                }
                Self::InsertReputerPayload(request)
            }
            AddStakeRequest::NAME => Self::AddStake(decode(any, &schema::ADD_STAKE)?),
            DelegateStakeRequest::NAME => Self::DelegateStake(decode(any, &schema::DELEGATE_STAKE)?),
            FundTopicRequest::NAME => Self::FundTopic(decode(any, &schema::FUND_TOPIC)?),
            AddToTopicWorkerWhitelistRequest::NAME => {
                Self::AddToTopicWorkerWhitelist(decode(any, &schema::ADD_TO_TOPIC_WORKER_WHITELIST)?)
            }
            name => Self::Unhandled(format!("*types.{name}")),
        })
    }

    /// Who must sign.
    pub fn sender(&self) -> Option<&str> {
        Some(match self {
            Self::Send(message) => &message.from_address,
            Self::Register(message) => &message.sender,
            Self::RemoveRegistration(message) => &message.sender,
            Self::InsertWorkerPayload(message) => &message.sender,
            Self::InsertReputerPayload(message) => &message.sender,
            Self::AddStake(message) => &message.sender,
            Self::DelegateStake(message) => &message.sender,
            Self::FundTopic(message) => &message.sender,
            Self::AddToTopicWorkerWhitelist(message) => &message.sender,
            Self::Unhandled(_) => return None,
        })
    }
}

/// `emissions.v10` gives 10. Packages before v2 named their messages differently.
fn package_number(package: &str) -> Option<u32> {
    package.strip_prefix("emissions.v")?.parse().ok().filter(|number| *number >= 2)
}

fn decode<M: prost::Message + Default>(any: &Any, schema: &Schema) -> Result<M, AbciError> {
    reject_unknown_fields(&any.value, schema, Unknown::NonCritical)?;
    M::decode(any.value.as_slice()).map_err(malformed)
}

fn malformed(error: prost::DecodeError) -> AbciError {
    sdk::TX_DECODE.wrap(error)
}

/// A Dec that does not decode, in the chain's words.
fn bad_dec(DecError { text, reason }: DecError) -> AbciError {
    let plain = || super::emissions::number::plain(&text);
    sdk::TX_DECODE.wrap(match reason {
        DecReason::Parse(ParseDecimalError::NotFinite) => {
            "value must be finite: value is out of range".to_owned()
        }
        DecReason::Parse(_) => apd_error(&text),
        DecReason::Range(RangeError::TooLarge) => {
            format!("value {} cannot be greater than ±1e40: value is out of range", plain())
        }
        DecReason::Range(RangeError::TooSmall) => {
            format!("value {} cannot have higher precision than 40: value is out of range", plain())
        }
    })
}

/// What `apd`, the chain's decimal, says of a text that is no number: it takes the sign off first,
/// then the exponent, then the point.
fn apd_error(text: &str) -> String {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.starts_with(['+', '-']) {
        return format!("could not parse: {text}");
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    match exponent {
        Some(exponent) if exponent.parse::<i64>().is_err() => {
            format!("parse exponent: {exponent}: strconv.ParseInt: parsing {exponent:?}: invalid syntax")
        }
        _ => format!("parse mantissa: {}", mantissa.replacen('.', "", 1)),
    }
}
