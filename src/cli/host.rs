//! `bootstrap host PLAN`: the model process. The worker starts it; it is no command for people.

use super::{Exit, Outcome, Report};
use crate::model::host;

/// Becomes the bundle's interpreter.
pub fn run(plan: &str) -> Outcome {
    match host::run(plan).map_err(|error| Report::new(Exit::Internal, error))? {
        0 => Ok(Exit::Done),
        _ => Ok(Exit::No),
    }
}
