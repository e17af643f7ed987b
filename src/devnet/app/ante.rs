//! What every transaction passes before its messages run, in the chain's order.

use cosmrs::proto::cosmos::{crypto::secp256k1::PubKey, tx::v1beta1::SignDoc};
use prost::Message as _;

use super::{
    address::Address,
    decode::Tx,
    error::{AbciError, feemarket, sdk},
    gas::{self, GasMeter},
    ledger::Account,
    signature,
    standpoint::{Environment, Mode, Uptime},
    state::State,
};
use crate::{
    chain::tx::DENOM,
    devnet::{abci::Event, encoding::base64},
};

/// Largest gas limit, that of a signed number of 64 bits.
const MAX_GAS: u64 = (1 << 63) - 1;

/// Longest memo, in characters.
const MAX_MEMO: usize = 256;

/// The fee that a transaction has paid into the collector's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Escrow {
    /// uallo, all that the transaction offered.
    pub amount: u128,
}

/// The account that holds fees until the messages have run.
pub fn fee_collector() -> Address {
    Address::of_module("feemarket-fee-collector")
}

/// Runs all checks and takes the fee. On an error the state is to be thrown away.
pub fn run(
    state: &mut State,
    tx: &Tx,
    environment: Environment<'_>,
    meter: &mut GasMeter,
    events: &mut Vec<Event>,
) -> Result<Escrow, AbciError> {
    meter.consume_at_once(gas::SET_UP, "Has")?;
    if tx.gas_limit() > MAX_GAS {
        let text = format!("invalid gas supplied; {} > {MAX_GAS}", tx.gas_limit());
        return Err(sdk::INVALID_REQUEST.wrap(text));
    }
    if environment.mode != Mode::Recheck && tx.signatures.is_empty() {
        return Err(sdk::NO_SIGNATURES.bare());
    }
    if tx.signatures.len() != tx.signers.len() {
        let (expected, got) = (tx.signers.len(), tx.signatures.len());
        return Err(
            sdk::UNAUTHORIZED.wrap(format!("wrong number of signers; expected {expected}, got {got}"))
        );
    }
    let (height, timeout) = (environment.height, tx.body.timeout_height);
    if timeout != 0 && height > timeout {
        let text = format!("block height: {height}, timeout height: {timeout}");
        return Err(sdk::TX_TIMEOUT_HEIGHT.wrap(text));
    }
    let memo = tx.body.memo.chars().count();
    if memo > MAX_MEMO {
        let text = format!("maximum number of characters is {MAX_MEMO} but received {memo} characters");
        return Err(sdk::MEMO_TOO_LARGE.wrap(text));
    }
    meter.consume(gas::TX_BYTE.saturating_mul(tx.size))?;
    if environment.mode == Mode::Simulate {
        let empty = tx.signatures.iter().filter(|signature| signature.is_empty()).count() as u64;
        meter.consume(empty * gas::EMPTY_SIGNATURE)?;
    }
    let signers = 0..tx.signers.len();
    let keys: Vec<Vec<u8>> = signers
        .map(|index| signer_key(state, tx, index, environment.mode, meter))
        .collect::<Result<_, _>>()?;
    for (index, key) in keys.into_iter().enumerate() {
        verify_signer(state, tx, index, key, environment, meter, events)?;
    }
    if environment.mode == Mode::Simulate {
        meter.consume(gas::FEE)?;
        meter.refund(gas::SIMULATE_SAVES);
        return escrow(state, tx, 0, events);
    }
    let escrow = take_fee(state, tx, meter, events)?;
    meter.consume(gas::FEE)?;
    Ok(escrow)
}

/// The key of one signer, as the transaction has it or else its account. Simulate takes any, and none.
fn signer_key(
    state: &State,
    tx: &Tx,
    index: usize,
    mode: Mode,
    meter: &mut GasMeter,
) -> Result<Vec<u8>, AbciError> {
    let address = tx.signers[index];
    let given = match tx.auth_info.signer_infos.get(index).and_then(|info| info.public_key.as_ref()) {
        Some(any) if any.type_url == "/cosmos.crypto.secp256k1.PubKey" => {
            Some(PubKey::decode(any.value.as_slice()).map_err(|error| sdk::TX_DECODE.wrap(error))?.key)
        }
        Some(any) => {
            return Err(sdk::TX_DECODE.wrap(format!("unable to resolve type URL {}", any.type_url)));
        }
        None => None,
    };
    if let Some(key) = &given
        && mode != Mode::Simulate
        && Address::of_public_key(key) != Some(address)
    {
        let text = format!("pubKey does not match signer address {address} with signer index: {index}");
        return Err(sdk::INVALID_PUBKEY.wrap(text));
    }
    // Only now is it noticed that there is no such account.
    meter.consume(gas::ACCOUNT)?;
    let account = account(state, address)?;
    // The first signature of an account brings its key along.
    meter.consume(gas::KEY + if account.sequence == 0 { gas::NEW_KEY } else { 0 })?;
    given.or_else(|| account.public_key.map(|key| key.to_vec())).map_or_else(
        || match mode {
            Mode::Simulate => Ok(vec![]),
            _ => Err(sdk::INVALID_PUBKEY.wrap("unrecognized public key type: <nil>")),
        },
        Ok,
    )
}

