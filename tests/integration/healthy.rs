//! Set-ups that work, made to look like real ones: in none of them is anything to be found.

use std::fs;
use std::path::{Path, PathBuf};

use kaniko_local::context::mounts::Mounts;
use kaniko_local::diagnose::manifest;

/// The manifests in `fixtures/healthy/manifests`.
fn manifests() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/healthy/manifests");
    let mut files: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn healthy_manifests_have_no_findings() {
    let files = manifests();
    assert!(files.len() >= 25, "only {} manifests", files.len());
    let told: Vec<String> = files
        .iter()
        .flat_map(|file| {
            let text = fs::read_to_string(file).unwrap();
            let found = manifest::findings(file, &text, &[], &Mounts::new(&[])).unwrap();
            found.into_iter().map(|finding| {
                let at = finding.spans.first().map(|span| (span.file.display().to_string(), span.place.line));
                format!("{} at {at:?}: {}", finding.code.name(), finding.message)
            })
        })
        .collect();
    assert!(told.is_empty(), "{told:#?}");
}
