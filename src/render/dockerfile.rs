//! The Dockerfile of a bundle's image.

use super::file::File;
use super::template::fill;
use crate::bundle::Manifest;

/// The usual name of a bundle's image.
#[must_use]
pub fn image_tag(name: &str, version: &str) -> String {
    // Engines take no others.
    format!("{}:{version}", name.to_ascii_lowercase())
}

const DOCKERFILE: &str = include_str!("../../docker/Dockerfile");

/// The Dockerfile for the archive of a bundle, which runs in this version of Python, such as `3.12`.
#[must_use]
pub fn dockerfile(manifest: &Manifest, python: &str) -> File {
    let text = fill(
        DOCKERFILE,
        &[
            ("PYTHON_VERSION", python),
            ("BUNDLE_ARCHIVE", &manifest.archive_name()),
            ("BUNDLE_NAME", &manifest.name),
        ],
    );
    File { name: "Dockerfile".to_owned(), text }
}
