//! The local chain, through its doors: what a client sees of it.
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

mod clients;
mod command;
mod control;
mod endpoints;
mod faults;
mod grpc;
mod methods;
mod support;
mod websocket;
