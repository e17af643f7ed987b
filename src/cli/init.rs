//! `bootstrap init`.

use std::path::PathBuf;

use super::{Exit, Outcome, Report, output};
use crate::bundle::{ScaffoldError, Template, scaffold};

/// A new bundle that runs as it is
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the bundle; it must be empty or not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Name of the bundle; by default that of the folder
    #[arg(long)]
    name: Option<String>,
    /// What it begins with
    #[arg(long, value_enum, default_value_t = Template::Plain)]
    template: Template,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        scaffold(&self.folder, self.name.as_deref(), self.template)?;
        let folder = self.folder.display();
        output::line(&folder)?;
        output::note(format_args!("next: `bootstrap install {folder}`, then `bootstrap run {folder}`"));
        Ok(Exit::Done)
    }
}

impl From<ScaffoldError> for Report {
    fn from(error: ScaffoldError) -> Self {
        let hint = match &error {
            ScaffoldError::NotEmpty(_) => Some("give a folder that is not there yet".to_owned()),
            ScaffoldError::Name(bad) => Some(format!("give another one with --name: {}", bad.fix)),
            ScaffoldError::Unwritable { .. } => None,
        };
        let exit = if hint.is_some() { Exit::Usage } else { Exit::Config };
        Self::new(exit, error).maybe_hint(hint)
    }
}
