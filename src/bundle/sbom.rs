//! What a bundle's requirements name, as a CycloneDX 1.5 document (https://cyclonedx.org/docs/1.5/json).

use std::collections::HashSet;
use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::checksum::of_file;
use super::manifest::Manifest;
use super::requirements::{Requirement, Requirements, file_name, is_repository};

/// What a package URL encodes in a version or qualifier
/// (https://github.com/package-url/purl-spec/blob/main/PURL-SPECIFICATION.rst).
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b'/');

/// The document. It has no time and no serial number: the same bundle has the same document.
pub fn document(manifest: &Manifest) -> String {
    let (name, version) = (&manifest.name, &manifest.version);
    let requirements = manifest.requirements();
    let projects = requirements.listed.iter().map(|line| (line, Some(line.project())));
    let references =
        requirements.references.iter().map(|line| (line, line.wheel().map(|wheel| wheel.project)));
    let mut seen = HashSet::new();
    let components: Vec<Value> = projects
        .chain(references)
        .filter_map(|(line, project)| component(&manifest.root, &requirements, line, project))
        .filter(|component| seen.insert(component["bom-ref"].to_string()))
        .collect();
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

/// What a line says of itself and of the project that it names, where that shows; nothing, where its URL cannot be told from
/// the password in it.
fn component(
    root: &Path,
    requirements: &Requirements,
    line: &Requirement,
    project: Option<String>,
) -> Option<Value> {
    let source = match line.url() {
        Some(_) => Some(line.public()?),
        None => None,
    };
    let wheel = line.wheel();
    let released = wheel
        .as_ref()
        .map(|wheel| wheel.version.as_str())
        .or_else(|| project.as_ref().and_then(|_| requirements.version_of(line)));
    let mut component = match project {
        Some(project) => {
            let purl = purl(&project, released, source.as_deref());
            json!({"type": "library", "bom-ref": purl, "name": project, "purl": purl})
        }
        None => {
            let url = source.as_deref()?;
            let name = file_name(url).split('@').next().unwrap_or(url);
            json!({"type": "library", "bom-ref": url, "name": name})
        }
    };
    let version = released.or_else(|| line.commit());
    if let Some(version) = version {
        component["version"] = version.into();
    }
    let hashes = hashes(root, line);
    if !hashes.is_empty() {
        component["hashes"] = hashes.into();
    }
    if let Some(url) = &source {
        let kind = if is_repository(url) { "vcs" } else { "distribution" };
        component["externalReferences"] = json!([{"type": kind, "url": url}]);
    }
    if let Some(marker) = line.marker() {
        component["properties"] = json!([{"name": "python:marker", "value": marker}]);
    }
    Some(component)
}

/// The package URL of a project, which says where it is from when that is not the index of all projects.
fn purl(project: &str, version: Option<&str>, source: Option<&str>) -> String {
    let encoded = |text| utf8_percent_encode(text, ENCODED);
    let version = version.map(|version| format!("@{}", encoded(version))).unwrap_or_default();
    let source = source.map(|url| match url {
        url if is_repository(url) => format!("?vcs_url={}", encoded(url)),
        url if url.contains("://") => format!("?download_url={}", encoded(url)),
        path => format!("?file_name={}", encoded(file_name(path))),
    });
    format!("pkg:pypi/{project}{version}{}", source.unwrap_or_default())
}

/// What the file of a requirement may be: by its line, by the fragment of its URL, or by what lies in the bundle.
fn hashes(root: &Path, line: &Requirement) -> Vec<Value> {
    let fragment =
        line.url().and_then(|url| url.split_once('#')).map(|(_, fragment)| fragment).unwrap_or_default();
    let of_url = fragment.split('&').map(|pair| pair.replacen('=', ":", 1));
    let of_bundle =
        line.path().and_then(|path| of_file(&root.join(path)).ok()).map(|hash| format!("sha256:{hash}"));
    let mut all: Vec<String> = line.hashes.iter().cloned().chain(of_url).chain(of_bundle).collect();
    all.sort();
    all.dedup();
    all.iter().filter_map(|hash| hash_of(hash)).collect()
}

/// `sha256:abc...` as CycloneDX has it.
fn hash_of(text: &str) -> Option<Value> {
    let (algorithm, content) = text.split_once(':')?;
    let (name, digits) = match algorithm {
        "sha256" => ("SHA-256", 64),
        "sha384" => ("SHA-384", 96),
        "sha512" => ("SHA-512", 128),
        _ => return None,
    };
    let is_whole = content.len() == digits && content.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_whole.then(|| json!({"alg": name, "content": content}))
}
