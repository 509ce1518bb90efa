//! `COPY <<EOF /o`: a file that is in the Dockerfile. Upstream's executor passes over it and fails (`resolved envs is
//! empty`), so it travels as a file beside the context, where no `COPY . .` finds it, and is taken from there: of a source
//! the executor follows `..` out of the context (kaniko v1.24.0 `pkg/util/command_util.go`: it joins paths, no more).
//!
//! BuildKit expands variables in it unless its word is quoted (v0.34.2 `dockerfile2llb/convert.go`, `ExpandRaw`).

use std::ops::Range;

use super::scopes::Here;
use super::{INLINE, Plan, Project};
use crate::context::listing::Entry;
use crate::dockerfile::{Arguments, Command, Copy, CopyOption, InlineFile, Source, Step, Word};
use crate::executor::image::Way;

pub(super) fn repair(project: &Project, plan: &mut Plan) {
    if project.build.image.family.has(Way::TakesHeredocs) {
        return;
    }
    project.walk(|_, step, here| {
        let (Command::Copy(copy) | Command::Add(copy)) = &step.command else { return };
        if copy.sources.iter().any(|source| matches!(source, Source::Heredoc(_))) {
            let _ = instead(project, step, copy, here, plan);
        }
    });
}

/// Nothing, where what BuildKit does is not known to be the same.
fn instead(project: &Project, step: &Step, copy: &Copy, here: &Here, plan: &mut Plan) -> Option<()> {
    let text = |span: &Range<usize>| project.build.text.get(span.clone());
    let Arguments::Words(_) = step.instruction.arguments else { return None };
    let is_plain = copy.from.is_none() && copy.exclude.is_empty() && !copy.options.contains(&CopyOption::Parents);
    let destination = text(&copy.destination.span)?;
    // Several are put into a directory; BuildKit does so without the slash, too, and the executor refuses.
    if !is_plain || copy.sources.len() > 1 && !destination.ends_with('/') {
        return None;
    }
    // BuildKit copies what is inline last.
    let (mut paths, mut files): (Vec<&Word>, Vec<&InlineFile>) = (vec![], vec![]);
    for source in &copy.sources {
        match source {
            Source::Path(word) => paths.push(word),
            Source::Heredoc(file) => files.push(file),
        }
    }
    let directory = format!("{INLINE}/{}", plan.inline());
    let mut made = vec![Entry::made_directory(&directory)];
    let mut taken = Vec::new();
    for file in &files {
        let content = if file.expand { here.text(&file.content())? } else { file.content().into_owned() };
        let path = format!("{directory}/{}", plain(&file.name)?);
        taken.push(format!("../{path}"));
        made.push(Entry::made(&path, content));
    }
    let flags: Vec<&str> = step.instruction.flags.iter().map(|flag| text(&flag.span)).collect::<Option<_>>()?;
    let line = |sources: &[&str]| {
        let words = [&[step.instruction.name.text.as_str()], &flags[..], sources, &[destination]].concat();
        words.join(" ")
    };
    let taken: Vec<&str> = taken.iter().map(String::as_str).collect();
    let mut lines = Vec::new();
    if !paths.is_empty() {
        let paths: Vec<&str> = paths.iter().map(|path| text(&path.span)).collect::<Option<_>>()?;
        lines.push(line(&paths));
    }
    lines.push(line(&taken));
    plan.beside(made);
    plan.edits.replace(project.build.text, step.instruction.span.clone(), lines.join("\n"));
    let what = format!("`{} <<{}` is a file", step.instruction.name.text, files.first()?.name);
    plan.tell(step.instruction.span.clone(), what);
    Some(())
}

