//! What the benches share. Each compiles it for itself and uses a part.
#![allow(dead_code)]

pub mod bundle;
pub mod devnet;
pub mod figures;
pub mod folder;
pub mod openings;
pub mod process;
pub mod proxy;
