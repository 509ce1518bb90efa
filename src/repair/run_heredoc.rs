//! `RUN <<EOF`: BuildKit has the shell run the text; upstream's executor has it run the line that announces it, which does
//! nothing (kaniko v1.24.0 `pkg/commands/run.go` knows `CmdLine` alone).
//!
//! What BuildKit runs (v0.34.2 `dockerfile2llb/convert.go` `dispatchRun`): the text, if the line is nothing but one
//! heredoc; a file with the text, if that begins with `#!`; or else the line with its heredocs as they are. The same is
//! given to the executor as one line. Where the shell is known, that is the exec form with the same arguments; where it is
//! an image's to say, `eval` puts the lines together, in whatever shell that is.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::heredoc::plain;
use super::scopes::Here;
use super::{INLINE, Plan, Project};
use crate::context::listing::Entry;
use crate::dockerfile::{Arguments, Command, Heredoc, Instruction, Word, heredoc_mark};
use crate::executor::CONTEXT_VOLUME;
use crate::executor::image::Way;

/// Longer lines no builder reads (BuildKit `parser/parser.go`: `bufio.MaxScanTokenSize`).
const LINE: usize = 60_000;

/// Words of scripts that ask for their own name, which is another here.
const OWN_NAME: [&str; 5] = ["$0", "${0", "BASH_SOURCE", "__file__", "argv"];

pub(super) fn repair(project: &Project, plan: &mut Plan) {
    if project.build.image.family.has(Way::TakesHeredocs) {
        return;
    }
    project.walk(|_, step, here| {
        if matches!(step.command, Command::Run(_)) && !step.instruction.heredocs.is_empty() {
            let _ = instead(project, step.instruction, here, plan);
        }
    });
}

fn instead(project: &Project, instruction: &Instruction, here: &Here, plan: &mut Plan) -> Option<()> {
    let Arguments::Words(words) = &instruction.arguments else { return None };
    let [line] = words.as_slice() else { return None };
    let first = instruction.heredocs.first()?;
    let is_alone = heredoc_mark(&line.text).is_ok_and(|mark| mark.is_some());
    let command = match content(first) {
        text if is_alone && text.starts_with("#!") => file(&first.name, text, plan)?,
        text if is_alone => command(&text, here)?,
        _ => command(&whole(line, &instruction.heredocs), here)?,
    };
    if command.len() > LINE {
        return None;
    }
    plan.edits.replace(project.build.text, line.span.start..instruction.span.end, command);
    plan.tell(instruction.span.clone(), format!("`RUN <<{}` is run", first.name));
    Some(())
}

fn content(heredoc: &Heredoc) -> String {
    match heredoc.strip_tabs {
        true => heredoc.content.text.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect(),
        false => heredoc.content.text.clone(),
    }
}

/// The line with its heredocs, for the shell to read.
fn whole(line: &Word, heredocs: &[Heredoc]) -> String {
    let texts = heredocs.iter().map(|heredoc| format!("\n{}{}", heredoc.content.text, heredoc.name));
    line.text.clone() + &texts.collect::<String>()
}

/// What has the shell run a text.
fn command(text: &str, here: &Here) -> Option<String> {
    match &here.shell {
        Some(shell) => {
            let words: Vec<&str> = shell.iter().map(String::as_str).chain([text]).collect();
            // Nothing in it is to look like a heredoc.
            Some(serde_json::to_string(&words).ok()?.replace('<', "\\u003c"))
        }
        // A backslash at the very end would lose the newline that it takes away.
        None if text.trim_end_matches('\n').ends_with('\\') => None,
        None => {
            let mut command = "eval \"$(printf '%s\\n'".to_owned();
            for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
                write!(command, " '{}'", line.replace('\'', "'\\''")).ok()?;
            }
            Some(command + ")\"")
        }
    }
}

