//! The context comes over standard input, and the pod starts the executor again: the second time there is none.

use super::super::{Finding, Severity};
use super::container::Running;
use super::group::{Form, Role};
use super::text_of;
use crate::code::Code;

/// kaniko-executor Part F 6: a restarted container cannot get its input again.
pub(super) fn find(running: &Running) -> Option<Finding> {
    let container = running.container;
    let group = container.group;
    if !running.reads_stdin() || group.form != Form::Pod || container.role != Role::Main || !container.is_on("stdin") {
        return None;
    }
    let is_pod = group.around.and_then(|around| text_of(around, "kind")) == Some("Pod");
    let (policy, place) = match text_of(group.node, "restartPolicy") {
        Some(policy @ ("Always" | "OnFailure")) => (policy, group.node.place_of("restartPolicy")),
        None if is_pod => ("Always", group.node.place_of("containers")),
        Some(_) | None => return None,
    };
    let is_default = if place == group.node.place_of("containers") { ", as nothing else is said" } else { "" };
    Some(
        running
            .finding(
                Code::RestartPolicy,
                Severity::Warning,
                place,
                format!("the context comes over standard input, and `restartPolicy` is `{policy}`"),
            )
            .because([format!(
                "an executor that is started again gets nothing to read{is_default}: what was sent is gone"
            )])
            .with_help(Some("write `restartPolicy: Never`".to_owned())),
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::told::{none_of, the_one};
    use super::super::case::{found, in_pod};
    use super::*;

    const STDIN: &str = "args: [--context=tar://stdin, --no-push]\nstdin: true\nstdinOnce: true";

    #[test]
    fn a_second_start_without_input_is_told() {
        for (spec, policy) in
            [("restartPolicy: OnFailure", "OnFailure"), ("", "Always"), ("restartPolicy: Always", "Always")]
        {
            let finding = the_one(&in_pod(STDIN, spec), Code::RestartPolicy);
            assert!(finding.message.ends_with(&format!("`{policy}`")), "{spec}");
        }
        none_of(&in_pod(STDIN, "restartPolicy: Never"), Code::RestartPolicy);
        none_of(&in_pod("", ""), Code::RestartPolicy);
        // `kubectl run --restart=Never --overrides`, as Kaniko's README has it, sets it itself.
        none_of(
            &found(
                "{\"spec\": {\"containers\": [{\"name\": \"kaniko\", \"image\": \"gcr.io/kaniko-project/executor\", \"stdin\": true, \"stdinOnce\": true, \"args\": [\"--context=tar://stdin\", \"--no-push\"]}]}}",
            ),
            Code::RestartPolicy,
        );
    }
}
