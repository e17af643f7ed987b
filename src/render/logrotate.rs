//! Rotation of the worker's log file by the system, in place of the worker's own.

use super::deployment::Deployment;
use super::file::File;
use super::template::fill;

const ROTATION: &str = include_str!("templates/logrotate.conf");

/// The rotation of a worker's log.
pub fn render(deployment: &Deployment) -> File {
    let default = || format!("/var/log/bootstrap/{}/worker.log", deployment.name);
    let log_file = deployment.setting("ALLORA_LOG_FILE").map_or_else(default, str::to_owned);
    let text = fill(
        ROTATION,
        &[
            ("marker", &deployment.marker()),
            ("log_file", &pattern(&log_file)),
            ("service", &deployment.service()),
        ],
    );
    // cron's lines are in a file of the plain name, and cron passes over names with dots, as logrotate does not.
    File { name: format!("{}.logrotate", deployment.service()), text }
}

/// A path between quotes, none of whose letters stands for others.
fn pattern(path: &str) -> String {
    let escape = |c: char| match c {
        '\\' | '*' | '?' | '[' | '"' => format!("\\{c}"),
        c => c.to_string(),
    };
    path.chars().map(escape).collect()
}
