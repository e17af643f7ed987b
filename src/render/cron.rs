//! Lines for cron, for a worker that runs only while a window is open.

use super::deployment::{Deployment, RenderError};
use super::file::File;
use super::template::fill;

const TABLE: &str = include_str!("templates/crontab");

/// The lines of a worker: with a user's name for root, whose file lies in `/etc/cron.d`; otherwise for `crontab(1)`.
/// What comes from outside stands in variables alone, whose values cron takes as they are; a command would have to be
/// quoted for cron and for its shell, and may not have more than 1,000 letters.
///
/// # Errors
/// [`RenderError::NoHome`].
pub fn render(deployment: &Deployment) -> Result<File, RenderError> {
    deployment.check_home()?;
    let user = if deployment.uid.is_root() {
        format!(" {}", deployment.owner.as_deref().unwrap_or("root"))
    } else {
        String::new()
    };
    let places = [
        ("BOOTSTRAP", deployment.program.clone()),
        ("BUNDLE_ROOT", deployment.bundle.clone()),
        ("LOGS", format!("{}/log", deployment.state_folder())),
    ];
    let variables = places.into_iter().chain(deployment.variables());
    let variables: Vec<_> = variables.map(|(name, value)| format!("{name}={value}")).collect();
    let text = fill(
        TABLE,
        &[("marker", &deployment.marker()), ("user", &user), ("variables", &variables.join("\n"))],
    );
    // cron passes over files whose names have dots.
    Ok(File { name: deployment.service().replace('.', "_"), text })
}
