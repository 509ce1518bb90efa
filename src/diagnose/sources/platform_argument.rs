//! `ARG TARGETARCH` and its like that nobody gives: BuildKit sets them, the executor does not, and what is made of them is
//! made of nothing (kaniko v1.24.0 `pkg/dockerfile/buildargs.go`).

use std::collections::BTreeMap;

use super::Project;
use crate::code::Code;
use crate::diagnose::{Finding, Severity};
use crate::dockerfile::{Command, Stages};

/// One for each argument, with the places where it counts. Somebody else's set-up works with an empty one that only `RUN`
/// sees, as far as anybody knows: `GOARCH=$TARGETARCH go build` is fine.
pub(super) fn find(project: &Project, stages: &Stages) -> Vec<Finding> {
    let mut places: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (name, span) in &project.plan.empty {
        if project.is_ours() || is_seen(name, project, stages) {
            places.entry(name).or_default().push(project.span(span));
        }
    }
    let finding = |(name, spans): (&str, Vec<_>)| Finding {
        code: Code::PlatformArgumentEmpty,
        severity: Severity::Warning,
        message: format!("`{name}` is empty in Kaniko"),
        spans,
        notes: vec!["`docker build` sets it by itself".to_owned()],
        help: Some(format!("give it as a build argument: `{name}={}`", example(name))),
    };
    places.into_iter().map(finding).collect()
}

/// Whether the builder itself makes something of it.
fn is_seen(name: &str, project: &Project, stages: &Stages) -> bool {
    let steps = stages.stages.iter().flat_map(|stage| &stage.steps);
    let others = steps.filter(|step| !matches!(step.command, Command::Arg(_) | Command::Run(_)));
    let mut spans = others.map(|step| &step.instruction.span).chain(stages.stages.iter().map(|stage| &stage.base.span));
    spans.any(|span| project.text.get(span.clone()).is_some_and(|text| text.contains(name)))
}

/// A value that it may have.
fn example(name: &str) -> &'static str {
    match name.trim_start_matches("TARGET").trim_start_matches("BUILD") {
        "ARCH" => "amd64",
        "OS" => "linux",
        "VARIANT" => "v7",
        "STAGE" => "default",
        _ => "linux/amd64",
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use crate::code::Code;

    #[test]
    fn an_argument_that_stays_empty_is_told_once() {
        let dockerfile = "FROM a\nARG TARGETARCH\nFROM a\nARG TARGETARCH\n";
        let empty = vec![("TARGETARCH", 11..21), ("TARGETARCH", 33..43)];
        let finding = Case::of(dockerfile, &[]).empty(empty).finding(Code::PlatformArgumentEmpty);
        assert_eq!(finding.spans.iter().map(|span| span.place.line).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(finding.help.as_deref(), Some("give it as a build argument: `TARGETARCH=amd64`"));
        Case::of(dockerfile, &[]).no_findings();
    }

    #[test]
    fn one_that_only_a_command_sees_is_no_business_of_ours() {
        let told = |dockerfile: &str| {
            let empty = vec![("TARGETARCH", 11..21)];
            Case::of(dockerfile, &["/a"]).mounted().empty(empty).findings().len()
        };
        assert_eq!(told("FROM a\nARG TARGETARCH\nRUN GOARCH=$TARGETARCH go build\n"), 0);
        assert_eq!(told("FROM a\nARG TARGETARCH\nCOPY a /a-$TARGETARCH\n"), 1);
        assert_eq!(told("FROM a\nARG TARGETARCH\nFROM b-$TARGETARCH\n"), 1);
    }
}
