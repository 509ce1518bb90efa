//! The directory of the context is not there: the executor looks only once it copies from it (kaniko#3201).

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::{Facts, shown};
use crate::diagnose::near::nearest;
use crate::gopath;

/// Where it is given, and is no directory.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let given = facts.flag("context").filter(|_| !facts.fails_at_dockerfile() || facts.has_no_dockerfile())?;
    let context = facts.directory_context().filter(|context| !facts.is_directory(&context.absolute))?;
    let path = shown(&context.absolute);
    let message = match facts.find(&context.absolute) {
        Some(_) => format!("the build context `{path}` is no directory"),
        None => format!("no build context at `{path}`"),
    };
    let mut finding = facts.judge(Code::ContextMissing, Some(given.index), message);
    if !gopath::is_absolute(&context.root) {
        let why = format!("`{}` counts from `{}`, where the executor starts", given.value, facts.directory());
        finding = finding.because([why]);
    }
    if facts.failure().is_none() {
        finding.notes.push(
            "the executor looks for it only at the first `COPY`, and fails with `failed to get fileinfo for`"
                .to_owned(),
        );
    }
    let above = gopath::parent(&context.absolute);
    let meant = nearest(gopath::file_name(&context.absolute), facts.names(&above));
    let meant = meant.map(|name| gopath::join(&[&above, &name])).filter(|path| facts.is_directory(path));
    Some(finding.with_help(meant.map(|path| format!("use `--context=dir://{}`", shown(&path)))))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;
    use crate::diagnose::Severity;

    #[test]
    fn a_context_that_is_not_there_is_missed() {
        let finding =
            Case::of(&["--context=dir:///c/aplication"], &["/c/application/Dockerfile"]).finding(Code::ContextMissing);
        assert_eq!((finding.severity, &*finding.message), (Severity::Error, "no build context at `/c/aplication`"));
        assert_eq!(finding.help.as_deref(), Some("use `--context=dir:///c/application`"));
        let relative = Case::of(&["--context=sub"], &["/c/x"]).directory("/c").finding(Code::ContextMissing);
        assert_eq!(relative.notes[0], "`sub` counts from `/c`, where the executor starts");
        assert_eq!(relative.help, None);
        let file = Case::of(&["--context=/c/x"], &["/c/x", "/workspace/Dockerfile"]).finding(Code::ContextMissing);
        assert_eq!(file.message, "the build context `/c/x` is no directory");
    }

    #[test]
    fn a_dockerfile_elsewhere_makes_it_a_warning() {
        let case = Case::of(&["--context=dir:///nope"], &["/workspace/Dockerfile"]);
        assert_eq!(case.finding(Code::ContextMissing).severity, Severity::Warning);
    }

    #[test]
    fn one_that_is_there_or_is_unpacked_is_fine() {
        Case::of(&["--context=dir:///c"], &["/c/x"]).no_finding(Code::ContextMissing);
        Case::of(&["--context=git://h/r"], &["/c/x"]).no_finding(Code::ContextMissing);
        Case::of(&[], &["/c/x"]).no_finding(Code::ContextMissing);
    }
}
