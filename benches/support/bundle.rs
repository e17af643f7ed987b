//! A bundle with the code that a bench wants.

use std::fs;
use std::path::Path;

use anyhow::Result;

const MANIFEST: &str = r#"schema_version: "0.1"
name: bench
version: 0.1.0
python: {version: ">=3.9"}
entrypoint: {kind: python_function, module: model, function: predict}
environment: {pip_requirements: requirements.txt}
allora: {topic_id: 1}
"#;

/// Hangs where a file `hang` lies beside it.
pub const HANGS_ON_REQUEST: &str = "import os, time\nHANG = os.path.join(os.path.dirname(__file__), 'hang')\ndef predict(nonce):\n    \
    if os.path.exists(HANG):\n        time.sleep(60)\n    return 1\n";

/// Writes one whose module has this text.
pub fn write(root: &Path, code: &str) -> Result<()> {
    fs::create_dir(root)?;
    fs::write(root.join("model.yaml"), MANIFEST)?;
    fs::write(root.join("requirements.txt"), "")?;
    fs::write(root.join("model.py"), code)?;
    Ok(())
}
