//! A service of Docker Compose, from the bundle's image.

use serde_json::json;

use super::container;
use super::deployment::{Deployment, RenderError};
use super::file::File;
use super::template::fill;

const COMPOSE: &str = include_str!("templates/compose.yaml");

/// The service of a worker. Of this machine it has the key, the folders of files that settings name, and the state
/// folder where one was asked for.
///
/// # Errors
/// [`RenderError::Closed`].
pub fn render(deployment: &Deployment) -> Result<File, RenderError> {
    container::check_access(deployment)?;
    let variables: Vec<_> = container::variables(deployment)
        .iter()
        .map(|(name, value)| format!("      {name}: {}", scalar(value)))
        .collect();
    let environment =
        if variables.is_empty() { String::new() } else { format!("environment:\n{}", variables.join("\n")) };
    let key = deployment.key.as_ref();
    let secrets = key.map(|key| format!("secrets:\n  {}:\n    file: {}", container::KEY, scalar(&key.path)));
    let limits = [
        deployment.memory_mib.map(|mib| format!("mem_limit: {mib}m")),
        deployment.cpu_cores.map(|cores| format!("cpus: {cores}")),
    ];
    let volume = format!("{}-state", deployment.name);
    let state = match &deployment.state_dir {
        Some(folder) => bind(folder, container::STATE),
        None => format!("- {volume}:{}", container::STATE),
    };
    let own_volume =
        if deployment.state_dir.is_some() { String::new() } else { format!("volumes:\n  {volume}:") };
    let folders = container::folders(deployment).map(|folder| bind(folder.outside, folder.inside));
    let volumes: Vec<_> = [state].into_iter().chain(folders).collect();
    // Docker makes it `noexec`, and as large as half of the memory, unless told otherwise.
    let tmpfs = |path: &String| scalar(&format!("{path}:exec,size={}g", container::EMPTY_GIB));
    let empty: Vec<_> = container::empty_at_start(deployment).iter().map(tmpfs).collect();
    let text = fill(
        COMPOSE,
        &[
            ("marker", &deployment.marker()),
            ("program", container::PROGRAM),
            ("user", &container::USER.to_string()),
            ("name", &scalar(&deployment.name)),
            ("image", &scalar(&deployment.image())),
            ("volumes", &volumes.join("\n      ")),
            ("own_volume", &own_volume),
            ("tmpfs", &empty.join(", ")),
            ("environment", &environment),
            ("uses_key", &key.map_or(String::new(), |_| format!("secrets: [{}]", container::KEY))),
            ("limits", &limits.into_iter().flatten().collect::<Vec<_>>().join("\n    ")),
            ("start_period", &deployment.load_limit.as_secs().to_string()),
            ("secrets", &secrets.unwrap_or_default()),
        ],
    );
    Ok(File { name: "compose.yaml".to_owned(), text })
}

/// A folder of this machine, which has to be there.
fn bind(outside: &str, inside: &str) -> String {
    format!("- {{type: bind, source: {}, target: {inside}}}", scalar(outside))
}

/// A text as YAML takes it from JSON; `$` begins a variable of compose unless it is doubled.
fn scalar(text: &str) -> String {
    json!(text).to_string().replace('$', "$$")
}
