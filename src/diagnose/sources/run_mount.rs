//! `RUN --mount` of what the program needs: upstream's executor reads the flag and passes over it (kaniko v1.24.0
//! `pkg/commands/run.go` has no word of mounts; kaniko#1568). The fork honours it. Without a cache a program is slower and
//! no more.

use super::Project;
use crate::code::Code;
use crate::diagnose::{Finding, Severity};
use crate::dockerfile::{Command, Stages};
use crate::executor::image::Way;

/// One for each instruction that a stage has.
pub(super) fn find(project: &Project, stages: &Stages) -> Vec<Finding> {
    if project.family.has(Way::MountsInRun) {
        return vec![];
    }
    let steps = project.steps(stages);
    let needed = steps.filter_map(|step| match &step.command {
        Command::Run(mounts) => mounts.iter().find(|mount| ["bind", "secret", "ssh"].contains(&mount.kind.as_str())),
        _ => None,
    });
    needed
        .map(|mount| Finding {
            code: Code::RunMount,
            severity: Severity::Warning,
            message: format!("`RUN` gets nothing of its mount of type `{}`", mount.kind),
            spans: vec![project.span(&mount.span)],
            notes: vec!["upstream's executor passes over `--mount`, and runs the command without it".to_owned()],
            help: Some(match (mount.kind.as_str(), &mount.from) {
                ("bind", None) => "take the files with `COPY` before it".to_owned(),
                ("bind", Some(from)) => format!("take the files with `COPY --from={from}` before it"),
                _ => "use the fork's `--executor-image`".to_owned(),
            }),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use crate::code::Code;
    use crate::executor::image::Family;

    #[test]
    fn what_a_program_needs_is_not_there() {
        for (mount, help) in [
            ("type=bind,source=go.mod,target=go.mod", "take the files with `COPY` before it"),
            ("from=tools,target=/tools", "take the files with `COPY --from=tools` before it"),
            ("type=secret,id=npmrc", "use the fork's `--executor-image`"),
            ("type=ssh", "use the fork's `--executor-image`"),
        ] {
            let case =
                Case::of(&format!("FROM golang\nRUN --mount=type=cache,target=/c \\\n --mount={mount} x\n"), &[]);
            let finding = case.finding(Code::RunMount);
            assert_eq!((finding.help.as_deref(), finding.spans[0].place.line), (Some(help), 3));
            case.family(Family::Fork).no_findings();
        }
    }

    #[test]
    fn a_cache_is_not_needed() {
        let dockerfile = "FROM golang\nRUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t go build\n";
        Case::of(dockerfile, &[]).no_findings();
        Case::of("FROM golang\nRUN echo --mount=type=secret\n", &[]).no_findings();
    }
}
