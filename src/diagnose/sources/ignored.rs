//! A source that is there, and that the ignore file keeps out (kaniko#3416): to the executor it is missing.

use std::path::Path;

use super::{Lost, shown};
use crate::code::Code;
use crate::context::dockerignore::{Dialect, Rules};
use crate::diagnose::Finding;

/// Only for what is on disk.
pub(super) fn find(lost: &Lost) -> Option<Finding> {
    let project = lost.project;
    let path = lost.path.as_ref().filter(|path| project.is_on_disk(path))?;
    let file = project.ignore_file();
    let line = excluding_line(project.rules, &file, path)?;
    let name = shown(path);
    let mut finding = lost.error(Code::CopySourceIgnored, format!("`{name}` is kept out of the build context"));
    finding.notes.insert(0, line);
    let exception = format!("!{name}");
    finding.help = is_let_in(project.ignore, &exception, path)
        .then(|| format!("add `{exception}` at the end of `{}`", file.display()));
    Some(finding)
}

/// Which line of the ignore file keeps a path out with Docker, if one does.
pub fn excluding_line(rules: &Rules, file: &Path, path: &[u8]) -> Option<String> {
    let judgement = rules.judge(Dialect::Docker, path);
    let step = judgement.explanation()?.deciding().filter(|step| !step.pattern.is_exception())?;
    Some(format!("{}:{} excludes it: `{}`", file.display(), step.pattern.line(), shown(step.pattern.original())))
}

/// Whether one more line at the end of the ignore file lets `path` in.
fn is_let_in(ignore: &[u8], line: &str, path: &[u8]) -> bool {
    let file = [ignore, b"\n", line.as_bytes(), b"\n"].concat();
    Rules::from_file(&file).is_ok_and(|rules| {
        let judgement = rules.judge(Dialect::Docker, path);
        judgement.explanation().is_some_and(|explanation| !explanation.excluded() && explanation.pruned.is_none())
    })
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use crate::code::Code;

    #[test]
    fn the_line_that_keeps_it_out_is_told_and_the_one_that_lets_it_in() {
        let case = Case::of("FROM scratch\nCOPY src/App.java /\n", &["/src/App.java"]).ignoring("# c\n\nsrc/*.java\n");
        let finding = case.finding(Code::CopySourceIgnored);
        assert_eq!(finding.notes[0], ".dockerignore:3 excludes it: `src/*.java`");
        assert_eq!(finding.help.as_deref(), Some("add `!src/App.java` at the end of `.dockerignore`"));
    }

    #[test]
    fn what_is_let_in_again_is_fine() {
        Case::of("FROM scratch\nCOPY src/a /\n", &["/src/a"]).ignoring("src/*\n!src/a\n").no_findings();
    }
}
