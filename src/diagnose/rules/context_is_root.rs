//! The context is `/`: what is copied from it is the pod itself, `/proc` and all (kaniko#469, kaniko#706).

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::Facts;

/// Where it builds from there: no mistake in itself, but hardly what anybody wants.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    facts.failure().is_none().then_some(())?;
    let context = facts.directory_context().filter(|context| context.absolute == b"/")?;
    let given = facts.flag("context").map(|given| given.index);
    let finding = facts.judge(Code::ContextIsRoot, given, "the build context is `/`, all of the pod".to_owned());
    let mut notes = vec![
        "`COPY .` comes to `/proc`, and ends with words such as `lstat proc/49/fd/3: no such file or directory`"
            .to_owned(),
    ];
    if context.given != "/" {
        notes.insert(0, format!("that is what `{}` comes to from `{}`", context.given, facts.directory()));
    }
    Some(finding.because(notes))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    #[test]
    fn the_root_is_no_context() {
        for context in ["/", "dir:///", "dir:///c/.."] {
            Case::of(&["--context", context], &["/Dockerfile", "/c/x"]).directory("/").finding(Code::ContextIsRoot);
        }
        let finding =
            Case::of(&["--context=."], &["/Dockerfile"]).image("k/executor:slim").finding(Code::ContextIsRoot);
        assert_eq!(finding.notes[0], "that is what `.` comes to from `/`");
    }

    #[test]
    fn a_directory_below_it_is_one() {
        Case::of(&["--context=."], &["/workspace/Dockerfile"]).no_finding(Code::ContextIsRoot);
        Case::of(&["--context=/"], &["/x"]).no_finding(Code::ContextIsRoot);
    }
}
