//! A service of Docker Compose, from the bundle's image.

use serde_json::json;

use super::deployment::Deployment;
use super::file::File;
use super::template::fill;

const COMPOSE: &str = include_str!("templates/compose.yaml");
/// Where the key is mounted in the container.
const KEY: &str = "/run/secrets/key";

/// Where the image has the bundle.
const BUNDLE: &str = "/workspace/bundle";

/// The service of a worker. Paths of this machine stay out of the container, but for the key's.
pub fn render(deployment: &Deployment) -> File {
    let here = ["ALLORA_PYTHON", "ALLORA_LOG_FILE"];
    let settings = deployment.settings.iter().filter(|(name, _)| !here.contains(name));
    let settings = settings.map(|(name, value)| (*name, value.as_str()));
    let key = deployment.key.iter().map(|key| (key.variable, KEY));
    let variables: Vec<_> =
        key.chain(settings).map(|(name, value)| format!("      {name}: {}", scalar(value))).collect();
    let environment =
        if variables.is_empty() { String::new() } else { format!("environment:\n{}", variables.join("\n")) };
    let key = deployment.key.as_ref();
    let secrets = key.map(|key| format!("secrets:\n  key:\n    file: {}", scalar(&key.path)));
    let limits = [
        deployment.memory_mib.map(|mib| format!("mem_limit: {mib}m")),
        deployment.cpu_cores.map(|cores| format!("cpus: {cores}")),
    ];
    let text = fill(
        COMPOSE,
        &[
            ("marker", &deployment.marker()),
            ("name", &scalar(&deployment.name)),
            ("volume", &format!("{}-state", deployment.name)),
            ("image", &scalar(&format!("{}:{}", deployment.name.to_ascii_lowercase(), deployment.version))),
            ("tmpfs", &empty_at_start(deployment)),
            ("environment", &environment),
            ("uses_key", if key.is_some() { "secrets: [key]" } else { "" }),
            ("limits", &limits.into_iter().flatten().collect::<Vec<_>>().join("\n    ")),
            ("start_period", &deployment.load_limit.as_secs().to_string()),
            ("secrets", &secrets.unwrap_or_default()),
        ],
    );
    File { name: "compose.yaml".to_owned(), text }
}

/// The folders that the model may write to, where the image has them.
fn empty_at_start(deployment: &Deployment) -> String {
    let inner = deployment.writable.iter().filter_map(|path| path.strip_prefix(&deployment.bundle));
    let inner = inner.map(|path| scalar(&format!("{BUNDLE}{path}")));
    ["/tmp".to_owned()].into_iter().chain(inner).collect::<Vec<_>>().join(", ")
}

/// A text as YAML takes it from JSON; `$` begins a variable of compose unless it is doubled.
fn scalar(text: &str) -> String {
    json!(text).to_string().replace('$', "$$")
}
