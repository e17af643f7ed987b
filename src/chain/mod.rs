//! Client of the chain. Knows nothing of rounds.
//!
//! | file | noun |
//! |---|---|
//! | `decimal` | the chain's canonical decimal text |
//! | `messages` | protobuf messages of the emissions and feemarket modules |
//! | `payload` | the signed bundle that a worker or reputer submits |
//! | `tx` | transaction bodies, signing, hashes |
//! | `rpc` | one CometBFT RPC endpoint |
//! | `pool` | several endpoints, ranked |
//! | `query` | typed queries |
//! | `simulation` | what a transaction would come to |
//! | `inferers` | what the network's inferers said last |
//! | `locate` | where a transaction is, by every node that can say |
//! | `delivered`, `typed_event` | a transaction in a block, and what its events say |
//! | `blocks` | what is in the blocks themselves |
//! | `heights` | the height of the chain, by every node that can say |
//! | `events` | the websocket: blocks, openings, our own transactions |
//! | `gas_price` | the price of gas |
//! | `fees` | gas limits and fees |
//! | `sequence` | the one owner of the account's sequence |
//! | `outcome` | the chain's answers, and what each means |
//! | `networks` | the known networks |
//! | `faucet` | money for a test network |
//! | `http` | bodies with an end, causes, `Retry-After` |

pub mod blocks;
pub mod decimal;
pub mod delivered;
pub mod events;
pub mod faucet;
pub mod fees;
pub mod gas_price;
mod heights;
pub mod http;
pub mod inferers;
pub mod locate;
pub mod messages;
pub mod networks;
pub mod outcome;
pub mod payload;
pub mod pool;
pub mod query;
pub mod rpc;
pub mod sequence;
pub mod simulation;
pub mod tx;
pub mod typed_event;
