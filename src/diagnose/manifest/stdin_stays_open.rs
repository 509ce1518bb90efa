//! Standard input is not closed when whoever sent the context leaves: the executor waits for more.

use super::super::{Finding, Severity};
use super::container::Running;
use crate::code::Code;

/// kaniko-executor C-S4 (kaniko#1139, kubernetes#56453).
pub(super) fn find(running: &Running) -> Option<Finding> {
    let container = running.container;
    if !running.reads_stdin() || !container.is_on("stdin") || container.is_on("tty") || container.is_on("stdinOnce") {
        return None;
    }
    let message = "standard input of the executor stays open when the context has been sent".to_owned();
    let place = container.node.place_of("stdin");
    Some(
        running
            .finding(Code::StdinStaysOpen, Severity::Warning, place, message)
            .because([
                "without `stdinOnce` the kubelet keeps it open for the next one who attaches".to_owned(),
                "the executor then waits, and `To simulate EOF and exit, press 'Ctrl+D'` is the last line of its log"
                    .to_owned(),
            ])
            .with_help(Some("add `stdinOnce: true` to the container".to_owned())),
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::told::{none_of, the_one};
    use super::super::case::in_pod;
    use super::*;

    const STDIN: &str = "args: [--context=tar://stdin, --no-push]\n";
    const NEVER: &str = "restartPolicy: Never";

    #[test]
    fn input_that_stays_open_is_told() {
        let open = in_pod(&format!("{STDIN}stdin: true"), NEVER);
        let finding = the_one(&open, Code::StdinStaysOpen);
        assert_eq!(finding.spans.first().map(|span| span.place.line), Some(7));
        for container in [
            format!("{STDIN}stdin: true\nstdinOnce: true"),
            // Another rule's: there is none.
            STDIN.to_owned(),
            format!("{STDIN}stdin: true\ntty: true"),
            // For somebody who looks at it.
            "stdin: true".to_owned(),
        ] {
            none_of(&in_pod(&container, NEVER), Code::StdinStaysOpen);
        }
    }
}
