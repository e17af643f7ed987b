//! `model.yaml` and what belongs to it.
//!
//! | file | noun |
//! |---|---|
//! | [`yaml`] | YAML as a tree in which every value knows its place |
//! | [`schema`] | every key of `model.yaml` |
//! | [`value`] | texts into values, and what is said about a text that is none |
//! | `reader` | typed values out of the tree, by the schema |
//! | `manifest` | `model.yaml`, typed |
//! | `network`, `fee_tier`, `python_version`, `sensitive_url` | values of it that have rules of their own |
//! | `problem` | what is wrong with a bundle, and where |
//! | `inspect` | everything that is wrong, also what does not keep it from starting |
//! | `files`, `entrypoint`, `text_file` | what the manifest names, looked at without Python |
//! | [`requirements`], `requirement_lines` | what is to be installed |
//! | `installed` | what an interpreter has |
//! | [`venv`] | the virtual environment |
//! | `secrets` | keys, mnemonics and passwords that would travel with the bundle |
//! | `tree`, `entry`, `limits` | what belongs to a bundle: its files, folders and links |
//! | `pack`, `gzip`, `sbom` | a bundle as an archive, with the list of what it requires |
//! | [`archive`] | archives, looked through before anything of them is written |
//! | `checksum` | by what a changed bundle is known |
//! | `scaffold` | new bundles, from templates |

pub mod archive;
mod checksum;
mod entry;
mod entrypoint;
mod fee_tier;
mod files;
mod gzip;
mod inspect;
mod installed;
mod limits;
mod manifest;
mod network;
mod pack;
mod problem;
mod python_version;
mod reader;
mod requirement_lines;
pub mod requirements;
mod sbom;
mod scaffold;
pub mod schema;
mod secrets;
mod sensitive_url;
mod text_file;
mod tree;
pub mod value;
pub mod venv;
pub mod yaml;

pub use checksum::checksum;
pub use entry::{Entry, Kind, Misfit};
pub use fee_tier::FeeTier;
pub use inspect::{Inspected, check, inspect};
pub use limits::{Exceeded, Limits};
pub use manifest::{Allora, Entrypoint, Environment, FILE_NAME, LoadError, Manifest, Runtime, Validation};
pub use network::Network;
pub use pack::{PackError, Packed, pack};
pub use problem::{Code, Place, Problem, Problems, Severity};
pub use python_version::PythonVersion;
pub use scaffold::{ScaffoldError, Template, scaffold};
pub use sensitive_url::SensitiveUrl;
