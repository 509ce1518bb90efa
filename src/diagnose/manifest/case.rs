//! Manifests for the tests of rules.

use std::path::Path;

use super::super::Finding;
use crate::context::mounts::Mounts;

/// What is found in a manifest of whose volumes nothing is known.
pub(super) fn found(text: &str) -> Vec<Finding> {
    super::findings(Path::new("pod.yaml"), text, &[], &Mounts::new(&[])).unwrap()
}

/// What is found in a pod with these lines of its container, the first of it, and these of its spec.
pub(super) fn in_pod(container: &str, spec: &str) -> Vec<Finding> {
    found(&pod(container, spec))
}

/// Lines that are not given are those of a pod in which nothing is to be found.
pub(super) fn pod(container: &str, spec: &str) -> String {
    let mut text = "kind: Pod\nmetadata: {name: build}\nspec:\n  containers:\n  - name: kaniko\n".to_owned();
    let default = |field: &str, line: &'static str| if container.contains(field) { "" } else { line };
    let more = [
        default("image:", "image: gcr.io/kaniko-project/executor:v1.24.0\n"),
        default("args:", "args: [\"--context=git://example.com/a/b.git\", \"--destination=r.example.com/a/b\"]\n"),
    ];
    for line in container.lines().chain(more.iter().flat_map(|line| line.lines())) {
        text += &format!("    {line}\n");
    }
    for line in spec.lines() {
        text += &format!("  {line}\n");
    }
    text
}

#[test]
fn nothing_is_found_in_a_pod_where_nothing_is() {
    assert_eq!(in_pod("", ""), []);
}