fn account(state: &State, address: Address) -> Result<Account, AbciError> {
    let account = state.ledger.account(address);
    account.ok_or_else(|| sdk::UNKNOWN_ADDRESS.wrap(format!("account {address} does not exist")))
}

/// Checks sequence and signature of one signer and uses its sequence up.
fn verify_signer(
    state: &mut State,
    tx: &Tx,
    index: usize,
    key: Vec<u8>,
    environment: Environment<'_>,
    meter: &mut GasMeter,
    events: &mut Vec<Event>,
) -> Result<(), AbciError> {
    let address = tx.signers[index];
    let mut account = account(state, address)?;
    let info = tx.auth_info.signer_infos.get(index);
    let (expected, got) = (account.sequence, info.map_or(0, |info| info.sequence));
    if expected != got {
        let text = format!("account sequence mismatch, expected {expected}, got {got}");
        return Err(sdk::WRONG_SEQUENCE.wrap(text));
    }
    if matches!(environment.mode, Mode::Check | Mode::Deliver) {
        // Genesis transactions are signed with account number 0.
        let account_number = match environment.uptime {
            Uptime::Starting | Uptime::JustStarted => 0,
            Uptime::Running => account.number,
        };
        let document = SignDoc {
            body_bytes: tx.body_bytes.clone(),
            auth_info_bytes: tx.auth_info_bytes.clone(),
            chain_id: environment.chain_id.into(),
            account_number,
        };
        if !signature::verify(&key, &document.encode_to_vec(), &tx.signatures[index]) {
            let text = format!(
                "signature verification failed; please verify account number ({account_number}) and chain-id ({}): \
                 (unable to verify single signer signature)",
                environment.chain_id
            );
            return Err(sdk::UNAUTHORIZED.wrap(text));
        }
    }
    events.push(Event::plain("tx", [("acc_seq", &format!("{address}/{got}"))]));
    events.push(Event::plain("tx", [("signature", &base64(&tx.signatures[index]))]));
    account.sequence += 1;
    if let Ok(key) = key.try_into() {
        account.public_key = Some(key);
    }
    state.ledger.set_account(address, account);
    meter.consume(gas::SIGNATURE - gas::ACCOUNT - gas::KEY)
}

/// Takes the whole fee that is offered, if it is what the gas limit costs.
fn take_fee(
    state: &mut State,
    tx: &Tx,
    meter: &GasMeter,
    events: &mut Vec<Event>,
) -> Result<Escrow, AbciError> {
    let coins = tx.auth_info.fee.as_ref().map_or(&[][..], |fee| &fee.amount);
    let coin = match coins {
        [coin] => coin,
        [] => return Err(feemarket::NO_FEE_COIN.wrap("got length 0")),
        more => return Err(feemarket::TOO_MANY_FEE_COINS.wrap(format!("got length {}", more.len()))),
    };
    if coin.denom != DENOM {
        return Err(AbciError::unregistered(format!(
            "unable to get min gas price for denom {}: error resolving denom: the only denom supported is {DENOM}",
            coin.denom
        )));
    }
    let Ok(offered) = coin.amount.parse::<u128>() else {
        return Err(sdk::INVALID_COINS.wrap(format!("invalid fee amount: {}{DENOM}", coin.amount)));
    };
    let required = state.gas_price.cost(tx.gas_limit()).unwrap_or(u128::MAX);
    if offered < required {
        let text = format!(
            "error checking fee: got: {offered}{DENOM} required: {required}{DENOM}, minGasPrice: {}{DENOM}, gas: {}",
            state.gas_price,
            meter.used()
        );
        return Err(sdk::INSUFFICIENT_FEE.wrap(text));
    }
    escrow(state, tx, offered, events)
}

/// Moves the fee to the collector.
fn escrow(state: &mut State, tx: &Tx, amount: u128, events: &mut Vec<Event>) -> Result<Escrow, AbciError> {
    let Some(payer) = tx.signers.first() else {
        return Err(sdk::INVALID_REQUEST.wrap("must contain at least one message"));
    };
    state
        .ledger
        .transfer(*payer, fee_collector(), amount, events)
        .map_err(|error| error.context("error escrowing funds"))?;
    Ok(Escrow { amount })
}
