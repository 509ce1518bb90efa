//! `COPY` and `ADD` of patterns that match nothing. BuildKit copies nothing then and goes on (v0.34.2
//! `solver/llbsolver/file/backend.go` `docopy`, `AllowEmptyWildcard`). The executor takes a snapshot of everything it has,
//! as it always does if it is told of no file (kaniko v1.24.0 `pkg/executor/build.go` `takeSnapshot`), and its own files
//! are in the image; a file that is called as the pattern is written it copies all the same. So the instruction is left out
//! of the copy of the Dockerfile.
//!
//! But of a directory from which it takes nothing BuildKit is not even sent the directory, and fails at `d/*.jar` (`lstat
//! /d: no such file or directory`). Such an instruction stays as it is.

use super::context::{Sources, Tree};
use super::{LeftOut, Plan, Project};
use crate::buildkit;
use crate::dockerfile::{Command, Copy, Source, Step, Word};
use crate::gopath;

pub(super) fn repair(project: &Project, plan: &mut Plan) {
    let tree = Tree::new(project.build.listing);
    let sent = Sent { tree: &tree, sources: Sources::known(project) };
    let first = (0..=project.target).find(|index| !project.skipped.contains(index));
    let mut has_run = false;
    project.walk(|index, step, here| {
        has_run |= matches!(step.command, Command::Run(_));
        let (Command::Copy(copy) | Command::Add(copy)) = &step.command else { return };
        if !is_plain(copy) || plan.edits.touches(&step.instruction.span) {
            return;
        }
        // A variable that cannot be expanded fails in every builder, and so may one that is not known.
        if here.word(&copy.destination.text).is_none() {
            return;
        }
        let sources: Option<Vec<(&Word, String)>> = copy
            .sources
            .iter()
            .map(|source| match source {
                Source::Path(word) => Some((word, here.word(&word.text)?)),
                Source::Heredoc(_) => None,
            })
            .collect();
        let Some(sources) = sources else { return };
        let from_root = |path: &str| gopath::join(&[b"/", path.as_bytes()]);
        let is_empty = |path: &str| !buildkit::is_remote(path) && sent.is_no_match(&from_root(path));
        if !sources.iter().all(|(_, path)| is_empty(path)) {
            return;
        }
        // A `RUN` has had everything noted that was there by then, and after a stage nothing of it is left.
        let takes_everything = Some(index) == first && !has_run;
        let takes_something = sources.iter().any(|(_, path)| {
            tree.is_there(&from_root(path)) || gopath::matches(&gopath::clean(path.as_bytes()), b".") == Ok(true)
        });
        if takes_everything || takes_something {
            leave_out(project, step, &sources, plan);
        }
    });
}

/// What BuildKit is sent of the context.
struct Sent<'a> {
    tree: &'a Tree,
    /// None if one of them is not known.
    sources: Option<Sources>,
}

impl Sent<'_> {
    /// Whether nothing matches a pattern, in a directory that is there for BuildKit.
    fn is_no_match(&self, pattern: &[u8]) -> bool {
        let is_pattern = |part: &&[u8]| part.iter().any(|byte| b"*?[\\".contains(byte));
        let parts = pattern.split(|byte| *byte == b'/').filter(|part| !part.is_empty());
        let above: Vec<&[u8]> = parts.take_while(|part| !is_pattern(part)).collect();
        let above = gopath::join(&[b"/", &above.join(&b'/')]);
        self.tree.matching(pattern).is_some_and(|matched| matched.is_empty()) && self.is_sent(&above)
    }

    /// Whether some instruction takes something of a directory, or the directory.
    fn is_sent(&self, directory: &[u8]) -> bool {
        let Some(sources) = self.sources.as_ref().filter(|_| directory != b"/") else { return directory == b"/" };
        sources.iter().filter_map(|source| self.tree.matching(&source.path)).flatten().any(|path| {
            self.tree.is_there(&path)
                && (gopath::below(&path, directory).is_some() || gopath::below(directory, &path).is_some())
        })
    }
}

