//! A systemd unit: of the system for root, otherwise of the user.

use std::path::Path;

use super::deployment::{Deployment, FILES, Key, RenderError};
use super::file::File;
use super::identity::{Identity, MAKE, WRITE};
use super::template::fill;

const UNIT: &str = include_str!("templates/systemd.service");
const MEMORY: &str = include_str!("templates/systemd-memory.conf");
/// Walls that only the system's manager can put up.
const SYSTEM: &str = include_str!("templates/systemd-system.conf");
/// Walls that a user's manager can put up as well.
const FILTER: &str = include_str!("templates/systemd-filter.conf");

/// The unit of a worker.
///
/// # Errors
/// [`RenderError::Unwritable`].
pub fn render(deployment: &Deployment) -> Result<File, RenderError> {
    check_access(deployment)?;
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
    Ok(File { name: format!("{}.service", deployment.service()), text })
}

/// Sees to it that the service's user can write where the sandbox lets it. What is not there yet is not looked at, nor
/// what systemd gives to the user. A user's own service is who renders it.
fn check_access(deployment: &Deployment) -> Result<(), RenderError> {
    if !deployment.uid.is_root() {
        return Ok(());
    }
    let user = match &deployment.owner {
        None => Identity::stranger(),
        // Who is not known here cannot be judged.
        Some(owner) => match Identity::named(owner) {
            Some(user) => user,
            None => return Ok(()),
        },
    };
    let given = format!("/var/log/bootstrap/{}", deployment.name);
    let is_closed = |path: &Path| {
        path.metadata()
            .is_ok_and(|metadata| !user.may(if metadata.is_dir() { MAKE } else { WRITE }, &metadata))
    };
    let mut paths = writable(deployment).map(Path::new).filter(|path| !path.starts_with(&given));
    match paths.find(|path| is_closed(path)) {
        Some(path) => Err(RenderError::Unwritable { path: path.to_owned(), user: deployment.owner.clone() }),
        None => Ok(()),
    }
}

/// Folders and files that the worker writes to, without those that systemd makes.
fn writable(deployment: &Deployment) -> impl Iterator<Item = &str> {
    let of_model = deployment.writable.iter().filter(|path| !is_device(path));
    let of_files = FILES.iter().filter_map(|variable| deployment.folder_of_file(variable));
    of_model.chain(&deployment.state_dir).map(String::as_str).chain(of_files)
}

fn is_device(path: &str) -> bool {
    path.starts_with("/dev/")
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
    let devices: Vec<_> = deployment.writable.iter().filter(|path| is_device(path)).collect();
    let writable: Vec<_> =
        writable(deployment).map(|path| format!("ReadWritePaths=-{}", path_word(path))).collect();
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
