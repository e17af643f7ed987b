//! Settings and bundles that cannot be used, as reports.

use super::{Exit, Report};
use crate::bundle::LoadError;
use crate::settings;

impl From<settings::Problems> for Report {
    fn from(problems: settings::Problems) -> Self {
        let hint = match &*problems.0 {
            [only] => Some(only.fix.clone()),
            _ => None,
        };
        Self::new(Exit::Config, problems).maybe_hint(hint)
    }
}

impl From<LoadError> for Report {
    fn from(error: LoadError) -> Self {
        let exit = match &error {
            LoadError::Missing { .. } => Exit::NoBundle,
            LoadError::Wrong { .. } => Exit::BadBundle,
        };
        let hint = error.hint();
        Self::new(exit, error).hint(hint)
    }
}
