//! One transaction from its bytes to its result.

use std::sync::Arc;

use cosmrs::{
    Any,
    proto::cosmos::base::{abci::v1beta1::TxMsgData, v1beta1::Coin},
};
use prost::Message as _;

use super::{
    address::Address,
    ante::{self, Escrow},
    decode::{Message, Tx},
    emissions::Context,
    error::{AbciError, sdk},
    gas::{self, GasMeter},
    standpoint::{Environment, Mode},
    state::State,
};
use crate::{
    chain::tx::{DENOM, TxHash},
    devnet::abci::{Event, ExecTxResult},
};

/// Runs a transaction on `state` and leaves there what stays of it.
///
/// What the ante handler refuses changes nothing. When a message fails, the fee is gone and the
/// sequence used, and nothing else has happened.
pub fn run(state: &mut State, bytes: &[u8], environment: Environment<'_>) -> ExecTxResult {
    let tx = match Tx::decode(bytes, state.emissions.version) {
        Ok(tx) => tx,
        Err(error) => return error.into_result(0, 0),
    };
    if let Err(error) = has_handlers(&tx) {
        return error.into_result(tx.gas_limit(), 0);
    }
    let limit = tx.gas_limit();
    let mut meter = match environment.mode {
        Mode::Simulate => GasMeter::unlimited(),
        _ => GasMeter::new(limit),
    };
    let (mut events, mut after_ante) = (vec![], state.clone());
    let escrow = match ante::run(&mut after_ante, &tx, environment, &mut meter, &mut events) {
        Ok(escrow) => escrow,
        Err(error) => return error.into_result(limit, meter.used()),
    };
    *state = after_ante;
    let mut after_messages = state.clone();
    let mut rest = vec![];
    let done = match run_messages(&mut after_messages, &tx, bytes, environment, &mut meter, &mut rest) {
        Ok(data) => finish(&mut after_messages, escrow, &mut meter, &mut rest).map(|()| data),
        Err(error) if is_out_of_gas(&error) => Err(error),
        // What comes after the messages runs, and then everything since the ante handler is thrown away.
        Err(error) => Err(meter.consume(gas::POST).err().unwrap_or(error)),
    };
    match done {
        Ok(data) => {
            *state = after_messages;
            // CheckTx shows only what comes after the messages.
            if matches!(environment.mode, Mode::Check | Mode::Recheck) {
                events.clear();
            }
            events.append(&mut rest);
            ExecTxResult {
                data,
                gas_wanted: limit,
                gas_used: meter.used(),
                events,
                ..ExecTxResult::default()
            }
        }
        Err(error) => ExecTxResult { events, ..error.into_result(limit, meter.used()) },
    }
}

/// There are messages, and the chain runs all of them.
fn has_handlers(tx: &Tx) -> Result<(), AbciError> {
    if tx.messages.is_empty() {
        return Err(sdk::INVALID_REQUEST.wrap("must contain at least one message"));
    }
    for message in &tx.messages {
        if let Message::Unhandled(name) = message {
            return Err(sdk::UNKNOWN_REQUEST.wrap(format!("no message handler found for {name}")));
        }
    }
    Ok(())
}

fn is_out_of_gas(error: &AbciError) -> bool {
    (error.codespace, error.code) == ("sdk", 11)
}

/// Runs the messages, but for CheckTx, and returns the transaction's data.
fn run_messages(
    state: &mut State,
    tx: &Tx,
    bytes: &[u8],
    environment: Environment<'_>,
    meter: &mut GasMeter,
    events: &mut Vec<Event>,
) -> Result<Vec<u8>, AbciError> {
    if matches!(environment.mode, Mode::Check | Mode::Recheck) {
        return Ok(vec![]);
    }
    let tx_hash: Arc<str> = TxHash::of(bytes).to_string().into();
    let mut data = TxMsgData::default();
    for (index, (message, any)) in tx.messages.iter().zip(&tx.body.messages).enumerate() {
        let mut own = vec![];
        run_message(state, message, any, environment.height, &tx_hash, meter, &mut own).map_err(|error| {
            // Running out of gas ends the whole transaction, whichever message it was in.
            match is_out_of_gas(&error) {
                true => error,
                false => error.context(format!("failed to execute message; message index: {index}")),
            }
        })?;
        for event in &mut own {
            event.attributes.push(("msg_index".into(), index.to_string()));
        }
        events.append(&mut own);
        let type_url = any
            .type_url
            .strip_suffix("Request")
            .map_or_else(|| format!("{}Response", any.type_url), |name| format!("{name}Response"));
        data.msg_responses.push(Any { type_url, value: vec![] });
    }
    Ok(data.encode_to_vec())
}

