//! What is healthy: nothing is to be said of it. A false alarm costs more than a mistake that is not found.

use std::fs;
use std::path::{Path, PathBuf};

use kaniko_local::context::mounts::Mounts;
use kaniko_local::diagnose::manifest;

use crate::support::tool::Tool;

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

/// Projects in fixtures/healthy: fewer are no evidence.
const PROJECTS: usize = 25;

fn projects() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/healthy/projects");
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut projects: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    projects.sort();
    assert!(projects.len() >= PROJECTS, "{} projects", projects.len());
    projects
}

/// The lines of `PROJECT.KIND`, beside the project; none if there is no such file.
fn beside(project: &Path, kind: &str) -> Vec<String> {
    let text = fs::read_to_string(project.with_extension(kind)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// `severity code` of each finding, sorted.
fn found(tool: Tool) -> Vec<String> {
    let finished = tool.run();
    let document: serde_json::Value =
        serde_json::from_str(finished.stdout()).unwrap_or_else(|error| panic!("{error}: {}", finished.transcript()));
    let words = |finding: &serde_json::Value| {
        format!("{} {}", finding["severity"].as_str().unwrap(), finding["code"].as_str().unwrap())
    };
    let mut found: Vec<String> = document["findings"].as_array().unwrap().iter().map(words).collect();
    found.sort();
    found
}

/// Arguments are in `PROJECT.args`, advice that is due in `PROJECT.advice`.
#[test]
fn healthy_projects_have_no_findings() {
    for project in projects() {
        let arguments = beside(&project, "args");
        let check = arguments.iter().fold(Tool::new(&["check", "-o", "json"]), Tool::arg).within(&project);
        let expected = beside(&project, "advice");
        assert!(expected.iter().all(|line| line.starts_with("advice ")), "{expected:?}");
        assert_eq!(found(check), expected, "{}", project.display());
    }
}

/// Their layers can be cached, and that costs none of them a word.
#[test]
fn healthy_projects_whose_layers_are_cached_have_no_other_findings() {
    for project in projects() {
        let check = Tool::new(&["check", "-o", "json", "--cache-repo=registry.example.com/team/cache"]);
        let check = beside(&project, "args").iter().fold(check, Tool::arg).within(&project);
        assert_eq!(found(check), beside(&project, "advice"), "{}", project.display());
    }
}

/// The same in a volume, with executors that read the ignore file themselves, and nobody who repairs anything.
/// `PROJECT.mounted` has what is due then: what their reading of the ignore file lets in, and archives that they cannot
/// read.
#[test]
fn healthy_projects_in_a_volume_have_no_other_findings() {
    for project in projects() {
        for executor in ["upstream", "fork"] {
            let check = Tool::new(&["check", "-o", "json", "--mount=.:/workspace", "--executor", executor, "--"])
                .args(&["--context=dir:///workspace", "--destination=registry.example.com/team/app"]);
            let check = beside(&project, "args").iter().fold(check, Tool::arg).within(&project);
            assert_eq!(found(check), beside(&project, "mounted"), "{} with {executor}", project.display());
        }
    }
}
