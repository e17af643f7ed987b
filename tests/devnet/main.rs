//! The local chain, through its doors: what a client sees of it.

mod clients;
mod command;
mod control;
mod methods;
mod support;
mod websocket;