/// A name that means nothing to a builder.
pub(super) fn plain(name: &str) -> Option<&str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (!name.is_empty() && name.bytes().all(is_plain) && !matches!(name, "." | "..")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use crate::executor::image::Family;

    /// The copy, and what is beside the context.
    fn repaired(dockerfile: &str) -> (String, Vec<(String, String)>) {
        let plan = Case::of(dockerfile).own("linux/amd64").plan();
        (plan.edits.apply(dockerfile), Case::beside(&plan))
    }

    #[track_caller]
    fn stays(dockerfile: &str) {
        let plan = Case::of(dockerfile).plan();
        assert!(plan.edits.is_empty() && plan.beside.is_empty() && plan.told.is_empty(), "{plan:?}");
    }

    fn file(path: &str, content: &str) -> (String, String) {
        (path.to_owned(), content.to_owned())
    }

    #[test]
    fn a_text_is_a_file_beside_the_context() {
        let (copy, beside) = repaired("FROM scratch\nCOPY --chmod=600 <<EOF /o\na\nb\nEOF\nCOPY x /x\n");
        assert_eq!(copy, "FROM scratch\nCOPY --chmod=600 ../inline/1/EOF /o\n\n\n\nCOPY x /x\n");
        assert_eq!(beside, [file("inline/", ""), file("inline/1/", ""), file("inline/1/EOF", "a\nb\n")]);
    }

    #[test]
    fn several_are_put_into_a_directory_behind_what_is_there() {
        let dockerfile = "FROM scratch\nADD --chown=1 <<-A a*.txt <<'B' /d/\n\t1\nA\n$2\nB\nCOPY <<C /c\nc\nC\n";
        let (copy, beside) = repaired(dockerfile);
        assert_eq!(
            copy,
            "FROM scratch\nADD --chown=1 a*.txt /d/\nADD --chown=1 ../inline/1/A ../inline/1/B /d/\n\n\n\nCOPY \
             ../inline/2/C /c\n\n\n"
        );
        let files: Vec<_> = beside.into_iter().filter(|(path, _)| !path.ends_with('/')).collect();
        assert_eq!(files, [file("inline/1/A", "1\n"), file("inline/1/B", "$2\n"), file("inline/2/C", "c\n")]);
    }

    #[test]
    fn variables_are_expanded_unless_the_word_is_quoted() {
        let of = |dockerfile: &str| repaired(dockerfile).1.last().unwrap().1.clone();
        let set = "ARG G=g\nFROM scratch\nARG G\nENV A=1\n";
        let text = "$A ${B:-2} \\$A '$A' \"$G\" \\\\\n";
        assert_eq!(of(&format!("{set}COPY <<E /e\n{text}E\n")), "1 2 $A '1' \"g\" \\\n");
        assert_eq!(of(&format!("{set}COPY <<\"E\" /e\n{text}E\n")), text);
        // What the platform sets.
        assert_eq!(of("FROM scratch\nARG TARGETARCH\nCOPY <<E /e\n$TARGETARCH\nE\n"), "amd64\n");
        assert_eq!(of("FROM a\nENV A=1\nCOPY <<E /e\n$A\nE\n"), "1\n");
    }

    #[test]
    fn what_is_not_known_stays() {
        // Variables of an image.
        stays("FROM a\nCOPY <<E /e\n$HOME\nE\n");
        stays("FROM a\nARG TARGETARCH\nCOPY <<E /e\n$TARGETARCH\nE\n");
        // In the executor several need a slash.
        stays("FROM scratch\nCOPY <<A <<B /o\nA\nB\n");
        stays("FROM scratch\nCOPY a <<B /o\nB\n");
        // Names that mean something.
        stays("FROM scratch\nCOPY <<a* /o\na*\n");
        stays("FROM scratch\nCOPY <<a/b /o\na/b\n");
        // These take nothing from the Dockerfile.
        stays("FROM scratch\nCOPY [\"<<A\", \"/o\"]\n");
        stays("FROM scratch\nCOPY a /o\n");
        let plan = Case::of("FROM scratch\nCOPY <<E /o\nE\n").family(Family::Fork).plan();
        assert!(plan.edits.is_empty());
    }
}
