//! The container image of a bundle: this program, the bundle and its packages on a slim Python.
//!
//! | file | noun |
//! |---|---|
//! | `context` | the folder that an engine builds from |
//! | `host` | what pip goes by on this machine, for the stage that installs |
//! | `engine` | docker or podman |
//! | `origin` | where the bundle comes from, as git tells it |
//! | `labels` | what the image says about itself |
//! | `unpack` | what the first stage of the build does: the bundle, and apart from it what pip reads of it |
//!
//! The stages themselves are in `docker/Dockerfile`.

mod context;
mod engine;
mod host;
mod labels;
mod origin;
mod unpack;

pub use context::{Context, ContextError};
pub use engine::{Build, Engine, EngineError};
pub use host::Host;
pub use labels::labels;
pub use origin::Origin;
pub use unpack::{UnpackError, unpack};
