//! Settings and bundles that cannot be used, as reports.

use super::{Exit, Report};
use crate::bundle::LoadError;
use crate::settings;

impl From<settings::Problems> for Report {
    fn from(problems: settings::Problems) -> Self {
        let hint = match &*problems.0 {
            [only] => only.fix.clone(),
            _ => None,
        };
        let report = Self::new(Exit::Config, problems);
        match hint {
            Some(hint) => report.hint(hint),
            None => report,
        }
    }
}

impl From<LoadError> for Report {
    fn from(error: LoadError) -> Self {
        match &error {
            LoadError::Missing { .. } => Self::new(Exit::NoBundle, error)
                .hint("give the folder that holds model.yaml, or set BUNDLE_ROOT"),
            LoadError::Wrong { root, .. } => {
                let hint = format!("`bootstrap check {}` shows each in its place", root.display());
                Self::new(Exit::BadBundle, error).hint(hint)
            }
        }
    }
}
