//! A pattern that nothing matches (kaniko#2630, kaniko#3069): since v1.23.0 the executor copies nothing and goes on.

use super::{Project, shown};
use crate::code::Code;
use crate::diagnose::{Finding, Severity};
use crate::executor::files::{Follow, Kind, Pod};
use crate::executor::resolve::{Copied, CopySource};
use crate::gopath;

/// Things on disk that are looked at for one that the ignore file keeps out.
const SEARCHED: usize = 20_000;

pub(super) fn find(project: &Project, copied: &Copied, source: &CopySource) -> Option<Finding> {
    if !source.is_known || !source.is_pattern() || !copied.nothing {
        return None;
    }
    let mut notes = vec!["the executor copies nothing and goes on".to_owned()];
    if let Some(kept_out) = on_disk(project, &source.path) {
        notes.insert(0, format!("`{}` matches, and the ignore file keeps it out", shown(&kept_out)));
    }
    Some(Finding {
        code: Code::CopyPatternUnmatched,
        severity: Severity::Warning,
        message: format!("nothing that is sent matches `{}`", source.typed),
        spans: vec![project.span(&source.span)],
        notes,
        help: None,
    })
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
        let case = Case::of("FROM scratch\nCOPY target/*.jar /app/\n", &["/target/a.class"]);
        assert_eq!(case.finding(Code::CopyPatternUnmatched).notes, ["the executor copies nothing and goes on"]);
        let ignored = Case::of("FROM scratch\nCOPY target/*.jar /app/\n", &["/target/a.jar"]).ignoring("target\n");
        let notes = ignored.finding(Code::CopyPatternUnmatched).notes;
        assert_eq!(notes[0], "`target/a.jar` matches, and the ignore file keeps it out");
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
