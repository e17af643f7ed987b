//! Builds the cdylib of `python/` and hands its path to the crate, which carries its bytes.
//!
//! It gets a target folder of its own, so that this build and the outer one never wait for each
//! other, and always the profile `python`, so that tests run what users run.
//! `BOOTSTRAP_PYTHON_CDYLIB` names a ready-made one instead.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

const READY_MADE: &str = "BOOTSTRAP_PYTHON_CDYLIB";

fn main() -> Result<(), Box<dyn Error>> {
    for path in ["Cargo.lock", "Cargo.toml", "python/Cargo.toml", "python/src"] {
        println!("cargo::rerun-if-changed={path}");
    }
    for path in ["python/frames/Cargo.toml", "python/frames/src"] {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rerun-if-env-changed={READY_MADE}");
    let cdylib = match env::var_os(READY_MADE).filter(|path| !path.is_empty()) {
        Some(ready_made) => Path::new(&ready_made).canonicalize()?,
        None => build()?,
    };
    println!("cargo::rustc-env=PYTHON_CDYLIB={}", cdylib.display());
    Ok(())
}

fn build() -> Result<PathBuf, Box<dyn Error>> {
    let (host, target) = (env::var("HOST")?, env::var("TARGET")?);
    let mut cargo = Command::new(env::var_os("CARGO").ok_or("cargo did not say where it is")?);
    cargo
        .args(["build", "--locked", "--package", "bootstrap-python", "--profile", "python"])
        .args(["--message-format", "json-render-diagnostics", "--target-dir"])
        .arg(Path::new(&env::var("OUT_DIR")?).join("python"))
        // An extension module leaves Python's symbols to the process that loads it, so no Python is
        // needed to build it; one that happens to be there must not change the result.
        .env("PYO3_BUILD_EXTENSION_MODULE", "1")
        .env("PYO3_NO_PYTHON", "1")
        // `cargo clippy` would lint here in place of compiling, coverage would instrument.
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .stdout(Stdio::piped());
    if host != target {
        cargo.args(["--target", &target]);
    }
    let output = cargo.spawn()?.wait_with_output()?;
    if !output.status.success() {
        return Err(format!("building the cdylib of python/ failed: {}", output.status).into());
    }
    // One JSON message a line; the artifact of the cdylib names its file.
    let messages = String::from_utf8(output.stdout)?;
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ours = artifacts.filter(|message| message["target"]["name"] == "bootstrap_python");
    let path = ours.filter_map(|message| message["filenames"][0].as_str().map(PathBuf::from)).next_back();
    path.ok_or_else(|| "cargo did not say where the cdylib is".into())
}
