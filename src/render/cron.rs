//! Lines for cron, for a worker that runs only while a window is open.

use super::deployment::Deployment;
use super::file::File;
use super::shell;
use super::template::fill;

const TABLE: &str = include_str!("templates/crontab");

/// The lines of a worker: with a user's name for root, whose file lies in `/etc/cron.d`; otherwise for `crontab(1)`.
pub fn render(deployment: &Deployment) -> File {
    let user = if deployment.uid.is_root() {
        format!(" {}", deployment.owner.as_deref().unwrap_or("root"))
    } else {
        String::new()
    };
    let assign = |(name, value): (&str, String)| format!("{name}={}", word(&value));
    let variables: Vec<_> = deployment.variables().into_iter().map(assign).collect();
    let (program, bundle) = (word(&deployment.program), word(&deployment.bundle));
    let command = |arguments: &str| format!("{} {program} {arguments}", variables.join(" "));
    let logs = word(&format!("{}/log", deployment.state_folder()));
    let text = fill(
        TABLE,
        &[
            ("marker", &deployment.marker()),
            ("user", &user),
            ("run", &command(&format!("run --once --wait 240 {bundle}"))),
            ("doctor", &command(&format!("doctor {bundle}"))),
            ("logs", &logs),
        ],
    );
    // cron passes over files whose names have dots.
    File { name: deployment.service().replace('.', "_"), text }
}

/// A word of a command. cron takes `%` for the end of a line wherever it stands, unless it is behind a backslash.
fn word(text: &str) -> String {
    shell::word(text).replace('%', "\\%")
}
