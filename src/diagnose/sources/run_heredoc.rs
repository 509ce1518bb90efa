//! `RUN <<EOF`: upstream's executor runs the line that announces the text, `/bin/sh -c "<<EOF"`, and not the text (kaniko
//! v1.24.0 `pkg/commands/run.go`: it knows `CmdLine` alone). Nothing happens, and it says success.

use super::Project;
use crate::code::Code;
use crate::diagnose::{Finding, Severity};
use crate::dockerfile::{Command, Stages};
use crate::executor::image::Way;

/// For executors that do not know them.
pub(super) fn find(project: &Project, stages: &Stages) -> Vec<Finding> {
    if project.family.has(Way::TakesHeredocs) {
        return vec![];
    }
    let steps = project.steps(stages);
    let heredocs =
        steps.filter(|step| matches!(step.command, Command::Run(_)) && !step.instruction.heredocs.is_empty());
    heredocs
        .filter(|step| !project.plan.edits.touches(&step.instruction.span))
        .map(|step| Finding {
            code: Code::RunHeredoc,
            severity: Severity::Error,
            message: "`RUN` of a text in the Dockerfile does nothing".to_owned(),
            spans: vec![project.span(&step.instruction.span)],
            notes: vec![
                "upstream's executor runs the line that announces the text, not the text, and goes on".to_owned(),
            ],
            help: Some("write it as `RUN first && second`, or use the fork's `--executor-image`".to_owned()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use crate::code::Code;
    use crate::executor::image::Family;

    #[test]
    fn a_text_is_not_run_by_upstream() {
        let dockerfile = "FROM alpine\nRUN <<EOF\necho hi\nEOF\n";
        assert_eq!(Case::of(dockerfile, &[]).finding(Code::RunHeredoc).spans[0].place.line, 2);
        Case::of(dockerfile, &[]).family(Family::Fork).no_findings();
    }

    #[test]
    fn a_command_is() {
        Case::of("FROM alpine\nRUN echo '<<EOF'\nRUN [\"echo\", \"<<EOF\"]\n", &[]).no_findings();
    }
}
