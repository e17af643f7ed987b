//! `model.yaml` and what belongs to it.

mod check;
mod entrypoint;
mod fee_tier;
mod files;
mod manifest;
mod network;
mod problem;
mod python_version;
mod reader;
pub mod requirements;
pub mod schema;
mod secrets;
mod sensitive_url;
mod text_file;
mod tree;
pub mod value;
pub mod yaml;

pub use check::check;
pub use fee_tier::FeeTier;
pub use manifest::{Allora, Entrypoint, Environment, FILE_NAME, LoadError, Manifest, Runtime, Validation};
pub use network::Network;
pub use problem::{Code, Place, Problem, Problems, Severity};
pub use python_version::PythonVersion;
pub use sensitive_url::SensitiveUrl;
