//! The text of a `model.yaml`.
#![no_main]

use std::path::Path;

use bootstrap::bundle::{Manifest, Severity};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let (manifest, problems) = Manifest::from_text(Path::new("/bundle"), text);
    let is_wrong = problems.iter().any(|problem| problem.severity == Severity::Error);
    assert!(manifest.is_some() || is_wrong, "no manifest and no reason");
    if let Some(manifest) = manifest.filter(|_| !is_wrong) {
        let entrypoint = &manifest.entrypoint;
        for inner in [&entrypoint.workdir, &entrypoint.artifacts_dir] {
            assert!(inner.starts_with("/bundle"), "{} leaves the bundle", inner.display());
        }
    }
});
