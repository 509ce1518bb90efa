//! A Dockerfile in `/workspace` while the context is unpacked to another directory (kaniko#727, kaniko#1641).

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::Facts;
use crate::executor::resolve::{Source, UNPACKED};

/// Where it is not there.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    facts.context().filter(|context| !matches!(context.source, Source::Path | Source::Directory))?;
    facts
        .resolution
        .dockerfile
        .as_ref()
        .filter(|dockerfile| dockerfile.failure.is_some() && dockerfile.chosen.is_none())?;
    let given = facts.flag("dockerfile").filter(|_| facts.failure().is_none() || facts.has_no_dockerfile())?;
    let rest = given.value.strip_prefix("/workspace/")?;
    let message = format!("`{}` is not in the build context", given.value);
    let finding = facts.judge(Code::DockerfileOutsideContext, Some(given.index), message);
    let why = format!("the context is unpacked to `{UNPACKED}`, and `/workspace` stays empty");
    let help = facts.help_with(&format!("--dockerfile={rest}"));
    Some(finding.because([why]).with_help(help))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;
    use crate::diagnose::Severity;

    const DOCKERFILE: &str = "--dockerfile=/workspace/deploy/Dockerfile";

    #[test]
    fn what_is_unpacked_is_not_in_the_workspace() {
        let case = Case::of(&["--context=tar://stdin", DOCKERFILE], &["/kaniko/buildcontext/deploy/Dockerfile"]);
        let finding = case.streaming().finding(Code::DockerfileOutsideContext);
        assert_eq!(finding.help.as_deref(), Some("use `--dockerfile=deploy/Dockerfile`"));
        let cloned = Case::of(&["--context=git://h.example/o/r", DOCKERFILE], &[]);
        let finding = cloned.finding(Code::DockerfileOutsideContext);
        assert_eq!((finding.severity, finding.help), (Severity::Warning, None), "the repository may have it");
    }

    #[test]
    fn what_is_there_or_not_unpacked_is_another_matter() {
        let files = ["/workspace/deploy/Dockerfile"];
        Case::of(&["--context=tar://stdin", DOCKERFILE], &files).streaming().no_finding(Code::DockerfileOutsideContext);
        Case::of(&["--context=/c", DOCKERFILE], &["/c/deploy/Dockerfile"]).no_finding(Code::DockerfileOutsideContext);
    }
}
