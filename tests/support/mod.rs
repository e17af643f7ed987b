//! Pythons and bundles for tests. Each test file compiles it for itself and uses a part.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use bootstrap::model::{Call, Interpreter, ModelSpec, Private, SILENCE_LIMIT};
use tokio_util::sync::CancellationToken;

/// The program under test.
pub const BOOTSTRAP: &str = env!("CARGO_BIN_EXE_bootstrap");

/// Every interpreter of this machine that a bundle may use: one for each version and kind, from
/// `PATH` and, where there is pyenv, its versions.
pub fn pythons() -> &'static [Interpreter] {
    static FOUND: OnceLock<Vec<Interpreter>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        if let Ok(output) = Command::new("pyenv").arg("root").output() {
            let root = String::from_utf8(output.stdout).unwrap();
            let versions = Path::new(root.trim()).join("versions").read_dir();
            let versions = versions.into_iter().flatten().filter_map(Result::ok);
            folders.extend(versions.map(|version| version.path().join("bin")));
        }
        let any = ">=3.9".parse().unwrap();
        let candidates = folders.iter().map(|folder| folder.join("python3")).filter(|path| path.is_file());
        let stopping = CancellationToken::new();
        let found = candidates.filter_map(|path| {
            Interpreter::find(Some(&path), Path::new("/"), any, "".as_ref(), &Private::default(), &stopping)
                .ok()
        });
        let found: BTreeMap<_, _> =
            found.map(|python| ((python.version.clone(), python.libpython.is_some()), python)).collect();
        assert!(!found.is_empty(), "no Python from 3.9 on this machine");
        found.into_values().collect()
    })
}

/// A bundle whose module `model` has this text.
pub struct Bundle(tempfile::TempDir);

impl Bundle {
    pub fn new(code: &str) -> Self {
        Self::with_manifest(code, "")
    }

    /// With further lines in `model.yaml`.
    pub fn with_manifest(code: &str, more: &str) -> Self {
        let bundle = Self(tempfile::tempdir().unwrap());
        let root = bundle.root();
        std::fs::create_dir(root.join("artifacts")).unwrap();
        std::fs::write(root.join("requirements.txt"), "").unwrap();
        std::fs::write(root.join("model.py"), code).unwrap();
        let manifest = format!(
            "schema_version: \"0.1\"\nname: test\nversion: \"1.0.0\"\npython: {{version: \">=3.9\"}}\n\
             entrypoint: {{kind: python_function, module: model, function: predict}}\n\
             environment: {{pip_requirements: requirements.txt}}\n\
             allora: {{topic_id: 7, network: devnet}}\n{more}"
        );
        std::fs::write(root.join("model.yaml"), manifest).unwrap();
        bundle
    }

    pub fn root(&self) -> &Path {
        self.0.path()
    }

    /// The function of it, to be run by the program under test.
    pub fn spec(&self, python: &Interpreter, function: &str) -> ModelSpec {
        let root = self.root().canonicalize().unwrap();
        ModelSpec {
            program: BOOTSTRAP.into(),
            python: python.clone(),
            workdir: root.clone(),
            artifacts_dir: root.join("artifacts"),
            bundle_root: root,
            module: "model".into(),
            function: function.into(),
            load_limit: Duration::from_secs(60),
            silence_limit: SILENCE_LIMIT,
            memory_mb: None,
            cpu_cores: None,
            spare: false,
            writable: Vec::new(),
            private: Private::default(),
            read_only: Vec::new(),
            is_asked_once: false,
            topic_id: Some(7),
            network: "devnet".into(),
        }
    }
}

/// A call that has a minute.
pub fn call(nonce: i64) -> Call {
    Call {
        nonce,
        topic_id: 7,
        window_closes_at: Some(nonce + 10),
        network: "devnet".into(),
        limit: Duration::from_secs(60),
    }
}
