//! What the benches share. Each compiles it for itself and uses a part.
#![allow(dead_code)]

pub mod bundle;
pub mod figures;
pub mod process;
