//! A Dockerfile in the working directory goes before the one in the context (kaniko#1381, kaniko#1363).

use crate::code::Code;
use crate::diagnose::facts::{Facts, shown};
use crate::diagnose::{Finding, Severity};
use crate::executor::resolve::Outcome;
use crate::gopath;

/// Where both are there and differ: it builds, though not what the context says.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let dockerfile = facts.resolution.dockerfile.as_ref().filter(|_| facts.failure().is_none())?;
    let chosen = dockerfile.chosen.as_ref().filter(|_| !gopath::is_absolute(dockerfile.given.as_bytes()))?;
    let shadowed = &dockerfile.candidates.iter().find(|candidate| candidate.outcome == Outcome::Shadowed)?.path;
    let is_same = facts.find(chosen)?.path == facts.find(shadowed)?.path;
    let is_alike = facts.content(chosen).is_some_and(|text| !text.is_empty() && Some(text) == facts.content(shadowed));
    (!is_same && !is_alike).then_some(())?;
    let given = facts.flag("dockerfile").map(|given| given.index);
    let message = format!("`{}` is built, not the build context's `{}`", shown(chosen), shown(shadowed));
    let finding = facts.finding(Code::DockerfileShadowed, Severity::Warning, given, message);
    let why =
        format!("`{}` is looked for in `{}` first, where the executor starts", dockerfile.given, facts.directory());
    Some(finding.because([why]).with_help(Some(format!("use `--dockerfile={}`", shown(shadowed)))))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    const CONTEXT: &str = "--context=dir:///workspace/sub";

    #[test]
    fn the_one_in_the_working_directory_goes_first() {
        let finding = Case::of(&[CONTEXT], &["/workspace/Dockerfile=a", "/workspace/sub/Dockerfile=b"])
            .finding(Code::DockerfileShadowed);
        assert_eq!(
            finding.message,
            "`/workspace/Dockerfile` is built, not the build context's `/workspace/sub/Dockerfile`"
        );
        assert_eq!(finding.help.as_deref(), Some("use `--dockerfile=/workspace/sub/Dockerfile`"));
    }

    #[test]
    fn the_same_one_or_a_chosen_one_is_fine() {
        let same = ["/workspace/Dockerfile", "/workspace/sub/Dockerfile -> ../Dockerfile"];
        Case::of(&[CONTEXT], &same).no_finding(Code::DockerfileShadowed);
        let alike = ["/workspace/Dockerfile=FROM a", "/workspace/sub/Dockerfile=FROM a"];
        Case::of(&[CONTEXT], &alike).no_finding(Code::DockerfileShadowed);
        let absolute = ["--context=/c", "--dockerfile=/Dockerfile"];
        Case::of(&absolute, &["/Dockerfile=a", "/c/Dockerfile=b"]).no_finding(Code::DockerfileShadowed);
        Case::of(&[CONTEXT], &["/workspace/sub/Dockerfile=b"]).no_finding(Code::DockerfileShadowed);
    }
}
