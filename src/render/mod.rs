//! Deployment files: a bundle's worker as service managers and schedulers take it.
//!
//! | file | noun |
//! |---|---|
//! | `deployment` | what is deployed, and with which settings |
//! | `container` | the inside of the image's container |
//! | `file` | a rendered file, and how it gets to the disk |
//! | `monitoring` | what Prometheus and Grafana load |
//! | `identity` | a user of this machine, and what they may do with its files |
//! | `template` | texts with places to fill |
//! | `systemd`, … | one kind each, with the quoting of its format |
//!
//! Each kind is a text under `templates/`. What is filled in may come from anywhere, a folder's name
//! for one, so each kind quotes it by the rules of its format.

mod compose;
mod container;
mod cron;
mod deployment;
mod dockerfile;
mod file;
mod identity;
mod kubernetes;
mod logrotate;
mod monitoring;
pub mod supervisord;
pub mod systemd;
mod template;

pub use deployment::{Deployment, Endpoint, Key, RenderError, heartbeat_file, marker};
pub use dockerfile::{base_image, dockerfile, image_tag};
pub use file::{File, WriteError, Written};

/// What can be rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// A unit: of the system for root, otherwise of the user
    Systemd,
    /// A program of supervisord
    Supervisord,
    /// Lines for cron: an answer, a look at its health, and an end for its old logs
    Cron,
    /// Rotation of the worker's log file by the system
    Logrotate,
    /// A service of Docker Compose, from the bundle's image
    Compose,
    /// Objects of Kubernetes, from the bundle's image
    Kubernetes,
    /// The bundle's image, built from its archive and this program
    Dockerfile,
    /// Alert rules for Prometheus
    Prometheus,
    /// A dashboard for Grafana
    Grafana,
}

impl Kind {
    /// Its files. `deployment` is asked for only by kinds that are of one worker, `dockerfile` by that one.
    ///
    /// # Errors
    /// What `deployment` or `dockerfile` says, and [`RenderError`].
    pub fn render<E: From<RenderError>>(
        self,
        deployment: impl FnOnce() -> Result<Deployment, E>,
        dockerfile: impl FnOnce() -> Result<File, E>,
    ) -> Result<Vec<File>, E> {
        Ok(match self {
            Self::Systemd => vec![systemd::render(&deployment()?)?],
            Self::Supervisord => vec![supervisord::render(&deployment()?)?],
            Self::Cron => vec![cron::render(&deployment()?)?],
            Self::Logrotate => vec![logrotate::render(&deployment()?)],
            Self::Compose => vec![compose::render(&deployment()?)?],
            Self::Kubernetes => vec![kubernetes::render(&deployment()?)?],
            Self::Dockerfile => vec![dockerfile()?],
            Self::Prometheus => vec![monitoring::prometheus()],
            Self::Grafana => vec![monitoring::grafana()],
        })
    }
}