/// A file with the text, and its path in the pod. What is in it is in its name: layers in the cache go by the line alone.
fn file(name: &str, text: String, plan: &mut Plan) -> Option<String> {
    let name = plain(name)?;
    if OWN_NAME.iter().any(|word| text.contains(word)) {
        return None;
    }
    let digest = Sha256::digest(text.as_bytes());
    let digest: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let directory = format!("{INLINE}/{digest}");
    let path = format!("{directory}/{name}");
    let script = Entry { mode: 0o755, ..Entry::made(&path, text) };
    plan.beside(vec![Entry::made_directory(&directory), script]);
    Some(format!("{CONTEXT_VOLUME}/{path}"))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use crate::executor::image::Family;

    #[track_caller]
    fn repaired(dockerfile: &str) -> String {
        let plan = Case::of(dockerfile).plan();
        assert_eq!(plan.told.len(), 1, "{plan:?}");
        plan.edits.apply(dockerfile)
    }

    #[test]
    fn the_shell_is_given_the_text() {
        assert_eq!(
            repaired("FROM scratch\nRUN <<EOF\necho \"$A\" 'b'\n\techo c <x\nEOF\nRUN d\n"),
            "FROM scratch\nRUN [\"/bin/sh\",\"-c\",\"echo \\\"$A\\\" 'b'\\n\\techo c \\u003cx\\n\"]\n\n\n\nRUN d\n"
        );
        assert_eq!(
            repaired("FROM scratch\nRUN <<-'E'\n\ta\n\tE\n"),
            "FROM scratch\nRUN [\"/bin/sh\",\"-c\",\"a\\n\"]\n\n\n"
        );
        assert_eq!(
            repaired("FROM a AS b\nSHELL [\"/bin/bash\", \"-ec\"]\nFROM b\nRUN --network=none <<E\na\nE\n"),
            "FROM a AS b\nSHELL [\"/bin/bash\", \"-ec\"]\nFROM b\nRUN --network=none [\"/bin/bash\",\"-ec\",\"a\\n\"]\n\n\n"
        );
    }

    #[test]
    fn in_an_image_the_shell_is_its_own() {
        assert_eq!(
            repaired("FROM a\nRUN <<EOF\nset -e\necho 'b'\\\n c\n\nd\nEOF\n"),
            "FROM a\nRUN eval \"$(printf '%s\\n' 'set -e' 'echo '\\''b'\\''\\' ' c' '' 'd')\"\n\n\n\n\n\n\n"
        );
    }

    #[test]
    fn a_line_is_read_with_its_heredocs() {
        assert_eq!(
            repaired("FROM scratch\nRUN cat <<A - <<-\"B\" > /o\n1\nA\n\t2\nB\n"),
            "FROM scratch\nRUN [\"/bin/sh\",\"-c\",\"cat \\u003c\\u003cA - \\u003c\\u003c-\\\"B\\\" > /o\\n1\\nA\\n\\t2\\nB\"]\n\n\n\n\n"
        );
    }

    #[test]
    fn a_script_is_a_file_that_is_named_by_its_content() {
        let dockerfile = "FROM a\nRUN <<EOF\n#!/usr/bin/env python3\nprint(1)\nEOF\n";
        let plan = Case::of(dockerfile).plan();
        let script = plan.beside.last().unwrap();
        assert_eq!(script.mode, 0o755);
        let path = script.path.to_str().unwrap();
        assert_eq!(plan.edits.apply(dockerfile), format!("FROM a\nRUN /kaniko/buildcontext/{path}\n\n\n\n"));
        let other = Case::of(&dockerfile.replace("print(1)", "print(2)")).plan();
        assert_ne!(other.beside.last().unwrap().path, script.path);
        assert_eq!(Case::beside(&plan)[2].1, "#!/usr/bin/env python3\nprint(1)\n");
    }

    #[test]
    fn what_would_be_another_text_stays() {
        for stays in [
            "FROM a\nRUN <<E\n#!/bin/sh\necho $0\nE\n",
            "FROM a\nRUN <<E\necho b \\\nE\n",
            "FROM a\nRUN echo '<<E'\n",
            "FROM a\nRUN [\"echo\", \"<<E\"]\n",
            &format!("FROM a\nRUN <<E\n{}\nE\n", "x".repeat(60_001)),
        ] {
            let plan = Case::of(stays).plan();
            assert!(plan.edits.is_empty() && plan.told.is_empty(), "{plan:?}");
        }
        let plan = Case::of("FROM a\nRUN <<E\na\nE\n").family(Family::Fork).plan();
        assert!(plan.edits.is_empty());
    }
}
