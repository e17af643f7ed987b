//! The state in which a recording was made, and what is asked there.

use serde_json::{Value, json};
use time::{OffsetDateTime, macros::datetime};
use tokio::sync::mpsc::{channel, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::{log, wire};
use crate::chain::messages::{EmissionsVersion, Query, query::TopicExistsRequest};
use crate::devnet::{
    app::{
        App,
        tests::{
            replay::{self, capture},
            vectors,
        },
    },
    node::{
        Node,
        event_bus::Client,
        faults::{Fault, FaultKind, Faults, Outlook},
        follower::FollowerId,
        rpc::{
            jsonrpc::{Id, Incoming, RpcError, response},
            methods::find,
            params::Args,
        },
        view::View,
    },
    options::BlockTime,
};

/// Where the recorded node listened.
const RPC_ADDRESS: &str = "tcp://127.0.0.1:26657";

/// Later than any clock, so that each block comes a millisecond after the one before, with the same hashes in each run:
/// by chance the bytes of a hash are a message.
const GENESIS_TIME: OffsetDateTime = datetime!(2126-11-21 08:52:12.459548724 UTC);

/// A node as in the moment of a recording.
pub struct Scene {
    pub node: Node,
    pub follower: FollowerId,
    pub outlook: Outlook,
}

impl Scene {
    pub fn new(app: App) -> Self {
        let mut node = Node::new(vec![], app, BlockTime::Manual, GENESIS_TIME);
        let (orders, _) = unbounded_channel();
        let follower = node.add_follower(RPC_ADDRESS.into(), Faults::default(), orders);
        Self { node, follower, outlook: Outlook::default() }
    }

    /// With all blocks to this height, from the first on.
    fn mined(height: u64) -> Self {
        Self::new(replay::captured_chain()).on_to(height)
    }

    fn on_to(mut self, height: u64) -> Self {
        self.mine_up_to(height);
        self
    }

    pub fn mine_up_to(&mut self, height: u64) {
        while self.node.app.height() < height {
            self.node.produce_block();
        }
    }

    /// Of a node with a fault in force.
    fn with(self, kind: FaultKind) -> Self {
        let faults = Faults::default();
        faults.arm(Fault::new(kind)).unwrap();
        Self { outlook: faults.outlook(), ..self }
    }

    /// After a block with this transaction, whatever CheckTx would say of it.
    fn after(mut self, tx: Vec<u8>) -> Self {
        self.node.mempool.push(tx);
        self.node.produce_block();
        self
    }

    /// While this transaction waits.
    fn while_waits(mut self, tx: Vec<u8>) -> Self {
        self.node.broadcast_tx(tx).unwrap();
        self
    }

    /// The whole answer to a request.
    fn answer(mut self, request: &Value) -> Value {
        self.ask(request)
    }

    /// The whole answer to a call.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.ask(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    }

    /// What a query of the application answers.
    pub fn query<Q: Query>(&mut self, query: &Q) -> Value {
        let params =
            json!({"path": Q::path(EmissionsVersion::V10), "data": hex::encode(query.encode_to_vec())});
        self.call("abci_query", params)["result"]["response"].take()
    }

    fn ask(&mut self, request: &Value) -> Value {
        let Ok(Incoming::Call(request)) = Incoming::from_json(request.clone()) else {
            panic!("{request} is no call")
        };
        let outcome = match find(&request.method) {
            None => Err(RpcError::MethodNotFound),
            Some(method) => Args::from_json(method.params, &request.params).and_then(|args| {
                let mut view = View::new(&mut self.node, self.follower, self.outlook).unwrap();
                (method.call)(&mut view, &args)
            }),
        };
        response(Some(&request.id), outcome)
    }

    /// The frame that a subscription hears of the next block.
    fn frame(mut self, query: &str, tx: Option<Vec<u8>>) -> Value {
        let (frames, mut received) = channel(1);
        let client = Client { id: 0, frames, too_slow: CancellationToken::new() };
        let events = &mut self.node.followers.get_mut(&self.follower).unwrap().events;
        events.subscribe(&client, Id::Text("1".into()), query.into()).unwrap();
        self.node.mempool = Default::default();
        tx.into_iter().for_each(|tx| self.node.mempool.push(tx));
        self.node.produce_block();
        let frame = received.try_recv().unwrap_or_else(|_| panic!("no frame for {query}"));
        response(Some(&frame.id), Ok(serde_json::from_str(&frame.result).unwrap()))
    }
}

/// What this chain says in place of a recording; `None` where it does not know what was recorded.
pub fn play(name: &str, recording: &Value) -> Option<Value> {
    let request = &recording["request"];
    match name.split_once('/') {
        Some(("simulate", _)) => Some(of_capture(name).answer(request)),
        Some(("tx", "tx_too_large")) => Some(wire::request_too_large()),
        Some(("websocket", "acks_and_errors")) => Some(wire::acknowledgements(recording)),
        Some(("websocket", "error_frame_at_stop")) => Some(wire::goodbye()),
        Some(("tx", tx)) => Some(of_tx(name, tx).answer(request)),
        Some(("abci_query", query)) => Some(of_query(query, recording).answer(request)),
        Some(("websocket", _)) => Some(frame(name, recording)),
        _ => match name {
            "restart_log" | "restart_in_window" => Some(log::restart(name, recording)),
            "catching_up_log" => Some(log::sync(recording)),
            "status_ahead_of_query" => Some(ahead_of_query()),
            "decimals_on_chain" => Some(vectors::judged(recording)),
            _ => Some(of_node(name)?.answer(request)),
        },
    }
}

/// Two answers of a node between the commit of a block and the end of its execution.
fn ahead_of_query() -> Value {
    let mut scene = Scene::mined(298).with(FaultKind::Ahead { blocks: 1 });
    let status = scene.call("status", json!({}));
    // Queries read the state, which nobody can claim to have.
    scene.outlook = Outlook::default();
    let query = scene.query(&TopicExistsRequest { topic_id: 1 });
    json!([
        {"request": "status", "latest_block_height": status["result"]["sync_info"]["latest_block_height"]},
        {
            "request": "abci_query TopicExists, sent after the answer above",
            "response": query,
        },
    ])
}

/// The chain as it was when a recorded transaction ran.
fn of_capture(name: &str) -> Scene {
    Scene::new(replay::scene(&capture(name)))
}

fn of_tx(name: &str, tx: &str) -> Scene {
    match tx {
        "not_base64" => Scene::mined(1),
        "same_tx_in_mempool" => of_capture(name).while_waits(capture(name).tx),
        "same_tx_after_commit" => {
            of_capture("tx/payload_ok.delivered").while_waits(capture(name).tx).on_to(483)
        }
        _ if tx.ends_with(".delivered") => of_capture(name).after(capture(name).tx),
        _ => of_capture(name),
    }
}

fn of_query(query: &str, recording: &Value) -> Scene {
    let height = recording["response"]["result"]["response"]["height"].as_str().unwrap_or("0");
    let height = height.parse().unwrap();
    let scene = match query {
        // Where the node has the blocks as well.
        "GetLatestBlock" | "GetBlockByHeight" => Scene::mined(height),
        _ => Scene::new(replay::moment(query, height)),
    };
    match query.split_once('.') {
        Some(("no_grpc_node", _)) => scene.with(FaultKind::NoGrpc),
        Some((_, "catching_up")) => scene.with(FaultKind::CatchingUp),
        Some((_, "no_block_yet")) => scene.with(FaultKind::NoBlock),
        _ => scene,
    }
}

/// Methods of CometBFT.
fn of_node(name: &str) -> Option<Scene> {
    Some(match name {
        "abci_info"
        | "status"
        | "net_info"
        | "num_unconfirmed_txs"
        | "health"
        | "no_such_method"
        | "tx.missing" => Scene::mined(164),
        "status.catching_up" => Scene::mined(158).with(FaultKind::CatchingUp),
        "consensus_params" | "block.latest" | "commit.latest" | "block.future" | "block_results.future" => {
            Scene::mined(2366)
        }
        "block.opening" | "block_results.opening" => Scene::mined(481),
        "block_results.closing" => {
            Scene::new(replay::moment(name, 488)).after(capture("tx/payload_last_block.delivered").tx)
        }
        "block_results.reputer_closing" => Scene::new(replay::moment(name, 1220)).on_to(1221),
        "block_results.closing_multi" => Scene::new(replay::moment(name, 666)).on_to(667),
        "unconfirmed_txs.one" => {
            let waits = capture("tx/payload_ok");
            Scene::new(replay::scene(&waits)).while_waits(waits.tx)
        }
        "check_tx" | "broadcast_tx_async" => of_capture(name),
        "tx_search" => of_capture(name).after(capture(name).tx),
        _ => return None,
    })
}

fn frame(name: &str, recording: &Value) -> Value {
    let query = recording["query"].as_str().unwrap();
    let value = &recording["frame"]["result"]["data"]["value"];
    if value["TxResult"].is_object() {
        return of_capture(name).frame(query, Some(capture(name).tx));
    }
    let height = [&value["height"], &value["header"]["height"], &value["block"]["header"]["height"]];
    let height: u64 = height.iter().find_map(|height| height.as_str()).unwrap().parse().unwrap();
    // With a block before it that it can point to.
    Scene::new(replay::moment(name, height - 2)).on_to(height - 1).frame(query, None)
}
