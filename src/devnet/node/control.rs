//! Methods with which tests and demos steer the chain: `devnet_*`, on the same port.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Node,
    faults::Fault,
    rpc::{
        jsonrpc::RpcError,
        methods::Method,
        params::{Args, Kind},
    },
    submit_as::parse_inference,
};
use crate::devnet::{
    app::{ControlError, Payment, Submission},
    options::{self, BlockTime},
};

/// Blocks of one `devnet_mine`.
const MAX_BLOCKS: u64 = 10_000;

/// All of them.
pub(super) const METHODS: &[Method] = &[
    Method {
        name: "devnet_mine",
        params: &[("blocks", Kind::Json)],
        call: |view, args| {
            let blocks = if args.json("blocks").is_null() { 1 } else { number(args, "blocks")? };
            mine(view.node, blocks)?;
            done()
        },
    },
    Method {
        name: "devnet_setBlockTime",
        params: &[("seconds", Kind::Json)],
        call: |view, args| {
            set_block_time(view.node, block_time(args.json("seconds"))?)?;
            done()
        },
    },
    Method {
        name: "devnet_setBalance",
        params: &[("address", Kind::Text), ("amount", Kind::Json)],
        call: |view, args| {
            view.node.app.set_balance(args.text("address"), number(args, "amount")?)?;
            done()
        },
    },
    Method {
        name: "devnet_setSequence",
        params: &[("address", Kind::Text), ("sequence", Kind::Json)],
        call: |view, args| {
            view.node.app.set_sequence(args.text("address"), number(args, "sequence")?)?;
            done()
        },
    },
    Method {
        name: "devnet_setWhitelisted",
        params: &[("topic_id", Kind::Json), ("address", Kind::Text), ("whitelisted", Kind::Bool)],
        call: |view, args| {
            let on = flag(args, "whitelisted")?;
            view.node.app.set_whitelisted(number(args, "topic_id")?, args.text("address"), on)?;
            done()
        },
    },
    Method {
        name: "devnet_setRegistered",
        params: &[("topic_id", Kind::Json), ("address", Kind::Text), ("registered", Kind::Bool)],
        call: |view, args| {
            let on = flag(args, "registered")?;
            view.node.app.set_registered(number(args, "topic_id")?, args.text("address"), on)?;
            done()
        },
    },
    Method {
        name: "devnet_setTopicActive",
        params: &[("topic_id", Kind::Json), ("active", Kind::Bool)],
        call: |view, args| {
            view.node.app.set_topic_active(number(args, "topic_id")?, flag(args, "active")?)?;
            done()
        },
    },
    Method {
        name: "devnet_setGasPrice",
        params: &[("price", Kind::Text)],
        call: |view, args| {
            view.node.app.set_gas_price(args.text("price").parse().map_err(invalid)?);
            done()
        },
    },
    Method {
        name: "devnet_submissions",
        params: &[("topic_id", Kind::Json)],
        call: |view, args| {
            let submissions = view.node.app.submissions(number(args, "topic_id")?)?;
            Ok(submissions.iter().map(submission).collect())
        },
    },
    Method {
        name: "devnet_payments",
        params: &[("address", Kind::Text)],
        call: |view, args| {
            let payments = view.node.app.payments(args.text("address"))?;
            Ok(payments.iter().map(payment).collect())
        },
    },
    Method {
        name: "devnet_submitAs",
        params: &[
            ("address", Kind::Text),
            ("topic_id", Kind::Json),
            ("nonce", Kind::Json),
            ("value", Kind::Json),
        ],
        call: |view, args| {
            let inference = parse_inference(args.json("value"))
                .ok_or_else(|| invalid("value must be a number as text, or an object of them by label"))?;
            let (topic_id, nonce) = (number(args, "topic_id")?, number(args, "nonce")?);
            let sent =
                view.node.submit_as(args.text("address"), topic_id, nonce, inference).map_err(invalid)?;
            Ok(json!({
                "tx_hash": sent.tx_hash.to_string(),
                "code": sent.check.code,
                "codespace": sent.check.codespace,
                "log": sent.check.log,
            }))
        },
    },
    Method {
        name: "devnet_fault",
        params: Fault::PARAMS,
        call: |view, args| {
            let fault = Fault::from_args(args)?;
            match fault.kind.ending() {
                Some(ending) => view.restart(ending),
                None => view.faults().arm(fault)?,
            }
            done()
        },
    },
    Method {
        name: "devnet_clearFaults",
        params: &[],
        call: |view, _| {
            view.faults().clear();
            done()
        },
    },
];

impl From<ControlError> for RpcError {
    fn from(error: ControlError) -> Self {
        invalid(error)
    }
}

/// Makes blocks at once.
pub(in crate::devnet) fn mine(node: &mut Node, blocks: u64) -> Result<(), RpcError> {
    if blocks > MAX_BLOCKS {
        return Err(RpcError::InvalidParams(format!("blocks must be at most {MAX_BLOCKS}")));
    }
    for _ in 0..blocks {
        node.produce_block();
    }
    Ok(())
}

/// Changes the pace of the blocks.
pub(in crate::devnet) fn set_block_time(node: &mut Node, block_time: BlockTime) -> Result<(), RpcError> {
    options::check_block_time(block_time).map_err(invalid)?;
    node.set_block_time(block_time);
    Ok(())
}

/// Seconds; 0 stops the clock, as `manual` does on the command line.
fn block_time(seconds: &Value) -> Result<BlockTime, RpcError> {
    match seconds.as_f64() {
        Some(0.0) => Ok(BlockTime::Manual),
        Some(seconds) => Duration::try_from_secs_f64(seconds).map(BlockTime::Every).map_err(invalid),
        None => Err(invalid("seconds must be a number")),
    }
}

fn submission(of: &Submission) -> Value {
    // One output is in `value`, several are in `values`, as `predict` writes them.
    let values = of.value.is_none().then(|| Value::from_iter(of.values.iter().cloned()));
    json!({
        "nonce": of.nonce,
        "inferer": of.inferer,
        "value": of.value,
        "values": values,
        "height": of.height,
        "tx_hash": of.tx_hash,
    })
}

fn payment(of: &Payment) -> Value {
    json!({"tx_hash": of.tx_hash, "height": of.height, "fee": of.fee.to_string(), "code": of.code})
}

fn done() -> Result<Value, RpcError> {
    Ok(json!({}))
}

fn invalid(error: impl std::fmt::Display) -> RpcError {
    RpcError::InvalidParams(error.to_string())
}

/// A whole number, written as one or as text.
fn number<T: std::str::FromStr>(args: &Args, name: &str) -> Result<T, RpcError> {
    let text = match args.json(name) {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    text.parse().map_err(|_| RpcError::InvalidParams(format!("{name} must be a whole number")))
}

fn flag(args: &Args, name: &str) -> Result<bool, RpcError> {
    args.bool(name).ok_or_else(|| RpcError::InvalidParams(format!("{name} must be true or false")))
}
