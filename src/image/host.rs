//! What pip goes by on this machine, for the stage of a build that installs requirements. That stage is not in the image.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Variables that the stage takes by their names; the engine finds the values in its environment, so that they are on no
/// command line. Proxies are known to every engine.
const PASSED: [&str; 14] = [
    "PIP_DEFAULT_TIMEOUT",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_INDEX_URL",
    "PIP_NO_INDEX",
    "PIP_PROXY",
    "PIP_RETRIES",
    "PIP_TRUSTED_HOST",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Variables that name a file of certificates, in the order in which pip goes by them.
const CERTIFICATES: [&str; 3] = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"];

/// Where distributions have the certificates that they trust: Debian, Fedora, Alpine.
const SYSTEM_CERTIFICATES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// Where the stage has them. It trusts what the host does, and its own no more.
const CERTIFICATES_THERE: &str = "/etc/ssl/certs/host.pem";
/// Where the stage has the file that `PIP_CLIENT_CERT` names.
const CLIENT_CERTIFICATE_THERE: &str = "/etc/pip-client.pem";
/// Where the stage has the file that `PIP_CONFIG_FILE` names.
const CONFIG_THERE: &str = "/etc/pip-host.conf";

/// Settings of pip on a host.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Files of the host, and where the stage has them, absolute.
    pub files: Vec<(PathBuf, &'static str)>,
    /// Build arguments: `NAME=value`, or `NAME` for one that keeps the value that it has in the environment.
    pub arguments: Vec<String>,
}

impl Host {
    /// Those of this machine, for a process with these variables.
    pub fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let path = |name: &str| variable(name).map(PathBuf::from);
        let passed = PASSED.into_iter().filter(|name| variable(name).is_some());
        let mut host = Self { files: Vec::new(), arguments: passed.map(str::to_owned).collect() };
        match path("PIP_CONFIG_FILE") {
            // So pip is told to read none at all.
            Some(named) if named == Path::new("/dev/null") => {}
            named => {
                if host.take(named, CONFIG_THERE) {
                    host.arguments.push(format!("PIP_CONFIG_FILE={CONFIG_THERE}"));
                }
                let home = path("HOME");
                let below_home = |inner: &str| home.as_ref().map(|home| home.join(inner));
                let config = path("XDG_CONFIG_HOME").or_else(|| below_home(".config"));
                host.take(Some("/etc/xdg/pip/pip.conf".into()), "/etc/xdg/pip/pip.conf");
                host.take(Some("/etc/pip.conf".into()), "/etc/pip.conf");
                host.take(below_home(".pip/pip.conf"), "/root/.pip/pip.conf");
                host.take(config.map(|config| config.join("pip/pip.conf")), "/root/.config/pip/pip.conf");
            }
        }
        let configured = host.files.iter().rev().find_map(|(file, _)| certificates_in(file));
        let named = CERTIFICATES.into_iter().find_map(path);
        let candidates = path("PIP_CERT").into_iter().chain(configured).chain(named);
        let mut candidates = candidates.chain(SYSTEM_CERTIFICATES.map(PathBuf::from));
        if candidates.any(|file| host.take(Some(file), CERTIFICATES_THERE)) {
            host.arguments.push(format!("PIP_CERT={CERTIFICATES_THERE}"));
        }
        if host.take(path("PIP_CLIENT_CERT"), CLIENT_CERTIFICATE_THERE) {
            host.arguments.push(format!("PIP_CLIENT_CERT={CLIENT_CERTIFICATE_THERE}"));
        }
        host
    }

    /// Notes a file that is there.
    fn take(&mut self, file: Option<PathBuf>, there: &'static str) -> bool {
        let file = file.filter(|file| file.is_file());
        self.files.extend(file.iter().map(|file| (file.clone(), there)));
        file.is_some()
    }
}

/// The certificates that a file of pip's settings names.
fn certificates_in(file: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(file).ok()?;
    let mut values = text.lines().filter_map(|line| line.split_once(['=', ':']));
    let cert = values.rfind(|(key, _)| key.trim() == "cert");
    cert.map(|(_, path)| PathBuf::from(path.trim()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn variables_go_by_name_and_files_to_where_pip_looks() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::create_dir_all(at(".config/pip")).unwrap();
        fs::write(at("ca.pem"), "x").unwrap();
        let config =
            format!("[global]\nindex-url = https://user:pass@index/\ncert = {}\n", at("ca.pem").display());
        fs::write(at(".config/pip/pip.conf"), config).unwrap();
        let host = Host::of(|name| match name {
            "HOME" => Some(home.path().into()),
            "PIP_INDEX_URL" => Some("https://user:pass@other/".into()),
            "https_proxy" => Some("http://127.0.0.1:3128".into()),
            "PIP_EXTRA_INDEX_URL" => Some(OsString::new()),
            "PIP_CLIENT_CERT" => Some(at("ca.pem").into()),
            _ => None,
        });
        let expected = [
            "PIP_INDEX_URL",
            "https_proxy",
            "PIP_CERT=/etc/ssl/certs/host.pem",
            "PIP_CLIENT_CERT=/etc/pip-client.pem",
        ];
        assert_eq!(host.arguments, expected);
        assert!(host.files.contains(&(at(".config/pip/pip.conf"), "/root/.config/pip/pip.conf")));
        assert!(host.files.contains(&(at("ca.pem"), CERTIFICATES_THERE)));
        assert!(host.files.contains(&(at("ca.pem"), CLIENT_CERTIFICATE_THERE)));
    }

    #[test]
    fn every_variable_that_is_passed_is_an_argument_of_the_stage() {
        let dockerfile = include_str!("../../docker/Dockerfile");
        for name in PASSED.into_iter().filter(|name| name.starts_with("PIP_")) {
            assert!(dockerfile.contains(&format!("\nARG {name}\n")), "{name}");
        }
    }

    #[test]
    fn a_named_file_is_read_too_unless_it_is_none() {
        let home = tempfile::tempdir().unwrap();
        let named = home.path().join("named.conf");
        fs::write(&named, "[global]\n").unwrap();
        let of = |file: &Path| Host::of(|name| (name == "PIP_CONFIG_FILE").then(|| file.into()));
        let host = of(&named);
        assert!(host.arguments.contains(&format!("PIP_CONFIG_FILE={CONFIG_THERE}")));
        assert!(host.files.contains(&(named, CONFIG_THERE)));
        let none = of(Path::new("/dev/null"));
        assert!(none.files.iter().all(|(_, there)| *there == CERTIFICATES_THERE), "{none:?}");
    }
}
