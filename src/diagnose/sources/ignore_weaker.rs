//! A pattern of an ignore file that keeps out less with the executor than with Docker (kaniko#2248, kaniko#1486,
//! kaniko#2060): moby/patternmatcher's function `Matches`, which kaniko v1.24.0 `pkg/util/fs_util.go` `ExcludesFile` and
//! the fork call, tests a pattern on a path and on one directory above it, where Docker tests all of them. Only where the
//! executor reads the ignore file: what this tool sends went through Docker's rules.

use std::collections::BTreeMap;

use super::{Project, shown};
use crate::code::Code;
use crate::context::dockerignore::{Dialect, Rules};
use crate::diagnose::{Finding, Place, Severity, Span};
use crate::executor::files::{Follow, Pod};
use crate::executor::resolve::Copied;
use crate::gopath;

/// Paths that a note names.
const NAMED: usize = 3;
/// Paths that are counted: of a set-up that is only imagined, not all of them are looked for.
const COUNTED: usize = 100;

/// One for each line that lets something in.
pub(super) fn find(project: &Project) -> Vec<Finding> {
    let Some(content) = project.resolution.ignore_file.as_deref().and_then(|file| content(project, file)) else {
        return vec![];
    };
    let Ok(rules) = Rules::from_file(&content) else { return vec![] };
    let mut lines: BTreeMap<usize, (String, Vec<Vec<u8>>)> = BTreeMap::new();
    for copied in &project.resolution.copied {
        let let_in = copied.taken.let_in.iter().filter(|path| !is_asked_for(&rules, copied, path));
        for path in let_in {
            let judgement = rules.judge(Dialect::Docker, path);
            let Some(step) = judgement.explanation().and_then(|explanation| explanation.deciding()) else { continue };
            let line = lines.entry(step.pattern.line());
            let (_, paths) = line.or_insert_with(|| (shown(step.pattern.original()), vec![]));
            if !paths.contains(path) {
                paths.push(path.clone());
            }
        }
    }
    lines.into_iter().map(|(line, (pattern, paths))| told(project, &content, line, &pattern, &paths)).collect()
}

fn content(project: &Project, file: &[u8]) -> Option<Vec<u8>> {
    let pod = Pod::new(project.sent);
    pod.content(&pod.find(file, b"/", Follow::All).ok()?.path)
}

/// Whether the path is in something that is copied by a name that Docker leaves out: there it fails, here it is meant.
fn is_asked_for(rules: &Rules, copied: &Copied, path: &[u8]) -> bool {
    let names = copied.sources.iter().filter(|source| !source.is_pattern());
    names.map(|source| gopath::join(&[b"/", &source.path])).any(|source| {
        let is_above = gopath::below(&[b"/", path].concat(), &source).is_some();
        is_above && source != b"/" && rules.judge(Dialect::Docker, &source[1..]).excluded()
    })
}

fn told(project: &Project, content: &[u8], line: usize, pattern: &str, paths: &[Vec<u8>]) -> Finding {
    let named: Vec<String> = paths.iter().take(NAMED).map(|path| format!("`{}`", shown(path))).collect();
    let more = match paths.len().saturating_sub(NAMED) {
        0 => String::new(),
        COUNTED.. => " and many more".to_owned(),
        more => format!(" and {more} more"),
    };
    let stricter = format!("{}/**", pattern.trim().trim_end_matches('/'));
    let is_enough = is_kept_out(content, line, &stricter, paths);
    Finding {
        code: Code::IgnorePatternWeaker,
        severity: Severity::Warning,
        message: format!("`{pattern}` keeps out less than with Docker"),
        spans: vec![Span { file: project.ignore_file(), place: Place::start_of(line) }],
        notes: vec![
            format!("the executor copies {}{more} all the same", named.join(", ")),
            "it tests a pattern on a path and on one directory above it, Docker on all of them".to_owned(),
        ],
        help: is_enough.then(|| format!("add the line `{stricter}` below it")),
    }
}

/// Whether the executor leaves all of the paths out with one more line behind line `after`.
fn is_kept_out(content: &[u8], after: usize, line: &str, paths: &[Vec<u8>]) -> bool {
    let mut lines: Vec<&[u8]> = content.split(|&byte| byte == b'\n').collect();
    lines.insert(after.min(lines.len()), line.as_bytes());
    let rules = Rules::from_file(&lines.join(&b'\n'));
    rules.is_ok_and(|rules| paths.iter().all(|path| rules.judge(Dialect::Kaniko, path).excluded()))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use crate::code::Code;
    use crate::diagnose::Severity;

    const COPY: &str = "FROM node\nCOPY . /app\n";

    /// kaniko#2248, kaniko#1486.
    #[test]
    fn what_is_below_a_match_is_copied() {
        let files = ["/node_modules/a/b.js", "/web/node_modules/c.js", "/x/y/node_modules/d/e.js", "/index.js"];
        let case = Case::of(COPY, &files).mounted().ignoring("# c\n**/node_modules\n*.log\n");
        let finding = case.finding(Code::IgnorePatternWeaker);
        assert_eq!((finding.severity, finding.spans[0].place.line), (Severity::Warning, 2));
        assert_eq!(finding.message, "`**/node_modules` keeps out less than with Docker");
        let copied = "the executor copies `node_modules/a/b.js`, `x/y/node_modules/d/e.js` all the same";
        assert_eq!(finding.notes[0], copied);
        assert_eq!(finding.help.as_deref(), Some("add the line `**/node_modules/**` below it"));
    }

    #[test]
    fn patterns_that_mean_the_same_are_fine() {
        let files = ["/node_modules/a/b.js", "/web/dist/c.js", "/a.log", "/src/b.log", "/src/c"];
        for ignore in ["node_modules\n", "**/node_modules/**\n", "**/*.log\n", "*\n!src\n", "web/dist\n"] {
            Case::of(COPY, &files).mounted().ignoring(ignore).no_findings();
        }
    }

    #[test]
    fn what_is_not_copied_or_asked_for_or_sent_by_us_is_fine() {
        let (files, ignore) = (["/node_modules/a/b.js", "/src/c"], "**/node_modules\n");
        Case::of("FROM node\nCOPY src /app\n", &files).mounted().ignoring(ignore).no_findings();
        Case::of("FROM node\nCOPY node_modules /app\n", &files).mounted().ignoring(ignore).no_findings();
        Case::of(COPY, &files).ignoring(ignore).no_findings();
    }
}
