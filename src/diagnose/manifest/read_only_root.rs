//! The executor's root file system is read-only, and that is where it builds.

use super::super::{Finding, Severity};
use super::container::Running;
use crate::code::Code;

/// kaniko-executor C-D19 (kaniko#105, #1945).
pub(super) fn find(running: &Running) -> Option<Finding> {
    let (context, node) = running.container.own_security("readOnlyRootFilesystem")?;
    if node.value.scalar().as_deref() != Some("true") || !running.container.holds_executor() {
        return None;
    }
    let message = "`readOnlyRootFilesystem: true`: the executor builds in its root file system".to_owned();
    let note = "it ends with `Error: error resolving dockerfile path: copying dockerfile: creating file: open \
                /kaniko/Dockerfile: read-only file system`"
        .to_owned();
    let place = context.place_of("readOnlyRootFilesystem");
    Some(
        running
            .finding(Code::ReadOnlyRoot, Severity::Error, place, message)
            .because([note])
            .with_help(Some("write `readOnlyRootFilesystem: false`".to_owned())),
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::told::{none_of, the_one};
    use super::super::case::in_pod;
    use super::*;

    #[test]
    fn a_root_that_cannot_be_written_is_told() {
        let finding = the_one(&in_pod("securityContext:\n  readOnlyRootFilesystem: true", ""), Code::ReadOnlyRoot);
        assert_eq!(finding.spans.first().map(|span| (span.place.line, span.place.column)), Some((7, 7)));
        for container in [
            "securityContext: {readOnlyRootFilesystem: false}",
            "image: r.example.com/tools/kaniko-operator\nsecurityContext: {readOnlyRootFilesystem: true}",
        ] {
            none_of(&in_pod(container, ""), Code::ReadOnlyRoot);
        }
        // Kubernetes has no such field of a pod.
        none_of(&in_pod("", "securityContext: {readOnlyRootFilesystem: true}"), Code::ReadOnlyRoot);
    }
}
