//! A pattern that nothing matches (kaniko#2630, kaniko#3069): since v1.23.0 the executor copies nothing and goes on.
//!
//! In the first stage, before any `RUN`, it then takes everything that it has for what was copied, its own files too
//! (kaniko v1.24.0 `pkg/executor/build.go` `takeSnapshot`): that is told in one with it.

use std::ops::Range;

use super::{Project, shown};
use crate::code::Code;
use crate::diagnose::{Finding, Severity};
use crate::dockerfile::Dockerfile;
use crate::executor::files::{Follow, Kind, Pod};
use crate::executor::resolve::{Copied, CopySource};
use crate::gopath;
use crate::repair::LeftOut;

/// Things on disk that are looked at for one that the ignore file keeps out.
const SEARCHED: usize = 20_000;

/// For each pattern of an instruction that copies nothing.
pub(super) fn find(project: &Project, file: &Dockerfile, copied: &Copied) -> Vec<Finding> {
    let is_unmatched = |source: &&CopySource| source.is_known && source.is_pattern() && copied.nothing;
    let unmatched: Vec<&CopySource> = copied.sources.iter().filter(is_unmatched).collect();
    let leak = project.resolution.made.as_ref().and_then(|made| made.leak);
    let leak = leak.map(|by| project.plan.edits.original(&(by..by)).start);
    if leak != Some(copied.span.start) {
        let goes_on = "the executor copies nothing and goes on";
        return unmatched
            .iter()
            .map(|found| told(project, Severity::Warning, &found.typed, &found.path, &found.span, goes_on))
            .collect();
    }
    let mut notes: Vec<String> = Vec::new();
    for source in unmatched {
        notes.push(message(&source.typed));
        notes.extend(kept_out(project, &source.path));
    }
    notes.push("the executor then takes everything that it has for what was copied".to_owned());
    let instruction = file.instructions.iter().find(|instruction| instruction.span == copied.span);
    let name = instruction.map_or_else(|| "COPY".to_owned(), |found| found.name.text.to_ascii_uppercase());
    vec![Finding {
        code: Code::ImageHoldsExecutor,
        severity: Severity::Warning,
        message: format!("this `{name}` copies nothing, and the executor's own files will be in the image"),
        spans: vec![project.span(&copied.span)],
        notes,
        help: Some("drop the instruction, or name a file in it that is sure to be there".to_owned()),
    }]
}

/// For those of instructions that are not in the copy of the Dockerfile, as nothing matches them.
pub(super) fn left_out(project: &Project) -> Vec<Finding> {
    let goes_on = "docker build copies nothing and goes on; for Kaniko the instruction is left out";
    let found = project.plan.left_out.iter();
    // With Docker nothing comes of it either.
    let told = |LeftOut { word, path }: &LeftOut| {
        told(project, Severity::Advice, &word.text, path.as_bytes(), &word.span, goes_on)
    };
    found.map(told).collect()
}

fn told(
    project: &Project,
    severity: Severity,
    typed: &str,
    path: &[u8],
    span: &Range<usize>,
    goes_on: &str,
) -> Finding {
    Finding {
        code: Code::CopyPatternUnmatched,
        severity,
        message: message(typed),
        spans: vec![project.span(span)],
        notes: kept_out(project, path).into_iter().chain([goes_on.to_owned()]).collect(),
        help: None,
    }
}

fn message(typed: &str) -> String {
    format!("nothing that is sent matches `{typed}`")
}

fn kept_out(project: &Project, path: &[u8]) -> Option<String> {
    let kept_out = on_disk(project, path)?;
    Some(format!("`{}` matches, and the ignore file keeps it out", shown(&kept_out)))
}

/// Something on disk that the pattern matches.
fn on_disk(project: &Project, pattern: &[u8]) -> Option<Vec<u8>> {
    let pattern = gopath::join(&[b"/", pattern]);
    let pod = Pod::new(project.disk);
    let mut open = vec![b"/".to_vec()];
    let mut searched = 0;
    while let Some(directory) = open.pop() {
        for name in project.disk.names(&directory) {
            let path = gopath::join(&[&directory, &name]);
            searched += 1;
            if searched > SEARCHED {
                return None;
            }
            if gopath::matches(&pattern, &path) == Ok(true) {
                return Some(path[1..].to_vec());
            }
            if pod.find(&path, b"/", Follow::NotTheLast).is_ok_and(|found| found.kind == Kind::Directory) {
                open.push(path);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use crate::code::Code;

    #[test]
    fn a_pattern_without_a_match_is_a_warning() {
        let dockerfile = "FROM maven\nRUN mvn package\nCOPY target/*.jar /app/\n";
        let case = Case::of(dockerfile, &["/target/a.class"]);
        assert_eq!(case.finding(Code::CopyPatternUnmatched).notes, ["the executor copies nothing and goes on"]);
        let ignored = Case::of(dockerfile, &["/target/a.jar"]).ignoring("target\n");
        let notes = ignored.finding(Code::CopyPatternUnmatched).notes;
        assert_eq!(notes[0], "`target/a.jar` matches, and the ignore file keeps it out");
    }

    /// A `RUN` has had everything noted, and after a stage nothing is left.
    #[test]
    fn the_executors_own_files_are_told_in_one_with_it() {
        let case = Case::of("FROM node\nCOPY a /a\nADD target/*.jar opt* /app/\n", &["/a", "/target/a.jar"]);
        let found = case.ignoring("target\n").findings();
        let [finding] = &found[..] else { panic!("{found:?}") };
        assert_eq!((finding.code, finding.spans[0].place.line), (Code::ImageHoldsExecutor, 3));
        assert_eq!(finding.message, "this `ADD` copies nothing, and the executor's own files will be in the image");
        assert_eq!(
            finding.notes,
            [
                "nothing that is sent matches `target/*.jar`",
                "`target/a.jar` matches, and the ignore file keeps it out",
                "nothing that is sent matches `opt*`",
                "the executor then takes everything that it has for what was copied",
            ]
        );
        for other in ["FROM node\nRUN a\nCOPY opt* /o/\n", "FROM node AS a\nCOPY a /a\nFROM a\nCOPY opt* /o/\n"] {
            let found = Case::of(other, &["/a"]).findings();
            assert_eq!(found.iter().map(|finding| finding.code).collect::<Vec<_>>(), [Code::CopyPatternUnmatched]);
        }
    }

    /// A mode that is no number fails after everything before it was done.
    #[test]
    fn it_does_not_hide_what_fails() {
        for failing in ["COPY <<E /e\nx\nE", "COPY --chmod=u+x a /"] {
            let case = Case::of(&format!("FROM alpine\nCOPY no* /n/\n{failing}\n"), &["/a"]);
            case.finding(Code::CopyPatternUnmatched);
            assert_eq!(case.finding(Code::DockerfileRefused).spans[0].place.line, 3, "{failing}");
        }
    }

    #[test]
    fn one_with_a_match_is_fine() {
        Case::of("FROM scratch\nCOPY target/*.jar /app/\n", &["/target/a.jar"]).no_findings();
    }
}
