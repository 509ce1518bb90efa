//! All of an archive is below one directory: `tar -cz project` where `tar -cz -C project .` was meant.

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::{Facts, shown};
use crate::executor::resolve::{Source, UNPACKED};

/// Where that directory has the Dockerfile that is looked for.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let context = facts.context().filter(|context| !matches!(context.source, Source::Path | Source::Directory))?;
    facts.resolution.dockerfile.as_ref().filter(|dockerfile| dockerfile.failure.is_some())?;
    let names = facts.names(UNPACKED.as_bytes());
    let [top] = names.as_slice() else { return None };
    let top = shown(top);
    let flag = format!("--context-sub-path={top}");
    (facts.flag("context-sub-path").is_none() && facts.builds_with(&[&flag])).then_some(())?;
    let message = format!("all of `{}` is below one directory, `{top}`", context.given);
    let finding = facts.judge(Code::ArchiveTopDirectory, facts.flag("context").map(|given| given.index), message);
    let why = format!("it is unpacked to `{UNPACKED}`, and the Dockerfile is in `{UNPACKED}/{top}`");
    Some(finding.because([why]).with_help(Some(format!("add `{flag}`"))))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    const CONTEXT: &str = "--context=tar://stdin";

    #[test]
    fn a_directory_around_everything_is_no_context() {
        let case = Case::of(&[CONTEXT], &["/kaniko/buildcontext/project/Dockerfile"]).streaming();
        assert_eq!(case.finding(Code::ArchiveTopDirectory).help.as_deref(), Some("add `--context-sub-path=project`"));
    }

    #[test]
    fn one_among_others_or_without_a_dockerfile_is() {
        let files = ["/kaniko/buildcontext/project/Dockerfile", "/kaniko/buildcontext/README.md"];
        Case::of(&[CONTEXT], &files).streaming().no_finding(Code::ArchiveTopDirectory);
        Case::of(&[CONTEXT], &["/kaniko/buildcontext/project/x"]).streaming().no_finding(Code::ArchiveTopDirectory);
        let given = ["--context=dir:///kaniko/buildcontext"];
        Case::of(&given, &["/kaniko/buildcontext/project/Dockerfile"]).no_finding(Code::ArchiveTopDirectory);
    }
}
