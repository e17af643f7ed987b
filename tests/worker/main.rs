//! The worker through the real binary, on a real devnet, with real Pythons.

mod bad_input;
mod crash;
mod model;
mod support;
mod window;
