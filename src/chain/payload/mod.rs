//! The signed bundle that a worker or reputer submits.
//!
//! The chain decodes a payload, marshals the bundle in it again, and checks the signature over its
//! own bytes. A client therefore signs the bytes that the chain would write ([`Canonical`]), and
//! whoever plays the chain checks over the same.
//!
//! | file | noun |
//! |---|---|
//! | `canonical` | a bundle as the chain writes it |
//! | `worker` | inferences and forecasts |
//! | `reputer` | losses |

mod canonical;
mod reputer;
mod worker;

pub use canonical::{Canonical, DecError, DecReason};
pub use reputer::sign_losses;
pub use worker::{Inference, PayloadError, SINGLE_LABEL, WorkerPayload};
