//! What a bundle's requirements name, as a CycloneDX 1.5 document (https://cyclonedx.org/docs/1.5/json).

use serde_json::{Value, json};

use super::manifest::Manifest;
use super::requirements::{Requirement, Requirements, is_repository};

/// The document. It has no time and no serial number: the same bundle has the same document.
pub fn document(manifest: &Manifest) -> String {
    let (name, version) = (&manifest.name, &manifest.version);
    let requirements = manifest.requirements();
    let mut components: Vec<Value> = Vec::new();
    let listed = requirements.listed.iter().map(|requirement| component(&requirements, requirement));
    for component in listed.chain(requirements.references.iter().filter_map(reference)) {
        if !components.iter().any(|other| other["bom-ref"] == component["bom-ref"]) {
            components.push(component);
        }
    }
    let bundle = format!("{name}@{version}");
    let needed: Vec<&Value> = components.iter().map(|component| &component["bom-ref"]).collect();
    let document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {"type": "application", "bom-ref": bundle, "name": name, "version": version},
        },
        "components": components,
        "dependencies": [{"ref": bundle, "dependsOn": needed}],
    });
    format!("{document:#}\n")
}

/// What no project is said of: named as the last part of its URL or path.
fn reference(requirement: &Requirement) -> Option<Value> {
    let url = requirement.public()?;
    let path = url.split(['?', '#']).next().unwrap_or(&url).trim_end_matches('/');
    let name = path.rsplit('/').next().unwrap_or(path);
    Some(with_source(json!({"type": "library", "bom-ref": url, "name": name}), requirement))
}

fn component(requirements: &Requirements, requirement: &Requirement) -> Value {
    let name = requirement.project();
    let version = requirements.version_of(requirement);
    let purl = match version {
        // The only character of versions (PEP 440) that a purl has another use for.
        Some(version) => format!("pkg:pypi/{name}@{}", version.replace('+', "%2B")),
        None => format!("pkg:pypi/{name}"),
    };
    let mut component = json!({"type": "library", "bom-ref": purl, "name": name, "purl": purl});
    if let Some(version) = version {
        component["version"] = version.into();
    }
    with_source(component, requirement)
}

/// A component with what its line says of where it comes from and when it is needed.
fn with_source(mut component: Value, requirement: &Requirement) -> Value {
    let hashes: Vec<Value> = requirement.hashes.iter().filter_map(|hash| hash_of(hash)).collect();
    if !hashes.is_empty() {
        component["hashes"] = hashes.into();
    }
    if let Some(url) = requirement.public() {
        let kind = if is_repository(&url) { "vcs" } else { "distribution" };
        component["externalReferences"] = json!([{"type": kind, "url": url}]);
    }
    if let Some(marker) = requirement.marker() {
        component["properties"] = json!([{"name": "python:marker", "value": marker}]);
    }
    component
}

/// `sha256:abc...` as CycloneDX has it.
fn hash_of(text: &str) -> Option<Value> {
    let (algorithm, content) = text.split_once(':')?;
    let name = match algorithm {
        "sha256" => "SHA-256",
        "sha384" => "SHA-384",
        "sha512" => "SHA-512",
        _ => return None,
    };
    Some(json!({"alg": name, "content": content}))
}
