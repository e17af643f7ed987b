//! What of our environment the model sees.

use std::ffi::OsString;
use std::path::Path;

use super::private::Private;

/// How the numeric libraries are told how many threads to start. They count the machine's
/// processors otherwise, of which a container may have a small part.
const THREADS: [&str; 7] = [
    "OMP_NUM_THREADS", // scikit-learn, LightGBM, XGBoost, PyTorch, PyArrow
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "ORT_INTRA_OP_NUM_THREADS", // ONNX Runtime
    "LOKY_MAX_CPU_COUNT",       // joblib
];

/// What a model's environment is made of.
#[derive(Debug)]
pub struct Environment<'a> {
    /// What it must not see.
    pub private: &'a Private,
    /// The one folder that it may write to.
    pub scratch: &'a Path,
    /// Where the processes that it starts find our module.
    pub python_path: &'a Path,
    /// Processors it may use.
    pub cpu_cores: Option<f64>,
    /// The topic, when it is known.
    pub topic_id: Option<u64>,
    /// The network, without credentials.
    pub network: &'a str,
}

impl Environment<'_> {
    /// The whole environment of a model process, made from `ours`.
    pub fn build(&self, ours: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
        let mut theirs: Vec<_> = self.private.harmless(ours).collect();
        let set = |theirs: &mut Vec<(OsString, OsString)>, name: &str, value: OsString| {
            theirs.retain(|(known, _)| known != name);
            theirs.push((name.into(), value));
        };
        let default = |theirs: &mut Vec<(OsString, OsString)>, name: &str, value: OsString| {
            if !theirs.iter().any(|(known, _)| known == name) {
                theirs.push((name.into(), value));
            }
        };
        for name in ["TMPDIR", "TMP", "TEMP"] {
            set(&mut theirs, name, self.scratch.into());
        }
        if !theirs.iter().any(|(name, home)| name == "HOME" && Path::new(home).is_dir()) {
            set(&mut theirs, "HOME", self.scratch.into());
        }
        // Behind the user's own, which the bundle may rely on.
        let known = theirs.iter().find(|(name, value)| name == "PYTHONPATH" && !value.is_empty());
        let mut python_path = known.map(|(_, value)| value.clone()).unwrap_or_default();
        if !python_path.is_empty() {
            python_path.push(":");
        }
        python_path.push(self.python_path);
        set(&mut theirs, "PYTHONPATH", python_path);
        // A buffered print would be lost with a killed process; a crash in C shows its Python lines.
        set(&mut theirs, "PYTHONUNBUFFERED", "1".into());
        default(&mut theirs, "PYTHONFAULTHANDLER", "1".into());
        let cores = self.cpu_cores.map_or_else(available_cores, |cores| cores.ceil().clamp(1.0, 4096.0));
        for name in THREADS {
            default(&mut theirs, name, format!("{cores:.0}").into());
        }
        if let Some(topic_id) = self.topic_id {
            set(&mut theirs, "ALLORA_TOPIC_ID", topic_id.to_string().into());
        }
        set(&mut theirs, "ALLORA_NETWORK", self.network.into());
        theirs
    }
}

/// Processors that affinity and control group leave us.
#[expect(clippy::cast_precision_loss, reason = "a number of processors")]
fn available_cores() -> f64 {
    std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn build(ours: &[(&str, &str)], cpu_cores: Option<f64>) -> BTreeMap<OsString, OsString> {
        let private = Private { variables: vec!["BACKUP_OF_MY_KEY".into()], ..Private::default() };
        let environment = Environment {
            private: &private,
            scratch: Path::new("/scratch"),
            python_path: Path::new("/scratch/python"),
            cpu_cores,
            topic_id: Some(7),
            network: "testnet",
        };
        environment.build(ours.iter().map(|(name, value)| (name.into(), value.into()))).into_iter().collect()
    }

    #[test]
    fn the_model_sees_its_own_settings_and_none_of_our_secrets() {
        let theirs = build(
            &[
                ("ALLORA_MNEMONIC", "m"),
                ("ALLORA_API_KEY", "k"),
                ("MNEMONIC", "m"),
                ("BACKUP_OF_MY_KEY", "m"),
                ("ALLORA_NETWORK", "https://user:password@node"),
                ("MY_EXCHANGE_API_KEY", "x"),
                ("PYTHONPATH", "/shared"),
            ],
            None,
        );
        for secret in ["ALLORA_MNEMONIC", "ALLORA_API_KEY", "MNEMONIC", "BACKUP_OF_MY_KEY"] {
            assert!(!theirs.contains_key(OsString::from(secret).as_os_str()), "{secret} is visible");
        }
        let see = |name: &str| theirs[OsString::from(name).as_os_str()].to_str().unwrap().to_owned();
        assert_eq!(see("MY_EXCHANGE_API_KEY"), "x");
        assert_eq!(see("ALLORA_NETWORK"), "testnet");
        assert_eq!(see("ALLORA_TOPIC_ID"), "7");
        assert_eq!(see("HOME"), "/scratch");
        assert_eq!(see("TMPDIR"), "/scratch");
        assert_eq!(see("PYTHONPATH"), "/shared:/scratch/python");
    }

    #[test]
    fn the_users_own_number_of_threads_wins() {
        let theirs = build(&[("OMP_NUM_THREADS", "3")], Some(1.5));
        assert_eq!(theirs[OsString::from("OMP_NUM_THREADS").as_os_str()], "3");
        assert_eq!(theirs[OsString::from("MKL_NUM_THREADS").as_os_str()], "2");
    }
}