fn run_message(
    state: &mut State,
    message: &Message,
    any: &Any,
    height: u64,
    tx_hash: &Arc<str>,
    meter: &mut GasMeter,
    events: &mut Vec<Event>,
) -> Result<(), AbciError> {
    let module = match message {
        Message::Send(_) => "bank",
        _ => state.emissions.version.package().trim_start_matches("emissions."),
    };
    let (action, sender) = (any.type_url.clone(), message.sender().unwrap_or_default().to_owned());
    let attributes = [("action", &action), ("sender", &sender), ("module", &module.to_owned())];
    events.push(Event::plain("message", attributes));
    let State { ledger, emissions, .. } = state;
    let mut context = Context { ledger, meter, events, height, tx_hash };
    match message {
        Message::Send(send) => {
            context.meter.consume(gas::SEND_CHECKS)?;
            let parse = |end: &str, text: &str| {
                Address::parse(text)
                    .map_err(|error| sdk::INVALID_ADDRESS.wrap(format!("invalid {end} address: {error}")))
            };
            let (from, to) = (parse("from", &send.from_address)?, parse("to", &send.to_address)?);
            for (amount, denom) in positive_coins(&send.amount)? {
                if denom != DENOM {
                    let text = format!("spendable balance 0{denom} is smaller than {amount}{denom}");
                    return Err(sdk::INSUFFICIENT_FUNDS.wrap(text));
                }
                context.ledger.transfer(from, to, amount, context.events)?;
            }
            context.ledger.open(to);
            context.meter.consume(gas::SEND - gas::SEND_CHECKS)
        }
        Message::Register(request) => emissions.register(request, &mut context),
        Message::RemoveRegistration(request) => emissions.remove_registration(request, &mut context),
        Message::InsertWorkerPayload(request) => emissions.insert_worker_payload(request, &mut context),
        Message::InsertReputerPayload(request) => emissions.insert_reputer_payload(request, &mut context),
        Message::AddStake(request) => emissions.add_stake(request, &mut context),
        Message::DelegateStake(request) => emissions.delegate_stake(request, &mut context),
        Message::FundTopic(request) => emissions.fund_topic(request, &mut context),
        Message::AddToTopicWorkerWhitelist(request) => {
            emissions.add_to_topic_worker_whitelist(request, &mut context)
        }
        Message::Unhandled(name) => {
            Err(sdk::UNKNOWN_REQUEST.wrap(format!("no message handler found for {name}")))
        }
    }
}

/// The coins of a transfer: there must be some, and more than nothing of each.
fn positive_coins(coins: &[Coin]) -> Result<Vec<(u128, &str)>, AbciError> {
    let amount = |coin: &Coin| coin.amount.parse::<u128>().ok().filter(|amount| *amount > 0);
    let amounts: Option<Vec<_>> = coins.iter().map(|of| Some((amount(of)?, of.denom.as_str()))).collect();
    amounts.filter(|amounts| !amounts.is_empty()).ok_or_else(|| {
        let texts: Vec<String> = coins.iter().map(|coin| format!("{}{}", coin.amount, coin.denom)).collect();
        sdk::INVALID_COINS.wrap(texts.join(","))
    })
}

/// Splits the fee: what the gas used so far costs stays with the collector, the rest is the proposer's.
fn finish(
    state: &mut State,
    escrow: Escrow,
    meter: &mut GasMeter,
    events: &mut Vec<Event>,
) -> Result<(), AbciError> {
    let cost = state.gas_price.cost(meter.used()).unwrap_or(u128::MAX).min(escrow.amount);
    let tip = escrow.amount - cost;
    let proposer = proposer();
    state.ledger.transfer(ante::fee_collector(), proposer, tip, events)?;
    let (cost, tip, payee) = (format!("{cost}{DENOM}"), format!("{tip}{DENOM}"), proposer.to_string());
    events.push(Event::plain("fee_pay", [("fee", &cost)]));
    events.push(Event::plain("tip_pay", [("tip", &tip), ("tip_payee", &payee)]));
    meter.consume(gas::POST)
}

/// The account of the one validator.
pub fn proposer() -> Address {
    Address::of_module("validator")
}
