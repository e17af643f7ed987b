//! `bootstrap doctor`.

use std::time::Duration;

use serde_json::json;

use super::{Exit, Outcome, Report, environment, output};
use crate::bundle::Manifest;
use crate::doctor::{self, Case, Check, Diagnosis, Status, Verdict};
use crate::settings::{self, Flags, Settings};

/// Looks at everything that a first window needs, and says how to fix what is wrong
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    flags: Flags<settings::Doctor>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let diagnosis = match self.case() {
            Ok(case) => diagnose(case)?,
            Err(problems) => Diagnosis::of_wrong_settings(&problems),
        };
        let verdict = diagnosis.verdict();
        let text = if self.json {
            format!("{}\n", json!({ "ok": verdict == Verdict::Ok, "checks": diagnosis.checks() }))
        } else {
            screen(&diagnosis)
        };
        output::print(text)?;
        Ok(match verdict {
            Verdict::Ok => Exit::Done,
            Verdict::NoEndpoint => Exit::NoEndpoint,
            Verdict::Failed => Exit::No,
            Verdict::Settings => Exit::Config,
        })
    }

    fn case(&self) -> Result<Case, settings::Problems> {
        let bundle_root = settings::bundle_root(&self.flags, environment())?;
        // What is wrong with it is one of the checks.
        let manifest = Manifest::read(&bundle_root).ok().map(|(manifest, _)| manifest);
        let settings = Settings::resolve(manifest.as_ref(), &self.flags, environment())?;
        Ok(Case { bundle_root, manifest, settings })
    }
}

fn diagnose(case: Case) -> Result<Diagnosis, Report> {
    for notice in &case.settings.notices {
        output::note(format_args!("warning: {notice}"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Report::new(Exit::Internal, error))?;
    let diagnosis = runtime.block_on(doctor::examine(case));
    // A file that hangs must not hold the process.
    runtime.shutdown_timeout(Duration::ZERO);
    Ok(diagnosis)
}

/// One line for each check, with the fix below it.
fn screen(diagnosis: &Diagnosis) -> String {
    let line = |Check { name, status, detail, fix }: &Check| {
        let fix = fix.as_ref().map(|fix| format!("{:22}fix: {fix}\n", "")).unwrap_or_default();
        format!("{:<7}  {:<12} {detail}\n{fix}", word(*status), name.as_str())
    };
    diagnosis.checks().iter().map(line).collect()
}

const fn word(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Warning => "warning",
        Status::Failed => "FAILED",
        Status::Skipped => "skipped",
    }
}
