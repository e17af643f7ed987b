//! A program of supervisord.

use super::deployment::{Deployment, RenderError};
use super::file::File;
use super::template::fill;

const PROGRAM: &str = include_str!("templates/supervisord.conf");

/// The program of a worker.
///
/// # Errors
/// [`RenderError::NoHome`].
pub fn render(deployment: &Deployment) -> Result<File, RenderError> {
    deployment.check_home()?;
    // `environment=` cannot hold every value, a command can.
    let variables = deployment.variables().into_iter().map(|(name, value)| format!("{name}={value}"));
    let run = [deployment.program.clone(), "run".to_owned(), deployment.bundle.clone()];
    let words = ["/usr/bin/env".to_owned()].into_iter().chain(variables).chain(run);
    let command: Vec<_> = words.map(|text| word(&text)).collect();
    let user = deployment.owner.as_ref().filter(|_| deployment.uid.is_root());
    let text = fill(
        PROGRAM,
        &[
            ("marker", &deployment.marker()),
            ("service", &deployment.service()),
            ("command", &command.join(" ")),
            ("log_file", &log_file(deployment)),
            ("user", &user.map(|user| format!("user={user}")).unwrap_or_default()),
        ],
    );
    Ok(File { name: format!("{}.conf", deployment.service()), text })
}

/// Where the log goes. The folder must be there when supervisord reads the program, and of a user's it is not known
/// which is: then the place is left to supervisord.
fn log_file(deployment: &Deployment) -> String {
    if deployment.uid.is_root() {
        format!("/var/log/{}.log", deployment.service())
    } else {
        "AUTO".to_owned()
    }
}

/// A word of a command: each letter that means something to a shell behind a backslash. Quotes would not do, since
/// supervisord ends a line at a blank with `;` or `#` even between them. A `%` begins one of its own variables.
fn word(text: &str) -> String {
    let escape = |c: char| match c {
        '%' => "%%".to_owned(),
        c if c.is_ascii_alphanumeric() || "/._-=:,+@".contains(c) || !c.is_ascii() => c.to_string(),
        c => format!("\\{c}"),
    };
    text.chars().map(escape).collect()
}
