//! A systemd unit: of the system for root, otherwise of the user.

use super::deployment::{Deployment, FILES, Key};
use super::file::File;
use super::template::fill;

const UNIT: &str = include_str!("templates/systemd.service");
const MEMORY: &str = include_str!("templates/systemd-memory.conf");
/// Walls that only the system's manager can put up.
const SYSTEM: &str = include_str!("templates/systemd-system.conf");
/// Walls that a user's manager can put up as well.
const FILTER: &str = include_str!("templates/systemd-filter.conf");

/// The unit of a worker.
pub fn render(deployment: &Deployment) -> File {
    let is_system = deployment.uid.is_root();
    let folder = format!("bootstrap/{}", deployment.name);
    let memory = deployment.memory_mib.map(|mib| fill(MEMORY, &[("mib", &mib.to_string())]));
    let sandbox = if is_system { system(deployment) + FILTER } else { FILTER.to_owned() };
    let text = fill(
        UNIT,
        &[
            ("marker", &deployment.marker()),
            ("name", &deployment.name),
            ("version", &deployment.version),
            ("program", &argument(&deployment.program, Dollar::AsItIs)),
            ("bundle", &argument(&deployment.bundle, Dollar::Doubled)),
            ("environment", &environment(deployment, &folder)),
            ("environment_file", &format!("{}/{folder}.env", if is_system { "/etc" } else { "%E" })),
            ("user", &if is_system { user(deployment) } else { String::new() }),
            ("memory", memory.as_deref().unwrap_or_default().trim_end()),
            ("sandbox", sandbox.trim_end()),
            ("wanted_by", if is_system { "multi-user.target" } else { "default.target" }),
        ],
    );
    File { name: format!("{}.service", deployment.service()), text }
}

/// Folders, key and settings.
fn environment(deployment: &Deployment, folder: &str) -> String {
    let mut lines = vec![format!("RuntimeDirectory={folder}")];
    if deployment.uid.is_root() {
        lines.push(format!("LogsDirectory={folder}"));
    }
    match &deployment.state_dir {
        None if deployment.uid.is_root() => {
            lines.push(format!("StateDirectory={folder}"));
            lines.push(format!("Environment=ALLORA_STATE_DIR=%S/{folder}"));
        }
        // The folder that a user's manager has for states depends on its version.
        _ => lines.push(variable("ALLORA_STATE_DIR", &deployment.state_folder())),
    }
    lines.push(format!("Environment=ALLORA_HEARTBEAT_FILE=%t/{folder}/heartbeat"));
    if let Some(key) = &deployment.key {
        lines.push(self::key(key, deployment));
    }
    lines.extend(deployment.settings.iter().map(|(name, value)| variable(name, value)));
    lines.join("\n")
}

/// The system's manager reads the key, whoever owns it, and gives it to the worker alone. A user's could read no more
/// than the worker can.
fn key(key: &Key, deployment: &Deployment) -> String {
    if deployment.uid.is_root() {
        format!("LoadCredential=key:{}\nEnvironment={}=%d/key", specifiers_doubled(&key.path), key.variable)
    } else {
        variable(key.variable, &key.path)
    }
}

fn user(deployment: &Deployment) -> String {
    match &deployment.owner {
        Some(owner) => format!("User={}", specifiers_doubled(owner)),
        None => "DynamicUser=yes".to_owned(),
    }
}

fn system(deployment: &Deployment) -> String {
    let (devices, folders): (Vec<_>, Vec<_>) =
        deployment.writable.iter().partition(|path| path.starts_with("/dev/"));
    let folders = folders.into_iter().chain(&deployment.state_dir).map(String::as_str);
    let of_files = FILES.iter().filter_map(|variable| deployment.folder_of_file(variable));
    let folders = folders.chain(of_files);
    let writable: Vec<_> = folders.map(|path| format!("ReadWritePaths=-{}", path_word(path))).collect();
    let devices = if devices.is_empty() {
        "PrivateDevices=yes".to_owned()
    } else {
        let allow = |path: &String| format!("DeviceAllow={} rw", path_word(path));
        devices.into_iter().map(allow).collect::<Vec<_>>().join("\n")
    };
    fill(SYSTEM, &[("writable", &writable.join("\n")), ("devices", &devices)])
}

fn variable(name: &str, value: &str) -> String {
    format!("Environment=\"{name}={}\"", in_quotes(value))
}

/// What a `$` is where an argument stands.
enum Dollar {
    /// Itself: in the program's path.
    AsItIs,
    /// The beginning of a variable unless it is doubled.
    Doubled,
}

/// A word of `ExecStart=`, between quotes.
fn argument(text: &str, dollar: Dollar) -> String {
    let text = in_quotes(text);
    match dollar {
        Dollar::AsItIs => format!("\"{text}\""),
        Dollar::Doubled => format!("\"{}\"", text.replace('$', "$$")),
    }
}

/// A text for between double quotes, where C's escapes are known.
fn in_quotes(text: &str) -> String {
    specifiers_doubled(&text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A word of a list of paths, in which quotes are known and escapes are not.
fn path_word(path: &str) -> String {
    format!("'{}'", specifiers_doubled(&path.replace('\'', "'\"'\"'")))
}

/// `%` begins a specifier everywhere.
fn specifiers_doubled(text: &str) -> String {
    text.replace('%', "%%")
}