/// Whether nothing but its sources decides what becomes of it: whoever a file is given to may not be there.
fn is_plain(copy: &Copy) -> bool {
    let is_number = |word: &Word| word.text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    copy.from.is_none()
        && copy.checksum.is_none()
        && copy.exclude.is_empty()
        && copy.options.is_empty()
        && copy.chown.iter().chain(&copy.chmod).all(is_number)
}

fn leave_out(project: &Project, step: &Step, sources: &[(&Word, String)], plan: &mut Plan) {
    let instruction = &step.instruction;
    let named: Vec<&str> = sources.iter().map(|(word, _)| word.text.as_str()).collect();
    let name = instruction.name.text.to_ascii_uppercase();
    plan.edits.replace(project.build.text, instruction.span.clone(), String::new());
    plan.tell(instruction.span.clone(), format!("`{name} {}`, which nothing matches, is left out", named.join(" ")));
    plan.left_out.extend(sources.iter().map(|(word, path)| LeftOut { word: (*word).clone(), path: path.clone() }));
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;

    fn copy(dockerfile: &str) -> String {
        let plan = Case::of(dockerfile).with(&["a", "d/", "d/x", "[y]"]).plan();
        assert_eq!(plan.left_out.is_empty(), plan.edits.is_empty());
        plan.edits.apply(dockerfile)
    }

    #[test]
    fn an_instruction_that_copies_nothing_is_left_out() {
        for (dockerfile, left) in [
            ("FROM scratch\nCOPY a /a\nCOPY opt* /o/\n", "FROM scratch\nCOPY a /a\n\n"),
            ("FROM node\nCOPY .npmrc* \\\n  .yarn?c ./\nRUN make\n", "FROM node\n\n\nRUN make\n"),
            ("FROM a\nADD --chown=1:2 --chmod=600 opt*/x /o/\n", "FROM a\n\n"),
            ("FROM a\nADD d/*.jar /o/\nCOPY d/x /d/\n", "FROM a\n\nCOPY d/x /d/\n"),
            ("FROM a\nADD d/*.jar /o/\nCOPY . /d/\n", "FROM a\n\nCOPY . /d/\n"),
            ("FROM a\nARG V=1\nCOPY app-$V*.jar /o/\n", "FROM a\nARG V=1\n\n"),
            // What is called that is not what is meant.
            ("FROM a\nRUN b\nCOPY [y] /o/\n", "FROM a\nRUN b\n\n"),
        ] {
            assert_eq!(copy(dockerfile), left);
        }
        let plan = Case::of("FROM a\ncopy x* y* /o/\n").plan();
        assert_eq!(plan.told[0].what, "`COPY x* y*`, which nothing matches, is left out");
    }

    #[test]
    fn any_other_stays() {
        for dockerfile in [
            "FROM a\nCOPY a opt* /o/\n",
            "FROM a\nCOPY d* /o/\n",
            // Docker fails, as nothing is called so, or the directory is not sent.
            "FROM a\nCOPY d/*.jar /o/\nCOPY a /a\n",
            "FROM a\nCOPY opt /o/\n",
            "FROM a\nCOPY gone/*.jar /o/\n",
            // It is the image's, or the user of an image.
            "FROM a\nCOPY $X* /o/\n",
            "FROM a\nCOPY opt* $X/\n",
            "FROM a\nCOPY --chown=app opt* /o/\n",
            "FROM a AS b\nFROM a\nCOPY --from=b opt* /o/\n",
            "FROM a\nADD https://example.com/a* /o/\n",
            // The executor does nothing more either.
            "FROM a\nRUN b\nCOPY opt* /o/\n",
            "FROM a AS b\nCOPY a /a\nFROM a\nCOPY --from=b /a /a\nCOPY opt* /o/\n",
        ] {
            assert_eq!(copy(dockerfile), dockerfile);
        }
    }
}
