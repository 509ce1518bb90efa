//! The executor is not root. It unpacks base images to `/` and keeps their owners.

use super::super::{Finding, Severity};
use super::container::Running;
use crate::code::Code;

/// kaniko-executor C-D17 (kaniko#1363, #2122), C-S12 (kaniko#2476), C-K12 (kaniko#601, #1930).
pub(super) fn find(running: &Running) -> Option<Finding> {
    let container = running.container;
    if !container.holds_executor() {
        return None;
    }
    let user = container.security("runAsUser").and_then(|(context, node)| {
        Some((context, node.value.scalar()?.parse::<i64>().ok().filter(|user| *user != 0)?))
    });
    let non_root =
        container.security("runAsNonRoot").filter(|(_, node)| node.value.scalar().as_deref() == Some("true"));
    let (place, message, note) = match (user, non_root) {
        (Some((context, user)), _) => (
            context.place_of("runAsUser"),
            format!("`runAsUser: {user}`: the executor is not root"),
            "the executor unpacks base images to `/`, and keeps the owners of their files: that takes root".to_owned(),
        ),
        (None, Some((context, _))) => (
            context.place_of("runAsNonRoot"),
            "`runAsNonRoot: true`: the executor may not be root".to_owned(),
            "the kubelet does not start it: `container has runAsNonRoot and image will run as root`".to_owned(),
        ),
        (None, None) => return None,
    };
    let help = "write at the container: `securityContext: {runAsUser: 0, runAsNonRoot: false}`".to_owned();
    Some(running.finding(Code::ExecutorNotRoot, Severity::Error, place, message).because([note]).with_help(Some(help)))
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::told::{none_of, the_one};
    use super::super::case::in_pod;
    use super::*;

    #[test]
    fn an_executor_that_is_not_root_is_told() {
        for (container, spec, line) in [
            ("securityContext: {runAsUser: 1000}", "", 6),
            ("", "securityContext: {runAsUser: 1000}", 8),
            ("securityContext: {runAsNonRoot: true}", "", 6),
            ("securityContext: {runAsUser: 0}", "securityContext: {runAsNonRoot: true}", 9),
            // It is started as that user later, too.
            (
                "image: gcr.io/kaniko-project/executor:debug\ncommand: [sleep]\nargs: [infinity]",
                "securityContext: {runAsUser: 1000}",
                9,
            ),
        ] {
            let finding = the_one(&in_pod(container, spec), Code::ExecutorNotRoot);
            assert_eq!(finding.spans.first().map(|span| span.place.line), Some(line), "{container} {spec}");
        }
    }

    #[test]
    fn root_is_root_whatever_the_pod_says() {
        for (container, spec) in [
            ("securityContext: {runAsUser: 0}", "securityContext: {runAsUser: 1000}"),
            (
                "securityContext: {runAsUser: 0, runAsNonRoot: false}",
                "securityContext: {runAsNonRoot: true, runAsUser: 5}",
            ),
            ("securityContext: {runAsGroup: 1000}", "securityContext: {fsGroup: 1000}"),
            ("securityContext: {runAsUser: \"{{ .Values.user }}\"}", ""),
            // What is not the executor may be anybody.
            ("image: r.example.com/tools/kaniko-operator", "securityContext: {runAsNonRoot: true}"),
            ("image: gcr.io/kaniko-project/warmer", "securityContext: {runAsUser: 1000}"),
        ] {
            none_of(&in_pod(container, spec), Code::ExecutorNotRoot);
        }
    }
}
