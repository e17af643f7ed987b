//! `bootstrap pack`.

use std::path::PathBuf;

use super::{Exit, Outcome, Report, environment, output};
use crate::bundle::{self, Inspected, Limits, PackError, Packed};
use crate::settings::{self, Flags};

/// The archive of a bundle, the same bytes from the same files
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    flags: Flags<settings::Bundle>,
    /// Folder for the archive and its list of components; by default `dist` in the bundle
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let bundle = inspected(&self.flags)?;
        let output = self.output.unwrap_or_else(|| bundle.manifest.root.join("dist"));
        let Packed { archive, .. } = bundle::pack(&bundle, &output)?;
        output::line(archive.display())?;
        Ok(Exit::Done)
    }
}

/// The bundle that the arguments name, without errors. Its warnings are shown.
pub fn inspected<S>(flags: &Flags<S>) -> Result<Inspected, Report> {
    let root = settings::bundle_root(flags, environment())?;
    let bundle = bundle::inspect(&root, Limits::DEFAULT)?;
    for warning in &bundle.warnings {
        output::note(format_args!("warning: {warning}"));
    }
    Ok(bundle)
}

impl From<PackError> for Report {
    fn from(error: PackError) -> Self {
        let (exit, hint) = match &error {
            PackError::Changed(_) => (Exit::BadBundle, "stop what writes to the bundle, and pack it again"),
            PackError::Unreadable { .. } => {
                (Exit::BadBundle, "let this user read it, or list it in .bundleignore")
            }
            PackError::Unwritable { .. } => {
                (Exit::Config, "give a folder with room that can be written: -o DIR")
            }
        };
        Self::new(exit, error).hint(hint)
    }
}
